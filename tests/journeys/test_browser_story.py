"""The whole story, by people at browsers: written at one agency, read at another, taken back, and proved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.browser import (
    BESIDES,
    OWN,
    PARTNER,
    UNDER,
    Person,
    add_people,
    axe,
    chromium,
    make_party,
    need_browser,
    old_news,
    person,
    release,
    served,
    subscribe,
)
from support.console import PASSWORD
from support.nodes import Node, WarmCli
from titian.core.people import Duty
from titian.node import open_node

need_browser()

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NAME = "Drones bought for the winter camp"
PASTED = """
Seen on the channel: hxxps://relief-shop[.]example/order and relief-shop[.]example, answered from 198.51.100[.]23.
The file they send is 3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea (a list of parts).
"""
FOUND = (
    "https://relief-shop.example/order", "relief-shop.example", "198.51.100.23",
    "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, cli: WarmCli) -> Iterator[tuple[Node, Node]]:
    """An agency that has released one thing to Japan, and Japan's node, which has subscribed to that; both serve."""
    folder = tmp_path_factory.mktemp("story")
    ours, theirs = folder / OWN, folder / PARTNER
    make_party(ours, OWN, UNDER, BESIDES)
    make_party(theirs, PARTNER, UNDER)
    with open_node(ours, environment={}) as node:
        collection, key = release(node, old_news())
    add_people(ours, {"administrator-one": Duty.ADMINISTRATOR, "analyst-one": Duty.ANALYST,
                      "releaser-one": Duty.RELEASER})  # fmt: skip
    with ExitStack() as stack:
        first = stack.enter_context(served(ours, cli))
        with open_node(theirs, environment={}) as node:
            subscribe(node, first.url, collection, key)
        add_people(theirs, {"administrator-two": Duty.ADMINISTRATOR, "analyst-two": Duty.ANALYST})
        yield first, stack.enter_context(served(theirs, cli))


# What people do, with the keyboard


def _sign_in(who: Person, name: str) -> None:
    """From the first key to Today, without a mouse."""
    who.go("/sign-in")
    who.page.focus("#field-name")
    who.page.keyboard.type(name)
    who.page.keyboard.press("Tab")
    who.page.keyboard.type(PASSWORD)
    who.page.keyboard.press("Enter")
    who.page.wait_for_url(who.watched.origin + "/")
    assert axe(who.page) == []


def _press(who: Person, name: str, kind: str = "button") -> None:
    """Go to a button or link and press Enter."""
    found = who.page.locator("#main").get_by_role(kind, name=name, exact=True)
    found.focus()
    with who.page.expect_navigation():
        who.page.keyboard.press("Enter")


def _tick(who: Person, label: str) -> None:
    box = who.page.get_by_label(label)
    box.focus()
    who.page.keyboard.press("Space")
    assert box.is_checked()


def _pull(who: Person) -> None:
    """Japan pulls now, in its console."""
    who.go("/admin/subscriptions")
    who.page.locator("#main tbody a, #main .card a").first.click()
    _press(who, "Pull now")
    who.page.get_by_text("finished", exact=True).or_(
        who.page.get_by_role("link", name="Open the result")
    ).first.wait_for()


def test_the_whole_story(browser: Any, nodes: tuple[Node, Node]) -> None:
    ours, theirs = nodes
    with ExitStack() as stack:
        analyst = stack.enter_context(person(browser, ours.url))
        releaser = stack.enter_context(person(browser, ours.url))
        partner = stack.enter_context(person(browser, theirs.url, language="en", timezone_id="Asia/Tokyo"))

        _sign_in(analyst, "analyst-one")
        report = _write(analyst)
        _see_markings(analyst, report)
        request = _preview_and_ask(analyst, report)
        _approve(releaser, request)
        _read(partner)
        recall = _recall(analyst, report)
        _answer(partner)
        _see_the_answer(analyst, recall)
        _verify(analyst)
        _verify_theirs(partner)


def _write(who: Person) -> str:
    """A report with indicators from a pasted text, checked, and marked with what follows from that before one's eyes;
    its identifier."""
    page = who.go("/write")
    _press(who, "Report", "link")
    page.get_by_label("Name", exact=False).first.fill(NAME)
    page.get_by_label("Text", exact=True).fill("Somebody orders frames and motors, and has them sent to a camp.")
    page.get_by_label("Paste a text").fill(PASTED)
    _press(who, "Look for indicators")
    for value in FOUND:
        assert page.get_by_role("checkbox", name=value, exact=True).count() == 1, value
    assert axe(page) == []
    page.get_by_role("checkbox", name="https://relief-shop.example/order", exact=True).uncheck()
    _mark(page, "red")
    page.locator("#consequences .badge.good").first.wait_for(state="detached")
    _mark(page, "green")
    page.locator("#consequences .badge.good").first.wait_for()
    assert "Japan" in page.inner_text("#consequences")
    page.get_by_label("Why, for the record of acts").fill("Two sources say the same.")
    _press(who, "Keep it")
    assert page.inner_text("h1").startswith(NAME)
    return str(page.url.rsplit("/", 1)[1])


