"""Who sees what was released, and until when, on both backends: laws 1 to 5 and 9 above the store."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from support.gate import (
    BY,
    DAY,
    OWN,
    Bench,
    indicator,
    link,
    malware,
    party_id,
    promised,
    report,
)
from support.stix import Object, ipv4, revision, statement
from titian.core.access import Role
from titian.core.collection import Selection
from titian.core.copying import next_version
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused, TitianError
from titian.core.party import PartyKind
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.agree import Term, Tie
from titian.exchange.withdraw import is_contained

JAPAN, RUSSIA, BRUNEI = (party_id(alias) for alias in ("japan", "russia", "brunei"))
LATER = 2 * DAY


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    """A node with the agreement ``jp`` with Japan, and ``two`` with Japan and Russia; AMBER is their ceiling."""
    made = new_bench()
    made.agree("jp", JAPAN)
    made.agree("two", JAPAN, RUSSIA)
    return made


def released(bench: Bench, *values: Object, to: str = "jp") -> list[str]:
    """Objects that are held and released."""
    ids = bench.hold(*values)
    bench.release(*ids, to=to)
    return ids


def everything(bench: Bench, alias: str) -> str:
    """All text that a party is served."""
    return "\n".join(raw.decode() for raws in bench.raw_served(alias).values() for raw in raws)


# Who reads


def test_law_1_a_key_opens_what_was_released_to_its_party_and_nothing_else(bench: Bench) -> None:
    released(bench, malware("Kestrel", tlp=Tlp.GREEN))
    released(bench, malware("Goshawk", tlp=Tlp.GREEN), to="two")
    assert bench.names("japan") == {"Kestrel", "Goshawk"}
    assert bench.names("russia") == {"Goshawk"}
    assert bench.names("brunei") == set()
    assert bench.view("brunei").collections() == []
    assert {one.collection.agreement for one in bench.view("russia").collections()} == {
        bench.node.agreements.read().agreement("two").id
    }
    for listed in bench.node.collections.list():
        if listed.collection.party != RUSSIA:
            for reference in (listed.collection.id, listed.collection.alias or "directory", listed.collection.name):
                with pytest.raises(NotFound, match="no such collection"):
                    bench.view("russia").read(reference, lambda there: there.page(Selection()))


def test_a_key_of_a_party_reads_only(bench: Bench) -> None:
    (one,) = released(bench, malware("Kestrel", tlp=Tlp.GREEN))
    for role in (Role.WRITER, Role.ADMIN):
        with pytest.raises(InvalidInput, match="reads what is released"):
            bench.node.keys.add("writes", role, party=JAPAN)
    inbox, where = sorted(bench.view("japan").collections(), key=lambda seen: seen.can_read)
    assert (where.can_read, where.can_write) == (True, False)
    assert (inbox.can_read, inbox.can_write) == (False, True)
    with pytest.raises(Forbidden):
        bench.view("japan").writable(where.collection.id)
    with pytest.raises(Forbidden):
        bench.view("japan").read(inbox.collection.id, lambda there: there.page(Selection()))
    with pytest.raises(Forbidden):
        bench.view("japan").remove(where.collection.id, one, Selection())
    for own in ("Reports", bench.node.collections.find("Reports").id, "directory"):
        with pytest.raises(NotFound):
            bench.view("japan").writable(own)


@pytest.mark.parametrize("role", [Role.WRITER, Role.ADMIN])
def test_only_a_release_writes_into_what_is_released(bench: Bench, role: Role) -> None:
    (one,) = released(bench, malware("Kestrel", tlp=Tlp.GREEN))
    _, secret = bench.node.keys.add(f"own {role}", role)
    view = bench.node.partners.view(secret)
    assert view is not None
    for collection in [*bench.released(), bench.node.collections.find("directory")]:
        with pytest.raises(Forbidden):
            view.writable(collection.id)
        with pytest.raises(Forbidden):
            view.remove(collection.id, one, Selection())
        with pytest.raises(TitianError):
            bench.hold(malware("Smuggled"), into=collection.name)
    assert bench.names("japan") == {"Kestrel"}


def test_what_a_partner_may_not_know_of_looks_like_what_is_not_there(bench: Bench) -> None:
    released(bench, malware("Kestrel", tlp=Tlp.GREEN))
    (theirs,) = bench.released()
    said = []
    for reference in (theirs.id, theirs.name, "Reports", "00000000-0000-4000-8000-000000000000", ""):
        with pytest.raises(NotFound) as caught:
            bench.view("russia").collection(reference)
        said.append(str(caught.value))
    assert len(set(said)) == 1


# From the next answer on


def ended(bench: Bench) -> None:
    bench.node.agreements.end("two", BY)


def removed(bench: Bench) -> None:
    bench.node.agreements.remove_member("two", "russia", BY)


def narrowed_without(bench: Bench) -> None:
    bench.node.agreements.narrow("two", BY, without=["russia"])


def we_left(bench: Bench) -> None:
    bench.node.agreements.remove_member("two", OWN, BY)


def revoked(bench: Bench) -> None:
    bench.node.keys.revoke("russia key")


@pytest.mark.parametrize("change", [ended, removed, narrowed_without, we_left], ids=lambda change: change.__name__)
def test_who_is_out_sees_nothing_from_the_next_answer_on(bench: Bench, change: Callable[[Bench], None]) -> None:
    released(bench, malware("Kestrel", tlp=Tlp.GREEN), to="two")
    (where,) = (seen for seen in bench.view("russia").collections() if seen.can_read)
    view = bench.view("russia")
    change(bench)
    assert bench.names("russia") == set()
    with pytest.raises(NotFound):
        view.read(where.collection.id, lambda there: there.page(Selection()))
    assert view.collections() == []
    assert ("Kestrel" in bench.names("japan")) is (change in (removed, narrowed_without))


def test_a_revoked_key_opens_nothing(bench: Bench) -> None:
    released(bench, malware("Kestrel", tlp=Tlp.GREEN), to="two")
    revoked(bench)
    assert bench.node.partners.view(bench.secrets["russia"]) is None


def test_law_9_an_agreement_opens_and_closes_by_the_clock(bench: Bench) -> None:
    now = bench.clock.now
    bench.agree("dated", BRUNEI, valid_from="2026-09-22T00:00:00Z", valid_until="2026-09-24T00:00:00Z")
    (one,) = bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    with pytest.raises(Refused, match="Nobody receives"):
        bench.release(one, to="dated")
    bench.clock.now = 1_790_035_200_000_000  # 2026-09-22T00:00:00Z
    bench.release(one, to="dated")
    assert bench.names("brunei") == {"Kestrel"}
    bench.clock.now = now
    assert bench.names("brunei") == set(), "before it begins"
    bench.clock.now = 1_790_208_000_000_000 - 1
    assert bench.names("brunei") == {"Kestrel"}, "to the last microsecond"
    bench.clock.now += 1
    assert bench.names("brunei") == set(), "valid_until is exclusive"
    assert bench.view("brunei").collections() == []


def test_law_9_a_membership_ends_by_the_clock(bench: Bench) -> None:
    bench.node.agreements.add_member("jp", "brunei", BY, term=Term(None, bench.clock.now + DAY))
    released(bench, malware("Kestrel", tlp=Tlp.GREEN))
    assert bench.names("brunei") == {"Kestrel"}
    bench.clock.now += DAY
    assert bench.names("brunei") == set()
    assert bench.names("japan") == {"Kestrel"}


# Members and history


def test_a_new_member_gets_no_history_unless_somebody_says_so(bench: Bench) -> None:
    (old,) = released(bench, malware("Old", tlp=Tlp.GREEN))
    bench.node.agreements.add_member("jp", "brunei", BY)
    assert bench.view("brunei").collections() == []
    released(bench, malware("New", tlp=Tlp.GREEN))
    assert bench.names("brunei") == {"New"}
    before = bench.raw_served("japan")
    bench.release(old, to="jp", parties=["brunei"])
    assert bench.names("brunei") == {"New", "Old"}
    assert bench.raw_served("japan") == before, "nobody else is touched"


def test_a_release_for_one_party_is_for_no_other(bench: Bench) -> None:
    (one,) = bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    bench.release(one, to="two", parties=["russia"])
    assert bench.names("russia") == {"Kestrel"}
    assert bench.names("japan") == set()


def test_law_1_what_is_reached_only_through_what_is_withheld_is_not_released(bench: Bench) -> None:
    """A report is chosen with all that it refers to. A partner who gets Goshawk, to which nothing that they see
    refers, learns that something withheld does."""
    kestrel, goshawk = malware("Kestrel", tlp=Tlp.GREEN), malware("Goshawk", tlp=Tlp.GREEN)
    secret = link(kestrel, goshawk, tlp=Tlp.RED)
    about = report("About", kestrel, secret, tlp=Tlp.GREEN)
    bench.hold(kestrel, goshawk, secret, about)
    bench.release(about["id"], to="jp")
    assert bench.names("japan") == {"Kestrel", "About"}


# Marking


def a_chain(bench: Bench) -> list[str]:
    kestrel, merlin = malware("Kestrel", tlp=Tlp.GREEN), malware("Merlin", tlp=Tlp.GREEN)
    wallet = indicator("Wallet", tlp=Tlp.GREEN)
    uses, other = link(wallet, kestrel, tlp=Tlp.GREEN), link(wallet, merlin, tlp=Tlp.GREEN)
    about = report("About", kestrel, wallet, merlin, uses, other, tlp=Tlp.GREEN)
    return bench.hold(kestrel, wallet, merlin, uses, other, about)


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({"tlp": Tlp.RED}, id="RED"),
        pytest.param({"tlp": Tlp.AMBER_STRICT}, id="over the ceiling"),
        pytest.param({"releasable_to": ("RU",)}, id="releasable to others"),
        pytest.param({"purposes": ("trafficking",)}, id="for another purpose"),
        pytest.param({"expires": "2026-09-22T00:00:00.000Z"}, id="expired by then"),
    ],
)
def test_law_5_what_a_stricter_marking_takes_is_gone_with_all_that_names_it(bench: Bench, wish: dict[str, Any]) -> None:
    ids = a_chain(bench)
    bench.release(ids[-1], to="jp")
    bench.release(ids[-1], to="two")
    assert set(ids) <= bench.served("japan").keys()
    assert bench.served("russia").keys() >= set(ids)
    bench.mark(ids[0], **wish)
    bench.clock.now += DAY if "expires" in wish else 0
    for alias in ("japan",) if "releasable_to" in wish else ("japan", "russia"):
        seen = everything(bench, alias)
        assert ids[0] not in seen
        assert ids[3] not in seen, "the relationship has lost an end"
        assert "Kestrel" not in seen
        assert {"Wallet", "Merlin", "About"} <= bench.names(alias), "the rest stays"
        assert ids[4] in seen
        for raws in bench.raw_served(alias).values():
            there = {one["id"]: one for one in map(json.loads, raws)}
            (about,) = (one for one in there.values() if one["type"] == "report")
            assert set(about["object_refs"]) <= there.keys()


def test_a_looser_marking_releases_nothing_by_itself(bench: Bench) -> None:
    kestrel, orchid = malware("Kestrel", tlp=Tlp.AMBER), malware("Orchid", tlp=Tlp.RED)
    about = report("About", kestrel, orchid, tlp=Tlp.AMBER)
    bench.hold(kestrel, orchid, about)
    bench.release(about["id"], to="jp")
    before = bench.raw_served("japan")
    for one in (orchid, kestrel, about):
        for level in (Tlp.AMBER, Tlp.GREEN, Tlp.CLEAR):
            bench.mark(one["id"], tlp=level)
            bench.clock.now += DAY
            bench.node.withdraw.tick()
            assert bench.raw_served("japan") == before
    bench.release(about["id"], to="jp")
    assert "Orchid" in bench.names("japan")


def test_a_marking_that_allows_more_takes_nothing_back(bench: Bench) -> None:
    """What a partner holds under the narrower marking, they may still see under the wider."""
    ids = bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    bench.mark(*ids, purposes=("cybercrime",))
    bench.release(*ids, to="jp")
    bench.mark(*ids, purposes=("cybercrime", "counter-terrorism"))
    assert bench.names("japan") == {"Kestrel"}


@pytest.mark.parametrize("into", ["Reports", "Another"])
def test_a_stricter_marking_holds_however_it_comes_in(bench: Bench, into: str) -> None:
    """A new version that is imported, pulled or posted is a marking as well."""
    bench.node.collections.add("Another")
    kestrel = malware("Kestrel", tlp=Tlp.GREEN)
    released(bench, kestrel)
    bench.hold(revision(kestrel, 90, object_marking_refs=[TLP_IDS[Tlp.RED]]), into=into)
    assert bench.names("japan") == set()


def test_law_3_what_its_sender_marks_more_strictly_goes(bench: Bench) -> None:
    bench.node.collections.add("From Russia", received_from=RUSSIA)
    bench.agree("three", RUSSIA, JAPAN)
    theirs = malware("Kestrel", by=RUSSIA, tlp=Tlp.GREEN)
    bench.hold(theirs, into="From Russia")
    bench.release(theirs["id"], to="three")
    assert bench.names("japan") == {"Kestrel"}
    bench.hold(revision(theirs, 90, object_marking_refs=[TLP_IDS[Tlp.RED]]), into="From Russia")
    assert bench.names("japan") == set()


def test_a_part_that_a_later_version_marks_more_strictly_is_served_no_longer(bench: Bench) -> None:
    kestrel, other = malware("Kestrel", tlp=Tlp.GREEN, description="of a source"), malware("Goshawk", tlp=Tlp.GREEN)
    released(bench, kestrel, other)
    parts = [{"marking_ref": TLP_IDS[Tlp.RED], "selectors": ["description"]}]
    bench.hold(revision(kestrel, 90, granular_markings=parts))
    bench.mark(kestrel["id"], tlp=Tlp.CLEAR)
    assert "of a source" not in everything(bench, "japan")


def test_a_source_that_may_no_longer_be_named_is_named_no_longer(bench: Bench) -> None:
    """Nor does anything that stays refer to a copy that was never released."""
    ids = a_chain(bench)
    bench.release(ids[-1], to="jp")
    bench.mark(ids[0], attribution="must-not")
    served = bench.served("japan")
    assert all("created_by_ref" not in one for one in served.values() if one.get("name") == "Kestrel")
    for one in served.values():
        ends = [*one.get("object_refs", ()), *(one[name] for name in ("source_ref", "target_ref") if name in one)]
        assert set(ends) <= served.keys(), one


def test_what_has_no_versions_is_replaced(bench: Bench) -> None:
    (address,) = bench.hold(ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.GREEN]]))
    bench.release(address, to="jp")
    bench.mark(address, tlp=Tlp.CLEAR)
    assert bench.latest(address)["object_marking_refs"] == [TLP_IDS[Tlp.CLEAR]]
    bench.release(address, to="jp")
    assert bench.served("japan")[address]["object_marking_refs"] == [TLP_IDS[Tlp.CLEAR]]
    (raws,) = bench.raw_served("japan").values()
    assert sum(json.loads(raw)["id"] == address for raw in raws) == 1
    bench.mark(address, tlp=Tlp.RED)
    assert address not in everything(bench, "japan")


def test_an_expiry_that_is_marked_after_the_release_is_kept(bench: Bench) -> None:
    (one,) = released(bench, malware("Kestrel", tlp=Tlp.GREEN))
    bench.mark(one, expires="2026-09-23T00:00:00.000Z")
    bench.clock.now += LATER + DAY
    assert bench.names("japan") == set()


# The clock


def test_law_9_what_expires_is_gone_before_the_next_answer_with_all_that_names_it(bench: Bench) -> None:
    ids = a_chain(bench)
    bench.mark(ids[0], expires="2026-09-23T00:00:00.000Z")
    bench.release(ids[-1], to="jp")
    assert "Kestrel" in bench.names("japan")
    bench.clock.now = 1_790_121_600_000_000 - 1  # a microsecond before
    assert "Kestrel" in bench.names("japan")
    bench.clock.now += 1
    seen = everything(bench, "japan")
    assert "Kestrel" not in seen
    assert ids[0] not in seen
    assert ids[3] not in seen
    assert bench.names("japan") == {"Wallet", "Merlin", "About"}


def test_law_9_what_expires_is_gone_for_all_by_the_tick(bench: Bench) -> None:
    (one,) = bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    bench.mark(one, expires="2026-09-23T00:00:00.000Z")
    bench.release(one, to="two")
    assert bench.node.withdraw.tick() == {}
    bench.clock.now += LATER
    told = bench.node.withdraw.tick()
    assert len(told) == 2
    assert all(one in gone for gone in told.values())
    assert bench.node.withdraw.tick() == {}


def test_law_9_a_consent_ends_by_the_clock(bench: Bench) -> None:
    theirs = received(bench, malware("Kestrel", by=RUSSIA, tlp=Tlp.AMBER))
    bench.node.agreements.consent("jp", "russia", [theirs], BY, until=bench.clock.now + DAY)
    bench.release(theirs, to="jp")
    assert bench.names("japan") == {"Kestrel"}
    bench.clock.now += DAY
    bench.node.withdraw.tick()
    assert bench.names("japan") == set()


def test_law_9_a_consent_that_is_withdrawn_takes_back_what_went_on_by_it(bench: Bench) -> None:
    kestrel, orchid = (received(bench, malware(name, by=RUSSIA, tlp=Tlp.AMBER)) for name in ("Kestrel", "Orchid"))
    bench.node.agreements.consent("jp", "russia", [kestrel, orchid], BY)
    bench.release(kestrel, orchid, to="jp")
    assert bench.names("japan") == {"Kestrel", "Orchid"}
    taken = bench.node.agreements.withdraw_consent("jp", "russia", [kestrel, party_id("japan")], BY)
    assert taken == {kestrel}
    assert bench.names("japan") == {"Orchid"}
    bench.node.agreements.withdraw_consent("jp", "russia", [orchid], BY)
    assert bench.names("japan") == set()
    assert bench.node.agreements.read().directory.consents == ()
    with pytest.raises(NotFound, match="consented to none"):
        bench.node.agreements.withdraw_consent("jp", "russia", [orchid], BY)


def test_law_9_a_community_that_a_list_names_is_left_by_the_clock(bench: Bench) -> None:
    bench.add_party("club", PartyKind.COMMUNITY)
    bench.node.agreements.join("japan", Tie(of="club", term=Term(None, bench.clock.now + DAY)), BY)
    (one,) = bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    bench.mark(one, releasable_to=("club",))
    bench.release(one, to="jp")
    assert bench.names("japan") == {"Kestrel"}
    bench.clock.now += DAY
    bench.node.withdraw.tick()
    assert bench.names("japan") == set()


def test_law_9_a_lower_ceiling_begins_by_the_clock(bench: Bench) -> None:
    bench.add_party("club", PartyKind.COMMUNITY, ceiling=Tlp.GREEN)
    bench.agree("club-too", JAPAN, party_id("club"))
    released(bench, malware("Kestrel", tlp=Tlp.AMBER), to="club-too")
    bench.node.agreements.join("japan", Tie(of="club", term=Term(bench.clock.now + DAY, None)), BY)
    assert bench.names("japan") == {"Kestrel"}
    bench.clock.now += DAY
    bench.node.withdraw.tick()
    assert bench.names("japan") == set()


# The agreement


@pytest.mark.parametrize(
    ("marking", "narrower"),
    [
        pytest.param({"tlp": Tlp.AMBER}, {"ceiling": Tlp.GREEN}, id="ceiling"),
        pytest.param({"purposes": ("cybercrime",)}, {"purposes": ["counter-terrorism"]}, id="purposes"),
    ],
)
def test_a_narrower_agreement_takes_back_what_it_no_longer_carries(
    bench: Bench, marking: dict[str, Any], narrower: dict[str, Any]
) -> None:
    ids = a_chain(bench)
    bench.mark(ids[0], **marking)
    bench.release(ids[-1], to="jp")
    bench.release(ids[-1], to="two")
    bench.node.agreements.narrow("jp", BY, **narrower)
    (other,) = (one for one in bench.raw_served("russia").values())
    assert ids[0] in b"".join(other).decode(), "another agreement is another matter"
    under = {one.agreement: one.id for one in bench.released() if one.party == JAPAN}
    served = b"".join(bench.raw_served("japan")[under[bench.node.agreements.read().agreement("jp").id]]).decode()
    assert ids[0] not in served
    assert ids[3] not in served
    assert ids[1] in served


def test_a_community_that_takes_less_takes_back(bench: Bench) -> None:
    """A party in two communities with different ceilings gets what the lower one takes."""
    bench.add_party("low", PartyKind.COMMUNITY, ceiling=Tlp.GREEN)
    bench.agree("both", JAPAN, party_id("low"))
    released(bench, malware("Kestrel", tlp=Tlp.AMBER), malware("Goshawk", tlp=Tlp.GREEN), to="both")
    bench.node.agreements.join("japan", Tie(of="low"), BY)
    assert bench.names("japan") == {"Goshawk"}


# What was received


def received(bench: Bench, *values: Object, sender: str = "russia") -> str:
    name = f"From {sender} {len(bench.node.collections.list())}"
    bench.node.collections.add(name, received_from=party_id(sender))
    return bench.hold(*values, into=name)[0]


@pytest.mark.parametrize("creator", [RUSSIA, OWN, None], ids=["the sender's", "said to be ours", "nobody's"])
@pytest.mark.parametrize("level", [Tlp.AMBER, Tlp.AMBER_STRICT])
def test_law_3_what_was_received_goes_on_with_consent_only(
    new_bench: Callable[[], Bench], creator: str | None, level: Tlp
) -> None:
    bench = new_bench()
    bench.agree("jp", JAPAN, ceiling="amber+strict")
    theirs = received(bench, malware("Kestrel", by=creator, tlp=level))
    (seen,) = bench.preview(theirs, to="jp").seen
    assert seen.projection.withheld[theirs].rule == "originator-consent"
    with pytest.raises(Refused, match="came from others"):
        bench.mark(theirs, tlp=Tlp.GREEN)
    bench.node.agreements.consent("jp", "japan", [theirs], BY)
    assert not bench.preview(theirs, to="jp").seen[0].projection.released, "the consent of another is none"
    bench.node.agreements.consent("jp", "russia", [theirs], BY)
    bench.release(theirs, to="jp")
    assert bench.names("japan") == {"Kestrel"}


def test_law_3_what_the_originator_made_may_go_back_to_it(bench: Bench) -> None:
    theirs = received(bench, malware("Kestrel", by=RUSSIA, tlp=Tlp.AMBER))
    (japan, russia) = sorted(bench.preview(theirs, to="two").seen, key=lambda one: one.name)
    assert (bool(japan.projection.released), bool(russia.projection.released)) == (False, True)


def test_law_3_our_own_marking_does_not_loosen_what_a_sender_marked(bench: Bench) -> None:
    """The same object in our own collection and in theirs: the later version counts, whoever's it is."""
    theirs = malware("Kestrel", by=RUSSIA, tlp=Tlp.AMBER)
    received(bench, theirs)
    with pytest.raises(Refused):
        bench.mark(theirs["id"], tlp=Tlp.CLEAR)
    about = report("About", theirs, tlp=Tlp.GREEN)
    bench.hold(about)
    done = bench.mark(about["id"], tlp=Tlp.CLEAR)
    assert (done.marked, done.theirs) == ((about["id"],), (theirs["id"],))
    assert bench.preview(theirs["id"], to="jp").seen[0].projection.withheld[theirs["id"]].rule == "originator-consent"


