"""Writes to an exact index in processes that are killed at a chosen step, or that write beside others.

``python -m support.exact_writer killed FOLDER`` makes an index, then adds to it, tidies it, or begins it anew, in
children of which the first ends before the first step that touches the disk, the second before the second, and so on
until one comes through. It prints one line of JSON for each: what was done, at which step it ended, what is held.

``python -m support.exact_writer beside FOLDER NUMBER`` adds twenty batches of its own, tidying in between.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from titian.core.errors import UnreadableFile
from titian.screen.exact import Index, Words
from titian.screen.exact import index as module

SECRET = b"the secret of the writers"
STEPS = ("open", "posix_fallocate", "pwrite", "fsync", "replace", "unlink", "ftruncate")
FIRST, SECOND = 30_000, 12_000


def batch(number: int, count: int) -> tuple[Words, Words]:
    """Digests that say who wrote them, and their numbers."""
    words = np.random.default_rng(number).integers(0, 1 << 63, (count, 2), np.uint64)
    return words, np.arange(count, dtype=np.uint64) + np.uint64(number * 1_000_000)


def made(folder: Path) -> Index:
    """An index of two segments that another batch merges into one."""
    index = Index(folder, SECRET)
    index.append(*batch(1, FIRST), {"log": 1})
    return index


def killed(folder: Path) -> None:
    """Every act, ended at every step."""
    acts: dict[str, Callable[[Index], object]] = {
        "append": lambda index: index.append(*batch(2, SECOND), {"log": 2}),
        "rebuild": lambda index: index.rebuild(),
        "tidy": lambda index: index.tidy(),
    }
    for name, act in acts.items():
        for step in range(1, 200):
            shutil.rmtree(folder, ignore_errors=True)
            made(folder).close()
            if name == "tidy":
                _leave_untidy(folder)
            child = os.fork()
            if child == 0:
                _end_at(step)
                act(Index(folder, SECRET))
                os._exit(0)
            _, status = os.waitpid(child, 0)
            print(json.dumps({"act": name, "step": step, "status": status, **_held(folder)}), flush=True)
            if status == 0:
                break


def _leave_untidy(folder: Path) -> None:
    kept, module.AT_ONCE = module.AT_ONCE, 1  # type: ignore[misc]
    Index(folder, SECRET).append(*batch(2, SECOND), {"log": 2})
    module.AT_ONCE = kept  # type: ignore[misc]


def _end_at(step: int) -> None:
    left = step

    def ending(call: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(9)
            return call(*args, **named)

        return counted

    for name in STEPS:
        setattr(os, name, ending(getattr(os, name)))


def _held(folder: Path) -> dict[str, object]:
    index = Index(folder, SECRET)
    try:
        batches = (batch(1, FIRST), batch(2, SECOND))
        first, second = (index.lookup(words).numbers.tolist() == numbers.tolist() for words, numbers in batches)
        upto, damage = dict(index.upto), index.damage(thorough=True)
        # The next writer removes what is left behind, and the index does all it should.
        index.append(*batch(3, 10), {"log": 3})
        index.tidy()
    except UnreadableFile as error:
        return {"damage": str(error)}
    named = {one.name for one in index.manifest.segments}
    files = {path.name for path in folder.iterdir()} - named
    held = {"first": first, "second": second, "third": len(index.lookup(batch(3, 10)[0]).which) == 10}
    return {**held, "upto": upto, "damage": damage, "others": sorted(files)}


def beside(folder: Path, number: int) -> None:
    """One of several writers."""
    index = Index(folder, SECRET)
    for turn in range(20):
        index.append(*batch(number * 100 + turn, 3_000), {f"log-{number}": turn + 1})
        if turn % 5 == 4:
            index.tidy()


if __name__ == "__main__":
    if sys.argv[1] == "killed":
        killed(Path(sys.argv[2]))
    else:
        beside(Path(sys.argv[2]), int(sys.argv[3]))
