"""Peers: the cards by which nodes know each other's keys. And the keys that this node signs with."""

from __future__ import annotations

from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.errors import InvalidInput, TitianError, TooLarge
from titian.core.notes import to_base64
from titian.core.peer import LARGEST
from titian.core.people import Permission
from titian.core.signing import Role
from titian.node import Node
from titian.web.console.admin_parts import LONGEST_WHY, admin_page, again, said
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import headers, redirect
from titian.web.console.words import N_

PEERS: Final = "/admin/peers"
SIGNING: Final = "/admin/signing"
ROLES: Final = {
    Role.LOG: N_("Signs our ledgers and our card"),
    Role.WITNESS: N_("Cosigns the ledgers of others"),
}
OVERLAPS: Final = (0, 1, 7, 30)
"""Days that an old signing key can go on beside a new one."""
_MOST_DAYS: Final = 365
_DONE: Final = {
    "added": N_("The card is held, and its fingerprint was compared."),
    "unchecked": N_("The card is held. Compare its fingerprint with the other side by telephone, then say so here."),
    "removed": N_("The card is forgotten: nothing that its keys sign is believed any more."),
    "rotated": N_("A new key signs from now on. Hand out our new card."),
    "compromised": N_("The key never signs again. Tell every partner by telephone, and hand out our new card."),
}


@get(PEERS, sync_to_thread=True)
def peers(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Our card, and the cards that are held."""
    analyst.require(Permission.READ)
    return _peers(request, analyst, node, done=said(analyst, request, _DONE))


def _peers(request: AnyRequest, analyst: Analyst, node: Node, **values: Any) -> ASGIResponse:
    known, ours, unable = node.agreements.read().directory.parties, None, ""
    try:
        ours = node.peers.ours()
    except TitianError as error:
        unable = str(error)
    return admin_page(
        request, analyst, PEERS, "peers.html", ours=ours, unable=unable, known=known, peers=node.peers.list(),
        names={one.id: one.name for one in node.people.list()}, **values,
    )  # fmt: skip


@get(PEERS + "/ours.card", sync_to_thread=True)
def our_card(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Our card as a file, signed now; ``url`` is where partners reach this node, if they do."""
    analyst.require(Permission.READ)
    url = request.query_params.get("url", "").strip()
    if url:
        # Partners' nodes will ask there: whoever signs an address decides whom they trust.
        analyst.require(Permission.MANAGE_KEYS)
    signed = node.peers.ours(url or None)
    told = {"content-type": "text/plain; charset=utf-8", "content-disposition": 'attachment; filename="ours.card"'}
    return ASGIResponse(body=signed.encode(), headers=headers() | told)


@post(PEERS, status_code=200, sync_to_thread=True)
def add_peer(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Hold a card that was handed over."""
    analyst.require(Permission.MANAGE_KEYS)
    try:
        added = node.peers.add(
            _card(analyst, form), by=analyst.actor, checked=form.given("checked"), replace=form.given("replace")
        )
    except TitianError as error:
        return _peers(request, analyst, node, **again(error, form))
    return redirect(f"{PEERS}?done={'added' if added.peer.checked else 'unchecked'}")


def _card(analyst: Analyst, form: Form) -> bytes:
    upload, text = form.upload("file"), form.raw("card")
    # What is pasted ends as the node writes it: a text box adds spaces and lines.
    data = upload.body if upload is not None else f"{text.strip()}\n".encode(errors="replace")
    if len(data) > LARGEST:
        raise TooLarge(f"A card has {LARGEST:,} bytes at most.")
    if not data.strip():
        raise InvalidInput(analyst.gettext("Choose the file of a card, or paste its text."))
    return data


@post(PEERS + "/change", status_code=200, sync_to_thread=True)
def change_peer(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Say that a held card's fingerprint was compared, or forget the card."""
    analyst.require(Permission.MANAGE_KEYS)
    party = form.text("party", most=200)
    try:
        if form.text("act", most=20) == "remove":
            node.peers.remove(party, by=analyst.actor, why=form.text("why", most=LONGEST_WHY))
            return redirect(f"{PEERS}?done=removed")
        held = node.peers.get(party)
        if held is None or held.card.fingerprint != form.text("fingerprint", most=100):
            raise InvalidInput(analyst.gettext("The card has changed meanwhile: compare its fingerprint again."))
        node.peers.add(held.signed.encode(), by=analyst.actor, checked=True)
    except TitianError as error:
        return _peers(request, analyst, node, **again(error, form))
    return redirect(f"{PEERS}?done=added")


@get(SIGNING, sync_to_thread=True)
def signing(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Every key that this node has signed with."""
    analyst.require(Permission.READ)
    return _signing(request, analyst, node, done=said(analyst, request, _DONE))


def _signing(request: AnyRequest, analyst: Analyst, node: Node, **values: Any) -> ASGIResponse:
    current = {key.num for role in Role for key in node.signing.current(role)}
    return admin_page(
        request, analyst, SIGNING, "signing.html", keys=list(reversed(node.signing.list())), current=current,
        role_name={role: analyst.gettext(text) for role, text in ROLES.items()},
        roles=[(role.value, analyst.gettext(text)) for role, text in ROLES.items()], base64=to_base64,
        overlaps=[(str(days), analyst.formats.span(days * 86_400_000_000)) for days in OVERLAPS], **values,
    )  # fmt: skip


@post(SIGNING, status_code=200, sync_to_thread=True)
def change_signing(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Let a new key sign, or let a key never sign again."""
    analyst.require(Permission.MANAGE_KEYS)
    act, why = form.text("act", most=20), form.text("why", most=LONGEST_WHY)
    try:
        if act == "rotate":
            role, days = form.text("role", most=20), form.number("overlap", 7)
            if role not in set(Role) or not 0 <= days <= _MOST_DAYS:
                raise InvalidInput(analyst.gettext("Choose which key, and for how long the old one goes on."))
            node.signing.rotate(Role(role), days * 86_400, by=analyst.actor, why=why)
            return redirect(f"{SIGNING}?done=rotated")
        if act == "compromised":
            node.signing.compromised(form.number("num", 0), by=analyst.actor, why=why)
            return redirect(f"{SIGNING}?done=compromised")
        raise InvalidInput(analyst.gettext("Choose what to do."))
    except TitianError as error:
        return _signing(request, analyst, node, **again(error, form))


def peer_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [peers, our_card, add_peer, change_peer, signing, change_signing]
    return handlers
