"""A bench whose partners send objects under agreements, with the verbs of sightings on it."""

from __future__ import annotations

import uuid
from typing import Any

from support.gate import ANALYST, DAY, Bench, party_id
from support.stix import Object, envelope, text
from titian.core.arrival import Arrival
from titian.core.collection import Collection, timestamp
from titian.core.people import Actor
from titian.core.subscription import Progress, Subscription, Terms
from titian.exchange.arrive import ArriveReport
from titian.exchange.receive import split
from titian.exchange.sight import Known, Sighted
from titian.store.directory import DirectoryStore
from titian.store.gate import StoreGate
from titian.store.subscriptions import Subscriptions

_SECONDS = 10.0


class Sighting:
    """A bench with sightings."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        node = bench.node
        self.gate = StoreGate(node.store, DirectoryStore(node.store, lambda *_: None))
        self.sight = node.sight
        self._subscribed: dict[tuple[str, str], Subscription] = {}

    def agreement(self, alias: str) -> str:
        return self.bench.node.agreements.read().agreement(alias).id

    # ── what partners send ────────────────────────────────────────────────────────────────────────────────

    def subscription(self, alias: str, under: str) -> Subscription:
        """A subscription to what a party releases under an agreement. Nobody ever pulls it."""
        if (alias, under) not in self._subscribed:
            made = Subscription(
                id=str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{alias} {under}")),
                collection=self.bench.node.collections.receiving(f"From {alias} under {under}", party_id(alias)).num,
                created=self.bench.clock.now, next_try=1 << 62, progress=Progress(),
                terms=Terms(url="https://taxii.example/", remote="theirs", title="Theirs", party=party_id(alias),
                            agreement=self.agreement(under), every=DAY),
            )  # fmt: skip
            Subscriptions(self.bench.node.store).add(made, "key", person="person-1")
            self._subscribed[alias, under] = made
        return self._subscribed[alias, under]

    def arrives(self, alias: str, *values: Object, under: str = "jp") -> list[str]:
        """Have objects arrive from a party; all must be taken in."""
        subscription = self.subscription(alias, under)
        arrival = Arrival(
            subscription=subscription.id, collection=subscription.collection, received=self.bench.clock.now,
            party=party_id(alias), remote="theirs", count=0, digest=b"",
        )  # fmt: skip
        report: ArriveReport = self.bench.node.arrive.arrive(arrival, self.agreement(under), map(text, values))
        assert report.accepted + report.known == len(values), report
        return [one["id"] for one in values]

    def inbox(self, alias: str, under: str = "jp") -> Collection:
        """Where a party puts what it sends back; there is one as soon as something was released to it."""
        agreement = self.agreement(under)
        (found,) = [
            one.collection
            for one in self.bench.node.collections.list()
            if one.collection.is_inbox
            and (one.collection.party, one.collection.agreement) == (party_id(alias), agreement)
        ]
        return found

    def posts(self, alias: str, *values: Object, under: str = "jp") -> list[str]:
        """Have a party put objects into its inbox; all must be taken in."""
        where = self.inbox(alias, under)
        body = envelope(*values)
        receipt = self.bench.node.receive.now(where, split(body), source="key").result(_SECONDS)
        assert (receipt.pending, receipt.failures) == (0, []), receipt
        return [one["id"] for one in values]

    # ── what is said here ─────────────────────────────────────────────────────────────────────────────────

    def sees(self, *identifiers: str, by: Actor = ANALYST, **more: Any) -> Sighted:
        """Sight something; what was said of the first."""
        return self.sight.sight(by, identifiers, **more)[0]

    def held(self, sighting: str, where: str = "Sightings") -> Object:
        """A sighting as it is held."""
        return self.bench.latest(sighting, where)

    def known(self, identifier: str | None = None) -> dict[str, Known]:
        """What was seen, by identifier, in its order."""
        return {one.worth.id: one for one in self.sight.sightings(identifier)}

    def everything(self, alias: str) -> str:
        """All text that a party is served."""
        return "\n".join(raw.decode() for raws in self.bench.raw_served(alias).values() for raw in raws)


def said_by(alias: str, of: str, *, count: int | None = 1, seconds: float = 0, **more: Any) -> Object:
    """A sighting by a party, as it would send it."""
    from_when = timestamp(1_700_000_000_000_000 + round(seconds * 1_000_000))[:23] + "Z"
    made = {
        "type": "sighting", "spec_version": "2.1",
        "id": f"sighting--{uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_DNS, alias + of).bytes, version=4)}",
        "created": "2023-11-01T00:00:00.000Z", "modified": from_when, "created_by_ref": party_id(alias),
        "sighting_of_ref": of, "first_seen": from_when, "last_seen": from_when,
        "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],
    }  # fmt: skip
    return made | ({} if count is None else {"count": count}) | more
