"""A console over a bench's node: what a test holds, its pages show."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from litestar.testing import TestClient

from support.console import ConsoleBench, add_people, unhurried
from support.gate import Bench, Clock

HOUR = 3_600 * 1_000_000


@contextmanager
def pages(home: Path, fill: Callable[[Bench], None] = lambda _: None) -> Iterator[ConsoleBench]:
    """A served node with partners, filled an hour ago, whose search is in step, and an analyst who is signed in."""
    bench = Bench.set_up(home, Clock(time.time_ns() // 1000 - HOUR))
    try:
        fill(bench)
        add_people(bench.node)
        while bench.node.find.tick():
            pass
    finally:
        bench.node.close()
    with TestClient(unhurried(home), base_url="http://127.0.0.1") as client:
        made = ConsoleBench(home, client)
        made.sign_in("analyst-one")
        yield made


def outside(html: str) -> list[str]:
    """Addresses in a page that lead out of this node, or do something."""
    found = re.findall(r'\b(?:href|src|action|formaction|srcset|poster|data|hx-get|hx-post)="([^"]*)"', html)
    return [one for one in found if not one.startswith(("/", "#")) or one.startswith("//")]


def tags(html: str) -> set[str]:
    """The names of every element of a page."""
    return {one.lower() for one in re.findall(r"<([a-zA-Z][a-zA-Z0-9-]*)", html)}
