"""Reading a value: as the kind that it was given as, or as what it is recognised to be.

What is recognised goes by cheap tests of its form first; a library is asked only about what has the form. What fits
no kind, or is wrong as one, is a text: nothing that can be typed raises an error here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from titian.core.screening import NAMES, ReadValue, Value, ValueKind
from titian.screen.values.accounts import account_of_url, guess_account, read_account
from titian.screen.values.addresses import is_ipv4, looks_like_ip, read_ip
from titian.screen.values.digests import guess_hash, quick_hash, read_hash, read_image
from titian.screen.values.domains import has_known_suffix, looks_like_domain, quick_domain, read_domain
from titian.screen.values.drones import guess_drone, read_drone
from titian.screen.values.found import NOTHING, Found
from titian.screen.values.nfts import guess_nft, read_nft
from titian.screen.values.people import (
    WRONG_CHECK_DIGITS,
    kinds_of_name,
    looks_like_iban,
    looks_like_local_phone,
    looks_like_mail,
    looks_like_phone,
    name_value,
    quick_mail,
    read_iban,
    read_mail,
    read_phone,
)
from titian.screen.values.text import LONGEST, compatible, refanged, text_value, tidied
from titian.screen.values.urls import read_url, refanged_url
from titian.screen.values.wallets import quick_wallet, read_wallet

_READERS: Final[Mapping[ValueKind, Callable[[str], Found]]] = {
    ValueKind.WALLET: read_wallet,
    ValueKind.IP: read_ip,
    ValueKind.DOMAIN: read_domain,
    ValueKind.URL: read_url,
    ValueKind.EMAIL: read_mail,
    ValueKind.IBAN: read_iban,
    ValueKind.HASH: read_hash,
    ValueKind.IMAGE: read_image,
    ValueKind.DRONE: read_drone,
    ValueKind.ACCOUNT: read_account,
    ValueKind.NFT: read_nft,
}


def _quick_ip(text: str) -> Value | None:
    return Value(ValueKind.IP, text, _V4) if is_ipv4(text) is not None else None


_V4: Final = (("version", "4"),)
_QUICK: Final[Mapping[ValueKind, Callable[[str], Value | None]]] = {
    ValueKind.WALLET: quick_wallet,
    ValueKind.IP: _quick_ip,
    ValueKind.DOMAIN: quick_domain,
    ValueKind.EMAIL: quick_mail,
    ValueKind.HASH: quick_hash,
}
"""For kinds that come in great numbers: the value, if there is nothing to tidy and nothing to say about it."""


def read_value(text: str, kind: ValueKind | None = None, *, region: str | None = None) -> ReadValue:
    """Return what a text is taken for: as a value of ``kind``, or of the kinds that it is recognised as.

    ``region`` (ISO 3166-1 alpha-2) is that of telephone numbers without a country. Never raises: ``problem`` says what
    is wrong, and the value is then a text, unless it could be read all the same, as without its invisible characters.

    >>> read_value("hxxps://Evil[.]example/").values[0]
    Value(kind=<ValueKind.URL: 'url'>, canonical='https://evil.example/', facts=(('host', 'evil.example'), \
('registrable', 'evil.example')))
    """
    if len(text) > LONGEST:
        return ReadValue(text, (_whole(text, kind),), f"This is longer than {LONGEST} characters.")
    tidy = tidied(text)
    if not tidy.text:
        return ReadValue(text, (text_value(""),), "There is nothing here." if not tidy.problem else tidy.problem)
    found = _recognised(tidy.text, region) if kind is None else _as(tidy.text, kind, region)
    problem = found.problem
    if tidy.problem is not None:
        problem = tidy.problem if problem is None else f"{tidy.problem} {problem}"
    return ReadValue(text, found.values or (text_value(tidy.text),), problem)


def read_values(texts: Sequence[str], kind: ValueKind | None = None, *, region: str | None = None) -> list[ReadValue]:
    """Return what each text is taken for, as :func:`read_value` does, in order; quick for the common kinds."""
    quick = None if kind is None else _QUICK.get(kind)
    if quick is None:
        return [read_value(text, kind, region=region) for text in texts]
    found = []
    for text in texts:
        value = quick(text)
        found.append(read_value(text, kind) if value is None else ReadValue(text, (value,)))
    return found


def _whole(text: str, kind: ValueKind | None) -> Value:
    value = text_value(text)
    return value if kind not in NAMES else Value(ValueKind.TEXT, value.canonical)


def _as(text: str, kind: ValueKind, region: str | None) -> Found:
    if kind is ValueKind.TEXT:
        return Found((text_value(text),))
    if kind in NAMES:
        return Found((name_value(text, kind),))
    if kind is ValueKind.PHONE:
        return read_phone(text, region)
    return _READERS[kind](text)


# --- recognising --------------------------------------------------------------------------------------------

_AUTO_QUICK: Final = (quick_wallet, _quick_ip, quick_mail)
_is_url: Final = re.compile(
    r"(?:h(?:tt|xx|tx|xt|\*\*)ps?|ftp|fxp|meows?|wss?|tg|sftp|ssh|ldaps?|smb|ipfs|gopher|rtsp|irc)\s?[\[({]?:"
    r"|(?:magnet|data|javascript):",
    re.IGNORECASE,
).match
_is_mailto: Final = re.compile(r"mailto:", re.IGNORECASE).match
_bare_hex: Final = re.compile(r"[0-9a-fA-F]{40}").fullmatch
_with_path: Final = re.compile(r"([^\s/?#@]+)(?::\d{1,5})?[/?#].*").fullmatch
_FILES: Final = frozenset({"zip", "mov", "py", "sh", "rs", "md", "pl", "ps", "so"})
"""Suffixes that names of files and domains share."""


def _recognised(text: str, region: str | None) -> Found:
    for quick in _AUTO_QUICK:
        value = quick(text)
        if value is not None:
            return Found((value,))
    for recognise in _IN_ORDER:
        found = recognise(text)
        if found.values or found.problem is not None:
            return found
    plain = compatible(text)
    if looks_like_phone(plain) is not None or (region is not None and looks_like_local_phone(plain) is not None):
        return read_phone(plain, region)
    return _names(text)


def _url(text: str) -> Found:
    if _is_mailto(text) is not None:
        return read_mail(text)
    if _is_url(text) is None:
        return NOTHING
    found = read_url(text)
    nft = guess_nft(refanged_url(text))
    if nft.values:
        return Found((*nft.values, *found.values))
    return _with_account(text, found)


def _with_account(text: str, found: Found) -> Found:
    account = account_of_url(text) if found.values else None
    if account is None:
        return found
    values = (account.value, *found.values) if account.whole else (*found.values, account.value)
    return Found((*values, *_number_of(account.value)), found.problem)


def _number_of(account: Value) -> tuple[Value, ...]:
    platform, _, name = account.canonical.partition(":")
    return read_phone("+" + name).values if platform in ("whatsapp", "viber") and name.isdecimal() else ()


def _hash(text: str) -> Found:
    text = compatible(text)
    found = guess_hash(text)
    return Found((*found.values, *read_wallet(text).values)) if _bare_hex(text) is not None else found


def _ip(text: str) -> Found:
    plain = refanged(compatible(text)).strip()
    return read_ip(plain) if looks_like_ip(plain) else NOTHING


def _mail(text: str) -> Found:
    plain = refanged(text).strip("<>'; \"")
    return read_mail(plain) if looks_like_mail(plain) is not None and not plain.startswith("@") else NOTHING


def _wallet(text: str) -> Found:
    return read_wallet(text, asked=False)


def _iban(text: str) -> Found:
    """An IBAN; one with wrong check digits is reported only if a country writes them so."""
    if looks_like_iban(text) is None:
        return NOTHING
    found = read_iban(text)
    return found if found.values or (text[:2].isupper() and found.problem == WRONG_CHECK_DIGITS) else NOTHING


def _domain(text: str) -> Found:
    plain = refanged(text).strip()
    if "." not in plain and plain.isascii():
        return NOTHING
    if looks_like_domain(plain.removeprefix("*.")):
        found = read_domain(plain)
        last = found.values[0].canonical.rpartition(".")[2] if found.values else ""
        if found.values and (not has_known_suffix(found.values[0].canonical) or last in _FILES):
            return Found((text_value(text), *found.values))
        return found
    page = _with_path(plain)
    if page is not None and ((looks_like_domain(page[1]) and has_known_suffix(page[1].lower())) or is_ipv4(page[1])):
        return _with_account(plain, read_url(plain))
    return NOTHING


def _names(text: str) -> Found:
    kinds = kinds_of_name(compatible(text))
    whole = text_value(text)
    names = tuple(name_value(text, kind) for kind in kinds)
    return Found((*names, whole) if len(text.split()) > 1 else (whole, *names))


_IN_ORDER: Final[tuple[Callable[[str], Found], ...]] = (
    _url, _hash, _ip, guess_nft, guess_account, _mail, guess_drone, _wallet, _iban, _domain,
)  # fmt: skip
