"""A backup of a node while it serves: the database as of one instant, its settings and its signing keys in one file.

It is as secret as the node: whoever has it can read everything, sign as the node, and knows the digests of its keys.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import msgspec

from titian.core.errors import AlreadyExists, InvalidInput, Refused, Unavailable
from titian.store.archive import (
    DATABASE,
    FORMAT,
    KEY_NAME,
    KEYS,
    SETTINGS,
    Advance,
    ArchiveWriter,
    Ledger,
    Manifest,
    Table,
)
from titian.store.database import Transaction
from titian.store.heads import Head, HeadFile, sync_folder
from titian.store.store import Store, schema_revision

TABLES: Final = (
    "node", "collections", "keys", "types", "entries", "segments", "statuses", "status_parts", "quarantine", "cursors",
    "expiries", "copies", "requests", "queries", "people", "sessions", "passkeys",
    "preferences", "acts", "ledgers", "ledger_entries",
    "ledger_tiles", "cosignatures", "signing_keys", "witnesses", "peers", "peer_ledgers", "peer_entries", "evidence",
    "subscriptions", "arrivals", "provenance", "recalls", "recall_answers", "flags", "bundles", "journals",
    "match_offers", "match_runs",
    "search_state", "search_scopes", "search_progress", "search_left", "search_documents", "search_chunks",
    "search_terms", "search_postings",
)  # fmt: skip
"""Every table of the schema, what is referred to first. A test compares it with the schema: to read that from
SQLAlchemy would cost every command its 0.2 s."""
LEFT_OUT: Final = ("jobs",)
"""Tables whose rows mean nothing elsewhere: what was being worked on. (A copy of SQLite's file holds them all the same;
a job whose worker is gone is told as broken.)"""
_PAGES: Final = 2048
"""Pages of SQLite that are copied between two looks at the progress: 16 MB."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was made: where, of how many bytes, what is in it, and what of ``keys/`` could not be."""

    path: Path
    size: int
    manifest: Manifest
    left_out: tuple[str, ...]


class Backup:
    """Makes backups of the node in ``home``, while it and others use the database."""

    def __init__(self, store: Store, home: Path) -> None:
        self._store = store
        self._home = home

    def size(self) -> int:
        """About how many bytes a backup copies, for a progress bar."""
        with self._store.reading() as tx:
            return _size(tx, self._store.database.kind)

    def check(self, path: Path, *, force: bool = False) -> None:
        """Raise :class:`AlreadyExists` or :class:`InvalidInput` where no backup can be written."""
        if not path.parent.is_dir():
            raise InvalidInput(f"There is no folder {path.parent}.", advice="Make it first, or choose another.")
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder.", advice="Name a file in it.")
        if os.path.lexists(path) and not force:
            raise AlreadyExists(f"{path} is there already.", advice="Choose another name, or overwrite with --force.")

    def write(
        self,
        path: Path,
        *,
        version: str,
        keys: bool = True,
        force: bool = False,
        advance: Advance = lambda count: None,
    ) -> Taken:
        """Write a backup to ``path``, for this user only; it is whole and durable there, or not there at all.

        ``version`` is the version of Titian that says so, ``keys`` whether the signing keys go in. Raises as
        :meth:`check` does, :class:`Unavailable` when the database cannot be read, :class:`Refused` when it is damaged.
        """
        self.check(path, force=force)
        # The journal itself is not copied: what it holds now is in the ledgers first. What is handed over after this is
        # as what is handed over after the backup: the restored node does not know of it (its ledgers are halted).
        self._store.settle()
        # For this user only, and on the disk where the backup is to be.
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".titian-backup-") as folder:
            whole = Path(folder) / "backup"
            with open(whole, "xb", opener=private) as stream:
                manifest, left_out = self._fill(stream, Path(folder), version, keys, advance)
                size = stream.tell()
                stream.flush()
                os.fsync(stream.fileno())
            publish(whole, path, force=force)
        return Taken(path=path, size=size, manifest=manifest, left_out=left_out)

    def _fill(
        self, stream: BinaryIO, folder: Path, version: str, keys: bool, advance: Advance
    ) -> tuple[Manifest, tuple[str, ...]]:
        database = self._store.database
        with database.reading() as tx:
            # The first read fixes the instant of the snapshot; the clock is read right after it.
            schema = schema_revision(database, tx)
            writer = ArchiveWriter(stream, taken := self._store.clock())
            manifest = Manifest(
                format=FORMAT, titian=version, schema=schema or "", kind=database.kind, taken=taken,
                identity=self._store.node.identity, name=self._store.node.name, country=self._store.node.country,
                ledgers=read_ledgers(tx), signed={}, tables=(), files=(),
            )  # fmt: skip
            if database.kind == "sqlite":
                _add_sqlite(tx, writer, folder, advance)
            else:
                manifest = msgspec.structs.replace(manifest, tables=_add_tables(tx, writer, folder, advance))
        # What was signed is read after the snapshot: never less than what the snapshot holds.
        manifest = msgspec.structs.replace(manifest, signed=furthest(manifest.ledgers, HeadFile(self._home).read()))
        writer.add_bytes(SETTINGS, (self._home / SETTINGS).read_bytes())
        left_out = _add_keys(writer, self._home / KEYS) if keys else ()
        writer.finish(manifest)
        return msgspec.structs.replace(manifest, files=tuple(writer.parts)), left_out


