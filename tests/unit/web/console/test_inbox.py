"""The inbox: what waits and why, one by one and in bulk, filtered, in pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.console import Page
from support.console_desk import HOSTILE, ConsoleDesk, console_desk
from support.gate import OWN, malware, party_id
from support.sighting import Sighting
from support.stix import text
from titian.core.arrival import Arrival
from titian.core.tlp import Tlp

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ConsoleDesk]:
    with console_desk(tmp_path / "node") as made:
        yield made


def arrive(desk: ConsoleDesk, alias: str, *objects: bytes, under: str = "jp") -> None:
    """Have bytes arrive from a party."""
    sighting = Sighting(desk.bench)
    subscription = sighting.subscription(alias, under)
    arrival = Arrival(
        subscription=subscription.id, collection=subscription.collection, received=desk.bench.clock.now,
        party=party_id(alias), remote="theirs", count=0, digest=b"",
    )  # fmt: skip
    desk.bench.node.arrive.arrive(arrival, sighting.agreement(under), objects)


def unmarked(name: str, alias: str = "japan", **more: Any) -> bytes:
    return text(malware(name, by=party_id(alias), **more))


def waiting(desk: ConsoleDesk) -> list[int]:
    return [one.num for one in desk.bench.node.arrive.quarantine()]


def test_nothing_waits(desk: ConsoleDesk) -> None:
    desk.sign_in("analyst-one")
    assert "Nothing waits in the quarantine." in desk.page("/inbox").text
    assert "Nothing was decided yet." in desk.page("/inbox?show=decided").text
    assert "Nothing has arrived from partners yet." in desk.page("/inbox?show=accepted").text


def test_what_waits_is_told_in_words(desk: ConsoleDesk) -> None:
    good = malware("Good", by=party_id("japan"), tlp=Tlp.GREEN)
    arrive(desk, "japan", unmarked("Bare"), b'{"type": "malware"}', text(good))
    desk.sign_in("auditor-one")
    page = desk.page("/inbox")
    assert "2 things wait." in page.text
    assert "Without a marking It bears no TLP" in page.text
    assert "It is not valid STIX 2.1" in page.text
    assert "Japan" in page.text
    assert "Your duty (Auditor) does not decide on what arrives." in page.text
    assert "Good" in desk.page("/inbox?show=accepted").text


def test_it_is_filtered_by_sender_and_reason(desk: ConsoleDesk) -> None:
    arrive(desk, "japan", unmarked("A"), unmarked("B"))
    arrive(desk, "russia", unmarked("C", "russia"), b'{"type": "malware"}', under="ru")
    desk.sign_in("analyst-one")

    def shown(query: str) -> set[str]:
        return {href for href, words in desk.page(f"/inbox?{query}").links if words.isdigit()}

    every = [f"/inbox/{num}" for num in waiting(desk)]
    assert shown("") == {*every}
    japan, russia = shown(f"party={party_id('japan')}"), shown(f"party={party_id('russia')}")
    assert (len(japan), len(russia), japan | russia) == (2, 2, {*every})
    assert len(shown("code=invalid")) == 1
    assert shown(f"code=invalid&party={party_id('japan')}") == set()
    assert shown("code=nothing' OR 1=1 --") == {*every}


def test_pages_miss_nothing_and_repeat_nothing(desk: ConsoleDesk) -> None:
    arrive(desk, "japan", *(unmarked(f"Number {number}") for number in range(120)))
    desk.sign_in("analyst-one")
    path, seen = f"/inbox?party={party_id('japan')}", []
    while path:
        page = desk.page(path)
        seen += [int(words) for href, words in page.links if words.isdigit() and href.startswith("/inbox/")]
        path = next((href for href, words in page.links if words == "More"), "")
    assert seen == waiting(desk)


def test_one_is_taken_in_with_a_reason(desk: ConsoleDesk) -> None:
    arrive(desk, "japan", unmarked("Bare"))
    (num,) = waiting(desk)
    desk.sign_in("analyst-one")
    assert "Bare" in desk.page(f"/inbox/{num}").text
    fields = {"num": str(num), "alone": str(num), "decision": "accept"}
    answer = desk.post("/inbox/decide", fields)
    assert answer.status_code == 422
    assert "Give a reason" in Page(answer.text).text
    assert desk.post("/inbox/decide", {**fields, "why": "They marked it later"}).status_code == 303
    assert waiting(desk) == []
    assert "Bare" in desk.page("/inbox?show=accepted").text
    decided = desk.page("/inbox?show=decided").text
    assert "They marked it later" in decided
    assert "analyst-one" in decided


def test_many_are_decided_at_once_and_what_cannot_be_is_told(desk: ConsoleDesk) -> None:
    ours = text(malware("Ours", by=OWN, tlp=Tlp.GREEN))
    arrive(desk, "japan", unmarked("A"), unmarked("B"), ours)
    numbers = [str(one) for one in waiting(desk)]
    desk.sign_in("analyst-one")
    answer = desk.post("/inbox/decide", {"num": numbers, "decision": "accept", "why": "fine"})
    assert answer.status_code == 422
    page = Page(answer.text)
    assert "One thing could not be decided so" in page.text
    assert "It claims to be this node's own party's." in page.text
    assert "2 things are decided." in page.text
    assert len(waiting(desk)) == 1
    answer = desk.post("/inbox/decide", {"num": numbers[-1:], "decision": "reject", "why": "not theirs"})
    assert answer.status_code == 303
    assert "One thing is decided." in desk.page(answer.headers["location"]).text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"decision": "accept", "why": "fine"}, "Nothing is ticked.", id="nothing"),
        pytest.param({"num": "1", "why": "fine"}, "Accept, or reject.", id="no-decision"),
        pytest.param({"num": "1", "decision": "reject"}, "Give a reason", id="no-reason"),
        pytest.param({"num": "999999", "decision": "reject", "why": "x"}, "There is nothing", id="not-there"),
        pytest.param({"num": "../x", "decision": "reject", "why": "x"}, "There is nothing", id="no-number"),
    ],
)
def test_what_cannot_be_decided_is_said(desk: ConsoleDesk, fields: dict[str, str], says: str) -> None:
    arrive(desk, "japan", unmarked("A"))
    desk.sign_in("analyst-one")
    answer = desk.post("/inbox/decide", fields)
    assert answer.status_code == 422
    assert says in Page(answer.text).text
    assert len(waiting(desk)) == 1


def test_strangers_bytes_are_inert(desk: ConsoleDesk) -> None:
    hostile = json.loads(unmarked(HOSTILE, description="y" * 1_000_000))
    arrive(
        desk, "japan", text(hostile), HOSTILE.encode().join([b'{"a": "', b'"}']), b'{"type": "malware", "id": "\xff"}'
    )
    desk.sign_in("analyst-one")
    for num in waiting(desk):
        html = desk.forms(f"/inbox/{num}")
        assert "<script>alert" not in html
        assert "\u202e" not in html
        assert len(html) < 200_000
        raw = desk.get(f"/inbox/{num}/raw")
        assert raw.headers["content-type"] == "application/octet-stream"
        assert raw.headers["x-content-type-options"] == "nosniff"
        assert raw.headers["content-disposition"].startswith("attachment")
    assert "<script>alert" not in desk.forms("/inbox")


def test_who_may_not_write_decides_nothing(desk: ConsoleDesk) -> None:
    arrive(desk, "japan", unmarked("A"))
    (num,) = waiting(desk)
    desk.sign_in("releaser-one")
    assert "/inbox/decide" not in [action for action, _ in desk.page(f"/inbox/{num}").forms]
    assert desk.post("/inbox/decide", {"num": str(num), "decision": "reject", "why": "x"}).status_code == 403
    assert waiting(desk) == [num]


def test_a_forged_form_decides_nothing_and_nothing_is_not_there(desk: ConsoleDesk) -> None:
    arrive(desk, "japan", unmarked("A"))
    (num,) = waiting(desk)
    desk.sign_in("analyst-one")
    fields = {"num": str(num), "decision": "reject", "why": "x"}
    assert desk.post("/inbox/decide", fields, token="").status_code == 403
    assert waiting(desk) == [num]
    for path in ("/inbox/999999", "/inbox/x", "/inbox/999999/raw"):
        assert desk.get(path).status_code == 404
