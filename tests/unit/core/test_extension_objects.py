"""Observables that our extensions declare, and the facts of a person: made, examined, released, searched, shown."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.agreement import Agreement
from titian.core.card import Kind, read_card
from titian.core.errors import InvalidInput
from titian.core.extension_objects import (
    is_ours,
    make_observable,
    own_properties,
    person_facts,
    with_facts,
    written_address,
)
from titian.core.extensions import EXTENSION_DEFINITIONS, NEW_TYPES
from titian.core.marking import Handling, handling_definition
from titian.core.mentions import find_mentions, values_of
from titian.core.party import Directory, Party, PartyKind
from titian.core.projection import Projection, project
from titian.core.redaction import indispensable
from titian.core.release import terms_for
from titian.core.sighting import check_sightable
from titian.core.stix import canonical_json, examine
from titian.core.stix.extension_parts import PERSON_FACTS_EXTENSION, WALLET_EXTENSION
from titian.core.stix.identifier import ID_ALTERNATIVES, SCO_NAMESPACE
from titian.core.stix.schema import EXTENSION_SHAPES
from titian.core.stix.vocabulary import EXTENSION_SCO_TYPES, SPECIFIED_SCO_TYPES
from titian.core.survey import Held, Survey, facts_of
from titian.core.tlp import TLP_IDS, Tlp
from titian.core.words import read_document, title_of

OWN = "identity--00000000-0000-4000-8000-000000000001"
JP = "identity--00000000-0000-4000-8000-000000000002"
NOW = 1_750_000_000_000_000
GREEN, RED = TLP_IDS[Tlp.GREEN], TLP_IDS[Tlp.RED]
HASH = "ab" * 32
FILE = "file--00000000-0000-4000-8000-00000000000f"
ADDRESS = "0x" + "ab" * 20

SAMPLES: dict[str, dict[str, Any]] = {
    "wallet": {"address": ADDRESS, "network": "ethereum"},
    "transfer": {
        "network": "ethereum", "hash": "0x" + HASH, "index": 1, "value": "12.50", "currency": "ETH",
        "at": "2026-01-01T00:00:00Z", "from_refs": [make_observable("wallet", {"address": ADDRESS})["id"]],
    },
    "nft": {"network": "ethereum", "contract": ADDRESS, "token_id": "42", "name": "Badge"},
    "bank-account": {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "holder": "Firm One", "currency": "EUR"},
    "phone-number": {"value": "+622112345678"},
    "drone": {"serial_number": "1581F0000000001", "manufacturer": "Maker", "model": "M1", "operator_id": "OP-1"},
    "social-account": {"platform": "telegram", "user_id": "42", "account_login": "one", "display_name": "One"},
    "media-hash": {"algorithm": "pdq", "value": HASH, "media_type": "image/png", "quality": 90, "file_ref": FILE},
}  # fmt: skip
PERSON = {
    "type": "identity", "spec_version": "2.1", "id": "identity--00000000-0000-4000-8000-000000000009",
    "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "name": "Analyst One",
}  # fmt: skip
FACTS = {
    "births": ["1970-05", "1971"], "countries": ["ID"],
    "documents": [{"kind": "passport", "number": "X1234567", "country": "ID"}],
    "names": [{"name": "アナリスト", "kind": "transliteration", "lang": "ja", "script": "Kana"}],
    "registrations": [{"number": "R-1", "register": "Companies", "country": "JP"}],
}  # fmt: skip


def raw(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def rules_broken(value: dict[str, Any]) -> set[str]:
    return {one.rule for one in examine(raw(value)).violations}


def by_value(kind: str, **properties: Any) -> str:
    text = canonical_json(properties).decode()
    return f"{kind}--{uuid.uuid5(SCO_NAMESPACE, text)}"


# --- the types ------------------------------------------------------------------------------------------------


def test_each_type_has_a_sample_a_shape_and_a_definition() -> None:
    assert SAMPLES.keys() == EXTENSION_SCO_TYPES == ID_ALTERNATIVES.keys()
    assert not EXTENSION_SCO_TYPES & SPECIFIED_SCO_TYPES
    for kind in EXTENSION_SHAPES:
        definition = json.loads(EXTENSION_DEFINITIONS[NEW_TYPES[kind]])
        assert definition["extension_types"] == ["new-sco" if kind in EXTENSION_SCO_TYPES else "new-sdo"]


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_what_is_made_is_valid_and_says_the_same(kind: str) -> None:
    made = make_observable(kind, SAMPLES[kind], marks=[GREEN])
    found = examine(raw(made))
    assert found.violations == ()
    assert found.type == kind == found.value.type
    assert own_properties(made) == SAMPLES[kind]
    assert is_ours(made)
    assert uuid.UUID(made["id"].partition("--")[2]).version == 5
    assert make_observable(kind, SAMPLES[kind], marks=[GREEN]) == made


def test_the_identifier_is_the_one_that_the_specification_prescribes() -> None:
    made = {kind: make_observable(kind, SAMPLES[kind])["id"] for kind in SAMPLES}
    assert made["wallet"] == by_value("wallet", address=ADDRESS, network="ethereum")
    assert made["transfer"] == by_value("transfer", hash="0x" + HASH, network="ethereum", index=1)
    assert made["nft"] == by_value("nft", contract=ADDRESS, network="ethereum", token_id="42")
    assert made["bank-account"] == by_value("bank-account", iban="DE89370400440532013000")
    assert made["phone-number"] == by_value("phone-number", value="+622112345678")
    assert made["drone"] == by_value("drone", serial_number="1581F0000000001")
    assert made["social-account"] == by_value("social-account", user_id="42", platform="telegram")
    assert made["media-hash"] == by_value("media-hash", algorithm="pdq", value=HASH)


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_what_does_not_tell_it_changes_no_identifier(kind: str) -> None:
    way = ID_ALTERNATIVES[kind][0]
    told = {name: SAMPLES[kind][name] for name in way if name in SAMPLES[kind]}
    assert make_observable(kind, told)["id"] == make_observable(kind, SAMPLES[kind])["id"]


def test_a_transfer_that_no_transaction_tells_has_an_identifier_of_its_own() -> None:
    said = {"from_refs": SAMPLES["transfer"]["from_refs"], "value": "1", "currency": "IDR"}
    one, two = make_observable("transfer", said), make_observable("transfer", said)
    assert one["id"] != two["id"]
    assert uuid.UUID(one["id"].partition("--")[2]).version == 4


def test_one_value_is_written_in_one_way() -> None:
    same = [
        ("wallet", {"address": f" 0X{ADDRESS[2:].upper()} ", "network": "Ethereum"}, SAMPLES["wallet"]),
        ("bank-account", {"iban": "de89 3704 0044 0532 0130 00"}, {"iban": "DE89370400440532013000"}),
        ("phone-number", {"value": " +62 (21) 1234-5678 "}, {"value": "+622112345678"}),
        ("social-account", {"platform": "X", "account_login": "@one"}, {"platform": "x", "account_login": "one"}),
        ("media-hash", {"algorithm": "PDQ", "value": HASH.upper()}, {"algorithm": "pdq", "value": HASH}),
    ]
    for kind, written, canonical in same:
        assert make_observable(kind, written) == make_observable(kind, canonical)
    legacy = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
    assert written_address(legacy) == legacy


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_law_the_same_value_gives_the_same_bytes_whatever_the_order(kind: str, data: st.DataObject) -> None:
    names = data.draw(st.permutations(sorted(SAMPLES[kind])))
    assert raw(make_observable(kind, {name: SAMPLES[kind][name] for name in names})) == raw(
        make_observable(kind, SAMPLES[kind])
    )


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("wallet", {}),
        ("wallet", {"address": "two words"}),
        ("wallet", {"address": "a" * 513}),
        ("wallet", {"address": "abc", "balance": "1"}),
        ("wallet", {"address": 5}),
        ("transfer", {"network": "bitcoin"}),
        ("transfer", {"from_refs": [OWN]}),
        ("transfer", {"hash": "ab", "value": "1e9"}),
        ("transfer", {"hash": "ab", "currency": "BTC"}),
        ("nft", {"contract": ADDRESS}),
        ("bank-account", {"holder": "Firm One"}),
        ("bank-account", {"iban": "DE89370400440532013000", "number": "1"}),
        ("bank-account", {"iban": "DE88370400440532013000"}),
        ("phone-number", {"value": "0211234567"}),
        ("drone", {"model": "M1"}),
        ("drone", {"serial_number": "1581F0000000001", "country": "JP"}),
        ("social-account", {"platform": "telegram", "display_name": "One"}),
        ("social-account", {"account_login": "one"}),
        ("media-hash", {"algorithm": "pdq", "value": "ab"}),
        ("media-hash", {"algorithm": "pdq", "value": HASH, "file_ref": OWN}),
        ("ipv4-addr", {"value": "198.51.100.1"}),
        ("x-wallet", {}),
    ],
)
def test_what_the_type_does_not_know_or_cannot_be_is_refused(kind: str, properties: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        make_observable(kind, properties)


def test_a_type_of_ours_is_read_strictly_and_only_where_our_extension_declares_it() -> None:
    made = make_observable("wallet", SAMPLES["wallet"])
    assert rules_broken(made | {"owner": "x"}) == {"unknown-property"}
    other = "extension-definition--00000000-0000-4000-8000-00000000000a"
    foreign = made | {"owner": "x", "extensions": {other: {"extension_type": "new-sco"}}}
    assert rules_broken(foreign) == set()
    assert not is_ours(foreign)
    twice = made | {"extensions": made["extensions"] | foreign["extensions"]}
    assert rules_broken(twice) == {"declared-type"}
    more = made | {"extensions": made["extensions"] | {other: {"extension_type": "property-extension", "owner": "x"}}}
    assert rules_broken(more) == set()
    assert rules_broken(made | {"extensions": {WALLET_EXTENSION: {"extension_type": "new-sdo"}}}) == {"declared-type"}


def test_a_sighting_of_an_observable_of_ours_is_refused_as_of_any_other() -> None:
    with pytest.raises(InvalidInput, match="observed-data"):
        check_sightable(make_observable("wallet", SAMPLES["wallet"])["id"])


# --- the gate -------------------------------------------------------------------------------------------------


class Memory:
    """A selection in memory."""

    def __init__(self, objects: Iterable[dict[str, Any]]) -> None:
        self.held = {one["id"]: Held(one["id"], raw(one)) for one in objects}

    def __iter__(self) -> Iterator[Held]:
        return iter(self.held.values())

    def read(self, identifiers: Collection[str]) -> Iterable[Held]:
        return [one for one in self if one.id in identifiers]


def see(*objects: dict[str, Any]) -> Projection:
    agreement = Agreement(
        id="agreement--00000000-0000-4000-8000-00000000000a", name="A", parties=frozenset({OWN, JP}),
        purposes=frozenset({"cybercrime", "terrorist-financing"}), ceiling=Tlp.AMBER, starts=0,
    )  # fmt: skip
    parties = [Party(id=each, name=each[-1], kind=PartyKind.AGENCY) for each in (OWN, JP)]
    directory = Directory(own=OWN, parties={one.id: one for one in parties}, agreements={agreement.id: agreement})
    terms = terms_for(directory, agreement, JP, at=NOW)
    graph = Memory(objects)
    return project(Survey(graph), graph, terms, key=b"key")


def ipv4(mark: str) -> dict[str, Any]:
    return {
        "type": "ipv4-addr", "spec_version": "2.1", "id": "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4",
        "value": "198.51.100.3", "object_marking_refs": [mark],
    }  # fmt: skip


def test_a_wallet_goes_out_as_an_address_does() -> None:
    for mark in (GREEN, RED):
        wallet = make_observable("wallet", SAMPLES["wallet"], marks=[mark])
        seen = see(wallet, ipv4(mark))
        assert (wallet["id"] in seen.released) == (ipv4(mark)["id"] in seen.released) == (mark == GREEN)
        assert wallet["id"] not in seen.changed


def test_what_is_about_a_withheld_wallet_loses_it_and_its_identifier() -> None:
    note = {
        "type": "report", "spec_version": "2.1", "id": "report--00000000-0000-4000-8000-00000000000b",
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "name": "R",
        "published": "2026-01-01T00:00:00.000Z", "object_marking_refs": [GREEN],
    }  # fmt: skip
    hidden = make_observable("wallet", SAMPLES["wallet"], marks=[RED])
    shown = make_observable("wallet", {"address": "open"}, marks=[GREEN])
    report = note | {"object_refs": [hidden["id"], shown["id"]]}
    seen = see(report, hidden, shown)
    assert seen.withheld.keys() == {hidden["id"]}
    assert seen.changed[report["id"]].named >= {shown["id"]}
    assert hidden["id"] not in seen.changed[report["id"]].named


def test_a_transfer_goes_only_with_all_that_its_hash_tells() -> None:
    ends = [make_observable("wallet", {"address": each}, marks=[mark]) for each, mark in (("a", GREEN), ("b", RED))]
    said = {"network": "bitcoin", "hash": HASH, "from_refs": [ends[0]["id"]], "to_refs": [ends[1]["id"]]}
    transfer = make_observable("transfer", said, marks=[GREEN])
    assert facts_of(Held(transfer["id"], raw(transfer))).ends == (ends[0]["id"], ends[1]["id"])
    seen = see(transfer, *ends)
    assert seen.withheld[transfer["id"]].rule == "reference"
    open_ends = [one | {"object_marking_refs": [GREEN]} for one in ends]
    assert transfer["id"] in see(transfer, *open_ends).released


def test_a_reference_follows_a_wallet_that_goes_as_a_copy() -> None:
    wallet = make_observable("wallet", SAMPLES["wallet"], marks=[GREEN])
    unknown = "extension-definition--00000000-0000-4000-8000-00000000000a"
    wallet["extensions"][unknown] = {"extension_type": "property-extension", "note": "secret"}
    wallet["granular_markings"] = [{"marking_ref": RED, "selectors": [f"extensions.{unknown}"]}]
    transfer = make_observable("transfer", {"hash": HASH, "to_refs": [wallet["id"]]}, marks=[GREEN])
    seen = see(wallet, transfer)
    assert set(seen.changed) == {wallet["id"], transfer["id"]}
    going = [json.loads(body) for _, body in seen.objects(Memory([wallet, transfer]))]
    made = {one["type"]: one for one in going}
    assert made["transfer"]["to_refs"] == [made["wallet"]["id"]] == [seen.released[wallet["id"]]]
    assert wallet["id"] not in json.dumps(made)
    assert unknown not in json.dumps(made)
    assert all(uuid.UUID(seen.released[one].partition("--")[2]).version == 4 for one in seen.changed)


PERSONAL = {"bank-account", "phone-number", "social-account", "drone"}


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_what_tells_of_a_person_needs_a_purpose_and_an_end(kind: str) -> None:
    mark, definition = handling_definition(
        Handling(purposes=("terrorist-financing",), expires="2100-01-01T00:00:00.000Z")
    )
    said = {name: value for name, value in SAMPLES[kind].items() if not name.endswith(("_ref", "_refs"))}
    bare = make_observable(kind, said, marks=[GREEN])
    assert facts_of(Held(bare["id"], raw(bare))).personal is (kind in PERSONAL)
    assert (bare["id"] in see(bare).released) is (kind not in PERSONAL)
    handled = make_observable(kind, said, marks=[GREEN, mark])
    assert handled["id"] in see(handled, json.loads(definition)).released


@pytest.mark.parametrize(
    ("identity_class", "facts", "personal"),
    [
        (None, FACTS, True),
        ("organization", {"registrations": [{"number": "R-1"}]}, False),
        ("organization", {"births": ["1970"]}, True),
        ("individual", {}, True),
        ("organization", {}, False),
        (None, {}, False),
    ],
)
def test_facts_make_an_identity_personal_unless_it_is_an_organisation(
    identity_class: str | None, facts: dict[str, Any], personal: bool
) -> None:
    one = with_facts(PERSON | ({"identity_class": identity_class} if identity_class else {}), facts)
    assert facts_of(Held(one["id"], raw(one))).personal is personal
    spelled = raw(one).replace(b"extension-definition--", b"extension-definition\\u002d-")
    assert facts_of(Held(one["id"], spelled)).personal is personal


def test_a_type_of_ours_knows_what_it_cannot_do_without() -> None:
    assert {"address", "network", "extensions"} <= (indispensable("wallet") or set())
    assert "name" not in (indispensable("nft") or {"name"})


# --- searched, named, shown -----------------------------------------------------------------------------------

TITLES = {
    "wallet": ADDRESS, "transfer": "0x" + HASH, "nft": "Badge", "bank-account": "DE89370400440532013000",
    "phone-number": "+622112345678", "drone": "1581F0000000001", "social-account": "One", "media-hash": HASH,
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_it_is_called_by_its_value_and_found_by_it(kind: str) -> None:
    made = make_observable(kind, SAMPLES[kind])
    assert title_of(made) == TITLES[kind]
    told = ID_ALTERNATIVES[kind][0][0] if kind != "media-hash" else "value"
    assert str(SAMPLES[kind][told]).casefold() in read_document(made).exact
    values = set(values_of(made))
    if len(str(SAMPLES[kind][told])) > 3:
        assert str(SAMPLES[kind][told]).casefold() in values


def test_what_has_no_name_is_called_by_what_it_has() -> None:
    assert title_of(make_observable("nft", {"network": "ethereum", "contract": ADDRESS, "token_id": "7"})) == (
        f"{ADDRESS} 7"
    )
    money = {"value": "12.50", "currency": "IDR", "from_refs": SAMPLES["transfer"]["from_refs"]}
    assert title_of(make_observable("transfer", money)) == "12.50 IDR"
    channel = {"platform": "telegram", "url": "https://t.example/one"}
    assert title_of(make_observable("social-account", channel)) == "https://t.example/one"


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_its_card_begins_with_what_it_is_told_by(kind: str) -> None:
    card = read_card(make_observable(kind, SAMPLES[kind]), observable=True)
    shown = {one.name for one in card.lead}
    assert shown == SAMPLES[kind].keys()
    for one in card.lead:
        if one.name in ("address", "hash", "iban", "contract", "token_id", "serial_number"):
            assert one.value.kind is Kind.CODE


def test_the_numbers_and_names_of_a_person_are_found_and_are_secrets_with_them() -> None:
    hidden = with_facts(PERSON | {"object_marking_refs": [RED]}, FACTS)
    assert {"x1234567", "アナリスト"} <= set(values_of(hidden))
    assert {"アナリスト", "x1234567"} <= read_document(hidden).exact
    report = {
        "type": "tool", "spec_version": "2.1", "id": "tool--00000000-0000-4000-8000-00000000000b",
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "name": "T",
        "description": "Bought with passport X1234567.", "object_marking_refs": [GREEN],
    }  # fmt: skip
    found = find_mentions(Memory([hidden, report]), [see(hidden, report)])
    assert [(one.value, one.of) for one in found[0]] == [("x1234567", hidden["id"])]


# --- the facts of a person ------------------------------------------------------------------------------------


def test_facts_are_written_and_read_again() -> None:
    one = with_facts(PERSON, FACTS)
    assert examine(raw(one)).violations == ()
    facts = person_facts(one)
    assert facts is not None
    assert (facts.births, facts.countries) == (("1970-05", "1971"), ("ID",))
    assert [one.number for one in facts.documents or ()] == ["X1234567"]
    assert [one.script for one in facts.names or ()] == ["Kana"]
    assert with_facts(one, {}) == PERSON
    assert person_facts(PERSON) is None


@pytest.mark.parametrize(
    "facts",
    [
        {"births": ["1970-13"]},
        {"births": ["21 May 1970"]},
        {"countries": ["IDN"]},
        {"documents": [{"number": "1"}]},
        {"documents": [{"kind": "passport", "number": "1", "colour": "red"}]},
        {"names": [{"name": "A", "lang": "not a language"}]},
        {"names": [{"name": "A", "script": "latin"}]},
        {"height": ["170"]},
    ],
)
def test_facts_that_are_not_written_as_the_extension_wants_are_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        with_facts(PERSON, facts)
    said = PERSON | {"extensions": {PERSON_FACTS_EXTENSION: {"extension_type": "property-extension"} | facts}}
    assert examine(raw(said), strict=False).violations


def test_facts_of_the_wrong_type_cannot_be_read() -> None:
    with pytest.raises(InvalidInput, match="facts"):
        person_facts(PERSON | {"extensions": {PERSON_FACTS_EXTENSION: {"extension_type": "x", "births": 5}}})
