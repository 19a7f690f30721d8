"""The verbs of recall at the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from support.desk import Desk
from support.gate import DAY, indicator, malware, party_id
from support.recalling import Recalling
from support.stix import Object
from titian import cli
from titian.cli.recalls import _by
from titian.core.collection import timestamp
from titian.core.recall import Policy
from titian.core.recall_objects import Response
from titian.core.tlp import Tlp
from titian.node import open_node

JAPAN = party_id("japan")


class WithRecalls:
    """A node on which the verbs of recall know what a test says was delivered."""

    def __init__(self, node: Any, recalls: Any) -> None:
        self._node = node
        self.recalls = recalls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def __enter__(self) -> WithRecalls:
        return self

    def __exit__(self, *_: object) -> None:
        self._node.close()


@pytest.fixture
def on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Recalling:
    made = Recalling(desk.bench)
    monkeypatch.setitem(cli.VERBS, "recall", ("titian.cli.recall", "Recall."))
    monkeypatch.setitem(cli.VERBS, "recalls", ("titian.cli.recalls", "Recalls."))
    monkeypatch.setattr(
        "titian.cli.common.open_node",
        lambda home: WithRecalls(open_node(home, clock=desk.bench.clock, environment={}), made.recalls),
    )
    return made


def kestrel(name: str = "Kestrel") -> Object:
    return malware(name, tlp=Tlp.GREEN)


def released(on: Recalling, *values: Object) -> list[str]:
    ids = on.bench.hold(*values)
    on.bench.release(*ids, to="jp")
    on.reads("japan")
    return ids


def deadline(on: Recalling, days: int = 7) -> str:
    return timestamp(on.bench.clock.now + days * DAY)


def recall(desk: Desk, on: Recalling, *references: str, by: str = "analyst-one") -> dict[str, Any]:
    until = deadline(on)
    told = desk.does(by, "recall", *references, "--reason", "legal", "--deadline", until, "--json").json
    (one,) = told
    return dict(one)


def test_a_recall_takes_it_out_and_is_listed_until_it_is_settled(desk: Desk, on: Recalling) -> None:
    bad, _ = released(on, kestrel(), kestrel("Goshawk"))
    made = recall(desk, on, bad)
    assert desk.bench.names("japan") == {"Goshawk"}
    assert (made["direction"], made["reason"], made["state"], made["objects"]) == ("out", "legal", "sent", 1)
    assert made["recipients"] == [{
        "party": JAPAN, "name": "japan", "state": "waiting", "answered": None, "why": "", "passed_on": 0,
        "objects": 1, "told": 1,
    }]  # fmt: skip
    (listed,) = desk.does("auditor-one", "recalls", "--json").json
    assert listed == made
    on.says("japan", Response.REFUSED, "We saw it ourselves.")
    told = desk.does("auditor-one", "recalls").out
    assert all(word in told for word in ("japan", "refused", "We saw it ourselves.", "legal", made["id"][:8]))
    on.says("japan", Response.APPLIED, passed_on=2)
    assert "No recall waits" in desk.does("auditor-one", "recalls").out
    (listed,) = desk.does("auditor-one", "recalls", "--all", "--json").json
    assert (listed["recipients"][0]["state"], listed["recipients"][0]["passed_on"]) == ("applied", 2)
    shown = desk.does("auditor-one", "recalls", "show", made["id"][:8]).out
    assert all(word in shown for word in (bad, "refused", "applied, passed on to 2"))
    assert desk.does("auditor-one", "recalls", "show", made["id"], "--json").json["object_refs"] == [bad]


@pytest.mark.parametrize(
    ("reason", "days", "says"),
    [("nonsense", 7, ("'nonsense'", "false-positive")), ("legal", -1, ("deadline", "later"))],
    ids=["no reason", "a deadline that is over"],
)
def test_a_recall_that_makes_no_sense_changes_nothing(
    desk: Desk, on: Recalling, reason: str, days: int, says: tuple[str, ...]
) -> None:
    (bad,) = released(on, kestrel())
    done = desk.analyst("recall", bad, "--reason", reason, "--deadline", deadline(on, days))
    assert (done.status, done.out) == (1, "")
    assert all(word in done.err for word in says), done.err
    assert desk.bench.names("japan") == {"Kestrel"}


def test_what_nobody_is_served_cannot_be_recalled(desk: Desk, on: Recalling) -> None:
    (kept,) = desk.bench.hold(kestrel())
    until = deadline(on)
    done = desk.analyst("recall", kept, "--reason", "legal", "--deadline", until)
    assert (done.status, done.out) == (1, "")
    assert "Nobody is served any of this." in done.err


def test_an_administrator_and_an_auditor_may_not_recall(desk: Desk, on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    for name in ("keeper-one", "auditor-one"):
        done = desk.run(name, "recall", bad, "--reason", "legal", "--deadline", deadline(on))
        assert (done.status, done.out) == (1, "")
        assert "may not request release" in done.err
    assert desk.bench.names("japan") == {"Kestrel"}


def test_a_recall_is_withdrawn_with_a_reason(desk: Desk, on: Recalling) -> None:
    (bad,) = released(on, kestrel())
    ident = recall(desk, on, bad, by="releaser-one")["id"]
    assert desk.releaser("recalls", "withdraw", ident[:8], "--why", " ").status == 1
    done = desk.does("releaser-one", "recalls", "withdraw", ident[:8], "--why", "It was right.", "--json").json
    assert done["state"] == "withdrawn"
    assert on.message("japan").withdrawn


def theirs(on: Recalling, policy: Policy = Policy.KEEP) -> str:
    value = indicator("Kestrel", by=JAPAN, tlp=Tlp.GREEN)
    (bad,) = on.holds_from("japan", value)
    assert on.arrives("japan", bad, policy=policy) is None
    return bad


def test_a_recall_of_another_waits_for_an_answer(desk: Desk, on: Recalling) -> None:
    bad = theirs(on)
    (listed,) = desk.does("auditor-one", "recalls", "--json").json
    assert (listed["direction"], listed["state"], listed["party"], listed["recipients"]) == ("in", "open", JAPAN, [])
    told = desk.does("auditor-one", "recalls").out
    assert all(word in told for word in ("japan recalls 1 objects", "bad source", "titian recalls answer 00000001"))
    assert bad in desk.does("auditor-one", "recalls", "show", "00000001").out
    done = desk.analyst("recalls", "answer", "00000001", "refuse")
    assert (done.status, "--why" in done.err) == (1, True)
    refused = desk.does("analyst-one", "recalls", "answer", "00000001", "refuse", "--why", "We saw it.", "--json").json
    assert refused["state"] == "refused"
    assert on.answer_to("japan").why == "We saw it."
    desk.does("analyst-one", "recalls", "answer", "00000001", "apply")
    assert on.held("From japan") == set()
    assert desk.analyst("recalls", "answer", "00000001", "perhaps").status == 1


def test_applying_over_local_work_names_it_and_needs_a_word(desk: Desk, on: Recalling) -> None:
    bad = theirs(on, Policy.APPLY)
    desk.bench.hold(malware("Ours", tlp=Tlp.GREEN, external_references=[{"source_name": "x", "description": bad}]))
    done = desk.analyst("recalls", "answer", "00000001", "apply")
    assert done.status == 1, "it was applied already"
    (again,) = on.holds_from("japan", indicator("Goshawk", by=JAPAN, tlp=Tlp.GREEN))
    desk.bench.hold(malware("Ours", tlp=Tlp.GREEN, external_references=[{"source_name": "x", "description": again}]))
    on.arrives("japan", again, number=2)
    done = desk.analyst("recalls", "answer", "00000002", "apply")
    assert (done.status, done.out) == (1, "")
    assert all(word in done.err for word in (again, "in Reports", "--also-local-work"))
    desk.does("analyst-one", "recalls", "answer", "00000002", "apply", "--also-local-work")
    assert again not in on.held("From japan")


def test_days_left_are_told() -> None:
    assert _by(None) == ""
    assert "(over)" in _by(0)
    assert "days left" in _by(4_000_000_000_000_000)
