"""Ledgers over HTTP: C2SP tlog-tiles to the letter for who may read one, and nothing at all for everybody else."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.bridge import A, B, Bridge, C, Peer
from support.gate import Clock
from titian.core.access import Role
from titian.core.checkpoint import Checkpoint, open_checkpoint
from titian.core.collection import Kind as CollectionKind
from titian.core.ledger import Entry, Kind, Opened, commit
from titian.core.merkle import TILE_WIDTH, Tree, decode_bundle, leaf_hash, right_edge, tree_hash
from titian.core.notes import SignatureType, SignedNote, VerifierKey, sign_text
from titian.core.signing import Ed25519Secret, NamedSigner, witness_name
from titian.store.ledger import enter

NOWHERE = "00000000-0000-4000-8000-000000000000"
HASH = re.compile(rb"^[A-Za-z0-9+/]{43}=$")


class Shown(Bridge):
    """A bridge with keys of each kind to the first node."""

    keys: dict[str, str]

    def prepare(self) -> None:
        a = self.a
        a.release("one", "two", to=(B, C))
        a.node.ledgers.seal_all()
        collections = {
            one.collection.party: one.collection
            for one in a.node.collections.list()
            if one.collection.kind is CollectionKind.RELEASED
        }
        self.keys = {
            "partner": a.key_for(self.b),
            "third": a.key_for(self.c),
            "own": a.node.keys.add("own", Role.READER)[1],
            "admin": a.node.keys.add("admin", Role.ADMIN)[1],
            "own, of one collection": a.node.keys.add(
                "own scoped", Role.ADMIN, collection=a.node.collections.find("Reports")
            )[1],
            "partner, of one collection": a.node.keys.add(
                "scoped", Role.READER, party=self.b.id, collection=collections[self.b.id]
            )[1],
        }
        stranger = next(p.id for p in a.node.agreements.read().directory.parties.values() if p.alias == "vietnam")
        self.keys["stranger"] = a.node.keys.add("stranger", Role.READER, party=stranger)[1]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with Shown(tmp_path_factory.mktemp("shown"), A, B, C) as bridge:
        bridge.prepare()
        yield bridge


def prefix(peer: Peer) -> str:
    return f"/ledger/{peer.ledger().id}"


def asked(shown: Shown, key: str, path: str, method: str = "GET", **options: Any) -> httpx.Response:
    return shown.a.ask(f"{prefix(shown.a)}{path}", shown.keys[key], method, **options)


def got(shown: Shown, key: str, path: str) -> bytes:
    answer = asked(shown, key, path)
    assert answer.status_code == 200, answer.text
    return answer.content


def log_key(shown: Shown) -> VerifierKey:
    ledger = shown.a.ledger()
    with shown.a.node.store.reading() as tx:
        return shown.a.node.ledgers.log_keys(tx, ledger)[0]


# ── to the letter ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_checkpoint(shown: Shown) -> None:
    answer = asked(shown, "partner", "/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "immutable" not in answer.headers["cache-control"]
    assert "private" in answer.headers["cache-control"]
    # C2SP tlog-checkpoint, read with nothing of ours.
    text, _, lines = answer.content.rpartition(b"\n\n")
    origin, size, root = text.split(b"\n")
    assert re.fullmatch(rb"[1-9][0-9]*", size)
    assert HASH.match(root)
    ledger = shown.a.ledger()
    assert (origin.decode(), int(size), base64.b64decode(root)) == (ledger.origin, ledger.head.size, ledger.head.root)
    assert all(line.startswith("— ".encode()) for line in lines.splitlines())
    assert open_checkpoint(answer.content, log_key(shown)).checkpoint == Checkpoint(ledger.origin, *map_head(shown))


def map_head(shown: Shown) -> tuple[int, bytes]:
    head = shown.a.ledger().head
    return head.size, head.root


def grow(shown: Shown, count: int) -> None:
    a = shown.a
    with a.node.store.writing() as tx:
        enter(tx, a.agreement.id, [Entry(kind=Kind.FILLER, at=a.clock())] * count)
    a.node.ledgers.seal_all()


def test_tiles_and_bundles_are_those_of_the_specification(shown: Shown) -> None:
    """At sizes on both sides of a full tile: every tile by its definition, 3.3 of the standards' table."""
    for count in (0, 16, 240, 16, 512):
        grow(shown, count)
        check_tiles(shown)


