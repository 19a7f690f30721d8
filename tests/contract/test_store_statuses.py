"""Receipts: kept for a day and more, for who asked only; a request that was taken is worked on exactly once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from store_support import Clock, added, check_invariants, held

from support.stix import Object, envelope, malware, text
from titian.core.collection import Collection
from titian.core.errors import Refused
from titian.core.receipt import Receipt
from titian.exchange.hold import Hold, judge
from titian.exchange.receive import UNKNOWN_VERSION, Receive, split
from titian.store.committer import Committer
from titian.store.intake import LEASE, StoreIntake
from titian.store.shelf import StoreShelf
from titian.store.statuses import add_part
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
    assert [line.version for line in made.successes] == [one["modified"], one["modified"], other["modified"]]
    assert [line.version for line in made.failures] == [one["modified"], UNKNOWN_VERSION]
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


def parts(store: Store, made: Receipt) -> list[int]:
    """How many objects each part of a receipt is about."""
    with store.reading() as tx:
        rows = tx.all("SELECT part, count FROM status_parts WHERE status = ? ORDER BY part", made.id)
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    return [row[1] for row in rows]


def test_old_receipts_make_room(store: Store, receive: Receive, clock: Clock, collection: Collection) -> None:
    """All parts of them, and nothing of those that are younger or still pending."""
    made = now(receive, collection, malware())
    in_parts = later(receive, collection, *(malware() for _ in range(4)))
    work_off(receive, clock)
    clock.now += 14 * DAY
    young = later(receive, collection, *(malware() for _ in range(4)))
    work_off(receive, clock)
    waiting = later(receive, collection, *(malware() for _ in range(7)))
    assert receive.work_off(Stop(2))
    clock.now += DAY
    now(receive, collection, malware())
    assert [parts(store, one) for one in (in_parts, young, waiting)] == [[], [3, 1], [3, 3]]
    with store.reading() as tx:
        for one in (made, in_parts):
            assert tx.one("SELECT 1 FROM statuses WHERE id = ?", one.id) is None
    work_off(receive, clock)


def test_each_batch_writes_its_own_lines_only(
    store: Store, receive: Receive, clock: Clock, collection: Collection
) -> None:
    """Else a request of many batches would write its first lines again with each: the square of its length."""
    made = later(receive, collection, *(malware() for _ in range(8)))
    with store.reading() as tx:
        before = tx.one("SELECT resource FROM statuses WHERE id = ?", made.id)
    work_off(receive, clock)
    assert parts(store, made) == [3, 3, 2]
    with store.reading() as tx:
        assert tx.one("SELECT resource FROM statuses WHERE id = ?", made.id) == before


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
    clock.now += LEASE
    assert not receive.work_off(), "as long as the lease runs nobody else takes it"
    clock.now += 1 + batches  # each batch renews the lease by a microsecond at least
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
    calls = itertools.count()

    def dies(*arguments: Any, **named: Any) -> bool:
        written = add_part(*arguments, **named)
        if next(calls) == 1:
            raise OSError("the power went")
        return written

    monkeypatch.setattr("titian.store.intake.add_part", dies)
    with pytest.raises(OSError, match="the power went"):
        receive.work_off()
    assert held(store, collection) == [text(value) for value in values[:3]]
    assert parts(store, made) == [3]
    clock.now += LEASE + 2
    assert receive.work_off()
    done = intake.receipt(made.id, KEY)
    assert done is not None
    assert [line.id for line in done.successes] == [value["id"] for value in values]
    assert held(store, collection) == [text(value) for value in values]


class Overtaken:
    """Holds a worker up after its first batch until its lease is gone and another worker has done some batches."""

    def __init__(self, receive: Receive, clock: Clock, batches: int) -> None:
        self._receive, self._clock, self._batches = receive, clock, batches
        self._asked = itertools.count()

    def __call__(self) -> bool:
        if next(self._asked) == 1:
            self._clock.now += LEASE + 2
            assert self._receive.work_off(Stop(self._batches))
        return False


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_a_worker_that_lost_its_lease_writes_nothing(
    receive: Receive, intake: StoreIntake, clock: Clock, collection: Collection, batches: int
) -> None:
    """It was held up, not dead (a pause of its machine): what it still does must not be done twice."""
    values = [malware() for _ in range(7)] + [{"type": "malware"}]
    made = later(receive, collection, *values)
    with pytest.raises(Refused, match="Another worker"):
        receive.work_off(Overtaken(receive, clock, batches))
    done = 3 + 3 * batches
    halfway = intake.receipt(made.id, KEY)
    assert halfway is not None
    assert halfway.pending == 8 - min(done, 8)
    assert held(intake._store, collection) == [text(value) for value in values[:7][:done]]
    assert parts(intake._store, made) == [3, 3, 2][: 1 + batches]
    clock.now += LEASE + 10
    assert receive.work_off() == (done < 8)
    whole = intake.receipt(made.id, KEY)
    assert whole is not None
    assert ([line.id for line in whole.successes], whole.pending) == ([value["id"] for value in values[:7]], 0)
    assert [line.message for line in whole.successes] == [None] * 7, "each was new when it came"
    assert len(whole.failures) == 1
    assert held(intake._store, collection) == [text(value) for value in values[:7]]
    check_invariants(intake._store, collection)


@pytest.mark.parametrize("change", ["before its time", "finished", "gone"])
def test_a_lease_is_the_very_one_that_was_given(
    store: Store, receive: Receive, intake: StoreIntake, clock: Clock, collection: Collection, change: str
) -> None:
    """A fence, not a clock: whatever else than its own claim stands there, the worker writes nothing."""
    made = later(receive, collection, malware())
    deferred = intake.claim()
    assert deferred is not None
    assert (deferred.done, deferred.receipt.lease) == (0, clock.now + LEASE)
    statement = {
        "before its time": "UPDATE statuses SET lease = lease - 1 WHERE id = ?",
        "finished": "UPDATE statuses SET finished = 1 WHERE id = ?",
        "gone": "DELETE FROM statuses WHERE id = ?",
    }[change]
    with store.writing() as tx:
        assert tx.run(statement, made.id) == 1
    (item,) = [judge(raw).incoming for raw in split(deferred.body)]
    assert item is not None
    future = intake.go_on(deferred, [item], receipt=lambda _: deferred.receipt, done=1)
    with pytest.raises(Refused):
        future.result(SECONDS)
    assert held(store, collection) == []
    assert parts(store, made) == []
    with store.writing() as tx:
        tx.run("DELETE FROM statuses WHERE id = ?", made.id)


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b'{"type":"malware","id":"malware--\\u0000","name":"a\\u0000b"}', id="NUL"),
        pytest.param(b'{"type":"malware","id":"malware--\\ud800"}', id="lone surrogate"),
        pytest.param(b'{"type":"malware","id":"malware--\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"type":"mal\\u0000ware","id":"x--\\u0000"}', id="NUL in a type"),
        pytest.param(b"[" * 60 + b"]" * 60, id="nested lists"),
        pytest.param(b'{"type":"malware","id":"' + b"x" * 60_000 + b'"}', id="a long id"),
        pytest.param(b'{"type":"malware","id":"' + "例🛰".encode() * 30_000 + b'"}', id="a long wide id"),
        pytest.param(b'{"type":"malware","id":"malware--' + b"\\u0000" * 10_000 + b'"}', id="an id of NULs"),
        pytest.param(
            b'{"type":"malware","id":"malware--1","spec_version":"2.1",'
            + b",".join(b'"Bad\\u0000Name %d":1' % n for n in range(1000))
            + b"}",
            id="a long reason",
        ),
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
    for _ in range(2):
        with store.reading() as tx:
            kept = tx.all("SELECT raw, id, reason FROM quarantine WHERE collection = ?", collection.num)
        assert [bytes(row[0]) for row in kept] == [hostile]
        ((_, ident, reason),) = kept
        assert "\x00" not in ident + reason
        assert (len(ident) <= 300, 0 < len(reason) <= 2000) == (True, True)
        hold.hold([hostile], collection, source="partner", keep_rejected=True)  # once is enough


def test_what_is_set_aside_is_kept_for_each_collection(store: Store, new_collection: Callable[[], Collection]) -> None:
    """Two partners send the same invalid object: who looks after one collection must find it too."""
    bad = text({"type": "malware", "id": f"malware--{next(_ids)}"})
    collections = [new_collection(), new_collection()]
    for where in collections:
        Hold(StoreShelf(store)).hold([bad], where, source="partner", keep_rejected=True)
    with store.reading() as tx:
        rows = [tx.all("SELECT raw FROM quarantine WHERE collection = ?", where.num) for where in collections]
    assert [[bytes(row[0]) for row in each] for each in rows] == [[bad], [bad]]
