"""The rules on observables: their ids, and the forms of their values (STIX 2.1 section 6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Interface, IPv6Interface

from titian.core.stix.identifier import ID_CONTRIBUTING, observable_id
from titian.core.stix.object_rules import Json
from titian.core.stix.rules import FINE, Rule

_VERSIONING = ("created_by_ref", "created", "modified", "revoked")


def versioned_observable(type: str) -> Rule:
    """An observable with versioning properties has no deterministic id: others could never version it."""

    def find(value: Json) -> Sequence[str]:
        if value.keys().isdisjoint(_VERSIONING):
            return FINE
        identifier = value["id"]
        return (".id",) if identifier == observable_id(type, value) else FINE

    return Rule(
        name="versioned-observable",
        clause="3.6",
        message="Give an observable that has created or modified an id outside the deterministic namespace.",
        find=find,
        reads=("id", *_VERSIONING, *ID_CONTRIBUTING[type]),
    )


def random_id(type: str) -> Rule:
    """An observable without any ID-contributing property has a UUIDv4."""
    contributing = ID_CONTRIBUTING[type]
    at_version = len(type) + 2 + len("xxxxxxxx-xxxx-")

    def find(value: Json) -> Sequence[str]:
        if value.keys().isdisjoint(contributing) and value["id"][at_version : at_version + 1] != "4":
            return (".id",)
        return FINE

    return Rule(
        name="random-id",
        clause="2.9",
        message="Use a UUIDv4 where no ID-contributing property is present.",
        find=find,
        reads=("id", *contributing),
        tolerable=True,
    )


# --- forms of values; defanged ones are not held to them ---


def _form(name: str, clause: str, message: str, is_well_formed: Callable[[str], bool]) -> Rule:
    def find(value: Json) -> Sequence[str]:
        fine = value.get("defanged") is True or is_well_formed(value["value"])
        return FINE if fine else (".value",)

    return Rule(name=name, clause=clause, message=message, find=find, reads=("value", "defanged"), tolerable=True)


def _is_network(text: str, kind: type[IPv4Interface] | type[IPv6Interface]) -> bool:
    if "%" in text or len(text) > 64:
        return False
    try:
        kind(text)
    except ValueError:
        return False
    return True


_LABEL = r"(?:[^\W]|[_*])(?:[\w-]{0,61}[\w])?"
_is_domain_name = re.compile(rf"(?:{_LABEL}\.){{0,126}}{_LABEL}\.?").fullmatch
_is_email_address = re.compile(r'(?:[^\s"<>@]{1,256}|"[^"\r\n]{1,256}")@[^\s"<>@]{1,256}').fullmatch
_is_url = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,63}:[^\s<>\"{}|\\^`\x00-\x20]+").fullmatch

IPV4_FORM = _form(
    "ip-address",
    "6.8",
    "Write IPv4 addresses in CIDR notation, such as 198.51.100.0/24.",
    lambda text: _is_network(text, IPv4Interface),
)
IPV6_FORM = _form(
    "ip-address",
    "6.9",
    "Write IPv6 addresses in CIDR notation, such as 2001:db8::/96.",
    lambda text: _is_network(text, IPv6Interface),
)
DOMAIN_NAME_FORM = _form(
    "domain-name",
    "6.4",
    "Write a domain name of RFC 1034 and RFC 5890: labels of at most 63 characters joined by dots.",
    lambda text: len(text) <= 254 and _is_domain_name(text) is not None,
)
EMAIL_ADDRESS_FORM = _form(
    "email-address",
    "6.5",
    "Write the address alone (RFC 5322 addr-spec); a name belongs into display_name.",
    lambda text: _is_email_address(text) is not None,
)
URL_FORM = _form(
    "url-form",
    "6.15",
    "Write a URL of RFC 3986 with its scheme; percent-encode what it may not hold.",
    lambda text: _is_url(text) is not None,
)
