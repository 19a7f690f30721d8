"""``titian demo``: four parties on this machine, five agreements, and a report that is not for everybody."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
import typer

from titian.cli import demo_node
from titian.cli.common import Json, print_json, progress, table
from titian.cli.demo_bridge import ANALYST, Bridge, Joined, join
from titian.cli.demo_screening import Wallets
from titian.cli.demo_story import Story, find_real, public_parties, rewrite, write_story
from titian.cli.previewed import merged
from titian.cli.terminal import say, warn
from titian.core.access import Role
from titian.core.collection import Kind
from titian.core.errors import Unavailable
from titian.core.login import Start
from titian.core.people import Actor, Duty, Session, local_operator
from titian.exchange.agree import By
from titian.exchange.public_agreements import public_agreements
from titian.exchange.release import Outcome, Seen
from titian.node import Node, open_node
from titian.settings import ENVIRONMENT
from titian.setup import init_node
from titian.web.serve import Listening, check_listening
from titian.wire.galaxies import demo_objects, demo_size
from titian.wire.taxii_client import TaxiiClient

app = typer.Typer(add_completion=False)

WORLD: Final = "Technology and terrorism"
"""The collection of what the world knows: the MISP galaxies."""
OWN: Final = "bnpt"
AGREEMENTS: Final = {
    "mofa-japan": "indonesia-japan-terrorism",
    "mfa-russia": "indonesia-russia-consultation",
    "example-telecom": "asean-japan-cybersecurity",
}
"""Who pulls in the demo, by alias, and under which agreement. The other two agreements are set up as well."""
CUSTOMERS: Final = "wallets.txt"
"""The file of the wallets that a company screens, beside the nodes: whoever looks can screen them again."""
CALLED: Final = {"mofa-japan": "Japan", "mfa-russia": "Russia", "example-telecom": "Company"}
_PATIENCE: Final = 5.0
"""Seconds in which the first node may end gracefully. Nobody but the demo has anything there to lose."""


class Told(msgspec.Struct):
    """What the demo shows, as it comes about: homes, previews and arrivals by the alias of each party."""

    nodes: dict[str, str] = {}
    preview: dict[str, dict[str, Any]] = {}
    pulled: dict[str, list[str]] = {}
    seen: dict[str, Seen] = {}
    keys: dict[str, str] = {}
    collections: dict[str, str] = {}
    sessions: dict[str, str] = {}
    passwords: dict[str, str] = {}
    people: dict[str, Actor] = {}
    channel: str = ""
    campaign: str = ""


@app.command(epilog="Example:  titian demo --once")
def demo(
    once: Annotated[bool, typer.Option("--once", help="Do not stay up afterwards.")] = False,
    port: Annotated[int, typer.Option(help="Port of the first node; 0: a free one.", min=0, max=65535)] = 0,
    folder: Annotated[
        Path | None, typer.Option(help="Keep the nodes in this new folder; else in one that is removed at the end.")
    ] = None,
    json: Json = False,
) -> None:
    """See it work: an agency writes a report, and each partner gets what their agreement and its markings allow.

    An Indonesian agency holds what the MISP galaxies know of drones, cryptocurrency and online influence. It sets up
    five agreements from what governments said in public, writes a report, and previews what Japan, Russia and a member
    company would see; a second person approves, and the nodes of all three, which have subscribed, pull over TAXII 2.1
    what the preview promised. A sighting comes back; a company screens 100,000 wallets; Indonesia and Japan find out
    which wallets both know, and show each other no other; a recall is applied, refused, and left unanswered; and
    whoever changes the history is caught. What the report tells is made up, and no wallet is anybody's. Everything
    stays on this machine. With --once --json the nodes are kept, and `sessions` lets you go on as one of the two
    people: TITIAN_SESSION=….
    """
    with _ended_by_signals(), _kept(folder, keep=once and json) as place:
        # A port that is taken is told before anything is loaded.
        check_listening(Listening(home=place / OWN, port=port))
        told = Told()
        show = _Show(quiet=json)
        _tell_first(place / OWN, told, show)
        with ExitStack() as stack:
            url, process = _listening(stack.enter_context(_started(place / OWN, port)))
            joined = [stack.enter_context(_joined(place / party, party, url, told)) for party in AGREEMENTS]
            for started in [stack.enter_context(_started(one.node.home, 0)) for one in joined]:
                _listening(started)
            first = stack.enter_context(open_node(place / OWN, environment={}))
            bridge = Bridge(first, joined, quiet=json)
            bridge.arrive({party: len(told.preview[party]["released"]) for party in AGREEMENTS})
            told.pulled = {one.alias: one.arrived() for one in joined}
            show.arrivals(told)
            bridge.sight(told.seen["mofa-japan"].projection.released[told.campaign])
            wallets = _wallets(first, joined, url, told, quiet=json)
            wallets.tell(place / CUSTOMERS)
            bridge.recall(told.channel, told.people["analyst-one"])
            bridge.verify(place / OWN, AGREEMENTS["example-telecom"])
            if json:
                print_json({"nodes": told.nodes, "preview": told.preview, "pulled": told.pulled,
                            "sessions": told.sessions, "sightings": bridge.sightings, "screening": wallets.screening,
                            "match": wallets.match, "recalls": bridge.recalls, "ledgers": bridge.ledgers})  # fmt: skip
            if not once:
                for line in _invitation(url, told, place / CUSTOMERS):
                    (warn if json else say)(line)
                _stay(process)
    if not once:
        (warn if json else say)("The demo is over.")


@contextmanager
def _kept(folder: Path | None, *, keep: bool) -> Iterator[Path]:
    if folder is not None or keep:
        place = Path(tempfile.mkdtemp(prefix="titian-demo-")) if folder is None else folder
        if folder is not None:
            place.mkdir(parents=True)
        yield place.absolute()
        warn(f"The nodes are kept in {place}.")
        return
    with tempfile.TemporaryDirectory(prefix="titian-demo-") as made:
        yield Path(made)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end the demo as Ctrl-C does, with the node stopped and the folder removed."""
    endings = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) != signal.SIG_IGN]

    def end(number: int, frame: FrameType | None) -> None:
        for each in endings:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    before = {each: signal.signal(each, end) for each in endings}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _tell_first(home: Path, told: Told, show: _Show) -> None:
    """All that happens on the first node before anybody pulls."""
    with _opened(home, OWN, told) as node:
        real = _load(node, show)
        for name in public_agreements():
            _add_agreement(node, name)
        show.agreements(node)
        operator = local_operator(OWN)
        analyst, releaser = _people(node, operator, told)
        story = write_story(node, analyst, real)
        told.channel, told.campaign = story.channel, story.campaign
        told.people = {"analyst-one": analyst, "releaser-one": releaser}
        show.draft(story, _preview(node, story, told))
        rewrite(node, story.report)
        show.matrix(story, _preview(node, story, told))
        asked = [
            node.release.request(analyst, [story.report], agreement, parties=_only(party))
            for party, agreement in AGREEMENTS.items()
        ]
        for outcome in asked:
            node.release.approve(releaser, outcome.request.id)
        show.approved(asked, analyst, releaser)
        register = node.agreements.read()
        for party in AGREEMENTS:
            who = register.party(party)
            _, told.keys[party] = node.keys.add(party, Role.READER, party=who.id)
            told.collections[party] = next(
                one.collection.id
                for one in node.collections.list()
                if one.collection.kind is Kind.RELEASED and one.collection.party == who.id
            )


