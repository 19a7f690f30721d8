"""A node from a backup. Nothing is overwritten, all is verified before anything is moved, and nothing is signed after.

Kept apart from :mod:`titian.store.backup`: only this migrates, and Alembic is slow to load.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from titian.core.errors import AlreadyExists, InvalidInput, Refused, UnreadableFile
from titian.store.acts import record
from titian.store.archive import DATABASE, KEYS, SETTINGS, Advance, Archive, Manifest, Table
from titian.store.backup import LEFT_OUT, TABLES, columns_of, private, publish, quoted, sequences_of
from titian.store.database import Database, SqliteDatabase, Transaction, open_database
from titian.store.heads import LOCK, Head, HeadFile, sync_folder
from titian.store.journal import SUFFIX
from titian.store.migrate import migrate
from titian.store.reconcile import Restored, reconcile
from titian.store.store import REVISION, now_micros

_REVISION: Final = re.compile(r"\d{4}\Z")
_ADDRESS: Final = re.compile(r"\s*[\"']?database[\"']?\s*=")
_TABLE: Final = re.compile(r"[a-z_]{1,63}\Z")
_BESIDE: Final = ("", "-wal", "-shm", "-journal", SUFFIX)
"""What lies beside a database: an old log there would be read into the restored one.

So would an old delivery journal, and that is why it stops a restore too: it belongs to the database that was there,
and goes where that goes. The restored node begins without one. The table ``journals`` comes along as it was: it says
how far each file was in the ledgers *of the backup*. So whoever puts the folder back beside the restored database,
because the old one is lost, has all that was handed over since and is in it entered, once, with the first write."""


def restore(
    file: Path,
    home: Path,
    *,
    by: str,
    address: str = "",
    clock: Callable[[], int] = now_micros,
    advance: Advance = lambda count: None,
) -> Restored:
    """Make a node in ``home`` from a backup; what is returned says what has to be reconciled.

    ``address`` is the database that it goes into, an SQLite file in the home without: never the one that the
    settings in the backup name, where the old node may still be. ``by`` is who restores, the id of an actor;
    ``advance`` is told bytes, twice those of the backup in all.

    Raises :class:`AlreadyExists` where anything is there already, :class:`UnreadableFile` for a damaged backup,
    :class:`Refused` for one of a newer version, :class:`InvalidInput` for a database of the other kind. Then nothing
    is left behind.
    """
    home = home.absolute()
    with Archive(file) as archive:
        manifest = archive.manifest
        _check(manifest, address)
        database = open_database(address or f"sqlite:///{home / DATABASE}", create=True)
        try:
            _nothing_there(home, manifest, database)
            archive.verify(advance)
            written = with_database(archive.small(SETTINGS), address)
            with _made(home), _staging(home) as staging:
                for name in (*manifest.keys, SETTINGS):
                    _write(staging / name, written if name == SETTINGS else archive.small(name))
                remembered = HeadFile(home).read()
                signed = {origin: head for origin, head in manifest.signed.items() if origin not in remembered
                          or head.size > remembered[origin].size}  # fmt: skip
                told = _Telling(home, manifest, {**remembered, **signed}, by, clock)
                if isinstance(database, SqliteDatabase):
                    return _into_sqlite(archive, database, staging, told, signed, advance)
                return _into_postgres(archive, database, staging, told, signed, advance)
        finally:
            database.close()


def with_database(raw: bytes, address: str) -> bytes:
    """The settings of a backup with another address of the database, or with none; all else stays as it is written.

    >>> with_database(b'# ours\ndatabase = "postgresql://old/db"\ncontact = "desk"\n', "")
    b'# ours\ncontact = "desk"\n'
    """
    advice = "Nothing was restored. `tar` unpacks a backup too."
    try:
        text = raw.decode()
        before = tomllib.loads(text)
        kept = "".join(line for line in text.splitlines(keepends=True) if not _ADDRESS.match(line))
        text = f"database = {msgspec.json.encode(address).decode()}\n{kept}" if address else kept
        after = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableFile(f"The settings in this backup are not valid TOML: {error}.", advice=advice) from error
    before.pop("database", None)
    if after != before | ({"database": address} if address else {}):
        raise UnreadableFile("The address of the database in these settings cannot be changed.", advice=advice)
    return text.encode()


class _Telling:
    """What reconciling needs to know, until there is a transaction to do it in."""

    def __init__(
        self, home: Path, manifest: Manifest, signed: dict[str, Head], by: str, clock: Callable[[], int]
    ) -> None:
        self.home = home
        self.manifest = manifest
        self._signed = signed
        self._by = by
        self._clock = clock

    def reconcile(self, tx: Transaction, keys: Path) -> Restored:
        """Record the act, halt the ledgers, and say what has to be reconciled."""
        at = self._clock()
        # First the act: it is an entry of the private ledger, which is halted with the others.
        details = {name: getattr(self.manifest, name) for name in ("taken", "titian", "schema")}
        record(tx, at=at, person=self._by, act="restore", subject=self.manifest.identity, details=details)
        return reconcile(tx, self.manifest, self._signed, home=self.home, keys=keys, at=at)


def _check(manifest: Manifest, address: str) -> None:
    """Whether this version can restore it, there."""
    kind = "postgresql" if address.startswith(("postgresql://", "postgres://")) else "sqlite"
    if manifest.kind == "postgresql" and not address:
        raise InvalidInput("This is a backup of a node on PostgreSQL.",
                           advice="Give the address of an empty database with --database.")  # fmt: skip
    if manifest.kind != kind:
        names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
        raise InvalidInput(f"This is a backup of {names.get(manifest.kind, 'something else')}, and the database is "
                           f"{names[kind]}.", advice="Restore it into a database of its own kind.")  # fmt: skip
    if not _REVISION.match(manifest.schema) or manifest.schema > REVISION:
        raise Refused(f"The backup has schema {manifest.schema[:40]}, this version of Titian knows {REVISION}.",
                      advice=f"Restore it with Titian {manifest.titian[:40]} or newer.")  # fmt: skip
    names_of = {part.name for part in manifest.files}
    dumped = {f"tables/{table.name}.copy" for table in manifest.tables}
    data = {DATABASE} if manifest.kind == "sqlite" else dumped
    if not all(_TABLE.match(table.name) for table in manifest.tables) or names_of != {*data, SETTINGS, *manifest.keys}:
        raise UnreadableFile("The manifest of this backup does not fit what it holds.")


def _nothing_there(home: Path, manifest: Manifest, database: Database) -> None:
    path = database.path if isinstance(database, SqliteDatabase) else home / DATABASE
    taken = [home / SETTINGS, *(Path(f"{place}{end}") for place in {path, home / DATABASE} for end in _BESIDE)]
    if manifest.keys:
        taken.append(home / KEYS)
    for one in taken:
        if os.path.lexists(one):
            raise AlreadyExists(f"{one} is there already, and a restore overwrites nothing.",
                                advice="Choose another --home; or move away what is there, and keep it.")  # fmt: skip
    if not isinstance(database, SqliteDatabase):
        with database.reading() as tx:
            found = tx.one("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() LIMIT 1")
        if found is not None:
            raise AlreadyExists(f"The database is not empty: it has the table {found[0]}.",
                                advice="Make a new database for the restored node.")  # fmt: skip


@contextmanager
def _made(home: Path) -> Iterator[None]:
    """Make the home; take away what was made of it when the block raises."""
    missing = [path for path in (home, *home.parents) if not path.exists()]
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder for this user only, on the same disk as where its files go; it is gone at the end."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".titian-restore-") as name:
        yield Path(name)


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(exist_ok=True, mode=0o700)
    with open(path, "xb", opener=private) as stream:
        stream.write(raw)
        stream.flush()
        os.fsync(stream.fileno())


def _into_sqlite(
    archive: Archive,
    target: SqliteDatabase,
    staging: Path,
    told: _Telling,
    signed: dict[str, Head],
    advance: Advance,
) -> Restored:
    if not target.path.parent.is_dir():
        raise InvalidInput(f"There is no folder {target.path.parent}.", advice="Make it first, or choose another.")
    # On the disk where it goes: the last step is a rename there.
    with _staging(target.path.parent) as beside:
        copy = beside / DATABASE
        with open(copy, "xb", opener=private) as stream:
            for chunk in archive.chunks(DATABASE, advance):
                stream.write(chunk)
        database = SqliteDatabase(copy)
        try:
            _sound(database)
            migrate(database)
            with database.writing() as tx:
                restored = told.reconcile(tx, staging / KEYS)
        finally:
            database.close()
        _settle(copy)
        try:
            publish(copy, target.path)
            _place(told.home, staging, signed)
        except BaseException:
            if not copy.exists():
                with suppress(OSError):
                    target.path.unlink()
            raise
    return restored


def _sound(database: SqliteDatabase) -> None:
    """Whether the database is whole, and holds nothing that would act by itself."""
    with database.reading() as tx:
        found = tx.one("PRAGMA quick_check(1)")
        acting = tx.one("SELECT name FROM sqlite_master WHERE type NOT IN ('table', 'index')")
    if found != ("ok",) or acting is not None:
        raise UnreadableFile("The database in this backup is damaged, or was not written by Titian.",
                             advice="Nothing was restored from it; take another backup.")  # fmt: skip


def _settle(path: Path) -> None:
    """Carry the log into the database, so that it is one file, and make that durable."""
    connection = SqliteDatabase(path).connect()
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    finally:
        connection.close()
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _place(home: Path, staging: Path, signed: dict[str, Head]) -> None:
    """Move the rest into the home. The settings come last: without them it is no node."""
    heads = HeadFile(home)
    made: list[Path] = [] if heads.path.exists() else [heads.path]
    try:
        heads.write_all(signed)
        if (staging / KEYS).exists():
            if os.path.lexists(home / KEYS):
                raise AlreadyExists(f"{home / KEYS} is there already.")
            sync_folder(staging / KEYS)
            os.rename(staging / KEYS, home / KEYS)
            made.append(home / KEYS)
            sync_folder(home)
        publish(staging / SETTINGS, home / SETTINGS)
    except BaseException:
        for path in made:
            shutil.rmtree(path, ignore_errors=True)
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):
            (home / LOCK).unlink()
        raise


def _into_postgres(
    archive: Archive, database: Database, staging: Path, told: _Telling, signed: dict[str, Head], advance: Advance
) -> Restored:
    try:
        # The schema as it was, then what it held, then what has been added since.
        migrate(database, archive.manifest.schema)
        with database.writing() as tx:
            tx.run("SET LOCAL idle_in_transaction_session_timeout = 0")
            _fill(tx, archive, advance)
        migrate(database)
        with database.writing() as tx:
            restored = told.reconcile(tx, staging / KEYS)
        _place(told.home, staging, signed)
    except BaseException:
        _emptied(database, archive.manifest.tables)
        raise
    return restored


def _fill(tx: Transaction, archive: Archive, advance: Advance) -> None:
    """Copy every table back, what is referred to first."""
    rows = tx.all("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()")
    there = {str(row[0]) for row in rows} - {"alembic_version", *LEFT_OUT}
    tables = {table.name: table for table in archive.manifest.tables}
    if tables.keys() != there:
        raise UnreadableFile(f"The tables of this backup are not those of schema {archive.manifest.schema}.")
    for name in (*TABLES, *sorted(there - set(TABLES))):
        if name not in there:
            continue
        table = tables[name]
        if sorted(table.columns) != sorted(columns_of(tx, name)):
            raise UnreadableFile(f"The columns of {name} in this backup are not those of its schema.")
        columns = ", ".join(map(quoted, table.columns))
        with cast(Any, tx).connection.cursor() as cursor:
            # A migration may have put rows in.
            tx.run(f"DELETE FROM {quoted(name)}")
            try:
                with cursor.copy(f"COPY {quoted(name)} ({columns}) FROM STDIN") as copy:
                    for chunk in archive.chunks(f"tables/{name}.copy", advance):
                        copy.write(chunk)
            except Exception as error:
                # By its code and not by its class, which would need the driver loaded: data, or a constraint.
                if str(getattr(error, "sqlstate", None))[:2] not in {"22", "23"}:
                    raise
                raise UnreadableFile(f"The rows of {name} in this backup do not fit their table.") from error
        for column, sequence in sequences_of(tx, name, table.columns).items():
            last = table.sequences.get(column, 0)
            highest = tx.one(f"SELECT greatest(coalesce(max({quoted(column)}), 0), ?) FROM {quoted(name)}", last)
            if highest is not None and highest[0]:
                tx.one("SELECT setval(?::text::regclass, ?)", sequence, highest[0])


def _emptied(database: Database, tables: Sequence[Table]) -> None:
    """Take out again what was made in a database that was empty."""
    with suppress(Exception), database.writing() as tx:
        told = {table.name for table in tables if _TABLE.match(table.name)}
        for name in sorted({*TABLES, *LEFT_OUT, "alembic_version", *told}):
            tx.run(f"DROP TABLE IF EXISTS {quoted(name)} CASCADE")
