"""Screening: is this value known? What is asked, what is found about it, and how sure that is, as values.

A value is compared in its canonical form, one for each kind (:class:`Value`). What is found says how it matched, how
far that goes, and what speaks for it; a name alone is never more than possible (:class:`Standing`).
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import msgspec

from titian.core.marking import Marking
from titian.core.tlp import Pap, Tlp


class ValueKind(Enum):
    """What a value is."""

    WALLET = "wallet"
    IP = "ip"
    DOMAIN = "domain"
    URL = "url"
    EMAIL = "email"
    PHONE = "phone"
    IBAN = "iban"
    HASH = "hash"
    IMAGE = "image"
    DRONE = "drone"
    ACCOUNT = "account"
    NFT = "nft"
    PERSON = "person"
    ORGANISATION = "organisation"
    TEXT = "text"
    """Anything that was taken for no other kind, or is wrong as one: compared as a text."""


NAMES: Final = frozenset({ValueKind.PERSON, ValueKind.ORGANISATION})
"""Kinds that are compared as names are, and not digit by digit."""


class Value(msgspec.Struct, frozen=True, order=True):
    """A value in its canonical form. ``facts`` are what was learnt on the way, such as ``("network", "bitcoin")``."""

    kind: ValueKind
    canonical: str
    facts: tuple[tuple[str, str], ...] = ()


class ReadValue(msgspec.Struct, frozen=True):
    """What was given, and what it is taken for.

    There are several ``values`` where it can be several things; the likeliest is first, there is always one.
    ``problem`` says in a sentence what is wrong with it as what it seems to be: it is then screened as a text, unless
    it could be read all the same, as without its invisible characters.
    """

    given: str
    values: tuple[Value, ...]
    problem: str | None = None


class Match(Enum):
    """How what is held matches what was asked."""

    EXACT = "exact"
    CONTAINED = "contained"
    """An address in a network that is held, a name below a domain that is held, a page below an address."""
    NEAR = "near"
    PHONETIC = "phonetic"
    CROSS_SCRIPT = "cross-script"


class Standing(Enum):
    """What a hit on a name is worth: without a second fact it is no more than possible."""

    POSSIBLE = "possible"
    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a person or an organisation besides the name.

    ``births`` are dates as far as they are known (``1970``, ``1970-05``, ``1970-05-21``), ``countries`` ISO 3166-1
    alpha-2 of nationality, residence or registration, ``documents`` numbers of passports, identity cards, registers.
    """

    births: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()


class HeldName(msgspec.Struct, frozen=True):
    """A name under which somebody is held, as it is written, and what else is known of them."""

    kind: ValueKind
    name: str
    facts: Facts = Facts()


class Evidence(msgspec.Struct, frozen=True):
    """One thing that speaks for a hit, or against it: ``what`` it is (a code such as ``birth-date``), and ``said`` in
    a sentence."""

    what: str
    said: str
    speaks_for: bool = True


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """An object in which a value was found.

    ``value`` is what is held, in which ``collection`` (its id), ``score`` from 0 to 1. ``marking`` says in words who
    may have it, ``use`` what may be done with it (PAP), ``source`` who says so, ``known`` since when, in microseconds
    since the Unix epoch.
    """

    match: Match
    score: float
    evidence: tuple[Evidence, ...]
    object: str
    type: str
    name: str
    value: str
    collection: str
    marking: str
    source: str
    known: int
    standing: Standing | None = None
    tlp: Tlp | None = None
    pap: Pap | None = None
    use: str = ""


class Screened(msgspec.Struct, frozen=True, kw_only=True):
    """The answer about one value. ``benign`` names the lists of known-benign values it is on: told, never a reason to
    leave something out."""

    value: str
    normalised: str
    kind: ValueKind
    hits: tuple[Hit, ...] = ()
    benign: tuple[str, ...] = ()
    problem: str | None = None


class HeldObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object as the viewer sees it: its bytes decoded, when it came here, from whom (a name), into which collection
    (an id), and how it is marked. ``within`` are all collections in which the viewer sees some version of it."""

    id: str
    collection: str
    within: frozenset[str]
    said: dict[str, Any]
    known: int
    source: str
    marking: Marking


class Batch(msgspec.Struct, frozen=True):
    """Objects that came in, the oldest first, each with its number; and up to where each log is read with them."""

    numbers: tuple[int, ...]
    objects: tuple[dict[str, Any], ...]
    upto: dict[str, int]


class Scope(msgspec.Struct, frozen=True):
    """Objects that are indexed together: its number, and where each of its logs ends."""

    num: int
    ends: dict[str, int]


class Asked(msgspec.Struct, frozen=True):
    """One value to be screened, and what is known of who bears it, where it is a name; ``problem`` says what was wrong
    with the line that asks."""

    value: str
    kind: ValueKind | None = None
    facts: Facts = Facts()
    problem: str | None = None


class How(msgspec.Struct, frozen=True, kw_only=True):
    """How values are screened: for what ``purpose``, from which likeness on (``threshold``, 0 to 1), within how many
    bits of an image's hash (``distance``, 0 to 31), with at most ``most`` hits for each value. ``region`` (ISO 3166-1
    alpha-2) is that of telephone numbers without a country."""

    purpose: str | None = None
    threshold: float = 0.8
    distance: int = 31
    most: int = 50
    region: str | None = None
