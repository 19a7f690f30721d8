from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core.errors import InvalidInput
from titian.core.screening import Value, ValueKind
from titian.screen.exact import (
    NO_PREFIXES,
    Digester,
    Index,
    Prefixes,
    address_words,
    canonical_network,
    containing,
    network_words,
    prefixes_of,
    read_network,
)
from titian.screen.exact.containment import MOST_FOLDERS, Network

SECRET = bytes(range(32))
# Few distinct bits, so that networks often contain each other.
V4 = st.builds(
    lambda bits, length: IPv4Network((bits, length), strict=False),
    st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 15).map(lambda n: n << 28 | n), st.just(2**32 - 1)),
    st.integers(0, 32) | st.just(32),
)
V6 = st.builds(
    lambda bits, length: IPv6Network((bits, length), strict=False),
    st.one_of(st.integers(0, 2**128 - 1), st.integers(0, 15).map(lambda n: n << 124 | n), st.just(0xFFFF << 32 | 1)),
    st.integers(0, 128) | st.just(128),
)
NETWORK: st.SearchStrategy[Network] = V4 | V6


def value(network: Network) -> Value:
    return Value(ValueKind.IP, canonical_network(network))


def within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network) and inner.subnet_of(outer)


@given(st.lists(NETWORK, max_size=25), NETWORK)
def test_held_networks_that_contain_what_is_asked(held: list[Network], asked: Network) -> None:
    names = {canonical_network(one): one for one in held}
    prefixes = prefixes_of(value(one) for one in held)
    found = [names[text] for kind, text in containing(value(asked), prefixes) if text in names]
    expected = {one for one in held if within(asked, one) and one != asked}
    assert set(found) == expected
    # The nearest first, none twice, and no more questions than there are lengths.
    assert found == sorted(expected, key=lambda one: -one.prefixlen)


@given(st.lists(NETWORK, min_size=1, max_size=25), NETWORK)
@settings(max_examples=50)
def test_held_addresses_and_networks_that_lie_in_what_is_asked(held: list[Network], asked: Network) -> None:
    with TemporaryDirectory() as folder:
        index = Index(Path(folder), SECRET)
        index.append(address_words(held), np.arange(len(held), dtype=np.uint64), {})
        found = index.between(*network_words(asked)).numbers.tolist()
    found_networks = {held[number] for number in found}
    assert {one for one in held if within(one, asked)} <= found_networks
    # What else is found begins with it, or is a network of the other version that maps onto it.
    assert all(
        one.network_address == asked.network_address for one in found_networks
        if one.version == asked.version and not within(one, asked)
    )  # fmt: skip


def test_the_index_of_digests_answers_for_an_address() -> None:
    digester = Digester(SECRET)
    held = [Value(ValueKind.IP, "198.51.100.0/24"), Value(ValueKind.IP, "2001:db8::/32")]
    with TemporaryDirectory() as folder:
        index = Index(Path(folder), SECRET)
        index.append(digester.digests_of(held), np.array([7, 8], np.uint64), {}, prefixes=prefixes_of(held))
        for asked, expected in (("198.51.100.9", [7]), ("198.51.101.9", []), ("2001:db8:5::1", [8])):
            keys = list(containing(Value(ValueKind.IP, asked), index.prefixes))
            assert index.lookup(digester.digests_of(keys)).numbers.tolist() == expected


def test_lengths_that_do_not_occur_cost_nothing() -> None:
    assert list(containing(Value(ValueKind.IP, "192.0.2.1"))) == []
    assert list(containing(Value(ValueKind.IP, "192.0.2.1"), Prefixes(v6=(32,)))) == []
    assert list(containing(Value(ValueKind.IP, "192.0.2.1"), Prefixes(v4=(8, 24)))) == [
        (ValueKind.IP, "192.0.2.0/24"), (ValueKind.IP, "192.0.0.0/8")
    ]  # fmt: skip


def test_prefixes_are_those_of_networks_only() -> None:
    held = [Value(ValueKind.IP, one) for one in ("192.0.2.1", "192.0.2.0/24", "10.0.0.0/8", "::/0", "10.0.0.1/32")]
    assert prefixes_of([*held, Value(ValueKind.URL, "https://evil.example/24")]) == Prefixes(v4=(8, 24), v6=(0,))
    assert prefixes_of([]) | Prefixes(v4=(9,)) == Prefixes(v4=(9,))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("192.0.2.9/24", "192.0.2.0/24"), ("192.0.2.9/32", "192.0.2.9"), ("2001:DB8::1", "2001:db8::1")],
)
def test_a_network_is_read_and_written(text: str, canonical: str) -> None:
    assert canonical_network(read_network(text)) == canonical


