"""``titian ledger prove``, ``check-proof`` and ``policy``: what others need to verify without this node."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json
from titian.cli.ledger_shown import called, entry_reference, own_ledger, second, sentence
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.checkpoint import Checkpoint, Proof
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.entry_proof import Receipt, check_receipt
from titian.core.errors import InvalidInput, NotFound, Refused, TooLarge, UnreadableFile
from titian.core.notes import LARGEST_NOTE, SignatureType, VerifierKey
from titian.core.party import Directory
from titian.core.people import Permission
from titian.core.signing import Role, witness_name
from titian.core.trust import NO_QUORUM, Group, Log, Policy, Witness
from titian.node import Node

QUORUM: Final = "partners"
LedgerOption = Annotated[
    str | None,
    typer.Option("--ledger", help="Which: its agreement, private, its origin, or the beginning of that."),
]


def add_to(app: typer.Typer) -> None:
    """Add these verbs to a group."""
    app.command(epilog="Example:  titian ledger prove asean-japan:17 -o release.tlog-proof")(prove)
    app.command("check-proof", epilog="Example:  titian ledger check-proof release.tlog-proof")(check_proof)
    app.command(epilog="Example:  titian ledger policy --ledger asean-japan --at-least 2")(policy)


def prove(
    entry: Annotated[str, typer.Argument(help="LEDGER:NUMBER, as private:7; or NUMBER with --ledger.")],
    home: Home = DEFAULT_HOME,
    ledger: LedgerOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; without it, standard output.")
    ] = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="Prove that something is there, and say nothing of what.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a receipt for one entry: a C2SP .tlog-proof that verifies offline, with the last checkpoint in it.

    It opens the entry to whoever gets the file, unless --closed: hand it to whom it concerns, and to nobody else.
    """
    reference, num = entry_reference(entry, ledger)
    with node(home) as opened:
        acting(opened, home, Permission.AUDIT)
        register = opened.agreements.read()
        held = own_ledger(opened, register, reference)
        proof = opened.ledger_desk.prove(held.origin, num, closed=closed)
    if json:
        print_json({"origin": held.origin, "index": num, "size": proof.checkpoint.size, "closed": closed,
                    "proof": proof.encode().decode()})  # fmt: skip
        if output is None:
            return
    if output is None:
        sys.stdout.write(proof.encode().decode())
        sys.stdout.flush()
    else:
        output.write_bytes(proof.encode())
    if not json:
        what = "says nothing of the entry" if closed else "opens the entry to whoever has it"
        warn(f"Entry {num} of {called(held.agreement, register)}, under {proof.checkpoint.size:,}: the receipt {what}.")


def check_proof(
    file: Annotated[Path, typer.Argument(help="A .tlog-proof; - reads standard input.")],
    home: Home = DEFAULT_HOME,
    key: Annotated[
        list[str] | None, typer.Option(help="A key to trust for the ledger, name+hash+base64, instead of the node's.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A tlog-policy: which logs and how many witnesses are enough.")
    ] = None,
    json: Json = False,
) -> None:
    """Verify a receipt offline: that the entry is in the ledger, who has signed that, and what the entry says.

    Trusted are the keys of this node, of the cards that it holds, and of the ledgers that it remembers, unless --key or
    --policy says otherwise. Exit 1 when it does not hold.
    """
    proof = Proof.parse(_read(file))
    rules = None if policy is None else Policy.parse(_read(policy))
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        register = opened.agreements.read()
        if rules is not None:
            logs = [each.key for each in rules.logs]
            witnesses = [each.key for each in rules.witnesses]
        else:
            origin = proof.checkpoint.origin
            logs = [VerifierKey.parse(each) for each in key] if key else _trusted(opened, register.directory, origin)
            witnesses = _witness_keys(opened)
    found = check_receipt(proof, logs, witnesses)
    if rules is not None:
        verdict = rules.judge(found.checkpoint.origin, [each.key for each in found.signed])
        if not verdict.valid:
            raise Refused(f"The policy is not met. {verdict.reason}")
    _show(found, register, json)


def policy(
    home: Home = DEFAULT_HOME,
    ledger: LedgerOption = None,
    at_least: Annotated[
        int | None, typer.Option(help="How many witnesses have to cosign; 1 if there are any.", min=0)
    ] = None,
    json: Json = False,
) -> None:
    """Print a C2SP tlog-policy for one ledger, of this node or of a partner: what public tools verify it with.

    The witnesses are those that this node knows. Each ledger has a policy of its own: a node signs all of its ledgers
    with one key, and a policy names a key once.
    """
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        register = opened.agreements.read()
        origin, keys = _ledger_keys(opened, register, ledger)
        known = [each for each in _policy_witnesses(opened) if not _same_node(each.name, origin)]
        made = _policy(keys, known, at_least)
    if json:
        print_json({"origin": origin, "policy": made.encode().decode(), "quorum": made.quorum,
                    "witnesses": [each.name for each in made.witnesses]})  # fmt: skip
    else:
        sys.stdout.write(made.encode().decode())
        sys.stdout.flush()


# ── whose keys ────────────────────────────────────────────────────────────────────────────────────────────


