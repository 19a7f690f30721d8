"""Recalls and their answers as STIX objects: written for one party each, and read strictly.

They are messages between two nodes, and the only objects that reach a party without a projection: they hold
identifiers that this very party was served, or sent itself, and nothing else of any object. Each is marked
TLP:AMBER+STRICT, so that whoever receives one keeps it to themselves.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from titian.core.collection import timestamp
from titian.core.errors import InvalidInput
from titian.core.extensions import NEW_TYPES, require_reference
from titian.core.stix import Timestamp, is_identifier
from titian.core.tlp import TLP_IDS, Tlp

T = TypeVar("T")
RECALL: Final = "recall"
ANSWER: Final = "recall-answer"
MESSAGES: Final = (f"{RECALL}--", f"{ANSWER}--")
"""How the identifiers of messages begin."""
_MILLISECOND: Final = 1000
_LONGEST: Final = 2000
_MOST_ONWARD: Final = 1_000_000


class Reason(StrEnum):
    """Why something is recalled."""

    FALSE_POSITIVE = "false-positive"
    WRONG_MARKING = "wrong-marking"
    RELEASED_IN_ERROR = "released-in-error"
    SOURCE_COMPROMISED = "source-compromised"
    LEGAL = "legal"
    OUTDATED = "outdated"
    AGREEMENT_CHANGED = "agreement-changed"
    EXPIRED = "expired"


class Response(StrEnum):
    """What a recipient says that it did."""

    APPLIED = "applied"
    """Nothing of it is held any more of what came from the sender."""
    FLAGGED = "flagged"
    """Some of it is held still, goes to nobody, and waits for a person."""
    REFUSED = "refused"
    """It stays, and the answer says why."""


class _Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What both have. There is no more: what is not understood could be what matters."""

    type: str
    spec_version: str
    id: str
    created_by_ref: str
    created: str
    modified: str
    revoked: bool = False
    object_marking_refs: tuple[str, ...]
    extensions: dict[str, dict[str, Any]]


