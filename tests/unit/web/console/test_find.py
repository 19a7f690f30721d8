"""Find: what is held is found by its words and filters, a page at a time, and nothing that strangers wrote acts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support.console import ConsoleBench
from support.gate import OWN, Bench, indicator, link, malware, party_id, report
from support.pages import outside, pages
from titian.core.tlp import TLP_IDS, Tlp

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def _fill(bench: Bench) -> None:
    bench.agree("jp", party_id("japan"))
    bridge = malware("Dark Bridge", tlp=Tlp.GREEN, description=f"It spreads by letters. {HOSTILE}")
    tool = indicator("Bridge host", tlp=Tlp.AMBER)
    bench.hold(
        bridge, tool, link(tool, bridge, "indicates", tlp=Tlp.GREEN), report("On the bridge", bridge, tlp=Tlp.GREEN),
        malware(f"Trick {HOSTILE}"), malware("invoice\u202efdp.exe"), malware("Пример сообщения"), malware("橋の攻撃"),
        *(malware(f"Kapal {number}", tlp=Tlp.CLEAR) for number in range(60)),
        {"type": "url", "spec_version": "2.1", "id": "url--0a2bc3d4-7a0f-5b1c-8d9e-0f1a2b3c4d5e",
         "value": "http://evil.example/landing"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleBench]:
    home: Path = tmp_path_factory.mktemp("find") / "node"
    with pages(home, _fill) as made:
        yield made


def _titles(bench: ConsoleBench, **asked: object) -> list[str]:
    # The client sends the query along with the path, in which a written slash is refused.
    page = bench.page("/find?" + urlencode(asked, doseq=True, safe="/"))
    return [words for href, words in page.links if href.startswith("/objects/")]


@pytest.mark.parametrize(
    ("asked", "titles"),
    [
        ({"q": "dark bridge"}, {"Dark Bridge"}),
        ({"q": "bridge", "type": "report"}, {"On the bridge"}),
        ({"q": "bridge", "type": ["report", "indicator"]}, {"On the bridge", "Bridge host"}),
        ({"q": "bridge type:indicator"}, {"Bridge host"}),
        ({"q": "bridge", "tlp": "amber"}, {"Bridge host"}),
        ({"q": "hxxp://evil[.]example/landing"}, {"hxxp://evil[.]example/landing"}),
        ({"q": "сообщения"}, {"Пример сообщения"}),
        ({"q": "攻撃"}, {"橋の 攻撃"}),
        ({"q": "dark", "party": OWN}, {"Dark Bridge"}),
        ({"q": "dark", "party": party_id("russia")}, set()),
        ({"q": "bridge", "marking": TLP_IDS[Tlp.AMBER]}, {"Bridge host"}),
        ({"q": "bridge", "since": "2999-01-01"}, set()),
        ({"q": "nothing like it"}, set()),
    ],
)
def test_what_is_held_is_found(bench: ConsoleBench, asked: dict[str, object], titles: set[str]) -> None:
    assert set(_titles(bench, **asked)) == titles


def test_every_object_stands_on_one_of_the_pages(bench: ConsoleBench) -> None:
    seen: list[str] = []
    path = "/find?q=kapal"
    for _ in range(10):
        page = bench.page(path)
        seen += [href for href, _ in page.links if href.startswith("/objects/")]
        more = [href for href, words in page.links if words == "More"]
        if not more:
            break
        path = more[0]
    assert len(seen) == len(set(seen)) == 60


def test_counts_and_types_are_shown(bench: ConsoleBench) -> None:
    page = bench.page("/find?q=bridge")
    assert "3 objects" in page.text
    assert {"Malware 1", "Report 1", "Indicator 1", "All types"} <= {words for _, words in page.links}
    only = {words: href for href, words in page.links}["Report 1"]
    assert _titles(bench, **dict(part.split("=") for part in only.partition("?")[2].split("&"))) == ["On the bridge"]


def test_found_words_are_marked_and_nothing_acts(bench: ConsoleBench) -> None:
    for query in ("spreads", "trick", "invoice", HOSTILE):
        html = bench.get("/find?" + urlencode({"q": query}, safe="/")).text
        assert "<script>alert" not in html
        assert "<img" not in html
        assert outside(html) == []
    assert "<mark>" in bench.get("/find?q=spreads").text
    assert "[RLO]" in bench.page("/find?q=invoice").text
    assert "\u202e" not in bench.get("/find?q=invoice").text


def test_who_asks_nothing_sees_what_came_last_and_how_to_ask(bench: ConsoleBench) -> None:
    page = bench.page("/find")
    assert {"What came last", "What can be asked"} <= set(page.headings)
    assert [href for href, words in page.links if words == "198.51.100.3"] == ["/find?q=198.51.100.3"]


def test_who_finds_nothing_is_told_what_to_do(bench: ConsoleBench) -> None:
    page = bench.page("/find?q=nothing+like+it&tlp=red")
    assert "Nothing that is held fits" in page.text
    assert ("/find?q=nothing+like+it", "Forget the filters") in page.links
    assert "What can be asked" in page.headings


@pytest.mark.parametrize(
    "wrong",
    ["since=soon", "until=9999-12-31", "party=nobody", "agreement=x", "marking=y", "type=No+Type", "tlp=purple",
     "after=made-up"],
)  # fmt: skip
def test_what_cannot_be_read_is_told_and_changes_nothing(bench: ConsoleBench, wrong: str) -> None:
    answer = bench.get(f"/find?q=bridge&{wrong}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert 'value="bridge"' in answer.text


def test_the_form_keeps_what_was_asked(bench: ConsoleBench) -> None:
    html = bench.get(
        "/find?q=bridge&type=report&tlp=none&since=2020-01-31&versions=all&party=" + party_id("japan")
    ).text
    assert re.search(r'<option value="report" selected>', html)
    assert re.search(r'name="tlp" value="none" checked', html)
    assert re.search(r'name="since" value="2020-01-31"', html)
    assert re.search(r'name="versions" value="all" checked', html)
    assert re.search(rf'<option value="{party_id("japan")}" selected>', html)


def test_a_script_gets_the_results_alone(bench: ConsoleBench) -> None:
    part = bench.get("/find?q=bridge", **{"hx-request": "true", "hx-target": "results"}).text
    assert "Dark <mark>Bridge</mark>" in part
    assert "<html" not in part
    assert "<form" not in part


def test_a_day_is_the_readers_own(bench: ConsoleBench) -> None:
    bench.post("/manners", {"language": "en", "zone": "Asia/Tokyo", "next": "/"})
    try:
        # Everything was modified at the first instant of 2024, UTC: nine in the morning in Tokyo.
        assert "Dark Bridge" in _titles(bench, q="dark", since="2024-01-01", until="2024-01-01")
        assert _titles(bench, q="dark", until="2023-12-31") == []
    finally:
        bench.post("/manners", {"language": "en", "zone": "UTC", "next": "/"})


def test_nobody_finds_without_signing_in(bench: ConsoleBench) -> None:
    held = dict(bench.client.cookies)
    bench.client.cookies.clear()
    answer = bench.get("/find?q=bridge")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Ffind%3Fq%3Dbridge")
    for name, value in held.items():
        bench.client.cookies.set(name, value)
