"""Agree: parties and communities, dialogues and agreements, who is in them and for how long, and consents.

Every change is worked out from what is held, inside the transaction that writes it, and is one act with who, when,
what and why. What another party wrote is never changed: this node can leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from titian.core.agreement import Agreement, Consent, Onward
from titian.core.directory_objects import Change, Commitment, Dialogue, Meeting, Reading, Statement, creator, ended
from titian.core.directory_writing import (
    Stamp,
    dialogue_content,
    for_a_time,
    instant_text,
    new_membership,
    revise,
    write_consent,
    write_dialogue,
    write_membership,
    write_party,
    write_withdrawal,
)
from titian.core.errors import AlreadyExists, InvalidInput, NotFound, Refused
from titian.core.extensions import read_alias, read_country, read_name, read_purposes
from titian.core.party import Membership, Party, PartyKind, lower_ceiling
from titian.core.stix import is_identifier, new_id
from titian.core.tlp import Tlp
from titian.exchange.agreement_draft import Plan, plan_bundle, plan_draft, require_free
from titian.exchange.agreement_file import BundleDraft, read_agreement_file
from titian.exchange.dialogue_notes import kept, noted

Work = Callable[[Reading, int], Change]
"""From what is held, and the instant in microseconds, to the change."""


class Book(Protocol):
    """The directory, to read and to change: each call is one transaction."""

    def now(self) -> int:
        """The node's clock, in microseconds."""
        ...

    def read(self) -> Reading:
        """Read the directory."""
        ...

    def change(self, person: str, why: str, work: Work) -> tuple[Change, Reading]:
        """Write a change with its act, durably; what it was, and the directory after it."""
        ...


