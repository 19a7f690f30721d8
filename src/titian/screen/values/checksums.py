"""The checksums of wallets' addresses: Base58Check, Bech32 and Bech32m, CashAddr, EIP-55.

Each is linear or a digest, so a table and a few operations on whole numbers do what libraries do character by
character: 2 to 8 µs where `bip_utils` takes 20 to 260. That library is the oracle in the tests.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Final

from Crypto.Hash import keccak

BITCOIN_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE_ALPHABET: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_TO_BITCOIN: Final = str.maketrans(RIPPLE_ALPHABET, BITCOIN_ALPHABET)
_TO_RIPPLE: Final = str.maketrans(BITCOIN_ALPHABET, RIPPLE_ALPHABET)
_ONE: Final = {char: value for value, char in enumerate(BITCOIN_ALPHABET)}
_PAIR: Final = {a + b: 58 * i + j for a, i in _ONE.items() for b, j in _ONE.items()}


def base58_number(text: str) -> int:
    """Return the number that a text in Base58 writes. Raises :class:`KeyError` for a character that is none of it."""
    number, even = 0, len(text) & ~1
    for at in range(0, even, 2):
        number = number * 3364 + _PAIR[text[at : at + 2]]
    return number if even == len(text) else number * 58 + _ONE[text[even]]


def base58_bytes(text: str) -> bytes | None:
    """Return what a text in Base58 stands for, or None: each leading ``1`` is a byte of zero."""
    try:
        number = base58_number(text)
    except KeyError:
        return None
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes(len(text) - len(text.lstrip("1"))) + body


def base58_text(data: bytes) -> str:
    """Return bytes in Base58.

    >>> base58_text(b"\\0Hello")
    '19Ajdvzr'
    """
    number, digits = int.from_bytes(data, "big"), []
    while number:
        number, digit = divmod(number, 58)
        digits.append(BITCOIN_ALPHABET[digit])
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + "".join(reversed(digits))


def base58check(text: str) -> bytes | None:
    """Return the version and payload of an address in Base58Check, or None if it is wrong.

    >>> base58check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").hex()
    '0062e907b15cbf27d5425399ebf6f0fb50ebb88f18'
    """
    data = base58_bytes(text)
    if data is None or len(data) < 5:
        return None
    body = data[:-4]
    return body if sha256(sha256(body).digest()).digest()[:4] == data[-4:] else None


def base58check_text(body: bytes) -> str:
    """Return a version and payload as an address in Base58Check."""
    return base58_text(body + sha256(sha256(body).digest()).digest()[:4])


def from_ripple(text: str) -> str:
    """Return a text in the alphabet of the XRP ledger in that of Bitcoin."""
    return text.translate(_TO_BITCOIN)


def to_ripple(text: str) -> str:
    """Return a text in Bitcoin's alphabet in that of the XRP ledger."""
    return text.translate(_TO_RIPPLE)


# --- Bech32 and CashAddr: codes over five bits, linear over GF(2) -------------------------------------------

CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
FIVE: Final = {char: value for value, char in enumerate(CHARSET)}
BECH32: Final = 1
BECH32M: Final = 0x2BC830A3
_BECH32: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CASHADDR: Final = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)


class _Code:
    """A cyclic code: the contribution of each character at each place, counted from the end, is looked up."""

    def __init__(self, bits: int, generator: tuple[int, ...]) -> None:
        self._top, self._low, self._generator = bits - 5, (1 << (bits - 5)) - 1, generator
        self._tables: list[dict[str, int]] = [FIVE]

    def step(self, checksum: int, value: int) -> int:
        """Take one more value into a checksum."""
        top = checksum >> self._top
        checksum = (checksum & self._low) << 5 ^ value
        for bit, generator in enumerate(self._generator):
            if top >> bit & 1:
                checksum ^= generator
        return checksum

    def of(self, data: str) -> int:
        """The contribution of characters of :data:`CHARSET`. Raises :class:`KeyError` for others."""
        tables = self._tables
        while len(tables) < len(data):
            tables.append({char: self.step(value, 0) for char, value in tables[-1].items()})
        checksum = 0
        for char, table in zip(reversed(data), tables, strict=False):
            checksum ^= table[char]
        return checksum


_bech32: Final = _Code(30, _BECH32)
_cashaddr: Final = _Code(40, _CASHADDR)


@cache
def _bech32_start(prefix: str, length: int) -> int:
    checksum = 1
    for value in (*(ord(char) >> 5 for char in prefix), 0, *(ord(char) & 31 for char in prefix), *[0] * length):
        checksum = _bech32.step(checksum, value)
    return checksum


@cache
def _cashaddr_start(prefix: str, length: int) -> int:
    checksum = 1
    for value in (*(ord(char) & 31 for char in prefix), 0, *[0] * length):
        checksum = _cashaddr.step(checksum, value)
    return checksum


def bech32_constant(prefix: str, data: str) -> int | None:
    """Return what the checksum of a Bech32 text comes to, :data:`BECH32` or :data:`BECH32M` if it is right.

    ``data`` is what stands behind the last ``1``, in lower case; None for a character that may not stand there.
    Source: BIP-173, BIP-350. Prefixes are those of a table of ours, and lengths bounded, as both are remembered.
    """
    try:
        return _bech32_start(prefix, len(data)) ^ _bech32.of(data)
    except KeyError:
        return None


def is_cashaddr(prefix: str, data: str) -> bool:
    """Whether the checksum of a CashAddr is right. ``data`` is what stands behind the colon, in lower case."""
    try:
        return _cashaddr_start(prefix, len(data)) ^ _cashaddr.of(data) == 1
    except KeyError:
        return False


def eight_bits(data: str) -> bytes | None:
    """Return characters of five bits each as bytes, or None if what is left over is not zeros of fewer than five bits.

    >>> eight_bits("qqqqqqqq")
    b'\\x00\\x00\\x00\\x00\\x00'
    """
    number, left = 0, 5 * len(data) % 8
    for char in data:
        number = number << 5 | FIVE[char]
    if left >= 5 or number & ((1 << left) - 1):
        return None
    return (number >> left).to_bytes(5 * len(data) // 8, "big")


# --- Keccak -------------------------------------------------------------------------------------------------

_HALVES: Final = bytes(0x40 if char in b"89abcdef" else 0 for char in range(256))
_LETTERS: Final = int.from_bytes(b"\x40" * 40, "big")


def keccak256(data: bytes) -> bytes:
    """Return the Keccak-256 digest as Ethereum and Monero use it: not SHA3-256."""
    return keccak.new(digest_bits=256, data=data).digest()


def is_eip55(digits: str) -> bool:
    """Whether 40 hexadecimal digits of mixed case have the case that EIP-55 gives them.

    >>> is_eip55("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    True
    """
    # In ASCII a letter has the bit 0x40, and a small one 0x20 as well: forty characters are compared at once.
    written = int.from_bytes(digits.encode(), "big")
    letters = written & _LETTERS
    small = written << 1 & letters
    wanted = keccak256(digits.lower().encode()).hex()[:40].encode().translate(_HALVES)
    return letters ^ small == letters & int.from_bytes(wanted, "big")
