"""Sentences in the reader's language that hold text of strangers, and ranges of such text that are marked."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup, escape

from titian.core.card import disarmed_letters
from titian.core.search import Marks
from titian.web.console.guard import Visitor
from titian.web.console.shown import visible

_breaks: Final = re.compile(r"\n[ \t]*\n\s*").split
_MOST_FOLDED: Final = 100_000
"""Characters behind a fold at most; the raw object has all of them."""


def sentence(visitor: Visitor, text: str, /, **values: str | Markup) -> Markup:
    """A sentence of the catalogues with its places filled in: what is not markup is a stranger's text."""
    filled = {name: one if isinstance(one, Markup) else isolated(one) for name, one in values.items()}
    return Markup(str(escape(visitor.gettext(text))) % filled)  # noqa: S704 - every part is escaped


def isolated(text: str) -> Markup:
    """A stranger's text in a direction of its own."""
    return Markup(f"<bdi>{visible(text)}</bdi>")  # noqa: S704 - escaped


def listed(texts: list[str]) -> Markup:
    """Several texts of strangers, with commas between them."""
    return Markup(", ").join(isolated(one) for one in texts)


def marked(text: str, marks: Marks, type_: str = "") -> Markup:
    """A stranger's text with ranges marked; an address among ``type_`` is written so that nobody can follow it.

    >>> str(marked("<b>dark</b>", ((3, 7),)))
    '<bdi>&lt;b&gt;<mark>dark</mark>&lt;/b&gt;</bdi>'
    >>> str(marked("evil.example", ((0, 4),), "domain-name"))
    '<bdi><mark>evil</mark>[.]example</bdi>'
    """
    letters = list(disarmed_letters(type_, text))
    parts: list[str] = []
    at = 0
    for start, end in sorted(marks):
        start, end = max(at, start), min(end, len(letters))
        if start >= end:
            continue
        parts.append(visible("".join(letters[at:start])))
        parts += ("<mark>", visible("".join(letters[start:end])), "</mark>")
        at = end
    parts.append(visible("".join(letters[at:])))
    return Markup(f"<bdi>{''.join(parts)}</bdi>")  # noqa: S704 - each part is escaped


def cut(text: str, most: int) -> str:
    """The beginning of a text, where nothing can be folded: in a link, a heading, a cell.

    >>> cut("a bridge", 4), cut("a", 4)
    ('a b…', 'a')
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def paragraphs(text: str, most: int, more: str) -> Markup:
    """A stranger's longer text in paragraphs and lines as it is written, what is beyond ``most`` characters folded.

    >>> str(paragraphs("one\\n\\ntwo\\n<b>", 99, "more"))
    '<p dir="auto">one</p><p dir="auto">two<br>&lt;b&gt;</p>'
    """
    start, rest = text[:most], text[most : most + _MOST_FOLDED]
    if len(text) > most + _MOST_FOLDED:
        rest += " …"
    shown = _paragraphs(start)
    if rest:
        shown += Markup('<details class="more"><summary>… {}</summary>{}</details>').format(more, _paragraphs(rest))
    return shown


def _paragraphs(text: str) -> Markup:
    parts = [one for one in _breaks(text.replace("\r\n", "\n")) if one.strip()]
    return Markup("").join(
        Markup('<p dir="auto">{}</p>').format(
            Markup("<br>").join(visible(line) for line in one.strip("\n").split("\n"))
        )
        for one in parts
    )
