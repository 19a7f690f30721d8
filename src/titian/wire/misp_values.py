"""Observables of our extensions as MISP attributes and objects of the same meaning, one at a time, both ways.

The templates are those of ``misp-objects``. What MISP cannot say is named, and what is read and has no place in an
observable is handed back: nothing is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from titian.core.errors import InvalidInput
from titian.core.stix import Timestamp

Json = dict[str, Any]


class Read(NamedTuple):
    """What a MISP record says of one observable: its type, its properties, and the attributes that say more."""

    kind: str
    properties: Json
    rest: list[Json]


class Written(NamedTuple):
    """A MISP record (``name`` of an object's template, empty for an attribute), and properties that it cannot say."""

    name: str
    record: Json
    unsaid: list[str]


class Template(NamedTuple):
    """A template of MISP: its UUID, version and category."""

    uuid: str
    version: str
    category: str


TEMPLATES: Final[Mapping[str, Template]] = {
    "bank-account": Template("b4712203-95a8-4883-80e9-b566f5df11c9", "3", "financial"),
    "coin-address": Template("d0e6997e-78da-4815-a6a1-cfc1c1cb8a46", "7", "financial"),
    "cryptocurrency-transaction": Template("a4aab70f-e43a-48cb-bf82-505de8228dd6", "3", "financial"),
    "facebook-account": Template("b9862b95-7d78-4938-a2b5-13e45c60f25a", "1", "misc"),
    "github-user": Template("4329b5e6-8e6a-4b55-8fd1-9033782017d4", "3", "misc"),
    "instagram-account": Template("656ced16-23f3-4322-925d-c9c961684999", "1", "misc"),
    "keybase-account": Template("32c29c1c-a6c1-41e9-b1db-8cca88185ecd", "3", "misc"),
    "organization": Template("f750e12b-127a-432c-b022-b3f9153c4e2a", "9", "misc"),
    "parler-account": Template("8d5ba58e-cac3-46a6-9d1f-cf236f7e95c9", "2", "misc"),
    "person": Template("a15b0477-e9d1-4b9c-9546-abe78a4f4248", "21", "misc"),
    "reddit-account": Template("6802f885-2003-494a-b234-61aadce62731", "2", "misc"),
    "telegram-account": Template("06f02ecf-5afb-42c5-9cb0-b362e222f52c", "2", "misc"),
    "transaction": Template("a47fa26a-01b6-4747-a394-5144e34456dc", "1", "financial"),
    "twitter-account": Template("8066563f-881e-4f6a-9d6c-a9d15b8658bb", "7", "misc"),
    "uav": Template("1d103a64-e30d-4c8c-931c-3e86b83db992", "4", "misc"),
    "user-account": Template("49606b06-22f0-4ac8-8eee-2f12ad46f3d3", "6", "misc"),
    "youtube-channel": Template("cb9f492b-9930-4388-98e1-5d0cdcfa51df", "1", "misc"),
}
"""The templates that are written (https://github.com/MISP/misp-objects)."""

_CATEGORIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("btc", "xmr", "dash", "iban", "bic", "bank-account-nr", "aba-rtn"), "Financial fraud"),
    **dict.fromkeys(
        ("phone-number", "date-of-birth", "nationality", "passport-number", "passport-country", "full-name",
         "identity-card-number"), "Person"),
    **dict.fromkeys(("md5", "sha1", "sha256", "sha512"), "Payload delivery"),
    "link": "External analysis", "github-username": "Social network",
}  # fmt: skip
"""The category of each type of attribute; ``Other`` for the rest."""

SYMBOLS: Final[Mapping[str, str]] = {
    "algorand": "ALGO", "aptos": "APT", "avalanche": "AVAX", "binance-smart-chain": "BNB", "bitcoin": "BTC",
    "bitcoin-cash": "BCH", "bitcoin-sv": "BSV", "cardano": "ADA", "cosmos": "ATOM", "dash": "DASH", "dogecoin": "DOGE",
    "ethereum": "ETH", "ethereum-classic": "ETC", "litecoin": "LTC", "monero": "XMR", "near": "NEAR",
    "polkadot": "DOT", "polygon": "POL", "solana": "SOL", "stellar": "XLM", "sui": "SUI", "tezos": "XTZ", "ton": "TON",
    "tron": "TRX", "xrp-ledger": "XRP", "zcash": "ZEC",
}  # fmt: skip
"""The symbol of a network's own currency, by which MISP names the network."""
_NETWORKS: Final = {symbol: network for network, symbol in SYMBOLS.items()} | {"XBT": "bitcoin", "MATIC": "polygon"}

