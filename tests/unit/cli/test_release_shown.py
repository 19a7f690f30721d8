"""What the verbs of release print: the texts that block, requests before they are decided, and JSON for programs."""

from __future__ import annotations

from support.desk import HOURS, Desk
from support.gate import made, malware, party_id, report
from titian.core.tlp import Tlp

JAPAN, RUSSIA = party_id("japan"), party_id("russia")


# ── what blocks ───────────────────────────────────────────────────────────────────────────────────────────────


def blocked(desk: Desk) -> tuple[str, str]:
    """A report whose text names what is withheld, and that."""
    actor = made("threat-actor", name="Grey Heron", tlp=Tlp.RED)
    about = report("Money", actor, malware("Kestrel", tlp=Tlp.GREEN), tlp=Tlp.GREEN, description="Grey Heron saw it.")
    desk.bench.hold(actor, about, malware("Kestrel", tlp=Tlp.GREEN, id=about["object_refs"][1]))
    return about["id"], actor["id"]


def test_a_preview_that_is_blocked_ends_with_3(desk: Desk) -> None:
    about, actor = blocked(desk)
    told = desk.analyst("preview", about, "--to", "jp", "--json")
    assert (told.status, told.err) == (3, "")
    (warning,) = told.json["warnings"]
    assert set(warning) == {"id", "path", "value", "of", "blocks", "message"}
    assert (warning["path"], warning["value"], warning["of"]) == ("description", "grey heron", actor)
    assert warning["blocks"] is True
    shown = desk.analyst("preview", about, "--to", "jp")
    assert shown.status == 3
    assert "BLOCKS" in shown.out
    assert desk.analyst("preview", actor, "--to", "jp").status == 0, "what is only withheld does not block"
    desk.refused(
        "analyst-one", "release", about, "--to", "jp", says=("names what is withheld", "--override with a reason")
    )
    assert desk.bench.node.release.requests() == []


def test_an_override_is_kept_and_shown_to_who_decides(desk: Desk) -> None:
    about, _ = blocked(desk)
    asked = desk.analyst("release", about, "--to", "jp", "--override", "It is in the press.", "--json")
    assert (asked.status, asked.err) == (0, "")
    assert (asked.json["state"], asked.json["override"]) == ("waiting", "It is in the press.")
    shown = desk.does("releaser-one", "approvals", "show", asked.json["id"][:8])
    for words in ("analyst-one", "It is in the press.", "Jp", "grey heron", "BLOCKS", "A text names what is withheld"):
        assert words in shown.out
    told = desk.does("releaser-one", "approvals", "show", asked.json["id"], "--json").json
    assert [one["value"] for one in told["now"]["warnings"]] == ["grey heron"]
    assert told["now"]["warnings"][0]["party"] == JAPAN
    desk.does("releaser-one", "approve", asked.json["id"])
    assert "Money" in desk.bench.names("japan")


def test_an_override_that_nothing_needs_is_said_to_be_none(desk: Desk) -> None:
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    done = desk.analyst("release", identifier, "--to", "jp", "--override", "In the press.", "--json")
    assert (done.status, done.json["override"]) == (0, None)
    assert "No override was needed" in done.err
    assert desk.analyst("release", identifier, "--to", "jp").err == ""


# ── what programs and people read ─────────────────────────────────────────────────────────────────────────────

REQUEST = {
    "id", "state", "agreement", "requester", "created", "objects", "query", "until", "needs", "override", "sees",
    "decider", "decided", "why",
}  # fmt: skip


def test_what_programs_read(desk: Desk) -> None:
    kestrel = malware("Kestrel", tlp=Tlp.GREEN)
    about = report("Money", kestrel, made("note", content="x", object_refs=[kestrel["id"]], tlp=Tlp.RED), tlp=Tlp.GREEN)
    note = made("note", id=about["object_refs"][1], content="x", object_refs=[kestrel["id"]], tlp=Tlp.RED)
    desk.bench.hold(kestrel, about, note)
    seen = desk.does("analyst-one", "preview", about["id"], "--to", "jp", "--json").json
    assert set(seen) == {"party", "name", "released", "withheld", "changed", "warnings", "needs"}
    assert [set(one) for one in seen["withheld"]] == [{"id", "rule", "reason"}]
    (changed,) = seen["changed"]
    assert (changed["id"], changed["removed"]) == (about["id"], ["object_refs.[1]"])
    assert changed["as"] in seen["released"]
    desk.bench.agree("two", JAPAN, RUSSIA)
    both = desk.does("analyst-one", "preview", about["id"], "--to", "two", "--json").json
    assert set(both) == {"released", "withheld", "changed", "warnings", "needs", "parties"}
    assert [one["party"] for one in both["parties"]] == sorted([JAPAN, RUSSIA])

    asked = desk.does("analyst-one", "release", about["id"], "--to", "jp", "--json").json
    assert set(asked) == REQUEST | {"added"}
    assert (asked["requester"], asked["state"], asked["added"]) == ("analyst-one", "waiting", {})
    (listed,) = desk.does("auditor-one", "approvals", "--json").json
    assert listed == {name: asked[name] for name in REQUEST}
    shown = desk.does("auditor-one", "approvals", "show", asked["id"], "--json").json
    assert set(shown) == REQUEST | {"agreement_name", "chosen", "purposes", "parties", "told", "now"}
    assert {name: shown[name] for name in REQUEST} == listed
    assert shown["parties"] == [{"party": JAPAN, "name": "japan", "sees": seen["released"]}]
    assert (shown["chosen"], shown["agreement_name"], shown["now"]) == ([about["id"]], "Jp", None), "may not preview"
    done = desk.does("releaser-one", "approve", asked["id"], "--json").json
    assert (done["state"], done["decider"]) == ("done", "releaser-one")
    assert done["added"] == {JAPAN: len(seen["released"])}
    assert sorted(desk.bench.served("japan")) == seen["released"]
    assert desk.does("releaser-one", "approvals", "--json").json == []
    (over,) = desk.does("releaser-one", "approvals", "--all", "--json").json
    assert set(over) == REQUEST
    assert desk.does("releaser-one", "approvals", "show", asked["id"], "--json").json["now"] is None


