"""Drones, by what they are identified with: serial numbers (ANSI/CTA-2063-A) and identifiers of Remote ID.

ASTM F3411 (and ASD-STAN EN 4709-002) know four: the serial number, the registration with an aviation authority, a
UUID that traffic management assigned, and the identifier of a session. Canonical: in capitals. The kind of identifier
is a fact; a number of another form, as makers gave before the standard, is compared all the same, and told.
"""

from __future__ import annotations

import re
from typing import Final

from titian.core.screening import Value, ValueKind
from titian.screen.values.found import NOTHING, Found
from titian.screen.values.text import compatible

_SERIAL: Final = r"[0-9A-HJ-NP-Z]"
_serial_form: Final = re.compile(rf"({_SERIAL}{{4}})([1-9A-F])({_SERIAL}{{1,15}})").fullmatch
_named: Final = re.compile(
    r"(serial(?:[ _-]?number)?|s/?n|caa(?:[ _-]?registration)?|registration(?:[ _-]?id)?"
    r"|operator(?:[ _-]?id)?|utm(?:[ _-]?(?:uu)?id)?|session(?:[ _-]?id)?)\s*[:=#]\s*([^\s:=#]+)",
    re.IGNORECASE,
).fullmatch
_is_uuid: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch
_is_hex: Final = re.compile(r"(?:[0-9a-fA-F]{2}){1,20}").fullmatch
_is_operator: Final = re.compile(r"([A-Z]{3}[0-9A-Za-z]{13})(?:-[0-9A-Za-z]{3})?").fullmatch
_REGISTERS: Final = frozenset(
    {
        "AUT", "BEL", "BGR", "CHE", "CYP", "CZE", "DEU", "DNK", "ESP", "EST", "FIN", "FRA", "GBR",
        "GRC", "HRV", "HUN", "IRL", "ISL", "ITA", "LIE", "LTU", "LUX", "LVA", "MLT", "NLD", "NOR",
        "POL", "PRT", "ROU", "SVK", "SVN", "SWE",
    }
)  # fmt: skip
"""Countries whose registers of operators number as EN 4709-002 says (ISO 3166-1 alpha-3)."""
_is_number: Final = re.compile(r"[!-~]{1,64}").fullmatch
MAKERS: Final = frozenset({"1581", "1748", "1668"})
"""Codes of makers that are seen most: a text that begins with one, and has the form, is a serial number."""
_LONGEST: Final = 128


def read_drone(text: str) -> Found:
    """Read a tidied text as what identifies a drone; ``registration:``, ``utm:`` or ``session:`` says as which.

    >>> read_drone("mfr1c123456789abc").values[0].facts
    (('id-type', 'serial-number'), ('manufacturer', 'MFR1'))
    """
    text = compatible(text)
    if len(text) > _LONGEST:
        return Found(problem="This is too long to identify a drone.")
    named = _named(text)
    if named is not None:
        return _of_type(named[1].lower(), named[2])
    for found in (_serial(text), _uuid(text), _operator(text), _session(text)):
        if found is not None:
            return Found((found,))
    if _is_number(text) is None:
        return Found(problem=_what_is_wrong(text))
    # Makers numbered as they liked before CTA-2063-A, and authorities still do: compared, and said to be neither.
    return Found((_drone(text, "unknown"),), _what_is_wrong(text))


def guess_drone(text: str) -> Found:
    """Read a tidied text as a drone's serial number if it has the form and the code of a maker that is known."""
    found = _serial(text) if text[:4] in MAKERS else None
    return NOTHING if found is None else Found((found,))


def _of_type(name: str, text: str) -> Found:
    if name[0] == "s" and not name.startswith("session"):
        serial = _serial(text)
        if serial is not None:
            return Found((serial,))
        # Before CTA-2063-A, and beside it, makers number as they like.
        values = (_drone(text, "serial-number"),) if _is_number(text) is not None else ()
        return Found(values, _what_is_wrong(text))
    if name.startswith("utm"):
        uuid = _uuid(text)
        return Found(problem="This is no UUID.") if uuid is None else Found((uuid,))
    if name.startswith("session"):
        if _is_hex(text.removeprefix("0x")) is None:
            return Found(problem="This is no identifier of a session: those are up to 20 bytes in hexadecimal digits.")
        return Found((_drone(text.removeprefix("0x"), "session-id"),))
    operator = _operator(text)
    if operator is not None:
        return Found((operator,))
    if _is_number(text) is None:
        return Found(problem="This is no registration of a drone.")
    return Found((_drone(text, "caa-registration"),))


def _drone(text: str, form: str, *facts: tuple[str, str]) -> Value:
    return Value(ValueKind.DRONE, text.upper(), (("id-type", form), *facts))


def _serial(text: str) -> Value | None:
    plain = re.sub(r"\s+", "", text).upper()
    found = _serial_form(plain)
    if found is None or len(found[3]) != int(found[2], 16):
        return None
    return _drone(plain, "serial-number", ("manufacturer", found[1]))


def _uuid(text: str) -> Value | None:
    return _drone(text, "utm-uuid") if _is_uuid(text) is not None else None


def _session(text: str) -> Value | None:
    return _drone(text, "session-id") if len(text) == 40 and _is_hex(text) is not None else None


def _operator(text: str) -> Value | None:
    """The number of an operator in Europe. The three characters behind the hyphen are secret, and left out."""
    found = _is_operator(text)
    return (
        None
        if found is None or found[1][:3] not in _REGISTERS
        else _drone(found[1], "caa-registration", ("country", found[1][:3]))
    )


def _what_is_wrong(text: str) -> str:
    found = _serial_form(re.sub(r"\s+", "", text).upper())
    if found is not None:
        said, here = int(found[2], 16), len(found[3])
        return f"This looks like a serial number, but says that {said} characters follow; here are {here}."
    return "This is neither a serial number after CTA-2063-A nor another identifier of Remote ID."
