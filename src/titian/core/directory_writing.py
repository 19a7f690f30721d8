"""The directory as STIX objects, written: each function gives bytes that hold against STIX 2.1."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from titian.core.agreement import Agreement, Consent
from titian.core.collection import timestamp
from titian.core.directory_objects import Dialogue, check_membership, read_consent
from titian.core.extensions import (
    CLIENT_OF,
    MEMBER_OF,
    NEW_TYPES,
    PARTY_EXTENSION,
    WITHDRAWS_FROM,
    check_agreement,
    check_party,
    read_alias,
    read_languages,
    read_name,
    require_reference,
)
from titian.core.party import Membership, Party, PartyKind
from titian.core.stix import Timestamp, new_id
from titian.core.tlp import TLP_IDS, Tlp

# Ours: the community of those who are in an agreement for a time only has one identifier on every node.
_FOR_A_TIME: Final = UUID("9cc72b5f-2f12-4fb9-84d8-e95a3dd53b47")


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes an object, when (microseconds), and how it is marked."""

    by: str
    at: int
    tlp: Tlp = Tlp.GREEN


def instant_text(micros: int) -> str:
    """Write an instant as STIX does, with milliseconds where those say it all.

    >>> instant_text(1_600_000_000_000_000), instant_text(1)
    ('2020-09-13T12:26:40.000Z', '1970-01-01T00:00:00.000001Z')
    """
    text = timestamp(micros)
    return text[:23] + "Z" if text.endswith("000Z") else text


def _fresh(kind: str, identifier: str, stamp: Stamp, content: Mapping[str, object]) -> bytes:
    """Bytes of the first version of an object; what is None or empty in ``content`` is left out."""
    moment = timestamp(stamp.at)[:23] + "Z"
    head: dict[str, object] = {"type": kind, "spec_version": "2.1", "id": identifier, "created_by_ref": stamp.by}
    head |= {"created": moment, "modified": moment}
    head |= {name: value for name, value in content.items() if value is not None and value != []}
    head["object_marking_refs"] = [TLP_IDS[stamp.tlp]]
    if kind in NEW_TYPES:
        head["extensions"] = {NEW_TYPES[kind]: {"extension_type": "new-sdo"}}
    return msgspec.json.encode(head)


def party_content(party: Party) -> dict[str, object]:
    """Return what an ``identity`` says of a party, None for what it does not."""
    words = {
        "extension_type": "property-extension",
        "kind": party.kind.value,
        "alias": party.alias,
        "country": party.country,
        "ceiling": party.ceiling and party.ceiling.value,
    }
    return {
        "name": party.name,
        "identity_class": "group" if party.kind is PartyKind.COMMUNITY else "organization",
        "sectors": list(party.sectors) or None,
        "contact_information": party.contact,
        "extensions": {PARTY_EXTENSION: {name: value for name, value in words.items() if value is not None}},
    }


def write_party(party: Party, stamp: Stamp) -> bytes:
    """Write a party as an ``identity``. Raises :class:`InvalidInput` for one that makes no sense."""
    return _fresh("identity", check_party(party).id, stamp, party_content(party))


def write_membership(membership: Membership, stamp: Stamp) -> bytes:
    """Write a membership as a ``relationship``, a hidden one marked TLP:RED. Raises :class:`InvalidInput`."""
    check_membership(membership)
    if membership.hidden:
        stamp = msgspec.structs.replace(stamp, tlp=Tlp.RED)
    content = {
        "relationship_type": CLIENT_OF if membership.client else MEMBER_OF,
        "source_ref": membership.member,
        "target_ref": membership.of,
        "start_time": None if membership.starts is None else instant_text(membership.starts),
        "stop_time": None if membership.stops is None else instant_text(membership.stops),
    }
    return _fresh("relationship", membership.id, stamp, content)


def write_withdrawal(agreement: Agreement, stamp: Stamp, *, random: Callable[[int], bytes] = os.urandom) -> bytes:
    """Write that a party (the stamp's) leaves an agreement that another wrote, when the stamp says."""
    content = {
        "relationship_type": WITHDRAWS_FROM,
        "source_ref": stamp.by,
        "target_ref": agreement.id,
        "start_time": timestamp(stamp.at)[:23] + "Z",
    }
    return _fresh("relationship", new_id("relationship", random=random), stamp, content)


