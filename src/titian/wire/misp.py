"""MISP in and out: JSON events and feed folders, through ``misp-stix``. No network, no XML.

Importing this module loads the converter, which takes about a second; ``formats`` does so when it is needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from titian.core.errors import AlreadyExists, UnreadableFile
from titian.core.marking import Marking
from titian.wire.misp_in import convert_event
from titian.wire.misp_out import checked_distribution, convert_draft
from titian.wire.misp_plan import Json, plan
from titian.wire.stix import Problem

MAX_FILE: Final = 256 << 20
"""Bytes of one MISP file: it is decoded as a whole."""

Tell = Callable[[Problem], None]


def read_misp(
    path: Path, *, problem: Tell = lambda one: None, progress: Callable[[int], None] = lambda size: None
) -> Iterator[bytes]:
    """Yield STIX 2.1 objects from a MISP JSON file or a feed folder, event by event.

    A file may hold ``{"Event": …}``, ``{"response": […]}``, a bare event, or a list of any of these. A folder
    is a feed: ``manifest.json`` names the events by UUID, and only ``<uuid>.json`` beside it is read. The
    same event read twice gives the same bytes.

    :param problem: told of what is not carried over, and of every guess, which is always the stricter one.
    :param progress: told the number of bytes whenever a file has been read.
    :raises UnreadableFile: if it is neither.
    """
    stated: set[str] = set()
    events = _feed_events(path, problem, progress) if path.is_dir() else _file_events(path, progress)
    for event in events:
        yield from convert_event(event, problem, stated)


def _file_events(path: Path, progress: Callable[[int], None]) -> Iterator[Json]:
    document = _load(path)
    progress(path.stat().st_size)
    found = list(_events(document))
    if not found:
        raise UnreadableFile(f"{path.name} holds no MISP event.", advice='Export it from MISP as JSON: {"Event": …}.')
    yield from found


def _load(path: Path) -> Any:
    if path.stat().st_size > MAX_FILE:
        raise UnreadableFile(
            f"{path.name} is larger than {MAX_FILE >> 20} MB.",
            advice="Export fewer events at once, or a feed.",
        )
    try:
        return msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableFile(f"{path.name} is not readable JSON: {error}.", advice="Export it again.") from None


def _events(document: Any) -> Iterator[Json]:
    if isinstance(document, list):
        for one in document:
            yield from _events(one)
    elif isinstance(document, dict):
        if isinstance(document.get("Event"), dict):
            yield document["Event"]
        elif "response" in document:
            yield from _events(document["response"])
        elif is_event(document):
            yield document


def is_event(document: Mapping[str, Any]) -> bool:
    """Whether it has the shape of a bare MISP event."""
    return "info" in document and "uuid" in document and "spec_version" not in document


def _feed_events(folder: Path, problem: Tell, progress: Callable[[int], None]) -> Iterator[Json]:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise UnreadableFile(f"{folder.name} has no manifest.json.", advice="Give the folder of a MISP feed.")
    listed = _load(manifest)
    if not isinstance(listed, dict):
        raise UnreadableFile("manifest.json is not a list of events by UUID.")
    progress(manifest.stat().st_size)
    root = folder.resolve()
    for name in listed:
        file = _event_file(root, name)
        if file is None:
            problem(Problem(f"manifest.json: {name[:60]!r}", "it is not the UUID of an event file in the folder"))
            continue
        try:
            events = list(_events(_load(file)))
        except UnreadableFile as error:
            problem(Problem(file.name, error.message))
            continue
        progress(file.stat().st_size)
        if len(events) == 1 and str(events[0].get("uuid")).lower() == name.lower():
            yield events[0]
        else:
            problem(Problem(file.name, "it does not hold exactly the event that it is named after"))


def _event_file(root: Path, name: str) -> Path | None:
    """The event's file; None unless the name is a UUID and the file really lies in the folder."""
    if not _is_uuid(name):
        return None
    for file in (root / f"{name}.json", root / f"{name.lower()}.json"):
        if file.is_file() and file.resolve().parent == root:
            return file
    return None


def _is_uuid(text: str) -> bool:
    groups = text.split("-")
    return [len(group) for group in groups] == [8, 4, 4, 4, 12] and set(text.lower()) <= set("0123456789abcdef-")


def events_of(
    objects: Iterable[bytes],
    *,
    definitions: Mapping[str, Marking],
    distribution: str = "0",
    problem: Tell = lambda one: None,
) -> Iterator[Json]:
    """Yield MISP events (the value of ``Event``) made of STIX objects.

    Each event holds objects of one marking only, and its tags state it. An object whose marking MISP cannot
    state in full is refused, told with the reason, and named nowhere.

    :param definitions: as :func:`titian.core.marking.read_markings` wants them; those among ``objects`` are
        added.
    :param distribution: MISP's, "0" (your organisation only) to "3".
    :raises Refused: for a sharing group.
    """
    level = checked_distribution(distribution)
    whole = plan(objects, definitions, problem)
    seen: set[str] = set()
    for draft in whole.drafts:
        event = convert_draft(draft, whole, level, seen, problem)
        if event is not None:
            yield event


def write_misp(
    objects: Iterable[bytes],
    stream: BinaryIO,
    *,
    definitions: Mapping[str, Marking],
    distribution: str = "0",
    problem: Tell = lambda one: None,
) -> int:
    """Write ``{"response": [{"Event": …}, …]}``, as :func:`events_of` makes them; return their number."""
    count = 0
    stream.write(b'{"response":[')
    for event in events_of(objects, definitions=definitions, distribution=distribution, problem=problem):
        stream.write((b",\n" if count else b"\n") + _dump({"Event": event}))
        count += 1
    stream.write(b"\n]}\n")
    return count


def _dump(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def write_feed(
    objects: Iterable[bytes],
    folder: Path,
    *,
    definitions: Mapping[str, Marking],
    distribution: str = "0",
    problem: Tell = lambda one: None,
) -> int:
    """Write a MISP feed: one file for each event, ``manifest.json`` and ``hashes.csv``; return their number.

    :raises AlreadyExists: if the folder holds anything: an event recalled since would stay in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise AlreadyExists(f"{folder.name} is not empty.", advice="Give a new folder for the feed.")
    manifest: dict[str, Json] = {}
    hashes: list[str] = []
    for event in events_of(objects, definitions=definitions, distribution=distribution, problem=problem):
        uuid = event["uuid"]
        (folder / f"{uuid}.json").write_bytes(_dump({"Event": event}))
        kept = ("info", "date", "analysis", "threat_level_id", "timestamp", "Orgc", "Tag")
        manifest[uuid] = {key: event[key] for key in kept if key in event}
        hashes += [f"{digest},{uuid}\n" for digest in dict.fromkeys(_value_hashes(event))]
    (folder / "hashes.csv").write_text("".join(hashes), encoding="ascii")
    (folder / "manifest.json").write_bytes(_dump(manifest))
    return len(manifest)


def _value_hashes(event: Json) -> Iterator[str]:
    """The MD5 of each value, as MISP's feed cache looks them up; no protection, and none intended."""
    attributes = list(event.get("Attribute", []))
    for composite in event.get("Object", []):
        attributes += composite.get("Attribute", [])
    for attribute in attributes:
        values = attribute["value"].split("|") if "|" in attribute.get("type", "") else [attribute["value"]]
        for value in values:
            yield hashlib.md5(str(value).encode(), usedforsecurity=False).hexdigest()
