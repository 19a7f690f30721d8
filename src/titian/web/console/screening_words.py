"""Words of screening in the reader's language: kinds of values, how they match, and the sentences of the desk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from babel.numbers import format_percent
from markupsafe import Markup

from titian.core.screening import Hit, Match, Standing, ValueKind
from titian.web.console.exchange_words import PURPOSES
from titian.web.console.guard import Visitor
from titian.web.console.sentences import isolated, sentence
from titian.web.console.words import N_

KINDS: Final = {
    ValueKind.WALLET: N_("Wallet"), ValueKind.IP: N_("IP address"), ValueKind.DOMAIN: N_("Domain name"),
    ValueKind.URL: N_("URL"), ValueKind.EMAIL: N_("Email address"), ValueKind.PHONE: N_("Phone number"),
    ValueKind.IBAN: N_("Bank account (IBAN)"), ValueKind.HASH: N_("Hash of a file"),
    ValueKind.IMAGE: N_("Hash of a picture (PDQ)"), ValueKind.DRONE: N_("Drone"),
    ValueKind.ACCOUNT: N_("Social media account"), ValueKind.NFT: N_("NFT"), ValueKind.PERSON: N_("Person"),
    ValueKind.ORGANISATION: N_("Organisation"), ValueKind.TEXT: N_("Text"),
}  # fmt: skip
"""What a value is."""

MATCHES: Final = {
    Match.EXACT: N_("The same value"), Match.CONTAINED: N_("One contains the other"), Match.NEAR: N_("Nearly the same"),
    Match.PHONETIC: N_("Sounds alike"), Match.CROSS_SCRIPT: N_("Alike in another script"),
}  # fmt: skip
"""How what is held matches."""

STANDINGS: Final = {
    Standing.POSSIBLE: ("warn", N_("Possible"), N_("Nothing but the name speaks for it: it may be somebody else.")),
    Standing.SUPPORTED: ("info", N_("Supported"), N_("A second fact speaks for it.")),
    Standing.CONTRADICTED: ("", N_("Contradicted"), N_("What else is known speaks against it.")),
}
"""What a hit on a name is worth: its badge, its word, and what that means."""

ALIKE: Final = (
    (100, N_("%(percent)s: the same but for writing")), (95, N_("%(percent)s: nearly the same")),
    (90, N_("%(percent)s: close")), (80, N_("%(percent)s: as usual")), (70, N_("%(percent)s: far")),
    (60, N_("%(percent)s: very far, many false hits")),
)  # fmt: skip
"""How alike names must be, in hundredths."""

_SENTENCES: Final = tuple(
    (re.compile(pattern, re.DOTALL), text)
    for pattern, text in (
        (r"The same value is held\.", N_("The same value is held.")),
        (r"It lies in (?P<network>.+)\.", N_("It lies in %(network)s.")),
        (r"It belongs to (?P<value>.+), which is held\.", N_("It belongs to %(value)s, which is held.")),
        (r"The hashes differ in (?P<bits>\d+) of (?P<all>\d+) bits\.",
         N_("The hashes differ in %(bits)s of %(all)s bits.")),
        (r"It was not given for (?P<purpose>.+)\.", N_("It was not given for this purpose: %(purpose)s.")),
        (r"The date of birth agrees: asked (?P<asked>.+); held (?P<held>.+)\.",
         N_("The date of birth agrees: asked %(asked)s; held %(held)s.")),
        (r"The year and month of birth agrees: asked (?P<asked>.+); held (?P<held>.+)\.",
         N_("Year and month of birth agree: asked %(asked)s; held %(held)s.")),
        (r"The year of birth agrees: asked (?P<asked>.+); held (?P<held>.+)\.",
         N_("The year of birth agrees: asked %(asked)s; held %(held)s.")),
        (r"The birth date differs: asked (?P<asked>.+); held (?P<held>.+)\.",
         N_("The date of birth differs: asked %(asked)s; held %(held)s.")),
        (r"The country agrees, which many share: (?P<both>.+)\.",
         N_("The country agrees, which many share: %(both)s.")),
        (r"The country differs: asked (?P<asked>.+); held (?P<held>.+)\.",
         N_("The country differs: asked %(asked)s; held %(held)s.")),
        (r"The document agrees: (?P<both>.+)\.", N_("The document agrees: %(both)s.")),
        (r"No number of a document agrees\.", N_("No number of a document agrees.")),
        (r"The whole name is written the same\.", N_("The whole name is written the same.")),
        (r"The same: (?P<words>.+)\.", N_("The same: %(words)s.")),
        (r"The same name before and after a spelling reform: (?P<words>.+)\.",
         N_("The same name before and after a spelling reform: %(words)s.")),
        (r"The same name in another script: (?P<words>.+)\.", N_("The same name in another script: %(words)s.")),
        (r"Other spellings that sound the same: (?P<words>.+)\.",
         N_("Other spellings that sound the same: %(words)s.")),
        (r"Forms of one name: (?P<words>.+)\.", N_("Forms of one name: %(words)s.")),
        (r"An initial that fits: (?P<words>.+)\.", N_("An initial that fits: %(words)s.")),
        (r"Nearly the same: (?P<words>.+)\.", N_("Nearly the same: %(words)s.")),
        (r"The same, with words written together or apart: (?P<words>.+)\.",
         N_("The same, with words written together or apart: %(words)s.")),
        (r"The parts stand in another order\.", N_("The parts stand in another order.")),
        (r"Only in what was asked: (?P<words>.+)\.", N_("Only in what was asked: %(words)s.")),
        (r"Only in what is held: (?P<words>.+)\.", N_("Only in what is held: %(words)s.")),
        (r"The legal forms differ: (?P<words>.+)\.", N_("The legal forms differ: %(words)s.")),
        (r"May be used in any way\.", N_("May be used in any way.")),
        (r"May be used actively, as for blocking\.", N_("May be used actively, as for blocking.")),
        (r"May be looked up with others, but not used against the adversary\.",
         N_("May be looked up with others, but not used against the adversary.")),
        (r"May be used only where the adversary cannot notice it\.",
         N_("May be used only where the adversary cannot notice it.")),
        (r"Nothing is said about its use: ask its source before you act on it\.",
         N_("Nothing is said about its use: ask its source before you act on it.")),
        (r"It bears a marking that is not understood: ask its source before you act on it\.",
         N_("It bears a marking that is not understood: ask its source before you act on it.")),
    )
)  # fmt: skip
"""Sentences of the screening desk, and the texts of the catalogues that say the same."""
_NOT_FOR: Final = re.compile(r"Not for (?P<purpose>[a-z-]+)\. ?(?P<rest>.*)", re.DOTALL)
_NOT_FOR_WORDS: Final = N_("Not for this purpose: %(purpose)s.")


def evidence_words(visitor: Visitor, said: str) -> Markup:
    """A sentence of the desk in the reader's language; one that is not known stays as it is, in English."""
    for pattern, text in _SENTENCES:
        if found := pattern.fullmatch(said):
            values: Mapping[str, str] = found.groupdict()
            return sentence(visitor, text, **{name: _value(visitor, name, one) for name, one in values.items()})
    return english(said)


