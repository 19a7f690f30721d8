"""The exact index: a folder of segments, to which what came in since is added before each answer.

The index is derived data: it can be thrown away and made again from the caller's log at any time, so a file that
cannot be trusted is not repaired. One process writes at a time, any number read. A writer makes a new segment, then
replaces the manifest, then removes what no longer counts: killed at any moment it leaves the index as it was before or
as it is after, and files that the next writer removes; a power loss at worst leaves it to be rebuilt. Small segments
are merged as they come, so that there are few; what takes longer (:data:`AT_ONCE` entries and more) waits for
:meth:`Index.tidy`.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from titian.core.errors import Unavailable, UnreadableFile
from titian.screen.exact.containment import NO_PREFIXES, Prefixes
from titian.screen.exact.digests import Digester, Key, Words
from titian.screen.exact.layout import damaged
from titian.screen.exact.lock import locked
from titian.screen.exact.manifest import MANIFEST, Manifest, Named, read_manifest, replace_manifest
from titian.screen.exact.search import Column
from titian.screen.exact.segment import FEW, Found, Segment, Sorted, found_one_by_one
from titian.screen.exact.writing import sort, write

AT_ONCE: Final = 1_000_000
"""Merging so many entries takes a fraction of a second: it is done while adding."""
RATIO: Final = 3
"""A segment is at least so many times as large as the next: their number grows as the logarithm of the entries."""
MOST_SEGMENTS: Final = 24
"""With more than so many, adding merges whatever the size."""
_SMALL: Final = 1 << 13
"""Segments up to this size count as this large: they are always merged."""
_LOCK: Final = "lock"
_TIDYING: Final = "tidying"
_SEGMENT, _NEW, _MERGING = ".segment", ".new", ".merging"
_TRIES: Final = 20


class _Reading(NamedTuple):
    """What a reader has open. ``file`` keeps the manifest's inode from being given to a later one."""

    stamp: tuple[int, int, int, int]
    file: int
    manifest: Manifest
    segments: tuple[Segment, ...]


