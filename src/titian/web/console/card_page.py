"""What every page of one object shares: reading it, what surrounds it, and how its values are shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar.response.base import ASGIResponse

from titian.core.card import armed, disarmed, is_shown_instant
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.errors import NotFound
from titian.core.extensions import EXTENSION_DEFINITIONS
from titian.core.people import Permission
from titian.core.reading import ObjectRead
from titian.core.search import ORGANISATION
from titian.core.stix import is_identifier
from titian.node import Node
from titian.web.console.guard import Analyst, AnyRequest, Visitor
from titian.web.console.property_words import ACTS, EVENTS, RULES, property_label
from titian.web.console.render import page
from titian.web.console.sentences import cut, paragraphs
from titian.web.console.words import N_, type_name

ABSENT: Final = N_("No object is held under this identifier, or none that you may see.")
TABS: Final = (
    ("", N_("Object"), Permission.READ),
    ("/audience", N_("Who may see it"), Permission.PREVIEW),
    ("/versions", N_("Versions"), Permission.READ),
    ("/graph", N_("Graph"), Permission.READ),
    ("/history", N_("History"), Permission.READ),
    ("/raw", N_("Raw"), Permission.READ),
)
_LONGEST_COPY: Final = 10_000
_LONGEST_PROSE: Final = 6_000
"""Characters of a description that are shown before the rest folds."""
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


_EXTENSIONS: Final = {identifier: str(_decode(raw)["name"]) for identifier, raw in EXTENSION_DEFINITIONS.items()}
"""What our own extensions are called."""


def read_object(analyst: Analyst, node: Node, identifier: str, version: str = "") -> ObjectRead:
    """Read an object, in a version (its microseconds) or as it is now. What is absent, what may not be seen and what
    is no identifier at all are one and the same. Raises :class:`NotFound`."""
    digits = version.removeprefix("-")
    if not is_identifier(identifier) or (version and not (digits.isascii() and digits.isdigit() and len(digits) < 19)):
        raise absent(analyst)
    try:
        return node.reading.object(
            ORGANISATION, identifier, int(version) if version else None, acts=analyst.may(Permission.AUDIT)
        )
    except NotFound:
        raise absent(analyst) from None


def absent(analyst: Analyst) -> NotFound:
    """The one answer for what is not here, and for what is not for this reader."""
    return NotFound(analyst.gettext(ABSENT))


def json_of(raw: bytes) -> dict[str, Any]:
    """An object's JSON; an empty one where it cannot be read."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


def object_path(identifier: str, tab: str = "", **query: object) -> str:
    """The path of a page of an object."""
    said = urlencode({name: value for name, value in query.items() if value not in (None, "")})
    return f"/objects/{identifier}{tab}" + (f"?{said}" if said else "")


def link_title(visitor: Visitor, identifier: str, title: str) -> str:
    """What stands in a link to an object: an address is written so that no program makes a link of it, and what has no
    name is called by its type."""
    type_ = identifier.partition("--")[0]
    return type_name(type_, visitor.gettext) if title == type_ else disarmed(type_, title)


def object_page(
    request: AnyRequest,
    analyst: Analyst,
    template: str,
    read: ObjectRead,
    *,
    register: Reading,
    tab: str = "",
    names: Mapping[str, str | None] | None = None,
    **values: Any,
) -> ASGIResponse:
    """A page of one object. ``names`` has what it refers to: the title, None for what is not held."""
    version = None if read.latest else read.modified
    values.setdefault("title", type_name(read.type, analyst.gettext) if read.title == read.type else read.title)
    said = analyst.gettext
    known: dict[str, str | None] = dict(_EXTENSIONS)
    known |= {named.id: named.title for _, named in read.references}
    if read.created_by is not None:
        known[read.created_by.id] = read.created_by.title
    known |= names or {}
    return page(
        request, analyst, template, read=read, names=known, party=register.label,
        tabs_of=[(object_path(read.id, where, version=version), said(name)) for where, name, wanted in TABS
                 if analyst.may(wanted)],
        beside=tab in ("", "/history"), tab_here=object_path(read.id, tab, version=version),
        here=partial(object_path, read.id), object_path=object_path, link_title=partial(link_title, analyst),
        property_name=partial(property_label, gettext=said), armed=armed,
        rule_name=lambda rule: said(RULES[rule]) if rule in RULES else rule,
        event_name=lambda kind: said(EVENTS[kind]) if kind in EVENTS else kind,
        act_name=lambda act: said(ACTS[act]) if act in ACTS else act,
        when=lambda at: timestamp(at) if at is not None and not is_shown_instant(at) else analyst.formats.instant(at),
        cut=cut, prose_of=partial(paragraphs, most=_LONGEST_PROSE, more=said(N_("show all"))),
        can_copy=lambda text: 0 < len(text) <= _LONGEST_COPY,
        **values,
    )  # fmt: skip
