"""Offering and asking by private matching, as jobs that a person starts, for the console and the JSON API alike.

What can be told at once is told at once: that somebody may not, that a kind cannot be matched, that nobody knows the
partner. All else comes of the job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from titian.core.errors import Forbidden, InvalidInput
from titian.core.job import Job, Progress
from titian.core.matching import MATCHED, Wanted
from titian.core.people import Actor, Permission
from titian.node import Node
from titian.web.api.load import Load
from titian.web.jobs import Jobs

OFFER: Final = "offer-match"
ASK: Final = "ask-match"
"""The kinds of these jobs."""
MOST: Final = 100_000
"""Values of one run at most: the tags of an offer are made for so many (:class:`titian.core.matching.Terms`)."""
LONGEST: Final = 4_096
"""Characters of one value at most."""
MOST_PAD: Final = 100_000
"""To a multiple of what sizes may be rounded up at most."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a job says of itself, in the person's language: its title, and what it does while it reads what is held,
    makes tags, and asks. ``href`` is the path of the console to which the id of what came of it is added; without one
    the result names no page."""

    title: str
    read: str = "Reading what is held"
    made: str = "Making the offer"
    asked: str = "Asking the partner"
    href: str = ""

    def doing(self, what: str) -> str:
        """In words: ``read``, ``made`` or ``asked``."""
        return {"read": self.read, "made": self.made}.get(what, self.asked)


OFFERING: Final = Said(title="Private matching: offer")
ASKING: Final = Said(title="Private matching: ask")


def start_offer(node: Node, actor: Actor, wanted: Wanted, said: Said = OFFERING) -> Job:
    """Begin to offer; the job's result is ``{"offer": id, "state": …, "size": …}``.

    Raises :class:`Forbidden`, :class:`InvalidInput` and :class:`NotFound` for what is plainly wrong, and
    :class:`TooMany` for one job too many.
    """
    _check(node, actor, wanted)

    def work(progress: Progress) -> dict[str, Any]:
        told = _telling(progress, said)
        told("read", 0, None)
        made = node.match().offer(actor, wanted, told)
        return {"offer": made.id, "state": made.state.value, "size": made.size, **_page(said, made.id)}

    return Jobs(node).start(actor.id, OFFER, said.title[:200], work)


def start_ask(
    node: Node, actor: Actor, wanted: Wanted, values: Sequence[str] | None, said: Said = ASKING
) -> Job:  # fmt: skip
    """Begin to ask about some values, or without them about all that is held of the kind; the job's result is
    ``{"run": id, "common": …, "asked": …, "offered": …, "left_out": …}``. Which they are is told by
    ``node.matches.outcome`` alone, to who may see it.

    Raises what :func:`start_offer` does, and :class:`Unavailable` where too much waits to be asked.
    """
    _check(node, actor, wanted)
    load = None if values is None else _loaded(values)

    def work(progress: Progress) -> dict[str, Any]:
        told = _telling(progress, said)
        told("read", 0, None)
        given = None if load is None else [one.decode("utf-8", "surrogatepass") for one in load.raws]
        try:
            found = node.match().ask(actor, wanted, given, told)
        finally:
            if load is not None:
                load.unload()
        run = found.run
        return {"run": run.id, "common": run.common, "asked": run.asked, "offered": run.offered,
                "left_out": found.outcome.left_out, **_page(said, run.id)}  # fmt: skip

    return Jobs(node).start(actor.id, ASK, said.title[:200], work)


def _check(node: Node, actor: Actor, wanted: Wanted) -> None:
    """Raise for what needs no work to be refused."""
    if not actor.may(Permission.REQUEST_RELEASE):
        raise Forbidden(f"{actor.name} may not {Permission.REQUEST_RELEASE.replace('-', ' ')}.",
                        advice="Ask an analyst or a releaser.")  # fmt: skip
    if wanted.kind not in MATCHED:
        names = ", ".join(sorted(one.value for one in MATCHED))
        raise InvalidInput(f"Values of the kind {wanted.kind.value} cannot be matched privately: they are alike, or "
                           "less so.", advice=f"These can: {names}.")  # fmt: skip
    if not 1 <= wanted.pad <= MOST_PAD:
        raise InvalidInput(f"Sizes are rounded up to a multiple of 1 to {MOST_PAD:,}.")
    if wanted.lasts <= 0:
        raise InvalidInput("An offer lasts for some time.")
    register = node.agreements.read()
    register.party(wanted.party)
    if wanted.agreement is not None:
        register.agreement(wanted.agreement)
    for one in wanted.collections:
        node.collections.find(one)


def _loaded(values: Sequence[str]) -> Load:
    if len(values) > MOST:
        raise InvalidInput(f"One run asks about {MOST:,} values at most.", advice="Ask in several runs.")
    if any(len(one) > LONGEST for one in values):
        raise InvalidInput(f"A value has {LONGEST:,} characters at most.")
    load = Load([one.encode("utf-8", "surrogatepass") for one in values])
    load.wait()
    return load


def _telling(progress: Progress, said: Said) -> Callable[[str, int, int | None], None]:
    """What tells a job how far it is, and ends it when it is not wanted any more.

    Not once all is asked: the partner has answered, and what it told would be lost.
    """

    def told(what: str, done: int, of: int | None) -> None:
        if what != "asked" or done != of:
            progress.check()
        progress.at(done, of, said.doing(what))

    return told


def _page(said: Said, identifier: str) -> dict[str, str]:
    return {"href": f"{said.href}{identifier}"} if said.href else {}
