"""Agreements, parties and dialogues in the console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.console import ConsoleBench, Page, console
from titian.node import open_node

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")
SHIPPED = "indonesia-japan-terrorism"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ConsoleBench]:
    with console(tmp_path / "node") as made:
        made.sign_in("administrator-one")
        yield made


def set_up(bench: ConsoleBench) -> str:
    answer = bench.post("/agreements/add", {"shipped": SHIPPED})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_an_empty_node_says_that_nothing_leaves(bench: ConsoleBench) -> None:
    assert "Nothing leaves this node without one." in bench.page("/agreements").text


def test_a_shipped_agreement_is_set_up_and_shown_with_its_parties_and_its_dialogue(bench: ConsoleBench) -> None:
    path = set_up(bench)
    page = bench.page(path)
    assert "In force" in page.text
    assert "Counter-terrorism" in page.text
    where = next(href for href, _ in page.links if href.startswith("/dialogues/"))
    assert path in [href for href, _ in bench.page(where).links]
    party = next(href for href, _ in page.links if href.startswith("/parties/"))
    assert path in [href for href, _ in bench.page(party).links]
    assert path in [href for href, _ in bench.page("/agreements").links]


def test_a_file_is_set_up_and_what_is_no_agreement_is_refused(bench: ConsoleBench) -> None:
    answer = bench.post("/agreements/add", files={"file": ("x.toml", b"name = 1", "text/plain")})
    assert answer.status_code == 400
    assert "/agreements/" not in answer.headers.get("location", "")
    assert bench.post("/agreements/add").status_code == 400


def test_an_agreement_is_narrowed_and_ended_with_a_reason(bench: ConsoleBench) -> None:
    path = set_up(bench)
    assert bench.post(f"{path}/narrow", {"ceiling": "clear", "why": "A test"}).status_code == 303
    with open_node(bench.home, environment={}) as node:
        (found,) = node.agreements.read().directory.agreements.values()
        assert found.ceiling.value == "clear"
    wrong = bench.post(f"{path}/end", {"why": ""})
    assert wrong.status_code == 422
    assert "Say why it ends." in Page(wrong.text).text
    assert bench.post(f"{path}/end", {"why": "Over"}).status_code == 303
    assert "Ended" in bench.page(path).text


def test_a_party_and_a_dialogue_are_added_and_a_meeting_noted(bench: ConsoleBench) -> None:
    answer = bench.post(
        "/parties/add", {"name": "<script>alert(1)</script> Agency", "kind": "state-agency", "country": "jp"}
    )
    party = answer.headers["location"]
    html = bench.get(party).text
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
    with open_node(bench.home, environment={}) as node:
        ours = node.agreements.read().directory.own
    made = bench.post("/dialogues/add", {"name": "Talks", "party": [party.removeprefix("/parties/"), ours]})
    where = made.headers["location"]
    note = {"title": "First meeting", "date": "2026-11-02", "place": "Jakarta", "meeting": "1"}
    assert bench.post(f"{where}/note", note).status_code == 303
    assert "First meeting" in bench.page(where).text
    assert bench.post(f"{where}/note", {**note, "date": "someday"}).status_code == 400


def test_only_who_manages_agreements_changes_them(bench: ConsoleBench) -> None:
    path = set_up(bench)
    for name in ("analyst-one", "releaser-one", "auditor-one"):
        bench.sign_in(name)
        assert not [action for action, _ in bench.page(path).forms if action.startswith("/agreements/")]
        for action in ("/agreements/add", f"{path}/end", f"{path}/narrow", f"{path}/members", f"{path}/consent"):
            assert bench.post(action, {"why": "x"}).status_code == 403, action


def test_a_commitment_is_noted_is_due_and_is_kept(bench: ConsoleBench) -> None:
    party = bench.post("/parties/add", {"name": "Partner Three", "kind": "state-agency"}).headers["location"]
    party = party.removeprefix("/parties/")
    with open_node(bench.home, environment={}) as node:
        ours = node.agreements.read().directory.own
    where = bench.post("/dialogues/add", {"name": "Promises", "party": [party, ours]}).headers["location"]
    said = {"title": "Two <b>trainers</b>", "party": party, "due": "2020-01-01", "promise": "1"}
    assert bench.post(f"{where}/note", said).status_code == 303
    shown = bench.get(where)
    assert "Two &lt;b&gt;trainers&lt;/b&gt;" in shown.text
    assert "Overdue" in shown.text
    assert bench.post(f"{where}/note", said | {"due": "soon"}).status_code == 400
    assert bench.post(f"{where}/note", said | {"party": "identity--0"}).status_code in {400, 404}
    kept = {"title": "Two <b>trainers</b>", "date": "2026-01-01", "kept": "1"}
    assert bench.post(f"{where}/note", kept).status_code == 303
    assert "Kept on 2026-01-01" in bench.get(where).text
    assert bench.post(f"{where}/note", kept).status_code == 404


@pytest.mark.parametrize("path", ["/agreements/agreement--0", "/parties/identity--0", "/dialogues/dialogue--0"])
def test_what_is_not_there_is_not_there(bench: ConsoleBench, path: str) -> None:
    assert bench.get(path).status_code == 404
