"""The node: the one place that picks backends, binds policy and hands out views and services.

``Node`` is a small frozen object whose attributes are the rooms' services. It has no verbs of its own, so it
cannot grow into the object that knows everything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from titian.core.arrival import Arrival
from titian.core.bundling import Correspondent, correspondent
from titian.core.collection import Appended, Collection, Incoming
from titian.core.errors import NotFound
from titian.core.matching import Between, Partner
from titian.core.notes import SignatureType
from titian.core.signing import NamedSigner, Role, witness_name
from titian.exchange.agree import Agree
from titian.exchange.arrive import Arrive, ByHand
from titian.exchange.bundle import Bundles
from titian.exchange.carry import Carry
from titian.exchange.give_back import GiveBack
from titian.exchange.glance import Glance
from titian.exchange.hold import Hold
from titian.exchange.ledger_verbs import Inspect
from titian.exchange.mark import Mark
from titian.exchange.offerable import Offering
from titian.exchange.recall import Recalls
from titian.exchange.recall_received import answered, received
from titian.exchange.receive import Receive
from titian.exchange.refer import Refer
from titian.exchange.release import Release
from titian.exchange.retention import Retention
from titian.exchange.sight import Sight
from titian.exchange.submit import Submit
from titian.exchange.subscribe import Subscribe
from titian.exchange.withdraw import Withdraw, follow, narrowed
from titian.exchange.witness import Witness
from titian.exchange.write import Write
from titian.screen.match_ports import Quotas
from titian.screen.opening import Matchmaking, Screening
from titian.settings import FILE, Settings, read_settings
from titian.store.acts import Acts
from titian.store.admin import Collections, Keys
from titian.store.arrivals import StoreArrivals
from titian.store.backup import Backup
from titian.store.bundles import StoreBundles
from titian.store.committer import Committer
from titian.store.counts import Counts
from titian.store.database import Transaction
from titian.store.deliveries import Deliveries
from titian.store.directory import DirectoryBook, DirectoryStore
from titian.store.flows import Flows
from titian.store.gate import StoreGate
from titian.store.handed import Handed
from titian.store.heads import HeadFile
from titian.store.health import Health
from titian.store.intake import StoreIntake
from titian.store.job_runner import JobRunner
from titian.store.ledger_book import LedgerBook, key_changed
from titian.store.ledger_desk import LedgerDesk
from titian.store.matches import Matches
from titian.store.peer_ledgers import PeerLedgers
from titian.store.peers import Peers
from titian.store.people import People
from titian.store.reading import Reading
from titian.store.registry import NodeRecord
from titian.store.screening import ScreeningLog
from titian.store.search import Find
from titian.store.shelf import StoreCursors, StoreShelf
from titian.store.sightings import REFERRALS, StoreSightings
from titian.store.signing import SigningKeys
from titian.store.store import Store, now_micros
from titian.store.subscriptions import Subscriptions
from titian.store.view import Partners
from titian.store.waiting import Waiting
from titian.store.way_back import WayBack
from titian.wire.content import content_of
from titian.wire.files import FileFormats
from titian.wire.peer_link import connect
from titian.wire.pkcs11 import Tokens
from titian.wire.sealing import Sealing
from titian.wire.witness_client import submit

DATABASE: Final = "titian.db"
SCREENING: Final = "screening"
"""The folder of the indexes that screening makes."""


class Node(msgspec.Struct, frozen=True):
    """An opened node. Close it, or use it in a ``with`` block."""

    home: Path
    settings: Settings
    record: NodeRecord
    collections: Collections
    keys: Keys
    people: People
    acts: Acts
    agreements: Agree
    exchange: Carry
    release: Release
    glance: Glance
    waiting: Waiting
    mark: Mark
    write: Write
    withdraw: Withdraw
    retention: Retention
    health: Health
    backup: Backup
    partners: Partners
    ledgers: LedgerBook
    signing: SigningKeys
    recalls: Recalls
    peers: Peers
    peer_ledgers: PeerLedgers
    arrive: Arrive
    witness: Witness
    submit: Submit
    sight: Sight
    refer: Refer
    ledger_desk: LedgerDesk
    inspect: Inspect
    subscribe: Subscribe
    bundles: Bundles
    flows: Flows
    find: Find
    reading: Reading
    screen: Screening
    match: Matchmaking
    matches: Matches
    receive: Receive
    intake: StoreIntake
    deliveries: Deliveries
    jobs: JobRunner
    counts: Counts
    committer: Committer
    store: Store

    def close(self) -> None:
        """Finish what is being written, and close the database."""
        self.jobs.close()
        self.committer.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def database_address(home: Path, settings: Settings) -> str:
    """Where the database of a node is: what its settings say, else an SQLite file in its home."""
    return settings.database or f"sqlite:///{home.absolute() / DATABASE}"


def require_home(home: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of the node in ``home``. Raises :class:`NotFound` when there is none."""
    if not (home / FILE).exists():
        raise NotFound(f"There is no node in {home}.", advice="Run `titian init` first, or name another --home.")
    return read_settings(home, environment)


