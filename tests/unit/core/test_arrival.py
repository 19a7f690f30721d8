"""What speaks against an object that arrives: a row for each doubt, and its boundary."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.agreement import Agreement
from titian.core.arrival import Doubt, Expected, closed, objection
from titian.core.marking import Marking
from titian.core.survey import Facts
from titian.core.tlp import Tlp

OWN, SENDER, THIRD = (f"identity--{number}d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11" for number in (1, 2, 3))
NOW = 1_000
AGREEMENT = Agreement(
    id="agreement--1", name="The agreement", parties=frozenset({OWN, SENDER}), purposes=frozenset({"cybercrime"}),
    ceiling=Tlp.AMBER, starts=100, stops=2_000,
)  # fmt: skip
EXPECTED = Expected(
    own=OWN, names=frozenset({OWN, "ID"}), sender=SENDER, agreement=AGREEMENT, members=frozenset({OWN, SENDER}), at=NOW
)
GREEN = Marking(tlp=Tlp.GREEN)


def facts(identifier: str = "malware--1", creator: str | None = SENDER) -> Facts:
    return Facts(id=identifier, type=identifier.split("--")[0], marks=(), creator=creator, received_from=None)


def marked(**own: Any) -> Marking:
    return msgspec.structs.replace(GREEN, **own)


ROWS: list[tuple[str, Facts, Marking, Doubt | None]] = [
    ("as agreed", facts(), GREEN, None),
    ("of nobody", facts(creator=None), GREEN, None),
    ("of a third", facts(creator=THIRD), GREEN, None),
    ("of ourselves", facts(creator=OWN), GREEN, Doubt.OURS),
    ("of ourselves, whatever else", facts(creator=OWN), Marking(), Doubt.OURS),
    ("a marking of our own", facts("marking-definition--1", OWN), GREEN, Doubt.OURS),
    ("a marking bears none", facts("marking-definition--1"), Marking(), None),
    ("an extension bears none", facts("extension-definition--1"), Marking(), None),
    ("a marking by another name", facts("marking-definitions--1"), Marking(), Doubt.UNMARKED),
    ("language content is content", facts("language-content--1"), Marking(), Doubt.UNMARKED),
    ("unmarked", facts(), Marking(), Doubt.UNMARKED),
    ("a statement is no TLP", facts(), Marking(statements=frozenset({"x"})), Doubt.UNMARKED),
    ("an unknown marking", facts(), marked(unknown=frozenset({"marking-definition--9"})), Doubt.UNKNOWN_MARKING),
    ("clear", facts(), marked(tlp=Tlp.CLEAR), None),
    ("the ceiling", facts(), marked(tlp=Tlp.AMBER), None),
    ("above it", facts(), marked(tlp=Tlp.AMBER_STRICT), Doubt.OUTSIDE),
    ("red", facts(), marked(tlp=Tlp.RED), Doubt.OUTSIDE),
    ("for its purpose", facts(), marked(purposes=frozenset({"cybercrime", "trafficking"})), None),
    ("for another", facts(), marked(purposes=frozenset({"trafficking"})), Doubt.OUTSIDE),
    ("for none", facts(), marked(purposes=frozenset()), Doubt.OUTSIDE),
    ("to us", facts(), marked(releasable_to=frozenset({frozenset({OWN, THIRD})})), None),
    ("to our country", facts(), marked(releasable_to=frozenset({frozenset({"ID"})})), None),
    ("to others", facts(), marked(releasable_to=frozenset({frozenset({THIRD})})), Doubt.OUTSIDE),
    ("to nobody", facts(), marked(releasable_to=frozenset({frozenset()})), Doubt.OUTSIDE),
    ("by two lists, one of them others", facts(),
     marked(releasable_to=frozenset({frozenset({OWN}), frozenset({THIRD})})), Doubt.OUTSIDE),
    ("that ends later", facts(), marked(expires=NOW + 1), None),
    ("that ends now", facts(), marked(expires=NOW), Doubt.EXPIRED),
    ("that has ended", facts(), marked(expires=1), Doubt.EXPIRED),
]  # fmt: skip


@pytest.mark.parametrize(("one", "marking", "doubt"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_speaks_against_it(one: Facts, marking: Marking, doubt: Doubt | None) -> None:
    found = objection(one, marking, EXPECTED)
    assert (None if found is None else found.doubt) is doubt
    if found is not None:
        assert str(found) == f"{found.doubt.value}: {found.why}"
        assert found.why.endswith(".")


def test_every_doubt_about_content_has_its_row() -> None:
    """What is judged elsewhere: whether it is STIX, how much came, and whether another content is held."""
    assert {row[3] for row in ROWS} - {None} == set(Doubt) - {Doubt.INVALID, Doubt.OVER_QUOTA, Doubt.CONFLICT}


def expected(**own: Any) -> Expected:
    return msgspec.structs.replace(EXPECTED, **own)


def agreed(**own: Any) -> Expected:
    return expected(agreement=msgspec.structs.replace(AGREEMENT, **own))


@pytest.mark.parametrize(
    ("given_", "open_"),
    [
        (EXPECTED, True), (expected(at=100), True), (expected(at=99), False), (expected(at=1_999), True),
        (expected(at=2_000), False), (agreed(revoked=True), False), (agreed(purposes=frozenset()), False),
        (agreed(parties=frozenset()), False), (expected(sender=THIRD), False), (expected(members=frozenset()), False),
        (expected(members=frozenset({OWN})), False),
    ],
    ids=["in force", "from its start", "before it", "until its end", "at its end", "revoked", "without purposes",
         "without parties", "a stranger", "nobody", "ourselves alone"],
)  # fmt: skip
def test_when_nothing_at_all_may_come(given_: Expected, open_: bool) -> None:
    found = closed(given_)
    assert (found is None) is open_
    if found is not None:
        assert found.doubt is Doubt.OUTSIDE


@given(
    tlp=st.none() | st.sampled_from(Tlp),
    purposes=st.none() | st.frozensets(st.sampled_from(["cybercrime", "trafficking"])),
    expires=st.none() | st.integers(NOW - 2, NOW + 2),
    unknown=st.frozensets(st.just("marking-definition--9")),
    ceiling=st.sampled_from(Tlp),
)
def test_a_stricter_marking_never_lets_more_in(
    tlp: Tlp | None,
    purposes: frozenset[str] | None,
    expires: int | None,
    unknown: frozenset[str],
    ceiling: Tlp,
) -> None:
    """Joined with anything, what was refused stays refused; and only what the agreement carries comes in."""
    marking = Marking(tlp=tlp, purposes=purposes, expires=expires, unknown=unknown)
    asked = agreed(ceiling=ceiling)
    if objection(facts(), GREEN, asked) is not None:
        assert objection(facts(), GREEN.join(marking), asked) is not None
    if objection(facts(), marking, asked) is None:
        assert tlp is not None
        assert not unknown
        assert tlp.reach >= ceiling.reach
        assert objection(facts(), marking.join(Marking(tlp=Tlp.CLEAR)), asked) is None