def check_tiles(shown: Shown) -> None:
    size, root = map_head(shown)
    leaves: list[bytes] = []
    for index in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        partial = "" if width == TILE_WIDTH else f".p/{width}"
        answer = asked(shown, "partner", f"/tile/entries/{index:03d}{partial}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "immutable" in answer.headers["cache-control"]
        some = decode_bundle(answer.content)
        assert len(some) == width
        assert {len(one) for one in some} == {32}, "no leaf tells what it is"
        leaves += some
        tile = got(shown, "partner", f"/tile/0/{index:03d}{partial}")
        assert tile == b"".join(map(leaf_hash, some))
    hashes = [leaf_hash(one) for one in leaves]
    assert tree_of(hashes) == root
    full = size // TILE_WIDTH
    if full:
        above = got(shown, "partner", f"/tile/1/000.p/{full}")
        assert above == b"".join(tree_hash(hashes[i * 256 : (i + 1) * 256]) for i in range(full))
    for tile_ in right_edge(size):
        assert len(got(shown, "partner", f"/{tile_.path}")) == 32 * tile_.width


def tree_of(hashes: list[bytes]) -> bytes:
    return Tree().append(hashes).tree.head.root


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0", "tile/0/0000", "tile/00/000", "tile/0/x000/000", "tile/0/000.p/0", "tile/0/000.p/256",
        "tile/0/000.p/016", "tile/0/000.p/-1", "tile/0/000.p/", "tile/0/000.p", "tile/64/000", "tile/-1/000",
        "tile/entries/0", "tile/entries/000.p/257", "tile/0/901", "tile/9/000", "tile/entries/x999/x999/999",
        "tile/0/000.p/17x", "tile/0/%30%30%30", "tile/data/000", "tile/0/..%2f0/000", "tile/0//000",
        "tile/entries/x001/000", "tile/0/" + "x999/" * 500 + "999", "tile/0/000.p/\u0661",
    ],
)  # fmt: skip
def test_no_other_path_is_a_tile(shown: Shown, path: str) -> None:
    answer = asked(shown, "partner", f"/{path}")
    if path == "tile/0/%30%30%30":
        assert answer.status_code in (200, 404)
        return
    assert answer.status_code == 404
    assert len(answer.content) < 400


def test_no_tile_is_wider_than_what_is_signed(shown: Shown) -> None:
    """What is entered and not sealed is in no tile, and no width tells of it."""
    a = shown.a
    grow(shown, 0)
    size, _ = map_head(shown)
    with a.node.store.writing() as tx:
        enter(tx, a.agreement.id, [Entry(kind=Kind.RELEASE, at=a.clock(), party=shown.c.id)] * 5)
    index, width = divmod(size, TILE_WIDTH)
    for kind in ("0", "entries"):
        for more in range(1, 20):
            assert asked(shown, "partner", f"/tile/{kind}/{index:03d}.p/{width + more}").status_code == 404
    listing = shown.a.ask("/ledger", shown.keys["partner"]).json()
    assert [one["size"] for one in listing["ledgers"]] == [size]


# ── what is opened ────────────────────────────────────────────────────────────────────────────────────────────


def opened(shown: Shown, key: str) -> list[Opened]:
    found: list[Opened] = []
    after, more = 0, True
    while more:
        page = json.loads(got(shown, key, f"/opened?after={after}"))
        found += [
            Opened(one["num"], base64.b64decode(one["salt"]), base64.b64decode(one["payload"]))
            for one in page["entries"]
        ]
        more = page["more"]
        assert page["size"] == shown.a.ledger().head.size
        after = found[-1].num + 1 if found else 0
    return found


