"""Law 1 and law 8 on the API: a partner's answers do not depend on what is withheld from it, and are remembered."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from support.gate import Bench, benches, malware, party_id
from support.partner import HIDDEN_NAMES, NOWHERE, Base, Face, Twin, serving, story
from titian.core.access import Role
from titian.core.ledger import Kind
from titian.core.tlp import Tlp

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
