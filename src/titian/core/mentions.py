"""Texts that tell what is withheld: a description that names the wallet, a file name, a translation, a pattern.

The gate takes references away by itself, but what people wrote in their own words it can only find. What it finds
blocks a release until a second person has looked at it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import ahocorasick_rs
import msgspec

from titian.core.projection import Projection
from titian.core.redaction import Path, texts, write_selector
from titian.core.release import Withheld
from titian.core.stix import is_identifier
from titian.core.stix.extension_parts import PERSON_FACTS_EXTENSION
from titian.core.survey import Graph, Held

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode

NAMING: Final = frozenset(
    {
        "name", "aliases", "x_mitre_aliases", "value", "path", "url", "subject", "display_name", "user_id",
        "account_login", "command_line", "key", "serial_number", "issuer", "hashes", "street_address",
        "contact_information", "address", "account", "username", "phone_number", "iban", "token_id", "contract",
        "number", "hash", "holder", "registration", "remote_id", "operator_id",
    }
)  # fmt: skip
"""Properties whose values name what an object is about, at any depth."""

OPEN: Final = frozenset({"reference", "unused"})
"""Rules that withhold an object which could have gone by itself: what it says is no secret."""
_IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9-]*--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_QUOTED: Final = re.compile(r"'((?:[^'\\]|\\.)+)'")
_ESCAPED: Final = re.compile(r"\\(.)")
_LONGEST: Final = 4096
_SHORTEST: Final = 4
_SHORTEST_WIDE: Final = 2
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Scripts that put no space between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese, and Korean's particles."""


_BRACKETED: Final = re.compile(r"[\[({]\s*(\.|dot|://|:|/|@|at)\s*[\])}]")
_DEFANGED: Final = re.compile(rf"\s*{_BRACKETED.pattern}\s*")
_MEANT: Final = {"dot": ".", "at": "@"}


class Mention(msgspec.Struct, frozen=True):
    """A text that goes out and names what does not: in which object and place, what it says, and whose value it is."""

    id: str
    path: str
    value: str
    of: str


