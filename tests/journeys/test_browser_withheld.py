"""What nobody may see is not to be seen, and what somebody wrote into an object does nothing but stand there."""

from __future__ import annotations

import itertools
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from support.browser import (
    CLERK,
    COOKIE,
    OWN,
    PARTNER,
    SECOND,
    UNDER,
    Person,
    Watched,
    add_people,
    chromium,
    client,
    make_party,
    need_browser,
    person,
    release,
    screens,
    served,
    session,
    subscribe,
)
from support.nodes import Node as Served
from support.nodes import WarmCli
from support.stix import Object, identity, indicator, malware, relationship, sdo
from titian.core.people import Duty
from titian.core.tlp import TLP_IDS, Tlp
from titian.node import Node, open_node
from titian.web.console.render import POLICY

need_browser()

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TAXII = "application/taxii+json;version=2.1"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


# ── a withheld object ─────────────────────────────────────────────────────────────────────────────────────

WORD = "quartzfalcon"
"""Stands in everything that is withheld, and nowhere else."""


class Secret:
    """An agency that has released one malware to Japan and holds more about it, Japan's key, and Japan's own node."""

    def __init__(self, ours: Served, theirs: Served, collection: str, key: str, shown: Object) -> None:
        self.ours = ours
        self.theirs = theirs
        self.collection = collection
        self.key = key
        self.shown = shown
        red = [TLP_IDS[Tlp.RED]]
        tool = sdo("tool", name=f"{WORD} tool", aliases=["winter wolf"], object_marking_refs=red)
        note = sdo("note", abstract=f"{WORD} note", content=f"Our source {WORD} sits beside winter wolf.",
                   object_refs=[self.shown["id"], tool["id"]], object_marking_refs=red)  # fmt: skip
        other = indicator(name=f"winter wolf {WORD}", pattern=f"[domain-name:value = '{WORD}.example']",
                          object_marking_refs=red)  # fmt: skip
        seen = sdo("sighting", sighting_of_ref=self.shown["id"], count=7, description=WORD, object_marking_refs=red)
        links = [relationship(self.shown, tool, "uses", description=WORD, object_marking_refs=red),
                 relationship(other, self.shown, object_marking_refs=red)]  # fmt: skip
        self.withheld: list[Object] = [tool, note, other, seen, *links]

    def hold(self) -> None:
        """Hold the secret things, while the node serves, and wait until those who may see them find them."""
        with open_node(self.ours.home, environment={}) as node:
            report = node.exchange.hold(
                [msgspec.json.encode(one) for one in self.withheld], node.collections.find("Reports"), source="test"
            )
            assert report.rejected == [], report.rejected
        with client(self.ours.url, session(self.ours.home, "analyst-one")) as analyst:
            until = time.monotonic() + 20
            while analyst.get("/api/v1/find", params={"q": WORD}).json()["items"] == []:
                assert time.monotonic() < until, "it is not found by those who may see it either"
                time.sleep(0.2)

    @property
    def tells(self) -> list[str]:
        """What must stand in no answer: the word, and the identifiers."""
        return [WORD, *(one["id"] for one in self.withheld)]


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory, cli: WarmCli) -> Iterator[Secret]:
    folder = tmp_path_factory.mktemp("withheld")
    ours, theirs = folder / OWN, folder / PARTNER
    make_party(ours, OWN, UNDER)
    make_party(theirs, PARTNER, UNDER)
    shown = malware(name="winter wolf", object_marking_refs=[TLP_IDS[Tlp.GREEN]])
    with open_node(ours, environment={}) as node:
        collection, key = release(node, shown)
    add_people(ours, {"administrator-one": Duty.ADMINISTRATOR, "analyst-one": Duty.ANALYST})
    with ExitStack() as stack:
        first = stack.enter_context(served(ours, cli))
        with open_node(theirs, environment={}) as node:
            subscribe(node, first.url, collection, key)
        add_people(theirs, {"administrator-two": Duty.ADMINISTRATOR, "analyst-two": Duty.ANALYST})
        yield Secret(first, stack.enter_context(served(theirs, cli)), collection, key, shown)


