"""What belongs to somebody: e-mail addresses, telephone numbers, bank accounts; and names, tidied.

E-mail: in lower case, the domain in A-labels; RFC 5321 lets a server tell letter case apart before the @, hardly one
does. Telephone: E.164. Bank accounts: the IBAN without spaces. What a name means is the matter of `screen/names`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat
from schwifty import IBAN
from schwifty.exceptions import InvalidChecksumDigits, SchwiftyException

from titian.core.screening import Value, ValueKind
from titian.screen.values.domains import ascii_host, host_facts
from titian.screen.values.found import Found
from titian.screen.values.text import compatible, refanged, squeezed

# --- e-mail -------------------------------------------------------------------------------------------------

_LONGEST_MAIL: Final = 254
_is_plain_mail: Final = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63})"
).fullmatch
looks_like_mail: Final = re.compile(r"[^\s@]{1,128}@[^\s@]{1,253}").fullmatch


def quick_mail(text: str) -> Value | None:
    """Return the address that a text is, if it is one of the plain ones that nearly all are."""
    text = text.lower()
    found = _is_plain_mail(text) if len(text) <= _LONGEST_MAIL else None
    return None if found is None or "--" in found[1] else Value(ValueKind.EMAIL, text, (("domain", found[1]),))


def read_mail(text: str) -> Found:
    """Read a tidied text as an e-mail address. Nothing is looked up.

    >>> read_mail("mailto:Some.One@Evil[.]Example").values[0].canonical
    'some.one@evil.example'
    """
    text = refanged(compatible(text)).strip("<>'; \"")
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0]
    quick = quick_mail(text)
    if quick is not None:
        return Found((quick,))
    if len(text) > 4 * _LONGEST_MAIL:
        return Found(problem="This is too long to be an e-mail address.")
    local, at, domain = text.rpartition("@")
    host = ascii_host(domain) if at else None
    if host is None or "." not in host:
        return Found(problem="This is no e-mail address.")
    try:
        # The library holds domains against IDNA 2008 and a list of special ones: they are ours to judge.
        sound = validate_email(f"{local}@domain.example", check_deliverability=False, globally_deliverable=False)
    except (EmailNotValidError, UnicodeError, ValueError):
        return Found(problem="This is no e-mail address.")
    canonical = f"{sound.local_part.lower()}@{host}"
    return Found((Value(ValueKind.EMAIL, canonical, (("domain", host), *host_facts(host))),))


# --- telephone ----------------------------------------------------------------------------------------------

_LONGEST_PHONE: Final = 60
looks_like_phone: Final = re.compile(
    r"(?:tel:\+?|\+|00)[\d\s().\-/\u2010-\u2015]{6,40}(?:(?:;ext=|\s?(?:ext\.?|x|#)\s?)\d{1,8})?"
).fullmatch
looks_like_local_phone: Final = re.compile(r"\(?0?[\d\s().\-/]{6,20}").fullmatch


def read_phone(text: str, region: str | None = None) -> Found:
    """Read a tidied text as a telephone number; ``region`` (ISO 3166-1 alpha-2) is that of a national one.

    >>> read_phone("0812-3456-7890", "ID").values[0].canonical
    '+6281234567890'
    """
    text = compatible(text).strip()
    if len(text) > _LONGEST_PHONE:
        return Found(problem="This is too long to be a telephone number.")
    text = text[4:] if text[:4].lower() == "tel:" else text
    international = re.sub(r"\A\(?00(?=[\s()-]*[1-9])", "+", text) if region is None else text
    try:
        number = phonenumbers.parse(international, region)
    except NumberParseException:
        national = region is None and not international.startswith("+")
        return Found(problem=_NO_COUNTRY if national else "This is no telephone number.")
    if not phonenumbers.is_possible_number(number):
        return Found(problem="This is no telephone number: it has too few or too many digits for its country.")
    facts = []
    country = phonenumbers.region_code_for_number(number)
    if country and country != "001":
        facts.append(("country", country))
    facts.append(("validity", "valid" if phonenumbers.is_valid_number(number) else "possible"))
    if number.extension:
        facts.append(("extension", number.extension))
    return Found((Value(ValueKind.PHONE, phonenumbers.format_number(number, PhoneNumberFormat.E164), tuple(facts)),))


_NO_COUNTRY: Final = "This is no telephone number that says its country: write it with + and the country's code."


# --- bank accounts ------------------------------------------------------------------------------------------

looks_like_iban: Final = re.compile(r"(?:IBAN:?\s*)?[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}").fullmatch
_iban_form: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}").fullmatch
_LONGEST_IBAN: Final = 80


WRONG_CHECK_DIGITS: Final = "This looks like an IBAN, but its check digits are wrong: a character was changed."


def read_iban(text: str) -> Found:
    """Read a tidied text as an IBAN (ISO 13616).

    >>> read_iban("gb82 WEST 1234 5698 7654 32").values[0].canonical
    'GB82WEST12345698765432'
    """
    if len(text) > _LONGEST_IBAN:
        return Found(problem="This is too long to be an IBAN.")
    plain = squeezed(text).upper().removeprefix("IBAN").lstrip(":")
    if not plain.isascii() or _iban_form(plain) is None:
        return Found(problem="This is no IBAN.")
    try:
        found = IBAN(plain)
    except InvalidChecksumDigits:
        return Found(problem=WRONG_CHECK_DIGITS)
    except (SchwiftyException, ValueError) as error:
        return Found(problem=f"This looks like an IBAN, but it does not fit its country ({str(error)[:80]}).")
    facts = [("country", found.country_code)]
    if found.bank_code:
        facts.append(("bank", found.bank_code))
    return Found((Value(ValueKind.IBAN, plain, tuple(facts)),))


# --- names --------------------------------------------------------------------------------------------------

_LEGAL: Final = re.compile(
    r"(?:\b(?:pt|cv|ud|ltd|limited|llc|llp|plc|inc|corp|corporation|gmbh|ag|kg|sarl|sas|spa|bv|nv|oy|ab|as|aps|pty|pte"
    r"|sdn\.?\s+bhd|bhd|tbk|co|company|foundation|bank|group|holding|holdings|ooo|zao|oao|fze|llp|yayasan|trust"
    r"|ministry|agency|university|kementerian|badan)\b\.?)|株式会社|有限会社|合同会社|\u041e\u041e\u041e|\u041e\u0410\u041e|\u0417\u0410\u041e|บริษัท|شركة",
    re.IGNORECASE,
)
_is_name: Final = re.compile(r"[^\W\d_](?:[\w\s'\u2019.,&()\-\u30fb\u00b7/]){1,120}").fullmatch
_MOST_WORDS: Final = 8


def name_value(text: str, kind: ValueKind) -> Value:
    """Return a tidied text as the name of a person or an organisation: one space between words, NFKC, case kept."""
    name = text
    while (again := " ".join(compatible(name).split())) != name:
        name = again
    return Value(kind, name)


def kinds_of_name(text: str) -> tuple[ValueKind, ...]:
    """Return the kinds of name that a text could be, the likeliest first; none for a text that is no name.

    >>> kinds_of_name("PT Titian Nusantara")[0].value
    'organisation'
    """
    # Vowels of Thai and others are marks, and no letters.
    bare = "".join(char for char in text if not unicodedata.category(char).startswith("M"))
    if _is_name(bare) is None or any(char.isdigit() for char in bare):
        return ()
    words = text.split()
    capital = sum(not word[0].islower() for word in words)
    if len(words) > _MOST_WORDS or 2 * capital < len(words):
        return ()
    if _LEGAL.search(text) is not None:
        # `As` and `Co` are parts of people's names as well.
        return (ValueKind.ORGANISATION, ValueKind.PERSON)
    return (ValueKind.PERSON, ValueKind.ORGANISATION)
