"""A process that dies at the n-th write, whose disk is full, or whose clock is off: what a test does to a node from
outside, with nothing in the node that knows of it.

Two ways to run it::

    python faulty_process.py work            one JSON job on each line in, one JSON outcome on each line out, each job
                                             in a fork of this process
    python faulty_process.py serve PLAN …    `titian serve …`, with what the file PLAN says, read again when it changes

A *write* is a point before or after the COMMIT of a writing transaction, before or after the renaming of a file, or
before or after what is appended to a journal.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

# Run as a script, this folder comes first, and its stix.py would stand before the package of that name.
sys.path[:] = [place for place in sys.path if place != os.path.dirname(os.path.abspath(__file__))]
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from granian.server.common import AbstractServer  # noqa: E402

import titian.cli  # noqa: E402
import titian.node  # noqa: E402
import titian.store.database  # noqa: E402

# What a worker would import: those that take the place of a dead one have it from their supervisor.
import titian.web.app  # noqa: E402
from support.faulty import ANALYST, RELEASER, gentle  # noqa: E402
from titian.core.errors import TitianError  # noqa: E402
from titian.store.store import now_micros  # noqa: E402

_ANY = 1 << 30


class Saboteur:
    """Counts writes, and ends this process at one of them."""

    def __init__(self, plan: Path | None = None) -> None:
        self.at = 0
        self.count = 0
        self.pages = 0
        self.offset = 0
        self._plan = plan
        self._read = ""
        self._lock = threading.Lock()

    def look(self) -> None:
        """Read the plan again, if it has changed."""
        if self._plan is None:
            return
        try:
            text = self._plan.read_text()
        except FileNotFoundError:
            text = "{}"
        if text != self._read:
            plan = json.loads(text)
            self._read, self.count = text, 0
            self.at, self.offset, self.pages = (plan.get(name, 0) for name in ("at", "offset", "pages"))

    def write(self) -> None:
        """Something is about to be durable, or has just become so."""
        with self._lock:
            self.look()
            self.count += 1
            if self.at and self.count == self.at:
                if self._plan is not None:
                    self._plan.unlink()
                os.kill(os.getpid(), signal.SIGKILL)

    def clock(self) -> int:
        """The node's clock."""
        with self._lock:
            self.look()
        return now_micros() + self.offset

    def install(self) -> None:
        """Stand between this process and its disk and clock."""
        saboteur, replace, pwrite = self, os.replace, os.pwrite

        class Watched(titian.store.database.Connection):
            writing = False

            def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
                if sql == "BEGIN IMMEDIATE":
                    self.writing = True
                    saboteur.look()
                    super().execute(f"PRAGMA max_page_count={saboteur.pages or _ANY}")
                elif sql == "ROLLBACK":
                    self.writing = False
                elif sql == "COMMIT" and self.writing:
                    self.writing = False
                    saboteur.write()
                    done = super().execute(sql, *rest)
                    saboteur.write()
                    return done
                return super().execute(sql, *rest)

        def replaced(*args: Any, **named: Any) -> None:
            saboteur.write()
            replace(*args, **named)
            saboteur.write()

        def written(*args: Any) -> int:
            saboteur.write()
            done = pwrite(*args)
            saboteur.write()
            return done

        os.pwrite = written
        vars(titian.store.database)["Connection"] = Watched
        os.replace = replaced
        named: dict[str, Any] = titian.node.open_node.__kwdefaults__ or {}
        named["clock"] = self.clock


# What a job may be


def pull(home: str, subscription: str) -> Any:
    """Run a subscription once."""
    with titian.node.open_node(home, environment={}) as node:
        ran = node.subscribe.run(subscription)
        if ran is None:
            return None
        return {"error": ran.error, "read": ran.arrived.read, "accepted": ran.arrived.accepted, "found": ran.findings}


def release(home: str, agreement: str, ids: list[str]) -> Any:
    """Ask for a release, and approve it."""
    with titian.node.open_node(home, environment={}) as node:
        asked = node.release.request(ANALYST, ids, agreement)
        done = node.release.approve(RELEASER, asked.request.id)
        return {"state": done.request.state.value}


def seal(home: str) -> Any:
    """Seal every ledger."""
    with titian.node.open_node(home, environment={}) as node:
        return [one.halted for one in node.ledgers.seal_all()]


JOBS: dict[str, Callable[..., Any]] = {"pull": pull, "release": release, "seal": seal}


def _child(job: dict[str, Any], out: int) -> None:
    saboteur = Saboteur()
    saboteur.at, saboteur.pages = job.get("at", 0), job.get("pages", 0)
    saboteur.offset = job.get("offset", 0)
    if job.get("largest"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest"], job["largest"]))
    saboteur.install()
    vars(titian.node)["connect"] = partial(gentle, page=60)
    outcome: dict[str, Any] = {}
    try:
        outcome["answer"] = JOBS[job["do"]](*job["with"])
    except TitianError as error:
        outcome["refused"] = str(error)
    except BaseException:
        outcome["crashed"] = traceback.format_exc()
    outcome["writes"] = saboteur.count
    os.write(out, json.dumps(outcome).encode())


def _lines() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def work() -> None:
    """Do one job after the other, each in a fork."""
    for job in _lines():
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            with contextlib.suppress(BaseException):
                _child(job, write)
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            told = pipe.read()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        outcome = json.loads(told) if told else {}
        sys.stdout.write(json.dumps(outcome | {"status": status}) + "\n")
        sys.stdout.flush()


def _forget_deaths() -> None:
    """Have the supervisor start a worker again however soon it has died: Granian calls two in 5.5 s a crash loop."""
    respawn = AbstractServer._respawn_workers

    def respawned(self: Any, *args: Any, **named: Any) -> Any:
        done = respawn(self, *args, **named)
        self.respawned_wrks.clear()
        return done

    supervisor: Any = AbstractServer
    supervisor._respawn_workers = respawned


def serve(plan: str, argv: list[str]) -> None:
    """Run a command of `titian` with a plan."""
    Saboteur(Path(plan)).install()
    _forget_deaths()
    sys.argv = ["titian", *argv]
    titian.cli.main()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], sys.argv[3:])
    else:
        work()
