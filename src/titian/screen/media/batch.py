"""Hashing many files: one that cannot be read is a row that says why, and the others go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from titian.core.errors import InvalidInput, Unavailable, UnreadableFile
from titian.screen.media.image import FORMATS, checked_file, hash_frames, looks_like_image
from titian.screen.media.libraries import pdqhash, pillow
from titian.screen.media.pdq import LIMITS, Frame, Limits
from titian.screen.media.video import hash_video


class HashedFile(msgspec.Struct, frozen=True):
    """A file and the hashes of its frames: one for an image. Without any, ``problem`` says in a sentence why."""

    path: Path
    frames: tuple[Frame, ...] = ()
    video: bool = False
    problem: str | None = None


def hash_file(path: Path, limits: Limits = LIMITS) -> tuple[tuple[Frame, ...], bool]:
    """Hash an image or a video, whichever it is by its content; return the frames, and whether it is a video.

    Raises:
        InvalidInput: it is neither, broken, or beyond the limits.
        Unavailable: an extra that it needs is not installed.
    """
    checked_file(path, max(limits.image_bytes, limits.video_bytes))
    try:
        with path.open("rb") as file:
            image = looks_like_image(file.read(32))
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read: {error.strerror or error}.") from None
    if image:
        return hash_frames(path, limits), False
    try:
        return hash_video(path, limits), True
    except UnreadableFile as error:
        raise UnreadableFile(f"{error.message} Nor is it an image of {', '.join(FORMATS)}.") from None
    except Unavailable as error:
        raise Unavailable(f"{path.name} is no image. If it is a video: {error.message}", advice=error.advice) from None


def hash_files(paths: Iterable[Path], limits: Limits = LIMITS) -> Iterator[HashedFile]:
    """Hash images and video, in the order given, each file once it is asked for.

    Raises:
        Unavailable: the extra ``media`` is not installed: then none can be read.
    """
    pillow()
    pdqhash()
    for path in paths:
        try:
            frames, video = hash_file(path, limits)
        except (InvalidInput, Unavailable) as error:
            yield HashedFile(path, problem=str(error))
        except MemoryError:
            yield HashedFile(path, problem=f"{path.name} needs more memory than there is.")
        else:
            yield HashedFile(path, frames, video)
