"""Files of every format as the exchange uses them (:class:`titian.exchange.carry.Formats`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from titian.core.errors import InvalidInput
from titian.core.marking import Marking, read_definition
from titian.wire.formats import FORMATS, WRITTEN, Reading, marking_named, read, write
from titian.wire.stix import Problem


class _Head(msgspec.Struct):
    id: str


_head = msgspec.json.Decoder(_Head)


class FileFormats:
    """Read and write files by the name of their format."""

    def read(self, path: Path, format: str, marking: str | None = None) -> Reading:
        """Open a file of a format, ``auto`` to look into it. ``marking`` as :func:`titian.wire.formats.apply_marking`.

        Raises :class:`titian.core.errors.UnreadableFile` when it is none of them, :class:`InvalidInput` for a
        marking that is not a TLP label.
        """
        chosen = next((name for name in FORMATS if name == format), None)
        return read(path, chosen, marking=None if marking is None else marking_named(marking))

    def write(
        self,
        objects: Iterable[bytes],
        format: str,
        stream: BinaryIO,
        *,
        definitions: Iterable[bytes],
        problem: Callable[[Problem], None],
    ) -> int:
        """Write objects; how many were written. ``definitions`` are the marking-definitions they may refer to.

        ``problem`` is told of each object that the format cannot carry, or not under its marking.
        """
        chosen = next((name for name in WRITTEN if name == format), None)
        if chosen is None:
            raise InvalidInput(f"There is no format {format!r} to write.", advice=f"Use one of {', '.join(WRITTEN)}.")
        return write(objects, stream, chosen, definitions=_known(definitions), problem=problem)


def _known(definitions: Iterable[bytes]) -> dict[str, Marking]:
    known: dict[str, Marking] = {}
    for raw in definitions:
        with suppress(InvalidInput, msgspec.MsgspecError):
            known[_head.decode(raw).id] = read_definition(raw)
    return known
