"""Hashing images: known again after what platforms do to them, and nothing that is sent breaks anything but its row."""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from titian.core.errors import InvalidInput, Unavailable, UnreadableFile
from titian.screen.media import HammingIndex, Limits, distance, hash_files, hash_frames, hash_image, hash_image_turned
from titian.screen.media import libraries as behind

WHY = "the extra `media` (Pillow, pdqhash) is not installed"
Image = pytest.importorskip("PIL.Image", reason=WHY)
Draw = pytest.importorskip("PIL.ImageDraw", reason=WHY)
pdqhash = pytest.importorskip("pdqhash", reason=WHY)


@cache
def picture(seed: int, size: tuple[int, int] = (400, 300)) -> Any:
    """A picture of soft colours with shapes on it, another for each seed."""
    some = random.Random(seed)
    soft = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    image = Image.fromarray(soft).resize(size, Image.Resampling.BICUBIC)
    draw = Draw.Draw(image)
    for _ in range(14):
        x, y, wide = some.randrange(size[0]), some.randrange(size[1]), some.randrange(20, size[0] // 3)
        colour = tuple(some.randrange(256) for _ in range(3))
        draw.ellipse((x, y, x + wide, y + wide // 2), fill=colour)
    return image


def saved(image: Any, kind: str = "PNG", **how: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


CHANGES: dict[str, Callable[[Any], bytes]] = {
    "the same": lambda image: saved(image),
    "JPEG 85": lambda image: saved(image, "JPEG", quality=85),
    "JPEG 30": lambda image: saved(image, "JPEG", quality=30),
    "WebP": lambda image: saved(image, "WEBP", quality=60),
    "half the size": lambda image: saved(image.resize((200, 150)), "JPEG"),
    "twice the size": lambda image: saved(image.resize((800, 600)), "JPEG"),
    "another shape": lambda image: saved(image.resize((320, 320)), "JPEG"),
    "256 colours": lambda image: saved(image.quantize(256)),
    "grey": lambda image: saved(image.convert("L")),
    "brighter": lambda image: saved(image.point(lambda value: min(value + 12, 255))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_is_found_and_no_other(change: str) -> None:
    pictures = [picture(seed) for seed in range(10)]
    index = HammingIndex.of([hash_image(saved(one)).hex for one in pictures])
    changed = [hash_image(CHANGES[change](one)) for one in pictures]
    assert all(one.usable for one in changed)
    found = index.search([one.hex for one in changed])
    assert list(zip(found.which.tolist(), found.number.tolist(), strict=True)) == [(at, at) for at in range(10)]


def test_a_little_cut_off_is_mostly_found() -> None:
    pictures = [picture(seed) for seed in range(10)]
    index = HammingIndex.of([hash_image(saved(one)).hex for one in pictures])
    cut = [hash_image(saved(one.crop((4, 3, 396, 297)))).hex for one in pictures]
    found = index.search(cut)
    assert (found.which == found.number).all()
    assert len(found.which) >= 8


def test_turned_and_mirrored_pictures_are_found_by_eight_hashes() -> None:
    image = picture(3)
    held = hash_image(saved(image))
    for turn in (0, 1, 2, 3, 4, 5, 6):
        turned = saved(image.transpose(Image.Transpose(turn)))
        assert min(distance(held, one) for one in hash_image_turned(turned)) <= 20
        assert distance(held, hash_image(turned)) > 31


def test_hashes_are_those_of_the_reference() -> None:
    image = picture(5)
    bits, quality = pdqhash.compute(np.asarray(image))
    found = hash_image(saved(image))
    assert found.hex == f"{int(''.join(map(str, bits)), 2):064x}"
    assert found.quality == quality


def test_large_pictures_are_made_smaller_and_keep_their_hash() -> None:
    image = picture(6, (3600, 2500))
    bits, _ = pdqhash.compute(np.asarray(image))
    whole = HammingIndex.of([f"{int(''.join(map(str, bits)), 2):064x}"])
    assert whole.search([hash_image(saved(image, "BMP")).hex]).distance.tolist()[0] <= 4


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "JPEG"), ("L", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"), ("P", "GIF"), ("1", "PNG"), ("CMYK", "JPEG"),
     ("RGB", "AVIF"), ("RGB", "BMP"), ("RGBA", "WEBP")],
)  # fmt: skip
def test_every_kind_of_pixels_is_read(mode: str, kind: str) -> None:
    image = picture(7)
    found = hash_image(saved(image.convert(mode), kind))
    assert distance(found, hash_image(saved(image))) <= 31


def test_sixteen_bits_of_grey_are_read_as_grey() -> None:
    grey = np.asarray(picture(8).convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    assert distance(hash_image(saved(deep)), hash_image(saved(Image.fromarray(grey)))) == 0


def test_a_picture_with_nothing_in_it_is_not_usable() -> None:
    assert not hash_image(saved(Image.new("RGB", (300, 300), (9, 9, 9)))).usable
    assert not hash_image(saved(Image.new("RGB", (1, 1)))).usable


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_and_a_few_more_are_hashed(kind: str) -> None:
    images = [picture(seed, (160, 120)) for seed in range(12)]
    raw = saved(images[0], kind, save_all=True, append_images=images[1:], duration=200)
    frames = hash_frames(raw)
    assert [one.at for one in frames] == [0.0, 0.4, 0.8, 1.4, 1.8]
    assert distance(frames[0].hash, hash_image(saved(images[0]))) <= 31
    assert distance(frames[4].hash, hash_image(saved(images[9]))) <= 31
    assert frames[0].hash == hash_image(raw)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, body: bytes = b"", *before: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(before) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + frame + b";"


BOMBS = {
    "9 G pixels": png(96_000, 96_000, zlib.compress(bytes(1000))),
    "100 M pixels": png(10_000, 10_000, zlib.compress(bytes(1000))),
    "2^31 wide": png(2**31 - 1, 1),
    "GIF of 65,535 squared": gif(65_535, 65_535),
    "GIF frame larger than the picture": gif(9, 9)[:13] + bytes(6) + gif(60_000, 60_000)[19:],
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_unpack(name: str) -> None:
    with pytest.raises(InvalidInput, match="pixels"):
        hash_image(BOMBS[name])


def test_a_text_in_a_picture_that_unpacks_to_much_is_refused() -> None:
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(200 << 20)))
    with pytest.raises(InvalidInput):
        hash_image(png(64, 64, zlib.compress(bytes(64 * 193)), text))


def test_more_bytes_and_pixels_than_allowed_are_refused() -> None:
    raw = saved(picture(1))
    with pytest.raises(InvalidInput, match="bytes; at most 1,000"):
        hash_image(raw, Limits(image_bytes=1000))
    with pytest.raises(InvalidInput, match="400 by 300 pixels; at most 100,000"):
        hash_image(raw, Limits(pixels=100_000))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF"])
def test_a_truncated_image_is_an_error_wherever_it_ends(kind: str) -> None:
    raw = saved(picture(2, (200, 150)), kind)
    for part in (0, 1, 8, 20, 40, len(raw) // 4, len(raw) // 2, len(raw) * 9 // 10):
        with pytest.raises(UnreadableFile):
            hash_image(raw[:part])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF"])
def test_a_damaged_image_is_hashed_or_refused_and_nothing_else(kind: str) -> None:
    raw = saved(picture(2, (120, 90)), kind)
    some = random.Random(1)
    for _ in range(40):
        broken = bytearray(raw)
        for _ in range(4):
            broken[some.randrange(len(broken))] = some.randrange(256)
        try:
            hash_frames(bytes(broken))
        except InvalidInput:
            continue


@pytest.mark.parametrize(
    "raw",
    [b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"PK\3\4",
     b"II*\0" + bytes(100), b"\xff\xd8\xff"],
    ids=["text", "SVG", "PDF", "EPS", "ZIP", "TIFF", "three bytes of JPEG"],
)  # fmt: skip
def test_what_is_no_image_or_not_of_the_formats_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableFile, match="image"):
        hash_image(raw)


def test_one_bad_file_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    files: dict[str, bytes | None] = {
        "good.png": saved(picture(1)), "empty.png": b"", "bomb.png": BOMBS["9 G pixels"], "text.jpg": b"not a picture",
        "cut.jpg": saved(picture(1), "JPEG")[:900], "missing.png": None, "last.webp": saved(picture(2), "WEBP"),
    }  # fmt: skip
    for name, raw in files.items():
        if raw is not None:
            (tmp_path / name).write_bytes(raw)
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    names = [*files, "folder.png", "pipe.png", "nul\0.png"]
    rows = {row.path.name: row for row in hash_files(tmp_path / name for name in names)}
    assert list(rows) == names
    assert [name for name, row in rows.items() if row.frames] == ["good.png", "last.webp"]
    said = {name: row.problem or "" for name, row in rows.items()}
    assert said["good.png"] == ""
    assert "empty" in said["empty.png"]
    assert "pixels" in said["bomb.png"]
    assert "Nor is it an image" in said["text.jpg"] or "is no image" in said["text.jpg"]
    assert "not a whole image" in said["cut.jpg"]
    assert "No such file" in said["missing.png"]
    assert "not a file" in said["folder.png"]
    assert "not a file" in said["pipe.png"]
    assert str(tmp_path) not in "".join(said.values())


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(behind, "import_module", none)
    with pytest.raises(Unavailable, match=r"titian\[media\]"):
        hash_image(b"x")
    with pytest.raises(Unavailable, match=r"titian\[media\]"):
        list(hash_files([tmp_path]))
    with pytest.raises(Unavailable, match=r"titian\[video\]"):
        behind.av()
