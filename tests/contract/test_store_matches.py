"""Private matching at the door of a node, message by message: what is counted, remembered and refused, on both
backends."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.gate import ANALYST, RELEASER, SECOND, Bench, indicator, party_id
from support.wallets import address, wallets
from titian.core.access import Key
from titian.core.collection import timestamp
from titian.core.errors import InvalidInput, NotFound, Refused, TitianError, TooLarge, Unavailable
from titian.core.extension_objects import make_observable
from titian.core.matching import Mode, Offer, OfferState, RunState
from titian.core.screening import ValueKind
from titian.core.tlp import TLP_IDS, Tlp
from titian.screen.match_ports import Quotas
from titian.screen.matching import Matching, Wanted
from titian.screen.private import Asking, read_offer
from titian.screen.private.messages import Ask, Begin, Head, read, write
from titian.screen.private.messages import Offer as OfferMessage

JAPAN, RUSSIA = party_id("japan"), party_id("russia")
IDENTITY = bytes(32)
"""The neutral element of ristretto255 as it is written: no answer about it may be given."""


class Door:
    """A node with twenty wallets and an agreement with Japan, and what Japan's program says to it."""

    def __init__(self, bench: Bench) -> None:
        bench.agree("jp", JAPAN)
        bench.hold(*wallets(*range(1, 21)))
        bench.release(*bench.hold(indicator("the first that Japan gets", tlp=Tlp.GREEN)), to="jp")
        self.bench = bench
        self.book = bench.node.matches
        self.matching = bench.node.match()

    def offer(self, mode: Mode = Mode.INTERSECTION, **more: Any) -> Offer:
        made = self.matching.offer(ANALYST, Wanted(party=JAPAN, kind=ValueKind.WALLET, mode=mode, **more))
        return self.matching.approve(RELEASER, made.id) if mode is Mode.LABELLED else made

    def begun(self, offer: Offer, *numbers: int) -> tuple[Asking, bytes]:
        """A run that has begun, and its next message."""
        asking = self.asking(offer, *numbers)
        message = asking.take(self.say(offer, asking.begin()))
        assert message is not None
        return asking, message

    def entries(self) -> list[str]:
        """What Japan reads in the ledger of private matching."""
        desk = self.bench.node.ledger_desk
        found = [one.entry for one in desk.entries(self.bench.node.agreements.read().agreement("jp").id, limit=1_000)]
        return [str(one.details["what"]) for one in found if one.kind == "match"]

    def reader(self, party: str = JAPAN) -> Key:
        return next(one for one in self.bench.node.keys.list() if one.party == party)

    def asking(self, offer: Offer, *numbers: int, batch: int = 4) -> Asking:
        data = self.matching.fetch(self.reader(), offer.id)
        return Asking(
            read_offer(data, expected=offer.terms), [address(one) for one in numbers], os.urandom, batch=batch
        )

    def say(self, offer: Offer, message: bytes) -> bytes:
        return self.matching.answer(self.reader(), offer.id, message)

    def run(self, offer: Offer, asking: Asking) -> None:
        message: bytes | None = asking.begin()
        while message is not None:
            message = asking.take(self.say(offer, message))

    def limited(self, usual: int) -> Matching:
        """The same desk with a quota."""
        made = self.bench.node.match
        made._quotas, made._made = Quotas(usual=usual, listed=usual), {}
        self.matching = made()
        return self.matching


@pytest.fixture
def door(new_bench: Callable[[], Bench]) -> Door:
    return Door(new_bench())


@pytest.mark.parametrize("mode", list(Mode))
def test_a_run_of_every_mode_goes_to_its_end(door: Door, mode: Mode) -> None:
    offer = door.offer(mode)
    asking = door.asking(offer, *range(15, 30))
    door.run(offer, asking)
    assert asking.found is not None
    assert asking.found.common == 6
    (run,) = door.book.runs()
    assert (run.state, run.asked, run.offered) == (RunState.DONE, 15, 20)
    assert run.common == (6 if mode is Mode.MUTUAL else None)


