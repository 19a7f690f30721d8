"""The pages of one object: readable whatever it is, inert whatever it says, absent the same way whatever is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from support.console import ConsoleBench
from support.gate import OWN, Bench, indicator, link, made, malware, party_id, report
from support.pages import outside, pages, tags
from support.sighting import Sighting
from support.stix import Object, new_uuid, text
from titian.core.tlp import Tlp
from titian.node import open_node

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

HOSTILE = (
    "</pre></code>\"'><script>alert(1)</script><img src=x onerror=alert(2)> \u202egpj.exe {{ 7*7 }} javascript:alert(3)"
)
STATEMENT = made(
    "marking-definition", by=None, definition_type="statement", definition={"statement": f"Ours. {HOSTILE}"}
)
TABS = ("", "/raw", "/raw?as=exact", "/versions", "/graph", "/history", "/audience")
NOBODY = "malware--00000000-0000-4000-8000-000000000001"
BRIDGE = made("malware", name="Dark Bridge", tlp=Tlp.GREEN, description="It spreads by letters to banks.",
              is_family=True, malware_types=["ransomware"])  # fmt: skip
LATER = {**BRIDGE, "modified": "2026-02-01T00:00:00.000Z", "description": "It spreads by parcels to banks.",
         "aliases": ["Titian Gelap"]}  # fmt: skip
HOST = indicator("Bridge host", tlp=Tlp.AMBER, valid_until="9999-12-31T23:59:59Z")
INDICATES = link(HOST, BRIDGE, "indicates", tlp=Tlp.GREEN)
REPORT = report("On the bridge", BRIDGE, HOST, {"id": NOBODY}, tlp=Tlp.GREEN, report_types=["malware"])
SECRET = malware("Not to be seen", tlp=Tlp.RED)
URL: Object = {"type": "url", "spec_version": "2.1", "id": "url--a9a2a1b0-6a5d-5a5a-8f4b-111111111111",
               "value": "http://evil.example/landing"}  # fmt: skip
EVIL = malware(f"Evil {HOSTILE}", description=HOSTILE, aliases=[HOSTILE], malware_types=[HOSTILE],
               labels=[HOSTILE], x_custom={HOSTILE: [HOSTILE, {"deep": HOSTILE}]},
               external_references=[{"source_name": HOSTILE, "url": "https://evil.example/", "description": HOSTILE}],
               marks=[STATEMENT["id"]])  # fmt: skip
LONG = malware("Long", description="word " * 210_000, tlp=Tlp.GREEN)
JAPANESE = made("language-content", object_ref=BRIDGE["id"], object_modified=BRIDGE["modified"],
                contents={"ja": {"name": "暗い橋", "description": "手紙で広がる。"}, "de": {"name": 7}})  # fmt: skip
LOOP = malware("Loop", tlp=Tlp.GREEN)
LOOP_BACK = malware("Loop back", tlp=Tlp.GREEN)


def _first(bench: Bench) -> None:
    del STATEMENT["modified"]
    bench.agree("jp", party_id("japan"))
    bench.hold(BRIDGE)
    bench.hold(LATER, HOST, INDICATES, REPORT, SECRET, STATEMENT, EVIL, LONG, JAPANESE, LOOP, LOOP_BACK)
    bench.hold(
        link(LOOP, LOOP_BACK), link(LOOP_BACK, LOOP), link(LOOP, LOOP, "same-as"), link(LOOP, {"id": NOBODY}, "uses")
    )
    bench.hold({**URL, "id": _url_id()})
    bench.release(BRIDGE["id"], to="jp")
    japan = Sighting(bench)
    (came,) = japan.arrives("japan", malware("From Tokyo", by=party_id("japan"), tlp=Tlp.GREEN))
    TOKYO["id"] = came
    japan.arrives(
        "japan", made("sighting", by=party_id("japan"), tlp=Tlp.GREEN, sighting_of_ref=BRIDGE["id"], count=17,
                      first_seen="2026-01-01T00:00:00Z", last_seen="2026-03-01T00:00:00Z"),
    )  # fmt: skip


TOKYO: Object = {}


def _url_id() -> str:
    return "url--3279d8c4-6f4f-56b2-8f3f-5d8e7e1fbd5a"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleBench]:
    with pages(tmp_path_factory.mktemp("objects") / "node", _first) as made_bench:
        yield made_bench


def _path(one: Object, tab: str = "") -> str:
    return f"/objects/{one['id']}{tab}"


# ── the card ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_card_says_what_an_object_says_and_who_may_see_it(bench: ConsoleBench) -> None:
    page = bench.page(_path(BRIDGE))
    assert page.headings[0] == "Dark Bridge"
    for words in (
        "a family", "ransomware", "Titian Gelap", "It spreads by parcels to banks.", "TLP:GREEN",
        "May be seen inside the community of those who receive it", "Created by", "it began here",
    ):  # fmt: skip
        assert words in page.text
    assert (f"/objects/{OWN}", "Agency") in page.links


def test_what_is_unmarked_says_that_nobody_outside_may_see_it(bench: ConsoleBench) -> None:
    page = bench.page(_path(EVIL))
    assert "May be seen by nobody outside, because it bears no TLP." in page.text
    assert "It bears the statement: Ours." in page.text


def test_references_are_links_with_names_and_what_is_not_held_is_none(bench: ConsoleBench) -> None:
    page = bench.page(_path(REPORT))
    assert {(_path(BRIDGE), "Dark Bridge"), (_path(HOST), "Bridge host")} <= set(page.links)
    assert f"/objects/{NOBODY}" not in dict(page.links)
    assert f"{NOBODY} not held" in page.text
    related = bench.page(_path(INDICATES))
    assert "→ indicates →" in related.text
    assert {(_path(BRIDGE), "Dark Bridge"), (_path(HOST), "Bridge host")} <= set(related.links)


def test_an_indicator_shows_its_pattern_and_an_end_that_no_zone_has(bench: ConsoleBench) -> None:
    bench.post("/manners", {"language": "en", "zone": "Asia/Tokyo", "next": "/"})
    html = bench.get(_path(HOST)).text
    bench.post("/manners", {"language": "en", "zone": "UTC", "next": "/"})
    assert re.search(r'<pre class="raw"[^>]*id="pattern"><bdi>\[domain-name:value', html)
    assert "9999-12-31T23:59:59Z" in html


def test_an_address_is_shown_as_it_is_and_is_no_link_outside(bench: ConsoleBench) -> None:
    answer = bench.get(f"/objects/{_url_id()}")
    assert 'data-copy-text="http://evil.example/landing"' in answer.text
    assert outside(answer.text) == []
    assert "<title>hxxp://evil[.]example/landing" in answer.text


KINDS: list[Object] = [
    made("attack-pattern", name="One", kill_chain_phases=[{"kill_chain_name": "k", "phase_name": "p"}]),
    made("campaign", name="One", objective="to gain", first_seen="2026-01-01T00:00:00Z"),
    made("course-of-action", name="One"),
    made("grouping", context="suspicious-activity", object_refs=[NOBODY], name="One"),
    made("identity", by=None, name="One", identity_class="organization", sectors=["energy"]),
    made("incident", name="One"),
    made("indicator", name="One", pattern="alert tcp any", pattern_type="snort", valid_from="2026-01-01T00:00:00Z"),
    made("infrastructure", name="One"),
    made("intrusion-set", name="One", goals=["money"]),
    made("location", name="One", latitude=-6.2, longitude=106.8),
    made("malware", name="One", is_family=False),
    made("malware-analysis", product="One", result="malicious"),
    made("note", content="One", abstract="One", object_refs=[NOBODY], authors=["Analyst One"]),
    made("observed-data", first_observed="2026-01-01T00:00:00Z", last_observed="2026-01-01T00:00:00Z",
         number_observed=2, object_refs=["ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"]),
    made("opinion", opinion="agree", explanation="One", object_refs=[NOBODY]),
    made("report", name="One", published="2026-01-01T00:00:00Z", object_refs=[NOBODY]),
    made("threat-actor", name="One", roles=["sponsor"]),
    made("tool", name="One"),
    made("vulnerability", name="One", external_references=[{"source_name": "cve", "external_id": "CVE-2026-1234"}]),
    made("relationship", relationship_type="uses", source_ref=NOBODY, target_ref=NOBODY),
    made("sighting", sighting_of_ref=NOBODY, count=3),
    made("language-content", object_ref=NOBODY, contents={"ja": {"name": "One"}}),
    made("x-nobody-knows-one", by=None, name="One",
         extensions={"extension-definition--9c59fd79-4215-4ba2-920d-3e4f320e1e62": {"extension_type": "new-sdo"}}),
    {"type": "ipv4-addr", "spec_version": "2.1", "id": "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4",
     "value": "198.51.100.3"},
    {"type": "process", "spec_version": "2.1", "id": f"process--{new_uuid()}", "pid": 7, "command_line": "One.exe"},
    {"type": "user-account", "spec_version": "2.1", "id": f"user-account--{new_uuid()}", "credential": "One"},
    {"type": "x509-certificate", "spec_version": "2.1", "id": f"x509-certificate--{new_uuid()}",
     "x509_v3_extensions": {"basic_constraints": "One"}},
]  # fmt: skip


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleBench]:
    def fill(bench: Bench) -> None:
        for one in KINDS:
            bench.hold(one)

    with pages(tmp_path_factory.mktemp("kinds") / "node", fill) as made_bench:
        yield made_bench


@pytest.mark.parametrize("one", KINDS, ids=[one["type"] for one in KINDS])
def test_every_type_can_be_read(every_kind: ConsoleBench, one: Object) -> None:
    for tab in TABS:
        html = every_kind.get(_path(one, tab))
        assert html.status_code == 200, (tab, html.text)
        assert outside(html.text) == []
    page = every_kind.page(_path(one))
    said = [value for name, value in one.items() if isinstance(value, str) and not name.endswith("_ref")]
    missing = [value for value in said if value not in page.text and not re.match(r"\d{4}-", value)]
    assert missing in ([], [one["type"]])


# ── what strangers wrote ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tab", TABS)
def test_nothing_that_strangers_wrote_acts(bench: ConsoleBench, tab: str) -> None:
    html = bench.get(_path(EVIL, tab)).text
    plain = bench.get(_path(BRIDGE, tab)).text
    assert "<script>" not in html
    assert "The node failed" not in html
    harmless = (
        "ul li ol dl dt dd code strong p br span h2 h3 section div table thead tbody tr th td time details summary"
    )
    assert tags(html) - tags(plain) <= {*harmless.split(), "button"}
    assert outside(html) == []
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", re.sub(r'"[^"]*"', '""', html))
    assert "\u202e" not in re.sub(r'data-copy-text="[^"]*"', "", html)
    assert "49" not in re.findall(r"gpj\.exe (\S+)", html)


def test_a_long_description_folds(bench: ConsoleBench) -> None:
    answer = bench.get(_path(LONG))
    assert "<details" in answer.text.partition("word word")[2]
    assert len(answer.text) < 200_000
    assert len(bench.get(_path(LONG, "/raw")).text) < 400_000


# ── one and the same 404 ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tab", [*TABS, "/graph.json", "/download"])
def test_what_is_absent_and_what_is_no_identifier_are_the_same(bench: ConsoleBench, tab: str) -> None:
    answers = set()
    for name in (NOBODY, "nothing", "malware--1", "MALWARE--00000000-0000-4000-8000-000000000001", "%3Cscript%3E",
                 "malware--00000000-0000-4000-8000-000000000001%0a", "..%5c..%5cetc"):  # fmt: skip
        answer = bench.get(f"/objects/{name}{tab}")
        assert answer.status_code == 404, (name, answer.text)
        # The token is another each time, and the form for the language names the page that it came from.
        answers.add(re.sub(r'(value|content)="[A-Za-z0-9_=-]{80,}"|value="/objects/[^"]*"', "", answer.text))
    assert len(answers) == 1
    assert "script" not in answers.pop().partition("<main")[2]


@pytest.mark.parametrize("version", ["soon", "1", "-1", "9" * 30, "%00", "1704067200000001"])
def test_a_version_that_is_not_there_is_absent_too(bench: ConsoleBench, version: str) -> None:
    assert bench.get(_path(BRIDGE, f"?version={version}")).status_code == 404


def test_who_may_not_preview_sees_no_audience(bench: ConsoleBench) -> None:
    bench.sign_in("auditor-one")
    try:
        page = bench.page(_path(BRIDGE))
        assert "Who may see it" not in [words for href, words in page.links if href.endswith("/audience")]
        assert bench.get(_path(BRIDGE, "/audience")).status_code == 403
    finally:
        bench.sign_in("analyst-one")


# ── bytes and versions ────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_has_exactly_the_bytes_that_are_held(bench: ConsoleBench) -> None:
    answer = bench.get(_path(LATER, "/download"))
    assert answer.content == text(LATER)
    assert answer.headers["content-disposition"] == f'attachment; filename="{LATER["id"]}.json"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"].startswith("application/json")


def test_the_differences_of_two_versions_are_marked(bench: ConsoleBench) -> None:
    html = bench.get(_path(BRIDGE, "/versions")).text
    assert re.search(r"<del><bdi>letters</bdi></del><ins><bdi>parcels</bdi></ins>", html)
    assert "Titian Gelap" in html
    before, after = re.findall(r'name="before" value="(\d+)"', html)[::-1]
    turned = bench.get(_path(BRIDGE, f"/versions?before={after}&after={before}")).text
    assert re.search(r"<del><bdi>parcels</bdi></del><ins><bdi>letters</bdi></ins>", turned)
    same = bench.page(_path(BRIDGE, f"/versions?before={after}&after={after}"))
    assert "The two versions say the same." in same.text
    old = bench.page(_path(BRIDGE, f"?version={before}"))
    assert "It spreads by letters to banks." in old.text
    assert "old version" in old.text
    assert bench.get(_path(BRIDGE, "/versions?before=7")).status_code == 404


# ── who may see it, and what happened ─────────────────────────────────────────────────────────────────────────


def test_what_each_party_would_get_is_told_with_its_reason(bench: ConsoleBench) -> None:
    assert "Japan all of it" in bench.page(_path(BRIDGE, "/audience")).text
    secret = bench.page(_path(SECRET, "/audience")).text
    assert "Japan nothing above the ceiling TLP:RED is stricter than TLP:AMBER" in secret
    received = bench.page(_path(TOKYO, "/audience")).text
    assert "It came from japan , whose markings bind this organisation" in received


def test_the_history_tells_where_it_came_from_and_what_happened(bench: ConsoleBench) -> None:
    history = bench.page(_path(BRIDGE, "/history")).text
    assert "released to japan" in history
    assert "Seen 17 times, by 1 other party" in history
    assert "sighted" in history
    came = bench.page(_path(TOKYO, "/history")).text
    assert "Sent by japan" in came
    assert "Nothing in their ledger was checked for it yet." in came


# ── translations ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_done_is_told_to_who_may_audit(bench: ConsoleBench) -> None:
    path = _path(BRIDGE, "/history")
    with open_node(bench.home, environment={}) as node:
        node.acts.add("somebody", "mark", BRIDGE["id"], why="a reason for auditors")
    assert "a reason for auditors" not in bench.get(path).text
    assert "What was done with it" not in bench.get(path).text
    bench.sign_in("auditor-one")
    try:
        assert bench.get(path).text.count("a reason for auditors") == 2
    finally:
        bench.sign_in("analyst-one")


def test_a_translation_is_shown_and_flagged_when_the_original_has_changed(bench: ConsoleBench) -> None:
    assert bench.page(_path(BRIDGE)).headings[0] == "Dark Bridge"
    page = bench.page(_path(BRIDGE, "?lang=ja"))
    assert page.headings[0] == "暗い橋"
    assert "手紙で広がる。" in page.text
    assert "The original has changed since it was made." in page.text
    assert bench.page({words: href for href, words in page.links}["Read the original"]).headings[0] == "Dark Bridge"
    assert bench.page(_path(BRIDGE, "?lang=de")).headings[0] == "Dark Bridge"
    assert bench.page(_path(BRIDGE, "?lang=xx")).headings[0] == "Dark Bridge"


# ── the graph ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_graph_is_a_table_too(bench: ConsoleBench) -> None:
    page = bench.page(_path(BRIDGE, "/graph"))
    assert {(_path(HOST), "Bridge host"), (_path(REPORT), "On the bridge")} <= set(page.links)
    assert "→ indicates" in page.text
    only = bench.page(_path(BRIDGE, "/graph?type=report"))
    assert (_path(HOST), "Bridge host") not in only.links
    assert "Nothing of this type" in bench.page(_path(BRIDGE, "/graph?type=%3Cb%3E&from=x")).text


def test_the_graph_for_the_script_holds_each_node_once_and_no_end_in_the_void(bench: ConsoleBench) -> None:
    for one in (BRIDGE, LOOP, EVIL):
        answer = bench.get(_path(one, "/graph.json?depth=2"))
        assert answer.headers["content-type"] == "application/json"
        graph = json.loads(answer.content)
        ids = [node["id"] for node in graph["nodes"]]
        assert ids[0] == one["id"]
        assert len(ids) == len(set(ids))
        assert {end for edge in graph["edges"] for end in (edge["source"], edge["target"])} <= set(ids)
        assert all("\u202e" not in node["name"] for node in graph["nodes"])
    near = json.loads(bench.get(_path(HOST, "/graph.json?depth=1")).content)
    assert {node["depth"] for node in near["nodes"]} == {0, 1}


def test_broken_graphs_render(bench: ConsoleBench) -> None:
    page = bench.page(_path(LOOP, "/graph"))
    assert (_path(LOOP_BACK), "Loop back") in page.links
    assert f"{NOBODY} not held" in page.text
    names = [node["name"] for node in json.loads(bench.get(_path(LOOP, "/graph.json")).content)["nodes"]]
    assert f"{NOBODY} (not held)" in names


def test_a_lonely_object_says_so(bench: ConsoleBench) -> None:
    assert "Nothing that is held is linked with it." in bench.page(_path(SECRET, "/graph")).text
