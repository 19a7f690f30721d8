"""The application of one worker: routes, error handlers, and what lives as long as it does."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp

from titian.exchange.subscribe import Ran
from titian.node import Node, open_node
from titian.settings import Settings
from titian.store.view import PartnerView
from titian.web.access import Door
from titian.web.api.problem import problem
from titian.web.api.routes import api_router
from titian.web.console.failures import console_error
from titian.web.console.guard import Guard
from titian.web.console.routes import console_router
from titian.web.console.screening_results import Results
from titian.web.errors import handle_error, is_machines
from titian.web.front import Front
from titian.web.ledger import ledger_router
from titian.web.matching import match_router
from titian.web.operation import health, metrics
from titian.web.static_files import static_file
from titian.web.taxii import TaxiiState, Visit, taxii_router
from titian.web.witness import new_turns, witness_router

_BLOCK: Final = 1 << 20
_PENDING_EVERY: Final = 0.5
"""Seconds between looks for requests that wait to be worked on."""
_SUBSCRIPTIONS_EVERY: Final = 0.25
"""Seconds between looks for subscriptions whose time has come."""
_FINDING: Final = 0.3
"""Seconds in each turn for making what came findable; whoever looks meanwhile finds it all the same."""
_CLOCK_EVERY: Final = 20.0
"""Seconds between looks at the clock. What has ended is never read meanwhile: that is looked at with each answer."""


def set_up_logs(settings: Settings) -> None:
    """Log to standard error, one line for each event."""
    level = getattr(logging, settings.log_level.upper())
    last: Any = (
        structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _libc_trim() -> Callable[[int], object]:
    """What gives memory that was freed back to the system: glibc keeps it, above all of threads that work in turn."""
    try:
        found: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return bool
    return found


_trim: Final = partial(_libc_trim(), 0)


class PendingWorker:
    """A thread that works on deferred requests, one batch after the other, and on what the clock asks for: what has
    ended, agreements that begin or end, standing rules of release."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="titian-pending", daemon=True)

    def start(self) -> None:
        """Begin. A database that has gone back is noticed before anything of it is handed over (law 10)."""
        if self._node.store.journal is not None:
            self._node.store.journal.begin()
        self._seal(structlog.get_logger("titian.pending"))
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand; what is left goes on after the next start."""
        self._stop.set()
        self._thread.join(timeout=30)

    def _seal(self, log: Any) -> None:
        for done in self._node.ledgers.seal_all():
            if done.halted is not None:
                log.error("a ledger is halted", ledger=done.ledger.origin, why=done.halted)

    def _work(self) -> None:
        log = structlog.get_logger("titian.pending")
        clock = time.monotonic() + _CLOCK_EVERY
        while not self._stop.wait(_PENDING_EVERY):
            try:
                if self._node.store.journal is not None:
                    self._node.store.journal.tick()
                if time.monotonic() >= clock:
                    clock = time.monotonic() + _CLOCK_EVERY
                    self._node.withdraw.tick()
                    self._seal(log)
                    for wrong in self._node.submit.tick():
                        log.warning("not cosigned", why=wrong)
                    for late in self._node.recalls.tick():
                        log.warning("a recall is overdue", recall=late.recall.id, party=late.party)
                    self._node.retention.tick()
                    self._node.matches.tidy()
                    self._node.release.run_standing()
                    Results(self._node.home, self._node.store.clock).sweep()
                    self._node.store.database.relax()
                    _trim()
                while self._node.receive.work_off(self._stop.is_set) and not self._stop.is_set():
                    pass
                self._node.find.tick(_FINDING)
                if self._node.screen.is_used:
                    self._node.screen().tick(_FINDING)
            except Exception as error:
                log.error("deferred request failed", exc_info=error)
                self._stop.wait(5)


class Subscriber:
    """A thread that pulls what this node has subscribed to, as each is due. A worker that is not alone leaves to
    another what that one has in hand."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="titian-subscriber", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is in hand, for a while; what is left goes on after the next start."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        log = structlog.get_logger("titian.subscriptions")
        while not self._stop.wait(_SUBSCRIPTIONS_EVERY):
            try:
                for ran in self._node.subscribe.run_due(self._stop.is_set):
                    self._tell(log, ran)
            except Exception as error:
                log.error("a pull failed", exc_info=error)
                self._stop.wait(5)

    @staticmethod
    def _tell(log: Any, ran: Ran) -> None:
        about = {"subscription": ran.subscription.id, "partner": ran.subscription.terms.party}
        if ran.error is not None:
            log.warning("a pull failed", error=ran.error, **about)
        elif ran.arrived.read or ran.sent:
            log.info("pulled", read=ran.arrived.read, accepted=ran.arrived.accepted,
                     quarantined=ran.arrived.quarantined, sent=ran.sent, **about)  # fmt: skip
        for finding in ran.findings:
            log.error("a partner's ledger does not fit", finding=finding, **about)


def warm_up(size: int) -> None:
    """Touch as much memory as the page cache will hold, and hand it back to the allocator, which keeps it (see
    ``titian.web.worker``): fetched page by page while answering, it costs more than the answer."""
    del [b"\x01" * _BLOCK for _ in range(size // _BLOCK)][:]


def create_app(home: Path, *, also: tuple[str, ...] = ()) -> ASGIApp:
    """Make the application of the node in ``home``; it answers to the host names in ``also`` too."""
    node = open_node(home)
    set_up_logs(node.settings)
    door = Door(node)
    state = TaxiiState(node)
    turns = new_turns()
    guard = Guard(node)

    def provide_visit(request: Request[Any, Any, Any]) -> Visit:
        return Visit(door.admit(request), state)

    def provide_caller(request: Request[Any, Any, Any]) -> PartnerView:
        return door.admit(request, taxii=False)

    console = node.settings.console

    def fail(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        # Where nothing is, a program is told in TAXII's words, a browser by a page.
        nowhere = isinstance(error, NotFoundException) and "text/html" not in request.headers.get("accept", "")
        api = request.scope["path"].startswith("/api/")
        if not console or is_machines(request.scope["path"]) or (nowhere and not api):
            return handle_error(request, error)
        if api:
            return problem(request, error)
        return console_error(guard, request, error)

    @asynccontextmanager
    async def living(_: Litestar) -> AsyncIterator[None]:
        pending = PendingWorker(node)
        pending.start()
        subscriber = Subscriber(node)
        subscriber.start()
        warm_up(node.settings.page_cache_bytes)
        # What exists now lives as long as the process: the collector need not walk it again (p99).
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        try:
            yield
        finally:
            subscriber.stop()
            pending.stop()
            node.close()

    app = Litestar(
        route_handlers=[
            taxii_router(),
            ledger_router(),
            witness_router(),
            match_router(),
            health,
            metrics,
            *((static_file, api_router(node, guard, door), console_router(node, guard)) if console else ()),
        ],
        dependencies={
            "visit": Provide(provide_visit, sync_to_thread=False),
            "caller": Provide(provide_caller, sync_to_thread=False),
            "turns": Provide(lambda: turns, sync_to_thread=False),
            "node": Provide(lambda: node, sync_to_thread=False),
        },
        exception_handlers={Exception: fail},
        request_max_body_size=node.settings.max_content_length,
        lifespan=[living],
        openapi_config=None,
        logging_config=None,
    )
    return Front(app, (*node.settings.allowed_hosts, *also))
