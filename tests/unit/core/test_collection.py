"""Collections as values: a page put together, a selection widened."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.collection import ALL, LAST, Page, Selection, Versions, timestamp, unusual, version_text
from titian.core.stix import Timestamp


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=6), st.binary(max_size=5), st.binary(max_size=5))
def test_a_page_is_enclosed_whole(parts: list[bytes], prefix: bytes, suffix: bytes) -> None:
    page = Page(parts, len(parts), 0, 0, False)
    before = list(parts)
    assert page.enclosed(prefix, suffix) == prefix + b",".join(parts) + suffix
    assert page.joined == before, "a page that is kept is not changed by sending it"


def test_every_version_keeps_the_other_conditions() -> None:
    selection = Selection(after=5, limit=7, ids=frozenset({"a"}), types=frozenset({"b"}), spec_versions=frozenset())
    wide = selection.of_all_versions()
    assert wide == Selection(
        after=5, limit=7, ids=frozenset({"a"}), types=frozenset({"b"}), spec_versions=frozenset(), versions=ALL
    )
    assert selection.versions == LAST == Versions(last=True)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Selection().after = 1  # type: ignore[misc]


MOMENT = 1_700_000_000_123_000


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2023-11-14T22:13:20.123Z", False),
        ("2023-11-14T22:13:20.123000Z", True),
        ("2023-11-14T22:13:20.1230Z", True),
        ("2023-11-14T22:13:20.123000999Z", True),
    ],
)
def test_a_version_is_kept_beside_its_microseconds_only_where_it_is_unusual(written: str, kept: bool) -> None:
    """Nearly all are written with milliseconds: a text of each would be a fifth of what an entry takes."""
    assert Timestamp.parse(written).micros == MOMENT
    text = unusual(written)
    assert text == (written if kept else None)
    assert version_text(MOMENT, True, text) == written


def test_a_leap_second_is_shown_to_the_letter() -> None:
    written = "2016-12-31T23:59:60.000Z"
    assert version_text(Timestamp.parse(written).micros, True, unusual(written)) == written


def test_what_has_no_version_shows_a_taxii_timestamp() -> None:
    assert unusual(None) is None
    assert version_text(MOMENT, False, None) == timestamp(MOMENT) == "2023-11-14T22:13:20.123000Z"


@given(
    st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)),
    st.sampled_from(("milliseconds", "microseconds")),
)
def test_every_version_is_shown_to_the_letter(moment: datetime, timespec: str) -> None:
    """Whatever is stored of it (TAXII 2.1 section 5.3.1)."""
    written = moment.isoformat(timespec=timespec) + "Z"
    micros = Timestamp.parse(written).micros
    assert version_text(micros, True, unusual(written)) == written
