"""Oblivious pseudorandom functions, RFC 9497, suite ristretto255-SHA512, modes OPRF and VOPRF.

One party holds a key, the other a value. The second learns ``F(key, value)``, 64 bytes that look random; the first
learns nothing. In the mode VOPRF it also proves that it used the key whose public half is known.

::

    asking                                   with the key
    blind_each(values, blinds)  → points →   evaluate_each(key, points), prove(…)
    verify(…), finalise_each(…) ← points, proof ←

What the holder of the key computes for values of its own (:func:`outputs`) is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from hashlib import sha512
from hmac import compare_digest
from typing import Final

import msgspec

from titian.core.errors import InvalidInput, PeerUntrusted
from titian.screen.private import sodium
from titian.screen.private.sodium import ORDER, SIZE, Random

MOST_INPUT: Final = 2**16 - 1
"""Bytes of a value at most (RFC 9497 section 1.2)."""
MOST_PROVED: Final = 2**16 - 1
"""Elements of one proof at most: their number is written in two bytes (section 2.2.1)."""
PROOF_SIZE: Final = 2 * SIZE
_BLOCK: Final = bytes(128)
"""What expand_message_xmd puts first: one block of SHA-512 (RFC 9380 section 5.3.1)."""


class Variant(Enum):
    """The modes of the protocol (RFC 9497 section 3.1): with a proof, or without."""

    OPRF = 0
    VOPRF = 1


class _Names(msgspec.Struct, frozen=True):
    """What follows a message that is hashed: length, a zero, and the name of what the hash is for."""

    group: bytes
    scalar: bytes
    derive: bytes
    seed: bytes


@lru_cache
def _names(variant: Variant) -> _Names:
    context = b"OPRFV1-" + bytes([variant.value]) + b"-ristretto255-SHA512"
    return _Names(
        group=_tail(b"HashToGroup-" + context),
        scalar=_tail(b"HashToScalar-" + context),
        derive=_tail(b"DeriveKeyPair" + context),
        seed=_prefixed(b"Seed-" + context),
    )


def _tail(name: bytes) -> bytes:
    return name + bytes([len(name)])


def _prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def expand(message: bytes, tail: bytes) -> bytes:
    """Return 64 uniform bytes: expand_message_xmd over SHA-512 (RFC 9380 section 5.3.1) of that length.

    ``tail`` is the domain separation tag and its length in a byte.
    """
    first = sha512(_BLOCK + message + b"\x00\x40\x00" + tail).digest()
    return sha512(first + b"\x01" + tail).digest()


def _to_scalar(message: bytes, tail: bytes) -> int:
    return int.from_bytes(expand(message, tail), "little") % ORDER


class Key(msgspec.Struct, frozen=True):
    """A secret key, and its public half: 32 bytes each. Say nothing of the first: it is left out of what is shown."""

    secret: bytes
    public: bytes

    def __rich_repr__(self) -> list[tuple[str, bytes]]:
        return [("public", self.public)]  # rich would show every field, in a traceback too

    def __repr__(self) -> str:
        return f"Key(public={self.public.hex()})"


def random_key(random: Random) -> Key:
    """Draw a key."""
    return read_key(sodium.scalar_bytes(sodium.random_scalars(random, 1)[0]))


def read_key(secret: bytes) -> Key:
    """Return the key of a secret scalar; :class:`InvalidInput` when it is none, or zero."""
    sodium.read_scalar(secret)
    return Key(secret=secret, public=sodium.multiply_base(secret))


def derive_key(seed: bytes, info: bytes, variant: Variant) -> Key:
    """Derive a key from a secret seed of 32 bytes and what the key is for (RFC 9497 section 3.2.1)."""
    if len(seed) != 32 or len(info) > MOST_INPUT:
        raise InvalidInput("A key is derived from 32 secret bytes, and from at most 65,535 bytes of what it is for.")
    for counter in range(256):
        scalar = _to_scalar(seed + _prefixed(info) + bytes([counter]), _names(variant).derive)
        if scalar:
            return read_key(sodium.scalar_bytes(scalar))
    raise InvalidInput("No key can be derived from this seed.")  # one in 2^64,000


def hash_to_group(values: Sequence[bytes], variant: Variant) -> list[bytes]:
    """Map values to points; :class:`InvalidInput` when one is too long."""
    if any(len(value) > MOST_INPUT for value in values):
        raise InvalidInput(f"A value has more than {MOST_INPUT:,} bytes.")
    tail = _names(variant).group
    return sodium.points_from_hashes([expand(value, tail) for value in values])


def blind_each(values: Sequence[bytes], blinds: Sequence[int], variant: Variant, *, threads: int = 1) -> list[bytes]:
    """Return each value's point times its blind: what is sent. Each blind is used once, and kept secret."""

    def work(values: Sequence[bytes], blinds: Sequence[int]) -> list[bytes]:
        scalars = [sodium.scalar_bytes(blind) for blind in blinds]
        return sodium.multiply_each(scalars, hash_to_group(values, variant))

    return sodium.spread(work, values, blinds, threads=threads)


