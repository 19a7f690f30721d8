"""The verbs of referrals at the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from support.desk import Desk
from support.gate import DAY, NOW, OWN, RELEASER, party_id
from support.referring import BASIS, URL, VIDEO, Referring
from titian.core.collection import timestamp
from titian.core.referral import State

PLATFORM = party_id(VIDEO)
ASKED = (
    "refer", "make", URL, "pdq:" + "a1" * 32, "--to", VIDEO, "--agreement", "platforms", "--source", "list",
    "--designation", "National list", "--reference", "N-17", "--country", "id", "--legal-basis", BASIS,
    "--ask", "Remove the film", "--why", "It calls for money.", "--deadline", "2026-12-01",
)  # fmt: skip


@pytest.fixture
def on(desk: Desk) -> Referring:
    return Referring(desk.bench)


def without(option: str) -> list[str]:
    argv = list(ASKED)
    at = argv.index(option)
    return argv[:at] + argv[at + 2 :]


def refers(desk: Desk) -> dict[str, Any]:
    done = dict(desk.does("analyst-one", *ASKED, "--json").json)
    desk.bench.node.release.approve(RELEASER, done["returned"]["request"])
    return done


def short(identifier: str) -> str:
    return identifier.partition("--")[2][:8]


def test_it_is_asked_and_waits_for_a_second_person(desk: Desk, on: Referring) -> None:
    told = desk.does("analyst-one", *ASKED).out
    (request,) = desk.bench.node.release.requests()
    assert f"titian approve {request.id[:8]}" in told
    assert "For video under Platforms it waits" in told
    assert request.reason == "It calls for money."
    desk.does("releaser-one", "approve", request.id[:8])
    served = on.referral_served()
    assert served is not None
    assert served["designations"] == [
        {"source": "list", "name": "National list", "reference": "N-17", "country": "ID"}
    ]  # fmt: skip
    assert (served["legal_basis"], served["name"], served["deadline"]) == (
        [BASIS], "Remove the film", "2026-12-01T00:00:00.000Z",
    )  # fmt: skip


@pytest.mark.parametrize(("option", "says"), [
    ("--source", "names no source"), ("--designation", "what it is called"), ("--legal-basis", "no legal basis"),
])  # fmt: skip
def test_what_is_owed_is_asked_for(desk: Desk, on: Referring, option: str, says: str) -> None:
    desk.refused("analyst-one", *without(option), says=(says, "→"))
    assert on.refer.list() == []


@pytest.mark.parametrize(("argv", "says"), [
    (["--expires", "soon"], "soon"), (["--marking", "pink"], "pink"), (["--purpose", ""], "empty"),
    (["--deadline", "2020-01-01"], "passed"),
])  # fmt: skip
def test_bad_options_are_refused(desk: Desk, on: Referring, argv: list[str], says: str) -> None:
    desk.refused("analyst-one", *ASKED, *argv, says=(says,))
    assert on.refer.list() == []


def test_an_account_is_asked_about_with_its_purpose_and_end(desk: Desk, on: Referring) -> None:
    argv = ["videoport:bad.channel" if one == URL else one for one in ASKED]
    desk.refused("analyst-one", *argv, says=("describes a person", "--expires"))
    done = desk.does("analyst-one", *argv, "--purpose", "cybercrime", "--expires", "2027-01-01", "--json").json
    assert done["returned"]["state"] == "waits"


def test_sent_and_received_are_listed_with_where_they_stand(desk: Desk, on: Referring) -> None:
    assert "There are no referrals." in desk.does("auditor-one", "refer", "list").out
    mine, theirs = refers(desk), on.receives(deadline=NOW + DAY)
    listed = desk.does("auditor-one", "refer", "list", "--json").json
    assert {(one["id"], one["direction"], one["name"], one["state"]) for one in listed} == {
        (mine["id"], "out", VIDEO, "sent"), (theirs.id, "in", "japan", "sent"),
    }  # fmt: skip
    table = desk.does("auditor-one", "refer", "list").out
    assert all(word in table for word in (short(mine["id"]), "not fetched yet", URL, "from", "japan", "2026-12-01"))
    for argv, wanted in (
        (("--sent",), [mine["id"]]), (("--received",), [theirs.id]), (("--state", "kept"), []),
        (("--sent", "--received", "--state", "sent"), [one["id"] for one in listed]),
    ):  # fmt: skip
        assert [one["id"] for one in desk.does("auditor-one", "refer", "list", *argv, "--json").json] == wanted
    assert "no such referral" in desk.does("auditor-one", "refer", "list", "--overdue").out
    desk.bench.clock.now += 2 * DAY
    desk.sign_in("auditor-one")
    late = desk.does("auditor-one", "refer", "list", "--overdue").out
    assert (short(theirs.id) in late, "overdue" in late, short(mine["id"]) in late) == (True, True, False)
    assert "none of these" in desk.run("auditor-one", "refer", "list", "--state", "lost").err


def test_one_is_shown_with_all_that_came_of_it(desk: Desk, on: Referring) -> None:
    mine = refers(desk)
    on.answered(on.refer.find(mine["id"]), State.KEPT, "It is news.")
    told = desk.does("auditor-one", "refer", "show", short(mine["id"])).out
    assert all(
        word in told
        for word in (
            "to video: kept", "asked: Remove the film", "why: It calls for money.", f"content: {URL}",
            "designated by list: National list (N-17, ID)", f"legal basis: {BASIS}", "kept by video  It is news.",
            f"titian refer appeal {short(mine['id'])} --why",
        )
    ), told  # fmt: skip
    said = desk.does("auditor-one", "refer", "show", mine["id"], "--json").json
    assert [(one["state"], one["by"], one["reason"]) for one in said["history"]] == [
        ("sent", OWN, ""), ("kept", PLATFORM, "It is news."),
    ]  # fmt: skip
    assert (said["can"], said["waits"], said["aside"], said["unheard"]) == (["appealed"], False, [], [])


def test_what_does_not_count_is_shown_as_such(desk: Desk, on: Referring) -> None:
    mine = refers(desk)
    on.answered(on.refer.find(mine["id"]), State.KEPT)
    on.answered(on.refer.find(mine["id"]), State.REINSTATED)
    told = desk.does("auditor-one", "refer", "show", mine["id"]).out
    assert "not counted: reinstated by video: A referral that was kept cannot be reinstated." in told


def test_what_is_asked_of_us_is_answered(desk: Desk, on: Referring) -> None:
    theirs = on.receives()
    told = desk.does("auditor-one", "refer", "show", short(theirs.id)).out
    assert f"titian refer answer {short(theirs.id)} removed or kept" in told
    for argv, says in ((("kept",), "without a reason"), (("lost",), "none of these"), (("sent",), "none of these")):
        done = desk.analyst("refer", "answer", short(theirs.id), *argv)
        assert (done.status, done.out, says in done.err) == (1, "", True), done
    done = desk.does("analyst-one", "refer", "answer", short(theirs.id), "kept", "--why", "It is news.")
    assert f"{theirs.id}: kept" in done.out
    (request,) = desk.bench.node.release.requests()
    assert f"For japan under Jp it waits for another person: titian approve {request.id[:8]}" in done.out
    assert f"waits: titian approve {request.id[:8]}" in desk.does("auditor-one", "refer", "show", theirs.id).out
    desk.does("releaser-one", "approve", request.id[:8])
    assert [one["response"] for one in desk.bench.served("japan").values() if one["type"] == "referral-answer"] == [
        "kept"
    ]


def test_an_appeal_and_a_withdrawal_are_asked_for(desk: Desk, on: Referring) -> None:
    mine = refers(desk)
    on.answered(on.refer.find(mine["id"]), State.KEPT)
    done = desk.does("analyst-one", "refer", "appeal", mine["id"], "--why", "No.", "--deadline", "2026-12-31", "--json")
    assert (done.json["state"], done.json["deadline"]) == ("appealed", timestamp(1_798_675_200_000_000))
    assert done.json["returned"]["state"] == "waits"
    told = desk.does("analyst-one", "refer", "withdraw", short(mine["id"]), "--why", "The wrong film").out
    assert "withdrawn (waits for approval)" in told
    assert ("withdraw-referral", "The wrong film") in {(one.act, one.why) for one in desk.bench.node.acts.list()}


def test_who_may_not_write_may_not_refer(desk: Desk, on: Referring) -> None:
    theirs = on.receives()
    for name in ("releaser-one", "auditor-one", "keeper-one"):
        for argv in (ASKED, ("refer", "answer", theirs.id, "removed")):
            done = desk.run(name, *argv)
            assert (done.status, done.out, "may not" in done.err) == (1, "", True), done
    assert [one.state for one in on.refer.list()] == [State.SENT]


def test_a_strangers_text_commands_no_terminal(desk: Desk, on: Referring) -> None:
    theirs = on.receives(name="\x1b[31mred\u202e", why="[bold]x[/bold]")
    told = desk.does("auditor-one", "refer", "show", theirs.id).out
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "[bold]x[/bold]" in told
