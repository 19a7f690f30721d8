"""How objects are answered, and how they are sent."""

from __future__ import annotations

from typing import Annotated, Any, Self

from msgspec import Meta

from titian.web.api.jobs import JobShown
from titian.web.api.request import Held
from titian.web.api.shapes import CollectionNamed, Count, Instant, PartyNamed, Shown, StixId


class HitShown(Shown, frozen=True, kw_only=True):
    """One object that was found. Its texts are others' and not to be trusted."""

    id: StixId
    type: str
    title: str
    title_marks: Annotated[list[list[int]], Meta(description="Ranges of characters to mark, the end exclusive.")]
    snippet: Annotated[str, Meta(description="Where it was found.")]
    snippet_marks: list[list[int]]
    modified: Instant | None
    added: Instant
    tlp: Annotated[str | None, Meta(description="Null where it is unmarked: nobody may have it.",
                                    examples=["TLP:AMBER+STRICT"])]  # fmt: skip
    markings: list[StixId]
    created_by: StixId | None
    source: Annotated[StixId | None, Meta(description="The party that sent it; null for what began here.")]
    collection: CollectionNamed
    latest: bool
    fits: Annotated[str, Meta(description="exact (it is that), name, or text.", examples=["exact"])]


class Bounded(Shown, frozen=True, kw_only=True):
    """A count; with ``more``, at least so many."""

    number: Count
    more: bool


class TypeBounded(Bounded, frozen=True, kw_only=True):
    """How many of one type."""

    type: str


class FoundShown(Shown, frozen=True, kw_only=True):
    """A page of what was found."""

    items: list[HitShown]
    next: Annotated[str | None, Meta(description="Send it as `after` for the next page; null on the last.")]
    total: Annotated[Bounded | None, Meta(description="Null for a partner where nothing stands on this page.")]
    types: Annotated[
        list[TypeBounded],
        Meta(description="By type, without regard to the filter by type; for a partner only of the types asked for."),
    ]
    partial: Annotated[bool, Meta(description="A word fits too many others: only those most like it were looked for.")]
    behind: Annotated[int, Meta(description="So many held objects cannot be found yet.")]


class PlaceShown(Shown, frozen=True, kw_only=True):
    """Where a version lies."""

    collection: CollectionNamed
    kind: Annotated[str, Meta(description="own, received, released or directory.")]
    party: StixId | None
    agreement: StixId | None
    added: Instant
    latest: bool


class VersionShown(Shown, frozen=True, kw_only=True):
    """One version of an object."""

    modified: Instant | None
    version: str
    places: list[PlaceShown]


class MarkingShown(Shown, frozen=True, kw_only=True):
    """A marking of an object."""

    id: StixId
    label: Annotated[str | None, Meta(description="For a partner only of TLP and PAP.")]
    tlp: str | None


class ReferenceShown(Shown, frozen=True, kw_only=True):
    """A property in which an object names another."""

    property: Annotated[str, Meta(examples=["object_refs"])]
    id: StixId
    title: Annotated[str | None, Meta(description="Null where it is not held, and for a partner.")]


class OriginShown(Shown, frozen=True, kw_only=True):
    """Where an object came from."""

    party: PartyNamed
    received: Instant
    subscription: str
    ledger: Annotated[str | None, Meta(description="The sender's ledger that says so, once that was checked.")]
    entry: int | None


class ObjectShown(Shown, frozen=True, kw_only=True):
    """One version of an object, with what there is to know of it."""

    id: StixId
    type: str
    title: str
    modified: Instant | None
    version: str
    latest: bool
    added: Instant
    created_by: StixId | None
    tlp: str | None
    markings: list[MarkingShown]
    references: list[ReferenceShown]
    origins: Annotated[list[OriginShown], Meta(description="This organisation's alone to know; newest first.")]
    contested: Annotated[bool, Meta(description="Another content of the same version is held too.")]
    object: Annotated[dict[str, Any], Meta(description="The object itself; /raw has its bytes.")]


class NodeShown(Shown, frozen=True, kw_only=True):
    """An object in a graph."""

    id: StixId
    type: str
    name: str
    tlp: str | None
    depth: Count
    held: bool


class EdgeShown(Shown, frozen=True, kw_only=True):
    """A line of a graph; ``id`` is that of the relationship."""

    source: StixId
    target: StixId
    label: str
    id: StixId | None


class GraphShown(Shown, frozen=True, kw_only=True):
    """The graph around an object, which is its first node. With ``more`` it was cut off."""

    nodes: list[NodeShown]
    edges: list[EdgeShown]
    more: bool


class EventShown(Shown, frozen=True, kw_only=True):
    """Something that happened to an object, and which object or act says so."""

    at: Instant
    kind: Annotated[str, Meta(examples=["sighted"])]
    id: str
    title: str
    text: str


class Events(Shown, frozen=True, kw_only=True):
    """What happened, newest first."""

    items: list[EventShown]


class Bundle(Held, frozen=True, kw_only=True):
    """A STIX 2.1 bundle, or only ``{"objects": [ … ]}``. Each object is kept byte for byte."""

    objects: Annotated[list[dict[str, Any]], Meta(description="STIX 2.1 objects.", min_length=1)]

    @classmethod
    def unread(cls) -> Self:
        """A value that says nothing: the bytes are split by the handler."""
        return cls(objects=[])


class RejectionShown(Shown, frozen=True, kw_only=True):
    """Why an object was not taken in: which rule of STIX 2.1, in which clause."""

    id: str | None
    path: str
    rule: str
    clause: str
    message: str


class Imported(Shown, frozen=True, kw_only=True):
    """What became of what was sent: ``read`` = ``added`` + ``known`` + those rejected. With a ``job`` it goes on."""

    read: Count
    added: Count
    known: Count
    rejected: list[RejectionShown]
    job: JobShown | None = None
