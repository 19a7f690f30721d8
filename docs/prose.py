"""Text for the generated pages: cells of tables, and docstrings as Markdown."""

from __future__ import annotations

import inspect
import re
import textwrap


def cell(text: str) -> str:
    """Text that fits into a cell of a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def prose(docstring: str) -> str:
    """A docstring as Markdown: roles and double backticks become single ones, ``::`` and examples become code."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", inspect.cleandoc(docstring)).replace("``", "`")
    text = re.sub(r"(?m)^:(?:param )?(\w+)( \w+)?:", r"*\1\2*:", text)
    text = re.sub(r"(?m)^::\n\n((?:(?: {4}.*)?\n)*(?: {4}.*))", as_code, text)
    return re.sub(r"(?m)^>>> (?:.+\n?)+", lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", text).rstrip()


def as_code(found: re.Match[str]) -> str:
    """An indented block as a fenced one."""
    return f"```python\n{textwrap.dedent(found[1]).strip()}\n```"
