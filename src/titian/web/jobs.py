"""Long work that a person starts: it goes on after the request, says how far it is, and a reload finds it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from titian.core.errors import Forbidden, NotFound, Refused
from titian.core.job import Job, Progress
from titian.core.people import Actor, Permission
from titian.node import Node
from titian.web.errors import TooMany

MOST: Final = 8
"""Unfinished jobs of one person at most."""
DECIDING: Final = frozenset({"release", "recall", "mark", "offer-match"})
"""Kinds of jobs that decide what partners get: nobody but whose it is stops one."""
OF_KEY: Final = "key:"
"""What the id of an actor begins with that is a key of this organisation's own."""
_PATIENCE: Final = 15.0


class Jobs:
    """The jobs of a node, for its faces. Costs nothing to make: the thread that works is the node's."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._runner = node.jobs

    def start(self, person_id: str, kind: str, title: str, work: Callable[[Progress], object]) -> Job:
        """Have some work done for a person. ``kind`` is a short word, ``title`` a line in the person's language.

        What ``work`` returns must be JSON of at most 1 MB; it is kept for a day. It is not begun for a person who was
        disabled meanwhile, nor for a key that was revoked: then the job fails. Raises :class:`TooMany` when this
        person has :data:`MOST` jobs that are not finished.
        """

        def begin(progress: Progress) -> object:
            self._require_standing(person_id)
            return work(progress)

        job = self._runner.start(person_id, kind, title, begin, most=MOST)
        if job is None:
            raise TooMany(f"This person has {MOST} jobs that are not finished.", _PATIENCE)
        return job

    def get(self, actor: Actor, job_id: str) -> Job:
        """A job, with its result for whose it is: an administrator sees that it runs, and not what came of it.

        Raises :class:`NotFound` for one that is not there, or is somebody else's.
        """
        job = self._runner.find(job_id)
        if job is None or not sees(actor, job):
            raise NotFound("There is no such job.", advice="Finished jobs are kept for a day.")
        return job if job.person == actor.id else msgspec.structs.replace(job, result=None)

    def list(self, actor: Actor, limit: int = 50, before: Job | None = None) -> list[Job]:
        """The jobs that somebody may see, newest first, without their results."""
        person = None if actor.may(Permission.MANAGE_PEOPLE) else actor.id
        return self._runner.list(person=person, limit=limit, before=before)

    def cancel(self, actor: Actor, job_id: str) -> Job:
        """Ask that a job stops. Raises :class:`NotFound`, :class:`Refused` when it has ended, and :class:`Forbidden`
        for somebody else's that decides (:data:`DECIDING`)."""
        job = self.get(actor, job_id)
        if job.kind in DECIDING and job.person != actor.id:
            raise Forbidden("Only who started this can stop it: it decides what partners get.")
        if not job.unfinished or not self._runner.cancel(job.id):
            raise Refused("This job has ended already.")
        return self.get(actor, job_id)

    def _require_standing(self, person_id: str) -> None:
        """Raise :class:`Forbidden` for who may not act here now: disabled, revoked, or not known at all."""
        if person_id.startswith(OF_KEY):
            ident = person_id.removeprefix(OF_KEY)
            if not any(one.id == ident and one.revoked is None for one in self._node.keys.list()):
                raise Forbidden("The key that started this was revoked before it began.")
            return
        try:
            gone = self._node.people.get(person_id).disabled is not None
        except NotFound:
            gone = True
        if gone:
            raise Forbidden("Who started this was disabled before it began.")


def sees(actor: Actor, job: Job) -> bool:
    """Whether somebody may see a job: whose it is, and administrators."""
    return job.person == actor.id or actor.may(Permission.MANAGE_PEOPLE)
