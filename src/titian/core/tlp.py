"""Levels: the Traffic Light Protocol (how far it may spread) and the Permissible Actions Protocol (what may be done).

TLP is read in both of its versions and compared by *audience*, never by a number: a level is the set of
circles it may reach, and one level is as strict as another when its set is contained in the other's.

Sources: FIRST TLP 2.0; STIX 2.1 section 7.2.1.4 (TLP 1.0); the TLP 2.0 and PAP marking definitions of
oasis-open/cti-stix-common-objects; MISP taxonomies ``tlp`` and ``PAP``.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final

import msgspec

from titian.core.errors import InvalidInput

TLP_2_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
PAP_EXTENSION: Final = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"


class Circle(StrEnum):
    """Who can be reached, from the innermost outwards (FIRST TLP 2.0)."""

    RECIPIENTS = "recipients"
    ORGANISATION = "organisation"
    CLIENTS = "clients"
    COMMUNITY = "community"
    PUBLIC = "public"


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0; the value is that of STIX's ``tlp_2_0`` property."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"

    @property
    def label(self) -> str:
        """As FIRST writes it, ``TLP:AMBER+STRICT``."""
        return f"TLP:{self.value.upper()}"

    @property
    def reach(self) -> frozenset[Circle]:
        """The circles that this level may reach."""
        return _TLP_REACH[self]


class Pap(StrEnum):
    """Permissible Actions Protocol: what may be done with it (MISP taxonomy ``PAP``)."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    RED = "red"

    @property
    def label(self) -> str:
        """As the taxonomy writes it, ``PAP:RED``."""
        return f"PAP:{self.value.upper()}"

    @property
    def actions(self) -> frozenset[str]:
        """The kinds of action that this level allows."""
        return _PAP_ACTIONS[self]


_TLP_REACH: Final[dict[Tlp, frozenset[Circle]]] = {
    Tlp.RED: frozenset({Circle.RECIPIENTS}),
    Tlp.AMBER_STRICT: frozenset({Circle.RECIPIENTS, Circle.ORGANISATION}),
    Tlp.AMBER: frozenset({Circle.RECIPIENTS, Circle.ORGANISATION, Circle.CLIENTS}),
    Tlp.GREEN: frozenset(Circle) - {Circle.PUBLIC},
    Tlp.CLEAR: frozenset(Circle),
}
_PAP_ACTIONS: Final[dict[Pap, frozenset[str]]] = {
    Pap.RED: frozenset({"passive-undetectable"}),
    Pap.AMBER: frozenset({"passive-undetectable", "passive-cross-check"}),
    Pap.GREEN: frozenset({"passive-undetectable", "passive-cross-check", "active"}),
    Pap.CLEAR: frozenset({"passive-undetectable", "passive-cross-check", "active", "any"}),
}

