"""What our own extensions of STIX are made of: their identifiers, the rules on them, and the facts of a person.

Our types are closed: a property that is not known is refused, since other readers could not tell what it restricts.
Whoever has more to say of them says it in a property extension of theirs. Source: STIX 2.1 section 7.3.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

from titian.core.stix.common import Part
from titian.core.stix.object_rules import at_least_one
from titian.core.stix.rules import FINE, HERE, LANGUAGE, Rule, each, matching, step

WALLET_EXTENSION: Final = "extension-definition--896eb685-a454-41b0-a617-1737377262c2"
"""Declares the observable ``wallet``."""
TRANSFER_EXTENSION: Final = "extension-definition--3213e03b-5e60-43f8-b9fa-3b2ded8da7cd"
"""Declares the observable ``transfer``."""
NFT_EXTENSION: Final = "extension-definition--a22620c0-41e5-48b1-aea0-9746aac1273a"
"""Declares the observable ``nft``."""
BANK_ACCOUNT_EXTENSION: Final = "extension-definition--9a8b8cc9-4be0-4de6-b99c-64ee6a160988"
"""Declares the observable ``bank-account``."""
PHONE_NUMBER_EXTENSION: Final = "extension-definition--4a7235dc-1189-46a0-abfd-ce284a389f67"
"""Declares the observable ``phone-number``."""
DRONE_EXTENSION: Final = "extension-definition--78e31e2d-84c5-4da6-8aa4-88ae80dc15b5"
"""Declares the observable ``drone``: one aircraft, not a model."""
SOCIAL_ACCOUNT_EXTENSION: Final = "extension-definition--f131b71c-4aa7-4397-9a61-c5e2f225cea9"
"""Declares the observable ``social-account``."""
MEDIA_HASH_EXTENSION: Final = "extension-definition--2e83a3b2-0de8-4edf-8984-d8467afb3067"
"""Declares the observable ``media-hash``."""
REFERRAL_EXTENSION: Final = "extension-definition--71122c11-c230-428a-8adc-888f492348fe"
"""Declares the type ``referral``."""
REFERRAL_ANSWER_EXTENSION: Final = "extension-definition--a2a65e44-77bd-4852-828a-761693f21f95"
"""Declares the type ``referral-answer``."""
PERSON_FACTS_EXTENSION: Final = "extension-definition--9f0de177-282e-4a80-b3d6-4ada385508e8"
"""On an ``identity``: what is known of a person or an organisation besides the name (:class:`PersonFacts`)."""

# --- rules ------------------------------------------------------------------------------------------------


def closed(names: Collection[str]) -> Rule:
    """Only properties of these names stand there."""
    known = frozenset(names)

    def find(value: Mapping[str, Any]) -> Sequence[str]:
        return FINE if value.keys() <= known else [step(name) for name in value if name not in known]

    return Rule(
        name="unknown-property",
        clause="7.3",
        message="Leave out what the type does not have, or say it in a property extension of your own.",
        find=find,
        by_names=True,
    )


def declared(extension: str, kind: str) -> Rule:
    """The object's type is declared by one extension alone, which says nothing else."""

    def find(value: Mapping[str, Any]) -> Sequence[str]:
        extensions = value.get("extensions") or {}
        places = [] if extensions.get(extension) == {"extension_type": kind} else [f".extensions{step(extension)}"]
        for key, content in extensions.items():
            said = content.get("extension_type")
            if key != extension and isinstance(said, str) and said.startswith("new-"):
                places.append(f".extensions{step(key)}.extension_type")
        return places

    return Rule(
        name="declared-type",
        clause="7.3",
        message="Declare the type by its own extension alone, with its extension_type and nothing else.",
        find=find,
        reads=("extensions",),
    )


PARTIAL_DATE = matching(
    "partial-date",
    r"[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?",
    "Write the date as far as it is known: YYYY, YYYY-MM or YYYY-MM-DD.",
)
COUNTRY = matching("country-code", r"[A-Z]{2}", "Write the country as two capital letters (ISO 3166-1 alpha-2).")
CURRENCY = matching("currency", r"[!-~]{1,64}", "Write the currency as ISO 4217 or the network does, without spaces.")
SCRIPT = matching("script-code", r"[A-Z][a-z]{3}", "Write the script as four letters (ISO 15924), such as Arab.")
WORD = matching(
    "short-word",
    r"[a-z0-9][a-z0-9._:-]{0,63}",
    "Use a word of lower-case letters, digits, dots, colons, hyphens and underscores, at most 64 of them.",
)
CODE = matching("code-form", r"[!-~]{1,512}", "Write the value in printable ASCII without spaces.")
IBAN = matching("iban-form", r"[A-Z]{2}[0-9]{2}[A-Z0-9]{7,30}", "Write the IBAN in capitals and without spaces.")
BIC = matching("bic-form", r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", "Write the BIC of 8 or 11 capitals.")
AMOUNT = matching("amount-form", r"(?:0|[1-9][0-9]{0,77})(?:\.[0-9]{1,77})?", "Write the amount as a decimal number.")
E164 = matching(
    "phone-form",
    r"\+[1-9][0-9]{3,14}",
    "Write the number as in E.164: a plus sign, then country code and number, digits only.",
    tolerable=True,
)
LOWER_HEX_ADDRESS = matching(
    "address-case",
    r"(?!0[xX][0-9a-fA-F]{40}\Z).*|0x[0-9a-f]{40}",
    "Write an address of 40 hexadecimal digits in lower case: its capitals are a checksum and mean nothing.",
    tolerable=True,
)


def _iban_remainder(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97


_is_iban = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{7,30}").fullmatch

IBAN_CHECK = Rule(
    name="iban-checksum",
    message="Look at the IBAN again: its check digits are wrong (ISO 13616).",
    find=lambda value: FINE if not _is_iban(value) or _iban_remainder(value) == 1 else HERE,
    tolerable=True,
)

Country = Annotated[str, COUNTRY]
Word = Annotated[str, WORD]
Code = Annotated[str, CODE]


# --- the facts of a person or an organisation -------------------------------------------------------------


class ClosedPart(Part, frozen=True, kw_only=True):
    """A part that has no other properties than those that are known."""

    CLAUSE = "7.3"
    CLOSED: ClassVar[bool] = True


class DocumentFact(ClosedPart, frozen=True, kw_only=True):
    """A document: ``kind`` such as passport, identity-card, driving-licence, tax, and who issued it."""

    kind: Word
    number: str
    country: Country | None = None


class NameFact(ClosedPart, frozen=True, kw_only=True):
    """Another name, or the name in another script: ``kind`` such as alias, birth, former, transliteration."""

    name: str
    kind: Word | None = None
    lang: Annotated[str, LANGUAGE] | None = None
    script: Annotated[str, SCRIPT] | None = None


class RegistrationFact(ClosedPart, frozen=True, kw_only=True):
    """A number in a register of organisations, which register, and of which country."""

    number: str
    register: str | None = None
    country: Country | None = None


class PersonFacts(ClosedPart, frozen=True, kw_only=True):
    """The content of :data:`PERSON_FACTS_EXTENSION`: ``countries`` of nationality, residence or registration."""

    RULES = (at_least_one("births", "countries", "documents", "names", "registrations", clause="7.3"),)

    extension_type: str
    births: Annotated[tuple[str, ...], each(PARTIAL_DATE)] | None = None
    countries: Annotated[tuple[str, ...], each(COUNTRY)] | None = None
    documents: tuple[DocumentFact, ...] | None = None
    names: tuple[NameFact, ...] | None = None
    registrations: tuple[RegistrationFact, ...] | None = None
