"""What a node finds when it looks after itself."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One check: what, whether it holds, and what was seen."""

    check: str
    ok: bool
    detail: str
