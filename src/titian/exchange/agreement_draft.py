"""From a file that describes an agreement to the objects that set it up, against what the directory holds already.

What is known stays as it is: a file never overwrites a party, nor gives a community that is in use new members, since
that would widen every other agreement it is in. A partner's bundle cannot speak for this node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Final

import msgspec

from titian.core.agreement import Agreement
from titian.core.directory_objects import (
    Change,
    Dialogue,
    Reading,
    creator,
    modified,
    object_head,
    read_agreement,
    read_dialogue,
    read_membership,
    read_party,
)
from titian.core.directory_writing import (
    Stamp,
    new_membership,
    party_content,
    revise,
    write_agreement,
    write_dialogue,
    write_membership,
    write_party,
)
from titian.core.errors import AlreadyExists, InvalidInput, Refused
from titian.core.extensions import MEMBERSHIPS
from titian.core.party import Party
from titian.core.stix import examine, new_id, same_content
from titian.exchange.agreement_file import AgreementDraft, BundleDraft, PartyDraft

_STAYS: Final = "is known already, and stays as it is here"


class Plan(msgspec.Struct):
    """What a file comes to: the change, and what somebody should know about it, sentence by sentence."""

    change: Change
    notes: list[str]


def require_free(held: Reading, what: str, identifier: str, *names: str | None) -> None:
    """Refuse a name or an alias that means something else already. Raises :class:`AlreadyExists`."""
    called: Mapping[str, tuple[str | None, ...]]
    if what == "party":
        called = {one.id: (one.name, one.alias) for one in held.directory.parties.values()}
    elif what == "dialogue":
        called = {one.id: (one.name, one.alias) for one in held.dialogues.values()}
    else:
        called = {one.id: (one.name, held.aliases.get(one.id)) for one in held.directory.agreements.values()}
    for other, taken in called.items():
        for name in names:
            if other != identifier and name is not None and name in taken:
                raise AlreadyExists(f"Another {what} is called {name!r}: {other}.",
                                    advice="Choose another: nobody must mistake one for the other.")  # fmt: skip


class _Names:
    """What references in a file mean: a party of the file first, then one of the directory."""

    def __init__(self, held: Reading) -> None:
        self._held = held
        self._local: dict[str, str] = {}

    def add(self, identifier: str, draft: PartyDraft) -> None:
        for name in {identifier, draft.alias or draft.name, draft.name}:
            if name in self._local:
                raise InvalidInput(f"The file has two parties called {name!r}.", advice="Give each another name.")
            self._local[name] = identifier

    def find(self, reference: str) -> str:
        return self._local.get(reference) or self._held.party(reference).id


def plan_draft(draft: AgreementDraft, held: Reading, stamp: Stamp) -> Plan:
    """Return what sets up an agreement from a file that a person wrote.

    :raises AlreadyExists: for a name that is taken, or an agreement that is known and differs.
    :raises NotFound: for a reference to a party that neither the file nor the directory knows.
    """
    notes: list[str] = []
    names = _Names(held)
    known = {one.alias or one.name: one.id for one in held.directory.parties.values()}
    parties = []
    for one in draft.new_parties:
        by_name = known.get(one.alias or one.name)
        identifier = one.id or by_name or new_id("identity")
        names.add(identifier, one)
        parties.append((identifier, one))
    objects = _plan_parties(parties, names, held, stamp, notes)
    members = frozenset(names.find(reference) for reference in draft.parties)
    dialogue = _plan_dialogue(draft, members, names, held, stamp, objects, notes)
    agreement = _agreement_of(draft, members, dialogue, held, stamp)
    before = held.directory.agreements.get(agreement.id)
    if before is not None and (before, held.aliases.get(agreement.id)) != (agreement, draft.alias):
        raise AlreadyExists(f"The agreement {before.name!r} is known already, and says something else.",
                            advice="`titian agreements narrow`, `members` and `end` change it.")  # fmt: skip
    if before is not None:
        notes.append(f"The agreement {agreement.name!r} {_STAYS}.")
    else:
        require_free(held, "agreement", agreement.id, agreement.name, draft.alias)
        objects.append(write_agreement(agreement, draft.alias, stamp))
    details = {"name": agreement.name, "parties": sorted(members), "purposes": sorted(agreement.purposes),
               "ceiling": agreement.ceiling.value}  # fmt: skip
    return Plan(Change(objects=objects, act="add agreement", subject=agreement.id, details=details), notes)


def _plan_parties(
    parties: Iterable[tuple[str, PartyDraft]], names: _Names, held: Reading, stamp: Stamp, notes: list[str]
) -> list[bytes]:
    objects = []
    own = held.directory.parties.get(held.directory.own)
    for identifier, one in parties:
        party = Party(id=identifier, name=one.name, kind=one.kind, alias=one.alias, country=one.country,
                      sectors=one.sectors, contact=one.contact, ceiling=one.ceiling)  # fmt: skip
        if own is not None and identifier == own.id and own.alias is None:
            objects.append(_describe_own(own, party, held, stamp))
            continue
        if identifier in held.directory.parties:
            if identifier != held.directory.own and _differs(party, {names.find(each) for each in one.members}, held):
                notes.append(f"The party {held.label(identifier)!r} is described otherwise in the file; it {_STAYS}.")
            continue
        require_free(held, "party", identifier, one.name, one.alias)
        objects.append(write_party(party, stamp))
        for member in one.members:
            objects.append(write_membership(new_membership(names.find(member), identifier), stamp))
    return objects


def _differs(party: Party, members: Set[str], held: Reading) -> bool:
    """Whether a file says something else of a party that is known, or of who is in it."""
    inside = {one.member for one in held.directory.memberships if one.of == party.id and not one.client}
    return held.directory.parties[party.id] != party or inside != members


def _describe_own(own: Party, described: Party, held: Reading, stamp: Stamp) -> bytes:
    """What the node's own party is besides what the node was set up with, which stays its name and country."""
    require_free(held, "party", own.id, described.alias)
    party = msgspec.structs.replace(described, name=own.name, country=own.country or described.country)
    raw = held.objects.get(own.id)
    return write_party(party, stamp) if raw is None else revise(raw, stamp.at, party_content(party))


