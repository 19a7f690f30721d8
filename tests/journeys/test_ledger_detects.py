"""A partner that has nothing but HTTP notices every change of a ledger, and can prove the worst to a third.

One node's database is changed behind its back, also by somebody who has its signing key. The partner's next pull, or
its reading the whole ledger, says what does not hold; the proof is kept, and the subscription waits for a person.
"""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from support.bridge import AGREEMENT, A, B, Bridge, C, Peer, changed_json, on
from support.gate import Clock
from support.nodes import WarmCli
from support.tampering import (
    CHANGES,
    Yesterday,
    back_date,
    change_payload,
    change_salt,
    flip,
    forget_heads,
    grow,
    hide,
    last_of,
    num,
    payload,
    public_key,
    reseal,
    rewrite,
    swap,
    third_party,
    trim,
)
from titian.core.ledger import Entry, Kind, Opened, digest_of
from titian.core.notes import SignedNote
from titian.core.witness import Answer, Submission
from titian.store.heads import HeadFile
from titian.store.ledger import enter
from titian.store.ledger_audit import audit

MINUTE = 60.0


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A bridge of three on which things were released, taken back, pulled and cosigned; and what time it is there."""
    folder = tmp_path_factory.mktemp("bridge")
    with Bridge(folder, A, B, C) as bridge:
        _, two = bridge.a.release("one", "two", to=(B, C))
        for reader in (bridge.b, bridge.c):
            bridge.subscribe(reader, bridge.a)
            assert bridge.pull(reader).error is None
        bridge.a.release("three", to=(B, C))
        bridge.a.withdraw(two)
        for reader in (bridge.b, bridge.c, bridge.b):
            ran = bridge.pull(reader)
            assert (ran.error, ran.findings) == (None, [])
        assert isinstance(bridge.clock, Clock)
        return folder, bridge.clock.now


@pytest.fixture
def bridge(base: tuple[Path, int], tmp_path: Path) -> Iterator[Bridge]:
    """A copy of it for each test."""
    folder = Path(shutil.copytree(base[0], tmp_path / "bridge"))
    with Bridge(folder, A, B, C, clock=Clock(base[1])) as copy:
        copy.later(MINUTE)
        yield copy


# ── what the partner does about it ────────────────────────────────────────────────────────────────────────────


def is_broken(bridge: Bridge, *says: str) -> dict[str, Any]:
    """The next pull finds it, keeps the proof, and waits for a person; the proof."""
    ran = bridge.pull(bridge.b)
    assert ran.error is not None
    for words in says:
        assert words in ran.error, ran.error
    found = bridge.b.node.subscribe.list()[0].progress
    assert found.paused == ran.error
    origin = bridge.a.ledger().origin
    (kept,) = [one for one in bridge.b.evidence() if one.origin == origin]
    peer = bridge.b.node.peer_ledgers.get(origin)
    assert peer is not None
    assert peer.broken == kept.what
    # Nothing is pulled, and nothing cosigned, until a person has decided.
    asked = len(bridge.a.asked)
    bridge.later(86_400)
    assert bridge.b.node.subscribe.run_due() == []
    assert len(bridge.a.asked) == asked
    proof: dict[str, Any] = json.loads(kept.body) if kept.body.startswith(b"{") else {}
    return proof


def verified(bridge: Bridge) -> str | None:
    return bridge.verify(bridge.b, bridge.a)


def is_found(bridge: Bridge, *says: str) -> None:
    """Reading the whole ledger finds it, and the proof is kept."""
    what = verified(bridge)
    assert what is not None
    for words in says:
        assert words in what, what
    assert what in [one.what for one in bridge.b.evidence()]
    ran = bridge.pull(bridge.b)
    assert ran.error is not None
    assert "found broken" in ran.error


def test_what_was_not_changed_holds(bridge: Bridge) -> None:
    for _ in range(3):
        bridge.a.release("more")
        ran = bridge.pull(bridge.b)
        assert (ran.error, ran.findings) == (None, [])
        assert verified(bridge) is None
    assert bridge.b.evidence() == []
    assert bridge.b.node.peer_ledgers.all()[0].head == bridge.a.ledger().head


# ── an entry is changed, after it was sealed ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("change", [*CHANGES.values(), hide], ids=[*CHANGES, "hidden"])
def test_an_entry_that_the_partner_has_read(bridge: Bridge, change: Callable[[Peer, int], None]) -> None:
    """Whoever reads the whole ledger finds it; the node itself signs nothing more."""
    change(bridge.a, last_of(bridge.a, Kind.RELEASE))
    what = verified(bridge)
    assert what is not None
    assert what.startswith("Entry ")
    assert what in [one.what for one in bridge.b.evidence()]
    assert "found broken" in str(bridge.pull(bridge.b).error)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_node_itself_signs_nothing_over_it(bridge: Bridge, change: Callable[[Peer, int], None]) -> None:
    a = bridge.a
    change(a, last_of(a, Kind.RELEASE))
    head, signed = a.ledger().head, a.ledger().signed
    a.release("more")
    (done,) = [one for one in a.node.ledgers.seal_all() if one.ledger.num == num(a)]
    assert done.halted
    assert a.halted() == done.halted
    assert (a.ledger().head, a.ledger().signed) == (head, signed)
    is_closed_to_partners(bridge)


@pytest.mark.parametrize(
    "change", [change_payload, change_salt, back_date, swap], ids=["payload", "salt", "back-dated", "reordered"]
)
def test_an_entry_that_was_sealed_and_not_read_yet(bridge: Bridge, change: Callable[[Peer, int], None]) -> None:
    bridge.a.release("more")
    bridge.a.release("still more")
    bridge.a.node.ledgers.seal_all()
    change(bridge.a, last_of(bridge.a, Kind.RELEASE))

    def no_seal(request: httpx.Request, response: httpx.Response) -> None:
        assert response.status_code == 200, response.text

    # What the delivery would have had sealed is not sealed: the node would halt by itself.
    bridge.a.tamper = no_seal
    proof = is_broken(bridge, "as it was opened is not in the ledger")
    assert Opened(
        proof["entry"]["num"], base64.b64decode(proof["entry"]["salt"]), base64.b64decode(proof["entry"]["payload"])
    )


# ── by somebody who has the node's key, and makes the tree anew ───────────────────────────────────────────────


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_signed_again_at_the_same_size(bridge: Bridge, change: Callable[[Peer, int], None]) -> None:
    """Two signed roots of one size: that convinces everybody who has the public key."""
    change(bridge.a, last_of(bridge.a, Kind.RELEASE))
    reseal(bridge.a)
    proof = is_broken(bridge, "an entry was changed")
    assert third_party(proof, public_key(bridge.a))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_signed_again_and_grown(bridge: Bridge, change: Callable[[Peer, int], None]) -> None:
    a = bridge.a
    change(a, last_of(a, Kind.RELEASE))
    with a.node.store.writing() as tx:
        enter(tx, a.agreement.id, [Entry(kind=Kind.FILLER, at=a.ledger().created)] * 32)
    entries = a.sql("SELECT max(num) + 1 FROM ledger_entries WHERE ledger = ?", num(a))[0][0]
    a.sql("UPDATE ledgers SET sealed = ? WHERE num = ?", entries, num(a))
    reseal(a, entries)
    proof = is_broken(bridge, "nothing proves that it begins with what was signed before")
    assert third_party(proof, public_key(a))


def test_signed_again_shorter(bridge: Bridge) -> None:
    trim(bridge.a, 16)
    proof = is_broken(bridge, "fewer entries")
    sizes = [int(base64.b64decode(one).split(b"\n")[1]) for one in proof["checkpoints"]]
    assert sizes[0] > sizes[1] == 16
    assert bridge.a.halted() is not None, "the partner has shown the node what it had signed"


def test_the_node_sees_that_by_what_it_has_signed(bridge: Bridge) -> None:
    """The same change is behind, or beside, what lies outside the database."""

    def written_anew(peer: Peer) -> None:
        change_salt(peer, 2)
        reseal(peer)

    for change in (lambda peer: trim(peer, 32), written_anew):
        saved = Yesterday(bridge.a)
        change(bridge.a)
        assert any(one.halted for one in bridge.a.node.ledgers.seal_all())
        assert bridge.a.halted()
        saved.back(bridge.a, heads=True)


def test_signed_again_grown_over_what_it_has_signed(bridge: Bridge) -> None:
    """A history that was written anew and grew past the size that was signed last is not that history."""
    a = bridge.a
    change_salt(a, 2)
    with a.node.store.writing() as tx:
        enter(tx, a.agreement.id, [Entry(kind=Kind.FILLER, at=a.ledger().created)] * 32)
    a.sql("UPDATE ledgers SET sealed = size WHERE num = ?", num(a))
    reseal(a, a.ledger().size)
    assert [one.halted is not None for one in a.node.ledgers.seal_all() if one.ledger.num == num(a)] == [True]


@pytest.mark.parametrize("days", [0, 2], ids=["before others", "when nothing happened"])
def test_an_entry_put_in_with_a_date_of_before(bridge: Bridge, days: int) -> None:
    """The tree grows as it should, so that only its time tells: the partner has looked since, and saw no such entry."""
    a = bridge.a
    bridge.later(days * 86_400)
    assert bridge.pull(bridge.b).findings == []
    a.release("more")
    place = last_of(a, Kind.RELEASE)
    rewrite(a, place, at=payload(a, place)["at"] - 3 * 3_600_000_000)
    ran = bridge.pull(bridge.b)
    assert ran.error is None
    assert any(f"Entry {place} " in one for one in ran.findings), ran.findings
    gaps = bridge.b.node.subscribe.list()[0].progress.gaps
    assert [gap.what for gap in gaps] == ran.findings


# ── yesterday's database ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("heads", [False, True], ids=["database", "database and heads"])
def test_a_database_of_yesterday(bridge: Bridge, heads: bool) -> None:
    a = bridge.a
    yesterday = Yesterday(a)
    bridge.later(86_400)
    a.release("more")
    assert bridge.pull(bridge.b).error is None
    yesterday.back(a, heads=heads)
    if not heads:
        assert any(one.halted for one in a.node.ledgers.seal_all()), "the node sees it by itself"
    is_broken(bridge, "fewer entries", "old backup")
    assert a.halted() is not None, "the node learns it from what its partner holds"
    is_closed_to_partners(bridge)


def test_a_database_of_yesterday_that_went_on(bridge: Bridge) -> None:
    """It has grown past what was signed, with other entries."""
    a = bridge.a
    yesterday = Yesterday(a)
    a.release("more")
    assert bridge.pull(bridge.b).error is None
    yesterday.back(a, heads=True)
    for name in ("other", "and another", "and one more"):
        bridge.later(1)
        a.release(name)
        a.node.ledgers.seal_all()
    is_broken(bridge, "nothing proves that it begins with what was signed before")
    assert a.halted() is not None


def test_what_was_signed_is_forgotten(bridge: Bridge) -> None:
    """A node that does not know what it has signed last signs nothing."""
    forget_heads(bridge.a)
    bridge.a.release("more")
    bridge.a.node.ledgers.seal_all()
    assert bridge.a.halted() is not None
    is_closed_to_partners(bridge)


def test_what_was_signed_is_damaged(bridge: Bridge) -> None:
    (bridge.a.home / "heads.json").write_text('{"format":1,"heads":{}')
    bridge.a.release("more")
    assert all(one.halted for one in bridge.a.node.ledgers.seal_all())
    assert bridge.a.halted() is not None
    is_closed_to_partners(bridge)


def is_closed_to_partners(bridge: Bridge) -> None:
    """Nothing more is handed over under the agreement, and nobody is told why."""
    a, b = bridge.a, bridge.b
    key = a.key_for(b)
    before = a.sql("SELECT count(*) FROM ledger_entries WHERE kind = 'delivery'")
    path = f"/taxii2/api/collections/{a.released_to(b)}/"
    for kind in ("objects/", "manifest/"):
        answer = a.ask(f"{path}{kind}", key)
        assert answer.status_code == 503, answer.text
        told = answer.text.lower()
        for word in ("ledger", "entr", "halt", "witness", str(a.home).lower(), "malware", AGREEMENT):
            assert word not in told, told
    assert a.sql("SELECT count(*) FROM ledger_entries WHERE kind = 'delivery'") == before


# ── tiles and bundles ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("level", [-1, 0], ids=["bundle", "tile"])
def test_a_bit_of_what_is_served(bridge: Bridge, level: int) -> None:
    flip(bridge.a, level)
    is_found(bridge)


@pytest.mark.parametrize("level", [-1, 0, 1], ids=["bundle", "tile", "tile above"])
def test_a_bit_of_what_was_filled_long_ago(bridge: Bridge, level: int) -> None:
    a = bridge.a
    grow(a, 300)
    assert bridge.pull(bridge.b).error is None
    assert verified(bridge) is None
    flip(a, level)
    is_found(bridge)


@pytest.mark.parametrize("level", [-1, 0], ids=["bundle", "tile"])
def test_the_node_signs_nothing_over_it(bridge: Bridge, level: int) -> None:
    a = bridge.a
    flip(a, level)
    a.release("more")
    assert [one.halted is not None for one in a.node.ledgers.seal_all() if one.ledger.num == num(a)] == [True]


@pytest.mark.parametrize("what", ["entry", "tile"])
def test_the_node_signs_nothing_over_old_damage(bridge: Bridge, what: str) -> None:
    a = bridge.a
    grow(a, 600)
    if what == "entry":
        change_salt(a, 2)
    else:
        flip(a, 0)
    a.release("more")
    assert [one.halted is not None for one in a.node.ledgers.seal_all() if one.ledger.num == num(a)] == [True]


# ── two histories ─────────────────────────────────────────────────────────────────────────────────────────────


def forked(bridge: Bridge) -> tuple[bytes, bytes]:
    """Show two histories to two parties, both signed with the node's own key; what each of them was shown."""
    a = bridge.a
    yesterday = Yesterday(a)
    a.release("for one", to=(B, C))
    assert bridge.pull(bridge.b).error is None
    yesterday.back(a, heads=True)
    a.release("for the other", to=(B, C))
    ran = bridge.pull(bridge.c)
    assert (ran.error, ran.findings) == (None, []), "whoever sees one of them only cannot know"
    held = [one.node.peer_ledgers.get(a.ledger().origin) for one in (bridge.b, bridge.c)]
    notes = [one.checkpoint for one in held if one is not None and one.checkpoint is not None]
    return notes[0], notes[1]


