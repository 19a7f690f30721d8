"""How ledgers are named and shown: what ``titian ledger`` prints."""

from __future__ import annotations

from typing import Any, Final

from titian.cli.terminal import say
from titian.core.checkpoint import Checkpoint
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.errors import InvalidInput, NotFound
from titian.core.ledger import EVERYBODY, Entry, Kind, Opened
from titian.core.ledger_report import Audited, Cosigned, OwnLedger, Published
from titian.core.notes import Signature
from titian.core.peer_ledger import PeerLedger
from titian.exchange.ledger_verbs import Inspected
from titian.node import Node

PRIVATE: Final = "private"
_WHEN: Final = 19


# ── naming ────────────────────────────────────────────────────────────────────────────────────────────────


def own_ledger(opened: Node, register: Reading, reference: str | None) -> OwnLedger:
    """Find a ledger of this node by what a person calls it; without that, the only one there is.

    Raises :class:`InvalidInput` when there are several, :class:`NotFound`.
    """
    if reference is not None:
        return opened.ledger_desk.find(meant(register, reference))
    standing = [one for one in opened.ledger_desk.list() if one.closed is None]
    if len(standing) != 1:
        known = ", ".join(called(one.agreement, register) for one in standing) or "none yet"
        raise InvalidInput("Which ledger?", advice=f"Give --ledger; this node has: {known}.")
    return standing[0]


def meant(register: Reading, reference: str) -> str:
    """What the desk knows a ledger by: an agreement by its identifier, all else as it is written."""
    try:
        return register.agreement(reference).id
    except NotFound:
        return reference


def called(agreement: str | None, register: Reading) -> str:
    """What to call the ledger of an agreement where a person reads."""
    if agreement is None:
        return PRIVATE
    known = register.directory.agreements.get(agreement)
    return agreement if known is None else register.aliases.get(agreement) or known.name


def entry_reference(text: str, ledger: str | None) -> tuple[str | None, int]:
    """Read ``LEDGER:NUM``, or ``NUM`` where the ledger is given apart. Raises :class:`InvalidInput`.

    >>> entry_reference("private:7", None), entry_reference("7", "pact")
    (('private', 7), ('pact', 7))
    """
    name, colon, number = text.rpartition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19) or (colon and not name):
        raise InvalidInput(f"{text[:80]!r} names no entry.", advice="Write LEDGER:NUMBER, as private:7.")
    if colon and ledger is not None and name != ledger:
        raise InvalidInput(f"The entry is of {name}, and --ledger says {ledger}.")
    return (name if colon else ledger), int(number)


# ── this node's own ───────────────────────────────────────────────────────────────────────────────────────


def own_json(one: OwnLedger, register: Reading) -> dict[str, Any]:
    """A ledger of this node, as programs read it."""
    return {
        "origin": one.origin, "agreement": one.agreement, "name": called(one.agreement, register),
        "entries": one.size, "sealed": one.head.size, "root": one.head.root.hex(), "created": timestamp(one.created),
        "signed": moment(one.signed), "halted": one.halted, "closed": moment(one.closed),
    }  # fmt: skip


def audited_json(one: Audited, register: Reading) -> dict[str, Any]:
    """A ledger that was read again, as programs read it."""
    damage = {"what": one.damage, "entry": one.entry, "evidence": one.evidence}
    return {
        **own_json(one.ledger, register), "holds": one.holds,
        "cosigned": [cosigned_json(each) for each in one.cosigned], "damage": None if one.damage is None else damage,
    }  # fmt: skip


def cosigned_json(one: Cosigned) -> dict[str, Any]:
    """A cosignature, as programs read it."""
    return {"witness": one.name, "size": one.size, "at": timestamp(one.at)}


def show_audited(one: Audited, register: Reading) -> None:
    """Print what reading a ledger again has given."""
    ledger = one.ledger
    mark = "✓" if one.damage is None else "✗"
    say(f"{mark} {called(ledger.agreement, register)}  {ledger.origin}")
    say(f"    {ledger.head.size:,} entries signed {second(ledger.signed)}"
        f"{f', {ledger.size - ledger.head.size:,} wait' if ledger.size > ledger.head.size else ''}")  # fmt: skip
    for each in one.cosigned:
        say(f"    cosigned by {witness_label(each.name, register)}: {each.size:,} entries, {second(each.at)}")
    if ledger.closed is not None:
        say(f"    closed {second(ledger.closed)}: another ledger goes on")
    elif ledger.halted is not None and ledger.halted != one.damage:
        say(f"    halted: {ledger.halted}")
    if one.damage is not None:
        at = "" if one.entry is None else f" (entry {one.entry})"
        say(f"    {one.damage}{at}")
        if one.evidence is not None:
            say(f"    The proof is kept as evidence {one.evidence}; --evidence FILE writes it.")


def published_json(one: Published, register: Reading) -> dict[str, Any]:
    """A checkpoint, as programs read it."""
    checkpoint = Checkpoint.parse(one.note.text)
    return {
        "origin": checkpoint.origin, "agreement": one.ledger.agreement, "name": called(one.ledger.agreement, register),
        "size": checkpoint.size, "root": checkpoint.root.hex(), "signed": moment(one.ledger.signed),
        "signatures": [_signer(line) for line in one.note.signatures], "note": one.note.encode().decode(),
    }  # fmt: skip


