"""Group commit: writers that wait at the same time share one durable commit, each with its own outcome."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from titian.core.errors import Unavailable
from titian.store.database import Database, Transaction, savepoint

T = TypeVar("T")
_Job = tuple[Callable[[Transaction], Any], "Future[Any]"]

GROUP_SECONDS: Final = 0.02
"""How long one group may grow before it is committed."""
GROUP_JOBS: Final = 64


class Committer:
    """One thread that writes. A job that raises undoes only itself; a failed commit fails its whole group."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="titian-committer", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[Transaction], T]) -> Future[T]:
        """Run ``job`` in a write transaction; the future is done when it is durable, or with its error."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise Unavailable("The node is shutting down.", advice="Try again when it is up.")
            self._jobs.put((job, future))
        return future

    @property
    def alive(self) -> bool:
        """Whether the thread that writes is there."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Finish what was submitted, then stop."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._thread.join(timeout=60)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not self._commit(job):
                return

    def _commit(self, job: _Job | None) -> bool:
        """Run and commit one group; ``False`` when the end of the queue was in it."""
        taken: list[Future[Any]] = []
        results: list[tuple[Future[Any], Any]] = []
        until = time.monotonic() + GROUP_SECONDS
        try:
            with self._database.writing() as tx:
                while job is not None:
                    self._run(tx, job, taken, results)
                    if len(taken) >= GROUP_JOBS or time.monotonic() > until:
                        break
                    try:
                        job = self._jobs.get_nowait()
                    except queue.Empty:
                        break
        except Exception as error:
            waiting = job is not None and job[1] not in taken and not job[1].cancelled()
            if job is not None and waiting and job[1].set_running_or_notify_cancel():
                taken.append(job[1])
            for future in taken:
                if not future.done():
                    future.set_exception(error)
            return job is not None
        for future, result in results:
            future.set_result(result)
        return job is not None

    def _run(
        self, tx: Transaction, job: _Job, taken: list[Future[Any]], results: list[tuple[Future[Any], Any]]
    ) -> None:
        """Run one job under a savepoint. One that was cancelled while it waited is left out."""
        work, future = job
        if not future.set_running_or_notify_cancel():
            return
        taken.append(future)
        try:
            with savepoint(tx):
                result = work(tx)
        except Exception as error:
            future.set_exception(error)
        else:
            results.append((future, result))
