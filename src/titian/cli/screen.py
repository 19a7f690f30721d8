"""``titian screen``."""

from __future__ import annotations

import csv
import json as json_module
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, progress, table
from titian.cli.serve import serve_verb
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.agreement import Purpose
from titian.core.errors import InvalidInput, TitianError, UnreadableFile
from titian.core.people import Permission
from titian.core.screening import Asked, Facts, How, Screened, ValueKind
from titian.core.search import ORGANISATION, Viewer
from titian.node import Node
from titian.screen.asking import asked_in, kind_named
from titian.screen.desk import Screen
from titian.screen.media import hash_files
from titian.screen.rows import COLUMNS, csv_rows, row_of

HITS: Final = 4
"""The exit status when anything was found."""
_SHOWN: Final = 40
_EVERY: Final = 5.0
_PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".mp4", ".mkv", ".mov",
                              ".avi", ".webm", ".m4v"})  # fmt: skip

app = typer.Typer(add_completion=False)


@app.command(epilog="Example:  titian screen wallets.txt --kind wallet --purpose terrorist-financing -o hits.csv")
def screen(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|VALUE…",
            show_default=False,
            help="Values, files with one value on each line or a table with a heading (value, kind, birth, "
            "country, document), images, or - for standard input. `serve` alone serves the same over "
            "the JSON API.",
        ),
    ],
    home: Home = DEFAULT_HOME,
    kind: Annotated[
        str,
        typer.Option(
            help="What the values are: auto, wallet, ip, domain, url, email, phone, iban, "
            "hash, image, drone, account, nft, person, organisation, text."
        ),
    ] = "auto",
    purpose: Annotated[Purpose | None, typer.Option(help="What the answers are for.")] = None,
    as_party: Annotated[
        str | None, typer.Option("--as", help="Answer as this party would be answered: its alias or id.")
    ] = None,
    threshold: Annotated[float, typer.Option(min=0.5, max=1.0, help="How alike names must be, from 0.5 to 1.")] = 0.8,
    birth: Annotated[
        str | None, typer.Option(help="When who bears the name was born: 1970, 1970-05, 1970-05-21.")
    ] = None,
    country: Annotated[str | None, typer.Option(help="Their country, in two letters.")] = None,
    document: Annotated[str | None, typer.Option(help="The number of a document of theirs.")] = None,
    region: Annotated[str | None, typer.Option(help="The country of telephone numbers without one.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write hits into a file: .csv, .ndjson.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Write values without a hit too.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and tell of hits on what comes in later.")] = False,
    json: Json = False,
) -> None:
    """Ask whether values are known here: to whom they belong, from whom that is, and what may be done with it.

    Exits with 4 when anything was found. A person's name alone is never more than possible: give what else is known.
    """  # fmt: skip
    if what == ["serve"]:
        serve_verb(home)
        return
    chosen = kind_named(kind.lower())
    facts = Facts(births=_given(birth), countries=_given(country), documents=_given(document))
    how = How(purpose=None if purpose is None else purpose.value, threshold=threshold, region=region)
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        viewer = ORGANISATION if as_party is None else Viewer.of_party(opened.agreements.read().party(as_party).id)
        desk = opened.screen()
        _make_ready(opened, desk, viewer, quiet=json)
        with _written(output, json=json, every=every) as write:
            counted = _screen(desk, viewer, _asked(what, chosen, facts), how, write, quiet=json)
        if not json:
            counted.show(output)
        if watch:
            _watch(desk, viewer, list(_asked(what, chosen, facts)), how, counted)
    if counted.hits:
        raise typer.Exit(HITS)