def write_agreement(agreement: Agreement, alias: str | None, stamp: Stamp) -> bytes:
    """Write an agreement. Raises :class:`InvalidInput` for one that makes no sense."""
    check_agreement(agreement)
    content = {
        "name": agreement.name,
        "alias": read_alias(alias),
        "party_refs": sorted(agreement.parties),
        "purposes": sorted(agreement.purposes),
        "topics": list(agreement.topics),
        "ceiling": agreement.ceiling.value,
        "onward": agreement.onward.value,
        "languages": list(read_languages(agreement.languages)),
        "valid_from": instant_text(agreement.starts),
        "valid_until": None if agreement.stops is None else instant_text(agreement.stops),
        "dialogue_ref": agreement.dialogue,
        "four_eyes": agreement.four_eyes,
    }
    return _fresh("agreement", agreement.id, stamp, content)


def write_dialogue(dialogue: Dialogue, stamp: Stamp) -> bytes:
    """Write a dialogue. Raises :class:`InvalidInput` for one with a party that is none."""
    for party in dialogue.parties:
        require_reference(party, "identity", f"The dialogue {dialogue.name!r} has a party that is none")
    return _fresh("dialogue", dialogue.id, stamp, {"name": dialogue.name, "alias": read_alias(dialogue.alias),
                                                   **dialogue_content(dialogue)})  # fmt: skip


def dialogue_content(dialogue: Dialogue) -> dict[str, object]:
    """Return what a ``dialogue`` says of its parties, meetings, commitments and statements."""
    references = [
        {"source_name": one.source, "description": one.title} | ({"url": one.url} if one.url else {})
        for one in dialogue.statements
    ]
    return {
        "party_refs": sorted(dialogue.parties),
        "meetings": [msgspec.to_builtins(one) for one in dialogue.meetings] or None,
        "commitments": [
            {"by_ref": one.by, "title": one.title, "due": one.due} | ({"kept": one.kept} if one.kept else {})
            for one in dialogue.commitments
        ]
        or None,
        "external_references": references or None,
    }


def write_consent(consent: Consent, stamp: Stamp) -> bytes:
    """Write a consent. Raises :class:`InvalidInput` for one that makes no sense."""
    content = {
        "originator_ref": consent.originator,
        "object_refs": sorted(consent.objects),
        "agreement_ref": consent.agreement,
        "valid_until": None if consent.until is None else instant_text(consent.until),
    }
    raw = _fresh("consent", consent.id, stamp, content)
    read_consent(raw)
    return raw


def revise(raw: bytes, at: int, changes: Mapping[str, object]) -> bytes:
    """Return a new version of an object: later than the one given, other properties as they are.

    ``changes`` maps properties to values, None to take one away. ``at`` is in microseconds; the version is at least
    a millisecond after the last, whatever the clock says (STIX 2.1 section 3.6).
    """
    content: dict[str, Any] = msgspec.json.decode(raw)
    version = max(at // 1000, Timestamp.parse(content["modified"]).micros // 1000 + 1)
    content |= dict(changes) | {"modified": timestamp(version * 1000)[:23] + "Z"}
    return msgspec.json.encode({name: value for name, value in content.items() if value is not None})


def new_membership(
    member: str,
    of: str,
    *,
    client: bool = False,
    hidden: bool = False,
    starts: int | None = None,
    stops: int | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> Membership:
    """Return a membership with an identifier of its own. Raises :class:`InvalidInput`."""
    identifier = new_id("relationship", random=random)
    return check_membership(
        Membership(id=identifier, member=member, of=of, client=client, hidden=hidden, starts=starts, stops=stops)
    )


def for_a_time(agreement: Agreement) -> Party:
    """Return the community of those who are in an agreement for a time only: its members have dates, parties none.

    Its identifier follows from the agreement's, so that it is the same whoever writes it.
    """
    return Party(
        id=f"identity--{uuid5(_FOR_A_TIME, agreement.id)}",
        name=read_name(f"{agreement.name[:150]} (for a time)"),
        kind=PartyKind.COMMUNITY,
    )