def _only(party: str) -> list[str] | None:
    """The member company is one of many members: the demo releases to it alone."""
    return [party] if party == "example-telecom" else None


@contextmanager
def _opened(home: Path, party: str, told: Told) -> Iterator[Node]:
    """Set a party's node up, with the identity that it has in the agreements, and open it."""
    who = public_parties()[party]
    init_node(home, name=who.name, country=who.country or "ID", identity=who.id)
    told.nodes[party] = str(home)
    with open_node(home, environment={}) as node:
        yield node


def _add_agreement(node: Node, name: str) -> None:
    node.agreements.add(public_agreements()[name].encode(), By(person=local_operator(OWN).id, why="titian demo"))


def _load(node: Node, show: _Show) -> dict[str, str]:
    with progress("Loading real intelligence", demo_size(), quiet=show.quiet) as advance:
        collection = node.collections.add(WORLD, alias="world", description="MISP galaxies as STIX 2.1")
        begun = time.perf_counter()
        report = node.exchange.hold(demo_objects(), collection, source="pymispgalaxies", progress=advance)
        show.loaded(report.added, time.perf_counter() - begun)
    return find_real(demo_objects())


def _people(node: Node, operator: Actor, told: Told) -> tuple[Actor, Actor]:
    """Two people. The demo signs them in itself, and tells their sessions, or their passwords where it stays up."""
    made = []
    for name, duty in (("releaser-one", Duty.RELEASER), ("analyst-one", Duty.ANALYST)):
        password = told.passwords[name] = secrets.token_urlsafe(12)
        node.people.add(name, duty, by=operator, password=password, why="titian demo")
        reached = node.people.password(Start().named(name), password)
        assert isinstance(reached, Session), "nobody here has a code"
        told.sessions[name] = reached.token
        made.append(reached.actor)
    return made[1], made[0]


