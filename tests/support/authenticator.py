"""An authenticator in software: makes passkeys and signs with them, as W3C Web Authentication Level 3 says, or not.

ES256 keys, attestation "none". What it signs can be bent by the test: origin, host, flags, counter, whose it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """What :func:`encode` wrote."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Made:
    """A passkey in the authenticator."""

    id: bytes
    key: EllipticCurvePrivateKey
    host: str
    handle: bytes


@dataclass
class Authenticator:
    """Holds passkeys; ``step`` is what its counter grows by with each use, 0 for one that does not count."""

    origin: str
    step: int = 1
    count: int = 0
    flags: int = PRESENT | VERIFIED
    made: list[Made] = field(default_factory=list)

    def create(self, options: dict[str, Any], *, origin: str | None = None, host: str | None = None) -> str:
        """Answer options of ``navigator.credentials.create`` with a new passkey."""
        one = Made(
            os.urandom(32), generate_private_key(SECP256R1()), host or options["rp"]["id"],
            decode(options["user"]["id"]),
        )  # fmt: skip
        self.made.append(one)
        data = self._data(one.host, ATTESTED) + bytes(16) + len(one.id).to_bytes(2, "big") + one.id + _cose(one.key)
        said = self._client("webauthn.create", options, origin)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(one, clientDataJSON=encode(said), attestationObject=encode(attestation),
                            transports=["internal", "unheard-of"])  # fmt: skip

    def get(
        self, options: dict[str, Any], *, origin: str | None = None, host: str | None = None, which: int = -1,
        handle: bytes | None = None, cross: bool = False,
    ) -> str:  # fmt: skip
        """Answer options of ``navigator.credentials.get`` with one of its passkeys."""
        one = self.made[which]
        data = self._data(host or options["rpId"])
        said = self._client("webauthn.get", options, origin, cross)
        signature = one.key.sign(data + hashlib.sha256(said).digest(), ECDSA(SHA256()))
        return self._answer(one, clientDataJSON=encode(said), authenticatorData=encode(data),
                            signature=encode(signature), userHandle=encode(handle or one.handle))  # fmt: skip

    def _data(self, host: str, more: int = 0) -> bytes:
        self.count += self.step
        return hashlib.sha256(host.encode()).digest() + bytes([self.flags | more]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any], origin: str | None, cross: bool = False) -> bytes:
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": origin or self.origin,
                           "crossOrigin": cross}).encode()  # fmt: skip

    def _answer(self, one: Made, **response: Any) -> str:
        return json.dumps({"id": encode(one.id), "rawId": encode(one.id), "type": "public-key",
                           "clientExtensionResults": {}, "response": response})  # fmt: skip


def _cose(key: EllipticCurvePrivateKey) -> bytes:
    """The public half as COSE_Key (RFC 9053 section 7.1.1): EC2, ES256, P-256."""
    point = key.public_key().public_numbers()
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
