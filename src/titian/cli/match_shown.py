"""How ``titian match`` shows offers, runs, and what a run told."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from titian.cli.common import progress, table
from titian.cli.terminal import say
from titian.core.cells import disarm
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.errors import TitianError
from titian.core.matching import Listed, Mode, Offer, OfferState, Outcome, Run, RunState, daily
from titian.node import Node

_SHOWN: Final = 40
_DOING: Final = {"read": "Reading what is held", "made": "Making the offer", "asked": "Asking"}
_OPEN: Final = (OfferState.STANDING, OfferState.WAITING)

Told = Callable[[str, int, int | None], None]


@contextmanager
def telling(*, quiet: bool) -> Iterator[Told]:
    """A bar for each thing that is done in turn; yields what is told how far it is."""
    with ExitStack() as bars:
        now, seen = "", 0
        advance: Callable[[int], object] = bool

        def told(what: str, done: int, of: int | None) -> None:
            nonlocal now, seen, advance
            if what != now:
                bars.close()
                now, seen = what, 0
                advance = bars.enter_context(progress(_DOING.get(what, what), of, quiet=quiet))
            advance(done - seen)
            seen = done

        yield told


# ── offers ────────────────────────────────────────────────────────────────────────────────────────────────


def made_json(opened: Node, one: Offer, register: Reading) -> dict[str, Any]:
    """An offer, as programs read it. ``left_today`` is how many values of the kind the partner may still ask today;
    null for an offer of a partner, which counts for itself."""
    terms = one.terms
    return {
        "id": one.id, "direction": "out" if one.ours else "in", "party": one.party,
        "name": register.label(one.party), "agreement": one.agreement, "kind": terms.kind.value,
        "mode": terms.mode.value, "epoch": terms.epoch, "size": one.size, "pad": terms.pad, "state": one.state.value,
        "created": timestamp(one.created), "until": timestamp(one.until), "needs": list(one.needs), "why": one.why,
        "left_today": left_today(opened, one),
    }  # fmt: skip


def left_today(opened: Node, one: Offer) -> int | None:
    """How many values of the kind of an offer of ours its partner may still ask today; None where we do not count."""
    if not one.ours:
        return None
    settings = opened.settings
    most = daily(
        one.terms.kind, usual=settings.match_values_per_day, listable=settings.match_listable_values_per_day
    )  # fmt: skip
    return max(most - opened.matches.used(one.party, one.terms.kind), 0)


def show_made(opened: Node, one: Offer, register: Reading) -> None:
    """Print an offer that was just made or decided on."""
    name, terms = register.label(one.party), one.terms
    say(f"{one.id[:12]}  {one.state.value}: {one.size:,} values of the kind {terms.kind.value} for {name}, "
        f"{terms.mode.value}, until {timestamp(one.until)[:10]}.")  # fmt: skip
    if one.state is OfferState.STANDING:
        say(f"{name} may ask {left_today(opened, one):,} more values of this kind today.")
    if one.state is OfferState.WAITING:
        for need in one.needs:
            say(f"It waits for a second person. {need}")
    if one.why and one.state not in _OPEN:
        say(f"    {one.why}")


def show_offers(opened: Node, offers: Sequence[Offer], register: Reading) -> None:
    """Print offers: ours and those of partners."""
    if not offers:
        say("Nothing is offered: `titian match offer` does it, `titian match ask` fetches what a partner offers.")
        return
    rows = []
    for one in offers:
        left = left_today(opened, one) if one.state in _OPEN else None
        rows.append(
            (one.id[:12], f"to {register.label(one.party)}" if one.ours else f"of {register.label(one.party)}",
             one.terms.kind.value, one.terms.mode.value, f"{one.size:,}", one.state.value, timestamp(one.until)[:16],
             "" if left is None else f"{left:,}", one.why if one.state not in _OPEN else " ".join(one.needs))
        )  # fmt: skip
    table("", {"id": "left", "partner": "left", "kind": "left", "mode": "left", "values": "right", "state": "left",
               "until": "left", "left today": "right", "why": "left"}, rows)  # fmt: skip


def show_listed(listed: Sequence[Listed], partner: str) -> None:
    """Print what a partner's node offers now."""
    if not listed:
        say(f"{partner} offers nothing to this node now.")
        return
    rows = [
        (one.id[:12], one.kind.value, one.mode.value, f"{one.size:,}", timestamp(one.until)[:16], f"{one.left:,}",
         f"{one.asked:,}")
        for one in listed
    ]  # fmt: skip
    table(f"{partner} offers", {"id": "left", "kind": "left", "mode": "left", "values": "right", "until": "left",
                                "left today": "right", "in one run": "right"}, rows)  # fmt: skip


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────────────


