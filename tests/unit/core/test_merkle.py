"""Merkle trees and tiles: what RFC 6962 and C2SP tlog-tiles say, and that no proof holds for anything but its fact."""

from __future__ import annotations

import base64
import doctest
import importlib
import json
import pkgutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core import merkle as m
from titian.core.errors import InvalidInput, NotFound, Refused, TooLarge, UnreadableFile
from titian.core.merkle import Bundle, Flaw, Tile, Tree, TreeHead

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "vectors" / "merkle.json"
BEYOND = 2**63


# The text of RFC 6962 section 2.1, word for word and slow: what the package is compared with ----------------------


def mth(d: Sequence[bytes]) -> bytes:
    if not d:
        return sha256(b"").digest()
    if len(d) == 1:
        return sha256(b"\x00" + d[0]).digest()
    k = largest_power_of_two_below(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(index: int, d: Sequence[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = largest_power_of_two_below(len(d))
    if index < k:
        return [*path(index, d[:k]), mth(d[k:])]
    return [*path(index - k, d[k:]), mth(d[:k])]


def subproof(size: int, d: Sequence[bytes], known: bool) -> list[bytes]:
    if size == len(d):
        return [] if known else [mth(d)]
    k = largest_power_of_two_below(len(d))
    if size <= k:
        return [*subproof(size, d[:k], known), mth(d[k:])]
    return [*subproof(size - k, d[k:], False), mth(d[:k])]


def largest_power_of_two_below(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


# Trees to ask about -----------------------------------------------------------------------------------------------


class Kept:
    """Tiles in memory, each as wide as it last was, and how many were read."""

    def __init__(self, growths: Sequence[m.Growth] = ()) -> None:
        self.tiles = {(tile.level, tile.index): data for growth in growths for tile, data in growth.tiles}
        self.reads: list[Tile] = []

    def read(self, tiles: Sequence[Tile]) -> list[bytes]:
        self.reads += tiles
        try:
            return [self.tiles[tile.level, tile.index] for tile in tiles]
        except KeyError:
            raise NotFound("There is no such tile.") from None


class Log:
    """A tree of distinct entries, with its tiles."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.entries = entries
        self.leaves = [m.leaf_hash(entry) for entry in entries]
        growth = Tree().append(self.leaves)
        self.tree = growth.tree
        self.head = growth.tree.head
        self.tiles = Kept([growth])

    def at(self, size: int) -> TreeHead:
        return TreeHead(size, m.tree_hash(self.leaves[:size]))


ENTRIES = [b"entry %d" % number for number in range(70_000)]
SMALL = Log(ENTRIES[:300])
FORK = Log([b"other" if number == 20 else entry for number, entry in enumerate(ENTRIES[:300])])

CT_ENTRIES = [
    bytes.fromhex(entry)
    for entry in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
"""The entries with which Certificate Transparency's implementations test each other."""

CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The roots over the first 0, 1, … 8 of them."""


@pytest.fixture(scope="module")
def great() -> Log:
    """A tree with tiles at three levels: the example of tlog-tiles."""
    return Log(ENTRIES)


def flipped(value: bytes, bit: int) -> bytes:
    place, within = divmod(bit % (8 * len(value)), 8)
    return value[:place] + bytes([value[place] ^ 1 << within]) + value[place + 1 :]


# Hashes -----------------------------------------------------------------------------------------------------------


def test_the_examples_in_the_docstrings_hold() -> None:
    modules = [m, *(importlib.import_module(f"{m.__name__}.{each.name}") for each in pkgutil.iter_modules(m.__path__))]
    results = [doctest.testmod(module) for module in modules]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 8


@pytest.mark.parametrize(("size", "root"), list(enumerate(CT_ROOTS)))
def test_roots_of_the_certificate_transparency_reference(size: int, root: str) -> None:
    leaves = [m.leaf_hash(entry) for entry in CT_ENTRIES[:size]]
    assert m.tree_hash(leaves).hex() == root == mth(CT_ENTRIES[:size]).hex()
    assert Tree().append(leaves).tree.head == TreeHead(size, bytes.fromhex(root))


def test_a_leaf_is_never_a_node() -> None:
    left, right = SMALL.leaves[:2]
    assert m.leaf_hash(left + right) != m.node_hash(left, right)
    assert m.EMPTY_ROOT == m.tree_hash([]) == Tree().head.root
    assert base64.b64encode(m.EMPTY_ROOT) == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@pytest.mark.parametrize("size", [*range(70), 255, 256, 257, 511, 512, 513, 1000])
def test_roots_are_those_of_the_rfc(size: int) -> None:
    root = mth(ENTRIES[:size])
    log = Log(ENTRIES[:size])
    assert log.head == TreeHead(size, root) == log.at(size)
    assert m.root_at(log.tiles, size) == root


# Proofs -----------------------------------------------------------------------------------------------------------


def test_proofs_of_the_rfc_example() -> None:
    """RFC 6962 section 2.1.3: the tree of seven, with the letters that it gives the nodes."""
    log = Log(CT_ENTRIES[:7])
    a, b, c, d, e, f, j = log.leaves
    g, h, i = m.node_hash(a, b), m.node_hash(c, d), m.node_hash(e, f)
    k, ell = m.node_hash(g, h), m.node_hash(i, j)
    assert m.node_hash(k, ell) == log.head.root
    assert m.inclusion_proof(log.tiles, 0, 7) == (b, h, ell)
    assert m.inclusion_proof(log.tiles, 3, 7) == (c, g, ell)
    assert m.inclusion_proof(log.tiles, 4, 7) == (f, j, k)
    assert m.inclusion_proof(log.tiles, 6, 7) == (i, k)
    assert m.consistency_proof(log.tiles, 3, 7) == (c, d, g, ell)
    assert m.consistency_proof(log.tiles, 4, 7) == (ell,)
    assert m.consistency_proof(log.tiles, 6, 7) == (i, j, k)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 64, 70, 255, 256, 257, 300])
def test_every_entry_is_proved_as_the_rfc_has_it(size: int) -> None:
    head = SMALL.at(size)
    for index in range(0, size, 1 if size < 100 else 7):
        proof = m.inclusion_proof(SMALL.tiles, index, size)
        assert list(proof) == path(index, ENTRIES[:size])
        assert m.inclusion_flaw(proof, leaf=SMALL.leaves[index], index=index, head=head) is None


def test_all_sizes_up_to_70_are_consistent_and_not_with_a_fork() -> None:
    heads = [SMALL.at(size) for size in range(71)]
    forked = [FORK.at(size) for size in range(71)]
    for new in range(1, 71):
        for old in range(1, new + 1):
            proof = m.consistency_proof(SMALL.tiles, old, new)
            assert list(proof) == subproof(old, ENTRIES[:new], True)
            assert m.consistency_flaw(proof, old=heads[old], new=heads[new]) is None
            # The histories part at entry 20: whoever has seen it finds out, whichever of the two proves.
            for shown in (proof, m.consistency_proof(FORK.tiles, old, new)):
                if old > 20:
                    assert m.consistency_flaw(shown, old=heads[old], new=forked[new]) is not None
                    assert m.consistency_flaw(shown, old=forked[old], new=heads[new]) is not None
            if old < new:
                assert m.consistency_flaw(proof, old=heads[new], new=heads[old]) is Flaw.SHRUNKEN


def test_a_fork_at_the_same_size_has_its_own_name() -> None:
    assert m.consistency_flaw([], old=SMALL.head, new=FORK.head) is Flaw.FORKED
    assert m.consistency_flaw([], old=SMALL.head, new=SMALL.head) is None
    assert m.consistency_flaw([SMALL.head.root], old=SMALL.head, new=SMALL.head) is Flaw.PROOF_TOO_LONG


@given(st.data())
def test_an_inclusion_proof_holds_for_nothing_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, size - 1))
    proof = list(m.inclusion_proof(SMALL.tiles, index, size))
    head, leaf = SMALL.at(size), SMALL.leaves[index]
    assert m.inclusion_flaw(proof, leaf=leaf, index=index, head=head) is None

    bit, place = data.draw(st.integers(0, 255)), data.draw(st.integers(0, len(proof) - 1))
    other = data.draw(st.integers(0, 299).filter(lambda number: number != index))
    # Another size comes with the root that the tree had then: a checkpoint signs both.
    other_head = SMALL.at(data.draw(st.integers(0, 300).filter(lambda number: number != size)))
    swapped = data.draw(st.permutations(proof).filter(lambda order: order != proof)) if len(proof) > 1 else []
    for wrong, flaw in {
        "index": m.inclusion_flaw(proof, leaf=leaf, index=other, head=head),
        "size": m.inclusion_flaw(proof, leaf=leaf, index=index, head=other_head),
        "other leaf": m.inclusion_flaw(proof, leaf=SMALL.leaves[other], index=index, head=head),
        "flipped leaf": m.inclusion_flaw(proof, leaf=flipped(leaf, bit), index=index, head=head),
        "root": m.inclusion_flaw(proof, leaf=leaf, index=index, head=TreeHead(size, flipped(head.root, bit))),
        "flipped hash": m.inclusion_flaw(
            [*proof[:place], flipped(proof[place], bit), *proof[place + 1 :]], leaf=leaf, index=index, head=head
        ),
        "order": m.inclusion_flaw(swapped, leaf=leaf, index=index, head=head),
        "one less": m.inclusion_flaw(proof[:place] + proof[place + 1 :], leaf=leaf, index=index, head=head),
        "one more": m.inclusion_flaw([*proof[:place], proof[place], *proof[place:]], leaf=leaf, index=index, head=head),
        "one after": m.inclusion_flaw([*proof, head.root], leaf=leaf, index=index, head=head),
        "one before": m.inclusion_flaw([leaf, *proof], leaf=leaf, index=index, head=head),
    }.items():
        assert flaw is not None, wrong


@given(st.data())
def test_a_consistency_proof_holds_for_nothing_else(data: st.DataObject) -> None:
    new_size = data.draw(st.integers(2, 300))
    old_size = data.draw(st.integers(1, new_size - 1))
    proof = list(m.consistency_proof(SMALL.tiles, old_size, new_size))
    old, new = SMALL.at(old_size), SMALL.at(new_size)
    assert m.consistency_flaw(proof, old=old, new=new) is None

    bit, place = data.draw(st.integers(0, 255)), data.draw(st.integers(0, len(proof) - 1))
    other = SMALL.at(data.draw(st.integers(0, 300).filter(lambda size: size not in (old_size, new_size))))
    for wrong, flaw in {
        "old": m.consistency_flaw(proof, old=other, new=new),
        "new": m.consistency_flaw(proof, old=old, new=other),
        "old root": m.consistency_flaw(proof, old=TreeHead(old_size, flipped(old.root, bit)), new=new),
        "new root": m.consistency_flaw(proof, old=old, new=TreeHead(new_size, flipped(new.root, bit))),
        "swapped roots": m.consistency_flaw(proof, old=TreeHead(old_size, new.root), new=TreeHead(new_size, old.root)),
        "flipped hash": m.consistency_flaw(
            [*proof[:place], flipped(proof[place], bit), *proof[place + 1 :]], old=old, new=new
        ),
        "one less": m.consistency_flaw(proof[:place] + proof[place + 1 :], old=old, new=new),
        "one more": m.consistency_flaw([*proof[:place], proof[place], *proof[place:]], old=old, new=new),
        "one after": m.consistency_flaw([*proof, new.root], old=old, new=new),
        "one before": m.consistency_flaw([old.root, *proof], old=old, new=new),
        "none": m.consistency_flaw([], old=old, new=new),
        "shrunken": m.consistency_flaw(proof, old=new, new=old),
    }.items():
        assert flaw is not None, wrong


PROOF = list(m.inclusion_proof(SMALL.tiles, 5, 8))
EIGHT = SMALL.at(8)


@pytest.mark.parametrize(
    ("flaw", "proof", "leaf", "index", "head"),
    [
        (Flaw.SIZE_OUT_OF_RANGE, PROOF, SMALL.leaves[5], 5, TreeHead(-1, EIGHT.root)),
        (Flaw.SIZE_OUT_OF_RANGE, PROOF, SMALL.leaves[5], 5, TreeHead(BEYOND, EIGHT.root)),
        (Flaw.INDEX_OUT_OF_RANGE, [], SMALL.leaves[5], 0, TreeHead(0, m.EMPTY_ROOT)),
        (Flaw.INDEX_OUT_OF_RANGE, PROOF, SMALL.leaves[5], 8, EIGHT),
        (Flaw.INDEX_OUT_OF_RANGE, PROOF, SMALL.leaves[5], -1, EIGHT),
        (Flaw.HASH_LENGTH, PROOF, SMALL.leaves[5][:-1], 5, EIGHT),
        (Flaw.HASH_LENGTH, PROOF, SMALL.leaves[5], 5, TreeHead(8, b"")),
        (Flaw.HASH_LENGTH, [*PROOF[:-1], PROOF[-1] + b"\0"], SMALL.leaves[5], 5, EIGHT),
        # A boundary moved between two hashes gives the same bytes to hash.
        (Flaw.HASH_LENGTH, [PROOF[0] + PROOF[1][:1], PROOF[1][1:], PROOF[2]], SMALL.leaves[5], 5, EIGHT),
        (Flaw.PROOF_TOO_SHORT, PROOF[:-1], SMALL.leaves[5], 5, EIGHT),
        (Flaw.PROOF_TOO_LONG, [*PROOF, PROOF[0]], SMALL.leaves[5], 5, EIGHT),
        (Flaw.ROOT_DIFFERS, PROOF, SMALL.leaves[5], 4, EIGHT),
        (None, PROOF, SMALL.leaves[5], 5, EIGHT),
    ],
)
def test_what_is_wrong_with_an_inclusion_proof_is_named(
    flaw: Flaw | None, proof: list[bytes], leaf: bytes, index: int, head: TreeHead
) -> None:
    assert m.inclusion_flaw(proof, leaf=leaf, index=index, head=head) is flaw


SIX_TO_SEVEN = list(m.consistency_proof(SMALL.tiles, 6, 7))
SIX, SEVEN = SMALL.at(6), SMALL.at(7)


@pytest.mark.parametrize(
    ("flaw", "proof", "old", "new"),
    [
        (Flaw.SIZE_OUT_OF_RANGE, SIX_TO_SEVEN, TreeHead(-6, SIX.root), SEVEN),
        (Flaw.SIZE_OUT_OF_RANGE, SIX_TO_SEVEN, SIX, TreeHead(BEYOND, SEVEN.root)),
        (Flaw.EMPTY_TREE, [], TreeHead(0, m.EMPTY_ROOT), SEVEN),
        (Flaw.EMPTY_TREE, [], TreeHead(0, m.EMPTY_ROOT), TreeHead(0, m.EMPTY_ROOT)),
        (Flaw.SHRUNKEN, SIX_TO_SEVEN, SEVEN, SIX),
        (Flaw.SHRUNKEN, [], SEVEN, TreeHead(0, m.EMPTY_ROOT)),
        (Flaw.HASH_LENGTH, [b"", *SIX_TO_SEVEN], SIX, SEVEN),
        (Flaw.HASH_LENGTH, SIX_TO_SEVEN, TreeHead(6, SIX.root[1:]), SEVEN),
        (Flaw.FORKED, [], SIX, TreeHead(6, SEVEN.root)),
        (Flaw.PROOF_TOO_SHORT, [], SIX, SEVEN),
        (Flaw.PROOF_TOO_SHORT, SIX_TO_SEVEN[:-1], SIX, SEVEN),
        (Flaw.PROOF_TOO_LONG, [*SIX_TO_SEVEN, SIX.root], SIX, SEVEN),
        (Flaw.OLD_ROOT_DIFFERS, SIX_TO_SEVEN, TreeHead(6, SEVEN.root), SEVEN),
        (Flaw.NEW_ROOT_DIFFERS, SIX_TO_SEVEN, SIX, TreeHead(7, SIX.root)),
        (None, SIX_TO_SEVEN, SIX, SEVEN),
    ],
)
def test_what_is_wrong_with_a_consistency_proof_is_named(
    flaw: Flaw | None, proof: list[bytes], old: TreeHead, new: TreeHead
) -> None:
    assert m.consistency_flaw(proof, old=old, new=new) is flaw


def test_each_flaw_has_a_sentence() -> None:
    assert len({flaw.reason for flaw in Flaw}) == len(Flaw)


ANY_HEAD = st.builds(TreeHead, st.integers(), st.binary(max_size=40) | st.binary(min_size=32, max_size=32))
ANY_PROOF = st.lists(st.binary(min_size=32, max_size=32) | st.binary(max_size=40), max_size=70)


@given(ANY_PROOF, st.binary(min_size=32, max_size=32), st.integers(), ANY_HEAD, ANY_HEAD)
def test_garbage_is_refused_and_never_raises(
    proof: list[bytes], leaf: bytes, index: int, one: TreeHead, other: TreeHead
) -> None:
    if index or one.size != 1 or proof or leaf != one.root:
        assert m.inclusion_flaw(proof, leaf=leaf, index=index, head=one) in list(Flaw)
    if one != other or proof:
        assert m.consistency_flaw(proof, old=one, new=other) in list(Flaw)


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside the repository")
def test_the_vectors_of_transparency_dev() -> None:
    groups = json.loads(VECTORS.read_bytes())
    for name, case in groups["inclusion"].items():
        head = TreeHead(case["treeSize"], raw(case["root"]))
        flaw = m.inclusion_flaw(proof_of(case), leaf=raw(case["leafHash"]), index=case["leafIdx"], head=head)
        assert (flaw is not None) is case["wantErr"], name
    for name, case in groups["consistency"].items():
        old, new = TreeHead(case["size1"], raw(case["root1"])), TreeHead(case["size2"], raw(case["root2"]))
        flaw = m.consistency_flaw(proof_of(case), old=old, new=new)
        # One vector calls two equal texts that are no hashes consistent; here a root has 32 bytes.
        stricter = flaw is Flaw.HASH_LENGTH and old.root == new.root == b"don't care 2"
        assert (flaw is not None) is (case["wantErr"] or stricter), name


def raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def proof_of(case: dict[str, Any]) -> list[bytes]:
    return [raw(each) for each in case["proof"] or []]


@pytest.mark.parametrize("index", [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999])
def test_a_proof_reads_two_tiles_for_each_level_at_most(great: Log, index: int) -> None:
    great.tiles.reads.clear()
    proof = m.inclusion_proof(great.tiles, index, 70_000)
    assert m.inclusion_flaw(proof, leaf=great.leaves[index], index=index, head=great.head) is None
    assert len(great.tiles.reads) == len(set(great.tiles.reads)) <= 2 * 3


@pytest.mark.parametrize("old", [1, 255, 256, 257, 40_000, 65_535, 65_536, 65_537, 69_632, 69_999])
def test_consistency_across_levels(great: Log, old: int) -> None:
    head = great.at(old)
    assert m.root_at(great.tiles, old) == head.root
    great.tiles.reads.clear()
    proof = m.consistency_proof(great.tiles, old, 70_000)
    assert m.consistency_flaw(proof, old=head, new=great.head) is None
    assert len(great.tiles.reads) <= 2 * 3


@pytest.mark.parametrize(
    "ask",
    [
        lambda tiles: m.inclusion_proof(tiles, 300, 300),
        lambda tiles: m.inclusion_proof(tiles, -1, 300),
        lambda tiles: m.inclusion_proof(tiles, 0, 0),
        lambda tiles: m.inclusion_proof(tiles, 0, BEYOND),
        lambda tiles: m.consistency_proof(tiles, 8, 7),
        lambda tiles: m.consistency_proof(tiles, -1, 7),
        lambda tiles: m.consistency_proof(tiles, 7, BEYOND),
        lambda tiles: m.root_at(tiles, -1),
        lambda tiles: m.right_edge(BEYOND),
    ],
)
def test_what_no_tree_has_is_not_proved(ask: Callable[[Kept], object]) -> None:
    with pytest.raises(InvalidInput):
        ask(SMALL.tiles)


def test_the_empty_tree() -> None:
    assert m.root_at(Kept(), 0) == m.EMPTY_ROOT
    assert m.load_tree(Kept(), TreeHead(0, m.EMPTY_ROOT)) == Tree() == Tree().append([]).tree
    assert Tree().append([]).tiles == ()
    assert m.consistency_proof(Kept(), 0, 300) == m.consistency_proof(SMALL.tiles, 300, 300) == ()


# Growing ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 300) | st.sampled_from([1, 255, 256, 512]), max_size=6))
def test_how_leaves_are_grouped_makes_no_difference(groups: list[int]) -> None:
    tree, growths = Tree(), []
    for start, end in pairwise([0, *accumulate(groups)]):
        growth = tree.append([m.leaf_hash(entry) for entry in ENTRIES[start:end]])
        growths.append(growth)
        tree = growth.tree
        # A node that starts again goes on from the tiles as it would have from memory.
        assert m.load_tree(Kept(growths), tree.head) == tree
        assert {tile for tile, _ in growth.tiles} >= set(m.right_edge(end)) - set(m.right_edge(start))
    whole = Log(ENTRIES[: sum(groups)])
    assert tree == whole.tree
    assert Kept(growths).tiles == whole.tiles.tiles


def test_one_by_one_each_tile_is_as_the_text_defines_it() -> None:
    """MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l]), as wide as the size at that time says."""
    tree = Tree()
    for size, entry in enumerate(ENTRIES[:520], 1):
        tree, tiles = msgspec.structs.astuple(tree.append([m.leaf_hash(entry)]))
        assert sum(tile.level == 0 for tile, _ in tiles) == 1
        for tile, data in tiles:
            assert (size // 256**tile.level - 1) // 256 == tile.index
            assert (size // 256**tile.level - 1) % 256 + 1 == tile.width == len(data) // 32
            if tile.width in (1, 2, 255, 256) or tile.level:
                spans = [(tile.index * 256 + i) * 256**tile.level for i in range(tile.width + 1)]
                assert data == b"".join(mth(ENTRIES[start:end]) for start, end in pairwise(spans))


def test_the_tiles_of_the_text_s_example(great: Log) -> None:
    widths = {place: len(data) // 32 for place, data in great.tiles.tiles.items()}
    assert widths == {**{(0, index): 256 for index in range(273)}, (0, 273): 112, (1, 0): 256, (1, 1): 17, (2, 0): 1}
    assert [tile.path for tile in m.right_edge(256)] == ["tile/1/000.p/1"]
    assert Log(ENTRIES[:256]).tiles.tiles.keys() == {(0, 0), (1, 0)}


def test_a_group_writes_nothing_left_of_the_edge(great: Log) -> None:
    growth = great.tree.append(SMALL.leaves[:1])
    assert [tile.path for tile, _ in growth.tiles] == ["tile/0/273.p/113"]
    assert sum(map(len, growth.tree.edge)) <= 3 * 255 * 32


def test_a_tree_is_loaded_at_an_earlier_size_too(great: Log) -> None:
    """A partial tile may be gone when the wider one is there: its hashes begin that one."""
    for size in (1, 255, 256, 257, 65_536, 69_999):
        assert m.load_tree(great.tiles, great.at(size)) == Tree().append(great.leaves[:size]).tree


@given(st.integers(1, 300), st.integers(0, 255), st.data())
def test_a_changed_edge_is_not_gone_on_from(size: int, bit: int, data: st.DataObject) -> None:
    log = Log(ENTRIES[:size])
    tile = data.draw(st.sampled_from(m.right_edge(size)))
    place = data.draw(st.integers(0, tile.width - 1))
    log.tiles.tiles[tile.level, tile.index] = flipped(log.tiles.tiles[tile.level, tile.index], place * 256 + bit)
    with pytest.raises(Refused, match=f"at {size} entries"):
        m.load_tree(log.tiles, log.head)


@pytest.mark.parametrize("length", [0, 31, 44 * 32 - 1, 43 * 32, 257 * 32])
def test_a_tile_of_a_wrong_length_is_unreadable(length: int) -> None:
    log = Log(ENTRIES[:300])
    log.tiles.tiles[0, 1] = (log.tiles.tiles[0, 1] * 6)[:length]
    for read in (
        lambda: m.load_tree(log.tiles, log.head),
        lambda: m.inclusion_proof(log.tiles, 299, 300),
        lambda: m.consistency_proof(log.tiles, 256, 300),
    ):
        with pytest.raises(UnreadableFile, match=r"tile/0/001\.p/44"):
            read()


def test_a_missing_tile_is_what_the_store_says() -> None:
    with pytest.raises(NotFound):
        m.inclusion_proof(Kept(), 0, 2)


def test_what_cannot_be_appended() -> None:
    with pytest.raises(InvalidInput):
        Tree().append([b"not a hash"])
    full = Tree(m.MAX_SIZE, tuple(SMALL.leaves[:63]), (b"",) * 8)
    with pytest.raises(TooLarge):
        full.append(SMALL.leaves[:1])


# Addresses and bundles --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 1234, 5), "tile/0/x001/234.p/5"),
        (Tile(63, 999, 255), "tile/63/999.p/255"),
        (Tile(2, 1000, 1), "tile/2/x001/000.p/1"),
        (Bundle(0), "tile/entries/000"),
        (Bundle(1234067, 12), "tile/entries/x001/x234/067.p/12"),
    ],
)
def test_addresses(address: Tile | Bundle, path: str) -> None:
    assert address.path == path
    assert m.parse_path(path) == address


@given(
    st.builds(Tile, st.integers(0, 63), st.integers(0, 2**55 - 1), st.integers(1, 256))
    | st.builds(Bundle, st.integers(0, 2**55 - 1), st.integers(1, 256))
)
def test_each_address_has_one_path(address: Tile | Bundle) -> None:
    assert m.parse_path(address.path) == address


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/",
        "tile/0/1",
        "tile/0/0001",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/000/001",
        "tile/0/x001",
        "tile/0/x001/x234",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/1/",
        "tile/0/000.p/1\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/x999/x999/x999/x999/x999/999",
        "tile/0/x001/x000/x000/x000/x000/x000/x000",
        "tile/0/../checkpoint",
        "tile/entries/0/000",
        "tile/Entries/000",
        "/tile/0/000",
        "checkpoint",
    ],
)
def test_other_spellings_are_no_addresses(path: str) -> None:
    with pytest.raises(InvalidInput):
        m.parse_path(path)


@given(st.text() | st.from_regex(r"tile/[0-9]{1,2}/(x[0-9]{3}/){0,7}[0-9]{3}(\.p/[0-9]{1,3})?", fullmatch=True))
def test_a_path_is_read_as_itself_or_refused(path: str) -> None:
    with suppress(InvalidInput):
        assert m.parse_path(path).path == path


@pytest.mark.parametrize("numbers", [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 2**55, 1), (0, 0, 0), (0, 0, 257)])
def test_addresses_that_no_tile_has(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidInput):
        Tile(*numbers)
    if numbers[0] == 0:
        with pytest.raises(InvalidInput):
            Bundle(*numbers[1:])


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=256))
def test_a_bundle_comes_back_as_it_was(entries: list[bytes]) -> None:
    data = m.encode_bundle(entries)
    assert m.decode_bundle(data) == tuple(entries)
    assert len(data) == sum(2 + len(entry) for entry in entries)


@given(st.binary(max_size=60) | st.lists(st.sampled_from([b"\0\0", b"\0\1a", b"\0"]), max_size=300).map(b"".join))
def test_any_bytes_are_a_bundle_or_refused(data: bytes) -> None:
    with suppress(UnreadableFile):
        assert m.encode_bundle(m.decode_bundle(data)) == data


def test_the_bounds_of_a_bundle() -> None:
    longest = bytes(m.MAX_ENTRY)
    assert m.encode_bundle([longest])[:2] == b"\xff\xff"
    assert m.decode_bundle(m.encode_bundle([longest] * 256)) == (longest,) * 256
    with pytest.raises(TooLarge):
        m.encode_bundle([b"", longest + b"\0"])
    for count in (0, 257):
        with pytest.raises(InvalidInput):
            m.encode_bundle([b""] * count)
        with pytest.raises(UnreadableFile):
            m.decode_bundle(b"\0\0" * count)
    for cut in (b"\0", b"\0\1", b"\0\2a", b"\0\1ab"):
        with pytest.raises(UnreadableFile):
            m.decode_bundle(cut)


# A second implementation ------------------------------------------------------------------------------------------


def test_another_implementation_stores_and_proves_the_same() -> None:
    """The PyPI package ``aics-tlog``, for Python 3.12 and later."""
    other = pytest.importorskip("aics_tlog")
    for size in (1, 70, 255, 256, 257, 300):
        log = Log(ENTRIES[:size])
        ours = {tile.path: data for tile, data in Tree().append(log.leaves).tiles}
        ours |= {
            Bundle(start // 256, len(bundle)).path: m.encode_bundle(bundle)
            for start in range(0, size, 256)
            if (bundle := ENTRIES[start : min(start + 256, size)])
        }
        theirs = other.tiles.materialise_tiles(ENTRIES[:size])
        assert ours == theirs
        reader = other.MemoryTileReader(theirs)
        assert other.tree_root_from_tiles(reader, size) == log.head.root
        for number in range(1, size, 11):
            inclusion = m.inclusion_proof(log.tiles, number, size)
            assert list(inclusion) == other.inclusion_proof_from_tiles(reader, number, size)
            assert other.verify_inclusion(log.leaves[number], number, size, inclusion, log.head.root)
            assert not other.verify_inclusion(log.leaves[number], number - 1, size, inclusion, log.head.root)
            consistency = m.consistency_proof(log.tiles, number, size)
            assert list(consistency) == other.consistency_proof_from_tiles(reader, number, size)
            assert other.verify_consistency(number, size, log.at(number).root, log.head.root, consistency)
