"""How a preview is shown: as JSON for programs, as two lists and their reasons for people."""

from __future__ import annotations

from collections import Counter
from typing import Any

from titian.cli.common import table
from titian.cli.terminal import say
from titian.exchange.release import Preview, Seen

_SHOWN = 12


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
        "warnings": [
            {"id": one.id, "path": one.path, "value": one.value, "of": one.of, "blocks": True,
             "message": f"{one.path} names {one.value!r}, which is withheld."}
            for one in seen.mentions
        ],
    }  # fmt: skip


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
    withheld = {i: why for i, why in seen.projection.withheld.items() if is_told(i, why.rule)}
    for identifier, why in list(withheld.items())[:_SHOWN]:
        say(f"  withheld  {identifier}: {why.reason}  [{why.rule}]")
    if len(withheld) > _SHOWN:
        rules = Counter(why.rule for why in withheld.values())
        say(f"  … in all  {', '.join(f'{count:,} by {rule}' for rule, count in rules.most_common())}")
    for mention in seen.mentions[:_SHOWN]:
        say(f"  BLOCKS    {mention.id}, {mention.path}: it names {mention.value!r}, which is withheld ({mention.of})")
    if len(seen.mentions) > _SHOWN:
        say(f"  … and {len(seen.mentions) - _SHOWN:,} more; --json lists them all.")
