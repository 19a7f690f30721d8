"""Set a node up, and bring it to a newer schema. Apart from :mod:`titian.node`: only this needs Alembic."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from titian.core.errors import AlreadyExists, InvalidInput
from titian.core.stix import is_identifier
from titian.node import DATABASE, database_address, require_home
from titian.settings import FILE, write_settings
from titian.store.admin import plain
from titian.store.database import SqliteDatabase, open_database
from titian.store.migrate import migrate
from titian.store.reconcile import Restored
from titian.store.registry import NodeRecord, write_node
from titian.store.restore import restore
from titian.store.store import now_micros

__all__ = ["Restored", "init_node", "restore_node", "upgrade_node"]

_COUNTRY: Final = re.compile(r"[A-Z]{2}\Z")


def init_node(
    home: Path,
    *,
    name: str,
    country: str,
    database: str = "",
    identity: str | None = None,
    clock: Callable[[], int] = now_micros,
    random: Callable[[int], bytes] = os.urandom,
) -> NodeRecord:
    """Set up a node in ``home``: its settings, its database, its identity.

    ``country`` is ISO 3166-1 alpha-2; ``identity`` is the party that it already is elsewhere, a new one without.
    Raises :class:`AlreadyExists` when there is one, :class:`InvalidInput` for
    what cannot be used; then nothing is left behind.
    """
    country = country.upper()
    if not _COUNTRY.match(country):
        raise InvalidInput(
            f"The country {country!r} is not two letters.", advice="Give ISO 3166-1 alpha-2, as ID or JP."
        )
    if identity is not None and not (identity.startswith("identity--") and is_identifier(identity)):
        raise InvalidInput(f"{identity!r} is not the identifier of a STIX identity.")
    record = NodeRecord(
        identity=identity or f"identity--{uuid.uuid4()}",
        name=plain("name", name),
        country=country,
        secret=random(32),
        created=clock(),
    )
    if (home / FILE).exists() or (home / DATABASE).exists():
        raise AlreadyExists(f"There is a node in {home} already.", advice="Choose another --home.")
    opened = open_database(database or f"sqlite:///{home.absolute() / DATABASE}", create=True)
    file = opened.path if isinstance(opened, SqliteDatabase) and not opened.path.exists() else home / DATABASE
    missing = [path for path in (home, *home.parents) if not _there(path)]
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        migrate(opened)
        write_settings(home, {"database": database})
        with opened.writing() as tx:
            write_node(tx, record)
    except BaseException:
        opened.close()
        _undo(home, file, missing)
        raise
    opened.close()
    return record


def _there(path: Path) -> bool:
    with suppress(OSError):
        return path.exists()
    return False


def _undo(home: Path, database: Path, made: list[Path]) -> None:
    """Remove what a failed set-up has made."""
    for path in (home / FILE, database, Path(f"{database}-wal"), Path(f"{database}-shm")):
        with suppress(OSError):
            path.unlink()
    for folder in made:
        with suppress(OSError):
            folder.rmdir()


def upgrade_node(home: Path) -> None:
    """Bring the database of a node to this version's schema."""
    database = open_database(database_address(home, require_home(home)))
    try:
        migrate(database)
    finally:
        database.close()


def restore_node(
    file: Path,
    home: Path,
    *,
    database: str = "",
    by: str,
    clock: Callable[[], int] = now_micros,
    advance: Callable[[int], None] = lambda count: None,
) -> Restored:
    """Make a node in ``home`` from a backup, see :func:`titian.store.restore.restore`."""
    return restore(file, home, by=by, address=database, clock=clock, advance=advance)
