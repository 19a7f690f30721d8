"""The ledgers: how they stand, what is in them, who has cosigned, proofs, and a verification that runs while one
looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.directory_objects import Reading
from titian.core.errors import NotFound, Refused
from titian.core.job import Job, Progress, State
from titian.core.ledger import Kind
from titian.core.ledger_report import Audited, OwnLedger
from titian.core.people import Permission
from titian.exchange.ledger_verbs import Inspected
from titian.node import Node
from titian.web.console.choosing import agreement_name, party_name
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.ledger_words import KINDS, sentence, whom
from titian.web.console.render import headers, page, redirect
from titian.web.console.words import N_
from titian.web.jobs import Jobs

_PAGE: Final = 50
_LARGEST: Final = 1 << 62
VERIFY: Final = "verify-ledgers"


class Row(msgspec.Struct, frozen=True):
    """An entry as the page shows it."""

    num: int
    at: int
    kind: str
    open_to: str
    said: str
    sealed: bool


def name_of(agreement: str | None, register: Reading, analyst: Analyst) -> str:
    """What the ledger of an agreement is called."""
    if agreement is None:
        return analyst.gettext(N_("Private ledger"))
    return agreement_name(register, agreement)


@get("/ledger-view", sync_to_thread=True)
def ledgers(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Every ledger of this node, and those of others that it remembers."""
    analyst.require(Permission.READ)
    register = node.agreements.read()
    return page(
        request, analyst, "ledger/index.html",
        own=[(name_of(one.agreement, register, analyst), one) for one in node.ledger_desk.list()],
        others=[(name_of(one.agreement, register, analyst), one) for one in node.peer_ledgers.all()],
        witnesses=node.ledger_desk.witnesses(), label=partial(party_name, register), register=register,
    )  # fmt: skip


@get("/ledger-view/{ledger_id:uuid}", sync_to_thread=True)
def ledger(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], ledger_id: FromPath[Any]
) -> ASGIResponse:
    """One ledger: its last checkpoint, who has cosigned it, and its entries for who may read them."""
    analyst.require(Permission.READ)
    held = _held(node, str(ledger_id))
    register = node.agreements.read()
    rows: list[Row] = []
    before = oldest = 0
    if analyst.may(Permission.AUDIT):
        before = _before(request, held)
        first = max(0, before - _PAGE)
        people = {one.id: one.name for one in node.people.list()}
        found = node.ledger_desk.entries(held.origin, after=first, limit=before - first)
        rows = [
            Row(
                one.num, one.entry.at, analyst.gettext(KINDS[one.entry.kind]),
                whom(one.entry, register, analyst.gettext),
                sentence(one.entry, analyst.gettext, analyst.formats.number, people),
                one.num < held.head.size,
            )
            for later, one in zip([None, *reversed(found)], reversed(found), strict=False)
            # Of fillers side by side the last stands for all.
            if later is None or not later.entry.kind is one.entry.kind is Kind.FILLER
        ]  # fmt: skip
        oldest = first
    try:
        note = node.ledger_desk.published(held.origin).note.encode().decode()
    except Refused:
        note = ""
    return page(
        request, analyst, "ledger/one.html", fragments={"entries": "entries"},
        ledger=held, name=name_of(held.agreement, register, analyst), rows=rows, note=note,
        older=oldest, newer=min(held.size, before + _PAGE) if before < held.size else 0,
        witnesses=[
            (one, one.cosigned[held.origin], party_name(register, one.party) if one.party else one.key.name)
            for one in node.ledger_desk.witnesses() if held.origin in one.cosigned
        ],
    )  # fmt: skip


def _held(node: Node, ledger_id: str) -> OwnLedger:
    found = next((one for one in node.ledger_desk.list() if one.id == ledger_id), None)
    if found is None:
        raise NotFound("There is no such ledger here.")
    return found


def _before(request: AnyRequest, held: OwnLedger) -> int:
    text = request.query_params.get("before", "")
    return min(int(text), held.size) if text.isascii() and text.isdigit() and len(text) < 19 else held.size


