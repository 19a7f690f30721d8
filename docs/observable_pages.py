"""The part of the extensions' page on observables, the facts of a person, and referrals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from prose import cell

from titian.core import extensions
from titian.core.extension_objects import make_observable, with_facts
from titian.core.referral import Designation, State, answer, move, refer, write_referral, write_referral_answer
from titian.core.stix.extension_parts import PERSON_FACTS_EXTENSION, PersonFacts
from titian.core.stix.identifier import ID_ALTERNATIVES
from titian.core.stix.schema import EXTENSION_SHAPES, Property, shape_of
from titian.core.tlp import TLP_IDS, Tlp
from titian.wire.misp_values import SOCIAL, SYMBOLS

US = "identity--88d571a9-b5a0-4836-bd3b-df828eb88fec"
PLATFORM = "identity--9ea9a35c-55db-40cd-8f69-bc5dee6d0133"
BEGUN = 1_767_225_600_000_000
DAY = 86_400_000_000
ADDRESS = "0x" + "5a" * 20

MEANINGS = {
    "wallet": {
        "address": "The address. One of 40 hexadecimal digits is written in lower case.",
        "network": f"The network: `{'`, `'.join(sorted(SYMBOLS)[:6])}` or another short word.",
    },
    "transfer": {
        "network": "The network that `hash` is of; only with it.",
        "hash": "The transaction.",
        "index": "Which of several transfers in one transaction; only with `hash`.",
        "from_refs": "What it leads from: `wallet`, `bank-account`, `phone-number`, `social-account`, `user-account`.",
        "to_refs": "What it leads to: the same types.",
        "value": "How much, as a decimal number in a string, so that nothing is rounded.",
        "currency": "Of what: ISO 4217, or as the network calls it; only with `value`.",
        "at": "When.",
    },
    "nft": {
        "network": "The network.",
        "contract": "The address of the contract, or of the token itself.",
        "token_id": "Its number, where the contract has several.",
        "name": "What it is called.",
    },
    "bank-account": {
        "iban": "The IBAN, in capitals and without spaces.",
        "number": "The number of an account without an IBAN; not both.",
        "bank_code": "The country's own code of the bank; only with `number`.",
        "country": "ISO 3166-1 alpha-2 of that code; only with `number`.",
        "bic": "The BIC.",
        "institution": "What the bank is called.",
        "holder": "Whose it is, as the bank writes it.",
        "currency": "ISO 4217.",
    },
    "phone-number": {"value": "The number as in E.164: a plus sign and digits."},
    "drone": {
        "serial_number": "The serial number, as in CTA-2063-A where the maker follows it.",
        "registration": "Its registration with an authority.",
        "country": "ISO 3166-1 alpha-2 of that authority; only with `registration`.",
        "remote_id": "The identifier that it broadcasts for one flight (ASTM F3411).",
        "manufacturer": "Who made it.",
        "model": "Which model.",
        "operator_id": "The number under which its operator is registered. With it, the object is personal data.",
    },
    "social-account": {
        "platform": "The platform, as a short word: `telegram`, `x`, `facebook`, `youtube`, …",
        "user_id": "The platform's own identifier, which does not change.",
        "account_login": "The name in its address, without an `@`.",
        "display_name": "The name that it shows.",
        "url": "Its address.",
    },
    "media-hash": {
        "algorithm": "`pdq`, `tmk`, `sha256`, … Of those whose form is known, the value is held to it.",
        "value": "The hash; hexadecimal digits in lower case.",
        "media_type": "The media type of what it is of.",
        "quality": "0 to 100, as PDQ measures it.",
        "file_ref": "The `file` or `artifact` that it is of.",
    },
    "person-facts": {
        "extension_type": "Always `property-extension`.",
        "births": "Dates of birth as far as they are known: `1970`, `1970-05`, `1970-05-21`; several where it is open.",
        "countries": "ISO 3166-1 alpha-2 of nationality, residence or registration.",
        "documents": "Dictionaries with `kind` (`passport`, `identity-card`, …), `number` and `country`.",
        "names": "Other names, and names in other scripts: dictionaries with `name`, `kind` (`alias`, `birth`, "
        "`transliteration`, …), `lang` (RFC 5646) and `script` (ISO 15924).",
        "registrations": "Numbers in registers: dictionaries with `number`, `register` and `country`.",
    },
    "referral": {
        "name": "What it is called.",
        "description": "What it is about, in words.",
        "content_refs": "The observables that tell the content: `url`, `social-account`, `media-hash`, … They are one "
        "thing: what is decided apart is referred apart.",
        "addressed_ref": "The platform that is asked.",
        "designations": "Why it is unlawful: dictionaries with `source` (`list`, `law`, `court`, …), `name`, "
        "`reference` (the entry or the number in it), `country` and `url`.",
        "legal_basis": "Under which law the platform is asked.",
        "state": f"What it has come to: {', '.join(f'`{one}`' for one in State)}.",
        "history": "Each state: dictionaries with `state`, `at`, `by_ref` and `reason`. A reason is owed for what is "
        "kept, appealed against or reinstated.",
        "deadline": "By when an answer is asked for.",
    },
    "referral-answer": {
        "referral_ref": "The referral that it answers.",
        "response": f"What was done: {', '.join(f'`{one}`' for one in State if one is not State.SENT)}.",
        "reason": "Why; owed for all but `removed`.",
    },
}
"""What each property means, by the anchor of its extension."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "wallet": {"address": ADDRESS, "network": "ethereum"},
    "transfer": {
        "network": "ethereum", "hash": "0x" + "5a" * 32, "value": "12.5", "currency": "ETH",
        "from_refs": [make_observable("wallet", {"address": ADDRESS, "network": "ethereum"})["id"]],
        "at": "2026-01-01T00:00:00Z",
    },
    "nft": {"network": "ethereum", "contract": ADDRESS, "token_id": "42"},
    "bank-account": {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "holder": "Relief Fund"},
    "phone-number": {"value": "+622112345678"},
    "drone": {"serial_number": "1581F0000000001", "manufacturer": "Maker", "model": "Model 1"},
    "social-account": {"platform": "telegram", "user_id": "42", "account_login": "channel_one"},
    "media-hash": {"algorithm": "pdq", "value": "5a" * 32, "quality": 90},
}  # fmt: skip