def plain(text: str) -> str:
    """Return a text as it is compared: without regard to case, width, or the ways of writing an address safely.

    >>> plain("hxxps://Evil[.]Example")
    'https://evil.example'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    if "hxxp" in text:
        text = text.replace("hxxp", "http")
    if _BRACKETED.search(text):
        text = _DEFANGED.sub(lambda found: _MEANT.get(found[1], found[1]), text)
    return text


def _tells(value: str) -> bool:
    """Whether a value is long enough to be told by being named."""
    if len(value) > _LONGEST:
        return False
    return len(value) >= (_SHORTEST_WIDE if _UNSPACED.search(value) else _SHORTEST)


def values_of(source: Any, paths: Collection[Path] | None = None) -> Iterator[str]:
    """Yield the values that an object, or some of its properties, would be known by."""
    for path, text in texts(source):
        if paths is None:
            if path[0] in ("id", "type", "external_references", "granular_markings"):
                continue
            if path[0] == "extensions" and PERSON_FACTS_EXTENSION not in path[1:2]:
                continue
            if path[0] == "pattern":
                literals = (_ESCAPED.sub(r"\1", literal) for literal in _QUOTED.findall(text))
                yield from filter(_tells, map(plain, literals))
                continue
            if not any(step in NAMING or (isinstance(step, str) and step.startswith("x_")) for step in path):
                continue
        elif not any(path[: len(cut)] == cut for cut in paths):
            continue
        value = plain(text.strip())
        if _tells(value) and not is_identifier(value):
            yield value


class _Secrets:
    """Whose value each text is: of an object as a whole, of its parts that may not go, or of a source."""

    def __init__(self) -> None:
        self.owners: dict[str, set[tuple[str, str]]] = {}

    def add(self, values: Iterable[str], owner: tuple[str, str]) -> None:
        for value in values:
            self.owners.setdefault(value, set()).add(owner)


def keeps_secrets(projection: Projection) -> bool:
    """Whether it withholds anything that a text could name."""
    return bool(projection.cuts or projection.sources) or any(
        _is_secret_object(identifier, why) for identifier, why in projection.withheld.items()
    )


def _is_secret_object(identifier: str, why: Withheld) -> bool:
    return why.rule not in OPEN and not identifier.startswith("marking-definition--")


def find_mentions(graph: Graph, projections: Sequence[Projection]) -> list[tuple[Mention, ...]]:
    """Find, for each projection, the texts that name what it withholds. The graph is searched once for all."""
    secrets = _collect(graph, projections)
    found: list[list[Mention]] = [[] for _ in projections]
    if secrets.owners:
        values = list(secrets.owners)
        machine = ahocorasick_rs.AhoCorasick(values)
        for held in graph.read({i for each in projections for i in each.released}):
            hits = _hits(machine, values, held.raw)
            if hits:
                _attribute(held, hits, secrets.owners, projections, found)
    return [tuple(dict.fromkeys(each)) for each in found]


def _collect(graph: Graph, projections: Sequence[Projection]) -> _Secrets:
    secrets = _Secrets()
    withheld = {i for each in projections for i, why in each.withheld.items() if _is_secret_object(i, why)}
    cuts: dict[str, set[Path]] = {}
    for each in projections:
        for identifier, paths in each.cuts.items():
            cuts.setdefault(identifier, set()).update(paths)
    sources = {s for each in projections for s in each.sources.values()}
    for held in graph.read(withheld | cuts.keys() | sources):
        source = _decode(held.raw)
        if held.id in withheld:
            secrets.add([*values_of(source), held.id.partition("--")[2]], ("object", held.id))
        if held.id in sources:
            secrets.add(values_of(source), ("source", held.id))
        for path in cuts.get(held.id, ()):
            secrets.add(values_of(source, [path]), (f"$.{write_selector(path)}", held.id))
    return secrets


def _hits(machine: Any, values: Sequence[str], raw: bytes) -> set[str]:
    """The values that stand in an object's JSON as words of their own."""
    text = raw.decode() if b"\\" not in raw else "\n".join(_strings(_decode(raw)))
    text = plain(text)
    return {
        values[which]
        for which, start, end in machine.find_matches_as_indexes(text, overlapping=True)
        if _is_word(text, start, end)
    }


def _strings(value: Any) -> list[str]:
    """Every string among the values of an object, in any order."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def _is_word(text: str, start: int, end: int) -> bool:
    return not (_joins(text[start - 1 : start], text[start]) or _joins(text[end : end + 1], text[end - 1]))


def _joins(beside: str, edge: str) -> bool:
    """Whether a letter or digit beside a value makes it a part of another word."""
    return beside.isalnum() and edge.isalnum() and not _UNSPACED.match(beside) and not _UNSPACED.match(edge)


def _attribute(
    held: Held,
    hits: set[str],
    owners: Mapping[str, set[tuple[str, str]]],
    projections: Sequence[Projection],
    found: Sequence[list[Mention]],
) -> None:
    """Note each hit for those audiences from whom the value is withheld and to whom its place goes."""
    machine = sorted(hits)
    for path, text in texts(_decode(held.raw)):
        if is_identifier(text) or path[0] in ("id", "type"):
            continue
        # Identifiers as they are written are blotted out by the projection itself.
        compared = plain(_IDENTIFIER.sub(" ", text) if "--" in text else text)
        for value in machine:
            at = compared.find(value)
            while at >= 0 and not _is_word(compared, at, at + len(value)):
                at = compared.find(value, at + 1)
            if at < 0:
                continue
            for projection, mentions in zip(projections, found, strict=True):
                shown = projection.released.get(held.id)
                if shown is None or any(path[: len(cut)] == cut for cut in projection.cuts.get(held.id, ())):
                    continue
                for kind, owner in sorted(owners[value]):
                    if _is_secret(projection, kind, owner, held.id):
                        mentions.append(Mention(shown, write_selector(path), value, owner))


def _is_secret(projection: Projection, kind: str, owner: str, place: str) -> bool:
    if kind == "object":
        why = projection.withheld.get(owner)
        return why is not None and why.rule not in OPEN
    if kind == "source":
        return projection.sources.get(place) == owner
    return any(f"$.{write_selector(cut)}" == kind for cut in projection.cuts.get(owner, ()))