def _asked(made: Secret, reader: httpx.Client, about: list[str]) -> dict[str, tuple[int, str]]:
    """What a key is answered on every route of the API and of TAXII that reads, about everything that could be asked
    for.
    """
    stranger = f"tool--{uuid.UUID(int=4, version=4)}"
    paths = []
    described = reader.get("/api/v1/openapi.json").json()
    for path, acts in described["paths"].items():
        if "get" not in acts or path.endswith("/live"):
            continue
        names = re.findall(r"{(\w+)}", path)
        values = [made.collection, *about] if names else [""]
        for value in dict.fromkeys([*values, stranger] if names else values):
            filled = path
            for one in names:
                filled = filled.replace(f"{{{one}}}", quote(value) if one == names[0] else "0")
            paths.append(filled)
    words = ("winter wolf", "wolf", WORD, f"type:note {WORD}", "type:tool", "type:sighting", "tlp:red", f'"{WORD}"',
             f"{WORD}.example", "", *about)  # fmt: skip
    paths += [f"/api/v1/find?q={quote(one)}" for one in words]
    paths += [f"/api/v1/find?q={quote(one)}&versions=true&limit=1" for one in words]
    paths += [f"/api/v1/sightings?of={one}" for one in about]
    paths += [f"/api/v1/objects/{one}/neighbours?depth=2" for one in about]
    root = f"/taxii2/api/collections/{made.collection}"
    paths += ["/taxii2/", "/taxii2/api/", "/taxii2/api/collections/", root + "/"]
    paths += [f"{root}/{what}/" for what in ("objects", "manifest")]
    paths += [f"{root}/{what}/?match%5Btype%5D={kind}" for what in ("objects", "manifest")
              for kind in ("tool", "note", "sighting", "relationship", "malware")]  # fmt: skip
    paths += [f"{root}/objects/?match%5Bid%5D={one}&match%5Bversion%5D=all" for one in about]
    paths += [f"{root}/objects/{one}/{what}" for one in about for what in ("", "versions/")]
    return {path: _said(reader, path) for path in paths}


def _said(reader: httpx.Client, path: str) -> tuple[int, str]:
    accept = TAXII if path.startswith("/taxii2") else "application/json"
    answer = reader.get(path, headers={"accept": accept})
    # What is of the moment and not of the content: when it was asked, how long ago something was.
    text = re.sub(r'"(?:now|at|seen|asked|instance|lag|age|uptime)": ?[^,}]*', "", answer.text)
    return answer.status_code, text


@pytest.fixture(scope="module")
def answers(secret: Secret) -> tuple[dict[str, tuple[int, str]], dict[str, tuple[int, str]]]:
    """What Japan's key was answered before the secret things were there, and after."""
    ids = [secret.shown["id"], *(one["id"] for one in secret.withheld)]
    with client(secret.ours.url, authorization=f"Bearer {secret.key}") as reader:
        before = _asked(secret, reader, ids)
        secret.hold()
        after = _asked(secret, reader, ids)
    return before, after


def test_a_partner_is_answered_as_if_it_were_not_there(
    answers: tuple[dict[str, tuple[int, str]], dict[str, tuple[int, str]]],
) -> None:
    """Counts, pages, graphs, searches and errors: every answer is the same as before it was held (law 1)."""
    before, after = answers
    assert {path: (before[path], said) for path, said in after.items() if said != before[path]} == {}
    assert sum(status == 200 for status, _ in after.values()) > 20
    assert not [path for path, (status, _) in after.items() if status >= 500]


