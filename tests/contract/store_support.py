"""What the contract suite needs: a clock to turn, objects to append, and what must hold after every step."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from support.stix import Object, text
from titian import setup
from titian.core.collection import ALL, Appended, Collection, Incoming, Page, Record, Selection, timestamp
from titian.core.signing import Secret
from titian.exchange.hold import judge
from titian.store import segments
from titian.store.database import Transaction, open_database
from titian.store.ledger_book import LedgerBook
from titian.store.log import objects
from titian.store.pages import FIRST, LATEST
from titian.store.registry import NodeRecord, write_node
from titian.store.store import Store

START = 1_700_000_000_000_000
SMALL_PAGE = 1500


class Clock:
    """Microseconds since the Unix epoch, as told."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


NODE = NodeRecord(
    identity="identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11", name="BSSN", country="ID", secret=bytes(32), created=1
)


def set_up(url: str, clock: Clock) -> Store:
    """Migrate a database as :func:`init_node` does (see `schema_at_hand`), put a node into it, and open it."""
    database = open_database(url, create=True)
    setup.migrate(database)
    with database.writing() as tx:
        write_node(tx, NODE)
    database.close()
    return Store(url, clock=clock)


class _Nothing:
    """Keys and heads of a node that signs nothing."""

    def log_secrets(self, _tx: Transaction, _at: int) -> list[Secret]:
        return []

    def knows(self, _origin: str) -> bool:
        return True

    def behind(self, _origin: str, _size: int, _root: bytes) -> str | None:
        return None

    def write(self, _origin: str, _size: int, _root: bytes, _at: int) -> bool:
        return True


def book_of(store: Store) -> LedgerBook:
    """The ledgers of a store that nothing signs."""
    return LedgerBook(store, _Nothing(), _Nothing())


# Objects


def incoming(value: Object | bytes) -> Incoming:
    """A valid object as the store gets it."""
    judged = judge(value if isinstance(value, bytes) else text(value))
    assert judged.incoming is not None, judged.violations
    return judged.incoming


_numbers = itertools.count(1)


def thing(size: int = 0, *, kind: str = "malware", version: int = 1, identifier: str | None = None) -> Incoming:
    """An object that the store cannot tell from STIX, of about ``size`` bytes; its version says microseconds."""
    identifier = identifier or f"{kind}--{next(_numbers):032x}"
    raw = json.dumps({"type": kind, "id": identifier, "v": version, "pad": "x" * max(0, size - 100)}).encode()
    return Incoming(identifier, kind, version, raw, timestamp(version))


def append(store: Store, where: Collection, *items: Incoming, source: str = "test") -> list[Appended]:
    with store.writing() as tx:
        return store.log.append(tx, where.num, items, source=source)


def remove(store: Store, where: Collection, identifier: str, selection: Selection | None = None) -> int:
    with store.writing() as tx:
        return store.log.remove(tx, where.num, identifier, selection or Selection(versions=ALL))


# Reading


def page(store: Store, where: Collection, selection: Selection) -> Page:
    with store.reading() as tx:
        return store.log.page(tx, where.num, selection)


def raws(read: Page) -> list[bytes]:
    """The objects of a page, which must be as many as it says."""
    found = list(objects(read))
    assert len(found) == read.count
    return found


def held(store: Store, where: Collection) -> list[bytes]:
    """Every version of every object, in order."""
    return raws(page(store, where, Selection(versions=ALL, limit=100_000)))


def records(store: Store, where: Collection, selection: Selection | None = None) -> list[Record]:
    """The manifest of every version, in order."""
    with store.reading() as tx:
        read = store.log.records(tx, where.num, selection or Selection(versions=ALL, limit=100_000))
    assert not read.more
    return read.records


def added(store: Store, where: Collection) -> list[int]:
    return [record.added for record in records(store, where)]


def all_bytes(store: Store, where: Collection) -> bytes:
    """Everything that lies in the segments of a collection."""
    with store.reading() as tx:
        rows = tx.all("SELECT data FROM segments WHERE collection = ? ORDER BY last", where.num)
    return b"\n".join(bytes(row[0]) for row in rows)


def quarantined(store: Store, identifiers: Iterable[str]) -> list[bytes]:
    return sorted(raw for _, _, raw in aside(store, identifiers))


def aside(store: Store, identifiers: Iterable[str]) -> list[tuple[int, str, bytes]]:
    """What the quarantine holds of some objects: in which collection it was sent, why it is there, its bytes."""
    select = "SELECT collection, reason, raw FROM quarantine WHERE id = ? ORDER BY num"
    with store.reading() as tx:
        rows = [row for each in sorted(set(identifiers)) for row in tx.all(select, each)]
    return [(where, reason.partition(":")[0], bytes(raw)) for where, reason, raw in rows]


# What must hold


def check_invariants(store: Store, *collections: Collection) -> None:
    """The tables tell one story: counts, places, ranks, bytes, order."""
    with store.reading() as tx:
        for where in collections:
            _check(tx, where)


def _check(tx: Transaction, where: Collection) -> None:
    entries = tx.all(
        "SELECT e.added, e.segment, e.start, e.length, e.rank, e.id, e.version, e.digest, t.name "
        "FROM entries e JOIN types t ON t.num = e.type WHERE e.collection = ? ORDER BY e.added",
        where.num,
    )
    every = tx.one("SELECT count(*) FROM entries WHERE collection = ?", where.num)
    assert every == (len(entries),), "each entry has its type"
    lying = tx.all(
        "SELECT num, first, last, count, latest, data FROM segments WHERE collection = ? ORDER BY first", where.num
    )
    last_added = tx.one("SELECT last_added FROM collections WHERE num = ?", where.num)
    assert last_added is not None
    assert all(row[0] <= last_added[0] for row in entries)
    by_segment = defaultdict(list)
    for row in entries:
        by_segment[row[1]].append(row)
    assert by_segment.keys() == {row[0] for row in lying}
    end = 0
    for number, first, last, count, latest, data in lying:
        inside = by_segment[number]
        assert end < first <= last, "segments do not overlap, and lie in the order of date_added"
        end = last
        assert (inside[0][0], inside[-1][0]) == (first, last)
        assert count == len(inside)
        assert latest == sum(row[4] & LATEST for row in inside)
        _check_bytes(bytes(data), inside)
    _check_ranks(entries)


def _check_bytes(data: bytes, inside: Sequence[tuple[object, ...]]) -> None:
    cut = []
    for _, _, start, length, _, identifier, _, digest, kind in inside:
        assert isinstance(start, int)
        assert isinstance(length, int)
        assert isinstance(digest, bytes)
        raw = data[start : start + length]
        assert hashlib.sha256(raw).digest() == bytes(digest)
        value = json.loads(raw)
        assert (value["id"], value["type"]) == (identifier, kind)
        cut.append(raw)
    assert data == b",".join(cut), "a segment holds its objects and nothing else"
    assert len(data) <= segments.SEGMENT_BYTES or len(inside) == 1


def _check_ranks(entries: Sequence[tuple[object, ...]]) -> None:
    versions = defaultdict(list)
    for row in entries:
        versions[row[5]].append((row[6], row[4]))
    for identifier, mine in versions.items():
        assert len({version for version, _ in mine}) == len(mine), "each version once"
        ranks = [rank for _, rank in sorted(mine)]
        wanted = [0] * len(ranks)
        wanted[0] |= FIRST
        wanted[-1] |= LATEST
        assert ranks == wanted, identifier
