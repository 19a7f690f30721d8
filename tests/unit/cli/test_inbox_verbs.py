"""`titian inbox`: what arrived from partners, why some of it was kept apart, and who decided what."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from support.desk import Desk
from support.gate import malware, party_id
from support.stix import Object, text
from titian.core.arrival import Arrival
from titian.core.tlp import Tlp

JAPAN = party_id("japan")


def theirs(name: str, **own: Any) -> Object:
    return malware(name, by=JAPAN, **own)


def come(desk: Desk, *values: Object | bytes, spoiled: tuple[bytes, ...] = ()) -> None:
    """Have a page arrive from Japan, and judge it."""
    node = desk.bench.node
    raws = [value if isinstance(value, bytes) else text(value) for value in values]
    where = node.collections.receiving("From Japan", JAPAN)
    (agreement,) = node.agreements.read().directory.agreements
    arrival = Arrival(
        subscription="sub-1", collection=where.num, received=desk.bench.clock(), party=JAPAN, remote="their-collection",
        count=len(raws), digest=b"",
    )  # fmt: skip
    arrivals = node.arrive._arrivals
    kept = arrivals.keep(arrival, raws, [("it is no JSON object", one) for one in spoiled])
    node.arrive.judge(kept, agreement)


def listed(desk: Desk, *options: str) -> dict[str, Any]:
    told: dict[str, Any] = desk.does("analyst-one", "inbox", "--json", *options).json
    return told


def test_an_empty_inbox_says_so(desk: Desk) -> None:
    assert "Nothing waits" in desk.does("analyst-one", "inbox").out
    assert listed(desk) == {"quarantine": [], "accepted": []}


def test_what_was_kept_apart_says_why_and_from_whom(desk: Desk) -> None:
    red, bare = theirs("Kestrel", tlp=Tlp.RED), theirs("Goshawk")
    ours = malware("Merlin", tlp=Tlp.GREEN)
    come(desk, red, bare, ours, b'{"type":"malware"}', spoiled=(b"\xff\x1b[31m",))
    found = {one["id"]: one for one in listed(desk)["quarantine"]}
    assert {identifier: one["code"] for identifier, one in found.items() if identifier} == {
        red["id"]: "outside-agreement", bare["id"]: "unmarked", ours["id"]: "claims-ours",
    }  # fmt: skip
    one = found[red["id"]]
    assert (one["party"], one["name"], one["type"], one["state"]) == (JAPAN, "japan", "malware", "waiting")
    assert (one["size"], one["collection"]["name"]) == (len(text(red)), "From Japan")
    assert "TLP:RED" in one["reason"]
    shown = desk.does("analyst-one", "inbox").out
    for words in (red["id"], "unmarked", "claims-ours", "invalid", "japan", "it is no JSON object"):
        assert words in shown, shown


def test_what_was_accepted_says_where_it_came_from(desk: Desk) -> None:
    first, second = theirs("Kestrel", tlp=Tlp.GREEN), theirs("Goshawk", tlp=Tlp.GREEN)
    come(desk, first)
    desk.bench.clock.now += 1_000_000
    come(desk, second)
    assert listed(desk)["accepted"] == []
    (one,) = listed(desk, "--accepted", "1")["accepted"]
    assert (one["id"], one["party"], one["remote"], one["subscription"]) == (
        second["id"], JAPAN, "their-collection", "sub-1",
    )  # fmt: skip
    both = listed(desk, "--accepted", "9")["accepted"]
    assert [one["id"] for one in both] == [second["id"], first["id"]], "the newest first"
    assert both[0]["size"] == len(text(second))
    assert first["id"] in desk.does("analyst-one", "inbox", "--accepted", "9").out


def test_the_bytes_are_shown_as_they_came_and_command_no_terminal(desk: Desk) -> None:
    raw = b'{"type":"malware","name":"\x1b[31mred\xe2\x80\xae"}\xff'
    come(desk, spoiled=(raw,))
    number = str(listed(desk)["quarantine"][0]["number"])
    shown = desk.does("analyst-one", "inbox", "show", number)
    assert "\x1b" not in shown.out
    assert "\u202e" not in shown.out
    assert r"\x1b[31mred" in shown.out
    told = desk.does("analyst-one", "inbox", "show", number, "--json").json
    assert base64.b64decode(told["raw"]) == raw
    assert told["text"] is None


def test_what_a_person_accepts_is_taken_in_and_remembered(desk: Desk) -> None:
    value = theirs("Kestrel")
    come(desk, value)
    told = desk.does("analyst-one", "inbox", "accept", value["id"], "--why", "They said green by telephone", "--json")
    (done,) = told.json
    assert (done["state"], done["outcome"], done["error"]) == ("accepted", "added", None)
    assert desk.bench.latest(value["id"], "From Japan")["name"] == "Kestrel"
    assert listed(desk)["quarantine"] == []
    (row,) = listed(desk, "--all")["quarantine"]
    assert (row["state"], row["why"]) == ("accepted", "They said green by telephone")
    (act,) = desk.bench.node.acts.list(acts={"inbox-accepted"})
    assert (act.subject, act.why) == (value["id"], "They said green by telephone")
    (came,) = listed(desk, "--accepted", "5")["accepted"]
    assert (came["id"], came["party"]) == (value["id"], JAPAN), "its provenance goes with it"


def test_what_is_rejected_stays_out_and_its_bytes_stay(desk: Desk) -> None:
    one, other = theirs("Kestrel"), theirs("Goshawk")
    come(desk, one, other)
    numbers = [str(each["number"]) for each in listed(desk)["quarantine"]]
    assert desk.does("analyst-one", "inbox", "reject", *numbers, "--why", "not for us").out.count("is rejected") == 2
    assert listed(desk)["quarantine"] == []
    assert text(one).decode() in desk.does("analyst-one", "inbox", "show", numbers[0]).out
    again = desk.analyst("inbox", "accept", numbers[0], "--why", "after all")
    assert (again.status, "decided before" in again.err) == (1, True)
    assert desk.analyst("inbox", "reject", numbers[0]).status == 2, "why is not left out"


def test_of_several_those_that_cannot_be_do_not_hold_up_the_rest(desk: Desk) -> None:
    fine, ours = theirs("Kestrel"), malware("Merlin", tlp=Tlp.GREEN)
    come(desk, fine, ours, b'{"type":"malware"}')
    numbers = {one["code"]: str(one["number"]) for one in listed(desk)["quarantine"]}
    wanted = (numbers["claims-ours"], numbers["invalid"], numbers["unmarked"], "99")
    done = desk.analyst("inbox", "accept", *wanted, "--why", "all of it", "--json")
    assert done.status == 1
    told = {one["reference"]: one["error"] for one in done.json}
    assert told[numbers["unmarked"]] is None
    assert "this node's own" in told[numbers["claims-ours"]]
    assert "not STIX 2.1" in told[numbers["invalid"]]
    assert "nothing in the quarantine" in told["99"]
    assert {one["code"] for one in listed(desk)["quarantine"]} == {"claims-ours", "invalid"}


def test_another_content_of_what_is_held_is_never_taken_in(desk: Desk) -> None:
    value = theirs("Kestrel", tlp=Tlp.GREEN)
    come(desk, value)
    come(desk, value | {"name": "Other"})
    (row,) = listed(desk)["quarantine"]
    assert (row["code"], row["party"]) == ("conflict", JAPAN)
    done = desk.analyst("inbox", "accept", str(row["number"]), "--why", "newer")
    assert (done.status, "Another content is held" in done.err) == (1, True)
    assert desk.bench.latest(value["id"], "From Japan")["name"] == "Kestrel"


@pytest.mark.parametrize("reference", ["nothing", "0", "malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"])
def test_what_is_not_there_is_told(desk: Desk, reference: str) -> None:
    desk.refused("analyst-one", "inbox", "show", reference, says=("nothing in the quarantine", "titian inbox"))


def test_who_may_not_write_decides_nothing(desk: Desk) -> None:
    come(desk, theirs("Kestrel"))
    for name in ("releaser-one", "auditor-one", "keeper-one"):
        done = desk.run(name, "inbox", "accept", "1", "--why", "x")
        assert (done.status, "may not write" in done.err) == (1, True)
        assert desk.run(name, "inbox").status == 0
