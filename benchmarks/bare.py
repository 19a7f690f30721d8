"""The limit of writing: ``orjson.loads`` and one durable SQLite transaction for each batch, and nothing else.

No HTTP, no validation, no index, no status: what any store of single objects has to do at the very least.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter

import orjson


class BareStore:
    """A table of objects in WAL mode with ``synchronous=FULL``."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE object (id TEXT, modified TEXT, raw BLOB)")

    def post(self, batches: Iterable[bytes]) -> list[float]:
        """Store ``batches`` in turn; the seconds for each."""
        seconds = []
        for body in batches:
            began = perf_counter()
            self._insert(body)
            seconds.append(perf_counter() - began)
        return seconds

    def _insert(self, body: bytes) -> None:
        rows = [(one["id"], one["modified"], orjson.dumps(one)) for one in orjson.loads(body)["objects"]]
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO object VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
