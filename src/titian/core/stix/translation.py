"""Whether a translation mirrors the object it translates (STIX 2.1 section 7.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from titian.core.stix.rules import step


def mirror_errors(contents: Mapping[str, Any], target: Mapping[str, Any]) -> tuple[str, ...]:
    """The JSON paths in language-content where ``contents`` cannot be laid over ``target``.

    Both are JSON values. Keys that ``target`` lacks are ignored, as the specification says; what remains must
    be text where the original has text, an object for an object, a list of the same length for a list, in
    which ``""`` stands for an item that is not translated.

    >>> mirror_errors({"de": {"goals": ["Geld", ""]}}, {"goals": ["money", "cards"]})
    ()
    >>> mirror_errors({"de": {"goals": ["Geld"], "name": 1}}, {"goals": ["money", "cards"], "name": "x"})
    ('$.contents.de.goals', '$.contents.de.name')
    """
    wrong: list[str] = []
    waiting = [(f"$.contents{step(language)}", texts, target) for language, texts in contents.items()]
    while waiting:
        path, mirror, original = waiting.pop(0)
        if isinstance(original, Mapping) and isinstance(mirror, Mapping):
            waiting += [(path + step(key), mirror[key], original[key]) for key in mirror if key in original]
        elif isinstance(original, list) and isinstance(mirror, list) and len(original) == len(mirror):
            pairs = zip(mirror, original, strict=True)
            waiting += [(path + step(i), one, other) for i, (one, other) in enumerate(pairs) if one != ""]
        elif isinstance(original, (Mapping, list)) or (isinstance(original, str) and not isinstance(mirror, str)):
            wrong.append(path)
    return tuple(wrong)
