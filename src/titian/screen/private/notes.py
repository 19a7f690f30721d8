"""Notes: what the offering side says about a value, encrypted so that only who holds the value can read it.

The key of a note comes from the value's OPRF output, which only a hit gives, and from the offer's salt, so that no key
is used twice. All notes of an offer are padded to one length.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from titian.core.errors import InvalidInput, TooLarge

MOST_NOTE: Final = 4096
"""Bytes of a note at most, in UTF-8."""
SALT_SIZE: Final = 16
_STEP: Final = 16
_LENGTH: Final = 2
_TAG: Final = 16
# Each key encrypts one note, so the nonce need not differ.
_NONCE: Final = bytes(12)


def sealed_size(notes: Iterable[str]) -> int:
    """How many bytes each note of an offer takes when sealed; :class:`TooLarge` when one is too long."""
    longest = max((len(note.encode()) for note in notes), default=0)
    if longest > MOST_NOTE:
        raise TooLarge(f"A note has {longest:,} bytes, more than {MOST_NOTE:,}.")
    return -(-(longest + _LENGTH) // _STEP) * _STEP + _TAG


def seal(note: str, output: bytes, salt: bytes, size: int) -> bytes:
    """Encrypt a note for whoever can compute the OPRF output: ``size`` bytes."""
    text = note.encode()
    padded = (len(text).to_bytes(_LENGTH, "big") + text).ljust(size - _TAG, b"\x00")
    return ChaCha20Poly1305(_key(output, salt)).encrypt(_NONCE, padded, None)


def unseal(data: bytes, output: bytes, salt: bytes) -> str:
    """Decrypt a note; :class:`InvalidInput` when it was not sealed for this output, or is none."""
    try:
        padded = ChaCha20Poly1305(_key(output, salt)).decrypt(_NONCE, data, None)
    except InvalidTag as error:
        raise InvalidInput("A note cannot be opened with the value that it belongs to.") from error
    length = int.from_bytes(padded[:_LENGTH], "big")
    if length > len(padded) - _LENGTH:
        raise InvalidInput("A note is longer than what holds it.")
    try:
        return padded[_LENGTH : _LENGTH + length].decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("A note is not text.") from error


def _key(output: bytes, salt: bytes) -> bytes:
    return blake2b(output, digest_size=32, salt=salt, person=b"titian-note").digest()