def read_ledgers(tx: Transaction) -> tuple[Ledger, ...]:
    """Every ledger of the database, with the head that was signed last."""
    rows = tx.all("SELECT origin, agreement, size, sealed, root, signed, closed FROM ledgers ORDER BY num")
    return tuple(
        Ledger(origin=row[0], agreement=row[1], size=row[2], sealed=row[3], root=bytes(row[4]), signed=row[5],
               closed=row[6] is not None)
        for row in rows
    )  # fmt: skip


def furthest(ledgers: tuple[Ledger, ...], remembered: dict[str, Head]) -> dict[str, Head]:
    """The last head of each ledger that was signed: what the home remembers, or the database where that is further.

    Where the two differ, what the home remembers stands: the database may be what was changed.
    """
    found = dict(remembered)
    for one in ledgers:
        if one.signed is None:
            continue
        head, held = Head(one.sealed, one.root, one.signed), found.get(one.origin)
        if held is None or head.size > held.size:
            found[one.origin] = head
    return found


def _size(tx: Transaction, kind: str) -> int:
    if kind == "sqlite":
        pages, each = tx.one("PRAGMA page_count"), tx.one("PRAGMA page_size")
        return 0 if pages is None or each is None else int(pages[0]) * int(each[0]) * 2
    row = tx.one("SELECT coalesce(sum(pg_table_size(oid)), 0) FROM pg_class WHERE relkind = 'r' "
                 "AND relnamespace = current_schema()::regnamespace")  # fmt: skip
    return int(row[0]) * 2 if row else 0


def _driver(tx: Transaction) -> Any:
    """The connection below a transaction: what copies a database as a whole differs from driver to driver."""
    return cast(Any, tx).connection


def _add_sqlite(tx: Transaction, writer: ArchiveWriter, folder: Path, advance: Advance) -> None:
    """Copy the snapshot that ``tx`` reads, verify the copy, and add it.

    The transaction is what holds the copy to one instant and lets it end: without one, SQLite begins again from the
    first page whenever another process has written (sqlite.org/c3ref/backup_finish.html, on sqlite3_backup_step).
    """
    copy = folder / DATABASE
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        target = sqlite3.connect(copy, isolation_level=None)
        try:
            # Nothing would be restored from a copy that is half done: it is synced when it lies in the archive.
            target.execute("PRAGMA journal_mode=OFF")
            target.execute("PRAGMA synchronous=OFF")
            page = int(tx.one("PRAGMA page_size")[0])  # type: ignore[index]
            _driver(tx).backup(target, pages=_PAGES, sleep=0, progress=_counting(page, advance))
            # One file, with no WAL beside it.
            target.execute("PRAGMA journal_mode=DELETE")
            found = target.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            target.close()
    except sqlite3.DatabaseError as error:
        raise Unavailable(
            f"The database cannot be copied to {folder.parent}: {error}.",
            advice="Is there room for two copies? `titian check` tells more of the database.",
        ) from error
    if found != ("ok",):
        raise Refused(f"The database is damaged: {str(found[0])[:200]}.",
                      advice="No backup was made. Keep the older ones; `titian check` tells more.")  # fmt: skip
    with copy.open("rb") as stream:
        writer.add(DATABASE, stream, copy.stat().st_size, advance)
    copy.unlink()


