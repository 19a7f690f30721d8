"""Quotas: how many values one partner may ask in a day.

Private matching cannot stop a partner from asking about every phone number there is; only counting can. Kinds whose
values can be listed have lower quotas (:func:`titian.core.matching.daily`).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from titian.core.errors import InvalidInput, Refused
from titian.core.screening import ValueKind


class Quota(msgspec.Struct, frozen=True):
    """How many values of each kind one partner may ask in a day. A kind that is not named may not be asked at all.

    >>> quota = Quota({ValueKind.WALLET: 100})
    >>> quota.allow(ValueKind.WALLET, used=90, asked=10)
    >>> quota.allow(ValueKind.WALLET, used=90, asked=11)
    Traceback (most recent call last):
    ...
    titian.core.errors.Refused: 11 more values of the kind wallet are more than are left for today: 10 of 100. ...
    """

    daily: Mapping[ValueKind, int]

    def left(self, kind: ValueKind, used: int) -> int:
        """How many are left of a day in which ``used`` were asked."""
        return max(self.daily.get(kind, 0) - used, 0)

    def allow(self, kind: ValueKind, *, used: int, asked: int) -> None:
        """:class:`Refused` when ``asked`` more would be too many for a day in which ``used`` were asked."""
        if used < 0 or asked < 0:
            raise InvalidInput("Less than no values cannot be asked.")
        left = self.left(kind, used)
        if asked > left:
            raise Refused(
                f"{asked:,} more values of the kind {kind.value} are more than are left for today: {left:,} of "
                f"{self.daily.get(kind, 0):,}.",
                advice="Ask fewer, or agree with the partner on a higher quota.",
            )
