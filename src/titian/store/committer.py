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
        self._thread = threading.Thread(target=self._work, name="titian-committer", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[Transaction], T]) -> Future[T]:
        """Run ``job`` in a write transaction; the future is done when it is durable, or with its error."""
        if self._closed:
            raise Unavailable("The node is shutting down.", advice="Try again when it is up.")
        future: Future[T] = Future()
        self._jobs.put((job, future))
        return future

    def close(self) -> None:
        """Finish what was submitted, then stop."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join(timeout=60)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not self._commit(job):
                return

    def _commit(self, job: _Job | None) -> bool:
        """Run and commit one group; ``False`` when the end of the queue was in it."""
        done: list[tuple[Future[Any], Any]] = []
        running: list[Future[Any]] = []
        until = time.monotonic() + GROUP_SECONDS
        try:
            with self._database.writing() as tx:
                while job is not None:
                    work, future = job
                    running.append(future)
                    try:
                        with savepoint(tx):
                            done.append((future, work(tx)))
                    except Exception as error:
                        running.remove(future)
                        future.set_exception(error)
                    if len(done) >= GROUP_JOBS or time.monotonic() > until:
                        break
                    try:
                        job = self._jobs.get_nowait()
                    except queue.Empty:
                        break
        except Exception as error:
            if not running and job is not None:
                running.append(job[1])
            for future in running:
                future.set_exception(error)
            return job is not None
        for future, result in done:
            future.set_result(result)
        return job is not None
