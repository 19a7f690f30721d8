"""Receive: take what a partner adds to a collection, answer with a receipt, and work on large requests later."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final

import msgspec

from titian.core.collection import Appended, Collection, Incoming, Outcome
from titian.core.errors import InvalidInput, TooLarge
from titian.core.receipt import Intake, Line, Receipt
from titian.core.stix import Violation
from titian.exchange.hold import BATCH, CONFLICT, Judged, judge

UNKNOWN_VERSION: Final = "1970-01-01T00:00:00.000000Z"
"""For objects in which no version can be read (TAXII 2.1 section 4.3.1: a value that is consistent to the server)."""
_LONGEST_MESSAGE: Final = 500
_LONGEST_ID: Final = 300
_AT_LENGTH: Final = 200
_SHOWN: Final = 5


class _Envelope(msgspec.Struct):
    objects: list[msgspec.Raw]


_envelope: Final = msgspec.json.Decoder(_Envelope)
_values: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _repeats(body: bytes) -> bool:
    """Whether a key of the envelope itself stands twice: two readers would see two different requests.

    Reading drops what stands twice, so there is more of the body than of what was read. White space is taken out
    first where there is any, and only what is spelled oddly is read again.
    """
    return _more(body) and _more(msgspec.json.format(body, indent=-1)) and _repeated(body)


def _more(body: bytes) -> bool:
    """Whether an envelope is longer than its keys, their values, and the signs between them."""
    values = _values.decode(body)
    return len(body) > 1 + sum(len(_encode(name)) + 2 + len(bytes(raw)) for name, raw in values.items())


_encode: Final = msgspec.json.Encoder().encode


def split(body: bytes, *, most: int = 100_000) -> list[bytes]:
    """Split an envelope into its objects, byte for byte.

    Raises :class:`InvalidInput` for anything else, :class:`TooLarge` for more than ``most`` objects.
    """
    try:
        if not body.isascii():
            body.decode("utf-8")
        objects = [bytes(raw) for raw in _envelope.decode(body).objects]
        repeated = _repeats(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"The body is not a TAXII envelope: {error}.",
            advice='Send {"objects": [ … ]} with STIX 2.1 objects, in UTF-8.',
        ) from None
    if not objects:
        raise InvalidInput("The envelope holds no objects.", advice="Put at least one STIX object into objects.")
    if repeated:
        raise InvalidInput("A key of the envelope stands in it twice.", advice="Send each key once.")
    if len(objects) > most:
        raise TooLarge(f"The envelope holds {len(objects):,} objects, {most:,} are taken at once.",
                       advice="Send them in several requests.")  # fmt: skip
    return objects


def _repeated(body: bytes) -> bool:
    """Whether a key of the envelope itself stands twice: two readers would see two different requests."""
    names: list[str] = []

    def hook(pairs: list[tuple[str, object]]) -> None:
        # The outermost object is closed last, so what stays here are its keys.
        names[:] = [name for name, _ in pairs]

    json.loads(body, object_pairs_hook=hook)
    return len(set(names)) != len(names)


def _message(violations: Sequence[Violation], *, briefly: bool) -> str:
    if briefly:
        return f"{violations[0].rule}, STIX 2.1 section {violations[0].clause}"
    shown = [f"{v.path}: {v.message} ({v.rule}, STIX 2.1 section {v.clause})" for v in violations[:_SHOWN]]
    rest = len(violations) - _SHOWN
    text = " ".join(shown) + (f" And {rest} more." if rest > 0 else "")
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def settle(receipt: Receipt, judged: Sequence[Judged], appended: Sequence[Appended]) -> Receipt:
    """Add the outcome of a batch to a receipt, in the order of the request.

    After the first hundreds of failures each says its rule only: an answer must not be many times its request.
    """
    outcomes = iter(appended)
    for one in judged:
        if one.incoming is None:
            reason = _message(one.violations, briefly=len(receipt.failures) >= _AT_LENGTH)
            receipt.failures.append(Line((one.id or "")[:_LONGEST_ID], one.version or UNKNOWN_VERSION, reason))
            continue
        outcome = next(outcomes)
        if outcome.outcome is Outcome.CONFLICT:
            text = f"{CONFLICT[2]} ({CONFLICT[0]}, STIX 2.1 section {CONFLICT[1]})"
            receipt.failures.append(Line(outcome.id, outcome.version, text))
        elif outcome.outcome is Outcome.QUARANTINED:
            receipt.failures.append(Line(outcome.id, outcome.version, f"It is kept apart: {outcome.why}"))
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
        receipt = Receipt(id=self._identify(), received=self._clock(), total=len(objects))
        return self._intake.take(
            collection, _incoming(judged), source=source, receipt=lambda appended: settle(receipt, judged, appended)
        )

    def later(self, collection: Collection, objects: Sequence[bytes], body: bytes, *, source: str) -> Future[Receipt]:
        """Keep the request; the future is done when that is durable. :meth:`work_off` does the rest."""
        receipt = Receipt(id=self._identify(), received=self._clock(), total=len(objects))
        return self._intake.defer(collection, receipt, body, source=source)

    def work_off(self, stopping: Callable[[], bool] = lambda: False) -> bool:
        """Work on one deferred request, if there is any, batch by batch; ``False`` when there was none.

        A request that was cut off goes on where its receipt ends. Raises :class:`titian.core.errors.Refused` when
        another worker has taken it over meanwhile.
        """
        deferred = self._intake.claim()
        if deferred is None:
            return False
        objects = split(deferred.body, most=len(deferred.body))
        done = deferred.done
        while done < len(objects) and not stopping():
            judged = [judge(raw) for raw in objects[done : done + BATCH]]
            done += len(judged)
            batch = msgspec.structs.replace(deferred.receipt, successes=[], failures=[])
            settled = self._intake.go_on(
                deferred, _incoming(judged), receipt=partial(settle, batch, judged), done=done
            ).result()
            deferred.receipt.lease = settled.lease
        return True


def _incoming(judged: Sequence[Judged]) -> list[Incoming]:
    return [one.incoming for one in judged if one.incoming is not None]
