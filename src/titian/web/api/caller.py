"""Who calls the API: a person with a session, a key of this organisation, or a partner's key. Fails closed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from litestar.di import NamedDependency

from titian.core.access import Key, Role
from titian.core.errors import Forbidden, InvalidInput
from titian.core.people import PERMISSIONS, Actor, Duty, Permission, Session, permitting
from titian.core.search import ORGANISATION, Viewer
from titian.node import Node
from titian.store.view import PartnerView
from titian.web.access import Door, header_lines
from titian.web.console.guard import HEADER, AnyRequest, Forged, Guard, check_origin
from titian.web.errors import NotAcceptable, UnsupportedMediaType
from titian.web.jobs import OF_KEY

CALLER: Final = "caller"
"""Where the caller lies in the state of a request."""

KEYS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.READER: frozenset({Permission.READ}),
        Role.WRITER: frozenset({Permission.READ, Permission.WRITE}),
        Role.ADMIN: frozenset({Permission.READ, Permission.WRITE}),
    }
)
"""What a key of this organisation's own may do. What a person has to answer for, no key does: mark, preview, release,
decide, audit, and look after people, keys and agreements. Who makes keys gains nothing by making an admin key that
they may not do themselves but to write, which the record of acts says of that key."""

_SAFE: Final = frozenset({"GET", "HEAD"})
_TYPES: Final = frozenset({"application/json", "application/stix+json"})
_ANSWERS: Final = frozenset(
    {
        "application/json", "application/problem+json", "application/stix+json", "text/event-stream", "text/html",
        "text/plain", "application/x-ndjson", "application/*", "text/*", "*/*",
    }
)  # fmt: skip


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Who may use a route: whoever has a ``permission``, but only a ``person``, or of keys only an admin's
    (``inside``). ``anyone`` takes partners' keys too, and those for one collection: they see what their collections
    hold. ``opened`` asks for nobody."""

    permission: Permission = Permission.READ
    person: bool = False
    inside: bool = False
    anyone: bool = False
    opened: bool = False


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls. ``view`` and ``key`` are there for a key, ``session`` for a person."""

    actor: Actor
    viewer: Viewer
    permissions: frozenset[Permission]
    session: Session | None = None
    view: PartnerView | None = None

    @property
    def key(self) -> Key | None:
        """The key, where it is one."""
        return None if self.view is None else self.view.reader

    @property
    def is_partner(self) -> bool:
        """Whether it is the key of another party."""
        return self.key is not None and self.key.party is not None

    @property
    def is_narrow(self) -> bool:
        """Whether it sees some collections and nothing else: a partner's key, and one for a single collection."""
        return self.key is not None and (self.key.party is not None or self.key.collection is not None)

    def may(self, permission: Permission) -> bool:
        """Whether it may do something."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise :class:`Forbidden` where it may not, saying who may."""
        if self.may(permission):
            return
        who = " or ".join(str(duty) for duty in permitting(permission))
        raise Forbidden(f"{self.actor.name} may not {permission.replace('-', ' ')}.",
                        advice=f"Ask somebody who is {who}.")  # fmt: skip

    def admit(self, needs: Needs) -> None:
        """Raise :class:`Forbidden` for a route that is not for this caller."""
        if self.is_narrow:
            if not needs.anyone:
                raise Forbidden("This key opens collections, and nothing else of this node.",
                                advice="GET /api/v1/collections lists them.")  # fmt: skip
            if self.is_partner and needs.permission is not Permission.READ:
                raise Forbidden("The key of a party only reads here.", advice="TAXII takes what it sends back.")
        if self.key is not None and needs.person:
            raise Forbidden("A person has to do this, and no key can.", advice="Sign in at the console.")
        if self.key is not None and needs.inside and self.key.role is not Role.ADMIN:
            raise Forbidden("Of keys, only an admin key may read this.", advice="Sign in at the console.")
        self.require(needs.permission)


Called = NamedDependency[Caller]
"""How a handler asks for its caller."""


class Entrance:
    """Admits calls, before anything else is done for them."""

    def __init__(self, node: Node, guard: Guard, door: Door) -> None:
        self._node = node
        self._guard = guard
        self._door = door

    def __call__(self, request: AnyRequest) -> None:
        """Let a call through, or raise what is wrong with it, before anything of it is read."""
        _check_text(request)
        _check_media(request)
        needs: Needs = request.route_handler.opt["needs"]
        if needs.opened:
            return
        caller = self._caller(request)
        caller.admit(needs)
        request.scope["state"][CALLER] = caller
        request.scope["state"]["body_seconds"] = self._node.settings.body_seconds

    def _caller(self, request: AnyRequest) -> Caller:
        if request.method not in _SAFE:
            check_origin(request)
        if header_lines(request, b"authorization"):
            return of_key(self._door.admit(request, taxii=False))
        analyst = self._guard.analyst(request)
        if request.method not in _SAFE and not analyst.owns(request.headers.get(HEADER, "")):
            raise Forged("The header X-CSRF-Token is missing or not of this session.",
                         advice="GET /api/v1/session gives a token.")  # fmt: skip
        request.scope["state"]["csrf"] = analyst.csrf
        duty = analyst.actor.duty
        return Caller(
            actor=analyst.actor, viewer=ORGANISATION, session=analyst.session,
            permissions=frozenset() if duty is None else PERMISSIONS[duty],
        )  # fmt: skip


def of_key(view: PartnerView) -> Caller:
    """The caller that the holder of a key is."""
    key = view.reader
    permissions = KEYS[Role.READER] if key.party is not None else KEYS[key.role]
    # Verbs ask an actor for its duty once more. One without is a local operator, who may much more than a key.
    duty = Duty.ANALYST if Permission.WRITE in permissions else Duty.AUDITOR
    return Caller(
        actor=Actor(f"{OF_KEY}{key.id}", key.name, duty), viewer=Viewer.of(key), permissions=permissions, view=view
    )


def provide_caller(request: AnyRequest, node: NamedDependency[Node]) -> Caller:
    """The caller that the entrance has let in.

    It asks for the node, so that the framework provides one after the other: for two at the same time it starts tasks,
    which takes longer than both.
    """
    found: Caller = request.scope["state"][CALLER]
    return found


def _check_text(request: AnyRequest) -> None:
    """Refuse text that no database and no answer can hold."""
    query = request.scope["query_string"]
    if b"%" in query:
        query = unquote_to_bytes(query)
    try:
        query.decode("utf-8")
        request.scope["path"].encode("utf-8")
    except UnicodeError:
        raise InvalidInput("The address is not valid UTF-8.") from None
    if b"\x00" in query:
        raise InvalidInput("The address holds a NUL.")


def _check_media(request: AnyRequest) -> None:
    if not _accepted(", ".join(header_lines(request, b"accept"))):
        raise NotAcceptable("This endpoint speaks application/json only.")
    if request.method in _SAFE:
        return
    headers = request.headers
    if headers.get("transfer-encoding") is not None or headers.get("content-length", "") not in {"", "0"}:
        kind, _, rest = headers.get("content-type", "").partition(";")
        if kind.strip().lower() not in _TYPES or ("charset" in rest.lower() and "utf-8" not in rest.lower()):
            raise UnsupportedMediaType("The body has to be application/json in UTF-8.")


@lru_cache(256)
def _accepted(accept: str) -> bool:
    return not accept or any(_wanted(part) for part in accept.split(","))


def _wanted(part: str) -> bool:
    kind, *rest = (one.strip().lower() for one in part.split(";"))
    refused = any(one.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for one in rest)
    return kind in _ANSWERS and not refused
