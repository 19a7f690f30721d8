"""The labelled set of names: pairs that are one and pairs that are two, by group, with what else is known of each.

How it was made: the spellings of ``names_lists`` (and ``names_known``) are combined by rules that follow each custom
(order of family and given name, patronymics, bin and binti, titles, initials, legal forms, a slip of the hand), with
a fixed seed. Half of the pairs are hard negatives: the same family with another given name, the same given name with
another family, father and son exchanged, siblings under one patronymic, companies that share all words but one. Each
side gets a birth year and a country as they are known in practice: often only in part, sometimes wrong. A pair is in
the half on which thresholds and rules were tuned, or in the half that is reported, by a hash of its text.

What it does not show: the two halves are combined from the same lists, so a spelling in one may be met in the other,
and who wrote the lists also wrote the rules. The groups of known figures and organisations depend on that least.
"""

# ruff: noqa: RUF001
from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import combinations
from typing import Final

import msgspec

from benchmarks import names_known as known
from benchmarks import names_lists as lists

EACH: Final = 40
"""Pairs of one rule, positive and negative alike."""


class Side(msgspec.Struct, frozen=True):
    """A name as somebody has it, and what else they know: a birth date as far as known, a country."""

    name: str
    birth: str = ""
    country: str = ""


class Pair(msgspec.Struct, frozen=True):
    """Two names, whether they are one, and the custom or script they stand for."""

    group: str
    one: Side
    other: Side
    same: bool
    organisation: bool = False
    crossing: bool = False
    """Whether the two are written in different scripts."""

    @property
    def reported(self) -> bool:
        """Whether the pair is in the half that is reported, and was not looked at while tuning."""
        return bool(sha256(f"{self.one.name}|{self.other.name}".encode()).digest()[0] & 1)


Row = list[str]
Made = tuple[str, str, bool]
"""One name, another, whether they are one."""


def pairs() -> list[Pair]:
    """The whole set, in a fixed order, without repetitions."""
    chance = random.Random(20_260_106)
    found: dict[tuple[str, str], Pair] = {}
    for group, country, organisation, made in _groups(chance):
        for one, other, same in made:
            if one.casefold() == other.casefold() or (one, other) in found:
                continue
            found[one, other] = _known(chance, group, country, organisation, one, other, same)
    return list(found.values())


def _known(
    chance: random.Random, group: str, country: str, organisation: bool, one: str, other: str, same: bool
) -> Pair:
    """The pair with what else is known: for one and the same nearly always the same, else as it comes."""

    def told(date: str) -> str:
        draw = chance.random()
        return "" if draw < 0.15 else date[:4] if draw < 0.45 else date

    def date() -> str:
        return f"{chance.randint(1945, 1999)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"

    born = date()
    their = (born if chance.random() < 0.97 else date()) if same else date()
    elsewhere = country if chance.random() < (0.9 if same else 0.7) else chance.choice(("GB", "AE", "TR"))
    sides = (
        Side(one, "" if organisation else told(born), "" if chance.random() < 0.2 else country),
        Side(other, "" if organisation else told(their), "" if chance.random() < 0.2 else elsewhere),
    )
    return Pair(group, *sides, same, organisation, _scripted(one) is not _scripted(other))


def _scripted(name: str) -> bool:
    """Whether a name is written in another script than Latin."""
    return sum(ord(letter) > 0x36F and not 0x1E00 <= ord(letter) <= 0x2BFF for letter in name) * 3 > len(name)


def _two(chance: random.Random, row: Row) -> tuple[str, str]:
    """Two spellings of a name, different where there are two."""
    one, other = chance.sample(row, 2) if len(set(row)) > 1 else (row[0], row[0])
    return one, other


def _other(chance: random.Random, rows: Sequence[Row], than: Row) -> Row:
    return chance.choice([row for row in rows if not set(row) & set(than)])


