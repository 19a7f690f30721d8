"""When an agreement holds, and what a consent covers."""

from __future__ import annotations

import msgspec
import pytest

from titian.core.agreement import Agreement, Consent, Onward, Purpose
from titian.core.directory_objects import ended
from titian.core.tlp import Tlp

AGREED = Agreement(
    id="agreement", name="a", parties=frozenset({"a", "b"}), purposes=frozenset({Purpose.CYBERCRIME}),
    ceiling=Tlp.GREEN, starts=10, stops=20,
)  # fmt: skip


@pytest.mark.parametrize(("at", "holds"), [(9, False), (10, True), (19, True), (20, False)])
def test_an_agreement_holds_from_its_beginning_until_before_its_end(at: int, holds: bool) -> None:
    assert AGREED.in_force(at) is holds


@pytest.mark.parametrize(
    "change",
    [{"parties": frozenset()}, {"purposes": frozenset()}, {"revoked": True}],
    ids=lambda each: next(iter(each)),
)
def test_an_agreement_that_says_nothing_or_is_revoked_never_holds(change: dict[str, object]) -> None:
    assert not any(msgspec.structs.replace(AGREED, **change).in_force(at) for at in range(30))


def test_what_is_not_said_is_the_narrower_choice() -> None:
    assert (AGREED.onward, AGREED.dialogue, AGREED.languages) == (Onward.NONE, None, ())


@pytest.mark.parametrize("at", range(0, 30, 3))
def test_what_has_ended_never_holds_from_then_on_and_gains_nothing_before(at: int) -> None:
    over = ended(AGREED, at)
    assert not any(over.in_force(later) for later in range(at, 40))
    assert all(AGREED.in_force(instant) for instant in range(40) if over.in_force(instant))


def test_a_consent_covers_these_objects_of_this_originator_under_this_agreement_until_then() -> None:
    consent = Consent(id="c", originator="o", objects=frozenset({"x"}), agreement="a", until=5)
    assert consent.covers("x", "o", "a", 4)
    for wrong in (("y", "o", "a", 4), ("x", "p", "a", 4), ("x", "o", "b", 4), ("x", "o", "a", 5)):
        assert not consent.covers(*wrong)
    assert msgspec.structs.replace(consent, until=None).covers("x", "o", "a", 10**18)


def test_the_vocabulary_of_purposes_is_the_one_in_the_design() -> None:
    assert {one.value for one in Purpose} == {
        "cyber-defence", "cybercrime", "counter-terrorism", "terrorist-financing", "trafficking", "capacity-building",
    }  # fmt: skip
