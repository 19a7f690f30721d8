"""A bare TAXII 2.1 client for tests: it sends what it is told to, and judges no answer."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import httpx

from support.nodes import Collection, Key, Node
from support.stix import Object, envelope

MEDIA_TYPE = "application/taxii+json;version=2.1"
STIX_MEDIA_TYPE = "application/stix+json;version=2.1"
FIRST = "X-TAXII-Date-Added-First"
LAST = "X-TAXII-Date-Added-Last"

TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

Params = Mapping[str, str] | Sequence[tuple[str, str]] | None


def _query(params: Params) -> httpx.QueryParams | None:
    pairs = params.items() if isinstance(params, Mapping) else params
    return httpx.QueryParams(list(pairs)) if pairs else None


def basic(key: Key) -> httpx.BasicAuth:
    return httpx.BasicAuth(key.name, key.secret)


def basic_header(key: Key) -> str:
    return "Basic " + base64.b64encode(f"{key.name}:{key.secret}".encode()).decode()


def bearer(key: Key) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.secret}"}


@dataclass
class Taxii:
    """One node as one reader meets it."""

    node: Node
    key: Key | None
    http: httpx.Client
    root: str = field(default="")

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params = None,
        headers: dict[str, str] | None = None,
        content: bytes | Iterator[bytes] | None = None,
    ) -> httpx.Response:
        """Send one request; `path` is from the server's root."""
        return self.http.request(
            method,
            self.node.url + path,
            params=_query(params),
            headers={"Accept": MEDIA_TYPE} | (headers or {}),
            content=content,
            auth=basic(self.key) if self.key else None,
        )

    def get(self, path: str, params: Params = None, **headers: str) -> httpx.Response:
        return self.request("GET", path, params=params, headers={k.replace("_", "-"): v for k, v in headers.items()})

    # Paths

    def path(self, collection: Collection | str, *parts: str) -> str:
        identifier = collection if isinstance(collection, str) else collection.id
        return "/".join([f"{self.root}collections", identifier, *parts, ""])

    def objects_path(self, collection: Collection) -> str:
        return self.path(collection, "objects")

    # Endpoints

    def objects(self, collection: Collection, params: Params = None, **headers: str) -> httpx.Response:
        return self.get(self.path(collection, "objects"), params, **headers)

    def manifest(self, collection: Collection, params: Params = None) -> httpx.Response:
        return self.get(self.path(collection, "manifest"), params)

    def object(self, collection: Collection, identifier: str, params: Params = None) -> httpx.Response:
        return self.get(self.path(collection, "objects", identifier), params)

    def versions(self, collection: Collection, identifier: str, params: Params = None) -> httpx.Response:
        return self.get(self.path(collection, "objects", identifier, "versions"), params)

    def delete(self, collection: Collection, identifier: str, params: Params = None) -> httpx.Response:
        return self.request("DELETE", self.path(collection, "objects", identifier), params=params)

    def status(self, identifier: str) -> httpx.Response:
        return self.get(f"{self.root}status/{identifier}/")

    def post(
        self,
        collection: Collection,
        body: bytes | Iterator[bytes],
        content_type: str = MEDIA_TYPE,
        **headers: str,
    ) -> httpx.Response:
        own = {"Content-Type": content_type} | {k.replace("_", "-"): v for k, v in headers.items()}
        return self.request("POST", self.objects_path(collection), headers=own, content=body)

    # Several steps

    def settled(self, response: httpx.Response, seconds: float = 20.0) -> dict[str, Any]:
        """The status resource of a POST, asked for until it is complete (section 5.5)."""
        return self.completed(accepted(response), seconds)

    def completed(self, status: dict[str, Any], seconds: float = 20.0) -> dict[str, Any]:
        """A status resource, asked for again until it is complete, whatever connections break meanwhile."""
        deadline = time.monotonic() + seconds
        while status["status"] == "pending" and time.monotonic() < deadline:
            time.sleep(0.02)
            with suppress(httpx.TransportError):
                status = ok(self.status(status["id"]))
        assert status["status"] == "complete", status
        return status

    def add(self, collection: Collection, *objects: Object | bytes) -> dict[str, Any]:
        """POST objects that must all be accepted; returns the complete status resource."""
        status = self.settled(self.post(collection, envelope(*objects)))
        assert status["failure_count"] == 0, status
        return status

    def pages(self, path: str, params: dict[str, str] | None = None, bound: int = 10_000) -> Iterator[httpx.Response]:
        """Follow `next` to the end, as section 3.5 tells a client to."""
        asked = dict(params or {})
        for _ in range(bound):
            page = self.get(path, asked)
            body = ok(page)
            yield page
            if not body.get("more", False):
                return
            asked["next"] = body["next"]
        raise AssertionError(f"more than {bound} pages")

    def records(self, collection: Collection, **params: str) -> list[dict[str, Any]]:
        """Every manifest record of every version, in the order served."""
        asked = {"match[version]": "all"} | params
        found: list[dict[str, Any]] = []
        for page in self.pages(self.path(collection, "manifest"), asked):
            found += page.json().get("objects", [])
        return found

    def held(self, collection: Collection, **params: str) -> list[Object]:
        """Every version of every object, in the order served."""
        asked = {"match[version]": "all"} | params
        found: list[Object] = []
        for page in self.pages(self.objects_path(collection), asked):
            found += page.json().get("objects", [])
        return found


