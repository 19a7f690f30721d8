"""The texts of the console as they stand in its sources, and what stands in a template outside of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from jinja2 import Environment
from jinja2.lexer import TOKEN_DATA

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "src" / "titian" / "web" / "console" / "templates"
LOCALE = ROOT / "src" / "titian" / "web" / "console" / "locale"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2), "N_": None}
_LITERAL = "\x01"
_TAG = re.compile(r"<[^>]*>")
_TYPED = re.compile(r"<(code|kbd|pre|samp)\b[^>]*>.*?</\1>", re.DOTALL)
"""What is typed as it stands is the same in every language."""
_SAID = re.compile(r'\b(?:aria-label|title|placeholder|alt|data-confirm|data-confirm-label|data-announce)="([^"]*)"')
_WORD = re.compile(r"[^\W\d_]{2,}")
_ENTITY = re.compile(r"&\w+;")
NAMES = {"Titian", "TLP", "JSON", "STIX", "UTC", "TAXII", "MISP", "OpenID", "PAP"}
"""Words that are the same in every language."""


def extracted() -> Catalog:
    """Every text of the console, in English."""
    with (ROOT / "babel.cfg").open() as file:
        mapping, options = parse_mapping_cfg(file)
    found = Catalog()
    for name, line, message, _comments, context in extract_from_dir(ROOT, mapping, options, KEYWORDS):
        found.add(message, None, [(name, line)], context=context)
    return found


def outside(template: Path) -> Iterator[str]:
    """Words of a template that nobody could translate: text between tags, and in attributes that are read aloud."""
    text = template.read_text("utf-8")
    tokens = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"]).lexer.tokeniter(text, str(template))
    parts: list[str] = []
    skipping = False
    inside = ""
    for _line, kind, value in tokens:
        if kind == "block_begin":
            inside = ""
        elif kind == "name" and not inside:
            inside = value
            skipping = {"trans": True, "endtrans": False}.get(value, skipping)
        elif kind == TOKEN_DATA and not skipping:
            parts.append(value)
        elif kind == "variable_begin":
            parts.append(_LITERAL)
    whole = "".join(parts)
    for said in _SAID.findall(whole):
        yield from _words(said)
    yield from _words(_ENTITY.sub(" ", _TAG.sub(" ", _TYPED.sub(" ", whole))))


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.replace(_LITERAL, " ")):
        if word not in NAMES:
            yield word
