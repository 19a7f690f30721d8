"""Hashes, images, drones, accounts, tokens: the forms of each, and what is told where a form is wrong."""

from __future__ import annotations

import pytest

from titian.core.screening import ValueKind
from titian.screen.values import read_value

EMPTY = {
    # Of no bytes at all: FIPS 180-4, RFC 1321.
    "md5": "d41d8cd98f00b204e9800998ecf8427e",
    "sha-1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "sha-256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha-512": "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
    "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
}
TLSH = "T1A12B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C"


@pytest.mark.parametrize("algorithm", EMPTY)
def test_a_hash_is_lower_case_and_tells_its_algorithm(algorithm: str) -> None:
    digest = EMPTY[algorithm]
    for text in (digest, digest.upper(), f"{algorithm}: {digest}", f"{algorithm.replace('-', '')}={digest}"):
        for kind in (ValueKind.HASH, None):
            found = read_value(text, kind).values[0]
            assert (found.kind, found.canonical, found.facts) == (ValueKind.HASH, digest, (("algorithm", algorithm),))


@pytest.mark.parametrize(
    ("given", "canonical", "algorithm"),
    [
        pytest.param("3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", None, "ssdeep", id="ssdeep"),
        pytest.param(TLSH, TLSH.lower(), "tlsh", id="tlsh"),
        pytest.param(TLSH[2:], TLSH.lower(), "tlsh", id="tlsh-before-version-4"),
        pytest.param("0x" + "aB" * 32, "ab" * 32, "transaction", id="transaction"),
        pytest.param("imphash:" + EMPTY["md5"], EMPTY["md5"], "imphash", id="imphash"),
    ],
)
def test_other_hashes_are_recognised(given: str, canonical: str | None, algorithm: str) -> None:
    for kind in (ValueKind.HASH, None):
        found = read_value(given, kind).values[0]
        assert (found.kind, found.canonical) == (ValueKind.HASH, canonical or given)
        assert dict(found.facts) == {"algorithm": algorithm}


def test_64_digits_may_be_an_image_and_pdq_says_so() -> None:
    assert [one.kind for one in read_value("ab" * 32).values] == [ValueKind.HASH, ValueKind.IMAGE]
    assert [one.kind for one in read_value("pdq:" + "AB" * 32).values] == [ValueKind.IMAGE]
    assert read_value("AB" * 32, ValueKind.IMAGE).values[0].canonical == "ab" * 32


@pytest.mark.parametrize("given", ["abc", "g" * 32, "md5:" + "a" * 40, "a" * 33])
def test_what_is_no_hash_is_reported(given: str) -> None:
    read = read_value(given, ValueKind.HASH)
    assert (read.values[0].kind, (read.problem or "")[:10]) == (ValueKind.TEXT, "This is no")


def test_a_short_image_is_reported() -> None:
    assert "64" in (read_value("ab" * 31, ValueKind.IMAGE).problem or "")


# --- drones -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "canonical", "form"),
    [
        pytest.param("MFR1C123456789ABC", None, "serial-number", id="rule-part-89"),
        pytest.param("1871C000000007000", None, "serial-number", id="public-maker"),
        pytest.param("18179132000209", None, "serial-number", id="public-maker-9"),
        pytest.param("mfr1 c123456789abc", "MFR1C123456789ABC", "serial-number", id="spaces-and-case"),
        pytest.param("S/N: MFR1C123456789ABC", "MFR1C123456789ABC", "serial-number", id="labelled"),
        pytest.param(
            "FIN87astrdge12k8-xyz", "FIN87ASTRDGE12K8", "caa-registration", id="en-4709-operator-without-secret"
        ),
        pytest.param("registration:N.123456", "N.123456", "caa-registration", id="registration"),
        pytest.param(
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", "utm-uuid", id="rfc-4122"
        ),
        pytest.param("session:01" + "ab" * 19, "01" + "AB" * 19, "session-id", id="session"),
    ],
)
def test_what_identifies_a_drone_has_one_form(given: str, canonical: str | None, form: str) -> None:
    read = read_value(given, ValueKind.DRONE)
    assert read.problem is None
    assert (read.values[0].kind, read.values[0].canonical) == (ValueKind.DRONE, canonical or given)
    assert ("id-type", form) in read.values[0].facts


def test_a_serial_number_of_a_maker_that_is_known_is_recognised() -> None:
    read = read_value("1581F4XFC223400A00JF")
    assert [one.kind for one in read.values] == [ValueKind.DRONE]
    assert ("manufacturer", "1581") in read.values[0].facts


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param("MFR1C123456789AB", "says that 12 characters follow; here are 11", id="too-short"),
        pytest.param("MFR1C123456789ABO", "neither a serial number", id="letter-o"),
        pytest.param("0AXDE9H0010123", "says that 14 characters follow; here are 9", id="before-the-standard"),
    ],
)
def test_another_number_is_a_drone_and_told(given: str, told: str) -> None:
    read = read_value(given, ValueKind.DRONE)
    assert (read.values[0].kind, read.values[0].canonical) == (ValueKind.DRONE, given)
    assert told in (read.problem or "")


