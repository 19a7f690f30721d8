"""A TAXII 2.1 client that trusts nobody: discovery, collections, paging, adding, deleting (TAXII 2.1).

Objects come and go as the bytes they are; nothing is parsed that need not be. All errors are of three kinds:
`PeerRefused` (the server said no), `PeerUntrusted` (it breaks the protocol or a bound), `Unavailable` (it
does not answer, trying again can help).
"""

from __future__ import annotations

import datetime
import os
import random
import re
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Final, Self

import httpx

from titian.core.errors import InvalidInput, PeerRefused, PeerUntrusted
from titian.wire.outbound import Credential, Limits, Origin, Outbound, Reply, parse_url
from titian.wire.outbound_net import Resolver, resolve
from titian.wire.taxii_page import Page, keep_objects, keep_records, keep_texts, read_page
from titian.wire.taxii_pull import Cursor, PulledPage, walk
from titian.wire.taxii_push import Batch, batches, not_sent
from titian.wire.taxii_reply import (
    ApiRoot,
    Collection,
    Discovery,
    ManifestRecord,
    Status,
    convert,
    read_mapping,
    read_resource,
)
from titian.wire.taxii_session import Session
from titian.wire.taxii_time import taxii_timestamp

Match = Mapping[str, str | Iterable[str]]
"""Filters ``match[…]`` (section 3.4.1): field to value or values, as ``{"type": ["indicator", "tool"]}``."""

_FIRST_POLL: Final = 0.25
_SLOWEST_POLL: Final = 10.0


