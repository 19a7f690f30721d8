"""How requests to release are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from titian.cli.terminal import say
from titian.core.collection import timestamp
from titian.core.gate import Request, State
from titian.exchange.release import Outcome


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
