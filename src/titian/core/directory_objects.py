"""The directory as STIX objects: parties, memberships, dialogues, agreements and consents, read.

Reading fails closed, object by object: what cannot be read whole does not count, whatever an earlier version said,
and is named with its reason. How they are written: :mod:`titian.core.directory_writing`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from titian.core.agreement import Agreement, Consent
from titian.core.errors import InvalidInput, NotFound
from titian.core.extensions import (
    CLIENT_OF,
    MEMBERSHIPS,
    NEW_TYPES,
    PARTY_EXTENSION,
    WITHDRAWS_FROM,
    AgreementObject,
    CommitmentPart,
    ConsentObject,
    DialogueObject,
    PartyWords,
    check_agreement,
    check_party,
    read_alias,
    read_ceiling,
    read_country,
    read_instant,
    read_kind,
    read_languages,
    read_name,
    read_onward,
    read_purposes,
    require_reference,
)
from titian.core.marking import read_markings
from titian.core.party import Directory, Membership, Party
from titian.core.stix import Timestamp
from titian.core.tlp import Circle

T = TypeVar("T")


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """A meeting in a dialogue; ``date`` as YYYY-MM-DD."""

    date: str
    place: str
    title: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in public: who published it, and what it is called."""

    source: str
    title: str
    url: str | None = None


class Commitment(msgspec.Struct, frozen=True, kw_only=True):
    """What a party has promised in a dialogue: who (an identifier), what, until which day, and on which it was kept.

    Days as YYYY-MM-DD.
    """

    by: str
    title: str
    due: str
    kept: str | None = None


class Dialogue(msgspec.Struct, frozen=True, kw_only=True):
    """A standing channel between parties: its meetings, statements, and what was promised. ``parties`` are
    identifiers."""

    id: str
    name: str
    alias: str | None = None
    parties: frozenset[str] = frozenset()
    meetings: tuple[Meeting, ...] = ()
    statements: tuple[Statement, ...] = ()
    commitments: tuple[Commitment, ...] = ()


class Skipped(msgspec.Struct, frozen=True):
    """An object of the directory that does not count, and why. ``id`` is empty when it has none to be read."""

    id: str
    reason: str


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A directory as it was read: what rules see of it, and what people ask for besides.

    ``objects`` holds the latest version of each object that was understood, ``aliases`` those of agreements,
    both by identifier.
    """

    directory: Directory
    dialogues: dict[str, Dialogue] = {}
    aliases: dict[str, str] = {}
    objects: dict[str, bytes] = {}
    skipped: tuple[Skipped, ...] = ()

    def party(self, reference: str) -> Party:
        """Find a party by identifier, alias or exact name. Raises :class:`NotFound`, :class:`InvalidInput` for many."""
        parties = self.directory.parties
        called = {one.id: (one.name, one.alias) for one in parties.values()}
        return parties[_find("party", reference, called, "`titian parties list` shows them.")]

    def agreement(self, reference: str) -> Agreement:
        """Find an agreement by identifier, alias or exact name. Raises as :meth:`party` does."""
        found = self.directory.agreements
        called = {one.id: (one.name, self.aliases.get(one.id)) for one in found.values()}
        return found[_find("agreement", reference, called, "`titian agreements list` shows them.")]

    def dialogue(self, reference: str) -> Dialogue:
        """Find a dialogue by identifier, alias or exact name. Raises as :meth:`party` does."""
        called = {one.id: (one.name, one.alias) for one in self.dialogues.values()}
        return self.dialogues[_find("dialogue", reference, called, "`titian agreements dialogue list` shows them.")]

    def label(self, identifier: str) -> str:
        """What to call a party where a person reads: its alias, else its name, else the identifier."""
        known = self.directory.parties.get(identifier)
        return identifier if known is None else known.alias or known.name


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the directory: the objects that say it, and the act that it is.

    ``act`` is the kind of act, ``subject`` the identifier it is about, ``details`` what else to remember, as JSON.
    """

    objects: Sequence[bytes]
    act: str
    subject: str
    details: Mapping[str, Any] = {}


