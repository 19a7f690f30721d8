"""A node with people, and a browser without scripts: signs in, follows forms, and reads pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from litestar.testing import TestClient

from titian.core.passwords import Cost
from titian.core.people import Duty, acting_as, local_operator
from titian.node import Node, open_node
from titian.setup import init_node
from titian.store.people import People
from titian.web.app import create_app
from titian.web.console import guard

PASSWORD = "correct horse battery staple"
CHEAP = Cost(memory=64, passes=1)
"""What a password costs in tests."""
PEOPLE = {"analyst-one": Duty.ANALYST, "releaser-one": Duty.RELEASER, "auditor-one": Duty.AUDITOR,
          "administrator-one": Duty.ADMINISTRATOR}  # fmt: skip


class Page(HTMLParser):
    """A page as a reader without scripts has it: its text, links, headings and forms."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[str, str]] = []
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.headings: list[str] = []
        self._words: list[str] = []
        self._open: list[tuple[str, int]] = []
        self._silent = 0
        self.feed(html)
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"script", "style", "datalist"}:
            self._silent += 1
        if tag in {"a", "h1", "h2"}:
            self._open.append((given.get("href", ""), len(self._words)))
        if tag == "form":
            self.forms.append((given.get("action", ""), {}))
        if tag == "input" and self.forms and given.get("type") not in {"checkbox", "radio", "submit", "search"}:
            self.forms[-1][1][given.get("name", "")] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style", "datalist"}:
            self._silent -= 1
        if tag in {"a", "h1", "h2"} and self._open:
            href, start = self._open.pop()
            words = " ".join(" ".join(self._words[start:]).split())
            if tag == "a":
                self.links.append((href, words))
            else:
                self.headings.append(words)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._words.append(data)


class ConsoleBench:
    """A node in ``home``, its application, and whoever is at the browser."""

    def __init__(self, home: Path, client: TestClient[Any]) -> None:
        self.home = home
        self.client = client

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for a page; redirects are not followed."""
        return self.client.get(path, headers={"accept-language": "en", **headers}, follow_redirects=False)

    def page(self, path: str) -> Page:
        """A page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
        return Page(answer.text)

    def token(self, path: str = "/account") -> str:
        """A token for forms, taken from a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)
        assert found is not None, f"no form on {path}"
        return found[1]

    def post(
        self, path: str, fields: Mapping[str, str | Sequence[str]] | None = None, *, token: str | None = None,
        files: Any = None, **headers: str,
    ) -> httpx.Response:  # fmt: skip
        """Send a form, with a token unless another is given."""
        data = {**(fields or {}), "csrf": self.token("/sign-in") if token is None else token}
        return self.client.post(path, data=data, files=files, headers=headers, follow_redirects=False)

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Sign in as one of the people, with what the form asks for."""
        self.client.cookies.clear()
        token = self.token("/sign-in")
        answer = self.post("/sign-in", {"name": name, "password": password, "next": "/"}, token=token)
        assert answer.status_code == 303, answer.text


@contextmanager
def console(home: Path) -> Iterator[ConsoleBench]:
    """A served node named Agency One, with :data:`PEOPLE`."""
    init_node(home, name="Agency One", country="ID")
    with open_node(home, environment={}) as node:
        add_people(node)
    with TestClient(unhurried(home), base_url="http://127.0.0.1") as client:
        yield ConsoleBench(home, client)


def unhurried(home: Path) -> Any:
    """The application of a node whose people may ask for pages as quickly as a test does."""
    with mock.patch.object(guard, "PAGES_AT_ONCE", 1_000_000):
        return create_app(home)


def add_people(node: Node) -> None:
    """Add one person for each duty."""
    people = People(node.store, cost=CHEAP)
    administrator = people.add("administrator-one", Duty.ADMINISTRATOR, by=local_operator("tester"), password=PASSWORD)
    for name, duty in PEOPLE.items():
        if name != administrator.name:
            by = next(one for one in people.list() if one.name == "administrator-one")
            people.add(name, duty, by=acting_as(by), password=PASSWORD)
