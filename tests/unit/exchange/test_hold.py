"""Hold: each object judged by itself, counted once, and none lost without a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.stix import ipv4, malware, statement, text
from titian.core.collection import Appended, Collection, Incoming, Outcome, Page, Selection
from titian.core.view import SetAside
from titian.exchange.hold import Hold, judge, reject

ONE = Collection(num=1, id="one", name="One", created=0)


class Memory:
    """A shelf of lists: an id that it knows is KNOWN, one in ``conflicting`` a CONFLICT."""

    def __init__(self) -> None:
        self.batches: list[list[Incoming]] = []
        self.aside: list[SetAside] = []
        self.known: set[str] = set()
        self.conflicting: set[str] = set()

    def append(self, collection: Collection, items: Sequence[Incoming], *, source: str) -> list[Appended]:
        assert (collection, source) == (ONE, "test")
        self.batches.append(list(items))
        outcomes = []
        for item in items:
            outcome = Outcome.KNOWN if item.id in self.known else Outcome.ADDED
            outcome = Outcome.CONFLICT if item.id in self.conflicting else outcome
            self.known.add(item.id)
            outcomes.append(Appended(item.id, "1", outcome))
        return outcomes

    def set_aside(self, collection: Collection, rejected: Sequence[SetAside], *, source: str) -> None:
        assert (collection, source) == (ONE, "test")
        self.aside += rejected

    def page(self, collection: Collection, selection: Selection) -> Page:
        raise NotImplementedError

    def objects(self, collection: Collection, selection: Selection) -> Iterator[bytes]:
        raise NotImplementedError


@pytest.fixture
def shelf() -> Memory:
    return Memory()


@pytest.mark.parametrize(
    ("value", "version", "written"),
    [
        pytest.param(
            malware(modified="2024-01-01T00:00:00.000Z"), 1_704_067_200_000_000, "2024-01-01T00:00:00.000Z",
            id="modified",
        ),
        pytest.param(
            malware(modified="2024-01-01T00:00:00.1234560Z"), 1_704_067_200_123_456, "2024-01-01T00:00:00.1234560Z",
            id="modified, with more decimals",
        ),
        pytest.param(statement("x"), 1_704_067_207_000_000, "2024-01-01T00:00:07.000Z", id="created only"),
        pytest.param(ipv4("198.51.100.9"), None, None, id="without versions"),
    ],
)  # fmt: skip
def test_a_valid_object_is_ready_with_its_key(value: dict[str, Any], version: int | None, written: str | None) -> None:
    raw = text(value)
    judged = judge(raw)
    assert judged.incoming == Incoming(value["id"], value["type"], version, raw, written)
    assert (judged.violations, reject(judged)) == ((), [])


@pytest.mark.parametrize(
    ("raw", "claimed"),
    [
        pytest.param(text(malware(name=5, modified="2024-05-01T00:00:00.000Z")), "2024-05-01T00:00:00.000Z", id="SDO"),
        pytest.param(text(statement("x") | {"definition": 5}), "2024-01-01T00:00:07.000Z", id="created only"),
        pytest.param(b'{"modified":"2024-05-01T00:00:00.5Z"}', "2024-05-01T00:00:00.5Z", id="too few decimals"),
        pytest.param(b'{"type":"x","created":"2024-05-01T00:00:00Z"}', "2024-05-01T00:00:00Z", id="no id"),
        pytest.param(b'{"modified":"yesterday","created":"2024-05-01T00:00:00Z"}', "", id="not a timestamp"),
        pytest.param(b'{"modified":"2024-05-01T00:00:00+00:00"}', "", id="not in UTC"),
        pytest.param(b'{"modified":5}', "", id="a number"),
        pytest.param(b'{"modified":"2024-05-01T00:00:00Z\\u0000"}', "", id="NUL behind"),
        pytest.param(
            b'{"modified":"2024-05-01T00:00:00Z","x":"\xff"}', "2024-05-01T00:00:00Z", id="not UTF-8 elsewhere"
        ),
        pytest.param(b'{"modified":"2024-05-01T00:00:00Z"', "", id="truncated"),
        pytest.param(b'["2024-05-01T00:00:00Z"]', "", id="a list"),
        pytest.param(b"[" * 100_000, "", id="opened without end"),
        pytest.param(b"{}", "", id="nothing"),
    ],
)
def test_an_invalid_object_shows_the_version_that_it_claims(raw: bytes, claimed: str) -> None:
    """As far as one can be read: its sender finds the object by it (TAXII 2.1 section 4.3.1)."""
    judged = judge(raw)
    assert judged.incoming is None
    assert judged.violations
    assert judged.version == claimed


def test_an_invalid_object_is_kept_out_with_every_reason() -> None:
    value = malware(name=5)
    del value["is_family"]
    judged = judge(text(value))
    assert judged.incoming is None
    assert {(one.id, one.path) for one in reject(judged)} == {(value["id"], "$.name"), (value["id"], "$.is_family")}
    assert all(one.rule and one.clause and one.message for one in reject(judged))


def test_everything_is_counted_once(shelf: Memory) -> None:
    """read = added + known + the objects in rejected."""
    good, again, other = malware(), malware(), malware()
    shelf.conflicting = {other["id"]}
    values = [text(good), b"[]", text(again), text(again), text(other), b'{"type":"malware"}', text(ipv4("1.2.3.4"))]
    seen: list[int] = []
    report = Hold(shelf).hold(values, ONE, source="test", progress=seen.append)
    rejected_objects = {one.id for one in report.rejected} | {"[]"}
    assert (report.read, report.added, report.known) == (7, 3, 1)
    assert report.read == report.added + report.known + len(rejected_objects)
    assert [one.rule for one in report.rejected if one.id == other["id"]] == ["conflict"]
    assert report.types == {"malware": 2, "ipv4-addr": 1}
    assert seen == [7]
    assert shelf.aside == [], "a file can be read again: its rejected objects are told, not kept"


def test_batches(shelf: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, only a batch of them is in memory."""
    monkeypatch.setattr("titian.exchange.hold.BATCH", 3)
    given_out: list[int] = []

    def endless() -> Iterator[bytes]:
        for number in range(8):
            given_out.append(number)
            yield text(malware())

    seen: list[tuple[int, int]] = []
    Hold(shelf).hold(endless(), ONE, source="test", progress=lambda n: seen.append((n, len(given_out))))
    assert [len(batch) for batch in shelf.batches] == [3, 3, 2]
    assert seen == [(3, 3), (3, 6), (2, 8)]


def test_what_a_partner_sent_is_kept_with_its_reason(shelf: Memory) -> None:
    bad = b'{"type":"malware","id":"malware--1"}'
    Hold(shelf).hold([bad, text(malware())], ONE, source="test", keep_rejected=True)
    (aside,) = shelf.aside
    assert (aside.id, aside.raw) == ("malware--1", bad)
    assert "Give created" in aside.reason


def test_nothing_is_nothing(shelf: Memory) -> None:
    report = Hold(shelf).hold([], ONE, source="test")
    assert (report.read, report.added, report.known, report.rejected, report.types) == (0, 0, 0, [], {})
    assert Hold(shelf).hold([text(malware())], ONE, source="test").added == 1
    assert report.types == {}, "reports share nothing"


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes_are_judged(raws: list[bytes]) -> None:
    shelf = Memory()
    report = Hold(shelf).hold(raws, ONE, source="test", keep_rejected=True)
    assert report.read == len(raws)
    assert report.added + report.known + len(shelf.aside) == len(raws)
    assert [aside.raw for aside in shelf.aside] == raws
