"""Bodies of requests: JSON, read once and strictly into the type that the handler takes."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, Self, TypeVar

import msgspec
from litestar import Request

from titian.core.errors import InvalidInput, TooLarge

T = TypeVar("T")
BODY: Final = "body"
"""Where the bytes of a body lie in the state of the request, for what is kept as it came."""
LARGEST: Final = 1_000_000
"""Bytes of a body at most; objects to be held may be as many as ``max_content_length``."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The base of types whose body is kept byte for byte: the type is for the documentation, and the handler reads the
    bytes (:data:`BODY`) itself."""

    @classmethod
    def unread(cls) -> Self:
        """A value that says nothing."""
        raise NotImplementedError


class ApiRequest(Request[Any, Any, Any]):
    """A request whose body is read as the type that its handler takes, and as nothing else."""

    async def json(self) -> Any:
        """The body as a value of the handler's type. Raises :class:`InvalidInput` and :class:`TooLarge`."""
        field = self.route_handler.parsed_data_field
        assert field is not None, "only a handler that takes a body asks for it"
        kept = isinstance(field.annotation, type) and issubclass(field.annotation, Held)
        async with asyncio.timeout(self.scope["state"].get("body_seconds", 60)):
            body = await self.body() if kept else await self._small()
        try:
            if kept:
                self.scope["state"][BODY] = body
                return field.annotation.unread()
            if b"\\u0000" in body:
                raise InvalidInput("A text in the body holds a NUL.")
            json.loads(body, object_pairs_hook=_unique)
            return msgspec.json.decode(body, type=field.annotation)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"The body does not fit: {error}.") from None
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise InvalidInput("The body is no JSON that this can read.", advice=_short(error)) from None

    async def _small(self) -> bytes:
        """A body of :data:`LARGEST` bytes at most. What is larger is not read to its end, nor at all where it says so
        itself. Raises :class:`TooLarge`."""
        if (self.content_length or 0) > LARGEST:
            raise _too_large()
        parts, size = list[bytes](), 0
        async for part in self.stream():
            size += len(part)
            if size > LARGEST:
                raise _too_large()
            parts.append(part)
        return b"".join(parts)


def read_held(body: bytes, decoder: msgspec.json.Decoder[T], most: int) -> T:
    """Read a body that was kept (:class:`Held`), of ``most`` bytes. Raises :class:`TooLarge`, :class:`InvalidInput`."""
    if len(body) > most:
        raise TooLarge(f"The body has {most >> 20} MB at most.", advice="Ask in several batches.")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The body does not fit: {error}.") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidInput("The body is no JSON that this can read.", advice=str(error)[:200]) from None


def _too_large() -> TooLarge:
    return TooLarge(f"The body has more than {LARGEST:,} bytes.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInput("A key stands in the body twice.", advice="Send each key once.")
    return found


def _short(error: Exception) -> str | None:
    if isinstance(error, RecursionError):
        return "It is nested too deeply."
    return "It is not UTF-8." if isinstance(error, UnicodeDecodeError) else f"{str(error)[:200]}."
