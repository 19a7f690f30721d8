"""Sightings: what is written, how it is marked, how it goes back, and what it tells whom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.gate import (
    ADMINISTRATOR,
    ANALYST,
    AUDITOR,
    BY,
    DAY,
    NOW,
    OWN,
    RELEASER,
    SECOND,
    Bench,
    benches,
    indicator,
    link,
    malware,
    party_id,
    report,
)
from support.sighting import Sighting, said_by
from support.stix import Object, ipv4, revision, text
from titian.core.collection import timestamp
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused
from titian.core.gate import State
from titian.core.people import Actor
from titian.core.sighting import MOST, Seen
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.sight import Back

JAPAN, RUSSIA, BRUNEI = (party_id(alias) for alias in ("japan", "russia", "brunei"))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[], Sighting]]:
    """Makes nodes with an agreement with Japan, one with Russia, and one with both."""
    for new in benches(tmp_path):
        yield partial(made, new)


def made(new: Callable[[], Bench]) -> Sighting:
    bench = new()
    bench.agree("jp", JAPAN)
    bench.agree("ru", RUSSIA)
    bench.agree("both", JAPAN, RUSSIA)
    return Sighting(bench)


@pytest.fixture
def on(make: Callable[[], Sighting]) -> Sighting:
    return make()


def theirs(alias: str = "japan", name: str = "Kestrel", tlp: Tlp = Tlp.GREEN, **more: Any) -> Object:
    return indicator(name, by=party_id(alias), tlp=tlp, **more)


def opened(on: Sighting, *aliases: str) -> None:
    """Release something first: the first release to a party needs a second person."""
    for alias in aliases or ("jp", "ru"):
        ids = on.bench.hold(malware(f"First to {alias}", tlp=Tlp.GREEN))
        on.bench.release(*ids, to=alias)


def sighting_of(on: Sighting, alias: str) -> Object | None:
    """The sighting that a party is served, the latest version; None if it is served none."""
    found = [one for one in on.bench.served(alias).values() if one["type"] == "sighting"]
    assert len(found) < 2
    return found[0] if found else None


# ── what is written ───────────────────────────────────────────────────────────────────────────────────────


def test_a_sighting_is_ours_of_what_was_seen_here(on: Sighting) -> None:
    (thing,) = on.arrives("japan", theirs())
    done = on.sees(thing, count=3, first=NOW - DAY, last=NOW - SECOND, keep=True)
    said = on.held(done.sighting.id)
    assert {name: said[name] for name in ("sighting_of_ref", "count", "created_by_ref", "where_sighted_refs")} == {
        "sighting_of_ref": thing, "count": 3, "created_by_ref": OWN, "where_sighted_refs": [OWN],
    }  # fmt: skip
    assert (said["first_seen"], said["last_seen"]) == (
        timestamp(NOW - DAY)[:23] + "Z", timestamp(NOW - SECOND)[:23] + "Z"
    )  # fmt: skip
    assert said["object_marking_refs"] == [TLP_IDS[Tlp.GREEN]]
    assert done.returned == ()


def test_seen_again_it_is_the_same_sighting_in_a_later_version(on: Sighting) -> None:
    (thing,) = on.arrives("japan", theirs())
    first = on.sees(thing, count=3, first=NOW - 2 * DAY, last=NOW - DAY, keep=True, where="The gateway").sighting
    second = on.sees(thing, count=4, first=NOW - 3 * DAY, last=NOW - 3 * DAY, keep=True).sighting
    assert second.id == first.id
    assert second.version > first.version, "at the same instant"
    assert second.seen == Seen(count=7, first=NOW - 3 * DAY, last=NOW - DAY)
    assert on.held(first.id)["description"] == "The gateway"
    everything = on.bench.node.exchange.objects(on.bench.node.collections.find("sightings"))
    assert {json.loads(raw)["id"] for raw in everything} == {first.id}


def test_counts_end_where_stix_ends(on: Sighting) -> None:
    (thing,) = on.arrives("japan", theirs())
    assert not on.sees(thing, count=MOST - 1, keep=True).capped
    assert not on.sees(thing, keep=True).capped
    more = on.sees(thing, count=5, keep=True)
    assert (more.capped, more.sighting.seen.count) == (True, MOST)
    assert on.sees(*on.arrives("japan", theirs(name="Merlin")), count=10 * MOST, keep=True).capped


def test_several_are_sighted_together_or_not_at_all(on: Sighting) -> None:
    ids = on.arrives("japan", theirs(), theirs(name="Merlin"))
    done = on.sight.sight(ANALYST, [*ids, ids[0]], count=2, keep=True)
    assert [(one.sighting.of, one.sighting.seen.count) for one in done] == [(one, 2) for one in ids]
    with pytest.raises(NotFound):
        on.sight.sight(ANALYST, [ids[0], malware("x")["id"]], keep=True)
    assert on.known()[ids[0]].worth.seen.count == 2


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"count": 0}, "at least 1"),
        ({"first": NOW, "last": NOW - 1}, "before it was first"),
        ({"last": NOW + 2 * DAY}, "future"),
        ({"first": NOW + 2 * DAY}, "future"),
        ({"where": " "}, "--where"),
        ({"where": "x" * 1001}, "--where"),
    ],
)
def test_what_makes_no_sense_writes_nothing(on: Sighting, more: dict[str, Any], says: str) -> None:
    (thing,) = on.arrives("japan", theirs())
    with pytest.raises(InvalidInput, match=says):
        on.sees(thing, **more)
    assert on.known() == {}
    assert "Sightings" not in {one.collection.name for one in on.bench.node.collections.list()}


def test_what_cannot_be_sighted_is_told_with_what_can(on: Sighting) -> None:
    address = ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.GREEN]])
    thing = theirs()
    other = link(thing, thing, by=JAPAN, tlp=Tlp.GREEN)
    on.arrives("japan", address, thing, other)
    with pytest.raises(InvalidInput, match="observable") as caught:
        on.sees(address["id"])
    assert "indicator" in str(caught.value.advice)
    for identifier, says in ((other["id"], "cannot be sighted"), ("Kestrel", "no identifier"), ("", "no identifier")):
        with pytest.raises(InvalidInput, match=says):
            on.sees(identifier)
    with pytest.raises(InvalidInput, match="Nothing is named"):
        on.sight.sight(ANALYST, [])
    with pytest.raises(NotFound, match="Nothing is held"):
        on.sees(malware("Nobody's")["id"])


@pytest.mark.parametrize(("who", "keep"), [(AUDITOR, True), (ADMINISTRATOR, True), (RELEASER, False)])
def test_who_may_not_write_may_not_sight(on: Sighting, who: Actor, keep: bool) -> None:
    (thing,) = on.arrives("japan", theirs())
    with pytest.raises(Forbidden, match="may not write"):
        on.sees(thing, by=who, keep=keep)
    assert on.known() == {}


def test_the_act_is_recorded(on: Sighting) -> None:
    (thing,) = on.arrives("japan", theirs())
    done = on.sees(thing, count=3, keep=True, where="The gateway")
    (act,) = [one for one in on.bench.node.acts.list() if one.act == "sight"]
    assert (act.person, act.subject, act.why) == (ANALYST.id, done.sighting.id, "The gateway")
    assert act.details == {"of": thing, "count": 3, "all": 3}


# ── how it is marked ──────────────────────────────────────────────────────────────────────────────────────


def test_it_is_marked_as_what_it_tells_of_and_never_less_strictly(on: Sighting) -> None:
    (thing,) = on.arrives("japan", theirs(tlp=Tlp.AMBER))
    plain = on.sees(thing, keep=True).sighting
    assert plain.marks == (TLP_IDS[Tlp.AMBER],)
    for level in (Tlp.CLEAR, Tlp.GREEN):
        with pytest.raises(Refused, match="TLP:AMBER"):
            on.sees(thing, marking=level, keep=True)
    assert on.sees(thing, marking=Tlp.AMBER, keep=True).sighting.id == plain.id
    strict = on.sees(thing, marking=Tlp.RED, keep=True).sighting
    assert (strict.marks, strict.seen.count) == ((TLP_IDS[Tlp.RED],), 1)
    assert strict.id != plain.id, "what is marked otherwise is counted by itself"
    assert on.known()[thing].worth.seen.count == 3


def test_what_else_it_bears_stays_under_a_stricter_level(on: Sighting) -> None:
    thing = malware("Ours", tlp=Tlp.GREEN)
    on.bench.hold(thing)
    on.bench.mark(thing["id"], purposes=("cybercrime",))
    marks = on.bench.latest(thing["id"])["object_marking_refs"]
    strict = on.sees(thing["id"], marking=Tlp.AMBER).sighting
    assert set(strict.marks) == {*marks, TLP_IDS[Tlp.AMBER]} - {TLP_IDS[Tlp.GREEN]}


def test_what_is_unmarked_has_no_marked_sighting(on: Sighting) -> None:
    (thing,) = on.bench.hold(malware("Unmarked"))
    assert on.sees(thing).sighting.marks == ()
    with pytest.raises(Refused, match="bears no TLP"):
        on.sees(thing, marking=Tlp.GREEN)


def test_a_sighting_that_was_marked_anew_is_left_as_it_is(on: Sighting) -> None:
    """To add to it would let out under the new marking what was said under the old."""
    (thing,) = on.arrives("japan", theirs(tlp=Tlp.AMBER))
    first = on.sees(thing, keep=True).sighting
    on.bench.mark(first.id, tlp=Tlp.GREEN)
    second = on.sees(thing, keep=True).sighting
    assert second.id != first.id
    assert second.marks == (TLP_IDS[Tlp.AMBER],)
    assert on.sees(thing, keep=True).sighting.id == second.id


# ── the way back ──────────────────────────────────────────────────────────────────────────────────────────


def test_it_goes_back_to_whom_its_object_came_from_under_the_same_agreement(on: Sighting) -> None:
    opened(on)
    (thing,) = on.arrives("japan", theirs())
    done = on.sees(thing, count=5)
    (back,) = done.returned
    assert (back.state, back.party, back.agreement) == (Back.WENT, JAPAN, on.agreement("jp"))
    served = sighting_of(on, "japan")
    assert served is not None
    assert served == on.held(done.sighting.id), "as it is, under its own identifier"
    assert thing not in on.bench.served("japan"), "their own object is not sent to them again"
    assert sighting_of(on, "russia") is None


def test_a_later_count_goes_by_itself(on: Sighting) -> None:
    opened(on)
    (thing,) = on.arrives("japan", theirs())
    on.sees(thing, count=5)
    on.bench.clock.now += DAY
    done = on.sees(thing, count=2)
    assert [one.state for one in done.returned] == [Back.WENT]
    served = sighting_of(on, "japan")
    assert served is not None
    assert served["count"] == 7


def test_the_first_release_to_a_party_waits_for_a_second_person(on: Sighting) -> None:
    (thing,) = on.arrives("japan", theirs())
    done = on.sees(thing)
    (back,) = done.returned
    assert (back.state, "first release" in back.why) == (Back.WAITS, True)
    assert back.request is not None
    assert on.bench.released() == []
    on.bench.node.release.approve(RELEASER, back.request)
    assert sighting_of(on, "japan") is not None


def test_a_later_count_takes_the_place_of_what_waits(on: Sighting) -> None:
    opened(on)
    (thing,) = on.arrives("japan", theirs(tlp=Tlp.AMBER))
    first, second = on.sees(thing, count=2).returned[0], on.sees(thing, count=3).returned[0]
    assert (first.state, second.state) == (Back.WAITS, Back.WAITS)
    waiting = on.bench.node.release.requests()
    assert [one.id for one in waiting] == [second.request]
    assert on.bench.node.release.find(first.request or "").state is State.STOPPED
    on.bench.node.release.approve(RELEASER, second.request or "")
    served = sighting_of(on, "japan")
    assert served is not None
    assert served["count"] == 5


def test_what_waits_of_something_else_goes_on_waiting(on: Sighting) -> None:
    opened(on)
    ids = on.arrives("japan", theirs(tlp=Tlp.AMBER), theirs(name="Merlin", tlp=Tlp.AMBER))
    waiting = {one.returned[0].request for one in on.sight.sight(ANALYST, ids)}
    assert {one.id for one in on.bench.node.release.requests()} == waiting
    assert len(waiting) == 2


def test_what_went_stays_while_a_later_count_waits(on: Sighting) -> None:
    """Also when everything is looked at again."""
    opened(on)
    (thing,) = on.arrives("japan", theirs())
    on.sees(thing, count=5)
    on.sees(thing, count=2, keep=True)
    on.bench.mark(*on.bench.hold(malware("Else", tlp=Tlp.GREEN)), tlp=Tlp.AMBER)
    for identifier in [one["id"] for one in on.bench.served("japan").values() if one["type"] == "malware"]:
        on.bench.mark(identifier, tlp=Tlp.RED)
    on.bench.node.withdraw.tick()
    served = sighting_of(on, "japan")
    assert on.bench.names("japan") == set()
    assert served is not None
    assert served["count"] == 5


def test_kept_it_stays(on: Sighting) -> None:
    opened(on)
    (thing,) = on.arrives("japan", theirs())
    assert on.sees(thing, keep=True).returned == ()
    assert sighting_of(on, "japan") is None


def test_what_came_from_nobody_goes_to_nobody(on: Sighting) -> None:
    opened(on)
    (ours,) = on.bench.hold(malware("Ours", tlp=Tlp.GREEN))
    assert on.sees(ours).returned == ()
    assert sighting_of(on, "japan") is None


def test_what_came_by_two_ways_goes_back_by_both(on: Sighting) -> None:
    opened(on, "jp", "ru", "both")
    thing = theirs()
    on.arrives("japan", thing)
    on.arrives("japan", thing, under="both")
    on.arrives("russia", thing, under="ru")
    on.bench.clock.now += SECOND
    done = on.sees(thing["id"])
    went = {(one.agreement, one.party) for one in done.returned if one.state is Back.WENT}
    assert went == {(on.agreement("jp"), JAPAN), (on.agreement("both"), JAPAN), (on.agreement("ru"), RUSSIA)}


def test_what_a_party_put_into_its_inbox_goes_back_under_its_agreement(on: Sighting) -> None:
    opened(on)
    (thing,) = on.posts("japan", theirs())
    (back,) = on.sees(thing).returned
    assert (back.state, back.agreement) == (Back.WENT, on.agreement("jp"))


def test_without_a_known_way_it_stays_and_says_so(on: Sighting) -> None:
    on.bench.node.collections.add("By hand", received_from=JAPAN)
    (thing,) = on.bench.hold(theirs(), into="By hand")
    (back,) = on.sees(thing).returned
    assert (back.state, back.party, back.agreement) == (Back.STAYS, JAPAN, None)
    assert "titian release" in back.why


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda on: on.bench.node.agreements.end("jp", BY), "not in force", id="ended"),
        pytest.param(lambda on: on.bench.node.agreements.remove_member("jp", "japan", BY), "audience", id="left"),
    ],
)
def test_what_may_not_go_any_more_stays_and_says_why(
    on: Sighting, change: Callable[[Sighting], object], says: str
) -> None:
    opened(on)
    (thing,) = on.arrives("japan", theirs())
    change(on)
    (back,) = on.sees(thing).returned
    assert (back.state, says in back.why) == (Back.STAYS, True), back
    assert sighting_of(on, "japan") is None
    assert on.known()[thing].worth.seen.count == 1, "it is kept all the same"


def test_what_is_marked_for_nobody_there_stays_and_says_why(on: Sighting) -> None:
    opened(on)
    (thing,) = on.arrives("japan", theirs())
    (back,) = on.sees(thing, marking=Tlp.RED).returned
    assert (back.state, "TLP:RED" in back.why) == (Back.STAYS, True), back


def test_law_5_where_it_was_seen_names_nothing_that_is_hidden(on: Sighting) -> None:
    opened(on)
    (thing,) = on.arrives("japan", theirs())
    (secret,) = on.bench.hold(malware("Secret Orchid", tlp=Tlp.RED))
    on.sees(thing, where=f"As {secret}")
    assert secret not in on.everything("japan")


def test_an_agreement_that_asks_for_four_eyes_asks_for_them_here_too(on: Sighting) -> None:
    on.bench.agree("strict", BRUNEI, four_eyes=True)
    opened(on, "strict")
    (thing,) = on.arrives("brunei", theirs("brunei"), under="strict")
    assert on.sees(thing).returned[0].state is Back.WAITS


# ── who learns what ───────────────────────────────────────────────────────────────────────────────────────


def test_law_5_a_sighting_of_one_partys_object_never_names_it_to_another(on: Sighting) -> None:
    opened(on, "jp", "ru", "both")
    thing = theirs("russia")
    on.arrives("russia", thing, under="ru")
    done = on.sees(thing["id"])
    about = report("About", on.held(done.sighting.id), thing, tlp=Tlp.GREEN)
    on.bench.hold(about, link(thing, malware("Ours", tlp=Tlp.GREEN), tlp=Tlp.GREEN))
    for to in ("jp", "both"):
        with pytest.raises(Refused, match="Nothing of this would go"):
            on.bench.node.release.request(ANALYST, [done.sighting.id], to, parties=["japan"])
    seen = on.everything("japan")
    assert thing["id"] not in seen
    assert done.sighting.id not in seen
    assert "russia" not in seen.casefold()
    assert done.sighting.id in on.everything("russia")


@pytest.mark.parametrize("also", ["never", "before", "after"])
def test_law_1_what_others_send_changes_nothing_that_a_party_sees(make: Callable[[], Sighting], also: str) -> None:
    """A twin of the node to which another party has sent the same object, before or after it was sighted."""

    def told(on: Sighting, also: str, thing: Object) -> str:
        opened(on)
        on.arrives("japan", thing)
        if also == "before":
            on.arrives("russia", thing, under="ru")
        on.sees(thing["id"], count=3)
        if also == "after":
            on.arrives("russia", thing, under="ru")
        on.bench.clock.now += SECOND
        on.bench.node.withdraw.tick()
        for one in [value["id"] for value in on.bench.served("japan").values() if value["type"] == "malware"]:
            on.bench.mark(one, tlp=Tlp.RED)
        served = sighting_of(on, "japan")
        assert served is not None
        return json.dumps({name: value for name, value in served.items() if name != "id"})

    thing = theirs()
    assert told(make(), also, thing) == told(make(), "never", thing)


@pytest.mark.parametrize("sent", ["nothing", "a guess"])
def test_law_5_a_party_learns_nothing_by_sending_guesses(make: Callable[[], Sighting], sent: str) -> None:
    """It sends the observable, or the indicator, that it thinks we know of, from us or from another party."""
    on = make()
    opened(on)
    address = ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.AMBER]])
    on.arrives("russia", address, under="ru")
    ours = indicator("Ours", tlp=Tlp.RED)
    about = [
        link(malware("Kestrel", tlp=Tlp.GREEN), address, tlp=Tlp.GREEN),
        link(malware("Merlin", tlp=Tlp.GREEN), ours, tlp=Tlp.GREEN),
        report("About", address, ours, malware("Goshawk", tlp=Tlp.GREEN), tlp=Tlp.GREEN),
    ]
    on.bench.hold(ours, *about)
    if sent == "a guess":
        guess = {"object_marking_refs": [TLP_IDS[Tlp.GREEN]]}
        on.arrives("japan", address | guess, ours | guess | {"created_by_ref": JAPAN})
    with pytest.raises(Refused, match="Nothing of this would go"):
        on.bench.release(*(one["id"] for one in about), to="jp")
    seen = on.everything("japan")
    assert address["id"] not in seen
    assert ours["id"] not in seen


def test_what_a_party_takes_back_is_no_longer_named_to_it(on: Sighting) -> None:
    """Nothing of theirs is held any more: the sighting that tells of it goes as well, with the next look."""
    opened(on)
    thing = theirs()
    on.arrives("japan", thing)
    on.sees(thing["id"])
    assert sighting_of(on, "japan") is not None
    collection = on.subscription("japan", "jp").collection
    with on.gate.writing() as session:
        session.replace(collection, (), gone=[thing["id"]])
    on.bench.node.agreements.end("ru", BY)
    on.bench.mark(*[one["id"] for one in on.bench.served("japan").values() if one["type"] == "malware"], tlp=Tlp.RED)
    assert sighting_of(on, "japan") is None


# ── what it was worth ─────────────────────────────────────────────────────────────────────────────────────


def test_what_partners_saw_of_ours_adds_up(on: Sighting) -> None:
    opened(on)
    (ours,) = on.bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    on.bench.release(ours, to="jp")
    on.bench.release(ours, to="ru")
    on.posts("japan", said_by("japan", ours, count=3, seconds=60))
    on.posts("japan", said_by("japan", ours, count=12, seconds=120))
    on.posts("russia", said_by("russia", ours, count=5, seconds=30), under="ru")
    on.sees(ours, count=2, first=NOW, last=NOW)
    (known,) = on.sight.sightings()
    assert (known.worth.id, known.name, known.ours) == (ours, "Kestrel", True)
    assert (known.worth.seen.count, known.worth.others(OWN)) == (19, 2)
    assert [(one.party, one.seen.count) for one in known.worth.voices] == [(OWN, 2), (JAPAN, 12), (RUSSIA, 5)]


def test_a_copy_that_was_sighted_counts_for_what_it_was_made_from(on: Sighting) -> None:
    parts = [{"marking_ref": TLP_IDS[Tlp.RED], "selectors": ["description"]}]
    (cut,) = on.bench.hold(malware("Cut", tlp=Tlp.GREEN, description="secret", granular_markings=parts))
    on.bench.release(cut, to="jp")
    (shown,) = [one["id"] for one in on.bench.served("japan").values() if one["type"] == "malware"]
    on.posts("japan", said_by("japan", shown, count=4))
    opened(on, "ru")
    on.posts("russia", said_by("russia", shown, count=9), under="ru")
    known = on.known()
    assert known[cut].worth.seen.count == 4
    assert (known[cut].name, known[cut].ours) == ("Cut", True)
    assert known[shown].worth.seen.count == 9, "another party's copy: how do they know of it?"
    assert (known[shown].name, known[shown].ours) == ("", False)


def test_what_a_party_passes_on_stands_apart(on: Sighting) -> None:
    (thing,) = on.arrives("japan", theirs())
    on.arrives("japan", said_by("russia", thing, count=50), said_by("japan", thing, count=2))
    (known,) = on.sight.sightings()
    assert known.worth.seen.count == 2
    assert [(one.party, one.sender, one.seen.count) for one in known.worth.passed_on] == [(RUSSIA, JAPAN, 50)]


def test_one_object_can_be_asked_for(on: Sighting) -> None:
    first, second, third = on.arrives("japan", theirs(), theirs(name="Merlin"), theirs(name="Hobby"))
    on.sees(first, second, keep=True)
    assert list(on.known(second)) == [second]
    assert on.known(third) == {}
    with pytest.raises(NotFound):
        on.known(malware("Nobody's")["id"])


def test_what_was_seen_last_comes_first(on: Sighting) -> None:
    ids = on.arrives("japan", *(theirs(name=f"N{n}") for n in range(4)))
    for place, one in zip((2, 0, 3, 1), ids, strict=True):
        on.sees(one, last=NOW - place * DAY, keep=True)
    assert list(on.known()) == [ids[1], ids[3], ids[0], ids[2]]


def test_a_thousand_sightings_of_one_object_are_one(on: Sighting) -> None:
    """What partners suffer from elsewhere: gigabytes of single sightings."""
    opened(on)
    (thing,) = on.arrives("japan", theirs())
    for _ in range(20):
        on.bench.clock.now += SECOND
        on.sees(thing, count=50)
    served = sighting_of(on, "japan")
    assert served is not None
    assert served["count"] == 1000
    assert len([one for one in on.bench.served("japan").values() if one["type"] == "sighting"]) == 1


def test_a_held_sighting_that_says_nonsense_breaks_nothing(on: Sighting) -> None:
    (thing,) = on.arrives("japan", theirs())
    on.sees(thing, keep=True)
    on.bench.hold(revision(said_by("japan", thing, count=None), 10**7, name=5) | {"x_more": 1})
    assert on.known()[thing].worth.seen.count == 1
    assert text(on.held(on.known()[thing].worth.id, "From japan under jp"))
