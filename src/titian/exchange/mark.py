"""Mark: say of one's own objects how far they may spread, for whom, for what, and until when."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from titian.core.agreement import Purpose
from titian.core.copying import next_version
from titian.core.countries import OTHERWISE, country_code
from titian.core.directory_objects import Reading
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused
from titian.core.gate import Gate, Session
from titian.core.marking import (
    HANDLING_EXTENSION,
    Handling,
    Marking,
    handling_definition,
    read_handling,
    well_known,
)
from titian.core.people import Actor, Permission
from titian.core.stix import Timestamp
from titian.core.survey import VOCABULARY, Survey
from titian.core.tlp import PAP_DEFINITIONS, PAP_IDS, TLP_DEFINITIONS, TLP_IDS, Pap, Tlp
from titian.exchange.choose import Chosen, choose
from titian.exchange.release import incoming
from titian.exchange.withdraw import follow

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_SHOWN: Final = 8
"""How many parties a sentence names."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How objects shall be marked; what is None stays as it is."""

    tlp: Tlp | None = None
    pap: Pap | None = None
    handling: Handling = Handling()


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: the objects that were marked anew, those that were so already, those that are others' and
    were left as they are, and what each party no longer sees, by the name of its collection.

    ``directory`` are objects of the directory, left as they are too. ``stricter`` are objects that bear, after the
    marking, more than one TLP, with the one that counts: the strictest.
    """

    marked: tuple[str, ...]
    unchanged: tuple[str, ...]
    theirs: tuple[str, ...]
    withdrawn: dict[str, tuple[str, ...]]
    directory: tuple[str, ...] = ()
    stricter: dict[str, Tlp] = {}


def checked(handling: Handling) -> Handling:
    """Return a handling that says only what is understood. Raises :class:`InvalidInput` for an unknown purpose, a
    recipient list without recipients, or an expiry that is no timestamp."""
    for purpose in handling.purposes or ():
        if purpose not in set(Purpose):
            raise InvalidInput(f"{purpose!r} is no purpose.", advice=f"Use {', '.join(Purpose)}.")
    if handling.releasable_to == () or handling.purposes == ():
        raise InvalidInput("A list is empty.", advice="Name somebody, or something; TLP:RED and no list is for nobody.")
    if handling != Handling():
        handling_definition(handling)
    return handling


class Mark:
    """Marks objects, in new versions that replace the old ones."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def mark(self, actor: Actor, references: Sequence[str], wish: Wish, *, why: str = "") -> Marked:
        """Mark what a selection holds. What that takes from somebody is gone before the next answer.

        What a report or a query leads to and is not ours is left as it is: the marking of what was received is its
        sender's (law 3). So are parties, agreements and all else in the directory, which its own verbs write.

        :raises Forbidden: for who may not mark. :raises InvalidInput: for an expiry that has passed, and as
            :func:`checked` does. :raises NotFound: for a recipient that nobody here knows.
        :raises Refused: for an object of others that was chosen by itself, or for nothing but the directory's.
        """
        if not actor.may(Permission.MARK):
            raise Forbidden(f"{actor.name} may not mark.", advice="`titian people list` shows who may.")
        if wish == Wish():
            raise InvalidInput("No marking is given.", advice="Give --tlp, --releasable-to, --purpose, --expires …")
        checked(wish.handling)
        with self._gate.writing() as session:
            wish = msgspec.structs.replace(wish, handling=understood(session, wish.handling))
            chosen = choose(session, references)
            ids, theirs, directory = _sorted_out(session, chosen, references)
            markings = _Markings(session, chosen, wish)
            marked = _write(session, chosen, ids, markings)
            withdrawn = follow(session, marked)
            session.record(actor.id, "mark", "selection", why,
                           {"marked": marked, "wish": msgspec.to_builtins(wish)})  # fmt: skip
            done = set(marked)
            return Marked(
                marked=tuple(sorted(done)), unchanged=tuple(sorted(set(ids) - done)), theirs=tuple(sorted(theirs)),
                withdrawn=withdrawn, directory=tuple(sorted(directory)), stricter=markings.stricter(ids),
            )  # fmt: skip