def _find(what: str, reference: str, called: Mapping[str, tuple[str, str | None]], advice: str) -> str:
    if reference in called:
        return reference
    found = sorted(identifier for identifier, names in called.items() if reference in names)
    if not found:
        raise NotFound(f"There is no {what} {reference[:80]!r}.", advice=advice)
    if len(found) > 1:
        raise InvalidInput(f"{reference!r} can mean more than one {what}: {', '.join(found)}.",
                           advice="Give the identifier.")  # fmt: skip
    return found[0]


# --- reading ------------------------------------------------------------------------------------------------


class _Head(msgspec.Struct):
    type: str
    id: str
    modified: str = ""
    revoked: bool = False
    relationship_type: str = ""


class _Identity(msgspec.Struct):
    id: str
    name: str
    sectors: tuple[str, ...] = ()
    contact_information: str | None = None
    extensions: dict[str, msgspec.Raw] = {}


class _Relationship(msgspec.Struct):
    id: str
    relationship_type: str
    source_ref: str
    target_ref: str
    start_time: str | None = None
    stop_time: str | None = None


class _Author(msgspec.Struct):
    modified: str
    created_by_ref: str | None = None


_head: Final = msgspec.json.Decoder(_Head)
_author: Final = msgspec.json.Decoder(_Author)
_identity: Final = msgspec.json.Decoder(_Identity)
_party_words: Final = msgspec.json.Decoder(PartyWords)
_relationship: Final = msgspec.json.Decoder(_Relationship)
_agreement: Final = msgspec.json.Decoder(AgreementObject)
_dialogue: Final = msgspec.json.Decoder(DialogueObject)
_consent: Final = msgspec.json.Decoder(ConsentObject)


def _decode(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, what: str) -> T:
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"This {what} cannot be read: {error}.") from None


def _declared(found: AgreementObject | DialogueObject | ConsentObject) -> None:
    """Refuse a type of ours that our extension does not declare: it is somebody else's, and may mean another thing."""
    declared = found.extensions.get(NEW_TYPES[found.type])
    if declared != {"extension_type": "new-sdo"} or len(found.extensions) != 1:
        raise InvalidInput(f"This {found.type} is not declared by Titian's extension alone.",
                           advice=f"It needs the extension {NEW_TYPES[found.type]}, and no other.")  # fmt: skip


def object_head(raw: bytes) -> tuple[str, str]:
    """Return the type and the identifier of an object. Raises :class:`InvalidInput` for what has none."""
    head = _decode(_head, raw, "object")
    return head.type, head.id


def creator(raw: bytes) -> str | None:
    """Return who created an object, if it says so. Raises :class:`InvalidInput`."""
    return _decode(_author, raw, "object").created_by_ref


def modified(raw: bytes) -> Timestamp:
    """Return the version of an object. Raises :class:`InvalidInput`."""
    return Timestamp.parse(_decode(_author, raw, "object").modified)


def read_party(raw: bytes) -> Party:
    """Read a party from its ``identity``. Raises :class:`InvalidInput`."""
    found = _decode(_identity, raw, "identity")
    words = found.extensions.get(PARTY_EXTENSION)
    if words is None:
        raise InvalidInput(f"The identity {found.name!r} does not say what kind of party it is.",
                           advice=f"It needs the extension {PARTY_EXTENSION}.")  # fmt: skip
    said = _decode(_party_words, words, "party")
    return check_party(
        Party(
            id=found.id,
            name=read_name(found.name),
            kind=read_kind(said.kind),
            alias=read_alias(said.alias),
            country=read_country(said.country),
            sectors=found.sectors,
            contact=found.contact_information,
            ceiling=None if said.ceiling is None else read_ceiling(said.ceiling),
        )
    )


def read_membership(raw: bytes) -> Membership:
    """Read a membership from its ``relationship``. Raises :class:`InvalidInput`.

    One that is marked TLP:RED, not at all, or in a way that is not understood is hidden.
    """
    found = _decode(_relationship, raw, "membership")
    if found.relationship_type not in MEMBERSHIPS:
        raise InvalidInput(f"A relationship {found.relationship_type!r} is no membership.")
    return check_membership(
        Membership(
            id=found.id,
            member=found.source_ref,
            of=found.target_ref,
            client=found.relationship_type == CLIENT_OF,
            hidden=read_markings(raw, {}).whole.reach <= {Circle.RECIPIENTS},
            starts=read_instant(found.start_time),
            stops=read_instant(found.stop_time),
        )
    )


