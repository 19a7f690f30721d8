"""Secret keys in files: one to a file, for its owner alone, durable before anything names it.

A file holds one line, ``PRIVATE+KEY+name+hash+base64(type || seed)``, as the Go implementation of notes writes a key:
whoever must move a key to another program can.
"""

from __future__ import annotations

import itertools
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from titian.core.errors import InvalidInput, Refused, TitianError, Unavailable
from titian.core.notes import SignerKey
from titian.core.signing import Ed25519Secret, Role

FOLDER: Final = "keys"
"""The folder in the node's home."""
SCHEME: Final = "file:"
_LARGEST: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_RESTORE: Final = "Restore it from a backup, or say `titian signing compromised NUM` to go on with a new key."


class KeyFiles:
    """The key files of the node in ``home``. ``name`` is the node's: it stands in each file, for who finds one."""

    def __init__(self, home: Path, name: str) -> None:
        self._home = home
        self._name = name

    def path(self, place: str) -> Path:
        """Where the file of a ``file:`` place lies. Raises :class:`InvalidInput` for another place."""
        written = place.removeprefix(SCHEME)
        if not place.startswith(SCHEME) or not written or "\0" in written:
            raise InvalidInput(f"{place!r} is not the place of a key file.", advice="Write file:path/to/the.key.")
        return self._home / written

    def write(self, role: Role, num: int, seed: bytes) -> str:
        """Write a new key and return its place. It is on the disk, and its folder's entry too, when this returns.

        Raises :class:`Unavailable` when that cannot be done; no file is ever overwritten.
        """
        text = f"{SignerKey(self._name, role.type, seed).encode()}\n".encode("ascii")
        folder = self._home / FOLDER
        try:
            _make_folder(folder)
            path, descriptor = _create(folder, f"{role.value}-{num}")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    os.fchmod(file.fileno(), 0o600)
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                _sync(folder)
            except BaseException:
                with suppress(OSError):
                    path.unlink()
                raise
        except OSError as error:
            raise Unavailable(
                f"A new key cannot be written into {folder}: {error.strerror or error}.",
                advice="Check that this user may write there and that the disk is not full.",
            ) from error
        return f"{SCHEME}{FOLDER}/{path.name}"

    def remove(self, place: str) -> None:
        """Remove a file that nothing names: the transaction that would have named it was undone."""
        with suppress(OSError):
            self.path(place).unlink()

    def open(self, place: str, role: Role) -> Ed25519Secret:
        """Read a key. Raises :class:`Unavailable` when its file is not there or cannot be read, :class:`Refused` when
        others may read it or it holds something else. No error repeats what the file holds."""
        path = self.path(place)
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read(_LARGEST + 1)
        except OSError as error:
            raise Unavailable(
                f"The key file {path} cannot be read: {error.strerror or error}.", advice=_RESTORE
            ) from error
        if mode & _OTHERS:
            raise Refused(
                f"Others than its owner may use the key file {path}.",
                advice=f"`chmod 600 {path}`; if anybody read it, `titian signing compromised NUM`.",
            )
        try:
            key = SignerKey.parse(data.decode("ascii").removesuffix("\n"))
        except (TitianError, UnicodeDecodeError):
            # Not chained: what is wrong with a secret can tell a part of it.
            raise Refused(f"The key file {path} holds no key.", advice=_RESTORE) from None
        if key.type is not role.type:
            raise Refused(f"The key file {path} holds the key of another role, not the {role} key.", advice=_RESTORE)
        return Ed25519Secret(key.seed)


def _make_folder(folder: Path) -> None:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return
    os.chmod(folder, 0o700)
    _sync(folder.parent)


def _create(folder: Path, stem: str) -> tuple[Path, int]:
    """Make a file that did not exist. A name can be taken by a key that was made before the database was restored."""
    for number in itertools.count():
        path = folder / (f"{stem}-{number}.key" if number else f"{stem}.key")
        with suppress(FileExistsError):
            return path, os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    raise AssertionError("unreachable")


def _sync(folder: Path) -> None:
    """Make the entries of a folder durable: without it a power loss can take a file that was itself synced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
