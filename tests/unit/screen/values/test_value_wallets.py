"""Wallets: the standards' own examples, what a library gets wrong, and the library as an oracle."""

from __future__ import annotations

import pytest

from titian.core.screening import ValueKind
from titian.screen.values import read_value, read_values
from titian.screen.values.checksums import base58_bytes, base58_text, base58check, base58check_text, is_eip55


def _one(text: str, kind: ValueKind | None = ValueKind.WALLET) -> tuple[str, dict[str, str]]:
    read = read_value(text, kind)
    assert read.problem is None
    assert read.values[0].kind is ValueKind.WALLET
    return read.values[0].canonical, dict(read.values[0].facts)


# --- the table of real examples -----------------------------------------------------------------------------

GOOD = [
    # id, as given, canonical (None: as given), network
    ("genesis", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", None, "bitcoin-cash"),
    ("bip-13-p2sh", "3EktnHQD7RiAE6uzMj2ZifT9YgRrkSgzQX", None, "litecoin"),
    (
        "bip-173-p2wpkh",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "bitcoin",
    ),
    ("bip-173-p2wsh", "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3", None, "bitcoin"),
    ("bip-173-testnet", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", None, "bitcoin-testnet"),
    ("bip-350-taproot", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", None, "bitcoin"),
    ("bip-350-v16", "BC1SW50QGDZ25J", "bc1sw50qgdz25j", "bitcoin"),
    ("bip-350-v2", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", None, "bitcoin"),
    ("bip-86-taproot", "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr", None, "bitcoin"),
    ("eip-55", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "ethereum"),
    ("lower-case", "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359", None, "ethereum"),
    (
        "upper-case",
        "0xFB6916095CA1DF60BB79CE92CE3EA74C37C5D359",
        "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359",
        "ethereum",
    ),
    (
        "eip-681",
        "ethereum:0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359@1?value=2",
        "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359",
        "ethereum",
    ),
    (
        "bip-21",
        "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa?amount=20.3",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "bitcoin-cash",
    ),
    ("ofac-style", "XBT 12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "bitcoin-cash"),
    ("tron-usdt", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", None, "tron"),
    ("tron-hex", "41a614f803b6fd780986a42c78ec9c7f77e6ded13c", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "tron"),
    ("litecoin-l", "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9", None, "litecoin"),
    ("dogecoin", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L", None, "digibyte"),
    ("cashaddr", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", None, "bitcoin-cash"),
    (
        "cashaddr-bare",
        "QPM2QSZNHKS23Z7629MMS6S4CWEF74VCWVY22GDX6A",
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "bitcoin-cash",
    ),
    ("xrp-genesis", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", None, "xrp-ledger"),
    ("xls-5d", "XV5sbjUmgPpvXv4ixFWZ5ptAYZ6PD2gYsjNFQLKYW33DzBm", "rPEPPER7kfTD9w2To4CQk6UCfuHM9c6GDY", "xrp-ledger"),
    (
        "monero-donations",
        "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
        None,
        "monero",
    ),
    (
        "monero-subaddress",
        "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H",
        None,
        "monero",
    ),
    ("solana", "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV", None, "solana"),
    ("solana-programs-account", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", None, "solana"),
    ("solana-system", "11111111111111111111111111111111", None, "solana"),
    (
        "ton",
        "EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q2",
        "0:ed1691307050047117b998b561d8de82d31fbf84910ced6eb5fc92e7485ef8a7",
        "ton",
    ),
    ("stellar", "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ", None, "stellar"),
    ("polkadot", "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5", None, "polkadot"),
    ("cardano", "addr1vpu5vlrf4xkxv2qpwngf6cjhtw542ayty80v8dyr49rf5eg0yu80w", None, "cardano"),
    ("full-width", "\uff11A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bitcoin-cash"),
]


@pytest.mark.parametrize(("given", "canonical", "network"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
def test_a_real_address_has_one_form(given: str, canonical: str | None, network: str) -> None:
    read, facts = _one(given)
    assert read == (canonical or given)
    # A dictionary keeps the last of several networks.
    assert facts["network"] == network


def test_every_network_of_an_address_is_told() -> None:
    facts = read_value("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").values[0].facts
    assert [name for what, name in facts if what == "network"] == ["bitcoin", "bitcoin-cash"]


def test_a_cashaddr_names_its_legacy_form() -> None:
    # The pair is the example of the CashAddr specification.
    _, facts = _one("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a")
    assert facts["legacy-form"] == "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"


BAD = [
    ("one-character-changed", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
    ("bip-350-bech32-for-v1", "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4"),
    ("bip-350-bech32m-for-v0", "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P"),
    ("bip-173-mixed-case", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7"),
    ("bip-350-wrong-checksum", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd"),
    ("bip-350-v17", "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R"),
    ("39-digits", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe"),
    ("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u"),
]


@pytest.mark.parametrize("given", [row[1] for row in BAD], ids=[row[0] for row in BAD])
@pytest.mark.parametrize("kind", [ValueKind.WALLET, None], ids=["asked", "recognised"])
def test_a_wrong_address_is_reported_and_a_text(given: str, kind: ValueKind | None) -> None:
    read = read_value(given, kind)
    assert [one.kind for one in read.values] == [ValueKind.TEXT]
    assert read.problem is not None


def test_wrong_letter_case_is_reported_and_read_all_the_same() -> None:
    # Other networks have checksums of their own in the same place (EIP-1191).
    read = read_value("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed")
    assert read.values[0].canonical == "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
    assert read.problem is not None
    assert "EIP-55" in read.problem


@pytest.mark.parametrize(
    "given",
    [
        "52908400098527886E0F7030069857D2E4169EE7",
        "8617E340B3D01FA5F11F306F4090FD50E238070D",
        "de709f2102306220921060314715629080e2fb77",
        "27b1fdb04752bbc536007a920d24acb045561c26",
        "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "fB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "dbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "D1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_eip_55s_own_examples(given: str) -> None:
    assert is_eip55(given)


def test_one_letter_of_another_case_breaks_eip_55() -> None:
    good = "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    for place, char in enumerate(good):
        if char.isalpha():
            assert not is_eip55(good[:place] + char.swapcase() + good[place + 1 :])


def test_40_digits_are_a_hash_first_and_a_wallet_too() -> None:
    kinds = [one.kind for one in read_value("fb6916095ca1df60bb79ce92ce3ea74c37c5d359").values]
    assert kinds == [ValueKind.HASH, ValueKind.WALLET]


def test_a_list_is_read_as_its_values_are() -> None:
    given = [row[1] for row in GOOD] + [row[1] for row in BAD] + ["", "\u200b", "x" * 5_000]
    assert read_values(given, ValueKind.WALLET) == [read_value(one, ValueKind.WALLET) for one in given]


# --- the library as an oracle -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 20, 32, 78])
def test_base58_goes_there_and_back(size: int) -> None:
    for seed in range(40):
        data = bytes(size // 2 if seed % 3 == 0 else 0) + bytes((seed * 37 + at * 101) % 256 for at in range(size))
        assert base58_bytes(base58_text(data)) == data
        assert base58check(base58check_text(data[:60] + b"\1")) == data[:60] + b"\1"


def test_bip_utils_says_the_same_of_made_up_addresses() -> None:
    bip = pytest.importorskip("bip_utils")
    keys = [bip.Secp256k1PrivateKey.FromBytes(number.to_bytes(32, "big")).PublicKey() for number in range(1, 12)]
    for key in keys:
        taproot = bip.P2TRAddrEncoder.EncodeKey(key, hrp="bc")
        made = {
            bip.P2PKHAddrEncoder.EncodeKey(key, net_ver=b"\x00"): "bitcoin-cash",
            bip.P2PKHAddrEncoder.EncodeKey(key, net_ver=b"\x30"): "litecoin",
            bip.P2SHAddrEncoder.EncodeKey(key, net_ver=b"\x32"): "litecoin",
            bip.P2WPKHAddrEncoder.EncodeKey(key, hrp="bc"): "bitcoin",
            taproot: "bitcoin",
            bip.TrxAddrEncoder.EncodeKey(key): "tron",
            bip.XrpAddrEncoder.EncodeKey(key): "xrp-ledger",
            bip.BchP2PKHAddrEncoder.EncodeKey(key, hrp="bitcoincash", net_ver=b"\x00"): "bitcoin-cash",
            bip.AtomAddrEncoder.EncodeKey(key, hrp="cosmos"): "cosmos",
        }
        for address, network in made.items():
            read, facts = _one(address)
            assert (read, facts["network"]) == (address, network)
            broken = address[:-2] + ("q" if address[-2] != "q" else "p") + address[-1]
            assert all(one.kind is ValueKind.TEXT for one in read_value(broken, ValueKind.WALLET).values)
        ethereum = bip.EthAddrEncoder.EncodeKey(key)
        assert _one(ethereum)[0] == ethereum.lower()


def test_bip_utils_says_the_same_of_made_up_addresses_on_ed25519() -> None:
    bip = pytest.importorskip("bip_utils")
    for number in range(1, 12):
        key = bip.Ed25519PrivateKey.FromBytes(number.to_bytes(32, "little")).PublicKey()
        substrate = bip.SubstrateEd25519AddrEncoder.EncodeKey(key, ss58_format=0)
        stellar = bip.XlmAddrEncoder.EncodeKey(key, addr_type=bip.XlmAddrTypes.PUB_KEY)
        made = {
            bip.SolAddrEncoder.EncodeKey(key): "solana",
            bip.AlgoAddrEncoder.EncodeKey(key): "algorand",
            stellar: "stellar",
            substrate: "polkadot",
            bip.XtzAddrEncoder.EncodeKey(key, prefix=bip.XtzAddrPrefixes.TZ1): "tezos",
        }
        for address, network in made.items():
            assert (_one(address)[0], _one(address)[1]["network"]) == (address, network)