def check_membership(membership: Membership) -> Membership:
    """Return a membership that makes sense.

    :raises InvalidInput: for a member of itself, or one that ends before it begins.
    """
    require_reference(membership.member, "identity", "A membership has a member that is no party")
    require_reference(membership.of, "identity", "A membership is of what is no party")
    if membership.member == membership.of:
        raise InvalidInput("A party cannot be a member or a client of itself.", advice="Name another community.")
    if membership.starts is not None and membership.stops is not None and membership.stops <= membership.starts:
        raise InvalidInput("A membership ends before it begins, or when it does.", advice="Give a later end, or none.")
    return membership


def read_agreement(raw: bytes) -> tuple[Agreement, str | None]:
    """Read an agreement, and its alias. Raises :class:`InvalidInput`."""
    found = _decode(_agreement, raw, "agreement")
    _declared(found)
    starts = read_instant(found.valid_from)
    assert starts is not None, "valid_from is required"
    agreement = Agreement(
        id=found.id,
        name=read_name(found.name),
        parties=frozenset(found.party_refs),
        purposes=read_purposes(found.purposes),
        topics=found.topics,
        ceiling=read_ceiling(found.ceiling),
        onward=read_onward(found.onward),
        languages=read_languages(found.languages),
        starts=starts,
        stops=read_instant(found.valid_until),
        dialogue=found.dialogue_ref,
        four_eyes=found.four_eyes,
        revoked=found.revoked,
    )
    return check_agreement(agreement), read_alias(found.alias)


def read_dialogue(raw: bytes) -> Dialogue:
    """Read a dialogue. Raises :class:`InvalidInput`."""
    found = _decode(_dialogue, raw, "dialogue")
    _declared(found)
    for party in found.party_refs:
        require_reference(party, "identity", f"The dialogue {found.name!r} has a party that is none")
    return Dialogue(
        id=found.id,
        name=read_name(found.name),
        alias=read_alias(found.alias),
        parties=frozenset(found.party_refs),
        meetings=tuple(Meeting(date=one.date, place=one.place, title=one.title) for one in found.meetings),
        statements=tuple(
            Statement(source=str(one.get("source_name")), title=str(one.get("description")), url=_text(one.get("url")))
            for one in found.external_references
        ),
        commitments=tuple(_commitment(found, one) for one in found.commitments),
    )


def _commitment(found: DialogueObject, one: CommitmentPart) -> Commitment:
    require_reference(one.by_ref, "identity", f"A commitment in the dialogue {found.name!r} is of nobody")
    for day in (one.due, one.kept):
        if day is not None:
            read_day(day)
    return Commitment(by=one.by_ref, title=one.title, due=one.due, kept=one.kept)


def read_day(text: str) -> str:
    """Return a day that is written as YYYY-MM-DD. Raises :class:`InvalidInput` for what is none.

    >>> read_day("2026-02-28")
    '2026-02-28'
    """
    try:
        if len(text) == len("2026-02-28") and datetime.date.fromisoformat(text):
            return text
    except ValueError:
        pass
    raise InvalidInput(f"{text[:40]!r} is no day.", advice="Write it as 2026-03-01.")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def read_consent(raw: bytes) -> Consent:
    """Read a consent. Raises :class:`InvalidInput`."""
    found = _decode(_consent, raw, "consent")
    _declared(found)
    if not found.object_refs:
        raise InvalidInput("A consent names no object.", advice="Name what the originator lets go on.")
    return Consent(
        id=found.id,
        originator=require_reference(found.originator_ref, "identity", "A consent has an originator that is no party"),
        objects=frozenset(found.object_refs),
        agreement=require_reference(found.agreement_ref, "agreement", "A consent is for what is no agreement"),
        until=read_instant(found.valid_until),
    )