def _sorted_out(session: Session, chosen: Chosen, references: Sequence[str]) -> tuple[list[str], set[str], list[str]]:
    """Tell apart what can be marked, what is others', and what is the directory's."""
    found = [one for one in (*chosen.ids, *chosen.followed) if not one.startswith(VOCABULARY)]
    reading = session.register()
    unread = {one.id for one in reading.skipped}
    directory = [one for one in found if one in unread or _in_directory(reading, chosen, one)]
    left = set(directory)
    facts = chosen.survey.facts
    own = reading.directory.own
    theirs = {one for one in found if one not in left and facts[one].originator(own) is not None}
    foreign = [one for one in references if one in theirs]
    if foreign:
        raise Refused(
            f"{_some(foreign)} came from others, and only who made an object may mark it.",
            advice="Choose what is yours, or ask its originator.",
        )
    if directory and len(directory) == len(found):
        raise Refused(
            f"{_some(directory)}: what says who the parties are and what they agreed is not marked like a report.",
            advice="--tlp of `titian parties` and `titian agreements` marks what they write.",
        )
    return [one for one in found if one not in theirs and one not in left], theirs, directory


def _some(identifiers: Sequence[str]) -> str:
    """The first of these identifiers, and how many more there are."""
    more = f" and {len(identifiers) - 3:,} more" if len(identifiers) > 3 else ""
    return ", ".join(identifiers[:3]) + more


def _in_directory(reading: Reading, chosen: Chosen, identifier: str) -> bool:
    """Whether what is held of an object is the directory's. A newer version in another collection is not."""
    raw = reading.objects.get(identifier)
    return raw is not None and hashlib.sha256(raw).digest() == chosen.graph.digest(identifier)


def _write(session: Session, chosen: Chosen, ids: Collection[str], markings: _Markings) -> list[str]:
    """Write what is marked anew, with the definitions that it bears, into the collections where it is."""
    written: list[str] = []
    batches: dict[int, tuple[dict[str, bytes], list[str]]] = {}
    facts = chosen.survey.facts
    for one in chosen.graph.read(ids):
        marks = facts[one.id].marks
        refs = markings.refs(marks)
        if refs == marks and not one.contested:
            continue
        new, gone = batches.setdefault(chosen.graph.collection(one.id), ({}, []))
        new.update(markings.missing(refs))
        new[one.id] = _remarked(one.raw, refs, session.at)
        if facts[one.id].version is None:
            gone.append(one.id)
        written.append(one.id)
    for number, (new, gone) in batches.items():
        session.replace(number, [incoming(raw) for raw in new.values()], gone=gone)
    return written


def understood(session: Session, handling: Handling) -> Handling:
    """What a person means by a handling, now: recipients by their identifiers, and an end that is still to come."""
    if handling.expires is not None and Timestamp.parse(handling.expires).micros <= session.at:
        raise InvalidInput(
            f"{handling.expires} is over already.",
            advice="Give a later date. A stricter --tlp takes back at once.",
        )
    if handling.releasable_to is None:
        return handling
    reading = session.register()
    return msgspec.structs.replace(
        handling, releasable_to=tuple(_recipient(reading, one) for one in handling.releasable_to)
    )


def _recipient(reading: Reading, word: str) -> str:
    """What a person means by a recipient: a country's two letters, or a party or a community by its name, alias or
    identifier. A word for both is not guessed at: the country is the wider."""
    code = country_code(word)
    try:
        party = reading.party(word)
    except NotFound:
        if code is not None:
            return code
        raise NotFound(f"There is no country, party or community {word[:80]!r}.",
                       advice=_advice(reading, word)) from None  # fmt: skip
    if code is None:
        return party.id
    other = code if word != code else code.lower()
    raise InvalidInput(
        f"{word!r} can mean the country {code} or {party.name!r}.",
        advice=f"Write {other} for the country, {party.id} for the other.",
    )


def _advice(reading: Reading, word: str) -> str:
    """Which recipients there are, and which of them was meant perhaps."""
    parties = reading.directory.parties.values()
    called = {name.casefold(): name for one in parties for name in (one.alias, one.name) if name}
    near = [called[name] for name in get_close_matches(word.casefold(), called)]
    if word.upper() in OTHERWISE:
        near.insert(0, OTHERWISE[word.upper()])
    labels = sorted(reading.label(one.id) for one in parties)
    known = ", ".join(labels[:_SHOWN]) + (f" and {len(labels) - _SHOWN:,} more" if len(labels) > _SHOWN else "")
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    return (
        f"{meant}Countries are two letters of ISO 3166-1, as ID or JP; `titian parties list` shows the rest: {known}."
    )


