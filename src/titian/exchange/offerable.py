"""What may be told to a partner at all: the gate, asked about objects one by one, with nothing released.

Private matching tells a partner of a value that it knows it too. That is told only of what could be released to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from titian.core.errors import Refused
from titian.core.gate import Gate, Session
from titian.core.matching import Allowed, Between, Offerable
from titian.core.mentions import find_mentions, keeps_secrets
from titian.core.tlp import Tlp
from titian.exchange.choose import complete
from titian.exchange.release import UNDISCUSSED, has_released, projected

TOGETHER: Final = 1_000
"""Objects that are projected at one time."""


class Offering:
    """Asks the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def between(self, party: str, agreement: str | None = None) -> Between:
        """Find the agreement under which a party receives: the named one, or the only one there is.

        Raises :class:`NotFound` for what is not known, :class:`Refused` when there is none in force, or several.
        """
        with self._gate.reading() as session:
            register = session.register()
            who = register.party(party)
            if agreement is not None:
                found = [register.agreement(agreement)]
            else:
                found = sorted(register.directory.agreements.values(), key=lambda one: one.name)
            in_force = [one for one in found if who.id in register.directory.audience(one, session.at)]
        if len(in_force) == 1:
            return Between(in_force[0], who)
        if in_force:
            names = ", ".join(one.name for one in in_force)
            raise Refused(f"There are several agreements with {who.name}: {names}.", advice="Name one: --agreement.")
        under = f" under {found[0].name}" if agreement is not None else ""
        raise Refused(f"{who.name} receives nothing from this node{under} now.",
                      advice="An agreement in force has to allow it: `titian agreements list` shows them.")  # fmt: skip

    def objects(self, between: Between, identifiers: Sequence[str]) -> Allowed:
        """What of these objects the party could be shown; what is not held any more is passed over."""
        found: list[Offerable] = []
        levels: set[Tlp] = set()
        for begin in range(0, len(identifiers), TOGETHER):
            with self._gate.reading() as session:
                for one, level in _allowed(session, between, identifiers[begin : begin + TOGETHER]):
                    found.append(one)
                    levels |= level
        return Allowed(tuple(found), frozenset(levels))

    def is_first(self, between: Between) -> bool:
        """Whether nothing was ever released to the party under the agreement."""
        with self._gate.reading() as session:
            return not has_released(session, between.agreement.id, between.party.id)

    @staticmethod
    def strict(levels: frozenset[Tlp]) -> list[str]:
        """Those of some levels that do not go without a second person, as they are written."""
        return sorted(one.label for one in levels - UNDISCUSSED)


def _allowed(
    session: Session, between: Between, identifiers: Sequence[str]
) -> Iterator[tuple[Offerable, frozenset[Tlp]]]:
    held = list(session.find(identifiers).ids())
    if not held:
        return
    chosen = complete(session, held)
    directory = session.register().directory
    agreement = directory.agreements[between.agreement.id]
    projection = projected(session, directory, agreement, chosen, between.party.id)
    # A text that names what is withheld would stop a release: its object is passed over here.
    told = {one.id for one in find_mentions(chosen.graph, [projection])[0]} if keeps_secrets(projection) else set()
    wanted = {one for one in held if projection.released.get(one, one) not in told} & projection.released.keys()
    levels = projection.levels
    for source, raw in projection.objects(chosen.graph):
        if source in wanted:
            yield Offerable(source, raw, projection.ends.get(source)), levels
