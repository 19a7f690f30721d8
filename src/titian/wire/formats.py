"""The formats a file can have: told apart by content, read with one face, marked on the way in."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Final, Literal, get_args

import msgspec

from titian.core.errors import InvalidInput, TitianError, UnreadableFile
from titian.core.marking import Marking, well_known
from titian.core.stix import Timestamp
from titian.core.tlp import TLP_IDS, at_least_as_strict, parse_tlp
from titian.wire.csv import read_csv
from titian.wire.csv_export import write_csv
from titian.wire.stix import Problem, read_bundle, splice_reference, write_bundle

Format = Literal["stix", "misp", "csv", "tagpack"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
"""Formats that are read."""
WRITTEN: Final = tuple(one for one in FORMATS if one != "tagpack")
"""Formats that are written, too."""

_HEAD: Final = 1 << 16
_KEY: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"\s*:\s*')
_MISP_KEYS: Final = frozenset({b"Event", b"response", b"Orgc", b"Attribute", b"orgc_id", b"threat_level_id"})
_STIX_KEYS: Final = frozenset({b"spec_version", b"objects", b"created_by_ref"})
_PRINTABLE: Final = re.compile(rb"[^\x00-\x08\x0b\x0c\x0e-\x1f]*+")
_TAGS: Final = re.compile(rb"^tags[ \t]*:", re.MULTILINE)
_TITLED: Final = re.compile(rb"^(?:title|creator|header)[ \t]*:", re.MULTILINE)


def detect(path: Path) -> Format:
    """Tell the format of a file, or of a MISP feed folder, by what it begins with.

    :raises UnreadableFile: if it is none of them.
    """
    if path.is_dir():
        if (path / "manifest.json").is_file():
            return "misp"
        raise UnreadableFile(
            f"{path.name} is a folder without manifest.json.",
            advice="Give files, or the folder of a MISP feed.",
        )
    with path.open("rb") as stream:
        head = stream.read(_HEAD).removeprefix(b"\xef\xbb\xbf")
    text = head.lstrip(b" \t\r\n\x1e")
    if not text:
        raise UnreadableFile(f"{path.name} is empty.", advice="Give a STIX bundle, MISP JSON, a CSV file or a TagPack.")
    if text[:1] in b"{[":
        return _detect_json(text)
    if path.suffix.lower() in (".yaml", ".yml") or (_TAGS.search(text) and _TITLED.search(text)):
        return "tagpack"
    if text.startswith(b"<") or _PRINTABLE.fullmatch(text) is None:
        raise UnreadableFile(
            f"{path.name} is neither JSON nor CSV.", advice="Give a STIX bundle, MISP JSON, a CSV file or a TagPack."
        )
    return "csv"


def _detect_json(text: bytes) -> Format:
    """By the first key that only one of the two has; ``type`` alone is in both, with other values."""
    for match in _KEY.finditer(text):
        key = match[1]
        if key in _MISP_KEYS:
            return "misp"
        if key in _STIX_KEYS or (key == b"type" and re.compile(rb'"[a-z0-9-]+"').match(text, match.end())):
            return "stix"
        if key == b"id" and re.compile(rb'"[a-z0-9-]+--').match(text, match.end()):
            return "stix"
        if key == b"info":
            return "misp"
    return "stix"


class Reading:
    """The STIX 2.1 objects of one file, whatever its format: iterate it once.

    ``problems`` grows while it is iterated and is complete behind the last object, ``unmarked`` counts the
    objects that bear no TLP (markings themselves aside), ``position`` of ``size`` bytes have been read.
    A file that cannot be read on ends the iteration; what stands before has been given, and ``failure`` says
    why, as the last of the problems does.
    """

    def __init__(
        self,
        path: Path,
        format: Format,
        *,
        marking: str | None = None,
        at: Timestamp | None = None,
    ) -> None:
        """Prepare to read; nothing is opened yet. See :func:`read`."""
        self.path = path
        self.format = format
        self.problems: list[Problem] = []
        self.failure: TitianError | None = None
        self.unmarked = 0
        self.size = _size(path)
        self.position = 0
        self._marking = marking
        self._at = at or _changed(path)

    def __iter__(self) -> Iterator[bytes]:
        """Yield each object's bytes."""
        try:
            for raw in self._objects():
                yield self._mark(raw)
        except TitianError as error:
            self.failure = error
            self.problems.append(Problem(self.path.name, str(error)))

    def _objects(self) -> Iterator[bytes]:
        if self.format == "misp":
            yield from _misp().read_misp(self.path, problem=self.problems.append, progress=self._advance)
            return
        if self.format == "tagpack":
            module = importlib.import_module("titian.wire.tagpack")  # as above: YAML is loaded for YAML
            yield from module.read_tagpack(self.path, at=self._at, problem=self.problems.append, progress=self._advance)
            return
        with self.path.open("rb", buffering=0) as file:
            stream = io.BufferedReader(_Counted(file, self._advance))
            if self.format == "stix":
                yield from read_bundle(stream, skipped=self.problems.append)
            else:
                yield from read_csv(stream, at=self._at, problem=self.problems.append)

    def _advance(self, size: int) -> None:
        self.position += size

    def _mark(self, raw: bytes) -> bytes:
        if self._marking is not None:
            raw = apply_marking(raw, self._marking)
        try:
            bearing = _bearing.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return raw  # whoever examines it will say what is wrong with it
        marked = any(known.tlp for ref in bearing.object_marking_refs if (known := well_known(ref)))
        self.unmarked += not marked and bearing.type != "marking-definition"
        return raw


