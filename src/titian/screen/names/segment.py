"""A file of arrays that never changes: written whole, checked whole, then mapped into memory.

Layout: the magic, a version, the number of the rules by which it was made, the length of the file and a BLAKE2b digest
of all that follows; then a table of contents and the arrays, each aligned to 64 bytes. A file that is torn, of
another kind, of another version or made by other rules is recognised and not used. It is written under another name,
synced and renamed.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from hashlib import blake2b
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from titian.screen.folders import sync_folder

MAGIC: Final = b"TITIANNM"
VERSION: Final = 2
_HEAD: Final = struct.Struct("<8sIIQ16s")
_ALIGN: Final = 64
Arrays = Mapping[str, NDArray[Any]]


class Place(msgspec.Struct, frozen=True):
    """Where an array lies in the file."""

    name: str
    kind: str
    start: int
    count: int


def write(path: Path, arrays: Arrays, rules: int) -> None:
    """Write the arrays, made by ``rules``, to a file that is there whole or not at all.

    Raises :class:`OSError` when the disk refuses.
    """
    places, at = [], 0
    for name, array in arrays.items():
        places.append(Place(name, array.dtype.str, at, len(array)))
        at += -(-array.nbytes // _ALIGN) * _ALIGN
    contents = msgspec.json.encode(places)
    contents += b" " * (-(_HEAD.size + 4 + len(contents)) % _ALIGN)
    digest, total = blake2b(digest_size=16), _HEAD.size + 4 + len(contents) + at
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(bytes(_HEAD.size))
            for piece in _pieces(contents, arrays):
                digest.update(piece)
                file.write(piece)
            file.seek(0)
            file.write(_HEAD.pack(MAGIC, VERSION, rules, total, digest.digest()))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _pieces(contents: bytes, arrays: Arrays) -> list[bytes]:
    found: list[bytes] = [struct.pack("<I", len(contents)), contents]
    for array in arrays.values():
        found.append(np.ascontiguousarray(array).tobytes())
        found.append(bytes(-array.nbytes % _ALIGN))
    return found


def read(path: Path, rules: int) -> dict[str, NDArray[Any]] | None:
    """Return the arrays of a file, mapped; None where the file is not there, torn, not one of ours, or made by
    other rules than ours, so that it would not be found in what it holds."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return None
            magic, version, made_by, total, digest = _HEAD.unpack(head)
            if (magic, version, made_by) != (MAGIC, VERSION, rules) or os.fstat(file.fileno()).st_size != total:
                return None
            found = blake2b(digest_size=16)
            while piece := file.read(1 << 20):
                found.update(piece)
            if found.digest() != digest:
                return None
            mapped = mmap(file.fileno(), 0, access=ACCESS_READ)
    except OSError:
        return None
    (size,) = struct.unpack_from("<I", mapped, _HEAD.size)
    start = _HEAD.size + 4
    places = msgspec.json.decode(mapped[start : start + size], type=list[Place])
    return {
        place.name: np.frombuffer(mapped, np.dtype(place.kind), place.count, start + size + place.start)
        for place in places
    }
