"""Wallets of the networks that are seldom asked about in great numbers: Monero, XRP, Solana, Stellar, TON and others.

`bip_utils` knows them too; it takes 0.35 s and 23 MB to load with what it needs, calls a program's account on Solana
wrong because no key belongs to it, and so is the oracle in the tests only.
"""

from __future__ import annotations

import re
from base64 import b32decode, urlsafe_b64decode
from binascii import crc32, crc_hqx
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from Crypto.Hash import SHA512

from titian.core.screening import Value, ValueKind
from titian.screen.values import checksums

_SHORT_SOLANA: Final = 43
_BLOCK: Final = {11: 8, 7: 5}
_MONERO: Final = {18: "standard", 19: "integrated", 42: "subaddress"}
_ZCASH: Final = {b"\x1c\xb8": "p2pkh", b"\x1c\xbd": "p2sh"}
_TEZOS: Final = {
    b"\x06\xa1\x9f": "tz1",
    b"\x06\xa1\xa1": "tz2",
    b"\x06\xa1\xa4": "tz3",
    b"\x06\xa1\xa6": "tz4",
    b"\x02\x5a\x79": "contract",
}
_SS58: Final = {0: "polkadot", 2: "kusama", 5: "astar", 42: "substrate"}
_TON_TAGS: Final = frozenset({0x11, 0x51, 0x91, 0xD1})
_is_base58: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]+").fullmatch
_is_stellar: Final = re.compile(r"[GCM][A-Z2-7]{55}(?:[A-Z2-7]{13})?").fullmatch
_is_algorand: Final = re.compile(r"[A-Z2-7]{58}").fullmatch
_is_ton: Final = re.compile(r"[A-Za-z0-9+/_-]{48}").fullmatch
_is_raw_ton: Final = re.compile(r"(-1|0):([0-9a-fA-F]{64})").fullmatch
_is_long_hex: Final = re.compile(r"0[xX]([0-9a-fA-F]{64})").fullmatch


def _wallet(canonical: str, network: str, form: str, *more: tuple[str, str]) -> Value:
    return Value(ValueKind.WALLET, canonical, (("network", network), ("format", form), *more))


def other_wallet(text: str, *, asked: bool) -> Value | None:
    """Return the wallet whose address a text is, on any network but the most common."""
    length = len(text)
    if length in (95, 106):
        return _monero(text)
    if _is_stellar(text) is not None and length in (56, 69):
        return _stellar(text)
    if _is_algorand(text) is not None:
        return _algorand(text)
    ton = _ton(text)
    if ton is not None:
        return ton
    if _is_long_hex(text) is not None:
        return _wallet(text.lower(), "sui", "account", ("network", "aptos")) if asked else None
    if length > 128 or _is_base58(text) is None:
        return None
    for read in _BASE58:
        found = read(text)
        if found is not None:
            return found
    return _solana(text, asked=asked)


def _monero(text: str) -> Value | None:
    data = b""
    try:
        for at in range(0, len(text), 11):
            block = text[at : at + 11]
            data += checksums.base58_number(block).to_bytes(_BLOCK[len(block)], "big")
    except (KeyError, OverflowError):
        return None
    form = _MONERO.get(data[0])
    if form is None or checksums.keccak256(data[:-4])[:4] != data[-4:]:
        return None
    return _wallet(text, "monero", form)


def _xrp(text: str) -> Value | None:
    if text[0] not in "rX":
        return None
    body = checksums.base58check(checksums.from_ripple(text))
    if body is None:
        return None
    if len(body) == 21 and body[0] == 0:
        return _wallet(text, "xrp-ledger", "account")
    if len(body) == 31 and body[:2] == b"\x05\x44" and body[22] <= 1:
        classic = checksums.to_ripple(checksums.base58check_text(b"\0" + body[2:22]))
        tag = (("tag", str(int.from_bytes(body[23:27], "little"))),) if body[22] else ()
        return _wallet(classic, "xrp-ledger", "account", *tag)
    return None


def _longer_versions(text: str) -> Value | None:
    body = checksums.base58check(text) if 34 <= len(text) <= 38 else None
    if body is None:
        return None
    zcash, tezos = _ZCASH.get(body[:2]), _TEZOS.get(body[:3])
    if zcash is not None and len(body) == 22:
        return _wallet(text, "zcash", zcash)
    if tezos is not None and len(body) == 23:
        return _wallet(text, "tezos", tezos)
    return None


def _substrate(text: str) -> Value | None:
    data = checksums.base58_bytes(text) if 46 <= len(text) <= 50 else None
    if data is None or len(data) not in (35, 36) or (data[0] < 64) != (len(data) == 35):
        return None
    if blake2b(b"SS58PRE" + data[:-2]).digest()[:2] != data[-2:]:
        return None
    return _wallet(text, _SS58.get(data[0], "substrate"), "ss58")


def _byron(text: str) -> Value | None:
    """An address of Cardano's first era: CBOR of a tagged byte string and its CRC-32."""
    data = checksums.base58_bytes(text) if len(text) >= 50 else None
    if data is None or data[:4] != b"\x82\xd8\x18\x58" or len(data) < 10:
        return None
    end = 5 + data[4]
    if data[end : end + 1] != b"\x1a" or data[end + 1 :] != crc32(data[5:end]).to_bytes(4, "big"):
        return None
    return _wallet(text, "cardano", "byron")


_BASE58: Final[tuple[Callable[[str], Value | None], ...]] = (_xrp, _longer_versions, _substrate, _byron)


def _solana(text: str, *, asked: bool) -> Value | None:
    """Any 32 bytes are an account; there is no checksum, so few characters are one only where a wallet is asked for."""
    if not (32 if asked else _SHORT_SOLANA) <= len(text) <= 44:
        return None
    data = checksums.base58_bytes(text)
    return _wallet(text, "solana", "account") if data is not None and len(data) == 32 else None


def _stellar(text: str) -> Value | None:
    data = b32decode(text + "=" * (-len(text) % 8))
    if crc_hqx(data[:-2], 0).to_bytes(2, "little") != data[-2:]:
        return None
    form = {6 << 3: "account", 2 << 3: "contract", 12 << 3: "muxed"}.get(data[0])
    return None if form is None else _wallet(text, "stellar", form)


def _algorand(text: str) -> Value | None:
    data = b32decode(text + "======")
    checksum = SHA512.new(data[:32], truncate="256").digest()[-4:]
    return _wallet(text, "algorand", "account") if data[32:] == checksum else None


def _ton(text: str) -> Value | None:
    raw = _is_raw_ton(text)
    if raw is not None:
        return _wallet(f"{raw[1]}:{raw[2].lower()}", "ton", "account")
    if _is_ton(text) is None:
        return None
    data = urlsafe_b64decode(text.replace("+", "-").replace("/", "_"))
    if data[0] not in _TON_TAGS or data[1] not in (0, 255) or crc_hqx(data[:34], 0).to_bytes(2, "big") != data[34:]:
        return None
    return _wallet(f"{'0' if data[1] == 0 else '-1'}:{data[2:34].hex()}", "ton", "account")