def test_asking_for_it_by_name_is_asking_for_nothing(secret: Secret, answers: object) -> None:
    """Its identifier gets the answer that any identifier gets."""
    wrong = []
    with client(secret.ours.url, authorization=f"Bearer {secret.key}") as reader:
        for one in secret.withheld:
            absent = f"{one['type']}--{uuid.UUID(int=99, version=4)}"
            for form in (
                "/api/v1/objects/{}", "/api/v1/objects/{}/raw", "/api/v1/objects/{}/versions",
                "/api/v1/objects/{}/neighbours", "/api/v1/objects/{}/timeline", "/api/v1/find?q={}",
                "/api/v1/find?q=party:{}", "/api/v1/find?party={}", "/api/v1/sightings?of={}", "/api/v1/inbox/{}",
                f"/taxii2/api/collections/{secret.collection}/objects/{{}}/",
                f"/taxii2/api/collections/{secret.collection}/objects/{{}}/versions/",
                f"/taxii2/api/collections/{secret.collection}/objects/?match%5Bid%5D={{}}",
            ):  # fmt: skip
                held, not_held = _said(reader, form.format(one["id"])), _said(reader, form.format(absent))
                if (held[0], held[1].replace(one["id"], "ID")) != (not_held[0], not_held[1].replace(absent, "ID")):
                    wrong.append((form, held, not_held))
                if WORD in held[1]:
                    wrong.append((form, held[1]))
    assert wrong == []


def test_a_partner_s_key_opens_no_page(browser: Any, secret: Secret, answers: object) -> None:
    """A browser with the key in its requests, or in the place of a session, is asked to sign in: on every screen."""
    with client(secret.ours.url, session(secret.ours.home, "analyst-one")) as analyst:
        found = screens(analyst, *(f"/objects/{one['id']}" for one in secret.withheld)).found
        more = [f"/objects/{one['id']}/graph.json" for one in secret.withheld]
    bearer = {"extra_http_headers": {"authorization": f"Bearer {secret.key}"}}
    for options, token in ((bearer, ""), ({}, secret.key)):
        with browser.new_context(**options) as context:
            if token:
                context.add_cookies([{"name": COOKIE, "value": token, "url": secret.ours.url}])
            page = context.new_page()
            for path in [*found.values(), *more]:
                page.goto(secret.ours.url + path)
                text = page.content()
                assert WORD not in text, path
                assert "/sign-in" in page.url or path == "/help", path


def test_no_screen_of_the_partner_s_node_has_it(browser: Any, secret: Secret, answers: object) -> None:
    """Japan's own analyst, at Japan's node, which has subscribed to what is released."""
    token = session(secret.theirs.home, "analyst-two")
    with client(secret.theirs.url, token) as reader:
        found = screens(reader, f"/objects/{secret.shown['id']}", "/find?q=winter+wolf", f"/find?q={WORD}").found
    with person(browser, secret.theirs.url, token) as analyst:
        for path in found.values():
            page = analyst.go(path)
            text = page.evaluate("() => document.documentElement.outerHTML")
            assert [one for one in secret.tells if one in text and one not in path and one != WORD] == [], path
            assert text.count(WORD) <= (20 if WORD in path else 0), path
        analyst.go("/find?q=winter+wolf")
        assert "winter wolf" in analyst.main()


# ── what somebody wrote into objects ──────────────────────────────────────────────────────────────────────

_number = itertools.count(1)
KINDS: tuple[Callable[[int], str], ...] = (
    lambda n: f"<script>ran({n})</script>",
    lambda n: f"\"><img src=x{n} onerror=\"ran({n})\">",
    lambda n: f"'><svg/onload=ran({n})>",
    lambda n: f"javascript:ran({n})//",
    lambda n: f"</title></textarea></script></style></template><script>ran({n})</script>",
    lambda n: f"' autofocus onfocus='ran({n})' x='",
    lambda n: f"{{{{ ran({n}) }}}} ${{ran({n})}} {{% include 'x' %}}",
    lambda n: f"<a href=\"javascript:ran({n})\">click</a><iframe srcdoc='<script>parent.ran({n})</script>'></iframe>",
    lambda n: f"<link rel=stylesheet href=//elsewhere.example/{n}.css><img src=//elsewhere.example/{n}.png>",
    lambda n: f"<button hx-get='//elsewhere.example/{n}' hx-trigger=load>x</button><form action=//elsewhere.example>",
)  # fmt: skip


def hostile() -> str:
    """A text that would do something, were it taken for markup, script or a template; each in its turn."""
    number = next(_number)
    return KINDS[number % len(KINDS)](number)