class _Usable:
    """Tells of a folder that cannot be read or written. Entered with each question: a class costs a third of a
    generator."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            raise Unavailable(
                f"The index in {self._folder} cannot be used: {error.strerror or error}.",
                advice="Check the folder and the disk; it can be removed, the index is then made again.",
            ) from error


class Index:
    """An index in a folder, under a secret. May be used by many threads; open it anew after a fork.

    Every method can raise :class:`~titian.core.errors.UnreadableFile`: the index must be rebuilt (:meth:`rebuild`),
    and :class:`~titian.core.errors.Unavailable`: the folder cannot be used, or another process writes for too long.
    """

    def __init__(self, folder: Path, secret: bytes, *, wait: float = 30.0) -> None:
        """``wait`` is how many seconds to wait for another that writes. The folder is made when first written to."""
        self._reading: _Reading | None = None
        self.folder = folder
        self._manifest = os.fspath(folder / MANIFEST)
        self.digester = Digester(secret)
        self._wait = wait
        self._turn = threading.Lock()
        self._usable: Final = _Usable(folder)

    def close(self) -> None:
        """Let the files go. The index can still be used: it opens them again."""
        with self._turn:
            self._let_go()

    @property
    def manifest(self) -> Manifest:
        """What the index is made of now, as any process wrote it last."""
        return self._current().manifest

    @property
    def upto(self) -> Mapping[str, int]:
        """Up to where each of the caller's logs is in the index. Empty: nothing was read."""
        return self.manifest.upto

    @property
    def prefixes(self) -> Prefixes:
        """Which lengths of network prefixes were added."""
        return self.manifest.prefixes

    def __len__(self) -> int:
        return sum(one.entries for one in self.manifest.segments)

    def damage(self, *, thorough: bool = False) -> str | None:
        """Say why the index must be rebuilt; ``None`` when nothing speaks for it.

        Thorough: every byte is checked (0.2 s for 10,000,000 entries). Otherwise what opening checks.
        """
        try:
            with self._usable:
                for segment in self._current().segments:
                    if thorough:
                        segment.check()
        except UnreadableFile as error:
            return error.message
        return None

    def lookup(self, digests: Words, *, most: int | None = None) -> Found:
        """Return the numbers that were added with each digest, at most ``most`` of each (the least).

        Each number once, however often it was added. Takes a few megabytes besides the answer.
        """
        if len(digests) <= FEW:
            return found_one_by_one(self.find_each([one.tobytes() for one in digests], most=most), most)
        with self._usable:
            answers = [segment.lookup(digests, most=most) for segment in self._current().segments]
        answers = [one for one in answers if len(one.which) or len(one.cut)]
        return answers[0] if len(answers) == 1 else _together(answers, most)

    def find(self, digest: bytes, *, most: int | None = None) -> list[int]:
        """Return the numbers of one digest as :meth:`lookup` does: the quickest way for one. With ``most``, at most one
        more than that: the caller sees that there are more."""
        return self.find_each((digest,), most=most)[0]

    def find_each(self, digests: Sequence[bytes], *, most: int | None = None) -> list[list[int]]:
        """The same for each of a few digests."""
        end = None if most is None else most + 1
        with self._usable:
            segments = self._current().segments
            return [sorted({n for segment in segments for n in segment.find(one, most=most)})[:end] for one in digests]

    def among(self, keys: Sequence[Key], most: int) -> Iterable[tuple[int, int]]:
        """Return which of the keys are held, by their places, each with a number: at most ``most`` of each key."""
        if len(keys) <= FEW:
            each = self.find_each([self.digester.digest(*key) for key in keys], most=most)
            return [(which, number) for which, numbers in enumerate(each) for number in numbers[:most]]
        found = self.lookup(self.digester.digests_of(keys), most=most)
        return zip(found.which.tolist(), found.numbers.tolist(), strict=True)

    def between(self, first: tuple[int, int], last: tuple[int, int], *, most: int | None = None) -> Found:
        """Return the numbers of all entries from ``first`` to ``last`` (as words) as the answer to one question.

        For entries that are ordered, such as addresses, and not digests. Ascending; with ``most``, any so many.
        """
        with self._usable:
            segments = self._current().segments
            return found_one_by_one([[n for one in segments for n in one.between(first, last, most=most)]], most)

    def append(
        self,
        digests: Words,
        numbers: Column,
        upto: Mapping[str, int],
        *,
        prefixes: Prefixes = NO_PREFIXES,
        since: Mapping[str, int] | None = None,
    ) -> bool:
        """Add entries, durably, and say how far the caller's logs are in the index with them.

        ``upto`` is taken over log by log and never goes back. With ``since``, nothing is done (and False returned)
        unless that is how far the index is: another process was quicker.
        """
        with self._writing() as before:
            if since is not None and dict(before.upto) != dict(since):
                return False
            reached = {**before.upto, **{log: max(at, before.upto.get(log, at)) for log, at in upto.items()}}
            after = msgspec.structs.replace(before, upto=reached, prefixes=before.prefixes | prefixes)
            if not len(digests):
                if after != before:
                    self._publish(after)
                return True
            left, merge = _to_merge(before.segments, len(digests), AT_ONCE)
            sources = [sort(digests, np.ascontiguousarray(numbers, np.uint64)), *self._sources(merge)]
            added = self._written(sources, _NEW)
            self._publish(after, (*left, added))
            self._sweep((*left, added), _SEGMENT, _NEW)
        return True

    def tidy(self) -> bool:
        """Merge what adding left unmerged, while others read and add; say whether anything was merged.

        To be called now and then in the background. Nothing is done while another does it.
        """
        merged = False
        with self._usable:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.folder / _TIDYING, 0) as alone:
                if alone:
                    self._sweep((), _MERGING)
                while alone and (there := self._merging_to_do()) is not None:
                    merged = self._merge(there) or merged
        return merged

    def rebuild(self) -> None:
        """Forget everything, whatever state it is in: the caller reads its logs from their beginning."""
        with self._writing(anew=True) as before:
            self._publish(Manifest(generation=before.generation), ())
            self._sweep((), _SEGMENT, _NEW)

    # Reading

    def _current(self) -> _Reading:
        """What the manifest names now, opened."""
        with self._turn, self._usable:
            for _ in range(_TRIES):
                try:
                    stamp = _stamp(os.stat(self._manifest))
                except FileNotFoundError:
                    # Nothing was ever added, or somebody removed the manifest: then all of it is forgotten.
                    self._let_go()
                    return _Reading((0, 0, 0, 0), -1, Manifest(), ())
                if self._reading is None or self._reading.stamp != stamp:
                    with suppress(FileNotFoundError):  # merged away while we opened it: read the manifest again
                        self._open()
                        continue
                    continue
                return self._reading
            raise damaged("A segment of the index is missing")

    def _open(self) -> None:
        file = os.open(self._manifest, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            stamp = _stamp(os.fstat(file))
            manifest = read_manifest(os.pread(file, stamp[2] + 1, 0), self.digester)
            there = {one.name: one for one in self._reading.segments} if self._reading else {}
            segments = tuple(there.get(one.name) or self._segment(one) for one in manifest.segments)
        except BaseException:
            os.close(file)
            raise
        self._let_go()
        self._reading = _Reading(stamp, file, manifest, segments)

    def _segment(self, named: Named) -> Segment:
        segment = Segment(self.folder / named.name, self.digester)
        if (segment.seal.hex(), len(segment)) != (named.seal, named.entries):
            raise damaged(f"{named.name} is not the segment that the index had written")
        return segment

    def _let_go(self) -> None:
        if self._reading is not None:
            os.close(self._reading.file)
            self._reading = None

    def __del__(self) -> None:
        self._let_go()

    # Writing

    @contextmanager
    def _writing(self, *, anew: bool = False) -> Iterator[Manifest]:
        """Alone among all that write; yields what the index is. ``anew``: even if it cannot be read."""
        with self._usable:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.folder / _LOCK, self._wait) as alone:
                if not alone:
                    raise Unavailable("The index is being written by another process.", advice="Try again in a while.")
                try:
                    before = self._current().manifest
                except UnreadableFile:
                    if not anew:
                        raise
                    before = Manifest()
                yield before

    def _sources(self, merge: Sequence[Named]) -> list[Sorted]:
        """Segments as what a new one is made of. Checked: a new seal must not cover what was changed."""
        wanted = {one.name for one in merge}
        found = [one for one in self._current().segments if one.name in wanted]
        for one in found:
            one.check()
        return [one.entries for one in found]

    def _written(self, sources: Sequence[Sorted], suffix: str) -> Named:
        """Write a segment under a name that nothing has, give it its own, and say what it is."""
        name = secrets.token_hex(8)
        new = self.folder / (name + suffix)
        layout, seal = write(new, sources, self.digester)
        if suffix == _NEW:
            os.replace(new, self.folder / (name + _SEGMENT))
        return Named(name + _SEGMENT, layout.entries, seal.hex())

    def _publish(self, manifest: Manifest, segments: tuple[Named, ...] | None = None) -> None:
        replace_manifest(
            self.folder,
            msgspec.structs.replace(
                manifest,
                segments=manifest.segments if segments is None else segments,
                generation=manifest.generation + 1,
            ),
            self.digester,
        )

    def _sweep(self, named: Sequence[Named], *suffixes: str) -> None:
        """Remove files of ours that do not count: merged away, or left behind by a kill."""
        keep = {one.name for one in named}
        for path in self.folder.iterdir():
            if path.suffix in suffixes and path.name not in keep:
                with suppress(OSError):  # what cannot be removed now is tried again next time
                    path.unlink()

    # Tidying

    def _merging_to_do(self) -> tuple[Named, ...] | None:
        segments = self.manifest.segments
        for at in range(len(segments) - 1, 0, -1):
            _, merge = _to_merge(segments[:at], segments[at].entries, None)
            if merge:
                return (*merge, segments[at])
        return None

    def _merge(self, merge: tuple[Named, ...]) -> bool:
        """Merge some segments; only giving the result its place keeps others from writing."""
        sources = self._sources(merge)
        if len(sources) < len(merge):
            return False
        added = self._written(sources, _MERGING)
        made = (self.folder / added.name).with_suffix(_MERGING)
        with self._writing() as before:
            if not set(merge) <= set(before.segments):
                made.unlink(missing_ok=True)
                return False
            os.replace(made, self.folder / added.name)
            at = before.segments.index(merge[0])
            left = [one for one in before.segments if one not in merge]
            after = (*left[:at], added, *left[at:])
            self._publish(before, after)
            self._sweep(after, _SEGMENT, _NEW)
        return True


