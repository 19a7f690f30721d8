"""What a TAXII 2.1 server must answer to a filter, written from sections 3.3 and 3.4 and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Record:
    """One version of one object, as its manifest record and its content show it."""

    id: str
    type: str
    version: str
    spec_version: str
    date_added: str

    @property
    def instant(self) -> datetime:
        return datetime.fromisoformat(self.version)


@dataclass(frozen=True)
class Query:
    """The filters of one request; None where the parameter is not given."""

    ids: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    spec_versions: tuple[str, ...] | None = None
    versions: tuple[str, ...] | None = None
    added_after: str | None = None

    def params(self) -> dict[str, str]:
        fields = {
            "match[id]": self.ids,
            "match[type]": self.types,
            "match[spec_version]": self.spec_versions,
            "match[version]": self.versions,
        }
        given = {name: ",".join(values) for name, values in fields.items() if values is not None}
        return given | ({"added_after": self.added_after} if self.added_after else {})


def answers(records: Iterable[Record], query: Query) -> list[list[Record]]:
    """The answers that the text allows, each in order of date added.

    There can be two: "the latest version for each object matching the remainder of the request" (section
    3.4.1) may count the versions that `added_after` leaves, or all of them. They differ only where an older
    version was added after a newer one, or `first` is asked together with `added_after`.
    """
    ordered = sorted(records, key=lambda record: record.date_added)
    matching = [record for record in ordered if _matches(record, query)]
    fresh = [record for record in matching if query.added_after is None or record.date_added > query.added_after]
    picked_of_all = {record for record in _pick(matching, query.versions or ("last",)) if record in fresh}
    picked_of_fresh = set(_pick(fresh, query.versions or ("last",)))
    allowed = [[record for record in ordered if record in picked] for picked in (picked_of_all, picked_of_fresh)]
    return allowed[:1] if allowed[0] == allowed[1] else allowed


def _matches(record: Record, query: Query) -> bool:
    """Fields are joined by AND, values of one field by OR."""
    return all(
        wanted is None or value in wanted
        for value, wanted in (
            (record.id, query.ids),
            (record.type, query.types),
            (record.spec_version, query.spec_versions),
        )
    )


def _pick(records: list[Record], versions: tuple[str, ...]) -> Iterable[Record]:
    for identifier in {record.id for record in records}:
        mine = sorted((record for record in records if record.id == identifier), key=lambda each: each.instant)
        for wanted in versions:
            if wanted == "all":
                yield from mine
            elif wanted == "first":
                yield mine[0]
            elif wanted == "last":
                yield mine[-1]
            else:
                exact = datetime.fromisoformat(wanted)
                yield from (record for record in mine if record.instant == exact)
