"""Proofs in a large ledger: how long one takes, how large the receipt is, how long its reader needs."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from random import Random
from statistics import median
from time import perf_counter, thread_time
from typing import Final, NamedTuple

from benchmarks.bridge_bench import AGREEMENT, PAIR, BridgeBench, agreement_id, party_id
from benchmarks.bridge_rows import delivery, seal_all
from benchmarks.client import UnexpectedAnswer
from benchmarks.report import Figure
from titian.core.checkpoint import Proof, cosign
from titian.core.entry_proof import check_receipt, make_receipt
from titian.core.errors import NotFound
from titian.core.ledger import Entry, Kind
from titian.core.merkle import inclusion_proof
from titian.core.notes import SignatureType, SignedNote, VerifierKey
from titian.core.signing import NamedSigner, Role, witness_name
from titian.node import Node, open_node
from titian.store.ledger import StoredTiles, enter, entries_between, find_ledger

_GROUP: Final = 50_000
_SEALED: Final = 500_000
_EVERY: Final = 1000
"""One entry in so many is a delivery record and is proved; the others are small, to save disk."""
_WITNESSES: Final = ("mofa-japan", "mfa-russia")
_SEED: Final = 20261121


class _Times(NamedTuple):
    """Seconds for each receipt, for its inclusion proof, of the processor for that, and to verify it; bytes of it."""

    made: list[float]
    path: list[float]
    worked: list[float]
    checked: list[float]
    sizes: list[int]
    closed: list[int]


def proof(bench: BridgeBench) -> Iterator[Figure]:
    """Random entries of a ledger of ten million, proved to a partner with three signatures, and verified."""
    count = bench.bridge.proven
    home = bench.copy(bench.receiving)
    with open_node(home, environment={}) as node:
        agreement = agreement_id(node, AGREEMENT)
        bench.say(f"build a ledger of {count:,} entries")
        built = _build(bench, node, agreement, count)
        note, keys, witnesses = _signed(node, agreement)
        found = _prove(bench, node, agreement, note, keys, witnesses, count)
        size = (home / "titian.db").stat().st_size
    bench.remove(home)
    yield Figure(
        what=f"inclusion proof in a ledger of {count:,} entries",
        measured=f"{_percentile(found.path, 0.5) * 1e3:,.2f} ms (p99 {_percentile(found.path, 0.99) * 1e3:,.2f} ms)",
        ratio=_percentile(found.path, 0.99) * 1e3,
        wanted=5,
        sense="≤",
        unit="ms",
        note=f"the p99 of {len(found.path):,} random entries is judged; from tiles in the node's database, just after "
        f"they were written, each in a transaction of its own. Of the processor it takes "
        f"{_percentile(found.worked, 0.5) * 1e3:,.2f} ms (p99 {_percentile(found.worked, 0.99) * 1e3:,.2f} ms), "
        f"the rest is waiting. The whole receipt, entry and checkpoint read with it: "
        f"{_percentile(found.made, 0.5) * 1e3:,.2f} ms (p99 {_percentile(found.made, 0.99) * 1e3:,.2f} ms); "
        f"whoever verifies it needs {median(found.checked) * 1e3:,.2f} ms. The ledger was entered and sealed at "
        f"{count / built:,.0f} entries/s; its database has {size / 1e9:,.1f} GB",
    )
    what = f"receipt for one of {count:,} entries, with the signatures of the ledger and of two witnesses"
    kinds = (
        ("closed", found.closed, "a tlog-proof with the commitment of the entry"),
        ("opened", found.sizes, f"with the salt and the {len(delivery(0).payload())} bytes of a delivery record, so "
         "that whoever has the file can read it"),
    )  # fmt: skip
    for kind, sizes, told in kinds:
        yield Figure(
            what=f"{what}: {kind}", measured=f"{median(sizes):,.0f} (to {max(sizes):,}) bytes",
            ratio=max(sizes) / 1000, wanted=2, sense="≤", unit="kB",
            note=f"{told}; the largest of {len(sizes):,} is judged",
        )  # fmt: skip


def _build(bench: BridgeBench, node: Node, agreement: str, count: int) -> float:
    """Enter and seal through the store until the ledger has ``count`` entries; the seconds."""
    num = seal_all(node, agreement)
    small = Entry(kind=Kind.FILLER, at=1_790_000_000_000_000)
    began = perf_counter()
    with node.store.reading() as tx:
        held = find_ledger(tx, agreement)
    size = sealed = 0 if held is None else held.size
    while size < count:
        some = min(_GROUP, count - size)
        with node.store.writing() as tx:
            enter(tx, agreement, [delivery(each) if each % _EVERY == 0 else small for each in range(size, size + some)])
        size += some
        if size - sealed >= _SEALED or size == count:
            node.ledgers.seal(num)
            sealed = size
            bench.say(f"{size:,} entries after {perf_counter() - began:,.0f} s")
    return perf_counter() - began


def _signed(node: Node, agreement: str) -> tuple[SignedNote, list[VerifierKey], list[VerifierKey]]:
    """The checkpoint with two witnesses' cosignatures, and the keys of all three.

    The witnesses are called as those of two partners are, and sign with this node's witness key: only size and time of
    what they sign matter here.
    """
    with node.store.reading() as tx:
        ledger = find_ledger(tx, agreement)
        if ledger is None or ledger.checkpoint is None:
            raise UnexpectedAnswer("The ledger is not sealed.")
        keys = node.ledgers.current_keys(tx, ledger)
    note = SignedNote.parse(ledger.checkpoint)
    secret = node.signing.signers(None, Role.WITNESS, node.store.clock())[0]
    names = [witness_name(party_id(alias)) for alias in _WITNESSES]
    signers = [NamedSigner(name, SignatureType.COSIGNATURE, secret) for name in names]
    at = (ledger.signed or 0) // 1_000_000
    return note.signed(*(cosign(note, one, at) for one in signers)), keys, [one.key for one in signers]


def _prove(
    bench: BridgeBench,
    node: Node,
    agreement: str,
    note: SignedNote,
    keys: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey],
    count: int,
) -> _Times:
    random, found = Random(_SEED), _Times([], [], [], [], [], [])
    gc.collect()
    for _ in range(bench.bridge.proofs):
        num = random.randrange(1, count // _EVERY) * _EVERY
        began = perf_counter()
        with node.store.reading() as tx:
            ledger = find_ledger(tx, agreement)
            if ledger is None:
                raise NotFound("There is no such ledger.")
            before, work = perf_counter(), thread_time()
            hashes = inclusion_proof(StoredTiles(tx, ledger.num), num, ledger.head.size)
            found.path.append(perf_counter() - before)
            found.worked.append(thread_time() - work)
            (one,) = entries_between(tx, ledger.num, num, num + 1)
            data = make_receipt(one, hashes, note).encode()
        made = perf_counter()
        checked = check_receipt(Proof.parse(data), keys, witnesses)
        found.checked.append(perf_counter() - made)
        found.made.append(made - began)
        found.sizes.append(len(data))
        found.closed.append(len(make_receipt(one, hashes, note, closed=True).encode()))
        entry = checked.opened.entry if checked.opened else None
        if len(checked.signed) != 3 or entry is None or entry.party != party_id(PAIR[1]):
            raise UnexpectedAnswer(f"The receipt of entry {num} does not hold: {checked}")
    return found


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
