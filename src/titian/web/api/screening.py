"""Screening: ask what is known about values, one, a batch of them, or a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Annotated, Final, Literal, Self

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody, Parameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from titian.core.agreement import Purpose
from titian.core.collection import timestamp
from titian.core.errors import TitianError, Unavailable
from titian.core.screening import NAMES, Asked, Facts, How, Screened, ValueKind
from titian.node import Node
from titian.web.api.caller import Called, Caller, Needs
from titian.web.api.handed import handed
from titian.web.api.request import BODY, Held, read_held
from titian.web.api.route import acts, also, reads
from titian.web.api.shapes import Shown
from titian.web.console.guard import AnyRequest

GROUP: Final = "Screening"
ANYONE: Final = Needs(anyone=True)
PATIENCE: Final = 20.0
"""Seconds until a caller is told that the indexes are still being made."""
MOST: Final = 100_000
"""Values of one batch."""
_AT_ONCE: Final = 1_000
"""Values of a stream that are answered together, and for a partner remembered together."""

Text = Annotated[str, Meta(max_length=100_000)]
Kind = Literal[
    "auto",
    "wallet",
    "ip",
    "domain",
    "url",
    "email",
    "phone",
    "iban",
    "hash",
    "image",
    "drone",
    "account",
    "nft",
    "person",
    "organisation",
    "text",
]
Birth = Annotated[str, Meta(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]
Country = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$")]


class AskedValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value: ``births``, ``countries`` and ``documents`` are what else is known of who bears a name."""

    value: Text
    kind: Kind = "auto"
    births: Annotated[list[Birth], Meta(max_length=10)] = []
    countries: Annotated[list[Country], Meta(max_length=10)] = []
    documents: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=10)] = []