MISP = {
    "wallet": "`coin-address`, or an attribute `btc`, `xmr`, `dash` that stands by itself. `btc-wallet` is read too.",
    "transfer": "`cryptocurrency-transaction`, or `transaction` without a `hash`; the ends are references "
    "`connected-from` and `sends-to`. `btc-transaction` is read too. MISP cannot say `index`, a `network` that "
    "`currency` does not tell, and the `currency` of a transfer without a `hash`.",
    "nft": "MISP has no place for it.",
    "bank-account": "`bank-account`, or an attribute `iban` that stands by itself. MISP cannot say `country`, but for "
    "an American routing number.",
    "phone-number": "An attribute `phone-number`. The object `phone-number` is read too.",
    "drone": "`uav`; `drone-rid-observation` is read too. MISP cannot say `country`, `remote_id` and `operator_id`.",
    "social-account": f"{', '.join(f'`{name}`' for name, _ in sorted(SOCIAL.values(), key=lambda row: row[0]))} where "
    "that can say everything, else `user-account`. What others wrote in an object that STIX has a `user-account` for "
    "becomes that.",
    "media-hash": "An attribute `md5`, `sha1`, `sha256`, `sha512`, or `other` with the algorithm in front, as "
    "`pdq:5a…`. What others wrote as a hash of a file stays one. MISP cannot say `media_type`, `quality`, `file_ref`.",
    "person-facts": "`person` or `organization` in the place of `identity`. MISP cannot say: a partial date of birth "
    "or a second one, documents but one passport and one identity card, the country of an identity card, language, "
    "script and kind of a name (each is an `alias`), countries of an organisation, the register of a number but VAT's, "
    "a person's registrations.",
    "referral": "MISP has no place for it.",
    "referral-answer": "MISP has no place for it.",
}
"""What each is in MISP, and what MISP cannot say."""