def test_two_histories_are_seen_where_two_parties_compare(bridge: Bridge) -> None:
    _, of_c = forked(bridge)
    what = bridge.verify(bridge.b, bridge.a, others=[of_c])
    assert what is not None
    (kept,) = bridge.b.evidence()
    assert third_party(json.loads(kept.body), public_key(bridge.a))


def test_two_histories_are_seen_by_a_witness(bridge: Bridge) -> None:
    """The other party hands in what it was shown (C2SP tlog-witness)."""
    of_b, of_c = forked(bridge)
    size = int(of_b.split(b"\n")[1])
    assert int(of_c.split(b"\n")[1]) == size
    answer, line, told = bridge.b.node.witness.submitted(Submission(size, (), SignedNote.parse(of_c)))
    assert (answer, line, told) == (Answer.UNPROVEN, None, size)
    (kept,) = bridge.b.evidence()
    assert third_party(json.loads(kept.body), public_key(bridge.a))
    assert "found broken" in str(bridge.pull(bridge.b).error)


def test_one_history_is_not_two(bridge: Bridge) -> None:
    """What a third party holds of an earlier size, or of this one, speaks against nobody."""
    a = bridge.a
    of_c = bridge.c.node.peer_ledgers.all()[0].checkpoint
    assert of_c is not None
    a.release("more", to=(B, C))
    assert bridge.pull(bridge.b).error is None
    assert bridge.verify(bridge.b, a, others=[of_c]) is None
    assert bridge.pull(bridge.c).error is None
    of_c = bridge.c.node.peer_ledgers.all()[0].checkpoint
    assert of_c is not None
    assert bridge.verify(bridge.b, a, others=[of_c]) is None


