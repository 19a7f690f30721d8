"""A backup is one instant of a node that goes on writing; what is restored from it is that, and says what it lacks."""

from __future__ import annotations

import io
import os
import sqlite3
import stat
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from store_support import NODE, check_invariants, thing

from support.gate import SECOND, Bench, malware, party_id
from titian.core.errors import AlreadyExists, InvalidInput, NotFound, Refused, TitianError, UnreadableFile
from titian.core.people import Duty, local_operator
from titian.core.tlp import Tlp
from titian.node import open_node
from titian.store import backup as backing
from titian.store import restore as restoring
from titian.store.archive import Archive, ArchiveWriter, Manifest
from titian.store.backup import LEFT_OUT, TABLES, Backup, Taken, quoted, read_ledgers
from titian.store.database import Database, Transaction, open_database
from titian.store.heads import Head, HeadFile
from titian.store.migrate import migrate
from titian.store.reconcile import Restored
from titian.store.registry import write_node
from titian.store.restore import restore, with_database
from titian.store.schema import metadata
from titian.store.store import REVISION

NewUrl = Callable[[], str]
VERSION = "1.2.3"
LATER = 3_600 * SECOND


def take(bench: Bench, path: Path, **more: Any) -> Taken:
    return Backup(bench.node.store, bench.node.home).write(path, version=VERSION, **more)


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    """A node with something in most of its tables."""
    bench = new_bench()
    bench.agree("jp", party_id("japan"))
    held = bench.hold(*[malware(f"Malware {n}", tlp=Tlp.GREEN) for n in range(20)])
    bench.release(*held[:10], to="jp")
    bench.node.people.add("analyst-one", Duty.ANALYST, by=local_operator("setup"), issuer="https://login.example",
                          subject="one")  # fmt: skip
    bench.node.people.identity("https://login.example", "one")
    keys = bench.node.home / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    (keys / "test-1.key").write_text("PRIVATE+KEY+test")
    return bench


@pytest.fixture
def address(backend: str, empty_url: NewUrl) -> Callable[[], str]:
    """Where to restore into: a new database, or nothing where that is a file in the home."""
    return lambda: empty_url() if backend == "postgresql" else ""


def put_back(bench: Bench, file: Path, home: Path, address: str) -> Restored:
    return restore(file, home, by="local:test", address=address, clock=bench.clock)


def rows(database: Database) -> dict[str, list[Any]]:
    """Everything in a database, table by table."""
    with database.reading() as tx:
        return {table.name: _all(tx, table.name, [column.name for column in table.columns])
                for table in metadata.sorted_tables}  # fmt: skip


def _all(tx: Transaction, table: str, columns: list[str]) -> list[Any]:
    found = tx.all(f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(table)}")
    plain = ((bytes(cell) if isinstance(cell, memoryview) else cell for cell in row) for row in found)
    return sorted((tuple(row) for row in plain), key=repr)


def test_every_table_of_the_schema_is_backed_up() -> None:
    assert sorted((*TABLES, *LEFT_OUT)) == sorted(metadata.tables)
    place = {name: number for number, name in enumerate(TABLES)}
    for table in metadata.sorted_tables:
        for key in table.foreign_keys if table.name in place else ():
            assert place[key.column.table.name] < place[table.name], "what is referred to comes first"


