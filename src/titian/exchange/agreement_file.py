"""An agreement as a file: TOML that a person writes, or a STIX 2.1 bundle as a partner sent it.

The file is read into drafts; references by alias stay as they are written until the directory is at hand. An error
names the key, says what is wrong with it and what to write instead.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final, TypeVar

import msgspec

from titian.core.agreement import Onward
from titian.core.directory_objects import Commitment, Dialogue, Meeting, Statement
from titian.core.errors import InvalidInput, TooLarge, UnreadableFile
from titian.core.extensions import (
    read_alias,
    read_ceiling,
    read_country,
    read_kind,
    read_languages,
    read_name,
    read_onward,
    read_purposes,
    require_reference,
)
from titian.core.party import PartyKind
from titian.core.stix import Timestamp
from titian.core.tlp import Tlp

T = TypeVar("T")

LONGEST: Final = 4_000_000
"""Bytes of a file."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


class PartyDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A party as a file describes it; ``members`` are aliases or identifiers."""

    id: str | None
    name: str
    alias: str | None
    kind: PartyKind
    country: str | None
    sectors: tuple[str, ...]
    contact: str | None
    ceiling: Tlp | None
    members: tuple[str, ...]


class AgreementDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement as a file describes it; ``parties`` are aliases or identifiers, ``starts`` None means now."""

    id: str | None
    name: str
    alias: str | None
    parties: tuple[str, ...]
    purposes: frozenset[str]
    topics: tuple[str, ...]
    ceiling: Tlp
    onward: Onward
    languages: tuple[str, ...]
    starts: int | None
    stops: int | None
    four_eyes: bool
    dialogue: str | None
    new_dialogue: Dialogue | None
    new_parties: tuple[PartyDraft, ...]


class BundleDraft(msgspec.Struct, frozen=True):
    """A partner's objects, byte for byte."""

    objects: tuple[bytes, ...]


class _Bundle(msgspec.Struct):
    type: str
    objects: tuple[msgspec.Raw, ...] = ()


def read_agreement_file(data: bytes) -> AgreementDraft | BundleDraft:
    """Read a file that sets an agreement up.

    :raises UnreadableFile: for what is neither TOML nor a bundle. :raises InvalidInput: for what cannot be agreed.
    """
    if len(data) > LONGEST:
        raise TooLarge(f"The file has {len(data):,} bytes, an agreement at most {LONGEST:,}.")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.lstrip()[:1] == b"{":
        return _read_bundle(data)
    try:
        values = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        advice = "Begin with one that is shipped: titian agreements list --public."
        raise UnreadableFile(f"The file is not TOML: {error}.", advice=advice) from None
    return _read_toml(values)


def _read_bundle(data: bytes) -> BundleDraft:
    try:
        bundle = msgspec.json.decode(data, type=_Bundle)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFile(f"The file is not a STIX bundle: {error}.") from None
    if bundle.type != "bundle":
        raise UnreadableFile(f"The file holds a {bundle.type[:40]!r}, not a bundle.",
                             advice="Put the agreement and its parties into a STIX 2.1 bundle.")  # fmt: skip
    return BundleDraft(tuple(bytes(raw) for raw in bundle.objects))


