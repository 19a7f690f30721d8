"""A node that has no pages for people: TAXII, ledgers and health alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gate import Bench, benches
from support.partner import Face, serving
from titian.settings import FILE, read_settings


@pytest.fixture
def face(tmp_path: Path) -> Iterator[tuple[Bench, Face]]:
    for make in benches(tmp_path):
        bench = make()
        with (bench.node.home / FILE).open("a", encoding="utf-8") as settings:
            settings.write("console = false\n")
        with serving(bench) as face:
            yield bench, face


@pytest.mark.parametrize(
    "path", ["/", "/find", "/sign-in", "/api/v1/find", "/api/v1/openapi.json", "/static/console.css"]
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_there_are_no_pages_and_no_api(face: tuple[Bench, Face], path: str, accept: str) -> None:
    bench, faced = face
    answer = faced.ask(path, bench.secrets["japan"], headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/taxii+json")


def test_partners_are_served_all_the_same(face: tuple[Bench, Face]) -> None:
    bench, faced = face
    assert faced.ask("/health", "").status_code == 200
    assert faced.ask("/taxii2/", bench.secrets["japan"]).status_code == 200
    assert faced.collections(bench.secrets["japan"]) == []


@pytest.mark.parametrize(("text", "wanted"), [("true", True), ("FALSE", False)])
def test_the_environment_says_it_too(tmp_path: Path, text: str, wanted: bool) -> None:
    assert read_settings(tmp_path, {"TITIAN_CONSOLE": text}).console is wanted
