"""Keys of partners and tools, and the collections that they open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.access import Role
from titian.core.collection import Kind
from titian.core.errors import InvalidInput, TitianError
from titian.core.people import Permission
from titian.node import Node
from titian.web.console.admin_parts import LONGEST_WHY, admin_page, again, said
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import redirect
from titian.web.console.words import N_

KEYS: Final = "/admin/keys"
COLLECTIONS: Final = "/admin/collections"
ROLES: Final = {
    Role.READER: N_("Reader: reads"),
    Role.WRITER: N_("Writer: also adds and deletes"),
    Role.ADMIN: N_("Admin: also sees figures of the node"),
}
KINDS: Final[Mapping[Kind, str]] = {
    Kind.OWN: N_("our own"),
    Kind.RECEIVED: N_("received"),
    Kind.RELEASED: N_("released"),
    Kind.DIRECTORY: N_("directory"),
}
_DONE: Final = {
    "revoked": N_("The key opens nothing any more."),
    "added": N_("The collection is added."),
}


@get(KEYS, sync_to_thread=True)
def keys(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """The keys, without the keys themselves."""
    analyst.require(Permission.READ)
    return _keys(request, analyst, node, done=said(analyst, request, _DONE))


def _keys(request: AnyRequest, analyst: Analyst, node: Node, **values: Any) -> ASGIResponse:
    register, collections = node.agreements.read(), node.collections.all()
    parties = sorted(register.directory.parties.values(), key=lambda one: one.name.casefold())
    return admin_page(
        request, analyst, KEYS, "keys.html",
        keys=sorted(node.keys.list(), key=lambda one: (one.revoked is not None, -one.created)),
        collections={one.num: one.name for one in collections}, label=register.label,
        roles=[(role.value, analyst.gettext(text)) for role, text in ROLES.items()],
        role_name={role: analyst.gettext(text) for role, text in ROLES.items()},
        parties=[(one.id, one.alias or one.name) for one in parties if one.id != node.record.identity],
        choices=[(one.id, one.name) for one in collections if one.kind is not Kind.DIRECTORY], **values,
    )  # fmt: skip


@post(KEYS, status_code=200, sync_to_thread=True)
def add_key(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Make a key, and show it this once."""
    analyst.require(Permission.MANAGE_KEYS)
    try:
        role = form.text("role", most=20)
        if role not in {one.value for one in Role}:
            raise InvalidInput(analyst.gettext("Choose a role."))
        reference, whose = form.text("collection", most=200), form.text("party", most=200)
        collection = node.collections.find(reference) if reference else None
        party = node.agreements.read().party(whose) if whose else None
        key, secret = node.keys.add(
            form.text("name", most=200), Role(role), collection=collection, party=None if party is None else party.id,
            by=analyst.actor,
        )  # fmt: skip
    except TitianError as error:
        return _keys(request, analyst, node, **again(error, form))
    return admin_page(request, analyst, KEYS, "key_once.html", key=key, secret=secret,
                      party=None if party is None else party.name)  # fmt: skip


@post(KEYS + "/revoke", status_code=200, sync_to_thread=True)
def revoke_key(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Revoke a key: it is refused from the next request on."""
    analyst.require(Permission.MANAGE_KEYS)
    try:
        node.keys.revoke(form.text("name", most=200), why=form.text("why", most=LONGEST_WHY), by=analyst.actor)
    except TitianError as error:
        return _keys(request, analyst, node, **again(error, form))
    return redirect(f"{KEYS}?done=revoked")


@get(COLLECTIONS, sync_to_thread=True)
def collections(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Every collection. What each holds is not counted here: that costs more, the more there is."""
    analyst.require(Permission.READ)
    return _collections(request, analyst, node, done=said(analyst, request, _DONE))


def _collections(request: AnyRequest, analyst: Analyst, node: Node, **values: Any) -> ASGIResponse:
    register = node.agreements.read()
    parties = sorted(register.directory.parties.values(), key=lambda one: one.name.casefold())
    return admin_page(
        request, analyst, COLLECTIONS, "collections.html", collections=node.collections.all(), label=register.label,
        agreements={one.id: register.aliases.get(one.id) or one.name for one in register.directory.agreements.values()},
        kinds={kind: analyst.gettext(text) for kind, text in KINDS.items()},
        parties=[(one.id, one.alias or one.name) for one in parties if one.id != node.record.identity], **values,
    )  # fmt: skip


@post(COLLECTIONS, status_code=200, sync_to_thread=True)
def add_collection(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Add a collection."""
    analyst.require(Permission.WRITE)
    try:
        sender = form.text("party", most=200)
        node.collections.add(
            form.text("name", most=200), description=form.text("description", most=2000) or None,
            alias=form.text("alias", most=100) or None, readable=form.given("readable"),
            writable=form.given("writable"), by=analyst.actor,
            received_from=node.agreements.read().party(sender).id if sender else None,
        )  # fmt: skip
    except TitianError as error:
        return _collections(request, analyst, node, **again(error, form))
    return redirect(f"{COLLECTIONS}?done=added")


def key_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [keys, add_key, revoke_key, collections, add_collection]
    return handlers