def _groups(chance: random.Random) -> Iterator[tuple[str, str, bool, Iterator[Made]]]:
    latin = [row[1:] for row in lists.ARABIC_GIVEN], [row[1:] for row in lists.ARABIC_FAMILY]
    yield "Arabic in Latin", "SA", False, _full(chance, *latin, 3)
    yield "Arabic script", "SA", False, _crossed(chance, lists.ARABIC_GIVEN, lists.ARABIC_FAMILY, 4)
    yield "Arabic script", "SA", False, _sons(chance, lists.ARABIC_GIVEN, ("بن", "bin"))
    yield "Cyrillic", "RU", False, _crossed(chance, lists.RUSSIAN_GIVEN, lists.RUSSIAN_FAMILY, 4)
    russian = [row[1:] for row in lists.RUSSIAN_GIVEN], [row[1:] for row in lists.RUSSIAN_FAMILY]
    yield "Russian in Latin", "RU", False, _full(chance, *russian, 2)
    yield "patronymics", "RU", False, _patronymics(chance)
    yield "Russian women", "RU", False, _women(chance)
    kana = [row[1:] for row in lists.JAPANESE_FAMILY], [row[1:] for row in lists.JAPANESE_GIVEN]
    yield "Japanese kana", "JP", False, _japanese(chance, *kana, 3)
    kanji = [[row[0], *row[3:]] for row in lists.JAPANESE_FAMILY], [[row[0], *row[3:]] for row in lists.JAPANESE_GIVEN]
    yield "Japanese kanji", "JP", False, _japanese(chance, *kanji, 2)
    yield "Thai", "TH", False, _crossed(chance, lists.THAI_GIVEN, lists.THAI_FAMILY, 3)
    yield "Indonesian", "ID", False, _indonesian(chance)
    yield "Malay bin and binti", "MY", False, _malay(chance)
    yield "Vietnamese", "VN", False, _eastern(chance, lists.VIETNAMESE_FAMILY, lists.VIETNAMESE_GIVEN, (0, 1))
    yield "Chinese and Korean", "CN", False, _eastern(chance, lists.CHINESE_FAMILY, lists.CHINESE_GIVEN, (0, 1))
    yield "Chinese and Korean", "KR", False, _eastern(chance, lists.KOREAN_FAMILY, lists.KOREAN_GIVEN, (0, 1))
    yield "Latin marks", "DE", False, _full(chance, lists.LATIN_GIVEN, lists.LATIN_FAMILY, 2)
    yield "titles and initials", "ID", False, _titles(chance)
    yield "slips", "GB", False, _slips(chance)
    yield "known figures", "XX", False, _figures(chance, known.FIGURES)
    yield "organisations", "ID", True, _organisations()


