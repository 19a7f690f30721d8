"""Values that go to the browser and come back unread and unchanged: the state of a sign-in between two pages.

Sealed with AES-256-GCM under a key of the node, so that any worker can open them and no table has to hold them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import time
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

T = TypeVar("T")
_NONCE: Final = 12
_LONGEST: Final = 8192


class Sealer:
    """Seals values for one ``purpose``: what was sealed for one is not opened for another."""

    def __init__(self, secret: bytes, purpose: str, clock: Callable[[], float] = time.time) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"titian sealed " + purpose.encode() + b"\x00" + secret).digest())
        self._clock = clock

    def seal(self, value: object, *, seconds: int) -> str:
        """Return a text that :meth:`open` reads back for so many seconds."""
        said = msgspec.msgpack.encode((int(self._clock()) + seconds, value))
        nonce = os.urandom(_NONCE)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, said, None)).decode().rstrip("=")

    def open(self, text: str, kind: type[T]) -> T | None:
        """Return what was sealed; ``None`` for anything else, and when its time is over."""
        if len(text) > _LONGEST:
            return None
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            until, said = msgspec.msgpack.decode(self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], None))
            value = msgspec.convert(said, kind)
        except (binascii.Error, ValueError, TypeError, InvalidTag, msgspec.MsgspecError):
            return None
        return value if self._clock() < until else None
