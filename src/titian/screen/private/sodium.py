"""The group ristretto255 (RFC 9496) by libsodium, which the wheel of ``rbcl`` brings: points and scalars are 32 bytes.

The functions of libsodium are called directly: the wrappers of ``rbcl`` add a fifth to what they do. While libsodium
computes, other threads run, so that what is asked of many points is spread over threads (:func:`spread`).
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from titian.core.errors import InvalidInput, Unavailable

try:
    import rbcl  # type: ignore[import-untyped]
except OSError as error:
    raise Unavailable(
        f"libsodium cannot be loaded: {error}.",
        advice="It is unpacked into the temporary folder, which must allow programs: set TMPDIR to one that does.",
    ) from error

ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""How many points there are: a prime (RFC 9496 section 4)."""
SIZE: Final = 32
"""Bytes of a point, and of a scalar."""
HASH_SIZE: Final = 64
"""Bytes of a hash that is mapped to a point."""
IDENTITY: Final = bytes(SIZE)

Random: TypeAlias = Callable[[int], bytes]
"""A source of secret random bytes, such as :func:`secrets.token_bytes`."""
T = TypeVar("T")

# A library of our own over the same file: rbcl's wrappers keep theirs. rbcl leaves the file in the temporary folder
# for good, 2.8 MB for each process that was ever started; once it is loaded, nothing reads it any more.
_SODIUM: Final = ctypes.CDLL(rbcl._sodium._name)
with contextlib.suppress(OSError):
    Path(rbcl._sodium._name).unlink()
_MULTIPLY: Final = _SODIUM.crypto_scalarmult_ristretto255
_MULTIPLY_BASE: Final = _SODIUM.crypto_scalarmult_ristretto255_base
_FROM_HASH: Final = _SODIUM.crypto_core_ristretto255_from_hash
_ADD: Final = _SODIUM.crypto_core_ristretto255_add
_IS_VALID: Final = _SODIUM.crypto_core_ristretto255_is_valid_point


def points_from_hashes(hashes: Sequence[bytes]) -> list[bytes]:
    """Map hashes of 64 bytes to points (RFC 9496 section 4.3.4)."""
    room = ctypes.create_string_buffer(SIZE)
    found = []
    for one in hashes:
        if len(one) != HASH_SIZE:
            raise InvalidInput(f"A hash of {HASH_SIZE} bytes becomes a point, not one of {len(one)}.")
        _FROM_HASH(room, one)
        found.append(room.raw)
    return found


def multiply(scalar: bytes, point: bytes) -> bytes:
    """Return ``scalar`` times ``point``; :class:`InvalidInput` as :func:`multiply_each` has it."""
    return multiply_each((scalar,), (point,))[0]


def multiply_each(scalars: Sequence[bytes], points: Sequence[bytes]) -> list[bytes]:
    """Multiply each point by its scalar.

    :class:`InvalidInput` when a point is not one of the group in its one encoding, is the identity, or a scalar is
    zero: then the product would tell, or be, nothing.
    """
    room = ctypes.create_string_buffer(SIZE)
    found = []
    for scalar, point in zip(scalars, points, strict=True):
        # Lengths first: libsodium reads 32 bytes whatever it is given.
        if len(point) != SIZE or len(scalar) != SIZE or _MULTIPLY(room, scalar, point):
            check_point(point)
            raise InvalidInput("A scalar is zero, or not 32 bytes long.")
        found.append(room.raw)
    return found


def multiply_all(scalar: bytes, points: Sequence[bytes]) -> list[bytes]:
    """Multiply every point by one scalar."""
    return multiply_each([scalar] * len(points), points)


def multiply_base(scalar: bytes) -> bytes:
    """Return ``scalar`` times the generator; :class:`InvalidInput` for zero."""
    room = ctypes.create_string_buffer(SIZE)
    if len(scalar) != SIZE or _MULTIPLY_BASE(room, scalar):
        raise InvalidInput("A scalar is zero, or not 32 bytes long.")
    return room.raw


