"""An object: its card, who may see it, its versions, its graph, its history, and its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.card import property_order, read_card
from titian.core.collection import Kind
from titian.core.difference import difference
from titian.core.directory_objects import Reading
from titian.core.people import Permission
from titian.core.reading import Event, ObjectRead, Translation
from titian.core.search import ORGANISATION
from titian.core.sighting import Told, read_sighting, worth
from titian.core.stix import SCO_TYPES
from titian.node import Node
from titian.web.console.audience import audience
from titian.web.console.card_page import json_of, object_page, read_object
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.marking_words import marking_words, markings_of
from titian.web.console.object_graph import graph_json, show_graph
from titian.web.console.render import headers

_MOST_SIGHTINGS: Final = 20
_MOST_EVENTS: Final = 200
_LONGEST_PRETTY: Final = 300_000
ORIGINAL: Final = "original"


@get("/objects/{identifier:str}", sync_to_thread=True)
def show_object(
    request: AnyRequest, identifier: FromPath[str], analyst: NamedDependency[Analyst], node: NamedDependency[Node]
) -> ASGIResponse:
    """The card of an object, in the reader's language where somebody has translated it."""
    analyst.require(Permission.READ)
    read = read_object(analyst, node, identifier, _asked(request, "version"))
    register = node.agreements.read()
    value = json_of(read.raw)
    translations = node.reading.translations(ORGANISATION, identifier)
    wanted = _asked(request, "lang") or analyst.language
    spoken = value.get("lang")
    shown = None if _primary(spoken) == _primary(wanted) else _translation(translations, wanted)
    if shown is not None:
        value = laid_over(value, shown.fields)
    return object_page(
        request, analyst, "objects/index.html", read, register=register,
        card=read_card(value, observable=read.type in SCO_TYPES), observable=read.type in SCO_TYPES,
        readable=bool(value),
        handling=marking_words(analyst, markings_of(read), register.label),
        translations=translations, translation=shown, original=ORIGINAL,
        **({"title": value["name"]} if shown is not None and isinstance(value.get("name"), str) else {}),
    )  # fmt: skip


def _asked(request: AnyRequest, name: str) -> str:
    return str(request.query_params.get(name) or "")[:100]


def _primary(tag: object) -> str:
    return tag.lower().partition("-")[0] if isinstance(tag, str) else ""


def _translation(translations: tuple[Translation, ...], wanted: str) -> Translation | None:
    """The translation into a language: one that is not outdated, and of the very tag, before others."""
    fitting = [one for one in translations if _primary(one.language) == _primary(wanted)]
    return min(fitting, key=lambda one: (one.outdated, one.language.lower() != wanted.lower()), default=None)


