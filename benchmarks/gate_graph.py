"""The graphs that the gate is measured with: real objects, closed under reference, marked in three ways."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from titian.core.agreement import Agreement
from titian.core.collection import Incoming
from titian.core.marking import Handling, handling_definition
from titian.core.party import Directory, Party, PartyKind
from titian.core.stix import Timestamp
from titian.core.survey import Held, Survey
from titian.core.tlp import TLP_IDS, Tlp
from titian.wire.galaxies import demo_objects

INSIDERS: Final = "JP"
"""The country that alone may see what :func:`mixed` marks for it."""
_IDS: Final = uuid.UUID("0d5a1c9e-9d0e-4c5c-8f0b-6b7a4b1d2e3f")
_MARKABLE: Final = frozenset(
    {"relationship", "attack-pattern", "threat-actor", "malware", "course-of-action", "intrusion-set", "tool"}
)
"""Types that can go without a description. Of a new type it is not known, so that it would stay as a whole."""
_EVERY: Final = 50
_AT: Final = Timestamp.parse("2026-01-01T00:00:00.000Z").micros
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode


def fixed_id(kind: str, name: str) -> str:
    """An identifier that follows from a name."""
    return f"{kind}--{uuid.uuid5(_IDS, name)}"


class Memory:
    """A graph in memory (:class:`titian.core.survey.Graph`)."""

    def __init__(self, raws: Iterable[bytes]) -> None:
        self._held = {made["id"]: Held(made["id"], raw) for raw in raws for made in (_decode(raw),)}
        self._places = {identifier: place for place, identifier in enumerate(self._held)}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def read(self, identifiers: Collection[str]) -> Iterator[Held]:
        """Those that are in it, in its order."""
        found = sorted((i for i in identifiers if i in self._held), key=self._places.__getitem__)
        return (self._held[identifier] for identifier in found)


@cache
def graph(count: int) -> tuple[bytes, ...]:
    """``count`` objects of the demo, or a few more: relationships with both ends, creators and markings, then others.

    Everything in it is marked CLEAR, and nothing refers to what is not in it.
    """
    raws = list(demo_objects())
    facts = Survey(Held("", raw) for raw in raws).facts
    chosen: set[str] = set()
    for one in sorted(facts.values(), key=lambda one: one.type != "relationship"):
        if len(chosen) < count:
            waiting = [one.id]
            while waiting:
                found = facts.get(waiting.pop())
                if found is not None and found.id not in chosen:
                    chosen.add(found.id)
                    waiting += [*found.refs, *found.supports()]
    return tuple(raw for raw, identifier in zip(raws, facts, strict=True) if identifier in chosen)


def half_granular(raws: Sequence[bytes]) -> Iterator[bytes]:
    """Half of the objects bear a granular marking that takes their description out of what goes."""
    marked = 0
    for seen, raw in enumerate(raws):
        made = _decode(raw)
        if made["type"] in _MARKABLE and 2 * marked <= seen:
            marked += 1
            yield _encode(_with_part(made, TLP_IDS[Tlp.RED]))
        else:
            yield raw


def mixed(raws: Sequence[bytes]) -> Iterator[bytes]:
    """One object in fifty is for one country only, and so is the description of another one."""
    mark, definition = handling_definition(Handling(releasable_to=(INSIDERS,)))
    yield definition
    eligible = 0
    for raw in raws:
        made = _decode(raw)
        eligible += made["type"] in _MARKABLE
        if made["type"] not in _MARKABLE or eligible % _EVERY not in (0, _EVERY // 2):
            yield raw
        elif eligible % _EVERY:
            yield _encode(_with_part(made, mark))
        else:
            yield _encode(made | {"object_marking_refs": [*made.get("object_marking_refs", ()), mark]})


def _with_part(made: dict[str, Any], mark: str) -> dict[str, Any]:
    described = made | {"description": made.get("description") or "How this became known."}
    return described | {"granular_markings": [{"marking_ref": mark, "selectors": ["description"]}]}


def own_id(number: int) -> str:
    """The identifier of :func:`own_object`."""
    return fixed_id("tool", f"own {number}")


def own_object(own: str, number: int) -> bytes:
    """An object of the node's own, which its people may mark anew."""
    at = "2026-01-01T00:00:00.000Z"
    return _encode(
        {"type": "tool", "spec_version": "2.1", "id": own_id(number), "created_by_ref": own,
         "created": at, "modified": at, "name": f"Tool of our own {number}",
         "object_marking_refs": [TLP_IDS[Tlp.CLEAR]]}
    )  # fmt: skip


def synthetic(number: int) -> Incoming:
    """A small object, ready to be appended; each number is another."""
    at = "2026-01-01T00:00:00.000Z"
    identifier = f"tool--00000000-0000-4000-8000-{number:012x}"
    raw = (
        f'{{"type":"tool","spec_version":"2.1","id":"{identifier}","created":"{at}","modified":"{at}",'
        f'"name":"Tool {number}","object_marking_refs":["{TLP_IDS[Tlp.CLEAR]}"]}}'
    )
    return Incoming(identifier, "tool", _AT, raw.encode(), at)


def small_directory() -> tuple[Directory, Agreement, str]:
    """A directory with one agreement between its own party and another one, who is the audience."""
    own, other = fixed_id("identity", "own"), fixed_id("identity", "other")
    agreement = Agreement(
        id=fixed_id("agreement", "one"), name="One", parties=frozenset({own, other}),
        purposes=frozenset({"cyber-defence"}), ceiling=Tlp.AMBER, starts=0,
    )  # fmt: skip
    parties = {
        own: Party(id=own, name="Own", kind=PartyKind.AGENCY, country="ID"),
        other: Party(id=other, name="Other", kind=PartyKind.AGENCY, country=INSIDERS),
    }
    return Directory(own=own, parties=parties, agreements={agreement.id: agreement}), agreement, other


def agreement_file(own: str, alias: str, members: int) -> bytes:
    """An agreement between a node and some parties of its own making, ``alias-1`` and so on; four in ten of them are
    of the country of :data:`INSIDERS`."""
    names = [f"{alias}-{number}" for number in range(1, members + 1)]
    lines = [
        f'alias = "{alias}"', f'name = "Agreement {alias}"', f"parties = {_encode([own, *names]).decode()}",
        'purposes = ["cyber-defence"]', 'ceiling = "amber"', "four_eyes = false",
    ]  # fmt: skip
    for number, name in enumerate(names):
        lines += ["[[party]]", f'alias = "{name}"', f'name = "Party {name}"', 'kind = "state-agency"']
        lines.append(f'country = "{INSIDERS if number % 10 < 4 else "SG"}"')
    return "\n".join(lines).encode()
