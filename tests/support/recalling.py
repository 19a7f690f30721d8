"""Recalls on a bench: what the verbs need of a session, and deliveries as a test says they were."""

from __future__ import annotations

import json
from collections.abc import Collection as Many
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.gate import RELEASER, Bench, party_id
from support.stix import Object, text
from titian.core.collection import Collection
from titian.core.gate import Session
from titian.core.recall import Holder, Policy
from titian.core.recall_objects import (
    AnswerMessage,
    Reason,
    RecallMessage,
    Response,
    read_answer,
    read_recall,
    write_answer,
    write_recall,
)
from titian.exchange.recall import Recalls
from titian.exchange.recall_received import answered, received
from titian.exchange.recall_sent import Overview
from titian.store.directory import DirectoryStore
from titian.store.gate import StoreGate, StoreSession
from titian.store.recalls import RecallRows, holders, naming, places


class RecallingSession(StoreSession):
    """A session with what the verbs of recall ask for besides."""

    @property
    def recalls(self) -> RecallRows:
        return RecallRows(self.tx)

    def places(self, collection: Collection, identifiers: Many[str]) -> dict[str, tuple[int, ...]]:
        return places(self.tx, self._store.log, collection.num, identifiers)

    def naming(self, collection: Collection, identifiers: Many[str]) -> Iterator[bytes]:
        return naming(self.tx, collection.num, identifiers)

    def holders(self, identifiers: Many[str]) -> dict[str, list[Holder]]:
        return holders(self.tx, self._store.log, identifiers)


class RecallingGate(StoreGate):
    """Opens such sessions."""

    @contextmanager
    def reading(self) -> Iterator[RecallingSession]:
        with self._store.reading() as tx:
            yield RecallingSession(self._store, self._directory, tx)

    @contextmanager
    def writing(self) -> Iterator[RecallingSession]:
        with self._store.writing() as tx:
            yield RecallingSession(self._store, self._directory, tx)


class Handed:
    """Deliveries as a test says they were: up to when each party has read each collection, and who can answer."""

    def __init__(self) -> None:
        self.read: dict[tuple[str, str], int] = {}
        self.speaking: set[str] = set()

    def delivered(self, session: Session, collection: str, party: str, added: Many[int]) -> Many[int]:
        return {one for one in added if one <= self.read.get((collection, party), 0)}

    def speaks(self, session: Session, party: str) -> bool:
        return party in self.speaking


class Recalling:
    """A bench whose partners' nodes can answer, with the verbs of recall on it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.handed = Handed()
        self.handed.speaking = {party_id(alias) for alias in ("japan", "russia", "brunei")}
        store = bench.node.store
        self.gate = RecallingGate(store, DirectoryStore(store, lambda *_: None))
        numbers = iter(range(1, 10_000))
        self.recalls = Recalls(self.gate, self.handed, lambda: f"{next(numbers):08d}-0000-4000-8000-000000000000")

    def reads(self, *aliases: str) -> None:
        """Have parties read all that they are served by now."""
        with self.gate.reading() as session:
            for collection in session.all_released():
                for alias in aliases:
                    if collection.party == party_id(alias):
                        self.handed.read[collection.id, party_id(alias)] = collection.last_added

    def recall(self, *references: str, days: int = 7, reason: Reason = Reason.FALSE_POSITIVE, **more: Any) -> Overview:
        """Recall something that was released under one agreement."""
        deadline = self.bench.clock.now + days * 86_400_000_000
        (made,) = self.recalls.recall(RELEASER, references, reason=reason, deadline=deadline, **more)
        return made

    def message(self, alias: str) -> RecallMessage:
        """The recall that a party is served, which is the only one."""
        (found,) = self.messages(alias)
        return found

    def messages(self, alias: str) -> list[RecallMessage]:
        return [read_recall(text(one)) for i, one in self.bench.served(alias).items() if i.startswith("recall--")]

    def answer_to(self, alias: str) -> AnswerMessage:
        """The answer that a party is served, which is the only one."""
        (found,) = [one for i, one in self.bench.served(alias).items() if i.startswith("recall-answer--")]
        return read_answer(text(found))

    def says(self, alias: str, response: Response, why: str = "", **more: Any) -> str | None:
        """Have a party answer the recall that it is served."""
        message = self.message(alias)
        self.bench.clock.now += 1000
        answer = AnswerMessage(
            id=message.id.replace("recall--", "recall-answer--"), by=party_id(alias), created=message.created,
            version=self.bench.clock.now, recall=message.id, response=response, why=why, **more,
        )  # fmt: skip
        with self.gate.writing() as session:
            return answered(session, self.handed, party_id(alias), write_answer(answer))

    # ── recalls that come in ──────────────────────────────────────────────────────────────────────────────

    def holds_from(self, alias: str, *values: Object) -> list[str]:
        """Hold objects that a party sent."""
        name = f"From {alias}"
        if name not in {one.collection.name for one in self.bench.node.collections.list()}:
            self.bench.node.collections.add(name, received_from=party_id(alias))
        return self.bench.hold(*values, into=name)

    def held(self, name: str) -> set[str]:
        """Identifiers of what a collection holds."""
        collection = self.bench.node.collections.find(name)
        return {json.loads(raw)["id"] for raw in self.bench.node.exchange.objects(collection)}

    def arrives(
        self,
        alias: str,
        *identifiers: str,
        policy: Policy = Policy.FLAG,
        under: str = "jp",
        number: int = 1,
        **more: Any,
    ) -> str | None:
        """Have a recall by a party arrive."""
        self.bench.clock.now += 1000
        now = self.bench.clock.now
        message = RecallMessage(**{
            "id": f"recall--{number:08d}-0000-4000-8000-00000000000f", "by": party_id(alias), "created": now,
            "version": now, "objects": identifiers, "reason": Reason.SOURCE_COMPROMISED, "why": "bad source",
            "agreement": self.agreement(under), "deadline": now + 86_400_000_000, **more,
        })  # fmt: skip
        with self.gate.writing() as session:
            return received(
                session, self.handed, party_id(alias), self.agreement(under), write_recall(message), policy,
                identify=self.recalls._identify,
            )  # fmt: skip

    def agreement(self, alias: str) -> str:
        return self.bench.node.agreements.read().agreement(alias).id

    def flags(self) -> dict[str, str]:
        with self.gate.reading() as session:
            return dict(session.recalls.flags())
