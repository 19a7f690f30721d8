"""``titian backup`` and ``titian restore`` as they are typed."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from support.desk import Desk, Said
from support.nodes import Node
from titian.cli import main
from titian.core.access import Role
from titian.node import open_node
from titian.store.archive import Archive


@pytest.fixture(autouse=True)
def no_database_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TITIAN_DATABASE", raising=False)


def restored(desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *argv: str) -> Said:
    """Run `titian restore`, for which nobody is signed in: there is no node yet."""
    monkeypatch.setattr(sys, "argv", ["titian", "restore", *argv])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    return Said(int(ended.value.code or 0), told.out, told.err)


def test_a_backup_is_restored_elsewhere(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, home = tmp_path / "node.titian", tmp_path / "new"
    desk.bench.node.keys.add("late key", Role.READER)
    told = desk.does("keeper-one", "backup", str(file))
    assert "Agency as of 2026-" in told.out
    assert "can read all of" in told.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    desk.bench.node.keys.revoke("late key", why="lost")
    done = restored(desk, capsys, monkeypatch, str(file), "--home", str(home))
    assert (done.status, "is restored in" in done.out) == (0, True), done
    for words in ("WORKS AGAIN", "old node is off for good", "titian ledger resume", "is served again",
                  "receipts and cosignatures", "5 people could sign in then"):  # fmt: skip
        assert words in done.err, words
    for words in ("late key", "japan key", "analyst-one", "Ledgers, halted", "(private)"):
        assert words in done.out, words
    assert "None" not in done.out + done.err
    with open_node(home, environment={}) as node:
        assert node.record == desk.bench.node.record
        assert [one.person.startswith("local:") for one in node.acts.list(acts=["restore"])] == [True]


def test_it_is_data_for_programs(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, home = tmp_path / "node.titian", tmp_path / "new"
    told = desk.does("keeper-one", "backup", str(file), "--json")
    assert (told.json["bytes"], told.json["database"], told.err) == (file.stat().st_size, "sqlite", "")
    assert told.json["keys"] == [f"keys/{path.name}" for path in sorted((desk.bench.node.home / "keys").glob("*"))]
    done = restored(desk, capsys, monkeypatch, str(file), "--home", str(home), "--json")
    assert (done.status, done.err) == (0, "")
    assert done.json["identity"] == desk.bench.node.record.identity
    assert done.json["taken"] == told.json["taken"]
    assert {one["origin"]: one["size"] for one in done.json["ledgers"]} == {
        one["origin"]: one["size"] for one in told.json["ledgers"]
    } | {one["origin"]: one["size"] for one in done.json["ledgers"] if one["agreement"] is None}
    assert {one["name"] for one in done.json["keys"]} == {"japan key", "russia key", "brunei key"}
    assert len(done.json["people"]) == 5
    assert all(one["created"].endswith("Z") for one in done.json["keys"])


def test_a_backup_holds_secrets_and_so_not_everyone_takes_one(desk: Desk, tmp_path: Path) -> None:
    for name in ("analyst-one", "releaser-one", "auditor-one"):
        desk.refused(name, "backup", str(tmp_path / "file"), says=("may not back up", "administrator"))
    assert not (tmp_path / "file").exists()


def test_it_is_recorded_without_saying_what_is_in_it(desk: Desk, tmp_path: Path) -> None:
    desk.does("keeper-one", "backup", str(tmp_path / "file"), "--without-keys")
    [act] = desk.bench.node.acts.list(acts=["backup"])
    assert (act.subject, act.details["to"]) == (desk.bench.node.record.identity, str(tmp_path / "file"))
    assert (act.details["keys"], act.details["bytes"]) == (False, (tmp_path / "file").stat().st_size)
    with Archive(tmp_path / "file") as archive:
        assert archive.manifest.keys == []


def test_what_is_there_stays(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    desk.refused("keeper-one", "backup", str(file), says=("is there already", "--force"))
    assert (file.read_text(), desk.bench.node.acts.list(acts=["backup"])) == ("mine", [])
    desk.does("keeper-one", "backup", str(file), "--force")
    again = restored(desk, capsys, monkeypatch, str(file), "--home", str(desk.bench.node.home))
    assert (again.status, again.out) == (1, "")
    assert "a restore overwrites nothing" in again.err


@pytest.mark.parametrize(
    ("raw", "says"),
    [(None, "no such file"), (b"not a backup", "is not a whole backup"), (b"", "is not a whole backup")],
)
def test_what_is_no_backup_is_said(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    raw: bytes | None, says: str,
) -> None:  # fmt: skip
    if raw is not None:
        (tmp_path / "file").write_bytes(raw)
    done = restored(desk, capsys, monkeypatch, str(tmp_path / "file"), "--home", str(tmp_path / "new"))
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("titian: ")
    assert says in done.err
    assert not (tmp_path / "new").exists()


def test_a_name_of_a_stranger_does_not_command_the_terminal(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk.bench.node.store.writing() as tx:
        tx.run("UPDATE keys SET name = ? WHERE name = 'japan key'", "\x1b[31mred")
    desk.does("keeper-one", "backup", str(tmp_path / "file"))
    done = restored(desk, capsys, monkeypatch, str(tmp_path / "file"), "--home", str(tmp_path / "new"))
    assert "\\x1b[31mred" in done.out
    assert "\x1b" not in done.out + done.err


def test_a_node_that_serves_is_backed_up(own: Node, tmp_path: Path) -> None:
    """The real thing, in processes of their own."""
    own.titian("collections", "add", "Reports")
    own.serve()
    made = own.json("backup", str(tmp_path / "node.titian"))
    assert made["bytes"] == (tmp_path / "node.titian").stat().st_size
    own.stop()
    other = Node(tmp_path / "other", own._cli)
    told = other.json("restore", str(tmp_path / "node.titian"))
    assert told["identity"] == made["identity"]
    assert [one["name"] for one in other.json("collections", "list")] == ["Reports"]
    other.serve()
    other.stop()
