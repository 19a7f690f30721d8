"""Hashes of files, and of images.

Hexadecimal ones in lower case, with the algorithm as a fact where the length or a prefix says it. SSDEEP has a letter
case that matters; TLSH is written with its version, ``t1``. An image is a PDQ hash: 64 hexadecimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from titian.core.screening import Value, ValueKind
from titian.screen.values.found import NOTHING, Found
from titian.screen.values.text import compatible

LENGTHS: Final[Mapping[int, str]] = {
    32: "md5",
    40: "sha-1",
    56: "sha-224",
    64: "sha-256",
    96: "sha-384",
    128: "sha-512",
}
"""Hexadecimal digits of a hash, and the algorithm that most likely made it."""

_NAMED: Final[Mapping[str, int]] = {
    "md5": 32, "imphash": 32, "ja3": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128,
    "sha3256": 64, "sha3512": 128, "blake2b": 128, "keccak256": 64, "pdq": 64,
}  # fmt: skip
_NAMES: Final[Mapping[str, str]] = {
    "sha1": "sha-1", "sha224": "sha-224", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512",
    "sha3256": "sha3-256", "sha3512": "sha3-512",
}  # fmt: skip
_is_hex: Final = re.compile(r"[0-9a-fA-F]+").fullmatch
_named: Final = re.compile(
    r"(md5|imphash|ja3|sha-?(?:1|224|256|384|512)|sha3-?(?:256|512)|keccak-?256|blake2b|pdq|ssdeep|tlsh)\s*[:=]\s*(\S+)",
    re.I,
).fullmatch
_is_ssdeep: Final = re.compile(r"\d{1,10}:[A-Za-z0-9/+]{1,128}:[A-Za-z0-9/+]{1,128}(?:,\".*\")?").fullmatch
_is_tlsh: Final = re.compile(r"[tT]1[0-9a-fA-F]{70}|[0-9a-fA-F]{70}").fullmatch
_is_transaction: Final = re.compile(r"0[xX][0-9a-fA-F]{64}").fullmatch
_LONGEST: Final = 512


def quick_hash(text: str) -> Value | None:
    """Return the hash that a text is, if it is one of hexadecimal digits of a length that is known."""
    facts = _FACTS.get(len(text))
    return Value(ValueKind.HASH, text.lower(), facts) if facts is not None and _is_hex(text) is not None else None


_FACTS: Final = {length: (("algorithm", name),) for length, name in LENGTHS.items()}


def read_hash(text: str, algorithm: str | None = None) -> Found:
    """Read a tidied text as a hash; with ``algorithm`` its name is known, as from a STIX dictionary of hashes.

    >>> read_hash("SHA-256:" + "AB" * 32).values[0].canonical == "ab" * 32
    True
    """
    text = compatible(text)
    if len(text) > _LONGEST:
        return Found(problem="This is too long to be a hash.")
    named = _named(text)
    if named is not None:
        algorithm, text = named[1], named[2]
    name = re.sub(r"[^a-z0-9]", "", algorithm.lower()) if algorithm is not None else None
    if name == "pdq":
        return read_image(text)
    if name in (None, "tlsh") and _is_tlsh(text) is not None:
        return Found((Value(ValueKind.HASH, "t1" + text[-70:].lower(), (("algorithm", "tlsh"),)),))
    if name in (None, "ssdeep") and _is_ssdeep(text) is not None:
        return Found((Value(ValueKind.HASH, text.partition(",")[0], (("algorithm", "ssdeep"),)),))
    if _is_transaction(text) is not None:
        return Found((Value(ValueKind.HASH, text[2:].lower(), (("algorithm", "transaction"),)),))
    found = quick_hash(text)
    if found is None:
        return Found(problem="This is no hash: no algorithm that is known makes one of this form.")
    if name is None:
        return Found((found,))
    wanted = _NAMED.get(name)
    if wanted is not None and wanted != len(text):
        return Found(
            problem=f"This is no {named[1] if named else algorithm} hash: it has {len(text)} digits, not {wanted}."
        )
    return Found((Value(ValueKind.HASH, found.canonical, (("algorithm", _NAMES.get(name, name)),)),))


def guess_hash(text: str) -> Found:
    """Read a tidied text as a hash if it is written as one. One of 64 digits can be an image's too."""
    named = _named(text)
    if named is not None:
        return read_hash(text)
    found = quick_hash(text)
    if found is not None:
        return Found((found, Value(ValueKind.IMAGE, found.canonical, _PDQ)) if len(text) == 64 else (found,))
    if len(text) <= _LONGEST and any(is_one(text) for is_one in (_is_tlsh, _is_ssdeep, _is_transaction)):
        return read_hash(text)
    return NOTHING


_PDQ: Final = (("algorithm", "pdq"),)


def read_image(text: str) -> Found:
    """Read a tidied text as the PDQ hash of an image."""
    text = compatible(text)
    named = _named(text) if len(text) <= _LONGEST else None
    if named is not None and named[1].lower() == "pdq":
        text = named[2]
    if len(text) != 64 or _is_hex(text) is None:
        return Found(problem="This is no PDQ hash of an image: those have 64 hexadecimal digits.")
    return Found((Value(ValueKind.IMAGE, text.lower(), _PDQ),))