def open_node(
    home: Path | str, *, clock: Callable[[], int] = now_micros, environment: Mapping[str, str] = os.environ
) -> Node:
    """Open the node in ``home``. Raises :class:`NotFound` when there is none.

    ``environment`` is where settings are looked for besides the home; an empty one leaves the home's alone.
    """
    home = Path(home).expanduser()
    settings = require_home(home, environment)
    store = Store(database_address(home, settings), clock=clock)
    committer = Committer(store.database)
    directory = DirectoryStore(store, lambda tx, before, after: narrowed(gate.session(tx), before, after))
    gate = StoreGate(store, directory)
    withdraw = Withdraw(gate)
    signing = SigningKeys(store, home, Tokens(environment).open, told=key_changed)
    signing.ensure()
    sealing = Sealing(home / "keys" / "bundle.key", home)
    peers = Peers(store, signing, recipient=lambda: sealing.recipient)
    heads = HeadFile(home)
    ledgers = LedgerBook(store, signing, heads, lambda: peers.ours().encode().decode())
    peer_ledgers = PeerLedgers(store)

    def added(tx: Transaction, identifiers: Sequence[str]) -> None:
        follow(gate.session(tx), identifiers)

    def message(tx: Transaction, arrival: Arrival, agreement: str, item: Incoming) -> str | None:
        session = gate.session(tx)
        if item.type == "recall-answer":
            return answered(session, handed, arrival.party, item.raw)
        policy = subscriptions.policy(tx, arrival.subscription) or settings.on_recall
        return received(session, handed, arrival.party, agreement, item.raw, policy)

    def posted(tx: Transaction, collection: Collection, items: Sequence[Incoming], key: str) -> list[Appended]:
        raws = [item.raw for item in items]
        found = arrive.objections(gate.session(tx), collection.party or "", collection.agreement or "", raws)
        return arrivals.posted(tx, collection, items, [None if one is None else str(one) for one in found], key)

    handed = Handed()
    subscriptions = Subscriptions(store)
    arrivals = StoreArrivals(store, added, message)
    arrive = Arrive(arrivals, gate)
    intake = StoreIntake(store, committer, added, posted)

    def known(party: str) -> Correspondent | None:
        peer = peers.get(party)
        return None if peer is None else correspondent(peer.card)

    agree = Agree(DirectoryBook(store, directory))
    collections = Collections(store)
    release = Release(gate)
    shelf = StoreShelf(store, added)
    find = Find(store, withdraw.tick)
    identity = store.node.identity
    witness = Witness(peer_ledgers, lambda: (witness_name(identity), signing.signers(None, Role.WITNESS, clock())[0]))
    deliveries = Deliveries(store, committer)
    log = ScreeningLog(store, withdraw.tick, lambda party: agree.read().label(party))
    screening = Screening(log, home / SCREENING, store.node.secret)
    matches = Matches(store, gate)
    referrals = StoreSightings(gate, REFERRALS)
    back = WayBack(store, deliveries, withdraw.check_leaving)
    subscribe = Subscribe(subscriptions, arrivals, arrive, witness, back, peers, connect)

    @contextmanager
    def reach(between: Between) -> Iterator[Partner]:
        with subscribe.reach(between.agreement, between.party) as link:
            yield link.matching()

    return Node(
        home=home,
        settings=settings,
        record=store.node,
        collections=collections,
        keys=Keys(store),
        people=People(store),
        acts=Acts(store),
        agreements=agree,
        exchange=Carry(shelf, StoreCursors(store), Hold(shelf), FileFormats(), withdraw),
        release=release,
        glance=Glance(gate, release, handed),
        waiting=Waiting(store),
        mark=Mark(gate),
        write=Write(gate, Hold(shelf)),
        withdraw=withdraw,
        retention=Retention(gate),
        health=Health(store, home),
        backup=Backup(store, home),
        partners=Partners(store, committer, ledgers, withdraw.tick),
        ledgers=ledgers,
        signing=signing,
        recalls=Recalls(gate, handed),
        peers=peers,
        peer_ledgers=peer_ledgers,
        arrive=arrive,
        witness=witness,
        subscribe=subscribe,
        submit=Submit(ledgers, submit),
        sight=Sight(StoreSightings(gate), release, arrive, subscribe),
        refer=Refer(referrals, GiveBack(referrals, release, arrive, subscribe), handed, content_of),
        ledger_desk=LedgerDesk(store, ledgers, heads),
        inspect=Inspect(subscriptions, peer_ledgers, witness, connect),
        bundles=Bundles(
            StoreBundles(store, gate),
            withdraw,
            ByHand(arrive, gate, collections.receiving, clock),
            sealing,
            correspondent=known,
            signer=lambda name: NamedSigner(name, SignatureType.ED25519, signing.signers(None, Role.LOG, clock())[0]),
        ),
        flows=Flows(store),
        find=find,
        reading=Reading(store, find),
        screen=screening,
        matches=matches,
        match=Matchmaking(
            log,
            screening,
            book=matches,
            offering=Offering(gate),
            reach=reach,
            identify=lambda reference: collections.find(reference).id,
            quotas=Quotas(usual=settings.match_values_per_day, listed=settings.match_listable_values_per_day),
        ),
        receive=Receive(intake, clock),
        intake=intake,
        deliveries=deliveries,
        jobs=JobRunner(store),
        counts=Counts(store),
        committer=committer,
        store=store,
    )
