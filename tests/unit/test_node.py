"""Setting a node up, opening it, and what is left behind when that fails."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import titian.setup
from support.stix import malware, text
from titian.core.errors import AlreadyExists, InvalidInput, NotFound, TitianError, Unavailable
from titian.node import DATABASE, Node, database_address, open_node, require_home
from titian.settings import FILE, Settings
from titian.setup import init_node, upgrade_node
from titian.store.database import PAGE_SIZE


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "new" / "home"


def test_a_node_is_what_was_set_up(home: Path) -> None:
    record = init_node(home, name=" BSSN ", country="id", clock=lambda: 5, random=lambda count: bytes(count))
    assert (record.name, record.country, record.created, record.secret) == ("BSSN", "ID", 5, bytes(32))
    with open_node(home) as node:
        assert node.record == record
        assert node.home == home
        assert node.settings == Settings()
        assert node.collections.list() == []
        assert node.keys.list() == [], "no default credentials"
    assert sorted(path.name for path in home.iterdir()) == sorted([DATABASE, FILE, "keys"])
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_each_node_has_a_secret_of_its_own(tmp_path: Path) -> None:
    made = [init_node(tmp_path / name, name=name, country="JP") for name in "ab"]
    assert made[0].secret != made[1].secret
    assert made[0].identity != made[1].identity


def test_a_node_is_set_up_once(home: Path) -> None:
    first = init_node(home, name="BSSN", country="ID")
    with pytest.raises(AlreadyExists):
        init_node(home, name="Another", country="SG")
    with open_node(home) as node:
        assert node.record == first


@pytest.mark.parametrize(
    ("name", "country"),
    [("", "ID"), ("a\nb", "ID"), ("x" * 201, "ID"), ("BSSN", ""), ("BSSN", "IDN"), ("BSSN", "I1"), ("BSSN", "ID\n")],
)
def test_what_cannot_be_used_leaves_nothing_behind(home: Path, name: str, country: str) -> None:
    with pytest.raises(InvalidInput):
        init_node(home, name=name, country=country)
    assert not home.exists()


@pytest.mark.parametrize("database", ["mysql://h/x", "sqlite://x", "x", "postgresql://[::1/x"])
def test_an_address_that_is_not_ours_leaves_nothing_behind(home: Path, database: str) -> None:
    with pytest.raises(InvalidInput):
        init_node(home, name="BSSN", country="ID", database=database)
    assert not home.exists()


def test_a_database_that_does_not_answer_leaves_nothing_behind(home: Path) -> None:
    """Else the next try is told that there is a node already, or a half one is opened."""
    with pytest.raises(Unavailable) as caught:
        init_node(home, name="BSSN", country="ID", database="postgresql://u:p4ssw0rd@127.0.0.1:1/none")
    assert "p4ssw0rd" not in str(caught.value)
    assert not home.exists()


def test_a_database_that_holds_another_node_leaves_nothing_behind(home: Path, tmp_path: Path) -> None:
    shared = f"sqlite:///{tmp_path / 'shared.db'}"
    init_node(home, name="BSSN", country="ID", database=shared)
    second = tmp_path / "second"
    with pytest.raises(AlreadyExists, match="BSSN"):
        init_node(second, name="Another", country="SG", database=shared)
    assert not second.exists()


STEPS = ["migrate", "write_settings", "write_node"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()], ids=["an error", "Ctrl-C"])
def test_a_set_up_that_fails_leaves_nothing_behind(
    home: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    """Whatever it fails at, and after that step was done: the next try begins anew."""
    real = getattr(titian.setup, step)

    def fails(*arguments: object, **named: object) -> None:
        real(*arguments, **named)
        raise error

    monkeypatch.setattr(titian.setup, step, fails)
    with pytest.raises(type(error)):
        init_node(home, name="BSSN", country="ID")
    assert not home.exists()
    assert not home.parent.exists(), "nor the folders above it that were made for it"
    assert home.parent.parent.exists()
    monkeypatch.undo()
    init_node(home, name="BSSN", country="ID")


@pytest.mark.parametrize("step", STEPS)
def test_a_set_up_that_fails_touches_nothing_that_was_there(
    home: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    home.mkdir(parents=True)
    (home / "notes.txt").write_text("mine")
    monkeypatch.setattr(titian.setup, step, _full)
    with pytest.raises(OSError, match="full"):
        init_node(home, name="BSSN", country="ID")
    assert {path.name: path.read_text() for path in home.iterdir()} == {"notes.txt": "mine"}


def _full(*_: object, **__: object) -> None:
    raise OSError("the disk is full")


@pytest.mark.parametrize("step", STEPS)
def test_a_database_elsewhere_that_was_made_for_it_goes_too(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """What was there before stays: see the node that another home has."""
    elsewhere = tmp_path / "elsewhere" / "x.db"
    elsewhere.parent.mkdir()
    monkeypatch.setattr(titian.setup, step, _full)
    with pytest.raises(OSError, match="full"):
        init_node(home, name="BSSN", country="ID", database=f"sqlite:///{elsewhere}")
    assert not home.exists()
    assert list(elsewhere.parent.iterdir()) == []


@pytest.mark.parametrize("folder", ["x" * 300, "file.txt/home"], ids=["too long a name", "below a file"])
def test_a_home_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file.txt").write_text("")
    home = tmp_path / "new" / folder if "/" not in folder else tmp_path / folder
    with pytest.raises((TitianError, OSError)):
        init_node(home, name="BSSN", country="ID")
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_the_files_of_a_node_are_for_its_owner_only(home: Path) -> None:
    before = os.umask(0)
    try:
        init_node(home, name="BSSN", country="ID")
        with open_node(home) as node:
            node.collections.add("One")
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*") if path.is_file()}
            folders = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*") if path.is_dir()}
    finally:
        os.umask(before)
    files = (FILE, DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "log-1.key", "witness-2.key")
    assert modes == dict.fromkeys(files, 0o600)
    assert folders == {"keys": 0o700}


def test_the_database_of_a_new_node_is_as_it_was_measured(home: Path) -> None:
    """In its file, not only on the connection that asked for it: a page size holds from the first page on."""
    init_node(home, name="BSSN", country="ID")
    header = (home / DATABASE).read_bytes()[:100]
    assert header.startswith(b"SQLite format 3\x00")
    assert int.from_bytes(header[16:18], "big") == PAGE_SIZE == 8192
    assert header[18:20] == b"\x02\x02", "write-ahead log"
    with open_node(home) as node, node.store.reading() as tx:
        assert tx.one("PRAGMA page_size") == (PAGE_SIZE,)
        assert tx.one("PRAGMA secure_delete") == (1,)


@pytest.mark.parametrize("use", [open_node, require_home, upgrade_node])
def test_a_home_that_is_missing_is_told_and_not_made(home: Path, use: Callable[[Path], object]) -> None:
    with pytest.raises(NotFound, match="titian init"):
        use(home)
    assert not home.exists()


def test_a_database_that_is_missing_is_told(home: Path) -> None:
    """And not made anew, empty: the file was moved, or a disk is not mounted."""
    init_node(home, name="BSSN", country="ID")
    (home / DATABASE).unlink()
    for use in (open_node, upgrade_node):
        with pytest.raises(Unavailable, match="missing"):
            use(home)
    assert [path.name for path in home.iterdir()] == [FILE]


def test_a_database_that_is_damaged_is_told(home: Path) -> None:
    init_node(home, name="BSSN", country="ID")
    (home / DATABASE).write_bytes(b"this is no database" * 1000)
    with pytest.raises(TitianError):
        open_node(home)


def test_where_the_database_is(tmp_path: Path) -> None:
    assert database_address(tmp_path, Settings()) == f"sqlite:///{tmp_path / DATABASE}"
    assert database_address(tmp_path, Settings(database="postgresql://h/n")) == "postgresql://h/n"


@pytest.mark.parametrize("folder", ["with space", "50%25", "per%cent", "%(x)s", "q?x=1", "h#a", "é例", "a;b&c"])
def test_a_home_may_have_any_name(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    init_node(home, name="BSSN", country="ID")
    with open_node(home) as node:
        collection = node.collections.add("One")
        assert node.exchange.hold([text(malware())], collection, source="test").added == 1
    upgrade_node(home)
    with open_node(home) as node:
        assert [listed.count for listed in node.collections.list()] == [1]
    assert {path.name for path in home.iterdir()} >= {DATABASE, FILE}
    assert [path.name for path in tmp_path.iterdir()] == [folder]


def test_upgrading_what_is_up_to_date_changes_nothing(home: Path) -> None:
    record = init_node(home, name="BSSN", country="ID")
    upgrade_node(home)
    with open_node(home) as node:
        assert node.record == record


def test_a_node_has_no_verbs_of_its_own() -> None:
    """So it cannot grow into the object that knows everything: it opens, closes, and hands out services."""
    own = {name for name, value in vars(Node).items() if callable(value) and not name.startswith("_")}
    assert own == {"close"}
