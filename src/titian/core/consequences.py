"""What a marking leads to, before anything is written: whom it would let in, under which agreement, and why not."""

from __future__ import annotations

import msgspec

from titian.core.agreement import Agreement
from titian.core.marking import Marking
from titian.core.party import Directory, Party
from titian.core.release import THE_GATE, Case, Withheld, terms_for


class Consequence(msgspec.Struct, frozen=True):
    """Whether a party may be given, under an agreement, what bears a marking; ``withheld`` says why not."""

    agreement: Agreement
    party: Party
    withheld: Withheld | None


def consequences(directory: Directory, marking: Marking, at: int) -> list[Consequence]:
    """Return what a marking of an object of ours leads to for each party that receives at an instant (microseconds).

    It is the gate's own answer (:data:`titian.core.release.THE_GATE`), for an object with nothing else about it:
    whether it is released is still a person's decision.
    """
    found = []
    for agreement in sorted(directory.agreements.values(), key=lambda one: (one.name, one.id)):
        if not agreement.in_force(at):
            continue
        for recipient in sorted(directory.audience(agreement, at)):
            party = directory.parties.get(recipient)
            if party is None:
                continue
            decision = THE_GATE.decide(Case(marking=marking), terms_for(directory, agreement, recipient, at=at))
            found.append(Consequence(agreement, party, decision if isinstance(decision, Withheld) else None))
    return sorted(found, key=lambda one: (one.agreement.name, one.party.name, one.party.id))