def test_nobody_breaks_a_ledger_with_a_bad_proof(bridge: Bridge) -> None:
    """Anybody may submit: what proves nothing changes nothing."""
    a, b = bridge.a, bridge.b
    held = b.node.peer_ledgers.get(a.ledger().origin)
    assert held is not None
    old = held.head.size
    a.release("more")
    a.node.ledgers.seal_all()
    note = SignedNote.parse(a.ledger().checkpoint or b"")
    for submission in (
        Submission(old, (bytes(32),), note), Submission(old, (), note), Submission(old, (bytes(32),) * 63, note),
    ):  # fmt: skip
        answer, line, _ = b.node.witness.submitted(submission)
        assert (answer, line) == (Answer.UNPROVEN, None)
    known = SignedNote.parse(held.checkpoint or b"")
    assert b.node.witness.submitted(Submission(old, (bytes(32),), known))[0] is Answer.UNPROVEN
    assert b.evidence() == []
    assert bridge.pull(b).error is None


# ── what was sent ─────────────────────────────────────────────────────────────────────────────────────────────


def before_ledger(change: Callable[[], object]) -> Callable[[httpx.Request, httpx.Response], None]:
    """Do something once, after the objects were handed over and before the ledger is looked at."""
    done = itertools.count()

    def tamper(request: httpx.Request, response: httpx.Response) -> None:
        if "/objects/" in request.url.path and next(done) == 0:
            change()

    return tamper


