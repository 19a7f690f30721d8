"""The screening desk over a real store: what is known, to whom, and that it is so as of the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.gate import ANALYST, BY, DAY, RELEASER, Bench, benches, made, malware, party_id
from titian.core.collection import timestamp
from titian.core.errors import Unavailable
from titian.core.recall_objects import Reason
from titian.core.screening import Asked, Facts, Hit, How, Match, Screened, Standing, ValueKind
from titian.core.search import ORGANISATION, Viewer
from titian.core.tlp import Pap, Tlp
from titian.exchange.mark import Wish
from titian.node import SCREENING, open_node
from titian.screen import indexes

JAPAN, RUSSIA = party_id("japan"), party_id("russia")
VALID = {"pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"}


@pytest.fixture
def new_bench(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    yield from benches(tmp_path)


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    return new_bench()


def seen(kind: str, value: str, **more: Any) -> dict[str, Any]:
    """An indicator of one value."""
    more = {"tlp": Tlp.GREEN} | more
    return made("indicator", name=f"about {value}", pattern=f"[{kind}:value = '{value}']", **VALID, **more)


def ask(
    bench: Bench,
    *values: str | Asked,
    viewer: Viewer = ORGANISATION,
    how: How = How(),  # noqa: B008 (frozen)
) -> list[Screened]:
    asked = [one if isinstance(one, Asked) else Asked(one) for one in values]
    return list(bench.node.screen().screen(viewer, asked, how))


def found(bench: Bench, value: str | Asked, viewer: Viewer = ORGANISATION, how: How = How()) -> Sequence[Hit]:  # noqa: B008
    return ask(bench, value, viewer=viewer, how=how)[0].hits


# ── known or not ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_came_in_just_now_is_known(bench: Bench) -> None:
    assert found(bench, "198.51.100.7") == ()
    (identifier,) = bench.hold(seen("ipv4-addr", "198.51.100.7"))
    (hit,) = found(bench, "198.51.100.7")
    assert (hit.object, hit.match, hit.score, hit.source) == (identifier, Match.EXACT, 1.0, "Agency")
    assert (hit.tlp, hit.pap, hit.standing) == (Tlp.GREEN, None, None)
    assert "ask its source" in hit.use


@pytest.mark.parametrize(
    ("held", "asked", "match"),
    [
        (("ipv4-addr", "203.0.113.0/24"), "203.0.113.9", Match.CONTAINED),
        (("ipv4-addr", "203.0.113.9"), "203.0.113.0/24", Match.CONTAINED),
        (("ipv6-addr", "2001:db8::/32"), "2001:db8::1", Match.CONTAINED),
        (("domain-name", "evil.example"), "hxxps://a.b.evil[.]example/x?y=1", Match.CONTAINED),
        (("domain-name", "evil.example"), "EVIL.example", Match.EXACT),
        (("domain-name", "evil.example"), "someone@evil.example", Match.CONTAINED),
        (("url", "https://evil.example/a/"), "https://evil.example/a/b/c", Match.CONTAINED),
    ],
)  # fmt: skip
def test_what_contains_a_value_or_lies_in_it_is_told(
    bench: Bench, held: tuple[str, str], asked: str, match: Match
) -> None:
    bench.hold(seen(*held), seen("domain-name", "other.example"), seen("ipv4-addr", "192.0.2.1"))
    (hit,) = found(bench, asked)
    assert hit.match is match
    assert hit.evidence != ()


def test_each_value_has_its_own_answer_in_order(bench: Bench) -> None:
    bench.hold(seen("domain-name", "evil.example"))
    answers = ask(bench, "good.example", "evil.example", "", "evil.example", Asked("not an iban", ValueKind.IBAN))
    assert [one.value for one in answers] == ["good.example", "evil.example", "", "evil.example", "not an iban"]
    assert [len(one.hits) for one in answers] == [0, 1, 0, 1, 0]
    assert answers[2].problem is not None
    assert answers[4].problem is not None
    assert answers[4].kind is ValueKind.TEXT


def test_a_new_version_without_the_value_is_no_hit(bench: Bench) -> None:
    first = seen("domain-name", "evil.example")
    bench.hold(first)
    assert len(found(bench, "evil.example")) == 1
    bench.hold(first | {"modified": "2026-08-01T00:00:00.000Z", "pattern": "[domain-name:value = 'tamed.example']"})
    assert found(bench, "evil.example") == ()
    assert len(found(bench, "tamed.example")) == 1


def test_what_is_not_for_a_purpose_says_so(bench: Bench) -> None:
    (identifier,) = bench.hold(seen("domain-name", "evil.example"))
    bench.mark(identifier, purposes=("counter-terrorism",))
    bench.node.mark.mark(ANALYST, [identifier], Wish(pap=Pap.RED))
    for purpose, said in (("counter-terrorism", False), ("cybercrime", True), (None, False)):
        (hit,) = found(bench, "evil.example", how=How(purpose=purpose))
        assert hit.use.startswith("Not for cybercrime.") is said
        assert any(not one.speaks_for for one in hit.evidence) is said
        assert hit.pap is Pap.RED
        assert "cannot notice" in hit.use


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_alone_is_never_more_than_possible(bench: Bench) -> None:
    bench.hold(made("threat-actor", name="Harimau Senja Brigade", tlp=Tlp.GREEN))
    (hit,) = found(bench, Asked("Harimau Sendja Brigade", ValueKind.ORGANISATION))
    assert hit.standing is Standing.POSSIBLE
    assert hit.value == "Harimau Senja Brigade"
    assert 0.8 <= hit.score < 1
    assert found(bench, Asked("Merdeka Coffee", ValueKind.ORGANISATION)) == ()
    known = Facts(countries=("ID",))
    (hit,) = found(bench, Asked("Harimau Senja Brigade", ValueKind.ORGANISATION, known))
    assert hit.standing is Standing.POSSIBLE, "nothing else is known of it"


# ── who may know ──────────────────────────────────────────────────────────────────────────────────────────────


def released(bench: Bench, *objects: Any) -> Viewer:
    bench.agree("jp", JAPAN)
    bench.release(*bench.hold(*objects), to="jp")
    return Viewer.of_party(JAPAN)


def test_a_partner_is_answered_from_what_it_was_released(bench: Bench) -> None:
    japan = released(bench, seen("domain-name", "evil.example"))
    bench.hold(seen("domain-name", "secret.example"), seen("domain-name", "evil.example", tlp=Tlp.RED))
    assert len(found(bench, "evil.example", japan)) == 1
    assert found(bench, "secret.example", japan) == ()
    assert found(bench, "evil.example", Viewer.of_party(RUSSIA)) == ()
    assert len(found(bench, "evil.example")) == 2
    assert len(found(bench, "secret.example")) == 1


def test_an_answer_does_not_depend_on_what_is_withheld(new_bench: Callable[[], Bench]) -> None:
    """Law 1: the same answers, whatever else is held."""
    answers = []
    for withheld in ([], [seen("domain-name", "a.evil.example", tlp=Tlp.RED), malware("Evil", tlp=Tlp.RED)]):
        bench = new_bench()
        japan = released(bench, seen("domain-name", "evil.example"))
        if withheld:
            bench.hold(*withheld)
        answers.append(ask(bench, "a.evil.example", "evil.example", "b.example", "Evil", viewer=japan))
    first, second = (
        [[(hit.match, hit.value, hit.score, hit.marking) for hit in one.hits] for one in some] for some in answers
    )
    assert first == second


def test_what_was_recalled_marked_or_has_ended_is_in_no_answer(bench: Bench) -> None:
    bench.agree("jp", JAPAN)
    names = ("kept", "stricter", "ending", "recalled")
    ids = dict(zip(names, bench.hold(*(seen("domain-name", f"{name}.example") for name in names)), strict=True))
    bench.mark(ids["ending"], expires=timestamp(bench.clock.now + DAY))
    bench.release(*ids.values(), to="jp")
    japan = Viewer.of_party(JAPAN)

    def known(viewer: Viewer) -> set[str]:
        return {one.value.partition(".")[0] for one in ask(bench, *(f"{name}.example" for name in names), viewer=viewer)
                if one.hits}  # fmt: skip

    assert known(japan) == set(names)
    bench.mark(ids["stricter"], tlp=Tlp.RED)
    assert known(japan) == {"kept", "ending", "recalled"}
    bench.node.recalls.recall(
        RELEASER, [ids["recalled"]], reason=Reason.RELEASED_IN_ERROR, deadline=bench.clock.now + DAY
    )
    assert known(japan) == {"kept", "ending"}
    bench.clock.now += 2 * DAY
    assert known(japan) == {"kept"}
    bench.node.agreements.end("jp", BY)
    assert known(japan) == set()
    assert known(ORGANISATION) >= {"kept", "stricter", "recalled"}


# ── the indexes ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_damaged_index_is_made_anew(bench: Bench) -> None:
    bench.hold(seen("domain-name", "evil.example"), made("threat-actor", name="Harimau Senja", tlp=Tlp.GREEN))
    assert len(found(bench, "evil.example")) == 1
    folder = bench.node.home / SCREENING
    files = [one for one in folder.rglob("*") if one.is_file() and one.stat().st_size]
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    with open_node(bench.node.home, clock=bench.clock, environment={}) as node:
        asked = [Asked("evil.example"), Asked("Harimau Senja", ValueKind.ORGANISATION)]
        assert [len(one.hits) for one in node.screen().screen(ORGANISATION, asked)] == [1, 1]


def test_an_index_of_another_node_is_not_believed(new_bench: Callable[[], Bench]) -> None:
    one, other = new_bench(), new_bench()
    one.hold(seen("domain-name", "evil.example"))
    assert len(found(one, "evil.example")) == 1
    (one.node.home / SCREENING).rename(other.node.home / SCREENING)
    assert found(other, "evil.example") == ()
    other.hold(seen("domain-name", "evil.example"))
    assert len(found(other, "evil.example")) == 1


def test_another_process_finds_what_the_first_indexed(bench: Bench) -> None:
    bench.hold(seen("domain-name", "evil.example"))
    with open_node(bench.node.home, clock=bench.clock, environment={}) as node:
        desk = node.screen()
        assert desk.catch_up()
        assert bench.node.screen().is_in_step(ORGANISATION)
        bench.hold(seen("domain-name", "second.example"))
        assert len(found(bench, "second.example")) == 1
        (answer,) = desk.screen(ORGANISATION, [Asked("second.example")])
        assert len(answer.hits) == 1


def test_who_will_not_wait_is_told_that_it_is_being_indexed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "BATCH", 1)
    bench.hold(*(seen("domain-name", f"n{number}.example") for number in range(5)))
    with pytest.raises(Unavailable, match="still being indexed"):
        list(bench.node.screen().screen(ORGANISATION, [Asked("n4.example")], seconds=0.0))
    assert len(found(bench, "n4.example")) == 1


def test_nobody_pays_for_what_is_not_used(bench: Bench) -> None:
    assert not bench.node.screen.is_used
    assert not (bench.node.home / SCREENING).exists()
    found(bench, "x.example")
    assert bench.node.screen.is_used