@pytest.mark.parametrize("text", ["", "evil.example", "192.0.2.1/33", "192.0.2.1/255.0.255.0", "1.2.3", "::1/-1", "/"])
def test_what_is_no_network_is_refused_or_contained_in_nothing(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_network(text)
    assert list(containing(Value(ValueKind.IP, text), Prefixes(v4=(8,), v6=(8,)))) == []


def test_names_above_a_name() -> None:
    parents = ["b.evil.example", "evil.example"]
    assert list(containing(Value(ValueKind.DOMAIN, "a.b.evil.example"), parents=parents)) == [
        (ValueKind.DOMAIN, "b.evil.example"), (ValueKind.DOMAIN, "evil.example")
    ]  # fmt: skip
    assert list(containing(Value(ValueKind.DOMAIN, "evil.example"), parents=["evil.example"])) == []


def test_the_host_of_an_address_of_email() -> None:
    asked = Value(ValueKind.EMAIL, "someone@mail.evil.example")
    assert list(containing(asked, parents=["evil.example"])) == [
        (ValueKind.DOMAIN, "mail.evil.example"), (ValueKind.DOMAIN, "evil.example")
    ]  # fmt: skip


def test_pages_and_hosts_above_a_page() -> None:
    asked = Value(ValueKind.URL, "https://www.evil.example:8443/a/b.html?q=/x/y#top")
    assert list(containing(asked, parents=["evil.example"])) == [
        (ValueKind.URL, "https://www.evil.example:8443/a/b.html?q=/x/y"),
        (ValueKind.URL, "https://www.evil.example:8443/a/b.html"),
        (ValueKind.URL, "https://www.evil.example:8443/a/"),
        (ValueKind.URL, "https://www.evil.example:8443/a"),
        (ValueKind.URL, "https://www.evil.example:8443/"),
        (ValueKind.URL, "https://www.evil.example:8443"),
        (ValueKind.DOMAIN, "www.evil.example"),
        (ValueKind.DOMAIN, "evil.example"),
    ]


@pytest.mark.parametrize(
    ("url", "address"),
    [("http://192.0.2.7:8080/x", "192.0.2.7"), ("http://[2001:db8::7]/x", "2001:db8::7")],
)
def test_a_page_on_an_address_lies_in_its_network(url: str, address: str) -> None:
    prefixes = Prefixes(v4=(24,), v6=(32,))
    keys = list(containing(Value(ValueKind.URL, url), prefixes))
    length = 24 if "." in address else 32
    assert keys[-2:] == [(ValueKind.IP, address), (ValueKind.IP, str(ip_network(f"{address}/{length}", strict=False)))]


def test_a_path_of_very_many_folders_asks_a_bounded_number_of_questions() -> None:
    keys = list(containing(Value(ValueKind.URL, "http://evil.example" + "/a" * 50_000)))
    assert len(keys) <= 2 * MOST_FOLDERS + 3
    assert (ValueKind.URL, "http://evil.example/a/") in keys


@given(st.sampled_from(ValueKind), st.text(max_size=60), st.lists(st.text(max_size=5), max_size=3))
def test_no_value_is_an_error_and_none_contains_itself(kind: ValueKind, text: str, parents: list[str]) -> None:
    for asked in (text, f"http://{text}", f"http://[{text}/", f"a@{text}"):
        keys = list(containing(Value(kind, asked), Prefixes(v4=(0, 8, 31), v6=(0, 127)), parents))
        assert (kind, asked) not in keys


def test_the_order_of_addresses_is_that_of_their_words() -> None:
    texts = ["0.0.0.0", "9.255.255.255", "10.0.0.0", "255.255.255.255", "::1:0:0:0", "2001:db8::", "ff00::"]
    words = address_words([read_network(one) for one in texts]).tolist()
    assert words == sorted(words)
    assert address_words([]).shape == (0, 2)
    assert network_words(read_network("10.0.0.0/8")) == (
        tuple(address_words([ip_network(IPv4Address("10.0.0.0"))])[0].tolist()),
        tuple(address_words([ip_network(IPv4Address("10.255.255.255"))])[0].tolist()),
    )
    assert address_words([ip_network(IPv6Address("::ffff:10.0.0.0"))]).tolist() == words[2:3]
    assert Prefixes() == NO_PREFIXES
