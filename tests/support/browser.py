"""A real browser at a served node: Chromium, people who are signed in, what a page did that it must not, and axe."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from html.parser import HTMLParser
from importlib import resources, util
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from support.console import CHEAP, PASSWORD
from support.nodes import Node as Served
from support.nodes import WarmCli, environment, executable
from titian.cli.demo_story import REPORTS, identifiers, public_parties
from titian.core.access import Role
from titian.core.collection import Kind
from titian.core.login import Start
from titian.core.people import Actor, Duty, Session, acting_as, local_operator
from titian.core.recall import Policy
from titian.core.stix import observable_id
from titian.core.subscription import DAY, Terms
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.agree import By
from titian.exchange.public_agreements import public_agreements
from titian.node import Node, open_node
from titian.setup import init_node
from titian.store.people import People

REQUIRED: Final = "TITIAN_REQUIRE_BROWSER"
"""Where this is 1, as in CI, a missing browser is a failure and no reason to skip."""
COOKIE: Final = "titian-session"
WAIT: Final = 10_000
"""Milliseconds that anything on a page may take to appear."""
WCAG: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""The rules of axe-core that hold on every page: WCAG 2.2 AA, and what axe calls good practice."""
NARROW: Final = {"width": 360, "height": 740}
WIDE: Final = {"width": 1280, "height": 900}
MADE: Final = "made.json"
_NOT_ASKED: Final = f"; set {REQUIRED}=1 to have this fail"


def missing() -> str:
    """Why no browser can be driven here; empty when one can."""
    if util.find_spec("playwright") is None:
        return "the package playwright is not installed"
    if util.find_spec("axe_playwright_python") is None:
        return "the package axe-playwright-python is not installed"
    if shutil.which("chromium") is None:
        return "there is no `chromium` on the PATH (Debian: apt-get install chromium)"
    return ""


def need_browser() -> None:
    """Skip the tests of a file where there is no browser, or fail where one was promised."""
    if why := missing():
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED}=1, but {why}", pytrace=False)
        pytest.skip(f"no browser: {why}{_NOT_ASKED}", allow_module_level=True)


@contextmanager
def chromium(*more: str) -> Iterator[Any]:
    """Debian's Chromium, headless: a ``playwright.sync_api.Browser``. Open it for one file's tests, not for the
    session: while it is open, nothing else in this process can run an event loop.
    """
    need_browser()
    from playwright.sync_api import sync_playwright

    options = ["--disable-gpu", "--disable-dev-shm-usage", *more]
    if os.geteuid() == 0:
        options.append("--no-sandbox")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), headless=True, args=options)
        try:
            yield browser
        finally:
            browser.close()


# What a page did that it must not


class Watched:
    """What was amiss in a browser context: errors in its console, requests to anybody else, dialogs, broken rules."""

    def __init__(self, url: str) -> None:
        self.origin = url.rstrip("/")
        self.wrong: list[str] = []
        self.ran: list[str] = []
        self.asked: list[str] = []

    def attach(self, context: Any) -> None:
        """Watch a context from its first page on."""
        context.set_default_timeout(WAIT)
        context.route(lambda address: not self._ours(address), self._refuse)
        context.on("request", lambda request: self.asked.append(request.url))
        context.on("page", self._watch)
        context.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('policy broken: ' + e.violatedDirective"
            " + ' ' + e.blockedURI + ' ' + e.sourceFile + ':' + e.lineNumber + ' ' + e.sample))"
        )

    def _ours(self, address: str) -> bool:
        return address.startswith((self.origin + "/", "data:", "blob:" + self.origin))

    def _refuse(self, route: Any) -> None:
        self.wrong.append(f"asked somebody else: {route.request.url}")
        route.abort()

    def _watch(self, page: Any) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on("dialog", self._dialog)

    def _said(self, message: Any) -> None:
        # The browser itself reports each answer of 4xx; that a page answers so is for the test to judge.
        if message.type == "error" and "Failed to load resource: the server responded" not in message.text:
            self.wrong.append(f"{message.location.get('url', '')}: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        if dialog.type != "beforeunload":
            self.ran.append(dialog.message)
        dialog.accept()

    def quiet(self) -> None:
        """Nothing was amiss since the last look."""
        wrong, self.wrong = self.wrong, []
        assert wrong == [], wrong
        assert self.ran == [], self.ran


class Person:
    """Somebody at a browser of their own: ``page`` is what is before them."""

    def __init__(self, context: Any, watched: Watched) -> None:
        self.context = context
        self.watched = watched
        self.page = context.new_page()

    def go(self, path: str, status: int = 200) -> Any:
        """Open a path of the node; the page."""
        answer = self.page.goto(self.watched.origin + path, wait_until="load")
        assert answer is not None
        assert answer.status == status, (path, answer.status, self.page.inner_text("body")[:1000])
        return self.page

    def main(self) -> str:
        """The words of the page's content."""
        return str(self.page.inner_text("#main"))

    def close(self) -> None:
        self.context.close()


@contextmanager
def person(browser: Any, url: str, token: str = "", *, language: str = "en", **options: Any) -> Iterator[Person]:
    """A browser context for one person, signed in with ``token``; afterwards nothing may have been amiss."""
    context = browser.new_context(
        locale=language, extra_http_headers={"accept-language": language},
        **({"viewport": WIDE, "timezone_id": "Asia/Jakarta"} | options),
    )  # fmt: skip
    watched = Watched(url)
    watched.attach(context)
    if token:
        context.add_cookies([{"name": COOKIE, "value": token, "url": watched.origin, "sameSite": "Strict"}])
    somebody = Person(context, watched)
    try:
        yield somebody
        watched.quiet()
    finally:
        somebody.close()


# What axe-core finds


@cache
def _axe_source() -> str:
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def axe(page: Any, *rules: str) -> list[str]:
    """What axe-core finds wrong on a page: empty. ``rules`` are only those, where given."""
    if not page.evaluate("() => typeof window.axe === 'object'"):
        # Through the debugger, which no policy of the page's binds; a script element would be refused.
        page.evaluate(_axe_source() + ";0")
    wanted = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": list(WCAG)}
    found = page.evaluate(
        "wanted => axe.run(document, {runOnly: wanted, resultTypes: ['violations']}).then(r => r.violations)", wanted
    )
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')[-220:]}"
        for one in found
        for node in one["nodes"][:3]
    ]