def add(one: bytes, other: bytes) -> bytes:
    """Return the sum of two points; :class:`InvalidInput` when one is not of the group (the identity is)."""
    return total((one, other))


def total(points: Sequence[bytes]) -> bytes:
    """Return the sum of points, the identity when there are none; :class:`InvalidInput` as :func:`add`."""
    room, found = ctypes.create_string_buffer(SIZE), IDENTITY
    for point in points:
        if len(point) != SIZE or _ADD(room, found, point):
            raise InvalidInput("A point is not on the group ristretto255, or not in its one encoding.")
        found = room.raw
    return found


def check_point(point: bytes) -> None:
    """:class:`InvalidInput` unless it is a point of the group in its one encoding, and not the identity."""
    if len(point) != SIZE:
        raise InvalidInput(f"A point has {SIZE} bytes, not {len(point)}.")
    if point == IDENTITY:
        raise InvalidInput("A point is the identity: it would give the same answer to every question.")
    if not _IS_VALID(point):
        raise InvalidInput("A point is not on the group ristretto255, or not in its one encoding.")


def scalar_bytes(scalar: int) -> bytes:
    """Encode a scalar: 32 bytes, little-endian, fully reduced."""
    return (scalar % ORDER).to_bytes(SIZE, "little")


def read_scalar(data: bytes) -> int:
    """Read a scalar; :class:`InvalidInput` when it is zero, not fully reduced, or not 32 bytes."""
    if len(data) != SIZE:
        raise InvalidInput(f"A scalar has {SIZE} bytes, not {len(data)}.")
    found = int.from_bytes(data, "little")
    if not 0 < found < ORDER:
        raise InvalidInput("A scalar is zero, or not fully reduced.")
    return found


def random_scalars(random: Random, count: int) -> list[int]:
    """Draw scalars that are not zero, each from 64 random bytes so that none is likelier than another."""
    data = random(HASH_SIZE * count)
    if len(data) != HASH_SIZE * count:
        raise ValueError(f"The random source gave {len(data)} bytes for {HASH_SIZE * count}.")
    found = [int.from_bytes(data[at : at + HASH_SIZE], "little") % ORDER for at in range(0, len(data), HASH_SIZE)]
    if not all(found):
        raise ValueError("The random source gave zeros.")
    return found


def inverses(scalars: Sequence[int]) -> list[int]:
    """Return the inverses of scalars that are not zero, by one inversion and three products each (Montgomery)."""
    running, products = 1, []
    for scalar in scalars:
        products.append(running)
        running = running * scalar % ORDER
    rest, found = pow(running, -1, ORDER), [0] * len(products)
    for at in range(len(products) - 1, -1, -1):
        found[at] = rest * products[at] % ORDER
        rest = rest * scalars[at] % ORDER
    return found


def split(data: bytes) -> list[bytes]:
    """Split points that stand one after the other; :class:`InvalidInput` when the last is cut short."""
    if len(data) % SIZE:
        raise InvalidInput(f"Points of {SIZE} bytes each, and {len(data) % SIZE} bytes over.")
    return [data[at : at + SIZE] for at in range(0, len(data), SIZE)]


def spread(work: Callable[..., list[T]], *columns: Sequence[object], threads: int = 1) -> list[T]:
    """Do ``work`` on equal columns, cut into as many parts as there are threads, and join what it returns."""
    count = len(columns[0])
    if threads <= 1 or count < 2 * threads:
        return work(*columns)
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(lambda cut: work(*cut), list(_cuts(columns, count, threads)))
        return [one for part in parts for one in part]


def _cuts(columns: Sequence[Sequence[object]], count: int, parts: int) -> Iterator[list[Sequence[object]]]:
    size = -(-count // parts)
    for at in range(0, count, size):
        yield [column[at : at + size] for column in columns]
