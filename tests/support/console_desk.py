"""A console over a node with partners, agreements and objects, at a clock that a test turns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from litestar.testing import TestClient

from support.console import CHEAP, PASSWORD, ConsoleBench, add_people
from support.gate import Bench, Clock, party_id
from titian.core.people import Duty, acting_as
from titian.node import Node, open_node
from titian.store.people import People
from titian.web.app import create_app

HOSTILE = "<script>alert(1)</script> \"quoted\" 'too' \u202egpj.exe"
"""What a stranger may write in any text: markup, quotes, and a right-to-left override."""


class ConsoleDesk(ConsoleBench):
    """A browser at a node whose ``bench`` has partners."""

    bench: Bench

    def forms(self, path: str) -> str:
        """The page's HTML, which must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
        return answer.text

    def hidden(self, html: str, action: str) -> dict[str, Any]:
        """The hidden fields of a form, several of one name as a list."""
        begin = html.index(f'action="{action}"')
        form = html[begin : html.index("</form>", begin)]
        found: dict[str, list[str]] = {}
        for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
            found.setdefault(name, []).append(_plain(value))
        return {name: values for name, values in found.items() if name != "csrf"}


def _plain(text: str) -> str:
    for code, character in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(code, character)
    return text


@contextmanager
def console_desk(home: Path) -> Iterator[ConsoleDesk]:
    """A served node with the partners of :class:`support.gate.Bench`, the people of :mod:`support.console` and a
    second releaser, and an agreement with Japan alone (``jp``) and one with Russia (``ru``)."""
    clock = Clock()
    bench = Bench.set_up(home, clock)
    bench.agree("jp", party_id("japan"))
    bench.agree("ru", party_id("russia"), ceiling="green")
    add_people(bench.node)
    people = People(bench.node.store, cost=CHEAP)
    by = next(one for one in people.list() if one.name == "administrator-one")
    people.add("releaser-two", Duty.RELEASER, by=acting_as(by), password=PASSWORD)

    def opener(home: Path) -> Node:
        return open_node(home, clock=clock, environment={})

    with ExitStack() as stack:
        stack.callback(bench.close)
        stack.enter_context(patch("titian.web.app.open_node", opener))
        client = stack.enter_context(TestClient(create_app(home), base_url="http://127.0.0.1"))
        desk = ConsoleDesk(home, client)
        desk.bench = bench
        yield desk
