"""The node itself: who is calling, people, keys, cards of other nodes, acts, settings, health, live counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, Parameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from titian.core.access import Key, Role
from titian.core.collection import timestamp
from titian.core.errors import Forbidden
from titian.core.health import Finding
from titian.core.job import Progress
from titian.core.passwords import provisioning_uri
from titian.core.peer import LARGEST, Card
from titian.core.people import LOCAL, Duty, Permission, Person
from titian.node import Node
from titian.settings import SECRETS, rows
from titian.web.api.caller import Called, Needs
from titian.web.api.jobs import JobShown, job_shown
from titian.web.api.paging import Page, Paged
from titian.web.api.route import NEEDS, acts, person, reads
from titian.web.api.shapes import (
    Because,
    Count,
    Instant,
    Name,
    PartyNamed,
    Perhaps,
    Reference,
    Shown,
    StixId,
    Why,
    Wish,
    maybe,
    moments,
    named,
)
from titian.web.console.guard import AnyRequest
from titian.web.jobs import Jobs
from titian.web.live import Live

GROUP: Final = "Administration"
SESSION: Final = "Session"
PEERS: Final = "Peers"
INSIDE: Final = Needs(inside=True)
_PEOPLE: Final = person(Permission.MANAGE_PEOPLE)
_KEYS: Final = person(Permission.MANAGE_KEYS)
_HIDDEN: Final = "…"


# ── who is calling ────────────────────────────────────────────────────────────────────────────────────────


class SessionShown(Shown, frozen=True, kw_only=True):
    """Who is calling, and what they may do."""

    kind: Annotated[str, Meta(description="person, key or partner.", examples=["person"])]
    id: str
    name: str
    duty: Annotated[Duty | None, Meta(description="Of a person.")]
    role: Annotated[Role | None, Meta(description="Of a key.")]
    party: Annotated[StixId | None, Meta(description="Whose key it is; null: this organisation's own.")]
    permissions: list[Permission]
    node: str
    expires: Annotated[Instant | None, Meta(description="When a person's session ends.")]
    csrf: Annotated[str | None, Meta(description="For persons: what goes into X-CSRF-Token with every change.")]


@reads("/session", SESSION, Needs(anyone=True))
def session(request: AnyRequest, caller: Called, node: NamedDependency[Node]) -> SessionShown:
    """Who is calling, what they may do, and the token that a browser sends with changes."""
    key, held = caller.key, caller.session
    token = request.scope["state"].get("csrf")
    return SessionShown(
        kind="person" if key is None else "partner" if caller.is_partner else "key", id=caller.actor.id,
        name=caller.actor.name, duty=caller.actor.duty if key is None else None, role=None if key is None else key.role,
        party=None if key is None else key.party, permissions=sorted(caller.permissions), node=node.record.name,
        expires=None if held is None else timestamp(held.expires), csrf=None if token is None else token(),
    )  # fmt: skip


class CountsShown(Shown, frozen=True, kw_only=True):
    """What waits and what arrived, each counted to 10,000 at most."""

    waiting: Annotated[int, Meta(ge=0, description="What the caller may decide on themselves.")]
    approvals: Annotated[int, Meta(ge=0, description="Requests to release that the caller may decide on.")]
    recalls: Annotated[int, Meta(ge=0, description="Recalls of others that wait for an answer.")]
    quarantined: Annotated[int, Meta(ge=0, description="What waits in the quarantine.")]
    arrived: Annotated[int, Meta(ge=0, description="Object versions taken in from partners in the last 24 hours.")]


@reads("/counts", SESSION)
def counts(caller: Called, node: NamedDependency[Node]) -> CountsShown:
    """The live counts, once."""
    return CountsShown(**node.counts.read().of(caller.actor))


@get("/live", tags=[SESSION], opt={NEEDS: Needs(person=True)}, media_type="text/event-stream")
async def live(caller: Called, live: NamedDependency[Live]) -> Stream:
    """The live counts as server-sent events: `counts` with the shape of /counts, at once and when they change."""
    if caller.session is None:
        raise Forbidden("Only persons listen.")
    return Stream(
        live.enter(caller.session), media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )  # fmt: skip


class TypeCounts(Shown, frozen=True, kw_only=True):
    """How many objects of each type the caller may see, in their latest versions."""

    types: dict[str, int]


@reads("/objects-by-type", "Objects", Needs(anyone=True))
def by_type(caller: Called, node: NamedDependency[Node]) -> TypeCounts:
    """Count the objects that the caller may see, by type."""
    return TypeCounts(types=node.reading.counts(caller.viewer))


# ── people ────────────────────────────────────────────────────────────────────────────────────────────────


class PersonShown(Shown, frozen=True, kw_only=True):
    """A person: no hash and no secret."""

    id: str
    name: str
    full_name: str
    duty: Duty
    password: bool
    totp: bool
    issuer: str | None
    subject: str | None
    created: Instant
    disabled: Instant | None
    locked_until: Instant | None


class PersonAdded(PersonShown, frozen=True, kw_only=True):
    """A person who was added; ``address`` is for their authenticator, shown this once."""

    address: str | None


class PersonWish(Wish, frozen=True, kw_only=True):
    """A person to be added, who signs in with a password, over OpenID Connect, or either way."""

    name: Name
    duty: Duty
    full_name: Name | None = None
    password: Annotated[str, Meta(max_length=1000)] | None = None
    totp: bool = False
    issuer: Annotated[str, Meta(max_length=2000)] | None = None
    subject: Annotated[str, Meta(max_length=255)] | None = None
    why: Why = ""


@reads("/people", GROUP, INSIDE)
def people(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[PersonShown]:
    """The people of this node, disabled ones too."""
    return paging.listed(node.people.list(), lambda one: (one.name, one.id), lambda one: PersonShown(**_person(one)))


@acts("/people", GROUP, _PEOPLE, status=201)
def add_person(caller: Called, node: NamedDependency[Node], data: JSONBody[PersonWish]) -> PersonAdded:
    """Add a person."""
    made = node.people.add(
        data.name, data.duty, by=caller.actor, full_name=data.full_name, password=data.password, totp=data.totp,
        issuer=data.issuer, subject=data.subject, why=data.why,
    )  # fmt: skip
    uri = None if made.totp is None else provisioning_uri(made.totp, account=made.name, node=node.record.name)
    return PersonAdded(**_person(made), address=uri)


@acts("/people/{name:str}/disable", GROUP, _PEOPLE)
def disable(caller: Called, node: NamedDependency[Node], name: FromPath[str], data: JSONBody[Perhaps]) -> PersonShown:
    """Disable a person: they are signed out at once, and cannot sign in again."""
    return PersonShown(**_person(node.people.disable(name, by=caller.actor, why=data.why)))


@acts("/people/{name:str}/enable", GROUP, _PEOPLE)
def enable(caller: Called, node: NamedDependency[Node], name: FromPath[str], data: JSONBody[Because]) -> PersonShown:
    """Let a disabled person sign in again."""
    return PersonShown(**_person(node.people.enable(name, by=caller.actor, why=data.why)))


def _person(one: Person) -> dict[str, Any]:
    return {
        "id": one.id, "name": one.name, "full_name": one.full_name, "duty": one.duty,
        "password": one.password is not None, "totp": one.totp is not None, "issuer": one.issuer,
        "subject": one.subject, "created": timestamp(one.created), "disabled": maybe(one.disabled),
        "locked_until": maybe(one.locked_until),
    }  # fmt: skip


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────


class KeyShown(Shown, frozen=True, kw_only=True):
    """A key without the key itself."""

    id: str
    name: str
    role: Role
    party: PartyNamed | None
    collection: Annotated[str | None, Meta(description="The only one that it opens; null: all that it may.")]
    created: Instant
    revoked: Instant | None


class KeyAdded(KeyShown, frozen=True, kw_only=True):
    """A key that was made, with the key itself, shown this once."""

    key: str


class KeyWish(Wish, frozen=True, kw_only=True):
    """A key to be made."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern="^[^:]+$")]
    role: Role
    collection: Annotated[Reference | None, Meta(description="The only one that it opens.")] = None
    party: Annotated[Reference | None, Meta(description="Whose key it is.")] = None


