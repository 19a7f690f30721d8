"""The peers: medallion, a TAXII 2.1 server of OASIS, and a PostgreSQL to stand our own node on."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.node import MEDIA_TYPE
from benchmarks.processes import Server, free_port

_COLLECTION = "365fed99-08fa-fdcd-a1b3-fb247eb41d01"
_STIX = "application/stix+json;version=2.1"
_PAGE = 1000


class Medallion:
    """medallion 3 with its memory backend over one collection, served as its own command serves it."""

    def __init__(self, folder: Path, objects: Sequence[bytes]) -> None:
        folder.mkdir()
        data = folder / "data.json"
        data.write_text(json.dumps(_data([json.loads(raw) for raw in objects])))
        config = folder / "config.json"
        config.write_text(
            json.dumps(
                {
                    "backend": {
                        "module": "medallion.backends.memory_backend",
                        "module_class": "MemoryBackend",
                        "filename": str(data),
                    },
                    "users": {"bench": "bench"},
                    "taxii": {"max_page_size": _PAGE},
                }
            )
        )
        port = free_port()
        command = [sys.executable, "-m", "medallion.scripts.run", "--port", str(port), str(config)]
        self.server = Server(
            command,
            folder / "medallion.log",
            ready="/taxii2/",
            port=port,
            authorization="Basic " + b64encode(b"bench:bench").decode(),
        )
        self.target = self.server.target
        self.request = self.target.request(f"/peer/collections/{_COLLECTION}/objects/?limit={_PAGE}")

    def stop(self) -> None:
        """End its process."""
        self.server.stop()


def _data(objects: Sequence[dict[str, object]]) -> dict[str, object]:
    """What medallion's memory backend loads: one API root with one collection and its manifest."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    manifest = [
        {
            "id": one["id"],
            "date_added": (start + timedelta(seconds=place)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "version": one["modified"],
            "media_type": _STIX,
        }
        for place, one in enumerate(objects)
    ]
    return {
        "/discovery": {"title": "peer", "default": "/peer/", "api_roots": ["/peer/"]},
        "root": {
            "information": {"title": "root", "versions": [MEDIA_TYPE], "max_content_length": 100_000_000},
            "status": [],
            "collections": [
                {
                    "id": _COLLECTION,
                    "title": "all",
                    "can_read": True,
                    "can_write": True,
                    "media_types": [_STIX],
                    "objects": list(objects),
                    "manifest": manifest,
                }
            ],
        },
    }