# Copies


def test_law_4_a_copy_keeps_its_identifier_and_says_when_it_says_something_else(bench: Bench) -> None:
    kestrel, orchid = malware("Kestrel", tlp=Tlp.GREEN), malware("Orchid", tlp=Tlp.RED)
    about = report("About", kestrel, orchid, tlp=Tlp.GREEN)
    bench.hold(kestrel, orchid, about)

    def copies(alias: str = "japan") -> list[Object]:
        (raws,) = bench.raw_served(alias).values()
        return [one for raw in raws if (one := json.loads(raw))["type"] == "report"]

    bench.release(about["id"], to="jp")
    (first,) = copies()
    assert first["id"] != about["id"]
    assert first["object_refs"] == [kestrel["id"]]
    bench.clock.now += DAY
    bench.release(about["id"], to="jp")
    assert copies() == [first], "nothing new was said"
    bench.hold(revision(about, 90, name="About 2"))
    bench.release(about["id"], to="jp")
    assert [one["name"] for one in copies()] == ["About", "About 2"]
    assert {one["id"] for one in copies()} == {first["id"]}
    # The same version of the source, and less of it: the copy has to be later than it was.
    bench.hold(second := malware("Merlin", tlp=Tlp.GREEN))
    bench.hold(revision(about, 120, object_refs=[kestrel["id"], second["id"], orchid["id"]]))
    bench.release(about["id"], to="jp")
    bench.mark(second["id"], tlp=Tlp.RED)
    last = max(copies(), key=lambda one: one["modified"])
    assert last["object_refs"] == [kestrel["id"]]
    assert last["modified"] > revision(about, 120)["modified"]
    assert {one["id"] for one in copies()} == {first["id"]}