def evaluate_each(key: Key, points: Sequence[bytes], *, threads: int = 1) -> list[bytes]:
    """Return each point times the key; :class:`InvalidInput` for what is not a point, and for the identity."""
    return sodium.spread(lambda cut: sodium.multiply_all(key.secret, cut), points, threads=threads)


def unblind_each(blinds: Sequence[int], evaluated: Sequence[bytes], *, threads: int = 1) -> list[bytes]:
    """Take the blinds off what came back: each value's point times the key."""

    def work(blinds: Sequence[int], evaluated: Sequence[bytes]) -> list[bytes]:
        return sodium.multiply_each([sodium.scalar_bytes(one) for one in sodium.inverses(blinds)], evaluated)

    return sodium.spread(work, blinds, evaluated, threads=threads)


def finalise_each(
    values: Sequence[bytes], blinds: Sequence[int], evaluated: Sequence[bytes], *, threads: int = 1
) -> list[bytes]:
    """Return ``F(key, value)``, 64 bytes, for each value, from what came back for it."""
    return _outputs(values, unblind_each(blinds, evaluated, threads=threads))


def outputs(key: Key, values: Sequence[bytes], variant: Variant, *, threads: int = 1) -> list[bytes]:
    """Return ``F(key, value)`` for values of one's own (RFC 9497 section 3.3.1, Evaluate)."""
    return _outputs(values, keyed_points(key, values, variant, threads=threads))


def keyed_points(key: Key, values: Sequence[bytes], variant: Variant, *, threads: int = 1) -> list[bytes]:
    """Return each value's point times the key."""

    def work(values: Sequence[bytes]) -> list[bytes]:
        return sodium.multiply_all(key.secret, hash_to_group(values, variant))

    return sodium.spread(work, values, threads=threads)


def _outputs(values: Sequence[bytes], points: Sequence[bytes]) -> list[bytes]:
    return [
        sha512(len(value).to_bytes(2, "big") + value + b"\x00\x20" + point + b"Finalize").digest()
        for value, point in zip(values, points, strict=True)
    ]


def prove(key: Key, blinded: Sequence[bytes], evaluated: Sequence[bytes], blind: int, *, threads: int = 1) -> bytes:
    """Prove that all were multiplied by this key: 64 bytes (RFC 9497 section 2.2.1). ``blind`` is a fresh scalar."""
    composite = _composite(_weights(key.public, blinded, evaluated), blinded, threads)
    claimed = sodium.multiply(key.secret, composite)
    nonce = sodium.scalar_bytes(blind)
    challenge = _challenge(key.public, composite, claimed, sodium.multiply_base(nonce),
                           sodium.multiply(nonce, composite))  # fmt: skip
    response = (blind - challenge * int.from_bytes(key.secret, "little")) % ORDER
    return sodium.scalar_bytes(challenge) + sodium.scalar_bytes(response)


def verify(
    public: bytes, blinded: Sequence[bytes], evaluated: Sequence[bytes], proof: bytes, *, threads: int = 1
) -> None:
    """:class:`PeerUntrusted` unless the proof shows that all were multiplied by the key of this public half."""
    if len(proof) != PROOF_SIZE:
        raise InvalidInput(f"A proof has {PROOF_SIZE} bytes, not {len(proof)}.")
    challenge, response = (sodium.read_scalar(proof[at : at + SIZE]) for at in (0, SIZE))
    weights = _weights(public, blinded, evaluated)
    composite, claimed = (_composite(weights, points, threads) for points in (blinded, evaluated))
    c, s = sodium.scalar_bytes(challenge), sodium.scalar_bytes(response)
    expected = _challenge(public, composite, claimed,
                          sodium.add(sodium.multiply_base(s), sodium.multiply(c, public)),
                          sodium.add(sodium.multiply(s, composite), sodium.multiply(c, claimed)))  # fmt: skip
    if not compare_digest(sodium.scalar_bytes(expected), c):
        raise PeerUntrusted("The proof does not hold: the answer was not made with the key of the offer.")


def _weights(public: bytes, blinded: Sequence[bytes], evaluated: Sequence[bytes]) -> list[bytes]:
    """Return the random weights of RFC 9497 section 2.2.1 with which many pairs are proved as one."""
    if not 0 < len(blinded) == len(evaluated) <= MOST_PROVED:
        raise InvalidInput(f"A proof is over 1 to {MOST_PROVED:,} pairs of points.")
    names = _names(Variant.VOPRF)
    seed = _prefixed(sha512(_prefixed(public) + names.seed).digest())
    return [
        sodium.scalar_bytes(
            _to_scalar(
                seed + at.to_bytes(2, "big") + b"\x00\x20" + one + b"\x00\x20" + other + b"Composite", names.scalar
            )
        )
        for at, (one, other) in enumerate(zip(blinded, evaluated, strict=True))
    ]


def _composite(weights: Sequence[bytes], points: Sequence[bytes], threads: int) -> bytes:
    return sodium.total(
        sodium.spread(
            lambda *cut: [sodium.total(sodium.multiply_each(*cut))], weights, points, threads=threads
        )
    )  # fmt: skip


def _challenge(public: bytes, *points: bytes) -> int:
    transcript = b"".join(_prefixed(one) for one in (public, *points)) + b"Challenge"
    return _to_scalar(transcript, _names(Variant.VOPRF).scalar)
