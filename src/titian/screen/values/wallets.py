"""Wallets: the addresses of crypto-assets, in the form that their network writes.

Canonical: Bech32, CashAddr (with its prefix) and hexadecimal in lower case, Base58 as it is, an X-address of the XRP
ledger as its classic address, an address of TON as ``workchain:hash``. Where the same characters are an address on
several networks, each is a fact. Sources: BIP-13, BIP-173, BIP-350, EIP-55, SLIP-44's networks, CashAddr, XLS-5d, SS58.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from titian.core.screening import Value, ValueKind
from titian.screen.values import checksums
from titian.screen.values.checksums import BECH32, BECH32M, FIVE, bech32_constant, is_eip55
from titian.screen.values.found import NOTHING, Found
from titian.screen.values.text import compatible
from titian.screen.values.wallets_other import other_wallet

Facts = tuple[tuple[str, str], ...]


def _facts(form: str, *networks: str) -> Facts:
    return (*(("network", network) for network in networks), ("format", form))


VERSIONS: Final[Mapping[int, Facts]] = {
    0x00: _facts("p2pkh", "bitcoin", "bitcoin-cash"),
    0x05: _facts("p2sh", "bitcoin", "bitcoin-cash", "litecoin"),
    0x10: _facts("p2sh", "dash"),
    0x16: _facts("p2sh", "dogecoin"),
    0x17: _facts("script", "neo"),
    0x1E: _facts("p2pkh", "dogecoin", "digibyte"),
    0x26: _facts("p2pkh", "bitcoin-gold"),
    0x30: _facts("p2pkh", "litecoin"),
    0x32: _facts("p2sh", "litecoin"),
    0x35: _facts("script", "neo"),
    0x3C: _facts("p2pkh", "ravencoin"),
    0x41: _facts("account", "tron"),
    0x4C: _facts("p2pkh", "dash"),
    0x6F: _facts("p2pkh", "bitcoin-testnet"),
    0xC4: _facts("p2sh", "bitcoin-testnet"),
}
"""The version bytes of addresses of 20 bytes in Base58Check."""

_TRON: Final = b"\x41"
EVM: Final[Facts] = (("network", "ethereum"), ("family", "evm"))
"""The same address is everywhere where Ethereum's virtual machine runs: Polygon, BNB Smart Chain, Arbitrum, …"""

_SEGWIT: Final[Mapping[str, str]] = {
    "bc": "bitcoin", "tb": "bitcoin-testnet", "bcrt": "bitcoin-regtest", "ltc": "litecoin", "tltc": "litecoin-testnet",
    "btg": "bitcoin-gold", "dgb": "digibyte", "vtc": "vertcoin",
}  # fmt: skip
_PLAIN: Final[Mapping[str, tuple[str, int]]] = {
    **{
        name: (network, BECH32)
        for name, network in {
            "addr": "cardano", "addr_test": "cardano-testnet", "akash": "akash", "axelar": "axelar",
            "bnb": "bnb-beacon",
            "celestia": "celestia", "cosmos": "cosmos", "dydx": "dydx", "erd": "multiversx", "evmos": "evmos",
            "inj": "injective", "juno": "juno", "kava": "kava", "neutron": "neutron", "noble": "noble",
            "one": "harmony", "osmo": "osmosis", "secret": "secret", "sei": "sei", "stake": "cardano",
            "stars": "stargaze", "terra": "terra", "thor": "thorchain", "zil": "zilliqa", "zs": "zcash",
        }.items()
    },
    "sp": ("bitcoin", BECH32M),
    "u": ("zcash", BECH32M),
}  # fmt: skip
_CASHADDR: Final[Mapping[str, str]] = {
    "bitcoincash": "bitcoin-cash",
    "ecash": "ecash",
    "bchtest": "bitcoin-cash-testnet",
}

_LONGEST: Final = 512
_is_evm: Final = re.compile(r"(?:0[xX]|xdc)([0-9a-fA-F]{40})").fullmatch
_is_base58: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{25,36}").fullmatch
_uri: Final = re.compile(
    r"(?:digital currency address\s*-\s*)?"
    r"(?:(?:bitcoin|ethereum|litecoin|dogecoin|tron|solana|monero|ripple|xrpl|dash|stellar|cardano|zcash|polkadot|ronin"
    r"|ton|xbt|btc|eth|ltc|xmr|usdt|usdc|trx|sol|xrp|doge|bch|zec|bnb|bsc|ada|xlm):(?://)?(?:pay-|transfer/)?"
    r"|(?:xbt|btc|eth|ltc|xmr|usdt|usdc|trx|sol|xrp|doge|bch|zec|bnb|bsc|ada|xlm)\s+)"
    r"([^?@/;\s]+)[^\s]*",
    re.IGNORECASE,
).fullmatch
_meant: Final = re.compile(
    r"0[xX][0-9a-fA-F]{38,42}|(?=.*[0-9])[13LMDT][1-9A-HJ-NP-Za-km-z]{25,34}|(?=.*[0-9])r[1-9A-HJ-NP-Za-km-z]{24,34}"
    r"|(?:bc|tb|ltc|BC|TB|LTC)1[a-zA-Z0-9]{11,87}|(?:addr|cosmos)1[a-z0-9]{30,110}"
    r"|[48][1-9A-HJ-NP-Za-km-z]{94}|(?:bitcoincash|ecash):[a-z0-9]{40,60}"
).fullmatch


