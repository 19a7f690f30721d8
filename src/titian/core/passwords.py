"""Passwords and one-time codes: computed here from arguments, kept by the store, judged by :mod:`titian.core.login`.

Passwords are argon2id (RFC 9106) with the memory and passes of the second recommended choice of its section 4, 64 MiB
and 3, a salt of 128 bits and a tag of 256, in one lane instead of four: see :class:`Cost`. Codes are TOTP (RFC 6238) as
every authenticator reads it: SHA-1, 30 s, 6 digits.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import msgspec
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from titian.core.errors import InvalidInput
from titian.core.login import STEP

SHORTEST: Final = 12
"""Characters of a new password at least, after normalisation."""
LONGEST: Final = 256
"""Characters of any password at most: a hash of a megabyte is a way to keep a node busy."""
SALT_BYTES: Final = 16
TOTP_BYTES: Final = 20
"""Bytes of a TOTP secret; RFC 4226 section 4 wants 20."""
_DIGITS: Final = 6


class Cost(msgspec.Struct, frozen=True):
    """What one guess costs: ``memory`` in KiB, and passes over it.

    There is one lane. OpenSSL works on more in threads of its own, and two such calls at once in one process fail or
    never return (measured with cryptography 50: 1,400 of 1,600 fail, with 64 MiB the process hangs). A guess costs the
    same memory and the same work either way.
    """

    memory: int = 64 * 1024
    passes: int = 3


USUAL: Final = Cost()
"""Well above the minimum of OWASP (19 MiB, 2 passes, 1 lane); 0.15 s on a small machine."""


def _bytes(text: str) -> bytes | None:
    """The bytes that are hashed: NFC as RFC 8265 section 4.2 wants, so that every keyboard writes the same password."""
    if len(text) > 4 * LONGEST:
        return None
    text = unicodedata.normalize("NFC", text)
    try:
        return text.encode() if 0 < len(text) <= LONGEST else None
    except UnicodeEncodeError:
        return None


def new_password(text: str) -> str:
    """Return a password that may be set. Raises :class:`InvalidInput` saying what is wrong, without repeating it."""
    if not SHORTEST <= len(text) <= 4 * LONGEST or not SHORTEST <= len(unicodedata.normalize("NFC", text)) <= LONGEST:
        raise InvalidInput(
            f"A password has {SHORTEST} to {LONGEST} characters.",
            advice="A few words that nobody says together are a good one.",
        )
    if _bytes(text) is None:
        raise InvalidInput("This password is not text.", advice="Give it in UTF-8.")
    return unicodedata.normalize("NFC", text)


def hash_password(text: str, salt: bytes, cost: Cost = USUAL) -> str:
    """Return the argon2id hash of a password in PHC form, which holds salt and cost.

    Raises :class:`InvalidInput` for a text that is no password.
    """
    data = _bytes(text)
    if data is None:
        raise InvalidInput(f"A password has 1 to {LONGEST} characters.")
    return _argon2(salt, cost).derive_phc_encoded(data)


def verify_password(phc: str | None, text: str, cost: Cost = USUAL) -> bool:
    """Whether a password has this hash. Without a hash the answer is no, after the same work: nobody learns whether
    there is an account from how long the answer takes.
    """
    data = _bytes(text)
    if data is None:
        return False
    if phc is None:
        _argon2(bytes(SALT_BYTES), cost).derive(data)
        return False
    try:
        Argon2id.verify_phc_encoded(data, phc)
    except InvalidKey:
        return False
    return True


def _argon2(salt: bytes, cost: Cost) -> Argon2id:
    return Argon2id(salt=salt, length=32, iterations=cost.passes, lanes=1, memory_cost=cost.memory)


def _totp(secret: bytes) -> TOTP:
    # SHA-1 because authenticators ignore anything else; HMAC does not rest on its collisions.
    return TOTP(secret, _DIGITS, SHA1(), STEP // 1_000_000)  # noqa: S303


def totp_code(secret: bytes, step: int) -> str:
    """The code of a time step.

    >>> totp_code(b"12345678901234567890", 1)  # RFC 6238 appendix B, the last six digits
    '287082'
    """
    return _totp(secret).generate(step * STEP // 1_000_000).decode()


def verify_totp(secret: bytes, code: str, step: int) -> bool:
    """Whether a code is that of a time step, in constant time."""
    return code.isascii() and constant_time.bytes_eq(totp_code(secret, step).encode(), code.encode())


def provisioning_uri(secret: bytes, *, account: str, node: str) -> str:
    """The ``otpauth://`` address that an authenticator takes up. It holds the secret: show it once."""
    return _totp(secret).get_provisioning_uri(account, node)
