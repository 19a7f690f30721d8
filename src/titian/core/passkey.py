"""Passkeys as values: what a node keeps of one, and what its authenticator has shown (W3C Web Authentication Level 3).

The signature is checked where the format is spoken; :mod:`titian.core.login` judges what was shown.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

LONGEST_ID: Final = 1023
"""Bytes of a credential id at most (Web Authentication section 5.8.5)."""
LONGEST_KEY: Final = 2000
"""Bytes of a public key at most: one of RSA with 4096 bits has 550."""
MOST: Final = 20
"""Passkeys of one person."""


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey as the node keeps it. Instants are microseconds since the Unix epoch.

    ``public`` is its public key as COSE writes one (RFC 9052), ``host`` the name of the node that it was made for (the
    relying party id), ``count`` its authenticator's signature counter, ``challenged`` the instant of the latest
    challenge that it has answered, ``transports`` how the browser reaches it.
    """

    id: bytes
    person: str
    name: str
    host: str
    public: bytes
    count: int
    challenged: int
    created: int
    used: int | None = None
    transports: tuple[str, ...] = ()


class Shown(msgspec.Struct, frozen=True):
    """What an authenticator has proven: its signature fits the passkey, the host, the origin and the challenge that was
    made at the instant ``challenged``, and it has verified its user. ``handle`` is whose passkey it says that it is,
    ``count`` its signature counter now (0 for those that do not count)."""

    handle: str | None
    count: int
    challenged: int


def handle_of(identifier: bytes) -> str:
    """A short name for a credential id, which can have a thousand bytes: in forms and in the record of acts."""
    return hashlib.sha256(identifier).hexdigest()[:16]
