"""Private matching: two parties learn what they both know, and do not show each other the rest.

One side offers (:func:`make_offer`), the other asks (:func:`read_offer`, :class:`Asking`); what goes between them is
bytes (:mod:`.messages` has the order). The page ``private-matching`` of the documentation says what this protects
against, and what not.
"""

from __future__ import annotations

from titian.screen.private.asking import BATCH, Asking, Found, ReadOffer, read_offer
from titian.screen.private.commitment import Opening, commit, holds, open_one
from titian.screen.private.messages import Mode, Terms
from titian.screen.private.offering import Book, Made, Serving, Step, begin, inputs, make_offer, serve
from titian.screen.private.oprf import Key, Variant, derive_key, random_key, read_key
from titian.screen.private.quota import Quota
from titian.screen.private.sodium import Random

__all__ = [
    "BATCH",
    "Asking",
    "Book",
    "Found",
    "Key",
    "Made",
    "Mode",
    "Opening",
    "Quota",
    "Random",
    "ReadOffer",
    "Serving",
    "Step",
    "Terms",
    "Variant",
    "begin",
    "commit",
    "derive_key",
    "holds",
    "inputs",
    "make_offer",
    "open_one",
    "random_key",
    "read_key",
    "read_offer",
    "serve",
]
