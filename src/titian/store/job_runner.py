"""The thread that does long work, one job after the other, persons in turns, and the one that writes how far it is."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

import msgspec

from titian.core.errors import TitianError, Unavailable
from titian.core.job import Job, Progress, State, Stopped
from titian.store.jobs import (
    LARGEST_RESULT,
    add_job,
    ask_to_stop,
    beat,
    begin_job,
    end_job,
    find_job,
    list_jobs,
    note_progress,
    open_jobs,
    this_worker,
    unwanted,
)
from titian.store.store import Store

Work = Callable[[Progress], object]

LOOK_EVERY: Final = 0.3
"""Seconds between looks at how far the job in hand is, and at what somebody asked to stop."""
BEAT_EVERY: Final = 10.0
"""Seconds between signs of life while there are jobs and nothing else is written."""
MOST: Final = 100
"""Jobs of one process that wait, at most."""
_TRIES: Final = 20
_log: Final = logging.getLogger("titian.jobs")


class _Progress:
    """How far a job is, in memory only: a work calls it from inside of its own transactions."""

    def __init__(self, job: Job, halted: threading.Event) -> None:
        self.job = job
        self.wanted = True
        self.looked = False
        self._halted = halted
        self._state = (job.done, job.total, job.message)

    def at(self, done: int, total: int | None = None, message: str = "") -> None:
        """Say how far it is."""
        self._state = (done, total, message)

    @property
    def cancelled(self) -> bool:
        """Whether it should stop."""
        stop = not self.wanted or self._halted.is_set()
        self.looked = self.looked or stop
        return stop

    def check(self) -> None:
        """Raise :class:`Stopped` when it should stop."""
        if self.cancelled:
            raise Stopped

    def now(self) -> Job:
        """The job as far as it is."""
        done, total, message = self._state
        return msgspec.structs.replace(self.job, done=done, total=total, message=message)


class JobRunner:
    """The jobs of this process, and the table of every process's. Its threads begin with the first job."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._worker = this_worker()
        self._lock = threading.Condition()
        self._queues: OrderedDict[str, deque[tuple[_Progress, Work]]] = OrderedDict()
        self._running: _Progress | None = None
        self._halted = threading.Event()
        self._threads: list[threading.Thread] = []

    # ── what others call ──────────────────────────────────────────────────────────────────────────────────

    def start(self, person: str, kind: str, title: str, work: Work, *, most: int) -> Job | None:
        """Have some work done. ``None`` when this person has ``most`` unfinished jobs already; raises
        :class:`Unavailable` when too many wait, or the node ends."""
        now = self._store.clock()
        job = Job(id=str(uuid.uuid4()), person=person, kind=kind, title=title, created=now, updated=now,
                  worker=self._worker)  # fmt: skip
        with self._lock:
            if self._halted.is_set() or sum(map(len, self._queues.values())) >= MOST:
                raise Unavailable("Too much waits to be worked on.", advice="Try again later.")
        with self._store.writing() as tx:
            if open_jobs(tx, person, ours=self._worker, now=now) >= most:
                return None
            add_job(tx, job)
        with self._lock:
            self._queues.setdefault(person, deque()).append((_Progress(job, self._halted), work))
            self._begin()
            self._lock.notify_all()
        return job

    def find(self, identifier: str) -> Job | None:
        """A job with its result, of whichever process."""
        with self._store.reading() as tx:
            return find_job(tx, identifier, ours=self._worker, now=self._store.clock())

    def list(self, *, person: str | None = None, limit: int = 50, before: Job | None = None) -> list[Job]:
        """Jobs without results, newest first: of one person or of everybody."""
        with self._store.reading() as tx:
            return list_jobs(tx, person=person, limit=limit, before=before, ours=self._worker, now=self._store.clock())

    def cancel(self, identifier: str) -> bool:
        """Ask that a job stops; ``False`` when it has ended."""
        with self._store.writing() as tx:
            return ask_to_stop(tx, identifier)

    def close(self) -> None:
        """Ask the job in hand to stop, and wait for it, for a while."""
        with self._lock:
            self._halted.set()
            self._lock.notify_all()
            waiting = [progress for queue in self._queues.values() for progress, _ in queue]
            self._queues.clear()
        for thread in self._threads:
            thread.join(timeout=10)
        for progress in waiting:
            self._end(progress, State.CANCELLED, "The node was stopped.", None)

    # ── the thread that works ─────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        if self._threads:
            return
        for name, target in (("titian-jobs", self._work), ("titian-jobs-beat", self._beat)):
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _next(self) -> tuple[_Progress, Work] | None:
        """The next job: of the person whose turn it is."""
        with self._lock:
            self._running = None
            while not self._queues and not self._halted.is_set():
                self._lock.wait()
            if self._halted.is_set():
                return None
            person, waiting = self._queues.popitem(last=False)
            found = waiting.popleft()
            if waiting:
                self._queues[person] = waiting
            self._running = found[0]
            return found

    def _work(self) -> None:
        while (found := self._next()) is not None:
            progress, work = found
            try:
                self._do(progress, work)
            except Exception as error:
                _log.error("the job %s was lost", progress.job.id, exc_info=error)

    def _do(self, progress: _Progress, work: Work) -> None:
        with self._store.writing() as tx:
            wanted = begin_job(tx, progress.job.id, self._store.clock())
        if not wanted:
            self._end(progress, State.CANCELLED, "", None)
            return
        result: bytes | None = None
        state, message = State.DONE, ""
        try:
            made = work(progress)
            result = None if made is None else msgspec.json.encode(made)
            if progress.looked:
                state = State.CANCELLED
        except Stopped:
            state = State.CANCELLED
        except Exception as error:
            state, message = State.FAILED, _words(error, progress.job)
        if result is not None and len(result) > LARGEST_RESULT:
            result, message = None, "The result is too large to be kept."
        self._end(progress, state, message, result)

    def _end(self, progress: _Progress, state: State, message: str, result: bytes | None) -> None:
        """Write what became of a job, as often as it takes: the work itself is done."""
        last = progress.now()
        ended = msgspec.structs.replace(last, state=state, message=message or last.message)
        for left in range(_TRIES, 0, -1):
            try:
                with self._store.writing() as tx:
                    end_job(tx, ended, result, self._store.clock())
                return
            except Unavailable:
                if left == 1 or self._halted.is_set():
                    raise
                time.sleep(1)

    # ── the thread that writes how far it is ──────────────────────────────────────────────────────────────

    def _beat(self) -> None:
        written: Job | None = None
        beaten = time.monotonic()
        while not self._halted.wait(LOOK_EVERY):
            with self._lock:
                while self._running is None and not self._queues and not self._halted.is_set():
                    self._lock.wait()
                running = self._running
            try:
                self._forget_unwanted(running)
                now = None if running is None else running.now()
                if now is not None and now != written:
                    with self._store.writing() as tx:
                        note_progress(tx, now, self._store.clock())
                    written = now
                if time.monotonic() - beaten > BEAT_EVERY:
                    with self._store.writing() as tx:
                        beat(tx, self._worker, self._store.clock())
                    beaten = time.monotonic()
            except TitianError as error:
                # A long transaction of somebody, maybe of the job itself, keeps others from writing.
                _log.debug("progress is not written: %s", error)

    def _forget_unwanted(self, running: _Progress | None) -> None:
        with self._store.reading() as tx:
            stop = unwanted(tx, self._worker)
        if not stop:
            return
        if running is not None and running.job.id in stop:
            running.wanted = False
        with self._lock:
            waiting = [one for queue in self._queues.values() for one in queue if one[0].job.id in stop]
            for one in waiting:
                queue = self._queues[one[0].job.person]
                queue.remove(one)
                if not queue:
                    del self._queues[one[0].job.person]
        for progress, _ in waiting:
            self._end(progress, State.CANCELLED, "", None)


def _words(error: Exception, job: Job) -> str:
    """What is told of a failure: our own errors by their words, anything else by the number of its line in the log."""
    if isinstance(error, TitianError) and not isinstance(error, Unavailable):
        return str(error)
    error_id = str(uuid.uuid4())
    _log.error("a job failed: %s, error_id %s", job.kind, error_id, exc_info=error)
    said = "The node cannot answer now." if isinstance(error, Unavailable) else "The node failed."
    return f"{said} If it stays so, tell its administrator the error_id {error_id}."
