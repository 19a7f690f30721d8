"""What a party has sent itself, what it calls the objects that it was shown, and where our sightings lie: on both
backends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import pytest

from support.gate import OWN, Bench, indicator, made, malware, party_id
from support.sighting import Sighting, said_by
from support.stix import Object, ipv4, revision, statement
from titian.core.collection import Kind
from titian.core.tlp import TLP_IDS, Tlp

JAPAN, RUSSIA = party_id("japan"), party_id("russia")


@pytest.fixture
def on(new_bench: Callable[[], Bench]) -> Sighting:
    """A node with the agreement ``jp`` with Japan, and ``two`` with Japan and Russia."""
    bench = new_bench()
    bench.agree("jp", JAPAN)
    bench.agree("two", JAPAN, RUSSIA)
    return Sighting(bench)


def theirs(alias: str = "japan", name: str = "Kestrel", tlp: Tlp = Tlp.GREEN) -> Object:
    return indicator(name, by=party_id(alias), tlp=tlp)


def sent_by(on: Sighting, alias: str, identifiers: Iterable[str]) -> set[str]:
    with on.gate.reading() as session:
        return set(session.sent_by(party_id(alias), identifiers))


def test_a_party_knows_what_it_has_sent_by_any_way(on: Sighting) -> None:
    on.bench.release(*on.bench.hold(malware("Ours", tlp=Tlp.GREEN)), to="jp")
    by_pull, by_post, by_file = (theirs(name=name) for name in ("Pulled", "Posted", "Read"))
    on.arrives("japan", by_pull)
    on.posts("japan", by_post)
    on.bench.node.collections.add("By hand", received_from=JAPAN)
    on.bench.hold(by_file, into="By hand")
    ids = {one["id"] for one in (by_pull, by_post, by_file)}
    assert sent_by(on, "japan", [*ids, theirs()["id"]]) == ids
    assert sent_by(on, "russia", ids) == set()
    assert sent_by(on, "brunei", ids) == set()
    assert sent_by(on, "japan", []) == set()


def test_law_1_it_does_not_matter_who_else_holds_or_sends_the_same(on: Sighting) -> None:
    one = theirs()
    on.arrives("japan", one)
    for step in (
        lambda: on.arrives("russia", one, under="two"),
        lambda: on.arrives("russia", revision(one, 90), under="two"),
        lambda: on.arrives("japan", revision(one, 95)),
        lambda: on.bench.hold(one),
    ):
        step()
        assert sent_by(on, "japan", [one["id"]]) == {one["id"]}
    only = theirs("russia")
    on.arrives("russia", only, under="two")
    assert sent_by(on, "japan", [only["id"]]) == set()


def test_law_5_what_can_be_guessed_is_not_known_for_having_been_sent(on: Sighting) -> None:
    address = ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.GREEN]])
    definition = statement("Copyright Agency Two")
    on.arrives("japan", address, definition)
    assert sent_by(on, "japan", [address["id"], definition["id"]]) == set()


@pytest.mark.parametrize("creator", [OWN, None])
def test_what_we_made_is_not_theirs_for_having_been_sent(on: Sighting, creator: str | None) -> None:
    ours = made("tool", by=creator, tlp=Tlp.RED, name="Ours")
    on.bench.hold(ours)
    guess = made("tool", by=JAPAN, tlp=Tlp.GREEN, name="Guess") | {"id": ours["id"]}
    on.arrives("japan", guess)
    assert sent_by(on, "japan", [ours["id"]]) == set()


def test_what_is_released_to_a_party_was_not_sent_by_it(on: Sighting) -> None:
    ids = on.bench.hold(malware("Ours", tlp=Tlp.GREEN))
    on.bench.release(*ids, to="jp")
    assert sent_by(on, "japan", ids) == set()


def test_many_are_told_apart(on: Sighting) -> None:
    all_ids = [*on.arrives("japan", *(theirs(name=f"N {n}") for n in range(900)))]
    others = [theirs(name=f"O {n}")["id"] for n in range(900)]
    assert sent_by(on, "japan", (one for pair in zip(all_ids, others, strict=True) for one in pair)) == set(all_ids)


def test_a_copy_is_known_for_what_it_was_made_from_to_its_party_alone(on: Sighting) -> None:
    parts = [{"marking_ref": TLP_IDS[Tlp.RED], "selectors": ["description"]}]
    whole = malware("Whole", tlp=Tlp.GREEN)
    cut = malware("Cut", tlp=Tlp.GREEN, description="secret", granular_markings=parts)
    on.bench.hold(whole, cut)
    on.bench.release(whole["id"], cut["id"], to="two")
    (shown,) = [one["id"] for one in on.bench.served("japan").values() if one.get("name") == "Cut"]
    assert shown != cut["id"]
    with on.sight._book.reading() as desk:
        assert dict(desk.sources(JAPAN, [shown, whole["id"], "tool--x"])) == {shown: cut["id"]}
        assert dict(desk.sources(RUSSIA, [shown])) == {}
        assert dict(desk.sources(JAPAN, [])) == {}


def test_the_latest_version_of_every_sighting_is_found_with_its_sender(on: Sighting) -> None:
    on.bench.release(*on.bench.hold(malware("Ours", tlp=Tlp.GREEN)), to="jp")
    thing = theirs()
    on.arrives("japan", thing)
    on.arrives("japan", said_by("japan", thing["id"], count=3))
    on.arrives("japan", said_by("japan", thing["id"], count=5, seconds=60))
    on.posts("japan", said_by("japan", malware("Other")["id"], count=9))
    on.sees(thing["id"], count=2)
    with on.sight._book.reading() as desk:
        found = sorted((sender or "", json.loads(raw)["count"]) for sender, raw in desk.held())
    assert found == [("", 2), (JAPAN, 5), (JAPAN, 9)]


def test_where_nothing_was_sighted_nothing_is_found(on: Sighting) -> None:
    with on.sight._book.reading() as desk:
        assert list(desk.held()) == []


@pytest.mark.parametrize("taken", [(), ("name",), ("alias",), ("name", "alias")])
def test_our_sightings_have_a_collection_of_their_own(on: Sighting, taken: tuple[str, ...]) -> None:
    if "name" in taken:
        on.bench.node.collections.add("Sightings", received_from=JAPAN)
    if "alias" in taken:
        on.bench.node.collections.add("Else", alias="sightings", received_from=JAPAN)
    with on.sight._book.writing() as desk:
        first, second = desk.collection("person-1"), desk.collection("person-1")
    assert first == second or not {"name", "alias"} - {*taken}
    assert (first.kind, first.party) == (Kind.OWN, None)
    assert first.name == "Sightings" or "name" in taken
    assert first.alias == (None if "alias" in taken else "sightings")
