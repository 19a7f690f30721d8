"""Our extensions: the definitions are valid STIX, what is written is read again, and what is wrong does not count."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core import extensions
from titian.core.agreement import Agreement, Consent, Onward, Purpose
from titian.core.directory_objects import (
    Dialogue,
    Meeting,
    Reading,
    Statement,
    creator,
    modified,
    read_agreement,
    read_consent,
    read_dialogue,
    read_directory,
    read_membership,
    read_party,
)
from titian.core.directory_writing import (
    Stamp,
    for_a_time,
    new_membership,
    revise,
    write_agreement,
    write_consent,
    write_dialogue,
    write_membership,
    write_party,
    write_withdrawal,
)
from titian.core.errors import InvalidInput, NotFound
from titian.core.party import Membership, Party, PartyKind
from titian.core.stix import examine
from titian.core.tlp import TLP_IDS, Tlp

NOW = 1_700_000_000_123_456
MS = 1000


def ident(kind: str, number: int) -> str:
    return f"{kind}--{uuid.UUID(int=number, version=4)}"


OWN = Party(id=ident("identity", 1), name="Own", kind=PartyKind.AGENCY, country="ID")
OTHER = Party(id=ident("identity", 2), name="Other", kind=PartyKind.COMPANY, alias="other", sectors=("energy",))
CLUB = Party(id=ident("identity", 3), name="Club", kind=PartyKind.COMMUNITY, ceiling=Tlp.GREEN, contact="by post")
STAMP = Stamp(by=OWN.id, at=NOW)
AGREED = Agreement(
    id=ident("agreement", 4), name="Agreed", parties=frozenset({OWN.id, CLUB.id}), purposes=frozenset({"cybercrime"}),
    topics=("wallets",), ceiling=Tlp.AMBER, onward=Onward.CLIENTS, languages=("en", "id-ID"), starts=NOW,
    stops=NOW + 10**12, dialogue=ident("dialogue", 5), four_eyes=True,
)  # fmt: skip
DIALOGUE = Dialogue(
    id=ident("dialogue", 5), name="Talks", alias="talks", parties=frozenset({OWN.id, OTHER.id}),
    meetings=(Meeting(date="2026-03-01", place="Jakarta", title="First"),),
    statements=(Statement(source="Ministry", title="Statement"),),
)  # fmt: skip
CONSENT = Consent(
    id=ident("consent", 6), originator=OTHER.id, objects=frozenset({ident("report", 7)}), agreement=AGREED.id, until=NOW
)
MEMBER = new_membership(OTHER.id, CLUB.id, random=bytes, starts=NOW, stops=NOW + MS)


def changed(raw: bytes, **changes: Any) -> bytes:
    """The same object with properties changed, None taking one away."""
    value = json.loads(raw) | changes
    return json.dumps({name: each for name, each in value.items() if each is not None}).encode()


# The definitions


def test_each_extension_of_ours_has_a_definition_that_is_valid() -> None:
    ids = {value for name, value in vars(extensions).items() if name.endswith("_EXTENSION")}
    assert extensions.EXTENSION_DEFINITIONS.keys() == ids
    for identifier, raw in [
        *extensions.EXTENSION_DEFINITIONS.items(),
        (extensions.PROJECT_ID, extensions.PROJECT_IDENTITY),
    ]:
        seen = examine(raw)
        assert (seen.id, seen.violations) == (identifier, ())
        assert creator(raw) == extensions.PROJECT_ID
        assert uuid.UUID(identifier.partition("--")[2]).version == 4


# Written and read

WRITTEN = {
    "party": write_party(OTHER, STAMP),
    "community": write_party(CLUB, STAMP),
    "membership": write_membership(MEMBER, STAMP),
    "agreement": write_agreement(AGREED, "agreed", STAMP),
    "dialogue": write_dialogue(DIALOGUE, STAMP),
    "consent": write_consent(CONSENT, STAMP),
    "withdrawal": write_withdrawal(AGREED, STAMP, random=lambda n: b"w" * n),
    "for a time": write_party(for_a_time(AGREED), STAMP),
}


@pytest.mark.parametrize("raw", WRITTEN.values(), ids=WRITTEN)
def test_what_is_written_is_valid_marked_and_ours(raw: bytes) -> None:
    assert examine(raw).violations == ()
    value = json.loads(raw)
    assert value["created_by_ref"] == OWN.id
    assert value["object_marking_refs"] == [TLP_IDS[Tlp.GREEN]]
    assert value["created"] == value["modified"] == "2023-11-14T22:13:20.123Z"


def test_what_is_written_is_read_again() -> None:
    assert read_party(WRITTEN["party"]) == OTHER
    assert read_party(WRITTEN["community"]) == CLUB
    assert read_membership(WRITTEN["membership"]) == MEMBER
    assert read_agreement(WRITTEN["agreement"]) == (AGREED, "agreed")
    assert read_dialogue(WRITTEN["dialogue"]) == DIALOGUE
    assert read_consent(WRITTEN["consent"]) == CONSENT


INSTANTS = st.integers(0, 4_000_000_000_000_000)


@given(
    purposes=st.sets(st.sampled_from(Purpose), min_size=1),
    ceiling=st.sampled_from(Tlp),
    onward=st.sampled_from(Onward),
    topics=st.lists(st.text(min_size=1, max_size=9)),
    starts=INSTANTS,
    length=st.none() | st.integers(1, 10**15),
    four_eyes=st.booleans(),
)
def test_every_agreement_survives_writing(
    purposes: set[Purpose],
    ceiling: Tlp,
    onward: Onward,
    topics: list[str],
    starts: int,
    length: int | None,
    four_eyes: bool,
) -> None:
    agreed = Agreement(
        id=AGREED.id, name="A", parties=AGREED.parties, purposes=frozenset(map(str, purposes)), topics=tuple(topics),
        ceiling=ceiling, onward=onward, starts=starts, stops=None if length is None else starts + length,
        four_eyes=four_eyes,
    )  # fmt: skip
    raw = write_agreement(agreed, None, STAMP)
    assert examine(raw).violations == ()
    assert read_agreement(raw) == (agreed, None)


@pytest.mark.parametrize(
    "marking", [[TLP_IDS[Tlp.RED]], [], [ident("marking-definition", 9)]], ids=["red", "no", "unknown"]
)
def test_a_membership_is_hidden_unless_it_is_marked_to_be_seen(marking: list[str]) -> None:
    assert read_membership(changed(WRITTEN["membership"], object_marking_refs=marking or None)).hidden
    hidden = new_membership(OTHER.id, CLUB.id, hidden=True)
    raw = write_membership(hidden, STAMP)
    assert (read_membership(raw), TLP_IDS[Tlp.RED] in raw.decode()) == (hidden, True)


# New versions


@given(at=INSTANTS, before=INSTANTS)
def test_a_new_version_is_later_whatever_the_clock_says(at: int, before: int) -> None:
    raw = write_agreement(AGREED, None, Stamp(by=OWN.id, at=before))
    new = revise(raw, at, {"ceiling": "green", "topics": None})
    assert modified(new) > modified(raw)
    assert json.loads(new) == json.loads(
        changed(raw, ceiling="green", topics=None, modified=json.loads(new)["modified"])
    )


# What is wrong

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("agreement", {"party_refs": []}, "no parties"),
    ("agreement", {"party_refs": ["somebody"]}, "not the identifier"),
    ("agreement", {"party_refs": None}, "party_refs"),
    ("agreement", {"purposes": []}, "no purpose"),
    ("agreement", {"purposes": ["profit"]}, "'profit' is no purpose"),
    ("agreement", {"ceiling": "beige"}, "'beige' is no ceiling"),
    ("agreement", {"onward": "anybody"}, "'anybody' is no onward rule"),
    ("agreement", {"languages": ["english!"]}, "no language code"),
    ("agreement", {"valid_until": "2001-01-01T00:00:00Z"}, "before it begins"),
    ("agreement", {"valid_from": "yesterday"}, "not a timestamp"),
    ("agreement", {"four_eyes": "yes"}, "four_eyes"),
    ("agreement", {"alias": "Not An Alias"}, "alias"),
    ("agreement", {"dialogue_ref": OWN.id}, "dialogue"),
    ("agreement", {"territory": ["ID"]}, "territory"),
    ("agreement", {"extensions": None}, "extensions"),
    ("agreement", {"extensions": {ident("extension-definition", 8): {"extension_type": "new-sdo"}}}, "declared"),
    ("membership", {"source_ref": CLUB.id}, "of itself"),
    ("membership", {"stop_time": "2001-01-01T00:00:00Z"}, "before it begins"),
    ("membership", {"target_ref": ident("report", 9)}, "no party"),
    ("party", {"extensions": None}, "what kind of party"),
    ("party", {"extensions": {extensions.PARTY_EXTENSION: {"extension_type": "property-extension"}}}, "kind"),
    ("dialogue", {"party_refs": ["x"]}, "not the identifier"),
    ("consent", {"object_refs": []}, "no object"),
    ("consent", {"agreement_ref": OWN.id}, "no agreement"),
    ("consent", {"originator_ref": AGREED.id}, "no party"),
]  # fmt: skip
READERS: dict[str, Callable[[bytes], Any]] = {
    "agreement": read_agreement,
    "membership": read_membership,
    "party": read_party,
    "dialogue": read_dialogue,
    "consent": read_consent,
}


def everything() -> list[bytes]:
    return [write_party(OWN, STAMP), *(WRITTEN[name] for name in READERS), WRITTEN["community"]]


@pytest.mark.parametrize(
    ("what", "changes", "says"), WRONG, ids=[f"{w}-{next(iter(c))}-{i}" for i, (w, c, _) in enumerate(WRONG)]
)
def test_what_is_wrong_is_refused_with_a_sentence(what: str, changes: dict[str, Any], says: str) -> None:
    raw = changed(WRITTEN[what], **changes)
    with pytest.raises(InvalidInput, match=says):
        READERS[what](raw)
    reading = read_directory(OWN, [raw if each is WRITTEN[what] else each for each in everything()])
    assert [(one.id, says in one.reason) for one in reading.skipped] == [(json.loads(raw)["id"], True)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"kind": "warlord"}, "no kind of party"),
        ({"country": "Indonesia"}, "two capital letters"),
        ({"ceiling": "green"}, "no community"),
        ({"mandate": "x"}, "mandate"),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else None,
)
def test_what_is_wrong_with_a_party_is_said(words: dict[str, str], says: str) -> None:
    content = {"extension_type": "property-extension", "kind": "company"} | words
    with pytest.raises(InvalidInput, match=says):
        read_party(changed(WRITTEN["party"], extensions={extensions.PARTY_EXTENSION: content}))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: write_agreement(Agreement(**_fields(AGREED) | {"parties": frozenset()}), None, STAMP),
        lambda: write_agreement(Agreement(**_fields(AGREED) | {"stops": NOW}), None, STAMP),
        lambda: write_party(Party(**_fields(OTHER) | {"ceiling": Tlp.GREEN}), STAMP),
        lambda: new_membership(OWN.id, OWN.id),
        lambda: write_membership(Membership(**_fields(MEMBER) | {"stops": NOW}), STAMP),
        lambda: write_consent(Consent(**_fields(CONSENT) | {"objects": frozenset()}), STAMP),
        lambda: write_dialogue(Dialogue(**_fields(DIALOGUE) | {"parties": frozenset({"x"})}), STAMP),
    ],
)
def test_what_is_wrong_is_not_written(wrong: Callable[[], object]) -> None:
    with pytest.raises(InvalidInput):
        wrong()


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


# The directory


def test_a_directory_is_read_from_its_objects() -> None:
    reading = read_directory(OWN, everything())
    held = reading.directory
    assert (held.own, held.parties) == (OWN.id, {one.id: one for one in (OWN, OTHER, CLUB)})
    assert (held.memberships, held.agreements, held.consents) == ((MEMBER,), {AGREED.id: AGREED}, (CONSENT,))
    assert (reading.dialogues, reading.aliases, reading.skipped) == ({DIALOGUE.id: DIALOGUE}, {AGREED.id: "agreed"}, ())
    assert read_directory(OWN, []).directory.parties == {OWN.id: OWN}


def test_the_latest_version_counts_in_any_order_and_one_that_is_wrong_takes_the_object_with_it() -> None:
    raw = WRITTEN["agreement"]
    newer = revise(raw, NOW, {"ceiling": "green"})
    wrong = revise(newer, NOW, {"ceiling": "beige"})
    for objects in ([raw, newer], [newer, raw]):
        assert read_directory(OWN, objects).directory.agreements[AGREED.id].ceiling is Tlp.GREEN
        assert read_directory(OWN, [*objects, wrong]).directory.agreements == {}
    undated = changed(raw, modified=None)
    assert read_directory(OWN, [newer, undated]).directory.agreements == {}


def test_what_is_revoked_is_gone() -> None:
    gone = [revise(each, NOW, {"revoked": True}) for each in everything()]
    held = read_directory(OWN, gone).directory
    assert (held.parties, held.memberships, held.consents) == ({}, (), ())
    assert not held.agreements[AGREED.id].in_force(NOW + MS)


def test_a_withdrawal_of_this_node_ends_an_agreement_here_and_nobody_elses_does() -> None:
    def in_force(*more: bytes) -> bool:
        return read_directory(OWN, [*everything(), *more]).directory.agreements[AGREED.id].in_force(NOW)

    assert in_force()
    assert not in_force(WRITTEN["withdrawal"])
    assert not in_force(changed(WRITTEN["withdrawal"], start_time="never")), "what cannot be read fails closed"
    assert in_force(changed(WRITTEN["withdrawal"], source_ref=OTHER.id))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda leaf: st.lists(leaf, max_size=2) | st.dictionaries(st.text(max_size=5), leaf, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(sorted(READERS)), st.data())
def test_what_is_malformed_is_skipped_and_nothing_else_is(what: str, data: st.DataObject) -> None:
    """Any property of any object replaced by anything: the others count as before, and nothing is raised."""
    value = json.loads(WRITTEN[what])
    value[data.draw(st.sampled_from(sorted(set(value) - {"id"})))] = data.draw(JUNK)
    others = [each for each in everything() if each is not WRITTEN[what]]
    reading = read_directory(OWN, [json.dumps(value).encode(), *others])
    assert {one.id for one in reading.skipped} <= {value["id"]}
    assert reading.objects.keys() >= {json.loads(each)["id"] for each in others}


@given(st.binary(max_size=40) | st.sampled_from([b"[" * 10_000, b'{"id":"x","type":5}', b"\xff", b"{}", b'{"id":{}}']))
def test_any_bytes_are_skipped(raw: bytes) -> None:
    reading = read_directory(OWN, [raw, *everything()])
    assert len(reading.skipped) == 1
    assert len(reading.objects) == len(everything())


# Finding


def finding() -> Reading:
    twin = Party(id=ident("identity", 20), name="Club", kind=PartyKind.NGO)
    return read_directory(OWN, [*everything(), write_party(twin, STAMP)])


def test_a_thing_is_found_by_identifier_alias_or_exact_name() -> None:
    held = finding()
    assert held.party(OTHER.id) == held.party("other") == held.party("Other") == OTHER
    assert held.agreement(AGREED.id) == held.agreement("agreed") == held.agreement("Agreed") == AGREED
    assert held.dialogue("talks") == held.dialogue("Talks") == DIALOGUE
    assert held.label(OTHER.id) == "other"
    for wrong in ("OTHER", "oth", ""):
        with pytest.raises(NotFound):
            held.party(wrong)


def test_a_name_that_can_mean_two_is_refused_and_both_are_listed() -> None:
    with pytest.raises(InvalidInput, match=rf"{CLUB.id}.*{ident('identity', 20)}"):
        finding().party("Club")
