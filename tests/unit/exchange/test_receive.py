"""Receive: an envelope split without touching a byte, and a receipt in the order of the request."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.stix import envelope, malware, text
from titian.core.collection import Appended, Collection, Incoming, Outcome
from titian.core.errors import InvalidInput, Refused, TooLarge
from titian.core.receipt import Deferred, Receipt
from titian.exchange.hold import judge
from titian.exchange.receive import UNKNOWN_VERSION, Receive, settle, split

ONE = Collection(num=1, id="one", name="One", created=0)


@pytest.mark.parametrize(
    ("body", "objects"),
    [
        pytest.param(b'{"objects":[{"a":1}]}', [b'{"a":1}'], id="one"),
        pytest.param(b' { "objects" : [ {"a" : 1} , { } ] } \n', [b'{"a" : 1}', b"{ }"], id="white space"),
        pytest.param(b'{"more":true,"next":"x","objects":[{}],"y":[{"objects":[1]}]}', [b"{}"], id="more around"),
        pytest.param(b'{"objects":[1,"a",null,[2]]}', [b"1", b'"a"', b"null", b"[2]"], id="values of any type"),
        pytest.param(b'{"objects":[{"a":1,"a":2}]}', [b'{"a":1,"a":2}'], id="a repeated key inside"),
        pytest.param(b'{"objects":[{"objects":[1],"objects":[2]}]}', [b'{"objects":[1],"objects":[2]}'], id="likewise"),
        pytest.param(b'{"objects":[{"a":1e999}]}', [b'{"a":1e999}'], id="a number without end"),
        pytest.param('{"objects":[{"a":"é例"}]}'.encode(), ['{"a":"é例"}'.encode()], id="not ascii"),
    ],
)
def test_split(body: bytes, objects: list[bytes]) -> None:
    assert split(body) == objects


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="truncated"),
        pytest.param(b'{"objects":[{"a":1}', id="truncated inside"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="no objects"),
        pytest.param(b'{"objects":[]}', id="empty objects"),
        pytest.param(b'{"objects":{}}', id="objects is an object"),
        pytest.param(b'{"objects":null}', id="objects is null"),
        pytest.param(b'{"Objects":[{}]}', id="another name"),
        pytest.param(b'{"objects":[{}]}x', id="something behind"),
        pytest.param(b'{"objects":[{}]}{"objects":[{}]}', id="two envelopes"),
        pytest.param(b'\xef\xbb\xbf{"objects":[{}]}', id="byte order mark"),
        pytest.param('{"objects":[{}]}'.encode("utf-16"), id="utf-16"),
        pytest.param(b'{"objects":[{}],}', id="a comma too many"),
        pytest.param(b'{"objects":[NaN]}', id="NaN"),
        pytest.param(b'{"objects":[{"a":"\\ud800"}]}', id="a lone surrogate, which UTF-8 cannot carry"),
        pytest.param(b'{"objects":[{"a":"\xff"}]}', id="not UTF-8"),
        pytest.param(b'{"objects":[{"a":"\xc0\xaf"}]}', id="UTF-8 longer than it need be"),
        pytest.param(b'{"objects":[{"a":"\xed\xa0\x80"}]}', id="a surrogate as UTF-8"),
        pytest.param(b'{"objects":[{}],"x":"\xff"}', id="not UTF-8, beside the objects"),
        pytest.param(b'{"objects":[{}],"objects":[{"a":1}]}', id="objects twice"),
        pytest.param(b'{"objects":[{"a":1}],"\\u006fbjects":[{"b":1}]}', id="objects twice, once escaped"),
        pytest.param(b'{"more":false,"objects":[{}],"more":true}', id="more twice"),
        pytest.param(b'{"objects":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", id="nested without end"),
        pytest.param(b"[" * 1_000_000, id="opened without end"),
    ],
)
def test_what_is_no_envelope(body: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        split(body)
    assert len(str(caught.value)) < 400


MANY = b",".join([b'{"x":"' + b"y" * 100 + b'"}'] * 100)
TWICE = {
    "the small one first": b'{"objects":[{"a":1}],"objects":[%s]}',
    "the large one first": b'{"objects":[%s],"objects":[{"a":1}]}',
    "once escaped, behind": b'{"objects":[%s],"\\u006fbjects":[{"a":1}]}',
    "once escaped, before": b'{"\\u006f\\u0062jects":[{"a":1}],"objects":[%s]}',
    "another key": b'{"more":true,"objects":[%s],"more":false}',
    "a key of a sender's own": b'{"x":1,"objects":[%s],"x":2}',
    "the shortest there is": b'{"":0,"objects":[%s],"":0}',
    "far apart": b'{"objects":[{"a":1}],"x":"' + b"z" * 5000 + b'","objects":[%s]}',
    "in odd white space": b'{"objects" : [{"a":1}] ,\n "objects"\t:[%s]}',
}


@pytest.mark.parametrize("objects", [b"{}", MANY], ids=["a small body", "a large body"])
@pytest.mark.parametrize("twice", TWICE.values(), ids=TWICE)
def test_a_key_of_the_envelope_stands_in_it_once(twice: bytes, objects: bytes) -> None:
    """Two readers would see two requests, and the objects of one of them would be lost without a word."""
    with pytest.raises(InvalidInput, match="twice"):
        split(twice % objects)


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("beside", [{}, {"more": False, "x": {"objects": [1], "more": 2}}], ids=["alone", "with more"])
def test_keys_inside_are_nobodys_business(indent: int | None, beside: dict[str, Any]) -> None:
    """A large envelope in any layout, whose objects have keys like its own."""
    values = [{"objects": [number], "more": "x" * 100, "next": {"objects": 1}} for number in range(100)]
    found = split(json.dumps({"objects": values} | beside, indent=indent).encode())
    assert list(map(json.loads, found)) == values


@pytest.mark.parametrize(
    ("count", "most", "taken"), [(1, 1, True), (3, 3, True), (4, 3, False), (100_001, 100_000, False)]
)
def test_objects_in_one_request_are_bounded(count: int, most: int, taken: bool) -> None:
    body = b'{"objects":[' + b",".join([b"{}"] * count) + b"]}"
    if taken:
        assert len(split(body, most=most)) == count
        return
    with pytest.raises(TooLarge, match=f"{count:,}.*{most:,}"):
        split(body, most=most)


def test_objects_are_bounded_unless_told_otherwise() -> None:
    with pytest.raises(TooLarge):
        split(b'{"objects":[' + b"1," * 100_000 + b"1]}")


@pytest.mark.parametrize("body", [b'{"objects":[{}],"SECRET":SECRET}', b'{"objects":"SECRET"}', b'{"SECRET":[]}'])
def test_errors_do_not_repeat_what_was_sent(body: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        split(body)
    assert "SECRET" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(json_values, min_size=1, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_every_object_keeps_its_bytes(values: list[object], indent: int | None, ascii_only: bool) -> None:
    raws = [json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode() for value in values]
    assert split(b'{"objects":[' + b" , ".join(raws) + b"]}") == raws


@given(st.binary(max_size=60))
def test_any_body_is_split_or_refused(body: bytes) -> None:
    try:
        objects = split(body)
    except InvalidInput:
        return
    assert objects


def test_a_receipt_is_in_the_order_of_the_request() -> None:
    values = [malware() for _ in range(3)]
    judged = [judge(text(values[0])), judge(b"{}"), judge(text(values[1])), judge(b"\xff"), judge(text(values[2]))]
    appended = [
        Appended(values[0]["id"], "1", Outcome.ADDED),
        Appended(values[1]["id"], "2", Outcome.CONFLICT),
        Appended(values[2]["id"], "3", Outcome.KNOWN),
    ]
    made = settle(Receipt(id="r", received=0, total=5, successes=[], failures=[]), judged, appended)
    assert [(line.id, line.version) for line in made.successes] == [(values[0]["id"], "1"), (values[2]["id"], "3")]
    assert [line.message for line in made.successes] == [None, "Already held, with the same content."]
    assert [(line.id, line.version) for line in made.failures] == [
        ("", UNKNOWN_VERSION), (values[1]["id"], "2"), ("", UNKNOWN_VERSION),
    ]  # fmt: skip
    assert "what is held stays" in (made.failures[1].message or "")
    assert made.pending == 0


def test_a_message_is_bounded() -> None:
    """A receipt is kept and sent: a hostile object must not blow it up."""
    value = malware(**{f"Bad Name {n}": n for n in range(2000)})
    made = settle(Receipt(id="r", received=0, total=1, successes=[], failures=[]), [judge(text(value))], [])
    (line,) = made.failures
    assert 20 < len(line.message or "") <= 500
    long = settle(
        Receipt(id="r", received=0, total=1, successes=[], failures=[]),
        [judge(b'{"type":"malware","id":"' + b"x" * 1_000_000 + b'"}')],
        [],
    )
    assert len(long.failures[0].id) < 1000, "a claimed id is bounded too"


def test_an_answer_is_not_many_times_its_request() -> None:
    """Ten thousand tiny failures: after the first hundreds each says its rule only."""
    body = b'{"type":"malware"}'
    count = 10_000
    made = settle(Receipt(id="r", received=0, total=count), [judge(body)] * count, [])
    assert len(made.failures) == count
    assert all(line.message and "STIX 2.1 section" in line.message for line in made.failures)
    sizes = [len(line.message or "") for line in made.failures]
    assert sizes[0] > 100, "the first ones say what to do"
    assert max(sizes[1000:]) < 80
    assert sum(sizes) < 5 * count * len(body)


def test_a_failure_shows_the_version_that_was_claimed() -> None:
    value = malware(name=5, modified="2024-05-01T00:00:00.123456Z")
    made = settle(Receipt(id="r", received=0, total=1), [judge(text(value))], [])
    assert [(line.id, line.version) for line in made.failures] == [(value["id"], "2024-05-01T00:00:00.123456Z")]


class Immediate:
    """An intake without a database: everything is new, and every lease is the worker's own."""

    def __init__(self) -> None:
        self.taken: list[list[str]] = []
        self.done: list[int] = []
        self.parts: list[Receipt] = []
        self.waiting: list[Deferred] = []
        self.lease = 100
        self.overtaken = False

    def _append(self, items: Sequence[Incoming], receipt: Callable[[list[Appended]], Receipt]) -> Receipt:
        self.taken.append([item.id for item in items])
        return receipt([Appended(item.id, item.text or "now", Outcome.ADDED) for item in items])

    def take(
        self,
        collection: Collection,
        items: Sequence[Incoming],
        *,
        source: str,
        receipt: Callable[[list[Appended]], Receipt],
    ) -> Future[Receipt]:
        return finished(self._append(items, receipt))

    def go_on(
        self,
        deferred: Deferred,
        items: Sequence[Incoming],
        *,
        receipt: Callable[[list[Appended]], Receipt],
        done: int,
    ) -> Future[Receipt]:
        future: Future[Receipt] = Future()
        if self.overtaken or deferred.receipt.lease != self.lease:
            future.set_exception(Refused("Another worker has this request in hand."))
            return future
        part = self._append(items, receipt)
        self.lease += 7
        part.lease = self.lease
        self.parts.append(part)
        self.done.append(done)
        return finished(part)

    def defer(self, collection: Collection, receipt: Receipt, body: bytes, *, source: str) -> Future[Receipt]:
        kept = msgspec.structs.replace(receipt, lease=self.lease)
        self.waiting.append(Deferred(kept, collection, source, body, sum(map(counted, self.parts))))
        return finished(receipt)

    def claim(self) -> Deferred | None:
        return self.waiting.pop(0) if self.waiting else None


