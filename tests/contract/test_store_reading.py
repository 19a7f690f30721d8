"""What the page of an object reads: its versions and places, where it came from, what is around it; and for whom."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest
from search_support import DAY, OTHER, PARTY, SECOND, Holding, collection, holding, key_of, released
from store_support import START, Clock, append, incoming, remove

from support.stix import Object, identity, ipv4, malware, relationship, sdo, statement
from titian.core.arrival import Arrival
from titian.core.collection import Collection, Kind
from titian.core.errors import InvalidInput, NotFound, TitianError
from titian.core.ledger import digest_of
from titian.core.reading import GraphEdge, Neighbours
from titian.core.search import ORGANISATION
from titian.core.tlp import TLP_1_DEFINITIONS, TLP_1_IDS, TLP_DEFINITIONS, TLP_IDS, Tlp
from titian.store.acts import record
from titian.store.admin import Collections
from titian.store.arrivals import StoreArrivals
from titian.store.reading import Reading
from titian.store.search import Find
from titian.store.store import Store


@pytest.fixture
def reading(fresh_store: Store) -> Reading:
    return Reading(fresh_store, Find(fresh_store))


@pytest.fixture
def reports(fresh_store: Store) -> Collection:
    return Collections(fresh_store).add("Reports")


@pytest.fixture
def hold(fresh_store: Store, reports: Collection) -> Holding:
    return holding(fresh_store, reports)


def version(value: Object, second: int, **changed: object) -> Object:
    return value | {"modified": f"2025-01-01T00:00:{second:02d}.000Z", **changed}


def micros(second: int) -> int:
    return 1_735_689_600_000_000 + second * SECOND


# ── one object ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_object_is_read_with_its_versions_and_places(reading: Reading, hold: Holding, fresh_store: Store) -> None:
    theirs = collection(fresh_store, Kind.RECEIVED, "from them", party=PARTY)
    value = malware(name="ferry", created="2025-01-01T00:00:01.000Z", created_by_ref=PARTY)
    hold(version(value, 1), version(value, 3, name="ferry 3"))
    hold(version(value, 2, name="ferry 2"), into=theirs)
    read = reading.object(ORGANISATION, value["id"])
    assert (read.title, read.modified, read.latest, read.type) == ("ferry 3", micros(3), True, "malware")
    assert json.loads(read.raw)["name"] == "ferry 3"
    assert [(one.modified, [place.name for place in one.places]) for one in read.versions] == [
        (micros(3), ["Reports"]), (micros(2), ["from them"]), (micros(1), ["Reports"]),
    ]  # fmt: skip
    assert [place.latest for one in read.versions for place in one.places] == [True, True, False]
    assert read.versions[1].places[0].party == PARTY
    assert (read.created_by, read.contested) == (read.created_by, False)
    assert read.created_by is not None
    assert (read.created_by.id, read.created_by.title) == (PARTY, None), "who made it is not held"
    old = reading.object(ORGANISATION, value["id"], micros(1))
    assert (old.title, old.latest, old.versions) == ("ferry", False, read.versions)
    with pytest.raises(NotFound):
        reading.object(ORGANISATION, value["id"], micros(4))


def test_bytes_are_those_that_came(reading: Reading, fresh_store: Store, reports: Collection) -> None:
    """Law 4, also here."""
    value = malware(name="ferry")
    raw = json.dumps(value, indent=3).encode()
    append(fresh_store, reports, incoming(raw))
    assert reading.object(ORGANISATION, value["id"]).raw == raw


def test_markings_are_read_as_what_they_are(reading: Reading, hold: Holding) -> None:
    said = statement("Handle with care")
    unknown = f"marking-definition--{uuid.uuid4()}"
    marks = [TLP_IDS[Tlp.AMBER], TLP_1_IDS[Tlp.CLEAR], said["id"], unknown]
    value = malware(
        name="ferry", object_marking_refs=marks,
        granular_markings=[{"selectors": ["name"], "marking_ref": TLP_IDS[Tlp.RED]}],
    )  # fmt: skip
    hold(said, value)
    read = reading.object(ORGANISATION, value["id"])
    assert [one.id for one in read.markings] == [*marks, TLP_IDS[Tlp.RED]]
    amber, white, care, nobody, red = read.markings
    assert (amber.tlp, amber.label, amber.raw) == (Tlp.AMBER, "TLP:AMBER", TLP_DEFINITIONS[Tlp.AMBER])
    assert (white.tlp, white.raw) == (Tlp.CLEAR, TLP_1_DEFINITIONS[Tlp.CLEAR])
    assert (care.tlp, care.label, care.meaning.statements) == (None, "Handle with care", {"Handle with care"})
    assert (nobody.raw, nobody.label, nobody.meaning.unknown) == (None, None, {unknown})
    assert red.tlp is Tlp.RED
    assert read.tlp is Tlp.AMBER, "what marks it as a whole"


def test_two_contents_of_one_version_are_shown(reading: Reading, hold: Holding, fresh_store: Store) -> None:
    theirs = collection(fresh_store, Kind.RECEIVED, "from them", party=PARTY)
    value = malware(name="ferry")
    hold(value)
    hold(value | {"name": "another"}, into=theirs)
    assert reading.object(ORGANISATION, value["id"]).contested


def test_where_it_came_from_and_what_was_done(reading: Reading, fresh_store: Store) -> None:
    theirs = collection(fresh_store, Kind.RECEIVED, "from them", party=PARTY)
    value = malware(name="ferry")
    item = incoming(value)
    arrivals = StoreArrivals(fresh_store)
    arrival = arrivals.keep(
        Arrival(subscription="s", collection=theirs.num, received=START, party=PARTY, remote="there", count=1,
                digest=digest_of([item.raw])),
        [item.raw],
    )  # fmt: skip
    arrivals.settle(arrival, [item], [], "agreement--1")
    with fresh_store.writing() as tx:
        record(tx, at=START + 5, person="person-1", act="mark", subject=item.id, why="as agreed")
    read = reading.object(ORGANISATION, item.id)
    assert [(one.party, one.remote) for one in read.origins] == [(PARTY, "there")]
    assert read.acts == (), "what was done is for who may audit"
    assert [event.kind for event in reading.timeline(ORGANISATION, item.id)] == ["created", "added"]
    read = reading.object(ORGANISATION, item.id, acts=True)
    assert [(one.act, one.why) for one in read.acts] == [("mark", "as agreed")]
    events = reading.timeline(ORGANISATION, item.id, acts=True)
    assert [event.kind for event in events] == ["created", "act", "added"]
    for viewer in (key_of(), key_of(OTHER)):
        with pytest.raises(NotFound):
            reading.object(viewer, item.id, acts=True)


@pytest.mark.parametrize(
    "identifier", ["", "x", "malware--1", "\x00", "%", "' OR 1=1", "é" * 300, "malware--" + "a" * 9_999]
)
def test_what_is_no_identifier_is_not_found(reading: Reading, identifier: str) -> None:
    for read in (reading.object, reading.neighbours, reading.timeline, reading.translations, reading.sightings):
        with pytest.raises(NotFound):
            read(ORGANISATION, identifier)


# ── the graph ─────────────────────────────────────────────────────────────────────────────────────────────────


def shape(found: Neighbours) -> tuple[dict[str, int], set[tuple[str, str, str]]]:
    return {node.id: node.depth for node in found.nodes}, {(e.source, e.target, e.label) for e in found.edges}


def test_neighbours_are_what_it_names_and_what_names_it(reading: Reading, hold: Holding) -> None:
    group, tool, victim = sdo("intrusion-set", name="group"), malware(name="tool"), identity(name="victim")
    far, address = malware(name="far"), ipv4("198.51.100.9")
    uses, hits = relationship(group, tool, "uses"), relationship(group, victim, "targets")
    on = relationship(tool, far, "drops")
    paper = sdo("report", name="paper", published="2025-01-01T00:00:00Z", object_refs=[group["id"], far["id"]])
    seen = sdo("sighting", sighting_of_ref=tool["id"], where_sighted_refs=[victim["id"]])
    traffic = {"type": "network-traffic", "spec_version": "2.1", "id": f"network-traffic--{uuid.uuid4()}",
               "protocols": ["tcp"], "src_ref": address["id"]}  # fmt: skip
    missing = f"campaign--{uuid.uuid4()}"
    lost = relationship(group, {"id": missing}, "attributed-to")
    hold(group, tool, victim, far, address, uses, hits, on, paper, seen, traffic, lost)
    depths, edges = shape(reading.neighbours(ORGANISATION, group["id"], depth=1))
    assert depths == {group["id"]: 0, tool["id"]: 1, victim["id"]: 1, paper["id"]: 1, missing: 1}
    assert edges == {
        (group["id"], tool["id"], "uses"), (group["id"], victim["id"], "targets"),
        (paper["id"], group["id"], "object"), (group["id"], missing, "attributed-to"),
    }  # fmt: skip
    depths, edges = shape(reading.neighbours(ORGANISATION, group["id"]))
    assert depths[far["id"]] == depths[seen["id"]] == 2
    assert {(tool["id"], far["id"], "drops"), (paper["id"], far["id"], "object"),
            (seen["id"], tool["id"], "sighting of"), (seen["id"], victim["id"], "where sighted")} <= edges  # fmt: skip
    assert shape(reading.neighbours(ORGANISATION, group["id"], depth=0)) == ({group["id"]: 0}, set())
    graph = reading.neighbours(ORGANISATION, group["id"])
    assert graph.nodes[0].id == group["id"]
    assert [node.held for node in graph.nodes if node.id == missing] == [False]
    assert GraphEdge(group["id"], tool["id"], "uses", uses["id"]) in graph.edges
    assert shape(reading.neighbours(ORGANISATION, traffic["id"]))[1] == {(traffic["id"], address["id"], "src")}


def test_a_graph_has_a_bound(reading: Reading, hold: Holding) -> None:
    hub = malware(name="hub")
    others = [malware(name=f"{n}") for n in range(30)]
    hold(hub, *others, *(relationship(hub, one, "related-to") for one in others))
    graph = reading.neighbours(ORGANISATION, hub["id"], limit=10)
    assert (len(graph.nodes), len(graph.edges), graph.more) == (10, 9, True)
    whole = reading.neighbours(ORGANISATION, hub["id"], limit=31)
    assert (len(whole.nodes), len(whole.edges), whole.more) == (31, 30, False)
    for wrong in ({"depth": 3}, {"depth": -1}, {"limit": 0}, {"limit": 2_001}):
        with pytest.raises(InvalidInput):
            reading.neighbours(ORGANISATION, hub["id"], **wrong)


def test_broken_graphs_do_no_harm(reading: Reading, hold: Holding) -> None:
    """An object that names itself, circles, and ends that are not there."""
    one, two = malware(name="one"), malware(name="two")
    there, back, self_ = relationship(one, two), relationship(two, one), relationship(one, one)
    hold(one, two, there, back, self_)
    depths, edges = shape(reading.neighbours(ORGANISATION, one["id"]))
    assert depths == {one["id"]: 0, two["id"]: 1}
    assert (one["id"], one["id"], "indicates") in edges
    assert {one["id"], two["id"]} <= shape(reading.neighbours(ORGANISATION, there["id"]))[0].keys()


# ── what happened, and in other words ─────────────────────────────────────────────────────────────────────────


def test_the_time_line_is_in_order(reading: Reading, hold: Holding) -> None:
    value = malware(name="ferry", created="2025-01-01T00:00:01.000Z", first_seen="2024-12-01T00:00:00Z")
    hold(version(value, 1), version(value, 5))
    seen = sdo("sighting", sighting_of_ref=value["id"], last_seen="2025-01-02T00:00:00Z", count=7)
    paper = sdo("report", name="paper", published="2025-01-03T00:00:00Z", object_refs=[value["id"]])
    hold(seen, paper, relationship(value, paper))
    events = reading.timeline(ORGANISATION, value["id"])
    assert [event.at for event in events] == sorted((event.at for event in events), reverse=True)
    told = [(event.kind, event.text if event.kind == "sighted" else event.title) for event in events]
    assert [one for one in told if one[0] != "added"] == [
        ("mentioned", "paper"), ("sighted", "7"), ("modified", "ferry"), ("created", "ferry"), ("first-seen", "ferry"),
    ]  # fmt: skip
    assert [hit.id for hit in reading.sightings(ORGANISATION, value["id"])] == [seen["id"]]


def test_a_translation_of_an_older_version_says_so(reading: Reading, hold: Holding) -> None:
    value = malware(name="ferry", created="2025-01-01T00:00:01.000Z")
    hold(version(value, 1))

    def translated(language: str, name: str, **own: object) -> Object:
        return sdo("language-content", object_ref=value["id"], contents={language: {"name": name}}, **own)

    hold(translated("id", "feri", object_modified="2025-01-01T00:00:01.000Z"), translated("ja", "渡し船"))
    found = {one.language: one for one in reading.translations(ORGANISATION, value["id"])}
    assert found["id"].fields == {"name": "feri"}
    assert [found[one].outdated for one in ("id", "ja")] == [False, False]
    hold(version(value, 5))
    found = {one.language: one for one in reading.translations(ORGANISATION, value["id"])}
    assert [found[one].outdated for one in ("id", "ja")] == [True, False], "what names no version is for all"


def test_counts_and_the_newest(reading: Reading, hold: Holding, fresh_store: Store, reports: Collection) -> None:
    one, two, three = hold(malware(name="1"), malware(name="2"), sdo("tool", name="3"))
    assert reading.counts(ORGANISATION) == {"malware": 2, "tool": 1}
    assert [hit.id for hit in reading.recent(ORGANISATION, 2)] == [three, two]
    remove(fresh_store, reports, two)
    assert reading.counts(ORGANISATION) == {"malware": 1, "tool": 1}
    assert [hit.id for hit in reading.recent(ORGANISATION, 2)] == [three, one]
    assert reading.names(ORGANISATION, [one, two, three]) == {one: "1", three: "3"}


# ── parties ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_party_reads_what_was_released_to_it_alone(reading: Reading, hold: Holding, fresh_store: Store) -> None:
    """Names, graphs and sightings of what it has are those that it has: the rest is absent, in the same words."""
    out, others = released(fresh_store, "to them"), released(fresh_store, "to others", party=OTHER)
    group, secret, value = identity(name="group"), malware(name="secret"), malware(name="ferry")
    value = value | {"created_by_ref": group["id"]}
    link, hidden = relationship(value, group, "targets"), relationship(secret, value, "drops")
    seen = sdo("sighting", sighting_of_ref=value["id"], count=3)
    hold(group, secret, version(value, 1), version(value, 5), link, hidden, seen)
    hold(version(value, 1), link, into=out)
    hold(version(value, 1), secret, hidden, into=others)
    party = key_of()
    read = reading.object(party, value["id"])
    assert [place.name for one in read.versions for place in one.places] == ["to them"]
    assert (read.modified, read.created_by and read.created_by.title) == (micros(1), None)
    assert (read.origins, read.acts, read.contested) == ((), (), False)
    graph = reading.neighbours(party, value["id"])
    assert [(node.id, node.held, node.title) for node in graph.nodes] == [
        (value["id"], True, "ferry"), (group["id"], False, group["id"]),
    ]  # fmt: skip
    assert reading.sightings(party, value["id"]) == ()
    assert reading.counts(party) == {"malware": 1, "relationship": 1}
    assert reading.names(party, [value["id"], secret["id"], group["id"]]) == {value["id"]: "ferry"}
    absent = f"malware--{uuid.uuid4()}"
    for look in (reading.object, reading.neighbours, reading.timeline, reading.translations, reading.sightings):
        assert refused(lambda look=look: look(party, secret["id"])) == refused(lambda look=look: look(party, absent))
    assert refused(lambda: reading.object(party, value["id"], micros(5))) == refused(
        lambda: reading.object(party, absent)
    )


def refused(look: Callable[[], object]) -> tuple[str, str | None]:
    with pytest.raises(TitianError) as raised:
        look()
    return str(raised.value), raised.value.advice


def test_what_has_ended_is_not_read(fresh_store: Store, hold: Holding) -> None:
    out = released(fresh_store, "to them")
    (one,) = hold(malware(name="ferry"), into=out)

    def end() -> None:
        remove(fresh_store, out, one)
        with fresh_store.writing() as tx:
            tx.run("UPDATE collections SET expiry = NULL WHERE num = ?", out.num)

    reading = Reading(fresh_store, Find(fresh_store, end))
    assert reading.object(key_of(), one).title == "ferry"
    with fresh_store.writing() as tx:
        tx.run("UPDATE collections SET expiry = ? WHERE num = ?", START + DAY, out.num)
    assert reading.object(key_of(), one).title == "ferry"
    assert isinstance(fresh_store.clock, Clock)
    fresh_store.clock.now += DAY
    with pytest.raises(NotFound):
        reading.object(key_of(), one)
