"""Every route of the application at once: a key is needed, one method each, errors that give nothing away."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from litestar.testing import TestClient

from support.stix import envelope, malware, new_uuid, text
from titian.core.access import Role
from titian.core.collection import Collection
from titian.core.errors import TitianError, Unavailable
from titian.node import open_node
from titian.settings import FILE, Settings
from titian.setup import init_node
from titian.store.committer import Committer
from titian.web.app import create_app
from titian.web.errors import is_machines
from titian.web.taxii import TaxiiState
from titian.wire.taxii import MEDIA_TYPE

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")
"""Told by tests of their own, so that the others can say what they are there for."""

WITNESS = "/witness/add-checkpoint"
"""It asks for no key (C2SP tlog-witness): what is submitted bears a signature, or is refused."""
OPEN = {"/health", WITNESS}
"""What answers without a key: exactly this."""

ROUTES = {
    "/health": {"GET"},
    "/metrics": {"GET"},
    "/ledger": {"GET"},
    "/ledger/{ledger_id:str}/checkpoint": {"GET"},
    "/ledger/{ledger_id:str}/cosignatures": {"POST"},
    "/ledger/{ledger_id:str}/opened": {"GET"},
    "/ledger/{ledger_id:str}/tile/{rest:path}": {"GET"},
    "/match": {"GET"},
    "/match/{offer:str}": {"GET", "POST"},
    WITNESS: {"POST"},
    "/witness/{origin_hash:str}/checkpoint": {"GET"},
    "/taxii2": {"GET"},
    "/taxii2/api": {"GET"},
    "/taxii2/api/status/{status_id:str}": {"GET"},
    "/taxii2/api/collections": {"GET"},
    "/taxii2/api/collections/{collection_id:str}": {"GET"},
    "/taxii2/api/collections/{collection_id:str}/manifest": {"GET"},
    "/taxii2/api/collections/{collection_id:str}/objects": {"GET", "POST"},
    "/taxii2/api/collections/{collection_id:str}/objects/{object_id:str}": {"GET", "DELETE"},
    "/taxii2/api/collections/{collection_id:str}/objects/{object_id:str}/versions": {"GET"},
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND")
MARKER = "S3CRET-marker"
PUBLIC = {
    "/help", "/manners", "/sign-in", "/sign-in/code", "/sign-in/oidc", "/sign-in/oidc/back", "/sign-in/passkey",
    "/sign-in/passkey/options",
    "/static/{stamp:str}/{name:path}",
}  # fmt: skip
"""Pages for whoever is not signed in: exactly these."""


class Served:
    """A node behind its application, called without a network."""

    def __init__(self, home: Path) -> None:
        init_node(home, name="BSSN", country="ID")
        (home / FILE).write_text(
            'allowed_hosts = ["node.example"]\nmax_content_length = 100000\npending_from = 50000\n'
            "objects_per_request = 50\n"
        )
        with open_node(home) as node:
            self.collection: Collection = node.collections.add("One", alias="one")
            self.inbox: Collection = node.collections.add("Inbox", alias="inbox", readable=False)
            self.showcase: Collection = node.collections.add("Showcase", alias="showcase", writable=False)
            self.keys = {role: node.keys.add(role.value, role)[1] for role in Role}
            self.item = malware()
            node.exchange.hold([text(self.item)], self.collection, source="test")
            self.ledger = node.ledgers.seal_all()[0].ledger.id
        self.origin_hash = "0" * 64
        self.app: Any = create_app(home)
        self.client: TestClient[Any] = TestClient(self.app, base_url="http://127.0.0.1", raise_server_exceptions=False)

    def ask(self, method: str, path: str, role: Role | None = Role.ADMIN, **options: Any) -> httpx.Response:
        headers = {"Accept-Encoding": "identity"}
        if role:
            headers["Authorization"] = f"Bearer {self.keys[role]}"
        headers |= options.pop("headers", {})
        answer: httpx.Response = self.client.request(method, path, headers=headers, **options)
        return answer

    def path(self, template: str) -> str:
        """A path of a route that names what is there."""
        filled = re.sub(r"\{status_id:str\}", new_uuid(), template)
        filled = re.sub(r"\{collection_id:str\}", self.collection.id, filled)
        filled = re.sub(r"\{object_id:str\}", self.item["id"], filled)
        filled = re.sub(r"\{ledger_id:str\}", self.ledger, filled).replace("{rest:path}", "0/000.p/1")
        filled = re.sub(r"\{origin_hash:str\}", self.origin_hash, filled)
        filled = filled.replace("{offer:str}", "0" * 64)
        filled = f"{filled}/" if filled in ("/ledger", "/match") else filled
        return filled + "/" if filled.startswith("/taxii2") else filled


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    logs = structlog.get_config()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        made = Served(tmp_path_factory.mktemp("web") / "home")
    with made.client:
        yield made
    structlog.configure(**logs)


def check_error(answer: httpx.Response, status: int) -> dict[str, Any]:
    """TAXII 2.1 section 3.6.1, in its media type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert body["title"]
    assert body["http_status"] == str(status)
    assert set(body) <= {"title", "description", "error_id", "http_status"}
    return body


