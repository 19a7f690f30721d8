"""What the search of image hashes takes: questions a second beside its peers, the worst case, files and memory.

Peers are looked for in the interpreter that ``TITIAN_MEDIA_PEERS`` names (else in this one): give it numpy,
``faiss-cpu`` and ``threatexchange``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple, Protocol

import numpy as np

from benchmarks.report import Figure, ratio, spread
from titian.core.errors import TitianError
from titian.screen.media import FURTHEST, HammingFolder, HammingIndex, Words, hash_image

WANTED: Final = 2000
PEERS: Final = "TITIAN_MEDIA_PEERS"
_SCRIPT: Final = Path(__file__).with_name("screening_media_peer.py")
_MEMORY: Final = """
import sys
from pathlib import Path
import numpy as np
import psutil
from titian.screen.media import HammingFolder
me = psutil.Process()
empty = me.memory_info().rss
index = HammingFolder(Path(sys.argv[1])).open()
index.search(np.load(sys.argv[2]).view(">u8").astype(np.uint64))
print(empty, me.memory_info().rss)
"""


class MediaSizes(NamedTuple):
    """How much a run does."""

    held: int = 1_000_000
    asked: int = 4_000
    peer: int = 500
    """How many of them the peers are asked."""
    rounds: int = 5
    worst: int = 100


QUICK: Final = MediaSizes(held=50_000, asked=500, peer=100, rounds=2, worst=20)


class MediaBench(Protocol):
    """What the rows need of a run."""

    folder: Path
    media: MediaSizes
    say: Callable[[str], None]


class Peer:
    """A peer in an interpreter of its own, or the reason why there is none."""

    def __init__(self, which: str, held: Path, asked: Path) -> None:
        command = [os.environ.get(PEERS) or sys.executable, str(_SCRIPT), which, str(held), str(asked)]
        self.missing = ""
        self.took: list[float] = []
        self.found = -1
        self.loaded = 0.0
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        except OSError as error:
            self.missing = str(error)
            return
        line = self._line()
        if line.startswith("ready"):
            self.loaded = float(line.split()[1])
        else:
            said = self._process.communicate()[1].strip().splitlines()
            self.missing = said[-1][:200] if said else "it ended without a word"

    def turn(self) -> None:
        """Search once."""
        if not self.missing and self._process.stdin:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            took, found = self._line().split()
            self.took.append(float(took))
            self.found = int(found)

    def close(self) -> None:
        """End it."""
        if not self.missing:
            self._process.communicate()

    def _line(self) -> str:
        return self._process.stdout.readline() if self._process.stdout else ""


def random_hashes(count: int, seed: int) -> Words:
    """Hashes whose bits are independent."""
    return np.random.default_rng(seed).integers(0, 2**64, (count, 4), dtype=np.uint64)


def changed(words: Words, bits: int, seed: int) -> Words:
    """Each hash with up to ``bits`` other bits."""
    random = np.random.default_rng(seed)
    out = words.copy()
    rows = np.arange(len(out))
    for _ in range(bits):
        where, bit = random.integers(0, 4, len(out)), random.integers(0, 64, len(out)).astype(np.uint64)
        out[rows, where] ^= np.uint64(1) << bit
    return out


def questions(held: Words, count: int) -> Words:
    """Half of them pictures that nobody holds, half of them held ones with up to 40 bits changed."""
    asked = random_hashes(count, 2)
    for at, bits in enumerate((0, 8, 20, 31, 40)):
        some = slice(2 * at, None, 10)
        asked[some] = changed(held[: len(asked[some])], bits, at)
    return asked


def hamming(bench: MediaBench) -> Iterator[Figure]:
    """Questions a second at distance 31, exact, beside the peers; what the files weigh and take."""
    sizes = bench.media
    held = random_hashes(sizes.held, 1)
    asked = questions(held, sizes.asked)
    place, folder = bench.folder / "media", bench.folder / "media-index"
    place.mkdir(exist_ok=True)
    _save(place / "held.npy", held)
    _save(place / "asked.npy", asked[: sizes.peer])
    bench.say(f"index {len(held):,} image hashes")
    began = perf_counter()
    HammingFolder(folder).append(held, np.arange(len(held)), upto=len(held))
    built = perf_counter() - began
    began = perf_counter()
    index = HammingFolder(folder).open()
    opened = perf_counter() - began
    bench.say("start the peers")
    peers = {name: Peer(which, place / "held.npy", place / "asked.npy") for name, which in
             (("threatexchange", "threatexchange"), ("faiss flat", "flat"))}  # fmt: skip
    ours: list[float] = []
    try:
        for _ in range(sizes.rounds):
            began = perf_counter()
            index.search(asked, FURTHEST)
            ours.append(len(asked) / (perf_counter() - began))
            for peer in peers.values():
                peer.turn()
    finally:
        for peer in peers.values():
            peer.close()
    pairs = len(index.search(asked[: sizes.peer], FURTHEST).which)
    said = [_beside(name, peer, ours, sizes.peer, pairs) for name, peer in peers.items()]
    yield Figure(
        what=f"PDQ, {sizes.held:,} hashes, distance ≤ {FURTHEST}, exact: questions a second", ratio=median(ours),
        measured=spread(ours), wanted=WANTED, unit="/s", peer="; ".join(said),
        note=f"{sizes.asked:,} questions at once in one thread (peers: {sizes.peer:,}, in all threads), half of them "
             f"unknown; {pairs:,} pairs for those that the peers are asked too; load {os.getloadavg()[0]:.1f}",
    )  # fmt: skip
    one = _one_at_a_time(index, asked[:200])
    yield Figure(
        what="the same, one question at a time", measured=f"{one * 1000:,.2f} ms each", note="median of 200"
    )  # fmt: skip
    near = _one_at_a_time(index, asked[:200], distance=15)
    yield Figure(what="the same within 15 bits", measured=f"{near * 1000:,.2f} ms each", note="median of 200")
    weighs = sum(path.stat().st_size for path in folder.iterdir())
    empty, full = _memory(folder, place / "asked.npy")
    yield Figure(
        what=f"files of {sizes.held:,} image hashes", measured=f"{weighs / 1e6:,.0f} MB",
        note=f"written in {built:,.1f} s, checked and mapped in {opened:,.2f} s; a process that answers from them has "
             f"{full / 1e6:,.0f} MB resident, of these {empty / 1e6:,.0f} before it opens them; mapped pages are "
             "shared between processes",
    )  # fmt: skip


def crowded(bench: MediaBench) -> Iterator[Figure]:
    """The worst that others can put in: hashes that share chunks, or all lie in one place."""
    sizes = bench.media
    shares = random_hashes(sizes.held, 3)
    shares[:, 0] = 0
    zero = np.zeros((sizes.held, 4), np.uint64)
    for name, held in {
        "all share 64 bits": shares, "all within 8 bits of zero": changed(zero, 8, 4), "all the same": zero,
    }.items():  # fmt: skip
        bench.say(f"crowded hashes: {name}")
        index = HammingIndex.of(held)
        asked = held[:: max(sizes.held // sizes.worst, 1)][: sizes.worst]
        began = perf_counter()
        index.search(asked, FURTHEST, most=100)
        rate = len(asked) / (perf_counter() - began)
        yield Figure(
            what=f"crowded: {sizes.held:,} hashes, {name}", measured=f"{rate:,.0f} questions/s",
            note="exact, the 100 nearest for each; each is asked about one that is held",
        )  # fmt: skip


def hashing(bench: MediaBench) -> Iterator[Figure]:
    """Pictures hashed a second, decoding included; needs the extra ``media``."""
    from io import BytesIO

    bench.say("hash pictures")
    try:
        from PIL import Image

        soft = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        for width, height in ((640, 480), (4000, 3000)):
            out = BytesIO()
            Image.fromarray(soft).resize((width, height)).save(out, "JPEG", quality=85)
            took = []
            for _ in range(bench.media.rounds):
                began = perf_counter()
                hash_image(out.getvalue())
                took.append(perf_counter() - began)
            yield Figure(
                what=f"hash a JPEG of {width} by {height}", measured=f"{spread(took, 1000, 0)} ms",
                note="decoded by Pillow, hashed by pdqhash, in one thread",
            )  # fmt: skip
    except (ImportError, TitianError) as error:
        yield Figure(what="hash a JPEG", measured="not measured", note=str(error))


ROWS: Final = {"hamming": hamming, "crowded": crowded, "hashing": hashing}
"""The rows about images, by name."""


def _beside(name: str, peer: Peer, ours: list[float], asked: int, pairs: int) -> str:
    if peer.missing:
        return f"{name}: missing ({peer.missing})"
    theirs = [asked / took for took in peer.took]
    same = "the same pairs" if peer.found == pairs else f"{peer.found:,} pairs"
    times = ratio(ours, theirs)
    return f"{name} {spread(theirs)}/s, ours {times:,.1f} times that, {same}, {peer.loaded:,.0f} s to build"


def _one_at_a_time(index: HammingIndex, asked: Words, distance: int = FURTHEST) -> float:
    took = []
    for at in range(len(asked)):
        began = perf_counter()
        index.search(asked[at : at + 1], distance)
        took.append(perf_counter() - began)
    return median(took)


def _save(path: Path, words: Words) -> None:
    np.save(path, words.astype(">u8").view(np.uint8))


def _memory(folder: Path, asked: Path) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(folder), str(asked)], capture_output=True, text=True, check=True
    )
    empty, full = map(int, done.stdout.split())
    return empty, full
