"""The TAXII 2.1 endpoints. Each handler gets its reader's view; there is no other way to the store from here."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import InternalServerException
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from titian.core.collection import STIX_MEDIA_TYPE, Collection, Record, Selection, timestamp
from titian.core.errors import InvalidInput, NotFound, TooLarge, Unavailable
from titian.core.receipt import Receipt
from titian.exchange.receive import split
from titian.node import Node
from titian.settings import Settings
from titian.store.view import CollectionView, Delivery, PartnerView, Seen
from titian.web.cache import COMPRESS_FROM, Answer, AnswerCache, Handed, compress, encoding_for
from titian.web.deliveries import Together
from titian.web.errors import UnsupportedMediaType
from titian.wire.taxii import (
    EMPTY_ENVELOPE,
    ENVELOPE_SUFFIX,
    MEDIA_TYPE,
    OF_DELETE,
    OF_OBJECT,
    OF_OBJECTS,
    OF_VERSIONS,
    ApiRoot,
    CollectionResource,
    Collections,
    Discovery,
    Manifest,
    ManifestRecord,
    PageTokens,
    Query,
    VersionsResource,
    envelope_prefix,
    parse_query,
    status_resource,
    understood,
)

API_ROOT: Final = "/taxii2/api/"
"""Our one API root. It lies under ``/taxii2/`` so that everything of TAXII is behind one prefix."""

AnyRequest = Request[Any, Any, Any]
_encode: Final = msgspec.json.Encoder().encode
_HEADERS: Final = {"vary": "authorization, accept-encoding", "cache-control": "private, no-cache"}
_TAXII_HEADERS: Final = {"content-type": MEDIA_TYPE, **_HEADERS}


class TaxiiState:
    """What the endpoints share inside one worker."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.tokens = PageTokens(node.record.secret)
        self.cache = AnswerCache(node.settings.page_cache_bytes)
        self.deliveries = Together(node.deliveries)
        self._etag_key = hashlib.sha256(b"titian etag" + node.record.secret).digest()

    def etag(self, key: tuple[object, ...]) -> str:
        """Return the entity tag of an answer, from everything it depends on. Keyed: nobody can compute one."""
        return f'"{hashlib.blake2b(repr(key).encode(), digest_size=16, key=self._etag_key).hexdigest()}"'

    def query(self, request: AnyRequest, allowed: frozenset[str], *, strictly: bool = False) -> Query:
        """Parse the filters of a request."""
        settings = self.node.settings
        return parse_query(
            request.scope["query_string"],
            allowed,
            limit=settings.page_limit,
            limit_max=settings.page_limit_max,
            strictly=strictly,
        )


class Visit(msgspec.Struct, frozen=True):
    """One request's reader: their view of the node, and what the endpoints share. One value, because the
    framework starts a task for each further dependency, which costs more than the query."""

    view: PartnerView
    taxii: TaxiiState


Guest = NamedDependency[Visit]
"""How a handler asks for its visit."""


def _answer(resource: object, status: int = 200) -> ASGIResponse:
    return ASGIResponse(body=_encode(resource), status_code=status, headers=_TAXII_HEADERS)


def _resource(seen: Seen) -> CollectionResource:
    held = seen.collection
    return CollectionResource(
        id=held.id, title=held.name, description=held.description, alias=held.alias,
        can_read=seen.can_read, can_write=seen.can_write,
    )  # fmt: skip


@get("/", sync_to_thread=False)
def discovery(visit: Guest) -> ASGIResponse:
    """TAXII 2.1 section 4.1."""
    record = visit.taxii.node.record
    return _answer(
        Discovery(
            title=record.name,
            description=f"Titian node of {record.name} ({record.country})",
            contact=visit.taxii.node.settings.contact or None,
            default=API_ROOT,
            api_roots=[API_ROOT],
        )
    )


@get("/api/", sync_to_thread=False)
def api_root(visit: Guest) -> ASGIResponse:
    """TAXII 2.1 section 4.2."""
    return _answer(
        ApiRoot(
            title=visit.taxii.node.record.name,
            versions=[MEDIA_TYPE],
            max_content_length=visit.taxii.node.settings.max_content_length,
        )
    )


