"""What is remembered of bundles, on both backends: kept with what else happens in the transaction, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from support.gate import Bench, malware, party_id
from titian.core.bundle import Counts, Kept, Kind
from titian.core.ledger import Entry
from titian.core.ledger import Kind as LedgerKind
from titian.core.tlp import Tlp
from titian.store import bundles
from titian.store.bundles import StoreBundles
from titian.store.gate import StoreGate

JAPAN, RUSSIA = party_id("japan"), party_id("russia")
PACT, OTHER = (f"agreement--{n}d1a2b0e-7f0e-4c2f-9c36-0f3a3a6f5a11" for n in (7, 8))


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    return new_bench()


@pytest.fixture
def book(bench: Bench) -> StoreBundles:
    gate = bench.node.release._gate
    assert isinstance(gate, StoreGate)
    return StoreBundles(bench.node.store, gate)


def one(number: int, *, outgoing: bool = True, party: str = JAPAN, agreement: str = PACT, **more: object) -> Kept:
    values = {
        "id": f"{agreement[11]}-{party[10]}-{outgoing}-{number}",
        "created": number,
        "cover": bytes([number]) * 32,
    }
    return Kept(outgoing=outgoing, agreement=agreement, party=party, number=number, **{**values, **more})  # type: ignore[arg-type]


def keep(book: StoreBundles, *some: Kept) -> None:
    with book.writing() as desk:
        for each in some:
            desk.keep(each)


def test_what_is_kept_is_read_again_whole(book: StoreBundles) -> None:
    full = one(2, kind=Kind.RECEIPT, note=b"\x00text\xff", after=1, last=2**62, count=3, previous=bytes(32), done=4,
               receipted=5, counts=Counts(1, 2, 3), lost=True)  # fmt: skip
    keep(book, full)
    with book.reading() as desk:
        assert desk.find(full.id) == full
        assert desk.find("nothing") is None
        assert desk.all() == [full]


def test_streams_are_apart_and_in_order(book: StoreBundles) -> None:
    mine = [one(number) for number in (1, 2, 10)]
    others = [one(1, outgoing=False), one(1, party=RUSSIA), one(1, agreement=OTHER)]
    keep(book, mine[2], *others, mine[0], mine[1])
    with book.reading() as desk:
        assert desk.stream(PACT, JAPAN, outgoing=True) == mine
        assert desk.stream(PACT, JAPAN, outgoing=False) == others[:1]
        assert desk.stream(OTHER, RUSSIA, outgoing=True) == []
        assert len(desk.all()) == 6


def test_a_later_word_takes_the_place_of_an_earlier(book: StoreBundles) -> None:
    keep(book, one(1))
    done = msgspec.structs.replace(one(1), done=9)
    keep(book, done)
    with book.reading() as desk:
        assert desk.all() == [done]


def test_number_and_ledger_entry_are_one_transaction(bench: Bench, book: StoreBundles) -> None:
    pact = bench.agree("pact", JAPAN).id

    def entries() -> int:
        with bench.node.store.reading() as tx:
            row = tx.one("SELECT count(*) FROM ledger_entries WHERE kind = 'delivery'")
        return int(row[0]) if row else 0

    def held() -> int:
        with book.reading() as desk:
            return len(desk.all())

    def number_one() -> None:
        with book.writing() as desk:
            desk.keep(one(1, agreement=pact))
            desk.session.enter(pact, Entry(kind=LedgerKind.DELIVERY, at=desk.session.at, party=JAPAN))
            if fails:
                raise RuntimeError("cut off")

    fails = True
    with pytest.raises(RuntimeError):
        number_one()
    assert (held(), entries()) == (0, 0)
    fails = False
    number_one()
    assert (held(), entries()) == (1, 1)


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_everything_behind_a_date_added_is_fresh(
    bench: Bench, book: StoreBundles, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(bundles, "_PAGE", page)
    pact = bench.agree("pact", JAPAN).id

    def fresh(after: int) -> Iterator[tuple[int, int, int]]:
        with book.reading() as desk:
            collection = desk.session.released(pact, JAPAN)
            assert collection is not None
            for some in desk.fresh(collection, after):
                found.extend(some.objects)
                yield some.first, some.last, len(some.objects)

    found: list[bytes] = []
    bench.release(*bench.hold(*(malware(f"Bird {n}", tlp=Tlp.GREEN) for n in range(3))), to="pact")
    parts = list(fresh(0))
    before = [raw for raws in bench.raw_served("japan").values() for raw in raws]
    assert found == before
    assert all(first <= last and 0 < count <= page for first, last, count in parts)
    end = parts[-1][1]
    found.clear()
    assert list(fresh(end)) == []
    bench.clock.now += 1_000_000
    bench.release(*bench.hold(malware("Kestrel", tlp=Tlp.GREEN)), to="pact")
    assert [first > end for first, _, _ in fresh(end)] == [True]
    assert before + found == [raw for raws in bench.raw_served("japan").values() for raw in raws]


def test_a_proof_is_kept_once(bench: Bench, book: StoreBundles) -> None:
    for _ in range(2):
        with book.writing() as desk:
            desk.keep_evidence("titian-one/bundle", "a fork", b"both covers")
            desk.keep_evidence("titian-one/bundle", "a fork", b"two others")
    with bench.node.store.reading() as tx:
        rows = tx.all("SELECT origin, what, body FROM evidence ORDER BY num")
    assert [bytes(row[2]) for row in rows] == [b"both covers", b"two others"]