def _given(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(one.strip() for one in text.split(";") if one.strip())


def _asked(what: Sequence[str], kind: ValueKind | None, facts: Facts) -> Iterator[Asked]:
    """What each argument asks: a file that is there is read, anything else is a value."""
    for one in what:
        path = Path(one).expanduser()
        if one == "-":
            yield from asked_in(sys.stdin, kind, facts=facts)
        elif len(one) < 4096 and path.is_dir():
            yield from _pictures(sorted(each for each in path.iterdir() if each.suffix.lower() in _PICTURES))
        elif len(one) < 4096 and path.is_file():
            if path.suffix.lower() in _PICTURES or (kind is ValueKind.IMAGE and not _is_text(path)):
                yield from _pictures([path])
            else:
                yield from _in_file(path, kind, facts)
        else:
            yield Asked(one, kind, facts)


def _in_file(path: Path, kind: ValueKind | None, facts: Facts) -> Iterator[Asked]:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield from asked_in(file, kind, facts=facts)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from error


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        begin = file.read(256)
    return all(31 < byte < 127 or byte in b"\t\r\n" for byte in begin)


def _pictures(paths: Iterable[Path]) -> Iterator[Asked]:
    """The hashes of images and of frames of video. They never leave this machine; what is no image is told."""
    for found in hash_files(paths):
        if found.problem is not None:
            warn(f"{found.path}: {found.problem}")
        yield from (Asked(frame.hash.hex, ValueKind.IMAGE) for frame in found.frames if frame.hash.usable)


class _Counted:
    """What was screened, and what came of it."""

    def __init__(self) -> None:
        self.values = self.hits = self.found = self.problems = 0
        self.began = time.perf_counter()
        self.shown: list[Screened] = []
        self.known: set[tuple[str, str]] = set()

    def add(self, one: Screened) -> None:
        self.values += 1
        self.problems += one.problem is not None
        if one.hits:
            self.found += 1
            self.hits += len(one.hits)
            self.known |= {(one.value, hit.object) for hit in one.hits}
            if len(self.shown) < _SHOWN:
                self.shown.append(one)

    def show(self, output: Path | None) -> None:
        seconds = max(time.perf_counter() - self.began, 1e-9)
        if output is None or self.found <= _SHOWN:
            _show(self.shown)
        told = f"{self.values:,} screened in {seconds:,.1f} s ({self.values / seconds:,.0f}/s): "
        told += f"{self.found:,} known, {self.hits:,} hits." if self.hits else "none is known."
        if self.problems:
            told += f" {self.problems:,} were not what they seemed and were compared as texts, too."
        if output is None and self.found > _SHOWN:
            told += f" The first {_SHOWN} are shown: give -o FILE for all."
        say(told)
        if output is not None:
            say(f"Written: {output}")


def _show(some: Sequence[Screened]) -> None:
    rows = [
        (one.value if at == 0 else "", hit.match.value, f"{hit.score:.2f}",
         hit.standing.value if hit.standing else "", hit.name, hit.source, hit.marking,
         " ".join([hit.use, *(each.said for each in hit.evidence), *(f"On the list {name} of what is harmless."
                                                                    for name in one.benign)]))
        for one in some for at, hit in enumerate(one.hits)
    ]  # fmt: skip
    if rows:
        table("", {"value": "left", "match": "left", "score": "right", "standing": "left", "object": "left",
                   "source": "left", "marking": "left", "use and evidence": "left"}, rows)  # fmt: skip


def _make_ready(opened: Node, desk: Screen, viewer: Viewer, *, quiet: bool) -> None:
    """Bring the index into step, with a bar: the first time it is made from all that is held."""
    done = 0
    with progress("Indexing what is held", None, quiet=quiet) as advance:

        def told(count: int) -> None:
            nonlocal done
            advance(count - done)
            done = count

        desk.catch_up(viewer, told=told)


def _screen(
    desk: Screen, viewer: Viewer, asked: Iterable[Asked], how: How, write: Callable[[Screened], None], *, quiet: bool
) -> _Counted:
    counted = _Counted()
    with progress("Screening", None, quiet=quiet) as advance:
        for one in desk.screen(viewer, asked, how):
            counted.add(one)
            write(one)
            if not counted.values % 1000:
                advance(1000)
    return counted


@contextmanager
def _written(output: Path | None, *, json: bool, every: bool) -> Iterator[Callable[[Screened], None]]:
    """What writes an answer: as a line of JSON to standard output or a file, as rows of CSV, or nowhere."""
    if output is None:
        yield (lambda one: _line(sys.stdout, one)) if json else (lambda _: None)
        return
    if output.suffix.lower() not in (".csv", ".ndjson", ".jsonl"):
        raise InvalidInput(f"{output} is neither .csv nor .ndjson.", advice="Name the file so, as hits.csv.")
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            if output.suffix.lower() == ".csv":
                rows = csv.writer(file)
                rows.writerow(COLUMNS)

                def table_of(one: Screened) -> None:
                    if one.hits or every:
                        rows.writerows(csv_rows(one))

                yield table_of
            else:
                yield lambda one: _line(file, one) if one.hits or every else None
    except OSError as error:
        raise TitianError(f"{output} cannot be written: {error.strerror}.") from error


def _line(file: TextIO, one: Screened) -> None:
    file.write(json_module.dumps(row_of(one), separators=(",", ":")) + "\n")


def _watch(desk: Screen, viewer: Viewer, asked: Sequence[Asked], how: How, counted: _Counted) -> None:
    say("Watching what comes in. Ctrl-C ends it.")
    try:
        while True:
            time.sleep(_EVERY)
            if desk.is_in_step(viewer):
                continue
            new: list[Any] = []
            for one in desk.screen(viewer, asked, how):
                if any((one.value, hit.object) not in counted.known for hit in one.hits):
                    new.append(one)
                counted.add(one)
            _show(new)
    except KeyboardInterrupt:
        say("")