@get("/api/status/{status_id:str}/", sync_to_thread=False)
def status(visit: Guest, status_id: FromPath[str]) -> ASGIResponse:
    """TAXII 2.1 section 4.3: only who made the request may ask what became of it."""
    receipt = visit.taxii.node.intake.receipt(status_id, visit.view.reader.id)
    if receipt is None:
        raise NotFound("There is no such status here.", advice="A status is kept for 48 hours.")
    return _answer(status_resource(receipt))


@get("/api/collections/", sync_to_thread=False)
def collections(visit: Guest) -> ASGIResponse:
    """TAXII 2.1 section 5.1."""
    return _answer(Collections(collections=[_resource(seen) for seen in visit.view.collections()]))


@get("/api/collections/{collection_id:str}/", sync_to_thread=False)
def collection(visit: Guest, collection_id: FromPath[str]) -> ASGIResponse:
    """TAXII 2.1 section 5.2."""
    return _answer(_resource(visit.view.collection(collection_id)))


class Built(msgspec.Struct, frozen=True):
    """A body made from a snapshot: the ``date_added`` of its first and last entry (0 for none), how many there are,
    and the digests of the objects in it, where it has objects and somebody wants to know."""

    body: bytes
    first: int = 0
    last: int = 0
    count: int = 0
    digests: bytes | None = None

    def handed(self) -> Handed | None:
        """What a delivery record says of it; an empty answer hands nothing over."""
        if not self.count:
            return None
        return Handed(self.first, self.last, self.count, self.body if self.digests is None else self.digests)


Build = Callable[[CollectionView, Selection, Callable[[int], str], bool], Built]
"""Build a body from a snapshot; whether it will be remembered as handed over."""
_ATTEMPTS: Final = 10
"""How often an answer is made anew because something was taken back meanwhile."""


async def _read(
    visit: Visit, request: AnyRequest, collection_id: str, endpoint: str, query: Query, build: Build
) -> ASGIResponse:
    """Answer a reading endpoint from one snapshot: with 304, from the cache, or anew.

    Exact versions without ids are looked for in the whole collection: in a thread, so that nobody waits for it. What is
    handed to a partner is remembered before (law 8); when something was taken back until then, it is read again.
    """
    reading = _Reading(visit, request, endpoint, query, build)
    for _ in range(_ATTEMPTS):
        if query.selection.versions.exact and query.selection.ids is None:
            found = await asyncio.to_thread(visit.view.read, collection_id, partial(reading.answer, keep=False))
        else:
            found = visit.view.read(collection_id, reading.answer)
        if found.delivery is None or await visit.taxii.deliveries.record(found.delivery):
            return found.response
    raise Unavailable("What is served here is being taken back.", advice="Try again in a moment.")


class _Found(msgspec.Struct, frozen=True):
    """An answer, and what has to be remembered before it goes out."""

    response: ASGIResponse
    delivery: Delivery | None = None


class _Reading:
    """One request to a reading endpoint."""

    def __init__(self, visit: Visit, request: AnyRequest, endpoint: str, query: Query, build: Build) -> None:
        self.visit = visit
        self.request = request
        self.endpoint = endpoint
        self.query = query
        self.build = build

    def answer(self, snapshot: CollectionView, *, keep: bool = True) -> _Found:
        taxii, query, held = self.visit.taxii, self.query, snapshot.collection
        reader = self.visit.view.reader.id
        bound_to = (held.id.encode(), self.endpoint.encode(), reader.encode(), query.binding)
        selection = query.selection
        if query.next is not None:
            after = taxii.tokens.read(query.next, bound_to=bound_to)
            selection = msgspec.structs.replace(selection, after=after)
        encoding = encoding_for(self.request.headers.get("accept-encoding", ""))
        what = (self.endpoint, query.binding, selection.after, selection.limit, encoding)
        etag = taxii.etag((held.id, held.generation, held.last_added, reader, *what))
        given = self.request.headers.get("if-none-match", "")
        tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
        if etag in tags:
            return _Found(_unchanged(etag))
        found = taxii.cache.get(etag) if keep else None
        if found is None:
            remembered = self.visit.view.is_partners(held)
            built = self.build(snapshot, selection, partial(taxii.tokens.make, bound_to=bound_to), remembered)
            found = _finish(built, encoding, remembered=remembered)
            found.headers["etag"] = etag
            if keep:
                taxii.cache.put(etag, found)
        # RFC 9110 section 13.1.2: * asks whether there is anything at all, and by now we know that there is.
        if "*" in tags:
            return _Found(_unchanged(etag))
        delivery = None if found.handed is None else self._delivery(held, selection, found.handed)
        return _Found(ASGIResponse(body=found.body, headers=found.headers), delivery)

    def _delivery(self, held: Collection, selection: Selection, handed: Handed) -> Delivery:
        return Delivery(
            collection=held, key=self.visit.view.reader.id, view=self.endpoint, after=selection.after,
            first=handed.first, last=handed.last, count=handed.count, digest=handed.digest,
            whole=self.endpoint == "objects" and selection.is_whole,
        )  # fmt: skip


