"""Cutting a stream of objects into requests that a TAXII 2.1 server accepts (section 5.5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from titian.core.errors import InvalidInput
from titian.wire.taxii_reply import Status, StatusDetail

_OPEN: Final = b'{"objects":['
_CLOSE: Final = b"]}"
_FRAME: Final = len(_OPEN) + len(_CLOSE)


class _Head(msgspec.Struct):
    id: str = ""
    modified: str = ""
    created: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """The objects of one request, each as JSON text. ``too_large``: one object that fits into no request."""

    objects: list[bytes]
    too_large: bool = False

    def body(self) -> bytes:
        """Return the TAXII envelope (section 3.7)."""
        return _OPEN + b",".join(self.objects) + _CLOSE

    def halves(self) -> tuple[Batch, Batch]:
        """Return two batches with half of the objects each."""
        middle = len(self.objects) // 2
        return Batch(self.objects[:middle]), Batch(self.objects[middle:])


def batches(objects: Iterable[bytes], *, count: int, size: int) -> Iterator[Batch]:
    """Yield batches of at most ``count`` objects and ``size`` octets, in the order given.

    Raises `InvalidInput` for an element that is no JSON object.
    """
    if count < 1:
        raise InvalidInput("A batch must hold at least 1 object.")
    group: list[bytes] = []
    used = _FRAME
    for index, element in enumerate(objects):
        _head(element, index)
        if _FRAME + len(element) > size:
            yield Batch([element], too_large=True)
            continue
        if group and (len(group) == count or used + len(element) + 1 > size):
            yield Batch(group)
            group, used = [], _FRAME
        used += len(element) + bool(group)
        group.append(element)
    if group:
        yield Batch(group)


def not_sent(batch: Batch, why: str) -> Status:
    """Return a note, in the form of a status without an id, on objects that could not be sent."""
    heads = [_head(element, index) for index, element in enumerate(batch.objects)]
    details = tuple(StatusDetail(id=h.id, version=h.modified or h.created, message=why) for h in heads)
    return Status(id="", status="complete", total_count=len(details), failure_count=len(details), failures=details)


def _head(element: bytes, index: int) -> _Head:
    try:
        return msgspec.json.decode(element, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"Object {index} to be added is no JSON object: {error}") from error
