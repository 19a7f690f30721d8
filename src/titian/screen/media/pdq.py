"""PDQ hashes of images and frames, and how far a file may go while it is read.

PDQ is the field's perceptual hash of images: 256 bits that hardly change when a picture is resized or recompressed.
Source: ThreatExchange, ``hashing/hashing.pdf`` ("The TMK+PDQF video-hashing algorithm and the PDQ image-hashing
algorithm"). Its own code makes the hashes, through ``pdqhash``, so that they are those of other platforms.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from titian.screen.media.libraries import pdqhash
from titian.screen.media.segment import FURTHEST
from titian.screen.media.words import distances, read_hashes

GOOD_QUALITY: Final = 50
"""The least quality for a hash to be compared. Below it there is hardly anything in the picture."""
FULL_SIZE: Final = 8_000_000
"""Pixels up to which a picture is hashed as it is; larger ones are made smaller first, by a whole factor."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file may go; beyond that it is refused."""

    image_bytes: int = 64 << 20
    pixels: int = 64_000_000
    """Pixels of an image, or of a frame."""
    animation_frames: int = 5
    """How many frames of an animated image are hashed."""
    video_bytes: int = 4 << 30
    every: float = 1.0
    """Seconds between two frames of a video that are hashed."""
    video_frames: int = 7200
    """How many frames of a video are hashed; what comes after is not looked at."""
    video_pixels: int = 10**12
    """Pixels of all frames of a video that are decoded: two hours of 60 large frames a second."""


LIMITS: Final = Limits()


class PdqHash(msgspec.Struct, frozen=True):
    """A hash in 64 hexadecimal digits, and the quality of what it was made of, from 0 to 100."""

    hex: str
    quality: int

    @property
    def usable(self) -> bool:
        """Whether there was enough in the picture for the hash to mean something."""
        return self.quality >= GOOD_QUALITY


class Frame(msgspec.Struct, frozen=True):
    """The hash of one frame, ``at`` seconds after the beginning; 0 for an image."""

    at: float
    hash: PdqHash


class Shared(msgspec.Struct, frozen=True):
    """Which share of the usable frames of each side is found on the other, from 0 to 1."""

    asked: float
    held: float


def distance(one: PdqHash, other: PdqHash) -> int:
    """Return in how many of 256 bits two hashes differ."""
    return int(distances(read_hashes([one.hex]), read_hashes([other.hex]))[0, 0])


def shared(asked: tuple[Frame, ...], held: tuple[Frame, ...], furthest: int = FURTHEST) -> Shared:
    """Return how much two videos have in common: shares of frames, on both sides, whatever their order.

    Much of the asked and little of the held: a clip of it. Little of the asked and much of the held: it was put into
    something longer. Without a usable frame on both sides nothing is shared. Source: ThreatExchange, vPDQ.
    """
    sides = [read_hashes(one.hash.hex for one in side if one.hash.usable) for side in (asked, held)]
    if not all(map(len, sides)):
        return Shared(0.0, 0.0)
    found = [np.unique(side, axis=0, return_counts=True) for side in sides]
    near = distances(found[0][0], found[1][0]) <= furthest
    shares = [
        float(counts[near.any(axis=axis)].sum() / counts.sum()) for axis, (_, counts) in zip((1, 0), found, strict=True)
    ]
    return Shared(*shares)


def reduction(width: int, height: int) -> int:
    """Return the factor by which a picture is made smaller before it is hashed."""
    return max(ceil(sqrt(width * height / FULL_SIZE)), 1)


def hash_pixels(pixels: NDArray[np.uint8]) -> PdqHash:
    """Hash a picture of shape (height, width, 3): red, green, blue."""
    bits, quality = pdqhash().compute(np.ascontiguousarray(pixels))
    return _hash(bits, quality)


def hash_pixels_turned(pixels: NDArray[np.uint8]) -> tuple[PdqHash, ...]:
    """Hash a picture as it is, and as it looks turned by 90, 180 and 270 degrees and mirrored: eight hashes."""
    hashes, quality = pdqhash().compute_dihedral(np.ascontiguousarray(pixels))
    return tuple(_hash(bits, quality) for bits in hashes)


def _hash(bits: Any, quality: int) -> PdqHash:
    return PdqHash(np.packbits(np.asarray(bits, np.uint8)).tobytes().hex(), int(quality))
