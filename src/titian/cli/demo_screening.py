"""The part of ``titian demo`` about wallets: a payment company screens those of its customers, and two countries find
out which wallets both know.

No wallet of it is anybody's: each address is a digest of a number, with the checksum that its network wants.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import msgspec

from titian.cli.common import table
from titian.cli.demo_story import Writer
from titian.cli.terminal import say
from titian.core.access import Role
from titian.core.errors import TitianError
from titian.core.extension_objects import make_observable
from titian.core.matching import OfferState, Wanted
from titian.core.party import Party, PartyKind
from titian.core.people import Actor, local_operator
from titian.core.screening import Asked, Screened, ValueKind
from titian.core.search import ORGANISATION
from titian.core.tlp import PAP_IDS, TLP_IDS, Pap, Tlp
from titian.exchange.agree import By, Tie
from titian.node import Node
from titian.screen.matching import Found
from titian.screen.values.checksums import base58check_text, keccak256
from titian.wire.taxii_client import TaxiiClient

WALLETS: Final = "Wallets"
"""The collection of each side's wallets."""
MEMBER: Final = "example-fintech"
COMMUNITY: Final = "asean-japan-cyber"
COMPANIES: Final = "asean-japan-cybersecurity"
"""The agreement under which companies receive."""
_BNPT: Final = "bnpt"
_CALLED: Final = "Example Pay"
_MIB: Final = 1 << 20
_TRON: Final = b"\x41"
_HIGH: Final = frozenset("89abcdef")
_GREEN: Final = (TLP_IDS[Tlp.GREEN], PAP_IDS[Pap.AMBER])
_RED: Final = (TLP_IDS[Tlp.RED],)
_STRANGERS: Final = 1_000_000
"""The number of the first wallet of which nobody knows anything."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How many wallets each has. Who holds which follows from it.

    The first node holds ``held``; ``released`` of them go to the member company, and one more is in the same report
    and goes to nobody. Japan holds ``theirs``: that one, ``common`` others that both hold, and its own. The company
    screens ``screened``: those that are released, the one that is not, and customers of whom nothing is known.
    """

    screened: int = 100_000
    released: int = 37
    held: int = 3_000
    theirs: int = 2_000
    common: int = 25

    @property
    def reported(self) -> list[str]:
        """What the report is about; the last one goes to nobody."""
        return [address(number) for number in range(self.released + 1)]

    @property
    def kept(self) -> str:
        """The wallet that goes to nobody."""
        return address(self.released)

    @property
    def first(self) -> list[str]:
        """What the first node holds."""
        return [address(number) for number in range(self.held)]

    @property
    def both(self) -> list[str]:
        """What a private match has to find."""
        return [address(number) for number in range(self.held - self.common, self.held)]

    @property
    def second(self) -> list[str]:
        """What Japan holds."""
        own = range(self.held, self.held + self.theirs - self.common - 1)
        return [self.kept, *self.both, *(address(number) for number in own)]

    @property
    def customers(self) -> list[str]:
        """What the company screens: what is known stands among the others, evenly."""
        known = self.reported
        others = [address(_STRANGERS + number) for number in range(self.screened - len(known))]
        apart = len(others) // len(known)
        for at in range(len(known) - 1, -1, -1):
            others.insert(at * apart, known[at])
        return others


PLAN: Final = Plan()


def address(number: int) -> str:
    """Return the address of a wallet, of Ethereum or (each third one) of Tron, as its network writes it: EIP-55 and
    Base58Check.

    >>> address(0), address(2)
    ('0x5cbB472fF913f136eB6c30fDA4E4c5cA997F3Dd9', 'TEJ7oCs5HHUbBxeH5BpAM5rbFcfDzKSC3g')
    """
    body = hashlib.sha256(f"a wallet of the story {number}".encode()).digest()[:20]
    if number % 3 == 2:
        return base58check_text(_TRON + body)
    digits = body.hex()
    case = keccak256(digits.encode()).hex()
    return "0x" + "".join(one.upper() if high in _HIGH else one for one, high in zip(digits, case, strict=False))


class Known(msgspec.Struct, frozen=True):
    """What a node answers about a wallet, of what the story tells."""

    value: str = ""
    hits: tuple[dict[str, Any], ...] = ()
    error: str | None = None


_known: Final = msgspec.json.Decoder(Known).decode


def ask_about(client: TaxiiClient, wallets: Sequence[str]) -> list[Known]:
    """Screen wallets by the JSON API of a node, as a company does that has no node. Raises :class:`TitianError` when
    that breaks off, and what the client raises."""
    reply = client.ask(
        "POST", "/api/v1/screen/stream", content=msgspec.json.encode({"values": wallets, "kind": "wallet"}),
        most=64 * _MIB, content_kind="application/json", once=True,
    )  # fmt: skip
    rows = [_known(line) for line in reply.body.splitlines()]
    for one in rows[-1:]:
        if one.error is not None:
            raise TitianError(f"Screening broke off: {one.error}")
    return rows