def test_a_delivery_that_is_denied(bridge: Bridge) -> None:
    a = bridge.a
    a.release("more")

    def deny() -> None:
        place = last_of(a, Kind.DELIVERY)
        assert place == a.ledger().size - 1
        a.sql("DELETE FROM ledger_entries WHERE ledger = ? AND num = ?", num(a), place)
        a.sql("UPDATE ledgers SET size = size - 1 WHERE num = ?", num(a))

    a.tamper = before_ledger(deny)
    ran = bridge.pull(bridge.b)
    assert (ran.error, ran.arrived.accepted) == (None, 1)
    ran = bridge.pull(bridge.b, seconds=10 * MINUTE)
    assert any("no record of page" in one and "1 objects" in one for one in ran.findings), ran.findings
    assert bridge.b.node.subscribe.list()[0].progress.gaps


def without_first(body: bytes) -> bytes:
    envelope = json.loads(body)
    return msgspec.json.encode(envelope | {"objects": envelope["objects"][1:]})


def test_fewer_objects_than_the_record_says(bridge: Bridge) -> None:
    """Something on the way, or the node itself, leaves one out."""
    a = bridge.a
    a.release("more", "still more")
    a.tamper = on("/objects/", without_first)
    ran = bridge.pull(bridge.b)
    assert ran.arrived.accepted == 1
    a.tamper = None
    found = ran.findings + bridge.pull(bridge.b, seconds=10 * MINUTE).findings
    assert any("no record of page" in one for one in found), found
    assert any("never handed over" in one for one in found), found


