"""PDQ hashes as numbers: 256 bits in four words of 64."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from titian.core.errors import InvalidInput

Words: TypeAlias = NDArray[np.uint64]
"""Hashes, four words each: shape (n, 4). The first word holds the first 16 digits of the hexadecimal form."""

BITS: Final = 256
DIGITS: Final = BITS // 4
WORDS: Final = 4


def read_hashes(texts: Iterable[str]) -> Words:
    """Read hashes from their hexadecimal form: 64 digits each, in either letter case.

    Raises:
        InvalidInput: one is anything else; says which.
    """
    given = list(texts)
    read = []
    for at, text in enumerate(given):
        try:
            digits = bytes.fromhex(text)
        except ValueError:
            digits = b""
        # The second clause: bytes.fromhex skips white space.
        if len(digits) * 8 != BITS or len(text) != DIGITS:
            raise InvalidInput(f"Hash {at + 1}, {text[:80]!r}, is not a PDQ hash: {DIGITS} hexadecimal digits.")
        read.append(digits)
    return np.frombuffer(b"".join(read), ">u8").astype(np.uint64).reshape(-1, WORDS)


def write_hashes(words: Words) -> list[str]:
    """Write hashes in their hexadecimal form, in small letters."""
    text = words.astype(">u8").tobytes().hex()
    return [text[at : at + DIGITS] for at in range(0, len(text), DIGITS)]


def checked(words: Words) -> Words:
    """Return hashes as an array of shape (n, 4), contiguous; :class:`InvalidInput` if they are not."""
    if words.ndim != 2 or words.shape[1] != WORDS or words.dtype != np.uint64:
        raise InvalidInput(f"Hashes are an array of shape (n, {WORDS}) of uint64, not {words.shape} of {words.dtype}.")
    return np.ascontiguousarray(words)


def chunks(words: Words) -> NDArray[np.uint16]:
    """Return the chunks of 16 bits of each hash, shape (n, 4 for each word), in the order of the hexadecimal form."""
    return words.astype(">u8").view(">u2").reshape(len(words), words.shape[1] * 4).astype(np.uint16)


def distances(some: Words, others: Words) -> NDArray[np.uint16]:
    """Return in how many bits each of ``some`` differs from each of ``others``: shape (some, others)."""
    found = np.zeros((len(some), len(others)), np.uint16)
    for at in range(WORDS):
        found += np.bitwise_count(some[:, at][:, None] ^ others[:, at])
    return found
