"""Countries are the officially assigned codes of ISO 3166-1 alpha-2, and nothing else."""

from __future__ import annotations

import itertools
import string

import pytest

from titian.core.countries import COUNTRIES, OTHERWISE, country_code

PAIRS = ["".join(pair) for pair in itertools.product(string.ascii_uppercase, repeat=2)]


def test_there_are_249_codes_of_two_capital_letters() -> None:
    assert len(COUNTRIES) == 249
    assert set(PAIRS) >= COUNTRIES


def test_a_code_is_read_in_any_case_and_nothing_else_is_one() -> None:
    found = {pair for pair in PAIRS if country_code(pair) == pair}
    assert found == COUNTRIES
    assert {code for pair in PAIRS if (code := country_code(pair.lower()))} == COUNTRIES
    assert country_code("jP") == "JP"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("XX", id="for users"),
        pytest.param("XK", id="used, never assigned"),
        pytest.param("ZZ", id="unknown"),
        pytest.param("EU", id="reserved exceptionally"),
        pytest.param("UK", id="reserved, written for GB"),
        pytest.param("SU", id="withdrawn"),
        pytest.param("", id="nothing"),
        pytest.param("J", id="one letter"),
        pytest.param("JPN", id="alpha-3"),
        pytest.param("392", id="numeric"),
        pytest.param(" JP", id="a blank"),
        pytest.param("JP\n", id="a line end"),
        pytest.param("\u00df", id="becomes SS in capitals"),
        pytest.param("\u017fE", id="a long s, becomes SE in capitals"),
        pytest.param("\uff2a\uff30", id="full width"),
    ],
)
def test_what_is_not_assigned_is_no_country(text: str) -> None:
    assert country_code(text) is None


def test_what_people_write_instead_leads_to_a_country_and_is_none_itself() -> None:
    assert set(OTHERWISE.values()) <= COUNTRIES
    assert COUNTRIES.isdisjoint(OTHERWISE)


@pytest.mark.parametrize("code", ["BN", "ID", "JP", "KH", "LA", "MM", "MY", "PH", "RU", "SG", "TH", "TL", "VN"])
def test_the_countries_of_the_public_agreements_are_among_them(code: str) -> None:
    assert country_code(code) == code
