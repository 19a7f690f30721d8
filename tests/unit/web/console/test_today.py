"""Today tells what arrived, what waits, and what is wrong."""

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


@pytest.mark.parametrize("name", ["analyst-one", "releaser-one", "auditor-one", "administrator-one"])
def test_an_empty_node_says_where_to_begin(bench: ConsoleBench, name: str) -> None:
    bench.sign_in(name)
    page = bench.page("/")
    assert "Nothing waits for you." in page.text
    assert ("/admin/subscriptions", "Subscribe to a partner") in page.links
