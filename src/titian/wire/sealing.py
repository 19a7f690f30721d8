"""Sealing: age files (age-encryption.org/v1) around compressed payloads, over ``pyrage``.

age is a public format: whoever holds the key file can open a bundle without Titian, with
``age --decrypt -i bundle.key``. Files of any size go through in pieces: nothing here holds a whole one. What age gives
out of a file that was cut off or changed is authentic as far as it goes, so nothing may be used before
:meth:`Sealing.unseal` has returned.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec
import pyrage
import zstandard
from pyrage import x25519

from titian.core.errors import InvalidInput, Refused, TooLarge, Unavailable, UnreadableFile

LARGEST_FILE: Final = 5 << 30
"""Bytes of a sealed file at most."""
_LEVEL: Final = 6
_WINDOW: Final = 8 << 20
"""What a compressed payload may have us remember, in bytes; level 6 asks for less."""
_CHUNK: Final = 1 << 16
_BEGINS: Final = "AGE-SECRET-KEY-1"


class Packed(msgspec.Struct, frozen=True):
    """What was packed: bytes before and after compression, and the SHA-256 of the latter."""

    size: int
    packed: int
    digest: bytes


class Sealing:
    """Seals for others, and opens what is sealed for this node.

    ``key`` is where the age identity lies; it is made when it is first needed. ``folder`` is where files without a
    name lie for a while with what is not encrypted yet, or no longer: on the disk of the node's own database.
    """

    def __init__(self, key: Path, folder: Path) -> None:
        self._key = key
        self._folder = folder

    @property
    def recipient(self) -> str:
        """What others seal for, ``age1…``: it goes on this node's card."""
        return str(load_or_make_identity(self._key).to_public())

    def check_recipient(self, recipient: str) -> None:
        """Raise :class:`InvalidInput` unless this is an age recipient with an X25519 key."""
        read_recipient(recipient)

    def scratch(self) -> BinaryIO:
        """A file that nobody else can find, and that is gone when it is closed."""
        try:
            return cast(BinaryIO, tempfile.TemporaryFile(dir=self._folder))
        except OSError as error:
            raise Unavailable(f"No file can be made in {self._folder}: {error.strerror}.",
                              advice="Free some space there.") from error  # fmt: skip

    def pack(self, chunks: Iterable[bytes], to: BinaryIO) -> Packed:
        """Compress bytes into a file from where it stands (RFC 8878)."""
        counted = _Counted(to)
        size = 0
        with zstandard.ZstdCompressor(level=_LEVEL).stream_writer(cast(BinaryIO, counted), closefd=False) as writer:
            for chunk in chunks:
                size += len(chunk)
                writer.write(chunk)
        return Packed(size, counted.size, counted.hash.digest())

    def unpack(self, packed: BinaryIO, most: int) -> Iterator[bytes]:
        """Give what was compressed, from where the file stands, in pieces of at most 64 kB.

        Raises :class:`UnreadableFile` for what is not compressed so, and :class:`TooLarge` after ``most`` bytes.
        """
        reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(packed, closefd=False)
        read = 0
        while True:
            try:
                piece = reader.read(_CHUNK)
            except zstandard.ZstdError as error:
                raise UnreadableFile(f"What is in this bundle cannot be unpacked: {error}.") from None
            if not piece:
                return
            read += len(piece)
            if read > most:
                raise TooLarge("This bundle unpacks to more than its cover says.")
            yield piece

    def seal(self, head: bytes, payload: BinaryIO, to: BinaryIO, recipient: str) -> None:
        """Write ``head`` and then ``payload``, from where it stands, for a recipient only.

        Raises :class:`InvalidInput` for what is no recipient, :class:`OSError` when a file cannot be read or written.
        """
        source, target = _Joined(head, payload), _Counted(to)
        try:
            pyrage.encrypt_io(source, target, [read_recipient(recipient)])
        except (pyrage.EncryptError, OSError) as error:
            failure = source.failure or target.failure
            raise failure or Unavailable(f"This cannot be sealed: {error}.") from error

    def unseal(self, file: BinaryIO, to: BinaryIO, advance: Callable[[int], object] = lambda _: None) -> None:
        """Write what is in a sealed file to another, all of it. ``advance`` is told of each further count of bytes.

        Raises :class:`UnreadableFile` for what is not an age file, :class:`Refused` for one that is sealed for
        somebody else, or was cut off or changed, :class:`TooLarge` above :data:`LARGEST_FILE`.
        """
        source = _Bounded(file, advance)
        try:
            pyrage.decrypt_io(source, to, [load_or_make_identity(self._key)])
        except (pyrage.DecryptError, OSError) as error:
            if source.failure is not None:
                raise source.failure from error
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise _why(str(error)) from error


