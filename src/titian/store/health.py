"""Is this node healthy? Each check says what it looked at, in a sentence."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from titian.core.health import Finding
from titian.store.database import Database
from titian.store.ledger import list_ledgers
from titian.store.registry import list_collections, list_keys
from titian.store.store import REVISION, Store, schema_revision
from titian.store.subscriptions import Subscriptions

DISK_FREE: Final = 1 << 30
"""Bytes that should be free for a node to work on."""
_YEAR_2020: Final = 1_577_836_800_000_000
_DAY: Final = 86_400_000_000


def _guarded(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Run a check; that it fails is a finding too."""
    try:
        yield from check()
    except Exception as error:
        yield Finding(check.__name__.strip("_"), False, str(error).partition("\n")[0] or type(error).__name__)


class Health:
    """The checks of one node."""

    def __init__(self, store: Store, home: Path) -> None:
        self._store = store
        self._home = home

    def check(self) -> list[Finding]:
        """Run every check; one that fails does not stop the others."""
        checks: tuple[Callable[[], Iterator[Finding]], ...] = (
            self._database, self._migrations, self._disk, self._clock, self._keys, self._logs, self._ledgers,
            self._journal, self._subscriptions,
        )  # fmt: skip
        return [finding for check in checks for finding in _guarded(check)]

    def watch(self) -> list[Finding]:
        """The checks that cost the same however much is held: for a page that is looked at all day."""
        checks: tuple[Callable[[], Iterator[Finding]], ...] = (
            self._disk, self._clock, self._ledgers, self._journal, self._subscriptions
        )  # fmt: skip
        return [finding for check in checks for finding in _guarded(check)]

    def _database(self) -> Iterator[Finding]:
        database: Database = self._store.database
        with self._store.reading() as tx:
            if database.kind == "sqlite":
                row = tx.one("PRAGMA quick_check(1)")
                mode = tx.one("PRAGMA journal_mode")
                ok = row == ("ok",)
                yield Finding(
                    "database",
                    ok,
                    f"SQLite, journal {mode[0] if mode else '?'}, quick check: {row[0] if row else '?'}",
                )
            else:
                row = tx.one("SELECT version()")
                yield Finding("database", row is not None, str(row[0])[:80] if row else "no answer")

    def _migrations(self) -> Iterator[Finding]:
        with self._store.reading() as tx:
            held = schema_revision(self._store.database, tx)
        yield Finding("migrations", held == REVISION, f"schema {held}, this version needs {REVISION}")

    def _disk(self) -> Iterator[Finding]:
        usage = shutil.disk_usage(self._home)
        yield Finding(
            "disk",
            usage.free > DISK_FREE,
            f"{usage.free / 2**30:.1f} GB free of {usage.total / 2**30:.0f} GB",
        )

    def _clock(self) -> Iterator[Finding]:
        """A clock behind what was already written would make ``date_added`` run ahead of the time of day."""
        now = self._store.clock()
        with self._store.reading() as tx:
            row = tx.one("SELECT coalesce(max(last_added), 0) FROM collections")
        ahead = (row[0] if row else 0) - now
        ok = now > _YEAR_2020 and ahead < 60_000_000
        yield Finding(
            "clock",
            ok,
            "agrees with what was written" if ok else f"{ahead / 1e6:.0f} s behind what was written last",
        )

    def _keys(self) -> Iterator[Finding]:
        with self._store.reading() as tx:
            keys = list_keys(tx)
        live = [key for key in keys if key.revoked is None]
        old = [key.name for key in live if self._store.clock() - key.created > 365 * _DAY]
        advice = f"; over a year old: {', '.join(old)}" if old else ""
        yield Finding("keys", True, f"{len(live)} in use, {len(keys) - len(live)} revoked{advice}")

    def _logs(self) -> Iterator[Finding]:
        """Every collection's segments and entries must tell the same count."""
        with self._store.reading() as tx:
            for collection in list_collections(tx):
                segments = tx.one("SELECT coalesce(sum(count), 0) FROM segments WHERE collection = ?", collection.num)
                entries = tx.one("SELECT count(*) FROM entries WHERE collection = ?", collection.num)
                ok = segments == entries
                detail = f"{entries[0] if entries else 0} object versions"
                yield Finding(
                    f"collection {collection.name}",
                    ok,
                    detail if ok else f"{detail}, but segments hold {segments}",
                )

    def _ledgers(self) -> Iterator[Finding]:
        """Nothing is handed over under an agreement whose ledger is halted."""
        with self._store.reading() as tx:
            ledgers = [one for one in list_ledgers(tx) if one.closed is None]
        halted = [one for one in ledgers if one.halted is not None]
        for one in halted:
            yield Finding(f"ledger {one.origin}", False, f"halted: {one.halted}")
        if not halted:
            yield Finding("ledgers", True, f"{len(ledgers)} sealed, {sum(one.size for one in ledgers):,} entries")

    def _journal(self) -> Iterator[Finding]:
        """What was handed over is in its ledger a moment later: nobody has deleted it meanwhile."""
        for what in self._store.journal.lost if self._store.journal is not None else ():
            yield Finding("journal", False, what)

    def _subscriptions(self) -> Iterator[Finding]:
        """What is pulled by itself, and what waits in the quarantine."""
        standing = Subscriptions(self._store).all()
        failing = [one for one in standing if one.progress.failures or one.progress.paused or one.progress.gaps]
        for one in failing:
            said = one.progress.paused or one.progress.error or one.progress.gaps[-1].what
            yield Finding(f"subscription {one.terms.title}", False, said)
        with self._store.reading() as tx:
            row = tx.one("SELECT count(*) FROM quarantine WHERE state = 'waiting'")
        waiting = f"{row[0] if row else 0:,} objects wait in the quarantine"
        yield Finding("subscriptions", True, f"{len(standing) - len(failing)} of {len(standing)} go well, {waiting}")