def hostile_objects() -> list[Object]:
    """Objects of many types, each text of which is hostile."""
    clear = [TLP_IDS[Tlp.CLEAR]]

    def about() -> Object:
        return {
            "name": hostile(), "description": hostile(), "labels": [hostile(), hostile()], "lang": "en",
            "object_marking_refs": clear, "x_note": hostile(), "x_deep": {hostile(): [hostile(), {"a": hostile()}]},
            "external_references": [
                {"source_name": hostile(), "description": hostile(), "external_id": hostile(),
                 "url": f"javascript:ran({next(_number)})"},
                {"source_name": hostile(), "url": f"data:text/html,<script>ran({next(_number)})</script>"},
                {"source_name": hostile(), "url": "https://elsewhere.example/\"onmouseover=\"ran(0)"},
            ],
        }  # fmt: skip

    actor = sdo("threat-actor", **about(), aliases=[hostile(), hostile()], roles=[hostile()], goals=[hostile()])
    made = [
        actor,
        malware(**about(), aliases=[hostile()], malware_types=[hostile()]),
        sdo("tool", **about(), aliases=[hostile()], tool_version=hostile()),
        sdo("campaign", **about(), objective=hostile(), aliases=[hostile()]),
        sdo("attack-pattern", **about(), kill_chain_phases=[{"kill_chain_name": hostile(), "phase_name": hostile()}]),
        identity(**about(), contact_information=hostile(), sectors=[hostile()], roles=[hostile()]),
        sdo("location", **about(), country="ID", city=hostile(), street_address=hostile(), postal_code=hostile()),
        sdo("incident", **about()),
        indicator(**about(), pattern=f"[domain-name:value = '{hostile().replace(chr(39), '')}']"),
        sdo("opinion", explanation=hostile(), authors=[hostile()], opinion="agree", object_refs=[actor["id"]],
            object_marking_refs=clear),
        sdo("note", abstract=hostile(), content=hostile(), authors=[hostile()], object_refs=[actor["id"]],
            object_marking_refs=clear),
        sdo("language-content", object_ref=actor["id"], object_modified=actor["modified"], object_marking_refs=clear,
            contents={"id": {"name": hostile(), "description": hostile()}}),
        {"type": "marking-definition", "spec_version": "2.1",
         "id": f"marking-definition--{uuid.UUID(int=5, version=4)}",
         "created": actor["created"], "definition_type": "statement", "name": hostile(),
         "definition": {"statement": hostile()}},
    ]  # fmt: skip
    made.append(sdo("tool", name=hostile(), object_marking_refs=[*clear, made[-1]["id"]], created_by_ref=made[5]["id"]))
    made += [relationship(actor, one, "related-to", description=hostile(), object_marking_refs=clear)
             for one in made[1:9]]  # fmt: skip
    made.append(sdo("sighting", sighting_of_ref=actor["id"], description=hostile(), summary=False, count=3,
                    object_marking_refs=clear))  # fmt: skip
    made.append(sdo("report", **about(), published=actor["created"], report_types=[hostile()],
                    object_refs=[one["id"] for one in made]))  # fmt: skip
    made.append(actor | {"modified": "2024-02-01T00:00:00.000Z", "name": hostile(), "description": hostile()})
    return made


LOOKS = "p\u0430ypal\u202egnp.exe"
"""With a Cyrillic letter that looks like a Latin one, and an override that turns what follows about."""


class Filled:
    """A node that is full of hostile objects, with the sessions of its people."""

    def __init__(self, node: Served, sessions: dict[str, str], ids: list[str], looks: str) -> None:
        self.node = node
        self.sessions = sessions
        self.ids = ids
        self.looks = looks


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, cli: WarmCli) -> Iterator[Filled]:
    home = tmp_path_factory.mktemp("hostile") / OWN
    make_party(home, OWN, UNDER)
    objects = hostile_objects()
    looks = malware(name=LOOKS, aliases=["zero\u200bwidth"], object_marking_refs=[TLP_IDS[Tlp.CLEAR]])
    with open_node(home, environment={}) as node:
        _fill(node, [*objects, looks])
    people = {"administrator-one": Duty.ADMINISTRATOR, "analyst-one": Duty.ANALYST, "releaser-one": Duty.RELEASER}
    add_people(home, people)
    sessions = {name: session(home, name) for name in people}
    with served(home, cli) as running:
        yield Filled(running, sessions, list(dict.fromkeys(one["id"] for one in objects)), looks["id"])


