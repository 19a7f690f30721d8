"""Signed notes: a text, and under it who signed it (C2SP signed-note v1, c2sp.org/signed-note).

::

    This is an example message.

    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

Two types of signature are known: Ed25519 of the text (0x01) and the timestamped Ed25519 cosignature of a witness (0x04,
C2SP tlog-cosignature). A text counts only once :func:`open_note` has returned it. What is written here has one
spelling: base64 and hexadecimal digits that another writer could have spelt otherwise are refused.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import re
from collections.abc import Iterable
from enum import IntEnum
from typing import Final, Protocol, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from titian.core.errors import InvalidInput, Refused, TooLarge

LARGEST_NOTE: Final = 1_000_000
"""Bytes of a note at most, its signatures with it."""
MOST_SIGNATURES: Final = 100
"""Signatures of a note at most; the specification (section Format) wants 16 at least."""
LONGEST_NAME: Final = 255
"""Bytes of the name of a key that is configured: what fits in the length byte of a newer cosignature (0x06)."""
LATEST: Final = 2**63 - 1
"""Seconds since 1970 at most (tlog-cosignature, Format)."""

_DASH: Final = "\N{EM DASH} "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_HASH: Final = re.compile(r"[0-9a-f]{8}")
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_TIME_BYTES: Final = 8

_T = TypeVar("_T", bound="VerifierKey | SignerKey")


class SignatureType(IntEnum):
    """What a key signs, and how: the byte before a public key (signed-note, Signature types)."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


# The curve (RFC 8032 section 5.1): only so much of it as tells a good public key from a bad one.

_P: Final = 2**255 - 19
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""The order of the subgroup that honest keys live in, L in RFC 8032."""
_D: Final = -121665 * pow(121666, -1, _P) % _P

SMALL_ORDER: Final = frozenset(
    bytes.fromhex(each)
    for each in (
        "0100000000000000000000000000000000000000000000000000000000000000",  # order 1
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # order 2
        "0000000000000000000000000000000000000000000000000000000000000000",  # order 4
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",  # order 8
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "0100000000000000000000000000000000000000000000000000000000000080",  # the same points, spelt otherwise
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    )
)
"""The eight points of small order, in every encoding that some verifier reads: under the first of them one constant
signature fits every text."""


def _y(encoded: bytes) -> int:
    return int.from_bytes(encoded, "little") & (2**255 - 1)


def _x_squared(y: int) -> int:
    return (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P


def _root(square: int) -> int | None:
    """A square root modulo p, or None (RFC 8032 section 5.1.3, with the two candidates of p = 5 mod 8)."""
    for factor in (1, pow(2, (_P - 1) // 4, _P)):
        root = pow(square, (_P + 3) // 8, _P) * factor % _P
        if root * root % _P == square:
            return root
    return None


_Point = tuple[int, int, int, int]


def _add(one: _Point, other: _Point) -> _Point:
    """The sum of two points in extended coordinates (RFC 8032 section 5.1.4)."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = one, other
    a, b = (y1 - x1) * (y2 - x2) % _P, (y1 + x1) * (y2 + x2) % _P
    c, d = 2 * t1 * t2 * _D % _P, 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


@functools.lru_cache(maxsize=4096)
def _flaw(public_key: bytes) -> str | None:
    """Why a public key may not be trusted, or None. Some milliseconds, once for each key: they are few."""
    if len(public_key) != _KEY_BYTES:
        return f"is {len(public_key)} bytes long, not {_KEY_BYTES}"
    if public_key in SMALL_ORDER:
        return "is of small order: anybody can sign under it"
    y = _y(public_key)
    if y >= _P:
        return "is spelt otherwise than RFC 8032 section 5.1.2 wants"
    x = _root(_x_squared(y))
    if x is None:
        return "is no point of the curve: nothing verifies under it"
    # -A is in the subgroup exactly when A is, so the sign of x does not matter here.
    point, product, left = (x, y, 1, x * y % _P), (0, 1, 1, 0), _ORDER
    while left:
        if left & 1:
            product = _add(product, point)
        point, left = _add(point, point), left >> 1
    if product[0] or product[1] != product[2]:
        return "has a part of small order: verifiers disagree on its signatures"
    return None


