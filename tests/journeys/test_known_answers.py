"""Known answers on real lists of wallets: in clear, at the terminal, and by private matching between two nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from support.bridge import ANALYST, Bridge
from support.nodes import Node, WarmCli
from titian.core.matching import Mode
from titian.core.screening import Asked, Match, ValueKind
from titian.core.search import ORGANISATION
from titian.screen.matching import Wanted

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
KNOWN = [
    ("ofac.yaml", "ofac_xbt.txt", 385),
    ("tornado_cash.yaml", "ofac_eth.txt", 37),
    ("aft-alqaeda-forfeit_vc.yaml", "ofac_xbt.txt", 0),
]
"""A TagPack, a published list, and how many addresses are in both: 36 of the second where letter case is kept."""
HITS = 4

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real data is not here")


@pytest.fixture(scope="module", params=KNOWN, ids=[pack for pack, _, _ in KNOWN])
def known(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Bridge, Path, int]]:
    """Two nodes: the first imported a TagPack. The second has subscribed to it, and has the list as a file."""
    pack, listed, common = request.param
    with Bridge(tmp_path_factory.mktemp("known")) as bridge:
        exchange, reports = bridge.a.node.exchange, bridge.a.node.collections.find("Reports")
        take = partial(exchange.import_files, [DATA / pack], reports, marking="tlp:green")
        first, again = take(), take()
        assert (first.failed, first.notes, first.held.rejected) == ([], [], [])
        assert (again.held.read, again.held.added) == (first.held.read, 0), "a second import adds nothing"
        bridge.a.release("what opens the channel")
        bridge.subscribe(bridge.b, bridge.a)
        yield bridge, DATA / listed, common


def test_in_clear(known: tuple[Bridge, Path, int]) -> None:
    bridge, listed, common = known
    asked = [Asked(line) for line in listed.read_text().split()]
    answers = list(bridge.a.node.screen().screen(ORGANISATION, asked))
    assert all((one.kind, one.problem) == (ValueKind.WALLET, None) for one in answers)
    found = [one for one in answers if one.hits]
    assert len(found) == common
    for one in found:
        # What says why stands before the bare wallet.
        said, wallet = one.hits
        assert (said.type, said.match, wallet.type) == ("indicator", Match.EXACT, "wallet")
        assert said.name in ("Asset listed under US Treasury OFAC Sanctions List", "tornado.cash")


def test_at_the_terminal(known: tuple[Bridge, Path, int], cli: WarmCli) -> None:
    bridge, listed, common = known
    done = Node(bridge.a.home, cli).run("screen", str(listed), "--kind", "wallet", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.status == (HITS if common else 0), done.stderr
    assert len(rows) == len(listed.read_text().split())
    assert sum(bool(row["hits"]) for row in rows) == common


def test_by_private_matching(known: tuple[Bridge, Path, int]) -> None:
    bridge, listed, common = known
    values = listed.read_text().split()
    for mode in (Mode.INTERSECTION, Mode.CARDINALITY):
        wanted = partial(Wanted, kind=ValueKind.WALLET, mode=mode)
        offer = bridge.a.node.match().offer(ANALYST, wanted(party=bridge.b.id))
        found = bridge.b.node.match().ask(ANALYST, wanted(party=bridge.a.id), values)
        assert (found.run.asked, found.run.offered, found.run.common) == (len(values), offer.size, common)
        told = {value.lower() for value in found.outcome.values}
        assert len(told) == (common if mode is Mode.INTERSECTION else 0)
        assert told <= {value.lower() for value in values}
        bridge.a.node.match().withdraw(ANALYST, offer.id, "asked")