# --- accounts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("https://twitter.com/TitianBridge", "x:titianbridge"),
        ("https://mobile.twitter.com/TitianBridge?lang=id", "x:titianbridge"),
        ("hxxps://x[.]com/i/user/123456", "x:id=123456"),
        ("Twitter: @TitianBridge", "x:titianbridge"),
        ("https://t.me/s/TitianBridge", "telegram:titianbridge"),
        ("https://t.me/joinchat/AAAAAEkk2WdoDrB4", "telegram:invite=AAAAAEkk2WdoDrB4"),
        ("https://t.me/+AAAAAEkk2WdoDrB4", "telegram:invite=AAAAAEkk2WdoDrB4"),
        ("tg://resolve?domain=TitianBridge", "telegram:titianbridge"),
        ("telegram:777000", "telegram:id=777000"),
        ("https://titianbridge.t.me", "telegram:titianbridge"),
        ("https://www.facebook.com/Titian.Bridge/", "facebook:titianbridge"),
        ("https://m.facebook.com/profile.php?id=100001234567&v=info", "facebook:id=100001234567"),
        ("https://www.facebook.com/groups/TitianBridge", "facebook:group=titianbridge"),
        ("https://www.instagram.com/Titian.Bridge/", "instagram:titian.bridge"),
        ("https://www.youtube.com/channel/UC4QobU6STFB0P71PMvOGN5A", "youtube:id=UC4QobU6STFB0P71PMvOGN5A"),
        ("https://www.youtube.com/@TitianBridge/videos", "youtube:titianbridge"),
        ("https://www.tiktok.com/@Titian.Bridge", "tiktok:titian.bridge"),
        ("https://vk.com/id123456", "vk:id=123456"),
        ("https://www.reddit.com/user/TitianBridge", "reddit:titianbridge"),
        ("https://discord.gg/AbCdEf", "discord:invite=AbCdEf"),
        ("https://chat.whatsapp.com/AbCdEfGhIjKlMn", "whatsapp:invite=AbCdEfGhIjKlMn"),
        ("https://bsky.app/profile/Titian.bsky.social", "bluesky:titian.bsky.social"),
        ("https://bsky.app/profile/did:plc:z72i7hdynmk6r22z27h6tvur", "bluesky:id=did:plc:z72i7hdynmk6r22z27h6tvur"),
        ("https://titian.bsky.social", "bluesky:titian.bsky.social"),
        ("@Titian@mastodon.example", "fediverse:titian@mastodon.example"),
        ("https://steamcommunity.com/profiles/76561197960287930", "steam:id=76561197960287930"),
    ],
)
@pytest.mark.parametrize("kind", [ValueKind.ACCOUNT, None], ids=["asked", "recognised"])
def test_an_account_has_one_form(given: str, canonical: str, kind: ValueKind | None) -> None:
    read = read_value(given, kind)
    assert (read.values[0].kind, read.values[0].canonical, read.problem) == (ValueKind.ACCOUNT, canonical, None)


def test_a_post_is_a_page_first_and_then_its_account() -> None:
    found = [one.canonical for one in read_value("https://x.com/TitianBridge/status/20").values]
    assert found == ["https://x.com/TitianBridge/status/20", "x:titianbridge"]


@pytest.mark.parametrize(
    "given", ["https://x.com/home", "https://t.me/share/url?url=x", "https://www.facebook.com/watch"]
)
def test_a_platforms_own_page_is_no_account(given: str) -> None:
    assert [one.kind for one in read_value(given).values] == [ValueKind.URL]


def test_a_number_on_whatsapp_is_a_telephone_number() -> None:
    kinds = {one.kind: one.canonical for one in read_value("https://wa.me/6281234567890").values}
    assert kinds[ValueKind.ACCOUNT] == "whatsapp:6281234567890"
    assert kinds[ValueKind.PHONE] == "+6281234567890"


def test_an_account_on_another_platform_is_compared_as_a_text() -> None:
    assert read_value("OtherPlace:Titian", ValueKind.ACCOUNT).values[0].canonical == "otherplace:titian"
    assert read_value("OtherPlace:Titian").values[0].kind is ValueKind.TEXT


# --- tokens -------------------------------------------------------------------------------------------------

PUNK = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb"


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        pytest.param(
            "eip155:1/erc721:0x06012c8cf97BEaD5deAe237070F9587f8E7A266d/771769",
            "eip155:1/0x06012c8cf97bead5deae237070f9587f8e7a266d/771769",
            id="caip-19",
        ),
        pytest.param(f"{PUNK}/7804", f"eip155:1/{PUNK}/7804", id="contract-and-token"),
        pytest.param(f"polygon:{PUNK}/0x10", f"eip155:137/{PUNK}/16", id="hexadecimal-token"),
        pytest.param(f"https://opensea.io/assets/ethereum/{PUNK}/7804", f"eip155:1/{PUNK}/7804", id="market"),
        pytest.param("a" * 64 + "i0", "bip122:000000000019d6689c085ae165831e93/" + "a" * 64 + "i0", id="inscription"),
    ],
)
@pytest.mark.parametrize("kind", [ValueKind.NFT, None], ids=["asked", "recognised"])
def test_a_token_has_one_form(given: str, canonical: str, kind: ValueKind | None) -> None:
    read = read_value(given, kind)
    assert (read.values[0].kind, read.values[0].canonical) == (ValueKind.NFT, canonical)


def test_a_chain_that_was_not_said_is_told() -> None:
    assert ("chain-assumed", "yes") in read_value(f"{PUNK}/7804").values[0].facts