class By(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something and why, and how the objects that say it are marked. ``person`` is the id of an actor."""

    person: str
    why: str = ""
    tlp: Tlp = Tlp.GREEN


class Term(msgspec.Struct, frozen=True):
    """From when until before when, in microseconds; None is always, and for ever."""

    starts: int | None = None
    stops: int | None = None


ALWAYS = Term()


class Tie(msgspec.Struct, frozen=True, kw_only=True):
    """How a party is tied to another: a member of a community, or a client. ``hidden`` is known to this node only."""

    of: str
    client: bool = False
    hidden: bool = False
    term: Term = ALWAYS


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What a file came to: the agreement, and what somebody should know about it."""

    agreements: tuple[Agreement, ...]
    notes: tuple[str, ...]


class Agree:
    """The verbs on the directory."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def now(self) -> int:
        """The node's clock, in microseconds."""
        return self._book.now()

    def read(self) -> Reading:
        """Read the directory."""
        return self._book.read()

    # ── parties ───────────────────────────────────────────────────────────────────────────────────────────

    def add_party(self, party: Party, by: By, *, ties: Sequence[Tie] = ()) -> Party:
        """Add a party; an empty ``id`` gets a new one. ``ties`` name others by identifier, alias or name.

        :raises AlreadyExists: when it is known, or its name or alias means another.
        """

        def work(held: Reading, now: int) -> Change:
            made = msgspec.structs.replace(
                party, id=party.id or new_id("identity"), name=read_name(party.name), alias=read_alias(party.alias),
                country=read_country(party.country),
            )  # fmt: skip
            if made.id in held.directory.parties:
                raise AlreadyExists(f"The party {held.label(made.id)!r} is known already.",
                                    advice="`titian parties join` and `leave` change what it is in.")  # fmt: skip
            require_free(held, "party", made.id, made.name, made.alias)
            stamp = _stamp(held, by, now)
            objects = [write_party(made, stamp)]
            objects += [write_membership(_tied(held, made.id, tie), stamp) for tie in ties]
            details = {"name": made.name, "kind": made.kind.value, "of": [tie.of for tie in ties]}
            return Change(objects=objects, act="add party", subject=made.id, details=details)

        change, after = self._book.change(by.person, by.why, work)
        return after.directory.parties[change.subject]

    def join(self, party: str, tie: Tie, by: By) -> Membership:
        """Make a party a member of a community, or the client of a party. Raises :class:`AlreadyExists` if it is."""

        def work(held: Reading, now: int) -> Change:
            made = _tied(held, held.party(party).id, tie)
            _require_apart(held, made)
            raw = write_membership(made, _stamp(held, by, now))
            details = {"of": made.of, "client": made.client, "membership": made.id}
            return Change(objects=[raw], act="add membership", subject=made.member, details=details)

        change, after = self._book.change(by.person, by.why, work)
        return next(one for one in after.directory.memberships if one.id == change.details["membership"])

    def leave(self, party: str, of: str, by: By, *, until: int | None = None) -> None:
        """End what makes a party a member or a client of another, now or at ``until``. Raises :class:`NotFound`."""

        def work(held: Reading, now: int) -> Change:
            member, community = held.party(party).id, held.party(of).id
            objects = _stopped(held, member, community, now, until)
            if not objects:
                raise NotFound(f"{held.label(member)!r} is not in {held.label(community)!r}.")
            return Change(objects=objects, act="end membership", subject=member, details={"of": community})

        self._book.change(by.person, by.why, work)

    # ── agreements ────────────────────────────────────────────────────────────────────────────────────────

    def add(self, data: bytes, by: By) -> Added:
        """Set up an agreement from a file, TOML or a partner's bundle. Adding the same again changes nothing.

        :raises InvalidInput: for a file that cannot be read. :raises AlreadyExists: for a name that is taken.
        :raises Refused: for a partner's object that speaks for this node.
        """
        draft = read_agreement_file(data)
        notes: list[str] = []

        def work(held: Reading, now: int) -> Change:
            plan: Plan
            if isinstance(draft, BundleDraft):
                plan = plan_bundle(draft, held)
            else:
                plan = plan_draft(draft, held, _stamp(held, by, now))
            notes[:] = plan.notes
            return plan.change

        change, after = self._book.change(by.person, by.why, work)
        wanted: Iterable[str] = change.details.get("agreements", (change.subject,))
        agreements = tuple(after.directory.agreements[one] for one in wanted if one in after.directory.agreements)
        for one in agreements:
            if one.in_force(self.now()) and not after.directory.audience(one, self.now()):
                notes.append(f"Nothing can be released under {one.name!r} now: this node's own party is not in it, or "
                             "nobody else is.")  # fmt: skip
        return Added(agreements=agreements, notes=tuple(notes))

    def end(self, agreement: str, by: By) -> Agreement:
        """End an agreement now; one that another party wrote is left by this node.

        :raises Refused: for one that has ended.
        """

        def work(held: Reading, now: int) -> Change:
            found = held.agreement(agreement)
            if found.revoked or (found.stops is not None and found.stops <= now):
                raise Refused(f"The agreement {found.name!r} has ended already.")
            raw = held.objects[found.id]
            if creator(raw) == held.directory.own:
                stop = now // 1000 * 1000
                over = {"revoked": True} if ended(found, stop).revoked else {"valid_until": instant_text(stop)}
                objects = [revise(raw, now, over)]
            else:
                objects = [write_withdrawal(found, _stamp(held, by, now))]
            return Change(objects=objects, act="end agreement", subject=found.id, details={"name": found.name})

        change, after = self._book.change(by.person, by.why, work)
        return after.directory.agreements[change.subject]

    def narrow(
        self,
        agreement: str,
        by: By,
        *,
        ceiling: Tlp | None = None,
        purposes: Iterable[str] | None = None,
        without: Iterable[str] = (),
        onward: Onward | None = None,
    ) -> Agreement:
        """Let an agreement carry less: a lower ceiling, fewer purposes, fewer parties, nothing to clients.

        :raises Refused: for what would widen it, or was written by another party.
        """

        def work(held: Reading, now: int) -> Change:
            found = held.agreement(agreement)
            changes: dict[str, object] = {}
            if ceiling is not None:
                if lower_ceiling(ceiling, found.ceiling) is not ceiling:
                    raise Refused(f"{ceiling.value} carries more than {found.ceiling.value}.", advice=_WIDER)
                changes["ceiling"] = ceiling.value
            if purposes is not None:
                wanted = read_purposes(purposes)
                if not wanted or not wanted <= found.purposes:
                    raise Refused("Those purposes are none, or more than the agreement names.", advice=_WIDER)
                changes["purposes"] = sorted(wanted)
            gone = {held.party(one).id for one in without}
            if gone:
                changes["party_refs"] = _without(held, found, gone)
            if onward is not None:
                if onward is Onward.CLIENTS and found.onward is Onward.NONE:
                    raise Refused("That would let it go on to clients.", advice=_WIDER)
                changes["onward"] = onward.value
            return _revised(held, found, now, changes, "narrow agreement")

        return self._changed(work, by)

    def _changed(self, work: Work, by: By) -> Agreement:
        change, after = self._book.change(by.person, by.why, work)
        return after.directory.agreements[change.subject]

    def add_member(self, agreement: str, party: str, by: By, *, term: Term = ALWAYS) -> Agreement:
        """Take a party into an agreement, for a time or until it ends. It gets nothing of what was released before.

        :raises AlreadyExists: when it is in it then. :raises Refused: when another party wrote the agreement.
        """

        def work(held: Reading, now: int) -> Change:
            found, member = held.agreement(agreement), held.party(party).id
            if member in found.parties:
                raise AlreadyExists(f"{held.label(member)!r} is in {found.name!r} already.")
            if term == ALWAYS:
                parties = sorted(found.parties | {member})
                return _revised(held, found, now, {"party_refs": parties}, "add member", member=member)
            return _for_a_time(held, found, member, term, _stamp(held, by, now))

        return self._changed(work, by)

    def remove_member(self, agreement: str, party: str, by: By, *, until: int | None = None) -> Agreement:
        """Take a party out of an agreement, now or at ``until``.

        :raises NotFound: when it is not in it by itself; then it may be in it as a member of a community.
        :raises Refused: when another party wrote the agreement, or nobody would be left in it.
        """

        def work(held: Reading, now: int) -> Change:
            found, member = held.agreement(agreement), held.party(party).id
            dated = _stopped(held, member, for_a_time(found).id, now, until)
            if dated:
                return Change(objects=dated, act="remove member", subject=found.id, details={"member": member})
            left = _without(held, found, {member})
            if until is None or until <= now:
                return _revised(held, found, now, {"party_refs": left}, "remove member", member=member)
            less = msgspec.structs.replace(found, parties=frozenset(left))
            return _for_a_time(held, less, member, Term(None, until), _stamp(held, by, now))

        return self._changed(work, by)

    # ── consents and dialogues ────────────────────────────────────────────────────────────────────────────

    def consent(
        self, agreement: str, originator: str, objects: Sequence[str], by: By, *, until: int | None = None
    ) -> Consent:
        """Record that an originator lets objects of theirs go on under an agreement, for good or until an instant.

        :raises InvalidInput: for what is no identifier, or none at all.
        """

        def work(held: Reading, now: int) -> Change:
            for one in objects:
                if not is_identifier(one):
                    raise InvalidInput(f"{one[:80]!r} is not the identifier of an object.")
            made = Consent(id=new_id("consent"), originator=held.party(originator).id, objects=frozenset(objects),
                           agreement=held.agreement(agreement).id, until=until)  # fmt: skip
            if made.originator == held.directory.own:
                raise InvalidInput("This node needs no consent for what it wrote itself.",
                                   advice="Name as the originator who sent it.")  # fmt: skip
            details = {"consent": made.id, "originator": made.originator, "objects": sorted(made.objects)}
            raw = write_consent(made, _stamp(held, by, now))
            return Change(objects=[raw], act="record consent", subject=made.agreement, details=details)

        change, after = self._book.change(by.person, by.why, work)
        return next(one for one in after.directory.consents if one.id == change.details["consent"])

    def withdraw_consent(self, agreement: str, originator: str, objects: Sequence[str], by: By) -> frozenset[str]:
        """Take consents of an originator back, for some objects; what went on by them goes before the next answer.

        :returns: the identifiers that a consent was held for. :raises NotFound: when it was held for none.
        """

        def work(held: Reading, now: int) -> Change:
            terms, whose, gone = held.agreement(agreement), held.party(originator), frozenset(objects)
            found = [
                one for one in held.directory.consents
                if (one.agreement, one.originator) == (terms.id, whose.id) and one.objects & gone
            ]  # fmt: skip
            if not found:
                raise NotFound(f"{whose.name!r} has consented to none of these under {terms.name!r}.")
            made = []
            for one in found:
                left = sorted(one.objects - gone)
                changes: dict[str, object] = {"object_refs": left} if left else {"revoked": True}
                made.append(revise(_mine(held, one.id, f"The consent {one.id}"), now, changes))
            taken = sorted(gone & frozenset[str]().union(*(one.objects for one in found)))
            return Change(objects=made, act="withdraw consent", subject=terms.id,
                          details={"originator": whose.id, "objects": taken})  # fmt: skip

        change, _ = self._book.change(by.person, by.why, work)
        return frozenset(change.details["objects"])

    def add_dialogue(self, dialogue: Dialogue, parties: Sequence[str], by: By) -> Dialogue:
        """Add a dialogue between parties, given by identifier, alias or name. Raises :class:`AlreadyExists`."""

        def work(held: Reading, now: int) -> Change:
            members = frozenset(held.party(one).id for one in parties)
            made = msgspec.structs.replace(
                dialogue, id=dialogue.id or new_id("dialogue"), name=read_name(dialogue.name), parties=members
            )
            if len(members) < 2:
                raise InvalidInput("A dialogue has two parties at least.", advice="Give --party for each.")
            require_free(held, "dialogue", made.id, made.name, made.alias)
            return Change(objects=[write_dialogue(made, _stamp(held, by, now))], act="add dialogue", subject=made.id,
                          details={"name": made.name})  # fmt: skip

        change, after = self._book.change(by.person, by.why, work)
        return after.dialogues[change.subject]

    def note_meeting(
        self,
        dialogue: str,
        by: By,
        *,
        meetings: Sequence[Meeting] = (),
        statements: Sequence[Statement] = (),
        commitments: Sequence[Commitment] = (),
    ) -> Dialogue:
        """Add meetings, statements and commitments to a dialogue. Raises :class:`Refused` for another party's."""

        def work(held: Reading, now: int) -> Change:
            found = held.dialogue(dialogue)
            more = noted(held, found, meetings, statements, commitments)
            raw = revise(_mine(held, found.id, found.name), now, dialogue_content(more))
            return Change(objects=[raw], act="note meeting", subject=found.id, details={"name": found.name})

        change, after = self._book.change(by.person, by.why, work)
        return after.dialogues[change.subject]

    def note_kept(self, dialogue: str, title: str, by: By, *, day: str) -> Dialogue:
        """Note on which day a commitment was kept. Raises :class:`Refused` for another party's dialogue."""

        def work(held: Reading, now: int) -> Change:
            found = held.dialogue(dialogue)
            more = kept(found, title, day)
            raw = revise(_mine(held, found.id, found.name), now, dialogue_content(more))
            return Change(objects=[raw], act="keep commitment", subject=found.id, details={"name": title})

        change, after = self._book.change(by.person, by.why, work)
        return after.dialogues[change.subject]


_WIDER = "Narrowing only takes away; to widen an agreement, add a new one with the consent of its parties."


def _stamp(held: Reading, by: By, now: int) -> Stamp:
    return Stamp(by=held.directory.own, at=now, tlp=by.tlp)


def _mine(held: Reading, identifier: str, name: str) -> bytes:
    """The latest version of an object that this node wrote. Raises :class:`Refused` for another's."""
    raw = held.objects[identifier]
    author = creator(raw)
    if author != held.directory.own:
        raise Refused(f"{name!r} was written by {held.label(author or 'nobody')!r}, who alone can change it.",
                      advice="Ask them for a new version, or leave it: titian agreements end.")  # fmt: skip
    return raw


def _revised(
    held: Reading, found: Agreement, now: int, changes: dict[str, object], act: str, **details: object
) -> Change:
    if not changes:
        raise InvalidInput("Nothing was said to change.", advice="Name a ceiling, purposes or parties.")
    raw = revise(_mine(held, found.id, found.name), now, changes)
    return Change(objects=[raw], act=act, subject=found.id, details={"name": found.name, **changes, **details})


def _without(held: Reading, found: Agreement, gone: set[str]) -> list[str]:
    for one in sorted(gone - found.parties):
        raise NotFound(f"{held.label(one)!r} is not in {found.name!r} by itself.",
                       advice="If it is there through a community, `titian parties leave` ends that.")  # fmt: skip
    left = sorted(found.parties - gone)
    if not left:
        raise Refused(f"Nobody would be left in {found.name!r}.", advice="End it: titian agreements end.")
    return left


def _for_a_time(held: Reading, found: Agreement, member: str, term: Term, stamp: Stamp) -> Change:
    """Let a member be in an agreement for a time: through a community that only this agreement has."""
    community = for_a_time(found)
    _mine(held, found.id, found.name)
    dated = new_membership(member, community.id, starts=term.starts, stops=term.stops)
    _require_apart(held, dated)
    objects = [write_membership(dated, stamp)]
    if community.id not in held.directory.parties:
        objects.insert(0, write_party(community, stamp))
    parties = sorted(found.parties | {community.id})
    if parties != sorted(held.directory.agreements[found.id].parties):
        objects.append(revise(held.objects[found.id], stamp.at, {"party_refs": parties}))
    details = {"name": found.name, "member": member, "from": term.starts, "until": term.stops}
    return Change(objects=objects, act="add member for a time", subject=found.id, details=details)


def _tied(held: Reading, member: str, tie: Tie) -> Membership:
    other = held.party(tie.of)
    if not tie.client and other.kind is not PartyKind.COMMUNITY:
        raise InvalidInput(f"{other.name!r} is no community, so it has no members.",
                           advice="Make the party a client of it, or name a community.")  # fmt: skip
    return new_membership(member, other.id, client=tie.client, hidden=tie.hidden, starts=tie.term.starts,
                          stops=tie.term.stops)  # fmt: skip


def _require_apart(held: Reading, made: Membership) -> None:
    """Refuse a membership for a time in which there is one already. Raises :class:`AlreadyExists`."""
    for one in held.directory.memberships:
        same = (one.member, one.of, one.client) == (made.member, made.of, made.client)
        if same and _overlap(Term(one.starts, one.stops), Term(made.starts, made.stops)):
            raise AlreadyExists(f"{held.label(made.member)!r} is in {held.label(made.of)!r} at that time already.",
                                advice="`leave` and `remove` end it.")  # fmt: skip


def _overlap(a: Term, b: Term) -> bool:
    return (a.starts is None or b.stops is None or a.starts < b.stops) and (
        b.starts is None or a.stops is None or b.starts < a.stops
    )


def _stopped(held: Reading, member: str, of: str, now: int, until: int | None) -> list[bytes]:
    """New versions of what makes a party a member or client of another now or later, each ending at an instant."""
    stop = (now if until is None else until) // 1000 * 1000
    objects = []
    for one in held.directory.memberships:
        if (one.member, one.of) != (member, of) or (one.stops is not None and one.stops <= stop):
            continue
        name = f"That {held.label(member)} is in {held.label(of)}"
        over = one.starts is not None and stop <= one.starts
        changes: dict[str, object] = {"revoked": True} if over else {"stop_time": instant_text(stop)}
        objects.append(revise(_mine(held, one.id, name), now, changes))
    return objects
