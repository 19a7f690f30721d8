"""The observables that extensions of ours declare: what money, aircraft, accounts and pictures are told by.

Their identifiers are UUIDv5 as those of STIX's own observables (``identifier.ID_ALTERNATIVES``). Each is closed: see
:mod:`titian.core.stix.extension_parts`.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from titian.core.stix.extension_parts import (
    AMOUNT,
    BANK_ACCOUNT_EXTENSION,
    BIC,
    CURRENCY,
    DRONE_EXTENSION,
    E164,
    IBAN,
    IBAN_CHECK,
    LOWER_HEX_ADDRESS,
    MEDIA_HASH_EXTENSION,
    NFT_EXTENSION,
    PHONE_NUMBER_EXTENSION,
    SOCIAL_ACCOUNT_EXTENSION,
    TRANSFER_EXTENSION,
    WALLET_EXTENSION,
    Code,
    Country,
    Word,
)
from titian.core.stix.object_rules import Json, at_least_one, needs, not_both
from titian.core.stix.observable_rules import random_id
from titian.core.stix.rules import FINE, IDENTIFIER, Rule, between, each, matching, refers_to
from titian.core.stix.sco import Observable
from titian.core.stix.sco_parts import Count
from titian.core.stix.timestamp import Timestamp

HOLDINGS = ("wallet", "bank-account", "phone-number", "social-account", "user-account")
"""What a transfer leads from and to: mobile money is told by a number, a platform's by an account."""
HoldingRefs = Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to(*HOLDINGS))]


class Ours(Observable, frozen=True, kw_only=True):
    """What our observables share."""

    CLAUSE = "7.3"
    CLOSED: ClassVar[bool] = True
    DECLARED_AS: ClassVar[str] = "new-sco"


class Wallet(Ours, frozen=True, kw_only=True, tag="wallet"):
    """An address that holds crypto assets: ``network`` such as bitcoin, ethereum, tron."""

    DECLARED_BY: ClassVar[str] = WALLET_EXTENSION

    address: Annotated[Code, LOWER_HEX_ADDRESS]
    network: Word | None = None


class Transfer(Ours, frozen=True, kw_only=True, tag="transfer"):
    """Value that went from somewhere to somewhere: on a network, where ``hash`` is the transaction's and ``index``
    tells apart several in one, or between accounts. ``value`` is a decimal number as text, ``at`` when."""

    DECLARED_BY: ClassVar[str] = TRANSFER_EXTENSION
    RULES = (
        at_least_one("hash", "from_refs", "to_refs", clause="7.3"),
        needs("network", "hash", clause="7.3"),
        needs("index", "hash", clause="7.3"),
        needs("currency", "value", clause="7.3"),
        random_id("transfer"),
    )

    network: Word | None = None
    hash: Code | None = None
    index: Count | None = None
    from_refs: HoldingRefs | None = None
    to_refs: HoldingRefs | None = None
    value: Annotated[str, AMOUNT] | None = None
    currency: Annotated[str, CURRENCY] | None = None
    at: Timestamp | None = None


class Nft(Ours, frozen=True, kw_only=True, tag="nft"):
    """A token of which there is one: ``token_id`` where the contract has several."""

    DECLARED_BY: ClassVar[str] = NFT_EXTENSION

    network: Word
    contract: Annotated[Code, LOWER_HEX_ADDRESS]
    token_id: Code | None = None
    name: str | None = None


class BankAccount(Ours, frozen=True, kw_only=True, tag="bank-account"):
    """An account at a bank, by its IBAN, or by its number and whose number that is: ``bank_code`` is the country's
    own code of the bank."""

    DECLARED_BY: ClassVar[str] = BANK_ACCOUNT_EXTENSION
    RULES = (
        at_least_one("iban", "number", clause="7.3"),
        not_both("iban", "number", clause="7.3"),
        needs("bank_code", "number", clause="7.3"),
        needs("country", "number", clause="7.3"),
    )

    iban: Annotated[str, IBAN, IBAN_CHECK] | None = None
    number: Code | None = None
    bank_code: Code | None = None
    country: Country | None = None
    bic: Annotated[str, BIC] | None = None
    institution: str | None = None
    holder: str | None = None
    currency: Annotated[str, CURRENCY] | None = None


class PhoneNumber(Ours, frozen=True, kw_only=True, tag="phone-number"):
    """A telephone number."""

    DECLARED_BY: ClassVar[str] = PHONE_NUMBER_EXTENSION

    value: Annotated[str, E164]


class Drone(Ours, frozen=True, kw_only=True, tag="drone"):
    """One unmanned aircraft: ``serial_number`` as in CTA-2063-A, ``registration`` by a country, ``remote_id`` what it
    broadcasts for one flight (ASTM F3411), ``operator_id`` under which its operator is registered."""

    DECLARED_BY: ClassVar[str] = DRONE_EXTENSION
    RULES = (
        at_least_one("serial_number", "registration", "remote_id", clause="7.3"),
        needs("country", "registration", clause="7.3"),
    )

    serial_number: Code | None = None
    registration: Code | None = None
    country: Country | None = None
    remote_id: Code | None = None
    manufacturer: str | None = None
    model: str | None = None
    operator_id: Code | None = None


class SocialAccount(Ours, frozen=True, kw_only=True, tag="social-account"):
    """An account, channel or group on a platform: ``account_login`` is the name in its address, without an @."""

    DECLARED_BY: ClassVar[str] = SOCIAL_ACCOUNT_EXTENSION
    RULES = (at_least_one("user_id", "account_login", "url", clause="7.3"),)

    platform: Word
    user_id: Code | None = None
    account_login: str | None = None
    display_name: str | None = None
    url: str | None = None


_DIGITS = {"pdq": 64, "md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_is_hex = re.compile(r"[0-9a-f]+").fullmatch


def _find_digest(value: Json) -> tuple[str, ...]:
    length = _DIGITS.get(value["algorithm"])
    digest = value["value"]
    return FINE if length is None or (len(digest) == length and _is_hex(digest)) else (".value",)


MEDIA_DIGEST = Rule(
    name="media-hash-form",
    clause="7.3",
    message="Write the hash in the form its algorithm has, in lower-case hexadecimal digits: 64 for PDQ and SHA-256.",
    find=_find_digest,
    reads=("algorithm", "value"),
)


class MediaHash(Ours, frozen=True, kw_only=True, tag="media-hash"):
    """What a picture or a film is told by: ``algorithm`` such as pdq, tmk, sha256; ``quality`` 0 to 100 as PDQ
    measures it; ``file_ref`` the file, where it is known."""

    DECLARED_BY: ClassVar[str] = MEDIA_HASH_EXTENSION
    RULES = (MEDIA_DIGEST,)

    algorithm: Word
    value: Annotated[str, matching("hash-text", r"[!-~]{1,400000}", "Write the hash in printable ASCII.")]
    media_type: str | None = None
    quality: Annotated[int, between(0, 100)] | None = None
    file_ref: Annotated[str, IDENTIFIER, refers_to("file", "artifact")] | None = None
