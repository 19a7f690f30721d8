"""Words of private matching in the reader's language: the modes, where offers and runs stand, what somebody learnt."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from markupsafe import Markup, escape

from titian.core.matching import MATCHED, Mode, OfferState, Run, RunState
from titian.web.console.guard import Visitor
from titian.web.console.screening_words import KINDS, english
from titian.web.console.sentences import isolated, sentence
from titian.web.console.words import N_


class ModeWords(msgspec.Struct, frozen=True):
    """What a mode is called, what either side learns in it, and when to choose it."""

    name: str
    asking: str
    offering: str
    when: str


MODES: Final = {
    Mode.INTERSECTION: ModeWords(
        N_("Intersection"), N_("which of its values are offered"), N_("how many values were asked"),
        N_("The usual one: who asks sees which of its values are offered."),
    ),
    Mode.MUTUAL: ModeWords(
        N_("Mutual"), N_("which of its values are offered"), N_("the same values, and how many were asked"),
        N_("Both see the common values. So only values are asked that the partner may be shown, and it is not there "
           "under an agreement that always asks for two persons."),
    ),
    Mode.CARDINALITY: ModeWords(
        N_("Number only"), N_("how many of its values are offered"), N_("how many values were asked"),
        N_("Who asks sees a number, and no value. For partners that keep to the rules: a changed program could find "
           "out more."),
    ),
    Mode.LABELLED: ModeWords(
        N_("With notes"), N_("which of its values are offered, and the note of each"),
        N_("how many values were asked"),
        N_("As the first; and each common value opens a note that says what the offering side calls it."),
    ),
}  # fmt: skip
"""The modes, the usual one first."""

OFFERS: Final = {
    OfferState.WAITING: ("warn", N_("Waits for approval")), OfferState.STANDING: ("good", N_("Stands")),
    OfferState.REFUSED: ("bad", N_("Refused")), OfferState.WITHDRAWN: ("", N_("Taken back")),
    OfferState.ENDED: ("", N_("Ended")),
}  # fmt: skip
"""Where an offer stands: its badge, and its word."""

RUNS: Final = {
    RunState.RUNNING: ("info", N_("Runs")), RunState.DONE: ("good", N_("Done")),
    RunState.BROKEN: ("bad", N_("Broken off")),
}  # fmt: skip
"""How far a run has come."""

PADS: Final = (
    (1, N_("no: the exact sizes")), (10, N_("up to tens")), (100, N_("up to hundreds")), (1_000, N_("up to thousands")),
    (10_000, N_("up to ten thousands")),
)  # fmt: skip
"""To multiples of what sizes may be rounded up."""

_SENTENCES: Final = tuple(
    (re.compile(pattern, re.DOTALL), text)
    for pattern, text in (
        (r"(?P<agreement>.+) asks for two persons for every release\.",
         N_("%(agreement)s asks for two persons for every release.")),
        (r"It holds (?P<levels>.+)\.", N_("It holds %(levels)s.")),
        (r"A newer offer took its place\.", N_("A newer offer took its place.")),
        (r"(?P<count>[\d,]+) of its values are not to be given any more\.",
         N_("%(count)s of its values may not be given any more.")),
        (r"It was broken off\.", N_("It was stopped.")),
    )
)  # fmt: skip
"""Sentences of :mod:`titian.screen.matching` and :mod:`titian.store.matches`, and the texts that say the same."""

_DONE: Final = N_(
    "%(party)s knows how many values were asked (%(asked)s). It does not know which, nor how many are common."
)
_DONE_MUTUAL: Final = N_(
    "%(party)s knows how many values were asked (%(asked)s), and which of them are common (%(common)s)."
)
_BROKEN: Final = N_("The run was not finished. At most, %(party)s knows how many values were asked (%(asked)s).")
_BROKEN_MUTUAL: Final = N_(
    "The run was not finished. %(party)s knows how many values were asked (%(asked)s), and perhaps which of them are "
    "common."
)


def kinds(visitor: Visitor) -> list[tuple[str, str]]:
    """The kinds that can be matched, by what they are called."""
    return [(kind.value, visitor.gettext(text)) for kind, text in KINDS.items() if kind in MATCHED]


def modes(visitor: Visitor) -> list[tuple[Mode, ModeWords]]:
    """The modes in the reader's language."""
    said = visitor.gettext
    return [
        (mode, ModeWords(said(one.name), said(one.asking), said(one.offering), said(one.when)))
        for mode, one in MODES.items()
    ]


def pads(visitor: Visitor) -> list[tuple[str, str]]:
    """How sizes may be rounded up, to choose from."""
    return [(str(pad), visitor.gettext(text)) for pad, text in PADS]


def reason(visitor: Visitor, said: str) -> Markup:
    """Why an offer is as it is: a sentence of the node in the reader's language, else what a person wrote."""
    known = _known(visitor, said)
    return isolated(said) if known is None else known


def told(visitor: Visitor, said: str) -> Markup:
    """A sentence of the node in the reader's language; one that is not known stays as it is, in English."""
    known = _known(visitor, said)
    return english(said) if known is None else known


def _known(visitor: Visitor, said: str) -> Markup | None:
    for pattern, text in _SENTENCES:
        if found := pattern.fullmatch(said):
            return sentence(visitor, text, **found.groupdict())
    return None


def learnt(visitor: Visitor, run: Run, party: str) -> Markup:
    """What a partner learnt of a run in which we asked; empty while it runs."""
    if run.state is RunState.RUNNING:
        return Markup("")
    quiet, loud = (_DONE, _DONE_MUTUAL) if run.state is RunState.DONE else (_BROKEN, _BROKEN_MUTUAL)
    text = loud if run.mode is Mode.MUTUAL else quiet
    asked, common = (escape(visitor.formats.number(one)) for one in (run.asked, run.common or 0))
    return sentence(visitor, text, party=party, asked=asked, common=common)
