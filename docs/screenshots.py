"""Take the pictures of the console: every screen, in three languages, light and dark; and write the page with them.

``python docs/screenshots.py`` runs `titian demo`, serves its first node and drives Chromium. It needs `chromium`, the
extra ``test``, and fonts for Japanese (Debian: ``apt-get install chromium fonts-noto-cjk``). ``--only NAME …`` takes
some screens, ``--languages en`` some languages, ``--demo FOLDER`` keeps the nodes there or takes them from there.
"""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

DOCS: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from support.browser import MADE, Demo, Person, chromium, make_demo, person  # noqa: E402
from support.nodes import Node, WarmCli  # noqa: E402

PAGE: Final = DOCS / "console.md"
PICTURES: Final = DOCS / "console"
LANGUAGES: Final = {"en": "English", "id": "Indonesian", "ja": "Japanese"}
SCHEMES: Final = ("light", "dark")
WIDTH: Final = 1200
TALLEST: Final = 1000
TALLER: Final = {"today": 1700, "matching": 1700}
"""Pictures that may be taller, as what they are about stands further down."""
LARGEST: Final = 120_000
MOST: Final = 8_000_000
QUALITIES: Final = (26, 20, 10)

SHARED: Final = "Indonesia-Japan"
BOTH: Final = (SHARED, "Indonesia-Russia bilateral")
"""Words in the names of the demonstration's agreements."""
TEXT: Final = """Seen on the channel: hxxps://relief-shop[.]example/order, answered from 198.51.100[.]23.
The file that they send is 3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea (a list of parts)."""


class Screen(NamedTuple):
    """A screen: the name of its picture, its heading, what is said of it, who looks, and how they come there."""

    name: str
    heading: str
    said: str
    who: str
    come: Callable[[Person, Demo], object]


def _at(path: str) -> Callable[[Person, Demo], object]:
    return lambda somebody, demo: somebody.go(path.replace("{report}", demo.report))


def _first(path: str, link: str, named: str = "") -> Callable[[Person, Demo], object]:
    """Follow the first link of a page whose address begins so, and whose text has that in it."""

    def come(somebody: Person, demo: Demo) -> object:
        page = somebody.go(path)
        found = page.locator(f"#main a[href^='{link}']:not([href$='/new'])", has_text=named).first
        return somebody.go(found.get_attribute("href"))

    return come


def _graph(somebody: Person, demo: Demo) -> None:
    page = somebody.go(f"/objects/{demo.report}/graph")
    page.locator('[data-graph][data-state="ready"]').wait_for()
    page.wait_for_timeout(500)


def _today(somebody: Person, demo: Demo) -> None:
    page = somebody.go("/")
    page.locator('[data-map][data-state="ready"]').wait_for()
    page.wait_for_timeout(800)


def _checked(somebody: Person, demo: Demo) -> None:
    page = somebody.go("/write/incident-drone")
    page.fill("[name=title]", "Drones bought for a camp")
    page.fill("[name=description]", "Somebody orders frames and motors, and has them sent to a camp.")
    page.fill("[name=pasted]", TEXT)
    page.locator("#main form button").first.click()
    page.locator("[name=save]").wait_for()
    page.evaluate("() => document.querySelector('[name=pasted]').closest('section').scrollIntoView()")
    # Nobody asks whether to leave the form.
    page.evaluate("() => document.querySelector('[data-unsaved]').removeAttribute('data-unsaved')")


def _preview(somebody: Person, demo: Demo) -> None:
    look(somebody, demo.report, *BOTH)


def look(somebody: Person, what: str, *agreements: str) -> Any:
    """Preview something for who is furthest away under some agreements; the page."""
    page = somebody.go(f"/release/new?what={what}")
    for one in agreements:
        page.locator("fieldset", has=page.locator("legend", has_text=one)).locator(
            "label", has_text="Ministry of F"
        ).click()
    page.locator("#main form button.primary").click()
    page.locator(".preview").wait_for()
    return page


def _verified(somebody: Person, demo: Demo) -> None:
    page = somebody.go("/ledger-view")
    page.locator("form[action='/ledger-view/verify'] button").first.click()
    page.locator("#verified .notice").wait_for()