def _mark(page: Any, level: str) -> None:
    choice = page.locator(f'input[name="tlp"][value="{level}"]')
    choice.focus()
    page.keyboard.press("Space")
    choice.check()


def _see_markings(who: Person, report: str) -> None:
    """The object says who may see it, and why, and the others are beside it in the graph."""
    page = who.go(f"/objects/{report}/audience")
    assert "TLP:GREEN" in who.main()
    assert "Japan" in who.main()
    assert axe(page) == []
    who.go(f"/objects/{report}/graph")
    page.locator('[data-graph][data-state="ready"]').wait_for()
    assert "relief-shop.example" in who.main()


def _preview_and_ask(who: Person, report: str) -> str:
    """What Japan and Russia would see, side by side; then the request, for Japan. Its address."""
    page = who.go("/release/new")
    page.get_by_label("Identifiers").fill(report)
    _tick(who, "Ministry of Foreign Affairs of Japan")
    _tick(who, "Ministry of Foreign Affairs of the Russian Federation")
    _press(who, "See what each party sees")
    sides = page.locator(".preview section.card")
    assert sides.count() == 2
    assert sum("Japan" in one for one in sides.all_inner_texts()) == 1
    assert axe(page) == []
    page.get_by_role("link", name="Choose", exact=True).click()
    page.get_by_label("Ministry of Foreign Affairs of the Russian Federation").uncheck()
    _press(who, "See what each party sees")
    assert page.locator(".preview section.card").count() == 1
    for box in page.locator('input[name="answered"]').all():
        box.check()
    page.get_by_label("Reason").fill("Japan asked about the shop at the last meeting.")
    _press(who, "Ask for the release")
    assert "another person has to decide" in who.main()
    return str(page.url)


def _approve(who: Person, request: str) -> None:
    """A second person, who is sent to sign in and comes back to the request."""
    who.page.goto(request)
    assert "/sign-in" in who.page.url
    who.page.get_by_label("Name").fill("releaser-one")
    who.page.get_by_label("Password").fill(PASSWORD)
    who.page.keyboard.press("Enter")
    who.page.wait_for_url("**/release/requests/*")
    page = who.page
    assert NAME in who.main()
    assert axe(page) == []
    page.get_by_role("textbox", name="Reason").fill("Fits what was agreed.")
    _press(who, "Approve and release")
    assert page.get_by_role("button", name="Approve and release").count() == 0
    assert page.locator("h1 .badge.good").count() == 1


def _read(who: Person) -> None:
    """Japan pulls, finds it on Today, and reads it."""
    _sign_in(who, "analyst-two")
    _pull(who)
    who.go("/")
    assert "National Counter Terrorism Agency" in who.main()
    who.page.keyboard.press("/")
    who.page.keyboard.type("winter camp")
    who.page.keyboard.press("Enter")
    who.page.wait_for_url("**/find?*")
    who.page.get_by_role("link", name=NAME).first.click()
    who.page.wait_for_url("**/objects/**")
    assert "motors" in who.main()
    assert axe(who.page) == []


def _recall(who: Person, report: str) -> str:
    """It was a mistake: everybody is asked to give it back. The recall's address."""
    page = who.go("/recalls/new")
    page.get_by_label("What", exact=True).fill(report)
    page.locator('input[name="deadline"]').fill((datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%d"))
    page.get_by_label("Why, as the recipients will read it").fill("The shop sells toys; the camp is a school's.")
    _press(who, "Show what this recall does")
    assert "Japan" in who.main()
    assert axe(page) == []
    page.get_by_role("button", name="Recall it now").click()
    page.get_by_role("dialog").get_by_role("button", name="Recall", exact=True).focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    if not page.url.rsplit("/", 1)[1].strip() or page.url.endswith("/recalls"):
        page.locator("#main a[href^='/recalls/']").last.click()
    return str(page.url)


def _answer(who: Person) -> None:
    """Japan hears of it with its next pull, applies it, and the answer goes back with the one after."""
    _pull(who)
    page = who.go("/recalls")
    page.locator("#main tbody a[href^='/recalls/']").first.click()
    assert "The shop sells toys" in who.main()
    assert axe(page) == []
    page.get_by_label("Apply: take the objects out.").check()
    page.get_by_label("Why, as the other party will read it").fill("Taken out.")
    _press(who, "Send the answer")
    assert page.locator("h1 .badge").inner_text().lower() == "applied"
    who.go("/find?q=%22winter+camp%22")
    assert NAME not in who.main()
    _pull(who)


def _see_the_answer(who: Person, recall: str) -> None:
    page = who.page
    page.goto(recall)
    for _ in range(20):
        if "Taken out." in who.main():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(who.main())


def _verify(who: Person) -> None:
    """All of this node's ledgers, read again before one's eyes."""
    page = who.go("/ledger-view")
    _press(who, "Verify all of them now")
    page.get_by_text("Everything holds.").wait_for()
    assert axe(page) == []


def _verify_theirs(who: Person) -> None:
    """And Japan reads again what it was told."""
    page = who.go("/ledger-view")
    page.get_by_role("button", name="Verify the ledgers of").first.click()
    page.get_by_text("Everything holds.").wait_for()