Fields = Mapping[str, tuple[str, str]]
"""Relation in a template to the property that it is, and the type of the attribute."""

_BANK: Final[Fields] = {
    "iban": ("iban", "iban"), "account": ("number", "bank-account-nr"), "institution-code": ("bank_code", "text"),
    "swift": ("bic", "bic"), "institution-name": ("institution", "text"), "beneficiary": ("holder", "text"),
    "currency-code": ("currency", "text"),
}  # fmt: skip
_UAV: Final[Fields] = {
    "serial-number": ("serial_number", "text"), "registration-id": ("registration", "text"),
    "manufacturer": ("manufacturer", "text"), "model": ("model", "text"),
}  # fmt: skip
_BROADCAST: Final[Fields] = {
    "uas-id": ("serial_number", "text"), "session-id": ("remote_id", "text"), "operator-id": ("operator_id", "text"),
}  # fmt: skip
_COIN: Final[Fields] = {"transaction-number": ("hash", "text"), "value": ("value", "float"), "time": ("at", "datetime"),
                        "symbol": ("currency", "text")}  # fmt: skip
_MONEY: Final[Fields] = {"amount": ("value", "text"), "date": ("at", "datetime")}
_USER: Final[Fields] = {
    "account-type": ("platform", "text"), "user-id": ("user_id", "text"), "username": ("account_login", "text"),
    "display-name": ("display_name", "text"), "link": ("url", "link"),
}  # fmt: skip
_NAMED: Final[Fields] = {"account-id": ("user_id", "text"), "account-name": ("account_login", "text"),
                         "link": ("url", "link")}  # fmt: skip
SOCIAL: Final[Mapping[str, tuple[str, Fields]]] = {
    "facebook": ("facebook-account", _NAMED), "instagram": ("instagram-account", _NAMED),
    "reddit": ("reddit-account", _NAMED),
    "parler": ("parler-account", {"account-id": ("user_id", "text"), "account-name": ("account_login", "text")}),
    "x": ("twitter-account", {"id": ("user_id", "text"), "name": ("account_login", "text"),
                              "displayed-name": ("display_name", "text"), "link": ("url", "link")}),
    "telegram": ("telegram-account", {"id": ("user_id", "text"), "username": ("account_login", "text")}),
    "youtube": ("youtube-channel", {"channel-id": ("user_id", "text"), "channel-name": ("display_name", "text"),
                                    "link": ("url", "link")}),
    "github": ("github-user", {"id": ("user_id", "text"), "username": ("account_login", "github-username"),
                               "user-fullname": ("display_name", "text")}),
    "keybase": ("keybase-account", {"id": ("user_id", "text"), "username": ("account_login", "text"),
                                    "full_name": ("display_name", "text")}),
}  # fmt: skip
"""Platform to the object that MISP has for its accounts; every other platform's is a ``user-account``."""
_PLATFORMS: Final = {name: (platform, fields) for platform, (name, fields) in SOCIAL.items()}

_READABLE: Final[Mapping[str, tuple[str, Fields]]] = {
    "bank-account": ("bank-account", _BANK), "uav": ("drone", _UAV), "drone-rid-observation": ("drone", _BROADCAST),
    "cryptocurrency-transaction": ("transfer", _COIN), "transaction": ("transfer", _MONEY),
    "btc-transaction": ("transfer", {"transaction-number": ("hash", "text"), "value_BTC": ("value", "float"),
                                     "time": ("at", "datetime")}),
    "phone-number": ("phone-number", {"phone-number": ("value", "phone-number")}),
    "coin-address": ("wallet", dict.fromkeys(("address", "address-xmr", "address-crypto"), ("address", "text"))
                     | {"symbol": ("network", "text")}),
    "btc-wallet": ("wallet", {"wallet-address": ("address", "btc")}),
    "user-account": ("social-account", _USER),
    **{name: ("social-account", fields) for name, (_, fields) in _PLATFORMS.items()},
}  # fmt: skip
_IMPLIED: Final[Mapping[str, Json]] = {
    "btc-transaction": {"network": "bitcoin", "currency": "BTC"}, "btc-wallet": {"network": "bitcoin"},
    **{name: {"platform": platform} for name, (platform, _) in _PLATFORMS.items()},
}  # fmt: skip
_ATTRIBUTES: Final[Mapping[str, tuple[str, str, Json]]] = {
    "btc": ("wallet", "address", {"network": "bitcoin"}), "xmr": ("wallet", "address", {"network": "monero"}),
    "dash": ("wallet", "address", {"network": "dash"}), "iban": ("bank-account", "iban", {}),
    "phone-number": ("phone-number", "value", {}),
    **{one: ("media-hash", "value", {"algorithm": one}) for one in ("md5", "sha1", "sha256", "sha512")},
}  # fmt: skip
_OTHER_HASHES: Final = ("pdq", "tmk", "vpdq", "phash", "photodna", "netclean")
_NAMES: Final = UUID("754a110b-7ca1-47eb-81a2-8ceb6b9aeece")


