"""What speaks for a hit on a name, and against it: birth dates, countries, numbers of documents."""

from __future__ import annotations

import re
from typing import Final

from titian.core.screening import Evidence, Facts, Standing

_DATE: Final = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_KEPT: Final = re.compile(r"[^0-9A-Z]")
SHORTEST: Final = 4
"""Characters of a document's number below which it says nothing."""

_WORTH: Final = {Standing.SUPPORTED: 0.15, Standing.POSSIBLE: 0.0, Standing.CONTRADICTED: -0.3}
_WORDS: Final = {1: "year", 2: "year and month", 3: "date"}


def weigh(asked: Facts, held: Facts) -> tuple[Standing, tuple[Evidence, ...]]:
    """Return what a hit on a name is worth, and why.

    The same document supports it whatever else differs. Otherwise a birth date that differs contradicts it, one that
    agrees supports it; a country supports it only when no birth date differs, and contradicts nothing by itself, as
    people have several. With nothing to compare it is possible, no more.
    """
    if not (asked.births or asked.countries or asked.documents):
        return Standing.POSSIBLE, ()
    found = [one for one in (_documents(asked, held), _births(asked, held), _countries(asked, held)) if one]
    fors = {one.what for one in found if one.speaks_for}
    against = {one.what for one in found if not one.speaks_for}
    if "document" in fors:
        standing = Standing.SUPPORTED
    elif "birth-date" in against:
        standing = Standing.CONTRADICTED
    elif fors:
        standing = Standing.SUPPORTED
    else:
        standing = Standing.POSSIBLE
    return standing, tuple(found)


def worth(score: float, standing: Standing) -> float:
    """Return what hits are put in order by: the score of the name, more where a fact supports it, less where one
    contradicts it."""
    return score + _WORTH[standing]


def _births(asked: Facts, held: Facts) -> Evidence | None:
    ours, theirs = _dates(asked.births), _dates(held.births)
    if not ours or not theirs:
        return None
    agreed = max((_agreed(one, other) for one in ours for other in theirs), default=0)
    told = f"asked {', '.join(asked.births)}; held {', '.join(held.births)}"
    if agreed:
        return Evidence("birth-date", f"The {_WORDS[agreed]} of birth agrees: {told}.")
    return Evidence("birth-date", f"The birth date differs: {told}.", speaks_for=False)


def _dates(births: tuple[str, ...]) -> list[tuple[str, ...]]:
    found = (_DATE.match(birth.strip()) for birth in births)
    return [tuple(part for part in match.groups() if part and part != "00") for match in found if match]


def _agreed(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many parts of two dates agree; 0 when one that both have differs. Day and month may have been swapped."""
    known = min(len(one), len(other))
    if one[:known] == other[:known]:
        return known
    if known == 3 and one[0] == other[0] and one[1:] == (other[2], other[1]):
        return 3
    return 0


def _countries(asked: Facts, held: Facts) -> Evidence | None:
    ours, theirs = ({one.strip().upper() for one in facts.countries} - {""} for facts in (asked, held))
    if not ours or not theirs:
        return None
    if both := ours & theirs:
        return Evidence("country", f"The country agrees: {', '.join(sorted(both))}.")
    told = f"asked {', '.join(sorted(ours))}; held {', '.join(sorted(theirs))}"
    return Evidence("country", f"The country differs: {told}.", speaks_for=False)


def _documents(asked: Facts, held: Facts) -> Evidence | None:
    ours, theirs = ({_KEPT.sub("", one.upper()) for one in facts.documents} for facts in (asked, held))
    ours, theirs = ({one for one in numbers if len(one) >= SHORTEST} for numbers in (ours, theirs))
    if not ours or not theirs:
        return None
    if both := ours & theirs:
        return Evidence("document", f"The document agrees: {', '.join(sorted(both))}.")
    return Evidence("document", "No number of a document agrees.", speaks_for=False)
