"""What a partner sees over TAXII of what was released: laws 1, 2, 5 and 9 at the edge of the node."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.gate import (
    BY,
    DAY,
    Bench,
    benches,
    indicator,
    link,
    made,
    malware,
    party_id,
    promised,
    report,
)
from support.partner import HIDDEN_NAMES, NOWHERE, ROOT, Base, Face, serving, told
from support.stix import envelope, ipv4, statement
from titian.core.access import Role
from titian.core.tlp import TLP_IDS, Tlp
from titian.wire.taxii import MEDIA_TYPE

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

JAPAN, RUSSIA, BRUNEI = (party_id(alias) for alias in ("japan", "russia", "brunei"))


@pytest.fixture
def served() -> Callable[[Bench], Any]:
    """Puts a bench's node behind its application, at the bench's clock."""
    return serving


@pytest.fixture
def new_bench(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    yield from benches(tmp_path)


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    fresh = new_bench()
    fresh.agree("jp", JAPAN)
    fresh.agree("two", JAPAN, RUSSIA)
    return fresh


def a_graph(bench: Bench) -> list[str]:
    """A report of which some is withheld, cut and renamed; the report first."""
    kestrel, orchid = malware("Kestrel", tlp=Tlp.AMBER), made("threat-actor", name="Orchid", tlp=Tlp.RED)
    wallet = indicator("Wallet", tlp=Tlp.GREEN, description="From two banks.")
    wallet["granular_markings"] = [{"marking_ref": TLP_IDS[Tlp.RED], "selectors": ["description"]}]
    address = ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.RED]])
    said = statement("© Agency")
    rest = [malware(f"Plain {number}", tlp=Tlp.GREEN, marks=[said["id"]]) for number in range(4)]
    links = [link(wallet, kestrel, tlp=Tlp.GREEN), link(orchid, kestrel, tlp=Tlp.GREEN)]
    inside = [kestrel, orchid, wallet, address, *rest, *links]
    about = report("Financing", *inside, tlp=Tlp.AMBER)
    bench.hold(said, *inside, about)
    return [about["id"], orchid["id"], address["id"], links[1]["id"], wallet["id"]]


def test_law_1_what_is_pulled_is_what_the_preview_showed(bench: Bench, served: Callable[[Bench], Any]) -> None:
    root, *hidden = a_graph(bench)
    (seen,) = bench.preview(root, to="jp").seen
    wanted = promised(bench, seen, [root])
    bench.release(root, to="jp")
    key = bench.secrets["japan"]
    with served(bench) as face:
        (listed,) = (one for one in face.collections(key) if one["can_read"])
        assert (listed["can_read"], listed["can_write"]) == (True, False)
        where = f"{ROOT}collections/{listed['id']}/"
        assert face.ask(where, key).json() == listed
        whole = face.ask(f"{where}objects/", key)
        found = b",".join(wanted[one["id"]] for one in whole.json()["objects"])
        assert whole.content == b'{"objects":[' + found + b"]}", "byte for byte, and nothing beside"
        assert len(whole.json()["objects"]) == len(wanted)
        paged = face.pages(f"{where}objects/", key, limit="2")
        assert [one for page in paged for one in page.json()["objects"]] == whole.json()["objects"]
        assert len(paged) == (len(wanted) + 1) // 2
        records = [one for page in face.pages(f"{where}manifest/", key, limit="3") for one in page.json()["objects"]]
        assert [one["id"] for one in records] == [one["id"] for one in whole.json()["objects"]]
        assert whole.headers["X-TAXII-Date-Added-First"] == records[0]["date_added"]
        assert whole.headers["X-TAXII-Date-Added-Last"] == records[-1]["date_added"]
        for identifier, raw in wanted.items():
            one = face.ask(f"{where}objects/{identifier}/", key)
            assert one.content == b'{"objects":[' + raw + b"]}"
            value = json.loads(raw)
            versions = face.ask(f"{where}objects/{identifier}/versions/", key).json()["versions"]
            assert len(versions) == 1
            assert versions[0] == value.get("modified", value.get("created", versions[0]))
        missing = {face.ask(f"{where}objects/malware--{NOWHERE}/", key).text}
        for identifier in hidden:
            for path in (f"{where}objects/{identifier}/", f"{where}objects/{identifier}/versions/"):
                answer = face.ask(path, key)
                assert answer.status_code == 404
                missing.add(answer.text)
            for listing in ("objects", "manifest"):
                asked = face.ask(f"{where}{listing}/", key, params={"match[id]": identifier})
                assert asked.json() == {}, "as for what was never there"
        assert len(missing) == 1


def everything_said(face: Face, key: str, *collections: str) -> list[tuple[int, str]]:
    """Status and body of whatever a key may try on collections."""
    said = []
    for one in collections:
        for path in (
            "",
            "objects/",
            "manifest/",
            f"objects/malware--{NOWHERE}/",
            f"objects/malware--{NOWHERE}/versions/",
        ):
            answer = face.ask(f"{ROOT}collections/{one}/{path}", key)
            said.append((answer.status_code, answer.text))
        headers = {"Content-Type": MEDIA_TYPE}
        where = f"{ROOT}collections/{one}/objects/"
        posted = face.ask(where, key, "POST", headers=headers, content=envelope(malware("Smuggled")))
        gone = face.ask(f"{where}malware--{NOWHERE}/", key, "DELETE")
        said += [(posted.status_code, posted.text), (gone.status_code, gone.text)]
    return said


def end(bench: Bench) -> None:
    bench.node.agreements.end("two", BY)


def remove(bench: Bench) -> None:
    bench.node.agreements.remove_member("two", "russia", BY)


@pytest.mark.parametrize("out", [end, remove], ids=["the agreement ended", "the party removed"])
def test_who_is_out_is_told_what_a_stranger_is_told(
    bench: Bench, served: Callable[[Bench], Any], out: Callable[[Bench], None]
) -> None:
    root, *_ = a_graph(bench)
    bench.release(root, to="two")
    with served(bench) as face:
        key = bench.secrets["russia"]
        (listed,) = (one for one in face.collections(key) if one["can_read"])
        first = face.ask(f"{ROOT}collections/{listed['id']}/objects/", key, params={"limit": "2"})
        tag = first.headers["etag"]
        out(bench)
        assert face.collections(key) == []
        assert face.ask(f"{ROOT}collections/", key).text == "{}"
        told = everything_said(face, key, listed["id"])
        assert told == everything_said(face, key, NOWHERE)
        assert told == everything_said(face, bench.secrets["brunei"], listed["id"])
        assert {status for status, _ in told} == {404}
        for options in ({"params": {"limit": "2", "next": first.json()["next"]}}, {"headers": {"If-None-Match": tag}}):
            again = face.ask(f"{ROOT}collections/{listed['id']}/objects/", key, **options)
            assert (again.status_code, again.text) == told[1]


def test_a_key_of_a_party_meets_own_collections_as_what_is_not_there(
    bench: Bench, served: Callable[[Bench], Any]
) -> None:
    root, *_ = a_graph(bench)
    bench.release(root, to="jp")
    own = [one.collection for one in bench.node.collections.list() if one.collection.party != JAPAN]
    names = [name for one in own for name in (one.id, one.name, one.alias) if name]
    with served(bench) as face:
        nothing = everything_said(face, bench.secrets["japan"], NOWHERE)
        for name in names:
            assert everything_said(face, bench.secrets["japan"], name) == nothing


@pytest.mark.parametrize("role", [*Role, None], ids=lambda role: "the party" if role is None else role.value)
def test_nobody_writes_into_what_is_released(bench: Bench, served: Callable[[Bench], Any], role: Role | None) -> None:
    root, *_ = a_graph(bench)
    bench.release(root, to="jp")
    key = bench.secrets["japan"] if role is None else bench.node.keys.add("own", role)[1]
    before = bench.raw_served("japan")
    (collection,) = bench.released()
    with served(bench) as face:
        where = f"{ROOT}collections/{collection.id}/objects/"
        post = face.ask(where, key, "POST", headers={"Content-Type": MEDIA_TYPE}, content=envelope(malware("Smuggled")))
        gone = face.ask(f"{where}{next(iter(bench.served('japan')))}/", key, "DELETE")
        assert (post.status_code, gone.status_code) == (403, 403), (post.text, gone.text)
        shown = next(one for one in face.collections(key) if one["id"] == collection.id)
        assert shown["can_write"] is False
    assert bench.raw_served("japan") == before


def test_law_9_what_has_ended_is_in_no_answer_not_even_a_kept_one(bench: Bench, served: Callable[[Bench], Any]) -> None:
    ids = bench.hold(malware("Kestrel", tlp=Tlp.GREEN), malware("Goshawk", tlp=Tlp.GREEN))
    bench.mark(ids[0], expires="2026-09-23T00:00:00.000Z")
    bench.release(*ids, to="jp")
    key = bench.secrets["japan"]
    with served(bench) as face:
        (listed,) = (one for one in face.collections(key) if one["can_read"])
        paths = [f"{ROOT}collections/{listed['id']}/{path}/" for path in ("objects", "manifest", f"objects/{ids[0]}")]
        paths.append(f"{paths[-1]}versions/")
        before = [face.ask(path, key) for path in paths]
        assert all(ids[0] in answer.text or "versions" in answer.text for answer in before)
        bench.clock.now += 2 * DAY
        for path, kept in zip(paths, before, strict=True):
            answer = face.ask(path, key, headers={"If-None-Match": kept.headers["etag"]})
            assert answer.status_code in (200, 404), "not 304: it has changed"
            assert ids[0] not in answer.text
            assert "Kestrel" not in answer.text
        assert "Goshawk" in face.ask(paths[0], key).text


def test_what_is_withdrawn_is_in_no_answer_not_even_a_kept_one(bench: Bench, served: Callable[[Bench], Any]) -> None:
    ids = bench.hold(malware("Kestrel", tlp=Tlp.GREEN), malware("Goshawk", tlp=Tlp.GREEN))
    bench.release(*ids, to="jp")
    key = bench.secrets["japan"]
    with served(bench) as face:
        (listed,) = (one for one in face.collections(key) if one["can_read"])
        where = f"{ROOT}collections/{listed['id']}/"
        kept = [face.ask(f"{where}{path}/", key) for path in ("objects", "manifest", f"objects/{ids[0]}")]
        bench.mark(ids[0], tlp=Tlp.RED)
        for answer in kept:
            again = face.ask(str(answer.request.url.path), key, headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code in (200, 404)
            assert ids[0] not in again.text


# Noninterference


@pytest.mark.parametrize("seed", range(6))
def test_law_1_no_answer_depends_on_what_was_withheld(
    new_bench: Callable[[], Bench], tmp_path: Path, seed: int
) -> None:
    plain, hiding = told(Base.of(new_bench()), tmp_path, seed)
    assert not any(name.encode() in body for _, _, body in hiding.answers for name in HIDDEN_NAMES)
    assert plain.came == hiding.came
    assert len(plain.answers) > 100
    assert sum(status == 200 for status, *_ in plain.answers) > 10
    for one, other in zip(plain.answers, hiding.answers, strict=True):
        assert one == other
    assert len(plain.ledgers) == 2, "that of the agreement, and how many there are"
    assert plain.ledgers == hiding.ledgers