def check_public_key(public_key: bytes) -> None:
    """Raise :class:`Refused` unless these 32 bytes are an Ed25519 key that only its holder can sign for.

    Refused are points of small order, points with a part of small order, other spellings than that of RFC 8032
    section 5.1.2, and what is no point. The check is ours: ``cryptography`` accepts a constant signature under the
    key of order 1. Vectors: C2SP/CCTV ed25519.
    """
    if flaw := _flaw(public_key):
        raise Refused(f"This public key {flaw}.", advice="Ask its holder for another, over a channel that you trust.")


def _fits(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature fits (RFC 8032 section 5.1.7), with no leniency: every valid one has one spelling."""
    if len(signature) != _SIGNATURE_BYTES or signature[:32] in SMALL_ORDER:
        return False
    if _y(signature[:32]) >= _P or int.from_bytes(signature[32:], "little") >= _ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# Spelling


def to_base64(data: bytes) -> str:
    """Write bytes as standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """Read standard base64. Raises :class:`InvalidInput` for what :func:`to_base64` would not have written."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not text or to_base64(data) != text:
        raise InvalidInput("This is not base64 as RFC 4648 section 4 writes it.")
    return data


def from_decimal(text: str, what: str) -> int:
    """Read an ASCII decimal of 0 to 2^63 - 1 without leading zeros; ``what`` it counts is for the error."""
    if not _DECIMAL.fullmatch(text) or int(text) > LATEST:
        raise InvalidInput(f"The {what} is not a decimal number from 0 to 2^63 - 1 without leading zeros.")
    return int(text)


def to_text(data: bytes, what: str = "note") -> str:
    """Read UTF-8 without ASCII control characters but newline (signed-note, Format).

    Raises :class:`InvalidInput`, or :class:`TooLarge` above :data:`LARGEST_NOTE`.
    """
    if len(data) > LARGEST_NOTE:
        raise TooLarge(f"This {what} has {len(data):,} bytes, more than {LARGEST_NOTE:,}.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"This {what} is not UTF-8.") from None
    if _CONTROL.search(text):
        raise InvalidInput(f"This {what} has control characters.", advice="Was it sent with other line ends?")
    return text


def is_text(text: str) -> bool:
    """Whether a note can hold this: nothing that UTF-8 cannot write, no ASCII control characters but newline."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return not _CONTROL.search(text)


def _is_name(name: str) -> bool:
    """Whether this can name a key: not empty, no Unicode space, no plus, no control character (signed-note, Format)."""
    return bool(name) and "+" not in name and is_text(name) and not any(map(str.isspace, name))


def _check_name(name: str) -> None:
    if not _is_name(name) or len(name.encode()) > LONGEST_NAME:
        raise InvalidInput(f"A key's name has 1 to {LONGEST_NAME} bytes of UTF-8, without spaces and '+'.")


# Keys


def key_id(name: str, type: SignatureType, public_key: bytes) -> bytes:
    """Return the 4 bytes that stand before a signature (signed-note, Signatures).

    >>> key_id("example.com/foo", SignatureType.ED25519, bytes.fromhex("e932791ae6e7a840a46164c9047864"
    ...     "26d5e7821dd8b29a00d61cae72afdd4da4")).hex()
    '530d903a'
    """
    return hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([type]) + public_key).digest()[:4]


def _read_key(text: str, of: type[_T]) -> _T:
    """Read ``name+hash+base64``: name and hash hold no plus, base64 may."""
    name, _, rest = text.partition("+")
    written, _, encoded = rest.partition("+")
    if not _HASH.fullmatch(written):
        raise InvalidInput("A key is written name+hash+base64, the hash with 8 digits from 0 to f.")
    data = from_base64(encoded)
    try:
        type = SignatureType(data[0])
    except ValueError:
        raise InvalidInput(
            f"Keys of type 0x{data[0]:02x} are not supported.", advice="Use Ed25519: 0x01 for logs, 0x04 for witnesses."
        ) from None
    key = of(name, type, data[1:])
    if key.id.hex() != written:
        raise InvalidInput(f"The key of {name} does not have the hash written in it.", advice="Copy all of it again.")
    return key


