"""Covers, frames and streams of sealed bundles: one spelling, bounded, and no gap goes unseen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.bundle import (
    FORMAT,
    LARGEST_OBJECT,
    LARGEST_PAYLOAD,
    Counts,
    Cover,
    Kept,
    Kind,
    Receipt,
    Received,
    Running,
    contradiction,
    frame,
    frames,
    kept,
    missing,
    opened_up_to,
    sealed_up_to,
)
from titian.core.errors import InvalidInput
from titian.core.ledger import digest_of

ONE = "identity--5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
OTHER = "identity--6d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
PACT = "agreement--7d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
D1, D2 = hashlib.sha256(b"1").digest(), hashlib.sha256(b"2").digest()


def cover(**changes: object) -> Cover:
    values = {
        "kind": Kind.OBJECTS, "id": ID, "sender": ONE, "addressee": OTHER, "agreement": PACT, "number": 3,
        "created": 7, "after": 1, "first": 2, "last": 4, "count": 2, "size": 40, "payload": D1, "previous": D2,
        "acknowledges": None, **changes,
    }  # fmt: skip
    return Cover(**values)  # type: ignore[arg-type]


# ── the cover ─────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(2, 2**62), st.integers(0, 2**62), st.none() | st.integers(1, 2**62))
def test_a_cover_is_read_as_it_was_written(number: int, created: int, acknowledges: int | None) -> None:
    made = cover(number=number, created=created, acknowledges=acknowledges)
    assert Cover.parse(made.text()) == made


def test_the_text_of_a_cover_is_pinned() -> None:
    # Others read it, and its digest chains bundles: it cannot change without another version.
    assert cover().text() == (
        f"titian/bundle/v1\nkind objects\nid {ID}\nfrom {ONE}\nto {OTHER}\nagreement {PACT}\nnumber 3\ncreated 7\n"
        f"after 1\nfirst 2\nlast 4\ncount 2\nsize 40\npayload {D1.hex()}\nprevious {D2.hex()}\nacknowledges -\n"
    )
    assert cover().digest == hashlib.sha256(cover().text().encode()).digest()


@given(st.data())
def test_no_other_text_is_read_as_the_same_cover(data: st.DataObject) -> None:
    text = cover().text()
    place = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.sampled_from(["", " ", "\n", "0", "A", "-", "\r", "é"]))
    changed = text[:place] + put + text[place + data.draw(st.integers(0, 1)) :]
    try:
        found = Cover.parse(changed)
    except InvalidInput:
        return
    assert found.text() == changed


WRONG = [
    {"number": 0}, {"number": 1}, {"previous": None}, {"id": "one"}, {"sender": OTHER}, {"addressee": PACT},
    {"agreement": "pact"}, {"count": 0}, {"count": 11}, {"size": LARGEST_PAYLOAD + 1}, {"payload": b"1"},
    {"previous": b"1"}, {"acknowledges": 0}, {"after": 2}, {"last": 1}, {"kind": Kind.RECEIPT},
    {"agreement": f"{PACT}\nnumber 4"},
]  # fmt: skip


@pytest.mark.parametrize("changes", WRONG, ids=lambda changes: "-".join(f"{k}={v!s:.12}" for k, v in changes.items()))
def test_a_cover_that_contradicts_itself_does_not_exist(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        cover(**changes)


@pytest.mark.parametrize(
    "text",
    ["", "titian/bundle/v2\n", f"{FORMAT}\n", cover().text() + "more 1\n",
     cover().text().replace("kind objects", "kind x"),
     cover().text().replace("number 3", "number 03"), cover().text().replace(D1.hex(), D1.hex().upper())],
)  # fmt: skip
def test_what_is_no_cover_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Cover.parse(text)


# ── the payload ───────────────────────────────────────────────────────────────────────────────────────────────


def cut(data: bytes, step: int) -> list[bytes]:
    return [data[at : at + step] for at in range(0, len(data), step)]


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 50))
def test_frames_give_back_every_byte_however_they_are_cut(raws: list[bytes], step: int) -> None:
    data = b"".join(map(frame, raws))
    assert list(frames(cut(data, step), count=len(raws), size=len(data))) == raws


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8), st.integers(1, 50), st.data())
def test_frames_that_are_not_what_the_cover_says_are_refused(raws: list[bytes], step: int, data: st.DataObject) -> None:
    whole = b"".join(map(frame, raws))
    count, size = len(raws), len(whole)
    how = data.draw(st.sampled_from(["shorter", "longer", "more", "fewer", "size"]))
    given_ = {"shorter": whole[: data.draw(st.integers(0, size - 1))], "longer": whole + b"\0"}.get(how, whole)
    count += {"more": 1, "fewer": -1}.get(how, 0)
    size += 1 if how == "size" else 0
    with pytest.raises(InvalidInput):
        list(frames(cut(given_, step), count=count, size=size))


def test_a_frame_that_says_too_much_is_refused_before_it_is_read() -> None:
    def chunks() -> Iterator[bytes]:
        yield (LARGEST_OBJECT + 1).to_bytes(4, "big")
        raise AssertionError("nobody reads on")

    with pytest.raises(InvalidInput, match="larger"):
        list(frames(chunks(), count=1, size=LARGEST_PAYLOAD))


@given(st.lists(st.binary(max_size=10), max_size=6))
def test_a_running_digest_is_that_of_the_ledger(raws: list[bytes]) -> None:
    running = Running()
    for raw in raws:
        running.add(raw)
    assert (running.digest, running.count) == (digest_of(raws), len(raws))


# ── streams ───────────────────────────────────────────────────────────────────────────────────────────────────


def opened(number: int, after: int = 0, last: int = 0, *, done: int | None = 9, kind: Kind = Kind.OBJECTS) -> Kept:
    return Kept(id=str(number), outgoing=False, agreement=PACT, party=ONE, number=number, created=1,
                cover=bytes([number]) * 32, kind=kind, after=after, last=last, done=done)  # fmt: skip


def receipt(number: int) -> Kept:
    return opened(number, kind=Kind.RECEIPT)


GAPS = [
    pytest.param([], (), None, id="nothing"),
    pytest.param([opened(1, 0, 10), opened(2, 10, 20)], (), 2, id="all there"),
    pytest.param([opened(1, 0, 10), opened(3, 20, 30)], (2,), 1, id="a gap"),
    pytest.param([opened(3, 20, 30)], (1, 2), None, id="it begins late"),
    pytest.param([opened(1, 0, 10), opened(3, 10, 30)], (), 3, id="brought by the next one"),
    pytest.param([opened(1, 0, 10), opened(3, 20, 30), opened(4, 10, 30)], (), 4, id="sealed again later"),
    pytest.param([opened(1, 0, 10), receipt(3)], (2,), 1, id="a receipt brings nothing"),
    pytest.param([opened(1, 0, 10), receipt(3), opened(4, 10, 20)], (), 4, id="it was a receipt that is missing"),
    pytest.param([opened(1, 0, 10), opened(2, 10, 20, done=None), opened(3, 20, 30)], (2,), 1, id="cut off"),
    pytest.param([opened(1, 0, 10), opened(3, 20, 30), opened(5, 30, 40)], (2,), 1, id="one of two"),
]


@pytest.mark.parametrize(("stream", "gaps", "whole"), GAPS)
def test_gaps(stream: list[Kept], gaps: tuple[int, ...], whole: int | None) -> None:
    assert missing(stream) == gaps
    assert opened_up_to(stream) == whole


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.sets(st.integers(1, 8)))
def test_whatever_is_lost_of_a_plain_stream_is_missing_until_it_comes(steps: list[int], lost: set[int]) -> None:
    ends = [sum(steps[:index]) for index in range(len(steps) + 1)]
    stream = [opened(index + 1, ends[index], ends[index + 1]) for index in range(len(steps))]
    there = [one for one in stream if one.number not in lost]
    last = max((one.number for one in there), default=0)
    assert missing(there) == tuple(sorted(number for number in lost if number < last))
    assert missing(stream) == ()


def test_what_is_sealed_next_begins_where_the_last_whole_one_ended() -> None:
    stream = [opened(1, 0, 10), receipt(2), opened(3, 10, 20), opened(4, 20, 30, done=None)]
    assert sealed_up_to([]) == 0
    assert sealed_up_to(stream) == 20, "a file that was never whole reached nobody"
    assert sealed_up_to(stream, since=3) == 10


def follow(number: int, before: Kept | None, **changes: object) -> Kept:
    made = cover(number=number, previous=before.cover if before else None, **changes)
    return kept(made, b"", outgoing=False)


def chain() -> Sequence[Kept]:
    first = follow(1, None)
    second = follow(2, first)
    return first, second, follow(3, second)


def cover_of(number: int, before: Kept | None, **changes: object) -> Cover:
    return cover(number=number, previous=before.cover if before else None, **changes)


def test_a_stream_that_goes_on_contradicts_nothing() -> None:
    first, second, third = chain()
    assert contradiction(cover_of(2, first), [first]) is None
    assert contradiction(cover_of(2, first), [first, third]) is None, "a late one"
    assert contradiction(cover_of(3, second), [first]) is None, "a gap"
    assert contradiction(cover_of(2, first), [first, second]) is None, "the same once more"


def test_two_histories_are_found_whichever_comes_first() -> None:
    first, second, third = chain()
    fork = cover_of(2, first, created=8)
    same = contradiction(fork, [first, second])
    assert same is not None
    assert "number 2, and another bundle of that number" in same[0]
    assert same[1] is second
    forked = kept(fork, b"", outgoing=False)
    found = contradiction(cover_of(3, second), [first, forked])
    assert found is not None
    assert found[1] is forked, "it does not follow"
    late = contradiction(fork, [first, third])
    assert late is not None
    assert late[1] is third, "what came before does not lead to what came after"


def test_a_receipt_is_read_as_it_was_written() -> None:
    made = Receipt((Received(1, D1.hex(), 5, Counts(3, 2, 1)),), (2, 4))
    assert Receipt.parse(made.encode()) == made


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[" * 5000, b'{"received":[{"number":0,"cover":"","opened":1,"counts":{}}]}', b"\xff"]
)
def test_what_is_no_receipt_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        Receipt.parse(raw)


def test_a_receipt_names_no_number_below_one() -> None:
    raw = msgspec.json.encode({"received": [Received(0, D1.hex(), 5, Counts(0, 0, 0))]})
    with pytest.raises(InvalidInput):
        Receipt.parse(raw)
