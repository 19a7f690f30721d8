"""Hashing video: the hash of a frame each second, as vPDQ does. The file stays where it is.

FFmpeg reads formats that are lists of addresses of other files: of a hostile one it would fetch them. So only formats
that hold their pictures themselves are read, and no other file or address is ever opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from titian.core.errors import InvalidInput, TitianError, UnreadableFile
from titian.screen.media.image import checked_file
from titian.screen.media.libraries import av, pdqhash
from titian.screen.media.pdq import LIMITS, Frame, Limits, hash_pixels, reduction

FORMATS: Final = "asf,avi,flv,matroska,mov,mp4,mpeg,mpegts,ogg,webm"
"""FFmpeg's names of the containers that are read: none of them refers to anything outside."""
_OPTIONS: Final = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}
_CUT_OFF: Final = 0.9
"""A file whose pictures end before this share of the time that its head promises was cut off."""


def hash_video(path: Path, limits: Limits = LIMITS) -> tuple[Frame, ...]:
    """Hash the first frame of a video, and one each ``limits.every`` seconds.

    Raises:
        InvalidInput: no video, one of a format that is not read, a broken or cut-off one, or one beyond the limits.
        Unavailable: the extra ``video`` is not installed.
    """
    library = av()
    pdqhash()
    checked_file(path, limits.video_bytes)
    try:
        with path.open("rb") as file, library.open(
            file, mode="r", container_options=_OPTIONS, io_open=_refuse
        ) as container:  # fmt: skip
            return tuple(_frames(container, path.name, limits))
    except TitianError:
        raise
    except Exception as error:  # A decoder that is given what was made to break it raises anything.
        reason = " ".join((getattr(error, "strerror", None) or str(error)).split())[:200] or type(error).__name__
        raise UnreadableFile(f"{path.name} is not a whole video: {reason}.") from error


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise UnreadableFile("A video may not refer to another file or address.")


def _frames(container: Any, name: str, limits: Limits) -> Iterator[Frame]:
    if not container.streams.video:
        raise UnreadableFile(f"{name} has no pictures.")
    stream = container.streams.video[0]
    _check(stream.codec_context, name, limits)
    stream.codec_context.options = {"max_pixels": str(limits.pixels)}
    stream.thread_type = "AUTO"
    last, at = -inf, 0.0
    count = decoded = 0
    for frame in container.decode(stream):
        # Without a time of its own, a frame is as late as one of 25 a second.
        at = float(frame.time) if frame.time is not None else at + 0.04
        decoded += frame.width * frame.height
        if decoded > limits.video_pixels:
            raise InvalidInput(f"{name} has more than {limits.video_pixels:,} pixels in all its frames.")
        if at < last + limits.every:
            continue
        _check(frame, name, limits)
        factor = reduction(frame.width, frame.height)
        picture = frame.to_ndarray(format="rgb24", width=frame.width // factor, height=frame.height // factor)
        yield Frame(round(at, 3), hash_pixels(picture.astype(np.uint8, copy=False)))
        last, count = at, count + 1
        if count == limits.video_frames:
            return
    if not count:
        raise UnreadableFile(f"{name} has no picture that can be read.")
    whole = float(stream.duration * stream.time_base) if stream.duration else 0.0
    if stream.frames and stream.average_rate:
        whole = max(whole, float(stream.frames / stream.average_rate))
    if at + limits.every < whole * _CUT_OFF:
        raise UnreadableFile(f"{name} is cut off: {at:.0f} of {whole:.0f} seconds are there.")


def _check(picture: Any, name: str, limits: Limits) -> None:
    if picture.width * picture.height > limits.pixels:
        raise InvalidInput(
            f"{name} has frames of {picture.width:,} by {picture.height:,} pixels; at most {limits.pixels:,} are read."
        )