@get("/ledger-view/{ledger_id:uuid}/entries/{num:int}/proof", sync_to_thread=True)
def proof(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], ledger_id: FromPath[Any],
    num: FromPath[int],
) -> ASGIResponse:  # fmt: skip
    """A receipt for one entry, as a file: opened, or with ?closed=1 without what it says."""
    analyst.require(Permission.AUDIT)
    held = _held(node, str(ledger_id))
    if not 0 <= num < held.size:
        raise NotFound("There is no such entry.")
    closed = request.query_params.get("closed") == "1"
    made = node.ledger_desk.prove(held.origin, num, closed=closed)
    said = headers() | {
        "content-type": "text/plain; charset=utf-8",
        "content-disposition": f'attachment; filename="entry-{num}.tlog-proof"',
    }
    return ASGIResponse(body=made.encode(), headers=said)


@post("/ledger-view/verify", status_code=200, sync_to_thread=True)
def verify(analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]) -> ASGIResponse:
    """Read whole ledgers again, as a job: those of this node, or those of a party."""
    analyst.require(Permission.READ)
    party = form.text("party", most=200)
    register = node.agreements.read()
    if party:
        title = analyst.gettext(N_("Verify the ledgers of %(name)s")) % {"name": party_name(register, party)}
        work = _verify_party(node, register.party(party).id)
    else:
        title = analyst.gettext(N_("Verify the ledgers of this node"))
        work = _verify_own(node)
    job = Jobs(node).start(analyst.actor.id, VERIFY, title, work)
    return redirect(f"/ledger-view/verify/{job.id}")


def _counted(progress: Progress, total: int | None) -> Callable[[int], None]:
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        progress.check()
        done += more
        progress.at(done, total)

    return advance


def _verify_own(node: Node) -> Callable[[Progress], object]:
    def work(progress: Progress) -> object:
        total = sum(one.head.size for one in node.ledger_desk.list())
        return {"own": [_audited(one) for one in node.ledger_desk.audit_all(_counted(progress, total))]}

    return work


def _verify_party(node: Node, party: str) -> Callable[[Progress], object]:
    def work(progress: Progress) -> object:
        total = sum(one.head.size for one in node.peer_ledgers.all() if one.party == party)
        found = node.inspect.verify_of(party, progress=_counted(progress, total or None))
        return {"party": party, "others": [_inspected(one) for one in found]}

    return work


def _audited(one: Audited) -> dict[str, Any]:
    return {
        "origin": one.ledger.origin, "id": one.ledger.id, "agreement": one.ledger.agreement, "holds": one.holds,
        "entries": one.ledger.head.size, "cosigned": len(one.cosigned), "damage": one.damage, "entry": one.entry,
        "evidence": one.evidence,
    }  # fmt: skip


def _inspected(one: Inspected) -> dict[str, Any]:
    return {
        "origin": one.peer.origin, "agreement": one.peer.agreement, "holds": one.holds, "entries": one.read,
        "damage": one.error or (None if one.finding is None else one.finding.what),
        "entry": None if one.finding is None else one.finding.entry, "evidence": one.kept,
    }  # fmt: skip


@get("/ledger-view/verify/{job_id:uuid}", sync_to_thread=True)
def verified(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], job_id: FromPath[Any]
) -> ASGIResponse:
    """How far a verification is, and what it found."""
    analyst.require(Permission.READ)
    job: Job = Jobs(node).get(analyst.actor, str(job_id))
    if job.kind != VERIFY:
        raise NotFound("There is no such job.")
    if job.state is State.DONE and not isinstance(job.result, dict):
        raise NotFound("What came of this is for whose job it is.")
    register = node.agreements.read()
    found: Sequence[dict[str, Any]] = []
    if isinstance(job.result, dict):
        found = job.result.get("own") or job.result.get("others") or []
    return page(
        request, analyst, "ledger/verify.html", job=job,
        found=[(name_of(one["agreement"], register, analyst), one) for one in found],
        holds=all(one["holds"] for one in found), done=job.state is State.DONE,
    )  # fmt: skip


@get("/ledger-view/evidence/{num:int}", sync_to_thread=True)
def evidence(analyst: NamedDependency[Analyst], node: NamedDependency[Node], num: FromPath[int]) -> ASGIResponse:
    """A proof of what does not hold, to be shown to a third."""
    analyst.require(Permission.READ)
    if num >= _LARGEST:
        raise NotFound("There is no such proof.")
    said = headers() | {
        "content-type": "application/json",
        "content-disposition": f'attachment; filename="evidence-{num}.json"',
    }
    return ASGIResponse(body=node.ledger_desk.evidence(num), headers=said)


def ledger_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [ledgers, ledger, proof, verify, verified, evidence]
