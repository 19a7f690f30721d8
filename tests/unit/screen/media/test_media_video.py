"""Hashing video: a frame each second, a clip known in the whole, and no address in a file ever opened."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from titian.core.errors import InvalidInput, UnreadableFile
from titian.screen.media import Frame, Limits, PdqHash, hash_files, hash_video, shared

WHY = "the extra `video` (PyAV, with Pillow and pdqhash) is not installed"
av = pytest.importorskip("av", reason=WHY)
pytest.importorskip("pdqhash", reason=WHY)
RATE = 5


def scene(seed: int) -> Any:
    """A still picture: a mosaic of grey squares, another for each seed."""
    tiles = np.random.default_rng(seed).integers(0, 256, (12, 16), dtype=np.uint8)
    return np.repeat(np.kron(tiles, np.ones((20, 20), np.uint8))[:, :, None], 3, axis=2)


def film(path: Path, scenes: Sequence[int], size: tuple[int, int] = (320, 240), bits: int = 400_000) -> Path:
    """A film that shows each scene for a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = bits
        for seed in scenes:
            for _ in range(RATE):
                frame = av.VideoFrame.from_ndarray(scene(seed), format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("kind", ["mp4", "mkv", "avi"])
def test_a_frame_of_each_second_is_hashed(tmp_path: Path, kind: str) -> None:
    frames = hash_video(film(tmp_path / f"a.{kind}", range(6)))
    assert [round(one.at) for one in frames] == list(range(6))
    assert len({one.hash.hex for one in frames}) == 6
    again = hash_video(film(tmp_path / f"b.{kind}", range(6), size=(256, 192), bits=300_000))
    both = shared(frames, again)
    assert both.asked == both.held == 1.0


def test_a_clip_is_known_in_the_whole_and_the_other_way_round(tmp_path: Path) -> None:
    whole = hash_video(film(tmp_path / "whole.mp4", range(8)))
    clip = hash_video(film(tmp_path / "clip.mp4", (2, 3)))
    other = hash_video(film(tmp_path / "other.mp4", (20, 21)))
    assert (shared(clip, whole).asked, shared(clip, whole).held) == (1.0, 0.25)
    assert (shared(whole, clip).asked, shared(whole, clip).held) == (0.25, 1.0)
    assert shared(other, whole).asked == shared(other, whole).held == 0.0


def test_frames_with_nothing_in_them_share_nothing() -> None:
    black = tuple(Frame(float(at), PdqHash("0" * 64, 3)) for at in range(4))
    assert (shared(black, black).asked, shared((), black).held) == (0.0, 0.0)


@pytest.mark.parametrize(
    "text",
    ["#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
     "ffconcat version 1.0\nfile 'http://127.0.0.1:{port}/a.mp4'\n",
     "ffconcat version 1.0\nfile '{film}'\n",
     '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>',
     "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"],
    ids=["HLS", "list with an address", "list with a file", "DASH", "SDP"],
)  # fmt: skip
def test_nothing_that_a_file_refers_to_is_opened(tmp_path: Path, text: str) -> None:
    film(tmp_path / "film.mp4", range(2))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        path = tmp_path / "list.mp4"
        path.write_text(text.format(port=server.getsockname()[1], film=tmp_path / "film.mp4"))
        with pytest.raises(UnreadableFile):
            hash_video(path)
        with pytest.raises(TimeoutError):
            server.accept()


def test_broken_and_cut_off_files_are_an_error(tmp_path: Path) -> None:
    raw = film(tmp_path / "a.avi", range(8), bits=4_000_000).read_bytes()
    path = tmp_path / "b.avi"
    for part in (1, 50, 5000, len(raw) // 2):
        path.write_bytes(raw[:part])
        with pytest.raises(UnreadableFile):
            hash_video(path)
    raw = film(tmp_path / "a.mp4", range(8)).read_bytes()
    for part in (1, 50, len(raw) // 2):
        path.write_bytes(raw[:part])
        with pytest.raises(UnreadableFile):
            hash_video(path)


def test_limits_are_kept(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", range(6))
    with pytest.raises(InvalidInput, match="320 by 240 pixels; at most 9,999"):
        hash_video(path, Limits(pixels=9999))
    with pytest.raises(InvalidInput, match="bytes; at most 99"):
        hash_video(path, Limits(video_bytes=99))
    with pytest.raises(InvalidInput, match="pixels in all"):
        hash_video(path, Limits(video_pixels=320 * 240 * 29))
    assert len(hash_video(path, Limits(video_pixels=320 * 240 * 30))) == 6
    assert len(hash_video(path, Limits(video_frames=3))) == 3
    assert len(hash_video(path, Limits(every=2.0))) == 3


def test_video_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 44_100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(UnreadableFile, match="no pictures"):
        hash_video(path)


def test_video_goes_with_images_in_a_batch(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    rows = list(hash_files([film(tmp_path / "a.mp4", range(3)), tmp_path / "text.mp4"]))
    assert [(row.video, len(row.frames)) for row in rows] == [(True, 3), (False, 0)]
    assert "not a whole video" in (rows[1].problem or "")
