"""The demonstration's wallets: what is planted is found, nothing else is, and whatever differs is an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from support.bridge import AGREEMENT, ANALYST, RELEASER, Bridge
from titian.cli import demo_screening
from titian.cli.demo_screening import Plan, Wallets, address, check
from titian.core.errors import TitianError
from titian.core.extension_objects import make_observable
from titian.core.screening import ValueKind
from titian.core.tlp import TLP_IDS, Tlp
from titian.screen.values import read_values
from titian.settings import FILE

SMALL = Plan(screened=300, released=5, held=40, theirs=30, common=7)


def canonical(some: list[str]) -> list[str]:
    return [one.values[0].canonical for one in read_values(some, ValueKind.WALLET)]


def test_addresses_have_the_checksum_that_their_network_wants() -> None:
    some = [address(number) for number in range(600)]
    read = list(read_values(some, ValueKind.WALLET))
    assert [one.problem for one in read if one.problem] == []
    assert {one.values[0].kind for one in read} == {ValueKind.WALLET}
    networks = [dict(one.values[0].facts)["network"] for one in read]
    assert (networks.count("ethereum"), networks.count("tron")) == (400, 200)
    # The checksum of Ethereum is in the letter case: what is held and what is asked are not written alike.
    assert sum(one.lower() != one for one in some if one.startswith("0x")) > 390
    assert len(set(canonical(some))) == 600
    assert some == [address(number) for number in range(600)]


@pytest.mark.parametrize("plan", [Plan(), SMALL], ids=["the demonstration's", "a small one"])
def test_a_plan_holds_what_it_says(plan: Plan) -> None:
    first, second, customers = set(plan.first), set(plan.second), set(plan.customers)
    assert (len(plan.first), len(plan.second), len(plan.customers)) == (plan.held, plan.theirs, plan.screened)
    assert (len(first), len(second), len(customers)) == (plan.held, plan.theirs, plan.screened)
    # One more than a private match may find: it goes to nobody.
    assert first & second == {*plan.both, plan.kept}
    assert (len(plan.both), plan.kept in plan.both) == (plan.common, False)
    assert first & customers == set(plan.reported)
    assert (len(plan.reported), plan.reported[-1]) == (plan.released + 1, plan.kept)
    assert not second & customers - {plan.kept}


def test_what_is_known_stands_among_the_others() -> None:
    customers = SMALL.customers
    places = [customers.index(one) for one in SMALL.reported]
    assert places == sorted(places)
    assert min(after - before for before, after in pairwise(places)) > 40


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ([0, 1, 2], True),
        ([2, 1, 0], True),
        ([0, 1], False),
        ([0, 1, 2, 3], False),
        ([0, 1, 3], False),
        ([0, 1, 2, 2], False),
        ([], False),
    ],
)
def test_exactly_what_was_planted_is_right(found: list[int], *, right: bool) -> None:
    planted = [address(number) for number in range(3)]
    given = canonical([address(number) for number in found])
    if right:
        check("It", given, planted)
    else:
        with pytest.raises(TitianError, match=rf"It is {len(found)} wallets, and not the 3"):
            check("It", given, planted)


# ── over two nodes ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    with Bridge(tmp_path) as made:
        # The company asks by the JSON API, which the nodes of other tests do without.
        with made.a.stopped() as home:
            settings = (home / FILE).read_text("utf-8").replace("console = false\n", "")
            (home / FILE).write_text(settings, "utf-8")
        made.a.release("what opens the channel")
        made.subscribe(made.b, made.a)
        yield made


def part(bridge: Bridge, **options: Any) -> Wallets:
    options = {"plan": SMALL, "quiet": True} | options
    return Wallets(
        bridge.a.node, bridge.b.node, analyst=ANALYST, releaser=RELEASER, asker=ANALYST, agreement=AGREEMENT,
        connect=lambda key: bridge.client(bridge.a.url, key), **options,
    )  # fmt: skip


def test_the_part_tells_what_came_about(bridge: Bridge, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = part(bridge, quiet=False)
    told.tell(tmp_path / "wallets.txt")
    assert (tmp_path / "wallets.txt").read_text("ascii").splitlines() == SMALL.customers

    screening, match = told.screening, told.match
    assert (screening["screened"], screening["known"], screening["own"]) == (300, 5, 6)
    assert screening["values"] == SMALL.reported[:-1]
    assert (screening["hit"]["match"], screening["hit"]["tlp"]) == ("exact", "TLP:GREEN")
    assert (match["mine"], match["theirs"], match["common"]) == (30, 39, 7)
    assert match["values"] == sorted(canonical(SMALL.both))
    assert [(one["what"], one["asked"], one["offered"]) for one in match["ledgers"]] == [
        ("answered", 30, 39), ("asked", 30, 39),
    ]  # fmt: skip
    json.dumps([screening, match])

    printed = capsys.readouterr().out
    assert "  5 are known, in " in printed
    assert f"Nothing is known to it of {SMALL.kept}" in printed
    assert "which 7 both know, and that BNPT offered 39" in printed
    assert max(map(len, printed.splitlines())) <= 110

    # It stands in the lists of both afterwards.
    for peer in (bridge.a, bridge.b):
        assert [one.size for one in peer.node.matches.offers()] == [39]
        assert [(one.asked, one.offered) for one in peer.node.matches.runs()] == [(30, 39)]


def test_what_goes_to_the_company_is_in_the_ledger_before(bridge: Bridge) -> None:
    told = part(bridge)
    told.hold()
    told.screen()
    member = bridge.a.node.agreements.read().party(demo_screening.MEMBER).id
    desk = bridge.a.node.ledger_desk
    entries = [one.entry for one in desk.entries(bridge.a.ledger().origin, limit=10_000)]
    assert {one.kind for one in entries if one.party == member} >= {"release", "delivery"}


def test_an_overlap_that_was_not_planted_is_an_error(bridge: Bridge) -> None:
    told = part(bridge)
    told.hold()
    bridge.b.hold(make_observable("wallet", {"address": address(3)}, marks=[TLP_IDS[Tlp.GREEN]]))
    with pytest.raises(TitianError, match="The private match is 8 wallets, and not the 7 that were planted"):
        told.compare()


def test_a_wallet_too_many_on_one_side_is_an_error(bridge: Bridge) -> None:
    told = part(bridge)
    told.hold()
    bridge.b.hold(make_observable("wallet", {"address": address(5_000)}, marks=[TLP_IDS[Tlp.GREEN]]))
    with pytest.raises(TitianError, match="not how large both sides were"):
        told.compare()
