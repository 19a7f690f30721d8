"""Receipts: kept for a day and more, for who asked only; a request that was taken is worked on exactly once."""

from __future__ import annotations

import itertools

import pytest
from store_support import Clock, added, check_invariants, held

from support.stix import Object, envelope, malware, text
from titian.core.collection import Collection
from titian.core.receipt import Receipt
from titian.exchange.hold import Hold
from titian.exchange.receive import Receive, split
from titian.store.committer import Committer
from titian.store.intake import LEASE, StoreIntake
from titian.store.shelf import StoreShelf
from titian.store.store import Store

DAY = 24 * 3600 * 1_000_000
SECONDS = 10.0
KEY, OTHER = "key-one", "key-two"

_ids = itertools.count()


@pytest.fixture
def intake(store: Store, committer: Committer) -> StoreIntake:
    return StoreIntake(store, committer)


@pytest.fixture
def receive(intake: StoreIntake, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Receive:
    """Takes requests in, three objects to a batch."""
    monkeypatch.setattr("titian.exchange.receive.BATCH", 3)
    return Receive(intake, clock, lambda: f"status-{next(_ids)}")


def now(receive: Receive, where: Collection, *values: Object | bytes) -> Receipt:
    return receive.now(where, split(envelope(*values)), source=KEY).result(SECONDS)


def later(receive: Receive, where: Collection, *values: Object | bytes) -> Receipt:
    body = envelope(*values)
    return receive.later(where, split(body), body, source=KEY).result(SECONDS)


class Stop:
    """Says stop from the n-th time on that it is asked."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def work_off(receive: Receive, clock: Clock, bound: int = 20) -> int:
    """Work until nothing is left; how many requests were worked on."""
    for done in range(bound):
        if not receive.work_off():
            return done
    raise AssertionError("there is always more")


def test_an_answer_says_what_became_of_each(receive: Receive, intake: StoreIntake, collection: Collection) -> None:
    one, other = malware(), malware()
    made = now(receive, collection, one, one, one | {"name": "changed"}, {"type": "malware"}, other)
    assert (made.total, made.pending) == (5, 0)
    assert [line.id for line in made.successes] == [one["id"], one["id"], other["id"]]
    assert [bool(line.message) for line in made.successes] == [False, True, False]
    assert [line.id for line in made.failures] == [one["id"], ""]
    assert all(line.message for line in made.failures)
    assert intake.receipt(made.id, KEY) == made


def test_only_who_asked_may_know(receive: Receive, intake: StoreIntake, collection: Collection) -> None:
    made = now(receive, collection, malware())
    waiting = later(receive, collection, malware())
    for receipt in (made, waiting):
        assert intake.receipt(receipt.id, OTHER) is None
        assert intake.receipt(receipt.id, KEY) is not None
    assert intake.receipt("status-nobody", KEY) is None
    receive.work_off()


@pytest.mark.parametrize(
    ("age", "there"),
    [(0, True), (DAY - 1, True), (DAY, True), (DAY + 3_600_000_000, True), (15 * DAY, False)],
    ids=["at once", "a day less a moment", "a day", "a day and an hour", "two weeks"],
)
def test_a_receipt_is_kept_for_a_day_at_least(
    receive: Receive, intake: StoreIntake, clock: Clock, collection: Collection, age: int, there: bool
) -> None:
    """TAXII 2.1 section 4.3: SHOULD keep it 24 hours after it is complete; also when others come in meanwhile."""
    made = now(receive, collection, malware())
    clock.now += age
    now(receive, collection, malware())
    assert (intake.receipt(made.id, KEY) is not None) == there


def test_the_day_begins_when_the_work_is_done(
    receive: Receive, intake: StoreIntake, clock: Clock, collection: Collection
) -> None:
    made = later(receive, collection, malware())
    clock.now += 15 * DAY
    now(receive, collection, malware())
    assert intake.receipt(made.id, KEY) is not None, "what is pending is never forgotten"
    assert receive.work_off()
    clock.now += DAY
    now(receive, collection, malware())
    finished = intake.receipt(made.id, KEY)
    assert finished is not None
    assert finished.pending == 0


def test_old_receipts_make_room(store: Store, receive: Receive, clock: Clock, collection: Collection) -> None:
    made = now(receive, collection, malware())
    clock.now += 15 * DAY
    now(receive, collection, malware())
    with store.reading() as tx:
        assert tx.one("SELECT 1 FROM statuses WHERE id = ?", made.id) is None


def test_a_deferred_request_is_worked_on(
    receive: Receive, intake: StoreIntake, clock: Clock, collection: Collection
) -> None:
    values = [malware() for _ in range(8)]
    values[4] = {"type": "malware"}
    made = later(receive, collection, *values)
    waiting = intake.receipt(made.id, KEY)
    assert waiting is not None
    assert (waiting.total, waiting.pending, waiting.successes, waiting.failures) == (8, 8, [], [])
    assert held(intake._store, collection) == []
    assert work_off(receive, clock) == 1
    done = intake.receipt(made.id, KEY)
    assert done is not None
    assert (done.pending, len(done.successes), len(done.failures)) == (0, 7, 1)
    assert held(intake._store, collection) == [text(value) for value in values if "id" in value]
    check_invariants(intake._store, collection)


def test_what_is_done_drops_the_request(store: Store, receive: Receive, clock: Clock, collection: Collection) -> None:
    """The bytes live in the collection, or nowhere: what is deleted there must not lie in a receipt."""
    made = later(receive, collection, malware())
    work_off(receive, clock)
    with store.reading() as tx:
        assert tx.one("SELECT body FROM statuses WHERE id = ?", made.id) == (None,)


def test_requests_are_worked_on_in_their_order(
    store: Store, receive: Receive, clock: Clock, collection: Collection
) -> None:
    values = [malware() for _ in range(3)]
    for value in values:
        later(receive, collection, value)
        clock.now += 1
    assert work_off(receive, clock) == 3
    assert held(store, collection) == [text(value) for value in values]


def test_one_worker_at_a_time(receive: Receive, intake: StoreIntake, clock: Clock, collection: Collection) -> None:
    """A claim is a lease: others leave it alone until its holder gives no sign of life."""
    made = later(receive, collection, malware())
    first = intake.claim()
    assert first is not None
    assert first.receipt.id == made.id
    assert (first.collection.id, first.source) == (collection.id, KEY)
    assert intake.claim() is None
    clock.now += LEASE
    assert intake.claim() is None
    clock.now += 1
    second = intake.claim()
    assert second is not None
    assert second.body == first.body
    clock.now += LEASE + 1
    work_off(receive, clock)


def test_work_in_progress_keeps_the_lease(
    receive: Receive, intake: StoreIntake, clock: Clock, collection: Collection
) -> None:
    """A large request takes longer than a lease: each batch renews it."""
    later(receive, collection, *(malware() for _ in range(9)))

    def slowly() -> bool:
        assert intake.claim() is None
        clock.now += LEASE - 1
        return False

    assert receive.work_off(slowly)
    assert len(held(intake._store, collection)) == 9


@pytest.mark.parametrize("batches", [0, 1, 2, 3])
def test_a_worker_that_stops_is_taken_over(
    receive: Receive, intake: StoreIntake, clock: Clock, collection: Collection, batches: int
) -> None:
    """Every object exactly once, in the receipt too, wherever it was cut off."""
    values = [malware() for _ in range(8)] + [{"type": "malware"}]
    made = later(receive, collection, *values)
    assert receive.work_off(Stop(batches))
    halfway = intake.receipt(made.id, KEY)
    assert halfway is not None
    assert halfway.pending == 9 - 3 * batches
    assert len(held(intake._store, collection)) == min(8, 3 * batches)
    clock.now += LEASE + 1
    assert receive.work_off() == (batches < 3)
    done = intake.receipt(made.id, KEY)
    assert done is not None
    assert [line.id for line in done.successes] == [value["id"] for value in values[:8]]
    assert [line.message for line in done.successes] == [None] * 8, "each was new when it came"
    assert (done.pending, len(done.failures)) == (0, 1)
    assert held(intake._store, collection) == [text(value) for value in values[:8]]
    assert added(intake._store, collection) == sorted(set(added(intake._store, collection)))


def test_a_worker_that_dies_in_a_batch_is_taken_over(
    store: Store,
    intake: StoreIntake,
    receive: Receive,
    clock: Clock,
    collection: Collection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch and its receipt are one transaction: either both are there or neither is."""
    values = [malware() for _ in range(7)]
    made = later(receive, collection, *values)
    honest, calls = StoreIntake._write, itertools.count()

    def dies(self: StoreIntake, *arguments: object, **named: object) -> None:
        if next(calls) == 1:
            raise OSError("the power went")
        honest(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(StoreIntake, "_write", dies)
    with pytest.raises(OSError, match="the power went"):
        receive.work_off()
    assert held(store, collection) == [text(value) for value in values[:3]]
    clock.now += LEASE + 1
    assert receive.work_off()
    done = intake.receipt(made.id, KEY)
    assert done is not None
    assert [line.id for line in done.successes] == [value["id"] for value in values]
    assert held(store, collection) == [text(value) for value in values]


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b'{"type":"malware","id":"malware--\\u0000","name":"a\\u0000b"}', id="NUL"),
        pytest.param(b'{"type":"malware","id":"malware--\\ud800"}', id="lone surrogate"),
        pytest.param(b'{"type":"malware","id":"malware--\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"type":"mal\\u0000ware","id":"x--\\u0000"}', id="NUL in a type"),
        pytest.param(b"[" * 60 + b"]" * 60, id="nested lists"),
        pytest.param(b'{"type":"malware","id":"' + b"x" * 100_000 + b'"}', id="a long id"),
    ],
)
def test_hostile_objects_are_answered_and_can_be_set_aside(
    store: Store, receive: Receive, collection: Collection, hostile: bytes
) -> None:
    """What a partner sends must not break the request of the good objects beside it, nor end a pull."""
    good = malware()
    made = receive.now(collection, [hostile, text(good)], source=KEY).result(SECONDS)
    assert ([line.id for line in made.successes], len(made.failures)) == ([good["id"]], 1)
    other = malware()
    hold = Hold(StoreShelf(store))
    report = hold.hold([hostile, text(other)], collection, source="partner", keep_rejected=True)
    assert (report.read, report.added) == (2, 1)
    with store.reading() as tx:
        kept = [bytes(row[0]) for row in tx.all("SELECT raw FROM quarantine WHERE collection = ?", collection.num)]
    assert kept == [hostile]