def test_law_4_copies_for_two_audiences_cannot_be_laid_side_by_side(bench: Bench) -> None:
    kestrel, orchid = malware("Kestrel", tlp=Tlp.GREEN), malware("Orchid", tlp=Tlp.RED)
    about = report("About", kestrel, orchid, tlp=Tlp.GREEN)
    bench.hold(kestrel, orchid, about)
    bench.release(about["id"], to="jp")
    bench.release(about["id"], to="two")
    ids = [
        json.loads(raw)["id"]
        for alias in ("japan", "russia")
        for raws in bench.raw_served(alias).values()
        for raw in raws
        if json.loads(raw)["type"] == "report"
    ]
    assert len(set(ids)) == 3, "one for each party and agreement"


def test_what_was_withheld_takes_its_place_when_it_may_go(bench: Bench) -> None:
    kestrel, orchid = malware("Kestrel", tlp=Tlp.GREEN), malware("Orchid", tlp=Tlp.RED)
    about = report("About", kestrel, orchid, tlp=Tlp.GREEN)
    bench.hold(kestrel, orchid, about)
    bench.release(about["id"], to="jp")
    (copy,) = (one["id"] for one in bench.served("japan").values() if one["type"] == "report")
    bench.mark(orchid["id"], tlp=Tlp.GREEN)
    bench.release(about["id"], to="jp")
    found = bench.served("japan")
    assert found[about["id"]]["object_refs"] == [kestrel["id"], orchid["id"]]
    assert copy not in found, "not both of them"


