"""The second half of ``titian demo``: nodes that exchange by themselves, take back, and can prove what happened."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from titian.cli.demo_story import identifiers
from titian.cli.recalls import overview_json
from titian.cli.sightings import known_json
from titian.cli.terminal import say
from titian.core.errors import Unavailable
from titian.core.people import Actor, Duty
from titian.core.recall import Policy, Standing
from titian.core.recall_objects import Reason, Response
from titian.core.subscription import SECOND, Terms
from titian.exchange.sight import Back
from titian.node import Node

EVERY: Final = 1 * SECOND
"""How often partners ask in the demo."""
PATIENCE: Final = 30.0
"""Seconds in which what is awaited has to come about."""
DEADLINE: Final = 5 * SECOND
"""How long recipients of the demo's recall have."""
POLICIES: Final = {
    "mofa-japan": Policy.APPLY,
    "mfa-russia": Policy.KEEP,
    "example-telecom": Policy.KEEP,
}
"""What each partner does by itself when something is recalled."""
ANALYST: Final = Actor("demo-analyst", "analyst-two", Duty.ANALYST)
"""Who works at the partners' nodes."""
_RELEASER: Final = Actor("demo-releaser", "releaser-two", Duty.RELEASER)
_REFUSAL: Final = "We hold it as evidence in a case; it goes to nobody."
_WHY: Final = "The channel belongs to a relief organisation."

INTRUDER: Final = """
import hashlib, json, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
ledger, num, salt, payload = database.execute(
    "SELECT e.ledger, e.num, e.salt, e.payload FROM ledger_entries e JOIN ledgers l ON l.num = e.ledger "
    "WHERE l.agreement = ? AND e.kind = 'release' ORDER BY e.num LIMIT 1", (sys.argv[2],)).fetchone()
said = json.loads(payload)
said["details"]["count"] += 1
changed = json.dumps(said, separators=(",", ":"), sort_keys=True).encode()
leaf = hashlib.sha256(b"titian/ledger-entry/v1\\0" + salt + changed).digest()
database.execute("UPDATE ledger_entries SET payload = ? WHERE ledger = ? AND num = ?", (changed, ledger, num))
bundle, place = divmod(num, 256)
for level, size, skip, new in ((-1, 34, 2, leaf), (0, 32, 0, hashlib.sha256(b"\\0" + leaf).digest())):
    rows = database.execute("SELECT width, data FROM ledger_tiles WHERE ledger = ? AND level = ? AND num = ?",
                            (ledger, level, bundle)).fetchall()
    for width, data in rows:
        begin = place * size + skip
        data = data[:begin] + new + data[begin + 32 :]
        database.execute("UPDATE ledger_tiles SET data = ? WHERE ledger = ? AND level = ? AND num = ? AND width = ?",
                         (data, ledger, level, bundle, width))
database.commit()
print(num)
"""
"""What somebody does who can write the database and has no key: a program that knows nothing of Titian's code."""


class Joined(msgspec.Struct):
    """A partner's node that has subscribed, and its subscription."""

    alias: str
    node: Node
    subscription: str

    @property
    def progress(self) -> Any:
        """How its subscription goes."""
        return self.node.subscribe.find(self.subscription).progress

    def arrived(self) -> list[str]:
        """Identifiers of what it holds of the first node's."""
        number = self.node.subscribe.find(self.subscription).collection
        into = next(one.collection for one in self.node.collections.list() if one.collection.num == number)
        return sorted(identifiers(self.node.exchange.objects(into)))

    def has(self, count: int) -> bool:
        """Whether so many objects have come, and the sender's ledger was checked."""
        return self.progress.checked is not None and len(self.arrived()) >= count


def join(node: Node, alias: str, url: str, collection: str, key: str, agreement: str) -> Joined:
    """Have a partner's node subscribe to what the first node serves it."""
    register = node.agreements.read()
    terms = Terms(
        url=url, remote=collection, title="", agreement=register.agreement(agreement).id, party="", every=EVERY,
        on_recall=POLICIES[alias],
    )  # fmt: skip
    made = node.subscribe.subscribe(ANALYST, terms, key, register.directory, node.collections.receiving)
    return Joined(alias, node, made.id)


def await_that(what: str, holds: Callable[[], bool]) -> None:
    """Wait until something holds, and no longer than a while."""
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise Unavailable(f"{what} did not come about within {PATIENCE:.0f} s.")
        time.sleep(0.1)


