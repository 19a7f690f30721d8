"""A peer's card: which keys another node signs and opens with, handed over by mail, on paper or on a stick.

::

    titian/card/v1
    {
      "keys": [{"compromised": null, "from": 1790000000000000, "public": "…", "until": null}],
      "made": 1790000000000000,
      "name": "Agency One",
      "party": "identity--…",
      …
    }

    — titian-5d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11 AbCd…

It is a signed note (:mod:`titian.core.notes`), and every log key that signed at the time has signed it. That proves
nothing about who handed it over: the fingerprint is compared by telephone. Afterwards it proves a lot: a newer card
under a key of the held one comes from whom the held one came from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from titian.core.errors import InvalidInput, Refused, TooLarge
from titian.core.notes import (
    SignatureType,
    SignedNote,
    Signer,
    VerifierKey,
    check_public_key,
    from_base64,
    sign_text,
    to_base64,
    verify_note,
)
from titian.core.signing import NamedSigner, Secret, SigningKey, witness_name
from titian.core.stix import is_identifier

HEADER: Final = "titian/card/v1\n"
"""The first line of a card: no checkpoint begins so, and nothing else that a log key signs."""
LARGEST: Final = 64 * 1024
"""Bytes of a card at most, its signatures with it."""
MOST_KEYS: Final = 32
"""Log keys of a card at most: those that sign, those that did, those that were compromised."""
LONGEST_NAME: Final = 200
LONGEST_URL: Final = 500

_LATEST: Final = 2**63 - 1
_RECIPIENT: Final = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_URL: Final = re.compile(r"https?://[\x21-\x7e]+")


class CardKey(msgspec.Struct, frozen=True, kw_only=True, rename={"starts": "from", "stops": "until"}):
    """A log key on a card. ``public`` is the base64 of 32 bytes; ``starts`` (inclusive), ``stops`` (exclusive) and
    ``compromised`` are microseconds since the Unix epoch.

    Raises :class:`InvalidInput` for what is no key, :class:`Refused` for one that nobody may trust
    (:func:`titian.core.notes.check_public_key`).
    """

    public: str
    starts: int
    stops: int | None = None
    compromised: int | None = None

    def __post_init__(self) -> None:
        check_public_key(from_base64(self.public))
        for instant in (self.starts, self.stops, self.compromised):
            if instant is not None and not 0 <= instant <= _LATEST:
                raise InvalidInput("An instant on a card is out of range.")

    @property
    def key(self) -> bytes:
        """The 32 bytes of the key."""
        return from_base64(self.public)

    def signs(self, at: int) -> bool:
        """Whether it signs at an instant, as :meth:`titian.core.signing.SigningKey.signs` says it."""
        return self.compromised is None and self.starts <= at and (self.stops is None or at < self.stops)


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What a card says.

    ``party`` is the id of the STIX identity, ``keys`` its log keys, ``witness`` its witness key as a verifier key,
    ``recipient`` the age recipient that bundles are sealed for, ``url`` where the node answers, with no path, ``made``
    in microseconds since the Unix epoch. Raises :class:`InvalidInput` for what no card can say, :class:`Refused` for a
    key that nobody may trust, or one key in two roles.
    """

    party: str
    name: str
    keys: tuple[CardKey, ...]
    witness: str
    recipient: str | None = None
    url: str | None = None
    made: int

    def __post_init__(self) -> None:
        if not self.party.startswith("identity--") or not is_identifier(self.party):
            raise InvalidInput("The party of a card is not the identifier of a STIX identity.")
        if not 0 < len(self.name) <= LONGEST_NAME or not self.name.isprintable():
            raise InvalidInput(f"The name on a card has 1 to {LONGEST_NAME} printable characters.")
        if not 0 <= self.made <= _LATEST:
            raise InvalidInput("An instant on a card is out of range.")
        if self.recipient is not None and not _RECIPIENT.fullmatch(self.recipient):
            raise InvalidInput("The recipient on a card is no age recipient with an X25519 key.")
        if self.url is not None and not _is_url(self.url):
            raise InvalidInput("The address on a card is not https://host or http://host, with nothing secret in it.")
        self._check_keys()

    def _check_keys(self) -> None:
        if not 0 < len(self.keys) <= MOST_KEYS:
            raise InvalidInput(f"A card has 1 to {MOST_KEYS} log keys.")
        if not self.signing:
            raise InvalidInput("None of the log keys on this card signed when it was made.")
        witness = self.witness_key
        if witness.type is not SignatureType.COSIGNATURE or witness.name != witness_name(self.party):
            raise InvalidInput("The witness key of a card has type 0x04, and is named after the party.")
        every = [*(each.key for each in self.keys), witness.public_key]
        if len(set(every)) != len(every):
            raise Refused("A key is on this card twice.", advice="Each role and each time has a key of its own.")

    @property
    def signing(self) -> tuple[CardKey, ...]:
        """The log keys that signed when the card was made: each has to sign the card."""
        return tuple(each for each in self.keys if each.signs(self.made))

    @property
    def witness_key(self) -> VerifierKey:
        """The key under which this party cosigns the checkpoints of others."""
        return VerifierKey.parse(self.witness)

    def trusted(self, at: int) -> tuple[CardKey, ...]:
        """The log keys that can be relied on at an instant in microseconds: not compromised, and not ended."""
        return tuple(each for each in self.keys if each.compromised is None and (each.stops is None or at < each.stops))

    def log_keys(self, origin: str, at: int) -> tuple[VerifierKey, ...]:
        """The verifier keys of one of the party's ledgers that can be relied on at an instant.

        Raises :class:`Refused` for the origin of a ledger that is not this party's.
        """
        if not origin.startswith(f"{witness_name(self.party)}/"):
            raise Refused(f"{origin} is not a ledger of {self.party}.")
        return tuple(VerifierKey(origin, SignatureType.ED25519, each.key) for each in self.trusted(at))

    @property
    def fingerprint(self) -> str:
        """What two people compare by telephone: 16 bytes in groups of four digits, over the party and every key."""
        digest = hashlib.sha256(f"{HEADER}{self.party}\n".encode())
        for public in sorted(each.public for each in self.keys):
            digest.update(f"log {public}\n".encode())
        digest.update(f"witness {self.witness}\nrecipient {self.recipient or ''}\n".encode())
        digits = digest.hexdigest()[:32]
        return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))

    @property
    def text(self) -> str:
        """The text that is signed: one spelling for one card."""
        written = msgspec.json.encode(self, order="sorted")
        return f"{HEADER}{msgspec.json.format(written, indent=2).decode()}\n"


