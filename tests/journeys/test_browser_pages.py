"""Every screen in a real browser, in each language, light and dark, wide and narrow, by keyboard, and without scripts.

The screens are found by following links, as each duty meets them, so that a new page is looked at without being named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.browser import (
    NARROW,
    WIDE,
    Demo,
    Person,
    Screens,
    axe,
    chromium,
    client,
    demo,
    is_wider,
    need_browser,
    person,
    screen_of,
    screens,
    served,
)
from support.nodes import Node, WarmCli
from titian.web.console.language import LANGUAGES

need_browser()

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

READERS = ("analyst-one", "administrator-one", "releaser-one", "auditor-one")
"""Whose pages are looked at; who comes later is only looked at where the others do not come."""
MUST = (
    "/", "/find", "/screening", "/matching", "/matching/offers/:one", "/objects/:one", "/objects/:one/raw",
    "/objects/:one/versions", "/objects/:one/graph", "/write", "/write/report", "/write/incident-drone", "/release",
    "/release/new", "/release/requests/:one", "/recalls", "/recalls/:one", "/referrals",
    "/referrals/new", "/inbox", "/agreements",
    "/agreements/:one", "/dialogues/:one", "/ledger-view", "/ledger-view/:one", "/admin", "/account", "/help",
)  # fmt: skip
"""Screens that must be found: the eight of the console, and what belongs to them."""
AT = dict[str, tuple[str, str]]
"""Screen to whoever looks at it, and its address."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return demo(tmp_path_factory)


@pytest.fixture(scope="module")
def node(told: Demo, cli: WarmCli) -> Iterator[Node]:
    with served(told.home, cli) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def reached(told: Demo, node: Node) -> dict[str, Screens]:
    """What each duty meets."""
    every = {}
    for name in READERS:
        with client(node.url, told.sessions[name]) as reader:
            every[name] = screens(reader, f"/objects/{told.report}", "/find?q=drone", "/release?show=decided", "/help")
    return every


@pytest.fixture(scope="module")
def found(reached: dict[str, Screens]) -> AT:
    """Every screen, with who looks at it."""
    every: AT = {}
    for name, one in reached.items():
        for screen, path in one.found.items():
            every.setdefault(screen, (name, path))
    return every


def test_every_screen_is_reached_by_links(found: AT) -> None:
    assert [one for one in MUST if one not in found] == []


def test_no_link_is_dead(reached: dict[str, Screens]) -> None:
    """Nobody is shown a link to what is not there, or to what they may not see."""
    assert {name: one.dead for name, one in reached.items() if one.dead} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_screens_are_whole(browser: Any, node: Node, told: Demo, found: AT, language: str) -> None:
    """Every screen in English, light and dark; in each other language once, every other one in the dark, and a third of
    them before axe: what it finds is seldom a matter of the language, and each screen meets it in two."""
    wrong = []
    dark = LANGUAGES.index(language) % 2 == 1
    for name in READERS:
        mine = [path for screen, (who, path) in found.items() if who == name and (language == "en" or _tells(screen))]
        if not mine:
            continue
        with person(
            browser, node.url, told.sessions[name], language=language, color_scheme="dark" if dark else "light"
        ) as reader:
            for number, path in enumerate(mine):
                closely = language == "en" or number % 3 == LANGUAGES.index(language) % 3
                wrong += [f"{path}: {one}" for one in _amiss(reader, path, language, closely)]
    assert wrong == [], "\n".join(wrong)


def _tells(screen: str) -> bool:
    """Whether a screen has words of its own, and is not another of the forms."""
    return not screen.startswith("/write/incident-")


def _amiss(reader: Person, path: str, language: str, closely: bool) -> Iterator[str]:
    """What is wrong with a page: to axe, if it is looked at closely, in its headings, and on a telephone."""
    page = reader.go(path)
    if page.get_attribute("html", "lang") != language:
        yield f"its language is {page.get_attribute('html', 'lang')}"
    if (count := page.locator("h1").count()) != 1:
        yield f"it has {count} first headings"
    if closely:
        yield from axe(page)
    if language == "en":
        page.emulate_media(color_scheme="dark")
        yield from (f"dark: {one}" for one in axe(page, "color-contrast"))
        page.emulate_media(color_scheme="light")
    page.set_viewport_size(NARROW)
    if wide := is_wider(page):
        yield f"at {NARROW['width']} px: {wide}"
    page.set_viewport_size(WIDE)
    wrong, reader.watched.wrong = reader.watched.wrong, []
    yield from wrong


def test_the_dark_is_dark(browser: Any, node: Node, told: Demo) -> None:
    lights = []
    for scheme in ("light", "dark"):
        with person(browser, node.url, told.sessions["analyst-one"], color_scheme=scheme) as reader:
            reader.go("/")
            colour = reader.page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
            lights.append(sum(int(one) for one in colour.strip("rgba()").split(",")[:3]))
    light, dark = lights
    assert light > 600 > 200 > dark


