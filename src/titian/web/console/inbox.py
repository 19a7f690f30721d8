"""The inbox: what waits in the quarantine and why, what was decided, and what was accepted from partners."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.arrival import Doubt, Quarantined
from titian.core.directory_objects import Reading
from titian.core.errors import NotFound, TitianError
from titian.core.people import Permission
from titian.node import Node
from titian.web.console.choosing import party_name
from titian.web.console.exchange_words import said
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import page, redirect
from titian.web.console.words import N_

_SIZES: Final = (50, 200)
_ACCEPTED: Final = (50, 200, 500)
_MOST: Final = max(_SIZES)
_LONGEST: Final = 2_000
_RAW: Final = 60_000
_REASON_NEEDED: Final = N_("Give a reason: it is kept in the record of acts.")
_NONE: Final = N_("Nothing is ticked.")
_CHOOSE: Final = N_("Accept, or reject.")


class Filter(msgspec.Struct, frozen=True):
    """What of the quarantine is shown; ``show`` is waiting, decided or accepted."""

    show: str = "waiting"
    party: str = ""
    code: str = ""
    size: int = _SIZES[0]

    def address(self, **more: str) -> str:
        """The address of this page, or of a following one."""
        held = {"show": self.show, "party": self.party, "code": self.code, "size": str(self.size), **more}
        return f"/inbox?{urlencode({name: value for name, value in held.items() if value})}"


class Failed(msgspec.Struct, frozen=True):
    """Something that could not be decided as it was asked, and why."""

    number: str
    why: str


def _filter(given: Form) -> Filter:
    show, code = given.text("show", most=20), given.text("code", most=40)
    size = given.text("size", most=5)
    return Filter(
        show if show in ("decided", "accepted") else "waiting",
        given.text("party", most=200),
        code if code in {one.value for one in Doubt} else "",
        int(size) if size in {str(one) for one in _SIZES} else _SIZES[0],
    )


@get("/inbox", sync_to_thread=True)
def list_inbox(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """What waits in the quarantine, what was decided, or what was accepted."""
    analyst.require(Permission.READ)
    given = Form([*request.query_params.multi_items()])
    return _list(request, analyst, node, _filter(given), given.text("after", most=20), done=given.text("done", most=5))


def _list(
    request: AnyRequest, analyst: Analyst, node: Node, wanted: Filter, after: str = "", *, done: str = "",
    error: str = "", failed: tuple[Failed, ...] = (), form: Form | None = None, status: int = 200,
) -> ASGIResponse:  # fmt: skip
    register = node.agreements.read()
    common: dict[str, Any] = {
        "filter": wanted, "said": said(analyst.gettext), "decides": analyst.may(Permission.WRITE), "error": error,
        "failed": failed, "done": int(done) if done.isascii() and done.isdigit() else 0,
        "sender": lambda one: _sender(one, register),
        "code": _code, "party": lambda one: party_name(register, one), "form": form or Form([]),
        "count": node.waiting.count_quarantined(),
    }  # fmt: skip
    if wanted.show == "accepted":
        given = request.query_params.get("last", "")
        last = int(given) if given in {str(one) for one in _ACCEPTED} else _ACCEPTED[0]
        names = {each.num: each.name for each in node.collections.all()}
        taken = node.arrive.accepted(last)
        more = next((one for one in _ACCEPTED if one > last), 0) if len(taken) >= last else 0
        return page(
            request, analyst, "inbox/accepted.html", accepted=taken, names=names,
            titles=node.glance.titles([one.id for one in taken]), more=more, **common,
        )  # fmt: skip
    found = node.waiting.quarantine(
        waiting=wanted.show == "waiting", party=wanted.party, code=wanted.code, after=after, limit=wanted.size
    )
    people = {one.id: one.full_name or one.name for one in node.people.list()} if wanted.show == "decided" else {}
    senders = sorted(((one.id, one.name) for one in register.directory.parties.values()), key=lambda one: one[1])
    return page(
        request, analyst, "inbox/index.html", status=status, fragments={"results": "results"},
        found=found.items, people=people, senders=senders, sizes=_SIZES,
        following=wanted.address(after=found.next) if found.next else "", first=not after, **common,
    )  # fmt: skip


def _code(one: Quarantined) -> tuple[str, str]:
    """Why it was kept apart: a code, and a sentence."""
    code, _, sentence = one.reason.partition(": ")
    return (code, sentence) if code in {each.value for each in Doubt} else ("", one.reason)


def _sender(one: Quarantined, register: Reading) -> str:
    return one.source if one.party is None else party_name(register, one.party)


@get("/inbox/{number:str}", sync_to_thread=True)
def show_one(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], number: FromPath[str]
) -> ASGIResponse:
    """One thing in the quarantine: where it came from, why it is there, and its bytes as they came."""
    analyst.require(Permission.READ)
    return _one(request, analyst, node, number)


def _one(
    request: AnyRequest, analyst: Analyst, node: Node, number: str, *, error: str = "", why: str = "", status: int = 200
) -> ASGIResponse:
    found, raw = _found(node, number)
    register = node.agreements.read()
    names = {each.num: each.name for each in node.collections.all()}
    people = {one.id: one.full_name or one.name for one in node.people.list()}
    return page(
        request, analyst, "inbox/one.html", status=status, found=found, sender=_sender(found, register),
        code=_code(found), collection=names.get(found.collection, ""), text=_text(raw), cut=len(raw) > _RAW,
        decider=people.get(found.decider or "", found.decider or ""), said=said(analyst.gettext), error=error, why=why,
        decides=found.state == "waiting" and analyst.may(Permission.WRITE),
        acceptable=not found.reason.startswith((Doubt.INVALID.value, Doubt.OURS.value)),
    )  # fmt: skip


def _found(node: Node, number: str) -> tuple[Quarantined, bytes]:
    if not (number.isascii() and number.isdigit()):
        raise NotFound("There is nothing in the quarantine by this number.")
    return node.arrive.find(number)


def _text(raw: bytes) -> str:
    """The beginning of what came, laid out if it is JSON; bytes that are no text are spelled."""
    if len(raw) <= _RAW:
        try:
            return msgspec.json.format(raw, indent=2).decode()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    return raw[:_RAW].decode("utf-8", "backslashreplace")


@get("/inbox/{number:str}/raw", sync_to_thread=True)
def raw(analyst: NamedDependency[Analyst], node: NamedDependency[Node], number: FromPath[str]) -> ASGIResponse:
    """The bytes as they came, as a file: no browser shows or runs it."""
    analyst.require(Permission.READ)
    found, body = _found(node, number)
    return ASGIResponse(
        body=body,
        headers={
            "content-type": "application/octet-stream", "x-content-type-options": "nosniff",
            "content-disposition": f'attachment; filename="quarantine-{found.num}.json"',
            "cache-control": "no-store", "content-security-policy": "sandbox; default-src 'none'",
        },
    )  # fmt: skip


@post("/inbox/decide", status_code=200, sync_to_thread=True)
def decide(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Accept or reject what is ticked, each by itself: what cannot be decided so is told, and keeps nothing waiting."""
    analyst.require(Permission.WRITE)
    numbers, wanted = form.all("num")[:_MOST], _filter(form)
    alone = form.text("alone", most=20)
    decision, why = form.text("decision", most=20), form.text("why", most=_LONGEST)
    wrong = _CHOOSE if decision not in ("accept", "reject") else _NONE if not numbers else "" if why else _REASON_NEEDED
    if wrong:
        return _again(request, analyst, node, form, analyst.gettext(wrong))
    failed = []
    for number in numbers:
        try:
            _found(node, number)
            if decision == "accept":
                node.arrive.accept(analyst.actor, number, why)
            else:
                node.arrive.reject(analyst.actor, number, why)
        except TitianError as error:
            failed.append(Failed(number[:20], str(error)))
    if failed and alone:
        return _again(request, analyst, node, form, failed[0].why)
    if failed:
        done = str(len(numbers) - len(failed))
        return _list(request, analyst, node, wanted, done=done, failed=tuple(failed), form=form, status=422)
    return redirect(wanted.address(done=str(len(numbers))))


def _again(request: AnyRequest, analyst: Analyst, node: Node, form: Form, error: str) -> ASGIResponse:
    """The page that a decision came from, with what was wrong."""
    alone = form.text("alone", most=20)
    if alone:
        return _one(request, analyst, node, alone, error=error, why=form.text("why", most=_LONGEST), status=422)
    return _list(request, analyst, node, _filter(form), error=error, form=form, status=422)


def inbox_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [list_inbox, show_one, raw, decide]
    return handlers
