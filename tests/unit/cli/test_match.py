"""``titian match`` at the terminals of two nodes, each behind its application."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.bridge import RELEASER, Bridge, Peer
from support.desk import ISSUER, Said
from support.wallets import address, wallets
from titian.cli import main
from titian.cli.session import VARIABLE
from titian.core.people import Duty, local_operator
from titian.core.tlp import Tlp
from titian.exchange.agree import By
from titian.exchange.public_agreements import public_agreements
from titian.node import Node, open_node

HITS = 4
STRICT = "indonesia-japan-terrorism"

Run = Callable[..., Said]


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    """Two nodes that know wallets, of which three are common; the second has subscribed to the first."""
    with Bridge(tmp_path) as made:
        made.a.hold(*wallets(*range(1, 8)))
        made.b.hold(*wallets(*range(5, 12)))
        made.a.release("what opens the channel")
        made.subscribe(made.b, made.a)
        yield made


@pytest.fixture
def run(bridge: Bridge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on one of the nodes, as whoever has that session, or as the local operator."""

    def opened(home: Path) -> Node:
        node = open_node(home, clock=bridge.clock, environment={})
        node.subscribe._connect = bridge.connect
        return node

    def do(peer: Peer, *argv: str, token: str = "") -> Said:
        monkeypatch.setenv(VARIABLE, token)
        monkeypatch.setattr(sys, "argv", ["titian", "match", *argv, "--home", str(peer.home)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Said(int(ended.value.code or 0), told.out, told.err)

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("titian.cli.common.open_node", opened)
    return do


def offer(run: Run, bridge: Bridge, *more: str) -> Any:
    done = run(bridge.a, "offer", "--with", "mofa-japan", "--kind", "wallet", *more, "--json")
    assert done.status == 0, done
    # Of notes a second person decides.
    if done.json["state"] == "waiting" and "labelled" in more:
        bridge.a.node.match().approve(RELEASER, done.json["id"])
    return done.json


def ask(run: Run, bridge: Bridge, *more: str) -> Said:
    return run(bridge.b, "ask", "--with", "bnpt", "--kind", "wallet", *more)


COMMON = [address(one) for one in (5, 6, 7)]


# ── what each mode prints ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_ask_prints_exactly_this(run: Run, bridge: Bridge) -> None:
    offer(run, bridge)
    done = ask(run, bridge, "--json")
    assert done.status == HITS
    values = done.json.pop("values")
    assert sorted(values) == COMMON
    assert {**done.json, "values": []} == {"mode": "intersection", "mine": 7, "theirs": 7, "common": 3, "values": []}
    assert list(done.json) == ["mode", "mine", "theirs", "common", "values"]


@pytest.mark.parametrize(
    ("mode", "values", "learnt"),
    [
        ("intersection", COMMON, "bnpt has learnt how many were asked, and nothing else of them."),
        ("mutual", COMMON, "bnpt has learnt the same values, and how many were asked."),
        ("cardinality", [], "Which they are is not told in this mode."),
        ("labelled", COMMON, f"wallet: {address(5)}"),
    ],
)
def test_each_mode_tells_what_it_is_for(run: Run, bridge: Bridge, mode: str, values: list[str], learnt: str) -> None:
    offer(run, bridge, "--mode", mode)
    told = ask(run, bridge, "--mode", mode, "--json").json
    assert (told["mode"], told["common"], sorted(told["values"])) == (mode, 3, values)
    notes = [f"wallet: {one}" for one in told["values"]]
    assert told.get("notes") == (notes if mode == "labelled" else None)
    done = ask(run, bridge, "--mode", mode)
    assert done.status == HITS
    assert "3 in common: 7 asked, 7 offered by bnpt." in done.out
    assert learnt in done.out
    assert all((one in done.out) is bool(values) for one in COMMON)


def test_without_anything_common_the_status_is_0(run: Run, bridge: Bridge) -> None:
    offer(run, bridge)
    done = ask(run, bridge, address(99))
    assert done.status == 0
    assert "0 in common: 1 asked, 7 offered by bnpt." in done.out


# ── what is asked ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_values_come_from_files_lines_tables_and_standard_input(
    run: Run, bridge: Bridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(run, bridge)
    lines = tmp_path / "lines.txt"
    lines.write_text(f"\ufeff{address(1)}\r\n\n{address(1).upper().replace('0X', '0x')}\nno wallet\n", "utf-8")
    table = tmp_path / "table.csv"
    table.write_text(f"kind,value\nwallet,{address(2)}\n", "utf-8")
    done = ask(run, bridge, str(lines), str(table), address(3), address(98))
    assert done.status == HITS
    assert "3 in common: 4 asked" in done.out, "each once, however its letters are"
    assert "1 left out: not of the kind wallet." in done.out
    monkeypatch.setattr(sys, "stdin", iter([f"{address(4)}\n"]))
    assert ask(run, bridge, "-", "--json").json["values"] == [address(4)]


def test_only_of_a_collection(run: Run, bridge: Bridge) -> None:
    # One that is nowhere else, and one that is held in both.
    for peer, numbers in ((bridge.a, (20, 3)), (bridge.b, (20, 6))):
        other = peer.node.collections.add("Other")
        raws = [json.dumps(one).encode() for one in wallets(*numbers)]
        peer.node.exchange.hold(raws, other, source="test")
    assert offer(run, bridge, "--from", "Other")["size"] == 2
    assert offer(run, bridge, "--from", "Reports")["size"] == 7
    assert offer(run, bridge, "--from", "Other", "--from", "Reports")["size"] == 8
    assert ask(run, bridge, "--from", "Other", "--json").json == {
        "mode": "intersection",
        "mine": 2,
        "theirs": 8,
        "common": 2,
        "values": sorted([address(20), address(6)]),
    }
    assert "give values or --from" in ask(run, bridge, address(1), "--from", "Other").err
    assert ask(run, bridge, "--from", "Nowhere").status == 1


@pytest.mark.parametrize("name", ["common.csv", "common.ndjson"])
@pytest.mark.parametrize("mode", ["intersection", "labelled"])
def test_what_is_common_is_written_into_a_file(run: Run, bridge: Bridge, tmp_path: Path, name: str, mode: str) -> None:
    offer(run, bridge, "--mode", mode)
    output = tmp_path / name
    done = ask(run, bridge, "--mode", mode, "-o", str(output))
    assert done.status == HITS
    assert f"Written: {output}" in done.out
    text = output.read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines())) if name.endswith("csv") else list(map(json.loads, text.splitlines()))
    assert sorted(row["value"] for row in rows) == COMMON
    assert all(("note" in row) is (mode == "labelled") for row in rows)