SCREENS: Final = (
    Screen("sign-in", "Signing in", "With a password, a code, a passkey, or the organisation's own account.", "",
           _at("/sign-in")),
    Screen("today", "Today", "What arrived, what waits, how the partners' nodes are, and what flowed in a month.",
           "releaser-one", _today),
    Screen("screening", "Screening", "A list of wallets, addresses, names or images: what is known of each, from whom, "
           "and what may be done with it.", "analyst-one", _at("/screening")),
    Screen("matching", "Private matching", "Which values a partner knows too, without showing it the others: what it "
           "protects and what not, offers, partners, runs.", "analyst-one", _at("/matching")),
    Screen("find", "Find", "One box over everything held, with filters; where words were found is marked.",
           "analyst-one", _at("/find?q=drone")),
    Screen("object", "An object", "Readable, with its markings in words, where it comes from, and what it refers to.",
           "analyst-one", _at("/objects/{report}")),
    Screen("audience", "Who may see it", "For each agreement: who could be given it, who not, and which rule says so.",
           "analyst-one", _at("/objects/{report}/audience")),
    Screen("graph", "Its neighbours", "To two steps; by keyboard too, and as lists beneath.", "analyst-one", _graph),
    Screen("history", "Its history", "What happened to it, and when.", "analyst-one",
           _at("/objects/{report}/history")),
    Screen("versions", "Its versions", "With what each changed.", "analyst-one", _at("/objects/{report}/versions")),
    Screen("write", "Write", "Starting forms for a report, indicators, and five kinds of incident.", "analyst-one",
           _at("/write")),
    Screen("write-checked", "What was found in a pasted text", "A person ticks what is kept, and sees whom a marking "
           "lets in before it is kept.", "analyst-one", _checked),
    Screen("release", "Release", "Requests that wait for a second person, and standing rules.", "releaser-one",
           _at("/release")),
    Screen("preview", "What each party sees", "Side by side, before anything goes: what is shown, what is withheld, "
           "and why.", "analyst-one", _preview),
    Screen("request", "A request", "As the second person reads it, with a preview of the same as it is now.",
           "releaser-one", _first("/release", "/release/requests/")),
    Screen("referrals", "Referrals", "Content that a platform was asked to look at, and what it answered.",
           "analyst-one", _at("/referrals")),
    Screen("referral-new", "A referral", "What is asked of a platform, on what ground, and until when.", "analyst-one",
           _at("/referrals/new")),
    Screen("recalls", "Recalls", "What was asked back, by us and by others.", "analyst-one",
           _at("/recalls?show=all")),
    Screen("recall", "A recall", "Who has answered, how, and who has not.", "analyst-one",
           _first("/recalls?show=all", "/recalls/", SHARED)),
    Screen("inbox", "Inbox", "What partners sent, and what waits in the quarantine for a person.", "analyst-one",
           _at("/inbox")),
    Screen("sightings", "Sightings", "What was seen of what is held, here and at partners.", "analyst-one",
           _at("/sightings")),
    Screen("agreements", "Agreements", "With whom, up to which marking, until when.", "analyst-one",
           _at("/agreements")),
    Screen("agreement", "An agreement", "What it allows, who is in it, and what has flowed.", "analyst-one",
           _first("/agreements", "/agreements/agreement--", SHARED)),
    Screen("dialogue", "A dialogue", "The meetings and statements behind an agreement.", "analyst-one",
           _first("/agreements", "/dialogues/", SHARED)),
    Screen("ledgers", "Ledgers", "Those of this node, those of partners, and who cosigns.", "auditor-one",
           _at("/ledger-view")),
    Screen("ledger", "A ledger", "Its entries, each with a receipt that proves it offline.", "auditor-one",
           _first("/ledger-view", "/ledger-view/", SHARED)),
    Screen("verified", "A verification", "Every entry read again before the reader. In the demonstration somebody has "
           "changed one, and is caught.", "auditor-one", _verified),
    Screen("administration", "Administration", "People, keys, collections, partners, signing, health, backups.",
           "administrator-one", _at("/admin")),
    Screen("people", "People", "Their duties, and how they sign in.", "administrator-one", _at("/admin/people")),
    Screen("settings", "Settings", "Each with what it means, and where it was set.", "administrator-one",
           _at("/admin/settings")),
    Screen("account", "One's own account", "Password, codes, passkeys, sessions, language and time zone.",
           "analyst-one", _at("/account")),
    Screen("help", "Help", "The verbs, the words, and the keys.", "analyst-one", _at("/help")),
)  # fmt: skip


