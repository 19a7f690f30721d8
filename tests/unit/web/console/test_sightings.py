"""Sightings: what ours was worth to others, and saying that something was seen here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.console import Page
from support.console_desk import HOSTILE, ConsoleDesk, console_desk
from support.gate import ANALYST, indicator, malware, party_id
from support.sighting import Sighting, said_by
from support.stix import ipv4
from titian.core.gate import State
from titian.core.tlp import Tlp

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ConsoleDesk]:
    with console_desk(tmp_path / "node") as made:
        yield made


def test_nobody_has_seen_anything(desk: ConsoleDesk) -> None:
    (ours,) = desk.bench.hold(indicator("Ours", tlp=Tlp.GREEN))
    desk.sign_in("auditor-one")
    assert "Nobody has sighted anything of ours yet." in desk.page("/sightings").text
    assert "Nothing was sighted yet." in desk.page("/sightings?show=all").text
    assert "Nobody has seen it." in desk.page(f"/sightings/{ours}").text
    for path in (f"/sightings/{indicator('x')['id']}", "/sightings/nothing"):
        assert desk.get(path).status_code == 404


def test_what_ours_was_worth(desk: ConsoleDesk) -> None:
    sighting = Sighting(desk.bench)
    (ours,) = desk.bench.hold(malware(HOSTILE, tlp=Tlp.GREEN))
    desk.bench.release(ours, to="jp")
    sighting.posts("japan", said_by("japan", ours, count=17))
    desk.sign_in("analyst-one")
    for path in ("/sightings", f"/sightings/{ours}"):
        html = desk.forms(path)
        text = Page(html).text
        assert "17" in text
        assert "Japan" in text
        assert "<script>alert" not in html
        assert "[RLO]" in html


def test_a_sighting_goes_back_as_a_request(desk: ConsoleDesk) -> None:
    sighting = Sighting(desk.bench)
    (theirs,) = sighting.arrives("japan", indicator("Theirs", by=party_id("japan"), tlp=Tlp.GREEN))
    desk.sign_in("analyst-one")
    assert "Theirs" in desk.page(f"/sightings/new?object={theirs}").text
    fields = {
        "ids": theirs,
        "count": "3",
        "first": "2026-09-01T10:00",
        "last": "2026-09-02T10:00",
        "where": "at a gate",
    }
    answer = desk.post("/sightings/new", fields)
    assert answer.status_code == 303
    page = desk.page(answer.headers["location"])
    assert "Seen here 3 times in all." in page.text
    assert "Waits for another person" in page.text
    (request,) = desk.bench.node.release.requests()
    assert request.state is State.WAITING
    assert (f"/release/requests/{request.id}", "the request") in page.links
    assert sighting.known()[theirs].worth.seen.count == 3


def test_a_sighting_stays_here_if_wished(desk: ConsoleDesk) -> None:
    sighting = Sighting(desk.bench)
    (theirs,) = sighting.arrives("japan", indicator("Theirs", by=party_id("japan"), tlp=Tlp.GREEN))
    desk.sign_in("analyst-one")
    answer = desk.post("/sightings/new", {"ids": theirs, "keep": "1"})
    assert "It stays here, as you wished." in desk.page(answer.headers["location"]).text
    assert desk.bench.node.release.requests() == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"ids": ""}, "Nothing is named.", id="nothing"),
        pytest.param({"ids": "no-identifier"}, "is no identifier", id="no-identifier"),
        pytest.param({"ids": ipv4("203.0.113.1")["id"]}, "is an observable", id="observable"),
        pytest.param({"ids": indicator("x")["id"]}, "Nothing is held as", id="not-held"),
        pytest.param({"count": "0"}, "counts at least 1", id="none"),
        pytest.param({"count": "many"}, "takes a whole number", id="no-number"),
        pytest.param({"first": "soon"}, "This is no date with a time.", id="no-date"),
        pytest.param({"last": "2099-01-01T00:00"}, "Nothing was seen in the future.", id="future"),
        pytest.param({"tlp": "clear"}, "cannot be TLP:CLEAR", id="less-strict"),
    ],
)
def test_what_cannot_be_sighted_so_is_said(desk: ConsoleDesk, change: dict[str, str], says: str) -> None:
    (ours,) = desk.bench.hold(indicator("Ours", tlp=Tlp.GREEN))
    desk.sign_in("analyst-one")
    answer = desk.post("/sightings/new", {"ids": ours, "count": "1", **change})
    assert answer.status_code == 422
    assert says in Page(answer.text).text
    assert Sighting(desk.bench).known() == {}


def test_pages_follow_each_other(desk: ConsoleDesk) -> None:
    ours = desk.bench.hold(*(indicator(f"Number {number}", tlp=Tlp.GREEN) for number in range(60)))
    Sighting(desk.bench).sight.sight(ANALYST, ours, keep=True)
    desk.sign_in("analyst-one")
    page = desk.page("/sightings")
    following = next(href for href, words in page.links if words == "More")
    names = [words for one in (page, desk.page(following)) for _, words in one.links if words.startswith("Number")]
    assert len(names) == len(set(names)) == 60


@pytest.mark.parametrize("name", ["auditor-one", "releaser-one"])
def test_who_may_not_write_sights_nothing(desk: ConsoleDesk, name: str) -> None:
    (ours,) = desk.bench.hold(indicator("Ours", tlp=Tlp.GREEN))
    desk.sign_in(name)
    assert desk.get("/sightings/new").status_code == 403
    assert desk.post("/sightings/new", {"ids": ours}).status_code == 403
    assert "/sightings/new" not in [href for href, _ in desk.page("/sightings").links]


def test_a_forged_form_sights_nothing(desk: ConsoleDesk) -> None:
    (ours,) = desk.bench.hold(indicator("Ours", tlp=Tlp.GREEN))
    desk.sign_in("analyst-one")
    assert desk.post("/sightings/new", {"ids": ours}, token="").status_code == 403
    assert desk.get("/sightings/done?told=nothing").status_code == 404
