"""What a person writes, as STIX objects: reports, indicators and incidents, with what belongs to them.

Nothing is marked here: what is written reaches nobody until it is (law 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from titian.core.collection import timestamp
from titian.core.errors import InvalidInput
from titian.core.stix import new_id, observable_id

LONGEST_NAME: Final = 1000
LONGEST_TEXT: Final = 1_000_000
MOST_INDICATORS: Final = 5000
MOST_ABOUT: Final = 1000


class Form(StrEnum):
    """What one begins with. The words after ``incident-`` become its label."""

    REPORT = "report"
    INDICATOR = "indicator"
    DRONE = "incident-drone"
    PROPAGANDA = "incident-propaganda"
    FINANCING = "incident-financing"
    INTRUSION = "incident-intrusion"
    TRAFFICKING = "incident-trafficking"

    @property
    def is_incident(self) -> bool:
        """Whether it is written as an incident."""
        return self.value.startswith("incident-")


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator that a person has checked: its pattern, what it is called, and the observable it is about."""

    name: str
    pattern: str
    observable: dict[str, Any] | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a person filled in. ``about`` are identifiers of objects that are held already; ``happened`` is when, in
    microseconds; ``where`` an ISO 3166-1 alpha-2 code; ``facts`` are further lines, name and value."""

    form: Form
    name: str
    description: str = ""
    happened: int | None = None
    where: str = ""
    lang: str = ""
    labels: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    source: str = ""
    about: tuple[str, ...] = ()
    indicators: tuple[Written, ...] = ()


class Drafted(msgspec.Struct, frozen=True):
    """The objects of a draft: ``head`` is the identifier of what was written, ``objects`` all of them, as bytes."""

    head: str
    objects: tuple[bytes, ...]


def draft(written: Draft, own: str, at: int, identify: Callable[[str], str] = new_id) -> Drafted:
    """Return a draft as STIX 2.1 objects of ``own``, created at an instant in microseconds.

    A report refers to all that belongs to it; an incident is related to it. Indicators are based on observables.

    :raises InvalidInput: for a draft without a name or about nothing, or longer than can be kept.
    """
    name = written.name.strip()
    if not name:
        raise InvalidInput("It has no name.", advice="Say in a few words what it is.")
    if len(name) > LONGEST_NAME or len(written.description) > LONGEST_TEXT:
        raise InvalidInput("It is too long.", advice=f"A text has {LONGEST_TEXT:,} characters at most.")
    if len(written.about) > MOST_ABOUT:
        raise InvalidInput(f"It is about more than {MOST_ABOUT:,} objects.", advice="Write it in parts.")
    if len(written.indicators) > MOST_INDICATORS:
        raise InvalidInput(f"There are more than {MOST_INDICATORS:,} indicators.", advice="Write them in parts.")
    writer = _Writer(own, at, identify)
    indicators = [writer.indicator(one) for one in written.indicators]
    if written.form is Form.INDICATOR:
        if not indicators:
            raise InvalidInput(
                "There is no indicator in it.", advice="Paste a text that has addresses, names or hashes."
            )
        return Drafted(indicators[0], writer.done())
    about = [*written.about, *writer.place(written.where), *indicators]
    said = {"name": name, **_said(written)}
    if written.form is Form.REPORT:
        refs = [*about, *writer.beside]
        if not refs:
            raise InvalidInput(
                "A report is about something.", advice="Paste indicators, or choose objects that are held already."
            )
        report = writer.domain("report", **said, published=writer.at, object_refs=refs)
        return Drafted(report, writer.done())
    label = written.form.value.partition("-")[2]
    incident = writer.domain("incident", **said | {"labels": [label, *written.labels]})
    for one in about:
        if one in indicators:
            writer.relationship("indicates", one, incident)
        else:
            writer.relationship("related-to", incident, one)
    return Drafted(incident, writer.done())


def _said(written: Draft) -> dict[str, Any]:
    """The properties that every kind of draft has."""
    lines = [f"{name}: {value.strip()}" for name, value in written.facts if value.strip()]
    if written.happened is not None:
        lines.insert(0, f"When: {timestamp(written.happened)[:16]}Z")
    text = "\n\n".join(part for part in (written.description.strip(), "\n".join(lines)) if part)
    said: dict[str, Any] = {}
    if text:
        said["description"] = text
    if written.labels:
        said["labels"] = list(written.labels)
    if written.lang:
        said["lang"] = written.lang
    if written.source.strip():
        said["external_references"] = [{"source_name": written.source.strip()}]
    return said


class _Writer:
    def __init__(self, own: str, at: int, identify: Callable[[str], str]) -> None:
        self._own = own
        self._identify = identify
        self._made: dict[str, dict[str, Any]] = {}
        self.at = timestamp(at)[:23] + "Z"
        self.beside: list[str] = []
        """What belongs to indicators: observables and relationships."""

    def domain(self, kind: str, **properties: Any) -> str:
        identifier = self._identify(kind)
        self._made[identifier] = {
            "type": kind, "spec_version": "2.1", "id": identifier, "created_by_ref": self._own,
            "created": self.at, "modified": self.at, **properties,
        }  # fmt: skip
        return identifier

    def relationship(self, kind: str, source: str, target: str) -> str:
        return self.domain("relationship", relationship_type=kind, source_ref=source, target_ref=target)

    def indicator(self, one: Written) -> str:
        made = self.domain(
            "indicator", name=one.name, pattern=one.pattern, pattern_type="stix", valid_from=self.at
        )  # fmt: skip
        if one.observable is not None:
            kind = str(one.observable["type"])
            rest = {name: value for name, value in one.observable.items() if name != "type"}
            seen = observable_id(kind, rest)
            self._made[seen] = {"type": kind, "spec_version": "2.1", "id": seen, **rest}
            self.beside += [seen, self.relationship("based-on", made, seen)]
        return made

    def place(self, where: str) -> Sequence[str]:
        return [self.domain("location", country=where.upper(), name=where.upper())] if where else []

    def done(self) -> tuple[bytes, ...]:
        return tuple(msgspec.json.encode(one) for one in self._made.values())