def is_wider(page: Any) -> str:
    """What is wider than the window, so that the whole page scrolls sideways; empty if nothing is."""
    return str(
        page.evaluate(
            """() => {
        const root = document.documentElement;
        if (root.scrollWidth <= root.clientWidth) return "";
        const wide = [...document.querySelectorAll("body *")].filter(e => {
            for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
                if (/auto|scroll|hidden|clip/.test(getComputedStyle(p).overflowX)) return false;
            return e.getBoundingClientRect().right > root.clientWidth + 1;
        });
        const e = wide[wide.length - 1] || root;
        return `${root.scrollWidth} > ${root.clientWidth}: ${e.outerHTML.slice(0, 300)}`;
    }"""
        )
    )


# Served nodes


@contextmanager
def served(home: Path, cli: WarmCli, *options: str, port: int = 0) -> Iterator[Served]:
    """`titian serve` on a home, in a process of its own."""
    node = Served(home, cli)
    node.serve(*options, port=port)
    try:
        yield node
    finally:
        node.stop()


def client(url: str, token: str = "", **headers: str) -> httpx.Client:
    """Somebody at the same node without a browser."""
    cookies = {COOKIE: token} if token else None
    return httpx.Client(base_url=url, cookies=cookies, headers={"accept-language": "en", **headers}, timeout=30)


def add_people(home: Path, people: Mapping[str, Duty]) -> None:
    """Add people to a node that is not running; each has the tests' password."""
    with open_node(home, environment={}) as node:
        known = People(node.store, cost=CHEAP)
        for name, duty in people.items():
            first = next((one for one in known.list() if one.duty is Duty.ADMINISTRATOR), None)
            by = local_operator("tester") if first is None else acting_as(first)
            known.add(name, duty, by=by, password=PASSWORD)


def session(home: Path, name: str, password: str = PASSWORD) -> str:
    """Sign somebody in; the value of the cookie."""
    with open_node(home, environment={}) as node:
        reached = People(node.store, cost=CHEAP).password(Start().named(name), password)
        assert isinstance(reached, Session), reached
        return reached.token


# The demonstration's nodes


class Demo(msgspec.Struct, frozen=True):
    """The nodes that `titian demo` leaves: their homes by alias, sessions of the first one's people by name, what it
    printed, and identifiers of what the first node wrote itself."""

    homes: dict[str, str]
    sessions: dict[str, str]
    told: dict[str, Any]
    written: list[str]

    @property
    def home(self) -> Path:
        """The first node's home."""
        return Path(self.homes["bnpt"])

    @property
    def report(self) -> str:
        """The identifier of the report that the demonstration writes."""
        return self.own("report")

    def own(self, kind: str) -> str:
        """The identifier of an object of a type that the first node wrote itself."""
        return next(one for one in self.written if one.startswith(kind + "--"))


PEOPLE: Final = {"administrator-one": Duty.ADMINISTRATOR, "auditor-one": Duty.AUDITOR}
"""Who joins the two people of the demonstration, so that each duty has somebody."""


