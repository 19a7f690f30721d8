"""Screening: values are pasted or uploaded, and what is known about each is shown. Nothing that was asked is kept.

A short list is answered on the page itself. A long one, or the first question, which has the index made, becomes a job.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.agreement import Purpose
from titian.core.errors import InvalidInput, NotFound
from titian.core.job import Progress
from titian.core.people import Permission
from titian.core.screening import Asked, Facts, How, Screened, Standing, ValueKind
from titian.core.search import ORGANISATION
from titian.node import Node
from titian.screen.asking import asked_in, kind_named
from titian.screen.rows import COLUMNS, csv_rows, row_of
from titian.web.console.form import LONGEST, Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import headers, page, redirect
from titian.web.console.screening_results import MOST_WRONG, PAGE, Result, Results, Wrong
from titian.web.console.screening_words import (
    KINDS,
    MATCHES,
    STANDINGS,
    english,
    evidence_words,
    kinds,
    likenesses,
    more_marking,
    percent,
    purposes,
    use_words,
)
from titian.web.console.words import N_
from titian.web.jobs import Jobs

JOB: Final = "screening"
"""The kind of job that a long list is."""
AT_ONCE: Final = 1_000
"""Values that are answered on the page itself."""
_ECHOED: Final = 200_000
"""Characters of a list that is answered so: it stands in the page's form again, to be asked once more."""
_HITS: Final = 10
"""Hits of one value on a page; exports have all."""
_PATIENCE: Final = 0.5
"""Seconds that a request may spend on bringing the index into step; then it becomes a job."""
_TOGETHER: Final = 1_000
"""Values that a long list asks together: names take some seconds, and then it is said how far it is."""
_BIRTH: Final = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_MOST_FACTS: Final = 10
_TABLE: Final = "csv"
_EXPORTS: Final = {_TABLE: "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}

_NOTHING: Final = N_("Nothing was given: paste values, or choose a file.")
_BOTH: Final = N_("Give one of the two: pasted values, or a file.")
_NO_TEXT: Final = N_("This file is no text. A list is a text file or a CSV file.")
_BUSY: Final = N_("A list of yours is being screened. Wait for it, or stop it.")
_BORN: Final = N_("Write it as 1970, 1970-05 or 1970-05-21.")
_TWO_LETTERS: Final = N_("Write countries in two letters, as ID.")
_TOO_MANY: Final = N_("At most ten, separated by semicolons.")
_TITLE: Final = N_("Screening of a list")
_INDEXING: Final = N_("What came in is being indexed. The first time, this takes a minute for a million objects.")
_READING: Final = N_("The list is being read.")
_ASKING: Final = N_("The values are being screened.")
_KEPT: Final = N_("The values that are known are kept for a day.")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a form asks: the bytes of a list, what its values are, and how they are screened."""

    body: bytes
    kind: ValueKind | None
    facts: Facts
    how: How

    def text(self) -> str:
        """The list as a text."""
        return "".join(lines(self.body))

    def asked(self) -> Iterator[Asked]:
        """What each line asks. Raises :class:`InvalidInput`."""
        return asked_in(lines(self.body), self.kind, facts=self.facts)


class Wanting(InvalidInput):
    """What a form gives cannot be used: ``errors`` are what is wrong, by field; the empty one is the whole."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(errors.get("", ""))
        self.errors = errors


@get("/screening", sync_to_thread=True)
def screening(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """The form."""
    analyst.require(Permission.READ)
    _results(node).sweep()
    return _ask(request, analyst, node, Form([]))


@post("/screening", status_code=200, sync_to_thread=True)
def screen(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Answer a short list; begin a job for a long one."""
    analyst.require(Permission.READ)
    try:
        question = _read(analyst, form)
        some = list(islice(question.asked(), AT_ONCE + 1))
        if not some:
            raise Wanting({"values": analyst.gettext(_NOTHING)})
        is_short = len(some) <= AT_ONCE and len(question.body) <= _ECHOED
        if not (is_short and node.screen().catch_up(ORGANISATION, seconds=_PATIENCE)):
            return redirect(f"/jobs/{_begin(analyst, node, question)}")
    except InvalidInput as error:
        errors = error.errors if isinstance(error, Wanting) else {"": str(error)}
        return _ask(request, analyst, node, form, errors=errors, status=422)
    rows = list(node.screen().screen(ORGANISATION, some, question.how))
    wanted = form.text("export", most=20)
    if wanted in _EXPORTS:
        return ASGIResponse(body=b"".join(_exported(rows, wanted, every=True)), headers=_file(wanted))
    known = [one for one in rows if one.hits]
    begin = max(0, form.number("from", 0)) // PAGE * PAGE
    begin = begin if begin < len(known) else 0
    return _ask(
        request, analyst, node, form, text=question.text(), rows=rows, known=known, begin=begin,
        counted=_counted(rows),
    )  # fmt: skip


@get("/screening/results/{name:str}", sync_to_thread=True)
def result(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], name: FromPath[str]
) -> ASGIResponse:
    """What came of a long list: a page of its known values, with what is known of them now."""
    analyst.require(Permission.READ)
    found = _results(node).get(analyst.actor.id, name)
    given = request.query_params.get("page", "1")
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 8 else 1
    asked = _results(node).page(found, number - 1)
    desk = node.screen()
    in_step = desk.catch_up(ORGANISATION, seconds=_PATIENCE)
    rows = list(desk.screen(ORGANISATION, asked, found.how)) if in_step else []
    return page(
        request, analyst, "screening/result.html", result=found, rows=rows, in_step=in_step, page_number=number,
        first=(number - 1) * PAGE, cut=found.known > found.kept,
        before=f"/screening/results/{name}?page={number - 1}" if number > 1 else "",
        after=f"/screening/results/{name}?page={number + 1}" if number < len(found.pages) else "", **_words(analyst),
    )  # fmt: skip


@get("/screening/results/{name:str}/{file:str}", sync_to_thread=True)
def export(
    analyst: NamedDependency[Analyst], node: NamedDependency[Node], name: FromPath[str], file: FromPath[str]
) -> Stream:
    """The hits of a long list as a file, as they are known now: ``hits.csv`` or ``hits.ndjson``."""
    analyst.require(Permission.READ)
    found = _results(node).get(analyst.actor.id, name)
    wanted = file.removeprefix("hits.")
    if wanted not in _EXPORTS or not file.startswith("hits."):
        raise NotFound("There is no such file.")
    rows = (one for _, one in _answered(node, _results(node).values(found), found.how))
    return Stream(_exported(rows, wanted, every=False), headers=_file(wanted), media_type=_EXPORTS[wanted])


@post("/screening/results/{name:str}/forget", status_code=200, sync_to_thread=True)
def forget(analyst: NamedDependency[Analyst], node: NamedDependency[Node], name: FromPath[str]) -> ASGIResponse:
    """Remove what is kept of a long list."""
    analyst.require(Permission.READ)
    found = _results(node).get(analyst.actor.id, name)
    _results(node).forget(found.name)
    return redirect("/screening")


# ── what is asked ─────────────────────────────────────────────────────────────────────────────────────────────


def _read(analyst: Analyst, form: Form) -> Question:
    """Read the form. Raises :class:`Wanting`, and :class:`InvalidInput` for a kind that is none."""
    errors: dict[str, str] = {}
    upload, pasted = form.upload("file"), form.raw("values")
    if upload is not None and pasted.strip():
        errors["file"] = analyst.gettext(_BOTH)
    body = pasted.encode("utf-8", "replace") if upload is None else plain(upload.body)
    if b"\0" in body[:4096]:
        errors["file" if upload else "values"] = analyst.gettext(_NO_TEXT)
    births = _several(analyst, form, "birth", _BIRTH, _BORN, errors)
    countries = _several(analyst, form, "country", _COUNTRY, _TWO_LETTERS, errors)
    documents = _several(analyst, form, "document", re.compile(r".{1,100}"), _TOO_MANY, errors)
    region = _several(analyst, form, "region", _COUNTRY, _TWO_LETTERS, errors)
    if errors:
        raise Wanting(errors)
    purpose = form.text("purpose", most=40)
    alike = form.number("alike", 80)
    if (purpose and purpose not in {one.value for one in Purpose}) or not 50 <= alike <= 100:
        raise InvalidInput("The form cannot be read.", advice="Choose from the lists.")
    return Question(
        body=body, kind=kind_named(form.text("kind", most=40) or "auto"),
        facts=Facts(births=births, countries=countries, documents=documents),
        how=How(purpose=purpose or None, threshold=alike / 100, region=next(iter(region), None)),
    )  # fmt: skip


def _several(
    analyst: Analyst, form: Form, name: str, fits: re.Pattern[str], wrong: str, errors: dict[str, str]
) -> tuple[str, ...]:
    """The values of a field, separated by semicolons; what is wrong goes to ``errors``."""
    given = tuple(one.strip() for one in form.text(name, most=2_000).split(";") if one.strip())
    if name in {"country", "region"}:
        given = tuple(one.upper() for one in given)
    if not all(fits.fullmatch(one) for one in given):
        errors[name] = analyst.gettext(wrong)
    elif len(given) > _MOST_FACTS:
        errors[name] = analyst.gettext(_TOO_MANY)
    return given


def plain(body: bytes) -> bytes:
    """The bytes of a file in UTF-8: spreadsheets write UTF-16 too, and say so first."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace").encode("utf-8", "replace")
    return body


def lines(body: bytes) -> Iterator[str]:
    """Lines, however they end. What is no UTF-8 becomes a visible mark."""
    return io.TextIOWrapper(io.BytesIO(body), "utf-8", "replace", newline=None)


# ── long lists ────────────────────────────────────────────────────────────────────────────────────────────────


def _begin(analyst: Analyst, node: Node, question: Question) -> str:
    """Begin a job; its id. Raises :class:`Wanting` while another one of this person is not finished."""
    jobs = Jobs(node)
    if any(one.kind == JOB and one.unfinished and one.person == analyst.actor.id for one in jobs.list(analyst.actor)):
        raise Wanting({"": analyst.gettext(_BUSY), "busy": "1"})
    work = _work(node, question, analyst.actor.id, analyst.gettext)
    return jobs.start(analyst.actor.id, JOB, analyst.gettext(_TITLE), work).id


def _work(
    node: Node, question: Question, person: str, gettext: Callable[[str], str]
) -> Callable[[Progress], dict[str, str]]:
    """What the job does: index what came in, screen, and keep what is known."""

    def work(progress: Progress) -> dict[str, str]:
        def told(count: int) -> None:
            progress.check()
            progress.at(count, None, gettext(_INDEXING))

        told(0)
        desk = node.screen()
        desk.catch_up(ORGANISATION, told=told)
        progress.at(0, None, gettext(_READING))
        total = sum(1 for _ in question.asked())
        results = _results(node)
        name, made = results.begin()
        writer = results.write(name)
        try:
            tally = _Tally()
            for asked, one in _answered(node, question.asked(), question.how):
                tally.add(one)
                if one.hits:
                    writer.add(asked)
                if not tally.screened % _TOGETHER:
                    progress.check()
                    progress.at(tally.screened, total, gettext(_ASKING))
            progress.check()
            progress.at(total, total, gettext(_KEPT))
            writer.finish(tally.result(name, person, made, question.how))
        except BaseException:
            writer.drop()
            raise
        return {"href": f"/screening/results/{name}"}

    return work


def _answered(node: Node, asked: Iterable[Asked], how: How) -> Iterator[tuple[Asked, Screened]]:
    """Each question with its answer, a few of them asked together."""
    waiting = iter(asked)
    while some := list(islice(waiting, _TOGETHER)):
        yield from zip(some, node.screen().screen(ORGANISATION, some, how), strict=True)


class _Tally:
    """Counts answers."""

    def __init__(self) -> None:
        self.screened = self.known = self.only_names = self.problems = self.harmless = 0
        self.wrong: list[Wrong] = []

    def add(self, one: Screened) -> None:
        """Count one."""
        self.screened += 1
        self.harmless += bool(one.benign)
        if one.hits:
            self.known += 1
            self.only_names += all(hit.standing in (Standing.POSSIBLE, Standing.CONTRADICTED) for hit in one.hits)
        if one.problem is not None:
            self.problems += 1
            if len(self.wrong) < MOST_WRONG:
                self.wrong.append(Wrong(one.value[:200], one.problem))

    def result(self, name: str, person: str, made: int, how: How) -> Result:
        """What was counted."""
        return Result(
            name=name, person=person, made=made, how=how, screened=self.screened, known=self.known,
            only_names=self.only_names, problems=self.problems, harmless=self.harmless, wrong=tuple(self.wrong),
        )  # fmt: skip


def _counted(rows: Iterable[Screened]) -> _Tally:
    tally = _Tally()
    for one in rows:
        tally.add(one)
    return tally


def _results(node: Node) -> Results:
    return Results(node.home, node.store.clock)


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────────


def _ask(
    request: AnyRequest, analyst: Analyst, node: Node, form: Form, *, errors: dict[str, str] | None = None,
    text: str | None = None, rows: Sequence[Screened] = (), known: Sequence[Screened] = (), begin: int = 0,
    counted: _Tally | None = None, status: int = 200,
) -> ASGIResponse:  # fmt: skip
    """The page: the answers, where there are any, and the form with what was given."""
    pasted = form.raw("values") if text is None else text
    return page(
        request, analyst, "screening/index.html", status=status, form=form, errors=errors or {},
        pasted=pasted if len(pasted) <= _ECHOED else "", kinds=kinds(analyst), purposes=purposes(analyst),
        likenesses=likenesses(analyst), at_once=AT_ONCE, most=node.settings.max_content_length >> 20, longest=LONGEST,
        counted=counted, rows=known[begin : begin + PAGE], known=known, begin=begin, every=PAGE,
        unknown=[one for one in rows if not one.hits], **_words(analyst),
    )  # fmt: skip


def _words(analyst: Analyst) -> dict[str, Any]:
    return {
        "kind_name": lambda kind: analyst.gettext(KINDS[kind]),
        "match_name": lambda match: analyst.gettext(MATCHES[match]),
        "standing": lambda one: (STANDINGS[one][0], analyst.gettext(STANDINGS[one][1]),
                                 analyst.gettext(STANDINGS[one][2])),
        "said": lambda text: evidence_words(analyst, text),
        "use": lambda hit: use_words(analyst, hit),
        "percent": lambda share: percent(analyst, share),
        "more_marking": more_marking,
        "english": english,
        "hits_shown": _HITS,
    }  # fmt: skip


def _exported(rows: Iterable[Screened], wanted: str, *, every: bool) -> Iterator[bytes]:
    """The rows of a file; with ``every`` also those of values that are not known. A spreadsheet takes a table without
    a mark at its beginning for one in its own old character set."""
    if wanted == _TABLE:
        yield codecs.BOM_UTF8 + _csv([list(COLUMNS)])
    waiting = iter(rows)
    while some := list(islice(waiting, _TOGETHER)):
        kept = [one for one in some if every or one.hits]
        if wanted == _TABLE:
            yield _csv(row for one in kept for row in csv_rows(one))
        else:
            yield b"".join(json.dumps(row_of(one), separators=(",", ":")).encode() + b"\n" for one in kept)


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    made = io.StringIO()
    csv.writer(made).writerows(rows)
    return made.getvalue().encode("utf-8", "replace")


def _file(wanted: str) -> dict[str, str]:
    return headers() | {
        "content-type": _EXPORTS[wanted],
        "content-disposition": f'attachment; filename="hits.{wanted}"',
        "x-content-type-options": "nosniff",
    }


def screening_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [screening, screen, result, export, forget]
    return handlers
