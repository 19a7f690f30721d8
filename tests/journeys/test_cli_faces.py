"""The face of the command line: what it prints can be pasted, piped and looked at, and how it fails."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from support.nodes import Completed, Node, WarmCli, end_each, environment, executable
from support.stix import malware, text
from titian.cli import VERBS, main
from titian.cli.terminal import shown
from titian.exchange.hold import BATCH
from titian.node import open_node

SECONDS = 30.0
STORY_SECONDS = 180.0
"""In which the demo has to tell its story: half a minute, where nothing else is done."""
HOSTILE = "[/b][private] :bug: [link=evil.example]x"
ESCAPING = "\x1b[31m\x9b2J\x7f\u202egnp\x00"
COMMANDING = set("\x1b\x9b\x7f\u202e\x00")
BOX = set("│╭╮╰╯┃")


def bundle(path: Path, *objects: object) -> Path:
    parts = [part if isinstance(part, bytes) else text(part) for part in objects]
    path.write_bytes(b'{"type":"bundle","id":"bundle--1","objects":[' + b",".join(parts) + b"]}")
    return path


def piped(*argv: str, **more: str) -> Completed:
    """A command whose output is read by a program, from a narrow terminal."""
    done = subprocess.run(
        [*executable(), *argv],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
        env=environment(COLUMNS="80", **more),
    )
    return Completed(argv, done.returncode, done.stdout, done.stderr)


def in_terminal(*argv: str) -> str:
    """All that a command draws on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*executable(), *argv],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(COLUMNS="80", TERM="xterm"),
    )
    os.close(theirs)
    drawn = b""
    with suppress(OSError):  # EIO: nobody holds the other end any more
        while part := os.read(ours, 65536):
            drawn += part
    os.close(ours)
    assert process.wait(SECONDS) == 0, drawn.decode()
    return drawn.decode().replace("\r\n", "\n")


def plain(drawn: str) -> str:
    """Without what rich itself says to the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)


@pytest.fixture
def own(new_node: Callable[[], Node]) -> Node:
    return new_node()


@pytest.fixture
def held(own: Node, tmp_path: Path) -> Node:
    """A node with one object in the collection One."""
    own.titian("collections", "add", "One")
    own.titian("import", str(bundle(tmp_path / "in.json", malware())), "--collection", "One")
    return own


# The demo: what it prints works as it stands, and it leaves nothing behind.


class Demo:
    """A `titian demo` that stays up."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._out = folder / "stdout"
        self._err = folder / "stderr"
        self.database = folder / "another.db"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*executable(), "demo"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(
                    COLUMNS="80",
                    TMPDIR=str(self.temporary),
                    TITIAN_DATABASE=f"sqlite:///{self.database}",
                    TITIAN_LOG_LEVEL="nonsense",
                ),
                start_new_session=True,
            )
        self.below: list[psutil.Process] = []

    @property
    def printed(self) -> str:
        return self._out.read_text()

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STORY_SECONDS
        while not holds():
            assert self.process.poll() is None, self._err.read_text()
            assert time.monotonic() < deadline, self._err.read_text()
            time.sleep(0.02)

    def children(self) -> list[psutil.Process]:
        self.below = psutil.Process(self.process.pid).children(recursive=True)
        return self.below

    def end(self, how: signal.Signals) -> int:
        self.children()
        self.process.send_signal(how)
        return self.process.wait(SECONDS)

    def tidy(self) -> None:
        if self.process.poll() is None:
            self.children()
            self.process.kill()
            self.process.wait(SECONDS)
        end_each(self.below)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    yield running
    running.tidy()


def block(printed: str, first: str, last: str) -> str:
    """The lines from the one that begins with `first` to the one that ends with `last`."""
    found = re.search(rf"^{re.escape(first)}.*?{re.escape(last)}$", printed, re.DOTALL | re.MULTILINE)
    assert found, printed
    return found[0]