@contextmanager
def node(kept: Path | None) -> Iterator[tuple[str, Demo]]:
    """The demonstration's first node, serving, with a request that waits; its address."""
    with ExitStack() as stack:
        folder = kept or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="titian-pictures-"))) / "nodes"
        made = folder / MADE
        demo = msgspec.json.decode(made.read_bytes(), type=Demo) if made.exists() else make_demo(folder)
        cli = WarmCli()
        stack.callback(cli.close)
        served = Node(demo.home, cli)
        served.serve()
        stack.callback(served.stop)
        yield served.url, demo


def ask(browser: Any, url: str, demo: Demo) -> None:
    """Have an analyst ask for a release, so that something waits for a second person; once."""
    with person(browser, url, demo.sessions["analyst-one"]) as analyst:
        page = analyst.go("/release")
        if page.locator("#main a[href^='/release/requests/']").count():
            return
        page = look(analyst, demo.report, SHARED)
        for box in page.locator("input[name=answered]").all():
            box.check()
        page.fill("[name=reason]", "They asked about it at the last meeting.")
        page.locator("form[action='/release/requests'] button.primary").click()
        page.wait_for_load_state()


def take(somebody: Person, file: Path) -> int:
    """One picture of what is before somebody, small enough; its bytes."""
    page = somebody.page
    tools = somebody.context.new_cdp_session(page)
    height = min(
        TALLER.get(file.name.partition("-")[0], TALLEST),
        max(500, int(page.evaluate("() => document.documentElement.scrollHeight"))),
    )
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(150)
    for quality in QUALITIES:
        taken = tools.send("Page.captureScreenshot", {"format": "webp", "quality": quality, "optimizeForSpeed": False})
        data = base64.b64decode(taken["data"])
        if len(data) <= LARGEST:
            break
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return len(data)


def pictures(languages: list[str], only: list[str], kept: Path | None) -> int:
    """Take them; how many bytes they have together."""
    total = 0
    with node(kept) as (url, demo), chromium() as browser:
        ask(browser, url, demo)
        for language in languages:
            for scheme in SCHEMES:
                for screen in SCREENS:
                    if only and screen.name not in only:
                        continue
                    token = demo.sessions[screen.who] if screen.who else ""
                    with person(
                        browser, url, token, language=language, color_scheme=scheme,
                        viewport={"width": WIDTH, "height": 900},
                    ) as somebody:  # fmt: skip
                        screen.come(somebody, demo)
                        total += take(somebody, PICTURES / f"{screen.name}-{language}-{scheme}.webp")
    return total


def page() -> str:
    """The page that shows them: in the reader's own light, with the other languages a link away."""
    parts = [
        "<!-- Written by docs/screenshots.py; edit that. -->",
        "# The console in pictures",
        "Every screen, with what `titian demo` leaves behind. The pictures are in English; beneath each are the same "
        "in Indonesian and Japanese, light and dark. `python docs/screenshots.py` takes them anew. How to use the "
        "console: [The console](how-to/console.md).",
    ]
    for screen in SCREENS:
        others = " · ".join(
            f"[{name}, {scheme}](console/{screen.name}-{language}-{scheme}.webp)"
            for language, name in LANGUAGES.items()
            for scheme in SCHEMES
        )
        shown = "\n".join(
            f"![{screen.heading}](console/{screen.name}-en-{scheme}.webp#only-{scheme}){{ loading=lazy }}"
            for scheme in SCHEMES
        )
        parts += [f"## {screen.heading}", screen.said, shown, f"<small>{others}</small>"]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Take the pictures and write the page; 1 where they are larger than they may be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], choices=[one.name for one in SCREENS])
    parser.add_argument("--languages", nargs="+", default=list(LANGUAGES), choices=list(LANGUAGES))
    parser.add_argument("--demo", type=Path, help="keep the demonstration's nodes here, or take them from here")
    given = parser.parse_args()
    total = pictures(given.languages, given.only, given.demo)
    PAGE.write_text(page(), encoding="utf-8")
    whole = sum(one.stat().st_size for one in PICTURES.glob("*.webp"))
    print(f"{total / 1e6:.1f} MB taken, {whole / 1e6:.1f} MB in all")
    return 1 if whole > MOST else 0


if __name__ == "__main__":
    raise SystemExit(main())