def test_the_focus_is_seen_on_every_screen(browser: Any, node: Node, told: Demo, found: AT) -> None:
    """Tab goes from the link that skips to the content through the page, and shows where it is."""
    wrong = []
    with person(browser, node.url, told.sessions["analyst-one"]) as reader:
        for screen, (who, path) in found.items():
            if who != "analyst-one" or not _tells(screen):
                continue
            page = reader.go(path)
            page.evaluate("() => document.body.focus()")
            page.keyboard.press("Tab")
            if page.evaluate("() => document.activeElement.className") != "skip":
                wrong.append(f"{screen}: Tab does not begin at the link that skips to the content")
            page.keyboard.press("Enter")
            for _ in range(12):
                page.keyboard.press("Tab")
                wrong += [f"{screen}: {one}" for one in page.evaluate(_FOCUS)]
    assert wrong == [], "\n".join(wrong)


_FOCUS = """() => {
    const e = document.activeElement;
    if (!e || e === document.body) return [];
    // Within a date, the browser itself shows which part has the focus.
    if (e.matches("input[type=date], input[type=datetime-local]") && !e.matches(":focus-visible")) return [];
    const look = () => [e, ...e.querySelectorAll("*")].map(one => {
        const style = getComputedStyle(one);
        return [style.outline, style.boxShadow, style.stroke, style.strokeOpacity].join();
    }).join(";");
    const told = e.outerHTML.slice(0, 160), box = e.getBoundingClientRect(), wrong = [], seen = look();
    e.blur();
    if (look() === seen) wrong.push('no focus to be seen: ' + told);
    e.focus();
    if (box.bottom < 0 || box.top > innerHeight || box.width < 1 || box.height < 1)
        wrong.push('the focus is out of sight: ' + told);
    return wrong;
}"""


def test_screens_are_there_without_scripts(browser: Any, node: Node, told: Demo, found: AT) -> None:
    """The same headings, and nothing shown that only a script could work."""
    wrong = []
    token = told.sessions["analyst-one"]
    with person(browser, node.url, token) as plain, person(browser, node.url, token, java_script_enabled=False) as bare:
        for screen, (who, path) in found.items():
            if who != "analyst-one" or not _tells(screen):
                continue
            there = plain.go(path).locator("h1, h2, h3").all_inner_texts()
            here = bare.go(path).locator("h1, h2, h3").all_inner_texts()
            wrong += [f"{screen}: {one!r} is missing" for one in there if one not in here]
            shown = [one for one in bare.page.locator(".needs-js").all() if one.is_visible()]
            wrong += [f"{screen}: {one.inner_text()!r} does nothing" for one in shown]
    assert wrong == [], "\n".join(wrong)


def test_what_is_not_there_is_told_on_a_page_like_the_others(browser: Any, node: Node, told: Demo) -> None:
    with person(browser, node.url, told.sessions["auditor-one"]) as reader:
        for path, status in (("/nothing/here", 404), ("/objects/malware--0", 404), ("/write/report", 403)):
            page = reader.go(path, status)
            assert page.locator("h1").count() == 1
            assert axe(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_signing_in(browser: Any, node: Node, language: str) -> None:
    with person(browser, node.url, language=language) as stranger:
        for scheme in ("light", "dark"):
            page = stranger.go("/sign-in")
            page.emulate_media(color_scheme=scheme)
            assert axe(page) == []
        page.set_viewport_size(NARROW)
        assert is_wider(page) == ""


def test_a_page_asks_for_little(browser: Any, node: Node, told: Demo) -> None:
    """What an ordinary page brings, with its style and its scripts, as it comes over the wire: 60 kB at the most."""
    heavy = {}
    for path in ("/", "/find?q=drone", f"/objects/{told.report}", "/write/report", "/release", "/agreements"):
        with person(browser, node.url, told.sessions["analyst-one"]) as reader:
            session = reader.context.new_cdp_session(reader.page)
            session.send("Network.enable")
            bytes_ = 0
            sizes: dict[str, int] = {}
            names: dict[str, str] = {}
            session.on(
                "Network.requestWillBeSent", lambda e, names=names: names.update({e["requestId"]: e["request"]["url"]})
            )
            session.on(
                "Network.loadingFinished", lambda e, sizes=sizes: sizes.update({e["requestId"]: e["encodedDataLength"]})
            )
            reader.go(path)
            reader.page.wait_for_timeout(300)
            asked = {names.get(one, one): size for one, size in sizes.items()}
            bytes_ = sum(size for name, size in asked.items() if "map." not in name and "flows" not in name)
            if bytes_ > 60_000:
                heavy[screen_of(path)] = (bytes_, asked)
    assert heavy == {}