def test_the_application_is_made_without_a_warning(tmp_path: Path) -> None:
    """What the framework is about to drop is told while there is time."""
    init_node(tmp_path / "home", name="BSSN", country="ID")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        create_app(tmp_path / "home")
    # An old importer that a dependency of misp-stix leaves behind is not the framework's.
    told = {str(one.message)[:150] for one in caught if not issubclass(one.category, ImportWarning)}
    assert told == set()


def test_an_answer_is_made_without_a_warning(served: Served) -> None:
    """Each costs time, on every request."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert served.ask("GET", "/taxii2/").status_code == 200
        assert served.ask("GET", "/health").status_code == 200
    assert {str(one.message)[:150] for one in caught} == set()


def test_the_routes_are_these(served: Served) -> None:
    """A new route is added here, and with that to every test below."""
    found = {
        route.path: set(route.methods) - {"OPTIONS"}
        for route in served.app._app.routes
        if is_machines(route.path) or route.path in ROUTES
    }
    assert found == ROUTES


def test_every_other_route_is_a_persons_or_a_programs(served: Served) -> None:
    """Pages want somebody who is signed in, but for these; the JSON API has tests of its own."""
    paths = {route.path: route.methods for route in served.app._app.routes}
    for path, methods in sorted(paths.items()):
        if is_machines(path) or path in ROUTES or path.startswith("/api/") or path in PUBLIC:
            continue
        filled = re.sub(r"\{[^}]+:int\}", "1", path)
        filled = re.sub(r"\{[^}]+:uuid\}", new_uuid(), filled)
        filled = re.sub(r"\{[^}]+\}", "none", filled)
        for method in sorted(methods - {"OPTIONS", "HEAD"}):
            answer = served.client.request(method, filled, follow_redirects=False)
            assert answer.status_code == 303, f"{method} {path}: {answer.status_code}"
            assert answer.headers["location"].startswith("/sign-in"), path


@pytest.mark.parametrize("path", ["/nothing", "/schema", "/docs", "/favicon.ico", f"/{MARKER}"])
def test_elsewhere_a_person_is_told_that_nothing_is_there(served: Served, path: str) -> None:
    answer = served.client.get(path, headers={"accept": "text/html,*/*;q=0.8"}, follow_redirects=False)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    check_error(served.client.get(path, follow_redirects=False), 404)
    assert MARKER not in answer.text


@pytest.mark.parametrize("route", ROUTES)
def test_without_a_key_nothing_answers(served: Served, route: str) -> None:
    for method in sorted(ROUTES[route]):
        answer = served.ask(method, served.path(route), role=None, content=envelope(malware()))
        if route in OPEN:
            assert answer.status_code == (400 if route == WITNESS else 200)
            continue
        body = check_error(answer, 401)
        assert "Basic" in answer.headers["www-authenticate"]
        assert "Bearer" in answer.headers["www-authenticate"]
        assert "error_id" not in body
        assert served.collection.id not in answer.text


@pytest.mark.parametrize("route", sorted(set(ROUTES) - OPEN))
@pytest.mark.parametrize(
    "header", ["Bearer x", "Bearer titian_aaaaaaaa_" + "a" * 32, "Basic Og==", "Basic x", "Digest x", "", "Negotiate"]
)
def test_a_wrong_key_is_no_key(served: Served, route: str, header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("titian.web.limits.Buckets.take", lambda *_: 0.0)
    for method in sorted(ROUTES[route]):
        answer = served.ask(method, served.path(route), role=None, headers={"Authorization": header})
        check_error(answer, 401)


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_one_method_one_meaning(served: Served, route: str) -> None:
    """405 before any code for the rest: also for OPTIONS, with a key and without; what is allowed is said."""
    path = served.path(route)
    for method in METHODS:
        if method in ROUTES[route]:
            continue
        for role in (None, Role.ADMIN):
            answer = served.ask(method, path, role=role)
            assert answer.status_code == 405, f"{method} {route}: {answer.status_code}"
            assert set(answer.headers["allow"].split(", ")) == ROUTES[route], f"{method} {route}"
            assert answer.headers["cache-control"] == "no-store"
    assert served.ask("GET", served.path("/taxii2/api/collections/{collection_id:str}/objects")).json()["objects"]


@pytest.mark.parametrize("path", ["/taxii2/nothing/", "/ledger/nothing/at/all"])
def test_options_of_nothing_is_nothing(served: Served, path: str) -> None:
    check_error(served.ask("OPTIONS", path, role=None), 404)


@pytest.mark.parametrize("role", list(Role))
def test_a_key_opens_the_reading_routes(served: Served, role: Role) -> None:
    for route, methods in ROUTES.items():
        if "GET" in methods and not any(one in route for one in ("status", "{offer", "/witness/")):
            answer = served.ask("GET", served.path(route), role=role)
            assert answer.status_code == (403 if route == "/metrics" and role is not Role.ADMIN else 200), route


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_every_answer_carries_the_security_headers(served: Served, route: str) -> None:
    for role in (None, Role.ADMIN):
        headers = served.ask("GET", served.path(route), role=role).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert "strict-transport-security" not in headers, "only TLS may promise TLS"
        assert "server" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example", "localhost.evil", "a b"]
)
def test_another_host_name_is_not_ours(served: Served, host: str) -> None:
    """A name that is made to point at us is how a browser is led into a network (DNS rebinding)."""
    for path in ("/health", "/taxii2/"):
        check_error(served.ask("GET", path, headers={"Host": host}), 421)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8440", "127.0.0.1", "[::1]:8440", "10.1.2.3", "node.example", "NODE.example.:443"]
)
def test_our_host_names(served: Served, host: str) -> None:
    assert served.ask("GET", "/health", role=None, headers={"Host": host}).status_code == 200


HOSTILE_PATHS = [
    f"/taxii2/api/collections/{MARKER}/",
    f"/taxii2/api/collections/{MARKER}/objects/",
    f"/taxii2/api/status/{MARKER}/",
    f"/taxii2/{MARKER}/",
    f"/taxii2/api/collections/one/objects/{MARKER}/",
    f"/taxii2/api/collections/one/objects/?match[type]={MARKER}%00",
    f"/taxii2/api/collections/one/objects/?added_after={MARKER}",
    f"/taxii2/api/collections/one/objects/?next={MARKER}",
    f"/taxii2/api/collections/one/objects/?match[{MARKER}]=1",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_errors_do_not_repeat_unescaped_input(served: Served, path: str) -> None:
    """What is shown of a filter is ascii and quoted; of paths and hosts nothing is shown."""
    answer = served.ask("GET", path)
    assert answer.status_code in {400, 404}
    check_error(answer, answer.status_code)
    if "?" not in path:
        assert MARKER not in answer.text
    assert "\x00" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/taxii2", 404),
        ("/taxii2/api", 404),
        ("/taxii2/api/collections/one/objects", 404),
        ("/taxii2//api/", 404),
        ("/taxii2/api/collections/%2e%2e/", 404),
        ("/taxii2/api/collections/%00/", 404),
        ("/taxii2/api/collections/%ff/", 404),
    ],
)
def test_paths_that_lead_nowhere(served: Served, path: str, status: int) -> None:
    answer = served.ask("GET", path)
    check_error(answer, status)


class Logged:
    """What is written to the log in place of an answer."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def error(self, event: str, **named: Any) -> None:
        self.lines.append(named)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Logged:
    found = Logged()
    monkeypatch.setattr("titian.web.errors._log", found)
    return found


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(RuntimeError(f"{MARKER} in a file of ours"), 500, id="a fault of ours"),
        pytest.param(sqlite3.DatabaseError(f"malformed {MARKER}"), 500, id="of the driver"),
        pytest.param(TitianError(f"{MARKER} of a kind without a status"), 500, id="of ours without a status"),
        pytest.param(Unavailable(f"The file {MARKER} is missing.", advice=MARKER), 503, id="no database"),
    ],
)
def test_what_is_no_fault_of_the_readers_is_told_by_an_id_only(
    served: Served, monkeypatch: pytest.MonkeyPatch, logged: Logged, error: Exception, status: int
) -> None:
    """500 or 503 with an error_id that is in the log with the cause, of which outside not a word is told."""

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("titian.store.log.Log.page", broken)
    path = served.path("/taxii2/api/collections/{collection_id:str}/objects")
    answer = served.ask("GET", path, params={"limit": "77"})
    body = check_error(answer, status)
    assert re.fullmatch(r"[0-9a-f-]{36}", body["error_id"])
    assert "error_id" in body["description"], "what to do with it"
    for word in (MARKER, "RuntimeError", "DatabaseError", "TitianError", "Traceback", "missing", "malformed"):
        assert word not in answer.text + str(answer.headers)
    assert ("retry-after" in answer.headers) == (status == 503)
    (line,) = logged.lines
    assert line["error_id"] == body["error_id"]
    assert MARKER in str(line.get("exc_info", line.get("error")))
    again = served.ask("GET", path, params={"limit": "77"}).json()
    assert again["error_id"] != body["error_id"]


