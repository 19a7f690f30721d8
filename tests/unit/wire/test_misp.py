"""MISP in and out: every marking equal or stricter, everything valid, nothing lost without a word."""

from __future__ import annotations

import copy
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pymisp
import pytest

from titian.core.errors import AlreadyExists, InvalidInput, Refused, UnreadableFile
from titian.core.marking import Marking, definitions_of, read_definition, read_markings, statement_id
from titian.core.stix import examine
from titian.core.tlp import PAP_IDS, TLP_1_DEFINITIONS, TLP_1_IDS, TLP_DEFINITIONS, TLP_IDS, Pap, Tlp
from titian.wire.misp import events_of, read_misp, write_feed, write_misp
from titian.wire.misp_tags import read_tags, write_tags
from titian.wire.stix import Problem, read_bundle

VECTORS = Path(__file__).parents[2] / "vectors" / "misp"
PHISHING = json.loads((VECTORS / "phishing.json").read_text("utf-8"))
FUNDRAISING = json.loads((VECTORS / "fundraising.json").read_text("utf-8"))
UNKNOWN = "marking-definition--3cd55916-d34b-4747-a8e0-dedec14b711b"
STATEMENT = "© Example, not for resale"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "misp-stix-mapping-examples.json"


def convert(document: Any, tmp_path: Path) -> tuple[list[bytes], list[Problem]]:
    file = tmp_path / "given.json"
    file.write_text(json.dumps(document), "utf-8")
    problems: list[Problem] = []
    return list(read_misp(file, problem=problems.append)), problems


def export(raws: list[bytes], **options: Any) -> tuple[list[dict[str, Any]], list[Problem]]:
    problems: list[Problem] = []
    return list(events_of(raws, definitions={}, problem=problems.append, **options)), problems


def decoded(raws: list[bytes]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(raw) for raw in raws]


def effective(raws: list[bytes]) -> dict[str, Marking]:
    """The marking of each object that is not one itself, all definitions at hand."""
    known = {
        one["id"]: read_definition(raw)
        for raw, one in zip(raws, decoded(raws), strict=True)
        if one["type"] == "marking-definition"
    }
    return {
        one["id"]: read_markings(raw, known).effective
        for raw, one in zip(raws, decoded(raws), strict=True)
        if one["type"] != "marking-definition"
    }


def tags(record: dict[str, Any]) -> set[str]:
    return {tag["name"] for tag in record.get("Tag", [])}


def event(*event_tags: str, attribute_tags: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    attribute = {
        "uuid": "5b1f0000-0002-4000-8000-000000000001",
        "type": "domain",
        "category": "Network activity",
        "value": "evil.example",
        "to_ids": True,
        "timestamp": "1772360001",
        "Tag": [{"name": name} for name in attribute_tags],
    }
    return {
        "Event": {
            "uuid": "5b1f0000-0001-4000-8000-000000000001",
            "info": "An event",
            "date": "2026-03-01",
            "timestamp": "1772360000",
            "Tag": [{"name": name} for name in event_tags],
            "Attribute": [attribute],
            **members,
        }
    }


def indicator(*refs: str, **members: Any) -> bytes:
    body = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "created": "2026-03-01T00:00:00.000Z",
        "modified": "2026-03-01T00:00:00.000Z",
        "pattern": "[ipv4-addr:value = '198.51.100.3']",
        "pattern_type": "stix",
        "valid_from": "2026-03-01T00:00:00.000Z",
    }
    return msgspec.json.encode(body | ({"object_marking_refs": refs} if refs else {}) | members)


# ── markings, all of them ───────────────────────────────────────────────────────────────────────