def _trusted(opened: Node, directory: Directory, origin: str) -> list[VerifierKey]:
    """Every key that this node trusts for a ledger, its own or another's; one that has ended may have signed before.

    Raises :class:`Refused` when there is none.
    """
    found = list(opened.ledger_desk.log_keys(origin))
    for peer in opened.peers.list():
        if origin.startswith(f"{witness_name(peer.card.party)}/"):
            sound = [each for each in peer.card.keys if each.compromised is None]
            found += [VerifierKey(origin, SignatureType.ED25519, each.key) for each in sound]
    remembered = opened.peer_ledgers.get(origin)
    if remembered is not None:
        found += remembered.trusted(opened.peer_ledgers.now())
    if not found:
        raise Refused(f"No key is trusted here for {origin[:120]}.",
                      advice="Take the card of its node (`titian peers add`), or give --key.")  # fmt: skip
    return list(dict.fromkeys(found))


def _witness_keys(opened: Node) -> list[VerifierKey]:
    """The keys of every witness that this node knows, its own among them."""
    own = [
        VerifierKey(witness_name(opened.record.identity), Role.WITNESS.type, each.public)
        for each in opened.signing.current(Role.WITNESS)
    ]
    cards = [VerifierKey.parse(peer.card.witness) for peer in opened.peers.list()]
    return list(dict.fromkeys([*own, *(each.key for each in opened.ledger_desk.witnesses()), *cards]))


def _policy_witnesses(opened: Node) -> list[Witness]:
    """The same under names that are used once, with their addresses."""
    urls = {str(each.key): each.url or "" for each in opened.ledger_desk.witnesses()}
    found: dict[bytes, Witness] = {}
    names: set[str] = set()
    for key in _witness_keys(opened):
        if key.public_key in found:
            continue
        name = key.name if key.name not in names else f"{key.name}-{key.id.hex()}"
        names.add(name)
        found[key.public_key] = Witness(name, key, urls.get(str(key), ""))
    return list(found.values())


def _same_node(witness: str, origin: str) -> bool:
    """Whether a witness is of the node whose ledger it is: its word adds nothing."""
    return origin.startswith(f"{witness}/")


def _ledger_keys(opened: Node, register: Reading, reference: str | None) -> tuple[str, list[VerifierKey]]:
    """The origin of a ledger, ours or one that is remembered, and the keys that sign it now."""
    others = opened.peer_ledgers.all()
    try:
        held = own_ledger(opened, register, reference)
    except NotFound:
        wanted = reference or ""
        found = [one for one in others if one.origin == wanted] or [
            one for one in others if wanted and (one.origin.startswith(wanted) or one.id.startswith(wanted))
        ]
        if len(found) != 1:
            raise
        return found[0].origin, found[0].trusted(opened.peer_ledgers.now())
    return held.origin, list(opened.ledger_desk.current_keys(held.origin))


def _policy(keys: list[VerifierKey], witnesses: list[Witness], at_least: int | None) -> Policy:
    needed = min(1, len(witnesses)) if at_least is None else at_least
    if needed > len(witnesses):
        raise InvalidInput(f"Only {len(witnesses)} witnesses are known here.",
                           advice="`titian ledger witnesses` lists those whose cosignatures are taken.")  # fmt: skip
    logs = tuple(Log(each) for each in keys)
    if not needed:
        return Policy(NO_QUORUM, logs, tuple(witnesses))
    group = Group(QUORUM, needed, tuple(each.name for each in witnesses))
    return Policy(QUORUM, logs, tuple(witnesses), (group,))


# ── showing ───────────────────────────────────────────────────────────────────────────────────────────────


def _show(found: Receipt, register: Reading, json: bool) -> None:
    checkpoint: Checkpoint = found.checkpoint
    entry = None if found.opened is None else found.opened.entry
    if json:
        said: dict[str, Any] | None = None
        if entry is not None:
            said = {"kind": entry.kind.value, "at": timestamp(entry.at), "party": entry.party,
                    "details": dict(entry.details)}  # fmt: skip
        signed = [
            {"key": str(each.key), "time": None if each.time is None else timestamp(each.time * 1_000_000)}
            for each in found.signed
        ]
        print_json({"holds": True, "origin": checkpoint.origin, "index": found.index, "size": checkpoint.size,
                    "leaf": found.leaf.hex(), "signed": signed, "entry": said})  # fmt: skip
        return
    say(f"Entry {found.index} is in {checkpoint.origin}, which has {checkpoint.size:,} entries.")
    for each in found.signed:
        when = "" if each.time is None else f" at {second(each.time * 1_000_000)}"
        say(f"    {'signed' if each.time is None else 'cosigned'} by {each.key.name}{when}")
    if entry is None:
        say("    The receipt is closed: it does not say what the entry is.")
    else:
        say(f"    {second(entry.at)}  {entry.kind.value}: {sentence(entry, register)}")
        for name, value in entry.details.items():
            say(f"      {name}: {value}")


def _read(file: Path) -> bytes:
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(LARGEST_NOTE + 1)
        else:
            with file.open("rb") as stream:
                data = stream.read(LARGEST_NOTE + 1)
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error.strerror or error}.") from error
    if len(data) > LARGEST_NOTE:
        raise TooLarge(f"{file} is too large for this.")
    return data