def _full(chance: random.Random, given: Sequence[Row], family: Sequence[Row], times: int) -> Iterator[Made]:
    for _ in range(times * EACH // 2):
        g, f = chance.choice(given), chance.choice(family)
        (g1, g2), (f1, f2) = _two(chance, g), _two(chance, f)
        yield f"{g1} {f1}", f"{f2.upper()}, {g2}" if chance.random() < 0.25 else f"{g2} {f2}", True
        if chance.random() < 0.5:
            yield f"{g1} {f1}", f"{chance.choice(_other(chance, given, g))} {f2}", False
        else:
            yield f"{g1} {f1}", f"{g2} {chance.choice(_other(chance, family, f))}", False


def _crossed(chance: random.Random, given: Sequence[Row], family: Sequence[Row], times: int) -> Iterator[Made]:
    """The own script beside Latin; the first spelling is the one in the own script."""
    for _ in range(times * EACH // 2):
        g, f = chance.choice(given), chance.choice(family)
        native = f"{g[0]} {f[0]}"
        yield native, f"{chance.choice(g[1:])} {chance.choice(f[1:])}", True
        if chance.random() < 0.5:
            yield native, f"{chance.choice(_other(chance, given, g)[1:])} {chance.choice(f[1:])}", False
        else:
            yield native, f"{chance.choice(g[1:])} {chance.choice(_other(chance, family, f)[1:])}", False


def _sons(chance: random.Random, given: Sequence[Row], son: tuple[str, str]) -> Iterator[Made]:
    for _ in range(EACH):
        a, b = chance.sample(list(given), 2)
        native = f"{a[0]} {son[0]} {b[0]}"
        yield native, f"{chance.choice(a[1:])} {son[1]} {chance.choice(b[1:])}", True
        yield native, f"{chance.choice(b[1:])} {son[1]} {chance.choice(a[1:])}", False


def _patronymics(chance: random.Random) -> Iterator[Made]:
    """Father and son exchanged, siblings, cousins; and the patronymic left out, which is usual."""
    for _ in range(2 * EACH):
        g, f, p = (chance.choice(rows) for rows in (lists.RUSSIAN_GIVEN, lists.RUSSIAN_FAMILY, lists.RUSSIAN_FATHERS))
        column = chance.choice((0, 1))
        one = f"{g[column]} {p[column]} {f[column]}"
        draw = chance.random()
        if draw < 0.4:
            yield one, f"{f[1]} {g[1]} {chance.choice(p[1:])}" if column == 0 else f"{f[2]} {g[2]} {p[2]}", True
        elif draw < 0.8:
            yield one, f"{chance.choice(g[1:])} {chance.choice(f[1:])}", True
        else:
            yield one, f"{g[1][0]}. {p[1][0]}. {f[1]}", True
        brother, uncle = _other(chance, lists.RUSSIAN_GIVEN, g), _other(chance, lists.RUSSIAN_FATHERS, p)
        if draw < 0.4:
            yield one, f"{chance.choice(brother[1:])} {chance.choice(p[1:])} {chance.choice(f[1:])}", False
        elif draw < 0.7:
            yield one, f"{chance.choice(g[1:])} {chance.choice(uncle[1:])} {chance.choice(f[1:])}", False
        else:
            a, b = chance.choice((("Ivan", "Petr"), ("Petr", "Mikhail"), ("Boris", "Viktor"), ("Viktor", "Ivan")))
            yield f"{a} {_son_of(b)} {f[1]}", f"{b} {_son_of(a)} {chance.choice(f[1:])}", False


def _son_of(father: str) -> str:
    return {"Ivan": "Ivanovich", "Petr": "Petrovich", "Boris": "Borisovich", "Viktor": "Viktorovich",
            "Mikhail": "Mikhailovich"}[father]  # fmt: skip


def _women(chance: random.Random) -> Iterator[Made]:
    """A woman's family name as it is at home, and as it is abroad."""
    family = [row for row in lists.RUSSIAN_FAMILY if row[0].endswith(("ов", "ев", "ёв"))]
    for _ in range(EACH):
        g, f = chance.choice(lists.RUSSIAN_WOMEN), chance.choice(family)
        column = chance.choice((0, 1))
        one = f"{f[column]}{'аa'[column]} {g[column]}"
        yield one, f"{chance.choice(g[1:])} {f[1]}{chance.choice(('a', ''))}", True
        yield one, f"{chance.choice(_other(chance, lists.RUSSIAN_WOMEN, g)[1:])} {f[1]}a", False


def _japanese(chance: random.Random, family: Sequence[Row], given: Sequence[Row], times: int) -> Iterator[Made]:
    for _ in range(times * EACH // 2):
        f, g = chance.choice(family), chance.choice(given)
        native = [at for at, one in enumerate(f) if _scripted(one)]
        column = chance.choice(native)
        one = f"{f[column]}{chance.choice(('', ' '))}{g[column]}" if len(native) == 1 else f"{f[column]} {g[column]}"
        latin = len(native)
        f2, g2 = chance.choice(f[latin:]), chance.choice(g[latin:])
        yield one, f"{g2} {f2}" if chance.random() < 0.5 else f"{f2} {g2}", True
        if chance.random() < 0.5:
            yield one, f"{chance.choice(_other(chance, given, g)[latin:])} {f2}", False
        else:
            yield one, f"{g2} {chance.choice(_other(chance, family, f)[latin:])}", False


def _indonesian(chance: random.Random) -> Iterator[Made]:
    rows = [row for row in lists.INDONESIAN if len(set(row)) > 1]
    for row in rows:
        one, other = _two(chance, row)
        yield one, other, True
        yield one, chance.choice(_other(chance, rows, row)), False
    for _ in range(2 * EACH):
        a, b, c = chance.sample(lists.INDONESIAN, 3)
        (a1, a2), (b1, b2) = _two(chance, a), _two(chance, b)
        title = chance.choice(("", "", "H. ", "Ir. ", "Drs. "))
        yield f"{title}{a1} {b1}", f"{a2} {b2}", True
        yield (f"{a1} {b1}", f"{a2} {chance.choice(c)}", False) if chance.random() < 0.5 else (
            f"{title}{a1} {b1}", f"{chance.choice(c)} {b2}", False)  # fmt: skip


def _malay(chance: random.Random) -> Iterator[Made]:
    for _ in range(3 * EACH // 2):
        a, b, c = chance.sample(lists.MALAY, 3)
        (a1, a2), (b1, b2) = _two(chance, a), _two(chance, b)
        yield f"{a1} bin {b1}", f"{a2} {chance.choice(('b.', 'bin', 'Bin', ''))} {b2}".replace("  ", " "), True
        draw = chance.random()
        if draw < 0.4:
            yield f"{a1} bin {b1}", f"{b2} bin {a2}", False
        elif draw < 0.7:
            yield f"{a1} bin {b1}", f"{chance.choice(c)} bin {b2}", False
        else:
            yield f"{a1} bin {b1}", f"{a2} bin {chance.choice(c)}", False
    for _ in range(EACH // 2):
        woman, father, another = chance.choice(lists.MALAY_WOMEN), *chance.sample(lists.MALAY, 2)
        (w1, w2), (f1, f2) = _two(chance, woman), _two(chance, father)
        yield f"{w1} binti {f1}", f"{w2} {chance.choice(('bt.', 'bte', 'binte'))} {f2}", True
        yield f"{w1} binti {f1}", f"{w2} binti {chance.choice(another)}", False


def _eastern(
    chance: random.Random, family: Sequence[Row], given: Sequence[Row], native: tuple[int, ...]
) -> Iterator[Made]:
    """Family name first at home, and last abroad."""
    for _ in range(EACH):
        f, g = chance.choice(family), chance.choice(given)
        glue = "" if ord(f[0][0]) > 0x2E80 else " "
        one = f"{f[0]}{glue}{g[0]}" if chance.choice(native) == 0 else f"{f[1]} {g[1]}"
        f2, g2 = chance.choice(f[1:]), chance.choice(g[1:])
        yield one, f"{f2} {g2}" if chance.random() < 0.5 else f"{g2} {f2}", True
        if chance.random() < 0.5:
            yield one, f"{f2} {chance.choice(_other(chance, given, g)[1:])}", False
        else:
            yield one, f"{chance.choice(_other(chance, family, f)[1:])} {g2}", False


def _titles(chance: random.Random) -> Iterator[Made]:
    given, family = [row[1:] for row in lists.ARABIC_GIVEN], [row[1:] for row in lists.ARABIC_FAMILY]
    for _ in range(EACH):
        g, f = chance.choice(given), chance.choice(family)
        title = chance.choice(lists.TITLES)
        yield f"{title} {g[0]} {f[0]}", f"{g[0]} {f[0]}" + chance.choice(("", ", M.A.", ", S.H.")), True
        yield f"{title} {g[0]} {f[0]}", f"{title} {_other(chance, given, g)[0]} {f[0]}", False
    for _ in range(EACH // 2):
        g, f = chance.choice(lists.LATIN_GIVEN), chance.choice(lists.LATIN_FAMILY)
        yield f"{g[1]} {f[1]}", f"{g[1][0]}. {f[0]}", True
        other = next(row for row in chance.sample(lists.LATIN_GIVEN, 18) if row[1][0] != g[1][0])
        yield f"{g[1]} {f[1]}", f"{other[1][0]}. {f[0]}", False


def _slips(chance: random.Random) -> Iterator[Made]:
    """One letter dropped, doubled, changed or two exchanged, in a word of six letters or more."""
    given = [row[1] for row in lists.RUSSIAN_GIVEN] + [row[-1] for row in lists.JAPANESE_GIVEN]
    family = [row[1] for row in lists.RUSSIAN_FAMILY] + [row[-1] for row in lists.THAI_FAMILY]
    family = [one for one in family if len(one) >= 6]
    for _ in range(EACH):
        g, f = chance.choice(given), chance.choice(family)
        yield f"{g} {f}", f"{g} {_slip(chance, f)}", True
        yield f"{g} {f}", f"{chance.choice([one for one in given if one[0] != g[0]])} {_slip(chance, f)}", False


def _slip(chance: random.Random, word: str) -> str:
    at = chance.randrange(1, len(word) - 1)
    kinds: tuple[Callable[[], str], ...] = (
        lambda: word[:at] + word[at + 1 :],
        lambda: word[:at] + word[at] + word[at:],
        lambda: word[:at] + chance.choice("aeinrst") + word[at + 1 :],
        lambda: word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :],
    )
    return chance.choice(kinds)()


def _figures(chance: random.Random, rows: Sequence[Row]) -> Iterator[Made]:
    for row in rows:
        for one, other in combinations(row, 2):
            yield one, other, True
            # Somebody else who shares a word where there is one, else anybody.
            words = set(other.casefold().split())
            sharing = [r for r in rows if r is not row and any(words & set(s.casefold().split()) for s in r)]
            them = chance.choice(sharing or [r for r in rows if r is not row])
            yield one, chance.choice(them), False


def _organisations() -> Iterator[Made]:
    for row in known.ORGANISATIONS:
        for one, other in combinations(row, 2):
            yield one, other, True
    for row in known.NEAR_ORGANISATIONS:
        yield row[0], row[1], False