def instant(timestamp: str) -> datetime:
    """A TAXII timestamp as an instant; fails if it is not one (section 2)."""
    assert TIMESTAMP.match(timestamp), f"not a TAXII timestamp: {timestamp!r}"
    return datetime.fromisoformat(timestamp)


def ok(response: httpx.Response, status: int = 200) -> dict[str, Any]:
    """A success in the TAXII media type, whose lists are never empty (sections 2 and 3.1); returns its
    body.
    """
    assert response.status_code == status, explain(response)
    assert response.headers["Content-Type"] == MEDIA_TYPE, explain(response)
    body = response.json()
    assert isinstance(body, dict)
    assert [] not in body.values(), f"an empty list must be left out: {body}"
    return body


def accepted(response: httpx.Response) -> dict[str, Any]:
    """A 202 with a status resource."""
    return ok(response, 202)


Problem = Literal[400, 401, 403, 404, 405, 406, 408, 411, 413, 414, 415, 421, 422, 431, 501, 505]


def refused(response: httpx.Response, *statuses: Problem) -> dict[str, Any]:
    """An error of one of `statuses` in the shape of section 3.6.1; returns the message."""
    assert response.status_code in statuses, f"wanted {statuses}: {explain(response)}"
    assert response.headers.get("Content-Type") == MEDIA_TYPE, explain(response)
    body: dict[str, Any] = response.json()
    assert isinstance(body["title"], str), body
    assert body["title"], "title is required"
    # The peers' bug: a number. The property is a string, and must match the status line (section 3.6.1).
    if "http_status" in body:
        assert body["http_status"] == str(response.status_code)
    for name in ("description", "error_id", "error_code", "external_details"):
        assert isinstance(body.get(name, ""), str), body
    assert isinstance(body.get("details", {}), dict), body
    assert "Traceback" not in response.text
    return body


def explain(response: httpx.Response) -> str:
    request = response.request
    return (
        f"{request.method} {request.url} -> {response.status_code} "
        f"{response.headers.get('Content-Type')} {response.text[:600]!r}"
    )


def ids(body: dict[str, Any]) -> list[str]:
    """The identifiers of an envelope or a manifest, in order."""
    return [entry["id"] for entry in body.get("objects", [])]


def api_root(client: Taxii) -> str:
    """The path of the node's API root, found as a client finds it: by discovery (section 4.1)."""
    found = ok(client.get("/taxii2/"))
    where: str = found.get("default") or found["api_roots"][0]
    assert where.startswith("/"), "on plain HTTP an API root must be relative: an absolute URL must be HTTPS"
    return where


def client_for(node: Node, key: Key, http: httpx.Client) -> Taxii:
    """A reader of a node of the test's own."""
    client = Taxii(node, key, http)
    client.root = api_root(client)
    return client
