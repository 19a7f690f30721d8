"""The verbs of sightings at the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from support.desk import Desk
from support.gate import DAY, NOW, OWN, indicator, malware, party_id
from support.sighting import Sighting, said_by
from support.stix import ipv4
from titian.core.collection import timestamp
from titian.core.sighting import MOST
from titian.core.tlp import TLP_IDS, Tlp

JAPAN, RUSSIA = party_id("japan"), party_id("russia")


@pytest.fixture
def on(desk: Desk) -> Sighting:
    return Sighting(desk.bench)


@pytest.fixture
def thing(desk: Desk, on: Sighting) -> str:
    """An indicator of Japan's; something was released to Japan before."""
    desk.bench.release(*desk.bench.hold(malware("Ours", tlp=Tlp.GREEN)), to="jp")
    return on.arrives("japan", indicator("Kestrel", by=JAPAN, tlp=Tlp.GREEN))[0]


def sight(desk: Desk, *argv: str, by: str = "analyst-one") -> dict[str, Any]:
    (one,) = desk.does(by, "sight", *argv, "--json").json
    return dict(one)


def sightings(desk: Desk, *argv: str) -> list[dict[str, Any]]:
    return list(desk.does("auditor-one", "sightings", *argv, "--json").json)


def test_what_was_seen_goes_back_to_whom_it_came_from(desk: Desk, on: Sighting, thing: str) -> None:
    done = sight(desk, thing, "--count", "3", "--first", "2026-09-01", "--last", "2026-09-20T08:15:00Z")
    assert done["returned"] == [{
        "state": "went", "party": JAPAN, "name": "japan", "agreement": on.agreement("jp"),
        "request": done["returned"][0]["request"], "why": "",
    }]  # fmt: skip
    assert {name: done[name] for name in ("of", "count", "first", "last", "capped", "marking")} == {
        "of": thing, "count": 3, "first": "2026-09-01T00:00:00.000000Z", "last": "2026-09-20T08:15:00.000000Z",
        "capped": False, "marking": [TLP_IDS[Tlp.GREEN]],
    }  # fmt: skip
    assert desk.bench.served("japan")[done["id"]]["count"] == 3
    told = desk.does("analyst-one", "sight", thing).out
    assert all(word in told for word in (thing, "4 times", "2026-09-01T00:00Z", "goes back to japan under Jp"))
    assert desk.bench.served("japan")[done["id"]]["count"] == 4


def test_what_waits_says_for_whom_and_how_it_is_approved(desk: Desk, on: Sighting) -> None:
    (thing,) = on.arrives("japan", indicator("Kestrel", by=JAPAN, tlp=Tlp.GREEN))
    told = desk.does("analyst-one", "sight", thing).out
    request = desk.bench.node.release.requests()[0].id
    assert all(word in told for word in ("once here", "waits", f"titian approve {request[:8]}", "first release"))
    desk.does("releaser-one", "approve", request)
    assert "sighting" in {one["type"] for one in desk.bench.served("japan").values()}


def test_what_stays_says_why(desk: Desk, on: Sighting, thing: str) -> None:
    told = desk.does("analyst-one", "sight", thing, "--marking", "tlp:red").out
    assert "does not go to japan under Jp: TLP:RED" in told
    assert "It stays here." in desk.does("analyst-one", "sight", thing, "--keep").out
    (ours,) = desk.bench.hold(malware("Mine", tlp=Tlp.GREEN))
    assert "came from no partner" in desk.does("analyst-one", "sight", ours).out
    assert not any(one["type"] == "sighting" for one in desk.bench.served("japan").values())
    done = sight(desk, thing, "--keep", "--count", str(MOST))
    assert (done["capped"], done["returned"]) == (True, [])
    assert f"STIX counts to {MOST:,}" in desk.does("analyst-one", "sight", thing, "--keep").out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--count", "0"), "at least 1"),
        (("--first", "2026-09-20", "--last", "2026-09-19"), "before it was first seen"),
        (("--last", "2027-01-01"), "future"),
        (("--last", "yesterday"), "no date"),
        (("--marking", "clear"), "TLP:GREEN"),
        (("--marking", "purple"), "Traffic Light Protocol"),
        (("--where", ""), "--where"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    desk: Desk, on: Sighting, thing: str, argv: tuple[str, ...], says: str
) -> None:
    done = desk.analyst("sight", thing, *argv)
    assert (done.status, done.out) == (1, "")
    assert says in done.err
    assert sightings(desk) == []


