"""Write: take what a person drafted into a collection of this node, marked from its first version on."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from titian.core.collection import Collection, Kind
from titian.core.drafting import Draft, Drafted, draft
from titian.core.errors import Forbidden, InvalidInput
from titian.core.gate import Gate
from titian.core.marking import Handling, handling_definition
from titian.core.people import Actor, Permission
from titian.core.tlp import PAP_DEFINITIONS, PAP_IDS, TLP_DEFINITIONS, TLP_IDS
from titian.exchange.hold import CONFLICT, Hold, judge
from titian.exchange.mark import Wish, checked, understood

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_VERSIONED: Final = "created"
SOURCE: Final = "written here"


class Saved(msgspec.Struct, frozen=True):
    """What was written: the identifier of the report, incident or indicator, and how many objects there are with it.
    ``known`` are observables that were held before, which stay as they are."""

    head: str
    added: int
    known: int


class Write:
    """Writes drafts."""

    def __init__(self, gate: Gate, hold: Hold) -> None:
        self._gate = gate
        self._hold = hold

    def save(self, actor: Actor, written: Draft, wish: Wish, collection: Collection, *, why: str = "") -> Saved:
        """Hold a draft, each object of it marked as wished. Nothing is released by that.

        :raises Forbidden: for who may not write, or not mark. :raises NotFound: for a recipient that nobody knows.
        :raises InvalidInput: for a draft that is none (:func:`titian.core.drafting.draft`), for a marking that cannot
            be meant, and for a collection that is not this node's own.
        """
        marks = wish != Wish()
        if not actor.may(Permission.WRITE) or (marks and not actor.may(Permission.MARK)):
            raise Forbidden(f"{actor.name} may not write.", advice="`titian people list` shows who may.")
        if collection.kind is not Kind.OWN:
            raise InvalidInput(f"{collection.name} does not hold what this node writes.", advice="Choose another.")
        checked(wish.handling)
        with self._gate.reading() as session:
            wish = msgspec.structs.replace(wish, handling=understood(session, wish.handling))
            own, at = session.register().directory.own, session.at
            held = session.find(written.about).ids()
            missing = [one for one in written.about if one not in held]
        if missing:
            raise InvalidInput(f"Nothing is held as {missing[0][:80]}.", advice="A report is about what is held.")
        drafted = draft(written, own, at)
        objects = _marked(drafted, wish)
        violations = [violation for raw in objects for violation in judge(raw).violations]
        if violations:
            raise InvalidInput(f"It cannot be kept: {violations[0].message} ({violations[0].path})")
        # Before the objects: a kill in between leaves an act without them, never them without an act.
        with self._gate.writing() as session:
            session.record(actor.id, "write", drafted.head, why, {"objects": len(drafted.objects)})
        report = self._hold.hold(objects, collection, source=SOURCE)
        wrong = [one for one in report.rejected if one.rule != CONFLICT[0] or _is_versioned(drafted, one.id)]
        if wrong:
            raise InvalidInput(f"It cannot be kept: {wrong[0].message} ({wrong[0].path})")
        return Saved(drafted.head, report.added, len(drafted.objects) - report.added)


def _is_versioned(drafted: Drafted, identifier: str | None) -> bool:
    """Whether an object of a draft has versions. An observable has none, and may be held as it is already."""
    return any(_decode(raw).get("id") == identifier and _VERSIONED in _decode(raw) for raw in drafted.objects)


def _marked(drafted: Drafted, wish: Wish) -> list[bytes]:
    """The objects with references to what marks them, and the definitions of that."""
    refs: list[str] = []
    definitions: list[bytes] = []
    if wish.tlp is not None:
        refs.append(TLP_IDS[wish.tlp])
        definitions.append(TLP_DEFINITIONS[wish.tlp])
    if wish.pap is not None:
        refs.append(PAP_IDS[wish.pap])
        definitions.append(PAP_DEFINITIONS[wish.pap])
    if wish.handling != Handling():
        identifier, raw = handling_definition(wish.handling)
        refs.append(identifier)
        definitions.append(raw)
    if not refs:
        return [*drafted.objects]
    marked = [msgspec.json.encode(_decode(raw) | {"object_marking_refs": refs}) for raw in drafted.objects]
    return [*definitions, *marked]
