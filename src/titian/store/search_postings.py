"""Terms and postings in the database: numbers for terms, and the sets of entries that have them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from titian.store.database import Transaction
from titian.store.search_bits import SPAN, extended, pack, unpack
from titian.store.search_terms import FIRST_TERM, Term, parts_of

_KEYS_AT_ONCE: Final = 4_000
_TERMS_AT_ONCE: Final = 256
_MOST_REMEMBERED: Final = 120_000
CHUNKS_AT_ONCE: Final = 4
"""Chunks of which sets are read in one statement: half the work of one for each, and never many sets in memory."""
KEY_BITS: Final = 32


def key_of(chunk: int, term: int) -> int:
    """The key of a posting."""
    return chunk << KEY_BITS | term


def vocabulary_of(scope: int) -> int:
    """The scope of the chunks over the terms of a scope."""
    return -1 - scope


def written(term: Term) -> bytes:
    """A term as it is kept."""
    return term if isinstance(term, bytes) else term.encode()


def find_terms(tx: Transaction, scope: int, terms: Iterable[Term]) -> dict[Term, int]:
    """Return the numbers of those terms that there are."""
    wanted = list(dict.fromkeys(terms))
    found: dict[Term, int] = {}
    for begin in range(0, len(wanted), _TERMS_AT_ONCE):
        some = wanted[begin : begin + _TERMS_AT_ONCE]
        by_bytes: dict[bytes, Term] = {written(term): term for term in some}
        # One shape of statement for each power of two: the backends remember how each is done.
        room = 1 << (len(some) - 1).bit_length()
        asked = [*by_bytes, *[next(iter(by_bytes))] * (room - len(by_bytes))]
        marks = ", ".join("?" * room)
        for term, num in tx.all(f"SELECT term, num FROM search_terms WHERE scope = ? AND term IN ({marks})",
                                scope, *asked):  # fmt: skip
            found[by_bytes[bytes(term)]] = num
    return found


def beginning_with(tx: Transaction, scope: int, term: Term, limit: int) -> list[int]:
    """Return the numbers of terms that begin with one, in their order."""
    first = written(term)
    rows = tx.all(
        "SELECT num FROM search_terms WHERE scope = ? AND term >= ? AND term < ? ORDER BY term LIMIT ?",
        scope, first, first + b"\xff", limit,
    )  # fmt: skip
    return [int(row[0]) for row in rows]


def with_part(tx: Transaction, scope: int, part: str, limit: int) -> list[int]:
    """Return the numbers of words in which a part of three characters or more occurs, the oldest words first."""
    grams = {b"\x0c" + part[at : at + 3].encode() for at in range(len(part) - 2)}
    inner = vocabulary_of(scope)
    numbers = find_terms(tx, inner, grams)
    if len(numbers) < len(grams):
        return []
    found: list[int] = []
    wanted = part.encode()
    for _, place, sets in sets_of(tx, chunks_of(tx, inner), list(numbers.values())):
        if len(sets) < len(numbers):
            continue
        every = -1
        for bits in sets.values():
            every &= bits
        low: list[int] = []
        while every:
            lowest = (every & -every).bit_length() - 1
            every &= every - 1
            low.append(place * SPAN + lowest)
            if len(low) > 4 * limit:
                break
        for begin in range(0, len(low), _KEYS_AT_ONCE):
            rows = tx.all(f"SELECT num, term FROM search_terms WHERE {tx.among('num')} ORDER BY num",
                          tx.array(low[begin : begin + _KEYS_AT_ONCE]))  # fmt: skip
            found += [int(num) for num, term in rows if wanted in bytes(term)]
        if len(found) >= limit:
            return found[:limit]
    return found


def chunks_of(tx: Transaction, scope: int) -> list[tuple[int, int]]:
    """The numbers and places of the chunks of a scope, the first place first."""
    rows = tx.all("SELECT num, place FROM search_chunks WHERE scope = ? ORDER BY place", scope)
    return [(int(num), int(place)) for num, place in rows]


def sets_of(
    tx: Transaction, chunks: Sequence[tuple[int, int]], terms: Collection[int]
) -> Iterator[tuple[int, int, dict[int, int]]]:
    """Yield each chunk with its place and the sets of some terms in it, as far as there are any."""
    low = (1 << KEY_BITS) - 1
    for begin in range(0, len(chunks), CHUNKS_AT_ONCE):
        some = chunks[begin : begin + CHUNKS_AT_ONCE]
        found: dict[int, dict[int, int]] = {chunk: {} for chunk, _ in some}
        keys = sorted(key_of(chunk, term) for chunk, _ in some for term in terms)
        for key, bits in read_postings(tx, keys).items():
            found[key >> KEY_BITS][key & low] = bits
        for chunk, place in some:
            yield chunk, place, found.pop(chunk)


def read_postings(tx: Transaction, keys: Sequence[int]) -> dict[int, int]:
    """Return the sets under some keys, as far as there are any, as integers."""
    return {key: unpack(data) for key, data in _raw_postings(tx, keys).items()}


def _raw_postings(tx: Transaction, keys: Sequence[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for begin in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[begin : begin + _KEYS_AT_ONCE]
        for key, data in tx.all(f"SELECT key, data FROM search_postings WHERE {tx.among('key')}", tx.array(some)):
            found[key] = bytes(data)
    return found


def replace_postings(tx: Transaction, changed: Mapping[int, int], known: Collection[int]) -> None:
    """Write sets under their keys; those in ``known`` are there already. An empty one goes."""
    tx.many("UPDATE search_postings SET data = ? WHERE key = ?",
            [(pack(bits), key) for key, bits in changed.items() if bits and key in known])  # fmt: skip
    tx.insert("search_postings", ("key", "data"),
              [(key, pack(bits)) for key, bits in changed.items() if bits and key not in known])  # fmt: skip
    tx.many("DELETE FROM search_postings WHERE key = ?",
            [(key,) for key, bits in changed.items() if not bits and key in known])  # fmt: skip


class Writer:
    """Gives numbers to terms and chunks, and adds to postings. It remembers numbers from one transaction to the next;
    one thread at a time may use it."""

    def __init__(self) -> None:
        self._known: dict[int, dict[Term, int]] = {}
        self._fresh: dict[int, dict[Term, int]] = {}
        self._epoch = -1
        self._next_term = 0
        self._next_chunk = 0

    def begin(self, tx: Transaction) -> None:
        """Start in a write transaction: what is remembered counts only while no terms went."""
        row = tx.one("SELECT terms, chunks, epoch FROM search_state WHERE one = 1")
        if row is None:
            row = (FIRST_TERM, 0, 1)
            tx.run("INSERT INTO search_state (one, terms, chunks, epoch) VALUES (1, ?, ?, ?)", *row)
        if row[2] != self._epoch or sum(map(len, self._known.values())) > _MOST_REMEMBERED:
            self._known = {}
        self._next_term, self._next_chunk, self._epoch = row
        self._fresh = {}

    def forget(self) -> None:
        """Forget what is remembered: it takes memory, and is needed while much is indexed only."""
        self._known = {}

    def finish(self, tx: Transaction) -> None:
        """End, in the same transaction."""
        tx.run("UPDATE search_state SET terms = ?, chunks = ? WHERE one = 1", self._next_term, self._next_chunk)

    def committed(self) -> None:
        """The transaction has ended well: the numbers that were given in it hold."""
        for scope, terms in self._fresh.items():
            self._known.setdefault(scope, {}).update(terms)
        self._fresh = {}

    def numbers(self, tx: Transaction, scope: int, terms: Iterable[Term]) -> dict[Term, int]:
        """Return the numbers of terms, new ones for those that had none."""
        known = self._known.get(scope, {})
        found: dict[Term, int] = {}
        missing: list[Term] = []
        for term in terms:
            number = known.get(term)
            if number is None:
                missing.append(term)
            else:
                found[term] = number
        held = find_terms(tx, scope, missing)
        new = [term for term in missing if term not in held]
        rows = []
        for term in new:
            self._next_term += 1
            held[term] = self._next_term
            rows.append((self._next_term, scope, written(term)))
        tx.insert("search_terms", ("num", "scope", "term"), rows)
        self._fresh.setdefault(scope, {}).update(held)
        if scope >= 0:
            self._add_parts(tx, scope, {term: held[term] for term in new if isinstance(term, str)})
        found.update(held)
        return found

    def _add_parts(self, tx: Transaction, scope: int, words: Mapping[str, int]) -> None:
        """Make new words findable by their parts."""
        parts: dict[Term, list[int]] = {}
        for word, number in words.items():
            for part in parts_of(word):
                parts.setdefault(part, []).append(number)
        if parts:
            inner = vocabulary_of(scope)
            numbers = self.numbers(tx, inner, parts)
            self.add(tx, inner, {numbers[part]: members for part, members in parts.items()})

    def chunk(self, tx: Transaction, scope: int, place: int) -> int:
        """The number of a chunk; it is made where there is none."""
        row = tx.one("SELECT num FROM search_chunks WHERE scope = ? AND place = ?", scope, place)
        if row is not None:
            return int(row[0])
        self._next_chunk += 1
        tx.run("INSERT INTO search_chunks (num, scope, place, dirty, swept) VALUES (?, ?, ?, 0, 0)",
               self._next_chunk, scope, place)  # fmt: skip
        return self._next_chunk

    def add(self, tx: Transaction, scope: int, terms: Mapping[int, Sequence[int]]) -> None:
        """Add numbers to the sets of terms: in order, and higher than all that the sets hold."""
        by_place: dict[int, dict[int, list[int]]] = {}
        for term, numbers in terms.items():
            place = numbers[0] // SPAN
            if numbers[-1] // SPAN == place:
                by_place.setdefault(place, {})[term] = [number % SPAN for number in numbers]
                continue
            for number in numbers:
                by_place.setdefault(number // SPAN, {}).setdefault(term, []).append(number % SPAN)
        for place, additions in sorted(by_place.items()):
            chunk = self.chunk(tx, scope, place)
            keys = sorted(key_of(chunk, term) for term in additions)
            held = _raw_postings(tx, keys)
            low = (1 << KEY_BITS) - 1
            tx.many("UPDATE search_postings SET data = ? WHERE key = ?",
                    [(extended(data, additions[key & low]), key) for key, data in held.items()])  # fmt: skip
            tx.insert("search_postings", ("key", "data"),
                      [(key, extended(b"", additions[key & low])) for key in keys if key not in held])  # fmt: skip
