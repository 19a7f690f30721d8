"""GraphSense TagPacks in: YAML files of addresses of crypto-assets, each with who or what it belongs to.

Format: github.com/graphsense/graphsense-tagpack-tool, ``README_tagpacks.md`` and ``tagpack_schema.yaml``. A field of a
tag that stands in the header counts for every tag that does not say otherwise.

A tag becomes a ``wallet``, an ``indicator`` and the relationship between them, as a row of CSV does. Screening answers
with the objects that hold a value: the wallet alone would say that the address is known and nothing of why, and a
``note`` or ``grouping`` holds references and no value, so it would never be in an answer. The indicator is: its name is
the tag's label, its labels are category, abuse, concepts and actor, its external reference is the source with who made
the pack. The creator is no ``identity``: a pack names it freely, and every name that is held is screened.

A tag is told by pack's creator, address, network, label and source, as the format has it, so that a pack that is read
again gives the same objects, and one with a later ``lastmod`` gives newer versions of them. Where ``lastmod`` is
missing the file's own date stands in. When a tag was first written no pack says: ``created`` is 1970, since it must be
the same in all versions (STIX 2.1 section 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from titian.core.errors import InvalidInput
from titian.core.extension_objects import WALLET, make_observable
from titian.core.stix import Timestamp
from titian.wire.misp_values import SYMBOLS
from titian.wire.stix import Problem
from titian.wire.tagpack_yaml import Fields, read_header, read_tags

_TAGS: Final = UUID("8f6b1c52-6c1e-5d8e-9a57-3c0b7a4de919")
"""Ours: a tag has the same id whoever reads it."""
_CREATED: Final = "1970-01-01T00:00:00.000Z"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST: Final = 10_000
"""Characters of a text at most."""
_UNKNOWN_TOLD: Final = 50
"""Names of fields that are told as unknown at most."""

_CONFIDENCE: Final = {
    "override": 100, "ownership": 100, "manual_transaction": 90, "service_api": 70, "authority_data": 60,
    "trusted_provider": 50, "service_data": 50, "forensic": 50, "untrusted_transaction": 40, "web_crawl": 20,
    "heuristic": 10, "unknown": 5,
}  # fmt: skip
"""The tool's own levels (``confidence.csv``), which are from 0 to 100 as STIX's are."""

_NETWORKS: Final = {symbol: network for network, symbol in SYMBOLS.items()} | {
    "ARB": "arbitrum", "BSC": "binance-smart-chain", "BTG": "bitcoin-gold", "EOS": "eos", "EOSIO": "eos",
    "KCC": "kucoin-community-chain", "MATIC": "polygon", "OP": "optimism", "XBT": "bitcoin", "XVG": "verge",
}  # fmt: skip
_TOKENS: Final = frozenset({"USDT", "USDC", "WETH", "WBTC", "KCS", "DAI", "BUSD", "TUSD"})
"""Currencies that live on several networks: they name none."""
_EVM: Final = frozenset({
    "ethereum", "ethereum-classic", "arbitrum", "binance-smart-chain", "optimism", "polygon", "avalanche",
    "kucoin-community-chain",
})  # fmt: skip
_NEVER_HEX: Final = frozenset({
    "bitcoin", "bitcoin-cash", "bitcoin-sv", "bitcoin-gold", "litecoin", "dash", "dogecoin", "zcash", "monero", "tron",
    "xrp-ledger", "verge", "stellar",
})  # fmt: skip
_is_hex: Final = re.compile(r"0[xX][0-9a-fA-F]{40}").fullmatch
_is_address: Final = re.compile(r"[!-~]{4,256}").fullmatch
_is_network: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,31}").fullmatch
_BARE: Final = re.compile(r"[13][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc|tb|ltc)1[a-z0-9]{11,87}")
_WHEN: Final = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:[Tt ]\s*(\d\d?):(\d\d)(?::(\d\d)(?:\.\d*)?)?\s*(?:Z|UTC|([+-])(\d\d?)(?::?(\d\d))?)?)?"
)

_HEADER: Final = frozenset({"title", "creator", "description", "owner", "is_public", "tags", "header"})
_TAG: Final = frozenset({
    "label", "source", "currency", "network", "context", "confidence", "is_cluster_definer", "lastmod", "created",
    "category", "abuse", "address", "tx_hash", "actor", "concepts", "tag_type", "description",
})  # fmt: skip

Json = dict[str, Any]
Report = Callable[[Problem], None]


def read_tagpack(
    path: Path,
    *,
    at: Timestamp,
    problem: Report = lambda one: None,
    progress: Callable[[int], None] = lambda size: None,
) -> Iterator[bytes]:
    """Yield STIX 2.1 objects from a TagPack, tag after tag: a wallet, an indicator and their relationship.

    The same file read twice, with the same ``at``, gives the same bytes. A checksum of an address is not looked at.

    :param at: stands for ``lastmod`` where there is none.
    :param problem: told of every tag and field that is not taken, with its line and the reason.
    :param progress: told of bytes as they are read.
    :raises UnreadableFile: if it is no YAML, or holds no tags.
    """
    header = read_header(path, problem)
    told = 0

    def advance(position: int) -> None:
        nonlocal told
        if position > told:
            progress(position - told)
            told = position

    reader = _Reader(header, at, problem)
    for number, tag in enumerate(read_tags(path, problem, advance)):
        if not number:
            reader.begin()
        yield from reader.objects(tag)
    advance(path.stat().st_size)


class _Reader:
    """Makes objects of tags; what is told once is told once."""

    def __init__(self, header: Fields, at: Timestamp, problem: Report) -> None:
        self._header = header
        self._at = at
        self._problem = problem
        self._unknown: set[str] = set()
        self._doubted: set[str] = set()

    def begin(self) -> None:
        """Look at the header alone."""
        for name in ("title", "creator"):
            if self._optional(self._header, name) is None:
                self._doubt(self._header, name, f"the header has no {name}.")
        self._name_unknown(self._header, _HEADER | _TAG)

    def objects(self, tag: Fields) -> Iterator[bytes]:
        """Yield what a tag becomes; nothing, and the reason is told, where it cannot be read."""
        try:
            made = self._made(tag)
        except InvalidInput as error:
            self._problem(Problem(f"line {tag.line}", str(error)))
            return
        self._name_unknown(tag, _TAG)
        yield from map(msgspec.json.encode, made)

    def _made(self, tag: Fields) -> tuple[Json, Json, Json]:
        if tag.wrong:
            raise InvalidInput(tag.wrong)
        address = self._address(tag)
        label = self._needed(tag, "label")
        network = self._network(tag, address)
        wallet = make_observable(WALLET, {"address": address, "network": network})
        indicator = self._indicator(tag, wallet, label)
        return wallet, indicator, _relationship(indicator["id"], wallet["id"])

    def _indicator(self, tag: Fields, wallet: Json, label: str) -> Json:
        creator, source = self._optional(tag, "creator"), self._optional(tag, "source")
        told_by = [creator, wallet["address"], wallet.get("network"), label, source]
        since = self._since(tag)
        text = wallet["address"].replace("\\", "\\\\").replace("'", "\\'")
        made: Json = {
            "type": "indicator", "spec_version": "2.1",
            "id": f"indicator--{uuid5(_TAGS, msgspec.json.encode(told_by).decode())}",
            "created": _CREATED, "modified": since, "name": label,
        }  # fmt: skip
        description = self._description(tag)
        made |= {"description": description} if description else {}
        made |= {"indicator_types": ["malicious-activity"]} if self._optional(tag, "abuse") else {}
        made |= {"pattern": f"[wallet:address = '{text}']", "pattern_type": "stix", "valid_from": since}
        labels = self._labels(tag)
        made |= {"labels": labels} if labels else {}
        made |= self._confidence(tag)
        reference = {"source_name": creator or "TagPack"}
        if source is not None:
            reference["url" if re.match(r"https?://\S+\Z", source) else "description"] = source
        reference.setdefault("description", self._optional(tag, "title") or "GraphSense TagPack")
        return made | {"external_references": [reference]}

    # ── fields ────────────────────────────────────────────────────────────────────────────────────────────

    def _of(self, tag: Fields, name: str) -> str | None:
        """What a tag says, else the header. Raises :class:`InvalidInput` for what is no text."""
        text = tag.text(name)
        if text is None and name != "address" and tag is not self._header:
            text = self._header.text(name)
        if text is not None and len(text) > _LONGEST:
            raise InvalidInput(f"{name} has more than {_LONGEST:,} characters.")
        return text

    def _optional(self, tag: Fields, name: str) -> str | None:
        """The same; what is wrong is told, and left out."""
        try:
            return self._of(tag, name)
        except InvalidInput as error:
            self._doubt(tag, name, f"{error} It was left out.")
            return None

    def _doubt(self, tag: Fields, name: str, why: str) -> None:
        """Tell what is wrong with a field: of what stands in the header once, not for every tag."""
        if tag is self._header or name not in tag.names:
            if name in self._doubted:
                return
            self._doubted.add(name)
            tag = self._header
        self._problem(Problem(f"line {tag.line}", why))

    def _needed(self, tag: Fields, name: str) -> str:
        text = self._of(tag, name)
        if text is None:
            raise InvalidInput(f"the tag has no {name}.")
        return text

    def _address(self, tag: Fields) -> str:
        address = self._of(tag, "address")
        if address is None:
            if self._of(tag, "tx_hash") is not None:
                raise InvalidInput("the tag is about a transaction; only tags of addresses are read.")
            raise InvalidInput("the tag has no address.")
        if not _is_address(address):
            odd = next((one for one in address if not "!" <= one <= "~"), "")
            why = f"U+{ord(odd):04X} is in no address" if odd else "it has 4 to 256 characters"
            raise InvalidInput(f"{address[:60]!r} is not an address: {why}.")
        return address

    def _network(self, tag: Fields, address: str) -> str | None:
        """The network as a wallet names it; None where the tag does not say, or says what cannot be."""
        said = self._of(tag, "network") or self._of(tag, "currency")
        if said is None:
            self._problem(Problem(f"line {tag.line}", "the tag names neither currency nor network."))
            return None
        if not _is_network(said):
            raise InvalidInput(f"{said[:60]!r} is neither a currency nor a network.")
        if said.upper() in _TOKENS:
            return None
        network = _NETWORKS.get(said.upper()) or re.sub(r"[ _]+", "-", said.lower())
        if (network in _NEVER_HEX and _is_hex(address)) or (network in _EVM and _BARE.fullmatch(address)):
            why = f"{address} is no address of {network}; its network was left out."
            self._problem(Problem(f"line {tag.line}", why))
            return None
        return network

    def _since(self, tag: Fields) -> str:
        text = self._optional(tag, "lastmod")
        if text is None:
            return self._at.text
        found = _moment(text)
        if found is None:
            self._doubt(tag, "lastmod", f"lastmod {text[:60]!r} is not a date; the file's own is taken.")
            return self._at.text
        return found

    def _description(self, tag: Fields) -> str:
        said = [self._optional(tag, "description")]
        context = self._optional(tag, "context")
        return "\n\n".join(filter(None, (*said, f"Context: {context}" if context else None)))

    def _labels(self, tag: Fields) -> list[str]:
        found = [f"{name}:{text}" for name in ("category", "abuse", "actor") if (text := self._optional(tag, name))]
        found += [f"concept:{one}" for one in tag.items("concepts") or self._header.items("concepts")]
        currency = (self._optional(tag, "currency") or "").upper()
        found += [f"currency:{currency}"] if currency in _TOKENS else []
        found += ["cluster-definer"] if (self._optional(tag, "is_cluster_definer") or "").lower() in _YES else []
        return list(dict.fromkeys(found))

    def _confidence(self, tag: Fields) -> Json:
        text = self._optional(tag, "confidence")
        if text is None:
            return {}
        level = _CONFIDENCE.get(text.lower())
        if level is None:
            self._doubt(tag, "confidence", f"confidence {text[:60]!r} is not known, and was left out.")
            return {}
        return {"confidence": level}

    def _name_unknown(self, fields: Fields, known: frozenset[str]) -> None:
        for name in fields.names - known - self._unknown:
            if len(self._unknown) < _UNKNOWN_TOLD:
                self._unknown.add(name)
                where = f"line {fields.line}"
                self._problem(Problem(where, f"{name!r} is no field of a TagPack; it was left out wherever it is."))


_YES: Final = frozenset({"true", "yes", "on", "y"})


def _relationship(source: str, target: str) -> Json:
    # It says the same in every version of the tag, so it has one version.
    return {
        "type": "relationship", "spec_version": "2.1", "id": f"relationship--{uuid5(_TAGS, f'{source} {target}')}",
        "created": _CREATED, "modified": _CREATED, "relationship_type": "based-on", "source_ref": source,
        "target_ref": target,
    }  # fmt: skip


@lru_cache(256)
def _moment(text: str) -> str | None:
    """A date, or a time as YAML writes it, in UTC; None for what is none, and for one before 1970.

    >>> _moment("2024-02-26"), _moment("2024-2-26 7:05:00 +07:00"), _moment("99999999")
    ('2024-02-26T00:00:00.000Z', '2024-02-26T00:05:00.000Z', None)
    """
    match = _WHEN.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, sign, hours, minutes = match.groups()
    with suppress(ValueError, OverflowError):
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), 0, UTC)
        if sign:
            moment -= int(f"{sign}1") * timedelta(hours=int(hours), minutes=int(minutes or 0))
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z") if moment >= _EPOCH else None
    return None
