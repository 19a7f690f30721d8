"""What an object is linked with: the graph for those who can see it, and the same as a table for everybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from titian.core.errors import NotFound
from titian.core.people import Permission
from titian.core.reading import GraphEdge, GraphNode, Neighbours
from titian.core.search import ORGANISATION
from titian.node import Node
from titian.web.cache import COMPRESS_FROM, compress, encoding_for
from titian.web.console.card_page import absent, link_title, object_page, read_object
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import headers
from titian.web.console.shown import visible
from titian.web.console.words import N_

DEPTH: Final = 2
LIMIT: Final = 2_000
_FEW, _MANY = 15, 200
"""Rows of one type on the page of all types, and on its own."""
_WAYS: Final = 3
_LONGEST_NAME: Final = 80
_NOT_HELD: Final = N_("%(name)s (not held)")


class Way(msgspec.Struct, frozen=True):
    """How one object is linked with another that is nearer: ``outgoing`` from it."""

    label: str
    outgoing: bool
    other: GraphNode


class Row(msgspec.Struct, frozen=True):
    """One object of the table: at most a few of its links, and how many more there are."""

    node: GraphNode
    ways: tuple[Way, ...]
    more: int


class Group(msgspec.Struct, frozen=True):
    """The objects of one type: some of them, and how many there are."""

    type: str
    rows: tuple[Row, ...]
    count: int


@get("/objects/{identifier:str}/graph", sync_to_thread=True)
def show_graph(
    request: AnyRequest, identifier: FromPath[str], analyst: NamedDependency[Analyst], node: NamedDependency[Node]
) -> ASGIResponse:
    """What an object is linked with, in two steps at most."""
    analyst.require(Permission.READ)
    read = read_object(analyst, node, identifier)
    depth = _depth(request)
    found = node.reading.neighbours(ORGANISATION, identifier, depth=depth, limit=LIMIT)
    chosen = str(request.query_params.get("type") or "")[:250]
    start = _number(str(request.query_params.get("from") or ""))
    return object_page(
        request, analyst, "objects/graph.html", read, register=node.agreements.read(), tab="/graph",
        groups=grouped(found, identifier, only=chosen, start=start), found=found, depth=depth, chosen=chosen,
        start=start, step=_MANY, count=len(found.nodes) - 1,
    )  # fmt: skip


@get("/objects/{identifier:str}/graph.json", sync_to_thread=True)
def graph_json(
    request: AnyRequest, identifier: FromPath[str], analyst: NamedDependency[Analyst], node: NamedDependency[Node]
) -> ASGIResponse:
    """The same for the script that draws it."""
    analyst.require(Permission.READ)
    try:
        found = node.reading.neighbours(ORGANISATION, identifier, depth=_depth(request), limit=LIMIT)
    except NotFound:
        raise absent(analyst) from None
    body = msgspec.json.encode(as_json(found, analyst))
    said = headers() | {"content-type": "application/json"}
    encoding = encoding_for(request.headers.get("accept-encoding", ""))
    if encoding is not None and len(body) >= COMPRESS_FROM:
        body = compress(body, encoding)
        said["content-encoding"] = encoding
    return ASGIResponse(body=body, headers=said)


def _depth(request: AnyRequest) -> int:
    return 1 if request.query_params.get("depth") == "1" else DEPTH


def _number(text: str) -> int:
    return min(int(text), LIMIT) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def as_json(found: Neighbours, analyst: Analyst) -> dict[str, Any]:
    """A graph as the script reads it (``frontend/README.md``). Names hold nothing that cannot be seen."""
    held = {one.id for one in found.nodes}
    return {
        "nodes": [
            {"id": one.id, "type": one.type, "name": _name(one, analyst), "tlp": one.tlp.label if one.tlp else None,
             "depth": one.depth}
            for one in found.nodes
        ],
        "edges": [
            {"source": one.source, "target": one.target, "label": _plain(one.label)}
            for one in found.edges
            if one.source in held and one.target in held
        ],
        "more": found.more,
    }  # fmt: skip


def _name(one: GraphNode, analyst: Analyst) -> str:
    name = _plain(link_title(analyst, one.id, one.title))
    return name if one.held else analyst.gettext(_NOT_HELD) % {"name": name}


def _plain(text: str) -> str:
    short = text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"
    return short if short.isascii() and short.isprintable() else str(visible(short).striptags())


def grouped(found: Neighbours, root: str, *, only: str = "", start: int = 0) -> list[Group]:
    """The neighbours by type, the largest type first, the nearest objects first; ``only`` one type, from ``start``."""
    nodes = {one.id: one for one in found.nodes}
    links: dict[str, list[tuple[GraphEdge, str]]] = defaultdict(list)
    for edge in found.edges:
        links[edge.source].append((edge, edge.target))
        if edge.target != edge.source:
            links[edge.target].append((edge, edge.source))
    types: dict[str, list[GraphNode]] = defaultdict(list)
    for one in found.nodes:
        if one.id != root and only in ("", one.type):
            types[one.type].append(one)
    groups = []
    for type_, members in sorted(types.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        members.sort(key=lambda one: (one.depth, one.title.casefold(), one.id))
        shown = members[start : start + _MANY] if only else members[:_FEW]
        groups.append(Group(type_, tuple(_row(one, links[one.id], nodes) for one in shown), len(members)))
    return groups


def _row(one: GraphNode, links: Sequence[tuple[GraphEdge, str]], nodes: dict[str, GraphNode]) -> Row:
    nearer = [
        Way(edge.label, edge.source == one.id, nodes[other])
        for edge, other in links
        if other in nodes and nodes[other].depth < one.depth
    ]
    return Row(one, tuple(nearer[:_WAYS]), max(0, len(nearer) - _WAYS))