TAGS: list[tuple[str, Marking]] = [
    *[(f"tlp:{level.value}", Marking(tlp=level)) for level in Tlp],
    *[(level.label, Marking(tlp=level)) for level in Tlp],
    ("tlp:white", Marking(tlp=Tlp.CLEAR)),
    ("TLP:WHITE", Marking(tlp=Tlp.CLEAR)),
    *[(level.label, Marking(pap=level)) for level in Pap],
    ("PAP:WHITE", Marking(pap=Pap.CLEAR)),
    ("pap:red", Marking(pap=Pap.RED)),
    (f"statement:{STATEMENT}", Marking(statements=frozenset({STATEMENT}))),
    ('iep:traffic-light-protocol="AMBER"', Marking(tlp=Tlp.AMBER)),
    ('iep2-policy:tlp="white"', Marking(tlp=Tlp.CLEAR)),
    ("tlp:unclear", Marking(tlp=Tlp.RED)),
    ("tlp:ex:chr", Marking(tlp=Tlp.RED)),
    ("tlp:amber+stric", Marking(tlp=Tlp.RED)),
    ("PAP:PINK", Marking(pap=Pap.RED)),
    ("apt", Marking()),
]
IDS = [name for name, _ in TAGS]


@pytest.mark.parametrize(("tag", "marking"), TAGS, ids=IDS)
@pytest.mark.parametrize("place", ["event", "attribute"])
def test_misp_to_stix_to_misp_keeps_every_marking(tag: str, marking: Marking, place: str, tmp_path: Path) -> None:
    given = event(tag) if place == "event" else event(attribute_tags=(tag,))
    raws, _ = convert(given, tmp_path)
    for raw in raws:
        assert examine(raw).violations == ()
    found = {name.split("--")[0]: one for name, one in effective(raws).items()}
    assert found["indicator"] == found["domain-name"] == found["observed-data"] == marking
    events, problems = export(raws)
    assert [one for one in problems if "place" in one.reason] == []
    holding = [one for one in events if "evil.example" in json.dumps(one)]
    assert [read_tags(one["Tag"]).marking for one in holding] == [marking]


STIX_MARKINGS: list[tuple[str, bytes, Marking]] = [
    *[(f"tlp 2.0 {level}", TLP_DEFINITIONS[level], Marking(tlp=level)) for level in Tlp],
    *[(f"tlp 1.0 {level}", TLP_1_DEFINITIONS[level], Marking(tlp=level)) for level in TLP_1_IDS],
    *[(f"pap {level}", definitions_of(Marking(pap=level))[PAP_IDS[level]], Marking(pap=level)) for level in Pap],
    (
        "statement",
        definitions_of(Marking(statements=frozenset({STATEMENT})))[statement_id(STATEMENT)],
        Marking(statements=frozenset({STATEMENT})),
    ),
]


@pytest.mark.parametrize(
    ("definition", "marking"), [row[1:] for row in STIX_MARKINGS], ids=[row[0] for row in STIX_MARKINGS]
)
def test_stix_to_misp_to_stix_keeps_every_marking(definition: bytes, marking: Marking, tmp_path: Path) -> None:
    identifier = msgspec.json.decode(definition)["id"]
    events, problems = export([definition, indicator(identifier)])
    assert problems == []
    assert read_tags(events[0]["Tag"]).marking == marking
    raws, _ = convert([{"Event": one} for one in events], tmp_path)
    carrying = {name: one for name, one in effective(raws).items() if not name.startswith("identity--")}
    assert set(carrying.values()) == {marking}
    if marking.tlp:
        marked = [one for one in decoded(raws) if "object_marking_refs" in one]
        assert marked
        assert all(one["object_marking_refs"] == [TLP_IDS[marking.tlp]] for one in marked)


def test_contradicting_tags_bind_with_the_strictest(tmp_path: Path) -> None:
    raws, _ = convert(event("tlp:green", "tlp:red", "PAP:GREEN", "PAP:AMBER"), tmp_path)
    assert set(effective(raws).values()) == {Marking(tlp=Tlp.RED, pap=Pap.AMBER)}


def test_an_attribute_is_under_the_event_and_under_its_own_marking(tmp_path: Path) -> None:
    wider, _ = convert(event("tlp:amber", attribute_tags=("tlp:clear",)), tmp_path)
    assert set(effective(wider).values()) == {Marking(tlp=Tlp.AMBER)}
    stricter, _ = convert(event("tlp:green", attribute_tags=("tlp:red",)), tmp_path)
    found = {name.split("--")[0]: one.tlp for name, one in effective(stricter).items()}
    assert found["indicator"] is found["domain-name"] is found["relationship"] is Tlp.RED
    assert found["report" if "report" in found else "grouping"] is Tlp.GREEN


