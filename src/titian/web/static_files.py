"""What browsers fetch once and keep: style sheet, scripts, pictures. All of it is ours, read at start."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

import msgspec
import zstandard
from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from titian.web.cache import encoding_for

_KINDS: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "woff2": "font/woff2",
    "png": "image/png",
}
_FOLDER: Final = resources.files("titian.web") / "static"


class File(msgspec.Struct, frozen=True):
    """A file with what it is, and its bytes in each encoding that it is sent in."""

    kind: str
    bodies: dict[str | None, bytes]


@lru_cache(maxsize=1)
def every_file() -> dict[str, File]:
    """Every file by its path below the folder."""
    found: dict[str, File] = {}

    def walk(folder: Traversable, path: str) -> None:
        for one in folder.iterdir():
            name = f"{path}{one.name}"
            if one.is_dir():
                walk(one, f"{name}/")
            elif (kind := _KINDS.get(name.rpartition(".")[2])) is not None:
                body = one.read_bytes()
                packed: dict[str | None, bytes] = {None: body}
                if not name.endswith((".png", ".woff2")):
                    packed["gzip"] = gzip.compress(body, 9, mtime=0)
                    packed["zstd"] = zstandard.ZstdCompressor(level=19).compress(body)
                found[name] = File(kind, packed)

    walk(_FOLDER, "")
    return found


@lru_cache(maxsize=1)
def version() -> str:
    """A digest over every file: a part of their addresses, so that a browser may keep them for ever."""
    digest = hashlib.sha256()
    for name, file in sorted(every_file().items()):
        digest.update(f"{name}\x00{len(file.bodies[None])}\x00".encode() + file.bodies[None])
    return digest.hexdigest()[:16]


def static(name: str) -> str:
    """The address of a file."""
    return f"/static/{version()}/{name}"


def has(name: str) -> bool:
    """Whether there is such a file: what `frontend/` builds may be missing in a checkout that was never installed."""
    return name in every_file()


@get("/static/{stamp:str}/{name:path}", sync_to_thread=False)
def static_file(request: Request[Any, Any, Any], stamp: FromPath[str], name: FromPath[str]) -> ASGIResponse:
    """A file. Open to everybody: there is nothing of anybody in it."""
    file = every_file().get(name.lstrip("/"))
    if file is None:
        raise NotFoundException
    encoding = encoding_for(request.headers.get("accept-encoding", ""))
    body = file.bodies.get(encoding)
    headers = {
        "content-type": file.kind,
        "cache-control": "public, max-age=31536000, immutable" if stamp == version() else "no-cache",
        "vary": "accept-encoding",
        "cross-origin-resource-policy": "same-origin",
    }
    if body is None:
        body = file.bodies[None]
    elif encoding is not None:
        headers["content-encoding"] = encoding
    return ASGIResponse(body=body, headers=headers)