class Question(Held, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values, each a text or an object, and how they are screened."""

    values: Annotated[list[Text | AskedValue], Meta(min_length=1, max_length=MOST)]
    kind: Annotated[Kind, Meta(description="Of values that do not say it themselves.")] = "auto"
    purpose: Annotated[Purpose | None, Meta(description="What the answers are for.")] = None
    threshold: Annotated[float, Meta(ge=0.5, le=1.0, description="How alike names must be.")] = 0.8
    region: Annotated[Country | None, Meta(description="Of telephone numbers without a country.")] = None
    most: Annotated[int, Meta(ge=1, le=100, description="Hits for each value.")] = 50

    @classmethod
    def unread(cls) -> Self:
        """A value that says nothing: the bytes are read by the handler, which takes more of them than others do."""
        return cls(values=[])


class EvidenceShown(Shown, frozen=True, kw_only=True):
    """One thing that speaks for a hit, or against it."""

    what: str
    said: str
    speaks_for: bool


class ScreeningHit(Shown, frozen=True, kw_only=True):
    """An object in which a value was found. A name alone is never more than ``possible``."""

    match: Literal["exact", "contained", "near", "phonetic", "cross-script"]
    score: float
    standing: Literal["possible", "supported", "contradicted"] | None
    evidence: list[EvidenceShown]
    object: str
    type: str
    name: str
    value: str
    marking: str
    tlp: str | None
    pap: str | None
    use: str
    source: str
    known: str


class Row(Shown, frozen=True, kw_only=True):
    """What is known about one value. ``benign`` are the lists of harmless values it is on."""

    value: str
    normalised: str
    kind: str
    hits: list[ScreeningHit]
    benign: list[str]
    problem: str | None


class Answer(Shown, frozen=True, kw_only=True):
    """A row for each value, in order; and how many of them are known."""

    known: int
    rows: list[Row]


@acts("/screen", GROUP, ANYONE)
def screen(request: AnyRequest, caller: Called, node: NamedDependency[Node], data: JSONBody[Question]) -> Answer:
    """Ask what is known about up to 100,000 values. Nothing that was asked is kept."""
    question = read_held(request.scope["state"][BODY], _question, _LARGEST)
    asked = [_asked(one, question.kind) for one in question.values]
    how = _how(question)
    rows = _answered(caller, node, asked, how)
    return Answer(known=sum(bool(row.hits) for row in rows), rows=rows)


@reads("/screen", GROUP, ANYONE, sync_to_thread=None)
async def screen_one(
    caller: Called,
    node: NamedDependency[Node],
    value: Annotated[str, Parameter(min_length=1, max_length=4096, description="What is asked about.")],
    kind: Annotated[Kind, Parameter(description="What it is.")] = "auto",
    purpose: Annotated[Purpose | None, Parameter(description="What the answer is for.")] = None,
) -> Row:
    """Ask what is known about one value."""
    how = How(purpose=None if purpose is None else purpose.value)
    asked = [Asked(value, _kind(kind))]
    # A thread costs as much as the answer. But a partner's has to be written down first, an index may have to be made
    # or opened, and names take longer than others may have to wait.
    if node.screen.is_open and not caller.is_partner and asked[0].kind not in NAMES:
        with suppress(Unavailable):
            return _answered(caller, node, asked, how, seconds=0)[0]
    return (await asyncio.to_thread(_answered, caller, node, asked, how))[0]


@acts(
    "/screen/stream", GROUP, ANYONE, responses={200: also(Row, "One row for each line, as NDJSON, while they come.")},
)  # fmt: skip
def screen_stream(request: AnyRequest, caller: Called, node: NamedDependency[Node], data: JSONBody[Question]) -> Stream:
    """The same, each row on a line of its own as soon as it is known. An error on the way is the last line."""
    question = read_held(request.scope["state"][BODY], _question, _LARGEST)
    asked = (_asked(one, question.kind) for one in question.values)
    how = _how(question)
    return Stream(_lines(caller, node, asked, how), media_type="application/x-ndjson")


def _lines(caller: Caller, node: Node, asked: Iterable[Asked], how: How) -> Iterator[bytes]:
    waiting = iter(asked)
    try:
        while some := list(islice(waiting, _AT_ONCE)):
            yield b"".join(msgspec.json.encode(row) + b"\n" for row in _answered(caller, node, some, how))
    except TitianError as error:
        yield msgspec.json.encode({"error": error.message}) + b"\n"


def _answered(caller: Caller, node: Node, asked: Sequence[Asked], how: How, seconds: float = PATIENCE) -> list[Row]:
    """What is known; what of it goes to a partner is remembered first."""
    found: list[Row] = handed(
        caller, "screen", lambda: list(node.screen().screen(caller.viewer, asked, how, seconds=seconds)),
        lambda answers: [_row(one) for one in answers],
        lambda answers: {(hit.collection, hit.known) for one in answers for hit in one.hits},
    )  # fmt: skip
    return found


def _row(one: Screened) -> Row:
    return Row(
        value=one.value, normalised=one.normalised, kind=one.kind.value, benign=list(one.benign), problem=one.problem,
        hits=[
            ScreeningHit(
                match=hit.match.value, score=hit.score, standing=None if hit.standing is None else hit.standing.value,
                evidence=[EvidenceShown(what=each.what, said=each.said, speaks_for=each.speaks_for)
                          for each in hit.evidence],
                object=hit.object, type=hit.type, name=hit.name, value=hit.value, marking=hit.marking,
                tlp=None if hit.tlp is None else hit.tlp.label, pap=None if hit.pap is None else hit.pap.label,
                use=hit.use, source=hit.source, known=timestamp(hit.known),
            )
            for hit in one.hits
        ],
    )  # fmt: skip


_LARGEST: Final = 32 << 20
_question: Final = msgspec.json.Decoder(Question)


def _how(question: Question) -> How:
    return How(
        purpose=None if question.purpose is None else question.purpose.value, threshold=question.threshold,
        region=question.region, most=question.most,
    )  # fmt: skip


def _kind(text: str) -> ValueKind | None:
    return None if text == "auto" else ValueKind(text)


def _asked(one: str | AskedValue, kind: str) -> Asked:
    if isinstance(one, str):
        return Asked(one, _kind(kind))
    facts = Facts(
        births=tuple(one.births), countries=tuple(each.upper() for each in one.countries),
        documents=tuple(one.documents),
    )  # fmt: skip
    return Asked(one.value, _kind(one.kind if one.kind != "auto" else kind), facts)


def screening_routes() -> list[ControllerRouterHandler]:
    """The routes of this module."""
    return [screen, screen_one, screen_stream]