class Bridge:
    """The story from the first arrival on. ``told`` takes what ``--json`` prints."""

    def __init__(self, first: Node, partners: Sequence[Joined], *, quiet: bool) -> None:
        self._first = first
        self._partners = {one.alias: one for one in partners}
        self._quiet = quiet
        self.recalls: list[dict[str, Any]] = []
        self.sightings: list[dict[str, Any]] = []
        self.ledgers: dict[str, Any] = {}

    def _say(self, text: str) -> None:
        if not self._quiet:
            say(text)

    def arrive(self, promised: dict[str, int]) -> None:
        """Wait until each has pulled by itself what it was promised, and has checked the ledger."""
        for alias, count in promised.items():
            one = self._partners[alias]
            await_that(f"What {alias} subscribed to", partial(one.has, count))

    def sight(self, shown: str) -> None:
        """Japan has seen something of it, and says so; the sighting comes back."""
        japan = self._partners["mofa-japan"].node
        (done,) = japan.sight.sight(ANALYST, [shown], count=3)
        for one in done.returned:
            if one.state is Back.WAITS and one.request is not None:
                japan.release.approve(_RELEASER, one.request)
        await_that("The sighting", lambda: bool(self._first.sight.sightings()))
        register = self._first.agreements.read()
        self.sightings = [known_json(one, register) for one in self._first.sight.sightings()]
        known = self._first.sight.sightings()[0]
        self._say("Japan saw the campaign 3 times and says so; a second person there approves. BNPT now reads:")
        others = known.worth.others(register.directory.own)
        self._say(f"  {known.name!r}: seen {known.worth.seen.count} times, by {others} other party.")

    def recall(self, source: str, recaller: Actor) -> None:
        """The channel turns out to be a relief organisation's: everybody is asked to give it back."""
        at = self._first.agreements.now()
        made = self._first.recalls.recall(
            recaller, [source], reason=Reason.FALSE_POSITIVE, deadline=at + DEADLINE, why=_WHY
        )
        self._say(f"BNPT recalls the channel from {sum(len(one.recipients) for one in made)} parties: {_WHY}")
        russia = self._partners["mfa-russia"].node
        await_that("Russia's recall", lambda: bool(russia.recalls.received()))
        waiting = russia.recalls.received()[0]
        russia.recalls.answer(ANALYST, waiting.id, Response.REFUSED, _REFUSAL)
        wanted = {Standing.APPLIED, Standing.REFUSED, Standing.OVERDUE}

        def settled() -> bool:
            self._first.recalls.tick()
            return {
                one.standing for all_ in self._first.recalls.sent(everything=True) for one in all_.recipients
            } >= wanted

        await_that("What becomes of the recall", settled)
        register = self._first.agreements.read()
        self.recalls = [overview_json(one, register) for one in self._first.recalls.sent(everything=True)]
        if not self._quiet:
            for each in self.recalls:
                for one in each["recipients"]:
                    why = f": {one['why']}" if one["why"] else ""
                    say(f"  {one['name']} {one['state']}{why}")

    def verify(self, home: Path, agreement: str) -> None:
        """Japan reads the whole ledger of its agreement again. Then somebody changes BNPT's database in that of another
        agreement, and whoever looks notices."""
        good = self.ledgers["verified"] = self._read_again("mofa-japan")
        holds = "all as they were" if good["verified"] else good["finding"]
        self._say(f"Japan reads BNPT's ledger again, over HTTP alone: {good['entries']} entries, {holds}.")
        identifier = self._first.agreements.read().agreement(agreement).id
        intruder = [sys.executable, "-c", INTRUDER, str(home / "titian.db"), identifier]
        done = subprocess.run(intruder, check=True, capture_output=True, text=True, timeout=60)  # noqa: S603
        entry = int(done.stdout)
        self._say(f"Somebody changes entry {entry} of another ledger in BNPT's database, behind its back.")
        caught = self._read_again("example-telecom")
        damaged = [one.damage for one in self._first.ledger_desk.audit_all() if one.damage is not None]
        own = damaged[0] if damaged else None
        self.ledgers["changed"] = {"entry": entry, **caught, "own": own}
        self._say(f"  The company reads it again: {caught['finding']}")
        self._say(f"  BNPT's own check: {own}")

    def _read_again(self, alias: str) -> dict[str, Any]:
        """What a partner finds that reads a whole ledger again, over HTTP and with what it remembers."""
        (found,) = self._partners[alias].node.inspect.verify_of(self._first.record.identity)
        what = found.error if found.finding is None else found.finding.what
        return {"party": alias, "entries": found.peer.head.size, "verified": found.holds, "finding": what}