class _Counted(io.RawIOBase):
    """A file that tells how much of it has been read."""

    def __init__(self, file: Any, told: Callable[[int], None]) -> None:
        self._file, self._told = file, told

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size: int = self._file.readinto(buffer)
        self._told(size)
        return size


def read(
    path: Path, format: Format | None = None, *, marking: str | None = None, at: Timestamp | None = None
) -> Reading:
    """Open a file of any format for reading as STIX 2.1 objects.

    :param format: detected if not given.
    :param marking: the identifier of the TLP 2.0 marking to :func:`apply_marking`.
    :param at: the time for rows of CSV and tags that have none; the file's modification time by default, so that the
        same file gives the same objects.
    :raises UnreadableFile: if the format cannot be told.
    """
    return Reading(path, format or detect(path), marking=marking, at=at)


def write(
    objects: Iterable[bytes],
    stream: BinaryIO,
    format: Format,
    *,
    definitions: Mapping[str, Marking],
    distribution: str = "0",
    problem: Callable[[Problem], None] = lambda one: None,
) -> int:
    """Write STIX objects in any of the formats; return the number of objects, events or rows.

    :param definitions: as :func:`titian.core.marking.read_markings` wants them.
    :param distribution: MISP's; see :func:`titian.wire.misp.events_of`.
    :param problem: told of every object that is not in what was written, and why.
    """
    if format == "stix":
        return write_bundle(objects, stream)
    if format == "csv":
        return write_csv(objects, stream, definitions=definitions, problem=problem)
    count: int = _misp().write_misp(
        objects, stream, definitions=definitions, distribution=distribution, problem=problem
    )
    return count


def _misp() -> ModuleType:
    # The converter behind it takes a second to load, which no other format and no other verb should cost.
    return importlib.import_module("titian.wire.misp")


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(one.stat().st_size for one in path.glob("*.json") if one.is_file())
    return path.stat().st_size


def _changed(path: Path) -> Timestamp:
    moment = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    return Timestamp.parse(moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"))


def marking_named(label: str) -> str:
    """Return the TLP 2.0 identifier for a label such as ``tlp:green``. Raises :class:`InvalidInput`."""
    return TLP_IDS[parse_tlp(label)]


_REFS: Final = b'"object_marking_refs"'
_REFS_LIST: Final = re.compile(_REFS + rb'\s*:\s*\[[^"\[\]\\]*+(?:"[^"\\]*+"[^"\[\]\\]*+)*+\]')


def _quick_splice(raw: bytes, marking_id: str) -> bytes | None:
    """The splice without walking the object, where looking at the result proves it right."""
    quoted = f'"{marking_id}"'.encode("ascii")
    match raw.count(_REFS), _REFS_LIST.search(raw):
        case 0, _:
            end = raw.rindex(b"}")
            comma = b"" if raw[:end].rstrip().endswith(b"{") else b","
            spliced = raw[:end] + comma + _REFS + b":[" + quoted + b"]" + raw[end:]
        case 1, re.Match() as found if b'"' in found[0][len(_REFS) :]:
            spliced = raw[: found.end() - 1] + b"," + quoted + raw[found.end() - 1 :]
        case _:
            return None
    before, after = _bearing.decode(raw).object_marking_refs, _bearing.decode(spliced).object_marking_refs
    return spliced if after == (*before, marking_id) else None


class _Bearing(msgspec.Struct):
    type: str = ""
    object_marking_refs: tuple[str, ...] = ()


_bearing: Final = msgspec.json.Decoder(_Bearing)


def apply_marking(raw: bytes, marking_id: str) -> bytes:
    """Return an object's bytes with a TLP marking added, if the object bears none that is as strict.

    Nothing is ever replaced or removed, and no other byte changes. Added to an object without a TLP of its
    own, also beside its statements or markings that are not known here; and beside a TLP that is *wider*,
    since the stricter of the two wins wherever markings are read together (see ``core.marking``): what was
    asked for holds, and what the source said stays to be seen. An object whose own TLP is as strict or
    stricter, a marking definition, and what cannot be read, come back as they are.

    :param marking_id: the identifier of a TLP marking.
    :raises InvalidInput: if it is not one.
    """
    asked = well_known(marking_id)
    if asked is None or asked.tlp is None:
        raise InvalidInput(f"{marking_id!r} is not a TLP marking.", advice="Use one of TLP 2.0.")
    try:
        bearing = _bearing.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return raw
    if bearing.type in ("marking-definition", "bundle"):
        return raw
    levels = [known.tlp for ref in bearing.object_marking_refs if (known := well_known(ref)) and known.tlp]
    if any(at_least_as_strict(level, asked.tlp) for level in levels):
        return raw
    return _quick_splice(raw, marking_id) or splice_reference(raw, _REFS, marking_id)