class Wallets:
    """Tells the part. ``connect`` opens a client of the first node for the holder of a key; ``agreement`` is the one
    between the two countries. ``screening`` and ``match`` take what ``--json`` prints."""

    def __init__(
        self, first: Node, japan: Node, *, analyst: Actor, releaser: Actor, asker: Actor, agreement: str,
        connect: Callable[[str], AbstractContextManager[TaxiiClient]], plan: Plan = PLAN, quiet: bool = False,
    ) -> None:  # fmt: skip
        self._first, self._japan = first, japan
        self._analyst, self._releaser, self._asker = analyst, releaser, asker
        self._agreement = agreement
        self._connect = connect
        self._plan, self._customers = plan, plan.customers
        self._quiet = quiet
        self.screening: dict[str, Any] = {}
        self.match: dict[str, Any] = {}

    def _say(self, *lines: str) -> None:
        if not self._quiet:
            for line in lines:
                say(line)

    def tell(self, customers: Path) -> None:
        """Tell all of it. ``customers`` is a file that gets what the company screens, one on each line."""
        customers.write_text("\n".join(self._customers) + "\n", encoding="ascii")
        self.hold()
        self.screen()
        self.compare()

    def hold(self) -> None:
        """Each side comes by the wallets that it knows."""
        kept = self._plan.kept
        for node, some in ((self._first, self._plan.first), (self._japan, self._plan.second)):
            into = node.collections.add(WALLETS, description="Wallets that collect as if for charity")
            # What Japan holds of the one that the first node keeps is its own, and marked as it sees fit.
            objects = [_wallet(one, _RED if one == kept and node is self._first else _GREEN) for one in some]
            node.exchange.hold(objects, into, source="demo")

    # ── a company asks ────────────────────────────────────────────────────────────────────────────────────

    def screen(self) -> None:
        """A member company asks about its customers' wallets, and learns of those that were released to it.

        Raises :class:`TitianError` when it learns of any other, or not of all of them.
        """
        plan = self._plan
        key = self._join()
        self._release(self._report())
        with self._connect(key) as client:
            begun = time.perf_counter()
            rows = ask_about(client, self._customers)
            seconds = time.perf_counter() - begun
        known = [one for one in rows if one.hits]
        own = list(self._first.screen().screen(ORGANISATION, [Asked(one, ValueKind.WALLET) for one in plan.reported]))
        check("What the company learns of", [one.value for one in known], plan.reported[:-1])
        check("What BNPT itself knows of", [one.value for one in own if one.hits], plan.reported)
        self.screening = {
            "party": MEMBER, "screened": len(rows), "known": len(known), "seconds": round(seconds, 3),
            "values": [one.value for one in known], "hit": known[0].hits[0], "withheld": plan.kept,
            "own": sum(bool(one.hits) for one in own),
        }  # fmt: skip
        self._tell_screening(known[0], own[-1], len(rows), len(known), seconds)

    def _join(self) -> str:
        """The company becomes a member of the community, and gets a key: a node it has not."""
        party = Party(id="", name=f"{_CALLED} (private-sector member)", kind=PartyKind.COMPANY, alias=MEMBER,
                      country="ID", sectors=("financial-services",))  # fmt: skip
        made = self._first.agreements.add_party(
            party, By(person=local_operator(_BNPT).id, why="titian demo"), ties=[Tie(of=COMMUNITY)]
        )
        return self._first.keys.add(MEMBER, Role.READER, party=made.id)[1]

    def _report(self) -> str:
        """The identifier of the report on the wallets."""
        writer = Writer(self._first.record.identity, self._first.agreements.now())
        report = writer.domain(
            "report", "Wallets that collect", name="Wallets that collect as if for charity", published=writer.at,
            description="A page that calls for a winter relief leads to these wallets.",
            object_refs=[_identifier(one) for one in self._plan.reported], object_marking_refs=[TLP_IDS[Tlp.GREEN]],
        )  # fmt: skip
        self._first.exchange.hold(writer.written(), self._first.collections.find(WALLETS), source="demo")
        return report

    def _release(self, report: str) -> None:
        asked = self._first.release.request(self._analyst, [report], COMPANIES, parties=[MEMBER])
        if asked.request.needs:
            self._first.release.approve(self._releaser, asked.request.id)

    def _tell_screening(self, one: Known, kept: Screened, screened: int, known: int, seconds: float) -> None:
        hit = one.hits[0]
        said = " ".join(each["said"] for each in hit["evidence"])
        self._say(
            f"BNPT writes a report on {known + 1} wallets, and releases it to a new member, the company {_CALLED}.",
            f"With a key of its own the company asks BNPT's node about {screened:,} wallets of its customers:",
            f"  {known} are known, in {seconds:.1f} s ({screened / seconds:,.0f} each second). The first of them:",
            f"  {one.value}",
            f"  {hit['match']}: {said} Marking: {hit['marking']}. Source: {hit['source']}.",
            f"  {hit['use']}",
            f"  Nothing is known to it of {kept.value}:",
            f"  BNPT itself finds that one, and it is {kept.hits[0].marking}, which goes to nobody.",
        )

    # ── two countries ask each other ──────────────────────────────────────────────────────────────────────

    def compare(self) -> None:
        """The first node offers its wallets for a private match, and Japan asks which of its own are among them.

        Raises :class:`TitianError` when what is found is not what both hold and may be told of, or when a ledger says
        anything else than how large both sides are.
        """
        japan, plan = self._japan.record.identity, self._plan
        offering = self._first.match()
        wanted = Wanted(party=japan, kind=ValueKind.WALLET, agreement=self._agreement)
        offer = offering.offer(self._analyst, wanted)
        if offer.state is OfferState.WAITING:
            offer = offering.approve(self._releaser, offer.id)
        asking = Wanted(party=self._first.record.identity, kind=ValueKind.WALLET, agreement=self._agreement)
        begun = time.perf_counter()
        found = self._japan.match().ask(self._asker, asking)
        seconds = time.perf_counter() - begun
        check("The private match", found.outcome.values, plan.both)
        ledgers = self._entries(found)
        sizes = {"asked": plan.theirs, "offered": plan.held - 1}
        if [{name: one.get(name) for name in sizes} for one in ledgers] != [sizes, sizes]:
            raise _wrong("The ledgers", f"say {ledgers}, and not how large both sides were")
        if any(value in repr(ledgers).lower() for value in map(str.lower, (*plan.first, *plan.second))):
            raise _wrong("The ledgers", "name a wallet")
        self.match = {
            "mode": found.run.mode.value, "mine": found.run.asked, "theirs": found.run.offered,
            "common": found.run.common, "values": list(found.outcome.values), "held": plan.held,
            "needs": list(offer.needs), "seconds": round(seconds, 3), "ledgers": ledgers,
        }  # fmt: skip
        self._tell_match(found, offer.needs, seconds)

    def _entries(self, found: Found) -> list[dict[str, Any]]:
        """What the ledgers of both say of the run: the first node's, then Japan's."""
        told = []
        for node, what in ((self._first, "answered"), (self._japan, "asked")):
            agreement = node.agreements.read().agreement(self._agreement).id
            ledger = next(one for one in node.ledger_desk.list() if one.agreement == agreement and one.closed is None)
            entries = [one.entry for one in node.ledger_desk.entries(ledger.origin, limit=ledger.size)]
            told += [dict(one.details) for one in entries
                     if one.details.get("run") == found.run.id and one.details.get("what") == what]  # fmt: skip
        return told

    def _tell_match(self, found: Found, needs: Sequence[str], seconds: float) -> None:
        if self._quiet:
            return
        run, plan = found.run, self._plan
        self._say("BNPT offers its wallets to Japan for a private match.")
        if needs:
            self._say(f"  {self._releaser.name} approves it. {needs[0]}")
        self._say(f"Japan's node asks over HTTP which of its own are among them: {run.common} are, in {seconds:.1f} s.")
        table("Neither has shown the other its list:",
              {"party": "left", "holds": "right", "took part": "right", "learnt": "left"},
              [("BNPT", f"{plan.held:,}", f"{run.offered:,}", f"that Japan asked about {run.asked:,}"),
               ("Japan", f"{plan.theirs:,}", f"{run.asked:,}",
                f"which {run.common} both know, and that BNPT offered {run.offered:,}")])  # fmt: skip
        self._say(
            "Japan holds the wallet that goes to nobody, too: it is not offered, so Japan does not learn of it.",
            f"An entry in the ledger of each says that {run.asked:,} were asked of {run.offered:,}, and names none.",
        )


def check(what: str, found: Iterable[str], planted: Iterable[str]) -> None:
    """Raise :class:`TitianError` unless exactly those wallets were found that were planted; letter case is not told
    apart where the network does not."""
    got, wanted = sorted(map(_canonical, found)), sorted(map(_canonical, planted))
    if got != wanted:
        raise _wrong(what, f"is {len(got):,} wallets, and not the {len(wanted):,} that were planted")


def _wrong(what: str, how: str) -> TitianError:
    return TitianError(f"{what} {how}.", advice="This should not have happened: please report it.")


def _canonical(one: str) -> str:
    return one.lower() if one.startswith("0x") else one


def _wallet(one: str, marks: Sequence[str] = ()) -> bytes:
    network = "ethereum" if one.startswith("0x") else "tron"
    return msgspec.json.encode(make_observable("wallet", {"address": one, "network": network}, marks=marks))


def _identifier(one: str) -> str:
    return str(msgspec.json.decode(_wallet(one))["id"])