def test_no_two_offers_have_a_key_in_common(door: Door) -> None:
    """Not of the same partner, kind and mode either: their tags cannot be compared."""
    publics = {read(door.book.data(door.offer(mode).id) or b"", OfferMessage).public for mode in (*Mode, *Mode)}
    assert len(publics) == 2 * len(Mode)


def test_a_run_goes_on_where_it_was_after_a_restart(door: Door) -> None:
    offer = door.offer()
    asking = door.asking(offer, *range(10, 25))
    message: bytes | None = asking.begin()
    while message is not None:
        door.matching = door.limited(1_000)
        message = asking.take(door.say(offer, message))
    assert asking.found is not None
    assert asking.found.common == 11


def test_no_message_is_answered_twice(door: Door) -> None:
    offer = door.offer()
    asking = door.asking(offer, *range(1, 9))
    begin = asking.begin()
    first = asking.take(door.say(offer, begin))
    assert first is not None
    with pytest.raises(Refused, match="begun before"):
        door.say(offer, begin)
    second = asking.take(door.say(offer, first))
    assert second is not None
    with pytest.raises(InvalidInput, match="answered already"):
        door.say(offer, first)
    assert asking.take(door.say(offer, second)) is None
    with pytest.raises(InvalidInput, match="over"):
        door.say(offer, second)


def test_of_two_at_the_same_moment_one_is_answered(door: Door) -> None:
    offer = door.offer()
    asking = door.asking(offer, *range(1, 9))
    message = asking.take(door.say(offer, asking.begin()))
    assert message is not None
    others = [door.matching, door.limited(1_000)]

    def say(matching: Matching) -> bytes | TitianError:
        try:
            return matching.answer(door.reader(), offer.id, message)
        except TitianError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(say, others))
    assert sum(isinstance(one, bytes) for one in found) == 1


@pytest.mark.parametrize(
    "point", [IDENTITY, b"\xff" * 32, bytes([1]) + bytes(31)], ids=["identity", "not canonical", "not on the group"]
)
def test_a_point_that_is_none_of_the_group_ends_the_run(door: Door, point: bytes) -> None:
    """It costs as much as a right one: nobody sends it twice."""
    offer = door.offer()
    asking, message = door.begun(offer, 1, 2)
    head = Head(1, asking.run, bytes.fromhex(offer.id), ValueKind.WALLET, offer.terms.epoch)
    with pytest.raises(InvalidInput):
        door.say(offer, write(Ask(head, 1, point * 2)))
    with pytest.raises(NotFound):
        door.say(offer, message)
    assert door.book.runs()[0].state is RunState.BROKEN
    assert door.entries()[-1] == "broken"


@pytest.mark.parametrize("message", [b"", b"\x00", b"\x93\x01", b"{}" * 100, b"\xdd\xff\xff\xff\xff"])
def test_what_is_no_message_is_refused(door: Door, message: bytes) -> None:
    offer = door.offer()
    with pytest.raises(InvalidInput):
        door.say(offer, message)


def test_a_truncated_message_is_refused_wherever_it_is_cut(door: Door) -> None:
    offer = door.offer()
    asking = door.asking(offer, 1, 2)
    begin = asking.begin()
    for length in range(0, len(begin), 7):
        with pytest.raises(InvalidInput):
            door.say(offer, begin[:length])
    assert asking.take(door.say(offer, begin)) is not None


def test_a_run_larger_than_the_terms_is_refused(door: Door) -> None:
    offer = door.offer()
    head = Head(1, bytes(16), bytes.fromhex(offer.id), ValueKind.WALLET, offer.terms.epoch)
    with pytest.raises(TooLarge):
        door.say(offer, write(Begin(head, Mode.INTERSECTION, 1_000_001, 1, bytes(32))))