def _counting(page: int, advance: Advance) -> Callable[[int, int, int], None]:
    done = 0

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal done
        advance((total - remaining - done) * page)
        done = total - remaining

    return progress


def quoted(name: str) -> str:
    """A name of ours as SQL takes it, also where it is a word of SQL."""
    return '"' + name.replace('"', '""') + '"'


def columns_of(tx: Transaction, table: str) -> tuple[str, ...]:
    """The columns of a table of PostgreSQL, in order; none when there is no such table."""
    rows = tx.all(
        "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() "
        "AND table_name = ? ORDER BY ordinal_position",
        table,
    )
    return tuple(str(row[0]) for row in rows)


def sequences_of(tx: Transaction, table: str, columns: tuple[str, ...]) -> dict[str, str]:
    """The sequence behind each column of a table of PostgreSQL that has one."""
    found = {}
    for column in columns:
        row = tx.one("SELECT pg_get_serial_sequence(?, ?)::text", quoted(table), column)
        if row is not None and row[0] is not None:
            found[column] = str(row[0])
    return found


def _add_tables(tx: Transaction, writer: ArchiveWriter, folder: Path, advance: Advance) -> tuple[Table, ...]:
    """Copy every table out of the one snapshot that ``tx`` reads."""
    # A large table takes its time on the way into the archive, and nothing is asked of the server meanwhile.
    tx.run("SET LOCAL idle_in_transaction_session_timeout = 0")
    told = []
    for name in TABLES:
        columns = columns_of(tx, name)
        if not columns:
            continue
        statement = f"COPY {quoted(name)} ({', '.join(map(quoted, columns))}) TO STDOUT"
        with tempfile.TemporaryFile(dir=folder) as spool:
            with _driver(tx).cursor() as cursor, cursor.copy(statement) as rows:
                for row in rows:
                    spool.write(row)
                    advance(len(row))
            size = spool.tell()
            spool.seek(0)
            writer.add(f"tables/{name}.copy", cast(BinaryIO, spool), size, advance)
        # A sequence is no part of the snapshot: it can be further, never less far.
        places = {
            column: int(row[0])
            for column, sequence in sequences_of(tx, name, columns).items()
            if (row := tx.one(f"SELECT last_value FROM {sequence} WHERE is_called")) is not None
        }
        told.append(Table(name=name, columns=columns, sequences=places))
    return tuple(told)


def _add_keys(writer: ArchiveWriter, folder: Path) -> tuple[str, ...]:
    """Add the plain files of ``keys/``; returns what else is there, by name."""
    left_out = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_symlink() or not path.is_file() or not KEY_NAME.match(path.name):
            left_out.append(path.name)
        else:
            writer.add_bytes(f"{KEYS}/{path.name}", path.read_bytes())
    return tuple(left_out)


def private(path: str, flags: int) -> int:
    """An opener of new files for this user only."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def publish(source: Path, target: Path, *, force: bool = False) -> None:
    """Give a file that is whole its name, durably. Without ``force``, what is there already stays.

    Raises :class:`AlreadyExists`.
    """
    if force:
        os.replace(source, target)
    else:
        try:
            # Unlike a rename, this fails where somebody else was quicker.
            os.link(source, target)
        except FileExistsError:
            raise AlreadyExists(f"{target} is there already.", advice="Choose another name.") from None
        except OSError:
            # A disk without hard links.
            if os.path.lexists(target):
                raise AlreadyExists(f"{target} is there already.", advice="Choose another name.") from None
            os.rename(source, target)
        with suppress(FileNotFoundError):
            os.unlink(source)
    sync_folder(target.parent)
