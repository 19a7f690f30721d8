"""STIX 2.1 files: objects in and out as a stream, their bytes exactly as they stand in the file.

What is read: a bundle, a bare array, a single object, a TAXII envelope, and any of these one after another
(newline-delimited JSON). Nothing is parsed but the frame around the objects, so a file larger than memory
is read within the bound of its largest object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import BinaryIO, Final, NamedTuple
from uuid import uuid4

import msgspec

from titian.core.errors import UnreadableFile

DEFAULT_CHUNK: Final = 1 << 20
MAX_OBJECT: Final = 64 << 20
MAX_DEPTH: Final = 64

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_PLAIN = rb'[^"{}\[\]]++'


def _nested(levels: int) -> bytes:
    inside = _PLAIN + b"|" + _STRING
    if levels:
        inside += b"|" + _nested(levels - 1)
    return rb"[{\[](?:" + inside + rb")*+[}\]]"


# A whole object in one match: nearly every object of real files nests no deeper than this. Every quantifier
# is possessive, so that hostile text costs one pass and no backtracking.
_SHALLOW: Final = re.compile(rb"\{(?:" + _PLAIN + b"|" + _STRING + b"|" + _nested(4) + rb")*+\}", re.DOTALL)
_TO_BRACKET: Final = re.compile(rb'[^"{}\[\]]*+(?:' + _STRING + rb'[^"{}\[\]]*+)*+', re.DOTALL)
_IN_STRING: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_SPACE: Final = re.compile(rb"[ \t\r\n\x1e]*+")  # 0x1E: the record separator of RFC 7464
_SCALAR: Final = re.compile(rb'[^ \t\r\n\x1e,:"{}\[\]]*+')
_BOM: Final = b"\xef\xbb\xbf"
_OPEN, _CLOSE, _END = b"{[", b"}]", -1


class Problem(NamedTuple):
    """Something that could not be carried over: where it stands or what it is, and why."""

    where: str
    reason: str


class _TooMuch(Exception):
    """One value breaks a bound; the scanner stands behind it."""


class _Scanner:
    """A window on a stream. Positions handed out are absolute; bytes before ``keep`` may be gone."""

    def __init__(self, stream: BinaryIO, chunk: int, max_object: int, max_depth: int, base: int = 0) -> None:
        self._stream, self._chunk = stream, chunk
        self._max_object, self._max_depth = max_object, max_depth
        self._buffer, self._base, self._at = b"", base, 0
        self.keep: int | None = None

    @property
    def position(self) -> int:
        return self._base + self._at

    def fill(self) -> bool:
        """Read on; False at the end. A growing value is read in growing steps, so that its cost is linear."""
        start = self._at if self.keep is None else self.keep - self._base
        held = len(self._buffer) - start
        data = self._stream.read(max(self._chunk, held))
        if not data:
            return False
        self._buffer = self._buffer[start:] + data
        self._base += start
        self._at -= start
        return True

    def cut(self, begin: int, end: int) -> bytes:
        return self._buffer[begin - self._base : end - self._base]

    def skip_bom(self) -> None:
        while len(self._buffer) < len(_BOM) and self.fill():
            pass
        if self._buffer.startswith(_BOM):
            self._at = len(_BOM)

    def token(self) -> int:
        """Skip white space and return the byte that stands next, without taking it."""
        while True:
            match = _SPACE.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self.fill():
                return _END

    def take(self) -> None:
        self._at += 1

    def shallow(self) -> bytes | None:
        """Take one object that lies whole in the window and nests little; None if it must be walked."""
        match = _SHALLOW.match(self._buffer, self._at)
        if match is None or match.end() - self._at > self._max_object:
            return None
        self._at = match.end()
        return match[0]

    def value(self) -> None:
        """Move behind the JSON value that stands next; raise _TooMuch behind one that breaks a bound."""
        begin, first, depth = self.position, self._buffer[self._at], 0
        if first in _OPEN:
            depth = self._walk()
        elif first == ord('"'):
            self.take()
            self._string(begin)
        else:
            self._scalar()
        if self.position - begin > self._max_object:
            raise _TooMuch(f"it is larger than {self._max_object} bytes")
        if depth > self._max_depth:
            raise _TooMuch(f"it nests deeper than {self._max_depth} levels")

    def bounded(self, begin: int) -> None:
        """Stop keeping what has grown past the bound; a value is walked to its end all the same."""
        if self.keep is not None and self.position - begin > self._max_object:
            self.keep = None

    def _scalar(self) -> None:
        begin = self.position
        while True:
            match = _SCALAR.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer) or not self.fill():
                break
            if self.position - begin > self._max_object:
                raise self.error("a value of unreasonable length stands here")
        if self.position == begin:
            raise self.error("a JSON value was expected")

    def _string(self, begin: int) -> None:
        """Move behind the string whose opening quote has been taken, inside the value at ``begin``."""
        while True:
            match = _IN_STRING.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer) and self._buffer[self._at] == ord('"'):
                self.take()
                return
            self.bounded(begin)
            if not self.fill():
                raise self.error("the file ends inside a string")

    def _walk(self) -> int:
        """Move behind the object or array that stands next and return how deep it nests."""
        begin, depth, deepest = self.position, 0, 0
        while True:
            match = _TO_BRACKET.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at == len(self._buffer):
                self.bounded(begin)
                if not self.fill():
                    raise self.error(f"the file ends inside the object that begins at byte {begin}")
                continue
            byte = self._buffer[self._at]
            self.take()
            if byte == ord('"'):
                self._string(begin)
            elif byte in _OPEN:
                depth += 1
                deepest = max(depth, deepest)
            else:
                depth -= 1
                if depth == 0:
                    return deepest

    def error(self, what: str) -> UnreadableFile:
        return UnreadableFile(
            f"This is not readable as STIX JSON: at byte {self.position} {what}.",
            advice="Fetch or export the file again; the objects before that byte are complete.",
        )


def read_bundle(
    stream: BinaryIO,
    *,
    chunk: int = DEFAULT_CHUNK,
    max_object: int = MAX_OBJECT,
    max_depth: int = MAX_DEPTH,
    skipped: Callable[[Problem], None] | None = None,
) -> Iterator[bytes]:
    """Yield the bytes of each object of a STIX file, exactly as they stand there.

    An object is found by its brackets; whether it is valid JSON and valid STIX is for its reader to say, so
    that one bad object does not hide the others. Memory is bounded by a few times the larger of ``chunk``
    and the largest object.

    :param chunk: bytes per read.
    :param max_object: bytes that one object may have.
    :param max_depth: levels that one object may nest.
    :param skipped: told of each object beyond these bounds, which is then left out; without it, that object
        is an error.
    :raises UnreadableFile: at the first byte that cannot be part of such a file, after all objects that
        are complete before it.
    """
    scanner = _Scanner(stream, chunk, max_object, max_depth)
    scanner.skip_bom()
    reader = _Reader(scanner, skipped)
    found = False
    while (token := scanner.token()) != _END:
        found = True
        if token == ord("["):
            yield from reader.elements()
        elif token == ord("{"):
            yield from reader.frame()
        else:
            raise scanner.error("a JSON object or array was expected")
    if not found:
        raise UnreadableFile("The file is empty.", advice="Give a STIX bundle, or a JSON list of objects.")


class _Frame(msgspec.Struct):
    type: str | None = None
    id: str | None = None


class _Reader:
    def __init__(self, scanner: _Scanner, skipped: Callable[[Problem], None] | None) -> None:
        self._scanner, self._skipped = scanner, skipped

    def elements(self) -> Iterator[bytes]:
        """Yield the values of the array that stands next."""
        scanner = self._scanner
        scanner.keep = None
        scanner.take()
        if scanner.token() == ord("]"):
            scanner.take()
            return
        while True:
            token = scanner.token()
            if token == _END:
                raise scanner.error("the file ends inside a list of objects")
            whole = scanner.shallow() if token == ord("{") else None
            if whole is None:
                whole = self._bounded_value()
            if whole is not None:
                yield whole
            token = scanner.token()
            if token not in (ord(","), ord("]")):
                raise scanner.error("a comma or the end of the list was expected")
            scanner.take()
            if token == ord("]"):
                return

    def _bounded_value(self) -> bytes | None:
        scanner = self._scanner
        begin = scanner.keep = scanner.position
        try:
            scanner.value()
            return scanner.cut(begin, scanner.position)
        except _TooMuch as bound:
            self._skip(begin, str(bound))
            return None
        finally:
            scanner.keep = None

    def _skip(self, begin: int, why: str) -> None:
        if self._skipped is None:
            raise UnreadableFile(
                f"The object at byte {begin} was not read: {why}.",
                advice="Split it, or raise the bound if you trust the sender.",
            )
        self._skipped(Problem(f"byte {begin}", why))

    def frame(self) -> Iterator[bytes]:
        """Yield from the JSON object that stands next: a bundle's or envelope's objects, or the object."""
        scanner = self._scanner
        begin = scanner.position
        whole = scanner.shallow()
        if whole is None:
            yield from self._walk_frame(begin)
        elif b'"objects"' in whole:
            # Walk it again from memory: nesting in it is little, and it is all here.
            inner = _Scanner(BytesIO(whole), len(whole), len(whole), MAX_DEPTH, base=begin)
            inner.token()
            yield from _Reader(inner, self._skipped)._walk_frame(begin)
        elif not _is_empty_frame(whole):
            yield whole

    def _walk_frame(self, begin: int) -> Iterator[bytes]:
        """Walk the members; up to the first list of objects all is kept, it may be a single object."""
        scanner = self._scanner
        scanner.keep = begin
        kind: bytes | None = None
        framed = False
        try:
            for key, value in self._members():
                if key == b'"objects"' and scanner.token() == ord("[") and kind in (None, b'"bundle"'):
                    if framed:
                        raise scanner.error("a second list of objects begins in the same bundle")
                    framed = True
                    yield from self.elements()
                    continue
                scanner.value()
                if key == b'"type"' and not framed:
                    kind = scanner.cut(value, scanner.position)
                scanner.bounded(begin)
                if scanner.keep is None and not framed:
                    raise _TooMuch("it is larger than an object may be")
            if not framed and not _is_empty_frame(whole := scanner.cut(begin, scanner.position)):
                yield whole
        except _TooMuch as bound:
            raise scanner.error(f"what begins at byte {begin} was not read: {bound}") from None
        finally:
            scanner.keep = None

    def _members(self) -> Iterator[tuple[bytes, int]]:
        """Yield each member's quoted key and the position of its value; the caller moves behind the value."""
        scanner = self._scanner
        scanner.take()
        token = scanner.token()
        while token != ord("}"):
            if token != ord('"'):
                raise scanner.error("a property name was expected")
            begin, kept = scanner.position, scanner.keep
            scanner.keep = begin if kept is None else kept
            scanner.value()
            key = scanner.cut(begin, scanner.position)
            scanner.keep = kept
            if scanner.token() != ord(":"):
                raise scanner.error("a colon was expected")
            scanner.take()
            if scanner.token() == _END:
                raise scanner.error("the file ends before a value")
            yield key, scanner.position
            token = scanner.token()
            if token == ord(","):
                scanner.take()
                token = scanner.token()
            elif token != ord("}"):
                raise scanner.error("a comma or the end of the object was expected")
        scanner.take()