def _fill(node: Node, objects: list[Object]) -> None:
    into = node.collections.add("Reports", description=hostile())
    report = node.exchange.hold([msgspec.json.encode(one) for one in objects], into, source=hostile())
    assert report.rejected == []
    refs = [one["id"] for one in objects if one["type"] != "marking-definition"]
    asked = node.release.request(CLERK, refs, UNDER, parties=[PARTNER], reason=hostile())
    node.release.approve(SECOND, asked.request.id, hostile())
    node.release.request(CLERK, refs[:1], UNDER, parties=[PARTNER], reason=hostile())
    node.sight.sight(CLERK, [refs[0]], count=2)


def _calm(somebody: Person) -> None:
    """Nothing ran, nothing was asked of anybody else, no policy stopped anything: there was nothing to be stopped."""
    page = somebody.page
    assert page.evaluate("() => window.ran_") == [], page.url
    somebody.watched.quiet()
    links = page.evaluate(
        "() => [...document.querySelectorAll('[href],[src],[action],[formaction],[hx-get],[hx-post],[srcdoc]')]"
        ".map(e => [...e.attributes].filter(a => /^(href|src|action|formaction|hx-get|hx-post|srcdoc)$/.test(a.name))"
        ".map(a => a.value)).flat()"
    )
    wrong = [one for one in links if re.match(r"\s*(javascript|data:text|vbscript)", one, re.IGNORECASE)]
    assert wrong == [], (page.url, wrong)
    handlers = page.evaluate(
        "() => [...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => /^on/i.test(a.name)))"
        ".map(e => e.outerHTML.slice(0, 200))"
    )
    assert handlers == [], page.url
    assert page.locator("iframe, object, embed, base").count() == 0, page.url


@pytest.mark.parametrize(
    "body",
    [
        "<img src=data:, onerror=ran(1)>", "<script>ran(1)</script>", "<a href='javascript:ran(1)'>x</a>",
        "<img src=//elsewhere.example/x.png>", "<iframe srcdoc=x></iframe>", "<p onclick=ran(1)>x</p>",
        "<p style='color: red'>x</p>",
    ],
)  # fmt: skip
def test_the_watch_would_notice(browser: Any, filled: Filled, body: str) -> None:
    """A page on which a text was taken for markup, under the policy of our pages, is not calm."""
    somebody = Person(browser.new_context(), Watched(filled.node.url))
    try:
        somebody.watched.attach(somebody.context)
        somebody.page = somebody.context.new_page()
        somebody.context.add_init_script("window.ran_ = []; window.ran = n => window.ran_.push(n)")
        headers = {"content-type": "text/html", "content-security-policy": POLICY}
        somebody.page.route("**/help", lambda route: route.fulfill(status=200, headers=headers, body=body))
        somebody.go("/help")
        somebody.page.wait_for_timeout(100)
        with pytest.raises(AssertionError):
            _calm(somebody)
    finally:
        somebody.close()


def test_hostile_texts_do_nothing_on_any_screen(browser: Any, filled: Filled) -> None:
    starts = [f"/objects/{one}" for one in filled.ids]
    seen = set[str]()
    for name, token in filled.sessions.items():
        with client(filled.node.url, token) as reader:
            found = screens(reader, *starts, "/find?q=ran", "/release?show=decided").found
        new = {path for screen, path in found.items() if screen not in seen}
        seen |= {*found}
        with person(browser, filled.node.url, token) as somebody:
            somebody.context.add_init_script("window.ran_ = []; window.ran = n => window.ran_.push(n)")
            for path in sorted({*new, *(starts if name == "analyst-one" else ())}):
                page = somebody.go(path)
                page.evaluate("() => document.querySelectorAll('details').forEach(e => { e.open = true })")
                if page.locator("[data-graph]").count():
                    page.locator('[data-graph][data-state="ready"]').wait_for()
                    page.focus("canvas")
                    for key in ("ArrowDown", "ArrowRight", "p", "ArrowRight", "p", "e"):
                        page.keyboard.press(key)
                _calm(somebody)


