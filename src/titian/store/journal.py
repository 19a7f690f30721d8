"""The delivery journal: records of deliveries that are durable at once, and go into their ledger a moment later.

A commit of SQLite costs more than a page that lies in memory. So what is about to be handed over is first appended to a
file of this process, with one sync for all that wait, and the next write transaction of any process takes it into the
ledger before it does anything else (docs/decisions/0024). Only beside SQLite: PostgreSQL has no need of it.

Beside the database ``titian.db`` lies the folder ``titian.db-deliveries``: in it a file for each process that appends,
and two lock files. Who appends holds ``lock`` shared, who has a write transaction holds it alone: within every write
transaction the ledgers are complete, and nothing is handed over while one runs. ``turn`` lets a writer in before those
who append after it has come. Which files there are, and how far each is taken in, is in the table ``journals``, written
in the very transaction that takes it in.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from titian.core.errors import TitianError, Unavailable
from titian.core.ledger import Entry
from titian.store.database import BUSY_SECONDS, CHECK, SqliteDatabase, Transaction
from titian.store.heads import sync_folder
from titian.store.journal_file import (
    FILE_BYTES,
    HEADER,
    LARGEST,
    SYNC,
    File,
    Record,
    framed,
    groups,
    header_of,
    in_order,
    is_left,
    opened,
)
from titian.store.ledger import COMPARE, enter, halt_all

SUFFIX: Final = "-deliveries"
"""What the folder is called, behind the name of the database."""
_LOCK: Final = "lock"
_TURN: Final = "turn"
_END: Final = ".journal"
_NEW: Final = ".new"
_MODE: Final = 0o600
_AGAIN: Final = 30.0
"""Seconds until a file is tried again that could not be made."""

_log = logging.getLogger(__name__)


class Appending:
    """The journal while this process holds it, together with others that append: no write transaction runs."""

    def __init__(self, journal: Journal, tx: Transaction) -> None:
        self._journal = journal
        self.tx = tx
        row = tx.one("PRAGMA data_version")
        self.version = row[0] if row else None
        """Another one as soon as anything was committed (sqlite.org/pragma.html#pragma_data_version)."""

    def write(self, group: Sequence[Record]) -> bool:
        """Append records; durable on return. ``False``, and none is to be relied on, when that cannot be done now."""
        return self._journal._write(group)


class Journal:
    """The journal of one database, in one process. Threads may share it.

    It takes in what the files of all processes hold, as the guard of the database's write transactions
    (:class:`titian.store.database.Guard`), and appends once :meth:`begin` was called.
    """

    def __init__(self, database: SqliteDatabase) -> None:
        self.folder = database.path.with_name(database.path.name + SUFFIX)
        self._database = database
        self._mutex = threading.Lock()
        self._begun = False
        self._looked = False
        self._file: File | None = None
        self._spare: File | None = None
        self._locks: tuple[int, int] | None = None
        self._aside = ExitStack()
        self._tx: Transaction | None = None
        self._next_try = 0.0
        self._told: set[str] = set()
        self.lost: list[str] = []
        """What this process has found of files that vanished, in sentences."""

    # ── appending ─────────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """This process is going to append. Where no file can be made, it does not, and says so once."""
        with self._mutex:
            self._begun = True
        self.tick()

    def end(self) -> None:
        """Append no more, and take in what there is."""
        with self._mutex:
            if not self._begun:
                return
            self._begun = False
            self._let_go()
            if self._spare is not None:
                self._spare.close()
            self._spare = None
            for descriptor in self._locks or ():
                os.close(descriptor)
            self._locks = None
            self._aside.close()
            self._tx = None
        with suppress(TitianError):
            self.settle()

    @property
    def appends(self) -> bool:
        """Whether this process has a file to append to."""
        return self._file is not None

    @contextmanager
    def appending(self) -> Iterator[Appending | None]:
        """Hold the journal for one group of records; ``None``, at once, when it cannot be had now.

        It never waits for a write transaction, so that it can be used where nothing may wait.
        """
        with self._mutex:
            if self._file is None or self._tx is None or not self._shared():
                yield None
                return
            assert self._locks is not None, "they are held"
            try:
                yield Appending(self, self._tx)
            finally:
                fcntl.flock(self._locks[0], fcntl.LOCK_UN)

    def _shared(self) -> bool:
        """Hold the journal together with others, if that can be had at once."""
        if self._locks is None:
            return False
        lock, turn = self._locks
        try:
            # A writer that waits has it alone: it comes before everybody who appends from then on.
            fcntl.flock(turn, fcntl.LOCK_SH | fcntl.LOCK_NB)
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            finally:
                fcntl.flock(turn, fcntl.LOCK_UN)
        except OSError:
            return False
        if not os.fstat(lock).st_nlink:
            # Somebody has deleted it: who writes holds another one, and the file is likely to be gone with it.
            fcntl.flock(lock, fcntl.LOCK_UN)
            self._let_go()
            return False
        return True

    def _write(self, group: Sequence[Record]) -> bool:
        assert self._file is not None, "it is held"
        data = framed(group, self._file.taken)
        if len(data) > LARGEST:
            return False
        if not self._file.fits(len(data)):
            self._let_go()
            self._file, self._spare = self._spare, None
            if self._file is None:
                return False
            data = framed(group, self._file.taken)
        try:
            self._file.write(data)
        except OSError as error:
            # Nothing is appended behind what may be torn. What of it did arrive is taken in as if it had been handed
            # over: that errs on the side of law 8.
            self._tell("written", f"{self._file.path} cannot be written: {error.strerror}")
            self._let_go()
            return False
        return True

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    # ── making files ──────────────────────────────────────────────────────────────────────────────────────

    def tick(self) -> None:
        """Make the next file when it will be needed, and take in what waits."""
        with self._mutex:
            file, spare = self._file, self._spare
            low = file is None or (spare is None and file.at > FILE_BYTES // 2)
            wanted = self._begun and low and time.monotonic() >= self._next_try
        if wanted:
            try:
                self._make()
            except (OSError, Unavailable) as error:
                self._next_try = time.monotonic() + _AGAIN
                self._tell("made", f"no journal can be kept in {self.folder}, so deliveries go straight into the "
                                   f"database: {error}")  # fmt: skip
        self.settle()

    def _make(self) -> None:
        """Make a file, whole and durable before anybody knows of it, and enter its name: only what is entered is read.

        What a kill leaves behind between the two is an empty file that the next process finds (:meth:`_adopt`).
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._open_locks()
        self._sweep()
        name = f"{uuid.uuid4()}{_END}"
        new, path = self.folder / f"{name}{_NEW}", self.folder / name
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(new, flags | SYNC, _MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with self._database.reading() as tx:
                header = header_of(tx)
            # Zeros and not a hole: later nothing but these bytes is written, and no space has to be found for them.
            if os.pwrite(descriptor, bytes(FILE_BYTES), 0) != FILE_BYTES:
                raise OSError(errno.ENOSPC, "there is no room for it")
            made = File(descriptor, path)
            made.begin(header)
            with self._database.writing() as tx:
                os.rename(new, path)
                sync_folder(self.folder)
                tx.run("INSERT INTO journals (name, upto) VALUES (?, ?)", name, HEADER)
        except BaseException:
            os.close(descriptor)
            for one in (new, path):
                with suppress(OSError):
                    one.unlink()
            raise
        with self._mutex:
            if not self._begun:
                made.close()
            elif self._file is None:
                self._file = made
            else:
                self._spare = made

    def _open_locks(self) -> None:
        with self._mutex:
            if self._locks is None or not os.fstat(self._locks[0]).st_nlink:
                for descriptor in self._locks or ():
                    os.close(descriptor)
                self._locks = None
                self._locks = self._open(_LOCK), self._open(_TURN)
            # One that cannot be locked here, as on some network disks, is found before anything relies on it.
            fcntl.flock(self._locks[0], fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(self._locks[0], fcntl.LOCK_UN)
            if self._tx is None:
                self._tx = self._aside.enter_context(self._database.aside())

    def _open(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self.folder / name, flags, _MODE)

    def _sweep(self) -> None:
        """Delete what was never finished, by processes that are gone."""
        for path in self.folder.glob(f"*{_NEW}"):
            with suppress(OSError):
                if is_left(path):
                    path.unlink()

    # ── taking in ─────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, tx: Transaction) -> Callable[[bool], None]:
        """At the beginning of a write transaction: take in what the files hold, and let nobody append until its end.

        Gives what is to be called after its end, with whether it was committed. Raises :class:`Unavailable` when who
        appends does not come to an end.
        """
        first = not self._looked
        if first:
            self._adopt(tx)
        held = tx.all("SELECT name, upto FROM journals")
        if not held:
            # Whoever is going to append enters a file first, in a write transaction.
            return self._nothing if first else _ignore
        locks = self._alone()
        try:
            left = self._take_in(tx, held)
        except BaseException:
            _close(locks)
            raise

        def leave(committed: bool) -> None:
            try:
                if committed:
                    self._looked = True
                    self._note_taken()
                    self._clear(left)
            finally:
                _close(locks)

        return leave

    def _nothing(self, committed: bool) -> None:
        self._looked = self._looked or committed

    def _alone(self) -> tuple[int, ...]:
        """Hold the journal alone, once those who append have ended; no new ones come in meanwhile."""
        locks: tuple[int, ...] = ()
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            for name in (_TURN, _LOCK):
                locks = (*locks, self._open(name))
                _wait_for(locks[-1])
        except OSError as error:
            _close(locks)
            raise Unavailable(
                f"The journal in {self.folder} cannot be locked: {error.strerror}.", advice=CHECK
            ) from error
        except BaseException:
            _close(locks)
            raise
        return locks

    def _adopt(self, tx: Transaction) -> None:
        """Enter files that the table does not know of, marked 0."""
        try:
            found = [one.name for one in os.scandir(self.folder) if one.name.endswith(_END)]
        except OSError:
            return
        known = {name for (name,) in tx.all("SELECT name FROM journals")} if found else set()
        for name in sorted(set(found) - known):
            with suppress(OSError), opened(self.folder / name) as descriptor:
                if os.pread(descriptor, HEADER, 0) != header_of(tx):
                    self._tell(name, f"{self.folder / name} is another node's: it is left alone")
                else:
                    tx.run("INSERT INTO journals (name, upto) VALUES (?, ?)", name, 0)

    def _take_in(self, tx: Transaction, held: Sequence[tuple[Any, ...]]) -> list[str]:
        """Enter what waits, in the order in which it happened; the names of the files whose owner is gone, all of them
        read to the end.

        These are marked, ``upto`` below 0: only they may be gone the next time.
        """
        waiting: list[list[tuple[int, Record]]] = []
        names: list[str] = []
        gone: list[str] = []
        for name, mark in held:
            upto = abs(mark) or HEADER
            try:
                with opened(self.folder / name) as descriptor:
                    found, end, taken = in_order(descriptor, upto)
            except FileNotFoundError:
                gone.append(name)
                if mark > 0:
                    self._lose(name)
                continue
            except OSError as error:
                raise Unavailable(f"{self.folder / name} cannot be read: {error.strerror}.", advice=CHECK) from error
            self._compare(name, end)
            if taken > upto or (end > upto and not mark):
                # It was taken in further than this database knows, or used without being entered, which comes first.
                self._is_older(tx, name)
            left = self._is_left(name)
            if left:
                names.append(name)
            if end > upto:
                waiting.append(found)
            if (after := -end if left else end) != mark:
                tx.run("UPDATE journals SET upto = ? WHERE name = ?", after, name)
        by_agreement: dict[str | None, list[Entry]] = {}
        for _, record in merge(*waiting, key=itemgetter(0)):
            by_agreement.setdefault(record.agreement, []).append(record.entry)
        for agreement, entries in by_agreement.items():
            enter(tx, agreement, entries)
        if gone:
            # After a power loss a file must not be there again of which nothing tells how far it was taken in.
            sync_folder(self.folder)
            tx.many("DELETE FROM journals WHERE name = ?", [(name,) for name in gone])
        return names

    def _is_older(self, tx: Transaction, name: str) -> None:
        """The database went back behind what lies beside it: until a person has looked, nothing is signed (law 10)."""
        what = f"The database is older than the deliveries in {self.folder / name}."
        self._tell(what, what)
        halt_all(tx, f"{what} {COMPARE}")

    def _compare(self, name: str, end: int) -> None:
        """Whether this process's own file is still what it wrote. Nobody appends meanwhile."""
        with self._mutex:
            if self._file is not None and self._file.path.name == name and self._file.at != end:
                self._tell("damaged", f"{self._file.path} is damaged: deliveries that it held are not in their ledger")
                self._let_go()

    def _note_taken(self) -> None:
        """All that this process has appended is in the database. Nobody has appended meanwhile."""
        with self._mutex:
            if self._file is not None:
                self._file.taken = self._file.at

    def _clear(self, names: Sequence[str]) -> None:
        """Delete files that are taken in and whose owner is gone; their rows go with the next write."""
        for name in names:
            with suppress(OSError):
                (self.folder / name).unlink()

    def _is_left(self, name: str) -> bool:
        """Whether nobody will append to a file any more."""
        if any(one is not None and one.path.name == name for one in (self._file, self._spare)):
            return False
        try:
            return is_left(self.folder / name)
        except OSError:
            return False

    def _lose(self, name: str) -> None:
        """Tell of a file that vanished before its end was taken in."""
        what = f"{self.folder / name} has vanished: deliveries that it held may be in no ledger"
        if name not in self._told:
            self.lost.append(what)
        self._tell(name, what)

    def settle(self, *, left: bool = False) -> None:
        """Take in what waits, if anything does: after that the ledgers are complete as of this call.

        :param left: only what processes have left behind that are gone.
        :raises Unavailable: when the database cannot be written.
        """
        with self._database.reading() as tx:
            held = tx.all("SELECT name, upto FROM journals")
        if any(self._waits(self.folder / name, abs(upto), left) for name, upto in held):
            with self._database.writing():
                pass

    @staticmethod
    def _waits(path: Path, upto: int, left: bool) -> bool:
        try:
            with opened(path) as descriptor:
                return next(groups(descriptor, upto), None) is not None and (not left or is_left(path))
        except OSError:
            return False

    def _tell(self, about: str, what: str) -> None:
        """Say something to who runs the node, once."""
        if about not in self._told:
            self._told.add(about)
            _log.warning("%s", what)


def _wait_for(lock: int) -> None:
    """Take a lock alone, as long as it takes others to sync what they append. Raises :class:`Unavailable`."""
    pause, until = 0.00005, 0.0
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            now = time.monotonic()
            until = until or now + BUSY_SECONDS
            if now > until:
                raise Unavailable("The delivery journal is busy.", advice=CHECK) from None
            time.sleep(pause)
            pause = min(pause * 2, 0.005)


def _close(locks: Sequence[int]) -> None:
    for descriptor in locks:
        # Closing it lets go of it only where no child of this process has it too.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _ignore(_: bool) -> None:
    """Nothing is to be done after a transaction."""