def test_a_guess_is_told_and_what_was_said_stays(tmp_path: Path) -> None:
    raws, problems = convert(event("tlp:ex:chr"), tmp_path)
    assert any("TLP:RED was taken" in one.reason for one in problems)
    assert any("tlp:ex:chr" in one.get("labels", []) for one in decoded(raws))


@pytest.mark.parametrize(
    ("marking", "says"),
    [
        (Marking(unknown=frozenset({UNKNOWN})), "nobody"),
        (Marking(statements=frozenset({"x" * 300})), "does not fit"),
        (Marking(statements=frozenset({"a\nb"})), "does not fit"),
    ],
    ids=["unknown", "long", "line break"],
)
def test_a_marking_without_a_tag_is_refused(marking: Marking, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        write_tags(marking)


def test_a_refused_object_is_told_and_named_nowhere() -> None:
    secret = indicator(UNKNOWN, id="indicator--99999999-0000-4000-8000-000000000001")
    report = {
        "type": "report",
        "spec_version": "2.1",
        "id": "report--99999999-0000-4000-8000-000000000002",
        "created": "2026-03-01T00:00:00.000Z",
        "modified": "2026-03-01T00:00:00.000Z",
        "published": "2026-03-01T00:00:00.000Z",
        "name": "A report",
        "object_refs": [json.loads(secret)["id"], json.loads(indicator())["id"]],
        "object_marking_refs": [TLP_IDS[Tlp.GREEN]],
    }
    events, problems = export([secret, indicator(TLP_IDS[Tlp.GREEN]), msgspec.json.encode(report)])
    assert [one.where for one in problems] == [json.loads(secret)["id"]]
    assert len(events) == 1
    assert "99999999-0000-4000-8000-000000000001" not in json.dumps(events)
    leaking = msgspec.json.encode(report | {"name": "see 99999999-0000-4000-8000-000000000001"})
    events, problems = export([secret, indicator(TLP_IDS[Tlp.GREEN]), leaking])
    assert events == []
    assert "may not know of" in problems[-1].reason


def test_granular_markings_close_the_whole_object() -> None:
    granular = [{"selectors": ["pattern"], "marking_ref": TLP_IDS[Tlp.RED]}]
    events, _ = export([indicator(TLP_IDS[Tlp.GREEN], granular_markings=granular)])
    assert "tlp:red" in tags(events[0])
    assert "tlp:green" not in tags(events[0])


def test_a_label_does_not_pass_for_a_marking() -> None:
    events, _ = export([indicator(TLP_IDS[Tlp.RED], labels=["tlp:clear", "PAP:WHITE", "apt"])])
    everywhere = [events[0], *events[0].get("Attribute", []), *events[0].get("Object", [])]
    found = set().union(*(tags(one) for one in everywhere))
    assert not found & {"tlp:clear", "PAP:WHITE"}
    assert "tlp:red" in found


def test_what_is_marked_otherwise_goes_into_an_event_of_its_own(tmp_path: Path) -> None:
    raws, _ = convert(PHISHING, tmp_path)
    events, _ = export(raws)
    amber, red = events
    assert {"tlp:amber", "PAP:AMBER"} <= tags(amber)
    assert {"tlp:red", "PAP:AMBER"} <= tags(red)
    assert "198.51.100.3" in json.dumps(red)
    assert "198.51.100.3" not in json.dumps(amber)
    assert red["extends_uuid"] == amber["uuid"] == PHISHING["Event"]["uuid"]
    assert "extends_uuid" not in amber


def test_a_wider_event_does_not_point_to_the_stricter_one_it_was_taken_from() -> None:
    report = {
        "type": "report",
        "spec_version": "2.1",
        "id": "report--99999999-0000-4000-8000-000000000002",
        "created": "2026-03-01T00:00:00.000Z",
        "modified": "2026-03-01T00:00:00.000Z",
        "published": "2026-03-01T00:00:00.000Z",
        "name": "Operation Codename",
        "object_refs": [json.loads(indicator())["id"]],
        "object_marking_refs": [TLP_IDS[Tlp.RED]],
    }
    events, problems = export([indicator(TLP_IDS[Tlp.GREEN]), msgspec.json.encode(report)])
    assert len(events) == 1
    assert "Codename" not in json.dumps(events)
    assert "99999999" not in json.dumps(events)
    assert any("none of its objects" in one.reason for one in problems)


# ── in ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("document", [PHISHING, FUNDRAISING], ids=["phishing", "fundraising"])
def test_samples_become_valid_stix_the_same_each_time(document: dict[str, Any], tmp_path: Path) -> None:
    raws, _ = convert(document, tmp_path)
    assert raws == convert(document, tmp_path)[0]
    assert len({one["id"] for one in decoded(raws)}) == len(raws)
    for raw in raws:
        assert examine(raw).violations == ()


def test_what_misp_leaves_to_chance_is_settled(tmp_path: Path) -> None:
    given = copy.deepcopy(FUNDRAISING)
    for attribute in given["Event"]["Attribute"]:
        del attribute["uuid"], attribute["timestamp"]
    del given["Event"]["timestamp"]
    raws, _ = convert(given, tmp_path)
    assert raws == convert(given, tmp_path)[0]


def test_a_deleted_attribute_comes_as_revoked_and_goes_as_deleted(tmp_path: Path) -> None:
    raws, _ = convert(PHISHING, tmp_path)
    revoked = [one["id"] for one in decoded(raws) if one.get("revoked")]
    assert revoked == ["x-misp-attribute--0b1a2c3d-0002-4000-8000-000000000004"]
    attributes = [one for each in export(raws)[0] for one in each.get("Attribute", [])]
    assert [one["value"] for one in attributes if one.get("deleted")] == ["hello"]


def test_stand_ins_for_what_others_own_never_outrank_it(tmp_path: Path) -> None:
    raws, _ = convert(PHISHING, tmp_path)
    named = [one for one in decoded(raws) if one["type"] in ("identity", "attack-pattern")]
    assert len(named) == 2
    for one in named:
        assert one["created"] == "1970-01-01T00:00:00.000Z"
        assert one["modified"].startswith("1970-")


def test_created_stays_when_an_event_is_edited(tmp_path: Path) -> None:
    later = copy.deepcopy(PHISHING)
    later["Event"]["timestamp"] = "1772999999"
    first, second = (convert(one, tmp_path)[0] for one in (PHISHING, later))
    one, two = (next(each for each in decoded(raws) if each["type"] == "report") for raws in (first, second))
    assert one["id"] == two["id"]
    assert one["created"] == two["created"]
    assert one["modified"] < two["modified"]


@pytest.mark.parametrize(
    "document",
    [
        PHISHING["Event"],
        [PHISHING],
        [PHISHING["Event"]],
        {"response": [PHISHING]},
        {"response": PHISHING},
        {"response": [PHISHING["Event"]]},
    ],
    ids=["bare", "list", "list of bare", "response", "response of one", "response of bare"],
)
def test_the_shapes_that_misp_gives(document: Any, tmp_path: Path) -> None:
    assert convert(document, tmp_path)[0] == convert(PHISHING, tmp_path)[0]


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"response": {"Attribute": []}}', "[" * 100_000])
def test_a_file_without_an_event_is_an_error(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(UnreadableFile):
        list(read_misp(file))


@pytest.mark.parametrize(
    "members",
    [
        {"uuid": "../../etc/passwd"},
        {"date": "yesterday"},
        {"timestamp": "later"},
        {"timestamp": "99999999999999999999"},
    ],
    ids=["uuid", "date", "timestamp", "far"],
)
def test_a_bad_event_is_told_and_hides_no_other(members: dict[str, Any], tmp_path: Path) -> None:
    raws, problems = convert([event("tlp:green", **members), PHISHING], tmp_path)
    assert raws == convert(PHISHING, tmp_path)[0]
    told = [one.reason for one in problems if one.where.startswith("event ")]
    assert any("usable" in reason or "no UUID" in reason for reason in told)


def test_a_part_that_the_converter_chokes_on_costs_only_itself(tmp_path: Path) -> None:
    given = event("tlp:green")
    cluster = {"uuid": "84668357-5a8c-4bdd-9f0f-6b50b2aee4c1", "value": "x", "type": "country", "meta": {}}
    given["Event"]["Galaxy"] = [{"type": "country", "name": "Country", "uuid": "84668357-5a8c-4bdd-9f0f-6b50b24c5558",
                                 "GalaxyCluster": [cluster]}]  # fmt: skip
    raws, problems = convert(given, tmp_path)
    assert any(one["type"] == "indicator" for one in decoded(raws))
    assert any("Galaxy" in one.where for one in problems) or any(one["type"] == "location" for one in decoded(raws))


def test_a_sharing_group_is_told(tmp_path: Path) -> None:
    _, problems = convert(event("tlp:green", distribution="4", sharing_group_id="7"), tmp_path)
    assert any("sharing group" in one.reason for one in problems)


# ── feeds ───────────────────────────────────────────────────────────────────────────────────────


def feed(folder: Path, names: dict[str, Any], files: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(names))
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def test_a_feed_is_read_event_by_event(tmp_path: Path) -> None:
    folder = feed(
        tmp_path / "feed",
        {PHISHING["Event"]["uuid"]: {}, FUNDRAISING["Event"]["uuid"]: {}},
        {f"{one['Event']['uuid']}.json": one for one in (PHISHING, FUNDRAISING)},
    )
    raws = list(read_misp(folder))
    both = convert(PHISHING, tmp_path)[0] + convert(FUNDRAISING, tmp_path)[0]
    assert {one["id"] for one in decoded(raws)} == {one["id"] for one in decoded(both)}


def test_a_manifest_cannot_name_files_outside_or_other_events(tmp_path: Path) -> None:
    outside = tmp_path / "0b1a2c3d-0001-4000-8000-000000000001.json"
    outside.write_text(json.dumps(PHISHING))
    other = "5f0c2d1e-0001-4000-8000-00000000000f"
    names = ["../0b1a2c3d-0001-4000-8000-000000000001", "/etc/passwd", "", "0b1a2c3d", other, PHISHING["Event"]["uuid"]]
    folder = feed(tmp_path / "feed", {name: {} for name in names}, {f"{other}.json": FUNDRAISING})
    (folder / outside.name).symlink_to(outside)
    problems: list[Problem] = []
    assert list(read_misp(folder, problem=problems.append)) == []
    assert len(problems) == len(names)


def test_a_feed_is_written_as_misp_reads_it(tmp_path: Path) -> None:
    raws, _ = convert(FUNDRAISING, tmp_path)
    folder = tmp_path / "out"
    count = write_feed(raws, folder, definitions={})
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert count == len(manifest) == 2
    for uuid, entry in manifest.items():
        content = json.loads((folder / f"{uuid}.json").read_text("utf-8"))["Event"]
        assert content["uuid"] == uuid
        assert entry["Orgc"]["name"] == "Example CERT"
        assert {"info", "date", "timestamp", "Tag", "analysis", "threat_level_id"} <= entry.keys()
    lines = (folder / "hashes.csv").read_text().split()
    digest = hashlib.md5(b"https://fund.example/give?a=1", usedforsecurity=False).hexdigest()
    assert f"{digest},{FUNDRAISING['Event']['uuid']}" in lines
    back = list(read_misp(folder))
    assert {one.tlp for one in effective(back).values()} == {Tlp.GREEN, Tlp.AMBER_STRICT}
    with pytest.raises(AlreadyExists):
        write_feed(raws, folder, definitions={})


# ── out ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("document", [PHISHING, FUNDRAISING], ids=["phishing", "fundraising"])
def test_events_load_in_pymisp_and_are_the_same_each_time(document: dict[str, Any], tmp_path: Path) -> None:
    raws, _ = convert(document, tmp_path)
    events, _ = export(raws)
    assert events == export(raws)[0]
    for one in events:
        loaded = pymisp.MISPEvent()
        loaded.from_dict(**copy.deepcopy(one))
        assert loaded.uuid == one["uuid"]
        assert loaded.distribution == 0
        assert loaded.Orgc.name == "Example CERT"
    values = {attribute["value"] for attribute in document["Event"]["Attribute"]}
    text = json.dumps(events)
    assert [value for value in values if not all(part in text for part in value.split("|"))] == []


@pytest.mark.parametrize("level", ["0", "1", "2", "3"])
def test_distribution_is_your_organisation_unless_asked_for(level: str) -> None:
    raws = [indicator(TLP_IDS[Tlp.GREEN])]
    assert export(raws)[0][0]["distribution"] == "0"
    asked = export(raws, distribution=level)[0][0]
    assert asked["distribution"] == level
    assert {one["distribution"] for one in [*asked.get("Attribute", []), *asked.get("Object", [])]} == {"5"}


@pytest.mark.parametrize("level", ["4", "5", "", "all"])
def test_sharing_groups_and_nonsense_are_refused(level: str) -> None:
    with pytest.raises(Refused):
        export([], distribution=level)


def test_an_object_in_two_reports_has_one_uuid_in_each() -> None:
    common = {"spec_version": "2.1", "created": "2026-03-01T00:00:00.000Z", "modified": "2026-03-01T00:00:00.000Z"}
    reports = [
        common
        | {
            "type": "report",
            "id": f"report--99999999-0000-4000-8000-00000000000{number}",
            "published": "2026-03-01T00:00:00.000Z",
            "name": f"Report {number}",
            "object_refs": ["domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"],
            "object_marking_refs": [TLP_IDS[Tlp.CLEAR]],
        }
        for number in (1, 2)
    ]
    domain = {
        "type": "domain-name",
        "spec_version": "2.1",
        "id": "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7",
        "value": "example.com",
        "object_marking_refs": [TLP_IDS[Tlp.CLEAR]],
    }
    events, problems = export([msgspec.json.encode(one) for one in [*reports, domain]])
    assert problems == []
    uuids = [attribute["uuid"] for one in events for attribute in one["Attribute"]]
    assert len(events) == len(uuids) == len(set(uuids)) == 2


def test_what_misp_has_no_place_for_is_told() -> None:
    common = {"spec_version": "2.1", "created": "2026-03-01T00:00:00.000Z", "modified": "2026-03-01T00:00:00.000Z"}
    given: list[dict[str, Any]] = [
        common | {"type": "x-thing", "id": "x-thing--99999999-0000-4000-8000-000000000001", "name": "t"},
        common
        | {"type": "malware", "id": "malware--99999999-0000-4000-8000-000000000002", "name": "m", "is_family": True},
        common | {"type": "tool", "id": "tool--99999999-0000-4000-8000-000000000003", "name": "u"},
        common
        | {
            "type": "relationship",
            "id": "relationship--99999999-0000-4000-8000-000000000004",
            "relationship_type": "uses",
            "source_ref": "malware--99999999-0000-4000-8000-000000000002",
            "target_ref": "tool--99999999-0000-4000-8000-000000000003",
        },
        common
        | {
            "type": "relationship",
            "id": "relationship--99999999-0000-4000-8000-000000000005",
            "relationship_type": "uses",
            "source_ref": "malware--99999999-0000-4000-8000-000000000002",
            "target_ref": "tool--99999999-0000-4000-8000-00000000000f",
        },
        common | {"type": "language-content", "id": "language-content--99999999-0000-4000-8000-000000000006"},
    ]
    events, problems = export([msgspec.json.encode(one) for one in given])
    assert len(events) == 1
    assert {one.where[-1] for one in problems if "99999999" in one.where and not one.where.startswith("event")} == set(
        "1456"
    )


def test_a_written_file_is_read_back(tmp_path: Path) -> None:
    raws, _ = convert([PHISHING, FUNDRAISING], tmp_path)
    stream = io.BytesIO()
    count = write_misp(raws, stream, definitions={})
    assert count == 4
    again, _ = convert(json.loads(stream.getvalue()), tmp_path)
    before, after = effective(raws), effective(again)
    shared = [name for name in before if name in after and name.startswith(("indicator", "x-misp", "report"))]
    assert len(shared) >= 4
    assert all(after[name].at_least_as_strict_as(before[name]) for name in shared)


@pytest.mark.skipif(not SHARED.exists(), reason="shared data not present")
def test_documented_mappings_go_out_and_come_back_valid(tmp_path: Path) -> None:
    with SHARED.open("rb") as stream:
        given = list(read_bundle(stream))
    events, problems = export(given)
    records = [one for each in events for one in (*each.get("Attribute", []), *each.get("Object", []))]
    assert len(records) > 60
    assert problems != []
    raws, _ = convert([{"Event": one} for one in events], tmp_path)
    assert len(raws) > 200
    assert [one for raw in raws for one in examine(raw).violations] == []
