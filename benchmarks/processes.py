"""The processes a benchmark starts, each in a folder of its own and each ended by its own id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter, sleep

import psutil  # type: ignore[import-untyped]

from benchmarks.client import Target, UnexpectedAnswer, fetch

ROOT = Path(__file__).resolve().parent.parent
_PATIENCE = 60.0


class CannotStart(Exception):
    """A server, ours or a peer, did not come up; the table says so instead of hiding the row."""


def free_port() -> int:
    """A port of the loopback that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A child process that answers HTTP; made when it has answered ``GET ready`` with 200."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        ready: str,
        port: int,
        authorization: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.target = Target(f"http://127.0.0.1:{port}", authorization)
        self._log = log
        with log.open("ab") as out:
            started = perf_counter()
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | (environment or {}),
                start_new_session=True,
            )
        self.seconds_to_first_answer = self._await_answer(ready, started)

    def _await_answer(self, path: str, started: float) -> float:
        """Seconds from the start of the process to its first good answer."""
        while perf_counter() - started < _PATIENCE and self._process.poll() is None:
            try:
                if fetch(self.target, self.target.request(path)).status == 200:
                    return perf_counter() - started
            except (OSError, UnexpectedAnswer):
                pass
            sleep(0.002)
        self.stop()
        raise CannotStart(f"{self._process.args!s:.80} did not answer: {self.last_words()}")

    def last_words(self) -> str:
        """The end of what the process wrote."""
        return self._log.read_text(errors="replace")[-400:].strip()

    def memory(self) -> tuple[int, int]:
        """Resident and proportional set size of the process and its children, in bytes."""
        parent = psutil.Process(self._process.pid)
        family = [parent, *parent.children(recursive=True)]
        full = [member.memory_full_info() for member in family]
        return sum(one.rss for one in full), sum(getattr(one, "pss", one.rss) for one in full)

    def stop(self) -> None:
        """End the process and wait for it."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            for child in psutil.Process(self._process.pid).children(recursive=True):
                child.kill()
            self._process.kill()
            self._process.wait(15)


def limit_server(folder: Path) -> Server:
    """The constant-bytes server over the files of ``folder``."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.limit", "--port", str(port), str(folder)]
    return Server(command, folder.parent / "limit.log", ready="/", port=port)