def _is_url(url: str) -> bool:
    if len(url) > LONGEST_URL or not _URL.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc and not parts.query and not parts.fragment


_read: Final = msgspec.json.Decoder(Card).decode


class SignedCard(msgspec.Struct, frozen=True):
    """A card whose own signatures fit: made by :meth:`parse` or :func:`sign_card`."""

    card: Card
    note: SignedNote
    signed: tuple[bytes, ...]
    """The log keys, 32 bytes each, that signed and are on the card."""

    @classmethod
    def parse(cls, data: bytes) -> SignedCard:
        """Read and verify a card. Raises :class:`InvalidInput`, :class:`TooLarge`, or :class:`Refused` when a key is
        not to be trusted or one of the keys that signed then has not signed the card."""
        if len(data) > LARGEST:
            raise TooLarge(f"A card has {LARGEST:,} bytes at most.")
        note = SignedNote.parse(data)
        if not note.text.startswith(HEADER):
            raise InvalidInput("This is no card.", advice="`titian peers card` makes one.")
        try:
            card = _read(note.text.removeprefix(HEADER))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise InvalidInput(f"This card cannot be read: {error}.") from error
        if card.text != note.text:
            raise InvalidInput("This card is written otherwise than a node writes one.",
                               advice="Hand the file over as it is: as an attachment, not in a message.")  # fmt: skip
        return cls(card, note, _verified(card, note))

    def encode(self) -> bytes:
        """Write the card, as :meth:`parse` reads it."""
        return self.note.encode()

    def under(self, keys: Sequence[CardKey]) -> bool:
        """Whether one of these keys, of an earlier card of the same party, has signed this one."""
        name = witness_name(self.card.party)
        known = [VerifierKey(name, SignatureType.ED25519, each.key) for each in keys]
        try:
            return bool(known) and bool(verify_note(self.note, known))
        except Refused:
            return False


def _verified(card: Card, note: SignedNote) -> tuple[bytes, ...]:
    name = witness_name(card.party)
    found = verify_note(note, [VerifierKey(name, SignatureType.ED25519, each.key) for each in card.keys])
    signed = tuple(each.key.public_key for each in found)
    if any(each.key not in signed for each in card.signing):
        raise Refused("A log key on this card has not signed it.", advice="Ask for the card again.")
    return signed


def sign_card(card: Card, secrets: Sequence[Secret]) -> SignedCard:
    """Sign a card with every log key that signs now. Raises :class:`Refused` when one is missing or does not fit."""
    name = witness_name(card.party)
    signers: list[Signer] = [NamedSigner(name, SignatureType.ED25519, each) for each in secrets]
    note = SignedNote(card.text, tuple(sign_text(card.text, each) for each in signers))
    return SignedCard(card, note, _verified(card, note))


def card_key(key: SigningKey) -> CardKey:
    """What a card says of one of this node's log keys."""
    return CardKey(public=to_base64(key.public), starts=key.starts, stops=key.stops, compromised=key.compromised)


class Change(Enum):
    """How a card stands to the one that is held of the same party. Each value is a sentence for a person."""

    NEW = "No card of this party was held."
    SAME = "The card that is held."
    ROTATED = "A key of the card that is held has signed it."
    OLDER = (
        "It was made before the card that is held, or at the same instant: somebody may be showing an old one again."
    )
    UNPROVEN = "No key of the card that is held, and still to be trusted, has signed it."


def compare(held: SignedCard | None, offered: SignedCard, at: int) -> Change:
    """Say how a card stands to the held one at an instant in microseconds. Raises :class:`InvalidInput` for a card of
    another party.

    A key that the held card calls compromised, or ended, proves nothing: who stole it could sign. Nor may a newer card
    forget a compromise that the held one tells of; a key that was called so is not taken back but by a person.
    """
    if held is None:
        return Change.NEW
    if held.card.party != offered.card.party:
        raise InvalidInput("These are the cards of two parties.")
    if held.note.text == offered.note.text:
        return Change.SAME
    if offered.card.made <= held.card.made:
        return Change.OLDER
    bad = {each.public for each in held.card.keys if each.compromised is not None}
    revived = any(each.public in bad and each.compromised is None for each in offered.card.keys)
    return Change.UNPROVEN if revived or not offered.under(held.card.trusted(at)) else Change.ROTATED


def card_details(card: Card) -> dict[str, Any]:
    """What a record of acts says of a card."""
    return {"name": card.name, "fingerprint": card.fingerprint, "made": card.made, "url": card.url}
