"""Domain names, in A-labels and lower case (UTS 46, as browsers map them), without the dot of the root.

The registrable part is a fact, after the Public Suffix List that `tldextract` brings with it. A label whose letters
look like Latin ones is told by what it looks like: it stays another domain.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import idna
import tldextract

from titian.core.screening import Value, ValueKind
from titian.screen.values.found import Found
from titian.screen.values.lookalikes import looks_like, scripts_of
from titian.screen.values.text import refanged

_LONGEST: Final = 253
_LABEL: Final = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_is_ascii_domain: Final = re.compile(
    rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+(?:(?!-)(?=[^.]*[a-z])[a-z0-9-]{{2,63}}(?<!-))"
).fullmatch
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
SPECIAL: Final = frozenset({"example", "test", "invalid", "localhost", "local", "onion", "internal", "alt", "arpa"})
"""Top-level names outside the Public Suffix List (RFC 2606, RFC 6761, RFC 6762, RFC 7686, RFC 9476)."""

# Only the list in the package: nothing is fetched, nothing is kept on disk.
_suffixes: Final = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def ascii_host(text: str) -> str | None:
    """Return a host name in A-labels and lower case, or None if it is none. One label is enough, as in ``localhost``.

    >>> ascii_host("Faß.DE.")
    'xn--fa-hia.de'
    """
    lower = text.lower().removesuffix(".") if text.isascii() else None
    if lower is not None and "xn--" not in lower:
        return lower if lower and len(lower) <= _LONGEST and all(_is_label(one) for one in lower.split(".")) else None
    if len(text) > 4 * _LONGEST:
        return None
    return _mapped(text)


_is_label: Final = re.compile(_LABEL).fullmatch


@lru_cache(maxsize=4096)
def _mapped(text: str) -> str | None:
    try:
        text = idna.uts46_remap(_DOTS.sub(".", text), std3_rules=False, transitional=False).removesuffix(".")
        labels = [_a_label(label) for label in text.split(".")]
    except (idna.IDNAError, UnicodeError, IndexError, ValueError):
        return None
    whole = ".".join(labels)
    return whole if len(whole) <= _LONGEST and all(_is_label(one) for one in labels) else None


def _a_label(label: str) -> str:
    """A label in ASCII. Emoji and others that IDNA 2008 forbids are in use all the same, and so are written too."""
    if label.isascii():
        # Written in A-labels already: kept if it stands for something.
        if label.startswith("xn--"):
            decoded = label[4:].encode().decode("punycode")
            sound = not decoded.isascii() and idna.uts46_remap(decoded, std3_rules=False, transitional=False) == decoded
            return label if sound else "\0"
        return label
    return "xn--" + label.encode("punycode").decode().lower()


def unicode_host(host: str) -> str:
    """Return a host name in A-labels as people read it."""
    if "xn--" not in host:
        return host
    return ".".join(
        label[4:].encode().decode("punycode") if label.startswith("xn--") else label for label in host.split(".")
    )


@lru_cache(maxsize=8192)
def registrable(host: str) -> str:
    """Return the part of a host name that somebody registered, or an empty text where the suffix is not known.

    >>> registrable("a.b.example.co.id")
    'example.co.id'
    """
    parts = _suffixes.extract_str(host)
    if parts.suffix and parts.domain:
        return f"{parts.domain}.{parts.suffix}"
    labels = host.split(".")
    return ".".join(labels[-2:]) if len(labels) > 1 and labels[-1] in SPECIAL else ""


def has_known_suffix(host: str) -> bool:
    """Whether a host name ends as one of the internet does, and not as a file does."""
    return registrable(host) != "" or _suffixes.extract_str(host).suffix != ""


def host_facts(host: str) -> tuple[tuple[str, str], ...]:
    """Return what there is to say of a host name in its canonical form."""
    facts: list[tuple[str, str]] = []
    owner = registrable(host)
    if owner:
        facts.append(("registrable", owner))
    if "xn--" in host:
        shown = unicode_host(host)
        facts.append(("unicode", shown))
        alike = looks_like(shown)
        if alike is not None:
            facts.append(("looks-like", alike))
        mixed = next((found for found in map(scripts_of, shown.split(".")) if len(found) > 1), None)
        if mixed is not None:
            facts.append(("mixed-scripts", ", ".join(sorted(mixed))))
    return tuple(facts)


def looks_like_domain(text: str) -> bool:
    """Whether a refanged text is written as a domain name is."""
    if text.isascii():
        return _is_ascii_domain(text.lower().removesuffix(".")) is not None
    host = ascii_host(text) if " " not in text else None
    return host is not None and _is_ascii_domain(host) is not None


def quick_domain(text: str) -> Value | None:
    """Return the domain name that a text is, if it is a plain one, as nearly all are."""
    lower = text.lower()
    plain = text.isascii() and "xn--" not in lower and _is_ascii_domain(lower) is not None
    return Value(ValueKind.DOMAIN, lower, host_facts(lower)) if plain else None


def read_domain(text: str) -> Found:
    """Read a tidied text as a domain name; with ``*.`` before it, as that below which everything is meant.

    >>> read_domain("Evil[.]Example.").values[0].canonical
    'evil.example'
    """
    text = refanged(text).strip()
    below = text.startswith("*.")
    host = ascii_host(text[2:] if below else text)
    if host is None or _is_ascii_domain(host) is None:
        return Found(problem="This is no domain name.")
    facts = host_facts(host)
    return Found((Value(ValueKind.DOMAIN, host, (*facts, ("wildcard", "*." + host)) if below else facts),))