# ── quotas ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_values_are_counted_for_a_partner_a_kind_and_a_day(door: Door) -> None:
    door.limited(10)
    offer = door.offer()
    door.run(offer, door.asking(offer, *range(1, 9)))
    assert [one.left for one in door.matching.listing(door.reader())] == [2]
    with pytest.raises(Refused, match="2 of 10"):
        door.say(offer, door.asking(offer, 1, 2, 3).begin())
    # Another epoch, mode or offer does not begin the count anew.
    other = door.offer(Mode.CARDINALITY)
    with pytest.raises(Refused):
        door.say(other, door.asking(other, 1, 2, 3).begin())
    door.bench.clock.now += 86_400 * SECOND
    door.run(offer, door.asking(offer, 1, 2, 3))


def test_a_run_that_is_broken_off_counts_too(door: Door) -> None:
    door.limited(10)
    offer = door.offer()
    door.say(offer, door.asking(offer, *range(1, 9)).begin())
    with pytest.raises(Refused):
        door.say(offer, door.asking(offer, 1, 2, 3).begin())


def test_runs_that_begin_at_the_same_moment_do_not_pass_the_quota_together(door: Door) -> None:
    door.limited(10)
    offer = door.offer()
    begins = [door.asking(offer, *range(1, 7)).begin() for _ in range(4)]
    desks = [door.matching] + [door.limited(10) for _ in range(3)]

    def say(one: tuple[Matching, bytes]) -> bool:
        try:
            one[0].answer(door.reader(), offer.id, one[1])
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(say, zip(desks, begins, strict=True))) == 1


# ── who ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_offer_is_not_there_for_anybody_else(door: Door) -> None:
    door.bench.agree("ru", RUSSIA)
    door.bench.release(*door.bench.hold(indicator("for Russia", tlp=Tlp.GREEN)), to="ru")
    offer = door.offer()
    other = door.reader(RUSSIA)
    assert door.matching.listing(other) == []
    with pytest.raises(NotFound) as there:
        door.matching.fetch(other, offer.id)
    with pytest.raises(NotFound) as absent:
        door.matching.fetch(other, "0" * 64)
    assert str(there.value) == str(absent.value)
    with pytest.raises(NotFound):
        door.matching.answer(other, offer.id, door.asking(offer, 1).begin())


def test_while_the_ledger_is_halted_nothing_is_handed_over_or_answered(door: Door) -> None:
    offer = door.offer()
    begin = door.asking(offer, 1).begin()
    ledger = next(one for one in door.bench.node.ledgers.ledgers() if one.agreement == offer.agreement)
    door.bench.node.ledgers.halt(ledger.num, "a test")
    for step in (lambda: door.matching.fetch(door.reader(), offer.id), lambda: door.say(offer, begin), door.offer):
        with pytest.raises(Unavailable):
            step()


def test_a_run_ends_with_its_offer(door: Door) -> None:
    offer = door.offer()
    asking = door.asking(offer, *range(1, 9))
    message = asking.take(door.say(offer, asking.begin()))
    assert message is not None
    door.matching.withdraw(ANALYST, offer.id, "no more")
    with pytest.raises(NotFound):
        door.say(offer, message)
    assert door.book.data(offer.id) is door.book.secret(offer.id) is None
    assert door.book.find(offer.id).state is OfferState.WITHDRAWN


def test_what_expires_is_not_answered_about_afterwards(door: Door) -> None:
    (one,) = door.bench.hold(*wallets(50))
    door.bench.mark(one, tlp=Tlp.GREEN, expires=timestamp(door.bench.clock.now + 3 * 86_400 * SECOND))
    offer = door.offer()
    assert offer.until == door.bench.clock.now + 3 * 86_400 * SECOND
    # What ends within a day would end the offer at once: it is left out.
    (other,) = door.bench.hold(*wallets(51))
    door.bench.mark(other, tlp=Tlp.GREEN, expires=timestamp(door.bench.clock.now + 3_600 * SECOND))
    assert door.offer().size == 21
    door.bench.clock.now = offer.until
    assert door.matching.listing(door.reader()) == []


