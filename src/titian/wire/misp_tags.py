"""MISP tags and markings: the tags of the taxonomies ``tlp``, ``PAP`` and ``iep``, and statements.

A tag that a marking cannot be read from is never left out: it counts as the strictest of its taxonomy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from titian.core.errors import InvalidInput
from titian.core.marking import UNMARKED, Marking
from titian.core.tlp import Pap, Tlp, parse_pap, parse_tlp

_LONGEST_TAG: Final = 255  # the width of MISP's column
_TAXONOMY: Final = re.compile(r"\s*(tlp|pap|statement)\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)
_IEP_TLP: Final = re.compile(
    r"\s*(?:iep:traffic-light-protocol|iep2-policy:tlp)\s*=\s*\"?([^\"]*)\"?\s*", re.IGNORECASE
)


class Tagged(NamedTuple):
    """What the tags of one MISP record say: its marking, the other tags, and what was hard to read."""

    marking: Marking
    others: list[dict[str, Any]]
    doubts: list[str]


def read_tags(tags: Iterable[Any]) -> Tagged:
    """Split the ``Tag`` list of a MISP record into its marking and the rest.

    Several levels of one taxonomy contradict each other, and the strictest binds. ``tlp:unclear``,
    ``tlp:ex:chr`` and whatever else is not a level count as RED and stay among the other tags, so that what
    was said remains to be seen.

    >>> read_tags([{"name": "tlp:green"}, {"name": "tlp:amber+strict"}, {"name": "apt"}]).marking.tlp
    <Tlp.AMBER_STRICT: 'amber+strict'>
    """
    marking, others, doubts = UNMARKED, [], []
    for tag in tags:
        if not (isinstance(tag, dict) and isinstance(tag.get("name"), str)):
            doubts.append("a tag without a name was left out")
            continue
        one, keep, doubt = _read_tag(tag["name"])
        marking = marking.join(one)
        others += [tag] if keep else []
        doubts += [doubt] if doubt else []
    return Tagged(marking, others, doubts)


def _read_tag(name: str) -> tuple[Marking, bool, str | None]:
    """The marking of one tag, whether the tag is kept beside it, and a doubt about it."""
    if policy := _IEP_TLP.fullmatch(name):
        marking, doubt = _level(name, policy[1], "tlp")
        return marking, True, doubt
    match = _TAXONOMY.fullmatch(name)
    if match is None:
        return UNMARKED, True, None
    taxonomy, text = match[1].lower(), match[2].strip()
    if taxonomy == "statement":
        return (Marking(statements=frozenset({text})) if text else UNMARKED), False, None
    marking, doubt = _level(name, text, taxonomy)
    return marking, doubt is not None, doubt


def _level(name: str, text: str, taxonomy: str) -> tuple[Marking, str | None]:
    strictest = "TLP:RED" if taxonomy == "tlp" else "PAP:RED"
    try:
        if taxonomy == "tlp":
            return Marking(tlp=parse_tlp(text)), None
        return Marking(pap=parse_pap(text)), None
    except InvalidInput:
        doubt = f"the tag {name!r} is not a level that is known, so {strictest} was taken"
        return (Marking(tlp=Tlp.RED) if taxonomy == "tlp" else Marking(pap=Pap.RED)), doubt


def write_tags(marking: Marking) -> list[str]:
    """Return the tags that state a marking.

    :raises InvalidInput: if part of it has no tag: an unknown marking, an exchange policy, a statement that
        does not fit.

    >>> write_tags(Marking(tlp=Tlp.AMBER_STRICT, pap=Pap.RED))
    ['tlp:amber+strict', 'PAP:RED']
    """
    if marking.unknown:
        raise InvalidInput(f"its marking {min(marking.unknown)} is not known here, so nobody may have it")
    if marking.policies:
        raise InvalidInput("MISP has no tag that keeps all of its information exchange policy")
    tags = [f"tlp:{marking.tlp.value}"] if marking.tlp else []
    tags += [marking.pap.label] if marking.pap else []
    for statement in sorted(marking.statements):
        tag = f"statement:{statement}"
        if len(tag) > _LONGEST_TAG or not statement.isprintable() or statement.strip() != statement:
            raise InvalidInput("its statement marking does not fit into a MISP tag")
        tags.append(tag)
    return tags


def is_marking_tag(name: str) -> bool:
    """Whether a tag belongs to a taxonomy of markings."""
    return bool(_TAXONOMY.fullmatch(name) or _IEP_TLP.fullmatch(name))