def test_an_observable_is_not_sighted_but_what_finds_it(desk: Desk, on: Sighting) -> None:
    (address,) = on.arrives("japan", ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.GREEN]]))
    done = desk.analyst("sight", address)
    assert (done.status, done.out) == (1, "")
    assert all(word in done.err for word in ("observable", "indicator", "observed-data"))
    done = desk.analyst("sight", malware("Nobody's")["id"])
    assert (done.status, "Nothing is held" in done.err) == (1, True)


def test_who_may_not_write_may_not_sight(desk: Desk, on: Sighting, thing: str) -> None:
    for name in ("keeper-one", "auditor-one", "releaser-one"):
        done = desk.run(name, "sight", thing)
        assert (done.status, done.out) == (1, "")
        assert "may not write" in done.err
    assert sightings(desk) == []


def test_who_is_not_signed_in_may_count_but_lets_nothing_out(
    desk: Desk, on: Sighting, thing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timer on this machine takes objects in and out of the node's own files; what leaves, a person asks for."""
    monkeypatch.setitem(desk._tokens, "nobody", "")
    done = desk.run("nobody", "sight", thing)
    assert (done.status, done.out) == (1, "")
    assert "request release" in done.err
    assert sight(desk, thing, "--keep", by="nobody")["count"] == 1


def test_what_ours_was_worth_is_listed(desk: Desk, on: Sighting, thing: str) -> None:
    assert "Nothing was sighted." in desk.does("auditor-one", "sightings").out
    (ours,) = desk.bench.hold(malware("Goshawk", tlp=Tlp.GREEN))
    assert "Nobody has seen it." in desk.does("auditor-one", "sightings", ours).out
    desk.bench.release(ours, to="jp")
    on.posts("japan", said_by("japan", ours, count=17), said_by("russia", ours, count=5))
    at = timestamp(NOW - DAY)
    sight(desk, ours, "--last", at, "--count", "2")
    sight(desk, thing, "--last", timestamp(NOW), "--keep")
    first, second = sightings(desk)
    assert (first["id"], first["name"], first["type"], first["ours"]) == (thing, "Kestrel", "indicator", False)
    there = "2023-11-14T22:13:20.000000Z"
    assert second == {
        "id": ours, "name": "Goshawk", "type": "malware", "count": 19, "first": there, "last": at, "ours": True,
        "parties": [
            {"party": OWN, "name": "Agency", "count": 2, "first": at, "last": at},
            {"party": JAPAN, "name": "japan", "count": 17, "first": there, "last": there},
        ],
        "passed_on": [
            {"party": RUSSIA, "name": "russia", "count": 5, "first": there, "last": there, "by": JAPAN},
        ],
    }  # fmt: skip
    assert sightings(desk, "--ours") == [second] == sightings(desk, ours)
    table = desk.does("auditor-one", "sightings").out
    assert all(word in table for word in (ours, "Goshawk", "19", "japan, here", at[:16]))
    told = desk.does("auditor-one", "sightings", ours).out
    assert all(word in told for word in ("19 times by 1 party", f"last {at[:16]}Z", "japan: 17 times", "here: 2 times"))
    assert "russia, passed on by japan, not counted: 5 times" in told


def test_what_nobody_holds_is_not_found(desk: Desk, on: Sighting) -> None:
    done = desk.run("auditor-one", "sightings", malware("Nobody's")["id"])
    assert (done.status, done.out) == (1, "")
    assert "Nothing is held" in done.err
