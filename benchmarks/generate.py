"""Valid STIX 2.1 objects as many as wanted, of ATT&CK's shape: four in five are relationships, about 1.4 kB.

Object ``i`` of a ``seed`` is always the same. Every fifth object is a domain object, the four after it are
relationships from it to a technique at or before it, so that nothing refers forward.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from random import Random

CLEAR = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
_SOURCE = "identity--5f0f7c3a-62a0-4c39-9e7c-0f6fd9a9a5b1"
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)

_KINDS = ("attack-pattern",) * 5 + ("malware", "malware", "intrusion-set", "tool", "course-of-action")
"""The kinds of ten domain objects in a row: the first five can be pointed at by any of them."""
_VERBS = {
    "attack-pattern": "related-to",
    "malware": "uses",
    "intrusion-set": "uses",
    "tool": "related-to",
    "course-of-action": "mitigates",
}
_OWN = {
    "attack-pattern": '"kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"execution"}],',
    "malware": '"is_family":true,',
    "intrusion-set": '"aliases":["Group of the Bridge"],',
    "tool": '"tool_types":["remote-access"],',
    "course-of-action": "",
}
_WORDS = str.split(
    "adversaries may abuse a scheduled service to establish persistence on the remote host through valid "
    "accounts and encoded commands after phishing the operator of an industrial controller whose firmware "
    "has not been updated while the payload downloads second stage modules over an encrypted channel"
)


def _texts(least: int, most: int) -> tuple[str, ...]:
    """Texts of ``least`` to ``most`` characters, already as JSON writes them, escapes and UTF-8 included."""
    random = Random(f"{least}-{most}")
    made = []
    for number in range(1021):
        length, text = random.randint(least, most), ""
        while len(text) < length:
            text += " ".join(random.choices(_WORDS, k=9)).capitalize() + f" (Citation: Säge {number}).\\n\\n"
        made.append(text[:length].rsplit(" ", 1)[0].rstrip("\\"))
    return tuple(made)


_DOMAIN_TEXTS = _texts(900, 2900)
_LINK_TEXTS = _texts(60, 930)


def object_bytes(index: int, seed: int = 0) -> bytes:
    """Object ``index`` of the set ``seed``."""
    number, part = divmod(index, 5)
    own = _domain_id(number, seed)
    stamp = (_EPOCH + timedelta(seconds=index)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    head = f'"spec_version":"2.1","created_by_ref":"{_SOURCE}","created":"{stamp}","modified":"{stamp}"'
    tail = f'"object_marking_refs":["{CLEAR}"]' + "}"
    if part == 0:
        kind = _KINDS[number % 10]
        return (
            f'{{"type":"{kind}","id":"{own}",{head},"name":"{kind.title()} {seed}-{number}",'
            f'"description":"{_DOMAIN_TEXTS[number % 1021]}",{_OWN[kind]}'
            f'"external_references":[{{"source_name":"mitre-attack","external_id":"T{number}",'
            f'"url":"https://attack.example/techniques/T{number}"}}],{tail}'
        ).encode()
    mixed = int.from_bytes(blake2b(f"{seed}/{index}".encode(), digest_size=8).digest(), "big")
    ten = mixed % (number // 10 + 1)
    target = min(ten * 10 + mixed % 5, number - number % 10 + min(number % 10, 4))
    verb = _VERBS[_KINDS[number % 10]]
    return (
        f'{{"type":"relationship","id":"relationship--{_uuid(index, seed)}",{head},'
        f'"relationship_type":"{verb}","description":"{_LINK_TEXTS[mixed % 1021]}",'
        f'"source_ref":"{own}","target_ref":"{_domain_id(target, seed)}",'
        f'"external_references":[{{"source_name":"Säge {mixed % 997}","description":"Report {mixed % 9973}",'
        f'"url":"https://reports.example/{mixed:x}"}}],{tail}'
    ).encode()


def objects(count: int, seed: int = 0, start: int = 0) -> Iterator[bytes]:
    """Objects ``start`` to ``start + count`` of the set ``seed``."""
    return (object_bytes(index, seed) for index in range(start, start + count))


def object_id(index: int, seed: int = 0) -> str:
    """The identifier of object ``index``."""
    return _domain_id(index // 5, seed) if index % 5 == 0 else f"relationship--{_uuid(index, seed)}"


def envelope(count: int, seed: int = 0, start: int = 0) -> bytes:
    """A TAXII envelope of ``count`` objects, as a client posts it."""
    return b'{"objects":[' + b",".join(objects(count, seed, start)) + b"]}"


class Batches:
    """The envelopes of ``count`` objects in a file, so that posting them waits for nothing but the server."""

    def __init__(self, path: Path, count: int, *, size: int = 1000, seed: int = 0) -> None:
        self._path = path
        self._ends = [0]
        with path.open("wb") as file:
            for start in range(0, count, size):
                file.write(envelope(min(size, count - start), seed, start))
                self._ends.append(file.tell())

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            for start, end in zip(self._ends, self._ends[1:], strict=False):
                yield file.read(end - start)


def _domain_id(number: int, seed: int) -> str:
    return f"{_KINDS[number % 10]}--{_uuid(number * 5, seed)}"


def _uuid(index: int, seed: int) -> str:
    digits = blake2b(f"{seed}:{index}".encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
