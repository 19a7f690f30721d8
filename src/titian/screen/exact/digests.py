"""Keyed digests of values: 16 bytes that tell nothing of the value to whoever lacks the node's secret.

A digest is BLAKE2b (RFC 7693) of 16 bytes under the secret as its key, of the kind, a NUL and the canonical form in
UTF-8. No kind holds a NUL, so no two pairs give one message. In arrays a digest is two words of 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from titian.core.screening import Value, ValueKind

DIGEST_BYTES: Final = 16
SEAL_BYTES: Final = 16
Words: TypeAlias = npt.NDArray[np.uint64]
"""Digests: shape (n, 2), as :func:`words` makes them."""
Key: TypeAlias = tuple[ValueKind, str]
"""What is looked up: a kind and a canonical form."""

_LEAST_SECRET, _MOST_SECRET = 16, 64


class Digester:
    """Makes digests under one secret of 16 to 64 bytes, and seals on files that only its holder can make."""

    def __init__(self, secret: bytes) -> None:
        if not _LEAST_SECRET <= len(secret) <= _MOST_SECRET:
            raise ValueError(f"a secret has {_LEAST_SECRET} to {_MOST_SECRET} bytes, not {len(secret)}")
        # The key and the kind are taken in once: a copy of that costs a third less than a fresh hash (measured).
        self._begun = {
            kind: blake2b(kind.value.encode() + b"\0", digest_size=DIGEST_BYTES, key=secret) for kind in ValueKind
        }
        # Another "person" is another hash function: a seal can never be the digest of a value.
        self._seal = blake2b(digest_size=SEAL_BYTES, key=secret, person=b"titian seal")
        self.check: Final = blake2b(digest_size=SEAL_BYTES, key=secret, person=b"titian check").digest()
        """Tells files of another secret from files that are damaged."""

    def digest(self, kind: ValueKind, canonical: str) -> bytes:
        """Return the digest of one value."""
        begun = self._begun[kind].copy()
        begun.update(_utf8(canonical))
        return begun.digest()

    def digests(self, kind: ValueKind, canonicals: Sequence[str]) -> Words:
        """Return the digests of many values of one kind, in their order: the quickest way."""
        return words(self._many(kind, canonicals))

    def digests_of(self, values: Iterable[Value | Key]) -> Words:
        """Return the digests of values of mixed kinds, in their order. Quick where a kind comes in long runs."""
        keys = ((one.kind, one.canonical) if isinstance(one, Value) else one for one in values)
        return words(
            b"".join(self._many(kind, [text for _, text in run]) for kind, run in groupby(keys, key=itemgetter(0)))
        )

    def seal(self, content: bytes) -> bytes:
        """Return a seal of 16 bytes on something: only who has the secret can make it."""
        begun = self._seal.copy()
        begun.update(content)
        return begun.digest()

    def _many(self, kind: ValueKind, canonicals: Sequence[str]) -> bytes:
        begun = self._begun[kind].copy
        made: list[bytes] = []
        keep = made.append
        try:
            for canonical in canonicals:
                one = begun()
                one.update(canonical.encode())
                keep(one.digest())
        except UnicodeEncodeError:  # a lone surrogate, somewhere in them
            return b"".join(self.digest(kind, canonical) for canonical in canonicals)
        return b"".join(made)


def words(joined: bytes) -> Words:
    """Return digests that lie one after the other as an array of shape (n, 2), without copying.

    >>> words(bytes(32)).shape
    (2, 2)
    """
    return np.frombuffer(joined, np.uint64).reshape(-1, 2)


def _utf8(text: str) -> bytes:
    # Lone surrogates have no UTF-8; as three bytes each they stay distinct from all other texts.
    return text.encode("utf-8", "surrogatepass")
