"""The index of image hashes in a folder: segments that are appended, merged, and read by several processes at once.

A file holds what came in after one place of its owner's log, up to another; its name says which, and so does its head.
Files that follow each other from place 0 on make the index. A merged file covers the places of those it was made of,
so whoever reads while it appears, or before the old ones are gone, sees each hash once. A file that is torn, foreign
or changed breaks the chain: the index ends before it, says so, and its owner appends again from there.

Head of a file, 128 bytes, little-endian: ``TITIANPQ``, version (u2), whether it has tables (u2), 4 bytes of zero, then
as u8 each: after, up to, distinct hashes, numbers, length of the file; SHA-256 of what follows the head; zeros; at the
end CRC-32 of the head. Then the arrays of :class:`Segment` one after the other, each begun at a multiple of 8.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import re
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from titian.core.errors import InvalidInput, UnreadableFile
from titian.screen.folders import sync_folder
from titian.screen.media.index import HammingIndex
from titian.screen.media.segment import CHUNKS, FLAT, KEYS, Numbers, Segment, Tables, make, merged
from titian.screen.media.words import Words, checked

_MAGIC: Final = b"TITIANPQ"
_VERSION: Final = 1
_HEAD: Final = struct.Struct("<8sHH4xQQQQQ32s")
_HEAD_SIZE: Final = 128
_BLOCK: Final = 1 << 20
_NAME: Final = re.compile(r"pdq-([0-9a-f]{16})-([0-9a-f]{16})\.segment")
_TRIES: Final = 5


class _Span(NamedTuple):
    """What a file covers: after one place of the log, up to another."""

    after: int
    upto: int

    @property
    def name(self) -> str:
        return f"pdq-{self.after:016x}-{self.upto:016x}.segment"


class HammingFolder:
    """A folder with the files of an index. One process writes at a time, any number read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: dict[str, tuple[tuple[int, ...], Segment]] = {}

    def open(self) -> HammingIndex:
        """Return the index as it is on disk now. What was read before and did not change is not read again.

        It is empty, and goes up to 0, where there is none.
        """
        chain, ignored = self._chain()
        return HammingIndex(
            [segment for _, segment in chain], upto=chain[-1][0].upto if chain else 0, ignored=sorted(ignored)
        )

    def append(self, words: Words, numbers: Numbers, *, upto: int) -> HammingIndex:
        """Add the hashes that came in since, and return the index with them; merges files when there are many.

        ``upto`` is how far in the log they go. When this returns, they are on the disk.

        Raises:
            InvalidInput: ``upto`` is not beyond what is held, or there are more or fewer numbers than hashes.
        """
        new = make(checked(words), np.asarray(numbers, np.int64))
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            chain, _ = self._chain()
            after = chain[-1][0].upto if chain else 0
            if not after < upto < 1 << 63:
                raise InvalidInput(f"The index goes up to {after}; {upto} is not beyond that.")
            # A file at least doubles what it swallows, so that there are few, and each hash is rarely written again.
            while chain and chain[-1][1].size <= 2 * new.size:
                span, last = chain.pop()
                new, after = merged([last, new]), span.after
            self._write(_Span(after, upto), new)
            self._sweep([span for span, _ in chain] + [_Span(after, upto)])
            return self.open()

    def clear(self) -> None:
        """Remove all files of the index; it is built anew from its owner's log."""
        if self._folder.is_dir():
            with self._alone():
                self._sweep([])

    def _chain(self) -> tuple[list[tuple[_Span, Segment]], set[str]]:
        for _ in range(_TRIES):
            spans = self._spans()
            chain: list[tuple[_Span, Segment]] = []
            ignored: set[str] = set()
            gone = False
            at = 0
            while True:
                further = sorted((one for one in spans if one.after == at), key=lambda one: -one.upto)
                for span in further:
                    try:
                        segment = self._segment(span)
                    except UnreadableFile:
                        ignored.add(span.name)
                        continue
                    except FileNotFoundError:
                        gone = True
                        continue
                    chain.append((span, segment))
                    at = span.upto
                    break
                else:
                    break
            # A file that went away was merged in between: look again.
            if not gone:
                break
        kept = {span.name for span, _ in chain}
        self._opened = {name: one for name, one in self._opened.items() if name in kept}
        return chain, ignored

    def _spans(self) -> list[_Span]:
        names = os.listdir(self._folder) if self._folder.is_dir() else []
        found = (_NAME.fullmatch(name) for name in names)
        spans = [_Span(int(one[1], 16), int(one[2], 16)) for one in found if one]
        return [one for one in spans if one.after < one.upto]

    def _segment(self, span: _Span) -> Segment:
        path = self._folder / span.name
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            held = self._opened.get(span.name)
            if held and held[0] == key:
                return held[1]
            segment = _read(file, span, status.st_size)
        self._opened[span.name] = (key, segment)
        return segment

    def _write(self, span: _Span, segment: Segment) -> None:
        path = self._folder / f".{span.name}.{os.getpid()}.new"
        try:
            with path.open("wb") as file:
                _write(file, span, segment)
                file.flush()
                os.fsync(file.fileno())
            path.replace(self._folder / span.name)
        finally:
            path.unlink(missing_ok=True)
        sync_folder(self._folder)

    def _sweep(self, keep: list[_Span]) -> None:
        """Remove the files that are not in the chain, and what a writer that died left."""
        names = {one.name for one in keep}
        for name in os.listdir(self._folder):
            ours = _NAME.fullmatch(name) or (name.startswith(".pdq-") and name.endswith(".new"))
            if ours and name not in names:
                (self._folder / name).unlink(missing_ok=True)
        sync_folder(self._folder)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other process writes."""
        with (self._folder / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _arrays(distinct: int, numbers: int, tables: bool) -> list[tuple[str, type[np.generic], tuple[int, ...]]]:
    """Return what stands in a file: name, type and shape of each array."""
    held: list[tuple[str, type[np.generic], tuple[int, ...]]] = [
        ("first", np.uint64, (distinct, 2)),
        ("second", np.uint64, (distinct, 2)),
        ("numbers", np.int64, (numbers,)),
        ("starts", np.uint32, (distinct + 1,)),
    ]
    if tables:
        held += [("begins", np.uint32, (CHUNKS, KEYS + 1)), ("order", np.uint32, (CHUNKS, distinct))]
    return held


def _write(file: BinaryIO, span: _Span, segment: Segment) -> None:
    if sys.byteorder != "little":
        raise InvalidInput("The files of this index are little-endian; this machine is not.")
    file.write(bytes(_HEAD_SIZE))
    digest = hashlib.sha256()
    tables = segment.tables
    values: dict[str, NDArray[Any]] = {
        "first": segment.first, "second": segment.second, "numbers": segment.numbers, "starts": segment.starts,
        **({"begins": tables.begins, "order": tables.order} if tables else {}),
    }  # fmt: skip
    for name, kind, shape in _arrays(segment.distinct, segment.size, tables is not None):
        raw = np.ascontiguousarray(values[name], kind).reshape(shape)
        for part in (raw.reshape(-1).view(np.uint8).data, bytes(-raw.nbytes % 8)):
            digest.update(part)
            file.write(part)
    length = file.tell()
    head = _HEAD.pack(
        _MAGIC, _VERSION, tables is not None, span.after, span.upto, segment.distinct, segment.size, length,
        digest.digest(),
    ).ljust(_HEAD_SIZE - 4, b"\0")  # fmt: skip
    file.seek(0)
    file.write(head + zlib.crc32(head).to_bytes(4, "little"))


def _read(file: BinaryIO, span: _Span, size: int) -> Segment:
    """Check a file from end to end, and map it."""
    name = span.name
    head = file.read(_HEAD_SIZE)
    if len(head) < _HEAD_SIZE or not head.startswith(_MAGIC) or sys.byteorder != "little":
        raise UnreadableFile(f"{name} is not a segment of image hashes.")
    if zlib.crc32(head[:-4]) != int.from_bytes(head[-4:], "little"):
        raise UnreadableFile(f"The head of {name} is damaged.")
    _, version, tables, after, upto, distinct, count, length, digest = _HEAD.unpack_from(head)
    if version != _VERSION or _Span(after, upto) != span or length != size or (tables != 0) != (distinct > FLAT):
        raise UnreadableFile(f"{name} is of another version, name or length than it says.")
    places, ends = {}, _HEAD_SIZE
    for array, kind, shape in _arrays(distinct, count, tables != 0):
        places[array] = (ends, kind, shape)
        ends += -(-prod(shape) * np.dtype(kind).itemsize // 8) * 8
    if ends != size:
        raise UnreadableFile(f"{name} does not hold what its head says.")
    found = hashlib.sha256()
    while block := file.read(_BLOCK):
        found.update(block)
    if found.digest() != digest:
        raise UnreadableFile(f"{name} is damaged: its checksum is wrong.")
    mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    at: dict[str, NDArray[Any]] = {
        array: np.frombuffer(mapped, kind, prod(shape), where).reshape(shape)
        for array, (where, kind, shape) in places.items()
    }
    found_tables = Tables(at["begins"], at["order"]) if tables else None
    return Segment(at["first"], at["second"], at["starts"], at["numbers"], found_tables)