def _is_empty_frame(raw: bytes) -> bool:
    """Whether it is a bundle or a TAXII envelope that holds nothing, rather than an object."""
    try:
        frame = msgspec.json.decode(raw, type=_Frame)
    except (msgspec.DecodeError, RecursionError):
        return False
    if frame.type is None:
        return frame.id is None
    return frame.type == "bundle"


def splice_reference(raw: bytes, quoted_key: bytes, identifier: str) -> bytes:
    """Add an identifier to a top-level list of an object, which may not have it yet; no other byte changes.

    An object in which the key stands twice, or with anything but a list, comes back as it is: it is
    invalid, and its reader will say so.

    >>> splice_reference(b'{ "a": 1 }', b'"refs"', "x--1")
    b'{ "a": 1 ,"refs":["x--1"]}'
    >>> splice_reference(b'{"refs": ["x--0" ]}', b'"refs"', "x--1")
    b'{"refs": ["x--0" ,"x--1"]}'
    """
    scanner = _Scanner(BytesIO(raw), len(raw), len(raw), len(raw))
    scanner.keep = 0
    if scanner.token() != ord("{"):
        return raw
    places: list[tuple[int, int]] = []
    members = 0
    for key, begin in _Reader(scanner, None)._members():
        scanner.value()
        members += 1
        if key == quoted_key:
            places.append((begin, scanner.position))
    quoted = b'"' + identifier.encode("ascii") + b'"'
    if not places:
        end = raw.rindex(b"}")
        comma = b"," if members else b""
        return raw[:end] + comma + quoted_key + b":[" + quoted + b"]" + raw[end:]
    begin, end = places[0]
    if len(places) > 1 or raw[begin : begin + 1] != b"[":
        return raw
    comma = b"," if raw[begin + 1 : end - 1].strip() else b""
    return raw[: end - 1] + comma + quoted + raw[end - 1 :]


def write_bundle(objects: Iterable[bytes], stream: BinaryIO, *, identifier: str | None = None) -> int:
    """Write a bundle (STIX 2.1 section 8), each object with the bytes it came with; return their number.

    :param identifier: the bundle's own, which has no meaning beyond it; random by default.
    """
    name = identifier or f"bundle--{uuid4()}"
    stream.write(b'{"type":"bundle","id":"' + name.encode("ascii") + b'"')
    count = 0
    for raw in objects:
        # An empty list is not allowed (section 2.9), so the property comes with the first object.
        stream.write(b',\n"objects":[\n' if count == 0 else b",\n")
        stream.write(raw)
        count += 1
    stream.write(b"\n]}\n" if count else b"}\n")
    return count