def laid_over(value: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """An object with the texts of a translation in the place of its own: only texts, and lists of as many texts.

    >>> laid_over({"name": "Bridge", "count": 1}, {"name": "Titian", "count": "x", "other": "y"})
    {'name': 'Titian', 'count': 1}
    """
    made = dict(value)
    for name, text in fields.items():
        own = made.get(name)
        if isinstance(own, str) and isinstance(text, str) and text:
            made[name] = text
        elif isinstance(own, list) and isinstance(text, list) and len(own) == len(text):
            made[name] = [
                new if isinstance(old, str) and isinstance(new, str) and new else old
                for old, new in zip(own, text, strict=True)
            ]
    return made


@get("/objects/{identifier:str}/raw", sync_to_thread=True)
def show_raw(
    request: AnyRequest, identifier: FromPath[str], analyst: NamedDependency[Analyst], node: NamedDependency[Node]
) -> ASGIResponse:
    """An object's JSON: set out for the eye, or exactly as it came."""
    analyst.require(Permission.READ)
    read = read_object(analyst, node, identifier, _asked(request, "version"))
    exact = _asked(request, "as") == "exact"
    text = read.raw.decode("utf-8", "replace") if exact else _pretty(read.raw)
    return object_page(
        request, analyst, "objects/raw.html", read, register=node.agreements.read(), tab="/raw",
        text=text[:_LONGEST_PRETTY], shortened=len(text) > _LONGEST_PRETTY, exact=exact, size=len(read.raw),
    )  # fmt: skip


def _pretty(raw: bytes) -> str:
    try:
        return msgspec.json.format(raw, indent=2).decode("utf-8", "replace")
    except (msgspec.MsgspecError, RecursionError):
        return raw.decode("utf-8", "replace")


@get("/objects/{identifier:str}/download", sync_to_thread=True)
def download(
    request: AnyRequest, identifier: FromPath[str], analyst: NamedDependency[Analyst], node: NamedDependency[Node]
) -> ASGIResponse:
    """An object's bytes as they are held, as a file."""
    analyst.require(Permission.READ)
    read = read_object(analyst, node, identifier, _asked(request, "version"))
    said = headers() | {
        "content-type": "application/json; charset=utf-8",
        "content-disposition": f'attachment; filename="{read.id}.json"',
    }
    return ASGIResponse(body=read.raw, headers=said)


@get("/objects/{identifier:str}/versions", sync_to_thread=True)
def show_versions(
    request: AnyRequest, identifier: FromPath[str], analyst: NamedDependency[Analyst], node: NamedDependency[Node]
) -> ASGIResponse:
    """The versions of an object, and what two of them differ in: the last two, where nobody chooses."""
    analyst.require(Permission.READ)
    read = read_object(analyst, node, identifier)
    known = [one.modified for one in read.versions if one.modified is not None]
    before, after = _asked(request, "before"), _asked(request, "after")
    found = old = new = None
    if before or after or len(known) > 1:
        new = read_object(analyst, node, identifier, after or str(known[0]))
        old = read_object(analyst, node, identifier, before or _preceding(known, new.modified))
        found = difference(json_of(old.raw), json_of(new.raw), order=property_order)
    return object_page(
        request, analyst, "objects/versions.html", read, register=node.agreements.read(), tab="/versions",
        found=found, old=old, new=new,
    )  # fmt: skip


def _preceding(known: list[int], version: int | None) -> str:
    """The version before one, as the address of a page names it; that one itself where it is the first."""
    return str(next((one for one in known if version is not None and one < version), version or ""))


@get("/objects/{identifier:str}/history", sync_to_thread=True)
def show_history(
    request: AnyRequest, identifier: FromPath[str], analyst: NamedDependency[Analyst], node: NamedDependency[Node]
) -> ASGIResponse:
    """Where an object came from, what was done with it, who has seen it, and when."""
    analyst.require(Permission.READ)
    read = read_object(analyst, node, identifier)
    register = node.agreements.read()
    people = {one.id: one.full_name or one.name for one in node.people.list()}
    hits = node.reading.sightings(ORGANISATION, identifier, _MOST_SIGHTINGS + 1)
    told = []
    for hit in hits[:_MOST_SIGHTINGS]:
        one = read_sighting(node.reading.object(ORGANISATION, hit.id).raw)
        if one is not None:
            told.append(Told(one, hit.source, identifier))
    seen = worth(told, register.directory.own)
    return object_page(
        request, analyst, "objects/history.html", read, register=register, tab="/history",
        events=told_events(
            node.reading.timeline(ORGANISATION, identifier, _MOST_EVENTS, acts=analyst.may(Permission.AUDIT)),
            read, register,
        ),
        most_events=_MOST_EVENTS, person=lambda one: people.get(one, one),
        told=told, worth=seen[0] if seen else None, more_sightings=len(hits) > _MOST_SIGHTINGS,
        own=register.directory.own,
    )  # fmt: skip


def told_events(events: Iterable[Event], read: ObjectRead, register: Reading) -> list[Event]:
    """The time line as people say it: to come into a party's collection is to be released to it, and to be mentioned
    by a recall is to be recalled."""
    released = {
        place.added: place
        for version in read.versions
        for place in version.places
        if place.kind is Kind.RELEASED and place.party is not None
    }
    told = []
    for one in events:
        place = released.get(one.at) if one.kind == "added" else None
        if place is not None and place.party is not None and place.name == one.text:
            one = msgspec.structs.replace(one, kind="released", text=register.label(place.party))
        elif one.kind == "mentioned" and one.id.startswith("recall--"):
            one = msgspec.structs.replace(one, kind="recalled")
        told.append(one)
    return told


def objects_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return [
        show_object, show_raw, download, show_versions, show_history, show_graph, graph_json, audience,
    ]  # fmt: skip
