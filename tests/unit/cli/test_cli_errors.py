"""An error is one sentence on standard error and exit status 1: no traceback, no password."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from support.nodes import Completed, Node, WarmCli
from support.stix import malware, text

SECRET = "p4ss-w0rd"


@pytest.fixture(scope="module")
def shared(titian_cli: WarmCli, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A node without collections, for what must not change it."""
    return Node(tmp_path_factory.mktemp("shared") / "home", titian_cli).init()


def check_told(done: Completed) -> None:
    assert done.status == 1, str(done)
    assert "Traceback" not in done.stdout + done.stderr, str(done)
    assert done.stderr.startswith("titian: "), str(done)
    assert done.stdout == ""
    assert SECRET not in done.stderr


@pytest.mark.parametrize(
    "argv",
    [
        ("collections", "list"),
        ("collections", "add", "x"),
        ("keys", "list"),
        ("keys", "add", "x", "--role", "reader"),
        ("export", "--collection", "x"),
        ("check",),
        ("serve", "--port", "0"),
        ("init", "--upgrade"),
        ("pull", "http://127.0.0.1:1/", "--collection", "x", "--key", "k"),
    ],
    ids=" ".join,
)
def test_without_a_node(titian_cli: WarmCli, tmp_path: Path, argv: tuple[str, ...]) -> None:
    done = titian_cli.run(*argv, "--home", str(tmp_path / "nowhere"))
    check_told(done)
    assert "titian init" in done.stderr
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "argv",
    [
        ("export", "--collection", "nobody"),
        ("keys", "revoke", "nobody"),
        ("keys", "add", "a:b", "--role", "reader"),
        ("keys", "add", "", "--role", "reader"),
        ("keys", "add", "x", "--role", "reader", "--collection", "nobody"),
        ("collections", "add", "x", "--alias", "A/B"),
        ("collections", "add", "a\nb"),
        ("serve", "--host", "0.0.0.0", "--port", "0"),
        ("serve", "--tls-cert", "nowhere.pem", "--port", "0"),
        ("serve", "--tls-cert", "nowhere.pem", "--tls-key", "nowhere.pem", "--port", "0"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done(shared: Node, argv: tuple[str, ...]) -> None:
    check_told(shared.run(*argv))


@pytest.mark.parametrize(
    ("argv", "content"),
    [
        (("import", "FILE", "--collection", "One"), b""),
        (("import", "FILE", "--collection", "One"), b"<xml/>"),
        (("import", "FILE", "--collection", "One"), b"\x00\xff" * 100),
        (("import", "FILE", "--collection", "One", "--format", "misp"), b'{"type":"bundle"}'),
        (("import", "FILE", "--collection", "One", "--marking", "tlp:blue"), b'{"type":"bundle","objects":[]}'),
        (("import", "FILE", "--collection", "nobody"), b'{"type":"bundle","objects":[]}'),
    ],
    ids=["empty", "xml", "binary", "another format", "unknown marking", "unknown collection"],
)
def test_files_that_cannot_be_read(own: Node, tmp_path: Path, argv: tuple[str, ...], content: bytes) -> None:
    path = tmp_path / "given.json"
    path.write_bytes(content)
    own.titian("collections", "add", "One")
    done = own.run(*(str(path) if word == "FILE" else word for word in argv))
    assert done.status == 1, str(done)
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("titian: ")
    assert own.json("collections", "list")[0]["count"] == 0


def test_an_export_that_cannot_be_written(own: Node, tmp_path: Path) -> None:
    """And a file that is there is not touched by an export that fails."""
    own.titian("collections", "add", "One")
    check_told(own.run("export", "--collection", "One", "-o", str(tmp_path / "no" / "such" / "folder.json")))
    source = tmp_path / "in.json"
    source.write_bytes(text(malware()))
    own.titian("import", str(source), "--collection", "One")
    target = tmp_path / "out.json"
    target.write_text("as it was")
    assert own.run("export", "--collection", "nobody", "-o", str(target)).status == 1
    assert target.read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{SECRET}@127.0.0.1:1/none",
        f"postgresql://127.0.0.1:1/none?user=u&password={SECRET}",
        f"mysql://user:{SECRET}@host/name",
        f"postgresql://user:{SECRET}@[::1/none",
        f"postgresql://user:{SECRET}@127.0.0.1:port/none",
    ],
    ids=["refused", "in the query", "another kind", "broken", "broken port"],
)
def test_a_password_is_never_printed(titian_cli: WarmCli, tmp_path: Path, url: str) -> None:
    home = tmp_path / "home"
    done = titian_cli.run("init", "--home", str(home), "--name", "BSSN", "--country", "ID", "--database", url)
    assert SECRET not in done.stdout + done.stderr
    check_told(done)
    assert not home.exists()


def test_a_password_in_the_settings_is_never_printed(own: Node) -> None:
    """The database went away: the error names it, without what opens it."""
    (own.home / "titian.toml").write_text(f'database = "postgresql://user:{SECRET}@127.0.0.1:1/none"\n')
    for argv in (("check",), ("collections", "list"), ("init", "--upgrade"), ("serve", "--port", "0")):
        done = own.run(*argv)
        assert SECRET not in done.stdout + done.stderr
        check_told(done)


def test_a_setting_that_is_wrong_is_named(own: Node) -> None:
    (own.home / "titian.toml").write_text("page_limits = 5\n")
    done = own.run("check")
    check_told(done)
    assert "page_limits" in done.stderr


def test_a_database_that_is_damaged(own: Node) -> None:
    (own.home / "titian.db").write_bytes(b"no database" * 1000)
    check_told(own.run("check"))


def test_a_newer_schema(own: Node) -> None:
    connection = sqlite3.connect(own.home / "titian.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for argv in (("check",), ("init", "--upgrade")):
        done = own.run(*argv)
        check_told(done)
        assert "9999" in done.stderr


def test_a_home_that_cannot_be_made(titian_cli: WarmCli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = titian_cli.run("init", "--home", str(tmp_path / "file" / "home"), "--name", "BSSN", "--country", "ID")
    check_told(done)