def _plan_dialogue(
    draft: AgreementDraft,
    members: frozenset[str],
    names: _Names,
    held: Reading,
    stamp: Stamp,
    objects: list[bytes],
    notes: list[str],
) -> str | None:
    if draft.new_dialogue is None:
        return None if draft.dialogue is None else held.dialogue(draft.dialogue).id
    identifier = draft.new_dialogue.id or new_id("dialogue")
    promised = tuple(
        msgspec.structs.replace(one, by=names.find(one.by)) for one in draft.new_dialogue.commitments
    )  # fmt: skip
    if any(one.by not in members for one in promised):
        raise InvalidInput(
            "A commitment is of a party that is not in the agreement.", advice="Name one of its parties."
        )
    dialogue: Dialogue = msgspec.structs.replace(
        draft.new_dialogue, id=identifier, parties=members, commitments=promised
    )  # fmt: skip
    if identifier in held.dialogues:
        if held.dialogues[identifier] != dialogue:
            notes.append(f"The dialogue {dialogue.name!r} is described otherwise in the file; it {_STAYS}.")
        return identifier
    require_free(held, "dialogue", identifier, dialogue.name, dialogue.alias)
    objects.append(write_dialogue(dialogue, stamp))
    return identifier


def _agreement_of(
    draft: AgreementDraft, members: frozenset[str], dialogue: str | None, held: Reading, stamp: Stamp
) -> Agreement:
    identifier = draft.id or new_id("agreement")
    before = held.directory.agreements.get(identifier)
    # Without a day in the file it holds from when it was added: a second reading of the file changes nothing.
    starts = (stamp.at if before is None else before.starts) if draft.starts is None else draft.starts
    return Agreement(
        id=identifier, name=draft.name, parties=members, purposes=draft.purposes, topics=draft.topics,
        ceiling=draft.ceiling, onward=draft.onward, languages=draft.languages, starts=starts, stops=draft.stops,
        dialogue=dialogue, four_eyes=draft.four_eyes,
    )  # fmt: skip


# --- a partner's bundle -------------------------------------------------------------------------------------


