"""Two nodes and the command line: what one holds, the other pulls; what it has, it pushes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from support.nodes import Collection, Key, Node, WarmCli
from support.stix import Object, identity, indicator, ipv4, malware, relationship, revision, statement, text
from support.taxii import Taxii, client_for


@dataclass(frozen=True)
class Side:
    """A served node with one collection, and its partner's key for it."""

    node: Node
    collection: Collection
    key: Key
    client: Taxii

    @property
    def root(self) -> str:
        return self.node.url + self.client.root

    def bytes(self) -> bytes:
        pages = self.client.pages(self.client.objects_path(self.collection), {"match[version]": "all"})
        return b"\n".join(page.content for page in pages)


Served = tuple[Node, Key, Taxii]


@pytest.fixture(scope="module")
def served(
    cli: WarmCli, http: httpx.Client, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, Served]]:
    """Two nodes of two parties, each answering on a port of its own."""
    homes = [tmp_path_factory.mktemp("side") / "home" for _ in range(2)]
    nodes = [Node(home, cli).init() for home in homes]
    keys = [node.add_key("partner", "writer") for node in nodes]
    ours, theirs = [(node, key, client_for(node.serve(), key, http)) for node, key in zip(nodes, keys, strict=True)]
    yield ours, theirs
    for node in nodes:
        node.stop()


@pytest.fixture
def sides(served: tuple[Served, Served], request: pytest.FixtureRequest) -> tuple[Side, Side]:
    """A collection of the test's own on each."""
    made = [node.add_collection(request.node.name) for node, _, _ in served]
    ours, theirs = [
        Side(node, collection, key, client) for (node, key, client), collection in zip(served, made, strict=True)
    ]
    return ours, theirs


def _objects() -> list[Object]:
    party, sign, actor = identity(name="Ünïcode 例え"), indicator(x_own=1.50), malware()
    return [
        party,
        sign,
        actor,
        relationship(sign, actor),
        ipv4("198.51.100.5"),
        statement("x"),
        revision(party, 60),
    ]


def pull(into: Side, from_: Side, *options: str) -> dict[str, Any]:
    where = ("--collection", from_.collection.id, "--key", from_.key.secret, "--into", into.collection.name)
    told: dict[str, Any] = into.node.json("pull", from_.root, *where, *options)
    return told


def push(from_: Side, to: Side, *options: str) -> dict[str, Any]:
    where = ("--collection", to.collection.id, "--key", to.key.secret, "--from", from_.collection.name)
    told: dict[str, Any] = from_.node.json("push", to.root, *where, *options)
    return told


def test_a_pull_brings_every_version_byte_for_byte(sides: tuple[Side, Side]) -> None:
    """All versions, in order, as the producer wrote them (DESIGN law 4)."""
    a, b = sides
    objects = _objects()
    raws = [text(each).replace(b'":', b'" : ') for each in objects]
    a.client.add(a.collection, *raws)
    pull(b, a)
    assert b.client.held(b.collection) == objects
    served = b.bytes()
    assert [raw for raw in raws if raw not in served] == []


def test_a_second_pull_adds_nothing_and_a_third_only_news(sides: tuple[Side, Side]) -> None:
    """It resumes from where it was, by the sender's date added."""
    a, b = sides
    a.client.add(a.collection, *(indicator() for _ in range(30)))
    assert pull(b, a)["added"] == 30
    first = b.client.records(b.collection)
    assert len(first) == 30
    assert pull(b, a)["added"] == 0
    assert b.client.records(b.collection) == first
    news = [malware(), identity()]
    a.client.add(a.collection, *news)
    assert pull(b, a, "--user", a.key.name)["added"] == 2, "by HTTP Basic as well"
    after = b.client.records(b.collection)
    assert after[:30] == first
    assert [record["id"] for record in after[30:]] == [each["id"] for each in news]


def test_a_pull_of_many_pages(sides: tuple[Side, Side]) -> None:
    """More than any page holds."""
    a, b = sides
    objects = [malware() for _ in range(2500)]
    for start in range(0, len(objects), 500):
        a.client.add(a.collection, *objects[start : start + 500])
    pull(b, a)
    assert [record["id"] for record in b.client.records(b.collection)] == [each["id"] for each in objects]


def test_a_push_brings_all_and_a_second_push_nothing_new(sides: tuple[Side, Side]) -> None:
    """The other way round; the receiver's dates stay."""
    a, b = sides
    objects = _objects()
    a.client.add(a.collection, *objects)
    assert push(a, b)["refused"] == []
    first = b.client.records(b.collection)
    assert b.client.held(b.collection) == objects
    push(a, b)
    assert b.client.records(b.collection) == first


def test_there_and_back_changes_nothing(sides: tuple[Side, Side]) -> None:
    """Pulled and pushed back to where it came from: duplicates, so nothing moves."""
    a, b = sides
    a.client.add(a.collection, *_objects())
    before = a.client.records(a.collection)
    pull(b, a)
    push(b, a)
    assert a.client.records(a.collection) == before


def test_a_wrong_key_or_collection_is_an_error_in_words(sides: tuple[Side, Side]) -> None:
    """Exit status not 0, a sentence, no stack trace; and the key is not repeated."""
    a, b = sides
    absent = "7f9e5c1e-8f0a-4d3b-9a58-0b4f4a0f6d11"
    for collection, key in ((a.collection.id, "wrong-key"), (absent, a.key.secret)):
        done = b.node.run(*("pull", a.root, "--collection", collection, "--key", key, "--into", b.collection.name))
        assert done.status != 0
        assert done.stderr.strip() or done.stdout.strip()
        assert "Traceback" not in done.stderr + done.stdout
        assert key not in done.stderr + done.stdout
    assert b.client.records(b.collection) == []


def test_an_import_says_what_it_did(sides: tuple[Side, Side]) -> None:
    """`titian import --json`: read, added, known, rejected with id, path, rule and clause."""
    a, _ = sides
    good, bad = [indicator(), malware()], {**indicator(), "pattern": "["}
    file = a.node.home.with_name("bundle.json")
    bundle = {"type": "bundle", "id": "bundle--3f6d0f0e-5f86-4c1e-8a43-8c1f3b0d5a10", "objects": [*good, bad]}
    file.write_bytes(text(bundle))
    told = a.node.json("import", str(file), "--collection", a.collection.name)
    assert (told["read"], told["added"], told["known"]) == (3, 2, 0)
    (rejected,) = told["rejected"]
    assert rejected["id"] == bad["id"]
    assert rejected["path"]
    assert rejected["rule"]
    assert rejected["clause"]
    again = a.node.json("import", str(file), "--collection", a.collection.name)
    assert (again["read"], again["added"], again["known"]) == (3, 0, 2)
    assert a.client.held(a.collection) == good
