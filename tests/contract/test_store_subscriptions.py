"""A subscription is in one hand at a time, is free when its holder ends, and what a holder writes that was overtaken
does not count."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest

from support.gate import Bench
from titian.core.errors import NotFound, Refused
from titian.core.subscription import MINUTE, SECOND, Progress, Subscription, Terms
from titian.store.subscriptions import Subscriptions

TERMS = Terms(url="https://one.example/", remote="r", title="t", agreement="a", party="p", every=SECOND)
SUB = "5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11"


class Book:
    """Two processes' subscriptions over one store, and their clock."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.here, self.there = (Subscriptions(bench.node.store) for _ in range(2))
        self.here.add(Subscription(id=SUB, collection=1, created=1, next_try=0, terms=TERMS, progress=Progress()),
                      "key", person="person-1")  # fmt: skip

    def now(self) -> int:
        return self.bench.clock()

    def later(self, micros: int) -> None:
        self.bench.clock.now += micros

    @property
    def progress(self) -> Progress:
        return self.here.find(SUB).progress


@pytest.fixture
def book(new_bench: Callable[[], Bench]) -> Book:
    return Book(new_bench())


def over_time(book: Book) -> None:
    """As on a database server: there are no locks, and the lease alone counts."""
    book.here._hands = book.there._hands = None


@pytest.mark.parametrize("locks", [True, False], ids=["one-machine", "database-server"])
def test_one_has_it_in_hand_at_a_time(book: Book, locks: bool) -> None:
    if not locks:
        over_time(book)
    held = book.here.claim(SUB, book.now() + MINUTE)
    assert held is not None
    assert (book.there.claim(SUB, book.now() + MINUTE), book.there.due(book.now())) == (None, [])
    held.put_down(Progress(pages=1), book.now() + 5)
    assert (book.progress.pages, book.there.due(book.now() + 4)) == (1, [])
    assert book.there.due(book.now() + 5) == [SUB]
    again = book.there.claim(SUB, book.now() + MINUTE)
    assert again is not None
    assert again.subscription.progress.pages == 1
    again.put_down(Progress(), 0)


def test_what_a_process_had_in_hand_that_ended_is_due_at_once(book: Book, backend: str) -> None:
    if backend != "sqlite":
        assert book.here._hands is None, "several machines may share it, and the lease alone counts"
        return
    held = book.here.claim(SUB, book.now() + MINUTE)
    assert held is not None
    with book.bench.node.store.writing() as tx:
        held.note(tx, Progress(pages=7), book.now() + MINUTE)
    assert book.there.due(book.now()) == []
    # The system closes what a process had open when it ends.
    del held
    assert book.there.due(book.now()) == [SUB]
    again = book.there.claim(SUB, book.now() + MINUTE)
    assert again is not None
    assert again.subscription.progress.pages == 7


def test_on_a_database_server_it_is_due_when_its_lease_has_passed(book: Book) -> None:
    over_time(book)
    assert book.here.claim(SUB, book.now() + MINUTE) is not None
    assert (book.there.due(book.now()), book.there.claim(SUB, book.now() + MINUTE)) == ([], None)
    book.later(MINUTE + 1)
    assert book.there.due(book.now()) == [SUB]
    assert book.there.claim(SUB, book.now() + MINUTE) is not None


@pytest.mark.parametrize("locks", [True, False], ids=["one-machine", "database-server"])
def test_who_lets_the_lease_pass_is_overtaken_and_changes_nothing_more(book: Book, locks: bool) -> None:
    if not locks:
        over_time(book)
    slow = book.here.claim(SUB, book.now() + MINUTE)
    book.later(MINUTE + 1)
    quick = book.there.claim(SUB, book.now() + MINUTE)
    assert slow is not None
    assert quick is not None
    with book.bench.node.store.writing() as tx:
        quick.note(tx, Progress(pages=2), book.now() + MINUTE)
    with pytest.raises(Refused, match="taken this subscription over"), book.bench.node.store.writing() as tx:
        slow.note(tx, Progress(pages=1), book.now() + MINUTE)
    slow.put_down(Progress(pages=1), book.now() + 99 * MINUTE)
    assert (book.progress.pages, book.here.find(SUB).next_try) == (2, 0)
    assert book.here.claim(SUB, book.now() + MINUTE) is None, "the other one has it still"
    quick.put_down(Progress(pages=3), 0)
    assert book.progress.pages == 3


def test_a_note_that_was_undone_does_not_cost_the_hold(book: Book) -> None:
    held = book.here.claim(SUB, book.now() + MINUTE)
    assert held is not None
    with suppress(NotFound), book.bench.node.store.writing() as tx:
        held.note(tx, Progress(pages=1), book.now() + 2 * MINUTE)
        raise NotFound("undone")
    assert book.progress.pages == 0
    with book.bench.node.store.writing() as tx:
        held.note(tx, Progress(pages=2), book.now() + 3 * MINUTE)
    held.put_down(msgspec.structs.replace(book.progress, pages=3), 0)
    assert book.progress.pages == 3


def test_one_that_has_ended_is_nobodys(book: Book) -> None:
    book.here.end(SUB, person="person-1", why="over")
    assert (book.here.claim(SUB, book.now() + MINUTE), book.here.due(book.now())) == (None, [])
