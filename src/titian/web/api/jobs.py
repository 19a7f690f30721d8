"""Long work: how far it is, what came of it, and a way to stop it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from titian.core.collection import timestamp
from titian.core.job import Job
from titian.node import Node
from titian.web.api.caller import Called, Needs
from titian.web.api.paging import Page, Paged
from titian.web.api.route import acts, reads
from titian.web.api.shapes import Count, Instant, Shown, maybe
from titian.web.jobs import Jobs

GROUP: Final = "Jobs"
_INSIDE: Final = Needs(inside=True)


class JobShown(Shown, frozen=True, kw_only=True):
    """A job as it stands."""

    id: str
    kind: Annotated[str, Meta(examples=["import"])]
    title: str
    state: Annotated[
        str, Meta(description="waiting, running, cancelling; done, failed, cancelled, broken.", examples=["running"])
    ]
    done: Count
    total: Annotated[int | None, Meta(description="Null while it is not known how much there is.")]
    message: str
    created: Instant
    updated: Instant
    finished: Instant | None
    result: Annotated[Any, Meta(description="What came of it; kept for a day. Null in lists.")] = None


def job_shown(job: Job) -> JobShown:
    """A job as it is answered."""
    return JobShown(
        id=job.id, kind=job.kind, title=job.title, state=job.state.value, done=job.done, total=job.total,
        message=job.message, created=timestamp(job.created), updated=timestamp(job.updated),
        finished=maybe(job.finished), result=job.result,
    )  # fmt: skip


def started(job: Job) -> Response[Any]:
    """The answer that a job goes on with what was asked for: 202, where it is, and the job."""
    return Response(job_shown(job), status_code=202, headers={"location": f"/api/v1/jobs/{job.id}"})


@reads("/jobs", GROUP, _INSIDE)
def jobs(caller: Called, node: NamedDependency[Node], paging: Paged) -> Page[JobShown]:
    """The caller's own jobs, newest first; for an administrator everybody's. Without their results."""
    held = Jobs(node)
    before = held.get(caller.actor, paging.begin) if paging.begin else None
    found = held.list(caller.actor, paging.limit + 1, before)
    following = found[paging.limit - 1].id if len(found) > paging.limit else None
    return paging.page((job_shown(one) for one in found[: paging.limit]), following)


@reads("/jobs/{job:str}", GROUP, Needs(anyone=True))
def job(caller: Called, node: NamedDependency[Node], job: FromPath[str]) -> JobShown:
    """One job of the caller's own with its result. An administrator sees how far those of others are."""
    return job_shown(Jobs(node).get(caller.actor, job))


@acts("/jobs/{job:str}/cancel", GROUP, Needs())
def cancel(caller: Called, node: NamedDependency[Node], job: FromPath[str]) -> JobShown:
    """Ask that a job stops. What releases, recalls or marks is stopped by who started it alone."""
    return job_shown(Jobs(node).cancel(caller.actor, job))


def job_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [jobs, job, cancel]