def _why(said: str) -> Exception:
    """What an error of age means for whoever has the file."""
    if said == "No matching keys found":
        # A damaged header looks the same: the keys of a file are not told apart from outside.
        return Refused("This bundle is not for this node: no key here opens it, or its beginning is damaged.",
                       advice="Compare the sender's card of this node with `titian peers card`.")  # fmt: skip
    if said == "decryption error":
        return Refused("This bundle was cut off or changed on its way: nothing of it is used.",
                       advice="Copy the whole file again, or ask for it again.")  # fmt: skip
    return UnreadableFile("This is not a sealed bundle, or only the beginning of one.",
                          advice="`titian bundle open` takes what `titian bundle seal` wrote.")  # fmt: skip


def read_recipient(text: str) -> x25519.Recipient:
    """Read an age recipient with an X25519 key, ``age1…``. Raises :class:`InvalidInput`."""
    try:
        return x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise InvalidInput(f"{text[:80]!r} is no age recipient.", advice="It begins with age1.") from None


def load_or_make_identity(path: Path) -> x25519.Identity:
    """Read the age identity in a file, or make one there: readable by its owner only, as ``age-keygen`` writes it.

    Raises :class:`Refused` when others may read it, :class:`UnreadableFile` when there is none in it.
    """
    for _ in range(2):
        try:
            with path.open(encoding="ascii", errors="replace") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise Refused(f"Others may read {path}, the key that opens this node's bundles.",
                                  advice=f"`chmod 600 {path}`; make a new one if somebody did.")  # fmt: skip
                return _identity(path, file.read(10_000))
        except FileNotFoundError:
            _make_identity(path)
    raise Unavailable(f"{path} cannot be made.")


def _identity(path: Path, text: str) -> x25519.Identity:
    lines = [line.strip() for line in text.splitlines() if line.startswith(_BEGINS)]
    try:
        (line,) = lines
        return x25519.Identity.from_str(line)
    except (ValueError, pyrage.IdentityError):
        raise UnreadableFile(f"{path} does not hold one age identity.",
                             advice="Restore it from a backup; a new one opens nothing that was sealed before.",
                             ) from None  # fmt: skip


def _make_identity(path: Path) -> None:
    """Make an identity in a file, unless another process has done so meanwhile."""
    made = x25519.Identity.generate()
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=path.parent, prefix=".bundle-") as file:
        file.write(f"# public key: {made.to_public()}\n{made}\n")
        file.flush()
        os.fsync(file.fileno())
        try:
            # Whole or not at all, and never in the place of another.
            os.link(file.name, path)
        except FileExistsError:
            return
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Counted:
    """Counts and digests what is written; keeps why writing failed."""

    def __init__(self, to: BinaryIO) -> None:
        self.failure: Exception | None = None
        self.size = 0
        self.hash = hashlib.sha256()
        self._to = to

    def write(self, data: bytes) -> int:
        self.size += len(data)
        self.hash.update(data)
        try:
            return self._to.write(data)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        self._to.flush()


class _Joined:
    """Bytes, and then a file, as one to read; keeps why reading failed, which age does not hand on."""

    def __init__(self, head: bytes, tail: BinaryIO) -> None:
        self.failure: Exception | None = None
        self._head = head
        self._tail = tail

    def read(self, size: int = -1) -> bytes:
        if self._head:
            piece, self._head = (self._head, b"") if size < 0 else (self._head[:size], self._head[size:])
            return piece
        try:
            return self._tail.read(size)
        except OSError as error:
            self.failure = error
            raise


class _Bounded:
    """A file to read up to a bound; keeps why reading failed."""

    def __init__(self, file: BinaryIO, advance: Callable[[int], object]) -> None:
        self.failure: Exception | None = None
        self._file = file
        self._advance = advance
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        try:
            piece = self._file.read(size)
        except OSError as error:
            self.failure = error
            raise
        self._read += len(piece)
        if self._read > LARGEST_FILE:
            self.failure = TooLarge(f"This file has more than {LARGEST_FILE >> 30} GiB, the most a bundle may have.")
            raise self.failure
        self._advance(len(piece))
        return piece
