"""Counts that change while one looks: server-sent events (HTML standard, section 9.2), one query for all who listen."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from titian.core.counts import Counts
from titian.core.people import Session
from titian.node import Node
from titian.web.errors import TooMany

MOST: Final = 6
"""Connections of one person to one worker at most."""
LOOK_EVERY: Final = 2.0
"""Seconds between two looks at the counts, while somebody listens."""
BEAT_EVERY: Final = 15.0
"""Seconds of silence after which a line is sent that says nothing: proxies and browsers give up on silence."""
_AGAIN: Final = 2000
"""Milliseconds after which a browser connects again."""
LIFE: Final = 600.0
"""Seconds after which a connection is ended; the browser begins another."""
_SHORT_LIFE: Final = 15.0
"""The same where nothing tells that the worker is to end: it waits for its connections, and is killed after 20 s."""
_BEGIN: Final = f"retry: {_AGAIN}\n\n".encode()
_BEAT: Final = b":\n\n"
_log: Final = structlog.get_logger("titian.live")
_encode: Final = msgspec.json.Encoder().encode


class Live:
    """What the connections of a worker share. Used from its event loop only; the database is read in a thread."""

    def __init__(
        self, node: Node, *, look_every: float = LOOK_EVERY, beat_every: float = BEAT_EVERY, most: int = MOST
    ) -> None:
        self._node = node
        self._look_every, self._beat_every, self._most = look_every, beat_every, most
        self._people: Counter[str] = Counter()
        self._looking: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._counts: Counts | None = None
        self._life: float | None = None
        self._ending = False

    @property
    def listeners(self) -> int:
        """How many connections there are."""
        return self._people.total()

    def enter(self, session: Session) -> AsyncIterator[bytes]:
        """Begin to listen. Raises :class:`TooMany` when this person does so too often already."""
        if self._people[session.actor.id] >= self._most:
            raise TooMany(f"This person listens {self._most} times already.", self._beat_every)
        return self._listen(session)

    async def _listen(self, session: Session) -> AsyncIterator[bytes]:
        """The events for one connection: the counts at once, then whenever they change; ends with the session."""
        person = session.actor.id
        if self._people[person] >= self._most:
            # Others began between the question and the answer.
            return
        self._people[person] += 1
        try:
            loop = asyncio.get_running_loop()
            if self._life is None:
                self._life = LIFE if before_the_end(loop, self.end) else _SHORT_LIFE
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            yield _BEGIN
            told: bytes | None = None
            until = loop.time() + self._life
            while not self._ending and loop.time() < until and await asyncio.to_thread(self._holds, session):
                counts, changed = self._counts, self._changed
                now = None if counts is None else _encode(counts.of(session.actor))
                if now is not None and now != told:
                    told = now
                    yield b"event: counts\ndata: " + now + b"\n\n"
                elif told is not None:
                    yield _BEAT
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), min(self._beat_every, max(0.01, until - loop.time())))
        finally:
            self._people[person] -= 1
            if not self._people[person]:
                del self._people[person]
            if not self._people and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def end(self) -> None:
        """End every connection: the worker waits for them before it ends."""
        self._ending = True
        self._changed.set()

    def _holds(self, session: Session) -> bool:
        """Whether a session is still open."""
        return self._node.store.clock() < session.expires and self._node.people.session(session.token) is not None

    async def _look(self) -> None:
        """Read the counts while somebody listens, and wake all when they are others."""
        while True:
            try:
                counts = await asyncio.to_thread(self._node.counts.read)
                if counts != self._counts:
                    self._counts = counts
                    self._changed.set()
                    self._changed = asyncio.Event()
            except Exception as error:
                _log.warning("the counts cannot be read", exc_info=error)
            await asyncio.sleep(self._look_every)


def before_the_end(loop: asyncio.AbstractEventLoop, then: Callable[[], object]) -> bool:
    """Have something done when this process is told to end, before the server's own handlers; whether that can be.

    The server has put its handlers into the loop and waits for every connection. There is no public way to add one
    beside them, and an event stream does not end by itself.
    """
    held = getattr(loop, "_signal_handlers", None)
    if not isinstance(held, dict):
        return False
    found = {number: held[number] for number in (signal.SIGTERM, signal.SIGINT) if number in held}

    def handle(theirs: asyncio.Handle) -> None:
        then()
        theirs._run()

    for number, theirs in found.items():
        loop.add_signal_handler(number, handle, theirs)
    return bool(found)