class _Table:
    """A table of a file that is read key by key, and holds no other keys."""

    def __init__(self, where: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
        self._where = where
        self._values = values
        for key in values:
            if key not in known:
                raise InvalidInput(f"{where} has the key {key!r}, which means nothing here.",
                                   advice=f"Write one of {', '.join(known)}.")  # fmt: skip

    def _wrong(self, key: str, what: str, advice: str) -> InvalidInput:
        return InvalidInput(f"{self._where}: `{key}` {what}.", advice=advice)

    def text(self, key: str) -> str | None:
        value = self._values.get(key)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise self._wrong(key, "is no text", f'Write {key} = "…", in quotation marks.')
        return value

    def need(self, key: str) -> str:
        value = self.text(key)
        if value is None:
            raise self._wrong(key, "is missing", f'Write {key} = "…".')
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            raise self._wrong(key, "is no list of texts", f'Write {key} = ["…", "…"].')
        if len(set(value)) != len(value):
            raise self._wrong(key, "names something twice", "Name each once.")
        return tuple(value)

    def flag(self, key: str) -> bool:
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            raise self._wrong(key, "is neither true nor false", f"Write {key} = true, without quotation marks.")
        return value

    def instant(self, key: str) -> int | None:
        value = self._values.get(key)
        try:
            return None if value is None else read_moment(value)
        except InvalidInput as error:
            raise self._wrong(key, f"cannot be read: {error.message.rstrip('.')}", error.advice or "") from None

    def day(self, key: str) -> str:
        value = self._values.get(key)
        shown = value.isoformat()[:10] if isinstance(value, date) else str(value)
        if not _DAY.match(shown):
            raise self._wrong(key, "is no day", f"Write {key} = 2026-03-01.")
        return shown

    def tables(self, key: str) -> Sequence[Mapping[str, Any]]:
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self._wrong(key, "is no list of tables", f"Begin each with a line [[{key}]].")
        return value

    def value(self, key: str) -> object:
        return self._values.get(key)

    def read(self, key: str, reader: Callable[[Any], T], value: object) -> T:
        """Read a value with a reader that both files and objects use, naming the key where it refuses."""
        try:
            return reader(value)
        except InvalidInput as error:
            raise InvalidInput(f"{self._where}: `{key}`: {error.message}", advice=error.advice) from None


def read_moment(value: object) -> int:
    """Read a day or an instant, as TOML or a person gives it, in microseconds: a day means its beginning in UTC.

    :raises InvalidInput: for another thing, and for an instant that does not say in which time zone it is.
    """
    if isinstance(value, str):
        return Timestamp.parse(f"{value}T00:00:00Z" if _DAY.match(value) else value).micros
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidInput("It does not say in which time zone it is.", advice="Put a Z behind it for UTC.")
        return Timestamp.from_datetime(value).micros
    if isinstance(value, date):
        return Timestamp.parse(f"{datetime.combine(value, time()).isoformat()}Z").micros
    raise InvalidInput("It is no date.", advice="Write 2026-03-01 or 2026-03-01T12:00:00Z, without quotation marks.")


def _read_toml(values: Mapping[str, Any]) -> AgreementDraft:
    known = ("id", "name", "alias", "dialogue", "parties", "purposes", "topics", "ceiling", "onward", "languages",
             "valid_from", "valid_until", "four_eyes", "party")  # fmt: skip
    table = _Table("The agreement", values, known)
    parties = table.texts("parties")
    if not parties:
        raise InvalidInput("The agreement: `parties` is missing or empty, so nobody would be bound by it.",
                           advice='Write parties = ["…", "…"], with the aliases of those who signed it.')  # fmt: skip
    purposes = table.read("purposes", read_purposes, table.texts("purposes"))
    if not purposes:
        raise InvalidInput("The agreement: `purposes` is missing or empty, so nothing could be used for anything.",
                           advice='Write for example purposes = ["cybercrime"].')  # fmt: skip
    starts, stops = table.instant("valid_from"), table.instant("valid_until")
    if starts is not None and stops is not None and stops <= starts:
        raise InvalidInput("The agreement: `valid_until` is not later than `valid_from`: it ends before it begins.",
                           advice="Give a later end, or none.")  # fmt: skip
    dialogue = table.value("dialogue")
    described = isinstance(dialogue, dict)
    return AgreementDraft(
        id=_identifier(table, "agreement"),
        name=table.read("name", read_name, table.need("name")),
        alias=table.read("alias", read_alias, table.text("alias")),
        parties=parties,
        purposes=purposes,
        topics=table.texts("topics"),
        ceiling=table.read("ceiling", read_ceiling, table.need("ceiling")),
        onward=table.read("onward", read_onward, table.text("onward") or Onward.NONE.value),
        languages=table.read("languages", read_languages, table.texts("languages")),
        starts=starts,
        stops=stops,
        four_eyes=table.flag("four_eyes"),
        dialogue=None if described else table.text("dialogue"),
        new_dialogue=_read_dialogue(dialogue) if isinstance(dialogue, dict) else None,
        new_parties=tuple(_read_party(each) for each in table.tables("party")),
    )


def _identifier(table: _Table, kind: str) -> str | None:
    identifier = table.text("id")
    return (
        None if identifier is None else table.read("id", lambda text: require_reference(text, kind, "It"), identifier)
    )


def _read_party(values: Mapping[str, Any]) -> PartyDraft:
    known = ("id", "name", "alias", "kind", "country", "sectors", "contact", "ceiling", "members")
    table = _Table(f"The party {str(values.get('alias') or values.get('name') or '')[:80]!r}", values, known)
    kind = table.read("kind", read_kind, table.need("kind"))
    ceiling = table.text("ceiling")
    members = table.texts("members")
    for key, given in (("members", members), ("ceiling", ceiling)):
        if given and kind is not PartyKind.COMMUNITY:
            raise InvalidInput(f"The party {table.need('name')!r} has `{key}`, and is no community.",
                               advice=f'Write kind = "community", or leave {key} out.')  # fmt: skip
    return PartyDraft(
        id=_identifier(table, "identity"),
        name=table.read("name", read_name, table.need("name")),
        alias=table.read("alias", read_alias, table.text("alias")),
        kind=kind,
        country=table.read("country", read_country, table.text("country")),
        sectors=table.texts("sectors"),
        contact=table.text("contact"),
        ceiling=None if ceiling is None else table.read("ceiling", read_ceiling, ceiling),
        members=members,
    )


def _read_dialogue(values: Mapping[str, Any]) -> Dialogue:
    """A dialogue; its identifier is empty where the file gives none, its parties are those of the agreement."""
    table = _Table("The dialogue", values, ("id", "name", "alias", "meetings", "statements", "commitments"))
    meetings = [_Table("A meeting", one, ("date", "place", "title")) for one in table.tables("meetings")]
    statements = [_Table("A statement", one, ("source", "title", "url")) for one in table.tables("statements")]
    promised = [_Table("A commitment", one, ("party", "title", "due", "kept")) for one in table.tables("commitments")]
    return Dialogue(
        id=_identifier(table, "dialogue") or "",
        name=table.read("name", read_name, table.need("name")),
        alias=table.read("alias", read_alias, table.text("alias")),
        meetings=tuple(
            Meeting(date=one.day("date"), place=one.need("place"), title=one.need("title")) for one in meetings
        ),
        statements=tuple(
            Statement(source=one.need("source"), title=one.need("title"), url=one.text("url")) for one in statements
        ),
        commitments=tuple(
            Commitment(
                by=one.need("party"),
                title=one.need("title"),
                due=one.day("due"),
                kept=None if one.value("kept") is None else one.day("kept"),
            )
            for one in promised
        ),
    )
