"""What can be screened for in one STIX object: its values, and the names under which it holds somebody.

Read are STIX's observables, the observables of our extensions, those of MISP and OpenCTI that have no home in STIX,
and what patterns of indicators compare with. The object is taken as it is: what has another shape than expected is
passed over, so that one odd object hides no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from titian.core.screening import Facts, HeldName, Value, ValueKind
from titian.core.stix.extension_parts import PERSON_FACTS_EXTENSION
from titian.screen.values.accounts import account_anywhere, account_of_url
from titian.screen.values.digests import read_hash
from titian.screen.values.misp import misp_values
from titian.screen.values.nfts import nft_value
from titian.screen.values.patterns import comparisons
from titian.screen.values.people import name_value
from titian.screen.values.reading import read_value, read_values
from titian.screen.values.text import text_value, tidied

Json = Mapping[str, Any]

_VALUED: Final[Mapping[str, ValueKind]] = {
    "ipv4-addr": ValueKind.IP,
    "ipv6-addr": ValueKind.IP,
    "domain-name": ValueKind.DOMAIN,
    "hostname": ValueKind.DOMAIN,
    "url": ValueKind.URL,
    "email-addr": ValueKind.EMAIL,
    "phone-number": ValueKind.PHONE,
    "mac-addr": ValueKind.TEXT,
    "cryptocurrency-wallet": ValueKind.WALLET,
}
"""Types whose ``value`` is what they are, those of OpenCTI (``x-opencti-…``) among them."""

_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "file": ("name",),
    "mutex": ("name",),
    "windows-registry-key": ("key",),
    "malware": ("name", "aliases"),
    "tool": ("name", "aliases"),
    "infrastructure": ("name", "aliases"),
    "vulnerability": ("name",),
    "x509-certificate": ("serial_number",),
}
"""Properties that are compared as texts."""

_SYSTEMS: Final = frozenset({"unix", "windows-local", "windows-domain", "ldap", "tacacs", "radius", "nis"})
"""Types of user accounts on computers: a login such as ``root`` is no value that identifies anybody."""


def of_object(obj: Json) -> Iterator[Value]:
    """Yield every value that can be screened for in one STIX object, each once. Names of people are not among them.

    Never raises for what the object holds: a value that is wrong as what it should be is a text.

    >>> [one.canonical for one in of_object({"type": "domain-name", "value": "Evil.Example"})]
    ['evil.example']
    """
    seen: set[tuple[ValueKind, str]] = set()
    for value in _values(obj):
        key = (value.kind, value.canonical)
        if key not in seen and value.canonical:
            seen.add(key)
            yield value


def _values(obj: Json) -> Iterator[Value]:
    kind = obj.get("type")
    if not isinstance(kind, str):
        return
    plain = kind.removeprefix("x-opencti-")
    if plain in _VALUED:
        yield from _read(obj.get("value"), _VALUED[plain])
        if plain == "url":
            yield from _account_of(obj.get("value"))
    for name in _TEXTS.get(kind, ()):
        yield from _texts(obj.get(name))
    yield from _hashes(obj.get("hashes"))
    reader = _BY_TYPE.get(plain)
    if reader is not None:
        yield from reader(obj)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        yield from (one for one in value if isinstance(one, str))


def _read(value: Any, kind: ValueKind | None) -> Iterator[Value]:
    for text in _strings(value):
        yield from read_values((text,), kind)[0].values


def _texts(value: Any) -> Iterator[Value]:
    for text in _strings(value):
        yield text_value(tidied(text).text)


def _account_of(value: Any) -> Iterator[Value]:
    """The account that a URL is of, if it is of nothing else: a page that somebody posted does not hold the account."""
    for text in _strings(value):
        account = account_of_url(tidied(text).text)
        if account is not None and account.whole:
            yield account.value


def _hashes(value: Any) -> Iterator[Value]:
    if isinstance(value, Mapping):
        for algorithm, text in value.items():
            if isinstance(algorithm, str) and isinstance(text, str):
                yield from _hash(algorithm, text)


def _hash(algorithm: str, text: str) -> Iterator[Value]:
    tidy = tidied(text).text
    yield from read_hash(tidy, algorithm).values or (text_value(tidy),)


# --- types of ours, and of others ---------------------------------------------------------------------------


def _wallet(obj: Json) -> Iterator[Value]:
    yield from _read(obj.get("address"), ValueKind.WALLET)
    yield from _read(obj.get("addresses"), ValueKind.WALLET)


def _transfer(obj: Json) -> Iterator[Value]:
    yield from _read(obj.get("hash"), ValueKind.HASH)


def _nft(obj: Json) -> Iterator[Value]:
    network, contract, token = (obj.get(name) for name in ("network", "contract", "token_id"))
    if isinstance(contract, str):
        chain = network if isinstance(network, str) else "ethereum"
        value = nft_value(chain, tidied(contract).text, token if isinstance(token, str) else "")
        yield text_value(tidied(contract).text) if value is None else value


def _bank_account(obj: Json) -> Iterator[Value]:
    yield from _read(obj.get("iban"), ValueKind.IBAN)
    for name in ("number", "account_number"):
        yield from _texts(obj.get(name))


def _drone(obj: Json) -> Iterator[Value]:
    yield from _read_as("serial", obj.get("serial_number"))
    for name in ("registration", "operator_id"):
        yield from _read_as("registration", obj.get(name))
    for text in _strings(obj.get("remote_id")):
        read = read_value(text, ValueKind.DRONE)
        yield from read.values if read.problem is None else _read_as("session", text)


def _read_as(form: str, value: Any) -> Iterator[Value]:
    for text in _strings(value):
        yield from read_value(f"{form}:{tidied(text).text}", ValueKind.DRONE).values


def _social_account(obj: Json) -> Iterator[Value]:
    platform = obj.get("platform") if obj.get("type") == "social-account" else obj.get("account_type")
    yield from _account(
        platform if isinstance(platform, str) else "",
        obj.get("user_id"),
        (*_strings(obj.get("account_login")), *_strings(obj.get("username"))),
    )
    for text in _strings(obj.get("url")):
        yield from read_value(text, ValueKind.URL).values
        yield from _account_of(text)


def _user_account(obj: Json) -> Iterator[Value]:
    if obj.get("account_type") not in _SYSTEMS:
        yield from _social_account(obj)
        for name in ("user_id", "account_login"):
            for text in _strings(obj.get(name)):
                yield from (one for one in read_value(text).values if one.kind in (ValueKind.EMAIL, ValueKind.PHONE))


def _account(platform: str, user_id: Any, names: Iterable[str]) -> Iterator[Value]:
    for part, texts in (("id", _strings(user_id)), ("name", iter(names))):
        for text in texts:
            plain = tidied(text).text.removeprefix("@")
            if platform and plain:
                yield account_anywhere(platform, plain, part)


def _media_hash(obj: Json) -> Iterator[Value]:
    algorithm, value = obj.get("algorithm"), obj.get("value")
    if isinstance(algorithm, str) and isinstance(value, str):
        yield from _hash(algorithm, value)


def _autonomous_system(obj: Json) -> Iterator[Value]:
    number = obj.get("number")
    if isinstance(number, int):
        yield text_value(f"AS{number}")


def _artifact(obj: Json) -> Iterator[Value]:
    yield from _read(obj.get("url"), ValueKind.URL)


def _referral(obj: Json) -> Iterator[Value]:
    yield from _read(obj.get("url"), ValueKind.URL)


def _observed(obj: Json) -> Iterator[Value]:
    """Observables that stand inside observed data, as they did before STIX 2.1."""
    objects = obj.get("objects")
    if isinstance(objects, Mapping):
        for inner in objects.values():
            if isinstance(inner, Mapping) and inner.get("type") != "observed-data":
                yield from _values(inner)


def _indicator(obj: Json) -> Iterator[Value]:
    pattern = obj.get("pattern")
    if isinstance(pattern, str) and obj.get("pattern_type", "stix") == "stix":
        for found in comparisons(pattern):
            yield from _compared(found.type, found.path, found.text)


_HASHED: Final = frozenset({"file", "artifact", "x509-certificate"})


def _compared(kind: str, path: tuple[str, ...], text: str) -> Iterator[Value]:
    """What a comparison is about: the values that an object with this property would have."""
    if kind in _HASHED and path[0] == "hashes" and len(path) == 2:
        yield from _hash(path[1], text)
    elif path[-2:-1] and path[-2].endswith(("_ref", "_refs")) and path[-1] == "value":
        yield from (one for one in read_value(text).values if one.kind in _REFERRED)
    elif len(path) == 1 and kind not in ("indicator", "media-hash", "nft"):
        # A name of its own is enough of an account or token; those of two properties are told by both.
        yield from _values({"type": kind, path[0]: text})


_REFERRED: Final = frozenset({ValueKind.IP, ValueKind.DOMAIN, ValueKind.EMAIL, ValueKind.URL})

_BY_TYPE: Final[Mapping[str, Callable[[Json], Iterator[Value]]]] = {
    "wallet": _wallet,
    "transfer": _transfer,
    "nft": _nft,
    "bank-account": _bank_account,
    "drone": _drone,
    "social-account": _social_account,
    "user-account": _user_account,
    "media-hash": _media_hash,
    "autonomous-system": _autonomous_system,
    "artifact": _artifact,
    "referral": _referral,
    "observed-data": _observed,
    "indicator": _indicator,
    "x-misp-attribute": misp_values,
    "x-misp-object": misp_values,
}


# --- names --------------------------------------------------------------------------------------------------

_ALIASES: Final = ("aliases", "x_opencti_aliases", "x_mitre_aliases")
_NAMED: Final = frozenset({"identity", "threat-actor", "intrusion-set", "campaign"})
_BOTH: Final = (ValueKind.PERSON, ValueKind.ORGANISATION)


def names_of(obj: Json) -> Iterator[HeldName]:
    """Yield the names under which an object holds somebody, each once, with what else is known of them.

    >>> [one.name for one in names_of({"type": "identity", "identity_class": "individual", "name": "Analyst  One"})]
    ['Analyst One']
    """
    kind = obj.get("type")
    if kind == "bank-account":
        found: Iterable[str] = _strings(obj.get("holder"))
    elif isinstance(kind, str) and kind in _NAMED:
        found = [name for key in ("name", *_ALIASES) for name in _strings(obj.get(key))]
    else:
        return
    said = _said(obj)
    facts = _facts(said)
    found = [*found, *(name for fact in _parts(said, "names") for name in _strings(fact.get("name")))]
    seen: set[HeldName] = set()
    for name in found:
        for one in _kinds(obj):
            held = HeldName(one, name_value(tidied(name).text, one).canonical, facts)
            if held not in seen and held.name:
                seen.add(held)
                yield held


def _kinds(obj: Json) -> tuple[ValueKind, ...]:
    kind, named = obj.get("type"), obj.get("identity_class")
    if kind == "identity":
        if named == "individual":
            return (ValueKind.PERSON,)
        return (ValueKind.ORGANISATION,) if named in ("organization", "class", "group", "system") else _BOTH
    if kind == "bank-account":
        return _BOTH
    alone = kind == "threat-actor" and obj.get("resource_level") == "individual"
    return _BOTH if alone else (ValueKind.ORGANISATION,)


def _said(obj: Json) -> Json:
    extensions = obj.get("extensions")
    said = extensions.get(PERSON_FACTS_EXTENSION) if isinstance(extensions, Mapping) else None
    return said if isinstance(said, Mapping) else {}


def _parts(said: Json, name: str) -> Iterator[Json]:
    parts = said.get(name)
    if isinstance(parts, list | tuple):
        yield from (part for part in parts if isinstance(part, Mapping))


def _facts(said: Json) -> Facts:
    documents = [part for name in ("documents", "registrations") for part in _parts(said, name)]
    return Facts(
        births=tuple(_strings(said.get("births"))),
        countries=tuple(_strings(said.get("countries"))),
        documents=tuple(number for part in documents for number in _strings(part.get("number"))),
    )
