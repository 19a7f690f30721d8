"""The names above a host, which may be held where the host itself is not."""

from __future__ import annotations

from typing import Final

from titian.core.screening import Value

_MOST: Final = 32


def parents_of(value: Value) -> list[str]:
    """Return the names above the host of a value, the nearest first, down to the one that is registered."""
    facts = dict(value.facts)
    host, registered = facts.get("host", value.canonical), facts.get("registrable")
    if registered is None or not (host == registered or host.endswith(f".{registered}")):
        return []
    found: list[str] = []
    while host != registered and len(found) < _MOST:
        host = host.partition(".")[2]
        found.append(host)
    return found