class VerifierKey(msgspec.Struct, frozen=True):
    """A public key with the name of its holder, as it is configured: ``str(key)`` is ``name+hash+base64``.

    Raises :class:`InvalidInput` for a name that cannot be one, and :class:`Refused` for a public key that
    :func:`check_public_key` refuses; so no such value exists. Source: signed-note, Verifier keys.
    """

    name: str
    type: SignatureType
    public_key: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        check_public_key(self.public_key)

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a verifier key. Raises :class:`InvalidInput` or :class:`Refused`."""
        return _read_key(text, cls)

    @property
    def id(self) -> bytes:
        """The 4 bytes that, with the name, say whose a signature is."""
        return key_id(self.name, self.type, self.public_key)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes([self.type]) + self.public_key)}"


class Signer(Protocol):
    """Who can sign: a key in a file (:class:`SignerKey`), or one that never leaves its PKCS#11 token."""

    @property
    def key(self) -> VerifierKey:
        """Name, type and public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of Ed25519 (RFC 8032, not pre-hashed) over a message."""
        ...


class SignerKey(msgspec.Struct, frozen=True):
    """A private key in memory: a :class:`Signer`. It shows its seed only to :meth:`encode`.

    Written ``PRIVATE+KEY+name+hash+base64(type || seed)``, as the Go implementation of notes does; the C2SP
    specification leaves the form open. A new key is made of 32 bytes from the system's random source.
    """

    name: str
    type: SignatureType
    seed: bytes

    def __post_init__(self) -> None:
        if len(self.seed) != _KEY_BYTES:
            raise InvalidInput(f"A private key has {_KEY_BYTES} bytes.")
        _check_name(self.name)

    def __repr__(self) -> str:
        return f"SignerKey({self.name!r}, {self.type!r}, ...)"

    @classmethod
    def parse(cls, text: str) -> SignerKey:
        """Read a signer key. Raises :class:`InvalidInput`, without repeating what was given."""
        if not text.startswith("PRIVATE+KEY+"):
            raise InvalidInput("A signer key begins with PRIVATE+KEY+.")
        return _read_key(text.removeprefix("PRIVATE+KEY+"), cls)

    @property
    def key(self) -> VerifierKey:
        """The key to give to others."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return VerifierKey(self.name, self.type, public)

    @property
    def id(self) -> bytes:
        """The same as the verifier key's."""
        return self.key.id

    def sign(self, message: bytes) -> bytes:
        """Sign a message: see :class:`Signer`."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)

    def encode(self) -> str:
        """Write the key, its seed included: for a file that only its owner may read."""
        return f"PRIVATE+KEY+{self.name}+{self.id.hex()}+{to_base64(bytes([self.type]) + self.seed)}"


# Notes


class Signature(msgspec.Struct, frozen=True):
    """One signature line. ``key_id`` has 4 bytes; ``data`` is what the key's type says, and is not judged here."""

    name: str
    key_id: bytes
    data: bytes

    def __post_init__(self) -> None:
        if not _is_name(self.name) or len(self.key_id) != 4 or not self.data:
            raise InvalidInput("A signature has a name without spaces and '+', a key id of 4 bytes, and data.")

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Read a line, without its newline. Raises :class:`InvalidInput`."""
        name, space, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not space:
            raise InvalidInput("A signature line is an em dash, a name and base64, with one space between them.")
        data = from_base64(encoded)
        return cls(name, data[:4], data[4:])

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.data)}\n"


def _check_text(text: str) -> None:
    if not text.endswith("\n") or not is_text(text):
        raise InvalidInput("The text of a note ends with a newline, and has no other control characters.")


class SignedNote(msgspec.Struct, frozen=True):
    """A text with its final newline, and 1 to :data:`MOST_SIGNATURES` signatures: well-formed, nothing verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        _check_text(self.text)
        if not 0 < len(self.signatures) <= MOST_SIGNATURES:
            raise InvalidInput(f"A note has 1 to {MOST_SIGNATURES} signatures.")

    @classmethod
    def parse(cls, data: bytes) -> SignedNote:
        """Read a note: the last blank line ends the text (signed-note, Format).

        Raises :class:`InvalidInput`, or :class:`TooLarge` above :data:`LARGEST_NOTE`.
        """
        note = to_text(data)
        text, blank, lines = note.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise InvalidInput("A note is a text, a blank line, and signature lines that each end with a newline.")
        if lines.count("\n") > MOST_SIGNATURES:
            raise InvalidInput(f"A note has 1 to {MOST_SIGNATURES} signatures.")
        return cls(text + "\n", tuple(map(Signature.parse, lines[:-1].split("\n"))))

    def encode(self) -> bytes:
        """Write the note, as :meth:`parse` reads it."""
        return f"{self.text}\n{''.join(map(str, self.signatures))}".encode()

    def signed(self, *signatures: Signature) -> SignedNote:
        """Return the note with these signatures too, each in place of one of the same name and key id."""
        every = {(each.name, each.key_id): each for each in (*self.signatures, *signatures)}
        return SignedNote(self.text, tuple(every.values()))


