"""Carry: files in and out, pulls that resume, pushes that can be repeated; over stand-ins for the other side."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.stix import malware, revision, text
from titian.core.collection import Collection
from titian.core.errors import PeerError
from titian.exchange.carry import merged
from titian.exchange.hold import HoldReport, Rejection
from titian.node import Node, open_node
from titian.setup import init_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    init_node(tmp_path / "home", name="BSSN", country="ID")
    with open_node(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def collection(node: Node) -> Collection:
    return node.collections.add("One")


def held(node: Node, collection: Collection) -> list[bytes]:
    return list(node.exchange.objects(collection, every_version=True))


def bundle(path: Path, *objects: bytes) -> Path:
    path.write_bytes(b'{"type":"bundle","id":"bundle--1","objects":[' + b",".join(objects) + b"]}")
    return path


class Server:
    """A remote collection: pages of objects; breaks before the page in ``fails_at``, if any."""

    name = "a collection of another server"

    def __init__(self, *pages: list[bytes]) -> None:
        self.all = pages
        self.fails_at: int | None = None
        self.asked: list[bytes | None] = []
        self.got: list[bytes] = []

    def pages(self, state: bytes | None) -> Iterator[tuple[SimpleNamespace, bytes]]:
        self.asked.append(state)
        for number in range(int(state or 0), len(self.all)):
            if number == self.fails_at:
                raise PeerError("cut off")
            skipped = [(0, "no object")] if number == 1 else []
            yield SimpleNamespace(objects=self.all[number], skipped=skipped), str(number + 1).encode()

    def add(self, objects: Iterable[bytes]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
        for raw in objects:
            self.got.append(raw)
            if b"refuse me" in raw:
                yield 0, [(json.loads(raw)["id"], "it said no")]
            else:
                yield 1, []


def test_files_are_read_in_their_order(node: Node, collection: Collection, tmp_path: Path) -> None:
    one, two = text(malware()), text(malware())
    files = [bundle(tmp_path / "b.json", one), bundle(tmp_path / "a.json", two, one, b'{"type":"malware"}')]
    report = node.exchange.import_files(files, collection)
    counted = report.held
    assert (counted.read, counted.added, counted.known, bool(counted.rejected)) == (4, 2, 1, True)
    assert (report.failed, report.unmarked) == ([], 4)
    assert held(node, collection) == [one, two]
    again = node.exchange.import_files(files, collection)
    assert (again.held.added, again.held.known) == (0, 3)


def test_a_file_that_ends_early_keeps_what_was_read(node: Node, collection: Collection, tmp_path: Path) -> None:
    whole = text(malware())
    path = tmp_path / "cut.json"
    path.write_bytes(b'{"type":"bundle","objects":[' + whole + b',{"type":"malw')
    other = text(malware())
    report = node.exchange.import_files([path, bundle(tmp_path / "good.json", other)], collection)
    assert [name for name, _ in report.failed] == ["cut.json"]
    assert held(node, collection) == [whole, other]


def test_export_gives_the_bytes_back(node: Node, collection: Collection) -> None:
    value = malware(description="},{\\u00e9 例")
    values = [text(value), text(revision(value, name="newer")), text(malware())]
    node.exchange.hold(values, collection, source="test")
    for every_version, wanted in ((False, values[1:]), (True, values)):
        stream = io.BytesIO()
        seen: list[int] = []
        report = node.exchange.export(collection, stream, every_version=every_version, progress=seen.append)
        assert (report.written, report.left_out, sum(seen)) == (len(wanted), [], len(wanted))
        written = stream.getvalue()
        assert all(raw in written for raw in wanted)
        assert [json.loads(raw) for raw in wanted] == json.loads(written)["objects"]


def test_a_pull_goes_on_where_it_was_cut_off(node: Node, collection: Collection) -> None:
    pages = [[text(malware()) for _ in range(3)] for _ in range(3)]
    server = Server(*pages)
    server.fails_at = 2
    with pytest.raises(PeerError):
        node.exchange.pull(server, collection)
    assert held(node, collection) == [*pages[0], *pages[1]], "what came is kept"
    server.fails_at = None
    seen: list[int] = []
    report = node.exchange.pull(server, collection, on_page=lambda page: seen.append(page.added))
    assert server.asked == [None, b"2"]
    assert (report.pages, report.held.added, seen) == (1, 3, [3])
    assert held(node, collection) == [raw for page in pages for raw in page]
    assert node.exchange.pull(server, collection).pages == 0
    other = node.collections.add("Two")
    assert node.exchange.pull(server, other).held.added == 9, "each collection has a place of its own"


def test_a_pull_keeps_the_place_only_of_what_is_stored(
    node: Node, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that could not be stored is asked for again."""
    page = [text(malware())]
    server = Server(page)

    def fails(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("titian.store.shelf.StoreShelf.append", fails)
        with pytest.raises(OSError, match="disk"):
            node.exchange.pull(server, collection)
    node.exchange.pull(server, collection)
    assert server.asked == [None, None]
    assert held(node, collection) == page


def test_a_pull_tells_what_it_could_not_use(node: Node, collection: Collection) -> None:
    server = Server([text(malware()), b'{"type":"malware","id":"malware--1"}'], [text(malware())])
    report = node.exchange.pull(server, collection)
    assert (report.held.read, report.held.added) == (3, 2)
    assert {one.id for one in report.held.rejected} == {"malware--1"}
    assert report.skipped == ["object 0 of page 2: no object"]


def test_a_push_sends_every_version_and_tells_what_was_refused(node: Node, collection: Collection) -> None:
    value = malware()
    values = [text(value), text(revision(value, name="refuse me")), text(malware())]
    node.exchange.hold(values, collection, source="test")
    server = Server()
    seen: list[int] = []
    report = node.exchange.push(collection, server, progress=seen.append)
    assert server.got == values
    assert (report.sent, report.accepted, report.refused) == (3, 2, [(value["id"], "it said no")])
    assert sum(seen) == 3


def test_reports_add_up() -> None:
    rejected = Rejection("a", "$", "r", "1", "m")
    one = HoldReport(3, 1, 1, [rejected], {"malware": 1})
    other = HoldReport(2, 2, 0, [], {"malware": 1, "tool": 1})
    assert merged(one, other) == HoldReport(5, 3, 1, [rejected], {"malware": 2, "tool": 1})
    assert one.types == {"malware": 1}, "neither is changed"
