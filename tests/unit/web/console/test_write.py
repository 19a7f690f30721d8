"""Writing in the console: forms, pasted indicators that a person checks, and markings with what follows from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.console import ConsoleBench, Page, console
from titian.core.drafting import Form
from titian.core.tlp import TLP_IDS, Tlp
from titian.node import open_node

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")
TEXT = "Traffic to hxxp://evil[.]example/a from 198.51.100[.]3, see invoice.exe."
URL, ADDRESS = "http://evil.example/a", "198.51.100.3"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ConsoleBench]:
    with console(tmp_path / "node") as made:
        made.sign_in("analyst-one")
        yield made


def held(bench: ConsoleBench) -> dict[str, dict[str, Any]]:
    with open_node(bench.home, environment={}) as node:
        raws = [raw for one in node.collections.list() for raw in node.exchange.objects(one.collection)]
    found = [json.loads(raw) for raw in raws]
    return {one["id"]: one for one in found if one["type"] != "identity"}


def test_every_form_can_be_begun(bench: ConsoleBench) -> None:
    links = [href for href, _ in bench.page("/write").links if href.startswith("/write/")]
    assert set(links) == {f"/write/{one.value}" for one in Form}
    for href in links:
        bench.page(href)
    assert bench.get("/write/incident-unheard-of").status_code == 404


def test_what_was_found_is_shown_and_nothing_is_kept_before_it_is_checked(bench: ConsoleBench) -> None:
    answer = bench.post("/write/report", {"title": "A report", "pasted": TEXT})
    assert answer.status_code == 200
    page = Page(answer.text)
    assert URL in page.text
    assert ADDRESS in page.text
    assert "may be a file" in page.text
    assert "Who may see it" in page.headings
    assert held(bench) == {}


def test_what_is_ticked_is_kept_marked_and_belongs_together(bench: ConsoleBench) -> None:
    fields = {"title": "A report", "description": "Text", "value": [URL, ADDRESS], "tlp": "amber", "save": "1"}
    answer = bench.post("/write/report", fields)
    assert answer.status_code == 303, answer.text
    found = held(bench)
    report = found[answer.headers["location"].removeprefix("/objects/")]
    patterns = {one["pattern"] for one in found.values() if one["type"] == "indicator"}
    assert patterns == {f"[url:value = '{URL}']", f"[ipv4-addr:value = '{ADDRESS}']"}
    others = {key for key, one in found.items() if one["type"] not in {"report", "marking-definition"}}
    assert set(report["object_refs"]) == others
    marked = [one for one in found.values() if one["type"] != "marking-definition"]
    assert {tuple(one["object_marking_refs"]) for one in marked} == {(TLP_IDS[Tlp.AMBER],)}


@pytest.mark.parametrize("kind", [one.value for one in Form if one.is_incident])
def test_an_incident_is_written_with_its_label_and_its_lines(bench: ConsoleBench, kind: str) -> None:
    fields = {"title": "An incident", "happened": "2026-11-01", "where": "ID", "tlp": "green", "save": "1"}
    answer = bench.post(f"/write/{kind}", fields)
    assert answer.status_code == 303, answer.text
    found = held(bench)
    incident = found[answer.headers["location"].removeprefix("/objects/")]
    assert incident["labels"] == [kind.removeprefix("incident-")]
    assert "2026-11-01" in incident["description"]
    assert {one["country"] for one in found.values() if one["type"] == "location"} == {"ID"}


def test_an_observable_that_is_held_already_is_no_obstacle(bench: ConsoleBench) -> None:
    for tlp in ("green", "red"):
        answer = bench.post("/write/indicator", {"value": [ADDRESS], "tlp": tlp, "save": "1"})
        assert answer.status_code == 303, answer.text
    assert sum(one["type"] == "ipv4-addr" for one in held(bench).values()) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"title": "", "value": [URL]}, "It has no name.", id="no-name"),
        pytest.param({"title": "x"}, "A report is about something.", id="about-nothing"),
        pytest.param({"title": "x", "about": "indicator--1"}, "Nothing is held as", id="not-held"),
        pytest.param({"title": "x", "value": ["not a value"]}, "is not an address", id="forged-value"),
        pytest.param({"title": "x", "value": [URL], "where": "QQ"}, "The country is not known.", id="country"),
        pytest.param({"title": "x", "value": [URL], "expires": "2020-01-01"}, "is over already", id="expired"),
        pytest.param({"title": "x", "value": [URL], "releasable_to": ["identity--x"]}, "There is no", id="recipient"),
    ],
)
def test_what_cannot_be_kept_is_told_and_nothing_typed_is_lost(
    bench: ConsoleBench, fields: dict[str, Any], said: str
) -> None:
    answer = bench.post("/write/report", {"description": "Kept text", **fields, "save": "1"})
    assert answer.status_code == 422
    assert said in Page(answer.text).text
    assert "Kept text" in answer.text
    assert held(bench) == {}


def test_who_may_not_write_cannot(bench: ConsoleBench) -> None:
    for name in ("releaser-one", "auditor-one", "administrator-one"):
        bench.sign_in(name)
        assert bench.get("/write").status_code == 403
        assert bench.post("/write/report", {"title": "x", "value": [URL], "save": "1"}).status_code == 403


def test_what_a_marking_leads_to_is_the_gates_own_answer(bench: ConsoleBench) -> None:
    bench.sign_in("administrator-one")
    bench.post("/agreements/add", {"shipped": "indonesia-japan-terrorism"})
    bench.sign_in("analyst-one")
    html = bench.post(
        "/write/report/consequences", {"tlp": "red"}, **{"hx-request": "true", "hx-target": "consequences"}
    )
    assert "<html" not in html.text
    assert "What follows" in html.text


def test_markup_in_what_is_pasted_is_inert(bench: ConsoleBench) -> None:
    answer = bench.post(
        "/write/report", {"title": "<img src=x onerror=alert(1)>", "pasted": "<script>a.example</script>"}
    )
    assert "<img src=x" not in answer.text
    assert "<script>a.example" not in answer.text
