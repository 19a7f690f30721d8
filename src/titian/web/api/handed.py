"""What goes to a partner over the JSON API is remembered before it goes (law 8)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

import msgspec

from titian.core.collection import Collection
from titian.core.errors import Unavailable
from titian.store.view import Delivery
from titian.web.api.caller import Caller

T = TypeVar("T")
U = TypeVar("U")
_ATTEMPTS: Final = 5


def handed(
    caller: Caller, view: str, read: Callable[[], U], show: Callable[[U], T],
    places: Callable[[U], Iterable[tuple[str, int]]],
) -> T:  # fmt: skip
    """Show what was read; what goes to a partner is remembered before (law 8), and read again when something of it was
    taken back meanwhile."""
    for _ in range(_ATTEMPTS):
        # How they stand before anything is read: what is taken back while it is read is noticed by that.
        known = _standing(caller)
        found = read()
        shown = show(found)
        if _remembered(caller, known, view, places(found), shown):
            return shown
    raise Unavailable("What is served here is being taken back.", advice="Try again in a moment.")


def _standing(caller: Caller) -> dict[str, Collection]:
    """The collections of a partner by id, as they stand now; nothing for anybody else."""
    if caller.view is None or not caller.is_partner:
        return {}
    return {one.collection.id: one.collection for one in caller.view.collections()}


def _remembered(
    caller: Caller, known: Mapping[str, Collection], view: str, places: Iterable[tuple[str, int]], shown: object
) -> bool:
    reader = caller.view
    if reader is None or not caller.is_partner:
        return True
    added: dict[str, list[int]] = {}
    for collection, at in places:
        added.setdefault(collection, []).append(at)
    if not added.keys() <= known.keys():
        return False
    digest = hashlib.sha256(shown if isinstance(shown, bytes) else msgspec.json.encode(shown)).digest()
    futures = [
        reader.deliver(
            Delivery(
                collection=known[collection], key=reader.reader.id, view=view, after=0,
                first=min(each), last=max(each), count=len(each), digest=lambda: digest, whole=False,
            )
        )
        for collection, each in added.items()
    ]  # fmt: skip
    # Each is waited for, whatever the one before it has given.
    outcomes = [each.result() for each in futures]
    return all(outcomes)
