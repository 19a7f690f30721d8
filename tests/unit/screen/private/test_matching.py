"""Private matching, both sides against each other: each mode finds what plain sets would, and nothing else goes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core.errors import InvalidInput, PeerUntrusted, Refused, TooLarge
from titian.core.screening import ValueKind
from titian.screen.private import (
    Asking,
    Book,
    Found,
    Key,
    Made,
    Mode,
    Serving,
    Step,
    Terms,
    begin,
    derive_key,
    holds,
    inputs,
    make_offer,
    open_one,
    read_offer,
    serve,
)  # fmt: skip
from titian.screen.private import messages as wire
from titian.screen.private.offering import variant

SEED = bytes(range(32))
MODES = pytest.mark.parametrize("mode", Mode, ids=lambda mode: mode.value)


def key_for(seed: bytes, partner: str, agreed: Terms) -> Key:
    """A key for a test, the same each time."""
    return derive_key(seed, repr((partner, agreed)).encode(), variant(agreed))


def terms(mode: Mode, **changes: Any) -> Terms:
    return msgspec.structs.replace(Terms(ValueKind.WALLET, "2026-11", mode, asked=100), **changes)


def source(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def offered(values: Sequence[str], agreed: Terms, notes: dict[str, str] | None = None, seed: int = 1) -> Made:
    return make_offer(values, agreed, key_for(SEED, "Partner One", agreed), source(seed), notes=notes)


class Run:
    """A run under test: both sides, and every message that went."""

    def __init__(self, made: Made, values: Sequence[str], seed: int = 2, batch: int = 4) -> None:
        self.made, self.random, self.sent, self.replies = made, source(seed), list[bytes](), list[bytes]()
        self.serving: Serving | None = None
        self.asking = Asking(read_offer(made.data, expected=made.book.terms), values, source(seed + 1), batch=batch)

    def answer(self, message: bytes) -> bytes:
        step: Step
        if self.serving is None:
            step = begin(self.made.book, message)
        else:
            step = serve(self.made.book, self.serving, message, self.random)
        # Between two messages the state may lie in a database.
        self.serving = msgspec.msgpack.decode(msgspec.msgpack.encode(step.serving), type=Serving)
        self.sent.append(message)
        self.replies.append(step.reply)
        return step.reply

    def whole(self) -> Found:
        message: bytes | None = self.asking.begin()
        while message is not None:
            message = self.asking.take(self.answer(message))
        assert self.asking.found is not None
        return self.asking.found


VALUES = st.lists(
    st.sampled_from([f"value {one}" for one in range(12)] + ["", "価値", "x" * 300, "y" * 70_000]), max_size=14
)


@settings(deadline=None, max_examples=60)
@given(held=VALUES, asked=VALUES, mode=st.sampled_from(Mode), verified=st.booleans(), pad=st.sampled_from([1, 5]),
       batch=st.integers(1, 5))  # fmt: skip
def test_each_mode_finds_what_plain_sets_would(
    held: list[str], asked: list[str], mode: Mode, verified: bool, pad: int, batch: int
) -> None:
    notes = {value: f"note of {value[:20]}" for value in held[::2]} if mode is Mode.LABELLED else None
    run = Run(offered(held, terms(mode, verified=verified, pad=pad), notes), asked, batch=batch)
    found = run.whole()
    common = [value for value in dict.fromkeys(asked) if value in held]
    assert found.common == len(common)
    assert (found.asked, found.offered) == tuple(-(-len(set(one)) // pad) * pad for one in (asked, held))
    assert found.values == (() if mode is Mode.CARDINALITY else tuple(common))
    assert found.notes == (tuple((notes or {}).get(value, "") for value in common) if mode is Mode.LABELLED else ())
    assert run.serving is not None
    assert run.serving.closed
    assert set(run.serving.common) == (set(common) if mode is Mode.MUTUAL else set())
    assert run.serving.size == found.asked


@MODES
def test_sizes_of_messages_depend_on_the_sizes_of_the_sets_alone(mode: Mode) -> None:
    def sizes(held: list[str], asked: list[str], seed: int) -> list[list[int]]:
        notes = dict.fromkeys(held, f"note {seed}") if mode is Mode.LABELLED else None
        run = Run(offered(held, terms(mode), notes, seed), asked, seed)
        run.whole()
        # In the mode mutual the last message holds the hits, which both sides learn.
        end = -1 if mode is Mode.MUTUAL else None
        return [[len(run.made.data)], [len(one) for one in run.sent[:end]], [len(one) for one in run.replies[:end]]]

    all_in_common = sizes([f"a{n}" for n in range(21)], [f"a{n}" for n in range(10)], 1)
    nothing_in_common = sizes([f"long value {n}" * 20 for n in range(21)], [f"other {n}" for n in range(10)], 2)
    assert all_in_common == nothing_in_common


@MODES
def test_two_runs_over_the_same_values_have_nothing_in_common(mode: Mode) -> None:
    made, asked = offered(["a", "b"], terms(mode)), ["a", "c", "d"]
    one, other = Run(made, asked, seed=10), Run(made, asked, seed=20)
    one.whole()
    other.whole()

    def points(run: Run) -> set[bytes]:
        found = wire.read(run.sent[1], wire.Ask).points
        return {found[at : at + 32] for at in range(0, len(found), 32)}

    def begun(run: Run) -> wire.Begin:
        return wire.read(run.sent[0], wire.Begin)

    assert len(points(one) | points(other)) == 2 * len(asked)
    assert begun(one).head.run != begun(other).head.run
    assert begun(one).commitment != begun(other).commitment


def test_a_count_tells_neither_order_nor_which() -> None:
    """Both sides sort what they send: the same set, given in another order, makes the same transcript."""
    made = offered(["a", "b", "c"], terms(Mode.CARDINALITY))
    orders = (["a", "x", "b", "y", "z"], ["z", "y", "b", "x", "a"])
    runs = [Run(made, order, seed=5, batch=2) for order in orders]
    assert [run.whole().common for run in runs] == [2, 2]
    assert runs[0].sent == runs[1].sent
    assert runs[0].replies[-1] == runs[1].replies[-1]
    points = wire.read(runs[0].replies[-1], wire.Answer).points
    split = [points[at : at + 32] for at in range(0, len(points), 32)]
    assert split == sorted(split)
    assert [wire.read(one, wire.Answer).points for one in runs[0].replies[1:-1]] == [b"", b""]


def test_a_count_of_one_value_asked_twice_is_refused() -> None:
    made = offered(["a"], terms(Mode.CARDINALITY))
    run = Run(made, ["a", "b"], batch=1)
    message = run.asking.begin()
    first = run.asking.take(run.answer(message))
    assert first is not None
    second = run.asking.take(run.answer(first))
    assert second is not None
    again = msgspec.structs.replace(wire.read(second, wire.Ask), points=wire.read(first, wire.Ask).points)
    with pytest.raises(InvalidInput, match="more than once"):
        run.answer(wire.write(again))


def begun(mode: Mode = Mode.INTERSECTION, asked: Sequence[str] = "abcdefgh") -> tuple[Run, bytes]:
    """A run that waits for its first batch, and that batch."""
    run = Run(offered("abc", terms(mode)), asked)
    message = run.asking.take(run.answer(run.asking.begin()))
    assert message is not None
    return run, message


def change(message: bytes, kind: type[Any], **parts: Any) -> bytes:
    return wire.write(msgspec.structs.replace(wire.read(message, kind), **parts))


def wrong_asks(run: Run, message: bytes) -> dict[str, bytes]:
    ask = wire.read(message, wire.Ask)
    heads = {name: msgspec.structs.replace(ask.head, **parts) for name, parts in {
        "another run": {"run": bytes(16)}, "another offer": {"offer": bytes(32)}, "another epoch": {"epoch": "2026-12"},
        "another kind": {"kind": ValueKind.PHONE}, "another version": {"version": 2},
    }.items()}  # fmt: skip
    return {
        **{name: change(message, wire.Ask, head=head) for name, head in heads.items()},
        "truncated": message[:-1],
        "empty": b"",
        "with something after it": message + b"\x00",
        "not a message": b"GET / HTTP/1.1",
        "of another type": run.sent[0],
        "ahead": change(message, wire.Ask, number=2),
        "number zero": change(message, wire.Ask, number=0),
        "too few points": change(message, wire.Ask, points=b""),
        "cut points": message.replace(ask.points, ask.points[:-1]),
        "too many": change(message, wire.Ask, points=ask.points * 3),
        "the identity": change(message, wire.Ask, points=bytes(32) + ask.points[32:]),
        "not on the group": change(message, wire.Ask, points=b"\x01" * 32 + ask.points[32:]),
        "not canonical": change(message, wire.Ask, points=b"\xff" * 32 + ask.points[32:]),
    }


@pytest.mark.parametrize("name", list(wrong_asks(*begun())))
@pytest.mark.parametrize("mode", [Mode.INTERSECTION, Mode.CARDINALITY], ids=lambda mode: mode.value)
def test_a_wrong_batch_is_refused_and_the_run_can_go_on(name: str, mode: Mode) -> None:
    run, message = begun(mode)
    wrong = wrong_asks(run, message)[name]
    before = run.serving
    with pytest.raises(InvalidInput):
        run.answer(wrong)
    assert run.serving == before
    assert run.answer(message)


def test_a_batch_is_answered_once() -> None:
    run, message = begun()
    run.answer(message)
    with pytest.raises(InvalidInput, match="answered already"):
        run.answer(message)


@pytest.mark.parametrize("mode", [Mode.INTERSECTION, Mode.MUTUAL], ids=lambda mode: mode.value)
def test_nothing_comes_after_the_end(mode: Mode) -> None:
    run = Run(offered("abc", terms(mode)), "ab")
    run.whole()
    for message in run.sent:
        with pytest.raises(InvalidInput, match="over"):
            run.answer(message)
    with pytest.raises(Refused):
        run.asking.take(run.replies[-1])
    with pytest.raises(Refused):
        run.asking.begin()


WRONG_BEGINS: dict[str, Callable[[wire.Begin], dict[str, Any]]] = {
    "another mode": lambda begin: {"mode": Mode.CARDINALITY},
    "another offer": lambda begin: {"head": msgspec.structs.replace(begin.head, offer=bytes(32))},
    "another kind": lambda begin: {"head": msgspec.structs.replace(begin.head, kind=ValueKind.PHONE)},
    "more than agreed": lambda begin: {"size": 101},
    "less than nothing": lambda begin: {"size": -1},
    "more batches than values": lambda begin: {"batches": 9},
    "no batch": lambda begin: {"batches": 0},
    "a short commitment": lambda begin: {"commitment": b""},
    "a short name": lambda begin: {"head": msgspec.structs.replace(begin.head, run=b"")},
}


@pytest.mark.parametrize("name", WRONG_BEGINS)
def test_a_run_that_cannot_be_does_not_begin(name: str) -> None:
    run = Run(offered("abc", terms(Mode.INTERSECTION)), "abcdefgh")
    message = wire.read(run.asking.begin(), wire.Begin)
    with pytest.raises((InvalidInput, TooLarge)):
        begin(run.made.book, wire.write(msgspec.structs.replace(message, **WRONG_BEGINS[name](message))))


def other_book(run: Run) -> Book:
    return msgspec.structs.replace(run.made.book, key=key_for(SEED, "Partner Two", run.made.book.terms))


@MODES
def test_a_key_that_changes_during_a_run_is_noticed(mode: Mode) -> None:
    run, message = begun(mode, "abcd")
    assert run.serving is not None
    reply = serve(other_book(run), run.serving, message, run.random).reply
    with pytest.raises(PeerUntrusted, match="proof does not hold"):
        run.asking.take(reply)
    with pytest.raises(Refused, match="broken off"):
        run.asking.take(reply)


def test_a_key_that_changed_since_the_offer_is_noticed() -> None:
    run = Run(offered("abc", terms(Mode.INTERSECTION)), "ab")
    with pytest.raises(PeerUntrusted, match="key changed"):
        run.asking.take(begin(other_book(run), run.asking.begin()).reply)


def wrong_answers(run: Run, reply: bytes) -> dict[str, bytes]:
    answer = wire.read(reply, wire.Answer)
    points = answer.points
    return {
        "truncated": reply[:-1],
        "an earlier one": run.replies[0],
        "of another run": change(reply, wire.Answer, head=msgspec.structs.replace(answer.head, run=bytes(16))),
        "of another batch": change(reply, wire.Answer, number=2),
        "too few": change(reply, wire.Answer, points=points[32:]),
        "none": change(reply, wire.Answer, points=b""),
        "no proof": change(reply, wire.Answer, proof=b""),
        "a proof of zeros": change(reply, wire.Answer, proof=bytes(64)),
        "the identity": change(reply, wire.Answer, points=bytes(32) + points[32:]),
        "not on the group": change(reply, wire.Answer, points=b"\x01" * 32 + points[32:]),
        "exchanged": change(reply, wire.Answer, points=points[32:64] + points[:32] + points[64:]),
    }


def answered() -> tuple[Run, bytes]:
    run, message = begun()
    return run, run.answer(message)


@pytest.mark.parametrize("name", list(wrong_answers(*answered())))
def test_a_wrong_answer_ends_the_run(name: str) -> None:
    run, reply = answered()
    with pytest.raises(PeerUntrusted):
        run.asking.take(wrong_answers(run, reply)[name])
    with pytest.raises(Refused):
        run.asking.take(reply)


@MODES
def test_an_offer_that_is_damaged_or_on_other_terms_is_refused(mode: Mode) -> None:
    agreed = terms(mode)
    made = offered("abc", agreed, {"a": "note"} if mode is Mode.LABELLED else None)
    offer = wire.read(made.data, wire.Offer)
    flawed = [made.data[:-1], made.data + b"\x00", b"", b"\xc1", wire.write(msgspec.structs.replace(offer, size=4))]
    flawed += [
        wire.write(msgspec.structs.replace(offer, **parts))
        for parts in ({"public": bytes(32)}, {"public": b"\x01" * 32}, {"tags": b""}, {"version": 2}, {"note": 1},
                      {"tags": b"\xff" * len(offer.tags)}, {"salt": b""}, {"commitment": b""}, {"notes": b"x"})
    ]  # fmt: skip
    for data in flawed:
        with pytest.raises(PeerUntrusted):
            read_offer(data, expected=agreed)
    others: list[dict[str, Any]] = [
        {"epoch": "2026-12"}, {"kind": ValueKind.PHONE}, {"verified": False}, {"asked": 101}, {"pad": 2},
        {"mode": Mode.MUTUAL if mode is not Mode.MUTUAL else Mode.LABELLED},
    ]  # fmt: skip
    for parts in others:
        with pytest.raises(PeerUntrusted, match="other terms"):
            read_offer(made.data, expected=msgspec.structs.replace(agreed, **parts))
    with pytest.raises(PeerUntrusted, match="another key"):
        read_offer(made.data, expected=agreed, public=key_for(SEED, "Partner Two", agreed).public)


def test_a_message_has_a_largest_size() -> None:
    with pytest.raises(TooLarge):
        wire.read(b"x" * 11, wire.Ask, most=10)


def test_a_claimed_hit_must_be_shown() -> None:
    run, message = begun(Mode.MUTUAL, "axyz")
    confirm = run.asking.take(run.answer(message))
    assert confirm is not None
    places = wire.read(confirm, wire.Confirm).places
    assert len(places) == 1
    for parts in (
        {"places": ((places[0] + 1) % 3,)},
        {"shown": bytes(16)},
        {"places": (0, 1, 2), "shown": bytes(48)},
        {"places": (7,)},
        {"places": (-1,)},
    ):
        with pytest.raises(InvalidInput):
            run.answer(change(confirm, wire.Confirm, **parts))
    closed = run.answer(confirm)
    with pytest.raises(PeerUntrusted):
        run.asking.take(change(closed, wire.Closed, common=2))


def test_a_place_that_rounds_up_a_size_is_no_hit() -> None:
    run = Run(offered("", terms(Mode.MUTUAL, pad=3)), [])
    confirm = run.asking.take(run.answer(run.asking.begin()))
    assert confirm is not None
    run = Run(offered("a", terms(Mode.MUTUAL, pad=3)), "a")
    message = run.asking.take(run.answer(run.asking.begin()))
    assert message is not None
    confirm = run.asking.take(run.answer(message))
    assert confirm is not None
    (place,) = wire.read(confirm, wire.Confirm).places
    shown = wire.read(confirm, wire.Confirm).shown
    for wrong in {0, 1, 2} - {place}:
        places, both = tuple(sorted((place, wrong))), {place: shown, wrong: bytes(16)}
        for parts in ({"places": (wrong,)}, {"places": places, "shown": b"".join(both[at] for at in places)}):
            with pytest.raises(InvalidInput, match="claimed"):
                run.answer(change(confirm, wire.Confirm, **parts))
    run.answer(confirm)


def test_a_note_opens_for_its_own_value_only() -> None:
    made = offered("abc", terms(Mode.LABELLED), {"a": "first", "b": "second"})
    offer = wire.read(made.data, wire.Offer)
    assert b"first" not in made.data
    turned = offer.notes[offer.note :] + offer.notes[: offer.note]
    flawed = Made(wire.write(msgspec.structs.replace(offer, notes=turned)), made.book)
    flawed = Made(flawed.data, msgspec.structs.replace(made.book, offer=wire.offer_id(flawed.data)))
    with pytest.raises(PeerUntrusted, match="note"):
        Run(flawed, "ab").whole()


def test_values_of_two_kinds_cannot_be_taken_for_each_other() -> None:
    assert inputs(["a"], ValueKind.WALLET) != inputs(["a"], ValueKind.PHONE)


def test_both_can_show_later_what_they_put_in() -> None:
    made = offered("abc", terms(Mode.INTERSECTION))
    found = Run(made, "ax").whole()
    (value,) = inputs("a", ValueKind.WALLET)
    assert found.theirs == made.book.commitment
    assert holds(found.theirs, value, open_one(inputs("abc", ValueKind.WALLET), made.book.salt, value))
    assert holds(found.ours, value, open_one(inputs("ax", ValueKind.WALLET), found.salt, value))


def test_what_is_kept_does_not_show_its_secrets() -> None:
    book = offered("abc", terms(Mode.MUTUAL)).book
    for secret in (book.key.secret, book.salt):
        assert repr(secret) not in repr(book)
        assert secret.hex() not in repr(book)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(InvalidInput, match="half a character"):
        inputs(["\ud800"], ValueKind.TEXT)


def test_terms_and_sets_that_cannot_be_are_refused() -> None:
    for parts in ({"epoch": ""}, {"epoch": "x" * 65}, {"asked": 0}, {"pad": 0}):
        with pytest.raises(InvalidInput, match="terms"):
            offered("a", terms(Mode.INTERSECTION, **parts))
    with pytest.raises(InvalidInput, match="Notes"):
        offered("a", terms(Mode.INTERSECTION), {"a": "note"})
    with pytest.raises(TooLarge):
        offered("a", terms(Mode.LABELLED), {"a": "x" * 5000})
    with pytest.raises(TooLarge):
        Run(offered("a", terms(Mode.INTERSECTION, asked=3)), "abcd")
