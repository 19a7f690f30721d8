"""Help: readable without signing in, and silent about this node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.console import ConsoleBench, console

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ConsoleBench]:
    with console(tmp_path / "node") as made:
        yield made


def test_it_is_for_everybody(bench: ConsoleBench) -> None:
    page = bench.page("/help")
    assert page.headings[0] == "Help"
    for verb in ("Hold", "Agree", "Release", "Carry", "Use", "Answer"):
        assert verb in page.text
    assert not [href for href, _ in page.links if href.startswith(("/find", "/admin", "/agreements"))]
    assert "analyst-one" not in page.text


def test_who_is_signed_in_finds_the_pages(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    links = {href for href, _ in bench.page("/help").links}
    assert {"/find", "/agreements", "/release", "/ledger-view", "/account"} <= links