# ── offers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_offers_and_runs_are_listed(run: Run, bridge: Bridge) -> None:
    assert "Nothing is offered" in run(bridge.a, "list").out
    made = offer(run, bridge, "--pad", "10", "--days", "2", "--why", "as agreed")
    assert (made["size"], made["pad"], made["state"], made["left_today"]) == (10, 10, "standing", 1_000_000)
    ask(run, bridge)
    (ours,), (theirs,) = (run(peer, "list", "--json").json for peer in (bridge.a, bridge.b))
    assert (ours["direction"], ours["name"], ours["left_today"]) == ("out", "mofa-japan", 999_990)
    assert (theirs["direction"], theirs["name"], theirs["left_today"]) == ("in", "bnpt", None)
    assert ours["id"] == theirs["id"]
    (now,) = run(bridge.b, "list", "--with", "bnpt", "--json").json
    assert (now["id"], now["left"], now["asked"]) == (made["id"], 999_990, 1_000_000)
    assert "BNPT" in run(bridge.b, "list", "--with", "bnpt").out
    listed = run(bridge.a, "list").out
    assert all(one in listed for one in (made["id"][:12], "to mofa-japan", "standing", "999,990", made["until"][:16]))
    (asked,) = run(bridge.b, "list", "--runs", "--json").json
    (answered,) = run(bridge.a, "list", "--runs", "--json").json
    assert (asked["asked"], asked["offered"], asked["common"], asked["state"]) == (10, 10, 3, "done")
    assert (answered["id"], answered["common"], answered["direction"]) == (asked["id"], None, "in")
    assert "we asked bnpt" in run(bridge.b, "list", "--runs").out
    assert "mofa-japan asked" in run(bridge.a, "list", "--runs").out


def test_a_result_is_shown_again(run: Run, bridge: Bridge, tmp_path: Path) -> None:
    offer(run, bridge)
    told = ask(run, bridge, "--json").json
    (one,) = run(bridge.b, "list", "--runs", "--json").json
    output = tmp_path / "again.ndjson"
    assert run(bridge.b, "show", one["id"][:12], "--json", "-o", str(output)).json == told
    assert len(output.read_text("utf-8").splitlines()) == 3
    again = run(bridge.b, "show", one["id"][:8])
    assert again.status == 0
    assert COMMON[0] in again.out
    asked = run(bridge.a, "show", one["id"]).out
    assert "mofa-japan asked about 7 values of the kind wallet. What is common is told to mofa-japan alone." in asked


def test_in_the_mode_mutual_both_see_what_is_common(run: Run, bridge: Bridge) -> None:
    offer(run, bridge, "--mode", "mutual", "--pad", "10")
    ask(run, bridge, "--mode", "mutual")
    (one,) = run(bridge.a, "list", "--runs", "--json").json
    told = run(bridge.a, "show", one["id"], "--json").json
    assert sorted(told["values"]) == COMMON
    assert (told["mine"], told["theirs"], told["common"]) == (one["offered"], one["asked"], 3)
    shown = run(bridge.a, "show", one["id"]).out
    assert "3 in common: 10 asked by mofa-japan, 10 offered." in shown
    assert "mofa-japan has learnt the same values, and how many were offered." in shown


