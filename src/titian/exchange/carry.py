"""Carry: files and other servers into collections and out again. The formats and the client are handed in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from titian.core.collection import ALL, LAST, Collection, Selection
from titian.core.errors import UnreadableFile
from titian.core.view import Cursors, Problem, Progress, Shelf, Source, silent
from titian.exchange.hold import BATCH, Hold, HoldReport
from titian.exchange.withdraw import Withdraw


class Formats(Protocol):
    """Reading and writing files of other systems."""

    def read(self, path: Path, format: str, marking: str | None = None) -> Source:
        """Open a file of a format (``auto``, ``stix``, ``misp``, ``csv``, ``tagpack``).

        ``marking`` goes on what has none.
        """
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
    are the files that could not be read to their end, as name and reason; ``unmarked`` counts objects without a
    TLP."""

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

    def __init__(self, shelf: Shelf, cursors: Cursors, hold: Hold, formats: Formats, withdraw: Withdraw) -> None:
        self._shelf = shelf
        self._withdraw = withdraw
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
        the file and how many objects were worked on. Raises :class:`titian.core.errors.InvalidInput` for a marking
        that is none. An error of the store ends the import; a note on it says what was taken in before.
        """
        report = ImportReport(HoldReport())
        held = report.held
        with _noting(
            lambda: (
                f"Before that: {held.read:,} read, {held.added:,} added, {held.known:,} known already. They are "
                "kept, and the same import again adds what is missing."
            )
        ):
            for path in paths:
                name = _readable(path.name)
                try:
                    source = self._formats.read(path, format, marking)
                except (UnreadableFile, OSError) as error:
                    report.failed.append((name, _why(error)))
                else:
                    self._import(source, name, collection, report, progress or (lambda _, __: None))
        return report

    def _import(
        self,
        source: Source,
        name: str,
        collection: Collection,
        report: ImportReport,
        progress: Callable[[Source, int], None],
    ) -> None:
        failed: list[tuple[str, str]] = []

        def objects() -> Iterator[bytes]:
            try:
                yield from source
            except OSError as error:
                failed.append((name, _why(error)))

        iterator = objects()
        # Batch by batch, so that the report is right whenever an error ends the import.
        while batch := list(islice(iterator, BATCH)):
            _add_up(report.held, self._hold.hold(batch, collection, source=f"file {name}"))
            progress(source, len(batch))
        problems = source.problems
        if source.failure is not None:
            problems = problems[:-1]  # the last is the failure
            failed.append((name, _why(source.failure)))
        report.unmarked += source.unmarked
        report.notes += [(_readable(f"{name}: {problem.where}"), _readable(problem.reason)) for problem in problems]
        report.failed += failed

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
        page twice. What is not valid goes to the quarantine, with its bytes. ``on_page`` is told of each page. A note
        on the error that ends a pull says what was taken in before.
        """
        name = hashlib.sha256(f"pull {remote.name} {into.id}".encode()).hexdigest()
        report = PullReport(HoldReport())
        with _noting(
            lambda: (
                f"Before that: {report.held.read:,} read, {report.held.added:,} added. They are kept, and the "
                "next pull goes on from there."
            )
        ):
            for page, state in remote.pages(self._cursors.read(name)):
                held = self._hold.hold(page.objects, into, source=remote.name, keep_rejected=True)
                _add_up(report.held, held)
                report.pages += 1
                report.skipped += [f"object {index} of page {report.pages}: {why}" for index, why in page.skipped]
                self._cursors.write(name, state)
                on_page(held)
        return report

    def check_push(self, collection: Collection) -> None:
        """Whether a collection may be pushed now (law 1). Raises :class:`titian.core.errors.Refused`."""
        self._withdraw.check_leaving(collection)

    def push(self, collection: Collection, remote: Remote, *, progress: Progress = silent) -> PushReport:
        """Send every object of a collection to a remote one. What is there already is accepted again (TAXII 2.1
        section 5.5), so a push that was cut off is simply repeated.

        Raises :class:`titian.core.errors.Refused` for what may not leave, as :meth:`check_push` does.
        """
        self.check_push(collection)
        report = PushReport()

        def counted() -> Iterator[bytes]:
            for raw in self.objects(collection, every_version=True):
                report.sent += 1
                yield raw

        with _noting(lambda: f"Before that: {report.accepted:,} accepted; the same push again is harmless."):
            for accepted, refused in remote.add(counted()):
                report.accepted += accepted
                report.refused += refused
                progress(accepted + len(refused))
        return report


@contextmanager
def _noting(said: Callable[[], str]) -> Iterator[None]:
    """Have the error that cuts a verb off say what was done before it (PEP 678)."""
    try:
        yield
    except Exception as error:
        error.add_note(said())
        raise


def _why(error: Exception) -> str:
    """Say why a file cannot be read."""
    if isinstance(error, OSError):
        return f"It cannot be read: {error.strerror or error}."
    return _readable(str(error))


def _readable(text: str) -> str:
    """Return a text that every store and every encoding can hold: a file's name need not be one."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def merged(one: HoldReport, other: HoldReport) -> HoldReport:
    """Add up two reports."""
    total = HoldReport()
    _add_up(total, one)
    _add_up(total, other)
    return total


def _add_up(total: HoldReport, more: HoldReport) -> None:
    """Add a report to the total."""
    total.read += more.read
    total.added += more.added
    total.known += more.known
    total.rejected += more.rejected
    for name, count in more.types.items():
        total.types[name] = total.types.get(name, 0) + count
