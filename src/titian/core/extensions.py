"""Our extensions of STIX 2.1: their identifiers and definitions, and what their objects may say.

What STIX lacks for a bridge between agencies is two property extensions of ``identity`` (what kind of party it is;
what is known of a person), new domain objects: ``agreement``, ``dialogue``, ``consent``, ``recall`` and
``recall-answer``, ``referral`` and ``referral-answer``, and the observables that money, aircraft and accounts are told
by (:mod:`titian.core.extension_objects`). Membership needs none: it is a ``relationship``.

The objects are read strictly. What is not understood could be the restriction that matters, so an object that says
more than this version knows is refused as a whole. Source: STIX 2.1 section 7.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from titian.core.agreement import Agreement, Onward, Purpose
from titian.core.errors import InvalidInput
from titian.core.marking import HANDLING_EXTENSION
from titian.core.party import Party, PartyKind
from titian.core.stix import Timestamp, is_identifier
from titian.core.stix.extension_parts import (
    BANK_ACCOUNT_EXTENSION,
    DRONE_EXTENSION,
    MEDIA_HASH_EXTENSION,
    NFT_EXTENSION,
    PERSON_FACTS_EXTENSION,
    PHONE_NUMBER_EXTENSION,
    REFERRAL_ANSWER_EXTENSION,
    REFERRAL_EXTENSION,
    SOCIAL_ACCOUNT_EXTENSION,
    TRANSFER_EXTENSION,
    WALLET_EXTENSION,
)
from titian.core.stix.rules import LANGUAGE
from titian.core.stix.schema import DECLARED_BY
from titian.core.tlp import TLP_IDS, Tlp, parse_tlp

PARTY_EXTENSION: Final = "extension-definition--488ed0a3-eaa6-4990-8e7d-4834aee772a6"
"""On an ``identity``: kind, alias, country, ceiling (:class:`PartyWords`)."""
AGREEMENT_EXTENSION: Final = "extension-definition--a50d8131-e21e-472b-b268-8b90420c26ea"
"""Declares the type ``agreement`` (:class:`AgreementObject`)."""
DIALOGUE_EXTENSION: Final = "extension-definition--86a2db87-f53e-4d90-8caa-ec496b698212"
"""Declares the type ``dialogue`` (:class:`DialogueObject`)."""
CONSENT_EXTENSION: Final = "extension-definition--5fb1b0f7-f07e-4ee3-b288-9bc4455ca2d1"
"""Declares the type ``consent`` (:class:`ConsentObject`)."""
RECALL_EXTENSION: Final = "extension-definition--3e9d0222-cf0c-42df-a3e1-c6fa8df7735f"
"""Declares the type ``recall`` (:class:`titian.core.recall_objects.RecallObject`)."""
RECALL_ANSWER_EXTENSION: Final = "extension-definition--31d669dd-dbc1-473a-af0a-b0dda7f73d1f"
"""Declares the type ``recall-answer`` (:class:`titian.core.recall_objects.RecallAnswerObject`)."""
PROJECT_ID: Final = "identity--a414010a-f4a4-44b8-b383-6739965ef1d7"
"""The identity that our extension definitions are created by."""

NEW_TYPES: Final[Mapping[str, str]] = {
    "agreement": AGREEMENT_EXTENSION,
    "dialogue": DIALOGUE_EXTENSION,
    "consent": CONSENT_EXTENSION,
    "recall": RECALL_EXTENSION,
    "recall-answer": RECALL_ANSWER_EXTENSION,
    **DECLARED_BY,
}
"""The types that are ours, and the extension that declares each."""
MEMBER_OF: Final = "member-of"
CLIENT_OF: Final = "client-of"
MEMBERSHIPS: Final = frozenset({MEMBER_OF, CLIENT_OF})
"""The relationship types by which a party (source) belongs to a community or is the client of a party (target)."""
WITHDRAWS_FROM: Final = "withdraws-from"
"""The relationship type by which a party (source) leaves an agreement (target) that another wrote: at start_time."""

DEFINED: Final = "2026-11-01T00:00:00.000Z"
DOCUMENTED_IN: Final = "docs/reference/extensions.md"


# --- the definitions as objects -----------------------------------------------------------------------------


def _shipped(kind: str, identifier: str, **content: object) -> bytes:
    head = {"type": kind, "spec_version": "2.1", "id": identifier, "created_by_ref": PROJECT_ID}
    dates = {"created": DEFINED, "modified": DEFINED}
    return msgspec.json.encode(head | dates | content | {"object_marking_refs": [TLP_IDS[Tlp.CLEAR]]})


def _definition(identifier: str, name: str, anchor: str, kind: str, description: str) -> bytes:
    return _shipped(
        "extension-definition",
        identifier,
        name=name,
        description=description,
        schema=f"{DOCUMENTED_IN}#{anchor}",
        version="1.0.0",
        extension_types=[kind],
    )


PROJECT_IDENTITY: Final = _shipped(
    "identity", PROJECT_ID, name="Titian project", identity_class="organization", sectors=["non-profit"]
)
"""The object of :data:`PROJECT_ID`."""

EXTENSION_DEFINITIONS: Final[Mapping[str, bytes]] = {
    PARTY_EXTENSION: _definition(
        PARTY_EXTENSION, "Party", "party", "property-extension",
        "What kind of party an identity is, its country, and the ceiling that a community has for its members.",
    ),
    AGREEMENT_EXTENSION: _definition(
        AGREEMENT_EXTENSION, "Agreement", "agreement", "new-sdo",
        "What parties agreed: who may have what, for which purposes, up to which marking, and until when.",
    ),
    DIALOGUE_EXTENSION: _definition(
        DIALOGUE_EXTENSION, "Dialogue", "dialogue", "new-sdo",
        "A standing channel between parties: its meetings, what was promised, and the statements that came of it.",
    ),
    CONSENT_EXTENSION: _definition(
        CONSENT_EXTENSION, "Consent", "consent", "new-sdo",
        "The recorded consent of an originator that objects of theirs go on under an agreement.",
    ),
    RECALL_EXTENSION: _definition(
        RECALL_EXTENSION, "Recall", "recall", "new-sdo",
        "What a party asks another to give back of what it was given, why, and by when.",
    ),
    RECALL_ANSWER_EXTENSION: _definition(
        RECALL_ANSWER_EXTENSION, "Recall answer", "recall-answer", "new-sdo",
        "What a party did about a recall: took the objects out, flagged them, or refused, and how far they had gone.",
    ),
    WALLET_EXTENSION: _definition(
        WALLET_EXTENSION, "Wallet", "wallet", "new-sco",
        "An address that holds crypto assets, and on which network.",
    ),
    TRANSFER_EXTENSION: _definition(
        TRANSFER_EXTENSION, "Transfer", "transfer", "new-sco",
        "Value that went from somewhere to somewhere: how much, when, and in which transaction.",
    ),
    NFT_EXTENSION: _definition(
        NFT_EXTENSION, "NFT", "nft", "new-sco", "A token of which there is one, by its network, contract and number.",
    ),
    BANK_ACCOUNT_EXTENSION: _definition(
        BANK_ACCOUNT_EXTENSION, "Bank account", "bank-account", "new-sco",
        "An account at a bank, by its IBAN or by its number and its bank.",
    ),
    PHONE_NUMBER_EXTENSION: _definition(
        PHONE_NUMBER_EXTENSION, "Phone number", "phone-number", "new-sco", "A telephone number as in E.164.",
    ),
    DRONE_EXTENSION: _definition(
        DRONE_EXTENSION, "Drone", "drone", "new-sco",
        "One unmanned aircraft, by its serial number, its registration, or what it broadcasts.",
    ),
    SOCIAL_ACCOUNT_EXTENSION: _definition(
        SOCIAL_ACCOUNT_EXTENSION, "Social account", "social-account", "new-sco",
        "An account, channel or group on a platform.",
    ),
    MEDIA_HASH_EXTENSION: _definition(
        MEDIA_HASH_EXTENSION, "Media hash", "media-hash", "new-sco",
        "What a picture or a film is told by without showing it.",
    ),
    PERSON_FACTS_EXTENSION: _definition(
        PERSON_FACTS_EXTENSION, "Person facts", "person-facts", "property-extension",
        "What is known of a person or an organisation besides the name: dates of birth, countries, documents, other "
        "names, numbers in registers.",
    ),
    REFERRAL_EXTENSION: _definition(
        REFERRAL_EXTENSION, "Referral", "referral", "new-sdo",
        "Content that a platform is asked to look at: why it is unlawful, on what legal basis, and what came of it.",
    ),
    REFERRAL_ANSWER_EXTENSION: _definition(
        REFERRAL_ANSWER_EXTENSION, "Referral answer", "referral-answer", "new-sdo",
        "What a platform did about a referral, and why, or that its user has appealed.",
    ),
    HANDLING_EXTENSION: _definition(
        HANDLING_EXTENSION, "Handling", "handling", "property-extension",
        "A marking: whom an object is releasable to, for which purposes, until when, and whether to name its source.",
    ),
}  # fmt: skip
"""The extension-definition objects of every extension of ours, by identifier, as bytes."""


# --- the objects --------------------------------------------------------------------------------------------


class PartyWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of :data:`PARTY_EXTENSION`; ``ceiling`` is for communities."""

    extension_type: str
    kind: str
    alias: str | None = None
    country: str | None = None
    ceiling: str | None = None


