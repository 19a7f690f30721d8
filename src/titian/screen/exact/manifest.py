"""The manifest: which segments make the index, and how far the caller's logs were read. Replaced as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from titian.screen.exact.containment import NO_PREFIXES, Prefixes
from titian.screen.exact.digests import Digester
from titian.screen.exact.layout import damaged
from titian.screen.folders import sync_folder

MANIFEST: Final = "manifest.json"
_NEW: Final = "manifest.new"
_FORMAT: Final = "titian exact index 1"
_MODE: Final = 0o600


class Named(msgspec.Struct, frozen=True):
    """A segment of the index: its file's name, how many entries it has, and the seal in its header, in hexadecimal."""

    name: str
    entries: int
    seal: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the index is made of. ``generation`` grows by one with each change.

    ``upto`` says for each of the caller's logs up to where it is in the index, ``prefixes`` which lengths of network
    prefixes were added.
    """

    segments: tuple[Named, ...] = ()
    upto: Mapping[str, int] = {}
    prefixes: Prefixes = NO_PREFIXES
    generation: int = 0


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest as its file has it: ``check`` knows the secret, ``seal`` covers all the rest."""

    format: str
    check: str
    content: Manifest
    seal: str = ""


def read_manifest(content: bytes, digester: Digester) -> Manifest:
    """Return what the manifest's file says.

    Raises :class:`~titian.core.errors.UnreadableFile` when it is torn, foreign, or was changed.
    """
    try:
        kept = msgspec.json.decode(content, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise damaged("The manifest of the index cannot be read") from error
    if kept.format != _FORMAT:
        raise damaged("The index has another format than this version of Titian")
    if kept.check != digester.check.hex():
        raise damaged("The index was made under another secret")
    if content != _encoded(kept.content, digester):
        raise damaged("The manifest of the index was changed")
    return kept.content


def replace_manifest(folder: Path, manifest: Manifest, digester: Digester) -> None:
    """Make a manifest the one of a folder, durably: before and after, and at any moment between, there is a whole one.

    The caller has the index to itself. Raises :class:`OSError`.
    """
    new = folder / _NEW
    # One name: what a kill leaves behind is gone with the next.
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    with os.fdopen(file, "wb") as stream:
        stream.write(_encoded(manifest, digester))
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(new, folder / MANIFEST)
    sync_folder(folder)


def _encoded(manifest: Manifest, digester: Digester) -> bytes:
    # Encoding is fixed (keys of mappings sorted), so the seal covers the bytes.
    kept = _Kept(_FORMAT, digester.check.hex(), manifest)
    seal = digester.seal(msgspec.json.encode(kept, order="deterministic")).hex()
    return msgspec.json.encode(msgspec.structs.replace(kept, seal=seal), order="deterministic") + b"\n"
