"""Setting a node up, opening it, and what is left behind when that fails."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from support.stix import malware, text
from titian.core.errors import AlreadyExists, InvalidInput, NotFound, TitianError, Unavailable
from titian.node import DATABASE, Node, database_address, open_node, require_home
from titian.settings import FILE, Settings
from titian.setup import init_node, upgrade_node


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
    assert sorted(path.name for path in home.iterdir()) == sorted([DATABASE, FILE])
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


@pytest.mark.parametrize("use", [open_node, require_home, upgrade_node])
def test_a_home_that_is_missing_is_told_and_not_made(home: Path, use: Callable[[Path], object]) -> None:
    with pytest.raises(NotFound, match="titian init"):
        use(home)
    assert not home.exists()


def test_a_database_that_is_missing_is_told(home: Path) -> None:
    """And not made anew, empty: the file was moved, or a disk is not mounted."""
    init_node(home, name="BSSN", country="ID")
    (home / DATABASE).unlink()
    with pytest.raises(TitianError):
        open_node(home)
    assert not (home / DATABASE).exists()


def test_a_database_that_is_damaged_is_told(home: Path) -> None:
    init_node(home, name="BSSN", country="ID")
    (home / DATABASE).write_bytes(b"this is no database" * 1000)
    with pytest.raises(TitianError):
        open_node(home)


def test_where_the_database_is(tmp_path: Path) -> None:
    assert database_address(tmp_path, Settings()) == f"sqlite:///{tmp_path / DATABASE}"
    assert database_address(tmp_path, Settings(database="postgresql://h/n")) == "postgresql://h/n"


@pytest.mark.parametrize("folder", ["with space", "50%25", "per%cent", "q?x=1", "h#a", "é例"])
def test_a_home_may_have_any_name(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    init_node(home, name="BSSN", country="ID")
    with open_node(home) as node:
        collection = node.collections.add("One")
        assert node.exchange.hold([text(malware())], collection, source="test").added == 1
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