def test_each_is_opened_its_own_entries_and_everybodys(shown: Shown) -> None:
    a = shown.a
    with a.node.store.writing() as tx:
        enter(tx, a.agreement.id, [Entry(kind=Kind.AGREEMENT, at=a.clock(), party="", details={"to": "all"})])
        enter(tx, a.agreement.id, [Entry(kind=Kind.ACT, at=a.clock(), party=None, details={"to": "nobody"})])
    a.node.ledgers.seal_all()
    every = a.sql("SELECT num, salt, payload, party FROM ledger_entries WHERE ledger = ? ORDER BY num", a.ledger().num)
    for key, party in (("partner", shown.b.id), ("third", shown.c.id)):
        wanted = [Opened(num, salt, payload) for num, salt, payload, who in every if who in (party, "")]
        assert opened(shown, key) == wanted
        assert {one.entry.party for one in wanted} == {party, ""}
    assert opened(shown, "own") == [], "this organisation reads its own another way"


def test_what_is_opened_is_in_the_tree(shown: Shown) -> None:
    size, _ = map_head(shown)
    leaves: list[bytes] = []
    for index in range((size + 255) // 256):
        width = min(256, size - index * 256)
        leaves += decode_bundle(
            got(shown, "partner", f"/tile/entries/{index:03d}" + ("" if width == 256 else f".p/{width}"))
        )
    for one in opened(shown, "partner"):
        assert leaves[one.num] == commit(one.salt, one.payload)


def test_many_entries_come_in_pages(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("titian.web.ledger.OPENED_AT_ONCE", 2)
    whole = opened(shown, "partner")
    assert len(whole) > 2
    assert [one.num for one in whole] == sorted({one.num for one in whole})


@pytest.mark.parametrize("after", ["-1", "1.5", "x", "", "1" * 19, "\u0661", "1%20", "0x1"])
def test_a_place_is_a_number(shown: Shown, after: str) -> None:
    answer = asked(shown, "partner", f"/opened?after={after}")
    assert answer.status_code == 400
    assert asked(shown, "partner", f"/opened?after={'9' * 18}").json()["entries"] == []


# ── the size tells little ─────────────────────────────────────────────────────────────────────────────────────


def test_what_partners_see_grows_in_whole_steps(shown: Shown) -> None:
    a, sizes = shown.a, []
    assert isinstance(shown.clock, Clock)
    for number in range(20):
        shown.later(30)
        a.release(f"object {number}", to=(B,) if number % 3 else (C,))
        if number % 4 == 0:
            a.node.ledgers.seal_all()
        checkpoint = got(shown, "partner", "/checkpoint")
        sizes.append(int(checkpoint.split(b"\n")[1]))
    assert all(size % 16 == 0 for size in sizes)
    assert sizes == sorted(sizes)


def test_nothing_of_others_makes_it_grow(shown: Shown) -> None:
    """What is entered for another party is sealed by the clock, not because this one asks."""
    a = shown.a
    a.node.ledgers.seal_all()
    before = got(shown, "partner", "/checkpoint")
    a.release("for a third", to=(C,))
    assert got(shown, "partner", "/checkpoint") == before
    a.release("for the partner", to=(B,))
    assert got(shown, "partner", "/checkpoint") != before


# ── everybody else ────────────────────────────────────────────────────────────────────────────────────────────

PATHS = ["checkpoint", "tile/0/000", "tile/0/000.p/16", "tile/entries/000.p/16", "tile/bad", "opened", "opened?after=3"]


@pytest.mark.parametrize("key", ["stranger", "own, of one collection"])
@pytest.mark.parametrize("path", PATHS)
def test_a_ledger_that_is_not_theirs_is_none(shown: Shown, key: str, path: str) -> None:
    """Law 1: the same answer, byte for byte, as for one that does not exist."""
    there = asked(shown, key, f"/{path}")
    nowhere = shown.a.ask(f"/ledger/{NOWHERE}/{path}", shown.keys[key])
    assert there.status_code == nowhere.status_code == 404
    told = [(sorted(one.headers.items()), one.content) for one in (there, nowhere)]
    assert told[0] == told[1]


def test_who_has_no_key_gets_nothing(shown: Shown) -> None:
    for identifier in (shown.a.ledger().id, NOWHERE):
        for path in PATHS:
            assert shown.a.ask(f"/ledger/{identifier}/{path}", None).status_code == 401
    assert shown.a.ask("/ledger", None).status_code == 401


@pytest.mark.parametrize("key", ["partner", "third", "stranger"])
def test_nobody_outside_reads_the_private_ledger(shown: Shown, key: str) -> None:
    private = shown.a.ledger(None)
    for path in PATHS:
        there = shown.a.ask(f"/ledger/{private.id}/{path}", shown.keys[key])
        nowhere = shown.a.ask(f"/ledger/{NOWHERE}/{path}", shown.keys[key])
        assert (there.status_code, there.content) == (nowhere.status_code, nowhere.content)
        assert there.status_code == 404
    assert shown.a.ask(f"/ledger/{private.id}/checkpoint", shown.keys["own"]).status_code == 200


def test_what_is_listed(shown: Shown) -> None:
    for key, count in (("partner", 1), ("third", 1), ("partner, of one collection", 1), ("stranger", 0),
                       ("own, of one collection", 0)):  # fmt: skip
        listing = shown.a.ask("/ledger", shown.keys[key]).json()
        assert len(listing["ledgers"]) == count, key
    listed = shown.a.ask("/ledger", shown.keys["partner"]).json()["ledgers"][0]
    assert listed["origin"] == shown.a.ledger().origin
    assert listed["collection"] == shown.a.released_to(shown.b)
    assert listed["keys"] == [str(log_key(shown))]
    assert shown.c.id not in json.dumps(listed)


def test_a_revoked_key_opens_nothing(shown: Shown) -> None:
    a = shown.a
    secret = a.key_for(shown.b)
    name = next(one.name for one in a.node.keys.list() if one.id == secret.split("_")[1])
    assert a.ask(f"{prefix(a)}/checkpoint", secret).status_code == 200
    a.node.keys.revoke(name)
    assert a.ask(f"{prefix(a)}/checkpoint", secret).status_code == 401


# ── cosignatures ──────────────────────────────────────────────────────────────────────────────────────────────


def witness_of(party: str, seed: int = 7) -> NamedSigner:
    return NamedSigner(witness_name(party), SignatureType.COSIGNATURE, Ed25519Secret(bytes([seed]) * 32))


def cosigned(shown: Shown, signer: NamedSigner, note: SignedNote | None = None) -> bytes:
    note = note or SignedNote.parse(got(shown, "partner", "/checkpoint"))
    line = sign_text(note.text, signer, time=int(shown.a.clock()) // 1_000_000)
    return f"{signer.key}\n".encode() + note.signed(line).encode()


def post(shown: Shown, body: bytes, key: str = "partner") -> httpx.Response:
    return asked(shown, key, "/cosignatures", "POST", content=body)


def test_a_partners_cosignature_is_taken_and_shown(shown: Shown) -> None:
    signer = witness_of(shown.b.id)
    answer = post(shown, cosigned(shown, signer))
    assert (answer.status_code, answer.json()) == (200, {"cosigned": True})
    published = SignedNote.parse(got(shown, "partner", "/checkpoint"))
    opened_ = open_checkpoint(published.encode(), log_key(shown), [signer.key])
    assert opened_.time(signer.key) == shown.a.clock() // 1_000_000
    assert [one.name for one in published.signatures] == [shown.a.ledger().origin, signer.name]


def test_no_other_cosignature_is(shown: Shown) -> None:
    good = cosigned(shown, witness_of(shown.b.id))
    note = SignedNote.parse(good.partition(b"\n")[2])
    before = got(shown, "partner", "/checkpoint")
    origin, size, root = note.text.split("\n")[:3]
    rows = {
        "another key of the party": cosigned(shown, witness_of(shown.b.id, 8)),
        "in another's name": cosigned(shown, witness_of(shown.c.id)),
        "without its line": f"{witness_of(shown.b.id).key}\n".encode()
        + SignedNote(note.text, note.signatures[:1]).encode(),
        "the log's own key": f"{log_key(shown)}\n".encode() + before,
        "not signed by this node": cosigned(
            shown, witness_of(shown.b.id), SignedNote(f"{origin}\n{int(size) + 16}\n{root}\n", note.signatures)
        ),
        "no note": f"{witness_of(shown.b.id).key}\n".encode() + b"x",
        "no key": b"x\n" + before,
        "nothing": b"",
        "not ascii": b"\xff\n" + before,
        "too much": good + b"x" * 70_000,
    }  # fmt: skip
    for name, body in rows.items():
        answer = post(shown, body)
        assert answer.status_code in (400, 409, 413), (name, answer.text)
        assert str(shown.a.home) not in answer.text
    for key in ("stranger", "own, of one collection"):
        assert post(shown, good, key).status_code == 404
    assert got(shown, "partner", "/checkpoint") == before
    assert shown.a.ledger().halted is None


# ── nothing is told that is not theirs ────────────────────────────────────────────────────────────────────────


def test_errors_carry_nothing(tmp_path: Path) -> None:
    """A node that cannot seal tells its partners so, and neither why nor where."""
    with Shown(tmp_path / "shown", A, B, C) as shown:
        shown.prepare()
        a, heads = shown.a, shown.a.home / "heads.json"
        kept = heads.read_bytes()

        def no_key() -> None:
            (a.home / "keys").rename(a.home / "keys away")

        def damaged() -> None:
            heads.write_bytes(b"x")

        def entry_lost() -> None:
            a.sql("DELETE FROM ledger_entries WHERE num = (SELECT max(num) FROM ledger_entries)")

        for number, wrong in enumerate((no_key, damaged, entry_lost)):
            a.release(f"more {number}", to=(B, C))
            wrong()
            answer = asked(shown, "partner", "/checkpoint")
            told = answer.text.lower()
            if answer.status_code == 200:
                size = int(answer.text.split("\n")[1])
                assert size % 16 == 0
            else:
                assert answer.status_code == 503, told
                for word in (str(a.home).lower(), "heads", "key", "places", "entries", "sql"):
                    assert word not in told, told
            if (a.home / "keys away").exists():
                (a.home / "keys away").rename(a.home / "keys")
            heads.write_bytes(kept)
            a.sql("UPDATE ledgers SET halted = NULL")


def test_one_ledger_that_cannot_be_sealed_holds_up_no_other(tmp_path: Path) -> None:
    with Shown(tmp_path / "shown", A, B, C) as shown:
        shown.prepare()
        a = shown.a
        shown.later(60)
        a.release("more", to=(B, C))
        private = a.ledger(None)
        a.sql("DELETE FROM ledger_entries WHERE ledger = ? AND num = ?", private.num, private.size - 1)
        done = {one.ledger.num: one for one in a.node.ledgers.seal_all()}
        assert done[private.num].halted
        assert a.ledger(None).halted
        assert done[a.ledger().num].added
        assert a.ledger().halted is None


# ── another implementation ────────────────────────────────────────────────────────────────────────────────────


def test_another_implementation_has_the_same_tiles_and_takes_the_checkpoint(shown: Shown) -> None:
    """The PyPI package ``aics-tlog``, for Python 3.12 and later."""
    aics = pytest.importorskip("aics_tlog", reason="aics-tlog wants Python 3.12")
    size, _ = map_head(shown)
    entries: list[bytes] = []
    for index in range((size + 255) // 256):
        width = min(256, size - index * 256)
        path = f"/tile/entries/{index:03d}" + ("" if width == 256 else f".p/{width}")
        entries += aics.tiles.parse_entry_bundle(got(shown, "partner", path))
    for path, data in aics.tiles.materialise_tiles(entries).items():
        assert got(shown, "partner", f"/{path}") == data, path
    note = aics.parse_note(got(shown, "partner", "/checkpoint"))
    assert aics.verify_checkpoint(note, aics.parse_vkey(str(log_key(shown))), []).ok
    assert aics.parse_checkpoint(note.text).size == size
