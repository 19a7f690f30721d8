"""The limit: the web stack the node stands on, sending constant bytes from memory and doing nothing else.

Same Litestar, same Granian, same flags, one worker. Run as ``python -m benchmarks.limit --port P FOLDER``:
``GET /constant/NAME`` answers the bytes of the file NAME in FOLDER.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from granian.constants import Interfaces
from granian.server import Server
from litestar import Litestar, Response, get

MEDIA_TYPE = "application/taxii+json;version=2.1"
_FOLDER = "TITIAN_BENCHMARK_LIMIT"


def create_app() -> Litestar:
    """The application: every file of the folder in memory, each under its name."""
    held: Mapping[str, bytes] = {
        path.name: path.read_bytes() for path in Path(os.environ[_FOLDER]).iterdir() if path.is_file()
    }

    @get("/constant/{name:str}", sync_to_thread=False)
    def constant(name: str) -> Response[bytes]:
        return Response(held[name], media_type=MEDIA_TYPE)

    @get("/", sync_to_thread=False)
    def nothing() -> Response[bytes]:
        return Response(b"", media_type=MEDIA_TYPE)

    return Litestar([constant, nothing], openapi_config=None)


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    os.environ[_FOLDER] = str(given.folder)
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")  # as the node sets it
    Server(
        "benchmarks.limit:create_app",
        factory=True,
        address="127.0.0.1",
        port=given.port,
        interface=Interfaces.ASGI,
        workers=1,
        websockets=False,
        log_access=False,
        log_enabled=False,
    ).serve()


if __name__ == "__main__":
    main()
