"""Carry: files and other servers into collections and out again. The formats and the client are handed in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from titian.core.collection import ALL, LAST, Collection, Selection
from titian.core.view import Cursors, Problem, Progress, Shelf, Source, silent
from titian.exchange.hold import Hold, HoldReport


class Formats(Protocol):
    """Reading and writing files of other systems."""

    def read(self, path: Path, format: str, marking: str | None = None) -> Source:
        """Open a file of a format (``auto``, ``stix``, ``misp``, ``csv``); ``marking`` goes on what has none."""
        ...

    def write(
        self,
        objects: Iterable[bytes],
        format: str,
        stream: BinaryIO,
        *,
        definitions: Iterable[bytes],
        problem: Callable[[Problem], None],
    ) -> int:
        """Write objects; how many were written. ``problem`` is told of each that the format cannot carry."""
        ...


class RemotePage(Protocol):
    """A page from another server."""

    @property
    def objects(self) -> Sequence[bytes]:
        """The bytes of each object."""
        ...

    @property
    def skipped(self) -> Sequence[tuple[int, str]]:
        """Position and reason of what could not be used."""
        ...


class Remote(Protocol):
    """A collection of another server, and where a pull from it goes on."""

    @property
    def name(self) -> str:
        """Which collection of which server: the same for the same place."""
        ...

    def pages(self, state: bytes | None) -> Iterator[tuple[RemotePage, bytes]]:
        """Pages after ``state``, each with the state to keep once it is stored."""
        ...

    def add(self, objects: Iterable[bytes]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
        """Send objects; for each request how many were taken, and the id and reason of each that was not."""
        ...


class ImportReport(msgspec.Struct):
    """What an import brought. ``notes`` say what a format could not carry over, as place and reason; ``failed``
    are the files that could not be read to their end; ``unmarked`` counts objects without a TLP."""

    held: HoldReport
    unmarked: int = 0
    notes: list[tuple[str, str]] = []
    failed: list[tuple[str, str]] = []


class PullReport(msgspec.Struct):
    """What a pull brought. ``skipped`` could not be read as objects; they are counted nowhere else."""

    held: HoldReport
    pages: int = 0
    skipped: list[str] = []


class PushReport(msgspec.Struct):
    """What a push sent."""

    sent: int = 0
    accepted: int = 0
    refused: list[tuple[str, str]] = []


class ExportReport(msgspec.Struct):
    """What an export wrote."""

    written: int = 0
    left_out: list[tuple[str, str]] = []


class Carry:
    """The verbs that move objects over the edge of the node."""

    def __init__(self, shelf: Shelf, cursors: Cursors, hold: Hold, formats: Formats) -> None:
        self._shelf = shelf
        self._cursors = cursors
        self._hold = hold
        self._formats = formats

    def hold(
        self, objects: Iterable[bytes], collection: Collection, *, source: str, progress: Progress = silent
    ) -> HoldReport:
        """Hold objects that are at hand, as raw STIX 2.1 JSON."""
        return self._hold.hold(objects, collection, source=source, progress=progress)

    def import_files(
        self,
        paths: Sequence[Path],
        collection: Collection,
        *,
        format: str = "auto",
        marking: str | None = None,
        progress: Callable[[Source, int], None] | None = None,
    ) -> ImportReport:
        """Take files in, in their order; one that cannot be read to its end keeps what was read before.

        ``marking`` (as ``tlp:green``) is put on every object that has none as strict. ``progress`` is called with
        the file and how many objects were worked on. Raises :class:`titian.core.errors.UnreadableFile` when the format
        of a file cannot be told.
        """
        report = ImportReport(HoldReport())
        for path in paths:
            source = self._formats.read(path, format, marking)
            told = silent if progress is None else partial(progress, source)
            held = self._hold.hold(source, collection, source=f"file {path.name}", progress=told)
            report.held = merged(report.held, held)
            report.unmarked += source.unmarked
            report.notes += [(f"{path.name}: {problem.where}", problem.reason) for problem in source.problems]
            if source.failure is not None:
                report.failed.append((path.name, str(source.failure)))
        return report

    def objects(self, collection: Collection, *, every_version: bool = False) -> Iterator[bytes]:
        """Every object of a collection, the latest version of each or all, in the order of ``date_added``."""
        return self._shelf.objects(collection, Selection(versions=ALL if every_version else LAST))

    def export(
        self,
        collection: Collection,
        stream: BinaryIO,
        *,
        format: str = "stix",
        every_version: bool = False,
        progress: Progress = silent,
    ) -> ExportReport:
        """Write a collection to ``stream``; what the format cannot carry is left out with its reason."""
        report = ExportReport()

        def counted() -> Iterator[bytes]:
            for raw in self.objects(collection, every_version=every_version):
                progress(1)
                yield raw

        def left_out(problem: Problem) -> None:
            report.left_out.append((problem.where, problem.reason))

        definitions = self._shelf.objects(collection, Selection(types=frozenset({"marking-definition"})))
        report.written = self._formats.write(counted(), format, stream, definitions=definitions, problem=left_out)
        return report

    def pull(
        self, remote: Remote, into: Collection, *, on_page: Callable[[HoldReport], None] = lambda _: None
    ) -> PullReport:
        """Fetch what is new in a remote collection; goes on where the last pull into ``into`` ended.

        Each page is stored before the place is kept: a pull that is cut off loses nothing and reads at most one
        page twice. What is not valid goes to the quarantine, with its bytes. ``on_page`` is told of each page.
        """
        name = hashlib.sha256(f"pull {remote.name} {into.id}".encode()).hexdigest()
        report = PullReport(HoldReport())
        for page, state in remote.pages(self._cursors.read(name)):
            held = self._hold.hold(page.objects, into, source=remote.name, keep_rejected=True)
            report.held = merged(report.held, held)
            report.pages += 1
            report.skipped += [f"object {index} of page {report.pages}: {why}" for index, why in page.skipped]
            self._cursors.write(name, state)
            on_page(held)
        return report

    def push(self, collection: Collection, remote: Remote, *, progress: Progress = silent) -> PushReport:
        """Send every object of a collection to a remote one. What is there already is accepted again (TAXII 2.1
        section 5.5), so a push that was cut off is simply repeated."""
        report = PushReport()

        def counted() -> Iterator[bytes]:
            for raw in self.objects(collection, every_version=True):
                report.sent += 1
                yield raw

        for accepted, refused in remote.add(counted()):
            report.accepted += accepted
            report.refused += refused
            progress(accepted + len(refused))
        return report


def merged(one: HoldReport, other: HoldReport) -> HoldReport:
    """Add up two reports."""
    types = dict(one.types)
    for name, count in other.types.items():
        types[name] = types.get(name, 0) + count
    return HoldReport(
        one.read + other.read,
        one.added + other.added,
        one.known + other.known,
        one.rejected + other.rejected,
        types,
    )
