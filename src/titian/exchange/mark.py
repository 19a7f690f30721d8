"""Mark: say of one's own objects how far they may spread, for whom, for what, and until when."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from titian.core.agreement import Purpose
from titian.core.copying import next_version
from titian.core.errors import Forbidden, InvalidInput, Refused
from titian.core.gate import Gate, Session
from titian.core.marking import HANDLING_EXTENSION, Handling, handling_definition, read_handling
from titian.core.people import Actor, Permission
from titian.core.survey import VOCABULARY
from titian.core.tlp import PAP_DEFINITIONS, PAP_IDS, TLP_1_IDS, TLP_DEFINITIONS, TLP_IDS, Pap, Tlp
from titian.exchange.choose import Chosen, choose
from titian.exchange.release import incoming
from titian.exchange.withdraw import follow

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_ALL_TLP: Final = frozenset({*TLP_IDS.values(), *TLP_1_IDS.values()})


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How objects shall be marked; what is None stays as it is."""

    tlp: Tlp | None = None
    pap: Pap | None = None
    handling: Handling = Handling()


class Marked(msgspec.Struct, frozen=True):
    """What became of it: the objects that were marked anew, those that were so already, those that are others' and
    were left as they are, and what each party no longer sees, by the name of its collection."""

    marked: tuple[str, ...]
    unchanged: tuple[str, ...]
    theirs: tuple[str, ...]
    withdrawn: dict[str, tuple[str, ...]]


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
        sender's (law 3). :raises Refused: for such an object that was chosen by itself.
        """
        if not actor.may(Permission.MARK):
            raise Forbidden(f"{actor.name} may not mark.", advice="`titian people list` shows who may.")
        if wish == Wish():
            raise InvalidInput("No marking is given.", advice="Give --tlp, --releasable-to, --purpose, --expires …")
        checked(wish.handling)
        with self._gate.writing() as session:
            register = session.register()
            if wish.handling.releasable_to:
                named = tuple(_word(session, one) for one in wish.handling.releasable_to)
                wish = msgspec.structs.replace(
                    wish, handling=msgspec.structs.replace(wish.handling, releasable_to=named)
                )
            chosen = choose(session, references)
            found = [one for one in (*chosen.ids, *chosen.followed) if not one.startswith(VOCABULARY)]
            facts = [chosen.survey.facts[one] for one in found]
            theirs = {one.id for one in facts if one.originator(register.directory.own) is not None}
            foreign = [one for one in references if one in theirs]
            if foreign:
                more = f" and {len(foreign) - 3:,} more" if len(foreign) > 3 else ""
                raise Refused(
                    f"{', '.join(foreign[:3])}{more} came from others, and only who made an object may mark it.",
                    advice="Choose what is yours, or ask its originator.",
                )
            ids = [one for one in found if one not in theirs]
            definitions = {
                held.id: held.raw
                for held in chosen.graph.read(chosen.support)
                if held.id.startswith("marking-definition--")
            }
            marked = self._write(session, chosen, ids, wish, definitions)
            withdrawn = follow(session, [one for one, _ in marked])
            session.record(actor.id, "mark", "selection", why,
                           {"marked": [one for one, _ in marked], "wish": msgspec.to_builtins(wish)})  # fmt: skip
            done = {one for one, _ in marked}
            return Marked(tuple(sorted(done)), tuple(sorted(set(ids) - done)), tuple(sorted(theirs)), withdrawn)

    def _write(
        self,
        session: Session,
        chosen: Chosen,
        ids: Collection[str],
        wish: Wish,
        definitions: Mapping[str, bytes],
    ) -> list[tuple[str, int]]:
        written: list[tuple[str, int]] = []
        batches: dict[int, tuple[dict[str, bytes], list[str]]] = {}
        facts = chosen.survey.facts
        for one in chosen.graph.read(ids):
            refs, added = _refs(facts[one.id].marks, wish, definitions)
            if refs == list(facts[one.id].marks):
                continue
            number = chosen.graph.collection(one.id)
            new, gone = batches.setdefault(number, ({}, []))
            new.update(added)
            new[one.id] = _remarked(one.raw, refs, session.at)
            if facts[one.id].version is None:
                gone.append(one.id)
            written.append((one.id, number))
        for number, (new, gone) in batches.items():
            session.replace(number, [incoming(raw) for raw in new.values()], gone=gone)
        return written


def _word(session: Session, word: str) -> str:
    """What a person means by a recipient: a country's two letters, or a party by its name, alias or identifier."""
    if len(word) == 2 and word.isalpha():
        return word.upper()
    return session.register().party(word).id


def _refs(marks: Sequence[str], wish: Wish, definitions: Mapping[str, bytes]) -> tuple[list[str], dict[str, bytes]]:
    """The markings that an object shall bear, and the definitions that go with them: one TLP, one PAP, one handling,
    and everything else that it bore."""
    kept, handling = [], Handling()
    for mark in marks:
        body = _handling_only(definitions.get(mark))
        if body is not None:
            handling = _over(handling, read_handling(body))
        elif not ((wish.tlp and mark in _ALL_TLP) or (wish.pap and mark in PAP_IDS.values())):
            kept.append(mark)
    handling = _over(wish.handling, handling)
    added: dict[str, bytes] = {}
    if wish.tlp:
        added[TLP_IDS[wish.tlp]] = TLP_DEFINITIONS[wish.tlp]
    if wish.pap:
        added[PAP_IDS[wish.pap]] = PAP_DEFINITIONS[wish.pap]
    if handling != Handling():
        identifier, raw = handling_definition(handling)
        added[identifier] = raw
    refs = [*kept, *added]
    return (list(marks), {}) if set(refs) == set(marks) else (refs, added)


def _over(first: Handling, second: Handling) -> Handling:
    """What the first says, and where it says nothing the second."""
    said = {name: value for name in Handling.__struct_fields__ if (value := getattr(first, name)) is not None}
    return msgspec.structs.replace(second, **said)


def _handling_only(raw: bytes | None) -> Mapping[str, Any] | None:
    """The content of a definition that is a handling and nothing else."""
    if raw is None:
        return None
    source = _decode(raw)
    said = source.get("extensions", {})
    if "definition_type" in source or said.keys() != {HANDLING_EXTENSION}:
        return None
    content: Mapping[str, Any] = said[HANDLING_EXTENSION]
    return content


def _remarked(raw: bytes, refs: Sequence[str], at: int) -> bytes:
    """The next version of an object, with other markings. What has no versions stays the same but for them."""
    source = _decode(raw)
    source["object_marking_refs"] = list(refs)
    if "modified" in source:
        source["modified"] = next_version(source["modified"], at)
    return msgspec.json.encode(source)
