"""What a reader of one kind says about a text."""

from __future__ import annotations

from typing import Final, NamedTuple

from titian.core.screening import Value


class Found(NamedTuple):
    """The values that a text is, as one kind, and what is wrong with it in a sentence.

    Without values it is not of that kind: with a problem it looks as if it was meant to be.
    """

    values: tuple[Value, ...] = ()
    problem: str | None = None


NOTHING: Final = Found()
