"""Who an agreement's audience is: communities, clients, ceilings, and the time in which it holds."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.agreement import Agreement, Onward
from titian.core.party import Directory, Membership, Party, PartyKind, Reach, Window, lower_ceiling
from titian.core.tlp import Circle, Tlp, at_least_as_strict

OWN, OTHER, THIRD, CLUB, LEAGUE, CLIENT = EVERYBODY = ("own", "other", "third", "club", "league", "client")
AT = 1000


def agreement(*parties: str, onward: Onward = Onward.NONE, starts: int = 0, stops: int | None = None) -> Agreement:
    return Agreement(
        id="agreement", name="a", parties=frozenset(parties), purposes=frozenset({"cybercrime"}), ceiling=Tlp.AMBER,
        onward=onward, starts=starts, stops=stops,
    )  # fmt: skip


_numbers = itertools.count()


def member(
    who: str, of: str, *, client: bool = False, starts: int | None = None, stops: int | None = None
) -> Membership:
    return Membership(id=f"m{next(_numbers)}", member=who, of=of, client=client, starts=starts, stops=stops)


def directory(*memberships: Membership, **ceilings: Tlp) -> Directory:
    parties = {
        one: Party(
            id=one, name=one, kind=PartyKind.COMMUNITY if one in (CLUB, LEAGUE) else PartyKind.AGENCY, country="ID",
            ceiling=ceilings.get(one),
        )
        for one in EVERYBODY
    }  # fmt: skip
    return Directory(own=OWN, parties=parties, memberships=memberships)


def test_the_parties_of_an_agreement_receive_and_this_node_does_not() -> None:
    assert directory().audience(agreement(OWN, OTHER), AT) == {OTHER: Reach(Circle.ORGANISATION, Tlp.AMBER)}


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(agreement(OTHER, THIRD), id="this-node-is-not-in-it"),
        pytest.param(agreement(OWN, OTHER, starts=AT + 1), id="not-yet"),
        pytest.param(agreement(OWN, OTHER, stops=AT), id="ended"),
        pytest.param(msgspec.structs.replace(agreement(OWN, OTHER), revoked=True), id="revoked"),
        pytest.param(msgspec.structs.replace(agreement(OWN, OTHER), purposes=frozenset()), id="for-nothing"),
        pytest.param(agreement(), id="nobody-in-it"),
        pytest.param(agreement(OWN, "unheard-of"), id="unknown-party"),
    ],
)
def test_fails_closed(wrong: Agreement) -> None:
    assert directory().audience(wrong, AT) == {}


def test_a_community_stands_for_its_members_and_receives_nothing_itself() -> None:
    held = directory(member(OWN, CLUB), member(OTHER, CLUB), member(CLUB, LEAGUE), member(THIRD, LEAGUE))
    assert held.audience(agreement(LEAGUE), AT).keys() == {OTHER, THIRD}
    assert held.communities(OTHER, AT) == {CLUB, LEAGUE}
    assert held.names(OTHER, AT) == {OTHER, "ID", CLUB, LEAGUE}


def test_communities_that_are_in_each_other_end() -> None:
    held = directory(member(CLUB, LEAGUE), member(LEAGUE, CLUB), member(OTHER, CLUB), member(OWN, LEAGUE))
    assert held.audience(agreement(CLUB), AT).keys() == {OTHER}
    assert held.communities(OTHER, AT) == {CLUB, LEAGUE}


def test_clients_follow_only_where_the_agreement_says_so() -> None:
    held = directory(member(CLIENT, OTHER, client=True))
    assert held.audience(agreement(OWN, OTHER), AT).keys() == {OTHER}
    served = held.audience(agreement(OWN, OTHER, onward=Onward.CLIENTS), AT)
    assert served[CLIENT] == Reach(Circle.CLIENTS, Tlp.AMBER)
    assert held.communities(CLIENT, AT) == frozenset(), "being a client makes nobody a member"


def test_who_is_a_client_only_has_no_say() -> None:
    """A node that an agreement reaches only as somebody's client does not release under it."""
    held = directory(member(OWN, OTHER, client=True))
    assert held.audience(agreement(OTHER, THIRD, onward=Onward.CLIENTS), AT) == {}


def test_a_party_in_two_communities_is_under_the_ceiling_that_lets_less_through() -> None:
    held = directory(member(OTHER, CLUB), member(OTHER, LEAGUE), club=Tlp.GREEN, league=Tlp.CLEAR)
    assert held.audience(agreement(OWN, CLUB, LEAGUE), AT)[OTHER].ceiling is Tlp.CLEAR
    assert held.audience(agreement(OWN, CLUB, OTHER), AT)[OTHER].ceiling is Tlp.GREEN


@given(st.sampled_from(Tlp), st.sampled_from(Tlp))
def test_of_two_ceilings_the_lower_carries_no_more_than_either(a: Tlp, b: Tlp) -> None:
    lower = lower_ceiling(a, b)
    assert lower in (a, b)
    assert at_least_as_strict(a, lower)
    assert at_least_as_strict(b, lower)
    assert lower_ceiling(b, a) is lower


# Over random directories

EDGE = st.none() | st.integers(1, 9)


@st.composite
def memberships(draw: st.DrawFn) -> Membership:
    who, of = draw(st.permutations(EVERYBODY))[:2]
    return member(who, of, client=draw(st.booleans()), starts=draw(EDGE), stops=draw(EDGE))


DIRECTORIES = st.lists(memberships(), max_size=8).map(lambda some: directory(*some, club=Tlp.GREEN))
AGREEMENTS = st.builds(
    lambda parties, onward, starts, stops: agreement(*parties, onward=onward, starts=starts, stops=stops),
    st.sets(st.sampled_from(EVERYBODY), min_size=1),
    st.sampled_from(Onward),
    st.integers(0, 5),
    EDGE,
)


@given(DIRECTORIES, AGREEMENTS, st.integers(0, 10))
def test_nobody_receives_more_than_the_agreement_carries(held: Directory, agreed: Agreement, at: int) -> None:
    audience = held.audience(agreed, at)
    assert held.own not in audience
    for who, reach in audience.items():
        assert held.parties[who].kind is not PartyKind.COMMUNITY
        assert lower_ceiling(reach.ceiling, agreed.ceiling) is reach.ceiling
        assert reach.circle is not Circle.CLIENTS or agreed.onward is Onward.CLIENTS


@given(DIRECTORIES, AGREEMENTS, st.integers(0, 10), st.data())
def test_fewer_members_are_a_smaller_audience(held: Directory, agreed: Agreement, at: int, data: st.DataObject) -> None:
    """Ending a membership never lets anybody in, nor anything more through to whom the others reach."""
    if not held.memberships:
        return
    gone = data.draw(st.sampled_from(held.memberships))
    less = msgspec.structs.replace(held, memberships=tuple(one for one in held.memberships if one is not gone))
    assert less.audience(agreed, at).keys() <= held.audience(agreed, at).keys()


@given(DIRECTORIES, AGREEMENTS, st.integers(0, 10), st.sampled_from(EVERYBODY))
def test_a_window_is_the_unbroken_time_in_the_audience(held: Directory, agreed: Agreement, at: int, who: str) -> None:
    """The instants around now, one by one, are the oracle."""
    inside = {instant for instant in range(-1, 12) if who in held.audience(agreed, instant)}
    window = held.window(agreed, who, at)
    if at not in inside:
        assert window is None
        return
    opens, closes = at, at
    while opens - 1 in inside:
        opens -= 1
    while closes in inside and closes < 12:
        closes += 1
    assert window == Window(opens, closes if closes < 12 else None)
