"""Live counts: sent when they change, one query for all who listen, over with the session."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.console import CHEAP, PASSWORD, add_people
from titian.core.counts import Counts
from titian.core.login import Start
from titian.core.people import Session
from titian.node import Node, open_node
from titian.setup import init_node
from titian.store.people import People
from titian.web.errors import TooMany
from titian.web.live import MOST, Live


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    init_node(tmp_path / "node", name="Agency One", country="ID")
    with open_node(tmp_path / "node", environment={}) as opened:
        add_people(opened)
        yield opened


def session(node: Node, name: str = "analyst-one") -> Session:
    opened = People(node.store, cost=CHEAP).password(Start().named(name), PASSWORD)
    assert isinstance(opened, Session)
    return opened


def quick(node: Node) -> Live:
    return Live(node, look_every=0.02, beat_every=0.3)


async def read(events: AsyncIterator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(events), 10)


async def counts(events: AsyncIterator[bytes]) -> dict[str, int]:
    """The next counts; beats are passed over."""
    while (event := await read(events)) == b":\n\n":
        pass
    head, _, data = event.partition(b"\ndata: ")
    assert head == b"event: counts"
    assert data.endswith(b"\n\n")
    return msgspec.json.decode(data, type=dict[str, int])


def put_in_quarantine(node: Node) -> None:
    with node.store.writing() as tx:
        tx.run(
            "INSERT INTO quarantine (collection, id, version, reason, source, received, digest, raw, state) "
            "VALUES (1, 'x', 0, 'invalid', 'test', 0, ?, ?, 'waiting')", b"", b"",
        )  # fmt: skip


def test_the_counts_come_at_once_and_then_when_they_change(node: Node) -> None:
    async def listen() -> None:
        live = quick(node)
        events = live.enter(session(node))
        assert (await read(events)).startswith(b"retry: ")
        assert await counts(events) == {"waiting": 0, "approvals": 0, "recalls": 0, "quarantined": 0, "arrived": 0}
        put_in_quarantine(node)
        assert await counts(events) == {"waiting": 1, "approvals": 0, "recalls": 0, "quarantined": 1, "arrived": 0}
        assert await read(events) == b":\n\n"
        await events.aclose()  # type: ignore[attr-defined]
        assert live.listeners == 0

    asyncio.run(listen())


def test_each_is_told_what_they_may_decide_on(node: Node) -> None:
    async def listen() -> None:
        live = quick(node)
        put_in_quarantine(node)
        for name, waiting in (("analyst-one", 1), ("releaser-one", 0), ("auditor-one", 0)):
            events = live.enter(session(node, name))
            await read(events)
            assert (await counts(events))["waiting"] == waiting
            await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(listen())


def test_all_share_one_query_and_nobody_asks_when_nobody_listens(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [0]
    real = type(node.counts).read

    def counted(self: Any) -> Counts:
        asked[0] += 1
        return real(self)

    monkeypatch.setattr(type(node.counts), "read", counted)

    async def listen() -> None:
        live = Live(node, look_every=30, beat_every=30)
        several = [live.enter(session(node)) for _ in range(MOST)]
        for events in several:
            await read(events)
            await counts(events)
        assert asked == [1]
        for events in several:
            await events.aclose()  # type: ignore[attr-defined]
        assert live.listeners == 0
        asked[0] = 0
        await asyncio.sleep(0.1)
        assert asked == [0]

    asyncio.run(listen())


def test_a_person_listens_so_often_and_no_more(node: Node) -> None:
    async def listen() -> None:
        live = quick(node)
        held = session(node)
        several = [live.enter(held) for _ in range(MOST + 1)]
        for events in several[:MOST]:
            await read(events)
        with pytest.raises(StopAsyncIteration):
            await read(several[MOST])
        with pytest.raises(TooMany):
            live.enter(held)
        other = live.enter(session(node, "auditor-one"))
        await read(other)
        for events in (*several, other):
            await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(listen())


def test_it_ends_with_the_session(node: Node) -> None:
    async def listen() -> None:
        live = quick(node)
        held = session(node)
        events = live.enter(held)
        await read(events)
        await counts(events)
        node.people.sign_out(held.token)
        async with asyncio.timeout(10):
            assert all([event == b":\n\n" async for event in events]), "and then it ends"
        assert live.listeners == 0

    asyncio.run(listen())


def test_a_database_that_fails_for_a_while_does_not_end_it(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    real = type(node.counts).read
    failing = [True]

    def faulty(self: Any) -> Counts:
        if failing[0]:
            raise OSError("gone")
        return real(self)

    monkeypatch.setattr(type(node.counts), "read", faulty)

    async def listen() -> None:
        events = quick(node).enter(session(node))
        await read(events)
        failing[0] = False
        assert (await counts(events))["waiting"] == 0
        await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(listen())


def test_it_ends_when_the_worker_is_told_to_end_and_the_server_hears_of_it_too(node: Node) -> None:
    async def listen() -> None:
        heard = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, heard.set)
        live = Live(node, look_every=30, beat_every=30)
        events = live.enter(session(node))
        await read(events)
        await counts(events)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopAsyncIteration):
            await read(events)
        assert heard.is_set()
        assert live.listeners == 0

    asyncio.run(listen())


def test_where_nothing_tells_of_the_end_a_connection_does_not_last(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("titian.web.live._SHORT_LIFE", 0.3)

    async def listen() -> None:
        async with asyncio.timeout(10):
            assert [event async for event in Live(node, look_every=30, beat_every=30).enter(session(node))]

    asyncio.run(listen())