# --- from MISP ------------------------------------------------------------------------------------------------


def read_attribute(record: Mapping[str, Any]) -> Read | None:
    """Return the observable that an attribute is, None for one that is none of ours."""
    kind, value = str(record.get("type")), record.get("value")
    if not isinstance(value, str):
        return None
    if kind in _ATTRIBUTES:
        type_, name, implied = _ATTRIBUTES[kind]
        return Read(type_, {name: value} | implied, [])
    algorithm, _, digest = value.partition(":")
    if kind == "other" and algorithm in _OTHER_HASHES and digest:
        return Read("media-hash", {"algorithm": algorithm, "value": digest}, [])
    return None


def read_object(record: Mapping[str, Any]) -> Read | None:
    """Return the observable that an object is, None for one that is none of ours."""
    name = str(record.get("name"))
    if name not in _READABLE:
        return None
    kind, fields = _READABLE[name]
    properties: Json = dict(_IMPLIED.get(name, {}))
    rest: list[Json] = []
    for one in record.get("Attribute", []):
        if not isinstance(one, dict):
            continue
        said = _property(name, fields, one)
        if said is None or said[0] in properties:
            rest.append(one)
        else:
            properties |= dict([said])
    if name == "coin-address" and "network" not in properties:
        types = {str(one.get("type")) for one in record.get("Attribute", []) if isinstance(one, dict)}
        properties |= {"network": "bitcoin"} if "btc" in types else {"network": "monero"} if "xmr" in types else {}
    if name == "cryptocurrency-transaction" and "hash" in properties:
        network = _NETWORKS.get(str(properties.get("currency")))
        properties |= {"network": network} if network else {}
    if name == "bank-account":
        rest = _with_routing(properties, rest)
    if kind == "transfer" and "currency" in properties and "value" not in properties:
        rest += [one for one in record["Attribute"] if one.get("object_relation") == "symbol"]
        del properties["currency"]
    return Read(kind, properties, rest)


def _property(name: str, fields: Fields, attribute: Mapping[str, Any]) -> tuple[str, str] | None:
    """The property that an attribute of an object is, and its value; None for one that is none."""
    field = fields.get(str(attribute.get("object_relation")))
    value = attribute.get("value")
    if field is None or not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    text = str(value)
    if field[0] == "network":
        network = _NETWORKS.get(text.upper(), text if text.islower() else None)
        return None if network is None else ("network", network)
    if field[0] == "at":
        instant = stix_time(text)
        return None if instant is None else ("at", instant)
    return field[0], text


def _with_routing(properties: Json, rest: list[Json]) -> list[Json]:
    """Read the routing number of an American bank, where the account has no other code."""
    routing = [one for one in rest if one.get("object_relation") == "aba-rtn"]
    if not routing or "number" not in properties or "bank_code" in properties:
        return rest
    properties |= {"bank_code": str(routing[0].get("value")), "country": "US"}
    return [one for one in rest if one is not routing[0]]


