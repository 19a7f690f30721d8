"""The YAML of a TagPack, read event by event: nothing is built from it but texts, and no file is held in memory.

An alias is never followed, so there is nothing to blow up; no tag of YAML makes an object or opens a file; depth and
the length of what stands between two events are bounded. Text stays as it is written: ``0x12`` is an address and no
number, ``no`` a word. YAML that is broken inside a tag costs that tag: reading goes on where the next one begins.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml  # type: ignore[import-untyped]

from titian.core.errors import InvalidInput, UnreadableFile
from titian.wire.stix import Problem

_LONGEST: Final = 1 << 20
"""Characters from one event to the next at most."""
_DEEPEST: Final = 32
_MOST_FIELDS: Final = 100
_MOST_ITEMS: Final = 1000
_MOST_BREAKS: Final = 100
"""Places where the YAML may be broken before the file is given up."""
_EVERY: Final = 256
"""Tags from one telling of the progress to the next."""

# YAML allows none of these as they are (section 5.1), or takes them for ends of lines, which nobody means.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_UNREADABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffd-\uffff]")
_MARK: Final = "\ufffd"
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_PLAIN_TAGS: Final = frozenset({None, "!", *(f"tag:yaml.org,2002:{name}" for name in (
    "str", "int", "float", "bool", "null", "timestamp", "seq", "map"))})  # fmt: skip
_STARTS: Final = frozenset({yaml.MappingStartEvent, yaml.SequenceStartEvent})
_ENDS: Final = frozenset({yaml.MappingEndEvent, yaml.SequenceEndEvent})
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Report = Callable[[Problem], None]


class Fields:
    """What a tag or the header says, by names of fields, and the line on which it begins.

    ``wrong`` is what is wrong with it as a whole, empty for nothing.
    """

    def __init__(self, line: int) -> None:
        self.line = line
        self.wrong = ""
        self._said: dict[str, str | list[str] | None] = {}
        self._wrong: dict[str, str] = {}

    @property
    def names(self) -> frozenset[str]:
        """The fields that there are."""
        return frozenset(self._said)

    def text(self, name: str) -> str | None:
        """Return what a field says, None where it is not there or empty.

        Raises :class:`InvalidInput` for one that is no text.
        """
        said = self._said.get(name)
        if name in self._wrong:
            raise InvalidInput(self._wrong[name])
        if isinstance(said, list):
            raise InvalidInput(f"{name} is a list where one text is wanted.")
        return said

    def items(self, name: str) -> list[str]:
        """Return the texts of a field; none where there are none to be read."""
        said = self._said.get(name)
        return [] if said is None or name in self._wrong else [said] if isinstance(said, str) else said

    def add(self, name: str, said: str | list[str] | None, wrong: str) -> None:
        """Add a field; what is wrong with it counts when it is asked for."""
        if name == "<<":
            self.wrong = "it takes fields from elsewhere (<<), which is not followed: write them here."
        elif name in self._said:
            self.wrong = self.wrong or f"{name} is given twice."
        elif len(self._said) >= _MOST_FIELDS:
            self.wrong = f"it has more than {_MOST_FIELDS} fields."
        else:
            self._said[name] = said
            if wrong:
                self._wrong[name] = f"{name} {wrong}"


def read_header(path: Path, problem: Report) -> Fields:
    """Return what stands beside the tags, before and behind them. Reads the whole file.

    :param problem: told of what is given twice, of which the first counts.
    :raises UnreadableFile: if the file is no YAML up to its tags, or has none.
    """
    header, found = Fields(1), False
    told: set[str] = set()
    with _Events(path) as events:
        try:
            for key, line, event in _entries(events, events.root()):
                if key == "tags":
                    if found:
                        problem(Problem(f"line {line}", "tags is given twice; the first counts."))
                    found = True
                    events.skip(event)
                elif key == "header" and isinstance(event, yaml.MappingStartEvent):
                    _fill(events, event, header)
                else:
                    header.add(key, *_value(events, event))
                if header.wrong and header.wrong not in told:
                    told.add(header.wrong)
                    problem(Problem(f"line {line}", f"in the header, {header.wrong} The first counts."))
                header.wrong = ""
        except _BrokenError as broken:
            # Inside the tags it is told when they are read.
            if not found:
                raise UnreadableFile(f"Line {broken.line} cannot be read: {broken.why}.") from None
    if not found:
        raise UnreadableFile("The file holds no tags.", advice="Give a TagPack: title, creator and a list of tags.")
    return header


def read_tags(path: Path, problem: Report, progress: Callable[[int], None]) -> Iterator[Fields]:
    """Yield each tag of a file that :func:`read_header` has read.

    :param problem: told of what is no tag, and where the YAML is broken.
    :param progress: told of the bytes read so far, now and then.
    :raises UnreadableFile: if the YAML is broken time and again.
    """
    place = _Place()
    last = None
    for _ in range(_MOST_BREAKS):
        with _Events(path) as events:
            try:
                event = place.find(events)
                if event is None:
                    return
                yield from _items(events, event, place, problem, progress)
                return
            except _BrokenError as broken:
                told = Problem(f"line {broken.line}", f"this cannot be read: {broken.why}.")
                if told != last:
                    problem(told)
                last = told
        if not place.resumable:
            return
    raise UnreadableFile(f"The YAML is broken in more than {_MOST_BREAKS} places.")


class _BrokenError(Exception):
    """What comes cannot be read as YAML, or is too much; lines count from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line, self.why = line, why


