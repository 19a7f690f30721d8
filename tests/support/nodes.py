"""Nodes driven from outside: the `titian` command line, and the process that `titian serve` starts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

START_SECONDS = 30.0
STOP_SECONDS = 15.0

_LISTENING = re.compile(r"^listening on (https?://\S+?)/?$", re.MULTILINE)


def executable() -> list[str]:
    """The command as a user types it."""
    script = Path(sys.executable).with_name("titian")
    return [str(script)] if script.exists() else [sys.executable, "-m", "titian"]


def environment(**more: str) -> dict[str, str]:
    """The environment of every process we start: no setting of the person who runs the tests leaks in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TITIAN_")}
    return kept | {"NO_COLOR": "1", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"} | more


@dataclass(frozen=True)
class Completed:
    """What a command answered."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"titian {' '.join(self.argv)} -> {self.status}\n{self.stdout}\n{self.stderr}"


class WarmCli:
    """Runs commands through `support/warm_cli.py`; one at a time."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("warm_cli.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self._lock = threading.Lock()

    def run(self, *argv: str) -> Completed:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(argv) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, f"the command line could not be imported (exit status {self._process.poll()})"
        return Completed(argv, *json.loads(answer))

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(STOP_SECONDS)
        self._process.stdout.close()


@dataclass(frozen=True)
class Key:
    """A name and its secret, as `titian keys add` printed them."""

    name: str
    secret: str
    role: str


@dataclass(frozen=True)
class Collection:
    """A collection as `titian collections add` printed it."""

    id: str
    name: str
    alias: str | None = None


class Node:
    """A home folder, the commands given for it, and at most one `titian serve` on it."""

    def __init__(self, home: Path, cli: WarmCli, *, database: str | None = None, workers: int = 1) -> None:
        self.home = home
        self.workers = workers
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._cli = cli
        self._database = database
        # What a node that is killed leaves behind is to stay below its own folder.
        self._temporary = home.with_name(home.name + ".tmp")
        self._temporary.mkdir(exist_ok=True)
        self._out = home.with_name(home.name + ".stdout")
        self._err = home.with_name(home.name + ".stderr")

    # The command line

    def run(self, *argv: str) -> Completed:
        """Run a command for this home, whatever it answers."""
        return self._cli.run(*argv, "--home", str(self.home))

    def titian(self, *argv: str) -> str:
        """Run a command that must succeed; returns what it printed."""
        done = self.run(*argv)
        assert done.status == 0, str(done)
        return done.stdout

    def json(self, *argv: str) -> Any:
        return json.loads(self.titian(*argv, "--json"))

    def init(self, name: str = "BSSN", country: str = "ID") -> Node:
        where = ["--database", self._database] if self._database else []
        self.titian("init", "--name", name, "--country", country, *where)
        return self

    def add_collection(self, name: str, *options: str, alias: str | None = None) -> Collection:
        aliased = ["--alias", alias] if alias else []
        made = self.json("collections", "add", name, *options, *aliased)
        return Collection(made["id"], made["name"], alias)

    def add_key(self, name: str, role: str, collection: Collection | None = None) -> Key:
        scope = ["--collection", collection.name] if collection else []
        made = self.json("keys", "add", name, "--role", role, *scope)
        return Key(made["name"], made["key"], made["role"])

    def revoke_key(self, key: Key) -> None:
        self.titian("keys", "revoke", key.name)

    def import_objects(self, collection: Collection, *objects: dict[str, Any]) -> None:
        """Put objects into any collection, whatever partners may do with it."""
        file = self.home.with_name("import.json")
        bundle = {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects}
        file.write_text(json.dumps(bundle))
        told = self.json("import", str(file), "--collection", collection.name)
        assert told["rejected"] == [], told

    # The server

    def serve(self, *options: str, port: int = 0, workers: int | None = None) -> Node:
        """Start `titian serve` and wait for its line `listening on URL`."""
        assert self.process is None, "already serving"
        self._out.write_bytes(b"")
        argv = [*executable(), "serve", "--home", str(self.home), "--port", str(port)]
        argv += ["--workers", str(workers or self.workers), *options]
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(TMPDIR=str(self._temporary)),
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if found := _LISTENING.search(self._out.read_text()):
                self.url = found[1]
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        status = self.process.poll()
        self.stop()
        raise AssertionError(f"`titian serve` did not answer (exit status {status})\n{self.log()}")

    def serve_refused(self, *options: str, seconds: float = 10.0) -> Completed:
        """Start `titian serve` where it must refuse to; returns what it said."""
        assert self.process is None, "already serving"
        self._out.write_bytes(b"")
        argv = ("serve", "--home", str(self.home), *options)
        start = self.log_size()
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self.process = subprocess.Popen(
                [*executable(), *argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(TMPDIR=str(self._temporary)),
            )
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it serves: {self._out.read_text()}\n{self.log(start)}") from None
        finally:
            self.stop()
        return Completed(argv, status, self._out.read_text(), self.log(start))

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def family(self) -> list[psutil.Process]:
        """The serve process and all below it."""
        if self.process is None or self.process.poll() is not None:
            return []
        parent = psutil.Process(self.process.pid)
        return [parent, *_children(parent.pid)]

    def stop(self) -> int | None:
        """Ask it to stop, wait, and only then insist. Returns the exit status."""
        process, self.process = self.process, None
        if process is None:
            return None
        below = _children(process.pid)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end_each(below)
        return process.returncode

    def kill(self) -> list[psutil.Process]:
        """SIGKILL the serve process alone; returns what ran below it, for the caller to watch and to end."""
        process, self.process = self.process, None
        assert process is not None
        below = _children(process.pid)
        process.kill()
        process.wait()
        return below

    def restart(self) -> Node:
        self.stop()
        return self.serve()

    def log(self, start: int = 0) -> str:
        """What it has written since byte `start` of its log."""
        if not self._err.exists():
            return ""
        return self._err.read_bytes()[start:].decode(errors="replace")

    def log_size(self) -> int:
        return self._err.stat().st_size if self._err.exists() else 0


def _children(pid: int) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def end_each(processes: list[psutil.Process], seconds: float = 3.0) -> list[psutil.Process]:
    """Wait for processes that we started to end by themselves, then end each; returns those that had to
    be.
    """
    alive: list[psutil.Process] = psutil.wait_procs(processes, timeout=seconds)[1]
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=seconds)
    return alive
