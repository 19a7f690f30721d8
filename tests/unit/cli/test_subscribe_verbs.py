"""`titian subscribe` and `titian subscriptions`: what a partner sees of a node that it pulls by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.desk import Desk
from support.gate import BY, OWN, Bench
from support.subscribing import Pair, pair
from titian.cli.subscribe import length
from titian.core.errors import InvalidInput
from titian.core.tlp import Tlp
from titian.node import open_node


@pytest.fixture
def two(new_bench: Callable[[], Bench], tmp_path: Path) -> Iterator[Pair]:
    with pair(new_bench(), tmp_path / "theirs") as made:
        yield made


@pytest.fixture
def japan(
    two: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:  # fmt: skip
    monkeypatch.setenv("COLUMNS", "300")
    clock = two.ours.clock
    monkeypatch.setattr("titian.cli.common.open_node", lambda home: open_node(home, clock=clock, environment={}))
    return Desk(two.theirs, tmp_path, monkeypatch, capsys)


def test_what_was_released_arrives_at_once_and_the_card_is_shown(two: Pair, japan: Desk) -> None:
    identifiers = two.release("Kestrel", "Goshawk")
    told = japan.does("analyst-one", *two.argv("--now", "--json")).json
    assert (told["party"], told["name"], told["every"]) == (OWN, "agency", 300)
    assert (told["read"], told["accepted"], told["quarantined"], told["error"]) == (3, 3, 0, None)
    assert told["ran"]["accepted"] == 3
    assert told["ledger"].startswith("titian-")
    assert told["verified"] >= 16
    assert told["card"] == {"fingerprint": two.ours.node.peers.ours().card.fingerprint, "checked": False}
    held = {one.id for one in two.theirs.node.arrive.accepted(10)}
    assert {*identifiers, OWN} == held


def test_the_fingerprint_is_to_be_compared(two: Pair, japan: Desk) -> None:
    two.release("Kestrel")
    done = japan.does("analyst-one", *two.argv())
    assert two.ours.node.peers.ours().card.fingerprint in done.out
    assert "titian serve" in done.out
    assert "compare it by telephone" in done.err
    assert "titian peers add --checked" in done.err
    assert two.theirs.node.arrive.accepted(10) == [], "without --now nothing is pulled"


def test_a_second_pull_goes_on_where_the_first_ended(two: Pair, japan: Desk) -> None:
    two.release("Kestrel")
    identifier = japan.does("analyst-one", *two.argv("--now", "--json")).json["id"]
    assert "0 arrived" in japan.does("analyst-one", "subscriptions", "run", identifier[:8]).out
    two.forward(60)
    two.release("Goshawk")
    told = japan.does("analyst-one", "subscriptions", "run", identifier, "--json").json
    assert (told["read"], told["accepted"], told["known"], told["findings"]) == (1, 1, 0, [])
    two.forward(600)
    assert japan.does("analyst-one", "subscriptions", "run", identifier, "--json").json["findings"] == []


def test_the_list_says_how_each_goes(two: Pair, japan: Desk) -> None:
    assert "titian subscribe" in japan.does("analyst-one", "subscriptions").out
    two.release("Kestrel")
    two.forward(30)
    identifier = japan.does("analyst-one", *two.argv("--now", "--every", "2h", "--into", "Partners", "--json")).json[
        "id"
    ]
    two.forward(3600)
    (row,) = japan.does("analyst-one", "subscriptions", "--json").json
    assert {"id", "url", "collection", "title", "agreement", "party", "name", "every", "created", "last_try",
            "last_success", "next_try", "failures", "error", "lag", "read", "accepted", "known", "quarantined", "gaps",
            "paused", "ledger", "verified"} <= set(row)  # fmt: skip
    assert (row["id"], row["collection"], row["into"]["name"]) == (identifier, two.collection, "Partners")
    assert (row["every"], row["gaps"], row["failures"]) == (7200, [], 0)
    assert 25 <= row["lag"] <= 31
    shown = japan.does("analyst-one", "subscriptions").out
    for words in (identifier[:8], "agency", "pact", "2h", "60m ago"):
        assert words in shown, shown
    assert re.search(r"\b(2[5-9]|3[01])s\b", shown), shown
    one = japan.does("analyst-one", "subscriptions", "show", identifier[:6]).out
    for words in (identifier, OWN, "into: Partners"):
        assert words in one, one
    assert re.search(r"its first (16|32) entries", one), one


def test_a_partner_that_does_not_answer_is_told_and_tried_again(two: Pair, japan: Desk) -> None:
    two.release("Kestrel")
    identifier = japan.does("analyst-one", *two.argv("--json")).json["id"]
    face, two.over.face = two.over.face, None
    done = japan.analyst("subscriptions", "run", identifier)
    assert done.status == 1
    assert "titian: " in done.err
    (row,) = japan.does("analyst-one", "subscriptions", "--json").json
    assert (row["failures"], row["last_success"]) == (1, None)
    assert row["error"]
    assert row["next_try"] > row["last_try"]
    assert japan.run("analyst-one", *two.argv()).status == 1
    assert len(japan.does("analyst-one", "subscriptions", "--json").json) == 1, "nothing is begun with who is silent"
    two.over.face = face
    assert "2 accepted" in japan.does("analyst-one", "subscriptions", "run", identifier).out
    (row,) = japan.does("analyst-one", "subscriptions", "--json").json
    assert (row["failures"], row["error"]) == (0, None)


def test_what_the_agreement_does_not_cover_is_shown_as_quarantined(two: Pair, japan: Desk) -> None:
    two.theirs.node.agreements.narrow("pact", BY, ceiling=Tlp.CLEAR)
    two.release("Kestrel")
    done = japan.does("analyst-one", *two.argv("--now"))
    assert "outside-agreement: 2" in done.out
    assert "titian inbox" in done.out


def test_one_that_has_ended_pulls_no_more_and_forgets_its_key(two: Pair, japan: Desk) -> None:
    two.release("Kestrel")
    identifier = japan.does("analyst-one", *two.argv("--now", "--json")).json["id"]
    assert japan.analyst("subscriptions", "end", identifier).status == 2, "why is not left out"
    japan.does("analyst-one", "subscriptions", "end", identifier, "--why", "over")
    assert japan.does("analyst-one", "subscriptions", "--json").json == []
    (row,) = japan.does("analyst-one", "subscriptions", "--all", "--json").json
    assert (row["ended"] is None, row["next_try"]) == (False, None)
    again = japan.analyst("subscriptions", "run", identifier)
    assert (again.status, "has ended" in again.err) == (1, True)
    (act,) = two.theirs.node.acts.list(acts={"unsubscribe"})
    assert act.why == "over"


def test_a_ledger_that_is_not_what_it_was_pauses_until_a_person_says_so(two: Pair, japan: Desk) -> None:
    two.release("Kestrel")
    identifier = japan.does("analyst-one", *two.argv("--now", "--json")).json["id"]
    (peer,) = two.theirs.node.peer_ledgers.all()
    two.theirs.node.peer_ledgers.broke(peer.origin, "It has two histories.", b"proof")
    done = japan.analyst("subscriptions", "run", identifier)
    assert (done.status, "found broken" in done.err) == (1, True)
    refused = japan.analyst("subscriptions", "resume", identifier, "--why", "settled")
    assert (refused.status, "--trust-ledger" in refused.err) == (1, True)
    assert japan.analyst("subscriptions", "resume", identifier, "--why", "x", "--trust-ledger").status == 1
    japan.does("keeper-one", "people", "list")
    trusts = japan.run("keeper-one", "subscriptions", "resume", identifier, "--why", "settled", "--trust-ledger")
    assert trusts.status == 0, trusts
    told = japan.does("analyst-one", "subscriptions", "run", identifier, "--json").json
    assert (told["error"], told["findings"]) == (None, [])
    assert two.theirs.node.peer_ledgers.get(peer.origin).broken is None  # type: ignore[union-attr]
    (kept,) = two.theirs.node.peer_ledgers.evidence()
    assert kept.body == b"proof", "the proof stays"


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--every", "soon"), ("'soon'", "30s or 5m")),
        (("--every", "0s"), ("'0s'", "30s or 5m")),
        (("--from", "nobody-there"), ("nobody-there", "titian parties list")),
    ],
    ids=lambda value: value[-1],
)
def test_a_subscription_that_is_none_is_not_made(
    two: Pair, japan: Desk, option: tuple[str, ...], says: tuple[str, ...]
) -> None:
    two.release("Kestrel")
    done = japan.run("analyst-one", *two.argv(*option))
    assert (done.status, done.out) == (1, ""), done
    assert all(words in done.err for words in says), done
    assert two.theirs.node.subscribe.list() == []


def test_the_server_of_another_party_is_refused(two: Pair, japan: Desk) -> None:
    two.release("Kestrel")
    two.theirs.add_party("brunei")
    done = japan.run("analyst-one", *two.argv("--from", "brunei"))
    assert (done.status, "the card is that of" in done.err.lower() or "card is that of Agency" in done.err) == (1, True)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86400), ("1w", 604800)])
def test_lengths_of_time(text: str, seconds: int) -> None:
    assert length(text) == seconds * 1_000_000


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5.5m", "05m", "5M", "999999w", "5 m", "\u0665m"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(InvalidInput, match="no length of time"):
        length(text)
