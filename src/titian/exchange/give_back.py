"""The way back: what this node says of an object goes to whom that came from, under the agreement that it came under.

It is an ordinary release: the gate, a second pair of eyes and the recipient's agreement hold for it as for all else.
"""

from __future__ import annotations

from collections.abc import Collection as Many
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from titian.core.arrival import Provenance
from titian.core.collection import Collection
from titian.core.errors import NotFound, TitianError
from titian.core.gate import Request, Session, State
from titian.core.people import Actor
from titian.core.release import Withheld
from titian.core.subscription import Subscription
from titian.exchange.release import Outcome, Preview

REPLACED: Final = "It was said anew since: a later version is asked for in its place."
NO_CHANNEL: Final = (
    "It is not known under which agreement its object came. `titian release` sends it under one that you name."
)


class Desk(Protocol):
    """One transaction over what this node says of objects (:class:`titian.store.sightings.StoreSightingDesk`)."""

    @property
    def session(self) -> Session:
        """The gate's session."""
        ...

    def collection(self, person: str) -> Collection:
        """The collection of what this node says, made when there is none."""
        ...

    def held(self) -> Iterable[tuple[str | None, bytes]]:
        """Everything of that kind that is held, in its latest version, after the party that it came from: None for
        our own."""
        ...

    def sources(self, party: str, shown: Many[str]) -> Mapping[str, str]:
        """What the copies were made from that a party was shown under some identifiers; of those that are copies."""
        ...

    def agreement_of(self, came: Provenance) -> str | None:
        """The agreement under which something came that no subscription brought: into an inbox, or in a bundle."""
        ...


class Book(Protocol):
    """Opens transactions over what this node says of objects."""

    def reading(self) -> AbstractContextManager[Desk]:
        """A snapshot."""
        ...

    def writing(self) -> AbstractContextManager[Desk]:
        """A transaction that is durable when the block ends, undone when it raises."""
        ...


class Provenances(Protocol):
    """Knows where objects came from (:class:`titian.exchange.arrive.Arrive`)."""

    def provenance(self, identifier: str) -> Sequence[Provenance]:
        """Where each version of an object came from, newest first."""
        ...


class Subscriptions(Protocol):
    """Knows what was subscribed to (:class:`titian.exchange.subscribe.Subscribe`)."""

    def find(self, reference: str) -> Subscription:
        """One by its id. Raises :class:`NotFound`."""
        ...


class Releases(Protocol):
    """The verbs of release that it goes back by (:class:`titian.exchange.release.Release`)."""

    def preview(self, references: Sequence[str], agreement: str, *, parties: Sequence[str] | None = None) -> Preview:
        """Show what a party would see."""
        ...

    def request(
        self,
        actor: Actor,
        references: Sequence[str],
        agreement: str,
        *,
        parties: Sequence[str] | None = None,
        reason: str | None = None,
    ) -> Outcome:
        """Ask for a release."""
        ...

    def requests(self, *, waiting_only: bool = True) -> list[Request]:
        """The requests that wait."""
        ...

    def stop(self, actor: Actor, identifier: str, why: str) -> Request:
        """Take back a request that waits."""
        ...


class Back(StrEnum):
    """What became of something on its way to a party."""

    WENT = "went"
    """It is released to that party, and goes with the next exchange."""
    WAITS = "waits"
    """A second person has to approve it."""
    STAYS = "stays"
    """It stays here, and ``why`` says why."""


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """What became of something on its way to a party, under an agreement. Both are None where it is not known which;
    ``request`` is the identifier of what waits, or was carried out."""

    state: Back
    party: str | None = None
    agreement: str | None = None
    request: str | None = None
    why: str = ""


class GiveBack:
    """Sends what this node says to a party, by a release."""

    def __init__(self, book: Book, releases: Releases, provenances: Provenances, subscriptions: Subscriptions) -> None:
        self._book = book
        self._releases = releases
        self._provenances = provenances
        self._subscriptions = subscriptions

    def channels(self, identifier: str) -> list[tuple[str, str]]:
        """The agreements that an object came under, and from whom, newest first."""
        found: dict[tuple[str, str], None] = {}
        for one in self._provenances.provenance(identifier):
            agreement = self._agreement(one)
            if agreement is not None:
                found[agreement, one.party] = None
        return list(found)

    def _agreement(self, came: Provenance) -> str | None:
        try:
            return self._subscriptions.find(came.subscription).terms.agreement
        except NotFound:
            with self._book.reading() as desk:
                return desk.agreement_of(came)

    def ask(
        self, actor: Actor, references: Sequence[str], agreement: str, party: str, *, reason: str | None = None
    ) -> Returned:
        """Ask for the release of something to one party, in the place of what waits of an earlier version.

        :param references: what is to go, first, and what has to go along.
        """
        stays = Returned(state=Back.STAYS, party=party, agreement=agreement)
        why = self._why(references, agreement, party) if len(references) > 1 else ""
        if why:
            # What has to go along would go without it.
            return msgspec.structs.replace(stays, why=why)
        try:
            self.take_back(actor, references, agreement, party)
            outcome = self._releases.request(actor, references, agreement, parties=[party], reason=reason)
        except TitianError as error:
            return msgspec.structs.replace(stays, why=self._why(references, agreement, party) or str(error))
        request = outcome.request
        state = Back.WAITS if request.state is State.WAITING else Back.WENT
        return Returned(state=state, party=party, agreement=agreement, request=request.id, why=" ".join(request.needs))

    def take_back(self, actor: Actor, references: Sequence[str], agreement: str, party: str) -> None:
        """Stop what waits of the same: since it says something else now, nobody could approve it."""
        for one in self._releases.requests():
            same = one.chosen == tuple(references) and one.agreement == agreement and one.parties == (party,)
            if same and one.state is State.WAITING:
                self._releases.stop(actor, one.id, REPLACED)

    def _why(self, references: Sequence[str], agreement: str, party: str) -> str:
        """Why something does not go to a party, if the gate is what keeps it."""
        try:
            preview = self._releases.preview(references, agreement, parties=[party])
        except TitianError:
            return ""
        withheld: dict[str, Withheld] = {}
        for one in preview.seen:
            withheld |= {each: one.projection.withheld[each] for each in references if each in one.projection.withheld}
        reason = withheld.get(references[0])
        if reason is None:
            return ""
        # What keeps something that it needs says more than that it needs it.
        cause = next((each for each in references[1:] if each in withheld), None)
        if reason.rule != "reference" or cause is None:
            return reason.reason
        return f"It needs {cause}, and that stays: {withheld[cause].reason}"
