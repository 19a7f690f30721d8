"""The libraries behind the extras ``media`` and ``video``: loaded when a file is hashed, by whoever hashes files.

Searching needs none of them: a node holds hashes, and never sees a picture.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from titian.core.errors import Unavailable

if TYPE_CHECKING:
    from types import ModuleType


def pillow() -> ModuleType:
    """Return ``PIL.Image``; :class:`Unavailable` without the extra ``media``."""
    try:
        return import_module("PIL.Image")
    except ImportError:
        raise _missing("Pillow, which reads images,", "media") from None


def pdqhash() -> Any:
    """Return ``pdqhash``; :class:`Unavailable` without the extra ``media``."""
    try:
        return import_module("pdqhash")
    except ImportError:
        raise _missing("pdqhash, which hashes images,", "media") from None


def av() -> Any:
    """Return ``av``; :class:`Unavailable` without the extra ``video``."""
    try:
        return import_module("av")
    except ImportError:
        raise _missing("PyAV, which reads video,", "video") from None


def _missing(what: str, extra: str) -> Unavailable:
    return Unavailable(f"{what} is not installed.", advice=f"Run `pip install 'titian[{extra}]'`.")
