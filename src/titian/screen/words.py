"""What the markings of a hit say, in plain words: who may have it, and what may be done with it."""

from __future__ import annotations

from typing import Final

from titian.core.collection import timestamp
from titian.core.marking import Attribution, Marking
from titian.core.tlp import Pap

_PAP: Final = {
    Pap.CLEAR: "May be used in any way.",
    Pap.GREEN: "May be used actively, as for blocking.",
    Pap.AMBER: "May be looked up with others, but not used against the adversary.",
    Pap.RED: "May be used only where the adversary cannot notice it.",
}
UNSAID: Final = "Nothing is said about its use: ask its source before you act on it."


def marking_words(marking: Marking) -> str:
    """Return how an object is marked, on one line."""
    said = [one.label for one in (marking.tlp, marking.pap) if one is not None]
    said += sorted(marking.statements)
    if marking.purposes is not None:
        said.append("for " + (", ".join(sorted(marking.purposes)) or "no purpose"))
    if marking.expires is not None:
        said.append(f"until {timestamp(marking.expires)}")
    if Attribution.MUST_NOT in marking.attribution:
        said.append("source not to be named")
    if marking.unknown:
        said.append("a marking that is not understood")
    return "; ".join(said) or "not marked"


def use_words(marking: Marking, purpose: str | None) -> str:
    """Return what may be done with what is marked so, for a purpose that was given or for any."""
    said = [UNSAID if marking.pap is None else _PAP[marking.pap]]
    if marking.unknown:
        said = ["It bears a marking that is not understood: ask its source before you act on it."]
    if not suits(marking, purpose):
        said.insert(0, f"Not for {purpose}.")
    return " ".join(said)


def suits(marking: Marking, purpose: str | None) -> bool:
    """Return whether a purpose is among those that something was given for; any is, where none is named."""
    return purpose is None or marking.purposes is None or purpose in marking.purposes
