"""Quotas of private matching."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput, Refused
from titian.core.matching import LISTABLE, daily
from titian.core.screening import ValueKind
from titian.screen.private import Quota, quota
from titian.settings import Settings

COUNTS = st.integers(0, 100)


@given(COUNTS, COUNTS, COUNTS)
def test_a_day_never_has_more_than_its_quota(most: int, used: int, asked: int) -> None:
    allowed = Quota({ValueKind.PHONE: most})
    if used + asked <= most or asked == 0:
        allowed.allow(ValueKind.PHONE, used=used, asked=asked)
    else:
        with pytest.raises(Refused):
            allowed.allow(ValueKind.PHONE, used=used, asked=asked)


def test_what_can_be_listed_has_a_lower_quota() -> None:
    usual, listable = Settings().match_values_per_day, Settings().match_listable_values_per_day
    assert listable < usual
    for kind in ValueKind:
        assert daily(kind, usual=usual, listable=listable) == (listable if kind in LISTABLE else usual)


def test_a_kind_without_a_quota_may_not_be_asked() -> None:
    with pytest.raises(Refused):
        Quota({}).allow(ValueKind.WALLET, used=0, asked=1)


@pytest.mark.parametrize(("used", "asked"), [(-1, 1), (1, -1)])
def test_less_than_nothing_is_refused(used: int, asked: int) -> None:
    with pytest.raises(InvalidInput):
        Quota({ValueKind.WALLET: 10}).allow(ValueKind.WALLET, used=used, asked=asked)


def test_the_example_holds() -> None:
    assert doctest.testmod(quota, optionflags=doctest.ELLIPSIS).failed == 0
