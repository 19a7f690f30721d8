"""Referrals and their answers as they are held, on both backends: where ours lie, and whose each is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.gate import DAY, Bench, party_id
from support.referring import VIDEO, Referring
from titian.core.collection import Kind
from titian.core.referral import State


@pytest.fixture
def on(new_bench: Callable[[], Bench]) -> Referring:
    bench = new_bench()
    bench.agree("jp", party_id("japan"))
    return Referring(bench)


def test_ours_lie_in_a_collection_of_their_own_whatever_is_called_so(on: Referring) -> None:
    on.bench.node.collections.add("Referrals", received_from=party_id("japan"))
    case = on.sent()
    (one,) = [
        one.collection
        for one in on.bench.node.collections.list()
        if one.collection.kind is Kind.OWN and one.collection.name.startswith("Referrals (")
    ]
    assert on.bench.latest(case.id, one.name)["id"] == case.id
    assert on.sent("https://video.example/8").id != case.id
    assert len(on.refer.list()) == 2
    assert on.sight.sightings() == []


def test_both_sides_are_held_apart_and_each_version_counts_once(on: Referring) -> None:
    mine, theirs = on.sent(), on.receives()
    kept = on.answered(mine, State.KEPT, "It is news.")
    on.posts(VIDEO, on.says(mine, State.REMOVED, by="japan"), under="platforms")
    assert (kept.state, kept.ours) == (State.KEPT, True)
    assert {(one.id, one.ours, one.state) for one in on.refer.list()} == {
        (mine.id, True, State.KEPT), (theirs.id, False, State.SENT),
    }  # fmt: skip
    on.bench.clock.now += DAY
    assert [one.id for one in on.refer.list(overdue=True)] == [theirs.id]