def use_words(visitor: Visitor, hit: Hit) -> list[Markup]:
    """What may be done with what was found."""
    told: list[Markup] = []
    said = hit.use
    if found := _NOT_FOR.fullmatch(said):
        told.append(sentence(visitor, _NOT_FOR_WORDS, purpose=_value(visitor, "purpose", found["purpose"])))
        said = found["rest"]
    return [*told, evidence_words(visitor, said)] if said else told


def more_marking(hit: Hit) -> Markup:
    """What the marking says besides TLP and PAP, which stand as badges; empty for nothing."""
    known = {"not marked", *(one.label for one in (hit.tlp, hit.pap) if one is not None)}
    rest = "; ".join(one for one in hit.marking.split("; ") if one not in known)
    return english(rest) if rest else Markup("")


def english(text: str) -> Markup:
    """A text that is there in English only, with what strangers wrote in it."""
    return Markup('<span lang="en">{}</span>').format(isolated(text))


def kinds(visitor: Visitor) -> list[tuple[str, str]]:
    """The kinds to choose from, by what they are called."""
    return [(kind.value, visitor.gettext(text)) for kind, text in KINDS.items()]


def purposes(visitor: Visitor) -> list[tuple[str, str]]:
    """The purposes to choose from."""
    return [(one.value, visitor.gettext(text)) for one, text in PURPOSES.items()]


def likenesses(visitor: Visitor) -> Sequence[tuple[str, str]]:
    """How alike names may have to be, to choose from."""
    return [(str(one), visitor.gettext(text) % {"percent": percent(visitor, one / 100)}) for one, text in ALIKE]


def percent(visitor: Visitor, share: float) -> str:
    """A share from 0 to 1 in hundredths, as the language writes them."""
    return str(format_percent(share, locale=visitor.formats.locale))


def _value(visitor: Visitor, name: str, text: str) -> str:
    if name != "purpose":
        return text
    return next((visitor.gettext(said) for one, said in PURPOSES.items() if one.value == text), text)
