"""The table of jobs: how far each is, so that a reload and every other worker can show it."""

from __future__ import annotations

import os
import socket
import uuid
from typing import Any, Final

import msgspec

from titian.core.job import Job, State
from titian.store.database import Row, Transaction

KEPT: Final = 86_400_000_000
"""How long a finished job and its result are kept, in microseconds: a day."""
LEASE: Final = 120_000_000
"""Microseconds without a sign of life after which a worker of another machine is gone."""
LEASE_HERE: Final = 600_000_000
"""The same for one of this machine whose process id is in use: by it, or since then by another process."""
LARGEST_RESULT: Final = 1_000_000
"""Bytes of a result at most, as JSON."""
LONGEST_MESSAGE: Final = 2_000
"""Characters of a title or message at most."""
_OPEN: Final = "('waiting', 'running', 'cancelling')"
_COLUMNS: Final = "id, person, kind, title, created, updated, finished, done, total, state, message, worker"
_JOB: Final = f"SELECT {_COLUMNS} FROM jobs"


_CHANCE: Final = uuid.uuid4().hex[:8]


def this_worker() -> str:
    """A name for this process: host, process id and chance, so that another one can tell whether it is still there."""
    return f"{socket.gethostname()}/{os.getpid()}/{_CHANCE}"


def is_gone(worker: str, updated: int, *, ours: str, now: int) -> bool:
    """Whether the process that has a job in hand is no more: nothing was heard of it, or it is not running here."""
    if worker == ours:
        return False
    host, _, process = worker.rpartition("/")[0].rpartition("/")
    own_host, _, own_process = ours.rpartition("/")[0].rpartition("/")
    if host != own_host or not process.isdigit():
        return now - updated > LEASE
    return process == own_process or not _runs(int(process)) or now - updated > LEASE_HERE


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _job(row: Row, ours: str, now: int) -> Job:
    state = State(row[9])
    if row[6] is None and is_gone(row[11], row[5], ours=ours, now=now):
        state = State.BROKEN
    return Job(
        id=row[0], person=row[1], kind=row[2], title=row[3], created=row[4], updated=row[5], finished=row[6],
        done=row[7], total=row[8], state=state, message=row[10], worker=row[11],
    )  # fmt: skip


def add_job(tx: Transaction, job: Job) -> None:
    """Add a job, and forget those that ended more than :data:`KEPT` ago, or were broken off before that."""
    old = job.created - KEPT
    tx.run("DELETE FROM jobs WHERE finished < ?", old)
    tx.run("DELETE FROM jobs WHERE finished IS NULL AND updated < ?", old)
    tx.run(
        f"INSERT INTO jobs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        job.id, job.person, job.kind, job.title[:LONGEST_MESSAGE], job.created, job.updated, job.finished, job.done,
        job.total, job.state.value, job.message[:LONGEST_MESSAGE], job.worker,
    )  # fmt: skip


def open_jobs(tx: Transaction, person: str, *, ours: str, now: int) -> int:
    """How many jobs of a person wait or run, broken ones left out."""
    rows = tx.all(f"SELECT worker, updated FROM jobs WHERE person = ? AND state IN {_OPEN}", person)
    return sum(not is_gone(worker, updated, ours=ours, now=now) for worker, updated in rows)


def find_job(tx: Transaction, identifier: str, *, ours: str, now: int) -> Job | None:
    """Find a job, with its result."""
    row = tx.one(f"SELECT {_COLUMNS}, result FROM jobs WHERE id = ?", identifier)
    if row is None or (row[6] is not None and row[6] < now - KEPT):
        return None
    found = _job(row, ours, now)
    return found if row[12] is None else msgspec.structs.replace(found, result=msgspec.json.decode(bytes(row[12])))


def list_jobs(tx: Transaction, *, person: str | None, limit: int, before: Job | None, ours: str, now: int) -> list[Job]:
    """Jobs without their results, newest first: of one person, or of everybody; those older than ``before``."""
    wanted = ["(finished IS NULL OR finished >= ?)"]
    values: list[Any] = [now - KEPT]
    if person is not None:
        wanted.append("person = ?")
        values.append(person)
    if before is not None:
        wanted.append("(created < ? OR (created = ? AND id < ?))")
        values += [before.created, before.created, before.id]
    rows = tx.all(f"{_JOB} WHERE {' AND '.join(wanted)} ORDER BY created DESC, id DESC LIMIT ?", *values, limit)
    return [_job(row, ours, now) for row in rows]


def unwanted(tx: Transaction, worker: str) -> set[str]:
    """The jobs of a worker that somebody asked to stop."""
    rows = tx.all("SELECT id FROM jobs WHERE worker = ? AND state = 'cancelling' AND finished IS NULL", worker)
    return {row[0] for row in rows}


def note_progress(tx: Transaction, job: Job, now: int) -> None:
    """Write how far a job is."""
    tx.run(
        f"UPDATE jobs SET updated = ?, done = ?, total = ?, message = ? WHERE id = ? AND state IN {_OPEN}",
        now, job.done, job.total, job.message[:LONGEST_MESSAGE], job.id,
    )  # fmt: skip


def begin_job(tx: Transaction, identifier: str, now: int) -> bool:
    """Note that a job runs; ``False`` when it is not wanted any more."""
    return bool(tx.run("UPDATE jobs SET state = 'running', updated = ? WHERE id = ? AND state = 'waiting'",
                       now, identifier))  # fmt: skip


def end_job(tx: Transaction, job: Job, result: bytes | None, now: int) -> None:
    """Note what became of a job."""
    tx.run(
        "UPDATE jobs SET state = ?, updated = ?, finished = ?, done = ?, total = ?, message = ?, result = ? "
        "WHERE id = ?",
        job.state.value, now, now, job.done, job.total, job.message[:LONGEST_MESSAGE], result, job.id,
    )  # fmt: skip


def ask_to_stop(tx: Transaction, identifier: str) -> bool:
    """Ask that a job stops; ``False`` when it has ended. ``updated`` is its worker's alone: it tells whether that one
    lives."""
    return bool(tx.run("UPDATE jobs SET state = 'cancelling' WHERE id = ? AND finished IS NULL", identifier))


def beat(tx: Transaction, worker: str, now: int) -> None:
    """Say that a worker lives, for every job that it has."""
    tx.run(f"UPDATE jobs SET updated = ? WHERE worker = ? AND state IN {_OPEN}", now, worker)
