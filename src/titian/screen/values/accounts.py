"""Accounts on platforms: ``platform:name``, or ``platform:id=number`` where the platform's own number is known.

Names are in lower case where the platform takes no notice of case. A name can be given up and taken by another, a
number cannot: where both are known both are values. A group, a channel that is joined by invitation or a company's
page has its kind before the name: ``telegram:invite=…``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from titian.core.screening import Value, ValueKind
from titian.screen.values.domains import ascii_host
from titian.screen.values.found import NOTHING, Found
from titian.screen.values.platforms import HOSTS, NOT_NAMES, PLATFORMS, Rule
from titian.screen.values.text import canonical_text, compatible, refanged
from titian.screen.values.urls import Parts, parse_url, refanged_url

_LONGEST: Final = 2048
_NAMES: Final[Mapping[str, str]] = {
    alias: name for name, platform in PLATFORMS.items() for alias in (name, *platform.aliases)
}
_given: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9 ._-]{0,24})\s*:\s*(?:(id|group|invite|company|server)=|@)?([^\s/:]\S{0,127})"
).fullmatch
_handle: Final = re.compile(r"@?([\w.-]{1,64})@([^\s@/]+\.[^\s@/]+)").fullmatch


class Account(NamedTuple):
    """An account as a URL or text names it; ``whole`` says that nothing else was named: the URL is the account's."""

    value: Value
    whole: bool


def platform_of(name: str) -> str | None:
    """Return our name of a platform, or None for one that is not known.

    >>> platform_of("Twitter")
    'x'
    """
    return _NAMES.get(re.sub(r"[\s._-]+", "", name.lower()))


def account_value(platform: str, name: str, part: str = "name") -> Value | None:
    """Return an account on a platform of ours, or None where it can have no such name. ``part`` is what ``name`` is."""
    rule = PLATFORMS[platform].parts.get(part)
    name = compatible(name).strip()
    if rule is None or rule.form(name) is None:
        return None
    if part == "name" and name.lower() in NOT_NAMES:
        return None
    if not rule.case:
        name = name.lower()
    if rule.without:
        name = name.replace(rule.without, "")
    prefix = "" if part == "name" else f"{part}="
    return Value(ValueKind.ACCOUNT, f"{platform}:{prefix}{name}", (("platform", platform),))


def account_of_url(text: str) -> Account | None:
    """Return the account that a URL is of, or None: a page that somebody posted is of that account too."""
    if len(text) > _LONGEST:
        return None
    text = refanged_url(text)
    parts = parse_url(text if ":" in text[:12] else "https://" + text.lstrip("/"))
    if parts is None:
        return None
    if parts.scheme == "tg":
        return _telegram_scheme(text)
    host = parts.host.removeprefix("www.").removeprefix("m.").removeprefix("mobile.").removeprefix("web.")
    rules = HOSTS.get(host)
    if rules is None:
        return _of_subdomain(host, parts)
    fragment = parts.fragment or ""
    path = parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "") + (f"#{fragment}" if fragment else "")
    return _by_rules(rules, path)


def _by_rules(rules: tuple[Rule, ...], path: str) -> Account | None:
    for platform, part, match in rules:
        found = match(path)
        if found is None:
            continue
        value = account_value(platform, found[1], part)
        if value is not None:
            rest = path[found.end(1) :]
            rest = re.split("[?&#]", rest, maxsplit=1)[0]
            return Account(value, rest.strip("/") in _ABOUT)
    return None


_ABOUT: Final = frozenset({"", "about", "videos", "reels", "photos", "media", "with_replies", "followers", "likes"})


_SUBDOMAINS: Final = {
    "t.me": "telegram",
    "tumblr.com": "tumblr",
    "livejournal.com": "livejournal",
    "bsky.social": "bluesky",
}


def _of_subdomain(host: str, parts: Parts) -> Account | None:
    name, _, parent = host.partition(".")
    platform = _SUBDOMAINS.get(parent)
    if platform is None:
        return None
    value = account_value(platform, host if platform == "bluesky" else name)
    return None if value is None else Account(value, parts.path in ("", "/"))


def _telegram_scheme(text: str) -> Account | None:
    found = re.search(r"[?&](domain|id|user_id|invite)=([A-Za-z0-9_+-]+)", text)
    if found is None:
        return None
    part = {"domain": "name", "invite": "invite"}.get(found[1], "id")
    value = account_value("telegram", found[2], part)
    return None if value is None else Account(value, "post=" not in text)


def account_anywhere(platform: str, name: str, part: str = "name") -> Value:
    """Return an account on any platform: one without rules of ours is compared as a text is."""
    known = platform_of(platform)
    value = None
    if known is not None:
        value = account_value(known, name, part) or account_value(known, name)
    if value is None:
        prefix = "" if part == "name" else f"{part}="
        value = Value(ValueKind.ACCOUNT, canonical_text(f"{platform}:{prefix}{name}"))
    return value


def guess_account(text: str) -> Found:
    """Read a tidied text as ``platform:name`` of a platform that is known, or ``@name@server`` of the fediverse."""
    if len(text) > _LONGEST:
        return NOTHING
    text = compatible(text)
    found = _given(text)
    platform = platform_of(found[1]) if found is not None else None
    if found is not None and platform is not None and not found[3].startswith("//"):
        name = found[3]
        part = found[2] or ("id" if name.isdecimal() and PLATFORMS[platform].numbers else "name")
        value = account_value(platform, name, part)
        if value is not None:
            return Found((value,))
        return Found(problem=f"No account on {PLATFORMS[platform].title} is named like this.")
    if text.startswith("@") and text.count("@") == 2:
        return _federated(text)
    return NOTHING


def _federated(text: str) -> Found:
    found = _handle(refanged(text))
    host = ascii_host(found[2]) if found is not None else None
    if found is None or host is None:
        return Found(problem="This is no account on the fediverse: write it as @name@server.")
    return Found((Value(ValueKind.ACCOUNT, f"fediverse:{found[1].lower()}@{host}", (("platform", "fediverse"),)),))


def read_account(text: str) -> Found:
    """Read a tidied text as an account: ``platform:name``, ``@name@server``, or the URL of a profile.

    >>> read_account("https://twitter.com/TitianBridge").values[0].canonical
    'x:titianbridge'
    """
    found = guess_account(text)
    if found != NOTHING:
        return found
    account = account_of_url(text)
    if account is not None:
        return Found((account.value,))
    given = _given(compatible(text))
    value = account_anywhere(given[1], given[3], given[2] or "name") if given is not None else None
    again = _given(value.canonical) if value is not None else None
    if value is not None and again is not None:
        same = account_anywhere(again[1], again[3], again[2] or "name")
        return Found((value,)) if same == value else Found(problem=_NO_ACCOUNT)
    if "@" in text[1:] and _handle(text) is not None:
        return _federated(text)
    return Found(problem=_NO_ACCOUNT)


_NO_ACCOUNT: Final = "This is no account on a platform that is known: write it as platform:name, or as its URL."