def read_directory(own: Party, objects: Iterable[bytes]) -> Reading:
    """Read a directory from its objects; only the latest version of each counts. Never raises.

    :param own: the node's own party as the node itself knows it, for as long as no object says more.
    """
    latest, skipped = _latest(objects)
    parties, memberships, agreements, consents = {own.id: own}, [], {}, []
    dialogues: dict[str, Dialogue] = {}
    aliases: dict[str, str] = {}
    understood: dict[str, bytes] = {}
    withdrawn: dict[str, int] = {}
    for identifier, (head, raw) in latest.items():
        try:
            if head.type == "agreement":
                # Kept when it is revoked: that it was, and is no more, can be asked for.
                agreement, alias = read_agreement(raw)
                agreements[identifier] = agreement
                if alias is not None:
                    aliases[identifier] = alias
            elif head.revoked:
                parties.pop(identifier, None)
            elif head.type == "identity":
                parties[identifier] = read_party(raw)
            elif head.relationship_type == WITHDRAWS_FROM:
                _withdraw(withdrawn, own.id, raw)
            elif head.type == "relationship":
                memberships.append(read_membership(raw))
            elif head.type == "dialogue":
                dialogues[identifier] = read_dialogue(raw)
            elif head.type == "consent":
                consents.append(read_consent(raw))
            else:
                raise InvalidInput(f"A {head.type} has no place in the directory.")
            understood[identifier] = raw
        except InvalidInput as error:
            skipped.append(Skipped(identifier, str(error)))
    for identifier in withdrawn.keys() & agreements.keys():
        agreements[identifier] = ended(agreements[identifier], withdrawn[identifier])
    for one in skipped:
        parties.pop(one.id, None)  # the own one, which is there before its object is read
    return Reading(
        directory=Directory(own=own.id, parties=parties, memberships=tuple(memberships), agreements=agreements,
                            consents=tuple(consents)),
        dialogues=dialogues, aliases=aliases, objects=understood, skipped=tuple(skipped),
    )  # fmt: skip


class _Withdrawal(msgspec.Struct):
    source_ref: str
    target_ref: str
    start_time: msgspec.Raw = msgspec.Raw(b"null")


_withdrawal: Final = msgspec.json.Decoder(_Withdrawal)
_EVER: Final = -(2**62)


def _withdraw(withdrawn: dict[str, int], own: str, raw: bytes) -> None:
    """Note that the node's own party leaves an agreement; when that cannot be read, it never was in it."""
    found = _decode(_withdrawal, raw, "withdrawal")
    if found.source_ref != own:
        raise InvalidInput("Only this node's own withdrawal from an agreement counts here.")
    try:
        when = read_instant(msgspec.json.decode(found.start_time, type=str))
    except (msgspec.MsgspecError, InvalidInput):
        when = None
    withdrawn[found.target_ref] = min(withdrawn.get(found.target_ref, 2**62), _EVER if when is None else when)


def ended(agreement: Agreement, at: int) -> Agreement:
    """Return an agreement that ends at an instant, if it does not earlier; one that never began is revoked."""
    stops = at if agreement.stops is None else min(at, agreement.stops)
    if stops <= agreement.starts:
        return msgspec.structs.replace(agreement, revoked=True)
    return msgspec.structs.replace(agreement, stops=stops)


def _latest(objects: Iterable[bytes]) -> tuple[dict[str, tuple[_Head, bytes]], list[Skipped]]:
    """The latest version of each object, in the order of identifiers. One unreadable version rules out the object."""
    found: dict[str, tuple[Timestamp, _Head, bytes]] = {}
    skipped: dict[str, Skipped] = {}
    nameless: list[Skipped] = []
    for raw in objects:
        identifier = ""
        try:
            head = _decode(_head, raw, "object")
            identifier = head.id
            version = Timestamp.parse(head.modified)
        except InvalidInput as error:
            identifier = identifier or _claimed(raw)
            if identifier:
                skipped[identifier] = Skipped(identifier, str(error))
            else:
                nameless.append(Skipped("", str(error)))
            continue
        if identifier not in found or version > found[identifier][0]:
            found[identifier] = (version, head, raw)
    kept = {key: found[key][1:] for key in sorted(found.keys() - skipped.keys())}
    return kept, [*skipped.values(), *nameless]


class _Claim(msgspec.Struct):
    id: str = ""


_claim: Final = msgspec.json.Decoder(_Claim)


def _claimed(raw: bytes) -> str:
    try:
        return _claim.decode(raw).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