def test_hostile_texts_do_nothing_in_what_is_sent(browser: Any, filled: Filled) -> None:
    """In the box, in addresses, in forms that come back with an error, and in a preview."""
    with person(browser, filled.node.url, filled.sessions["analyst-one"]) as somebody:
        somebody.context.add_init_script("window.ran_ = []; window.ran = n => window.ran_.push(n)")
        for make in KINDS:
            text = make(next(_number))
            for form in ("/find?q={}", "/release?show={}&made={}&failed={}", "/write/report?about={}",
                         "/release/new?what={}&to={}", "/inbox?code={}&party={}", "/recalls/new?what={}",
                         "/find?type={}&tlp={}&after={}", "/admin/acts?who={}", "/objects/{}"):  # fmt: skip
                somebody.page.goto(filled.node.url + form.replace("{}", quote(text, safe="")))
                _calm(somebody)
        page = somebody.go("/write/report")
        page.fill("[name=title]", "<script>ran(1)</script>")
        page.fill("[name=description]", "</textarea><script>ran(2)</script>")
        page.fill(
            "[name=pasted]", "</textarea><img src=x onerror=ran(3)> hxxp://evil[.]example/<script>ran(4)</script>"
        )
        page.get_by_role("button", name="Look for indicators").click()
        page.locator("[name=save]").wait_for()
        assert page.input_value("[name=description]") == "</textarea><script>ran(2)</script>"
        _calm(somebody)
        page = somebody.go("/release/new")
        page.fill("[name=what]", "\n".join(one for one in filled.ids if not one.startswith("marking")))
        page.locator("[name=to]").first.check()
        page.get_by_role("button", name="See what each party sees").click()
        page.locator(".preview section.card").wait_for()
        page.evaluate("() => document.querySelectorAll('details').forEach(e => { e.open = true })")
        _calm(somebody)


def test_what_is_served_to_machines_is_no_page(filled: Filled) -> None:
    """Where an object's text is sent as it is, the browser is told that it is no markup."""
    with client(filled.node.url, filled.sessions["analyst-one"], accept="text/html") as reader:
        for one in filled.ids[:3]:
            for path in (f"/api/v1/objects/{one}", f"/api/v1/objects/{one}/raw", f"/objects/{one}/graph.json",
                         f"/objects/{one}/download"):  # fmt: skip
                answer = reader.get(path)
                assert answer.status_code == 200, (path, answer.text[:300])
                assert "html" not in answer.headers["content-type"], path
                assert answer.headers["x-content-type-options"] == "nosniff", path


def test_texts_that_deceive_are_shown_as_what_they_are(browser: Any, filled: Filled) -> None:
    """No override turns text about, and letters that only look like others are said to."""
    with person(browser, filled.node.url, filled.sessions["analyst-one"]) as somebody:
        for path in (f"/objects/{filled.looks}", "/find?q=type:malware", f"/objects/{filled.looks}/history"):
            page = somebody.go(path)
            assert "\u202e" not in somebody.main(), path
            assert "\u202e" not in page.title(), path
            assert page.locator("#main .mark").count() >= 1, path
        page = somebody.go(f"/objects/{filled.looks}")
        assert "\u200b" not in somebody.main()
        assert "look-alike" in somebody.main()
        assert (
            json.loads(page.request.get(f"{filled.node.url}/api/v1/objects/{filled.looks}/raw").text())["name"] == LOOKS
        )


def test_a_long_text_is_cut_and_can_be_read_whole(browser: Any, filled: Filled, tmp_path: Path) -> None:
    big = malware(name="big", description="wolf " * 200_000 + "<script>ran(1)</script>",
                  object_marking_refs=[TLP_IDS[Tlp.CLEAR]])  # fmt: skip
    with open_node(filled.node.home, environment={}) as node:
        node.exchange.hold([msgspec.json.encode(big)], node.collections.find("Reports"), source="test")
    with person(browser, filled.node.url, filled.sessions["analyst-one"]) as somebody:
        somebody.context.add_init_script("window.ran_ = []; window.ran = n => window.ran_.push(n)")
        page = somebody.go(f"/objects/{big['id']}")
        assert page.locator("#main").bounding_box()["height"] < 20_000
        _calm(somebody)
