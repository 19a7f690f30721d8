"""IP addresses, domains and URLs: the standards' own examples, and the ways in which people disguise them."""

from __future__ import annotations

import pytest

from titian.core.screening import ValueKind
from titian.screen.values import read_value


def _read(text: str, kind: ValueKind) -> tuple[str, dict[str, str]]:
    read = read_value(text, kind)
    assert read.problem is None
    assert {one.kind for one in read.values} == {kind}
    return read.values[0].canonical, dict(read.values[0].facts)


# --- IP -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        pytest.param("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", id="rfc-5952-2.2"),
        pytest.param("2001:0db8::0001", "2001:db8::1", id="rfc-5952-4.1"),
        pytest.param("2001:db8:0:0:0:0:2:1", "2001:db8::2:1", id="rfc-5952-4.2.1"),
        pytest.param("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", id="rfc-5952-4.2.2"),
        pytest.param("2001:0:0:1:0:0:0:1", "2001:0:0:1::1", id="rfc-5952-4.2.3"),
        pytest.param("2001:DB8::ABCD", "2001:db8::abcd", id="rfc-5952-4.3"),
        pytest.param("[2001:db8::1]:80", "2001:db8::1", id="rfc-5952-6"),
        pytest.param("::ffff:192.0.2.1", "192.0.2.1", id="mapped"),
        pytest.param("fe80::1%eth0", "fe80::1", id="zone"),
        pytest.param("198[.]51[.]100[.]3", "198.51.100.3", id="defanged"),
        pytest.param("198.51.100[.3", "198.51.100.3", id="half-defanged"),
        pytest.param("198.51.100.3:8080", "198.51.100.3", id="port"),
        pytest.param("198.51.100.3/32", "198.51.100.3", id="network-of-one"),
        pytest.param("198.51.100.77/24", "198.51.100.0/24", id="network"),
        pytest.param("198.51.100.0/255.255.255.0", "198.51.100.0/24", id="netmask"),
        pytest.param("::ffff:198.51.100.0/120", "198.51.100.0/24", id="mapped-network"),
        pytest.param("2001:DB8::/32", "2001:db8::/32", id="network-6"),
    ],
)
@pytest.mark.parametrize("kind", [ValueKind.IP, None], ids=["asked", "recognised"])
def test_an_ip_address_has_one_form(given: str, canonical: str, kind: ValueKind | None) -> None:
    read = read_value(given, kind)
    assert (read.values[0].kind, read.values[0].canonical, read.problem) == (ValueKind.IP, canonical, None)


def test_what_was_left_out_of_an_ip_address_is_a_fact() -> None:
    assert _read("fe80::1%eth0", ValueKind.IP)[1]["zone"] == "eth0"
    assert _read("198.51.100.3:8080", ValueKind.IP)[1]["port"] == "8080"
    assert _read("198.51.100.77/24", ValueKind.IP)[1]["given-address"] == "198.51.100.77"
    assert _read("::ffff:192.0.2.1", ValueKind.IP)[1]["mapped"] == "::ffff:c000:201"


@pytest.mark.parametrize("given", ["999.1.1.1", "010.0.0.1", "198.51.100.3/33", "2001:db8:::1", "1:2:3:4:5:6:7:8:9"])
@pytest.mark.parametrize("kind", [ValueKind.IP, None], ids=["asked", "recognised"])
def test_a_wrong_ip_address_is_reported(given: str, kind: ValueKind | None) -> None:
    read = read_value(given, kind)
    assert read.problem is not None
    assert [one.kind for one in read.values] == [ValueKind.TEXT]


def test_a_hardware_address_is_no_ip_address() -> None:
    assert read_value("00:11:22:33:44:55").problem is None


# --- domains ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        pytest.param("Evil[.]Example.", "evil.example", id="defanged"),
        pytest.param("evil(dot)example", "evil.example", id="dot"),
        pytest.param("evil[dot]co[dot]id", "evil.co.id", id="dot-twice"),
        pytest.param("\u30c9\u30e1\u30a4\u30f3\u540d\u4f8b.jp", "xn--eckwd4c7cu47r2wf.jp", id="idn-jprs"),
        pytest.param("BÜCHER.example", "xn--bcher-kva.example", id="uts-46-upper"),
        pytest.param("fa\u00df.de", "xn--fa-hia.de", id="uts-46-nontransitional"),
        pytest.param("evil\u3002com", "evil.com", id="ideographic-stop"),
        pytest.param("_dmarc.example.com", "_dmarc.example.com", id="underscore"),
        pytest.param("i\u2764.ws", "xn--i-7iq.ws", id="emoji"),
        pytest.param("XN--BCHER-KVA.example", "xn--bcher-kva.example", id="a-label"),
    ],
)
@pytest.mark.parametrize("kind", [ValueKind.DOMAIN, None], ids=["asked", "recognised"])
def test_a_domain_has_one_form(given: str, canonical: str, kind: ValueKind | None) -> None:
    read = read_value(given, kind)
    assert (read.values[0].kind, read.values[0].canonical, read.problem) == (ValueKind.DOMAIN, canonical, None)


@pytest.mark.parametrize(
    ("given", "owner"),
    [
        ("a.b.example.co.id", "example.co.id"),
        ("a.b.example.com", "example.com"),
        ("www.example.kawasaki.jp", "www.example.kawasaki.jp"),
        ("a.evil.example", "evil.example"),
    ],
)
def test_who_registered_a_domain_is_a_fact(given: str, owner: str) -> None:
    assert _read(given, ValueKind.DOMAIN)[1]["registrable"] == owner


