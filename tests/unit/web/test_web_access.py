"""Reading an Authorization header (RFC 7617, RFC 6750): what is not clearly a key is none."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.web.access import credentials


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Bearer abc", ("abc", None)),
        ("bearer  abc ", ("abc", None)),
        ("BEARER abc", ("abc", None)),
        (basic(b"name:key"), ("key", "name")),
        (basic(b"name:key").replace("Basic", "bAsIc"), ("key", "name")),
        (basic(b":key"), ("key", "")),
        (basic(b"name:"), ("", "name")),
        (basic(b"name:k:e:y"), ("k:e:y", "name")),
        (basic("né:key".encode()), ("key", "né")),
        (basic(b"no colon"), None),
        (basic(b"n\xff:key"), None),
        ("Basic", None),
        ("Basic !!!!", None),
        ("Basic bmFtZTprZXk", None),
        ("Basic bmFtZTprZXk= x", None),
        ("Basic né", None),
        ("Digest abc", None),
        ("abc", None),
        ("", None),
        ("Bearer", ("", None)),
    ],
    ids=ascii,
)
def test_credentials(header: str, found: tuple[str, str | None] | None) -> None:
    assert credentials(header) == found


@given(st.text(max_size=60))
def test_any_header_is_read(header: str) -> None:
    for text in (header, "Basic " + header, "Bearer " + header):
        found = credentials(text)
        assert found is None or isinstance(found[0], str)


@given(
    st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_basic_round_trip(name: str, key: str) -> None:
    assert credentials(basic(f"{name}:{key}".encode())) == (key, name)
