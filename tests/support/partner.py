"""A partner over TAXII: everything that a key may ask of a node, and twin nodes that differ in what it may not see."""

from __future__ import annotations

import base64
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import httpx
import msgspec
import structlog
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from litestar.testing import TestClient

from support.gate import BY, DAY, Bench, Clock, link, made, malware, party_id, report
from support.stix import Object, envelope, ipv4
from titian.core.errors import Refused
from titian.core.tlp import TLP_IDS, Tlp
from titian.node import open_node
from titian.web.app import create_app
from titian.wire.taxii import MEDIA_TYPE

JAPAN, RUSSIA = party_id("japan"), party_id("russia")
PROBE = malware("x")
_STATUS_ID = re.compile(rb'(?<=^\{"id":")[0-9a-f-]{36}')
NOWHERE = "00000000-0000-4000-8000-000000000000"
ROOT = "/taxii2/api/"
HIDDEN_NAMES = ("Hidden", "Ours alone", "For others", "Xanadu", "203.0.113.9")
"""What only stands in what the partner may not see."""


class Face:
    """A node as who holds a key meets it."""

    def __init__(self, client: TestClient[Any]) -> None:
        self._client = client

    def ask(self, path: str, key: str, method: str = "GET", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"} | options.pop("headers", {})
        answer: httpx.Response = self._client.request(method, path, headers=headers, **options)
        return answer

    def collections(self, key: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.ask(f"{ROOT}collections/", key).json().get("collections", [])
        return listed

    def pages(self, path: str, key: str, **params: str) -> list[httpx.Response]:
        """Every page of a listing; `more` and `next` agree on each."""
        found = [self.ask(path, key, params=params)]
        while found[-1].json().get("more"):
            found.append(self.ask(path, key, params=params | {"next": found[-1].json()["next"]}))
        for page in found:
            body = page.json()
            assert page.status_code == 200, page.text
            assert ("next" in body) is body.get("more", False), body
        return found


@contextmanager
def serving(bench: Bench, *, console: bool = True) -> Iterator[Face]:
    """Puts a bench's node behind its application, at the bench's clock.

    Without the ``console``, whose 300 routes take a third of a second, where only what partners ask for matters.
    """
    given = {} if console else {"TITIAN_CONSOLE": "false"}
    logs = structlog.get_config()
    with ExitStack() as stack:
        opener = lambda home: open_node(home, clock=bench.clock, environment=given)  # noqa: E731
        stack.enter_context(patch("titian.web.app.open_node", opener))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app: Any = create_app(bench.node.home)
        client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
        try:
            with client:
                yield Face(client)
        finally:
            structlog.configure(**logs)


class Twin:
    """One of two nodes that have everything in common but what a partner may not see."""

    def __init__(self, home: Path, secrets: dict[str, str], *, hiding: bool) -> None:
        self.clock = Clock()
        self.bench = Bench(open_node(home, clock=self.clock, environment={}), self.clock)
        self.bench.secrets = secrets
        self.hiding = hiding


def story(seed: int) -> Callable[[Twin], list[str]]:
    """The same acts on both, and on one of them more besides that concern nobody but us and others."""
    random = Random(seed)
    shown = [malware(f"Shown {number}", tlp=random.choice([Tlp.GREEN, Tlp.AMBER])) for number in range(6)]
    somebody = made("identity", name="Xanadu Bureau", identity_class="organization", tlp=Tlp.RED)
    shown.append(malware("Of somebody", by=somebody["id"], tlp=Tlp.CLEAR))
    hidden: list[Object] = [somebody]
    hidden += [malware(f"Hidden {number}", tlp=random.choice([Tlp.RED, None])) for number in range(4)]
    hidden.append(ipv4("203.0.113.9", object_marking_refs=[TLP_IDS[Tlp.RED]]))
    ends = [*shown[:6], *hidden]
    # What a report reaches through a relationship is chosen with it: `test_store_gate.py` has that.
    inside = list(hidden)
    hidden += [link(*random.sample(ends, 2), tlp=Tlp.RED) for _ in range(5)]
    # These name what only one of the two holds, and may not be seen.
    links = [link(random.choice(shown), random.choice(hidden[1:5]), tlp=Tlp.GREEN) for _ in range(3)]
    reports = [
        report(f"Report {number}", *random.sample(shown, 3), *random.sample(inside, 3), *links[:number], tlp=Tlp.GREEN)
        for number in range(3)
    ]
    order = random.sample([*shown, *links, *reports], len(shown) + len(links) + len(reports))
    plan = [random.choice(["release", "release", "mark", "wait", "narrow"]) for _ in range(8)]
    seeds = [random.random() for _ in plan]

    def extra(twin: Twin, chance: Random) -> None:
        if not twin.hiding:
            return
        bench = twin.bench
        bench.mark(chance.choice(hidden[1:])["id"], tlp=chance.choice([Tlp.RED, Tlp.RED]), purposes=("trafficking",))
        bench.hold(malware("Ours alone"))
        bench.release(bench.hold(malware("For others", tlp=Tlp.GREEN))[0], to="ru")

    def tell(twin: Twin) -> list[str]:
        """Returns what came of each act that concerns the partner: that too is the same on both."""
        bench, came = twin.bench, []
        if twin.hiding:
            bench.hold(*hidden)
        bench.hold(*order)
        for step, of in zip(plan, seeds, strict=True):
            chance = Random(of)
            extra(twin, Random(of))
            some = [one["id"] for one in chance.sample(order, 3)]
            try:
                if step == "release":
                    bench.release(*some, to="jp")
                elif step == "mark":
                    known = [one for one in some if one.startswith("malware--") and one != shown[-1]["id"]]
                    if known:
                        bench.mark(*known, tlp=chance.choice([Tlp.GREEN, Tlp.AMBER, Tlp.RED]))
                elif step == "narrow":
                    bench.node.agreements.narrow("jp", BY, ceiling=Tlp.GREEN)
            except Refused as refused:
                came.append(refused.message)
            if step == "wait":
                twin.clock.now += DAY
                bench.node.withdraw.tick()
            came.append(step)
        return came

    tell.__dict__["asked"] = [one["id"] for one in (*order, *hidden)]
    return tell


def answers(face: Face, key: str, own: list[str], ids: list[str]) -> list[tuple[Any, ...]]:
    """Everything that a key may ask, and what it is told: status, headers, body, all cursors followed."""
    found: list[httpx.Response] = []

    def ask(path: str, method: str = "GET", **options: Any) -> httpx.Response:
        found.append(face.ask(path, key, method, **options))
        return found[-1]

    for path in ("/taxii2/", ROOT, f"{ROOT}collections/", f"{ROOT}status/{NOWHERE}/", f"{ROOT}nothing/"):
        ask(path)
    listed = face.collections(key)
    for one in [*(each["id"] for each in listed), *own, NOWHERE]:
        where = f"{ROOT}collections/{one}/"
        ask(where)
        for kind in ("objects/", "manifest/"):
            page = ask(f"{where}{kind}", params={"limit": "2", "match[version]": "all"})
            while page.status_code == 200 and page.json().get("more"):
                following = {"limit": "2", "match[version]": "all", "next": page.json()["next"]}
                page = ask(f"{where}{kind}", params=following)
            for params in (
                {}, {"match[type]": "report"}, {"added_after": "2026-09-22T00:00:00Z"}, {"limit": "0"},
                {"next": "x"}, {"match[version]": "first"}, {"match[id]": ",".join(ids)},
            ):  # fmt: skip
                ask(f"{where}{kind}", params=params)
        for identifier in ids:
            ask(f"{where}objects/{identifier}/")
            ask(f"{where}objects/{identifier}/versions/")
        ask(f"{where}objects/", "POST", headers={"Content-Type": MEDIA_TYPE}, content=envelope(PROBE))
        ask(f"{where}objects/{ids[0]}/", "DELETE")
    return [(one.status_code, sorted(one.headers.items()), _nameless(one)) for one in found]


def _nameless(answer: httpx.Response) -> bytes:
    """A body without the identifier that a status gets by chance."""
    return _STATUS_ID.sub(b"", answer.content) if answer.status_code == 202 else answer.content


def ledgers(face: Face, key: str) -> Iterator[tuple[Any, ...]]:
    """What a key may read of ledgers, but for what is random in them: salts, and the hashes over those."""
    listed = face.ask("/ledger/", key)
    for one in listed.json()["ledgers"]:
        signed = face.ask(f"/ledger/{one['id']}/checkpoint", key)
        opened = face.ask(f"/ledger/{one['id']}/opened", key).json()
        payloads = [(each["num"], base64.b64decode(each["payload"])) for each in opened["entries"]]
        yield one["agreement"], one["collection"], one["inbox"], signed.text.splitlines()[:2], payloads
    yield (listed.status_code, len(listed.json()["ledgers"]))


class Base(msgspec.Struct):
    """A node on which something was released to Japan once; twins are copies of it."""

    home: Path
    secrets: dict[str, str]
    own: list[str]

    @classmethod
    def of(cls, bench: Bench) -> Base:
        """Make it of a fresh bench, which is closed."""
        bench.agree("jp", JAPAN)
        bench.agree("ru", RUSSIA)
        bench.release(*bench.hold(malware("First", tlp=Tlp.GREEN)), to="jp")
        own = [one.collection.id for one in bench.node.collections.list() if one.collection.party != JAPAN]
        bench.close()
        return cls(bench.node.home, bench.secrets, own)


class Told(msgspec.Struct):
    """What a twin's partner is told, in the ledgers too, and what came of each act that concerns the partner."""

    answers: list[tuple[Any, ...]]
    ledgers: list[tuple[Any, ...]]
    came: list[str]


def told(base: Base, folder: Path, seed: int) -> tuple[Told, Told]:
    """What the partner of each of two twins is told: of one that hides nothing from it, and of one that does."""
    tell = story(seed)
    both = []
    for hiding in (False, True):
        home = Path(shutil.copytree(base.home, folder / f"twin{hiding}"))
        twin = Twin(home, base.secrets, hiding=hiding)
        came = tell(twin)
        with serving(twin.bench) as face:
            key = base.secrets["japan"]
            found = answers(face, key, base.own, tell.__dict__["asked"])
            both.append(Told(found, list(ledgers(face, key)), came))
        twin.bench.close()
        shutil.rmtree(home)
    return both[0], both[1]
