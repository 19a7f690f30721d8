"""Deliveries of one worker: those that become ready in the same turn of the event loop are remembered by one sync."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Final

from titian.core.errors import TitianError
from titian.store.view import Deliveries, Delivery, Outcome

_PATIENCE: Final = 0.015
"""Seconds until what the journal does not take goes into the database: while a write transaction runs, it takes
nothing."""
_PAUSE: Final = 0.001
_SLOW: Final = 0.002
"""Seconds that the disk takes, of late, from which a thread waits for it: nobody else has to meanwhile. Below, the two
changes of thread cost more than the disk does."""
_GROUP: Final = 4
"""So many share a sync at most while the disk is quick: with more, readers and node wait for each other in turn."""
_ALONE: Final = 4
"""After so many turns with one delivery each, the next are written at once: nobody is there to share a sync with."""
_LOOK: Final = 8
"""So many are written at once; then a turn is waited for again, to see whether others have come."""
_log = logging.getLogger(__name__)

_Waiting = tuple[Delivery, "asyncio.Future[bool]"]


class Together:
    """Remembers deliveries for the handlers of one event loop. Used from its thread only."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries
        self._waiting: list[_Waiting] = []
        self._until = 0.0
        self._alone = 0
        self._took = 0.0
        self._aside: asyncio.Task[None] | None = None

    async def record(self, delivery: Delivery) -> bool:
        """Remember a delivery before it is handed over (:meth:`titian.store.deliveries.Deliveries.record`)."""
        if not self._deliveries.quick:
            return await asyncio.wrap_future(self._deliveries.record(delivery))
        if self._alone >= _ALONE and not self._waiting and self._aside is None and self._took < _SLOW:
            self._alone = self._alone + 1 if self._alone < _ALONE + _LOOK else _ALONE - 1
            outcomes = self._try([delivery])
            if outcomes is not None:
                if isinstance(outcomes[0], TitianError):
                    raise outcomes[0]
                return outcomes[0]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((delivery, future))
        if len(self._waiting) == 1:
            self._until = loop.time() + _PATIENCE
            loop.call_soon(self._append)
        elif len(self._waiting) == _GROUP and self._took < _SLOW:
            self._append()
        return await future

    def _append(self) -> None:
        """Write what waits: here, or aside when the disk is slow."""
        if self._aside is not None or not (waiting := self._take()):
            return
        loop = asyncio.get_running_loop()
        self._alone = self._alone + 1 if len(waiting) == 1 else 0
        if self._took >= _SLOW:
            self._aside = loop.create_task(self._in_a_thread(waiting))
            return
        outcomes = self._try([delivery for delivery, _ in waiting])
        if self._again(outcomes):
            self._waiting = waiting
            loop.call_later(_PAUSE, self._append)
        else:
            self._tell(waiting, outcomes)

    async def _in_a_thread(self, waiting: list[_Waiting]) -> None:
        """The same, for as long as anybody waits: all who come during one sync share the next."""
        try:
            while waiting:
                outcomes = await asyncio.to_thread(self._try, [delivery for delivery, _ in waiting])
                if self._again(outcomes):
                    self._waiting = waiting + self._waiting
                    await asyncio.sleep(_PAUSE)
                else:
                    self._tell(waiting, outcomes)
                    self._until = asyncio.get_running_loop().time() + _PATIENCE
                waiting = self._take()
        finally:
            self._aside = None

    def _take(self) -> list[_Waiting]:
        """Who waits. Who has gone away meanwhile is handed nothing, and so nothing is remembered."""
        taken, self._waiting = [one for one in self._waiting if not one[1].done()], []
        return taken

    def _again(self, outcomes: list[Outcome] | None) -> bool:
        """Whether the journal may take in a moment what it has not taken now."""
        return outcomes is None and asyncio.get_running_loop().time() < self._until and self._deliveries.quick

    def _try(self, some: Sequence[Delivery]) -> list[Outcome] | None:
        began = perf_counter()
        try:
            return self._deliveries.append(some)
        except Exception as error:
            # Whatever it was: nothing goes out that is not remembered, and the database tells what is wrong with it.
            _log.warning("the journal cannot be used", exc_info=error)
            self._until = 0.0
            return None
        finally:
            self._took += (perf_counter() - began - self._took) / 8

    def _tell(self, waiting: Sequence[_Waiting], outcomes: list[Outcome] | None) -> None:
        """Tell each what became of it; what the journal has not taken, the thread that writes takes."""
        if outcomes is None:
            for delivery, future in waiting:
                self._submit(delivery, future)
            return
        for (_, future), outcome in zip(waiting, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, TitianError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _submit(self, delivery: Delivery, future: asyncio.Future[bool]) -> None:
        try:
            job = asyncio.wrap_future(self._deliveries.record(delivery))
        except TitianError as error:
            if not future.done():
                future.set_exception(error)
            return
        job.add_done_callback(partial(_pass_on, future))


def _pass_on(future: asyncio.Future[bool], job: asyncio.Future[bool]) -> None:
    """Tell who waits what became of a job. Its error is looked at even where nobody does: asyncio would tell of it."""
    error = None if job.cancelled() else job.exception()
    if future.done():
        return
    if job.cancelled():
        future.cancel()
    elif error is not None:
        future.set_exception(error)
    else:
        future.set_result(job.result())
