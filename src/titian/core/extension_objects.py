"""Making and reading what extensions of ours add: observables told by a value, and the facts of a person.

The same value gives the same object on every node, identifier and bytes: what has more than one way to be written is
written in one. Shapes and rules: :mod:`titian.core.stix.extension_sco`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from titian.core.errors import InvalidInput
from titian.core.stix import examine, observable_id
from titian.core.stix.extension_parts import PERSON_FACTS_EXTENSION, PersonFacts
from titian.core.stix.schema import DECLARED_BY, EXTENSION_SHAPES, extension_shape
from titian.core.stix.vocabulary import EXTENSION_SCO_TYPES

Json = dict[str, Any]

WALLET: Final = "wallet"
TRANSFER: Final = "transfer"
NFT: Final = "nft"
BANK_ACCOUNT: Final = "bank-account"
PHONE_NUMBER: Final = "phone-number"
DRONE: Final = "drone"
SOCIAL_ACCOUNT: Final = "social-account"
MEDIA_HASH: Final = "media-hash"

_HEX_ADDRESS: Final = 42
_BECH32: Final = ("BC1", "TB1", "LTC1")
_LOWER: Final = frozenset({"platform", "network", "algorithm"})
_UPPER: Final = frozenset({"iban", "bic", "country"})
_UNSPACED: Final = frozenset({"iban", "bic"})
_PUNCTUATION: Final = str.maketrans(dict.fromkeys(" -.()/\u00a0"))
_HEX_HASHES: Final = frozenset({"pdq", "md5", "sha1", "sha256", "sha512"})


def written_address(address: str) -> str:
    """Return an address of a network in the one way that we write it. Checksums are not looked at.

    Bech32 is written in one case (BIP-173): an address that begins alike and mixes them is another kind.

    >>> written_address("0xABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD"), written_address("BC1QXY")
    ('0xabcdefabcdefabcdefabcdefabcdefabcdefabcd', 'bc1qxy')
    >>> written_address("TB1PxJKEfqidNx2NBinAK1YDavtXDR6edh")
    'TB1PxJKEfqidNx2NBinAK1YDavtXDR6edh'
    """
    address = address.strip()
    hexadecimal = len(address) == _HEX_ADDRESS and address[:2] in ("0x", "0X")
    return address.lower() if hexadecimal or (address.startswith(_BECH32) and address.isupper()) else address


def _written(kind: str, name: str, value: Any, properties: Mapping[str, Any]) -> Any:
    if not isinstance(value, str):
        return value
    value = value.strip()
    if name in ("address", "contract"):
        return written_address(value)
    if name in _UNSPACED:
        value = "".join(value.split())
    if name in _LOWER:
        return value.lower()
    if name in _UPPER:
        return value.upper()
    if kind == PHONE_NUMBER and value.startswith("+"):
        return value.translate(_PUNCTUATION)
    if kind == SOCIAL_ACCOUNT and name == "account_login":
        return value.removeprefix("@")
    if kind == MEDIA_HASH and name == "value" and str(properties.get("algorithm")).lower() in _HEX_HASHES:
        return value.lower()
    return value


def make_observable(
    kind: str,
    properties: Mapping[str, Any],
    *,
    marks: Iterable[str] = (),
    random: Callable[[int], bytes] = os.urandom,
) -> Json:
    """Return an observable of ours, under the identifier that its value gives.

    :param kind: one of :data:`titian.core.stix.vocabulary.EXTENSION_SCO_TYPES`.
    :param properties: those of its own type; what is None or empty is left out.
    :param marks: the identifiers of its markings.
    :param random: for what no value tells, such as a transfer without a transaction.
    :raises InvalidInput: for what the type does not know or cannot be, naming the first thing that is wrong.

    >>> made = make_observable("wallet", {"address": "0xABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD"})
    >>> made["id"], made["address"]
    ('wallet--4640e261-3f3b-5e8c-97e5-7a4a4f7f02c5', '0xabcdefabcdefabcdefabcdefabcdefabcdefabcd')
    """
    if kind not in EXTENSION_SCO_TYPES:
        raise InvalidInput(f"{kind[:80]!r} is no observable of our extensions.",
                           advice=f"Use one of {', '.join(sorted(EXTENSION_SCO_TYPES))}.")  # fmt: skip
    content = {
        name: written
        for name, value in properties.items()
        if (written := _written(kind, name, value, properties)) not in (None, "", [], ())
    }
    made: Json = {"type": kind, "spec_version": "2.1", "id": observable_id(kind, content, random=random)}
    made |= {name: content[name] for name in EXTENSION_SHAPES[kind].properties if name in content}
    made |= {name: value for name, value in content.items() if name not in made}
    marked = list(dict.fromkeys(marks))
    if marked:
        made["object_marking_refs"] = marked
    made["extensions"] = {DECLARED_BY[kind]: {"extension_type": "new-sco"}}
    _check(made)
    return made


def _check(made: Json) -> None:
    found = examine(msgspec.json.encode(made)).violations
    if found:
        raise InvalidInput(f"This cannot be a {made['type']}: {found[0].path[2:]}. {found[0].message}")


def is_ours(value: Mapping[str, Any]) -> bool:
    """Return whether an object is of a type of ours, and declared by our extension.

    >>> is_ours(make_observable("phone-number", {"value": "+62211234567"})), is_ours({"type": "wallet"})
    (True, False)
    """
    return extension_shape(value) is not None


def own_properties(value: Mapping[str, Any]) -> Json:
    """Return what an observable of ours says itself: neither identifier nor markings nor extensions."""
    shared = {"type", "spec_version", "id", "object_marking_refs", "granular_markings", "extensions", "defanged"}
    return {name: one for name, one in value.items() if name not in shared}


# --- the facts of a person or an organisation -------------------------------------------------------------


def person_facts(value: Mapping[str, Any]) -> PersonFacts | None:
    """Return what an ``identity`` says in :data:`PERSON_FACTS_EXTENSION`, None where it says nothing there.

    :raises InvalidInput: for facts that are not written as the extension wants them.
    """
    extensions = value.get("extensions")
    said = extensions.get(PERSON_FACTS_EXTENSION) if isinstance(extensions, dict) else None
    if said is None:
        return None
    try:
        return msgspec.convert(said, PersonFacts)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The facts of this identity cannot be read: {error}.") from None


def with_facts(identity: Mapping[str, Any], facts: Mapping[str, Any]) -> Json:
    """Return an ``identity`` that says some facts; without any it says none.

    :param facts: ``births``, ``countries``, ``documents``, ``names``, ``registrations``, as the extension writes them.
    :raises InvalidInput: for facts that are not written as the extension wants them.
    """
    extensions = {name: one for name, one in identity.get("extensions", {}).items() if name != PERSON_FACTS_EXTENSION}
    said = {name: value for name, value in facts.items() if value}
    if said:
        extensions[PERSON_FACTS_EXTENSION] = {"extension_type": "property-extension", **said}
    made = {name: value for name, value in identity.items() if name != "extensions"}
    if extensions:
        made["extensions"] = extensions
    _check(made)
    return made