def quick_wallet(text: str) -> Value | None:
    """Return the wallet whose address a text is, if it is of a common network and there is nothing to say about it."""
    if text[:2] == "0x":
        if _is_evm(text) is None:
            return None
        digits = text[2:]
        lower = digits.lower()
        if digits == lower or digits.isupper() or is_eip55(digits):
            return Value(ValueKind.WALLET, "0x" + lower, EVM)
        return None
    length = len(text)
    if 25 <= length <= 35:
        found = _base58check(text)
        if found is not None:
            return found
    if 14 <= length <= 120 and "1" in text[1:10]:
        return _bech32(text)
    return None


def _base58check(text: str) -> Value | None:
    try:
        data = checksums.base58_number(text).to_bytes(25, "big")
    except (KeyError, OverflowError):
        return None
    if sha256(sha256(data[:21]).digest()).digest()[:4] != data[21:]:
        return None
    facts = VERSIONS.get(data[0])
    if facts is None or len(text) - len(text.lstrip("1")) != 25 - len(data.lstrip(b"\0")):
        return None
    return Value(ValueKind.WALLET, text, facts)


def _bech32(text: str) -> Value | None:
    lower = text.lower()
    if lower != text and text.upper() != text:
        return None
    prefix, _, data = lower.rpartition("1")
    segwit, plain = _SEGWIT.get(prefix), _PLAIN.get(prefix)
    if (segwit is None and plain is None) or not 8 <= len(data) <= _LONGEST:
        return None
    constant = bech32_constant(prefix, data)
    if segwit is not None:
        form = _witness_form(data, constant)
        return None if form is None else Value(ValueKind.WALLET, lower, (("network", segwit), ("format", form)))
    if plain is None or constant != plain[1]:
        return None
    return Value(ValueKind.WALLET, lower, (("network", plain[0]), ("format", "bech32")))


def _witness_form(data: str, constant: int | None) -> str | None:
    """The kind of witness program, or None if it is wrong (BIP-141, BIP-173, BIP-350)."""
    version, size = FIVE.get(data[0], 32), 5 * (len(data) - 7)
    if version > 16 or constant != (BECH32 if version == 0 else BECH32M):
        return None
    left, size = size % 8, size // 8
    if left >= 5 or FIVE[data[-7]] & ((1 << left) - 1) or not 2 <= size <= 40:
        return None
    if version == 0:
        return {20: "p2wpkh", 32: "p2wsh"}.get(size)
    return "p2tr" if version == 1 and size == 32 else f"segwit-v{version}"


def _cash(text: str) -> Value | None:
    lower = text.lower()
    if lower != text and text.upper() != text:
        return None
    prefix, colon, data = lower.partition(":")
    if not colon:
        prefix, data = "bitcoincash", lower
    network = _CASHADDR.get(prefix)
    if network is None or not 34 <= len(data) <= 112 or not checksums.is_cashaddr(prefix, data):
        return None
    body = checksums.eight_bits(data[:-8])
    if body is None or len(body) != 21 or body[0] not in (0, 8):
        return None
    form, version = ("p2pkh", b"\x00") if body[0] == 0 else ("p2sh", b"\x05")
    facts = [("network", network), ("format", form)]
    if prefix == "bitcoincash":
        facts.append(("legacy-form", checksums.base58check_text(version + body[1:])))
    return Value(ValueKind.WALLET, f"{prefix}:{data}", tuple(facts))


def _evm(text: str) -> Found:
    found = _is_evm(text)
    if found is None:
        return NOTHING
    digits = found[1]
    wrong = digits.lower() != digits and not digits.isupper() and not is_eip55(digits)
    return Found((Value(ValueKind.WALLET, "0x" + digits.lower(), EVM),), _WRONG_CASE if wrong else None)


_WRONG_CASE: Final = "The letter case of this address is not that of its EIP-55 checksum: a digit may be wrong."


def read_wallet(text: str, *, asked: bool = True) -> Found:
    """Read a tidied text as the address of a wallet.

    ``asked`` says that it was given as one: then 40 hexadecimal digits are an address of Ethereum, 42 with ``41`` in
    front one of Tron, and 32 bytes in Base58 one of Solana even if they are few characters.

    >>> read_wallet("0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED").values[0].canonical
    '0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed'
    """
    text = compatible(text)
    inner = _uri(text)
    if inner is not None:
        return read_wallet(inner[1], asked=True)
    if len(text) > _LONGEST:
        return Found(problem="This is too long to be the address of a wallet.") if asked else NOTHING
    found = quick_wallet(text) or _cash(text) or other_wallet(text, asked=asked)
    if found is not None:
        return Found((found,))
    evm = _evm(text)
    if not evm.values and asked:
        evm = _bare_hex(text)
    if evm.values:
        return evm
    if _meant(text) is not None:
        return Found(problem=_what_is_wrong(text))
    return Found(problem="This is not the address of a wallet on a network that is known.") if asked else NOTHING


_bare: Final = re.compile(r"(?:41)?[0-9a-fA-F]{40}").fullmatch


def _bare_hex(text: str) -> Found:
    if _bare(text) is None:
        return NOTHING
    if len(text) == 40:
        return _evm("0x" + text)
    address = checksums.base58check_text(bytes.fromhex(text))
    return Found((Value(ValueKind.WALLET, address, VERSIONS[0x41]),))


def _what_is_wrong(text: str) -> str:
    if text[:2] in ("0x", "0X"):
        return f"An address of Ethereum has 40 hexadecimal digits behind 0x; here are {len(text) - 2}."
    return "This looks like the address of a wallet, but its checksum is wrong: a character was changed or left out."
