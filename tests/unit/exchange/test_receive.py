"""Receive: an envelope split without touching a byte, and a receipt in the order of the request."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.stix import envelope, malware, text
from titian.core.collection import Appended, Collection, Incoming, Outcome
from titian.core.errors import InvalidInput
from titian.core.receipt import Deferred, Receipt
from titian.exchange.hold import judge
from titian.exchange.receive import Receive, settle, split

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
        Appended(values[0]["id"], 1, Outcome.ADDED),
        Appended(values[1]["id"], 2, Outcome.CONFLICT),
        Appended(values[2]["id"], 3, Outcome.KNOWN),
    ]
    made = settle(Receipt(id="r", received=0, total=5, successes=[], failures=[]), judged, appended)
    assert [(line.id, line.version) for line in made.successes] == [(values[0]["id"], 1), (values[2]["id"], 3)]
    assert [line.message for line in made.successes] == [None, "Already held, with the same content."]
    assert [line.id for line in made.failures] == ["", values[1]["id"], ""]
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


class Immediate:
    """An intake without a database: everything is new."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bool]] = []
        self.waiting: list[Deferred] = []

    def take(
        self,
        collection: Collection,
        items: Sequence[Incoming],
        *,
        source: str,
        receipt: Callable[[list[Appended]], Receipt],
        finished: bool = True,
    ) -> Future[Receipt]:
        self.taken.append(([item.id for item in items], finished))
        future: Future[Receipt] = Future()
        future.set_result(receipt([Appended(item.id, 1, Outcome.ADDED) for item in items]))
        return future

    def defer(self, collection: Collection, receipt: Receipt, body: bytes, *, source: str) -> Future[Receipt]:
        self.waiting.append(Deferred(receipt, collection, source, body))
        future: Future[Receipt] = Future()
        future.set_result(receipt)
        return future

    def claim(self) -> Deferred | None:
        return self.waiting.pop(0) if self.waiting else None


def test_now_and_later_give_the_same_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("titian.exchange.receive.BATCH", 2)
    values = [malware(), malware(), {"type": "x"}, malware(), malware()]
    body = envelope(*values)
    intake = Immediate()
    receive = Receive(intake, lambda: 7, lambda: "r")
    at_once = receive.now(ONE, split(body), source="k").result(0)
    waiting = receive.later(ONE, split(body), body, source="k").result(0)
    assert (waiting.pending, waiting.received, waiting.id) == (5, 7, "r")
    assert receive.work_off()
    assert not receive.work_off()
    assert waiting == at_once
    assert [finished for _, finished in intake.taken] == [True, False, False, True]