class Verified(msgspec.Struct, frozen=True):
    """A signature that fits. ``time`` in seconds since 1970 is the cosigner's word, and None for a plain signature."""

    key: VerifierKey
    time: int | None = None


def cosignature_message(text: str, time: int) -> bytes:
    """Return what a cosigner signs: a line that names the format, the time, the text of the checkpoint.

    Raises :class:`InvalidInput` for a time outside 0 to :data:`LATEST`. Source: tlog-cosignature, Ed25519 signed
    message.
    """
    if not 0 <= time <= LATEST:
        raise InvalidInput("The time of a cosignature is from 0 to 2^63 - 1 seconds.")
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def verify(key: VerifierKey, text: str, signature: Signature) -> Verified | None:
    """Return what a key says with a signature on a text, or None when it is not its signature."""
    if (signature.name, signature.key_id) != (key.name, key.id):
        return None
    if key.type is SignatureType.ED25519:
        return Verified(key) if _fits(key.public_key, text.encode(), signature.data) else None
    time = int.from_bytes(signature.data[:_TIME_BYTES], "big")
    if time > LATEST or not _fits(key.public_key, cosignature_message(text, time), signature.data[_TIME_BYTES:]):
        return None
    return Verified(key, time)


def verify_note(note: SignedNote, keys: Iterable[VerifierKey]) -> tuple[Verified, ...]:
    """Return the signatures of known keys on a note, in the note's order: one at least, and one for each key at most.

    Signatures of keys that are not given are ignored, also where name or key id alone is that of a known key.
    Raises :class:`Refused` when a known key's signature does not fit, when a known key has two lines (which of two
    times counts is said nowhere), or when no known key signed; :class:`InvalidInput` when two different known keys have
    the same name and key id. Source: signed-note, Signatures.
    """
    ring: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if ring.setdefault((key.name, key.id), key) != key:
            raise InvalidInput(f"Two keys are named {key.name} and have the same hash.", advice="Rename one of them.")
    found: dict[VerifierKey, Verified] = {}
    for signature in note.signatures:
        known = ring.get((signature.name, signature.key_id))
        if known is None:
            continue
        verified = verify(known, note.text, signature)
        if verified is None:
            raise Refused(f"The signature of {known.name} does not fit the text.", advice="Keep the note as evidence.")
        if known in found:
            raise Refused(f"{known.name} has two signatures on one note.")
        found[known] = verified
    if not found:
        raise Refused("No key that is known here has signed this note.")
    return tuple(found.values())


def open_note(data: bytes, keys: Iterable[VerifierKey]) -> tuple[SignedNote, tuple[Verified, ...]]:
    """Read and verify a note: its text may be used once this has returned. Raises as its two parts do."""
    note = SignedNote.parse(data)
    return note, verify_note(note, keys)


def sign_text(text: str, signer: Signer, *, time: int | None = None) -> Signature:
    """Sign a text. A key of type 0x04 needs the ``time`` in seconds since 1970, one of type 0x01 has none.

    What the signer returns is verified before it is handed on. Raises :class:`InvalidInput` for a text that cannot be
    a note's or a time that does not belong to the key, and :class:`Refused` when the signature does not fit.
    """
    key = signer.key
    _check_text(text)
    if (time is None) is (key.type is SignatureType.COSIGNATURE):
        raise InvalidInput(f"The key of {key.name} signs {'without' if time is not None else 'with'} a time.")
    if time is None:
        data = signer.sign(text.encode())
    else:
        message = cosignature_message(text, time)
        data = time.to_bytes(_TIME_BYTES, "big") + signer.sign(message)
    signature = Signature(key.name, key.id, data)
    if verify(key, text, signature) is None:
        raise Refused(f"What signs for {key.name} gave a signature that does not fit.", advice="Check the token.")
    return signature
