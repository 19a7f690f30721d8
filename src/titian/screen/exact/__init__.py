"""The exact index: is this value held, and under which numbers? Millions a second, in little memory."""

from titian.screen.exact.containment import (
    NO_PREFIXES,
    Prefixes,
    address_words,
    canonical_network,
    containing,
    network_words,
    prefixes_of,
    read_network,
)
from titian.screen.exact.digests import DIGEST_BYTES, Digester, Key, Words, words
from titian.screen.exact.index import Index
from titian.screen.exact.manifest import Manifest
from titian.screen.exact.segment import Found, Segment

__all__ = [
    "DIGEST_BYTES",
    "NO_PREFIXES",
    "Digester",
    "Found",
    "Index",
    "Key",
    "Manifest",
    "Prefixes",
    "Segment",
    "Words",
    "address_words",
    "canonical_network",
    "containing",
    "network_words",
    "prefixes_of",
    "read_network",
    "words",
]
