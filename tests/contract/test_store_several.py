"""What several collections hold of one object: the strictest counts, and nobody else's word on what is ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.gate import Bench, malware, party_id
from support.stix import Object, ipv4, revision
from titian.core.errors import Refused
from titian.core.marking import Handling, handling_definition
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.release import Seen

JAPAN, RUSSIA = party_id("japan"), party_id("russia")


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    """A node with the agreement ``jp`` with Japan, another collection of its own and one of what Russia sends."""
    made = new_bench()
    made.agree("jp", JAPAN)
    made.node.collections.add("Other")
    made.node.collections.add("From Russia", received_from=RUSSIA)
    return made


def address(*levels: Tlp, marks: tuple[str, ...] = ()) -> Object:
    refs = [*(TLP_IDS[level] for level in levels), *marks]
    return ipv4("198.51.100.1", **({"object_marking_refs": refs} if refs else {}))


def rule_for(bench: Bench, identifier: str) -> str | None:
    """Why Japan would not see it, or None when it would."""
    projection = bench.preview(identifier, to="jp").seen[0].projection
    return None if identifier in projection.released else projection.withheld[identifier].rule


@pytest.mark.parametrize("first", ["Reports", "Other"])
@pytest.mark.parametrize(
    ("strict", "rule"),
    [
        pytest.param(address(Tlp.RED), "tlp-ceiling", id="RED"),
        pytest.param(address(Tlp.AMBER), None, id="AMBER, which the agreement carries"),
        pytest.param(address(), "unmarked", id="unmarked"),
    ],
)
def test_law_2_of_two_contents_the_stricter_counts(bench: Bench, first: str, strict: Object, rule: str | None) -> None:
    second = "Other" if first == "Reports" else "Reports"
    (identifier,) = bench.hold(address(Tlp.GREEN), into=first)
    assert rule_for(bench, identifier) is None
    bench.hold(strict, into=second)
    assert rule_for(bench, identifier) == rule
    if rule is None:
        assert bench.preview(identifier, to="jp").seen[0].projection.levels == {Tlp.AMBER}


@pytest.mark.parametrize("first", ["Reports", "Other"])
def test_law_2_what_contradicts_itself_goes_to_nobody_until_it_is_marked_anew(bench: Bench, first: str) -> None:
    (one, one_definition), (two, two_definition) = (
        handling_definition(Handling(releasable_to=names)) for names in ((JAPAN, RUSSIA), (JAPAN,))
    )
    second = "Other" if first == "Reports" else "Reports"
    bench.hold(one_definition, two_definition, into=first)
    (identifier,) = bench.hold(address(Tlp.AMBER, marks=(one,)), into=first)
    bench.hold(address(Tlp.GREEN, marks=(two,)), into=second)
    assert rule_for(bench, identifier) == "contradiction"
    with pytest.raises(Refused, match="Nothing of this would go"):
        bench.release(identifier, to="jp")
    bench.mark(identifier, tlp=Tlp.GREEN)
    assert rule_for(bench, identifier) is None
    (refs,) = {tuple(bench.latest(identifier, where=name)["object_marking_refs"]) for name in ("Reports", "Other")}
    assert TLP_IDS[Tlp.GREEN] in refs, "it is one everywhere"


def test_law_5_a_stricter_content_in_another_collection_takes_back_what_was_released(bench: Bench) -> None:
    (identifier,) = bench.hold(address(Tlp.GREEN))
    bench.release(identifier, to="jp")
    assert identifier in bench.served("japan")
    bench.hold(address(Tlp.RED), into="Other")
    assert identifier not in bench.served("japan")
    bench.hold(address(Tlp.GREEN), into="Reports")
    assert rule_for(bench, identifier) is not None, "the weaker one again changes nothing"


def test_law_3_nobody_else_has_a_later_version_of_what_is_ours(bench: Bench) -> None:
    ours = malware("Kestrel", tlp=Tlp.GREEN)
    (identifier,) = bench.hold(ours)
    bench.release(identifier, to="jp")
    bench.hold(revision(ours, 9) | {"name": "Forged"}, into="From Russia")
    assert rule_for(bench, identifier) is None
    assert bench.names("japan") == {"Kestrel"}
    bench.mark(identifier, tlp=Tlp.RED)
    assert bench.names("japan") == set()


def test_law_3_of_what_others_made_their_latest_version_counts(bench: Bench) -> None:
    theirs = malware("Kestrel", by=RUSSIA, tlp=Tlp.CLEAR)
    (identifier,) = bench.hold(theirs)
    assert rule_for(bench, identifier) is None
    bench.hold(revision(theirs, 9) | {"object_marking_refs": [TLP_IDS[Tlp.RED]]}, into="From Russia")
    assert rule_for(bench, identifier) is not None


def test_each_party_s_answer_is_told_once_and_is_what_it_is_when_asked_for_alone(bench: Bench) -> None:
    bench.agree("three", JAPAN, RUSSIA, party_id("brunei"))
    kestrel = malware("Kestrel", tlp=Tlp.GREEN)
    told = malware("Told", tlp=Tlp.GREEN, description="It is about Kestrel.")
    ids = bench.hold(kestrel, told)
    bench.mark(ids[0], releasable_to=("JP",))
    found: list[Seen] = []
    shown = bench.node.release.preview(ids, "three", found=found.append)
    assert [one.party for one in shown.seen] == sorted(one.party for one in shown.seen)
    assert sorted(found, key=lambda one: one.party) == list(shown.seen)
    assert {one.party for one in shown.seen if one.blocked} == {RUSSIA, party_id("brunei")}
    for one in shown.seen:
        (alone,) = bench.node.release.preview(ids, "three", parties=[one.party]).seen
        assert (alone.fingerprint, alone.mentions) == (one.fingerprint, one.mentions)
