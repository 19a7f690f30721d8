"""Markings in words: who may see an object, what may be done with it, until when, and because of what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from markupsafe import Markup

from titian.core.card import is_shown_instant
from titian.core.collection import timestamp
from titian.core.errors import InvalidInput
from titian.core.marking import UNMARKED, Attribution, Marking, Markings, read_markings
from titian.core.reading import ObjectRead
from titian.core.tlp import Pap, Tlp
from titian.web.console.guard import Visitor
from titian.web.console.sentences import listed, sentence
from titian.web.console.words import N_

_TLP: Final = {
    Tlp.CLEAR: N_("May be seen by everybody, because it is %(label)s."),
    Tlp.GREEN: N_("May be seen inside the community of those who receive it, not in public, because it is %(label)s."),
    Tlp.AMBER: N_("May be seen by the organisations that receive it, and by those of their clients who need to know, "
                  "because it is %(label)s."),
    Tlp.AMBER_STRICT: N_("May be seen by the organisations that receive it, and by nobody else, because it is "
                         "%(label)s."),
    Tlp.RED: N_("May be seen by those recipients who are named, and by nobody else, because it is %(label)s."),
}  # fmt: skip
_PAP: Final = {
    Pap.CLEAR: N_("May be used in any way, because it is %(label)s."),
    Pap.GREEN: N_("May be used actively, as for blocking, because it is %(label)s."),
    Pap.AMBER: N_("May be looked up with others but not used against the adversary, because it is %(label)s."),
    Pap.RED: N_("May be used only where the adversary cannot notice it, because it is %(label)s."),
}  # fmt: skip
_ATTRIBUTION: Final = {
    Attribution.MAY: N_("Its source may be named."),
    Attribution.MUST: N_("Its source must be named."),
    Attribution.MUST_NOT: N_("Its source must not be named."),
}


class PartWords(msgspec.Struct, frozen=True):
    """What holds for some properties besides."""

    selectors: tuple[str, ...]
    sentences: tuple[Markup, ...]


class MarkingWords(msgspec.Struct, frozen=True):
    """What holds for an object, in sentences, and for parts of it. ``nobody``: it reaches nobody outside."""

    sentences: tuple[Markup, ...]
    parts: tuple[PartWords, ...]
    nobody: bool


def markings_of(read: ObjectRead) -> Markings:
    """How an object is marked; a marking that cannot be read is an unknown one, and so reaches nobody."""
    try:
        return read_markings(read.raw, {one.id: one.meaning for one in read.markings})
    except InvalidInput:
        return Markings(Marking(unknown=frozenset({read.id})))


def marking_words(visitor: Visitor, markings: Markings, name: Callable[[str], str]) -> MarkingWords:
    """Markings in words. ``name`` says what a party is called."""
    parts = tuple(
        PartWords(one.selectors, tuple(sentences(visitor, one.marking, name, whole=False))) for one in markings.parts
    )
    return MarkingWords(
        tuple(sentences(visitor, markings.whole, name)), parts, nobody=not markings.effective.reach
    )  # fmt: skip


def sentences(
    visitor: Visitor, marking: Marking, name: Callable[[str], str], *, whole: bool = True
) -> Iterator[Markup]:
    """What one marking says. That nothing is said of spread counts for a ``whole`` object alone."""
    for one in sorted(marking.unknown):
        yield sentence(visitor, N_("May be seen by nobody outside, because its marking %(id)s is not understood here."),
                       id=one)  # fmt: skip
    if marking.tlp is not None:
        yield sentence(visitor, _TLP[marking.tlp], label=marking.tlp.label)
    elif whole and not marking.unknown:
        yield sentence(visitor, N_("May be seen by nobody outside, because it bears no TLP."))
    for named in sorted(marking.releasable_to, key=sorted):
        if named:
            names = sorted(name(one) for one in named)
            yield sentence(visitor, N_("May go only to %(names)s, because it is marked as releasable to them."),
                           names=listed(names))  # fmt: skip
        else:
            yield sentence(visitor, N_("May go to nobody, because it is marked as releasable to nobody."))
    if marking.pap is not None:
        yield sentence(visitor, _PAP[marking.pap], label=marking.pap.label)
    if marking.purposes is not None:
        if marking.purposes:
            yield sentence(visitor, N_("May be used for %(purposes)s only."), purposes=listed(sorted(marking.purposes)))
        else:
            yield sentence(visitor, N_("May be used for nothing: its markings name no purpose in common."))
    if marking.starts is not None:
        yield sentence(visitor, N_("Goes to nobody before %(at)s."), at=_instant(visitor, marking.starts))
    if marking.expires is not None:
        yield sentence(visitor, N_("Ends at %(at)s, and is then taken back from everybody."),
                       at=_instant(visitor, marking.expires))  # fmt: skip
    for word in sorted(marking.attribution):
        yield sentence(visitor, _ATTRIBUTION[word])
    for policy in sorted(marking.policies, key=lambda one: (one.iep_id or "", one.description or "")):
        yield sentence(visitor, N_("An exchange policy holds: %(text)s"),
                       text=policy.description or policy.iep_id or "IEP 2.0")  # fmt: skip
    for statement in sorted(marking.statements):
        yield sentence(visitor, N_("It bears the statement: %(text)s"), text=statement[:1000])
    if not whole and marking == UNMARKED:
        yield sentence(visitor, N_("Its marking says nothing."))


def _instant(visitor: Visitor, at: int) -> Markup:
    return visitor.formats.instant(at) if is_shown_instant(at) else Markup("{}").format(timestamp(at))
