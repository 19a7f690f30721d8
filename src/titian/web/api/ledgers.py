"""Ledgers: what is in them, that they hold, and who else has seen them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, Parameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from titian.core.checkpoint import Checkpoint
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading as Register
from titian.core.errors import NotFound
from titian.core.job import Progress
from titian.core.ledger import Opened
from titian.core.ledger_report import Audited, KnownWitness, OwnLedger
from titian.core.people import Permission
from titian.node import Node
from titian.web.api.caller import Called
from titian.web.api.jobs import JobShown, job_shown
from titian.web.api.paging import Page, Paged
from titian.web.api.route import acts, person, reads
from titian.web.api.shapes import Count, Instant, PartyNamed, Reference, Shown, StixId, Wish, maybe, named
from titian.web.jobs import Jobs

GROUP: Final = "Ledgers"
PRIVATE: Final = "private"
_AUDITS: Final = person(Permission.AUDIT)
_MANAGES: Final = person(Permission.MANAGE_KEYS)

Ledger = FromPath[str]


class LedgerShown(Shown, frozen=True, kw_only=True):
    """A ledger of this node. ``halted`` says why nothing is signed in it."""

    origin: str
    agreement: StixId | None
    name: Annotated[str, Meta(description="Its agreement's name, or private.")]
    entries: Count
    sealed: Annotated[int, Meta(ge=0, description="How many of them the last checkpoint covers.")]
    root: Annotated[str, Meta(description="Of the last checkpoint, in hexadecimal.")]
    created: Instant
    signed: Instant | None
    halted: str | None
    closed: Instant | None


class PeerLedgerShown(Shown, frozen=True, kw_only=True):
    """A ledger of another node as this one remembers it."""

    origin: str
    party: PartyNamed | None
    agreement: StixId | None
    url: str | None
    entries: Count
    verified: Instant | None
    broken: str | None


class EntryShown(Shown, frozen=True, kw_only=True):
    """An entry; ``party`` is whom it is opened to."""

    number: Count
    kind: Annotated[str, Meta(examples=["release"])]
    at: Instant
    party: str | None
    details: dict[str, Any]
    sealed: bool
    leaf: str


class ProofShown(Shown, frozen=True, kw_only=True):
    """A receipt for one entry: a C2SP .tlog-proof that verifies offline."""

    origin: str
    number: Count
    size: Annotated[int, Meta(ge=0, description="Entries that its checkpoint covers.")]
    closed: Annotated[bool, Meta(description="It says nothing of what the entry is.")]
    proof: str


class CheckpointShown(Shown, frozen=True, kw_only=True):
    """The last checkpoint as partners are served it."""

    origin: str
    name: str
    size: Count
    root: str
    signed: Instant | None
    note: Annotated[str, Meta(description="The signed note with all cosignatures.")]


class CosignedShown(Shown, frozen=True, kw_only=True):
    """The last cosignature of a witness in one ledger."""

    ledger: str
    size: Count
    at: Instant


class WitnessShown(Shown, frozen=True, kw_only=True):
    """A witness of this node's ledgers."""

    name: str
    key: str
    party: PartyNamed | None
    url: str | None
    cosigned: list[CosignedShown]


class WitnessWish(Wish, frozen=True, kw_only=True):
    """A witness to be added: its verifier key, and where it takes submissions."""

    key: Annotated[str, Meta(min_length=1, max_length=1000, examples=["witness.example+5d6e7f80+BA…"])]
    url: Annotated[str, Meta(max_length=2000, pattern="^https?://")] | None = None
    party: Reference | None = None


class VerifiedShown(Shown, frozen=True, kw_only=True):
    """What reading a ledger again from its first entry has given."""

    origin: str
    name: str
    entries: Count
    holds: bool
    damage: str | None
    entry: int | None
    cosigned: list[CosignedShown]


class Verification(Shown, frozen=True, kw_only=True):
    """What reading every ledger again has given."""

    holds: bool
    ledgers: list[VerifiedShown]
    href: str = "/ledger-view"


class VerifyWish(Wish, frozen=True, kw_only=True):
    """Whose ledgers: this node's own, or ``of`` a partner."""

    of: Reference | None = None


