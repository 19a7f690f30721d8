"""How requests to release are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from titian.cli.previewed import show_warnings, warnings_of
from titian.cli.terminal import say
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.gate import Request, State
from titian.core.mentions import Mention
from titian.exchange.release import Outcome, Preview

_SHOWN: Final = 12


class Now(msgspec.Struct, frozen=True):
    """What a preview of a request would show now: whether everybody would still see the ``same``, which is None for a
    standing rule, how many objects each party ``sees``, and the texts that name what is withheld, with the party.
    ``problem`` says why there is no preview."""

    same: bool | None = None
    sees: dict[str, int] = {}
    mentions: tuple[tuple[str, Mention], ...] = ()
    problem: str | None = None


def now_of(request: Request, preview: Preview) -> Now:
    """Compare a request with a preview of the same."""
    shows = {one.party: one.fingerprint for one in preview.seen}
    return Now(
        same=None if request.query is not None else shows == request.previewed,
        sees={one.party: len(one.fingerprint) for one in preview.seen},
        mentions=tuple((one.party, mention) for one in preview.seen for mention in one.mentions),
    )


def request_json(request: Request) -> dict[str, Any]:
    """A request, as programs read it."""
    return {
        "id": request.id,
        "state": request.state.value,
        "agreement": request.agreement,
        "requester": request.requester_name,
        "created": timestamp(request.created),
        "objects": len(request.chosen),
        "query": request.query,
        "until": None if request.until is None else timestamp(request.until),
        "needs": list(request.needs),
        "override": request.override,
        "sees": {party: len(shown) for party, shown in request.previewed.items()},
        "decider": request.decider_name,
        "decided": None if request.decided is None else timestamp(request.decided),
        "why": request.why,
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """What became of a request, as programs read it."""
    return {**request_json(outcome.request), "added": outcome.added}


def show_outcome(outcome: Outcome, name: Callable[[str], str]) -> None:
    """Print what became of a request."""
    request = outcome.request
    if request.state is State.WAITING:
        say(f"{request.id} waits for another person: titian approve {request.id[:8]}")
        for need in request.needs:
            say(f"  {need}")
        return
    if request.state is State.STANDING:
        say(f"{request.id} stands from now on.")
        return
    for party, count in outcome.added.items():
        say(f"{name(party)}: {count:,} objects are new to them.")


def shown_json(request: Request, register: Reading, now: Now | None) -> dict[str, Any]:
    """One request with what each party would see by identifier, as programs read it."""
    agreement = register.directory.agreements.get(request.agreement)
    return {
        **request_json(request),
        "agreement_name": None if agreement is None else agreement.name,
        "chosen": list(request.chosen),
        "purposes": None if request.purposes is None else list(request.purposes),
        "parties": [
            {"party": party, "name": register.label(party), "sees": sorted(shown)}
            for party, shown in request.previewed.items()
        ],
        "told": list(request.told),
        "now": None if now is None else _now_json(now),
    }


def _now_json(now: Now) -> dict[str, Any]:
    warnings = zip(now.mentions, warnings_of(mention for _, mention in now.mentions), strict=True)
    return {
        "same": now.same,
        "sees": now.sees,
        "warnings": [{"party": party, **warning} for (party, _), warning in warnings],
        "problem": now.problem,
    }


def show_request(request: Request, register: Reading, now: Now | None) -> None:
    """Print one request for somebody who has to decide on it."""
    agreement = register.directory.agreements.get(request.agreement)
    say(request.id, style="bold")
    what = f"query {request.query}" if request.query else _objects(len(request.chosen))
    for label, value in (
        ("state", request.state.value),
        ("asked", f"{_minute(request.created)} by {request.requester_name}"),
        ("under", request.agreement if agreement is None else f"{agreement.name} ({agreement.id})"),
        ("what", what),
        ("for", ", ".join(request.purposes or ())),
        ("until", "" if request.until is None else _minute(request.until)),
        ("override", request.override or ""),
        ("decided", _decided(request)),
        ("why", request.why or ""),
    ):
        if value:
            say(f"  {label}: {value}")
    for need in request.needs:
        say(f"  needs: {need}")
    for party, shown in request.previewed.items():
        say(f"  {register.label(party)} would see {_objects(len(shown))}" if request.state is State.WAITING else
            f"  {register.label(party)} was to see {_objects(len(shown))}")  # fmt: skip
        for identifier in sorted(shown)[:_SHOWN]:
            say(f"    {identifier}")
        if len(shown) > _SHOWN:
            say(f"    … and {len(shown) - _SHOWN:,} more; --json lists them all.")
    for text in request.told[:_SHOWN]:
        say(f"  when asked: {text}")
    if len(request.told) > _SHOWN:
        say(f"  … and {len(request.told) - _SHOWN:,} more; --json lists them all.")
    if now is not None:
        _show_now(now, register)


def _show_now(now: Now, register: Reading) -> None:
    if now.problem is not None:
        say(f"  now: {now.problem}")
        return
    if now.same is None:
        for party, count in now.sees.items():
            say(f"  now: {register.label(party)} would see {_objects(count)}")
    else:
        say("  now: everybody would still see exactly this." if now.same else
            "  now: something has changed since, and approving it would release nothing.")  # fmt: skip
    show_warnings(dict.fromkeys(mention for _, mention in now.mentions))


def _decided(request: Request) -> str:
    if request.decided is None:
        return ""
    return f"{_minute(request.decided)}{f' by {request.decider_name}' if request.decider_name else ''}"


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count:,} objects"


def _minute(at: int) -> str:
    return f"{timestamp(at)[:16]}Z"