@reads("/keys", GROUP, INSIDE)
def keys(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[KeyShown]:
    """The keys, revoked ones too."""
    show = _keys(node)
    return paging.listed(node.keys.list(), lambda one: (one.created, one.id), lambda one: KeyShown(**show(one)))


@acts("/keys", GROUP, _KEYS, status=201)
def add_key(caller: Called, node: NamedDependency[Node], data: JSONBody[KeyWish]) -> KeyAdded:
    """Make a key. It is shown this once: the node keeps only its digest."""
    held = None if data.collection is None else node.collections.find(data.collection)
    whose = None if data.party is None else node.agreements.read().party(data.party).id
    made, secret = node.keys.add(data.name, data.role, collection=held, party=whose, by=caller.actor)
    return KeyAdded(**_keys(node)(made), key=secret)


@acts("/keys/{name:str}/revoke", GROUP, _KEYS)
def revoke_key(caller: Called, node: NamedDependency[Node], name: FromPath[str], data: JSONBody[Perhaps]) -> KeyShown:
    """Revoke a key: it is refused from the next request on."""
    node.keys.revoke(name, why=data.why, by=caller.actor)
    found = next(one for one in node.keys.list() if one.name == name)
    return KeyShown(**_keys(node)(found))


def _keys(node: Node) -> Any:
    register = node.agreements.read()
    names = {one.num: one.name for one in node.collections.all()}

    def show(one: Key) -> dict[str, Any]:
        return {
            "id": one.id, "name": one.name, "role": one.role,
            "party": None if one.party is None else named(register, one.party),
            "collection": None if one.collection is None else names.get(one.collection),
            "created": timestamp(one.created), "revoked": maybe(one.revoked),
        }  # fmt: skip

    return show


# ── cards ─────────────────────────────────────────────────────────────────────────────────────────────────


class PeerShown(Shown, frozen=True, kw_only=True):
    """The card of a node. ``checked``: its fingerprint was compared with the other side."""

    party: StixId
    name: str
    fingerprint: str
    keys: Count
    url: str | None
    made: Instant
    checked: bool
    added: Instant | None


class OurCard(PeerShown, frozen=True, kw_only=True):
    """This node's own card, signed now."""

    card: str


class PeerAdded(PeerShown, frozen=True, kw_only=True):
    """A card that was added: how it stands to the one held before, and whether its party is in the directory."""

    change: str
    known: bool


class PeerWish(Wish, frozen=True, kw_only=True):
    """A card that was handed over."""

    card: Annotated[str, Meta(min_length=1, max_length=LARGEST)]
    checked: Annotated[bool, Meta(description="The fingerprint was compared with the other side.")] = False
    replace: Annotated[bool, Meta(description="Take it even where no key of the held card has signed it.")] = False


@reads("/peers", PEERS)
def peers(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[PeerShown]:
    """The cards of other nodes that are held."""
    return paging.listed(
        node.peers.list(), lambda one: (one.card.name, one.card.party),
        lambda one: PeerShown(**_card(one.card), checked=one.checked, added=timestamp(one.added)),
    )  # fmt: skip


@reads("/peers/ours", PEERS)
def ours(caller: Called, node: NamedDependency[Node]) -> OurCard:
    """This node's card, to be handed over."""
    signed = node.peers.ours()
    return OurCard(**_card(signed.card), checked=True, added=None, card=signed.encode().decode())


@acts("/peers", PEERS, _KEYS, status=201)
def add_peer(caller: Called, node: NamedDependency[Node], data: JSONBody[PeerWish]) -> PeerAdded:
    """Hold the card of another node."""
    done = node.peers.add(data.card.encode(), by=caller.actor, checked=data.checked, replace=data.replace)
    card = done.peer.card
    known = card.party in node.agreements.read().directory.parties
    return PeerAdded(**_card(card), checked=done.peer.checked, added=timestamp(done.peer.added),
                     change=done.change.name.lower(), known=known)  # fmt: skip


@acts("/peers/{party:str}/remove", PEERS, _KEYS)
def remove_peer(
    caller: Called, node: NamedDependency[Node], party: FromPath[str], data: JSONBody[Perhaps]
) -> PeerShown:
    """Forget a card (of a party by its id): nothing that its keys sign is believed any more."""
    gone = node.peers.remove(party, by=caller.actor, why=data.why)
    return PeerShown(**_card(gone.card), checked=gone.checked, added=timestamp(gone.added))


def _card(card: Card) -> dict[str, Any]:
    return {"party": card.party, "name": card.name, "fingerprint": card.fingerprint, "keys": len(card.keys),
            "url": card.url, "made": timestamp(card.made)}  # fmt: skip


# ── acts, settings, health ────────────────────────────────────────────────────────────────────────────────


class ActShown(Shown, frozen=True, kw_only=True):
    """Who did what, when, to what and why."""

    number: int
    at: Instant
    who: str
    person: str
    act: str
    subject: str
    why: str
    details: dict[str, Any]


@reads("/acts", GROUP, person(Permission.AUDIT))
def recorded(
    caller: Called,
    node: NamedDependency[Node],
    paging: Paged,
    since: Annotated[str | None, Parameter(max_length=40, description="From this day on, or instant.")] = None,
    who: Annotated[str | None, Parameter(max_length=200, description="Only of this person: name or id.")] = None,
    act: Annotated[str | None, Parameter(max_length=100, description="Only this act.")] = None,
    subject: Annotated[str | None, Parameter(max_length=300, description="Only on this subject.")] = None,
) -> Page[ActShown]:
    """What was done on this node, newest first. For auditors."""
    names = {one.id: one.name for one in node.people.list()}
    wanted = None if who is None else {who, f"{LOCAL}{who}", *(i for i, name in names.items() if name == who)}
    words = None if act is None else act.lower().replace("-", " ").split()
    found = node.acts.list(
        subject, since=moments(since), people=wanted, before=int(paging.begin) if paging.begin else None,
        acts=None if words is None else {" ".join(words), "-".join(words)}, limit=paging.limit + 1,
    )  # fmt: skip
    following = str(found[paging.limit - 1].num) if len(found) > paging.limit else None
    shown = (
        ActShown(number=one.num, at=timestamp(one.at), who=names.get(one.person, one.person), person=one.person,
                 act=one.act, subject=one.subject, why=one.why, details=one.details)
        for one in found[: paging.limit]
    )  # fmt: skip
    return paging.page(shown, following)


class SettingShown(Shown, frozen=True, kw_only=True):
    """A setting with its value, as JSON; of a secret only whether it is set."""

    name: str
    value: Any
    default: Any
    help: str


class Settings(Shown, frozen=True, kw_only=True):
    """The settings of this node."""

    items: list[SettingShown]


@reads("/settings", GROUP, INSIDE)
def settings(caller: Called, node: NamedDependency[Node]) -> Settings:
    """The settings of this node, with what each is for."""
    held = msgspec.to_builtins(node.settings)
    return Settings(
        items=[
            SettingShown(name=one.name, value=_HIDDEN if one.name in SECRETS and held[one.name] else held[one.name],
                         default=msgspec.json.decode(one.default), help=one.help)
            for one in rows()
        ]
    )  # fmt: skip


class CheckShown(Shown, frozen=True, kw_only=True):
    """One check, whether it holds, and what was seen."""

    check: str
    ok: bool
    detail: str


class HealthShown(Shown, frozen=True, kw_only=True):
    """Whether the node is healthy."""

    healthy: bool
    findings: list[CheckShown]
    href: str = "/admin/health"


@reads("/health", GROUP, INSIDE)
def health(caller: Called, node: NamedDependency[Node]) -> HealthShown:
    """Is this node healthy: the checks that cost the same however much is held."""
    return _health(node.health.watch())


@acts("/health", GROUP, INSIDE, status=202)
def check(caller: Called, node: NamedDependency[Node]) -> JobShown:
    """Run every check of `titian check`, as a job: they read all that is held."""

    def work(_: Progress) -> HealthShown:
        return _health(node.health.check())

    return job_shown(Jobs(node).start(caller.actor.id, "check", "Whole check", work))


def _health(found: Iterable[Finding]) -> HealthShown:
    findings = [CheckShown(check=one.check, ok=one.ok, detail=one.detail) for one in found]
    return HealthShown(healthy=all(one.ok for one in findings), findings=findings)


def administration_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [
        session, counts, live, by_type, people, add_person, disable, enable, keys, add_key, revoke_key, peers, ours,
        add_peer, remove_peer, recorded, settings, health, check,
    ]  # fmt: skip