class TaxiiClient:
    """A client for one TAXII 2.1 API root.

    ::

        with TaxiiClient("https://taxii.example.org/", key=key) as client:
            for page in client.objects("indicators", added_after="2026-01-01T00:00:00Z"):
                store(page.objects)  # the bytes of each object as the server sent them
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        name: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        allow_private: Iterable[str] = (),
        limits: Limits | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
        resolver: Resolver = resolve,
    ) -> None:
        """Prepare a client for ``url``: a server, its discovery, an API root, or something below one.

        ``key`` goes as Bearer, or as HTTP Basic when ``name`` is given. ``ca_file`` (PEM) adds authorities.
        ``allow_private`` names the hosts that may be at loopback or private addresses; plain http works for
        such a host if it is loopback. Nothing is asked yet.

        Raises `InvalidInput` for a URL, key or name that cannot be used.
        """
        target = parse_url(url)
        if name is not None and key is None:
            raise InvalidInput("A name without a key is no credential.", advice="Give the key too.")
        origin = Origin.of(target)
        self.limits = limits or Limits()
        self._clock, self._sleep, self._now = clock, sleep, now
        http = Outbound(
            hosts={origin.host},
            allow_private=allow_private,
            credential=None if key is None else Credential(origin, key, name=name),
            ca_file=ca_file,
            limits=self.limits,
            transport=transport,
            clock=clock,
            sleep=sleep,
            chance=chance,
            now=now,
            resolver=resolver,
        )
        self._session = Session(http, target)
        self._origin = origin

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TaxiiClient({str(self._origin)!r})"

    def close(self) -> None:
        """Close the connections."""
        self._session.http.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        most: int,
        kind: str = "*/*",
        content_kind: str = "text/plain; charset=utf-8",
        once: bool = False,
    ) -> Reply:
        """Return the answer to a request for something on the same server that is not of TAXII, if it is a success.

        ``once``: it is not tried again.
        """
        headers = {"Accept": kind} | ({"Content-Type": content_kind} if content is not None else {})
        reply = self._session.http.request(
            method, f"{self._origin}{path}", headers=headers, content=content, most=most, once=once
        )
        return self._session.checked(reply)

    # ---- server information (section 4) ----

    def discovery(self) -> Discovery:
        """Return the discovery resource of the server (section 4.1)."""
        return self._session.discovery()

    def api_roots(self) -> list[str]:
        """Return the API roots that the server advertises, as URLs, those of other hosts included.

        Only roots on the host of this client can be used with it: make another client for others.
        """
        return self._session.advertised(self.discovery())

    def api_root(self) -> ApiRoot:
        """Return the API root resource (section 4.2) of the root in use, looking for it if need be."""
        return self._session.api_root()

    @property
    def api_root_url(self) -> str:
        """The URL of the API root in use, looked for if need be."""
        return f"{self._origin}{self._session.root()}"

    # ---- collections (sections 5.1 to 5.4) ----

    def collections(self) -> list[Collection]:
        """Return the collections (section 5.1); one that cannot be read is left out."""
        reply = self._session.ask("GET", f"{self._session.root()}collections/")
        listed = read_mapping(reply).get("collections") or []
        if not isinstance(listed, list):
            raise PeerUntrusted(f"{reply.place} sends collections that are no list.")
        found = []
        for entry in listed:
            try:
                found.append(convert(entry, Collection, reply.place))
            except PeerUntrusted:
                continue
        return found

    def collection(self, wanted: str) -> Collection:
        """Return the collection with the id, the alias or the title ``wanted``, tried in this order.

        Raises `PeerRefused` if there is none, `InvalidInput` if several carry the title.
        """
        listed = self.collections()
        for matches in (
            [entry for entry in listed if entry.id == wanted],
            [entry for entry in listed if entry.alias == wanted],
            [entry for entry in listed if entry.title == wanted],
            [entry for entry in listed if entry.title.casefold() == wanted.casefold()],
        ):
            if len(matches) > 1:
                ids = ", ".join(self._session.http.quote(entry.id) for entry in matches[:5])
                raise InvalidInput(f"Several collections are called {wanted!r}.", advice=f"Use an id: {ids}")
            if matches:
                return matches[0]
        # A server may hide a collection from the list and still serve it (section 5.2).
        try:
            path = f"{self._session.root()}collections/{_segment(wanted)}/"
            return read_resource(self._session.ask("GET", path), Collection)
        except PeerRefused as error:
            known = ", ".join(self._session.http.quote(entry.title or entry.id) for entry in listed[:10]) or "none"
            raise PeerRefused(f"The server has no collection {wanted!r}.", advice=f"It lists: {known}") from error

    # ---- objects (sections 5.3 to 5.8) ----

    def objects(
        self,
        collection: str | Collection,
        *,
        added_after: str | datetime.datetime | None = None,
        match: Match | None = None,
        limit: int = 1000,
    ) -> Iterator[Page[bytes]]:
        """Yield the objects of a collection page by page (section 5.4), oldest first."""
        start = Cursor(added_after=None if added_after is None else taxii_timestamp(added_after))
        for pulled in self.pull(collection, after=start, match=match, limit=limit):
            yield pulled.page

    def pull(
        self,
        collection: str | Collection,
        *,
        after: Cursor | None = None,
        match: Match | None = None,
        limit: int = 1000,
    ) -> Iterator[PulledPage]:
        """Yield pages of objects, each with the cursor to persist once its objects are stored.

        Begin again with the last persisted cursor: nothing is lost, and little comes twice (see `Cursor`).
        The cursor of the last page begins the next pull. ``match`` must be the same for the life of a cursor.
        """
        path = f"{self._collection_path(collection)}objects/"
        return self._walk(path, "objects", start=after, match=match, limit=limit)

    def manifest(
        self,
        collection: str | Collection,
        *,
        added_after: str | datetime.datetime | None = None,
        match: Match | None = None,
        limit: int = 1000,
    ) -> Iterator[Page[ManifestRecord]]:
        """Yield the manifest of a collection page by page (section 5.3): ids and versions, no content."""
        start = Cursor(added_after=None if added_after is None else taxii_timestamp(added_after))
        path = f"{self._collection_path(collection)}manifest/"
        for pulled in self._walk(path, "objects", start=start, match=match, limit=limit):
            yield keep_records(pulled.page)

    def object(self, collection: str | Collection, object_id: str, *, match: Match | None = None) -> list[bytes]:
        """Return the versions of one object (section 5.6): the latest only, unless ``match`` says more."""
        path = f"{self._collection_path(collection)}objects/{_segment(object_id)}/"
        pages = self._walk(path, "objects", match=match)
        return [element for pulled in pages for element in pulled.page.objects]

    def versions(self, collection: str | Collection, object_id: str, *, match: Match | None = None) -> list[str]:
        """Return the versions of one object (section 5.8), as the server writes them."""
        path = f"{self._collection_path(collection)}objects/{_segment(object_id)}/versions/"
        pages = self._walk(path, "versions", match=match)
        return [version for pulled in pages for version in keep_texts(pulled.page).objects]

    def delete(self, collection: str | Collection, object_id: str, *, match: Match | None = None) -> None:
        """Delete an object, or the versions that ``match`` names (section 5.7)."""
        path = f"{self._collection_path(collection)}objects/{_segment(object_id)}/"
        self._session.ask("DELETE", path, _match_query(match))

    def add(self, collection: str | Collection, objects: Iterable[bytes], *, batch: int = 1000) -> Iterator[Status]:
        """Add objects (section 5.5) and yield the final status of each request.

        Each element of ``objects`` is the JSON text of one object. Requests hold at most ``batch`` objects
        and never more bytes than the server accepts; an object that alone is larger is not sent and comes
        back as a failure in a status with an empty ``id``. A pending status is polled; if it stays so for
        ``limits.status_seconds`` it is yielded as it is. Exact duplicates are harmless, so a request that
        broke may be sent again, and so may a whole `add`.

        Raises `InvalidInput` for an element that is no JSON object.
        """
        path = f"{self._collection_path(collection)}objects/"
        said, most = self.api_root().max_content_length, self.limits.batch_bytes
        size = min(said, most) if said is not None and said > 0 else most
        for group in batches(objects, count=batch, size=size):
            yield from self._send(path, group)

    def status(self, status_id: str) -> Status:
        """Return the status of an earlier request to add objects (section 4.3)."""
        path = f"{self._session.root()}status/{_segment(status_id)}/"
        return read_resource(self._session.ask("GET", path), Status)

    # ---- how ----

    def _send(self, path: str, group: Batch) -> Iterator[Status]:
        if group.too_large:
            yield not_sent(group, "larger than the server accepts (max_content_length)")
            return
        reply = self._session.answer("POST", path, content=group.body())
        if reply.status != 413:
            yield self._settled(read_resource(self._session.checked(reply), Status))
        elif len(group.objects) == 1:
            yield not_sent(group, "the server says that it is too large (413)")
        else:  # a proxy in between may accept less than the server says
            for half in group.halves():
                yield from self._send(path, half)

    def _settled(self, status: Status) -> Status:
        deadline = self._clock() + self.limits.status_seconds
        pause = _FIRST_POLL
        if status.id in ("", ".", ".."):
            raise PeerUntrusted("The server gives a status without a usable id.")
        while status.status == "pending" and self._clock() + pause <= deadline:
            self._sleep(pause)
            pause = min(pause * 2, _SLOWEST_POLL)
            try:
                status = self.status(status.id)
            except PeerRefused:  # forgotten (section 4.3): what became of the objects is not known
                break
        return status

    def _walk(
        self,
        path: str,
        key: str,
        *,
        start: Cursor | None = None,
        match: Match | None = None,
        limit: int = 1000,
    ) -> Iterator[PulledPage]:
        if limit < 1:
            raise InvalidInput("limit must be at least 1 (section 3.4).")

        def fetch(query: Mapping[str, str]) -> Page[bytes]:
            once = "next" in query  # see `titian.wire.taxii_pull`: a token may not be used again
            reply = self._session.ask("GET", path, query, most=self.limits.body_bytes, once=once)
            bounds = self.limits
            page = read_page(reply, key, most=bounds.page_objects, token_bytes=bounds.token_bytes)
            return keep_objects(page) if key == "objects" else page

        return walk(
            fetch,
            start=start,
            filters=_match_query(match),
            limit=limit,
            limits=self.limits,
            clock=self._clock,
            now=self._now,
        )

    def _collection_path(self, collection: str | Collection) -> str:
        if isinstance(collection, str) and not _UUID.fullmatch(collection):
            collection = self.collection(collection)
        identifier = collection if isinstance(collection, str) else collection.id
        return f"{self._session.root()}collections/{_segment(identifier)}/"


_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _segment(text: str) -> str:
    """Return ``text`` as one segment of a path; ids come from peers, and a path trick must stay text."""
    if text in ("", ".", "..") or len(text) > 1000:
        raise InvalidInput(f"{text[:60]!r} cannot be an identifier.")
    return urllib.parse.quote(text, safe="")


def _match_query(match: Match | None) -> dict[str, str]:
    return {
        f"match[{field}]": values if isinstance(values, str) else ",".join(values)
        for field, values in (match or {}).items()
    }
