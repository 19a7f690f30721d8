"""Pasted text: what stands in it is found as people write it, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import TooLarge
from titian.wire.pasted import LONGEST, MOST, find_values


def kinds(text: str) -> list[tuple[str, str]]:
    return [(one.value.kind, one.value.text) for one in find_values(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("C2: 198.51.100[.]3, 203.0.113.9.", [("ipv4", "198.51.100.3"), ("ipv4", "203.0.113.9")], id="ip"),
        pytest.param("(hxxps://evil[.]example/a(1))", [("url", "https://evil.example/a(1)")], id="brackets"),
        pytest.param("situs evil[.]example。次", [("domain", "evil.example")], id="japanese"),
        pytest.param("пишите на a[at]evil[dot]example!", [("email", "a@evil.example")], id="russian"),
        pytest.param("d41d8cd98f00b204e9800998ecf8427e", [("md5", "d41d8cd98f00b204e9800998ecf8427e")], id="md5"),
        pytest.param("2001:db8::1 and [2001:db8::2]", [("ipv6", "2001:db8::1"), ("ipv6", "2001:db8::2")], id="ipv6"),
        pytest.param("twice a.example a[.]example", [("domain", "a.example")], id="once"),
        pytest.param("nothing here, at all: 12:30, 1.5, e.g.", [], id="nothing"),
        pytest.param("“evil.example” «b.example»", [("domain", "evil.example"), ("domain", "b.example")], id="quotes"),
        pytest.param("", [], id="empty"),
    ],
)
def test_values_are_found(text: str, found: list[tuple[str, str]]) -> None:
    assert kinds(text) == found


def test_a_file_name_is_doubtful_and_a_defanged_one_is_not() -> None:
    sure = {one.written: one.sure for one in find_values("invoice.exe run.sh evil[.]sh evil.example")}
    assert sure == {"invoice.exe": False, "run.sh": False, "evil[.]sh": True, "evil.example": True}


@given(st.text(max_size=500))
def test_any_text_can_be_pasted(text: str) -> None:
    for one in find_values(text):
        assert text[one.start : one.start + len(one.written)] == one.written


def test_too_much_is_told() -> None:
    with pytest.raises(TooLarge):
        find_values("a" * (LONGEST + 1))
    with pytest.raises(TooLarge):
        find_values(" ".join(f"host{number}.example" for number in range(MOST + 1)))