class _Ours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every domain object may have (STIX 2.1 section 3.2)."""

    type: str
    spec_version: str
    id: str
    created: str
    modified: str
    created_by_ref: str | None = None
    revoked: bool = False
    labels: tuple[str, ...] = ()
    confidence: int | None = None
    lang: str | None = None
    external_references: tuple[dict[str, Any], ...] = ()
    object_marking_refs: tuple[str, ...] = ()
    granular_markings: tuple[dict[str, Any], ...] = ()
    extensions: dict[str, dict[str, Any]]


class AgreementObject(_Ours, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ``agreement``: :class:`titian.core.agreement.Agreement` as it travels."""

    name: str
    alias: str | None = None
    party_refs: tuple[str, ...]
    purposes: tuple[str, ...]
    topics: tuple[str, ...] = ()
    ceiling: str
    onward: str = Onward.NONE.value
    languages: tuple[str, ...] = ()
    valid_from: str
    valid_until: str | None = None
    dialogue_ref: str | None = None
    four_eyes: bool = False


class MeetingPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meeting in a dialogue: ``date`` as YYYY-MM-DD."""

    date: str
    place: str
    title: str


class CommitmentPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A commitment in a dialogue: days as YYYY-MM-DD, ``by_ref`` whose it is."""

    by_ref: str
    title: str
    due: str
    kept: str | None = None