@pytest.mark.parametrize("error", [sqlite3.OperationalError(f"disk I/O error {MARKER}"), Unavailable(MARKER)])
def test_a_database_that_does_not_answer_says_nothing_of_itself(
    served: Served, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    @contextmanager
    def gone(_: object) -> Iterator[None]:
        raise error
        yield

    monkeypatch.setattr("titian.store.database.SqliteDatabase.reading", gone)
    for path in ("/health", "/taxii2/api/collections/"):
        answer = served.ask("GET", path)
        check_error(answer, 503 if isinstance(error, Unavailable) else 500)
        assert MARKER not in answer.text


def test_health_looks_at_the_writer_too(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that reads and cannot write would take objects in for ever: a balancer must turn away from it."""
    assert served.ask("GET", "/health", role=None).status_code == 200
    monkeypatch.setattr(Committer, "alive", property(lambda _: False))
    check_error(served.ask("GET", "/health", role=None), 503)


def test_a_body_that_takes_too_long_is_408(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends a byte a minute must not hold a place for ever."""

    async def endless(_: object) -> bytes:
        await asyncio.sleep(60)
        return b""

    monkeypatch.setattr("litestar.Request.body", endless)
    asked: list[float] = []

    def soon(seconds: float) -> asyncio.Timeout:
        asked.append(seconds)
        return asyncio.Timeout(asyncio.get_running_loop().time() + 0.01)

    monkeypatch.setattr("titian.web.taxii.asyncio.timeout", soon)
    path = served.path("/taxii2/api/collections/{collection_id:str}/objects")
    check_error(served.ask("POST", path, content=b"x", headers={"Content-Type": MEDIA_TYPE}), 408)
    assert asked[0] == Settings().body_seconds


BODIES = [
    pytest.param(b"", 400, id="empty"),
    pytest.param(b"{", 400, id="truncated"),
    pytest.param(b"[]", 400, id="a list"),
    pytest.param(b'{"objects":[' + b"[" * 9000 + b"]" * 9000 + b"]}", 400, id="nested without end"),
    pytest.param(b'{"objects":[{}],"objects":[{}]}', 400, id="a key twice"),
    pytest.param(b'{"objects":[{"a":"\xff"}]}', 400, id="not UTF-8"),
    pytest.param(b'{"objects":[' + b"{}," * 50 + b"{}]}", 413, id="too many objects"),
    pytest.param(b'{"objects":[' + b"{}," * 40_000 + b"{}]}", 413, id="too large"),
]


@pytest.mark.parametrize(("body", "status"), BODIES)
def test_bodies_that_cannot_be_taken(served: Served, body: bytes, status: int) -> None:
    path = served.path("/taxii2/api/collections/{collection_id:str}/objects")
    before = served.ask("GET", path).content
    check_error(served.ask("POST", path, content=body, headers={"Content-Type": MEDIA_TYPE}), status)
    assert served.ask("GET", path).content == before


@pytest.mark.parametrize("content_type", ["application/json", "", "application/stix+json;version=2.1"])
def test_another_media_type_is_415(served: Served, content_type: str) -> None:
    path = served.path("/taxii2/api/collections/{collection_id:str}/objects")
    answer = served.ask("POST", path, content=envelope(malware()), headers={"Content-Type": content_type})
    check_error(answer, 415)


def test_an_answer_is_in_the_media_type_or_not_at_all(served: Served) -> None:
    for path in ("/taxii2/", "/taxii2/api/"):
        assert served.ask("GET", path, headers={"Accept": MEDIA_TYPE}).headers["content-type"] == MEDIA_TYPE
        check_error(served.ask("GET", path, headers={"Accept": "text/html"}), 406)


def test_metrics_name_no_reader_and_no_path(served: Served) -> None:
    """Labels are a bounded set: routes, not addresses."""
    served.ask("GET", f"/taxii2/api/collections/{MARKER}/")
    served.ask("GET", f"/{MARKER}")
    found = served.ask("GET", "/metrics")
    assert "titian" in found.text or found.text == "\n" or found.text == ""
    assert MARKER not in found.text
    assert served.collection.id not in found.text


def test_health_tells_nothing_else(served: Served) -> None:
    answer = served.ask("GET", "/health", role=None)
    assert json.loads(answer.content) == {"status": "ok"}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("alias", "reads", "writes"),
    [
        ("one", set(Role), {Role.WRITER, Role.ADMIN}),
        ("inbox", {Role.ADMIN}, {Role.WRITER, Role.ADMIN}),
        ("showcase", set(Role), {Role.ADMIN}),
    ],
)
def test_flags_bind_partners_not_the_nodes_own_people(
    served: Served, role: Role, alias: str, reads: set[Role], writes: set[Role]
) -> None:
    """An inbox is read, and a read-only collection filled, with an admin key (TAXII 2.1 section 5.2.1)."""
    path = f"/taxii2/api/collections/{alias}/"
    there = role in reads | writes
    listed = {one["id"]: one for one in served.ask("GET", "/taxii2/api/collections/", role).json()["collections"]}
    shown = served.ask("GET", path, role)
    if there:
        assert (shown.json()["can_read"], shown.json()["can_write"]) == (role in reads, role in writes)
        assert listed[shown.json()["id"]] == shown.json()
    else:
        check_error(shown, 404)
        assert alias not in {one.get("alias") for one in listed.values()}
    refusal = 403 if there else 404
    for below in ("objects/", "manifest/"):
        assert served.ask("GET", path + below, role).status_code == (200 if role in reads else refusal)
    headers = {"Content-Type": MEDIA_TYPE}
    one = malware()
    posted = served.ask("POST", path + "objects/", role, content=envelope(one), headers=headers)
    assert posted.status_code == (202 if role in writes else refusal)
    gone = served.ask("DELETE", f"{path}objects/{one['id']}/", role)
    assert gone.status_code == (200 if role in reads & writes else refusal)


def test_what_takes_away_refuses_what_it_does_not_know(served: Served) -> None:
    """A misspelt match[version] would take out every version of an object."""
    path = served.path("/taxii2/api/collections/{collection_id:str}/objects/{object_id:str}")
    for query in ("match[versions]=last", "version=last", "limit=1", "match[version]=all&dry_run=1"):
        check_error(served.ask("DELETE", f"{path}?{query}"), 400)
        assert served.ask("GET", path).json()["objects"] == [served.item]
    assert served.ask("GET", f"{path}?dry_run=1").status_code == 200, "where nothing is taken, it is not ours"


@pytest.mark.parametrize(("digits", "status"), [(13, 200), (40, 200), (41, 400), (5000, 400)])
def test_a_limit_is_capped(served: Served, digits: int, status: int) -> None:
    path = served.path("/taxii2/api/collections/{collection_id:str}/objects")
    assert served.ask("GET", path, params={"limit": "9" * digits}).status_code == status


def etag(served: Served, role: Role = Role.ADMIN, query: str = "", **headers: str) -> str:
    path = served.path("/taxii2/api/collections/{collection_id:str}/objects")
    answer = served.ask("GET", path + query, role, headers=headers)
    assert answer.status_code == 200
    return str(answer.headers["etag"])


def test_an_entity_tag_names_one_answer(served: Served) -> None:
    """Strong, so it differs by reader, filters and encoding; keyed, so that nobody computes one."""
    tags = [
        etag(served),
        etag(served, Role.READER),
        etag(served, query="?limit=1"),
        etag(served, query="?match[type]=malware"),
        etag(served, **{"Accept-Encoding": "gzip"}),
        etag(served, **{"Accept-Encoding": "zstd"}),
    ]
    assert all(re.fullmatch(r'"[0-9a-f]{32}"', tag) for tag in tags)
    assert len(set(tags)) == len(tags)
    assert etag(served) == tags[0]


def test_an_entity_tag_is_the_nodes_own(tmp_path: Path) -> None:
    """The same key, generation and filters on another node: else one could ask whether two nodes hold the same."""
    states = []
    for name in "ab":
        init_node(tmp_path / name, name=name, country="ID")
        with open_node(tmp_path / name) as node:
            states.append(TaxiiState(node))
    what = ("collection", 1, 2, "reader", "objects", b"", 0, 10, None)
    assert states[0].etag(what) != states[1].etag(what)
    assert states[0].etag(what) == TaxiiState(states[0].node).etag(what)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"other", {tag}', 304),
        ("*", 304),
        ("*, {tag}", 304),
        ('"*"', 200),
        ('"other"', 200),
        ("{bare}", 200),
        ("", 200),
    ],
)
def test_if_none_match(served: Served, sent: str, status: int) -> None:
    """RFC 9110 section 13.1.2. ``*`` asks whether there is anything at all."""
    path = served.path("/taxii2/api/collections/{collection_id:str}/objects")
    tag = etag(served)
    header = sent.format(tag=tag, bare=tag.strip('"'))
    answer = served.ask("GET", path, headers={"If-None-Match": header})
    assert answer.status_code == status
    assert answer.headers["etag"] == tag
    assert (answer.content == b"") == (status == 304)


@pytest.mark.parametrize("sent", ["*", '"other"'])
def test_if_none_match_of_nothing(served: Served, sent: str) -> None:
    """What is not there, or not for this reader, has no answer that could be unchanged."""
    missing = malware()["id"]
    for role, path, status in (
        (Role.ADMIN, f"/taxii2/api/collections/one/objects/{missing}/", 404),
        (Role.ADMIN, f"/taxii2/api/collections/one/objects/{missing}/versions/", 404),
        (Role.ADMIN, "/taxii2/api/collections/nobodys/objects/", 404),
        (Role.READER, "/taxii2/api/collections/inbox/objects/", 404),
        (Role.WRITER, "/taxii2/api/collections/inbox/objects/", 403),
        (None, "/taxii2/api/collections/one/objects/", 401),
        (Role.ADMIN, "/taxii2/api/collections/one/objects/?limit=0", 400),
    ):
        check_error(served.ask("GET", path, role, headers={"If-None-Match": sent}), status)
