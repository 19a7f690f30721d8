"""Where a referral stands: the same on both sides, by the word of the party asked and of nobody else."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput
from titian.core.referral import (
    Designation,
    Referral,
    ReferralAnswer,
    State,
    Step,
    answer,
    may_become,
    move,
    read_referral,
    refer,
    withdraw,
    write_referral,
)
from titian.core.referral_standing import Standing, Told, standing

US = "identity--00000000-0000-4000-8000-000000000001"
PLATFORM = "identity--00000000-0000-4000-8000-000000000002"
OTHER = "identity--00000000-0000-4000-8000-000000000003"
URL = "url--00000000-0000-5000-8000-000000000004"
NOW = 1_750_000_000_000_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
LATE = NOW + 30 * DAY


def asked(deadline: int | None = NOW + DAY) -> Referral:
    return refer(
        [URL], by=US, addressed=PLATFORM, designations=[Designation(source="law", name="Act 5")],
        legal_basis=["Act 5, section 43"], at=NOW, deadline=deadline,
    )  # fmt: skip


def said(to: Referral, state: State, *, seconds: float = 1, reason: str = "So.", by: str = PLATFORM) -> ReferralAnswer:
    return answer(to.id, state, by=by, at=NOW + round(seconds * SECOND), reason=reason)


def at_us(one: Referral, answers: Sequence[ReferralAnswer], *, sender: str | None = PLATFORM) -> Standing:
    """Where it stands at who asked."""
    return standing(one, [Told(each, sender, each.referral) for each in answers], own=US, at=LATE)


def at_platform(one: Referral, answers: Sequence[ReferralAnswer]) -> Standing:
    """Where it stands at the platform, whose answers are its own."""
    return standing(one, [Told(each, None, each.referral) for each in answers], own=PLATFORM, at=LATE)


def test_without_an_answer_it_is_as_it_was_sent() -> None:
    one = asked()
    stands = at_us(one, [])
    assert (stands.now, stands.state, stands.answers, stands.aside) == (one, State.SENT, (), ())


def test_answers_count_in_their_order_whatever_the_order_in_which_they_came() -> None:
    one = asked()
    answers = [said(one, State.KEPT), said(one, State.REMOVED, seconds=2), said(one, State.APPEALED, seconds=3)]
    stands = at_us(one, answers[::-1])
    assert [step.state for step in stands.now.history] == [State.SENT, State.KEPT, State.REMOVED, State.APPEALED]
    assert stands.answers == tuple(answers)


@pytest.mark.parametrize("sender", [OTHER, None])
def test_what_others_pass_on_does_not_count(sender: str | None) -> None:
    one = asked()
    stands = at_us(one, [said(one, State.REMOVED)], sender=sender)
    assert stands.now == one
    assert ["passed it on" in aside.why for aside in stands.aside] == [True]


def test_nobody_else_answers() -> None:
    one = asked()
    stands = at_us(one, [said(one, State.REMOVED, by=OTHER)], sender=OTHER)
    assert (stands.state, stands.aside[0].sender) == (State.SENT, OTHER)
    assert "not from the party that was asked" in stands.aside[0].why


def test_an_answer_to_another_referral_does_not_matter() -> None:
    one = asked()
    stands = at_us(one, [said(asked(), State.REMOVED)])
    assert (stands.now, stands.aside) == (one, ())


def test_what_cannot_follow_is_set_aside_with_the_reason() -> None:
    one = asked()
    stands = at_us(one, [said(one, State.KEPT), said(one, State.REINSTATED, seconds=2)])
    assert stands.state is State.KEPT
    assert "cannot be reinstated" in stands.aside[0].why


def test_what_comes_after_it_was_withdrawn_is_set_aside() -> None:
    one = withdraw(asked(), at=NOW + SECOND)
    stands = at_us(one, [said(one, State.REMOVED, seconds=9)])
    assert (stands.now, len(stands.aside), stands.overdue(LATE)) == (one, 1, False)


def appealed(
    one: Referral, answers: Sequence[ReferralAnswer], *, seconds: float, deadline: int | None = None
) -> Referral:
    """The next version of a referral, which holds what was answered and an appeal."""
    return move(at_us(one, answers).now, State.APPEALED, at=NOW + round(seconds * SECOND), by=US, reason="No.",
                deadline=deadline)  # fmt: skip


def test_an_answer_that_the_maker_has_written_down_counts_once() -> None:
    one = asked()
    first = said(one, State.KEPT)
    again = appealed(one, [first], seconds=5)
    assert at_us(again, [first]).now == again == at_platform(again, [first]).now
    second = said(one, State.KEPT, seconds=9)
    stands = at_platform(again, [first, second])
    assert [step.state for step in stands.now.history] == [State.SENT, State.KEPT, State.APPEALED, State.KEPT]
    assert stands.answers == (first, second)


def test_a_repeated_answer_from_before_an_appeal_does_not_decide_it() -> None:
    one = asked()
    first, repeated = said(one, State.KEPT), said(one, State.KEPT, seconds=2)
    again = appealed(one, [first, repeated], seconds=5)
    stands = at_us(again, [first, repeated])
    assert (stands.state, len(stands.answers), "could not be kept" in stands.aside[0].why) == (State.APPEALED, 1, True)


def test_an_answer_that_crosses_an_appeal_decides_it() -> None:
    one = asked()
    first, crossing = said(one, State.KEPT), said(one, State.REMOVED, seconds=2)
    again = appealed(one, [first], seconds=5)
    assert at_us(again, [first, crossing]).state is State.REMOVED is at_platform(again, [first, crossing]).state


def test_what_the_maker_writes_in_the_name_of_the_platform_is_told() -> None:
    one = asked()
    invented = move(one, State.REMOVED, at=NOW + SECOND, by=PLATFORM)
    stands = at_platform(invented, [])
    assert stands.unheard == (Step(state=State.REMOVED, at=NOW + SECOND, by=PLATFORM),)
    assert at_platform(one, [said(one, State.REMOVED)]).unheard == ()


def test_a_date_in_the_future_counts_as_now() -> None:
    one = asked()
    ahead = said(one, State.KEPT, seconds=10**9)
    stands = at_us(one, [ahead])
    assert stands.now.history[-1].at == LATE
    assert read_referral(write_referral(stands.now)) == stands.now


def test_overdue_is_what_was_asked_for_and_not_answered_in_time() -> None:
    one = asked()
    assert (at_us(one, []).overdue(NOW + DAY - 1), at_us(one, []).overdue(NOW + DAY)) == (False, True)
    kept = [said(one, State.KEPT)]
    assert not at_us(one, kept).overdue(LATE)
    assert at_us(appealed(one, kept, seconds=5, deadline=NOW + 2 * DAY), kept).overdue(LATE)
    assert not at_us(asked(None), []).overdue(LATE)


def test_an_appeal_of_the_platforms_own_user_is_not_overdue() -> None:
    one = asked()
    answers = [said(one, State.REMOVED), said(one, State.APPEALED, seconds=2)]
    stands = at_us(one, answers)
    assert (stands.state, stands.now.waits, stands.overdue(LATE)) == (State.APPEALED, True, False)


@given(st.lists(st.tuples(st.sampled_from(State), st.booleans()), max_size=10))
def test_law_both_sides_say_the_same(acts: list[tuple[State, bool]]) -> None:
    """Whatever the platform says, and whenever the maker appeals or withdraws: what is held on both sides gives one
    state, in a history that can be written down."""
    one = asked()
    answers: list[ReferralAnswer] = []
    for second, (state, maker) in enumerate(acts, 1):
        now = at_us(one, answers).now
        if maker and State.APPEALED in may_become(now):
            one = appealed(one, answers, seconds=second)
        elif maker and state is State.SENT:
            one = withdraw(now, at=NOW + second * SECOND)
        elif state is not State.SENT:
            answers.append(said(one, state, seconds=second, reason=f"Reason {second % 2}."))
    ours, theirs = at_us(one, answers), at_platform(one, answers)
    assert (ours.now, ours.answers, ours.unheard) == (theirs.now, theirs.answers, ())
    assert read_referral(write_referral(ours.now)) == ours.now
    assert len(ours.answers) + len(ours.aside) == len(answers)
    assert [each.why for each in ours.aside] == [each.why for each in theirs.aside]


def test_a_state_that_owes_a_reason_has_one() -> None:
    one = asked()
    bare = msgspec.structs.replace(said(one, State.KEPT), reason="")
    assert "without a reason" in at_us(one, [bare]).aside[0].why
    with pytest.raises(InvalidInput):
        said(one, State.KEPT, reason=" ")