# ── what changes while a run is under way ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["red", "amber", "expiry"])
def test_a_run_under_way_is_not_answered_about_what_is_not_to_be_given_any_more(door: Door, how: str) -> None:
    offer = door.offer()
    _, message = door.begun(offer, 5, 6)
    one = wallets(5)[0]["id"]
    if how == "expiry":
        door.bench.mark(one, tlp=Tlp.GREEN, expires=timestamp(door.bench.clock.now + 86_400 * SECOND))
    else:
        door.bench.mark(one, tlp=Tlp(how))
    with pytest.raises(Refused, match="withdrawn"):
        door.say(offer, message)
    assert door.book.find(offer.id).state is OfferState.WITHDRAWN
    assert door.matching.offer(ANALYST, Wanted(party=JAPAN, kind=ValueKind.WALLET)).size == (
        20 if how == "amber" else 19
    )


def test_amber_values_wait_for_a_second_person_and_then_stay(door: Door) -> None:
    door.bench.hold(make_observable("wallet", {"address": address(70)}, marks=[TLP_IDS[Tlp.AMBER]]))
    waiting = door.offer()
    assert waiting.state is OfferState.WAITING
    door.matching.approve(RELEASER, waiting.id)
    offer = door.book.find(waiting.id)
    door.bench.hold(*wallets(80))
    door.run(offer, door.asking(offer, 70))


def test_a_run_is_over_after_a_day(door: Door) -> None:
    offer = door.offer()
    _, message = door.begun(offer, 5, 6)
    door.bench.clock.now += 86_401 * SECOND
    with pytest.raises(Refused, match="more than a day ago"):
        door.say(offer, message)
    door.book.tidy()
    assert door.book.runs()[0].state is RunState.BROKEN


def test_while_the_ledger_is_halted_a_run_under_way_is_not_answered(door: Door) -> None:
    offer = door.offer()
    _, message = door.begun(offer, 5, 6)
    ledger = next(one for one in door.bench.node.ledgers.ledgers() if one.agreement == offer.agreement)
    door.bench.node.ledgers.halt(ledger.num, "a test")
    with pytest.raises(Unavailable):
        door.say(offer, message)


def test_a_run_about_nothing_and_one_in_crumbs_are_refused(door: Door) -> None:
    offer = door.offer()
    head = Head(1, bytes(16), bytes.fromhex(offer.id), ValueKind.WALLET, offer.terms.epoch)
    for size, batches in ((0, 0), (1_000, 1_000)):
        with pytest.raises(InvalidInput, match="in batches of"):
            door.say(offer, write(Begin(head, Mode.INTERSECTION, size, batches, bytes(32))))
    assert door.book.runs() == []


def test_the_first_that_a_party_gets_needs_a_second_person(door: Door) -> None:
    door.bench.agree("ru", RUSSIA)
    made = door.matching.offer(ANALYST, Wanted(party=RUSSIA, kind=ValueKind.WALLET))
    assert made.needs == ("It is the first release to Russia.",)


def test_of_an_offer_that_never_stood_the_partner_does_not_know(door: Door) -> None:
    waiting = door.matching.offer(ANALYST, Wanted(party=JAPAN, kind=ValueKind.WALLET, mode=Mode.LABELLED))
    door.bench.mark(wallets(5)[0]["id"], tlp=Tlp.RED)
    with pytest.raises(Refused):
        door.matching.approve(RELEASER, waiting.id)
    assert door.entries() == []


def test_an_offer_is_not_handed_over_again_and_again(door: Door) -> None:
    offer = door.offer()
    for _ in range(20):
        door.matching.fetch(door.reader(), offer.id)
    with pytest.raises(Refused, match="often enough"):
        door.matching.fetch(door.reader(), offer.id)
    door.bench.clock.now += 86_400 * SECOND
    door.matching.fetch(door.reader(), offer.id)


def test_a_size_that_nobody_may_ask_is_not_offered(door: Door) -> None:
    door.limited(100)
    with pytest.raises(InvalidInput, match="more than a partner may ask"):
        door.offer(pad=101)
