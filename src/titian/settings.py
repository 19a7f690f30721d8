"""Everything about a node that an administrator can set: one frozen object, each field a row with its help.

Read once at the face from ``titian.toml`` in the node's home and from the environment, then passed down.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from titian.core.errors import InvalidInput
from titian.core.recall import Policy

FILE: Final = "titian.toml"
ENVIRONMENT: Final = "TITIAN_"

Positive = Annotated[int, Meta(ge=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a node. ``TITIAN_<NAME>`` in the environment wins over ``titian.toml``."""

    database: Annotated[
        str, Meta(description="Address of the database; empty for the SQLite file `titian.db` in the home.")
    ] = ""
    contact: Annotated[str, Meta(description="Whom a partner can ask; shown in the TAXII discovery.")] = ""
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(description="Host names this node answers to, besides localhost and numeric addresses."),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks of the proxies before this node, such as 10.0.0.5 or 10.0.0.0/24: wrong "
            "keys and attempts to sign in are counted by the address that they tell in X-Forwarded-For."
        ),
    ] = ()
    max_content_length: Annotated[
        int, Meta(ge=1024, description="Largest request body in bytes; a larger one gets 413.")
    ] = 64 << 20
    objects_per_request: Annotated[
        int, Meta(ge=1, description="Objects in one request at most; more of them get 413.")
    ] = 100_000
    body_seconds: Annotated[int, Meta(ge=1, description="Seconds that a request may take to send its body.")] = 120
    pending_from: Annotated[
        int,
        Meta(
            ge=0,
            description="Bodies from this many bytes on are answered `pending` and worked on afterwards.",
        ),
    ] = 8 << 20
    page_limit: Annotated[
        int, Meta(ge=1, le=10_000, description="Objects on a page when the reader names no limit.")
    ] = 1000
    page_limit_max: Annotated[
        int, Meta(ge=1, le=10_000, description="Objects on a page at most, whatever is asked for.")
    ] = 5000
    page_cache_bytes: Annotated[int, Meta(ge=0, description="Memory of one worker for pages it has just sent.")] = (
        32 << 20
    )
    requests_per_second: Annotated[
        int, Meta(ge=0, description="Sustained requests a second of one key in one worker; 0 for no limit.")
    ] = 1000
    requests_burst: Annotated[
        int, Meta(ge=1, description="Requests a key may make at once before the sustained limit holds.")
    ] = 30_000
    failed_logins_per_minute: Annotated[
        int, Meta(ge=1, description="Wrong keys from one address in a minute before it is told to wait.")
    ] = 300
    on_recall: Annotated[
        Policy,
        Meta(
            description="What becomes of received objects that their sender recalls, where no subscription says "
            "otherwise: apply, flag or keep."
        ),
    ] = Policy.FLAG
    oidc_issuer: Annotated[
        str, Meta(description="Address of an OpenID Connect provider that people may sign in with.")
    ] = ""
    oidc_client_id: Annotated[str, Meta(description="This node's client identifier at that provider.")] = ""
    oidc_client_secret: Annotated[
        str, Meta(description="Its client secret there; empty for a public client, which PKCE protects.")
    ] = ""
    oidc_hosts: Annotated[
        tuple[str, ...], Meta(description="Other hosts of the provider: those of its token endpoint and its keys.")
    ] = ()
    console: Annotated[
        bool, Meta(description="Whether this node has pages for people and the JSON API, and not TAXII alone.")
    ] = True
    language: Annotated[
        str, Meta(description="Language of the console where neither the person nor the browser names one.")
    ] = "en"
    time_zone: Annotated[
        str, Meta(description="Time zone of the console where the person chose none, such as Asia/Jakarta.")
    ] = "UTC"
    sign_ins_per_minute: Annotated[
        int, Meta(ge=1, description="Attempts to sign in from one address in a minute before it is told to wait.")
    ] = 20
    match_values_per_day: Annotated[
        int, Meta(ge=0, description="Values of one kind that one partner may ask about in a day by private matching.")
    ] = 1_000_000
    match_listable_values_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="The same for kinds of which every value can be listed: phone numbers, accounts, IP "
            "addresses, addresses of pages.",
        ),
    ] = 10_000
    log_level: Annotated[
        str,
        Meta(pattern="^(debug|info|warning|error)$", description="What is logged: debug, info, warning, error."),
    ] = "info"
    log_format: Annotated[
        str, Meta(pattern="^(json|console)$", description="json, or console for a person's eyes.")
    ] = "json"


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address_of(text: str) -> Address | None:
    """An IP address; ``None`` for what is none. An IPv4 address in the clothes of IPv6 is that IPv4 address.

    >>> str(address_of("::ffff:10.0.0.1")), address_of("node.example")
    ('10.0.0.1', None)
    """
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks of ``trusted_proxies``; an address is one of its own. Raises :class:`InvalidInput`."""
    try:
        return tuple(ipaddress.ip_network(one) for one in texts)
    except ValueError as error:
        raise InvalidInput(
            f"trusted_proxies: {error}.", advice="Give addresses or networks, such as 10.0.0.5 or 10.0.0.0/24."
        ) from error


class Origin(StrEnum):
    """Where the value of a setting comes from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


SECRETS: Final = frozenset({"database", "oidc_client_secret"})
"""Settings that can hold a password: no page shows them."""


class Row(msgspec.Struct, frozen=True):
    """One setting as documentation shows it."""

    name: str
    default: str
    help: str


def rows() -> list[Row]:
    """Every setting with its default and help, for the documentation and ``titian check``."""
    hints = get_type_hints(Settings, include_extras=True)
    table = []
    for field in msgspec.structs.fields(Settings):
        help_text = next(
            (meta.description for meta in get_args(hints[field.name]) if isinstance(meta, Meta) and meta.description),
            "",
        )
        table.append(Row(field.name, msgspec.json.encode(field.default).decode(), help_text))
    return table


def origins(home: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Origin]:
    """Where the value of each setting of the node in ``home`` comes from, by the setting's name."""
    try:
        held = tomllib.loads((home / FILE).read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        held = {}
    found = {}
    for field in msgspec.structs.fields(Settings):
        if ENVIRONMENT + field.name.upper() in environment:
            found[field.name] = Origin.ENVIRONMENT
        else:
            found[field.name] = Origin.FILE if field.name in held else Origin.DEFAULT
    return found


def read_settings(home: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of the node in ``home``. Raises :class:`InvalidInput` naming what is wrong."""
    path = home / FILE
    values: dict[str, Any] = {}
    if path.exists():
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path} is not valid TOML: {error}.") from error
    hints = get_type_hints(Settings, include_extras=True)
    for name, hint in hints.items():
        text = environment.get(ENVIRONMENT + name.upper())
        if text is not None:
            values[name] = _typed(text, get_args(hint)[0])
    try:
        made = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"A setting in {path} or the environment cannot be used: {error}.",
            advice="`titian check` and the reference list the settings.",
        ) from error
    networks(made.trusted_proxies)
    return made


def _typed(text: str, kind: Any) -> object:
    """A value from the environment, of the kind its setting wants where it is written so."""
    if get_origin(kind) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind is int and text.isascii() and text.isdigit():
        return int(text)
    return text


def write_settings(home: Path, values: Mapping[str, str]) -> None:
    """Write ``titian.toml`` for a new node, readable by its owner only: a database address can hold a password."""
    lines = ["# The settings of this node; the reference lists them all.\n"]
    lines += [f"{name} = {msgspec.json.encode(value).decode()}\n" for name, value in values.items() if value]
    path = home / FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(lines)
