"""The ledgers in the console: what stands in them, proofs of it, and a verification that runs while one looks."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.console import PEOPLE, ConsoleBench, Page, console
from titian.core.checkpoint import Proof

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ConsoleBench]:
    with console(tmp_path / "node") as made:
        made.sign_in("auditor-one")
        yield made


def private(bench: ConsoleBench) -> str:
    return next(href for href, words in bench.page("/ledger-view").links if words == "Private ledger")


def verified(bench: ConsoleBench) -> Page:
    where = bench.post("/ledger-view/verify").headers["location"]
    for _ in range(200):
        html = bench.get(where).text
        if "<progress" not in html:
            return Page(html)
        time.sleep(0.05)
    raise AssertionError("the verification does not end")


def test_an_auditor_reads_what_was_done(bench: ConsoleBench) -> None:
    page = bench.page(private(bench))
    assert "add-person" in page.text
    assert "sign-in" in page.text


def test_others_see_how_it_stands_and_not_what_is_in_it(bench: ConsoleBench) -> None:
    where = private(bench)
    bench.sign_in("analyst-one")
    page = bench.page(where)
    assert "add-person" not in page.text
    assert "What the entries say is for auditors." in page.text
    assert bench.get(f"{where}/entries/0/proof").status_code == 403


def test_an_entry_is_proved_with_and_without_what_it_says(bench: ConsoleBench) -> None:
    where = private(bench)
    opened = bench.get(f"{where}/entries/0/proof")
    closed = bench.get(f"{where}/entries/0/proof?closed=1")
    for answer in (opened, closed):
        assert answer.status_code == 200
        assert "attachment" in answer.headers["content-disposition"]
        assert Proof.parse(answer.content).index == 0
    assert len(closed.content) < len(opened.content)
    assert bench.get(f"{where}/entries/999999/proof").status_code == 404


def test_a_verification_says_that_everything_holds(bench: ConsoleBench) -> None:
    bench.page(private(bench))
    assert "Everything holds." in verified(bench).text


def test_a_verification_tells_of_an_entry_that_was_changed(bench: ConsoleBench) -> None:
    bench.page(private(bench))
    with sqlite3.connect(bench.home / "titian.db") as raw:
        changed = raw.execute(
            "UPDATE ledger_entries SET payload = replace(CAST(payload AS TEXT), 'add-person', 'add-nobody') "
            "WHERE instr(CAST(payload AS TEXT), 'add-person') > 0"
        )
    assert changed.rowcount == len(PEOPLE)
    page = verified(bench)
    assert "Not everything holds." in page.text
    assert "(entry " in page.text


@pytest.mark.parametrize("path", ["/ledger-view/x", "/ledger-view/00000000-0000-4000-8000-000000000000"])
def test_what_is_not_there_is_not_there(bench: ConsoleBench, path: str) -> None:
    assert bench.get(path).status_code == 404
