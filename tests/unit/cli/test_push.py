"""`titian push`: nothing leaves but what was released under an agreement that is in force (law 1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.desk import HOURS, Desk
from support.gate import BY, Bench, made, malware, party_id
from titian.core.errors import Refused
from titian.core.tlp import Tlp

JAPAN = party_id("japan")
TO_JAPAN = "Jp → Japan"
PUSH = ("push", "https://taxii.example/", "--collection", "inbox", "--from")


class Remote:
    """Another server's collection, which takes everything."""

    name = "inbox of taxii.example"

    def __init__(self) -> None:
        self.got: list[Any] = []

    def add(self, objects: Iterable[bytes]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
        for raw in objects:
            self.got.append(json.loads(raw))
            yield 1, []

    def names(self) -> set[str]:
        return {one["name"] for one in self.got if one["type"] == "malware"}


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    there = Remote()

    @contextmanager
    def opened(*_: object) -> Iterator[Remote]:
        yield there

    monkeypatch.setattr("titian.cli.push.remote_collection", opened)
    return there


def released(desk: Desk) -> str:
    """Release something that ends in an hour, and something that does not; returns the first."""
    theirs = malware("Theirs", tlp=Tlp.RED, by=JAPAN)
    desk.bench.node.collections.add("From Japan", received_from=JAPAN)
    desk.bench.hold(theirs, into="From Japan")
    first, second, _ = desk.bench.hold(
        malware("Kestrel", tlp=Tlp.GREEN), malware("Goshawk", tlp=Tlp.GREEN), malware("Unmarked")
    )
    desk.bench.mark(first, expires="2026-09-21T15:00:00Z")
    desk.bench.release(first, second, to="jp")
    return first


def test_what_was_released_is_pushed_and_nothing_else(desk: Desk, remote: Remote) -> None:
    released(desk)
    desk.does("analyst-one", *PUSH, TO_JAPAN)
    assert remote.names() == {"Kestrel", "Goshawk"}
    assert {one["id"] for one in remote.got} == set(desk.bench.served("japan")), "exactly what the party is served"
    remote.got.clear()
    for name, says in (
        ("Reports", "Reports was released to nobody"), ("From Japan", "not this node's own"),
        ("Directory", "not this node's own"),
    ):  # fmt: skip
        done = desk.analyst(*PUSH, name)
        assert (done.status, done.out) == (1, "")
        assert says in done.err
        assert "titian release" in done.err
    for name in ("auditor-one", "keeper-one"):
        assert "may not request release" in desk.run(name, *PUSH, TO_JAPAN).err
    assert remote.got == []


def test_what_has_ended_is_not_pushed(desk: Desk, remote: Remote) -> None:
    released(desk)
    desk.bench.clock.now += HOURS
    desk.does("analyst-one", *PUSH, TO_JAPAN)
    assert remote.names() == {"Goshawk"}
    remote.got.clear()
    desk.does("keeper-one", "agreements", "end", "jp", "--why", "over")
    done = desk.analyst(*PUSH, TO_JAPAN)
    assert (done.status, remote.got) == (1, [])
    assert "Nobody receives" in done.err


def test_who_has_no_agreements_sends_what_is_their_own(bare: Bench) -> None:
    bare.node.collections.add("From Japan", received_from=JAPAN)
    bare.hold(made("note", content="x", object_refs=[JAPAN]))
    find = bare.node.collections.find
    bare.node.exchange.check_push(find("Reports"))
    for name in ("From Japan", "Directory"):
        with pytest.raises(Refused):
            bare.node.exchange.check_push(find(name))
    bare.node.agreements.add_member(bare.agree("jp", JAPAN).id, "russia", BY)
    with pytest.raises(Refused, match="released to nobody"):
        bare.node.exchange.check_push(find("Reports"))


@pytest.fixture
def bare(new_bench: Any) -> Bench:
    """A node without agreements."""
    fresh: Bench = new_bench()
    return fresh