@pytest.mark.slow
def test_what_the_demo_prints_can_be_pasted_and_it_leaves_nothing_behind(demo: Demo) -> None:
    demo.until(lambda: "print(collection" in demo.printed)
    printed = demo.printed
    assert not BOX & set(printed)
    assert max(len(line) for line in printed.splitlines()[:17]) <= 80, "the table fits"
    assert "  37 are known, in " in printed
    assert "which 25 both know, and that BNPT offered 2,999" in printed
    customers = block(printed, "The wallets that the company asked about", "wallets.txt").splitlines()[-1].strip()
    assert len(Path(customers).read_text("ascii").splitlines()) == 100_000

    if shutil.which("curl"):
        line = block(printed, "curl", "uav'")
        asked = subprocess.run(["sh", "-c", line], capture_output=True, timeout=SECONDS, check=True)
        assert [one["type"] for one in json.loads(asked.stdout)["objects"]] == ["uav", "uav"]

    snippet = block(printed, "from taxii2client", "(limit=2))")
    answered = subprocess.run(
        [sys.executable, "-c", snippet], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert answered.stdout.count("'spec_version': '2.1'") == 2

    assert demo.end(signal.SIGTERM) == 143
    assert end_each(demo.below) == []
    assert list(demo.temporary.iterdir()) == []
    assert not demo.database.exists(), "a database that the environment names is somebody's"


@pytest.mark.slow
def test_the_demo_ends_with_its_terminal(demo: Demo) -> None:
    demo.until(lambda: len(demo.children()) >= 2)
    assert demo.end(signal.SIGHUP) == 129
    assert end_each(demo.below) == []
    assert list(demo.temporary.iterdir()) == []


@pytest.mark.slow
def test_the_node_of_a_demo_that_was_killed_ends(own: Node) -> None:
    """No handler runs at SIGKILL: the node notices that nobody holds its standard input any more."""
    process = subprocess.Popen(
        [sys.executable, "-m", "titian.cli.demo_node", str(own.home), "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith(b"listening on ")
        below = psutil.Process(process.pid).children(recursive=True)
        process.stdin.close()
        assert process.wait(SECONDS) == 0
        assert end_each(below) == []
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_port_that_is_taken_is_told_before_anything_is_loaded() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = piped("demo", "--port", str(other.getsockname()[1]))
    assert done.status == 1
    assert done.stderr.startswith("titian: 127.0.0.1 port ")
    assert "loaded" not in done.stderr
    assert "Traceback" not in done.stderr


# What a stranger wrote is text: neither markup nor a command for the terminal.


@pytest.mark.slow
def test_hostile_names_through_every_verb(new_node: Callable[[], Node], tmp_path: Path) -> None:
    """On a terminal, where bars are drawn: the names are read as they are."""
    first, second = new_node(), new_node()
    here, there = ("--home", str(first.home)), ("--home", str(second.home))
    value = malware(name=HOSTILE)
    file = bundle(tmp_path / f"{HOSTILE.replace('/', '')}.json", value, {**malware(), HOSTILE: 1, "created": 5})
    assert re.fullmatch(r"[0-9a-f-]{36}\n", plain(in_terminal("collections", "add", HOSTILE, *here)))
    key = plain(in_terminal("keys", "add", HOSTILE.replace(":", ""), "--role", "writer", *here)).splitlines()[0]
    assert HOSTILE.replace(":", "") in first.titian("keys", "list")
    assert "1 added" in plain(in_terminal("import", str(file), "--collection", HOSTILE, *here))
    assert HOSTILE in first.titian("collections", "list")
    in_terminal("keys", "list", *here)
    in_terminal("collections", "list", *here)
    first.serve()
    in_terminal("collections", "add", HOSTILE, *there)
    pulled = plain(in_terminal("pull", first.url, "--collection", HOSTILE, "--key", key, *there))
    assert f"1 added to {HOSTILE}," in pulled
    assert f"Pulling {HOSTILE}"[:30] in pulled, "the bar names it"
    pushed = plain(in_terminal("push", first.url, "--collection", HOSTILE, "--key", key, "--from", HOSTILE, *there))
    assert "1 sent, 1 accepted, 0 refused." in pushed
    target = tmp_path / "out.json"
    assert "1 written." in plain(in_terminal("export", "--collection", HOSTILE, "-o", str(target), *there))
    assert HOSTILE in target.read_text()


def test_no_command_for_the_terminal_gets_through(own: Node, tmp_path: Path) -> None:
    own.titian("collections", "add", "One")
    value = {**malware(), f"{ESCAPING}a": 1, "id": f"malware--{ESCAPING}"}
    named = tmp_path / "\x1b[31mred.json"
    named.write_bytes(b"\x00\x01")
    runs = {
        "validate": piped("validate", str(bundle(tmp_path / "in.json", value))),
        "import": own.run("import", str(tmp_path / "in.json"), str(named), "--collection", "One"),
        "our errors": own.run("keys", "revoke", f"x{ESCAPING}".replace("\x00", "")),
        "usage": own.run("import", str(tmp_path / "\x1b[31mnone"), "--collection", "One"),
        "the system's errors": piped("check", "--home", str(named)),
    }
    for name, done in runs.items():
        assert done.status in {1, 2}, name
        assert not COMMANDING & set(done.stdout + done.stderr), name
        assert r"\x1b" in done.stdout + done.stderr, name


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("plain", "plain"),
        ("naïve 例え 👩‍🚀 עברית", "naïve 例え 👩‍🚀 עברית"),
        ("[b]x[/b] :bug:", "[b]x[/b] :bug:"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[2J\x07\x7f", r"\x1b[2J\x07\x7f"),
        ("\x9b\x85", r"\x9b\x85"),
        ("\u202e\u2066\u200f\u061c", r"\u202e\u2066\u200f\u061c"),
        ("\u2028\u2029\udcff", r"\u2028\u2029\udcff"),
    ],
    ids=ascii,
)
def test_what_is_shown_of_a_text(given: str, wanted: str) -> None:
    assert shown(given) == wanted


# For programs: one JSON document or nothing, and no identifier in two parts.


def test_standard_output_holds_one_json_document_or_nothing(held: Node, tmp_path: Path) -> None:
    one, home = ("--collection", "One"), ("--home", str(held.home))
    for argv in (
        ("init", "--upgrade"),
        ("collections", "add", "Two"),
        ("collections", "list"),
        ("keys", "add", "k", "--role", "reader"),
        ("keys", "list"),
        ("keys", "revoke", "k"),
        ("import", str(tmp_path / "in.json"), *one),
        ("export", "-o", str(tmp_path / "out.json"), *one),
        ("check",),
    ):
        done = held.run(*argv, "--json")
        assert done.status == 0, str(done)
        assert done.stdout == json.dumps(json.loads(done.stdout), separators=(",", ":")) + "\n", "in ASCII, one line"
    for argv in (
        ("collections", "add", "Two"),
        ("keys", "revoke", "k"),
        ("export", *one),
        ("export", "-o", str(tmp_path / "no" / "file"), *one),
        ("import", str(tmp_path / "none"), *one),
        ("pull", "ftp://nowhere.example/", "--collection", "x"),
    ):
        done = piped(*argv, "--json", *home)
        assert (done.status in {1, 2}, done.stdout) == (True, ""), str(done)
        assert done.stderr.startswith("titian: ")


def test_a_table_that_is_piped_is_not_folded(own: Node) -> None:
    name = "a long name of a collection " * 5
    made = own.add_collection(name.strip(), alias="x" * 60)
    listed = piped("collections", "list", "--home", str(own.home)).stdout
    line = next(line for line in listed.splitlines() if made.id in line)
    assert made.name in line
    assert "x" * 60 in line
    drawn = plain(in_terminal("collections", "list", "--home", str(own.home)))
    assert made.id in drawn, "in a terminal, too, an id stays whole"
    assert max(map(len, drawn.splitlines())) <= 80


# Import


def test_a_file_that_is_none_does_not_stop_the_others(own: Node, tmp_path: Path) -> None:
    own.titian("collections", "add", "One")
    files = [bundle(tmp_path / f"{number}.json", malware()) for number in range(2)]
    (tmp_path / "broken.json").write_bytes(b"\x00\x01")
    done = own.run(
        "import", str(files[0]), str(tmp_path / "broken.json"), str(files[1]), "--collection", "One", "--json"
    )
    told = json.loads(done.stdout)
    assert done.status == 1
    assert (told["read"], told["added"], told["notes"]) == (2, 2, [])
    assert [name for name, _ in told["failed"]] == ["broken.json"]
    assert done.stderr.startswith("titian: broken.json is neither JSON nor CSV.")


def test_a_name_that_is_no_text(own: Node, tmp_path: Path) -> None:
    """A file's name is bytes."""
    own.titian("collections", "add", "One")
    good = bundle(tmp_path / os.fsdecode(b"\xff.json"), malware())
    bad = tmp_path / os.fsdecode(b"\xfe.json")
    bad.write_bytes(b"\x00")
    told = json.loads(
        piped("import", str(good), str(bad), "--collection", "One", "--json", "--home", str(own.home)).stdout
    )
    assert (told["added"], len(told["failed"])) == (1, 1)


def test_an_import_that_is_cut_off_says_what_it_took_in(
    own: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own.titian("collections", "add", "One")
    source = bundle(tmp_path / "in.json", *(malware() for _ in range(BATCH + 5)))
    with open_node(own.home) as node:
        shelf = type(node.exchange._shelf)  # whichever keeps the objects
    append = shelf.append

    def full_at_the_second(self: Any, collection: Any, objects: list[Any], **more: Any) -> Any:
        if len(objects) < BATCH:
            raise OSError(28, "No space left on device")
        return append(self, collection, objects, **more)

    monkeypatch.setattr(shelf, "append", full_at_the_second)
    monkeypatch.setattr(sys, "argv", ["titian", "import", str(source), "--collection", "One", "--home", str(own.home)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("titian: No space left on device.")
    assert f"{BATCH:,} read, {BATCH:,} added" in said.err
    assert own.json("collections", "list")[0]["count"] == BATCH


# Export


def test_a_new_export_is_its_owners_and_one_that_is_there_keeps_its_mode(held: Node, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    export = ("export", "--collection", "One", "-o", str(target))
    held.titian(*export)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    target.chmod(0o640)
    target.write_text("old")
    held.titian(*export)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert json.loads(target.read_text())["type"] == "bundle"


@pytest.mark.parametrize("there", [True, False], ids=["there", "dangling"])
def test_an_export_follows_a_link(held: Node, tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    target, link = folder / "real.json", tmp_path / "link.json"
    if there:
        target.write_text("old")
    link.symlink_to(target)
    held.titian("export", "--collection", "One", "-o", str(link))
    assert link.is_symlink()
    assert json.loads(target.read_text())["type"] == "bundle"
    assert list(folder.iterdir()) == [target]


def test_an_export_writes_through_a_pipe(held: Node, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()), daemon=True)
    reader.start()
    held.titian("export", "--collection", "One", "-o", str(fifo))
    reader.join(SECONDS)
    assert json.loads(got[0])["type"] == "bundle"
    assert stat.S_ISFIFO(fifo.stat().st_mode)


@pytest.mark.parametrize("append", [True, False], ids=["file", "pipe"])
def test_an_export_to_standard_output_by_its_path(held: Node, tmp_path: Path, append: bool) -> None:
    line = [*executable(), "export", "--collection", "One", "-o", "/dev/stdout", "--home", str(held.home)]
    target = tmp_path / "all.txt"
    target.write_text("before\n")
    with target.open("ab") as out:
        done = subprocess.run(
            line, stdout=out if append else subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), check=True
        )
    written = target.read_bytes() if append else b"before\n" + done.stdout
    assert json.loads(written.removeprefix(b"before\n"))["type"] == "bundle"


def test_devices_stay_devices(held: Node) -> None:
    held.titian("export", "--collection", "One", "-o", os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    if Path("/dev/full").exists():
        done = held.run("export", "--collection", "One", "-o", "/dev/full")
        assert (done.status, done.stdout) == (1, "")
        assert done.stderr.startswith("titian: /dev/full cannot be written: No space left")


def test_a_missing_folder_is_named(held: Node, tmp_path: Path) -> None:
    done = held.run("export", "--collection", "One", "-o", str(tmp_path / "no" / "x.json"))
    assert done.status == 1
    assert done.stderr.startswith(f"titian: There is no folder {tmp_path / 'no'}.")


# Failures


def test_what_the_system_refuses_is_a_sentence(cli: WarmCli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    home = tmp_path / "file" / "home"
    done = cli.run("init", "--home", str(home), "--name", "BSSN", "--country", "ID")
    assert done.status == 1
    assert done.stderr == f"titian: {home}: not a directory.\n  → Check the path: a part of it is a file.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_behind_standard_output(held: Node) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*executable(), "export", "--collection", "One", "--home", str(held.home)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
    assert done.returncode == 1
    assert done.stderr.startswith("titian: No space left on device.")
    assert "Traceback" not in done.stderr


class Broken(Exception):
    """Something nobody thought of."""


@pytest.mark.parametrize("debug", ["", "1"])
def test_the_unexpected_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, debug: str
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise Broken("first \x1b line\nsecond line")

    monkeypatch.setattr("titian.cli.check.node", breaks)
    monkeypatch.setattr(sys, "argv", ["titian", "check", "--home", str(tmp_path)])
    monkeypatch.setenv("TITIAN_DEBUG", debug)
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert r"titian: This should not have happened: Broken: first \x1b line" + "\n" in said
    assert "TITIAN_DEBUG=1" in said
    assert ("Traceback" in said) is bool(debug)


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("titian.cli.check.node", interrupted)
    monkeypatch.setattr(sys, "argv", ["titian", "check", "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 130
    assert "".join(capsys.readouterr()).strip() == ""


def test_version(cli: WarmCli) -> None:
    done = cli.run("--version")
    assert done.status == 0
    assert re.fullmatch(r"titian \d+\.\d+\.\d+\S*\n", done.stdout)


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_offers_to_change_the_shell(cli: WarmCli, verb: str) -> None:
    assert "completion" not in cli.run(verb, "--help").stdout


# Serve


@pytest.mark.slow
def test_a_host_can_be_a_name(own: Node) -> None:
    own.serve("--host", "localhost")
    assert own.url == f"http://localhost:{own.port}"
    assert httpx.get(f"{own.url}/health").json() == {"status": "ok"}


def test_a_host_that_is_none(own: Node) -> None:
    done = own.serve_refused("--host", "no.such.host.invalid", "--plain-http")
    assert done.status == 1
    assert done.stderr.startswith("titian: no.such.host.invalid port ")


@pytest.mark.parametrize("given", ["junk", "key of another", "swapped", "locked"])
def test_files_that_are_no_certificate_are_told(own: Node, tmp_path: Path, given: str) -> None:
    authority = trustme.CA()
    one, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(b"".join(part.bytes() for part in one.cert_chain_pems))
    key.write_bytes(other.private_key_pem.bytes())
    if given == "junk":
        cert.write_bytes(b"-")
    if given == "swapped":
        cert, key = key, cert
    if given == "locked":
        key.write_bytes(
            Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
            )
        )
    done = own.serve_refused("--tls-cert", str(cert), "--tls-key", str(key))
    assert (done.status, done.stdout) == (1, "")
    assert f"{cert} and {key} cannot be used for TLS" in done.stderr
    assert "Traceback" not in done.stderr


# The Python face of the same


def test_a_node_can_be_opened_without_the_environment(own: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITIAN_PAGE_LIMIT", "7")
    with open_node(own.home) as node:
        assert node.settings.page_limit == 7
    with open_node(own.home, environment={}) as node:
        assert node.settings.page_limit == 1000
    with open_node(own.home, environment={"TITIAN_PAGE_LIMIT": "9"}) as node:
        assert node.settings.page_limit == 9