def test_a_statement_goes_along_with_what_bears_it_only(bench: Bench) -> None:
    said, other = statement("© Agency"), statement("© Nobody")
    ids = bench.hold(said, other, malware("Kestrel", tlp=Tlp.GREEN, marks=[said["id"]]))
    bench.release(*ids, to="jp")
    assert said["id"] in bench.served("japan")
    assert other["id"] not in everything(bench, "japan")


# Whatever happens


class Chance:
    """Acts at random, and what every approved preview promised."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench, self.random = bench, Random(seed)
        self.promised: dict[str, list[bytes]] = {"japan": [], "russia": []}
        self.ids: list[str] = []
        things = [malware(f"Thing{number}", tlp=Tlp.GREEN) for number in range(5)]
        links = [link(things[number], things[number + 1], tlp=Tlp.GREEN) for number in range(4)]
        about = report("Thing9", *things[:3], *links[:2], tlp=Tlp.GREEN)
        self.ids = bench.hold(*things, *links, about)
        self.versions = 0

    def act(self) -> str:
        acts = [self.mark, self.mark, self.release, self.release, self.revise, self.wait, self.narrow, self.member]
        act = self.random.choice(acts)
        try:
            act()
        except TitianError as error:
            return f"{act.__name__}: {error.message}"
        return act.__name__

    def some(self) -> list[str]:
        return self.random.sample(self.ids, self.random.randint(1, 4))

    def mark(self) -> None:
        wish: dict[str, Any] = {"tlp": self.random.choice([None, Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.RED])}
        if self.random.random() < 0.3:
            wish["releasable_to"] = self.random.choice([("JP",), ("RU",), ("JP", "RU")])
        if self.random.random() < 0.3:
            wish["purposes"] = self.random.choice([("cybercrime",), ("counter-terrorism",)])
        if self.random.random() < 0.3:
            wish["attribution"] = self.random.choice(["may", "must-not"])
        if self.random.random() < 0.3:
            wish["expires"] = f"2026-{self.random.randint(10, 12)}-01T00:00:00.000Z"
        self.bench.mark(*self.some(), **wish)

    def release(self) -> None:
        chosen, to = self.some(), self.random.choice(["jp", "two"])
        seen = self.bench.preview(*chosen, to=to).seen
        wanted = {one.name.lower(): promised(self.bench, one, chosen) for one in seen}
        self.bench.release(*chosen, to=to)
        for alias, objects in wanted.items():
            self.promised[alias] += objects.values()

    def revise(self) -> None:
        self.versions += 1
        known = self.bench.latest(self.random.choice(self.ids))
        later = next_version(known["modified"], self.bench.clock.now)
        self.bench.hold(known | {"modified": later, "description": f"v{self.versions}"})

    def wait(self) -> None:
        self.bench.clock.now += self.random.choice([1000, DAY, 20 * DAY])

    def narrow(self) -> None:
        if self.random.random() < 0.3:
            self.bench.node.agreements.narrow("two", BY, ceiling=Tlp.GREEN)

    def member(self) -> None:
        agreements = self.bench.node.agreements
        (agreements.remove_member if self.random.random() < 0.5 else agreements.add_member)("two", "russia", BY)

    def check(self) -> None:
        bench = self.bench
        under = {one.id: one.agreement for one in bench.released()}
        for alias in ("japan", "russia"):
            for collection, raws in bench.raw_served(alias).items():
                there = {json.loads(raw)["id"] for raw in raws}
                for raw in raws:
                    assert any(is_contained(raw, one) for one in self.promised[alias]), raw
                    value = json.loads(raw)
                    ends = [value[name] for name in ("source_ref", "target_ref") if name in value]
                    assert {*value.get("object_refs", ()), *ends} <= there, value
                agreement = under[collection]
                assert agreement is not None
                (seen,) = bench.preview(*self.ids, to=agreement, parties=[alias]).seen
                text = b"".join(raws).decode()
                for one, why in seen.projection.withheld.items():
                    if why.rule not in ("reference", "unused"):
                        assert one not in text, (one, why)


@pytest.mark.parametrize("seed", [1, 5, 16, 32, 41, 51, 54, 138])
def test_laws_1_and_9_whatever_happens_nobody_sees_what_was_not_released_or_may_not_be_seen_now(
    bench: Bench, seed: int
) -> None:
    """Everything that is served was in an approved preview or is contained in it, and may go now."""
    chance = Chance(bench, seed)
    story = []
    for _ in range(25):
        story.append(chance.act())
        chance.check()
    assert "release" in story
