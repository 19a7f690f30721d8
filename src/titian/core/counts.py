"""What waits for people, in numbers that change while one looks."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from titian.core.people import Actor, Permission

MOST = 10_000
"""Each number counts to this, and no further."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Live numbers, each at most :data:`MOST`.

    ``requests`` has how many requests to release wait, by the id of who asked; ``recalls`` counts the recalls of
    others that wait for an answer, ``quarantined`` what waits in the quarantine, ``arrived`` the object versions that
    were taken in from partners in the last 24 hours.
    """

    requests: Mapping[str, int]
    recalls: int
    quarantined: int
    arrived: int

    def of(self, actor: Actor) -> dict[str, int]:
        """The numbers as somebody is shown them; ``waiting`` is what they themselves may decide on.

        >>> from titian.core.people import Duty
        >>> counts = Counts(requests={"1": 2, "2": 1}, recalls=4, quarantined=8, arrived=16)
        >>> counts.of(Actor("1", "releaser-one", Duty.RELEASER))
        {'waiting': 5, 'approvals': 1, 'recalls': 4, 'quarantined': 8, 'arrived': 16}
        >>> counts.of(Actor("3", "analyst-one", Duty.ANALYST))["waiting"]
        12
        """
        approvals = 0
        if actor.may(Permission.DECIDE_RELEASE):
            approvals = sum(count for who, count in self.requests.items() if who != actor.id)
        waiting = approvals
        if actor.may(Permission.REQUEST_RELEASE):
            waiting += self.recalls
        if actor.may(Permission.WRITE):
            waiting += self.quarantined
        return {"waiting": waiting, "approvals": approvals, "recalls": self.recalls,
                "quarantined": self.quarantined, "arrived": self.arrived}  # fmt: skip