def test_what_is_restored_is_what_was_there(bench: Bench, tmp_path: Path, address: Callable[[], str]) -> None:
    before = rows(bench.node.store.database)
    file, home = tmp_path / "node.titian", tmp_path / "new"
    taken = take(bench, file)
    bench.hold(malware("Afterwards"))
    bench.clock.now += LATER
    told = put_back(bench, file, home, address())
    with open_node(home, clock=bench.clock, environment={}) as node:
        after = rows(node.store.database)
        changed = {"acts", "ledgers", "ledger_entries", "sessions"}
        assert {name for name in before if before[name] != after[name]} <= changed
        assert set(before["acts"]) < set(after["acts"])
        assert [one.act for one in node.acts.list(limit=1)] == ["restore"]
        assert node.record == bench.node.record
        check_invariants(node.store, *(one.collection for one in node.collections.list()))
        again = Bench(node, bench.clock)
        again.secrets = bench.secrets
        assert again.names("japan") == bench.names("japan") != set()
        # It goes on: numbers that the database gives out are not given twice.
        again.hold(malware("Another"))
        assert len(again.node.acts.list()) == len(after["acts"])
        again.node.collections.add("Another")
        assert again.node.store.database.url != bench.node.store.database.url
    assert (taken.manifest.taken, taken.manifest.schema) == (told.taken, REVISION)
    assert (home / "keys" / "test-1.key").read_text() == "PRIVATE+KEY+test"
    for path, mode in ((home, 0o700), (home / "keys", 0o700), (home / "keys" / "test-1.key", 0o600),
                       (home / "titian.toml", 0o600), (file, 0o600)):  # fmt: skip
        assert stat.S_IMODE(path.stat().st_mode) == mode, path


