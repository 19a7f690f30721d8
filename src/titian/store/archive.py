"""The file that a backup is: an uncompressed tar, the data first, then its manifest, then the manifest's digest.

``titian.db`` or ``tables/NAME.copy``, ``titian.toml``, ``keys/NAME``, ``manifest.json``, ``manifest.sha256``: plain
files, each at most once, and nothing else. So `tar` shows and unpacks one too, and a reader can be strict.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Final, Self, cast

import msgspec

from titian.core.errors import Refused, UnreadableFile
from titian.store.heads import Head

FORMAT: Final = 1
SETTINGS: Final = "titian.toml"
DATABASE: Final = "titian.db"
KEYS: Final = "keys"
MANIFEST: Final = "manifest.json"
DIGEST: Final = "manifest.sha256"
KEY_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}\Z")
_NAMES: Final = re.compile(
    rf"(?:{re.escape(DATABASE)}|{re.escape(SETTINGS)}|tables/[a-z_]{{1,63}}\.copy|keys/[A-Za-z0-9_][A-Za-z0-9._-]{{0,79}})\Z"
)
_CHUNK: Final = 1 << 20
_MOST_MEMBERS: Final = 10_000
_LARGEST_MANIFEST: Final = 64 << 20
_LARGEST_SMALL: Final = 4 << 20
"""Bytes of the settings or of a key at most: neither is ever near it, and both are read whole."""

Advance = Callable[[int], None]
"""Told how many more bytes are done."""


class Part(msgspec.Struct, frozen=True):
    """A file in a backup: its name there, its size in bytes, and its SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger as the backup holds it: ``size`` entries, of which ``sealed`` are under its last checkpoint.

    ``root`` is that of the sealed ones, ``signed`` when that was signed. The private one has no ``agreement``.
    """

    origin: str
    agreement: str | None
    size: int
    sealed: int
    root: bytes
    signed: int | None
    closed: bool


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of a PostgreSQL backup: its columns in order, and where each of its sequences stands."""

    name: str
    columns: tuple[str, ...]
    sequences: dict[str, int]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup holds, of which node, as of which instant (``taken``, microseconds since the Unix epoch).

    ``kind`` is ``sqlite`` or ``postgresql``, ``schema`` the number of the newest migration in it. ``signed`` is the
    last head of each ledger that the node had signed when the backup was made: it can be further than ``ledgers``.
    """

    format: int
    titian: str
    schema: str
    kind: str
    identity: str
    name: str
    country: str
    taken: int
    ledgers: tuple[Ledger, ...]
    signed: dict[str, Head]
    tables: tuple[Table, ...]
    files: tuple[Part, ...]

    @property
    def keys(self) -> list[str]:
        """The names of the key files in it."""
        return [part.name for part in self.files if part.name.startswith(f"{KEYS}/")]


class _Hashing:
    """A stream that is read through, and whose digest is known afterwards."""

    def __init__(self, stream: IO[bytes], advance: Advance) -> None:
        self._stream = stream
        self._advance = advance
        self.hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self.hash.update(chunk)
        self.size += len(chunk)
        self._advance(len(chunk))
        return chunk


class ArchiveWriter:
    """Writes a backup; the manifest comes last, when all digests are known."""

    def __init__(self, stream: BinaryIO, at: int) -> None:
        # GNU: members of more than 8 GiB, and none of the extended headers that the reader refuses.
        self._tar = tarfile.TarFile(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT, copybufsize=_CHUNK)
        self._seconds = at // 1_000_000
        self.parts: list[Part] = []

    def add(self, name: str, stream: IO[bytes], size: int, advance: Advance) -> None:
        """Add a file of exactly ``size`` bytes."""
        hashing = _Hashing(stream, advance)
        self._tar.addfile(self._info(name, size), cast(IO[bytes], hashing))
        self.parts.append(Part(name, size, hashing.hash.hexdigest()))

    def add_bytes(self, name: str, raw: bytes) -> None:
        """Add a small file."""
        self.add(name, io.BytesIO(raw), len(raw), lambda count: None)

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest, of which ``files`` is filled in here, and end the archive."""
        raw = msgspec.json.encode(msgspec.structs.replace(manifest, files=tuple(self.parts)))
        digest = hashlib.sha256(raw).hexdigest().encode() + b"\n"
        for name, what in ((MANIFEST, raw), (DIGEST, digest)):
            self._tar.addfile(self._info(name, len(what)), io.BytesIO(what))
        self._tar.close()

    def _info(self, name: str, size: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, self._seconds
        return info


class Archive:
    """A backup that is read: its manifest is known, and what it holds is what the manifest says by name and size.

    :meth:`verify` reads it all and compares every digest. Raises :class:`UnreadableFile` for what is damaged or no
    backup, :class:`Refused` for one of a newer format. Whoever can write the file can write another manifest too: the
    digests find damage, not forgery.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        try:
            self._members = self._listed()
            self.manifest = self._manifest()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tar.close()
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes of what it holds."""
        return sum(part.size for part in self.manifest.files)

    def _listed(self) -> dict[str, tarfile.TarInfo]:
        members: dict[str, tarfile.TarInfo] = {}
        try:
            self._tar = tarfile.TarFile(fileobj=self._file, mode="r")
            for member in self._tar:
                name = member.name
                if not _NAMES.match(name) and name not in {MANIFEST, DIGEST}:
                    raise self._wrong(f"it holds {name[:80]!r}, which no backup does")
                if member.type != tarfile.REGTYPE or member.issparse() or member.pax_headers:
                    raise self._wrong(f"{name} in it is not a plain file")
                if name in members or len(members) >= _MOST_MEMBERS:
                    raise self._wrong(f"{name} is in it twice, or there is far too much in it")
                members[name] = member
        except (tarfile.TarError, ValueError) as error:
            raise self._wrong("it is damaged, cut off, or something else") from error
        return members

    def _manifest(self) -> Manifest:
        for name in (MANIFEST, DIGEST):
            if name not in self._members:
                raise self._wrong(f"it has no {name}: it is cut off, or something else")
        raw = self._whole(MANIFEST, _LARGEST_MANIFEST)
        if hashlib.sha256(raw).hexdigest().encode() != self._whole(DIGEST, 100).strip():
            raise self._wrong("its manifest is damaged")
        try:
            if msgspec.json.decode(raw, type=_Format).format > FORMAT:
                raise Refused(f"{self._path} has a newer format.", advice="Restore it with a newer Titian.")
            manifest = msgspec.json.decode(raw, type=Manifest)
        except msgspec.MsgspecError as error:
            raise self._wrong("its manifest cannot be read") from error
        sizes = {name: member.size for name, member in self._members.items() if name not in {MANIFEST, DIGEST}}
        if sizes != {part.name: part.size for part in manifest.files} or len(sizes) != len(manifest.files):
            raise self._wrong("what it holds is not what its manifest says")
        return manifest

    def _whole(self, name: str, most: int) -> bytes:
        if self._members[name].size > most:
            raise self._wrong(f"{name} in it is too large")
        return self._stream(name).read()

    def _stream(self, name: str) -> IO[bytes]:
        stream: IO[bytes] | None = self._tar.extractfile(self._members[name])
        if stream is None:
            raise self._wrong(f"{name} in it is not a plain file")
        return stream

    def chunks(self, name: str, advance: Advance = lambda count: None) -> Iterable[bytes]:
        """What one file holds. Raises :class:`UnreadableFile` at its end when the digest is another."""
        part = next(part for part in self.manifest.files if part.name == name)
        hashing = _Hashing(self._stream(name), advance)
        try:
            while chunk := hashing.read(_CHUNK):
                yield chunk
        except tarfile.TarError as error:
            raise self._wrong(f"{name} in it is cut off") from error
        if (hashing.size, hashing.hash.hexdigest()) != (part.size, part.sha256):
            raise self._wrong(f"{name} in it is damaged: its digest is not the manifest's")

    def small(self, name: str) -> bytes:
        """A small file as a whole, its digest verified."""
        if self._members[name].size > _LARGEST_SMALL:
            raise self._wrong(f"{name} in it is too large")
        return b"".join(self.chunks(name))

    def verify(self, advance: Advance = lambda count: None) -> None:
        """Read everything, and compare every digest."""
        for part in self.manifest.files:
            for _ in self.chunks(part.name, advance):
                pass

    def _wrong(self, why: str) -> UnreadableFile:
        return UnreadableFile(f"{self._path} is not a whole backup: {why}.", advice="Nothing was restored from it.")


class _Format(msgspec.Struct, frozen=True):
    format: int


def described(manifest: Manifest) -> dict[str, Any]:
    """What a manifest says, for people and programs: roots in hexadecimal."""
    told: dict[str, Any] = msgspec.to_builtins(manifest)
    told["ledgers"] = [
        told_one | {"root": one.root.hex()} for told_one, one in zip(told["ledgers"], manifest.ledgers, strict=True)
    ]
    told["signed"] = {origin: {"size": head.size, "root": head.root.hex(), "at": head.at}
                      for origin, head in manifest.signed.items()}  # fmt: skip
    return told