@reads("/ledgers", GROUP)
def ledgers(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[LedgerShown]:
    """The ledgers of this node."""
    register = node.agreements.read()
    return paging.listed(
        node.ledger_desk.list(), lambda one: (one.created, one.origin), lambda one: _ledger(one, register)
    )


@reads("/ledgers/peers", GROUP)
def peers(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[PeerLedgerShown]:
    """The ledgers of others that this node remembers: how far each is verified, or broken."""
    register = node.agreements.read()
    return paging.listed(
        node.peer_ledgers.all(),
        lambda one: (one.origin,),
        lambda one: PeerLedgerShown(
            origin=one.origin, party=None if one.party is None else named(register, one.party),
            agreement=one.agreement, url=one.url, entries=one.head.size,
            verified=maybe(one.seen if one.checkpoint is not None else None), broken=one.broken,
        ),
    )  # fmt: skip


@reads("/ledgers/witnesses", GROUP)
def witnesses(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[WitnessShown]:
    """Who cosigns the ledgers of this node, and how far each has."""
    register = node.agreements.read()
    return paging.listed(node.ledger_desk.witnesses(), lambda one: (str(one.key),), lambda one: _witness(one, register))


@acts("/ledgers/witnesses", GROUP, _MANAGES, status=201)
def add_witness(caller: Called, node: NamedDependency[Node], data: JSONBody[WitnessWish]) -> WitnessShown:
    """Take the cosignatures of a witness from now on."""
    register = node.agreements.read()
    whose = None if data.party is None else register.party(data.party).id
    return _witness(node.ledger_desk.add_witness(caller.actor, data.key, url=data.url, party=whose), register)


@acts("/ledgers/witnesses/{name:str}/remove", GROUP, _MANAGES)
def remove_witness(caller: Called, node: NamedDependency[Node], name: FromPath[str]) -> WitnessShown:
    """Take no more cosignatures of a witness; those that it gave stay."""
    return _witness(node.ledger_desk.remove_witness(caller.actor, name), node.agreements.read())


@acts("/ledgers/verify", GROUP, person(Permission.READ), status=202)
def verify(caller: Called, node: NamedDependency[Node], data: JSONBody[VerifyWish]) -> JobShown:
    """Read whole ledgers again, as a job: its result says whether everything holds."""
    if data.of is not None:
        party = node.agreements.read().party(data.of).id
        return _start(caller, node, f"Verification of the ledgers of {data.of}", lambda step: _of(node, party, step))
    return _start(caller, node, "Verification of this node's ledgers", lambda step: _own(node, step))


@reads("/ledgers/{ledger:str}", GROUP)
def ledger(caller: Called, node: NamedDependency[Node], ledger: Ledger) -> LedgerShown:
    """One ledger: by its agreement, `private`, its origin or how that begins."""
    register = node.agreements.read()
    return _ledger(_find(node, register, ledger), register)


@reads("/ledgers/{ledger:str}/checkpoint", GROUP)
def checkpoint(caller: Called, node: NamedDependency[Node], ledger: Ledger) -> CheckpointShown:
    """The last checkpoint of a ledger. What waits to be sealed is sealed first."""
    register = node.agreements.read()
    found = node.ledger_desk.published(_find(node, register, ledger).origin)
    said = Checkpoint.parse(found.note.text)
    return CheckpointShown(
        origin=said.origin, name=_called(found.ledger.agreement, register), size=said.size, root=said.root.hex(),
        signed=maybe(found.ledger.signed), note=found.note.encode().decode(),
    )  # fmt: skip


@reads("/ledgers/{ledger:str}/entries", GROUP, _AUDITS)
def entries(caller: Called, node: NamedDependency[Node], paging: Paged, ledger: Ledger) -> Page[EntryShown]:
    """Read a ledger from its first entry on. For auditors."""
    register = node.agreements.read()
    held = _find(node, register, ledger)
    after = int(paging.begin or 0)
    found = node.ledger_desk.entries(held.origin, after=after, limit=paging.limit)
    end = after + len(found)
    return paging.page((_entry(one, held) for one in found), str(end) if found and end < held.size else None)


@reads("/ledgers/{ledger:str}/entries/{number:int}/proof", GROUP, _AUDITS)
def prove(
    caller: Called,
    node: NamedDependency[Node],
    ledger: Ledger,
    number: FromPath[int],
    closed: Annotated[bool, Parameter(description="Say nothing of what the entry is.")] = False,
) -> ProofShown:
    """A receipt for one entry. It opens the entry to whoever gets it, unless it is closed."""
    register = node.agreements.read()
    held = _find(node, register, ledger)
    if not 0 <= number < held.size:
        raise NotFound(f"There is no entry {number} in this ledger.")
    made = node.ledger_desk.prove(held.origin, number, closed=closed)
    return ProofShown(origin=held.origin, number=number, size=made.checkpoint.size, closed=closed,
                      proof=made.encode().decode())  # fmt: skip


def _start(caller: Called, node: Node, title: str, work: Any) -> JobShown:
    return job_shown(Jobs(node).start(caller.actor.id, "verify", title[:200], work))


def _counting(progress: Progress, total: int) -> Any:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress.at(done, max(done, total))
        progress.check()

    return advance


def _own(node: Node, progress: Progress) -> Verification:
    register = node.agreements.read()
    total = sum(one.head.size for one in node.ledger_desk.list())
    found = node.ledger_desk.audit_all(_counting(progress, total))
    return Verification(holds=all(one.holds for one in found), ledgers=[_verified(one, register) for one in found])


def _of(node: Node, party: str, progress: Progress) -> Verification:
    register = node.agreements.read()
    total = sum(one.head.size for one in node.peer_ledgers.all() if one.party == party)
    found = node.inspect.verify_of(party, progress=_counting(progress, total))
    return Verification(
        holds=all(one.holds for one in found),
        ledgers=[
            VerifiedShown(
                origin=one.peer.origin, name=_called(one.peer.agreement, register), entries=one.read, holds=one.holds,
                damage=one.error if one.finding is None else one.finding.what,
                entry=None if one.finding is None else one.finding.entry, cosigned=[],
            )
            for one in found
        ],
    )  # fmt: skip


def _find(node: Node, register: Register, reference: str) -> OwnLedger:
    try:
        return node.ledger_desk.find(register.agreement(reference).id)
    except NotFound:
        return node.ledger_desk.find(reference)


def _called(agreement: str | None, register: Register) -> str:
    if agreement is None:
        return PRIVATE
    known = register.directory.agreements.get(agreement)
    return agreement if known is None else register.aliases.get(agreement) or known.name


def _ledger(one: OwnLedger, register: Register) -> LedgerShown:
    return LedgerShown(
        origin=one.origin, agreement=one.agreement, name=_called(one.agreement, register), entries=one.size,
        sealed=one.head.size, root=one.head.root.hex(), created=timestamp(one.created), signed=maybe(one.signed),
        halted=one.halted, closed=maybe(one.closed),
    )  # fmt: skip


def _entry(one: Opened, held: OwnLedger) -> EntryShown:
    entry = one.entry
    return EntryShown(number=one.num, kind=entry.kind.value, at=timestamp(entry.at), party=entry.party,
                      details=dict(entry.details), sealed=one.num < held.head.size, leaf=one.leaf.hex())  # fmt: skip


def _verified(one: Audited, register: Register) -> VerifiedShown:
    held = one.ledger
    return VerifiedShown(
        origin=held.origin, name=_called(held.agreement, register), entries=held.size, holds=one.holds,
        damage=one.damage, entry=one.entry,
        cosigned=[CosignedShown(ledger=held.origin, size=each.size, at=timestamp(each.at)) for each in one.cosigned],
    )  # fmt: skip


def _witness(one: KnownWitness, register: Register) -> WitnessShown:
    return WitnessShown(
        name=one.key.name, key=str(one.key), party=None if one.party is None else named(register, one.party),
        url=one.url,
        cosigned=[CosignedShown(ledger=origin, size=each.size, at=timestamp(each.at))
                  for origin, each in one.cosigned.items()],
    )  # fmt: skip


def ledger_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [
        ledgers, peers, witnesses, add_witness, remove_witness, verify, ledger, checkpoint, entries, prove,
    ]  # fmt: skip