def finished(receipt: Receipt) -> Future[Receipt]:
    future: Future[Receipt] = Future()
    future.set_result(receipt)
    return future


def counted(part: Receipt) -> int:
    return len(part.successes) + len(part.failures)


@pytest.fixture
def intake() -> Immediate:
    return Immediate()


@pytest.fixture
def receive(intake: Immediate, monkeypatch: pytest.MonkeyPatch) -> Receive:
    monkeypatch.setattr("titian.exchange.receive.BATCH", 2)
    return Receive(intake, lambda: 7, lambda: "r")


def test_now_and_later_give_the_same_receipt(intake: Immediate, receive: Receive) -> None:
    """Later it comes in parts, one for each batch, which hold nothing but their own lines."""
    values = [malware(), malware(), {"type": "x"}, malware(), malware()]
    body = envelope(*values)
    at_once = receive.now(ONE, split(body), source="k").result(0)
    waiting = receive.later(ONE, split(body), body, source="k").result(0)
    assert (waiting.pending, waiting.received, waiting.id) == (5, 7, "r")
    assert (waiting.successes, waiting.failures) == ([], [])
    assert receive.work_off()
    assert not receive.work_off()
    assert [counted(part) for part in intake.parts] == [2, 2, 1]
    assert [line for part in intake.parts for line in part.successes] == at_once.successes
    assert [line for part in intake.parts for line in part.failures] == at_once.failures
    assert intake.taken[0] == [one for batch in intake.taken[1:] for one in batch]
    assert intake.done == [2, 4, 5]


