"""What each party would see of a release, and whether that is still so later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from titian.core.agreement import Agreement
from titian.core.gate import Request
from titian.core.mentions import Mention
from titian.core.projection import Projection

_SHOWN: Final = 5


class Seen(msgspec.Struct, frozen=True):
    """What one party would see: the projection, and the texts that tell what it withholds."""

    party: str
    name: str
    projection: Projection
    mentions: tuple[Mention, ...]
    fingerprint: dict[str, bytes]

    @property
    def blocked(self) -> bool:
        """Whether a second person has to look at a text first."""
        return bool(self.mentions)


class Preview(msgspec.Struct, frozen=True):
    """What each party of an audience would see, and why a second person would have to approve."""

    agreement: Agreement
    chosen: tuple[str, ...]
    seen: tuple[Seen, ...]
    needs: tuple[str, ...]

    @property
    def blocked(self) -> bool:
        """Whether it is blocked for any party."""
        return any(one.blocked for one in self.seen)


def told_by(preview: Preview) -> tuple[str, ...]:
    """Return the texts that name what is withheld: to whom, where, and what."""
    return tuple(
        sorted({f"{one.party}: {m.path} of {m.id} names {m.value!r}" for one in preview.seen for m in one.mentions})
    )


def changed_since(request: Request, preview: Preview) -> str | None:
    """Say what is different from what was requested, or nothing."""
    changed = _difference(request.previewed, {one.party: one.fingerprint for one in preview.seen})
    further = sorted(set(told_by(preview)) - set(request.told))
    if changed is None and further:
        changed = f"A text now names what is withheld: {further[0]}."
    return changed


def _difference(before: Mapping[str, Mapping[str, bytes]], now: Mapping[str, Mapping[str, bytes]]) -> str | None:
    """Say what is different from the preview, or nothing."""
    told = []
    for party in sorted({*before, *now}):
        one, other = before.get(party, {}), now.get(party, {})
        for word, ids in (
            ("no longer goes", one.keys() - other.keys()),
            ("is new", other.keys() - one.keys()),
            ("says something else", {i for i in one.keys() & other.keys() if one[i] != other[i]}),
        ):
            if ids:
                more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
                told.append(f"{', '.join(sorted(ids)[:_SHOWN])}{more} {word} (to {party})")
    return "; ".join(told) + "." if told else None