def run_json(one: Run, register: Reading) -> dict[str, Any]:
    """A run, as programs read it. ``common`` is null where this side does not learn it."""
    return {
        "id": one.id, "direction": "out" if one.ours else "in", "party": one.party,
        "name": register.label(one.party), "agreement": one.agreement, "offer": one.offer, "kind": one.kind.value,
        "mode": one.mode.value, "epoch": one.epoch, "begun": timestamp(one.begun),
        "ended": None if one.ended is None else timestamp(one.ended), "asked": one.asked, "offered": one.offered,
        "common": one.common, "state": one.state.value, "why": one.why,
    }  # fmt: skip


def show_runs(runs: Sequence[Run], register: Reading) -> None:
    """Print runs: who asked whom."""
    if not runs:
        say("Nobody has asked anything yet.")
        return
    table(
        "",
        {"id": "left", "who": "left", "kind": "left", "mode": "left", "asked": "right", "offered": "right",
         "common": "right", "state": "left", "begun": "left", "why": "left"},
        [
            (one.id[:12], f"we asked {register.label(one.party)}" if one.ours else f"{register.label(one.party)} asked",
             one.kind.value, one.mode.value, f"{one.asked:,}", f"{one.offered:,}",
             "" if one.common is None else f"{one.common:,}", one.state.value, timestamp(one.begun)[:16], one.why)
            for one in runs
        ],
    )  # fmt: skip


def show_run(run: Run, register: Reading) -> None:
    """Print a run that told this node nothing: it goes on, it broke, or it told the partner alone."""
    name, asked = register.label(run.party), f"{run.asked:,} values of the kind {run.kind.value}"
    who = f"We asked {name} about {asked}" if run.ours else f"{name} asked about {asked}"
    said = {
        RunState.RUNNING: "It is going on", RunState.BROKEN: "It was broken off, and told nothing",
        RunState.DONE: f"What is common is told to {name} alone",
    }[run.state]  # fmt: skip
    say(f"{run.id[:12]}  {who}. {said}{f': {run.why}' if run.why else '.'}")


# ── what a run told ───────────────────────────────────────────────────────────────────────────────────────


def result_json(run: Run, outcome: Outcome | None) -> dict[str, Any]:
    """What a run told this node, as programs read it: both sizes as they were told to the other side, and what is
    common (null where that is not known here)."""
    found = outcome or Outcome()
    mine, theirs = (run.asked, run.offered) if run.ours else (run.offered, run.asked)
    told = {
        "mode": run.mode.value, "mine": mine, "theirs": theirs, "common": run.common, "values": list(found.values),
    }  # fmt: skip
    return told | {"notes": list(found.notes)} if run.mode is Mode.LABELLED else told


def show_result(run: Run, outcome: Outcome, register: Reading, output: Path | None = None) -> None:
    """Print the common values, and what either side has learnt."""
    name, noted = register.label(run.party), run.mode is Mode.LABELLED
    if outcome.values and (output is None or len(outcome.values) <= _SHOWN):
        rows = list(_rows(outcome, noted=noted))[:_SHOWN]
        table("", {"value": "left"} | ({"note": "left"} if noted else {}), rows)
    asked, offered = ("", f" by {name}") if run.ours else (f" by {name}", "")
    say(f"{run.common or 0:,} in common: {run.asked:,} asked{asked}, {run.offered:,} offered{offered}.")
    if outcome.left_out:
        could = f", or not to be shown to {name}" if run.mode is Mode.MUTUAL else ""
        say(f"{outcome.left_out:,} left out: not of the kind {run.kind.value}{could}.")
    if run.mode is Mode.CARDINALITY:
        say("Which they are is not told in this mode.")
    if run.mode is Mode.MUTUAL:
        say(f"{name} has learnt the same values, and how many were {'asked' if run.ours else 'offered'}.")
    else:
        say(f"{name} has learnt how many were asked, and nothing else of them.")
    if output is None and len(outcome.values) > _SHOWN:
        say(f"The first {_SHOWN} are shown: give -o FILE for all.")
    if output is not None:
        say(f"Written: {output}")


def write_values(output: Path, outcome: Outcome, *, noted: bool) -> None:
    """Write the common values into a file: a row or a line of JSON for each, with its note where there are notes."""
    names = ("value", "note") if noted else ("value",)
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            if output.suffix.lower() == ".csv":
                made = csv.writer(file)
                made.writerow(names)
                made.writerows([disarm(cell) for cell in row] for row in _rows(outcome, noted=noted))
            else:
                for row in _rows(outcome, noted=noted):
                    file.write(json.dumps(dict(zip(names, row, strict=True)), separators=(",", ":")) + "\n")
    except OSError as error:
        raise TitianError(f"{output} cannot be written: {error.strerror}.") from error


def _rows(outcome: Outcome, *, noted: bool) -> Iterator[tuple[str, ...]]:
    """Each common value, with its note where there are notes."""
    if noted:
        yield from zip(outcome.values, outcome.notes, strict=True)
    else:
        yield from ((one,) for one in outcome.values)