def _preview(node: Node, story: Story, told: Told) -> dict[str, Seen]:
    """What each of the three parties would see."""
    for party, agreement in AGREEMENTS.items():
        preview = node.release.preview([story.report], agreement, parties=[party])
        told.seen[party] = preview.seen[0]
        told.preview[party] = merged(preview)
    return told.seen


@contextmanager
def _joined(home: Path, party: str, url: str, told: Told) -> Iterator[Joined]:
    """A partner sets its node up, under the same agreement, and subscribes."""
    with _opened(home, party, told) as node:
        _add_agreement(node, AGREEMENTS[party])
        yield join(node, party, url, told.collections[party], told.keys[party], AGREEMENTS[party])


@contextmanager
def _started(home: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Serve a node in a process of its own. The user's settings stay outside."""
    command = [sys.executable, "-m", demo_node.__name__, str(home), str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT)}
    environment[f"{ENVIRONMENT}LOG_LEVEL"] = "error"
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listening(process: subprocess.Popen[str]) -> tuple[str, subprocess.Popen[str]]:
    """The URL of a node that was started, once it answers, and its process."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("listening on "):
        raise Unavailable("A node did not come up.", advice="What it said stands above.")
    return line.removeprefix("listening on ").strip(), process


class _Show:
    """Tells the story to a person, or to nobody."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def _say(self, text: str) -> None:
        if not self.quiet:
            say(text)

    def loaded(self, count: int, seconds: float) -> None:
        """The world's knowledge is there."""
        self._say(f"BNPT holds {count:,} objects of the MISP galaxies, loaded in {seconds:.1f} s.")

    def agreements(self, node: Node) -> None:
        """The five agreements, and whom each reaches from here."""
        if self.quiet:
            return
        register, at = node.agreements.read(), node.agreements.now()
        rows = [
            (register.aliases.get(one.id, one.name), one.ceiling.label,
             str(len(register.directory.audience(one, at)) or "0, BNPT is not in it"))
            for one in register.directory.agreements.values()
        ]  # fmt: skip
        table("Five agreements, as governments described them in public:",
              {"agreement": "left", "carries up to": "left", "parties": "right"}, sorted(rows))  # fmt: skip

    def draft(self, story: Story, seen: dict[str, Seen]) -> None:
        """The first draft is blocked."""
        mention = next(m for one in seen.values() for m in one.mentions)
        self._say(f"The first draft is blocked: its {mention.path} names {mention.value!r},")
        self._say(f"which is withheld ({story.names.get(mention.of, mention.of)}). The analyst writes it anew.")

    def matrix(self, story: Story, seen: dict[str, Seen]) -> None:
        """Who sees what, side by side."""
        if self.quiet:
            return
        rows = [
            (called, *(_cell(one, identifier) for one in seen.values()))
            for identifier, called in story.names.items()
            if not identifier.startswith("relationship--")
        ]
        links = [i for i in story.names if i.startswith("relationship--")]
        counts = (sum(i in one.projection.released for i in links) for one in seen.values())
        rows.append((f"{len(links)} relationships", *map(str, counts)))
        headings = {"object": "left", **{CALLED[party]: "left" for party in seen}}
        table("The preview, side by side (where something is withheld stands the rule):", headings, rows)

    def approved(self, outcomes: Sequence[Outcome], analyst: Actor, releaser: Actor) -> None:
        """Two persons."""
        needs = [need for one in outcomes for need in one.request.needs]
        first = sum("first release" in need for need in needs)
        self._say(f"{analyst.name} asked for {len(outcomes)} releases, {releaser.name} approved them: agreements ask")
        self._say(f"for two persons, TLP:AMBER does, and so do {first} parties that get something first.")

    def arrivals(self, told: Told) -> None:
        """Each got what the preview promised."""
        if self.quiet:
            return
        rows = [
            (CALLED[party], len(told.preview[party]["released"]), len(pulled),
             "yes" if pulled == told.preview[party]["released"] else "NO")
            for party, pulled in told.pulled.items()
        ]  # fmt: skip
        table("What each node pulled by itself over TAXII 2.1, and checked against the sender's ledger:",
              {"party": "left", "promised": "right", "pulled": "right", "the same": "left"}, rows)  # fmt: skip


