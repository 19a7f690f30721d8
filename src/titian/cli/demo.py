"""``titian demo``: two nodes on this machine exchange real intelligence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer

from titian.cli import demo_node
from titian.cli.common import Json, print_json, progress, table
from titian.cli.remote import remote_collection
from titian.cli.terminal import say, warn
from titian.core.access import Role
from titian.core.errors import Unavailable
from titian.exchange.carry import PullReport
from titian.exchange.hold import HoldReport
from titian.node import open_node
from titian.settings import ENVIRONMENT
from titian.setup import init_node
from titian.web.serve import Listening, check_listening
from titian.wire.galaxies import demo_objects, demo_size

app = typer.Typer(add_completion=False)

COLLECTION: Final = "Technology and terrorism"
_FIRST, _SECOND = ("Indonesia (demo)", "ID"), ("Japan (demo)", "JP")
_USER: Final = "japan"
_PATIENCE: Final = 5.0
"""Seconds in which the first node may end gracefully. Nobody but the demo has anything there to lose."""


@app.command(epilog="Example:  titian demo --once")
def demo(
    once: Annotated[bool, typer.Option("--once", help="Do not stay up afterwards.")] = False,
    port: Annotated[int, typer.Option(help="Port of the first node; 0: a free one.", min=0, max=65535)] = 0,
    json: Json = False,
) -> None:
    """See it work: one node loads real intelligence and serves it over TAXII 2.1, a second one pulls it all.

    The intelligence is that of the MISP galaxies: ATT&CK, threat actors, UAVs, INTERPOL virtual-asset terms, and
    more, turned into STIX 2.1. Everything stays on this machine, in a temporary folder that is removed at the end.
    """
    with _ended_by_signals(), tempfile.TemporaryDirectory(prefix="titian-demo-") as folder:
        first, second = Path(folder, "indonesia"), Path(folder, "japan")
        # A port that is taken is told before anything is loaded.
        check_listening(Listening(home=first, port=port))
        collection, key = _load(first, quiet=json)
        with _serving(first, port) as (url, process):
            report, arrivals = _pull(second, url, collection, key, quiet=json)
            _show(report, arrivals, json=json)
            if not once:
                for line in _invitation(url, collection, key):
                    (warn if json else say)(line)
                _stay(process)
    if not once:
        (warn if json else say)("The demo is over; its folder is removed.")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end the demo as Ctrl-C does, with the node stopped and the folder removed."""
    endings = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) != signal.SIG_IGN]

    def end(number: int, frame: FrameType | None) -> None:
        for each in endings:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    before = {each: signal.signal(each, end) for each in endings}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _load(home: Path, *, quiet: bool) -> tuple[str, str]:
    name, country = _FIRST
    init_node(home, name=name, country=country)
    with (
        open_node(home, environment={}) as node,
        progress("Loading real intelligence", demo_size(), quiet=quiet) as advance,
    ):
        collection = node.collections.add(COLLECTION, alias="demo", description="MISP galaxies as STIX 2.1")
        begun = time.perf_counter()
        report = node.exchange.hold(demo_objects(), collection, source="pymispgalaxies", progress=advance)
        seconds = time.perf_counter() - begun
        _, key = node.keys.add(_USER, Role.READER)
    if not quiet:
        rate = report.added / seconds
        warn(f"{name}: {report.added:,} objects loaded in {seconds:.1f} s ({rate:,.0f} objects/s).")
    return collection.id, key


@contextmanager
def _serving(home: Path, port: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve a node in a process of its own; yields its URL and the process. The user's settings stay outside."""
    command = [sys.executable, "-m", demo_node.__name__, str(home), str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT)}
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise Unavailable("The first node did not come up.", advice="What it said stands above.")
            yield line.removeprefix("listening on ").strip(), process
        finally:
            process.terminate()
            try:
                process.wait(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class _Arrivals:
    """How many objects of each type arrived, and how long that took: a page's seconds are shared by its objects."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self._begun = self._last = time.perf_counter()
        self.count: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()

    def page(self, held: HoldReport) -> None:
        now = time.perf_counter()
        for name, count in held.types.items():
            self.count[name] += count
            self.seconds[name] += (now - self._last) * count / held.read  # type: ignore[assignment]
        self._last = now
        self._advance(held.read)

    @property
    def total(self) -> float:
        return self._last - self._begun


def _pull(home: Path, url: str, collection: str, key: str, *, quiet: bool) -> tuple[PullReport, _Arrivals]:
    name, country = _SECOND
    init_node(home, name=name, country=country)
    with open_node(home, environment={}) as node, remote_collection(url, collection, key, None, None) as remote:
        into = node.collections.add("From Indonesia")
        with progress(f"{name} pulls over TAXII 2.1", demo_size(), quiet=quiet) as advance:
            arrivals = _Arrivals(advance)
            return node.exchange.pull(remote, into, on_page=arrivals.page), arrivals


def _show(report: PullReport, arrivals: _Arrivals, *, json: bool) -> None:
    added, seconds = report.held.added, arrivals.total
    if json:
        print_json(
            {"arrived": added, "types": arrivals.count, "rejected": report.held.rejected, "pages": report.pages,
             "seconds": round(seconds, 3), "objects_per_second": round(added / seconds)}
        )  # fmt: skip
        return
    rows = [(name, count, arrivals.seconds[name]) for name, count in arrivals.count.most_common()]
    table(
        f"Arrived at {_SECOND[0]}, checked and durably stored:",
        {"type": "left", "count": "right", "seconds": "right", "objects/s": "right"},
        [
            (name, f"{count:,}", f"{took:.2f}", f"{count / took:,.0f}")
            for name, count, took in [*rows, ("all", added, seconds)]
        ],
    )
    if report.held.rejected:
        say(f"{len(report.held.rejected):,} were rejected.")


def _invitation(url: str, collection: str, key: str) -> list[str]:
    """What to try, to be pasted as it stands: nothing is drawn around it, and no line is broken."""
    place = f"{url}taxii2/api/collections/{collection}/"
    return [
        "",
        f"The first node stays up at {url}taxii2/ (Ctrl-C ends it).",
        "Ask it with curl:",
        "",
        f"curl -s -H 'Authorization: Bearer {key}' \\",
        "  -H 'Accept: application/taxii+json;version=2.1' \\",
        # Brackets as they are would be a pattern to curl.
        f"  '{place}objects/?limit=2&match%5Btype%5D=uav'",
        "",
        "or with taxii2-client (pip install taxii2-client):",
        "",
        "from taxii2client.v21 import Collection",
        "collection = Collection(",
        f'    "{place}",',
        f'    user="{_USER}",',
        f'    password="{key}",',
        ")",
        "print(collection.get_objects(limit=2))",
        "",
    ]


def _stay(process: subprocess.Popen[str]) -> None:
    """Wait for Ctrl-C. Raises :class:`Unavailable` when the node ends before."""
    try:
        process.wait()
    except KeyboardInterrupt:
        return
    raise Unavailable("The first node ended by itself.", advice="What it said stands above.")
