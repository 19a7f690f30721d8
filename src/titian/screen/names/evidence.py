"""What speaks for a hit on a name, and against it: how the names match part by part, birth dates, countries, numbers of
documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from titian.core.screening import Evidence, Facts, Standing, ValueKind
from titian.screen.names import customs
from titian.screen.names.parts import Name, Part, Word
from titian.screen.names.score import laid

_DATE: Final = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_KEPT: Final = re.compile(r"[^0-9A-Z]")
SHORTEST: Final = 4
"""Characters of a document's number below which it says nothing."""

_WORTH: Final = {Standing.SUPPORTED: 0.15, Standing.POSSIBLE: 0.0, Standing.CONTRADICTED: -0.3}
_WEAK: Final = 0.1
"""What a hit is worth that nothing but a country supports."""
_WORDS: Final = {1: "year", 2: "year and month", 3: "date"}


def weigh(asked: Facts, held: Facts) -> tuple[Standing, tuple[Evidence, ...]]:
    """Return what a hit on a name is worth, and why.

    The same document supports it whatever else differs. Otherwise a birth date that differs contradicts it, one that
    agrees supports it; a country supports it only when no birth date differs, and weakly, as many share it; it
    contradicts nothing by itself, as people have several. With nothing to compare it is possible, no more.
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


def worth(score: float, standing: Standing, evidence: tuple[Evidence, ...] = ()) -> float:
    """Return what hits are put in order by: the score of the name, more where a fact supports it, less where one
    contradicts it. A country alone supports less than a birth date or a document."""
    if standing is Standing.SUPPORTED:
        fors = {one.what for one in evidence if one.speaks_for}
        if "country" in fors and not fors & {"birth-date", "document"}:
            return score + _WEAK
    return score + _WORTH[standing]


# ── how names match, part by part ─────────────────────────────────────────────────────────────────────────────

SAME: Final = Evidence("name-same", "The whole name is written the same.")

_SAID: Final = {
    "name-same": "The same",
    "name-reform": "The same name before and after a spelling reform",
    "name-script": "The same name in another script",
    "name-spelling": "Other spellings that sound the same",
    "name-variant": "Forms of one name",
    "name-initial": "An initial that fits",
    "name-near": "Nearly the same",
}
"""What can be said of two words, in the order in which it is said."""


def explain(asked: Name, held: Name) -> tuple[Evidence, ...]:
    """Return why a name that is held was found: which parts match, and how, and which do not.

    Words are in Latin letters, as they were compared; of two, what was asked stands first.
    """
    found = laid(asked, held)
    crossing = asked.script is not held.script
    told: list[Evidence] = []
    if found.together:
        words = f"{_listed(asked.words)} / {_listed(held.words)}"
        told.append(Evidence("name-together", f"The same, with words written together or apart: {words}."))
    by_how: dict[str, list[str]] = {}
    for one, other in found.pairs:
        how = _how(one, other, crossing)
        same = one.text == other.text
        by_how.setdefault(how, []).append(one.text if same else f"{one.text} / {other.text}")
    told += [Evidence(how, f"{_SAID[how]}: {'; '.join(by_how[how])}.") for how in _SAID if how in by_how]
    if found.turned:
        told.append(Evidence("name-order", "The parts stand in another order."))
    told += _against(asked, held, found.only_one, found.only_other)
    return tuple(told)


def _against(asked: Name, held: Name, only_asked: tuple[Word, ...], only_held: tuple[Word, ...]) -> Iterator[Evidence]:
    if only_asked:
        yield Evidence("name-only-asked", f"Only in what was asked: {_listed(only_asked)}.", speaks_for=False)
    if only_held:
        yield Evidence("name-only-held", f"Only in what is held: {_listed(only_held)}.", speaks_for=False)
    if ValueKind.ORGANISATION in (asked.kind, held.kind) and asked.form and held.form and asked.form != held.form:
        yield Evidence("name-form", f"The legal forms differ: {asked.form} / {held.form}.", speaks_for=False)


def _listed(words: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in words)


def _how(one: Word, other: Word, crossing: bool) -> str:
    """How two words match that were taken for each other."""
    if crossing or one.bare is not other.bare:
        return "name-script"
    if one.text == other.text:
        return "name-same"
    if Part.INITIAL in (one.part, other.part):
        return "name-initial"
    if customs.ONE.get(one.text, one.text) == customs.ONE.get(other.text, other.text):
        return "name-variant"
    if one.text in _reformed(other.text) or other.text in _reformed(one.text):
        return "name-reform"
    mine, theirs = one.keys, other.keys
    return "name-spelling" if mine.sound == theirs.sound or mine.open == theirs.open else "name-near"


_REFORMS: Final = (
    (("oe", "u"),),
    (("tj", "c"), ("dj", "\0"), ("nj", "ny"), ("sj", "sy"), ("j", "y"), ("\0", "j")),
    (("ch", "kh"),),
)
"""Indonesian of 1947 (oe) and of 1972 (the others): old, new. People kept what they liked of the old."""


@lru_cache(2048)
def _reformed(word: str) -> frozenset[str]:
    """A word as it may be written since the reforms, each of them made or not."""
    found = {word}
    for reform in _REFORMS:
        for one in tuple(found):
            for old, new in reform:
                one = one.replace(old, new)
            found.add(one)
    return frozenset(found - {word})


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
        return Evidence("country", f"The country agrees, which many share: {', '.join(sorted(both))}.")
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