def _signer(line: Signature) -> str:
    return f"{line.name}+{line.key_id.hex()}"


# ── entries, in words ─────────────────────────────────────────────────────────────────────────────────────


def entry_json(one: Opened, sealed: bool) -> dict[str, Any]:
    """An entry of one's own ledger, as programs read it."""
    entry = one.entry
    return {
        "num": one.num, "kind": entry.kind.value, "at": timestamp(entry.at), "party": entry.party,
        "details": dict(entry.details), "sealed": sealed, "leaf": one.leaf.hex(),
    }  # fmt: skip


def sentence(entry: Entry, register: Reading) -> str:
    """What an entry says, in words."""
    said = dict(entry.details)
    count = said.get("count")
    objects = f"{count:,} objects" if isinstance(count, int) else "objects"
    because = f": {said['why']}" if said.get("why") else ""
    match entry.kind:
        case Kind.RELEASE:
            return f"{objects} released{because}"
        case Kind.WITHDRAWAL:
            return f"{objects} taken back{because}"
        case Kind.DELIVERY:
            way = {"bundle": " in a sealed bundle", "sent": " back, by our own hand"}.get(str(said.get("view")), "")
            return f"{objects} handed over{way} ({said.get('view')})"
        case Kind.RECALL:
            return f"{objects} recalled, {said.get('reason')} ({said.get('recall')})"
        case Kind.ANSWER:
            return f"recall answered: {said.get('response')} ({said.get('recall')})"
        case Kind.MATCH:
            return _matched(said)
        case Kind.AGREEMENT:
            return "the agreement as it was signed" if "version" in said else "when the party may read"
        case Kind.KEY:
            return f"a {said.get('role')} key changed" + (", compromised" if said.get("compromised") else "")
        case Kind.ACT:
            if "continues" in said:
                return f"goes on from {said['continues']} at {said.get('at'):,}, {said.get('lost'):,} lost{because}"
            return f"{said.get('person')}: {said.get('act')} {said.get('subject')}{because}"
        case Kind.FILLER:
            return "nothing: it hides how much else there is"


def _matched(said: dict[str, Any]) -> str:
    """What an entry says of private matching: how much, never what."""
    what = {
        "offered": "offered", "handed": "an offer handed over", "withdrawn": "an offer withdrawn",
        "answered": "answered", "finished": "answered to the end", "asked": "asked", "done": "asked to the end",
        "broken": "asked, and broken off",
    }.get(str(said.get("what")), str(said.get("what")))  # fmt: skip
    asked = f", {said['asked']:,} asked" if isinstance(said.get("asked"), int) else ""
    offered = f", {said['offered']:,} offered" if isinstance(said.get("offered"), int) else ""
    return f"private matching {what}: {said.get('kind')}, {said.get('mode')}{asked}{offered}"


def whom(entry: Entry, register: Reading) -> str:
    """Whom an entry is opened to."""
    if entry.party is None:
        return "nobody"
    return "everybody" if entry.party == EVERYBODY else register.label(entry.party)


# ── others' ───────────────────────────────────────────────────────────────────────────────────────────────


def peer_json(one: PeerLedger, register: Reading) -> dict[str, Any]:
    """A ledger of another node as this one remembers it, as programs read it."""
    return {
        "origin": one.origin, "party": one.party, "name": None if one.party is None else register.label(one.party),
        "agreement": one.agreement, "url": one.url, "size": one.head.size, "read": one.position,
        "verified": moment(one.seen if one.checkpoint is not None else None), "broken": one.broken,
        "keys": [each.key for each in one.keys],
    }  # fmt: skip


def inspected_json(one: Inspected, register: Reading) -> dict[str, Any]:
    """What verifying a partner's ledger has given, as programs read it."""
    found = one.finding
    shown = None if found is None else {"what": found.what, "entry": found.entry, "evidence": one.kept}
    return {
        "origin": one.peer.origin, "agreement": one.peer.agreement, "entries": one.read,
        "remembered": one.peer.head.size, "holds": one.holds, "finding": shown, "error": one.error,
    }  # fmt: skip


def show_inspected(one: Inspected, register: Reading) -> None:
    """Print what verifying a partner's ledger has given."""
    peer = one.peer
    say(f"{'✓' if one.holds else '✗'} {called(peer.agreement, register)}  {peer.origin}")
    if one.error is not None:
        say(f"    It could not be verified: {one.error}")
        return
    say(f"    {one.read:,} entries read; this node has cosigned {peer.head.size:,} of them.")
    if one.finding is not None:
        at = "" if one.finding.entry is None else f" (entry {one.finding.entry})"
        say(f"    {one.finding.what}{at}")
        if one.kept is not None:
            say(f"    The proof is kept as evidence {one.kept}; --evidence FILE writes it, to be shown to a third.")


# ── small things ──────────────────────────────────────────────────────────────────────────────────────────


def witness_label(name: str, register: Reading) -> str:
    """Whose witness a name is, where a party of the directory has it."""
    party = name.replace("titian-", "identity--", 1)
    return register.label(party) if party in register.directory.parties else name


def moment(at: int | None) -> str | None:
    """An instant for programs."""
    return None if at is None else timestamp(at)


def second(at: int | None) -> str:
    """An instant for people."""
    return "never" if at is None else f"{timestamp(at)[:_WHEN]}Z"