@pytest.mark.parametrize("lie", ["none", "count", "whole", "span", "after"])
def test_fewer_objects_than_were_released(bridge: Bridge, lie: str) -> None:
    """The node has a record of just what it sent; what it had released tells the rest, whatever the record says."""
    a = bridge.a
    a.release("more", "still more")
    sent: list[bytes] = []

    def change(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        if "/objects/" not in request.url.path or sent:
            return None
        raws = msgspec.json.decode(response.content, type=dict[str, Any])
        kept = msgspec.json.encode(raws["objects"][1])
        sent.append(kept)
        place = last_of(a, Kind.DELIVERY)
        true = payload(a, place)["details"]
        lies: dict[str, dict[str, Any]] = {
            "none": {"count": 1}, "count": {}, "whole": {"count": 1, "whole": False},
            "span": {"count": 1, "last": true["after"]}, "after": {"count": 1, "after": true["last"] - 1},
        }  # fmt: skip
        rewrite(a, place, details={"digest": digest_of([kept]).hex(), **lies[lie]})
        headers = [(n, v) for n, v in response.headers.items() if n != "content-length"]
        return httpx.Response(200, headers=headers, content=b'{"objects":[' + kept + b"]}", request=request)

    a.tamper = change
    ran = bridge.pull(bridge.b)
    assert ran.arrived.accepted == 1
    a.tamper = None
    found = ran.findings + bridge.pull(bridge.b).findings + bridge.pull(bridge.b).findings
    assert any("released" in one or "speaks of" in one for one in found), found
    assert ran.error is None


def test_what_was_released_and_never_comes(bridge: Bridge) -> None:
    """The page stays empty, for this partner alone: what the ledger says was released is missed the next time."""
    a = bridge.a
    a.release("more", "still more")
    a.tamper = on("/objects/", lambda _: b"{}")
    assert bridge.pull(bridge.b).findings == []
    ran = bridge.pull(bridge.b)
    assert [one for one in ran.findings if one.startswith("2 objects of the collection")], ran.findings
    a.tamper = None


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_checkpoint_under_another_key(bridge: Bridge) -> None:
    origin = bridge.a.ledger().origin
    forged = bridge.c.sign(bridge.a.ledger().head, origin)
    bridge.a.tamper = on("/checkpoint", lambda _: forged)
    is_broken(bridge, "No key that is trusted for this ledger")


def test_a_checkpoint_of_another_ledger(bridge: Bridge) -> None:
    other = bridge.a.ledger(None)
    signed = bridge.a.sign(other.head, other.origin)
    bridge.a.tamper = on("/checkpoint", lambda _: signed)
    is_broken(bridge, "the checkpoint of another ledger")


def test_a_checkpoint_with_a_bit_changed(bridge: Bridge) -> None:
    """It bears the right signature over something else."""
    head = bridge.a.ledger().head
    bridge.a.tamper = on("/checkpoint", lambda body: body.replace(f"\n{head.size}\n".encode(), b"\n4096\n", 1))
    is_broken(bridge, "signed")


def test_an_opened_entry_that_is_not_in_the_tree(bridge: Bridge) -> None:
    bridge.a.release("more")

    def forge(page: Any) -> Any:
        said = json.loads(base64.b64decode(page["entries"][0]["payload"]))
        said["details"]["why"] = "another one"
        page["entries"][0]["payload"] = base64.b64encode(json.dumps(said).encode()).decode()
        return page

    bridge.a.tamper = on("/opened", changed_json(forge))
    is_broken(bridge, "is not in the ledger")


def test_an_opened_entry_of_another_party(bridge: Bridge) -> None:
    """It is in the tree, and none of this party's business: the sender is careless with others' entries too."""
    a = bridge.a
    a.release("for another", to=(C,))
    place = last_of(a, Kind.RELEASE, C)
    assert payload(a, place)["party"] != bridge.b.id
    a.sql("UPDATE ledger_entries SET party = ? WHERE ledger = ? AND num = ?", bridge.b.id, num(a), place)
    ran = bridge.pull(bridge.b)
    assert f"Entry {place} is opened to this node, and concerns another party." in ran.findings
    (damage,) = [one for one in audited(a) if one]
    assert "something else than it says" in damage


def audited(peer: Peer) -> list[str | None]:
    ledger = peer.ledger()
    with peer.node.store.reading() as tx:
        found = audit(tx, ledger, peer.node.ledgers, HeadFile(peer.home))
    return [None if found is None else found.what]


def test_a_ledger_that_is_not_shown_any_more(bridge: Bridge) -> None:
    for status in (404, 401):
        answer = lambda request, response, status=status: (  # noqa: E731
            httpx.Response(status, request=request) if request.url.path == "/ledger/" else None
        )
        bridge.a.tamper = answer
        assert "not show its ledger" in str(bridge.pull(bridge.b).error)
    bridge.a.tamper = on("/ledger/", lambda body: body if b"\n" in body else b'{"ledgers":[]}')
    assert "not show its ledger" in str(bridge.pull(bridge.b).error)


def test_a_ledger_that_begins_anew(bridge: Bridge) -> None:
    """With a new ledger, the old history could be gone: it is never taken without a word."""
    a = bridge.a
    old = a.ledger()
    a.sql("UPDATE ledgers SET closed = ?, agreement = NULL WHERE num = ?", a.clock(), old.num)
    a.release("more")
    ran = bridge.pull(bridge.b)
    assert f"The partner shows another ledger in the place of {old.origin}." in [*ran.findings, str(ran.error)]


# ── over the network ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_node_that_is_served(cli: WarmCli, tmp_path: Path) -> None:
    """The same with a process of its own: real HTTP, and a database that is changed while it runs, and while not."""
    with ExitStack() as stack:
        bridge = stack.enter_context(Bridge(tmp_path / "served", A, B, clock=lambda: time.time_ns() // 1000))
        a, b = bridge.a, bridge.b
        a.release("one", "two")
        with a.serve(cli):
            bridge.subscribe(b, a)
            ran = bridge.pull(b)
            assert (ran.error, ran.findings, ran.arrived.accepted) == (None, [], 3)
            assert bridge.verify(b, a) is None
            change_payload(a, last_of(a, Kind.RELEASE))
            assert "Entry" in str(bridge.verify(b, a))
            b.node.peer_ledgers.mend(a.ledger().origin, person="person-1", why="to go on")
        with a.stopped():
            pass
        reseal(a)
        with a.serve(cli):
            assert bridge.pull(b).error is None, "after that it is taken as it comes"
        change_salt(a, last_of(a, Kind.RELEASE))
        reseal(a)
        with a.serve(cli):
            assert "an entry was changed" in str(bridge.pull(b).error)
        assert third_party(json.loads(b.evidence()[-1].body), public_key(a))
