"""What came with a form, as typed values."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.datastructures import UploadFile

from titian.core.errors import InvalidInput, TooLarge

_PLAIN: Final = "application/x-www-form-urlencoded"
KINDS: Final = frozenset({_PLAIN, "multipart/form-data"})
SMALL: Final = 64 << 10
"""Bytes of a form of somebody who is not signed in."""
LARGEST: Final = 8 << 20
"""Bytes of a form without files."""
MOST_FIELDS: Final = 20_000
LONGEST: Final = 2_000_000
"""Characters in a field at most."""


class Upload(msgspec.Struct, frozen=True):
    """A file that came with a form; its name is the stranger's word."""

    name: str
    body: bytes


class Form:
    """The fields of a form. A field that is missing is an empty text."""

    def __init__(self, fields: Sequence[tuple[str, str | Upload]]) -> None:
        self._fields = fields

    def text(self, name: str, *, most: int = LONGEST) -> str:
        """A field, without the spaces around it. Raises :class:`TooLarge`."""
        return self.raw(name, most=most).strip()

    def raw(self, name: str, *, most: int = LONGEST) -> str:
        """A field as it came, lines ended by a line feed. Raises :class:`TooLarge`."""
        value = next((one for key, one in self._fields if key == name), "")
        if isinstance(value, Upload):
            return ""
        if len(value) > most:
            raise TooLarge(f"The field {name} has more than {most} characters.")
        return value.replace("\r\n", "\n")

    def all(self, name: str) -> list[str]:
        """Every value of a field that may come several times."""
        return [one for key, one in self._fields if key == name and isinstance(one, str)]

    def number(self, name: str, default: int) -> int:
        """A whole number. Raises :class:`InvalidInput`."""
        text = self.text(name, most=20)
        if not text:
            return default
        if not (text.isascii() and text.removeprefix("-").isdigit()):
            raise InvalidInput(f"The field {name} takes a whole number.")
        return int(text)

    def given(self, name: str) -> bool:
        """Whether a box was ticked, or a button with this name pressed."""
        return any(key == name for key, _ in self._fields)

    def upload(self, name: str) -> Upload | None:
        """A file, if one came that is not empty."""
        value = next((one for key, one in self._fields if key == name), None)
        return value if isinstance(value, Upload) and value.body else None


async def read_form(request: Request[Any, Any, Any], *, most: int, seconds: int, files: bool) -> Form:
    """Read the form of a request, if it has one: at most ``most`` bytes, within ``seconds``; with ``files`` also one
    that brings files. Raises :class:`TooLarge`, and :class:`InvalidInput` for a body that is no form."""
    kind = request.content_type[0]
    if request.method in {"GET", "HEAD"} or kind not in KINDS:
        return Form([])
    async with asyncio.timeout(seconds):
        if kind == _PLAIN:
            return Form(_fields(await _body(request, min(most, LARGEST))))
        if not files:
            raise InvalidInput("This form takes no files.")
        return Form(await _parts(request, most))


async def _body(request: Request[Any, Any, Any], most: int) -> bytes:
    """The body, counted while it comes. Not ``request.form()``: the framework keeps what it parsed for the next request
    with the same body, passwords too, and takes any number of fields."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge("The form is too large.")
    return bytes(body)


def _fields(body: bytes) -> list[tuple[str, str | Upload]]:
    try:
        return [*parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)]
    except ValueError as error:
        raise InvalidInput("The form cannot be read.", advice="Send it again.") from error


async def _parts(request: Request[Any, Any, Any], most: int) -> list[tuple[str, str | Upload]]:
    try:
        held = await request.form()
    except (ValueError, LookupError) as error:
        raise InvalidInput("The form cannot be read.", advice="Send it again.") from error
    fields: list[tuple[str, str | Upload]] = []
    for key, value in held.multi_items():
        if isinstance(value, UploadFile):
            body = await value.read(most + 1)
            if len(body) > most:
                raise TooLarge("The file is larger than max_content_length.")
            fields.append((key, Upload(value.filename or "", body)))
        else:
            fields.append((key, str(value)))
    return fields
