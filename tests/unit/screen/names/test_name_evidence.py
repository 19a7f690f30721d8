"""What other facts do to a hit on a name."""

from __future__ import annotations

import pytest

from titian.core.screening import Facts, Standing
from titian.screen.names import weigh

P, S, C = Standing.POSSIBLE, Standing.SUPPORTED, Standing.CONTRADICTED


@pytest.mark.parametrize(
    ("asked", "held", "standing", "what"),
    [
        (Facts(), Facts(), P, []),
        (Facts(births=("1970-05-21",)), Facts(), P, []),
        (Facts(births=("1970-05-21",)), Facts(births=("1970-05-21",)), S, ["birth-date"]),
        (Facts(births=("1970-05-21",)), Facts(births=("1970-05",)), S, ["birth-date"]),
        (Facts(births=("1970",)), Facts(births=("1970-05-21",)), S, ["birth-date"]),
        (Facts(births=("1970-00-00",)), Facts(births=("1970-05-21",)), S, ["birth-date"]),
        (Facts(births=("1970-05-11",)), Facts(births=("1970-11-05",)), S, ["birth-date"]),
        (Facts(births=("1970-05-21",)), Facts(births=("1971",)), C, ["birth-date"]),
        (Facts(births=("1970-05",)), Facts(births=("1970-06-21",)), C, ["birth-date"]),
        (Facts(births=("1970",)), Facts(births=("1969", "1970")), S, ["birth-date"]),
        (Facts(births=("long ago",)), Facts(births=("1970",)), P, []),
        (Facts(countries=("ID",)), Facts(countries=("MY", "id")), S, ["country"]),
        (Facts(countries=("ID",)), Facts(countries=("JP",)), P, ["country"]),
        (Facts(countries=("ID",), births=("1970",)), Facts(countries=("ID",), births=("1980",)), C,
         ["birth-date", "country"]),
        (Facts(documents=("A 123-456",)), Facts(documents=("a123456",)), S, ["document"]),
        (Facts(documents=("A123456",), births=("1970",)), Facts(documents=("A123456",), births=("1980",)), S,
         ["document", "birth-date"]),
        (Facts(documents=("A123456",)), Facts(documents=("B123456",)), P, ["document"]),
        (Facts(documents=("12",)), Facts(documents=("12",)), P, []),
    ],
)  # fmt: skip
def test_a_second_fact(asked: Facts, held: Facts, standing: Standing, what: list[str]) -> None:
    found, evidence = weigh(asked, held)
    assert found is standing
    assert [one.what for one in evidence] == what
    assert weigh(held, asked)[0] is standing
    if standing is S:
        assert any(one.speaks_for for one in evidence)
    if standing is C:
        assert any(not one.speaks_for for one in evidence)


def test_evidence_says_which_fact() -> None:
    _, (one,) = weigh(Facts(births=("1970-05-21",)), Facts(births=("1970",)))
    assert one.said == "The year of birth agrees: asked 1970-05-21; held 1970."
