"""Collections as values: a page put together, a selection widened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.collection import ALL, LAST, Page, Selection, Versions


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