TLP_IDS: Final[dict[Tlp, str]] = {
    Tlp.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""The only identifiers of TLP 2.0 (OASIS common objects)."""

TLP_1_IDS: Final[dict[Tlp, str]] = {
    Tlp.CLEAR: "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    Tlp.GREEN: "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    Tlp.AMBER: "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    Tlp.RED: "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
"""The only identifiers of TLP 1.0 (STIX 2.1 section 7.2.1.4); its WHITE is CLEAR here."""

PAP_IDS: Final[dict[Pap, str]] = {
    Pap.CLEAR: "marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92",
    Pap.GREEN: "marking-definition--c43594d1-4b11-4c59-93ab-1c9b14d53ce9",
    Pap.AMBER: "marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab",
    Pap.RED: "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e",
}
"""The identifiers of PAP (OASIS common objects)."""

PAP_WHITE_ID: Final = "marking-definition--a3bea94c-b469-41dc-9cfe-d6e7daba7730"
_PAP_CREATED: Final = {
    Pap.CLEAR: "2022-10-01T00:00:00.000Z",
    Pap.GREEN: "2022-10-09T00:00:00.000Z",
    Pap.AMBER: "2022-10-02T00:00:00.000Z",
    Pap.RED: "2022-10-06T00:00:00.000Z",
}


def definition_head(identifier: str, created: str, name: str | None) -> dict[str, Any]:
    """Return the properties with which every marking definition begins (STIX 2.1 section 7.2.1)."""
    head = {"type": "marking-definition", "spec_version": "2.1", "id": identifier, "created": created}
    return head | ({"name": name} if name else {})


def _by_extension(head: dict[str, Any], extension: str, key: str, value: str) -> bytes:
    body = {extension: {"extension_type": "property-extension", key: value}}
    return msgspec.json.encode(head | {"extensions": body})


def _tlp_1_name(level: Tlp) -> str:
    return "white" if level is Tlp.CLEAR else level.value


TLP_DEFINITIONS: Final[dict[Tlp, bytes]] = {
    level: _by_extension(
        definition_head(TLP_IDS[level], "2022-10-01T00:00:00.000Z", level.label),
        TLP_2_EXTENSION,
        "tlp_2_0",
        level.value,
    )
    for level in Tlp
}
"""The marking-definition objects of TLP 2.0, as bytes."""

TLP_1_DEFINITIONS: Final[dict[Tlp, bytes]] = {
    level: msgspec.json.encode(
        definition_head(identifier, "2017-01-20T00:00:00.000Z", f"TLP:{_tlp_1_name(level).upper()}")
        | {"definition_type": "tlp", "definition": {"tlp": _tlp_1_name(level)}}
    )
    for level, identifier in TLP_1_IDS.items()
}
"""The marking-definition objects of TLP 1.0, as bytes."""

PAP_DEFINITIONS: Final[dict[Pap, bytes]] = {
    level: _by_extension(definition_head(PAP_IDS[level], _PAP_CREATED[level], level.label), PAP_EXTENSION, "pap", level)
    for level in Pap
}
"""The marking-definition objects of PAP, as bytes."""


def stricter(a: Tlp, b: Tlp) -> Tlp:
    """Return the level whose audience is contained in the other's.

    >>> stricter(Tlp.AMBER, Tlp.AMBER_STRICT)
    <Tlp.AMBER_STRICT: 'amber+strict'>
    """
    return a if at_least_as_strict(a, b) else b


def at_least_as_strict(a: Tlp, b: Tlp) -> bool:
    """Whether nobody is reached by ``a`` who is not reached by ``b``.

    >>> at_least_as_strict(Tlp.RED, Tlp.GREEN), at_least_as_strict(Tlp.CLEAR, Tlp.GREEN)
    (True, False)
    """
    return a.reach <= b.reach


def stricter_pap(a: Pap, b: Pap) -> Pap:
    """Return the level whose actions are contained in the other's."""
    return a if a.actions <= b.actions else b


_LABEL: Final = re.compile(r"(?:tlp)?\s*[:_-]?\s*(.+)", re.IGNORECASE | re.DOTALL)
_TLP_NAMES: Final[dict[str, Tlp]] = {level.value: level for level in Tlp} | {
    "white": Tlp.CLEAR,
    "amber-strict": Tlp.AMBER_STRICT,
    "amber_strict": Tlp.AMBER_STRICT,
    "amber strict": Tlp.AMBER_STRICT,
    "amberstrict": Tlp.AMBER_STRICT,
}


def parse_tlp(label: str) -> Tlp:
    """Read a TLP label as people write it; WHITE is CLEAR.

    :raises InvalidInput: for anything that is not exactly one known level. It is never guessed: a reader
        that took ``AMBER+STRICT`` for ``AMBER`` would let it go further than its author allowed.

    >>> parse_tlp("TLP:AMBER+STRICT"), parse_tlp("amber-strict"), parse_tlp("tlp:white")
    (<Tlp.AMBER_STRICT: 'amber+strict'>, <Tlp.AMBER_STRICT: 'amber+strict'>, <Tlp.CLEAR: 'clear'>)
    """
    match = _LABEL.fullmatch(label.strip())
    level = _TLP_NAMES.get(re.sub(r"\s*([+_-])\s*", r"\1", match[1].strip().lower())) if match else None
    if level is None:
        known = ", ".join(known.label for known in Tlp)
        raise InvalidInput(f"{label!r} is not a level of the Traffic Light Protocol.", advice=f"Use {known}.")
    return level


def parse_pap(label: str) -> Pap:
    """Read a PAP label, ``PAP:AMBER`` or ``amber``; WHITE is CLEAR.

    :raises InvalidInput: for anything else.

    >>> parse_pap("PAP:WHITE")
    <Pap.CLEAR: 'clear'>
    """
    name = re.sub(r"^pap\s*:\s*", "", label.strip().lower())
    try:
        return Pap.CLEAR if name == "white" else Pap(name)
    except ValueError:
        known = ", ".join(known.label for known in Pap)
        raise InvalidInput(
            f"{label!r} is not a level of the Permissible Actions Protocol.", advice=f"Use {known}."
        ) from None
