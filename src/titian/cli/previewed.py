"""How a preview is shown: as JSON for programs, as two lists and their reasons for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from titian.cli.common import table
from titian.cli.terminal import say
from titian.core.mentions import Mention
from titian.core.release import Withheld
from titian.exchange.release import Preview, Seen

_SHOWN: Final = 12
_FEW: Final = 3
"""Identifiers that stand for many of which the same is to be said."""


def is_told(identifier: str, rule: str) -> bool:
    """Whether a person wants to know that it is withheld: not of definitions and creators that nothing needs."""
    return rule != "unused" or not identifier.startswith(("marking-definition--", "identity--"))


def as_json(seen: Seen) -> dict[str, Any]:
    """What one party would see, as ``titian preview --json`` prints it."""
    projection = seen.projection
    return {
        "party": seen.party,
        "name": seen.name,
        "released": sorted({*projection.released.values(), *projection.additions}),
        "withheld": [
            {"id": identifier, "rule": why.rule, "reason": why.reason}
            for identifier, why in sorted(projection.withheld.items())
            if is_told(identifier, why.rule)
        ],
        "changed": [
            {"id": identifier, "as": change.copy.shown, "removed": list(change.removed)}
            for identifier, change in sorted(projection.changed.items())
        ],
        "warnings": warnings_of(seen.mentions),
    }


def warnings_of(mentions: Iterable[Mention]) -> list[dict[str, Any]]:
    """Texts that name what is withheld, as programs read them."""
    return [
        {"id": one.id, "path": one.path, "value": one.value, "of": one.of, "blocks": True,
         "message": f"{one.path} names {one.value!r}, which is withheld."}
        for one in mentions
    ]  # fmt: skip


def merged(preview: Preview) -> dict[str, Any]:
    """What ``preview --json`` prints: for one party its own; for several all of it once, and each under ``parties``."""
    each = [as_json(seen) for seen in preview.seen]
    if len(each) == 1:
        return {**each[0], "needs": list(preview.needs)}
    return {
        "released": sorted({one for party in each for one in party["released"]}),
        "withheld": [dict(found) for found in dict.fromkeys(
            tuple(one.items()) for party in each for one in party["withheld"])],
        "changed": [one for party in each for one in party["changed"]],
        "warnings": [one for party in each for one in party["warnings"]],
        "needs": list(preview.needs),
        "parties": each,
    }  # fmt: skip


def show(preview: Preview) -> None:
    """Print a preview for people: the parties side by side, then why."""
    table(
        f"Under {preview.agreement.name}:",
        {"party": "left", "sees": "right", "of it changed": "right", "withheld": "right", "warnings": "right"},
        [
            (one.name, f"{len(one.projection.released):,}", f"{len(one.projection.changed):,}",
             f"{sum(is_told(i, why.rule) for i, why in one.projection.withheld.items()):,}", f"{len(one.mentions):,}")
            for one in preview.seen
        ],
    )  # fmt: skip
    for one in preview.seen:
        _show_party(one)
    for need in preview.needs:
        say(f"A second person has to approve it: {need}")


def _show_party(seen: Seen) -> None:
    say("")
    say(seen.name, style="bold")
    for source, shown in list(seen.projection.released.items())[:_SHOWN]:
        change = seen.projection.changed.get(source)
        if change is None:
            say(f"  sees      {shown}")
        else:
            without = f" without {', '.join(change.removed)}" if change.removed else " (what it refers to has changed)"
            say(f"  sees      {source} as {shown}{without}")
    if len(seen.projection.released) > _SHOWN:
        kinds = Counter(one.partition("--")[0] for one in seen.projection.released)
        say(f"  … in all  {', '.join(f'{count:,} {kind}' for kind, count in kinds.most_common())}")
    _show_withheld({i: why for i, why in seen.projection.withheld.items() if is_told(i, why.rule)})
    show_warnings(seen.mentions)


def _show_withheld(withheld: Mapping[str, Withheld]) -> None:
    """Print what is withheld; what shares a rule and a reason is one line, so that a rare reason is not drowned."""
    equal: dict[tuple[str, str], list[str]] = {}
    for identifier, why in withheld.items():
        equal.setdefault((why.rule, why.reason), []).append(identifier)
    for (rule, reason), ids in list(equal.items())[:_SHOWN]:
        say(f"  withheld  {_some(ids)}: {reason}  [{rule}]")
    if len(equal) > _SHOWN:
        rules = Counter(why.rule for why in withheld.values())
        say(f"  … in all  {', '.join(f'{count:,} by {rule}' for rule, count in rules.most_common())}")


def show_warnings(mentions: Iterable[Mention]) -> None:
    """Print the texts that name what is withheld, one line for each value that they name."""
    equal: dict[tuple[str, str], list[Mention]] = {}
    for one in mentions:
        equal.setdefault((one.value, one.of), []).append(one)
    for (value, of), found in list(equal.items())[:_SHOWN]:
        where = [f"{one.id}, {one.path}" for one in found]
        if len(where) == 1:
            say(f"  BLOCKS    {where[0]}: it names {value!r}, which is withheld ({of})")
        else:
            told = "; ".join(where[:_FEW]) + _further(len(where))
            say(f"  BLOCKS    {len(where):,} texts name {value!r}, which is withheld ({of}): {told}")
    if len(equal) > _SHOWN:
        say(f"  … and {len(equal) - _SHOWN:,} more; --json lists them all.")


def _some(ids: Sequence[str]) -> str:
    """One identifier; of several how many, and the first few."""
    if len(ids) == 1:
        return ids[0]
    return f"{len(ids):,} objects ({', '.join(ids[:_FEW])}{_further(len(ids))})"


def _further(count: int) -> str:
    return f" and {count - _FEW:,} more" if count > _FEW else ""
