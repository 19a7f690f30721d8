"""The command line, imported once, and nodes of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.desk import Desk
from support.gate import Bench, benches, party_id
from support.nodes import Node, WarmCli
from titian.node import open_node


@pytest.fixture(scope="session")
def titian_cli() -> Iterator[WarmCli]:
    """Every command is a process of its own, of an interpreter that is warm."""
    warm = WarmCli()
    yield warm
    warm.close()


@pytest.fixture
def make_node(titian_cli: WarmCli, tmp_path: Path) -> Iterator[Callable[[], Node]]:
    """Makes nodes that are set up; what serves is stopped at the end."""
    made: list[Node] = []

    def make() -> Node:
        made.append(Node(tmp_path / f"home{len(made)}", titian_cli))
        return made[-1].init()

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def own(make_node: Callable[[], Node]) -> Node:
    return make_node()


@pytest.fixture
def new_bench(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    yield from benches(tmp_path)


@pytest.fixture
def desk(
    new_bench: Callable[[], Bench],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Desk:
    bench = new_bench()
    bench.agree("jp", party_id("japan"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("titian.cli.common.open_node", lambda home: open_node(home, clock=bench.clock, environment={}))
    return Desk(bench, tmp_path, monkeypatch, capsys)