def test_a_request_is_shown_before_it_is_decided(desk: Desk) -> None:
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.AMBER))
    request = desk.waiting(identifier)
    shown = desk.does("releaser-one", "approvals", "show", request[:8]).out
    for words in (request, "state: waiting", "2026-09-21T14:13Z by analyst-one", "under: Jp (agreement--",
                  "what: 1 object", "It is the first release to Japan.", "It holds TLP:AMBER.", "japan would see ",
                  identifier, "everybody would still see exactly this"):  # fmt: skip
        assert words in shown, words
    desk.bench.clock.now += HOURS
    desk.does("analyst-one", "mark", identifier, "--tlp", "green")
    assert "approving it would release nothing" in desk.does("releaser-one", "approvals", "show", request).out
    desk.does("analyst-one", "approvals", "--stop", request, "--why", "once more")
    ended = desk.does("releaser-one", "approvals", "show", request).out
    assert "state: stopped" in ended
    assert "once more" in ended
    for wrong in (("show", "ffffffff"), ("show", "")):
        desk.refused("releaser-one", "approvals", *wrong, says=("There is no request", "titian approvals --all"))
    for wrong in (("show",), ("list", request), ("show", request, "--all"), ("show", request, "--stop", request)):
        assert desk.releaser("approvals", *wrong).status == 2


def test_the_beginning_of_two_ids_shows_neither(desk: Desk) -> None:
    (identifier,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    ids = {desk.waiting(identifier) for _ in range(17)}
    # Of 17 hexadecimal numbers two begin alike.
    first = next(one[0] for one in sorted(ids) if sum(other[0] == one[0] for other in ids) > 1)
    desk.refused("releaser-one", "approvals", "show", first, says=("requests begin with", "titian approvals --all"))


def test_a_standing_rule_is_shown_with_what_it_would_let_go(desk: Desk) -> None:
    desk.bench.hold(malware("Kestrel", tlp=Tlp.GREEN), malware("Goshawk", tlp=Tlp.RED))
    desk.does("analyst-one", "queries", "add", "green", "--tlp", "green")
    rule = ("release", "query:green", "--to", "jp", "--standing")
    asked = desk.does("analyst-one", *rule, "--until", "2027-01-01", "--override", "the project", "--json")
    assert asked.err == ""
    shown = desk.does("releaser-one", "approvals", "show", asked.json["id"])
    for words in (
        "query green",
        "until: 2027-01-01T00:00Z",
        "the project",
        "standing rule",
        "japan would see 2 objects",
    ):
        assert words in shown.out, words
    told = desk.does("releaser-one", "approvals", "show", asked.json["id"], "--json").json["now"]
    assert (told["same"], told["sees"], told["problem"]) == (None, {JAPAN: 2}, None)
    for wrong, says in ((("--until", "2020-01-01"), "in the future"), ((), "--until")):
        assert says in desk.analyst(*rule, *wrong).err


def test_what_is_the_same_for_many_is_one_line(desk: Desk) -> None:
    many = desk.bench.hold(*(malware(f"Plain {number}") for number in range(30)))
    (red,) = desk.bench.hold(malware("Kestrel", tlp=Tlp.RED))
    shown = desk.does("analyst-one", "preview", *many, red, "--to", "jp").out
    lines = [line for line in shown.splitlines() if line.startswith("  withheld")]
    assert len(lines) == 2
    assert "30 objects" in lines[0]
    assert "27 more" in lines[0]
    assert "[unmarked]" in lines[0]
    assert sum(one in lines[0] for one in many) == 3
    assert lines[1].startswith(f"  withheld  {red}: TLP:RED"), "what is rare is not drowned"
    told = desk.does("analyst-one", "preview", *many, red, "--to", "jp", "--json").json
    assert len(told["withheld"]) == 31, "programs read all of it"


def test_texts_that_name_the_same_are_one_line(desk: Desk) -> None:
    actor = made("threat-actor", name="Grey Heron", tlp=Tlp.RED)
    many = [malware(f"Plain {number}", tlp=Tlp.GREEN, description="Of Grey Heron.") for number in range(20)]
    desk.bench.hold(actor, *many)
    ids = [one["id"] for one in many]
    shown = desk.analyst("preview", actor["id"], *ids, "--to", "jp")
    (line,) = (line for line in shown.out.splitlines() if line.startswith("  BLOCKS"))
    assert "20 texts name 'grey heron'" in line
    assert actor["id"] in line
    assert sum(one in line for one in ids) == 3
    assert len(desk.analyst("preview", actor["id"], *ids, "--to", "jp", "--json").json["warnings"]) == 20
