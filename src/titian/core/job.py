"""Long work: what is asked for, how far it is, and what became of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

import msgspec


class State(StrEnum):
    """Where a job stands. ``BROKEN`` is never stored: it is what a job is whose worker is gone."""

    WAITING = "waiting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    BROKEN = "broken"


class Stopped(Exception):
    """Raised inside a work by :meth:`Progress.check`: it was asked to stop."""


class Progress(Protocol):
    """What a work is handed, to say how far it is and to hear whether it is still wanted."""

    def at(self, done: int, total: int | None = None, message: str = "") -> None:
        """Say that so many are done, of how many if that is known. Cheap: it may be called for each object."""
        ...

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop, or the node shuts down. Whoever has read it as true, returns soon."""
        ...

    def check(self) -> None:
        """Raise :class:`Stopped` where :attr:`cancelled` is true: for callbacks that cannot return early."""
        ...


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it stands. Instants are microseconds since the Unix epoch; ``person`` is the id of who started it.

    ``total`` is ``None`` while it is not known how much there is to do. ``result`` is decoded JSON.
    """

    id: str
    person: str
    kind: str
    title: str
    created: int
    updated: int
    finished: int | None = None
    done: int = 0
    total: int | None = None
    state: State = State.WAITING
    message: str = ""
    result: Any = None
    worker: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether it still waits or runs."""
        return self.state in {State.WAITING, State.RUNNING, State.CANCELLING}

    @property
    def href(self) -> str:
        """The path on this node of what came out of it, if its result names one.

        >>> Job(id="1", person="p", kind="k", title="t", created=0, updated=0, result={"href": "/find"}).href
        '/find'
        """
        path = self.result.get("href") if isinstance(self.result, dict) else None
        ours = isinstance(path, str) and path.startswith("/") and not path.startswith(("//", "/\\"))
        return str(path) if ours else ""