def _unchanged(etag: str) -> ASGIResponse:
    return ASGIResponse(status_code=304, headers={"etag": etag, **_HEADERS})


def _finish(built: Built, encoding: str | None, *, remembered: bool) -> Answer:
    headers, body = dict(_TAXII_HEADERS), built.body
    if built.last:
        headers["x-taxii-date-added-first"] = timestamp(built.first)
        headers["x-taxii-date-added-last"] = timestamp(built.last)
    if encoding is not None and len(body) >= COMPRESS_FROM:
        body = compress(body, encoding)
        headers["content-encoding"] = encoding
    return Answer(body, headers, built.handed() if remembered else None)


def _envelope(snapshot: CollectionView, selection: Selection, token: Callable[[int], str], remembered: bool) -> Built:
    page = snapshot.page(selection, digests=remembered)
    if not page.count:
        return Built(EMPTY_ENVELOPE)
    prefix = envelope_prefix(token(page.last) if page.more else None)
    return Built(page.enclosed(prefix, ENVELOPE_SUFFIX), page.first, page.last, page.count, page.digests)


def _manifest(snapshot: CollectionView, selection: Selection, token: Callable[[int], str], _: bool) -> Built:
    records, more = _records(snapshot, selection)
    resource = Manifest(
        more=more,
        next=token(records[-1].added) if more else None,
        objects=[
            ManifestRecord(
                id=r.id,
                date_added=timestamp(r.added),
                version=r.version,
                media_type=STIX_MEDIA_TYPE,
            )
            for r in records
        ],
    )
    return Built(_encode(resource), *_ends(records))


def _ends(records: Sequence[Record]) -> tuple[int, int, int]:
    """The first and last ``date_added``, and how many there are."""
    return (records[0].added, records[-1].added, len(records)) if records else (0, 0, 0)


def _records(snapshot: CollectionView, selection: Selection) -> tuple[list[Record], bool]:
    found = snapshot.records(selection)
    return found.records, found.more


@get("/api/collections/{collection_id:str}/manifest/")
async def manifest(visit: Guest, request: AnyRequest, collection_id: FromPath[str]) -> ASGIResponse:
    """TAXII 2.1 section 5.3."""
    query = visit.taxii.query(request, OF_OBJECTS)
    return await _read(visit, request, collection_id, "manifest", query, _manifest)


@get("/api/collections/{collection_id:str}/objects/")
async def objects(visit: Guest, request: AnyRequest, collection_id: FromPath[str]) -> ASGIResponse:
    """TAXII 2.1 section 5.4."""
    query = visit.taxii.query(request, OF_OBJECTS)
    return await _read(visit, request, collection_id, "objects", query, _envelope)


def _of_one(query: Query, object_id: str) -> Query:
    selection = msgspec.structs.replace(query.selection, ids=frozenset({object_id}))
    return msgspec.structs.replace(query, selection=selection, binding=object_id.encode() + b"?" + query.binding)


def _missing() -> NotFound:
    return NotFound("There is no such object in this collection.")


