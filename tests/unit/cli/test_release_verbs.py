"""The verbs of release at the terminal: bad input is refused, or resolved to the stricter side, and says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from support.desk import HOURS, Desk
from support.gate import OWN, indicator, made, malware, party_id, report
from support.stix import Object
from titian.core.gate import State
from titian.core.party import PartyKind
from titian.core.tlp import TLP_1_IDS, TLP_IDS, Tlp
from titian.exchange.agree import Tie

JAPAN, RUSSIA = party_id("japan"), party_id("russia")
NOBODY_KNOWS: Final = "marking-definition--00000000-0000-4000-8000-000000000000"
NOTHING = ("Nothing of this would go to anybody.", "`titian preview` shows why")


def withheld(desk: Desk, *references: str, to: str = "jp") -> dict[str, tuple[str, str]]:
    """What a preview withholds: rule and reason by identifier."""
    told = desk.does("analyst-one", "preview", *references, "--to", to, "--json").json
    return {one["id"]: (one["rule"], one["reason"]) for one in told["withheld"]}


# ── bad input: markings ───────────────────────────────────────────────────────────────────────────────────────


def test_a_marking_that_nobody_knows_reaches_nobody(desk: Desk) -> None:
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN, marks=[NOBODY_KNOWS]))
    rule, reason = withheld(desk, identifier)[identifier]
    assert rule == "unknown-marking"
    assert NOBODY_KNOWS in reason
    assert "import" in reason, "it says what to do"
    assert reason in desk.analyst("preview", identifier, "--to", "jp").out
    desk.refused("analyst-one", "release", identifier, "--to", "jp", says=NOTHING)


@pytest.mark.parametrize(
    "label",
    [
        {"definition_type": "tlp", "definition": {"tlp": "green"}},
        {"definition_type": "tlp", "definition": {"tlp": "red"}, "name": "TLP:GREEN"},
        {"name": "TLP:GREEN", "extensions": {"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
            "extension_type": "property-extension", "tlp_2_0": "green"}}},
    ],
    ids=["another colour", "another name", "the colours of 2.0"],
)  # fmt: skip
def test_an_identifier_of_tlp_1_keeps_its_colour_whatever_stands_beside_it(desk: Desk, label: Object) -> None:
    relabelled = {"type": "marking-definition", "spec_version": "2.1", "id": TLP_1_IDS[Tlp.RED],
                  "created": "2017-01-20T00:00:00.000Z", **label}  # fmt: skip
    held = malware("Kestrel", marks=[TLP_1_IDS[Tlp.RED]])
    told = desk.does("analyst-one", "import", desk.bundle(relabelled, held), "--collection", "Reports")
    assert TLP_1_IDS[Tlp.RED] in told.out
    assert "tlp-instance" in told.out, "it is not taken in, and says so"
    assert withheld(desk, held["id"])[held["id"]][0] == "tlp-ceiling"
    desk.refused("analyst-one", "release", held["id"], "--to", "jp", says=NOTHING)


@pytest.mark.parametrize(("one", "other"), [(Tlp.GREEN, Tlp.RED), (Tlp.RED, Tlp.CLEAR), (Tlp.AMBER, Tlp.AMBER_STRICT)])
def test_of_two_colours_the_stricter_counts(desk: Desk, one: Tlp, other: Tlp) -> None:
    desk.bench.agree("open", JAPAN, ceiling="amber")
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=one, marks=[TLP_IDS[other]]))
    stricter = Tlp.RED if Tlp.RED in (one, other) else Tlp.AMBER_STRICT
    rule, reason = withheld(desk, identifier, to="open")[identifier]
    assert (rule, stricter.label in reason) == ("tlp-ceiling", True), reason
    desk.refused("analyst-one", "release", identifier, "--to", "open", says=NOTHING)


@pytest.mark.parametrize("selector", ["nothing_there", "labels.[7]", "name.deeper"])
def test_a_selector_that_points_nowhere_is_not_taken_in(desk: Desk, selector: str) -> None:
    value = indicator("Kestrel", tlp=Tlp.GREEN, labels=["a"])
    value["granular_markings"] = [{"marking_ref": TLP_IDS[Tlp.RED], "selectors": [selector]}]
    told = desk.does("analyst-one", "import", desk.bundle(value), "--collection", "Reports")
    assert "1 read, 0 added" in told.out
    assert "$.granular_markings[0].selectors[0]" in told.out
    assert "selector-target" in told.out
    desk.refused("analyst-one", "release", value["id"], "--to", "jp", says=(value["id"], "Nothing is held"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--tlp", "blue"), ("'blue'", "TLP:AMBER+STRICT")),
        (("--pap", "blue"), ("'blue'", "PAP:")),
        (("--releasable-to", "XX"), ("'XX'", "ISO 3166-1")),
        (("--purpose", "profit"), ("'profit'", "cybercrime")),
        (("--expires", "soon"), ("'soon'", "2027-06-30")),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_marking_that_is_none_marks_nothing(desk: Desk, options: tuple[str, ...], says: tuple[str, ...]) -> None:
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.RED))
    desk.refused("analyst-one", "mark", identifier, *options, says=says)
    assert desk.bench.latest(identifier)["object_marking_refs"] == [TLP_IDS[Tlp.RED]]


# ── bad input: graphs ─────────────────────────────────────────────────────────────────────────────────────────


def test_reports_that_refer_to_each_other_go_once_each(desk: Desk) -> None:
    one = report("One", tlp=Tlp.GREEN)
    two = report("Two", one, tlp=Tlp.GREEN)
    one["object_refs"] = [two["id"], one["id"]]
    desk.bench.hold(one, two)
    told = desk.does("analyst-one", "preview", one["id"], "--to", "jp", "--json").json
    assert told["released"] == sorted([OWN, one["id"], two["id"]])
    request = desk.waiting(one["id"])
    desk.does("releaser-one", "approve", request)
    assert set(desk.bench.served("japan")) == set(told["released"])


def test_a_circle_of_which_one_part_is_withheld_falls_whole(desk: Desk) -> None:
    one, two = made("note", content="1", tlp=Tlp.GREEN), made("note", content="2", tlp=Tlp.RED)
    one["object_refs"], two["object_refs"] = [two["id"]], [one["id"]]
    desk.bench.hold(one, two)
    found = withheld(desk, one["id"], two["id"])
    assert (found[one["id"]][0], found[two["id"]][0]) == ("reference", "tlp-ceiling")
    assert two["id"] in found[one["id"]][1]
    desk.refused("analyst-one", "release", one["id"], two["id"], "--to", "jp", says=NOTHING)


# ── bad input: agreements ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ({"parties": []}, ("`parties` is missing or empty", 'Write parties = ["…"')),
        ({"parties": ["nobody-there"]}, ("'nobody-there'", "titian parties list")),
        ({"valid_from": "2026-05-01", "valid_until": "2026-04-01"}, ("ends before it begins", "Give a later end")),
        ({"valid_from": "2026-05-01", "valid_until": "2026-05-01"}, ("ends before it begins",)),
        ({"ceiling": "blue"}, ("`ceiling`", "'blue'", "Write clear, green")),
        ({"purposes": ["profit"]}, ("`purposes`", "cybercrime")),
    ],
    ids=["no parties", "an unknown party", "ends before it begins", "ends as it begins", "no level", "no purpose"],
)
def test_an_agreement_that_is_none_is_refused(desk: Desk, lines: dict[str, Any], says: tuple[str, ...]) -> None:
    desk.refused("keeper-one", "agreements", "add", desk.agreement(**lines), says=says)
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    desk.refused("analyst-one", "release", identifier, "--to", "new", says=("'new'", "titian agreements list"))


def test_an_agreement_that_this_node_is_not_in_opens_nothing(desk: Desk) -> None:
    done = desk.does("keeper-one", "agreements", "add", desk.agreement(parties=[RUSSIA]))
    assert "Nothing can be released under 'New'" in done.err
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    for verb in ("preview", "release"):
        desk.refused(
            "analyst-one", verb, identifier, "--to", "new", says=("Nobody receives anything", "titian agreements show")
        )


def test_of_two_communities_the_lower_ceiling_counts(desk: Desk) -> None:
    for alias, ceiling in (("wide", Tlp.AMBER), ("narrow", Tlp.GREEN)):
        desk.bench.add_party(alias, PartyKind.COMMUNITY, ceiling=ceiling)
    desk.bench.add_party("both", ties=[Tie(of=party_id("wide")), Tie(of=party_id("narrow"))])
    desk.bench.add_party("one", ties=[Tie(of=party_id("wide"))])
    desk.bench.agree("club", party_id("wide"), party_id("narrow"))
    amber, green = desk.bench.hold(malware("Kestrel", tlp=Tlp.AMBER), malware("Goshawk", tlp=Tlp.GREEN))
    told = desk.does("analyst-one", "preview", amber, green, "--to", "club", "--json").json
    by_party = {one["name"]: one for one in told["parties"]}
    assert amber in by_party["One"]["released"]
    (why,) = by_party["Both"]["withheld"]
    assert (why["id"], why["rule"]) == (amber, "tlp-ceiling")
    assert "TLP:AMBER is stricter than TLP:GREEN" in why["reason"]
    desk.does("releaser-one", "approve", desk.waiting(amber, green, to="club"))
    assert (desk.bench.names("one"), desk.bench.names("both")) == ({"Kestrel", "Goshawk"}, {"Goshawk"})


# ── bad input: decisions ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("verb", [("approve",), ("refuse", "--why", "no")], ids=" ".join)
def test_who_asked_does_not_decide(desk: Desk, verb: tuple[str, ...]) -> None:
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    request = desk.waiting(identifier, by="releaser-one")
    desk.refused(
        "releaser-one", verb[0], request, *verb[1:], says=("Who asked for a release cannot decide", "Another releaser")
    )
    for name in ("analyst-one", "auditor-one", "keeper-one"):
        desk.refused(name, verb[0], request, *verb[1:], says=("may not decide release", "Ask a releaser"))
    (one,) = desk.bench.node.release.requests()
    assert (one.id, one.state) == (request, State.WAITING)
    desk.does("releaser-two", "approve", request)
    assert desk.bench.names("japan") == {"Kestrel"}


def again(desk: Desk, identifier: str) -> None:
    """A later version says something else."""
    value = desk.bench.latest(identifier) | {"description": "Seen again.", "modified": "2026-09-21T15:00:00.000Z"}
    desk.bench.hold(value)


def stricter(desk: Desk, identifier: str) -> None:
    desk.does("analyst-one", "mark", identifier, "--tlp", "red")


def left(desk: Desk, identifier: str) -> None:
    desk.does("keeper-one", "agreements", "members", "jp", "add", "russia")


def narrower(desk: Desk, identifier: str) -> None:
    desk.does("keeper-one", "agreements", "narrow", "jp", "--ceiling", "clear")


def over(desk: Desk, identifier: str) -> None:
    desk.does("keeper-one", "agreements", "end", "jp", "--why", "over")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (again, ("Since the preview something has changed", "says something else", "request it again")),
        (stricter, ("Since the preview something has changed", "no longer goes", "request it again")),
        (left, ("Since the preview something has changed", "is new", "request it again")),
        (narrower, ("Since the preview something has changed", "no longer goes", "request it again")),
        (over, ("Since the preview something has changed", "Nobody receives anything", "request it again")),
    ],
)
def test_what_has_changed_since_is_not_released(
    desk: Desk, change: Callable[[Desk, str], None], says: tuple[str, ...]
) -> None:
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    request = desk.waiting(identifier)
    before = desk.does("releaser-one", "approvals", "show", request, "--json").json
    assert before["now"]["same"] is True
    desk.bench.clock.now += HOURS
    change(desk, identifier)
    now = desk.does("releaser-one", "approvals", "show", request, "--json").json["now"]
    assert now["same"] is not True
    assert (now["problem"] is None) == (change is not over)
    desk.refused("releaser-one", "approve", request, says=says)
    assert desk.does("releaser-one", "approvals", "show", request, "--json").json["state"] == "failed"


def test_what_was_decided_is_not_decided_again(desk: Desk) -> None:
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    request = desk.waiting(identifier)
    told = desk.does("releaser-one", "refuse", request[:8], "--why", "It names the source.", "--json").json
    assert (told["state"], told["why"], told["decider"]) == ("refused", "It names the source.", "releaser-one")
    desk.refused("releaser-two", "approve", request, says=("refused already",))
    for verb in (("approve", "ffffffff"), ("approve", ""), ("refuse", "ffffffff", "--why", "x")):
        desk.refused("releaser-two", *verb, says=("There is no request", "titian approvals"))
    assert desk.releaser("refuse", request).status == 2, "why is not left out"


def test_who_is_disabled_or_whose_session_is_over_releases_nothing(desk: Desk) -> None:
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    request = desk.waiting(identifier)
    ended = ("This session has ended", "titian login NAME")
    desk.does("keeper-one", "people", "disable", "releaser-one", "--why", "left")
    desk.refused("releaser-one", "approve", request, says=ended)
    desk.bench.clock.now += 8 * HOURS
    for name, argv in (
        ("releaser-two", ("approve", request)),
        ("analyst-one", ("release", identifier, "--to", "jp")),
        ("analyst-one", ("preview", identifier, "--to", "jp")),
        ("analyst-one", ("mark", identifier, "--tlp", "clear")),
        ("auditor-one", ("acts",)),
    ):
        desk.refused(name, *argv, says=ended)
    desk.sign_in("releaser-two")
    desk.does("releaser-two", "approve", request)
    assert desk.bench.names("japan") == {"Kestrel"}
