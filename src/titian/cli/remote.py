"""What ``pull`` and ``push`` share: how another server is named and reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from titian.wire.taxii_client import TaxiiClient
from titian.wire.taxii_remote import RemoteCollection

Url = Annotated[str, typer.Argument(help="The server, its discovery, or an API root.")]
RemoteId = Annotated[str, typer.Option("--collection", help="The remote collection: id, alias or title.")]
Key = Annotated[str | None, typer.Option("--key", envvar="TITIAN_REMOTE_KEY", help="The key the partner gave; Bearer.")]
KeyName = Annotated[str | None, typer.Option("--user", help="Send the key by HTTP Basic under this name.")]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", help="PEM file of a private authority to trust besides the public ones.", exists=True),
]


@contextmanager
def remote_collection(
    url: str, collection: str, key: str | None, user: str | None, ca_file: Path | None
) -> Iterator[RemoteCollection]:
    """Open a remote collection. Who types an address names its host: it may be on this machine or a private one."""
    host = urlsplit(url).hostname
    with TaxiiClient(url, key=key, name=user, ca_file=ca_file, allow_private={host} if host else ()) as client:
        yield RemoteCollection(client, collection)
