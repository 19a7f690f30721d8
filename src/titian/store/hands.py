"""What the processes of one machine have in hand: a lock for each thing, which the system takes back when its holder
ends, however that comes about.

A lock is `flock(2)` on a file of its own, so that a `kill -9` leaves nothing locked, a process id that is used again
means nothing, and containers that share a folder see one another. Across machines it says nothing: what is in hand
there has to be bound to a time.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from titian.core.errors import Unavailable
from titian.store.database import Database

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


class Grip:
    """A lock that is held, until :meth:`let_go`, or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def let_go(self) -> None:
        """Free it. Doing so again changes nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        with suppress(OSError):
            self.let_go()


class Hands:
    """The locks in a folder, by name. Raises :class:`Unavailable` when the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, name: str, *, anew: bool = False) -> Grip | None:
        """Lock a thing; None when somebody who lives holds it. With ``anew`` it is taken from them: whoever holds the
        old lock holds nothing. Calls for one name come one after the other, as within a write transaction."""
        path = self._folder / name
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            grip = self._locked(path)
            if grip is None and anew:
                path.unlink(missing_ok=True)
                grip = self._locked(path)
        except OSError as error:
            raise self._unusable(error) from error
        return grip

    @staticmethod
    def _locked(path: Path) -> Grip | None:
        grip = Grip(descriptor := os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            grip.let_go()
            return None
        return grip

    def is_free(self, name: str) -> bool:
        """Whether nobody who lives holds a thing."""
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | _FLAGS)
        except FileNotFoundError:
            return True
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def forget(self, name: str) -> None:
        """Remove the file of a thing that nobody will take in hand again."""
        with suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)

    def _unusable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"{self._folder} cannot be used: {error.strerror or error}.",
            advice="It says which process has what in hand. Check the folder and the disk.",
        )


def hands_beside(database: Database, purpose: str) -> Hands | None:
    """The locks of those who share a database, in a folder beside it; None for a database server, which several
    machines may share."""
    if database.kind != "sqlite":
        return None
    path = Path(database.url.removeprefix("sqlite:///"))
    return Hands(path.with_name(f"{path.name}-{purpose}"))
