"""The screening desk: what is known about each value, from whom, how sure that is, and what may be done with it.

The indexes say where to look; every hit is then read as it stands now, by what the asking viewer may see, and only what
still holds the value is answered. So nothing that was recalled, has expired or is withheld is ever in an answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from titian.core.errors import Unavailable
from titian.core.screening import (
    NAMES,
    Asked,
    Evidence,
    HeldObject,
    Hit,
    How,
    Match,
    ReadValue,
    Scope,
    Screened,
    Standing,
    Value,
    ValueKind,
)
from titian.core.search import ORGANISATION, Viewer
from titian.core.words import title_of
from titian.screen.benign import Warninglists
from titian.screen.exact import NO_PREFIXES, Key, containing, network_words, read_network
from titian.screen.hosts import parents_of
from titian.screen.indexes import Indexes, unsigned
from titian.screen.names import NameHit
from titian.screen.names.evidence import worth
from titian.screen.ports import Log
from titian.screen.values import names_of, of_object, read_values
from titian.screen.words import marking_words, suits, use_words

PLAINLY: Final = How()
TOGETHER: Final = 5_000
"""Values that are looked up at one time."""
_BITS: Final = 256
_ORDER: Final = {Match.EXACT: 0, Match.CONTAINED: 1, Match.NEAR: 2, Match.PHONETIC: 3, Match.CROSS_SCRIPT: 4}


class _Candidate(msgspec.Struct, frozen=True):
    """Where a value may be found: in which object, how, and what speaks for it."""

    number: int
    match: Match
    score: float
    keys: tuple[Key, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    standing: Standing | None = None
    held: str = ""


class Screen:
    """Screens values. Threads may share it. The indexes lie in ``folder``, a folder for each scope."""

    def __init__(self, log: Log, folder: Path, secret: bytes) -> None:
        self._log = log
        self._folder = folder
        # Of its own, so that no digest here is one of another use of the secret.
        self._secret = hashlib.blake2b(b"titian screening", key=secret[:64], digest_size=32).digest()
        self.benign = Warninglists(folder / "warninglists", self._secret)
        self._indexes: dict[int, Indexes] = {}

    def screen(
        self, viewer: Viewer, asked: Iterable[Asked], how: How = PLAINLY, *, seconds: float | None = None
    ) -> Iterator[Screened]:
        """Yield what is known about each value, in order. Nothing that was asked is kept.

        Raises :class:`Unavailable` when the indexes cannot be used, or not be brought into step within ``seconds``: the
        first time they are made of all that is held.
        """
        waiting = iter(asked)
        while some := list(islice(waiting, TOGETHER)):
            yield from self._together(viewer, some, how, seconds)

    def catch_up(
        self,
        viewer: Viewer = ORGANISATION,
        *,
        seconds: float | None = None,
        told: Callable[[int], None] = lambda _: None,
    ) -> bool:
        """Index what came in since, for what a viewer is answered from; whether it is done."""
        done = True
        for scope in self._log.scopes(viewer):
            done = self._of(scope).catch_up(scope, self._log, seconds=seconds, told=told) and done
        return done

    def is_in_step(self, viewer: Viewer) -> bool:
        """Whether nothing came in that is not indexed yet."""
        return not any(self._of(scope).is_behind(scope) for scope in self._log.scopes(viewer))

    def tick(self, seconds: float = 1.0) -> bool:
        """Keep the indexes in step, for the clock to call; whether they are."""
        done = self.catch_up(seconds=seconds)
        if done:
            for one in self._indexes.values():
                one.tidy()
        return done

    def values(
        self, viewer: Viewer, kind: ValueKind, told: Callable[[int], object] = bool, inside: Set[str] = frozenset()
    ) -> list[str]:
        """Return every value of a kind that a viewer sees, in order: what a private match is about. With ``inside``,
        ids of collections, only those that are held there."""
        found: set[str] = set()
        done = 0
        for scope in self._log.scopes(viewer):
            upto: dict[str, int] = {}
            while True:
                batch = self._log.since(scope.num, upto, TOGETHER)
                if batch.upto == upto:
                    break
                upto = batch.upto
                seen = self._log.held(viewer, set(batch.numbers))
                wanted = [held.said for held in seen.values() if not inside or held.within & inside]
                found |= {one.canonical for said in wanted for one in of_object(said) if one.kind is kind}
                done += len(batch.numbers)
                told(done)
        return sorted(found)

    # ── one batch ─────────────────────────────────────────────────────────────────────────────────────────

    def _of(self, scope: Scope) -> Indexes:
        if scope.num not in self._indexes:
            self._indexes[scope.num] = Indexes(self._folder / str(scope.num), self._secret)
        return self._indexes[scope.num]

    def _together(self, viewer: Viewer, asked: Sequence[Asked], how: How, seconds: float | None) -> Iterator[Screened]:
        read = _read(asked, how)
        found: list[list[_Candidate]] = [[] for _ in read]
        for scope in self._log.scopes(viewer):
            indexes = self._of(scope)
            if not indexes.catch_up(scope, self._log, seconds=seconds):
                raise Unavailable("What is held is still being indexed for screening.", advice="Try again in a minute.")
            self._exact(indexes, read, found, how)
            self._near(indexes, asked, read, found, how)
        held = self._log.held(viewer, {one.number for some in found for one in some})
        values = {number: list(of_object(one.said)) for number, one in held.items()}
        benign = self.benign([one.values[0] for one in read])
        for question, one, candidates, lists in zip(asked, read, found, benign, strict=True):
            hits = [hit for each in candidates if (hit := _hit(each, held.get(each.number), values, how)) is not None]
            hits.sort(key=lambda hit: (_ORDER[hit.match], -_weight(hit), hit.object))
            value = one.values[0]
            yield Screened(
                value=question.value, normalised=value.canonical, kind=value.kind, hits=tuple(_once(hits)[: how.most]),
                benign=tuple(lists), problem=" ".join(filter(None, (question.problem, one.problem))) or None,
            )  # fmt: skip

    def _exact(self, indexes: Indexes, read: Sequence[ReadValue], found: list[list[_Candidate]], how: How) -> None:
        """Values as they are, and what would contain them."""
        keys: list[Key] = []
        about: list[tuple[int, Match]] = []
        prefixes = NO_PREFIXES
        if any(value.kind is ValueKind.IP for one in read for value in one.values):
            prefixes = indexes.values.prefixes
        for at, one in enumerate(read):
            for value in one.values:
                keys.append((value.kind, value.canonical))
                about.append((at, Match.EXACT))
                for key in containing(value, prefixes, parents_of(value)):
                    keys.append(key)
                    about.append((at, Match.CONTAINED))
                if value.kind is ValueKind.IP and "/" in value.canonical:
                    self._within(indexes, value, found[at], how)
        for which, number in indexes.values.among(keys, how.most):
            at, match = about[which]
            found[at].append(_Candidate(number, match, 1.0, (keys[which],)))

    @staticmethod
    def _within(indexes: Indexes, value: Value, found: list[_Candidate], how: How) -> None:
        """Addresses that lie in a network that was asked for."""
        first, last = network_words(read_network(value.canonical))
        for number in indexes.addresses.between(first, last, most=how.most).numbers.tolist():
            found.append(_Candidate(number, Match.CONTAINED, 1.0, (), held=value.canonical))

    def _near(
        self, indexes: Indexes, asked: Sequence[Asked], read: Sequence[ReadValue], found: list[list[_Candidate]],
        how: How,
    ) -> None:  # fmt: skip
        """Names that are alike, and images that differ in few bits."""
        images: list[tuple[int, str]] = []
        for at, (question, one) in enumerate(zip(asked, read, strict=True)):
            kinds = {value.kind for value in one.values}
            images += [(at, value.canonical) for value in one.values if value.kind is ValueKind.IMAGE]
            if kinds & NAMES:
                kind = next(iter(kinds)) if len(kinds) == 1 else None
                name = next(value.canonical for value in one.values if value.kind in NAMES)
                hits = indexes.names.search(name, question.facts, kind, how.threshold, most=how.most)
                found[at] += [_named(hit) for hit in hits]
        if not images:
            return
        answer = indexes.images.search([text for _, text in images], how.distance, most=how.most)
        columns = (answer.which, answer.number, answer.distance)
        for which, number, bits in zip(*(one.tolist() for one in columns), strict=True):
            if bits:
                told = Evidence("distance", f"The hashes differ in {bits} of {_BITS} bits.")
                score = round(1 - bits / _BITS, 4)
                found[images[which][0]].append(_Candidate(unsigned(number), Match.NEAR, score, (), (told,)))


def _read(asked: Sequence[Asked], how: How) -> list[ReadValue]:
    """Read values, those of one kind together: that is quick."""
    found: list[ReadValue | None] = [None] * len(asked)
    by_kind: dict[ValueKind | None, list[int]] = {}
    for at, one in enumerate(asked):
        by_kind.setdefault(one.kind, []).append(at)
    for kind, places in by_kind.items():
        texts = [asked[at].value for at in places]
        for at, value in zip(places, read_values(texts, kind, region=how.region), strict=True):
            found[at] = value
    return [one for one in found if one is not None]


def _named(hit: NameHit) -> _Candidate:
    return _Candidate(unsigned(hit.number), hit.match, hit.score, (), hit.evidence, hit.standing, hit.held.name)


def _hit(
    candidate: _Candidate, held: HeldObject | None, values: Mapping[int, Sequence[Value]], how: How
) -> Hit | None:  # fmt: skip
    """A hit, if what is held now still has what was found. ``values`` are those of each object."""
    if held is None:
        return None
    value, evidence = _still(candidate, held, values[candidate.number])
    if value is None:
        return None
    marking = held.marking
    evidence = (*candidate.evidence, *evidence)
    if not suits(marking, how.purpose):
        evidence = (*evidence, Evidence("purpose", f"It was not given for {how.purpose}.", speaks_for=False))
    return Hit(
        match=candidate.match, score=candidate.score, evidence=evidence, object=held.id,
        type=held.id.partition("--")[0], name=title_of(held.said), value=value, collection=held.collection,
        marking=marking_words(marking), source=held.source, known=held.known, standing=candidate.standing,
        tlp=marking.tlp, pap=marking.pap, use=use_words(marking, how.purpose),
    )  # fmt: skip


def _weight(hit: Hit) -> float:
    """What hits of one kind are put in order by: how alike they are, and of names what else speaks for them."""
    return hit.score if hit.standing is None else worth(hit.score, hit.standing, hit.evidence)


def _still(
    candidate: _Candidate, held: HeldObject, values: Sequence[Value]
) -> tuple[str | None, tuple[Evidence, ...]]:  # fmt: skip
    """The value as it is held now, and what that tells; None where it is held no more."""
    if candidate.standing is not None:
        return (candidate.held if any(one.name == candidate.held for one in names_of(held.said)) else None), ()
    if candidate.match is Match.NEAR:
        return next((one.canonical for one in values if one.kind is ValueKind.IMAGE), None), ()
    if not candidate.keys:
        network = read_network(candidate.held)
        inside = [one.canonical for one in values if one.kind is ValueKind.IP and _lies_in(one.canonical, network)]
        return (inside[0] if inside else None), (Evidence("contained", f"It lies in {candidate.held}."),)
    ((kind, canonical),) = candidate.keys
    if not any((one.kind, one.canonical) == (kind, canonical) for one in values):
        return None, ()
    if candidate.match is Match.EXACT:
        return canonical, (Evidence("exact", "The same value is held."),)
    return canonical, (Evidence("contained", f"It belongs to {canonical}, which is held."),)


def _lies_in(text: str, network: object) -> bool:
    found = read_network(text)
    return found.version == getattr(network, "version", 0) and found.subnet_of(network)  # type: ignore[arg-type]


def _once(hits: Sequence[Hit]) -> list[Hit]:
    """Of several hits on the same value in the same object, the best."""
    found: dict[tuple[str, str], Hit] = {}
    for hit in hits:
        found.setdefault((hit.object, hit.value), hit)
    return list(found.values())