class _TooLongError(Exception):
    """Over a million characters, and no event."""


class _Text:
    """The characters of a file, as the parser asks for them: what YAML forbids comes as U+FFFD."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("rb")
        self._text = io.TextIOWrapper(self.file, encoding="utf-8-sig", errors="replace")
        self._first = ""
        self.waiting = 0
        """Characters since somebody set it to 0."""

    def read(self, size: int) -> str:
        if self.waiting > _LONGEST:
            raise _TooLongError
        text = self._first or self._text.read(size)
        self._first = ""
        self.waiting += len(text)
        return _FORBIDDEN.sub(_MARK, text)

    def go_to(self, after: int, column: int) -> int | None:
        """Go on with the first line behind ``after`` on which an item of a list begins at ``column``; return it."""
        begins = re.compile(rf" {{{column}}}-(?:\s|$)").match
        number, fresh = 0, True
        while line := self._text.readline(_LONGEST):
            number += fresh
            if fresh and number > after and begins(line):
                self._first = line
                return number
            fresh = line.endswith("\n")
        return None

    def close(self) -> None:
        self._text.close()


class _Events:
    """The events of one file."""

    def __init__(self, path: Path) -> None:
        self.text = _Text(path)
        self._base = 1
        self._last = 1
        self._loader: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._loader is not None:
            self._loader.dispose()
        self.text.close()

    def next(self) -> Any:
        try:
            if self._loader is None:
                self._loader = _LOADER(self.text)
            event = self._loader.get_event()
        except (yaml.YAMLError, _TooLongError) as error:
            raise self._broken(error) from None
        self.text.waiting = 0
        self._last = self.line(event)
        return event

    def _broken(self, error: Exception) -> _BrokenError:
        if isinstance(error, _TooLongError):
            return _BrokenError(self._last, f"over {_LONGEST:,} characters follow that are one value, or none")
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        said = [str(one) for one in (getattr(error, "context", None), getattr(error, "problem", None)) if one]
        return _BrokenError(self._base + (mark.line if mark else 0), ", ".join(said) or "it is broken")

    def line(self, event: Any) -> int:
        """The line on which an event begins, from 1."""
        return int(event.start_mark.line) + self._base

    def root(self) -> Any:
        """The event with which the first document begins, behind where the text stands."""
        while isinstance(event := self.next(), yaml.StreamStartEvent | yaml.DocumentStartEvent):
            pass
        return event

    def resume(self, after: int, column: int) -> Any | None:
        """The same, behind a line, where an item of a list begins at a column; None if nowhere."""
        line = self.text.go_to(after, column)
        if line is None:
            return None
        self._base = line
        return self.root()

    def skip(self, event: Any) -> None:
        """Read to the end of what an event begins."""
        depth, take, text = 0, self._loader.get_event, self.text
        try:
            while True:
                kind = type(event)
                if kind in _STARTS:
                    depth += 1
                    if depth > _DEEPEST:
                        raise _BrokenError(self.line(event), f"it is nested more than {_DEEPEST} deep")
                elif kind in _ENDS:
                    depth -= 1
                if depth == 0:
                    return
                event = take()
                text.waiting = 0
        except (yaml.YAMLError, _TooLongError) as error:
            raise self._broken(error) from None


class _Place:
    """Where the reading of tags stands: behind which line to go on, and at which column each tag begins."""

    def __init__(self) -> None:
        self.line = 0
        self.column: int | None = None
        self._found = False

    @property
    def resumable(self) -> bool:
        """Whether there is a place to go on at; not in ``[tags, in, a, row]``."""
        return self.column is not None

    def find(self, events: _Events) -> Any | None:
        """The event with which the list of tags begins, or what is left of it; None if there is none."""
        if self.column is not None:
            event = events.resume(self.line, self.column)
            if event is not None:
                self.line = events.line(event)
            return event
        for key, _, event in _entries(events, events.root()):
            if key == "tags":
                if isinstance(event, yaml.SequenceStartEvent) and not event.flow_style:
                    self.line, self.column = events.line(event), event.start_mark.column
                return event
            events.skip(event)
        return None


def _items(
    events: _Events, start: Any, place: _Place, problem: Report, progress: Callable[[int], None]
) -> Iterator[Fields]:
    if not isinstance(start, yaml.SequenceStartEvent):
        problem(Problem(f"line {events.line(start)}", "tags is not a list."))
        return
    count = 0
    while not isinstance(event := events.next(), yaml.SequenceEndEvent):
        place.line = line = events.line(event)
        if isinstance(event, yaml.MappingStartEvent):
            tag = Fields(line)
            _fill(events, event, tag)
            yield tag
        else:
            events.skip(event)
            problem(Problem(f"line {line}", "this is not a tag: a tag has fields, as address and label."))
        count += 1
        if not count % _EVERY:
            progress(events.text.file.tell())


def _entries(events: _Events, start: Any) -> Iterator[tuple[str, int, Any]]:
    """Yield key, line and first event of the value of a table; whoever takes one reads the value to its end."""
    if not isinstance(start, yaml.MappingStartEvent):
        raise UnreadableFile("The file is no TagPack.", advice="Give title, creator and a list of tags.")
    while not isinstance(event := events.next(), yaml.MappingEndEvent):
        line = events.line(event)
        if not isinstance(event, yaml.ScalarEvent):
            events.skip(event)
        yield str(event.value)[:200] if isinstance(event, yaml.ScalarEvent) else "?", line, events.next()


def _fill(events: _Events, start: Any, into: Fields) -> None:
    for key, _, event in _entries(events, start):
        into.add(key, *_value(events, event))


def _value(events: _Events, event: Any) -> tuple[str | list[str] | None, str]:
    """A text or a list of texts, and what is wrong with it."""
    if isinstance(event, yaml.SequenceStartEvent):
        return _listed(events, event)
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    events.skip(event)
    if isinstance(event, yaml.AliasEvent):
        return None, f"is *{event.anchor[:60]}: aliases are not followed, write the value itself."
    return None, "is a table where one text is wanted."


def _scalar(event: Any) -> tuple[str | None, str]:
    if event.tag not in _PLAIN_TAGS:
        return None, f"bears {event.tag[:60]}: only plain values are read, and no file is included."
    text: str = event.value
    if _UNREADABLE.search(text):
        return None, "has characters that cannot be read: control characters, or no UTF-8."
    if event.style is None and text in _NULL:
        return None, ""
    return text.strip() or None, ""


def _listed(events: _Events, start: Any) -> tuple[list[str] | None, str]:
    found: list[str] = []
    wrong = "" if start.tag in _PLAIN_TAGS else f"bears {start.tag[:60]}: only plain values are read."
    while not isinstance(event := events.next(), yaml.SequenceEndEvent):
        if isinstance(event, yaml.ScalarEvent):
            text, why = _scalar(event)
            wrong = wrong or why
            if text is not None and len(found) < _MOST_ITEMS:
                found.append(text)
        else:
            events.skip(event)
            wrong = wrong or "is a list of other things than texts."
    return found, wrong