@get("/api/collections/{collection_id:str}/objects/{object_id:str}/")
async def one_object(
    visit: Guest, request: AnyRequest, collection_id: FromPath[str], object_id: FromPath[str]
) -> ASGIResponse:
    """TAXII 2.1 section 5.6. An object that is not there is 404; one that the filters leave out is ``{}``."""
    query = _of_one(visit.taxii.query(request, OF_OBJECT), object_id)

    def build(snapshot: CollectionView, selection: Selection, token: Callable[[int], str], remembered: bool) -> Built:
        built = _envelope(snapshot, selection, token, remembered)
        if not built.last and not snapshot.holds(object_id):
            raise _missing()
        return built

    return await _read(visit, request, collection_id, "object", query, build)


@get("/api/collections/{collection_id:str}/objects/{object_id:str}/versions/")
async def versions(
    visit: Guest, request: AnyRequest, collection_id: FromPath[str], object_id: FromPath[str]
) -> ASGIResponse:
    """TAXII 2.1 section 5.8."""
    query = _of_one(visit.taxii.query(request, OF_VERSIONS), object_id)

    def build(snapshot: CollectionView, selection: Selection, token: Callable[[int], str], _: bool) -> Built:
        found, more = _records(snapshot, selection.of_all_versions())
        if not found and not snapshot.holds(object_id):
            raise _missing()
        resource = VersionsResource(
            more=more,
            next=token(found[-1].added) if more else None,
            versions=[r.version for r in found],
        )
        return Built(_encode(resource), *_ends(found))

    return await _read(visit, request, collection_id, "versions", query, build)


@delete("/api/collections/{collection_id:str}/objects/{object_id:str}/", status_code=200, sync_to_thread=True)
def remove_object(
    visit: Guest, request: AnyRequest, collection_id: FromPath[str], object_id: FromPath[str]
) -> ASGIResponse:
    """TAXII 2.1 section 5.7: every version unless ``match[version]`` names some."""
    query = visit.taxii.query(request, OF_DELETE, strictly=True)
    chosen = query.selection if query.names_versions else query.selection.of_all_versions()
    if not visit.view.remove(collection_id, object_id, chosen):
        raise _missing()
    return ASGIResponse(status_code=200, headers=_TAXII_HEADERS)


@post("/api/collections/{collection_id:str}/objects/", status_code=202)
async def add_objects(visit: Guest, request: AnyRequest, collection_id: FromPath[str]) -> ASGIResponse:
    """TAXII 2.1 section 5.5. The answer is sent when the objects, or the request, are durable (law 6)."""
    if not understood(request.headers.get("content-type", "")):
        raise UnsupportedMediaType(f"Send the objects as {MEDIA_TYPE}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    held = visit.view.writable(collection_id)
    body = await _body(request, visit.taxii.node.settings)
    future = await asyncio.to_thread(_receive, visit, held, body)
    return _answer(status_resource(await asyncio.wrap_future(future)), 202)


async def _body(request: AnyRequest, settings: Settings) -> bytes:
    try:
        async with asyncio.timeout(settings.body_seconds):
            body = await request.body()
    except InternalServerException:
        raise InvalidInput("The body broke off.", advice="Send it again.") from None
    if len(body) > settings.max_content_length:
        raise TooLarge("The body is larger than max_content_length.")
    if not body:
        raise InvalidInput("The body is empty.", advice='Send {"objects": [ … ]}.')
    return body


def _receive(visit: Visit, held: Collection, body: bytes) -> Future[Receipt]:
    """Take a request in, in a thread: reading and judging it would keep everybody else waiting."""
    settings, receive = visit.taxii.node.settings, visit.taxii.node.receive
    parts = split(body, most=settings.objects_per_request)
    if len(body) >= settings.pending_from:
        return receive.later(held, parts, body, source=visit.view.reader.id)
    return receive.now(held, parts, source=visit.view.reader.id)


def taxii_router() -> Router:
    """Every TAXII endpoint."""
    return Router(
        path="/taxii2",
        route_handlers=[
            discovery, api_root, status, collections, collection, manifest, objects, one_object, versions,
            remove_object, add_objects,
        ],
    )  # fmt: skip
