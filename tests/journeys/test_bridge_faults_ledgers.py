"""Ledgers that shrink, fork, change, or are signed by somebody else, and who finds it out (law 10)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from support.faulty import Pair, Receiver, Sender, release_more, released
from support.proxy import Fault, Proxy
from titian.core.notes import SignedNote
from titian.node import open_node
from titian.store.ledger import list_ledgers


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair.at(tmp_path_factory.mktemp("bridge"))


@pytest.fixture(scope="module")
def untouched(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A pair whose sender was never served and has signed nothing."""
    return pair.copy(tmp_path_factory.mktemp("untouched"))


@pytest.fixture(scope="module")
def sender(pair: Pair, untouched: Pair) -> Iterator[Sender]:
    """A sender whose clock is right, for all tests that need no own."""
    served = Sender(pair.sender).serve()
    yield served
    served.stop()


def published(home: Path) -> bytes:
    """The checkpoint of the agreement's ledger as its node would serve it."""
    with open_node(home, environment={}) as node, node.store.reading() as tx:
        found = next(one for one in list_ledgers(tx) if one.agreement is not None)
        note = node.ledgers.published(tx, found)
    assert note is not None
    return note


def sealed(home: Path) -> bytes:
    with open_node(home, environment={}) as node:
        node.ledgers.seal_all()
    return published(home)


@pytest.fixture
def pulled(pair: Pair, sender: Sender, tmp_path: Path) -> Iterator[tuple[Receiver, Proxy]]:
    """A receiver that has pulled twice, and so has cosigned two checkpoints."""
    mine = pair.with_receiver(tmp_path / "mine")
    with Proxy(sender.port) as proxy, Receiver(mine.receiver, mine) as receiver:
        receiver.subscribe(proxy.url)
        assert receiver.run().error is None
        release_more(pair.sender, 1)
        assert receiver.run().error is None
        yield receiver, proxy


def show(proxy: Proxy, note: bytes) -> None:
    proxy.always(Fault(body=lambda _: note), match="/checkpoint")


def pausing(receiver: Receiver, said: str, *notes: bytes) -> None:
    """The next pull finds out, says so, keeps the proof, and nothing is asked for until a person decides."""
    ran = receiver.run()
    assert ran.error is not None
    assert said in ran.error
    assert receiver.progress.paused == ran.error
    [proof] = receiver.evidence()
    for note in notes:
        assert SignedNote.parse(note).text.split("\n")[2] in _texts(proof.body)
    assert receiver.node.subscribe.run_due() == []
    again = receiver.node.subscribe.run(receiver.subscription)
    assert again is not None
    assert again.error is not None
    assert len(receiver.evidence()) == 1
    receiver.adds_up()


def _texts(body: bytes) -> str:
    try:
        notes = msgspec.json.decode(body)["checkpoints"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return body.decode()
    return "\n".join(base64.b64decode(one).decode() for one in notes)


def test_a_ledger_that_shrinks_is_found_out(pair: Pair, sender: Sender, pulled: tuple[Receiver, Proxy]) -> None:
    receiver, proxy = pulled
    before = published(pair.sender)
    release_more(pair.sender, 20)
    assert receiver.run().error is None
    after = published(pair.sender)
    assert before != after
    show(proxy, before)
    pausing(receiver, "fewer entries", before, after)


def test_a_ledger_that_forks_at_the_same_size_is_found_out(
    pair: Pair, untouched: Pair, sender: Sender, pulled: tuple[Receiver, Proxy], tmp_path: Path
) -> None:
    receiver, proxy = pulled
    size = int(published(pair.sender).split(b"\n")[1])
    other = untouched.copy(tmp_path / "other")
    note = sealed(other.sender)
    while int(note.split(b"\n")[1]) < size:
        release_more(other.sender, 1)
        note = sealed(other.sender)
    assert int(note.split(b"\n")[1]) == size
    mine = published(pair.sender)
    show(proxy, note)
    pausing(receiver, "another root", note, mine)


def test_a_ledger_that_forks_and_grows_is_found_out(
    pair: Pair, untouched: Pair, sender: Sender, pulled: tuple[Receiver, Proxy], tmp_path: Path
) -> None:
    receiver, proxy = pulled
    mine = published(pair.sender)
    size = int(mine.split(b"\n")[1])
    other = untouched.copy(tmp_path / "other")
    note = sealed(other.sender)
    while int(note.split(b"\n")[1]) <= size:
        release_more(other.sender, 1)
        note = sealed(other.sender)
    release_more(pair.sender, 20)
    sealed(pair.sender)
    show(proxy, note)
    pausing(receiver, "nothing proves that it begins with what was signed before", note, mine)


def test_a_checkpoint_that_somebody_else_signed_is_found_out(
    pair: Pair, sender: Sender, pulled: tuple[Receiver, Proxy]
) -> None:
    receiver, proxy = pulled
    lines = published(pair.sender).split(b"\n")
    mark = next(index for index, line in enumerate(lines) if not line) + 1
    name, signature = lines[mark].rsplit(b" ", 1)
    lines[mark] = name + b" " + b"AAAA" + signature[4:]
    show(proxy, b"\n".join(lines))
    pausing(receiver, "No key that is trusted for this ledger")


@pytest.mark.parametrize(
    "note",
    [b"", b"no note at all", b"\x00\xff" * 100, b"a\n1\nAAAA\n\n", b"x" * (2 << 20)],
    ids=["empty", "words", "bytes", "short", "long"],
)
def test_a_checkpoint_that_is_none_is_an_error_that_passes(
    pair: Pair, sender: Sender, pulled: tuple[Receiver, Proxy], note: bytes
) -> None:
    receiver, proxy = pulled
    release_more(pair.sender, 1)
    show(proxy, note)
    ran = receiver.run()
    assert ran.error is not None
    assert receiver.progress.paused is None
    proxy.heal()
    assert receiver.run().error is None
    assert receiver.held() == released(pair.sender, pair.collection)
    assert receiver.evidence() == []


def test_an_entry_that_was_changed_is_found_out(pair: Pair, sender: Sender, pulled: tuple[Receiver, Proxy]) -> None:
    receiver, proxy = pulled
    release_more(pair.sender, 1)

    def changed(body: bytes) -> bytes:
        page = msgspec.json.decode(body)
        for entry in page["entries"]:
            entry["salt"] = entry["salt"][::-1] if entry["salt"][-1] != "=" else "A" * 42 + "E="
        return msgspec.json.encode(page)

    proxy.always(Fault(body=changed), match="/opened")
    pausing(receiver, "is not in the ledger")
