"""Reading the body of an answer without trusting its size, in bounded steps and bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Final, cast

import zstandard

from titian.core.errors import PeerUntrusted
from titian.wire.outbound_limits import MIB

ACCEPT_ENCODING: Final = "zstd, gzip"
"""What `inflate` understands. Two encodings on top of each other multiply a bomb and are refused."""

_STEP: Final = 256 * 1024
# RFC 9659: a zstd content coding must not need a window larger than 8 MiB.
_ZSTD_WINDOW: Final = 8 * MIB


class _Chunks:
    """The bytes of an iterator as a file, and how many were taken from it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return b""
        size = len(self._rest) if size < 0 else size
        piece, self._rest = self._rest[:size], self._rest[size:]
        self.taken += len(piece)
        return piece


def read_body(chunks: Iterable[bytes], encoding: str, *, most: int, ratio: int, cut: bool = False) -> bytes:
    """Return the decoded body of at most ``most`` bytes.

    ``encoding`` is the text of ``Content-Encoding``; ``ratio`` bounds what a compressed byte may become
    (beyond the first MiB). With ``cut`` a longer body is cut instead of refused.

    Raises `PeerUntrusted` for a body that is too large, a decompression bomb, an encoding nobody asked for,
    or compressed data that is damaged.
    """
    source = _Chunks(chunks)
    pieces: list[bytes] = []
    size = 0
    for piece in _inflate(source, encoding.strip().lower()):
        size += len(piece)
        pieces.append(piece)
        if size > most and cut:
            break
        if size > most:
            raise PeerUntrusted(f"the answer is larger than {most} bytes", advice="Ask for smaller pages (`limit`).")
        if size > MIB and size > ratio * source.taken:
            raise PeerUntrusted(f"each compressed byte of the answer becomes more than {ratio}: a bomb")
    return b"".join(pieces)[:most]


def _inflate(source: _Chunks, encoding: str) -> Iterator[bytes]:
    if encoding in ("", "identity"):
        return iter(lambda: source.read(_STEP), b"")
    if encoding in ("gzip", "x-gzip"):
        return _gunzip(source)
    if encoding == "zstd":
        return _unzstd(source)
    raise PeerUntrusted(f"the answer is encoded as {encoding[:40]!r}, which was not asked for")


def _gunzip(source: _Chunks) -> Iterator[bytes]:
    # One step of output at a time: `decompress` without a bound would turn 64 KiB into 66 MB in one call.
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for chunk in iter(lambda: source.read(_STEP), b""):
            rest = chunk
            while rest:
                if member.eof:
                    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
                yield member.decompress(rest, _STEP)
                rest = member.unused_data if member.eof else member.unconsumed_tail
        while tail := member.decompress(b"", _STEP):
            yield tail
    except zlib.error as error:
        raise PeerUntrusted("the gzip data of the answer is damaged") from error
    if source.taken and not member.eof:
        raise PeerUntrusted("the gzip data of the answer ends too early")


def _unzstd(source: _Chunks) -> Iterator[bytes]:
    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    file = cast(IO[bytes], source)  # only `read` is used
    reader = decoder.stream_reader(file, read_size=64 * 1024, read_across_frames=True)
    try:
        yield from iter(lambda: reader.read(_STEP), b"")
    except zstandard.ZstdError as error:
        raise PeerUntrusted("the zstd data of the answer is damaged, or asks for too much memory") from error
