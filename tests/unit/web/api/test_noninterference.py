"""Law 1 and law 8 on the API: a partner's answers do not depend on what is withheld from it, and are remembered."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from support.gate import ANALYST, DAY, Bench, benches, malware, party_id, report
from support.partner import HIDDEN_NAMES, NOWHERE, Base, Face, Twin, serving, story
from titian.core.access import Role
from titian.core.ledger import Kind
from titian.core.marking import Marking
from titian.core.reading import MarkingRead, ObjectRead
from titian.core.recall_objects import Reason
from titian.core.search import Found, Query, Viewer
from titian.core.tlp import TLP_IDS, Tlp
from titian.store.reading import Reading
from titian.store.search import Find
from titian.web.api.objects import _marking

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

API: Final = "/api/v1"
QUERIES: Final = (
    {}, {"q": "shown"}, {"q": "hidden"}, {"q": "203.0.113.9"}, {"q": "Xanadu"}, {"q": "report", "type": "report"},
    {"tlp": "amber"}, {"tlp": "red"}, {"tlp": "none"}, {"versions": "true"}, {"since": "2026-09-22"}, {"tlp": "purple"},
    {"party": party_id("russia")}, {"limit": "0"}, {"after": "x"},
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    for make in benches(tmp_path_factory.mktemp("base")):
        yield Base.of(make())


def answers(face: Face, key: str, own: list[str], ids: list[str]) -> list[tuple[Any, ...]]:
    """Everything that a partner's key may ask of the API, and what it is told."""
    found = []

    def ask(path: str, method: str = "GET", **options: Any) -> Any:
        answer = face.ask(f"{API}{path}", key, method, **options)
        headers = sorted((name, value) for name, value in answer.headers.items())
        found.append((path, options.get("params"), answer.status_code, headers, answer.text))
        return answer

    for path in ("/session", "/collections", "/objects-by-type", "/nothing", "/agreements", "/counts", "/flows"):
        ask(path)
    for params in QUERIES:
        page = ask("/find", params={"limit": "3", **params})
        while page.status_code == 200 and page.json()["next"] is not None:
            page = ask("/find", params={"limit": "3", **params, "after": page.json()["next"]})
    for one in [*own, NOWHERE, *(each["id"] for each in ask("/collections").json()["items"])]:
        ask(f"/collections/{one}")
        ask("/find", params={"collection": one})
        ask(f"/collections/{one}/objects", "POST", json={"objects": [malware("x")]})
    for one in [*ids, f"malware--{NOWHERE}", "nothing", "../x"]:
        for part in ("", "/raw", "/versions", "/neighbours", "/timeline", "?modified=2020-01-01"):
            ask(f"/objects/{one}{part}")
    return found


def told(base: Base, folder: Path, seed: int) -> list[list[tuple[Any, ...]]]:
    """What the partner of each of two twins is told."""
    tell, both = story(seed), []
    for hiding in (False, True):
        home = Path(shutil.copytree(base.home, folder / f"twin{hiding}"))
        twin = Twin(home, base.secrets, hiding=hiding)
        tell(twin)
        with serving(twin.bench) as face:
            both.append(answers(face, base.secrets["japan"], base.own, tell.__dict__["asked"]))
        twin.bench.close()
        shutil.rmtree(home)
    return both


@pytest.mark.parametrize("seed", range(3))
def test_what_a_partner_is_told_does_not_depend_on_what_is_withheld(base: Base, tmp_path: Path, seed: int) -> None:
    without, with_hidden = told(base, tmp_path, seed)
    for one, other in zip(without, with_hidden, strict=True):
        assert one == other
    said = "".join(text for *_, text in without)
    assert "First" in said, "or the test looks at nothing"
    for name in HIDDEN_NAMES:
        assert name not in said.replace("hidden", "")


# ── law 8 ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    for make in benches(tmp_path):
        made = make()
        made.agree("jp", party_id("japan"))
        made.release(*made.hold(malware("Kestrel", tlp=Tlp.GREEN), malware("Heron", tlp=Tlp.GREEN)), to="jp")
        yield made


def deliveries(bench: Bench) -> list[dict[str, Any]]:
    held = next(one for one in bench.node.ledger_desk.list() if one.agreement is not None)
    found = bench.node.ledger_desk.entries(held.origin, limit=1000)
    return [dict(one.entry.details) for one in found if one.entry.kind is Kind.DELIVERY]


def test_what_a_partner_is_shown_is_remembered_first(bench: Bench) -> None:
    key = bench.secrets["japan"]
    with serving(bench) as face:
        assert deliveries(bench) == []
        hits = face.ask(f"{API}/find", key, params={"q": "kestrel"}).json()["items"]
        assert [one["title"] for one in hits] == ["Kestrel"]
        (first,) = deliveries(bench)
        assert (first["view"], first["count"], first["whole"]) == ("find", 1, False)
        for part in ("", "/raw", "/versions"):
            assert face.ask(f"{API}/objects/{hits[0]['id']}{part}", key).status_code == 200
        assert [one["view"] for one in deliveries(bench)] == ["find", "object", "object", "object"]
        assert {(one["first"], one["last"]) for one in deliveries(bench)} == {(first["first"], first["last"])}