def test_a_backup_is_one_instant_and_stops_no_writer(
    bench: Bench, tmp_path: Path, address: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writers, each with two tables and a collection in every transaction, before, during and after."""
    monkeypatch.setattr(backing, "_PAGES", 4)
    store = bench.node.store
    collections = [bench.node.collections.add(f"Writer {n}") for n in range(2)]
    stop, moved = threading.Event(), threading.Condition()
    done = [0, 0]
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            while not stop.is_set():
                with store.writing() as tx:
                    at, name = done[number], f"{number}-{done[number]}"
                    tx.run("INSERT INTO cursors (name, state, written) VALUES (?, ?, ?)", name, b"", at)
                    store.log.append(tx, collections[number].num, [thing(3000), thing(10)], source="test")
                    tx.run("INSERT INTO queries (name, created, body) VALUES (?, ?, ?)", name, at, b"")
                with moved:
                    done[number] += 1
                    moved.notify_all()
                # The other's turn: SQLite gives none by itself.
                time.sleep(0.005)
        except BaseException as error:
            failed.append(error)
            raise

    calls = 0

    def advance(count: int) -> None:
        """Whenever a part is copied, wait until both writers have written again: they can, and it is not seen."""
        nonlocal calls
        calls += 1
        if calls <= 3:
            wait(1)

    def wait(more: int) -> None:
        with moved:
            wanted = [count + more for count in done]
            assert moved.wait_for(lambda: failed or all(d >= w for d, w in zip(done, wanted, strict=True)), 30)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for each in writers:
        each.start()
    try:
        wait(3)
        take(bench, tmp_path / "node.titian", advance=advance)
    finally:
        stop.set()
        for each in writers:
            each.join(30)
    assert not failed
    assert calls >= 3
    put_back(bench, tmp_path / "node.titian", tmp_path / "new", address())
    with open_node(tmp_path / "new", clock=bench.clock, environment={}) as node:
        with node.store.reading() as tx:
            first = {row[0] for row in tx.all("SELECT name FROM cursors WHERE name LIKE ?", "%-%")}
            second = {row[0] for row in tx.all("SELECT name FROM queries")}
            counts = [tx.one("SELECT count(*) FROM entries WHERE collection = ?", one.num) for one in collections]
        assert first == second
        per_writer = [sum(name.startswith(f"{number}-") for name in first) for number in range(2)]
        assert counts == [(2 * count,) for count in per_writer]
        assert all(3 <= count < total for count, total in zip(per_writer, done, strict=True))
        check_invariants(node.store, *collections)


def test_a_number_that_was_given_and_removed_is_not_given_again(
    bench: Bench, backend: str, tmp_path: Path, address: Callable[[], str]
) -> None:
    if backend == "sqlite":
        pytest.skip("SQLite keeps no sequence: the highest number that is there counts")
    with bench.node.store.writing() as tx:
        for _ in range(3):
            tx.run("INSERT INTO evidence (at, origin, what, body) VALUES (1, 'o', 'w', ?)", b"")
        tx.run("DELETE FROM evidence WHERE num > 1")
    take(bench, tmp_path / "node.titian")
    put_back(bench, tmp_path / "node.titian", tmp_path / "new", address())
    with open_node(tmp_path / "new", clock=bench.clock, environment={}) as node, node.store.writing() as tx:
        assert tx.one("INSERT INTO evidence (at, origin, what, body) VALUES (2, 'o', 'w', '') RETURNING num") == (4,)


# What a restored node must not do by itself, and what it says


def test_nothing_is_signed_and_everything_to_reconcile_is_named(
    bench: Bench, tmp_path: Path, address: Callable[[], str]
) -> None:
    store = bench.node.store
    reports = bench.node.collections.find("Reports")
    with store.writing() as tx:
        tx.run("UPDATE ledgers SET sealed = size, signed = ?, root = ?", bench.clock.now, bytes(32))
        for ident, ended in (("s1", None), ("s2", 5)):
            tx.run(
                "INSERT INTO subscriptions (id, collection, created, ended, next_try, lease, secret, terms, state) "
                "VALUES (?, ?, 1, ?, 7, 9, ?, ?, ?)", ident, reports.num, ended, b"s", b"{}", b"{}",
            )  # fmt: skip
        for last in (100, 300, 200):
            tx.run(
                "INSERT INTO arrivals (subscription, collection, received, party, remote, count, digest, first, last) "
                "VALUES ('s1', ?, ?, 'p', 'r', 1, ?, 1, ?)", reports.num, last + 1, b"d", last,
            )  # fmt: skip
        tx.run("INSERT INTO bundles (id, outgoing, agreement, party, num, created, digest, state) "
               "VALUES ('b', ?, 'a', 'p', 41, 1, ?, ?)", True, b"", b"{}")  # fmt: skip
        for number in (True, False):
            tx.run("INSERT INTO recalls (id, outgoing, agreement, created, state, body) VALUES (?, ?, 'a', 55, 'x', ?)",
                   f"r{number}", number, b"{}")  # fmt: skip
        tx.run("INSERT INTO requests (id, agreement, state, created, requester, body) "
               "VALUES ('q', 'a', 'waiting', 1, 'p', ?)", b"{}")  # fmt: skip
        signed = read_ledgers(tx)
    bench.node.keys.revoke("russia key")
    take(bench, tmp_path / "node.titian")
    bench.node.keys.revoke("japan key")
    bench.clock.now += LATER
    told = put_back(bench, tmp_path / "node.titian", tmp_path / "new", address())

    assert {one.name for one in told.keys} == {"japan key", "brunei key"}, "what was revoked since works again"
    assert [(one.name, one.duty) for one in told.people] == [("analyst-one", "analyst")]
    assert (told.sessions_ended, told.requests_waiting, told.recalls, told.last_recall) == (1, 1, 1, 55)
    assert [(one.id, one.received, one.sent) for one in told.subscriptions] == [("s1", 301, 300)]
    assert [(one.party, one.num, one.outgoing) for one in told.bundles] == [("p", 41, True)]
    assert [one.party for one in told.released if one.count] == [party_id("japan")]
    assert [(one.origin, one.sealed, one.remembered) for one in told.ledgers] == [
        (one.origin, one.size, one.size) for one in signed
    ]
    assert len(told.ledgers) >= 1
    with open_node(tmp_path / "new", clock=bench.clock, environment={}) as node, node.store.reading() as tx:
        for (halted,) in tx.all("SELECT halted FROM ledgers"):
            assert halted.startswith("Restored on 2026-")
            assert "`titian ledger resume`" in halted
        assert tx.all("SELECT id, next_try, lease FROM subscriptions ORDER BY id") == [
            ("s1", bench.clock.now + 600 * SECOND, 0), ("s2", 7, 9)
        ]  # fmt: skip
        assert tx.one("SELECT count(*) FROM sessions") == (0,)
    assert {origin: head.size for origin, head in HeadFile(tmp_path / "new").read().items()} == {
        one.origin: one.size for one in signed
    }


def test_what_the_home_remembers_to_have_signed_stays(bench: Bench, tmp_path: Path, address: Callable[[], str]) -> None:
    """The disk with the database was lost, the home with its file of heads was not: it is what knows more."""
    with bench.node.store.writing() as tx:
        tx.run("UPDATE ledgers SET sealed = 2, signed = 1, root = ?", bytes(32))
        origin = read_ledgers(tx)[0].origin
    take(bench, tmp_path / "node.titian")
    home = tmp_path / "new"
    home.mkdir()
    HeadFile(home).write(origin, 9, bytes(31) + b"9", 5)
    told = put_back(bench, tmp_path / "node.titian", home, address())
    assert HeadFile(home).read()[origin] == Head(9, bytes(31) + b"9", 5)
    assert (told.ledgers[0].sealed, told.ledgers[0].remembered) == (2, 9)
    assert "has 2 entries, but this node has signed 9" in (HeadFile(home).behind(origin, 2, bytes(32)) or "")


def test_the_backup_remembers_what_was_signed_after_its_instant(bench: Bench, tmp_path: Path) -> None:
    with bench.node.store.writing() as tx:
        tx.run("UPDATE ledgers SET sealed = 2, signed = 1, root = ?", bytes(32))
        origin = read_ledgers(tx)[0].origin
    HeadFile(bench.node.home).write(origin, 4, bytes(31) + b"4", 5)
    assert take(bench, tmp_path / "node.titian").manifest.signed[origin].size == 4


# Where it refuses


def test_a_file_that_is_there_stays(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_bytes(b"older")
    with pytest.raises(AlreadyExists, match="--force"):
        take(bench, file)
    assert file.read_bytes() == b"older"
    take(bench, file, force=True)
    with Archive(file) as archive:
        archive.verify()
    with pytest.raises(InvalidInput, match="is a folder"):
        take(bench, tmp_path, force=True)
    with pytest.raises(InvalidInput, match="no folder"):
        take(bench, tmp_path / "none" / "file")


def test_a_backup_that_fails_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "old").write_bytes(b"older")

    def full(count: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        take(bench, folder / "old", force=True, advance=full)
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert (folder / "old").read_bytes() == b"older"
    # And the node goes on.
    bench.hold(malware("Afterwards"))


def test_keys_are_left_out_when_told_and_links_always(bench: Bench, tmp_path: Path, address: Callable[[], str]) -> None:
    (bench.node.home / "keys" / "elsewhere.key").symlink_to(tmp_path / "safe")
    (tmp_path / "safe").write_text("secret")
    first, second = take(bench, tmp_path / "with"), take(bench, tmp_path / "without", keys=False)
    assert ("keys/test-1.key" in first.manifest.keys, first.left_out) == (True, ("elsewhere.key",))
    assert (second.manifest.keys, second.left_out) == ([], ())
    with tarfile.open(tmp_path / "without") as tar:
        assert not [name for name in tar.getnames() if name.startswith("keys")]
    # Keys that lie in the home already are taken as they are, where the backup brings none.
    home = tmp_path / "new"
    (home / "keys").mkdir(parents=True)
    with pytest.raises(AlreadyExists, match="keys"):
        put_back(bench, tmp_path / "with", home, address())
    put_back(bench, tmp_path / "without", home, address())


@pytest.mark.parametrize("name", ["titian.toml", "titian.db", "titian.db-wal", "titian.db-journal", "keys"])
def test_nothing_is_overwritten(bench: Bench, tmp_path: Path, address: Callable[[], str], name: str) -> None:
    take(bench, tmp_path / "node.titian")
    home = tmp_path / "new"
    home.mkdir()
    (home / name).write_bytes(b"mine")
    with pytest.raises(AlreadyExists, match="overwrites nothing"):
        put_back(bench, tmp_path / "node.titian", home, address())
    assert {path.name: path.read_bytes() for path in home.iterdir()} == {name: b"mine"}


def test_a_database_that_holds_something_is_refused(bench: Bench, tmp_path: Path) -> None:
    take(bench, tmp_path / "node.titian")
    with pytest.raises(AlreadyExists):
        put_back(bench, tmp_path / "node.titian", tmp_path / "new", bench.node.store.database.url)
    assert not (tmp_path / "new").exists()
    bench.hold(malware("Afterwards"))


def test_the_kinds_of_database_are_not_mixed(bench: Bench, backend: str, tmp_path: Path) -> None:
    take(bench, tmp_path / "node.titian")
    for other in ("", f"sqlite:///{tmp_path / 'x.db'}") if backend == "postgresql" else ("postgresql://db.example/x",):
        with pytest.raises(InvalidInput, match="PostgreSQL"):
            put_back(bench, tmp_path / "node.titian", tmp_path / "new", other)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "x.db").exists()


def test_a_file_elsewhere_can_be_named(bench: Bench, backend: str, tmp_path: Path) -> None:
    if backend != "sqlite":
        pytest.skip("only SQLite is a file")
    (tmp_path / "data").mkdir()
    address = f"sqlite:///{tmp_path / 'data' / 'node.db'}"
    take(bench, tmp_path / "node.titian")
    put_back(bench, tmp_path / "node.titian", tmp_path / "new", address)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["node.db"]
    assert not (tmp_path / "new" / "titian.db").exists()
    with open_node(tmp_path / "new", environment={}) as node:
        assert node.store.database.url == address


@pytest.mark.parametrize("where", ["migrate", "reconcile", "publish-settings"])
def test_a_restore_that_fails_leaves_nothing(
    bench: Bench, tmp_path: Path, address: Callable[[], str], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(bench, tmp_path / "node.titian")
    into, home = address(), tmp_path / "new"

    def failing(*arguments: Any, **named: Any) -> Any:
        if where != "publish-settings" or arguments[1] == home / "titian.toml":
            raise OSError(28, "No space left on device")
        return backing.publish(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(restoring, where.partition("-")[0], failing)
        with pytest.raises(OSError, match="No space"):
            put_back(bench, tmp_path / "node.titian", home, into)
    assert not home.exists()
    # So it can be done again.
    put_back(bench, tmp_path / "node.titian", home, into)
    open_node(home, environment={}).close()


@pytest.mark.parametrize("schema", ["9999", "0003; DROP", ""])
def test_a_newer_schema_is_refused(bench: Bench, tmp_path: Path, address: Callable[[], str], schema: str) -> None:
    take(bench, tmp_path / "node.titian")
    forged(tmp_path / "node.titian", lambda manifest: msgspec.structs.replace(manifest, schema=schema))
    with pytest.raises(Refused, match=REVISION):
        put_back(bench, tmp_path / "node.titian", tmp_path / "new", address())
    assert not (tmp_path / "new").exists()


def forged(path: Path, change: Callable[[Manifest], Manifest]) -> None:
    """Write a backup anew with another manifest."""
    with Archive(path) as archive, tempfile.TemporaryFile() as new:
        writer = ArchiveWriter(new, 0)
        for part in archive.manifest.files:
            writer.add_bytes(part.name, b"".join(archive.chunks(part.name)))
        writer.finish(change(archive.manifest))
        new.seek(0)
        raw = new.read()
    path.write_bytes(raw)


def test_an_older_schema_is_brought_up(backend: str, empty_url: NewUrl, tmp_path: Path, address: Any) -> None:
    database = open_database(empty_url(), create=True)
    migrate(database, "0002")
    with database.writing() as tx:
        write_node(tx, NODE)
        tx.run("INSERT INTO queries (name, created, body) VALUES ('kept', 1, ?)", b"\x00\\\t\nbytes")
        tx.run("INSERT INTO acts (at, person, act, subject, why, details) VALUES (1, 'p', 'a', 's', 'w\t\\n\n', ?)",
               b"{}")  # fmt: skip
    file = tmp_path / "old.titian"
    with file.open("xb") as stream, database.reading() as tx:
        writer = ArchiveWriter(stream, 0)
        tables: tuple[Any, ...] = ()
        if backend == "sqlite":
            backing._add_sqlite(tx, writer, tmp_path, lambda count: None)
        else:
            tables = backing._add_tables(tx, writer, tmp_path, lambda count: None)
        writer.add_bytes("titian.toml", b'contact = "desk"\n')
        writer.finish(Manifest(format=1, titian="0.0", schema="0002", kind=backend, identity=NODE.identity,
                               name=NODE.name, country=NODE.country, taken=1, ledgers=(), signed={}, tables=tables,
                               files=()))  # fmt: skip
    database.close()
    told = restore(file, tmp_path / "new", by="local:test", address=address())
    assert (told.schema, told.ledgers[0].agreement) == ("0002", None)
    with open_node(tmp_path / "new", environment={}) as node:
        assert node.settings.contact == "desk"
        assert (node.record.secret, node.record.name) == (NODE.secret, NODE.name)
        with node.store.reading() as tx:
            row = tx.one("SELECT body FROM queries WHERE name = 'kept'")
            assert row is not None
            assert bytes(row[0]) == b"\x00\\\t\nbytes"
            assert tx.one("SELECT why FROM acts WHERE num = 1") == ("w\t\\n\n",)
        assert [one.act for one in node.acts.list()][-2:] == ["restore", "a"]


# Damage and forgery: the container alone


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small backup, whose database is never opened."""
    path = tmp_path / "small.titian"
    with path.open("xb") as stream:
        writer = ArchiveWriter(stream, 0)
        writer.add_bytes("titian.db", os.urandom(3000))
        writer.add_bytes("titian.toml", b'contact = "desk"\n')
        writer.add_bytes("keys/log-1.key", b"secret")
        writer.finish(Manifest(format=1, titian="0", schema=REVISION, kind="sqlite", identity="i", name="n",
                               country="ID", taken=1, ledgers=(), signed={}, tables=(), files=()))  # fmt: skip
    return path


def contents(path: Path) -> dict[str, bytes]:
    with Archive(path) as archive:
        archive.verify()
        return {part.name: b"".join(archive.chunks(part.name)) for part in archive.manifest.files}


def test_no_damage_goes_unnoticed(small: Path) -> None:
    raw, whole = small.read_bytes(), contents(small)
    for place in range(0, len(raw), 7):
        changed = bytearray(raw)
        changed[place] ^= 0x41
        small.write_bytes(changed)
        # What fills the blocks of a tar, and what it says of owners, is nothing that is restored.
        with suppress(UnreadableFile):
            assert contents(small) == whole


def test_a_file_that_is_cut_off_is_refused(small: Path) -> None:
    raw = small.read_bytes()
    end = raw.rindex(b"\n") + 1
    for length in range(0, end, 61):
        small.write_bytes(raw[:length])
        with pytest.raises(UnreadableFile):
            contents(small)


def _member(name: str, raw: bytes = b"x", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(raw)
    for attribute, value in more.items():
        setattr(info, attribute, value)
    return info, raw


FORGED = [
    pytest.param(_member("../evil"), id="above"),
    pytest.param(_member("/etc/evil"), id="absolute"),
    pytest.param(_member("keys/../../evil"), id="above-keys"),
    pytest.param(_member("keys/a/b"), id="below-keys"),
    pytest.param(_member("keys/.hidden"), id="hidden"),
    pytest.param(_member("titian.toml", b'contact = "x"'), id="twice"),
    pytest.param(_member("heads.json"), id="unexpected"),
    pytest.param(_member("keys/two.key"), id="not-in-the-manifest"),
    pytest.param(_member("tables/x.copy", b""), id="not-of-this-kind"),
    pytest.param(_member("keys/link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), id="link"),
    pytest.param(_member("keys/hard", b"", type=tarfile.LNKTYPE, linkname="titian.db"), id="hard-link"),
    pytest.param(_member("keys/device", b"", type=tarfile.CHRTYPE), id="device"),
    pytest.param(_member("keys/folder", b"", type=tarfile.DIRTYPE), id="folder"),
    pytest.param(_member("keys/pax", pax_headers={"GNU.sparse.major": "1"}), id="extended-header"),
]


@pytest.mark.parametrize("more", FORGED)
def test_what_no_backup_holds_is_refused(small: Path, tmp_path: Path, more: tuple[tarfile.TarInfo, bytes]) -> None:
    with tarfile.open(small, "a", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(more[0], io.BytesIO(more[1]))
    home = tmp_path / "new"
    with pytest.raises(UnreadableFile):
        restore(small, home, by="local:test")
    assert not home.exists()


@pytest.mark.parametrize("raw", [b"", b"x" * 5000, b"\x1f\x8b" + bytes(2000), bytes(10240)])
def test_what_is_no_backup_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(UnreadableFile, match="not a whole backup"):
        restore(tmp_path / "file", tmp_path / "new", by="local:test")


def test_a_database_that_would_act_by_itself_is_refused(bench: Bench, backend: str, tmp_path: Path) -> None:
    if backend != "sqlite":
        pytest.skip("a dump of PostgreSQL holds rows, nothing else")
    take(bench, tmp_path / "node.titian")
    with Archive(tmp_path / "node.titian") as archive:
        (tmp_path / "db").write_bytes(b"".join(archive.chunks("titian.db")))
        manifest = archive.manifest
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute("CREATE TRIGGER evil AFTER INSERT ON acts BEGIN DELETE FROM acts; END")
    connection.close()
    with (tmp_path / "evil").open("xb") as stream:
        writer = ArchiveWriter(stream, 0)
        writer.add_bytes("titian.db", (tmp_path / "db").read_bytes())
        writer.add_bytes("titian.toml", b"")
        writer.finish(manifest)
    with pytest.raises(UnreadableFile, match="not written by Titian"):
        put_back(bench, tmp_path / "evil", tmp_path / "new", "")
    assert not (tmp_path / "new").exists()


def test_a_damaged_database_is_not_backed_up(bench: Bench, backend: str, tmp_path: Path) -> None:
    if backend != "sqlite":
        pytest.skip("PostgreSQL looks after its own pages")
    database = bench.node.store.database
    connection = database.connect()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute("UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'acts') "
                       "WHERE name = 'flags'")  # fmt: skip
    connection.commit()
    connection.close()
    with pytest.raises(TitianError, match=r"damaged|copied"):
        take(bench, tmp_path / "node.titian")
    assert not (tmp_path / "node.titian").exists()


# The settings


@pytest.mark.parametrize(
    ("before", "address", "after"),
    [
        ('contact = "desk"\n', "", 'contact = "desk"\n'),
        ('# ours\ndatabase = "postgresql://old/x"\ncontact = "a"', "", '# ours\ncontact = "a"'),
        ('  "database" = "x"\n', "postgresql://u:p@h/new", 'database = "postgresql://u:p@h/new"\n'),
        ("", "sqlite:///a b", 'database = "sqlite:///a b"\n'),
    ],
)
def test_only_the_address_of_the_database_changes(before: str, address: str, after: str) -> None:
    assert with_database(before.encode(), address).decode() == after


@pytest.mark.parametrize("raw", [b"database =", b"\xff", b'contact = """\ndatabase = 1\n"""', b"database = '''\nx'''"])
def test_settings_that_cannot_be_changed_safely_are_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableFile):
        with_database(raw, "")


def test_a_home_without_a_node_has_no_backup(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_node(tmp_path, environment={})


@pytest.fixture(autouse=True)
def nothing_left_over(tmp_path: Path) -> Iterator[None]:
    """No folder of ours stays, whatever happened."""
    yield
    assert list(tmp_path.rglob(".titian-*")) == []