def test_a_run_that_broke_tells_nothing(run: Run, bridge: Bridge) -> None:
    offer(run, bridge)
    bridge.a.tamper = lambda request, _: None if request.method == "GET" else _torn(request)
    assert ask(run, bridge).status == 1
    (one,) = run(bridge.b, "list", "--runs", "--json").json
    assert one["state"] == "broken"
    shown = run(bridge.b, "show", one["id"])
    assert "It was broken off, and told nothing" in shown.out
    assert run(bridge.b, "show", one["id"], "--json").json["values"] == []


def _torn(request: httpx.Request) -> httpx.Response:
    return httpx.Response(500, request=request)


def test_a_second_person_decides_on_what_is_strict(run: Run, bridge: Bridge) -> None:
    bridge.a.node.agreements.add(public_agreements()[STRICT].encode(), By(person="local:test", why="as agreed"))
    bridge.a.hold(*wallets(100, tlp=Tlp.AMBER))
    tokens = {}
    for name, duty in (("analyst-one", Duty.ANALYST), ("releaser-one", Duty.RELEASER)):
        bridge.a.node.people.add(name, duty, by=local_operator("setup"), issuer=ISSUER, subject=name)
        tokens[name] = bridge.a.node.people.identity(ISSUER, name).token
    analyst, releaser = tokens["analyst-one"], tokens["releaser-one"]
    words = ("offer", "--with", "mofa-japan", "--kind", "wallet", "--agreement", STRICT)
    several = run(bridge.a, *words[:-2], token=analyst)
    assert "There are several agreements" in several.err
    assert "--agreement" in several.err
    done = run(bridge.a, *words, token=analyst)
    assert "It waits for a second person. It holds TLP:AMBER." in done.out
    assert "titian match approve " in done.out
    short = done.out.split()[0]
    assert "may not decide release" in run(bridge.a, "approve", short, token=analyst).err
    approved = run(bridge.a, "approve", short, "--why", "as discussed", "--json", token=releaser).json
    assert (approved["state"], approved["why"]) == ("standing", "as discussed")
    assert "standing already" in run(bridge.a, "refuse", short, token=releaser).err
    gone = run(bridge.a, "withdraw", short, "--why", "a mistake", token=analyst)
    assert f"{short}  withdrawn" in gone.out
    again = run(bridge.a, *words, "--json", token=analyst).json
    assert run(bridge.a, "refuse", again["id"][:12], "--json", token=releaser).json["state"] == "refused"


def test_who_only_looks_loads_no_library_of_matching() -> None:
    code = "import sys, titian.cli.match, titian.web.app; sys.exit(any(n in sys.modules for n in ('rbcl', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=200).returncode == 0


# ── what cannot be done is told ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("offer", "--with", "mofa-japan", "--kind", "walet"), "'walet' is no kind of value"),
        (("offer", "--with", "mofa-japan", "--kind", "person"), "cannot be matched privately"),
        (("offer", "--with", "nobody", "--kind", "wallet"), "There is no party 'nobody'"),
        (("offer", "--with", "singapore", "--kind", "phone"), "Nothing of the kind phone is held"),
        (("offer", "--with", "mofa-japan", "--kind", "wallet", "--agreement", "none"), "There is no agreement 'none'"),
        (("offer", "--with", "mofa-japan", "--kind", "wallet", "--from", "None"), "None"),
        (("ask", "--with", "mofa-japan", "--kind", "wallet"), "no subscription"),
        (("ask", "x", "--with", "mofa-japan", "--kind", "wallet"), "There is no value of the kind wallet"),
        (("ask", "--with", "mofa-japan", "--kind", "wallet", "-o", "hits.xlsx"), "neither .csv nor .ndjson"),
        (("show", "3f9c2a10"), "There is no run '3f9c2a10'"),
        (("approve", "3f9c2a10"), "only a releaser may decide release"),
        (("withdraw", "3f9c2a10"), "There is no offer '3f9c2a10'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    run: Run, bridge: Bridge, argv: tuple[str, ...], says: str
) -> None:
    done = run(bridge.a, *argv)
    assert (done.status, done.out) == (1, ""), done
    assert done.err.startswith("titian: "), done
    assert says in done.err


def test_a_partner_that_offers_nothing_or_otherwise(run: Run, bridge: Bridge) -> None:
    assert "offers no values of the kind wallet in the mode mutual" in ask(run, bridge, "--mode", "mutual").err
    offer(run, bridge, "--mode", "cardinality")
    done = ask(run, bridge)
    assert "offers no values of the kind wallet in the mode intersection" in done.err
    assert "It offers them in the mode cardinality." in done.err


def test_the_quota_is_told(run: Run, bridge: Bridge) -> None:
    with bridge.a.stopped() as home, (home / "titian.toml").open("a", encoding="utf-8") as settings:
        settings.write("match_values_per_day = 8\n")
    assert offer(run, bridge)["left_today"] == 8
    assert ask(run, bridge).status == HITS
    done = ask(run, bridge)
    assert done.status == 1
    assert "answers 1 more values of this kind today, not 7" in done.err
