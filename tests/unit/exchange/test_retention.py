"""Retention: when the time of personal data is over, no byte of the node tells of it any more."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from titian.core.collection import timestamp
from titian.core.marking import Handling
from titian.core.people import local_operator
from titian.core.stix import observable_id
from titian.core.tlp import Tlp
from titian.exchange.mark import Wish
from titian.node import Node, open_node
from titian.setup import init_node

NOW = 1_790_000_000_000_000
DAY = 86_400_000_000
ACCOUNT = observable_id("user-account", {"account_login": "somebody"})
CREATED = "2026-01-01T00:00:00.000Z"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def node(tmp_path: Path, clock: Clock) -> Iterator[Node]:
    init_node(tmp_path / "home", name="Agency", country="ID", clock=clock)
    with open_node(tmp_path / "home", clock=clock, environment={}) as opened:
        opened.collections.add("Reports")
        yield opened


def domain(kind: str, number: int, by: str | None, **properties: object) -> bytes:
    made = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid.UUID(int=number, version=4)}",
            "created": CREATED, "modified": CREATED, **properties}  # fmt: skip
    if by is not None:
        made["created_by_ref"] = by
    return json.dumps(made).encode()


def hold(node: Node, *objects: bytes, into: str = "Reports") -> list[str]:
    report = node.exchange.hold(objects, node.collections.find(into), source="test")
    assert report.added == len(objects), report.rejected
    return [json.loads(raw)["id"] for raw in objects]


def account() -> bytes:
    return json.dumps({"type": "user-account", "spec_version": "2.1", "id": ACCOUNT,
                       "account_login": "somebody"}).encode()  # fmt: skip


def expire(node: Node, identifier: str, days: int = 1) -> None:
    at = node.agreements.now() + days * DAY
    text = timestamp(at)
    node.mark.mark(local_operator("test"), [identifier],
                   Wish(tlp=Tlp.GREEN, handling=Handling(purposes=("cybercrime",), expires=text)))  # fmt: skip


def held(node: Node, into: str = "Reports", *, every_version: bool = True) -> list[dict[str, object]]:
    collection = node.collections.find(into)
    return [json.loads(raw) for raw in node.exchange.objects(collection, every_version=every_version)]


def test_law_9_personal_data_is_deleted_by_the_clock_with_every_reference(node: Node, clock: Clock) -> None:
    own = node.record.identity
    (tool,) = hold(node, domain("tool", 1, own, name="T"))
    hold(node, account())
    link, report, note = hold(
        node,
        domain("relationship", 2, own, relationship_type="related-to", source_ref=tool, target_ref=ACCOUNT),
        domain(
            "report", 3, own, name="R", published=CREATED, object_refs=[tool, ACCOUNT], description=f"See {ACCOUNT}."
        ),
        domain("note", 4, own, content="N", object_refs=[ACCOUNT]),
    )
    expire(node, ACCOUNT)
    assert node.retention.tick() == 0, "its time is not over"
    clock.now += DAY

    assert node.retention.tick() == 3, "the account, the relationship, and the note that is about nothing else"
    left = {one["id"]: one for one in held(node)}
    assert ACCOUNT not in json.dumps(list(left.values()))
    assert link not in left
    assert note not in left
    assert left[report]["object_refs"] == [tool]
    assert left[report]["description"] == "See [withheld]."
    assert node.retention.tick() == 0, "once"


def test_a_container_of_others_is_kept_as_a_copy_without_the_reference(node: Node, clock: Clock) -> None:
    theirs = f"identity--{uuid.UUID(int=9, version=4)}"
    (tool,) = hold(node, domain("tool", 1, None, name="T"))
    hold(node, account())
    (report,) = hold(node, domain("report", 3, theirs, name="R", published=CREATED, object_refs=[tool, ACCOUNT]))
    expire(node, ACCOUNT)
    clock.now += DAY
    node.retention.tick()
    copies = [one for one in held(node) if one["type"] == "report"]
    assert [one["object_refs"] for one in copies] == [[tool]]
    assert copies[0]["id"] != report, "a copy bears an identifier of its own (law 4)"


def test_what_comes_in_after_its_time_is_deleted_too(node: Node, clock: Clock) -> None:
    hold(node, account())
    expire(node, ACCOUNT)
    marked = next(one for one in held(node) if one["id"] == ACCOUNT)
    clock.now += DAY
    assert node.retention.tick() == 1
    hold(node, json.dumps(marked).encode())
    assert node.retention.tick() == 1
    assert ACCOUNT not in {one["id"] for one in held(node)}


def test_a_later_date_keeps_it_and_other_objects_are_only_withheld(node: Node, clock: Clock) -> None:
    own = node.record.identity
    (tool,) = hold(node, domain("tool", 1, own, name="T"))
    hold(node, account())
    expire(node, ACCOUNT)
    expire(node, tool)
    expire(node, ACCOUNT, days=3)
    clock.now += 2 * DAY
    assert node.retention.tick() == 0
    assert {tool, ACCOUNT} <= {one["id"] for one in held(node)}


def test_what_was_deleted_is_counted_and_not_named(node: Node, clock: Clock) -> None:
    hold(node, account())
    expire(node, ACCOUNT)
    clock.now += DAY
    node.retention.tick()
    act = node.acts.list()[0]
    assert (act.person, act.act, act.details) == ("clock", "retention", {"deleted": {"user-account": 1}})