class DialogueObject(_Ours, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``dialogue``. What was stated in it stands in ``external_references``."""

    name: str
    alias: str | None = None
    party_refs: tuple[str, ...]
    meetings: tuple[MeetingPart, ...] = ()
    commitments: tuple[CommitmentPart, ...] = ()


class ConsentObject(_Ours, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``consent``: :class:`titian.core.agreement.Consent` as it travels."""

    originator_ref: str
    object_refs: tuple[str, ...]
    agreement_ref: str
    valid_until: str | None = None


# --- words that a file and an object share ------------------------------------------------------------------

_COUNTRY: Final = re.compile(r"[A-Z]{2}\Z")
_ALIAS: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_LONGEST_NAME: Final = 200


def _among(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"


def read_kind(text: str) -> PartyKind:
    """Read what kind of party it is. Raises :class:`InvalidInput` for a word that is none.

    >>> read_kind("ngo")
    <PartyKind.NGO: 'ngo'>
    """
    try:
        return PartyKind(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no kind of party.", advice=f"Write {_among(PartyKind)}.") from None


def read_ceiling(text: str) -> Tlp:
    """Read the strictest marking that an agreement or a community carries. Raises :class:`InvalidInput`."""
    try:
        return parse_tlp(text)
    except InvalidInput:
        raise InvalidInput(f"{text!r} is no ceiling: it is not a level of TLP.",
                           advice=f"Write {_among(Tlp)}.") from None  # fmt: skip


def read_onward(text: str) -> Onward:
    """Read how far what is released goes on. Raises :class:`InvalidInput`."""
    try:
        return Onward(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no onward rule.",
                           advice="Write none, or clients where a party may serve its clients.") from None  # fmt: skip


def read_purposes(texts: Iterable[str]) -> frozenset[str]:
    """Read purposes. Raises :class:`InvalidInput` for one that is not in the vocabulary."""
    found = frozenset(texts)
    for one in sorted(found):
        if one not in frozenset(Purpose):
            raise InvalidInput(f"{one!r} is no purpose that Titian knows.", advice=f"Write {_among(Purpose)}.")
    return found


def read_country(text: str | None) -> str | None:
    """Read a country. Raises :class:`InvalidInput` for what is not ISO 3166-1 alpha-2."""
    if text is not None and not _COUNTRY.match(text):
        raise InvalidInput(f"The country {text!r} is not two capital letters.",
                           advice="Give ISO 3166-1 alpha-2, as ID or JP.")  # fmt: skip
    return text


def read_alias(text: str | None) -> str | None:
    """Read an alias. Raises :class:`InvalidInput` for what is too long to type, or could be an identifier."""
    if text is not None and (not _ALIAS.match(text) or is_identifier(text)):
        raise InvalidInput(f"The alias {text[:80]!r} cannot be used.",
                           advice="Use up to 64 lower-case letters, digits, - and _.")  # fmt: skip
    return text


def read_name(text: str) -> str:
    """Read a name. Raises :class:`InvalidInput` for an empty, long or unprintable one."""
    text = text.strip()
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise InvalidInput(f"The name {text[:40]!r} cannot be used.",
                           advice=f"Give 1 to {_LONGEST_NAME} printable characters.")  # fmt: skip
    return text


def read_languages(codes: Iterable[str]) -> tuple[str, ...]:
    """Read language codes. Raises :class:`InvalidInput` for one that is not of RFC 5646."""
    found = tuple(codes)
    for code in found:
        if LANGUAGE.find(code):
            raise InvalidInput(f"{code!r} is no language code.", advice="Use one of RFC 5646, such as en, id or ja.")
    return found


def read_instant(text: str | None) -> int | None:
    """Read a STIX timestamp as microseconds since the Unix epoch. Raises :class:`InvalidInput`."""
    return None if text is None else Timestamp.parse(text).micros


def require_reference(identifier: str, kind: str, what: str) -> str:
    """Return an identifier of one type. Raises :class:`InvalidInput` for another, naming what it was given for."""
    if not identifier.startswith(f"{kind}--") or not is_identifier(identifier):
        raise InvalidInput(f"{what}: {identifier[:80]!r} is not the identifier of a STIX {kind}.")
    return identifier


def check_agreement(agreement: Agreement) -> Agreement:
    """Return an agreement that makes sense.

    :raises InvalidInput: for one without parties or purposes, with an unknown purpose, or that ends before it begins.
    """
    called = f"The agreement {agreement.name!r}"
    if not agreement.parties:
        raise InvalidInput(f"{called} has no parties.", advice="Name in `parties` everybody who signed it.")
    if not agreement.purposes:
        raise InvalidInput(f"{called} names no purpose.", advice=f"Name in `purposes` {_among(Purpose)}.")
    read_purposes(agreement.purposes)
    for party in sorted(agreement.parties):
        require_reference(party, "identity", f"{called} has a party that is none")
    if agreement.dialogue is not None:
        require_reference(agreement.dialogue, "dialogue", f"{called} names its dialogue wrongly")
    if agreement.stops is not None and agreement.stops <= agreement.starts:
        raise InvalidInput(f"{called} ends before it begins, or when it does.",
                           advice="Give a `valid_until` later than `valid_from`, or none.")  # fmt: skip
    return agreement


def check_party(party: Party) -> Party:
    """Return a party that makes sense. Raises :class:`InvalidInput` for a ceiling on what is no community."""
    require_reference(party.id, "identity", f"The party {party.name!r}")
    if party.ceiling is not None and party.kind is not PartyKind.COMMUNITY:
        raise InvalidInput(f"The party {party.name!r} has a ceiling, and is no community.",
                           advice="Give the ceiling to the agreement, or to a community that it is in.")  # fmt: skip
    return party
