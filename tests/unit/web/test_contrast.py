"""Everything written can be read: the contrast of each pair of colours in console.css, in light and in dark.

The formula is that of WCAG 2.2 ("relative luminance", "contrast ratio"); 4.5 is its AA for text (1.4.3), 3 for the
edges of controls and for graphics (1.4.11). The colours are read from the sheet, so a changed token is tried at once.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

SHEET = (Path(__file__).resolve().parents[3] / "src/titian/web/static/console.css").read_text(encoding="utf-8")

TOKENS: dict[str, tuple[str, str]] = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", SHEET)
}
"""Name of a colour → its value in light and in dark."""

TEXT, GRAPHIC = 4.5, 3.0

GROUNDS = ("paper", "paper-2", "paper-3")
STATES = ("good", "warn", "bad", "info")
TYPES = tuple(sorted(name for name in TOKENS if name.startswith("type-")))

PAIRS: list[tuple[str, str, float]] = [
    *((ink, ground, TEXT) for ink, ground in product(("ink", "ink-soft", "accent"), GROUNDS)),
    *((ink, "accent-paper", TEXT) for ink in ("ink", "accent")),
    *((ink, f"{state}-paper", TEXT) for ink, state in product(("ink", "ink-soft", "accent"), STATES)),
    *((state, f"{state}-paper", TEXT) for state in STATES),
    *((state, ground, TEXT) for state, ground in product(STATES, GROUNDS)),
    ("on-accent", "accent", TEXT),
    ("on-bad", "bad", TEXT),
    *(("on-type", each, TEXT) for each in TYPES),
    *((each, ground, GRAPHIC) for each, ground in product(TYPES, GROUNDS)),
    *((edge, ground, GRAPHIC) for edge, ground in product(("line-strong", "focus"), GROUNDS)),
]

DECORATION = {"line"}
"""Colours that carry no meaning: a hairline between rows."""

TLP = {"red": "#ff2b2b", "amber": "#ffc000", "amber-strict": "#ffc000", "green": "#33ff00", "clear": "#ffffff"}
"""FIRST, Traffic Light Protocol 2.0, section "TLP-color-coding": the font's colours; the ground is #000000."""


def luminance(colour: str) -> float:
    """Relative luminance, 0 for black to 1 for white."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1, the same, to 21, black on white."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def declared(selector: str, name: str) -> str:
    """The value of a property in the rule whose list of selectors holds this one and nothing in front of it."""
    rule = re.search(rf"(?:^\s*|[,}}{{]\s*){re.escape(selector)}(?:,[^{{}}]*)?\s*{{([^}}]*)}}", SHEET, re.MULTILINE)
    assert rule, selector
    value = re.search(rf"(?:^|[\s;]){name}:\s*([^;]+)", rule[1])
    assert value, (selector, name)
    return value[1].strip()


def test_the_formula_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#123456", "#123456") == 1


@pytest.mark.parametrize(("front", "back", "least"), PAIRS, ids=lambda value: str(value))
def test_every_pair_can_be_read(front: str, back: str, least: float) -> None:
    found = {
        theme: round(contrast(TOKENS[front][at], TOKENS[back][at]), 2) for at, theme in enumerate(("light", "dark"))
    }
    assert {theme: ratio for theme, ratio in found.items() if ratio < least} == {}


def test_no_colour_escapes() -> None:
    used = {name for front, back, _ in PAIRS for name in (front, back)}
    assert set(TOKENS) - used == DECORATION
    named = set(re.findall(r"var\(--([\w-]+)\)", SHEET))
    assert used <= named | {"on-type"}, "the graph alone writes on a type's colour"


def test_colours_stand_in_tokens_only() -> None:
    # Outside the tokens: FIRST's colours, which no theme may change, the edge of their badge and of printed cards.
    body = SHEET.split("@layer ground {", 1)[1]
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", body)) == {*TLP.values(), "#000000", "#6b7988"}


@pytest.mark.parametrize("marking", TLP)
def test_tlp_is_as_first_defines_it(marking: str) -> None:
    selector = ".tlp-amber" if marking == "amber-strict" else f".tlp-{marking}"
    assert declared(selector, "color") == TLP[marking]
    assert declared(".tlp", "background") == "#000000"
    assert contrast(TLP[marking], "#000000") >= TEXT
    printed = marking.upper().replace("-", "+")
    page = re.search(rf"@page {marking} {{(.*)}}$", SHEET, re.MULTILINE)
    assert page
    assert page[1].count(f'content: "TLP:{printed}"; color: {TLP[marking]}; background: #000000') == 2, "head and foot"
    assert f'[data-tlp="TLP:{printed}"] {{ page: {marking}; }}' in SHEET


def test_a_grey_on_grey_would_be_seen() -> None:
    assert contrast("#8a8a8a", "#e5eaef") < GRAPHIC