@pytest.mark.parametrize("part", ["", "/raw", "/versions"])
def test_what_is_taken_back_while_it_is_read_is_not_shown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Law 9: between the reading of an object and its record, a recall commits."""
    (identifier,) = [one for one, value in bench.served("japan").items() if value.get("name") == "Kestrel"]
    look, reads = Reading.object, list[str]()

    def racing(self: Reading, viewer: Viewer, wanted: str, modified: int | None = None) -> ObjectRead:
        found = look(self, viewer, wanted, modified)
        reads.append(wanted)
        if len(reads) == 1:
            bench.node.recalls.recall(ANALYST, [identifier], reason=Reason.FALSE_POSITIVE,
                                      deadline=bench.clock() + DAY)  # fmt: skip
        return found

    with serving(bench) as face:
        monkeypatch.setattr(Reading, "object", racing)
        answer = face.ask(f"{API}/objects/{identifier}{part}", bench.secrets["japan"])
    assert answer.status_code == 404
    assert "Kestrel" not in answer.text
    assert deliveries(bench) == []


def test_what_is_taken_back_while_it_is_found_is_not_shown(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (identifier,) = [one for one, value in bench.served("japan").items() if value.get("name") == "Kestrel"]
    search, times = Find.find, list[int]()

    def racing(self: Find, viewer: Viewer, query: Query) -> Found:
        found = search(self, viewer, query)
        times.append(1)
        if len(times) == 1:
            bench.node.recalls.recall(ANALYST, [identifier], reason=Reason.FALSE_POSITIVE,
                                      deadline=bench.clock() + DAY)  # fmt: skip
        return found

    with serving(bench) as face:
        monkeypatch.setattr(Find, "find", racing)
        monkeypatch.setattr(Find, "__call__", racing)
        answer = face.ask(f"{API}/find", bench.secrets["japan"], params={"q": "kestrel"})
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    assert len(times) == 2
    assert deliveries(bench) == []


def test_an_object_tells_nothing_of_others_that_no_record_names(bench: Bench) -> None:
    """Law 8: of what a delivered object refers to, a partner is told the id alone; its words are another's."""
    kestrel = bench.hold(malware("Osprey", tlp=Tlp.GREEN))[0]
    said = report("Financing", {"id": kestrel}, tlp=Tlp.GREEN)
    bench.release(*bench.hold(said), to="jp")
    secret = bench.node.keys.add("ours", Role.ADMIN)[1]
    with serving(bench) as face:
        answer = face.ask(f"{API}/objects/{said['id']}", bench.secrets["japan"]).json()
        assert kestrel in [one["id"] for one in answer["references"]]
        assert {one["title"] for one in answer["references"]} == {None}
        assert [one["label"] for one in answer["markings"]] == ["TLP:GREEN"]
        ours = face.ask(f"{API}/objects/{said['id']}", secret).json()
        assert "Osprey" in {one["title"] for one in ours["references"]}


def test_a_marking_that_is_an_object_is_named_to_ourselves_alone() -> None:
    held = MarkingRead(f"marking-definition--{NOWHERE}", b"{}", "Statement of Agency Two", Marking(tlp=Tlp.RED))
    assert msgspec.structs.asdict(_marking(held, named=False)) == {"id": held.id, "label": None, "tlp": None}
    assert _marking(held, named=True).label == "Statement of Agency Two"
    green = MarkingRead(TLP_IDS[Tlp.GREEN], b"{}", "TLP:GREEN", Marking(tlp=Tlp.GREEN))
    assert _marking(green, named=False) == _marking(green, named=True)


def test_counts_are_of_what_was_remembered(bench: Bench) -> None:
    """Law 8: a filter by type that leaves nothing tells a partner nothing of what it has left out."""
    secret = bench.node.keys.add("ours", Role.ADMIN)[1]
    with serving(bench) as face:

        def found(key: str, **params: str) -> Any:
            return face.ask(f"{API}/find", key, params={"q": "kestrel", **params}).json()

        none = found(bench.secrets["japan"], type="tool")
        assert (none["items"], none["types"], none["total"]) == ([], [], None)
        assert deliveries(bench) == []
        one = found(bench.secrets["japan"], type="malware,tool")
        assert ([each["type"] for each in one["types"]], one["total"]["number"]) == (["malware"], 1)
        some = face.ask(f"{API}/find", bench.secrets["japan"], params={"type": "malware"}).json()
        assert [each["type"] for each in some["types"]] == ["malware"], "an identity went along, and was not asked for"
        assert [each["type"] for each in found(secret, type="tool")["types"]] == ["malware"]


@pytest.mark.parametrize(
    "path", ["/find?q=nothing", "/collections", "/session", f"/objects/malware--{NOWHERE}", "/objects-by-type"]
)
def test_what_shows_no_object_is_not_remembered(bench: Bench, path: str) -> None:
    with serving(bench) as face:
        face.ask(f"{API}{path}", bench.secrets["japan"])
        assert deliveries(bench) == []


def test_nothing_is_shown_while_the_ledger_is_halted(bench: Bench) -> None:
    with bench.node.store.writing() as tx:
        tx.run("UPDATE ledgers SET halted = 'tested' WHERE agreement IS NOT NULL")
    with serving(bench) as face:
        answer = face.ask(f"{API}/find", bench.secrets["japan"], params={"q": "kestrel"})
        assert answer.status_code == 503
        assert "Kestrel" not in answer.text


def test_our_own_reading_is_not_a_delivery(bench: Bench) -> None:
    secret = bench.node.keys.add("ours", Role.ADMIN)[1]
    with serving(bench) as face:
        assert face.ask(f"{API}/find", secret, params={"q": "kestrel"}).json()["items"]
        assert deliveries(bench) == []