def observable_sections() -> Iterator[str]:
    """The sections of all types that are examined strictly, with an introduction."""
    yield "## Observables"
    yield cell("""
        The observables below, the facts of a person and referrals are held to their shape wherever they come in: a
        property that is not listed is refused, and so is a type of that name that our extension does not declare
        alone. Whoever has more to say says it in a property extension of theirs, which goes along. An object of the
        same type that another extension declares is left to that. In MISP, a record becomes the observable, and
        `observed-data` under the record's UUID that keeps what else it says; a record with the UUID of the observable
        becomes that alone. What MISP cannot say is told on export.
    """)
    for kind, properties in EXAMPLES.items():
        yield from section(kind, make_observable(kind, properties, marks=[TLP_IDS[Tlp.GREEN]]))
    yield from section("person-facts", example_person())
    sent = refer(
        ["media-hash--0b4e7a52-5d0c-5f3f-8f4b-6a3f5f0f6d21"], by=US, addressed=PLATFORM, at=BEGUN,
        deadline=BEGUN + DAY, legal_basis=["Act 5 of 2018, section 43"], random=bytes, name="Film that asks for money",
        designations=[Designation(source="list", name="National list", reference="N-17", country="ID")],
        marks=[TLP_IDS[Tlp.AMBER]],
    )  # fmt: skip
    reply = answer(sent.id, State.KEPT, by=PLATFORM, at=BEGUN, reason="It is news.", random=bytes, marks=sent.marks)
    kept = move(sent, State.KEPT, at=BEGUN + DAY // 2, by=PLATFORM, reason="It is news.")
    yield from section("referral", msgspec.json.decode(write_referral(kept)))
    yield from section("referral-answer", msgspec.json.decode(write_referral_answer(reply)))


def example_person() -> dict[str, Any]:
    """An identity with facts."""
    stamp = "2026-01-01T00:00:00.000Z"
    return with_facts(
        {"type": "identity", "spec_version": "2.1", "id": PLATFORM, "created": stamp, "modified": stamp,
         "name": "Analyst One", "identity_class": "individual", "object_marking_refs": [TLP_IDS[Tlp.AMBER]]},
        {"births": ["1970-05"], "countries": ["ID"],
         "documents": [{"kind": "passport", "number": "X0000000", "country": "ID"}],
         "names": [{"name": "アナリスト・ワン", "kind": "transliteration", "lang": "ja", "script": "Kana"}]},
    )  # fmt: skip


WHAT = {
    "person-facts": "A property extension of `identity`. With it, an identity counts as personal data, but for one "
    "whose `identity_class` is not a person's and which has no `births`.",
    "referral": "A domain object of its own type. Only its creator writes versions of it; the platform answers with a "
    "`referral-answer`. `sent` becomes `removed` or `kept`; each of those may be appealed against, and an appeal ends "
    "as it was, or turned: `removed` as `reinstated`, `kept` and `reinstated` as `removed`. A revoked one asks for "
    "nothing.",
    "referral-answer": "A domain object of its own type, created by the party that the referral is addressed to.",
    "transfer": "It goes to a party only with everything that it leads from and to: its hash tells all of them.",
    "media-hash": "It goes to a party only with the file that it names.",
}
PERSONAL = {"bank-account", "phone-number", "social-account"}


def section(kind: str, example: dict[str, Any]) -> Iterator[str]:
    """The section of one type; each of its own properties needs a meaning."""
    identifier = PERSON_FACTS_EXTENSION if kind == "person-facts" else extensions.NEW_TYPES[kind]
    shape = shape_of(PersonFacts) if kind == "person-facts" else EXTENSION_SHAPES[kind]
    definition = msgspec.json.decode(extensions.EXTENSION_DEFINITIONS[identifier])
    yield f"## {definition['name']}"
    said = [f"`{identifier}` ({definition['extension_types'][0]}). {definition['description']}"]
    if kind in WHAT:
        said.append(WHAT[kind])
    if kind in PERSONAL:
        said.append("It is personal data, as an e-mail address is.")
    if kind in ID_ALTERNATIVES:
        ways = [" and ".join(f"`{name}`" for name in way) for way in ID_ALTERNATIVES[kind]]
        last = ", else a UUIDv4" if kind == "transfer" else ""
        said.append(f"Its identifier is the UUIDv5 of {', else of '.join(ways)} (as far as they are there){last}.")
    yield cell(" ".join(said))
    own = [known for name, known in shape.properties.items() if name in MEANINGS[kind]]
    required = shape.required
    rows = [
        f"| `{one.name}` | {type_of(one)} | {'yes' if one.name in required else ''} | "
        f"{cell(MEANINGS[kind][one.name])} |"
        for one in own
    ]
    yield "\n".join(["| property | type | required | meaning |", "|---|---|---|---|", *rows])
    yield cell(f"In MISP: {MISP[kind]}")
    yield f"```json\n{msgspec.json.format(msgspec.json.encode(example), indent=2).decode()}\n```"


def type_of(known: Property) -> str:
    """A property's type in the words of STIX."""
    if known.name.endswith("_ref"):
        return "identifier"
    if known.name.endswith("_refs"):
        return "list of identifier"
    text = str(known.annotation)
    word = (
        "dictionary" if known.part else "timestamp" if "Timestamp" in text else "string" if "str" in text else "integer"
    )
    return f"list of {word}" if known.item is not None else word
