"""What the entries of a ledger say, as sentences in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from titian.core.directory_objects import Reading
from titian.core.ledger import EVERYBODY, Entry, Kind
from titian.web.console.choosing import party_name
from titian.web.console.words import N_

KINDS: Final = {
    Kind.RELEASE: N_("Release"), Kind.WITHDRAWAL: N_("Withdrawal"), Kind.DELIVERY: N_("Delivery"),
    Kind.RECALL: N_("Recall"), Kind.ANSWER: N_("Answer"), Kind.AGREEMENT: N_("Agreement"), Kind.KEY: N_("Key"),
    Kind.MATCH: N_("Private match"), Kind.ACT: N_("Act"), Kind.FILLER: N_("Filler"),
}  # fmt: skip
_SAID: Final = {
    Kind.RELEASE: N_("%(count)s objects were released. %(why)s"),
    Kind.WITHDRAWAL: N_("%(count)s objects were taken back. %(why)s"),
    Kind.DELIVERY: N_("%(count)s objects were handed over (%(view)s)."),
    Kind.RECALL: N_("%(count)s objects were recalled: %(reason)s."),
    Kind.ANSWER: N_("A recall was answered: %(response)s."),
    Kind.MATCH: N_("Private matching (%(what)s): %(kind)s, %(mode)s; asked: %(asked)s, offered: %(offered)s."),
    Kind.AGREEMENT: N_("The agreement, or who is in it, changed."),
    Kind.KEY: N_("A key changed: %(role)s."),
    Kind.ACT: N_("%(person)s: %(act)s %(subject)s. %(why)s"),
    Kind.FILLER: N_("Nothing: it hides how much else there is."),
}


class _Details(dict[str, Any]):
    """Details of an entry; what is not said is a dash."""

    def __missing__(self, key: str) -> str:
        return "" if key == "why" else "-"


def sentence(
    entry: Entry, gettext: Callable[[str], str], number: Callable[[int], str], people: Mapping[str, str]
) -> str:
    """What an entry says; ``people`` are names by identifiers. Its details are anybody's words: the page escapes
    them."""
    said = _Details(entry.details)
    for key in ("person", "subject"):
        if said.get(key) in people:
            said[key] = people[said[key]]
    for key in ("count", "asked", "offered"):
        if isinstance(said.get(key), int):
            said[key] = number(said[key])
    return (gettext(_SAID[entry.kind]) % said).strip()


def whom(entry: Entry, register: Reading, gettext: Callable[[str], str]) -> str:
    """Whom an entry is opened to."""
    if entry.party is None:
        return gettext(N_("nobody outside"))
    return (
        gettext(N_("every party of the agreement")) if entry.party == EVERYBODY else party_name(register, entry.party)
    )