def _cell(seen: Seen, identifier: str) -> str:
    why = seen.projection.withheld.get(identifier)
    if why is not None:
        return f"- {why.rule}"
    change = seen.projection.changed.get(identifier)
    if change is None:
        return "yes"
    removed = sorted({path.partition(".")[0] for path in change.removed})
    return f"less {', '.join(removed)}" if removed else "a copy"


def _wallets(first: Node, joined: Sequence[Joined], url: str, told: Told, *, quiet: bool) -> Wallets:
    """The part about wallets: a company asks the first node over HTTP, and so does Japan's."""
    japan = next(one.node for one in joined if one.alias == "mofa-japan")
    host = urlsplit(url).hostname or ""
    return Wallets(
        first, japan, analyst=told.people["analyst-one"], releaser=told.people["releaser-one"], asker=ANALYST,
        agreement=AGREEMENTS["mofa-japan"], connect=lambda key: TaxiiClient(url, key=key, allow_private={host}),
        quiet=quiet,
    )  # fmt: skip


def _invitation(url: str, told: Told, customers: Path) -> list[str]:
    """What to try, to be pasted as it stands: nothing is drawn around it, and no line is broken."""
    place, key = f"{url}taxii2/api/collections/{told.collections['mofa-japan']}/", told.keys["mofa-japan"]
    return [
        "",
        f"BNPT's node stays up (Ctrl-C ends it). Open {url} in a browser and sign in:",
        *(f"  {name}  {password}" for name, password in sorted(told.passwords.items())),
        "The wallets that the company asked about are in this file, for the page Screening:",
        f"  {customers}",
        "",
        "Or ask it as Japan's node does, with curl:",
        "",
        f"curl -s -H 'Authorization: Bearer {key}' \\",
        "  -H 'Accept: application/taxii+json;version=2.1' \\",
        # Brackets as they are would be a pattern to curl.
        f"  '{place}objects/?limit=2&match%5Btype%5D=uav'",
        "",
        "or with taxii2-client (pip install taxii2-client):",
        "",
        "from taxii2client.v21 import Collection",
        "collection = Collection(",
        f'    "{place}",',
        '    user="mofa-japan",',
        f'    password="{key}",',
        ")",
        "print(collection.get_objects(limit=2))",
        "",
    ]


def _stay(process: subprocess.Popen[str]) -> None:
    """Wait for Ctrl-C. Raises :class:`Unavailable` when the node ends before."""
    try:
        process.wait()
    except KeyboardInterrupt:
        return
    raise Unavailable("The first node ended by itself.", advice="What it said stands above.")
