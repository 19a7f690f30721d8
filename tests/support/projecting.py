"""Objects by hand, and what goes out of them for one party, for tests of the projection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from support.graphs import CASE_EXTENSION, RED, Object, World, directory, fixed_uuid, make
from titian.core.copying import Change
from titian.core.projection import Projection
from titian.core.release import Withheld
from titian.core.stix import examine


@dataclass
class Result:
    """A projection and what goes out of it: ``raw`` and ``said`` by the identifier it was made from, in order."""

    projection: Projection
    raw: dict[str, bytes]

    @property
    def said(self) -> dict[str, Object]:
        return {one: json.loads(raw) for one, raw in self.raw.items()}

    def why(self, thing: Object) -> Withheld:
        assert thing["id"] not in self.raw
        return self.projection.withheld[thing["id"]]

    def change(self, thing: Object) -> Change:
        assert self.said[thing["id"]]["id"] == self.projection.released[thing["id"]] != thing["id"]
        return self.projection.changed[thing["id"]]

    def copy(self, thing: Object) -> Object:
        """What its copy says, without its identifier."""
        self.change(thing)
        return {name: value for name, value in self.said[thing["id"]].items() if name != "id"}


def see(*objects: Object, **rest: Any) -> Result:
    world = World(list(objects), **({"directory": directory()} | rest))
    projection, graph = world.with_definitions().project()
    emitted = list(projection.objects(graph))
    assert len({name for name, _ in emitted}) == len(emitted)
    for source, raw in emitted:
        assert not examine(raw).violations, source
        if source in projection.released and source not in projection.changed:
            assert raw == graph.held[source].raw
    return Result(projection, dict(emitted))


def without(thing: Object, *names: str) -> Object:
    return {name: value for name, value in thing.items() if name not in ("id", *names)}


def marked(mark: str, *selectors: str) -> Object:
    return {"marking_ref": mark, "selectors": list(selectors)}


def tool(called: str, *marks: str, **properties: Any) -> Object:
    return make("tool", called, *marks, **properties)


def case(called: str, *marks: str, **properties: Any) -> Object:
    return make("x-case", called, *marks, extensions={CASE_EXTENSION: {"extension_type": "new-sdo"}}, **properties)


SHUT = tool("shut", RED)
OPEN = tool("open")
NOT_HELD = f"tool--{fixed_uuid('not held')}"
