"""What this node signed last, in a file beside its database: a database from yesterday cannot know of it (law 10).

A backup or an older copy of the database that takes the place of the present one is in itself whole and sound. That
it is behind shows only against something that did not go back with it: this file, and what witnesses remember.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from titian.core.errors import Refused, Unavailable

FILE: Final = "heads.json"
LOCK: Final = "heads.lock"
_NEW: Final = "heads.json.new"
_FORMAT: Final = 1
_MODE: Final = 0o600
_LARGEST: Final = 64 << 20
_ROOT_BYTES: Final = 32


class Head(msgspec.Struct, frozen=True):
    """The head of a ledger as it was signed: ``size`` in entries, its ``root``, ``at`` in microseconds."""

    size: int
    root: bytes
    at: int


class _Kept(msgspec.Struct, frozen=True):
    format: int
    heads: dict[str, Head]


class HeadFile:
    """``heads.json`` in the home of a node: for each origin the last head that it signed.

    Any number of processes and threads may use it at once. Nothing in it ever goes back.
    """

    def __init__(self, home: Path) -> None:
        self._home = home

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._home / FILE

    def read(self) -> dict[str, Head]:
        """The last head of every origin; empty when nothing was signed yet.

        Raises :class:`Refused` when the file is damaged: what it said is then not known, and nothing may be signed.
        """
        try:
            with self.path.open("rb") as file:
                raw = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            kept = msgspec.json.decode(raw, type=_Kept)
        except msgspec.MsgspecError:
            kept = None
        sound = kept is not None and kept.format == _FORMAT
        if kept is None or not sound or not all(map(_is_head, kept.heads.values())):
            raise Refused(
                f"{self.path} is damaged: what this node signed last is not known.",
                advice="Put it back from a backup, or compare the ledgers with what partners and witnesses remember.",
            )
        return kept.heads

    def knows(self, origin: str) -> bool:
        """Whether a head of an origin is remembered. Raises as :meth:`read` does."""
        return origin in self.read()

    def write(self, origin: str, size: int, root: bytes, at: int) -> bool:
        """Remember a head that was signed; durable on return. Whether it is further than what was remembered.

        Call it once the transaction that keeps the checkpoint is durable, before anybody is handed the checkpoint: a
        process that dies in between leaves the file behind the database, which is no error, never ahead of it.
        A smaller size comes from a worker that was overtaken and changes nothing. Raises :class:`Refused` for another
        root of the same size, :class:`Unavailable` when the file cannot be written.
        """
        return self.write_all({origin: Head(size, root, at)})

    def write_all(self, heads: Mapping[str, Head]) -> bool:
        """The same for the heads of several origins, which share one sync. Whether any went further."""
        for origin, head in heads.items():
            if not _is_head(head):
                raise ValueError(f"{origin}: not a head that can be signed")
        if not heads:
            return False
        try:
            with self._locked():
                held = self.read()
                further: dict[str, Head] = {}
                for origin, head in heads.items():
                    before = held.get(origin)
                    if before is not None and before.size == head.size and before.root != head.root:
                        raise Refused(_differs(origin, head.size), advice=_ADVICE)
                    if before is None or head.size > before.size:
                        further[origin] = head
                if further:
                    self._replace(held | further)
                return bool(further)
        except OSError as error:
            raise self._unwritable(error) from error

    def behind(
        self, origin: str, size: int, root: bytes, *, root_at: Callable[[int], bytes | None] | None = None
    ) -> str | None:
        """Why a ledger of the database must not be signed: it is behind what was signed last, or differs from it.

        ``size`` and ``root`` are the head that the database has; ``None`` when nothing speaks against it. A ledger
        that is further than what was signed is compared at the signed size when ``root_at`` gives its root there
        (``None`` from it: not to be had, which counts as damage).
        """
        signed = self.read().get(origin)
        if signed is None:
            return None
        if size < signed.size:
            return (
                f"The ledger {origin} has {size:,} entries, but this node has signed {signed.size:,}: "
                "the database is older than that."
            )
        there = root if size == signed.size else signed.root if root_at is None else root_at(signed.size)
        return None if there == signed.root else _differs(origin, signed.size)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among all processes and threads. The lock ends with the process: a kill leaves nothing locked."""
        descriptor = os.open(self._home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _replace(self, heads: Mapping[str, Head]) -> None:
        new = self._home / _NEW
        kept = msgspec.json.encode(_Kept(_FORMAT, dict(sorted(heads.items()))))
        # One name, under the lock: what a kill leaves behind is gone with the next.
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(kept + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)
        sync_folder(self._home)

    def _unwritable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"{self.path} cannot be used: {error.strerror or error}.",
            advice="It holds what this node signed last; nothing is signed without it. Check the folder and the disk.",
        )


_ADVICE: Final = "Keep both as evidence; `titian ledger verify` tells more."


def _differs(origin: str, size: int) -> str:
    return f"The ledger {origin} at {size:,} entries is not the one that this node has signed."


def _is_head(head: Head) -> bool:
    return head.size >= 0 and len(head.root) == _ROOT_BYTES


def sync_folder(folder: Path) -> None:
    """Make durable which names a folder holds: without it a power loss can undo a rename."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