def stix_time(text: str) -> str | None:
    """Return a time as MISP writes it (ISO 8601) as STIX writes it, None for what is none.

    >>> stix_time("2026-01-01T07:00:00.000000+07:00"), stix_time("soon")
    ('2026-01-01T00:00:00Z', None)
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    written = moment.strftime("%Y-%m-%dT%H:%M:%S") + (
        f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    )
    try:
        return Timestamp.parse(f"{written}Z").text
    except InvalidInput:
        return None


# --- to MISP --------------------------------------------------------------------------------------------------


def attribute(kind: str, value: str, uuid: str, *, relation: str | None = None, to_ids: bool = False) -> Json:
    """Return a MISP attribute."""
    made: Json = {"uuid": uuid, "type": kind, "category": _CATEGORIES.get(kind, "Other"), "value": value,
                  "to_ids": to_ids, "disable_correlation": False}  # fmt: skip
    return made if relation is None else made | {"object_relation": relation}


def composite(name: str, uuid: str, said: Iterator[tuple[str, str, str]]) -> Json:
    """Return a MISP object of a template; ``said`` are relations, types and values."""
    template = TEMPLATES[name]
    return {
        "name": name, "uuid": uuid, "meta-category": template.category, "template_uuid": template.uuid,
        "template_version": template.version, "Attribute": [within(uuid, *one) for one in said],
    }  # fmt: skip


def within(uuid: str, relation: str, kind: str, value: str) -> Json:
    """Return an attribute in an object, under a UUID that is the same every time."""
    return attribute(kind, value, str(uuid5(_NAMES, f"{uuid} {relation} {value}")), relation=relation)


def write_value(kind: str, properties: Json, uuid: str) -> Written | None:
    """Return an observable as a MISP record, None where MISP has no place for it."""
    said = {name: value for name, value in properties.items() if not name.endswith(("_ref", "_refs"))}
    referred = [name for name in properties if name not in said and name not in ("from_refs", "to_refs")]
    match kind:
        case "wallet":
            made = _wallet(said, uuid)
        case "phone-number":
            made = Written("", attribute("phone-number", said["value"], uuid), [])
        case "media-hash":
            made = _media_hash(said, uuid)
        case "bank-account":
            made = _bank_account(said, uuid)
        case "drone":
            made = _from_fields("uav", _UAV, said, uuid)
        case "transfer":
            made = _transfer(said, uuid)
        case "social-account":
            made = _social_account(said, uuid)
        case _:
            return None
    if made.name and not made.record["Attribute"]:
        return None
    return made._replace(unsaid=[*made.unsaid, *referred])


def _from_fields(name: str, fields: Fields, said: Json, uuid: str) -> Written:
    known = {prop: (relation, kind) for relation, (prop, kind) in fields.items()}
    rows = ((*known[prop], str(value)) for prop, value in said.items() if prop in known)
    implied = _IMPLIED.get(name, {})
    unsaid = [prop for prop in said if prop not in known and implied.get(prop) != said[prop]]
    return Written(name, composite(name, uuid, rows), unsaid)


def _wallet(said: Json, uuid: str) -> Written:
    network = said.get("network")
    relation, kind = {"bitcoin": ("address", "btc"), "monero": ("address-xmr", "xmr")}.get(
        str(network), ("address-crypto", "text")
    )
    rows = [(relation, kind, str(said["address"]))]
    if network is not None:
        rows.append(("symbol", "text", SYMBOLS.get(network, network)))
    return Written("coin-address", composite("coin-address", uuid, iter(rows)), [])


def _media_hash(said: Json, uuid: str) -> Written:
    algorithm, digest = said["algorithm"], said["value"]
    unsaid = [name for name in said if name not in ("algorithm", "value")]
    if algorithm in _ATTRIBUTES:
        return Written("", attribute(algorithm, digest, uuid), unsaid)
    unsaid += [] if algorithm in _OTHER_HASHES else ["algorithm"]
    return Written("", attribute("other", f"{algorithm}:{digest}", uuid), unsaid)


def _bank_account(said: Json, uuid: str) -> Written:
    routing = said.get("bank_code") if said.get("country") == "US" else None
    left = {name: value for name, value in said.items() if routing is None or name not in ("bank_code", "country")}
    made = _from_fields("bank-account", _BANK, left, uuid)
    if routing is not None:
        made.record["Attribute"].append(within(uuid, "aba-rtn", "aba-rtn", routing))
    return made


def _transfer(said: Json, uuid: str) -> Written:
    if "hash" not in said:
        return _from_fields("transaction", _MONEY, said, uuid)
    network = said.get("network")
    made = _from_fields("cryptocurrency-transaction", _COIN, said, uuid)
    told = network is not None and _NETWORKS.get(str(said.get("currency"))) == network
    return made._replace(unsaid=[one for one in made.unsaid if one != "network" or not told])


def _social_account(said: Json, uuid: str) -> Written:
    """As the platform's own object where that can say everything, else as a user account."""
    if said["platform"] in SOCIAL:
        name, fields = SOCIAL[said["platform"]]
        made = _from_fields(name, fields, said, uuid)
        if not made.unsaid:
            return made
    return _from_fields("user-account", _USER, said, uuid)
