"""How alike two names are, from 0 to 1.

Each word of one name is laid beside the word of the other that is most like it, where the parts they play allow it:
a father's name is never the bearer's. What is left over on one side was left out; what is left over on both is
another name, and costs far more. The score is the same whichever name is given first.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from rapidfuzz.distance import OSA, JaroWinkler

from titian.core.screening import Match, ValueKind
from titian.screen.names import customs
from titian.screen.names.parts import Name, Part, Word, together
from titian.screen.names.scripts import Script
from titian.screen.names.sounds import Sounds, admits, sounds

LEAST: Final = 0.72
"""Words that are less alike than this are two words."""
_BEARER, _FATHERS, _SHARED = {Part.OWN, Part.INITIAL}, {Part.FATHER, Part.ELDER}, {Part.GENERIC}
_PREFIXES: Final = frozenset({"al", "el", "ab"})
_NUMERAL: Final = re.compile(r"^(?:[ivx]{1,4}|\d+[a-z]{0,2})$")
_COMMON: Final = frozenset(sounds(word).sound for word in customs.COMMON)
_OMITTED: Final = 0.22
_ALONE: Final = 0.5
_CONFLICT: Final = 1.35
_DOUBT: Final = 1.0


class Likeness(NamedTuple):
    """A score and how it came about."""

    score: float
    match: Match


class Laid(NamedTuple):
    """Two names beside each other: words that were taken for each other, and those that found no partner.

    ``turned`` when they stand in another order, ``together`` when the names are alike only as a whole, without regard
    to where a word ends: then there are no ``pairs``.
    """

    pairs: tuple[tuple[Word, Word], ...] = ()
    only_one: tuple[Word, ...] = ()
    only_other: tuple[Word, ...] = ()
    turned: bool = False
    together: bool = False


def laid(one: Name, other: Name) -> Laid:
    """Return which words :func:`likeness` takes for each other: what a score is explained with."""
    strict = _has_father(one) and _has_father(other)
    left, right = dict(enumerate(one.words)), dict(enumerate(other.words))
    taken: list[tuple[int, int]] = []
    for at, word in enumerate(one.words):
        to = next((to for to, each in right.items() if each == word), None)
        if to is not None:
            taken.append((at, to))
            del left[at], right[to]
    places, others = list(left), list(right)
    pairs, _, _ = _partners(list(left.values()), list(right.values()), strict)
    for _, at, to in pairs:
        taken.append((places[at], others[to]))
        del left[places[at]], right[others[to]]
    if not taken or ((left or right) and pairs) or (left and right):
        a, b = (one, other) if (len(one.words), one.words) <= (len(other.words), other.words) else (other, one)
        whole = _run_together(a, b)
        if whole and whole > _aligned(a, b):
            return Laid(together=True)
    taken.sort()
    return Laid(
        tuple((one.words[at], other.words[to]) for at, to in taken), tuple(left.values()), tuple(right.values()),
        any(before[1] > after[1] for before, after in pairwise(taken)),
    )  # fmt: skip


def likeness(one: Name, other: Name, least: float = 0.0) -> Likeness:
    """Return how alike two names are. How they match is told only from the score ``least`` on: it takes as long."""
    if not one.words or not other.words:
        return Likeness(1.0 if one.plain == other.plain else 0.0, Match.EXACT)
    if one.plain == other.plain:
        return Likeness(1.0, Match.EXACT)
    crossing = one.script is not other.script
    a, b = (one, other) if (len(one.words), one.words) <= (len(other.words), other.words) else (other, one)
    score = 1.0 if a.words == b.words else _aligned(a, b)
    if score < 0.95:
        score = max(score, _run_together(a, b))
    if ValueKind.ORGANISATION in (a.kind, b.kind) and a.form and b.form and a.form != b.form:
        score *= 0.75
    return Likeness(min(score, 1.0), _match(a, b, crossing) if score >= least else Match.NEAR)


def _match(a: Name, b: Name, crossing: bool) -> Match:
    if crossing:
        return Match.CROSS_SCRIPT
    if sorted(a.words) == sorted(b.words):
        return Match.EXACT
    if sorted(word.keys.sound for word in a.words) == sorted(word.keys.sound for word in b.words):
        return Match.PHONETIC
    return Match.NEAR


@lru_cache(8192)
def weight(word: Word) -> float:
    """Return how much a word says: a rare name 1, one that many share less."""
    if word.part is Part.INITIAL:
        return 0.3
    if word.part is Part.GENERIC:
        return 0.45
    if word.text in customs.PARTICLES:
        return 0.12
    common = 0.65 if word.keys.sound in _COMMON else 1.0
    return common * (1.0 if word.part is Part.OWN else 0.8)


def _aligned(a: Name, b: Name) -> float:
    strict = _has_father(a) and _has_father(b)
    left, right = list(a.words), list(b.words)
    said, doubt = 0.0, 0.0
    for word in a.words:
        # Those that are the same need no weighing.
        if word in right:
            left.remove(word)
            right.remove(word)
            said += weight(word)
    pairs, mine, theirs = _partners(left, right, strict)
    for alike, at, to in pairs:
        much = (weight(left[at]) + weight(right[to])) / 2
        said += much * alike
        doubt += much * (1 - alike) * _DOUBT
    if not said:
        return 0.0
    over = _leftover([left[at] for at in mine], [right[to] for to in theirs], min(len(a.words), len(b.words)) == 1)
    return said / (said + doubt + over)


_Pairs = list[tuple[float, int, int]]


def _partners(left: list[Word], right: list[Word], strict: bool) -> tuple[_Pairs, set[int], set[int]]:
    """Which words stand for each other, the likest first: how alike they are, and their places; and the places of those
    that found no partner."""
    pairs = [(_alike(x, y, strict), at, to) for at, x in enumerate(left) for to, y in enumerate(right)]
    pairs.sort(key=lambda pair: (-pair[0], abs(pair[1] - pair[2]), pair[1], pair[2]))
    mine, theirs = set(range(len(left))), set(range(len(right)))
    found: _Pairs = []
    for pair in pairs:
        alike, at, to = pair
        if alike < LEAST:
            break
        if at not in mine or to not in theirs:
            continue
        mine.discard(at)
        theirs.discard(to)
        found.append(pair)
    return found, mine, theirs


def _leftover(mine: list[Word], theirs: list[Word], lone: bool) -> float:
    """What words that found no partner cost; ``lone`` when one of the names is a single word."""
    if not mine and not theirs:
        return 0.0
    if all(word.part is Part.OWN for word in (*mine, *theirs)):
        return _cost(mine, theirs, 1.0, _ALONE if lone else _OMITTED)
    cost = 0.0
    for parts, heavy, omitted in (
        (_BEARER, 1.0, _ALONE if lone else _OMITTED), (_FATHERS, 1.25, _OMITTED), (_SHARED, 1.0, 0.5),
    ):  # fmt: skip
        ours, others = ([word for word in words if word.part in parts] for words in (mine, theirs))
        cost += _cost(ours, others, heavy, omitted)
    return cost


def _cost(mine: list[Word], theirs: list[Word], heavy: float, omitted: float) -> float:
    """What words cost that stand against each other, and what those cost that one side leaves out."""
    ours, others = sorted(map(weight, mine), reverse=True), sorted(map(weight, theirs), reverse=True)
    both = min(len(ours), len(others))
    against = sum(map(max, ours, others)) if both else 0.0
    return against * _CONFLICT * heavy + (sum(ours[both:]) + sum(others[both:])) * omitted


def _has_father(name: Name) -> bool:
    return any(word.part is Part.FATHER for word in name.words)


def _alike(a: Word, b: Word, strict: bool) -> float:
    """How alike two words are, given the parts they play; where both names name a father, parts never cross."""
    if a.part is Part.INITIAL or b.part is Part.INITIAL:
        return 0.9 if a.text[:1] == b.text[:1] else 0.0
    if a.part is not b.part and (strict or Part.OWN not in (a.part, b.part)) and Part.GENERIC not in (a.part, b.part):
        return 0.0
    alike = words_alike(a.text, a.bare, b.text, b.bare) if (a.text, a.bare) <= (b.text, b.bare) else words_alike(
        b.text, b.bare, a.text, a.bare)  # fmt: skip
    return alike if a.part is b.part else alike * 0.97


@lru_cache(16384)
def words_alike(a: str, a_bare: bool, b: str, b_bare: bool) -> float:
    """Return how alike two words are, by letters, by sound and by consonants."""
    return sounds_alike(a, a_bare, sounds(a, a_bare), b, b_bare, sounds(b, b_bare))


def sounds_alike(a: str, a_bare: bool, one: Sounds, b: str, b_bare: bool, other: Sounds) -> float:
    """Return the same where the keys are known already."""
    if a == b:
        return 1.0 if a_bare == b_bare or len(a) > 2 else 0.9
    if (len(a) < 5 and _NUMERAL.match(a)) or (len(b) < 5 and _NUMERAL.match(b)):
        return 0.0
    if a in customs.ONE and customs.ONE[a] == customs.ONE.get(b):
        return 0.95
    if a_bare or b_bare:
        voiced = "" if a_bare and b_bare else b if a_bare else a
        alike = _bare_alike(one, a_bare, other, b_bare)
        if len(voiced) > 5 and voiced[:2] in ("al", "el") and alike < 0.9:
            rest = sounds(voiced[2:])
            without = _bare_alike(one, True, rest, False) if a_bare else _bare_alike(rest, False, other, True)
            alike = max(alike, 0.98 * without)
        return alike
    if one.sound == other.sound or one.open == other.open:
        return 0.97
    if one.alike == other.alike:
        return 0.94
    alike = OSA.normalized_similarity(one.alike, other.alike)
    if alike < 0.4:
        return 0.0
    sound = max(OSA.normalized_similarity(one.sound, other.sound), OSA.normalized_similarity(one.open, other.open),
                alike - 0.02)  # fmt: skip
    for long, short, keys in ((a, b, other), (b, a, one)):
        # The article written as one word with the name; the servant left out of Abd al-X.
        if long[:2] in _PREFIXES and len(short) > 3:
            if long[:2] != "ab" and sounds(long[2:]).open == keys.open:
                return 0.94
            if long[:3] == "abd" and sounds(long[3:]).open == keys.open:
                return 0.85
    bones = OSA.normalized_similarity(one.bones, other.bones)
    if one.bones == other.bones and len(one.bones) <= 3 and sound < 0.7:
        # The same few consonants with other vowels are another name: Hasan and Husain.
        return 0.7
    letters = OSA.normalized_similarity(a, b)
    if letters < sound:
        letters = max(letters, JaroWinkler.normalized_similarity(a, b) - 0.12)
    found = 0.5 * sound + 0.2 * letters + 0.3 * bones
    if 4 <= len(one.bones) == len(other.bones) and one.coarse == other.coarse:
        found = max(found, 0.8)
    if min(len(a), len(b)) <= 3:
        found -= 0.1
    return max(found, 0.0)


def _bare_alike(one: Sounds, bare: bool, other: Sounds, other_bare: bool) -> float:
    sound, _, _, bones = one
    other_sound, _, _, other_bones = other
    near = max(OSA.normalized_similarity(bones, other_bones),
               OSA.normalized_similarity(one.coarse, other.coarse) - 0.04)  # fmt: skip
    if bare and other_bare:
        return 0.5 * near + 0.5 * OSA.normalized_similarity(sound, other_sound)
    fits = admits(sound, other_sound) if bare else admits(other_sound, sound)
    found = 0.95 * near if fits else 0.86 * near
    return found - (0.06 if min(len(bones), len(other_bones)) <= 2 else 0.0)


def _run_together(a: Name, b: Name) -> float:
    """How alike two names are with nothing between their words: ``Jong-un`` and ``Jongun``."""
    if len(a.words) == len(b.words) and not {a.script, b.script} & {Script.HAN, Script.HANGUL, Script.THAI}:
        return 0.0
    if len(a.words) > 5 or len(b.words) > 5 or len(a.words) + len(b.words) < 3:
        return 0.0
    words = (*a.words, *b.words)
    if any(word.part in (Part.FATHER, Part.ELDER) for word in words):
        return 0.0
    if any(word.bare for word in words):
        one, other = ("".join(word.keys.bones[at != 0 and word.keys.bones[:1] == "a" :]
                              for at, word in enumerate(name.words)) for name in (a, b))  # fmt: skip
        return 0.88 if one == other and len(one) >= 5 else 0.0
    whole = together(b.words)
    return max(_whole(turned, whole) for turned in _turned(a, len(whole)))


def _turned(name: Name, length: int) -> list[str]:
    """The whole as one word, also with its first word last and its last one first; none of quite another length."""
    words = name.words
    found = [together(words)]
    if abs(len(found[0]) - length) > 2:
        return [""]
    if len(words) > 1:
        found += [together(words[1:] + words[:1]), together(words[-1:] + words[:-1])]
    return found


def _whole(a: str, b: str) -> float:
    if min(len(a), len(b)) < 5:
        return 0.0
    if a == b:
        return 0.96
    near = OSA.normalized_similarity(a, b)
    return near if near >= 0.9 and len(a) >= 9 else 0.0
