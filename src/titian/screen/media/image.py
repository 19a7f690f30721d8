"""Hashing images: files or bytes in, hashes out. Nothing here takes an address, and nothing is sent anywhere.

An image comes from anybody, so it is distrusted: a short list of formats, bounds on bytes and pixels that are checked
before it is decoded, and whatever goes wrong in a decoder is one clear error.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from titian.core.errors import InvalidInput, TitianError, UnreadableFile
from titian.screen.media.libraries import pillow
from titian.screen.media.pdq import LIMITS, Frame, Limits, PdqHash, hash_pixels, hash_pixels_turned, reduction

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS: Final = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")
"""What people post. Each further decoder is one more to trust."""
_LOOKED_THROUGH: Final = 100
"""How many frames of an animated image are decoded at most: each builds on those before it."""


def looks_like_image(begins: bytes) -> bool:
    """Return whether a file that begins so (32 bytes are enough) says that it is an image of those that are read."""
    return (
        begins.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM"))
        or (begins[:4] == b"RIFF" and begins[8:12] == b"WEBP")
        or (begins[4:8] == b"ftyp" and begins[8:12] in (b"avif", b"avis"))
    )


def hash_image(source: Path | bytes, limits: Limits = LIMITS) -> PdqHash:
    """Hash an image; of an animated one, the first frame.

    Raises:
        InvalidInput: no image, one of a format that is not read, a broken one, or one beyond the limits.
        Unavailable: the extra ``media`` is not installed.
    """
    with _opened(source, limits) as image:
        return hash_pixels(_pixels(image))


def hash_image_turned(source: Path | bytes, limits: Limits = LIMITS) -> tuple[PdqHash, ...]:
    """Hash an image as it is and turned and mirrored, to find it however it was turned: eight hashes, its own first.

    Raises what :func:`hash_image` raises.
    """
    with _opened(source, limits) as image:
        return hash_pixels_turned(_pixels(image))


def hash_frames(source: Path | bytes, limits: Limits = LIMITS) -> tuple[Frame, ...]:
    """Hash an image; of an animated one, the first frame and a few more, evenly spread over its beginning.

    Raises what :func:`hash_image` raises.
    """
    with _opened(source, limits) as image:
        count = min(getattr(image, "n_frames", 1), _LOOKED_THROUGH, max(2 * limits.pixels // _size(image), 1))
        frames, at, place = [], 0.0, 0
        for wanted in sorted({step * count // limits.animation_frames for step in range(limits.animation_frames)}):
            while place < wanted:
                image.load()  # WebP only knows then how long a frame is shown.
                at += float(image.info.get("duration", 0)) / 1000
                place += 1
                image.seek(place)
            if _size(image) > limits.pixels:
                raise _too_many_pixels(image, limits)
            frames.append(Frame(round(at, 3), hash_pixels(_pixels(image))))
        return tuple(frames)


def name_of(source: Path | bytes) -> str:
    """Return what a source is called in a sentence."""
    return source.name if isinstance(source, Path) else "The image"


def opened_file(path: Path, most: int) -> BytesIO:
    """Read a file that is a file, and of at most so many bytes.

    Raises:
        InvalidInput: it cannot be opened, is not a file, is empty, or is too large.
    """
    checked_file(path, most)
    try:
        with path.open("rb") as file:
            return BytesIO(file.read(most + 1))
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read: {error.strerror or error}.") from None


def checked_file(path: Path, most: int) -> None:
    """Raise :class:`InvalidInput` unless a path is a file, with something in it, of at most so many bytes."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path.name} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFile(f"{path.name} is not a file.")
    check_size(path, status.st_size, most)


def check_size(source: Path | bytes, size: int, most: int) -> None:
    """Raise :class:`InvalidInput` when there is nothing, or too much."""
    if not size:
        raise UnreadableFile(f"{name_of(source)} is empty.")
    if size > most:
        raise InvalidInput(f"{name_of(source)} has {size:,} bytes; at most {most:,} are read.")


@contextmanager
def _opened(source: Path | bytes, limits: Limits) -> Iterator[Image]:
    library = pillow()
    if isinstance(source, bytes):
        check_size(source, len(source), limits.image_bytes)
        file = BytesIO(source)
    else:
        file = opened_file(source, limits.image_bytes)
    bombs = (library.DecompressionBombError, library.DecompressionBombWarning)
    try:
        with library.open(file, formats=FORMATS) as image:
            if _size(image) > limits.pixels:
                raise _too_many_pixels(image, limits, name_of(source))
            yield image
    except TitianError:
        raise
    except library.UnidentifiedImageError:
        raise UnreadableFile(
            f"{name_of(source)} is not an image of {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
        ) from None
    except bombs:
        raise InvalidInput(f"{name_of(source)} would unpack to more than {limits.pixels:,} pixels.") from None
    except Exception as error:  # A decoder that is given what was made to break it raises anything.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableFile(f"{name_of(source)} is not a whole image: {reason}.") from error


def _size(image: Image) -> int:
    return image.width * image.height


def _too_many_pixels(image: Image, limits: Limits, name: str = "The image") -> InvalidInput:
    return InvalidInput(
        f"{name} would unpack to {image.width:,} by {image.height:,} pixels; at most {limits.pixels:,} are read."
    )


def _pixels(image: Image) -> NDArray[np.uint8]:
    """Decode an image: shape (height, width, 3)."""
    image.load()
    if image.mode.startswith("I;16"):
        # Sixteen bits of grey: converting would cut off at 255 and leave white.
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    plain = image if image.mode == "RGB" else image.convert("RGBA" if "transparency" in image.info else "RGB")
    plain = plain if plain.mode == "RGB" else plain.convert("RGB")
    factor = reduction(plain.width, plain.height)
    return np.asarray(plain.reduce(factor) if factor > 1 else plain)
