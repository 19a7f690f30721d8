"""Two nodes and the command line: what one holds, the other pulls; what it has, it pushes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from support.nodes import Collection, Key, Node
from support.stix import Object, identity, indicator, ipv4, malware, relationship, revision, statement, text
from support.taxii import Taxii, client_for

NewNode = Callable[..., Node]


@dataclass
class Pair:
    """Node A serves; B is at first a home only, served when a test asks it questions."""

    a: Node
    b: Node
    key: Key
    there: Collection
    here: Collection
    at_a: Taxii


@pytest.fixture
def pair(new_node: NewNode, http: httpx.Client) -> Iterator[Pair]:
    a, b = new_node(), new_node()
    there, here = a.add_collection("ours"), b.add_collection("theirs")
    key = a.add_key("partner", "writer")
    at_a = client_for(a.serve(), key, http)
    return Pair(a, b, key, there, here, at_a)  # type: ignore[return-value]


def _objects() -> list[Object]:
    party, sign, actor = identity(name="Ünïcode 例え"), indicator(x_own=1.50), malware()
    return [party, sign, actor, relationship(sign, actor), ipv4("198.51.100.5"), statement("x"), revision(party, 60)]


def _pull(pair: Pair) -> dict[str, int]:
    url = f"{pair.a.url}{pair.at_a.root}"
    found: dict[str, int] = pair.b.json(
        "pull", url, "--collection", pair.there.id, "--key", pair.key.secret, "--into", pair.here.name
    )
    return found
