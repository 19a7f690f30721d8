"""``titian screen`` and ``titian warninglists`` at the terminal."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from support.desk import Desk
from support.gate import made
from titian.core.tlp import Tlp

WALLET = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
HITS = 4


@pytest.fixture
def known(desk: Desk) -> Desk:
    more = {"pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", "tlp": Tlp.AMBER}
    desk.bench.hold(
        made("indicator", name="=HYPERLINK(1)", pattern="[domain-name:value = 'evil.example']", **more),
        made("threat-actor", name="Harimau Senja Brigade", tlp=Tlp.GREEN),
    )
    return desk


def rows(desk: Desk, *argv: str) -> list[dict[str, Any]]:
    done = desk.analyst("screen", *argv, "--json")
    assert done.status in (0, HITS), done
    return [json.loads(line) for line in done.out.splitlines()]


def test_what_is_known_is_told_with_what_may_be_done_with_it(known: Desk) -> None:
    done = known.analyst("screen", "hxxps://www.evil[.]example/x", "good.example")
    assert done.status == HITS
    assert all(
        word in done.out for word in ("contained", "TLP:AMBER", "Agency", "evil.example", "2 screened", "1 known")
    )
    assert known.analyst("screen", "good.example").status == 0


def test_rows_say_all_of_it(known: Desk) -> None:
    first, second = rows(known, "evil.example", "good.example")
    assert set(first) == {"value", "normalised", "kind", "hits", "benign", "problem"}
    assert (first["value"], first["normalised"], first["kind"]) == ("evil.example", "evil.example", "domain")
    (hit,) = first["hits"]
    assert set(hit) >= {"match", "score", "evidence", "object", "marking", "source"}
    assert (hit["match"], hit["score"], hit["tlp"]) == ("exact", 1.0, "TLP:AMBER")
    assert second["hits"] == []


def test_files_are_read_line_by_line_or_as_a_table(known: Desk, tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text(f"evil.example\r\n\r\n{WALLET}\nnot\x00clean\n", encoding="utf-8")
    found = rows(known, str(lines))
    assert [one["value"] for one in found] == ["evil.example", WALLET, "not\x00clean"]
    assert [bool(one["hits"]) for one in found] == [True, False, False]
    assert found[2]["problem"]
    people = tmp_path / "people.csv"
    people.write_text('\ufeffname,kind,birth,country\n"Harimau Senja, Brigade",organisation,,ID\n', encoding="utf-8")
    (one,) = rows(known, str(people))
    assert one["kind"] == "organisation"
    assert [hit["standing"] for hit in one["hits"]] == ["possible"]


@pytest.mark.parametrize("name", ["hits.csv", "hits.ndjson"])
def test_hits_are_written_into_a_file(known: Desk, tmp_path: Path, name: str) -> None:
    output = tmp_path / name
    assert known.analyst("screen", "evil.example", "good.example", "-o", str(output)).status == HITS
    if output.suffix == ".csv":
        with output.open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["value"], row["match"]) == ("evil.example", "exact")
        assert row["name"] == "'=HYPERLINK(1)", "a spreadsheet runs nothing"
    else:
        (line,) = output.read_text(encoding="utf-8").splitlines()
        assert json.loads(line)["value"] == "evil.example"
    assert known.analyst("screen", "good.example", "-o", str(output), "--all").status == 0
    assert "good.example" in output.read_text(encoding="utf-8")


def test_a_party_is_answered_as_it_would_be(known: Desk) -> None:
    assert rows(known, "evil.example", "--as", "japan")[0]["hits"] == []
    known.bench.release(*known.bench.hold(
        made("indicator", name="For you", pattern="[domain-name:value = 'shared.example']", pattern_type="stix",
             valid_from="2026-01-01T00:00:00Z", tlp=Tlp.GREEN)), to="jp")  # fmt: skip
    assert len(rows(known, "shared.example", "--as", "japan")[0]["hits"]) == 1


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("x", "--kind", "walet"), "is no kind of value"),
        (("x", "-o", "hits.xlsx"), "neither .csv nor .ndjson"),
        (("x", "--as", "nobody"), "nobody"),
    ],
)
def test_what_cannot_be_meant_is_refused(known: Desk, argv: tuple[str, ...], says: str) -> None:
    done = known.analyst("screen", *argv)
    assert done.status == 1
    assert says in done.err


def test_a_line_without_end_is_no_list(known: Desk, tmp_path: Path) -> None:
    file = tmp_path / "endless.txt"
    file.write_text("x" * 200_000, encoding="utf-8")
    done = known.analyst("screen", str(file))
    assert done.status == 1
    assert "no list of values" in done.err


# ── harmless values ───────────────────────────────────────────────────────────────────────────────────────────


def lists(folder: Path) -> Path:
    for name, kind, values in (
        ("resolvers", "cidr", ["192.0.2.53", "198.51.100.0/24"]),
        ("top", "hostname", [".shop.example", "evil.example"]),
        ("patterns", "regex", ["/a+/"]),
    ):
        (folder / "lists" / name).mkdir(parents=True)
        content = {"name": f"The {name}", "type": kind, "version": 3, "description": "", "list": values}
        (folder / "lists" / name / "list.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_harmless_values_are_told_and_left_in(known: Desk, tmp_path: Path) -> None:
    assert "No lists yet" in known.does("analyst-one", "warninglists", "list").out
    told = known.does("analyst-one", "warninglists", "update", "--from", str(lists(tmp_path / "wl"))).out
    assert "2 lists with 4 values" in told
    assert "1 lists of patterns are left out" in told
    found = rows(known, "198.51.100.7", "192.0.2.53", "www.shop.example", "evil.example", "good.example")
    assert [one["benign"] for one in found] == [["The resolvers"], ["The resolvers"], ["The top"], ["The top"], []]
    assert len(found[3]["hits"]) == 1, "what is harmless to others may be known all the same"
    shown = known.does("analyst-one", "warninglists", "list", "--json").json
    assert [(one["name"], one["values"]) for one in shown] == [("The resolvers", 2), ("The top", 2)]


def test_a_folder_without_lists_is_refused(known: Desk, tmp_path: Path) -> None:
    done = known.analyst("warninglists", "update", "--from", str(tmp_path))
    assert done.status == 1
    assert "no warninglists" in done.err
    (tmp_path / "lists" / "x").mkdir(parents=True)
    (tmp_path / "lists" / "x" / "list.json").write_text("[1]", encoding="utf-8")
    done = known.analyst("warninglists", "update", "--from", str(tmp_path))
    assert done.status == 1
    assert "is no warninglist" in done.err