@pytest.mark.parametrize(
    ("given", "alike"),
    [
        pytest.param("p\u0430ypal.com", "paypal.com", id="one-cyrillic-letter"),
        pytest.param("\u0430\u0440\u0440\u04cf\u0435.com", "apple.com", id="all-cyrillic"),
        pytest.param("g\u03bf\u03bfgle.com", "google.com", id="greek"),
        pytest.param("pa\u00fdpal.com", "paypal.com", id="accent"),
    ],
)
def test_a_lookalike_is_another_domain_and_told(given: str, alike: str) -> None:
    canonical, facts = _read(given, ValueKind.DOMAIN)
    assert canonical != alike
    assert canonical.startswith("xn--")
    assert facts["looks-like"] == alike


def test_mixed_scripts_are_told_and_japanese_is_one() -> None:
    assert _read("p\u0430ypal.com", ValueKind.DOMAIN)[1]["mixed-scripts"] == "Cyrillic, Latin"
    assert "mixed-scripts" not in _read("\u6771\u4eac\u30bf\u30ef\u30fc\u306e.jp", ValueKind.DOMAIN)[1]


def test_what_may_be_a_file_is_a_text_first() -> None:
    assert [one.kind for one in read_value("invoice.pdf").values] == [ValueKind.TEXT, ValueKind.DOMAIN]
    assert [one.kind for one in read_value("update.zip").values] == [ValueKind.TEXT, ValueKind.DOMAIN]


@pytest.mark.parametrize(
    "given", ["evil", "x..y", "-a.com", "a.com-", "a" * 64 + ".com", "xn--a.com", "a b.com", "1.2"]
)
def test_what_is_no_domain_is_reported(given: str) -> None:
    assert read_value(given, ValueKind.DOMAIN).problem == "This is no domain name."


# --- URLs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        pytest.param("HTTP://www.EXAMPLE.com/", "http://www.example.com/", id="rfc-3986-6.2.2.1"),
        pytest.param("http://example.com/%7esmith/%3a", "http://example.com/~smith/%3A", id="rfc-3986-6.2.2.2"),
        pytest.param("http://example.com/a/./b/../../c/%2e%2E/d", "http://example.com/d", id="rfc-3986-6.2.2.3"),
        pytest.param("http://example.com/a/b/c/./../../g", "http://example.com/a/g", id="rfc-3986-5.2.4"),
        pytest.param("http://example.com:80/", "http://example.com/", id="rfc-3986-6.2.3"),
        pytest.param("http://example.com:", "http://example.com/", id="empty-port"),
        pytest.param("https://example.com:8443", "https://example.com:8443/", id="port"),
        pytest.param("hxxps[:]//evil[.]example/a[.]b", "https://evil.example/a[.]b", id="defanged-host-only"),
        pytest.param("hxxp[://]evil[.]com", "http://evil.com/", id="defanged-scheme"),
        pytest.param("fxp://evil(.)example/x", "ftp://evil.example/x", id="defanged-ftp"),
        pytest.param("http://example.com/?q=a%2fb", "http://example.com/?q=a%2Fb", id="reserved-stays-encoded"),
        pytest.param("http://example.com/a b\u00fc", "http://example.com/a%20b%C3%BC", id="encoded"),
        pytest.param("http://example.com/100%", "http://example.com/100%25", id="lone-percent"),
        pytest.param("http://name:word@example.com/", "http://example.com/", id="user"),
        pytest.param("http://paypal.com@evil.example/", "http://evil.example/", id="user-as-disguise"),
        pytest.param("http://example.com/a#top", "http://example.com/a", id="fragment"),
        pytest.param("https://evil.example/#/room/1", "https://evil.example/#/room/1", id="route"),
        pytest.param("http://3232235777/", "http://192.168.1.1/", id="whatwg-number"),
        pytest.param("http://0x7f.1/", "http://127.0.0.1/", id="whatwg-hexadecimal"),
        pytest.param("http://0300.0250.0.1/", "http://192.168.0.1/", id="whatwg-octal"),
        pytest.param("http://[2001:DB8:0::1]/", "http://[2001:db8::1]/", id="ipv6"),
        pytest.param("http://ex%61mple.com/", "http://example.com/", id="encoded-host"),
        pytest.param("https:\\\\evil.example\\x", "https://evil.example/x", id="backslashes"),
        pytest.param("http:///evil.example/x", "http://evil.example/x", id="slashes"),
        pytest.param("http://b\u00fccher.example?a", "http://xn--bcher-kva.example/?a", id="idn"),
        pytest.param("magnet:?xt=urn:btih:C9E1", "magnet:?xt=urn:btih:C9E1", id="magnet"),
    ],
)
@pytest.mark.parametrize("kind", [ValueKind.URL, None], ids=["asked", "recognised"])
def test_a_url_has_one_form(given: str, canonical: str, kind: ValueKind | None) -> None:
    read = read_value(given, kind)
    assert (read.values[0].kind, read.values[0].canonical, read.problem) == (ValueKind.URL, canonical, None)


def test_a_url_without_scheme_is_two() -> None:
    found = [one.canonical for one in read_value("evil.com/x").values]
    assert found == ["https://evil.com/x", "http://evil.com/x"]


@pytest.mark.parametrize(
    "given", ["http://", "http://exa mple.com/", "http://example.com:99999/", "http://[::1/", "http://1.2.3.4.5/"]
)
@pytest.mark.parametrize("kind", [ValueKind.URL, None], ids=["asked", "recognised"])
def test_what_is_no_url_is_reported(given: str, kind: ValueKind | None) -> None:
    read = read_value(given, kind)
    assert (read.problem, read.values[0].kind) == ("This is no URL.", ValueKind.TEXT)


def test_a_url_tells_what_its_host_looks_like() -> None:
    assert _read("https://p\u0430ypal.com/", ValueKind.URL)[1]["looks-like"] == "paypal.com"