def _to_merge(
    segments: tuple[Named, ...], entries: int, limit: int | None
) -> tuple[tuple[Named, ...], tuple[Named, ...]]:
    """Which of the segments (oldest first) stay when so many entries come, and which are merged with them."""
    stay, total = len(segments), max(entries, _SMALL)
    while stay and segments[stay - 1].entries < RATIO * total:
        more = segments[stay - 1].entries
        if limit is not None and total + more > limit and stay < MOST_SEGMENTS:
            break
        stay, total = stay - 1, total + more
    return segments[:stay], segments[stay:]


def _together(answers: Sequence[Found], most: int | None) -> Found:
    """Several segments' answers as one."""
    if not answers:
        return Found(np.arange(0), np.array([], np.uint64), np.arange(0))
    which = np.concatenate([one.which for one in answers])
    numbers = np.concatenate([one.numbers for one in answers])
    cut = np.concatenate([one.cut for one in answers])
    found = np.lexsort((numbers, which))
    which, numbers = which[found], numbers[found]
    new = np.append(True, (which[1:] != which[:-1]) | (numbers[1:] != numbers[:-1]))
    which, numbers = which[new], numbers[new]
    if most is not None:
        rank = np.arange(len(which)) - which.searchsorted(which)
        cut = np.append(cut, which[rank >= most])
        which, numbers = which[rank < most], numbers[rank < most]
    return Found(which, numbers, np.unique(cut))


def _stamp(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