def plan_bundle(draft: BundleDraft, held: Reading) -> Plan:
    """Return what of a partner's bundle is taken into the directory, byte for byte.

    Taken are agreements, dialogues, parties that are not known yet, and the members of communities that are not.

    :raises InvalidInput: for objects that are invalid, or an agreement with a party that nobody has described.
    :raises Refused: for an object that claims to be this node's, or to change what another wrote.
    """
    notes: list[str] = []
    if not any(object_head(raw)[0] == "agreement" for raw in draft.objects):
        raise InvalidInput("The bundle holds no agreement.", advice="Ask the partner for the agreement object.")
    taken = _sort_out(draft.objects, held, notes)
    parties = [read_party(raw) for raw in taken["identity"]]
    described = {party.id for party in parties} | held.directory.parties.keys()
    agreements = [read_agreement(raw) for raw in taken["agreement"]]
    for party in parties:
        require_free(held, "party", party.id, party.name, party.alias)
    for dialogue in map(read_dialogue, taken["dialogue"]):
        require_free(held, "dialogue", dialogue.id, dialogue.name, dialogue.alias)
    for agreement, alias in agreements:
        require_free(held, "agreement", agreement.id, agreement.name, alias)
        if missing := sorted(agreement.parties - described):
            raise InvalidInput(f"The agreement {agreement.name!r} names {missing[0]}, which nobody has described.",
                               advice="The bundle should hold the identity of each party.")  # fmt: skip
    members = _taken_members(taken["relationship"], {party.id for party in parties}, held, notes)
    objects = [*taken["identity"], *members, *taken["dialogue"], *taken["agreement"]]
    subject = agreements[0][0].id if agreements else held.directory.own
    details = {"agreements": [one.id for one, _ in agreements], "objects": len(objects), "from": "bundle"}
    return Plan(Change(objects=objects, act="add agreement", subject=subject, details=details), notes)


def _taken_members(relationships: Iterable[bytes], new: Set[str], held: Reading, notes: list[str]) -> list[bytes]:
    """The memberships of communities that are new with the bundle."""
    taken = []
    for raw in relationships:
        one = read_membership(raw)
        if one.of in new:
            taken.append(raw)
        else:
            note = f"That {one.member} belongs to {held.label(one.of)!r} is not taken"
            notes.append(f"{note}: who is in a community that is known already is decided here.")
    return taken


def _sort_out(objects: Iterable[bytes], held: Reading, notes: list[str]) -> dict[str, list[bytes]]:
    """What may be taken, by type."""
    found: dict[str, list[bytes]] = {"identity": [], "relationship": [], "dialogue": [], "agreement": []}
    for raw in objects:
        seen = examine(raw)
        if seen.violations:
            wrong = seen.violations[0]
            raise InvalidInput(f"{wrong.id or 'An object without an id'}, {wrong.path}: {wrong.message}",
                               advice="Ask the partner for a valid bundle.")  # fmt: skip
        kind, identifier = object_head(raw)
        if kind in ("extension-definition", "marking-definition"):
            continue
        if kind not in found or (kind == "relationship" and _relationship_type(raw) not in MEMBERSHIPS):
            notes.append(f"{identifier} is not taken: it is no part of an agreement.")
        elif _is_new(raw, kind, identifier, held, notes):
            found[kind].append(raw)
    return found


class _Related(msgspec.Struct):
    relationship_type: str = ""


def _relationship_type(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=_Related).relationship_type


def _is_new(raw: bytes, kind: str, identifier: str, held: Reading, notes: list[str]) -> bool:
    before = held.objects.get(identifier)
    if before is not None and same_content(before, raw):
        notes.append(f"{identifier} is known already.")
        return False
    if kind == "identity" and identifier in held.directory.parties:
        notes.append(f"The party {held.label(identifier)!r} {_STAYS}.")
        return False
    if creator(raw) in (None, held.directory.own):
        raise Refused(f"{identifier} claims to be written by this node, or by nobody.",
                      advice="A partner's objects name the partner as their creator.")  # fmt: skip
    if before is None:
        return True
    if creator(before) != creator(raw):
        author = held.label(creator(before) or "nobody")
        raise Refused(f"{identifier} was written by {author!r}, and nobody else may change it.",
                      advice="Only the creator of an object makes new versions (STIX 2.1 section 3.6.2).")  # fmt: skip
    if modified(raw) <= modified(before):
        notes.append(f"{identifier} is known already in a later version.")
        return False
    return True
