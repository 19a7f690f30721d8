"""The log against a tiny oracle, step by step: any order of appends, removals and reads, any clock."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from store_oracle import Held, Oracle
from store_support import SMALL_PAGE, Clock, append, check_invariants, page, quarantined, raws, remove

from titian.core.collection import ALL, Collection, Incoming, Outcome, Selection, Versions
from titian.store.admin import Collections
from titian.store.registry import named_collection
from titian.store.store import Store

KINDS = ("malware", "malware", "tool", "x-thing", "ipv4-addr")
VERSIONS = (10, 20_000, 30_000_000)
SPELLED = {10: "1970-01-01T00:00:00.00001Z", 20_000: "1970-01-01T00:00:00.020Z", 30_000_000: "1970-01-01T00:00:30Z"}
"""Versions are shown to the letter: in the form that is kept beside the microseconds, and in the one that is not."""
PADS = (0, 150, 550, 1600)
"""Smaller than a segment, nearly one, larger than one, larger than a page."""

_run = itertools.count()

names = st.integers(0, len(KINDS) - 1)
versions = st.one_of(
    st.just(Versions()),
    st.just(Versions(last=False, all=True)),
    st.builds(
        Versions,
        last=st.booleans(),
        first=st.just(True),
        exact=st.frozensets(st.sampled_from(VERSIONS), max_size=2),
    ),
    st.builds(Versions, last=st.booleans(), exact=st.frozensets(st.sampled_from((*VERSIONS, 40)), min_size=1)),
)


@dataclass(frozen=True)
class Given:
    """What is sent: which object, which version, which content, how it is spelled."""

    name: int
    version: int
    content: int
    spelling: int


given = st.builds(
    Given, names, st.sampled_from(VERSIONS), st.sampled_from((0, 0, 0, 1)), st.sampled_from((None, None, 1))
)


class LogMachine(RuleBasedStateMachine):
    """Two collections of one node: nothing is shared between them but the quarantine."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__()
        self.store, self.clock = store, clock
        run = next(_run)
        self.collections = [Collections(store).add(f"model {run} {side}") for side in "ab"]
        self.ids = [f"{kind}--{run:08x}-{place}" for place, kind in enumerate(KINDS)]
        self.oracle = Oracle()
        self.last_added = [0, 0]

    def item(self, given: Given) -> Incoming:
        kind, identifier = KINDS[given.name], self.ids[given.name]
        versioned = kind != "ipv4-addr"
        place = 1 + VERSIONS.index(given.version) if versioned else 0
        pad = "é" * (PADS[(given.name + place) % len(PADS)] // 2)
        value = {"type": kind, "id": identifier, "c": given.content, "pad": pad, "d": {"objects": ["},{"]}}
        if versioned:
            value["v"] = given.version
        raw = json.dumps(value, ensure_ascii=False, indent=given.spelling).encode()
        if not versioned:
            return Incoming(identifier, kind, None, raw)
        return Incoming(identifier, kind, given.version, raw, SPELLED[given.version])

    def generation(self, side: int) -> int:
        with self.store.reading() as tx:
            return named_collection(tx, self.collections[side].id).generation

    @rule(by=st.sampled_from((-1_000_000, -1, 0, 1, 1_000_000)))
    def turn_the_clock(self, by: int) -> None:
        self.clock.now += by

    @rule(side=st.integers(0, 1), batch=st.lists(given, min_size=1, max_size=9))
    def append(self, side: int, batch: list[Given]) -> None:
        where, generation = self.collections[side], self.generation(side)
        outcomes = append(self.store, where, *map(self.item, batch))
        with self.store.reading() as tx:
            fresh = self.store.log.records(
                tx, where.num, Selection(after=self.last_added[side], versions=ALL, limit=100)
            ).records
        entering = iter(fresh)
        for each, outcome in zip(batch, outcomes, strict=True):
            item = self.item(each)
            wanted, shown = self.oracle.append(side, item, each.content, self.clock.now)
            assert (outcome.id, outcome.outcome, outcome.version) == (item.id, wanted, shown)
            if wanted is Outcome.ADDED:
                record = next(entering)
                assert (record.id, record.version) == (item.id, shown)
                assert record.added >= max(self.clock.now, self.last_added[side] + 1)
                self.oracle.held[side][-1].added = self.last_added[side] = record.added
        assert next(entering, None) is None
        assert (self.generation(side) != generation) == bool(fresh), "caches live by the generation"

    @rule(side=st.integers(0, 1), name=names, versions=versions)
    def remove(self, side: int, name: int, versions: Versions) -> None:
        generation = self.generation(side)
        gone = remove(self.store, self.collections[side], self.ids[name], Selection(versions=versions))
        assert gone == self.oracle.remove(side, self.ids[name], versions)
        assert (self.generation(side) != generation) == bool(gone)

    @rule(
        side=st.integers(0, 1),
        chosen=st.none() | st.frozensets(st.integers(0, len(KINDS)), min_size=1),
        types=st.none() | st.frozensets(st.sampled_from((*KINDS, "note")), min_size=1),
        spec_versions=st.none() | st.frozensets(st.sampled_from(("2.0", "2.1")), min_size=1),
        versions=versions,
        limit=st.integers(1, 12),
        place=st.none() | st.integers(0, 40),
        gap=st.sampled_from((-1, 0, 1)),
    )
    def read(
        self,
        side: int,
        chosen: frozenset[int] | None,
        types: frozenset[str] | None,
        spec_versions: frozenset[str] | None,
        versions: Versions,
        limit: int,
        place: int | None,
        gap: int,
    ) -> None:
        log = self.oracle.log(side)
        after = log[place % len(log)].added + gap if log and place is not None else 0
        ids = None if chosen is None else frozenset([*self.ids, "malware--nobody"][n] for n in chosen)
        self.compare(
            side,
            Selection(after=after, limit=limit, ids=ids, types=types, versions=versions, spec_versions=spec_versions),
        )

    def compare(self, side: int, selection: Selection) -> None:
        where, wanted = self.collections[side], self.oracle.select(side, selection)
        with self.store.reading() as tx:
            manifest = self.store.log.records(tx, where.num, selection)
        described = [(record.id, record.version, record.added) for record in manifest.records]
        assert described == [(h.item.id, h.shown, h.added) for h in wanted[: selection.limit]]
        assert manifest.more == (len(wanted) > selection.limit)
        self.check_page(side, selection, wanted)

    def check_page(self, side: int, selection: Selection, wanted: list[Held]) -> None:
        read = page(self.store, self.collections[side], selection)
        count = read.count
        assert raws(read) == [h.item.raw for h in wanted[:count]]
        assert read.more == (count < len(wanted))
        ends = [h.added for h in wanted[:count]]
        assert (read.first, read.last) == ((ends[0], ends[-1]) if ends else (0, 0))
        size = len(b",".join(read.joined))
        assert size <= SMALL_PAGE or count == 1
        if count < min(selection.limit, len(wanted)):
            assert count, "one object always goes out"
            assert size + 1 + len(wanted[count].item.raw) > SMALL_PAGE, "a page ends early only when it is full"

    @rule(side=st.integers(0, 1), limit=st.integers(1, 7), versions=versions)
    def walk(self, side: int, limit: int, versions: Versions) -> None:
        """All pages of a selection, one after the other, are the selection."""
        found: list[bytes] = []
        after, more = 0, True
        while more:
            read = page(self.store, self.collections[side], Selection(after=after, limit=limit, versions=versions))
            found += raws(read)
            assert read.last > after or not read.more
            after, more = read.last, read.more
        assert found == [h.item.raw for h in self.oracle.select(side, Selection(versions=versions))]

    @invariant()
    def the_tables_agree(self) -> None:
        check_invariants(self.store, *self.collections)

    def teardown(self) -> None:
        kept = {hashlib.sha256(raw).digest() for raw in quarantined(self.store, self.ids)}
        assert kept == {digest for _, digest in self.oracle.quarantine}


@pytest.mark.slow
@pytest.mark.usefixtures("small_segments")
def test_the_log_is_what_the_oracle_says(store: Store, clock: Clock) -> None:
    run_state_machine_as_test(
        lambda: LogMachine(store, clock),  # type: ignore[arg-type]
        settings=settings(max_examples=40 if store.database.kind == "sqlite" else 15, stateful_step_count=30),
    )


def test_the_checker_sees_what_is_wrong(store: Store, clock: Clock, collection: Collection) -> None:
    """The invariants can fail: each of these would be a fault that a reader meets."""
    kept = [Incoming(f"malware--{n}", "malware", n, b'{"type":"malware","id":"malware--%d"}' % n) for n in range(3)]
    append(store, collection, *kept)
    check_invariants(store, collection)
    for statement in (
        "UPDATE segments SET latest = latest - 1 WHERE collection = ?",
        "UPDATE segments SET count = count + 1 WHERE collection = ?",
        "UPDATE entries SET start = start + 1 WHERE collection = ?",
        "UPDATE entries SET rank = 0 WHERE collection = ?",
        "UPDATE collections SET last_added = 1 WHERE num = ?",
        "UPDATE segments SET last = last + 1 WHERE collection = ?",
        "DELETE FROM segments WHERE collection = ?",
    ):
        seen = False
        with contextlib.suppress(_Undone), store.writing() as tx:
            assert tx.run(statement, collection.num) > 0
            try:
                _check_within(tx, collection)
            except (AssertionError, ValueError):
                seen = True
            raise _Undone
        assert seen, statement
    check_invariants(store, collection)


class _Undone(Exception):
    """Undoes the fault again."""


def _check_within(tx: object, collection: Collection) -> None:
    check_invariants(SimpleNamespace(reading=lambda: contextlib.nullcontext(tx)), collection)  # type: ignore[arg-type]