class RecallObject(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``recall``: ``object_refs`` are identifiers as its recipient knows them."""

    object_refs: tuple[str, ...]
    agreement_ref: str
    reason: str
    deadline: str
    description: str | None = None
    replaced_by_refs: tuple[str, ...] = ()


class RecallAnswerObject(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``recall-answer``: ``object_refs`` are those of the recall that it is about, all of them without."""

    recall_ref: str
    response: str
    description: str | None = None
    passed_on: int
    object_refs: tuple[str, ...] = ()


class RecallMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A recall as one party is told of it. ``version`` (its ``modified``) and ``deadline`` are microseconds since the
    Unix epoch; one that is ``withdrawn`` asks for nothing any more."""

    id: str
    by: str
    created: int
    version: int
    objects: tuple[str, ...]
    agreement: str
    reason: Reason
    deadline: int
    why: str = ""
    replaced_by: tuple[str, ...] = ()
    withdrawn: bool = False


class AnswerMessage(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a recall: ``passed_on`` is to how many others the objects had gone, who are asked in turn."""

    id: str
    by: str
    created: int
    version: int
    recall: str
    response: Response
    why: str = ""
    passed_on: int = 0
    objects: tuple[str, ...] = ()


def message_id(key: bytes, kind: str, about: str, party: str) -> str:
    """Return the identifier of a message to a party: the same every time, and not to be guessed.

    :param about: what it is about: the recall, by an identifier that is not the same for two.

    >>> message_id(b"k", "recall", "one", "a") == message_id(b"k", "recall", "one", "a")
    True
    >>> message_id(b"k", "recall", "one", "a") == message_id(b"k", "recall", "one", "b")
    False
    """
    said = b"\x00".join((b"titian message", kind.encode(), about.encode(), party.encode()))
    digest = hmac.new(key, said, hashlib.sha256).digest()
    return f"{kind}--{UUID(bytes=digest[:16], version=4)}"


def later(version: int, at: int) -> int:
    """Return a version in microseconds, a whole millisecond, that follows another: now, or right behind it.

    >>> later(5_000, 9_500), later(9_500, 2_000)
    (9000, 10000)
    """
    return max(at // _MILLISECOND, version // _MILLISECOND + 1) * _MILLISECOND


def read_reason(text: str) -> Reason:
    """Read why something is recalled. Raises :class:`InvalidInput` for a word that is none.

    >>> read_reason("legal")
    <Reason.LEGAL: 'legal'>
    """
    try:
        return Reason(text)
    except ValueError:
        raise InvalidInput(f"{text[:80]!r} is no reason of a recall.", advice=f"Write {_among(Reason)}.") from None


def read_response(text: str) -> Response:
    """Read what a recipient did. Raises :class:`InvalidInput` for a word that is none."""
    try:
        return Response(text)
    except ValueError:
        raise InvalidInput(
            f"{text[:80]!r} is no answer to a recall.", advice=f"It is one of {_among(Response)}."
        ) from None


def _among(words: type[StrEnum]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────


def _write(kind: str, one: RecallMessage | AnswerMessage, content: dict[str, object]) -> bytes:
    head: dict[str, object] = {
        "type": kind, "spec_version": "2.1", "id": one.id, "created_by_ref": one.by,
        "created": _millis(one.created), "modified": _millis(one.version),
    }  # fmt: skip
    head |= {name: value for name, value in content.items() if value not in (None, "", [])}
    head["object_marking_refs"] = [TLP_IDS[Tlp.AMBER_STRICT]]
    head["extensions"] = {NEW_TYPES[kind]: {"extension_type": "new-sdo"}}
    return msgspec.json.encode(head)


def _millis(micros: int) -> str:
    return timestamp(micros)[:23] + "Z"


def write_recall(one: RecallMessage) -> bytes:
    """Write a recall; reading it gives the same, but for instants in whole milliseconds."""
    return _write(RECALL, one, {
        "revoked": True if one.withdrawn else None,
        "object_refs": list(one.objects), "agreement_ref": one.agreement, "reason": one.reason.value,
        "deadline": _millis(one.deadline), "description": one.why[:_LONGEST],
        "replaced_by_refs": list(one.replaced_by),
    })  # fmt: skip


def write_answer(one: AnswerMessage) -> bytes:
    """Write an answer; reading it gives the same, but for instants in whole milliseconds."""
    return _write(ANSWER, one, {
        "recall_ref": one.recall, "response": one.response.value, "description": one.why[:_LONGEST],
        "passed_on": one.passed_on, "object_refs": list(one.objects),
    })  # fmt: skip


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────

_recall: Final = msgspec.json.Decoder(RecallObject)
_answer: Final = msgspec.json.Decoder(RecallAnswerObject)


def _decode(decoder: msgspec.json.Decoder[T], raw: bytes, what: str) -> T:
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"This {what} cannot be read: {error}.") from None


def _check(found: _Message, kind: str) -> tuple[int, int]:
    """Its ``created`` and ``modified``, of a message that is one."""
    require_reference(found.id, kind, f"A {kind} has another identifier")
    require_reference(found.created_by_ref, "identity", f"A {kind} was created by no party")
    if found.type != kind or found.spec_version != "2.1":
        raise InvalidInput(f"This is no {kind} of STIX 2.1.")
    if found.extensions != {NEW_TYPES[kind]: {"extension_type": "new-sdo"}}:
        raise InvalidInput(f"This {kind} is not declared by Titian's extension alone.",
                           advice=f"It needs the extension {NEW_TYPES[kind]}, and no other.")  # fmt: skip
    created, version = Timestamp.parse(found.created).micros, Timestamp.parse(found.modified).micros
    if version < created:
        raise InvalidInput(f"This {kind} was modified before it was created.")
    return created, version


def _references(found: tuple[str, ...], what: str) -> tuple[str, ...]:
    for one in found:
        if not is_identifier(one):
            raise InvalidInput(f"{what}: {one[:80]!r} is no STIX identifier.")
    return tuple(dict.fromkeys(found))


def read_recall(raw: bytes) -> RecallMessage:
    """Read a recall. Raises :class:`InvalidInput` for what says more, less or other than a recall does."""
    found = _decode(_recall, raw, RECALL)
    created, version = _check(found, RECALL)
    objects = _references(found.object_refs, "A recall names what is no object")
    if not objects:
        raise InvalidInput("A recall names no object.")
    return RecallMessage(
        id=found.id, by=found.created_by_ref, created=created, version=version, objects=objects,
        agreement=require_reference(found.agreement_ref, "agreement", "A recall is under what is no agreement"),
        reason=read_reason(found.reason), deadline=Timestamp.parse(found.deadline).micros,
        why=found.description or "", withdrawn=found.revoked,
        replaced_by=_references(found.replaced_by_refs, "A recall names what is no object"),
    )  # fmt: skip


def read_answer(raw: bytes) -> AnswerMessage:
    """Read an answer to a recall. Raises :class:`InvalidInput`, also for a refusal that does not say why."""
    found = _decode(_answer, raw, ANSWER)
    created, version = _check(found, ANSWER)
    response = read_response(found.response)
    if found.revoked:
        raise InvalidInput("An answer to a recall is changed by another answer, not revoked.")
    if not 0 <= found.passed_on <= _MOST_ONWARD:
        raise InvalidInput("An answer to a recall counts others that it cannot have been passed on to.")
    if response is Response.REFUSED and not (found.description or "").strip():
        raise InvalidInput("A recall is refused without a reason.", advice="Say in `description` why.")
    return AnswerMessage(
        id=found.id, by=found.created_by_ref, created=created, version=version,
        recall=require_reference(found.recall_ref, RECALL, "An answer is about what is no recall"),
        response=response, why=found.description or "", passed_on=found.passed_on,
        objects=_references(found.object_refs, "An answer names what is no object"),
    )  # fmt: skip