@pytest.mark.parametrize("behind", [0, 1, 2, 4, 5])
def test_work_goes_on_where_it_was_cut_off(intake: Immediate, receive: Receive, behind: int) -> None:
    values = [malware() for _ in range(5)]
    body = envelope(*values)
    receive.later(ONE, split(body), body, source="k")
    intake.waiting[0] = msgspec.structs.replace(intake.waiting[0], done=behind)
    assert receive.work_off()
    assert [one for batch in intake.taken for one in batch] == [value["id"] for value in values[behind:]]
    assert intake.done[-1:] == ([5] if behind < 5 else [])


def test_a_worker_that_is_told_to_stop_ends_after_its_batch(intake: Immediate, receive: Receive) -> None:
    body = envelope(*(malware() for _ in range(5)))
    receive.later(ONE, split(body), body, source="k")
    stopping = iter([False, True])
    assert receive.work_off(lambda: next(stopping))
    assert intake.done == [2]


def test_a_worker_that_was_overtaken_says_so(intake: Immediate, receive: Receive) -> None:
    body = envelope(*(malware() for _ in range(5)))
    receive.later(ONE, split(body), body, source="k")
    with pytest.raises(Refused):
        receive.work_off(lambda: bool(setattr(intake, "overtaken", bool(intake.done))))
    assert intake.done == [2]


def test_what_was_taken_is_worked_off_whatever_the_bound_is_now(intake: Immediate, receive: Receive) -> None:
    """An administrator who lowers objects_per_request must not leave acknowledged objects behind."""
    body = b'{"objects":[' + b",".join([b"{}"] * 100_001) + b"]}"
    intake.waiting.append(Deferred(Receipt(id="r", received=0, total=100_001, lease=100), ONE, "k", body, 100_000))
    assert receive.work_off()
    assert intake.done == [100_001]
