"""A file of the delivery journal (:mod:`titian.store.journal`): what lies in it, and how it is written and read."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from titian.core.ledger import Entry, Kind
from titian.store.database import Transaction

FILE_BYTES: Final = 4 << 20
"""Bytes of a file: some thousand deliveries."""
LARGEST: Final = 1 << 20
"""Bytes of one group at most: some hundred for each record as a rule."""
BLOCK: Final = 512
"""Each group begins at a multiple of this: nothing is ever written where something lies that was acknowledged, and the
disk is written to without the detour over the system's cache, where it can be."""
HEADER: Final = BLOCK
"""Where the first group begins."""
SYNC: Final = getattr(os, "O_DSYNC", 0)
"""A write that returns when its bytes are on the disk; where there is none, ``fdatasync`` follows."""
_DIRECT: Final = getattr(os, "O_DIRECT", 0)
_MAGIC: Final = b"titian deliveries v1\n"
_TAG: Final = 16
_FRAME: Final = struct.Struct(">III")


class Record(msgspec.Struct, frozen=True, array_like=True):
    """An entry, and the agreement whose ledger it goes into."""

    agreement: str | None
    kind: Kind
    at: int
    party: str | None
    details: dict[str, Any]

    @property
    def entry(self) -> Entry:
        """What goes into the ledger."""
        return Entry(kind=self.kind, at=self.at, party=self.party, details=self.details)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Record]).decode


class Group(NamedTuple):
    """Records that were written with one sync. ``end`` is where they end; up to ``taken`` the file was in the database
    when they were written, as far as their process knew: a database that knows less is older than they are."""

    records: list[Record]
    taken: int
    end: int


def framed(records: Sequence[Record], taken: int) -> bytes:
    """A group as it lies in a file: length, ``taken``, CRC-32 of that and of the records, the records, and zeros up to
    a whole block."""
    payload = _encode(records)
    size = _FRAME.size + len(payload)
    return _FRAME.pack(len(payload), taken, zlib.crc32(payload, taken)) + payload + bytes(-size % BLOCK)


def groups(descriptor: int, at: int) -> Iterator[Group]:
    """The groups of a file from a place on.

    They end where nothing was written, and at what is torn: its sync has never returned, so nobody was answered.
    """
    while True:
        head = os.pread(descriptor, _FRAME.size, at)
        if len(head) < _FRAME.size:
            return
        length, taken, checksum = _FRAME.unpack(head)
        if not 0 < length <= LARGEST:
            return
        payload = os.pread(descriptor, length, at + _FRAME.size)
        if len(payload) < length or zlib.crc32(payload, taken) != checksum:
            return
        size = _FRAME.size + length
        at += size + -size % BLOCK
        yield Group(_decode(payload), taken, at)


class File:
    """A file of this process. The lock on it says that its owner lives; it ends with the process."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self.descriptor = descriptor
        self.path = path
        self.at = HEADER
        self.taken = HEADER
        # What is written past the cache has to lie at the beginning of a page in memory too.
        self._view = memoryview(mmap.mmap(-1, LARGEST))

    def fits(self, size: int) -> bool:
        """Whether so many bytes still have room."""
        return self.at + size <= FILE_BYTES

    def write(self, data: bytes) -> None:
        """Append; durable on return. Raises :class:`OSError`, and then nothing may be appended any more."""
        if not os.fstat(self.descriptor).st_nlink:
            raise FileNotFoundError(errno.ENOENT, "it was deleted", str(self.path))
        self._view[: len(data)] = data
        if os.pwrite(self.descriptor, self._view[: len(data)], self.at) != len(data):
            raise OSError(errno.ENOSPC, "it was not written in full", str(self.path))
        if not SYNC:
            os.fdatasync(self.descriptor)
        self.at += len(data)

    def begin(self, header: bytes) -> None:
        """Write how it begins, durable on return: past the system's cache where that can be, which costs half."""
        flags = fcntl.fcntl(self.descriptor, fcntl.F_GETFL)
        os.fsync(self.descriptor)
        self._view[:HEADER] = header
        for more in (_DIRECT, 0):
            try:
                fcntl.fcntl(self.descriptor, fcntl.F_SETFL, flags | more)
                if os.pwrite(self.descriptor, self._view[:HEADER], 0) == HEADER:
                    break
            except OSError as error:
                # The disk wants larger blocks, or its file system knows no such thing.
                if not more or error.errno != errno.EINVAL:
                    raise
        os.fsync(self.descriptor)

    def close(self) -> None:
        """Let go of it: whoever finds it taken in deletes it."""
        os.close(self.descriptor)


def header_of(tx: Transaction) -> bytes:
    """How the files of the node in this database begin: no other node's are ever taken in."""
    row = tx.one("SELECT secret FROM node")
    secret = bytes(row[0]) if row else b""
    return (_MAGIC + blake2b(b"titian deliveries" + secret, digest_size=_TAG).digest()).ljust(HEADER, b"\0")


def in_order(descriptor: int, upto: int) -> tuple[list[tuple[int, Record]], int, int]:
    """The records of a file from ``upto`` on, each with an instant that never goes back; where they end; and up to
    where the file was in the database when the last of them were written."""
    found: list[tuple[int, Record]] = []
    latest, end, taken = 0, upto, upto
    for group in groups(descriptor, upto):
        for record in group.records:
            latest = max(latest, record.at)
            found.append((latest, record))
        end, taken = group.end, max(taken, group.taken)
    return found, end, taken


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor that reads a file. Raises :class:`OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_left(path: Path) -> bool:
    """Whether the owner of a file is gone. Raises :class:`OSError`."""
    with opened(path) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
