"""What is typed into the box becomes a query, whatever it is; and who looks sees what is theirs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.access import Key, Role
from titian.core.collection import Collection, Kind
from titian.core.errors import InvalidInput
from titian.core.search import LONGEST_BOX, ORGANISATION, Count, Query, Viewer, checked, read_query
from titian.core.tlp import Tlp

PARTY = "identity--0b8fb3a6-94c5-4d2a-9e22-0e9a2e6a6f01"


@pytest.mark.parametrize(
    ("box", "text", "more"),
    [
        ("ferry", "ferry", {}),
        ("type:indicator ferry TYPE:Malware", "ferry", {"types": frozenset({"indicator", "malware"})}),
        ("type:indicator,malware", "", {"types": frozenset({"indicator", "malware"})}),
        ("tlp:amber+strict x tlp:white", "x", {"tlp": frozenset({Tlp.AMBER_STRICT, Tlp.CLEAR})}),
        ("tlp:none", "", {"unmarked": True}),
        (f"party:{PARTY}", "", {"party": PARTY}),
        ("party:japan", "party:japan", {}),
        ("since:2026-01-31", "", {"since": 1_769_817_600_000_000}),
        ("until:2026-01-31T09:00:00+09:00", "", {"until": 1_769_817_600_000_000}),
        ("since:tomorrow", "since:tomorrow", {}),
        ("versions:all", "", {"versions": True}),
        ('"type:indicator"', '"type:indicator"', {}),
        ("https://evil.example type:", "https://evil.example type:", {}),
        ("type:<script>", "type:<script>", {}),
        ("in:91a7b528-80eb-42ed-a74d-c6fbd5a26116", "", {"collection": "91a7b528-80eb-42ed-a74d-c6fbd5a26116"}),
    ],
)
def test_a_box_is_read(box: str, text: str, more: dict[str, object]) -> None:
    assert read_query(box) == Query(text=text, **more)  # type: ignore[arg-type]


@given(
    st.text(max_size=200) | st.from_regex(r"(type|tlp|since|until|in|party|versions):\S{0,20}( \S+)*", fullmatch=True)
)
def test_no_box_is_refused(box: str) -> None:
    query = read_query(box, Query(limit=7))
    assert query.limit == 7
    assert len(checked(query).text) <= LONGEST_BOX


def test_what_was_chosen_beside_the_box_stays() -> None:
    base = Query(types=frozenset({"tool"}), party=PARTY, limit=3)
    assert read_query("type:malware x", base) == Query(
        text="x", types=frozenset({"tool", "malware"}), party=PARTY, limit=3
    )


@pytest.mark.parametrize("limit", [0, -5, 201, 10**9])
def test_a_limit_has_bounds(limit: int) -> None:
    with pytest.raises(InvalidInput):
        checked(Query(limit=limit))


@pytest.mark.parametrize(("number", "more", "told"), [(0, False, (0, False)), (1_000, False, (1_000, False)),
                                                      (1_001, False, (1_000, True)), (3, True, (3, True))])  # fmt: skip
def test_counts_are_bounded(number: int, more: bool, told: tuple[int, bool]) -> None:
    assert Count.of(number, more=more) == Count(*told)


def collection(kind: Kind, party: str | None = None, **more: object) -> Collection:
    return Collection(num=1, id="c", name="c", created=1, kind=kind, party=party, opens=0, **more)  # type: ignore[arg-type]


def key(role: Role = Role.READER, party: str | None = None, where: int | None = None) -> Viewer:
    return Viewer.of(Key(id="k", name="k", digest=b"", role=role, created=1, party=party, collection=where))


def test_who_searches_what() -> None:
    """The organisation looks into what it holds, a party into what was released to it."""
    own, received = collection(Kind.OWN), collection(Kind.RECEIVED, PARTY)
    out, inbox = collection(Kind.RELEASED, PARTY), collection(Kind.RECEIVED, PARTY, agreement="agreement--1")
    everything = [own, received, out, inbox, collection(Kind.DIRECTORY)]

    def of(viewer: Viewer) -> list[Kind]:
        return [one.kind for one in everything if viewer.searches(one, 10)]

    held = [Kind.OWN, Kind.RECEIVED, Kind.RECEIVED, Kind.DIRECTORY]
    assert of(ORGANISATION) == of(key(Role.ADMIN)) == of(key()) == held
    assert of(key(party=PARTY)) == of(key(Role.ADMIN, party=PARTY)) == [Kind.RELEASED]
    assert of(key(party="identity--other")) == []
    viewers = (ORGANISATION, key(Role.ADMIN), key(), key(Role.ADMIN, where=1), key(Role.ADMIN, PARTY))
    assert [viewer.is_organisation for viewer in viewers] == [True, True, False, False, False]
    assert ORGANISATION.sees(out, 10), "asked for by its name, it sees what it released"