def make_demo(folder: Path) -> Demo:
    """Run `titian demo --once` into a new folder, and add one person for each duty it lacks."""
    command = [*executable(), "demo", "--once", "--json", "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    home = Path(told["nodes"]["bnpt"])
    add_people(home, PEOPLE)
    sessions = told["sessions"] | {name: session(home, name) for name in PEOPLE}
    with open_node(home, environment={}) as node:
        written = identifiers(node.exchange.objects(node.collections.find(REPORTS)))
    made = Demo(told["nodes"], sessions, told, written)
    (folder / MADE).write_bytes(msgspec.json.encode(made))
    return made


def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A copy of the demonstration's nodes for one file's tests; it is run once for all of them."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / "demo-nodes"
    with (shared / "demo-nodes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / MADE).exists():
            make_demo(folder)
    copied = tmp_path_factory.mktemp("demo") / "nodes"
    shutil.copytree(folder, copied)
    made = msgspec.json.decode((copied / MADE).read_bytes(), type=Demo)
    return msgspec.structs.replace(made, homes={one: str(copied / Path(home).name) for one, home in made.homes.items()})


# Two parties of an agreement that ships with Titian

OWN: Final = "bnpt"
PARTNER: Final = "mofa-japan"
UNDER: Final = "indonesia-japan-terrorism"
BESIDES: Final = "indonesia-russia-consultation"
CLERK: Final = Actor("set-up", "clerk", Duty.ANALYST)
SECOND: Final = Actor("set-up-two", "second clerk", Duty.RELEASER)


def make_party(home: Path, alias: str, *agreements: str) -> None:
    """Set up the node of a party, with agreements that it is in."""
    who = public_parties()[alias]
    init_node(home, name=who.name, country=who.country or "ID", identity=who.id)
    with open_node(home, environment={}) as node:
        for one in agreements:
            node.agreements.add(public_agreements()[one].encode(), By(person=CLERK.id, why="as agreed"))


def old_news() -> dict[str, Any]:
    """Something for everybody."""
    value = "old-news.example"
    return {
        "type": "domain-name", "spec_version": "2.1", "id": observable_id("domain-name", {"value": value}),
        "value": value, "object_marking_refs": [TLP_IDS[Tlp.CLEAR]],
    }  # fmt: skip


def release(node: Node, *objects: dict[str, Any]) -> tuple[str, str]:
    """Hold objects and release them to the partner; the collection that it is served, and its key."""
    into = node.collections.add("Reports")
    report = node.exchange.hold([msgspec.json.encode(one) for one in objects], into, source="set-up")
    assert report.rejected == [], report.rejected
    asked = node.release.request(CLERK, [one["id"] for one in objects], UNDER, parties=[PARTNER])
    node.release.approve(SECOND, asked.request.id)
    party = node.agreements.read().party(PARTNER).id
    _, key = node.keys.add(PARTNER, Role.READER, party=party)
    every = (one.collection for one in node.collections.list())
    return next(one.id for one in every if one.kind is Kind.RELEASED and one.party == party), key


def subscribe(node: Node, url: str, collection: str, key: str) -> None:
    """Have the partner's node subscribe to that. It pulls once by itself, and then when somebody asks it to."""
    register = node.agreements.read()
    terms = Terms(
        url=url, remote=collection, title="", agreement=register.agreement(UNDER).id, party="", every=DAY,
        on_recall=Policy.KEEP,
    )  # fmt: skip
    node.subscribe.subscribe(CLERK, terms, key, register.directory, node.collections.receiving)


# Every screen, found by following links


class _Links(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href") and "download" not in given:
            self.found.append(str(given["href"]))


_NUMBERED: Final = re.compile(r"^(?:\d+|(?:[a-z0-9-]+--)?[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|[A-Za-z0-9_-]{22,})$")


def screen_of(path: str) -> str:
    """Which screen an address shows, whatever object it is about, and whatever is asked for besides.

    >>> screen_of("/objects/malware--31b940d4-6f7f-459a-80ea-9c1f17b58abc/raw?version=3")
    '/objects/:one/raw'
    """
    return "/".join(":one" if _NUMBERED.match(step) else step for step in urlsplit(path).path.split("/"))


def links(answer: httpx.Response) -> list[str]:
    """The addresses on this node that a page links to."""
    found = []
    for link in _Links(answer.text).found:
        parts = urlsplit(str(answer.url.join(link.strip())))
        if parts.netloc == answer.url.netloc.decode() and not parts.path.startswith("/static/"):
            found.append(parts.path + (f"?{parts.query}" if parts.query else ""))
    return found


class Screens(msgspec.Struct):
    """What somebody reached by following links: an address for each screen, and the addresses that were dead."""

    found: dict[str, str] = {}
    dead: list[str] = []


def screens(reader: httpx.Client, *starts: str, most: int = 150) -> Screens:
    """Follow links from those addresses and the start page on, to one address of each screen."""
    waiting, seen, made = [*((one, "") for one in starts), ("/", "")], set[str](), Screens()
    while waiting and len(seen) < most:
        path, came_from = waiting.pop(0)
        screen = screen_of(path)
        if screen in seen:
            continue
        seen.add(screen)
        answer = reader.get(path, follow_redirects=False)
        if answer.status_code >= 400:
            made.dead.append(f"{path} on {came_from}: {answer.status_code}")
        elif answer.status_code == 200 and answer.headers.get("content-type", "").startswith("text/html"):
            made.found[screen] = path
            waiting += [(one, path) for one in links(answer)]
    return made
