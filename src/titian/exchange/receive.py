"""Receive: take what a partner adds to a collection, answer with a receipt, and work on large requests later."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

import msgspec

from titian.core.collection import Appended, Collection, Incoming, Outcome
from titian.core.errors import InvalidInput
from titian.core.receipt import Deferred, Intake, Line, Receipt
from titian.core.stix import Violation
from titian.exchange.hold import BATCH, CONFLICT, Judged, judge

_MESSAGE_BYTES: Final = 500
_SHOWN: Final = 5


class _Envelope(msgspec.Struct):
    objects: list[msgspec.Raw]


_envelope: Final = msgspec.json.Decoder(_Envelope)


def split(body: bytes) -> list[bytes]:
    """Split an envelope into its objects, byte for byte. Raises :class:`InvalidInput` for anything else."""
    try:
        envelope = _envelope.decode(body)
        repeated = body.count(b'objects"') > 1 and _repeated(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"The body is not a TAXII envelope: {error}.",
            advice='Send {"objects": [ … ]} with STIX 2.1 objects, in UTF-8.',
        ) from None
    if not envelope.objects:
        raise InvalidInput("The envelope holds no objects.", advice="Put at least one STIX object into objects.")
    if repeated:
        raise InvalidInput("A key of the envelope stands in it twice.", advice="Send each key once.")
    return [bytes(raw) for raw in envelope.objects]


def _repeated(body: bytes) -> bool:
    """Whether a key of the envelope itself stands twice: two readers would see two different requests."""
    names: list[str] = []

    def hook(pairs: list[tuple[str, object]]) -> None:
        # The outermost object is closed last, so what stays here are its keys.
        names[:] = [name for name, _ in pairs]

    json.loads(body, object_pairs_hook=hook)
    return len(set(names)) != len(names)


def _message(violations: Sequence[Violation]) -> str:
    shown = [f"{v.path}: {v.message} ({v.rule}, STIX 2.1 section {v.clause})" for v in violations[:_SHOWN]]
    rest = len(violations) - _SHOWN
    text = " ".join(shown) + (f" And {rest} more." if rest > 0 else "")
    return text if len(text) <= _MESSAGE_BYTES else text[: _MESSAGE_BYTES - 1] + "…"


def settle(receipt: Receipt, judged: Sequence[Judged], appended: Sequence[Appended]) -> Receipt:
    """Add the outcome of a batch to a receipt, in the order of the request."""
    outcomes = iter(appended)
    for one in judged:
        if one.incoming is None:
            receipt.failures.append(Line(one.id or "", 0, _message(one.violations)))
            continue
        outcome = next(outcomes)
        if outcome.outcome is Outcome.CONFLICT:
            text = f"{CONFLICT[2]} ({CONFLICT[0]}, STIX 2.1 section {CONFLICT[1]})"
            receipt.failures.append(Line(outcome.id, outcome.version, text))
        else:
            known = "Already held, with the same content." if outcome.outcome is Outcome.KNOWN else None
            receipt.successes.append(Line(outcome.id, outcome.version, known))
    return receipt


class Receive:
    """Take requests in. ``clock`` gives microseconds, ``identify`` the id of a new receipt."""

    def __init__(
        self,
        intake: Intake,
        clock: Callable[[], int],
        identify: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._identify = identify

    def now(self, collection: Collection, objects: Sequence[bytes], *, source: str) -> Future[Receipt]:
        """Judge and append at once; the future is done when it is durable."""
        judged = [judge(raw) for raw in objects]
        receipt = Receipt(id=self._identify(), received=self._clock(), total=len(objects), successes=[], failures=[])
        return self._take(collection, receipt, judged, source)

    def later(self, collection: Collection, objects: Sequence[bytes], body: bytes, *, source: str) -> Future[Receipt]:
        """Keep the request; the future is done when that is durable. :meth:`work_off` does the rest."""
        receipt = Receipt(id=self._identify(), received=self._clock(), total=len(objects))
        return self._intake.defer(collection, receipt, body, source=source)

    def work_off(self, stopping: Callable[[], bool] = lambda: False) -> bool:
        """Work on one deferred request, if there is any, batch by batch; ``False`` when there was none.

        A request that was cut off goes on where its receipt ends: an object twice is an object known.
        """
        deferred = self._intake.claim()
        if deferred is None:
            return False
        self._work(deferred, stopping)
        return True

    def _work(self, deferred: Deferred, stopping: Callable[[], bool]) -> None:
        receipt = deferred.receipt
        objects = split(deferred.body)
        done = len(receipt.successes) + len(receipt.failures)
        while done < len(objects) and not stopping():
            judged = [judge(raw) for raw in objects[done : done + BATCH]]
            done += len(judged)
            self._take(deferred.collection, receipt, judged, deferred.source, finished=done == len(objects)).result()

    def _take(
        self,
        collection: Collection,
        receipt: Receipt,
        judged: Sequence[Judged],
        source: str,
        *,
        finished: bool = True,
    ) -> Future[Receipt]:
        items: list[Incoming] = [one.incoming for one in judged if one.incoming is not None]
        return self._intake.take(
            collection,
            items,
            source=source,
            receipt=lambda appended: settle(receipt, judged, appended),
            finished=finished,
        )