class _Markings:
    """Which markings objects shall bear: those of a wish in the place of their own, and all else that they bore.

    Worked out once for each list of markings, however many objects bear it.
    """

    def __init__(self, session: Session, chosen: Chosen, wish: Wish) -> None:
        self._session = session
        self._wish = wish
        self._facts = chosen.survey.facts
        self._survey: Survey = chosen.survey
        self._raws = {
            held.id: held.raw
            for held in chosen.graph.read(chosen.support)
            if held.id.startswith("marking-definition--")
        }
        self._refs: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._made: dict[str, bytes] = {}

    def refs(self, marks: tuple[str, ...]) -> tuple[str, ...]:
        """The markings in the place of these: these themselves, in their order, when they say the same."""
        found = self._refs.get(marks)
        if found is None:
            new = self._new(marks)
            found = self._refs[marks] = marks if set(new) == set(marks) else new
        return found

    def _new(self, marks: tuple[str, ...]) -> tuple[str, ...]:
        wish, kept, handlings = self._wish, [], []
        for mark in marks:
            handling = None if wish.handling == Handling() else self._handling(mark)
            if handling is not None:
                handlings.append(handling)
            elif not self._replaced(mark):
                kept.append(mark)
        added: dict[str, bytes] = {}
        if wish.tlp:
            added[TLP_IDS[wish.tlp]] = TLP_DEFINITIONS[wish.tlp]
        if wish.pap:
            added[PAP_IDS[wish.pap]] = PAP_DEFINITIONS[wish.pap]
        added.update(handling_definition(one) for one in _joined(wish.handling, handlings))
        self._make({name: raw for name, raw in added.items() if name not in self._made})
        return (*kept, *(one for one in added if one not in kept))

    def _make(self, definitions: Mapping[str, bytes]) -> None:
        """Note definitions to be written. One that we hold already stays, whatever else it says than ours: it is
        read, so that the stricter counts."""
        held = [one for one in self._session.find(definitions) if one.received_from is None]
        self._survey.extend(held)
        there = {one.id for one in held if _decode(one.raw) != _decode(definitions[one.id])}
        self._made.update({name: b"" if name in there else raw for name, raw in definitions.items()})

    def missing(self, refs: Sequence[str]) -> dict[str, bytes]:
        """The definitions among these that go with what is written."""
        return {ref: raw for ref in refs if (raw := self._made.get(ref))}

    def _handling(self, mark: str) -> Handling | None:
        """The content of a definition that is a handling and nothing else, and is understood."""
        if mark not in self._raws:
            return None
        source = _decode(self._raws[mark])
        said = source.get("extensions", {})
        if "definition_type" in source or said.keys() != {HANDLING_EXTENSION}:
            return None
        try:
            return read_handling(said[HANDLING_EXTENSION])
        except InvalidInput:
            return None

    def _replaced(self, mark: str) -> bool:
        """Whether a marking says a TLP and nothing else, and a TLP is wished for; or a PAP."""
        says = well_known(mark) or self._survey.marking((mark,))
        if says.tlp is not None and says == Marking(tlp=says.tlp):
            return self._wish.tlp is not None
        return says.pap is not None and says == Marking(pap=says.pap) and self._wish.pap is not None

    def stricter(self, ids: Sequence[str]) -> dict[str, Tlp]:
        """Which of these objects bear more than one TLP now, and which of them counts."""
        level: dict[tuple[str, ...], Tlp | None] = {}
        found: dict[str, Tlp] = {}
        for one in ids:
            refs = self.refs(self._facts[one].marks)
            if refs not in level:
                colours = {self._survey.marking((ref,)).tlp for ref in refs} | {self._wish.tlp}
                level[refs] = self._survey.marking(refs).tlp if len(colours - {None}) > 1 else None
            if (counts := level[refs]) is not None:
                found[one] = counts
        return found


def _joined(wish: Handling, borne: Sequence[Handling]) -> list[Handling]:
    """What a wish says, and of what was borne all that it says nothing of: one handling, or more where those that
    were borne differ. Each of them binds, so none may be dropped for another."""
    wished = _said(wish)
    joined = [dict(wished)]
    for one in borne:
        rest = {name: value for name, value in _said(one).items() if name not in wished}
        for each in joined:
            if all(each.get(name, value) == value for name, value in rest.items()):
                each.update(rest)
                break
        else:
            joined.append(rest)
    return [msgspec.structs.replace(Handling(), **each) for each in joined if each]


def _said(handling: Handling) -> dict[str, Any]:
    return {name: value for name in Handling.__struct_fields__ if (value := getattr(handling, name)) is not None}


def _remarked(raw: bytes, refs: Sequence[str], at: int) -> bytes:
    """The next version of an object, with other markings. What has no versions stays the same but for them."""
    source = _decode(raw)
    source["object_marking_refs"] = list(refs)
    if "modified" in source:
        source["modified"] = next_version(source["modified"], at)
    return msgspec.json.encode(source)
