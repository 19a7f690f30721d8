"""What a partner sees over TAXII of what was released: laws 1, 2, 5 and 9 at the edge of the node."""

from __future__ import annotations

import gc
import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import structlog
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from litestar.testing import TestClient

from support.gate import (
    BY,
    DAY,
    Bench,
    Clock,
    benches,
    indicator,
    link,
    made,
    malware,
    party_id,
    promised,
    report,
)
from support.stix import Object, envelope, ipv4, statement
from titian.core.access import Role
from titian.core.errors import Refused
from titian.core.tlp import TLP_IDS, Tlp
from titian.node import open_node
from titian.web.app import create_app
from titian.wire.taxii import MEDIA_TYPE

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

JAPAN, RUSSIA, BRUNEI = (party_id(alias) for alias in ("japan", "russia", "brunei"))
NOWHERE = "00000000-0000-4000-8000-000000000000"
ROOT = "/taxii2/api/"


class Face:
    """A node as who holds a key meets it."""

    def __init__(self, client: TestClient[Any]) -> None:
        self._client = client

    def ask(self, path: str, key: str, method: str = "GET", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"} | options.pop("headers", {})
        answer: httpx.Response = self._client.request(method, path, headers=headers, **options)
        return answer

    def collections(self, key: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.ask(f"{ROOT}collections/", key).json().get("collections", [])
        return listed

    def pages(self, path: str, key: str, **params: str) -> list[httpx.Response]:
        """Every page of a listing; `more` and `next` agree on each."""
        found = [self.ask(path, key, params=params)]
        while found[-1].json().get("more"):
            found.append(self.ask(path, key, params=params | {"next": found[-1].json()["next"]}))
        for page in found:
            body = page.json()
            assert page.status_code == 200, page.text
            assert ("next" in body) is body.get("more", False), body
        return found


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Bench], Any]]:
    """Puts a bench's node behind its application, at the bench's clock."""
    threshold, logs = gc.get_threshold(), structlog.get_config()

    @contextmanager
    def serve(bench: Bench) -> Iterator[Face]:
        opener = lambda home: open_node(home, clock=bench.clock, environment={})  # noqa: E731
        monkeypatch.setattr("titian.web.app.open_node", opener)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LitestarDeprecationWarning)
            app: Any = create_app(bench.node.home)
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
            yield Face(client)

    yield serve
    gc.unfreeze()
    gc.set_threshold(*threshold)
    structlog.configure(**logs)


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
        (listed,) = face.collections(key)
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
        (listed,) = face.collections(key)
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
        (listed,) = face.collections(key)
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
        (listed,) = face.collections(key)
        where = f"{ROOT}collections/{listed['id']}/"
        kept = [face.ask(f"{where}{path}/", key) for path in ("objects", "manifest", f"objects/{ids[0]}")]
        bench.mark(ids[0], tlp=Tlp.RED)
        for answer in kept:
            again = face.ask(str(answer.request.url.path), key, headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code in (200, 404)
            assert ids[0] not in again.text


# Noninterference


class Twin:
    """One of two nodes that have everything in common but what a partner may not see."""

    def __init__(self, home: Path, secrets: dict[str, str], *, hiding: bool) -> None:
        self.clock = Clock()
        self.bench = Bench(open_node(home, clock=self.clock, environment={}), self.clock)
        self.bench.secrets = secrets
        self.hiding = hiding


def story(seed: int) -> Callable[[Twin], list[str]]:
    """The same acts on both, and on one of them more besides that concern nobody but us and others."""
    random = Random(seed)
    shown = [malware(f"Shown {number}", tlp=random.choice([Tlp.GREEN, Tlp.AMBER])) for number in range(6)]
    somebody = made("identity", name="Xanadu Bureau", identity_class="organization", tlp=Tlp.RED)
    shown.append(malware("Of somebody", by=somebody["id"], tlp=Tlp.CLEAR))
    hidden: list[Object] = [somebody]
    hidden += [malware(f"Hidden {number}", tlp=random.choice([Tlp.RED, None])) for number in range(4)]
    hidden.append(ipv4("203.0.113.9", object_marking_refs=[TLP_IDS[Tlp.RED]]))
    ends = [*shown[:6], *hidden]
    # What a report reaches through a relationship is chosen with it: `test_store_gate.py` has that.
    inside = list(hidden)
    hidden += [link(*random.sample(ends, 2), tlp=Tlp.RED) for _ in range(5)]
    # These name what only one of the two holds, and may not be seen.
    links = [link(random.choice(shown), random.choice(hidden[1:5]), tlp=Tlp.GREEN) for _ in range(3)]
    reports = [
        report(f"Report {number}", *random.sample(shown, 3), *random.sample(inside, 3), *links[:number], tlp=Tlp.GREEN)
        for number in range(3)
    ]
    order = random.sample([*shown, *links, *reports], len(shown) + len(links) + len(reports))
    plan = [random.choice(["release", "release", "mark", "wait", "narrow"]) for _ in range(8)]
    seeds = [random.random() for _ in plan]

    def extra(twin: Twin, chance: Random) -> None:
        if not twin.hiding:
            return
        bench = twin.bench
        bench.mark(chance.choice(hidden[1:])["id"], tlp=chance.choice([Tlp.RED, Tlp.RED]), purposes=("trafficking",))
        bench.hold(malware("Ours alone"))
        bench.release(bench.hold(malware("For others", tlp=Tlp.GREEN))[0], to="ru")

    def tell(twin: Twin) -> list[str]:
        """Returns what came of each act that concerns the partner: that too is the same on both."""
        bench, came = twin.bench, []
        if twin.hiding:
            bench.hold(*hidden)
        bench.hold(*order)
        for step, of in zip(plan, seeds, strict=True):
            chance = Random(of)
            extra(twin, Random(of))
            some = [one["id"] for one in chance.sample(order, 3)]
            try:
                if step == "release":
                    bench.release(*some, to="jp")
                elif step == "mark":
                    known = [one for one in some if one.startswith("malware--") and one != shown[-1]["id"]]
                    if known:
                        bench.mark(*known, tlp=chance.choice([Tlp.GREEN, Tlp.AMBER, Tlp.RED]))
                elif step == "narrow":
                    bench.node.agreements.narrow("jp", BY, ceiling=Tlp.GREEN)
            except Refused as refused:
                came.append(refused.message)
            if step == "wait":
                twin.clock.now += DAY
                bench.node.withdraw.tick()
            came.append(step)
        return came

    tell.__dict__["asked"] = [one["id"] for one in (*order, *hidden)]
    return tell


def answers(face: Face, key: str, own: list[str], ids: list[str]) -> list[tuple[Any, ...]]:
    """Everything that a key may ask, and what it is told: status, headers, body, all cursors followed."""
    found: list[httpx.Response] = []

    def ask(path: str, method: str = "GET", **options: Any) -> httpx.Response:
        found.append(face.ask(path, key, method, **options))
        return found[-1]

    for path in ("/taxii2/", ROOT, f"{ROOT}collections/", f"{ROOT}status/{NOWHERE}/", f"{ROOT}nothing/"):
        ask(path)
    listed = face.collections(key)
    for one in [*(each["id"] for each in listed), *own, NOWHERE]:
        where = f"{ROOT}collections/{one}/"
        ask(where)
        for kind in ("objects/", "manifest/"):
            page = ask(f"{where}{kind}", params={"limit": "2", "match[version]": "all"})
            while page.status_code == 200 and page.json().get("more"):
                following = {"limit": "2", "match[version]": "all", "next": page.json()["next"]}
                page = ask(f"{where}{kind}", params=following)
            for params in (
                {}, {"match[type]": "report"}, {"added_after": "2026-09-22T00:00:00Z"}, {"limit": "0"},
                {"next": "x"}, {"match[version]": "first"}, {"match[id]": ",".join(ids)},
            ):  # fmt: skip
                ask(f"{where}{kind}", params=params)
        for identifier in ids:
            ask(f"{where}objects/{identifier}/")
            ask(f"{where}objects/{identifier}/versions/")
        ask(f"{where}objects/", "POST", headers={"Content-Type": MEDIA_TYPE}, content=envelope(malware("x")))
        ask(f"{where}objects/{ids[0]}/", "DELETE")
    return [(one.status_code, sorted(one.headers.items()), one.content) for one in found]


@pytest.mark.parametrize("seed", range(6))
def test_law_1_no_answer_depends_on_what_was_withheld(
    new_bench: Callable[[], Bench], served: Callable[[Bench], Any], tmp_path: Path, seed: int
) -> None:
    bench = new_bench()
    bench.agree("jp", JAPAN)
    bench.agree("ru", RUSSIA)
    first = bench.hold(malware("First", tlp=Tlp.GREEN))
    bench.release(*first, to="jp")
    own = [one.collection.id for one in bench.node.collections.list() if one.collection.party != JAPAN]
    bench.close()
    tell = story(seed)
    said, came = [], []
    for hiding in (False, True):
        home = shutil.copytree(bench.node.home, tmp_path / f"twin{hiding}")
        twin = Twin(home, bench.secrets, hiding=hiding)
        came.append(tell(twin))
        with served(twin.bench) as face:
            key = bench.secrets["japan"]
            said.append(answers(face, key, own, tell.__dict__["asked"]))
            names = {"Hidden", "Ours alone", "For others", "Xanadu", "203.0.113.9"}
            assert not any(name.encode() in body for _, _, body in said[-1] for name in names)
        twin.bench.close()
    assert came[0] == came[1]
    assert len(said[0]) > 100
    assert sum(status == 200 for status, *_ in said[0]) > 10
    for one, other in zip(*said, strict=True):
        assert one == other
