"""``titian bundle``."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, cast

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, progress, table
from titian.cli.failure import reason
from titian.cli.session import acting
from titian.cli.terminal import say, warn
from titian.core.bundle import Kept, Kind, missing
from titian.core.collection import timestamp
from titian.core.directory_objects import Reading
from titian.core.errors import AlreadyExists, InvalidInput, Unavailable
from titian.core.party import Party
from titian.core.people import Permission
from titian.exchange.bundle import Opened
from titian.exchange.bundle_seal import Sealed

app = typer.Typer(
    help="Seal what partners are served into files, and open theirs: for networks with no connection.",
    no_args_is_help=True,
    add_completion=False,
)

_UNFIT: Final = re.compile(r"[^\w-]+")


@app.command(epilog="Example:  titian bundle seal --to asean-japan -o to-japan.titian --party npa-japan")
def seal(
    to: Annotated[str, typer.Option(help="The agreement: name, id or alias.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; with several parties, one for each beside it.")
    ],
    home: Home = DEFAULT_HOME,
    party: Annotated[str | None, typer.Option(help="For this party only: name, id or alias.")] = None,
    since: Annotated[
        int | None, typer.Option(help="Seal again what was in this number and later ones: it got lost.", min=1)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="After a restore: go on behind the last number that the partner has.")
    ] = False,
    json: Json = False,
) -> None:
    """Seal what is new for each party of an agreement: signed, encrypted for that party alone, and numbered.

    A file that is there is never replaced. The partner opens it with `titian bundle open`, and sends the receipt back.
    """
    paths: dict[str, Path] = {}

    def outlet(one: Party, several: bool) -> Any:
        paths[one.id] = _named(output, one) if several else output
        return _new_file(paths[one.id])

    with node(home) as opened, progress("Packing", quiet=json) as advance:
        actor = acting(opened, home, Permission.REQUEST_RELEASE)
        done = opened.bundles.seal(actor, to, outlet, party=party, since=since, resume=resume, progress=advance)
    if json:
        print_json([_sealed_json(one, paths) for one in done])
        return
    for one in done:
        if one.bundle is None:
            say(f"Nothing new for {one.party.name}.")
            continue
        say(f"{paths[one.party.id]}: number {one.bundle.number} for {one.party.name}, {one.bundle.count:,} objects.")
        if one.more:
            warn("It is full, and there is more: seal once more.")


def _sealed_json(one: Sealed, paths: dict[str, Path]) -> dict[str, Any]:
    made = one.bundle
    return {
        "party": one.party.id,
        "file": None if made is None else str(paths[one.party.id]),
        "number": None if made is None else made.number,
        "count": 0 if made is None else made.count,
        "cover": None if made is None else made.cover.hex(),
        "more": one.more,
    }


@app.command("open", epilog="Example:  titian bundle open from-japan.titian")
def open_verb(
    file: Annotated[Path, typer.Argument(help="The sealed bundle.")],
    home: Home = DEFAULT_HOME,
    receipt: Annotated[
        Path | None, typer.Option(help="Where to write the receipt for the way back; FILE.receipt without.")
    ] = None,
    json: Json = False,
) -> None:
    """Open a bundle that a partner sealed for this node: check it, take in what is in it, and seal a receipt.

    What is in it is judged as if it had come over the network: accepted, or put into the quarantine. A bundle that was
    opened before changes nothing; --receipt gives another receipt for it.
    """
    way_back = receipt or file.with_name(f"{file.name}.receipt")
    if receipt is not None:
        _require_new(receipt)
    with node(home) as opened:
        actor = acting(opened, home, Permission.WRITE)
        with _readable(file) as source, progress("Opening", os.fstat(source.fileno()).st_size, quiet=json) as advance:
            told = opened.bundles.open(
                actor, source, receipt=lambda: _new_file(_free(way_back)), again=receipt is not None, advance=advance
            )
        register = opened.agreements.read()
    if json:
        print_json(_opened_json(told, way_back))
    else:
        _show_opened(told, way_back, register)


def _opened_json(told: Opened, way_back: Path) -> dict[str, Any]:
    return {
        **_kept_json(told.bundle),
        "opened_before": None if told.again is None else timestamp(told.again),
        "missing": told.missing,
        "findings": told.findings,
        "receipt": None if told.receipt is None else str(way_back),
    }


def _show_opened(told: Opened, way_back: Path, register: Reading) -> None:
    one = told.bundle
    what = "The receipt" if one.kind is Kind.RECEIPT else "The bundle"
    if told.again is not None:
        say(f"{what}, number {one.number} of {told.party.name}, was opened already on {timestamp(told.again)}: "
            "nothing has changed.")  # fmt: skip
    else:
        say(f"{what} is number {one.number} of {told.party.name} under {_agreement(register, one)}.")
        if one.counts is not None:
            say(f"{one.count:,} objects: {one.counts.accepted:,} accepted, {one.counts.known:,} known already, "
                f"{one.counts.quarantined:,} quarantined.")  # fmt: skip
    for finding in told.findings:
        warn(f"Look at this: {finding}")
    if told.missing:
        warn(f"MISSING of {told.party.name}: {_numbers(told.missing)}. Ask for them; they can come later.")
    if told.receipt is not None:
        say(f"{way_back}: the receipt, number {told.receipt.number}, to bring back to {told.party.name}.")
    elif told.again is None and one.kind is Kind.OBJECTS:
        warn(f"There is no receipt: the card of {told.party.name} names no key to seal it for.")


@app.command("list", epilog="Example:  titian bundle list --json")
def list_verb(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the bundles that went out and came in: numbers, dates, receipts, and what is missing."""
    with node(home) as opened:
        acting(opened, home, Permission.READ)
        held = opened.bundles.list()
        register = opened.agreements.read()
    gaps = _gaps(held)
    if json:
        print_json(
            {"bundles": [_kept_json(one) for one in held],
             "missing": [{"agreement": agreement, "party": party, "numbers": numbers}
                         for (agreement, party), numbers in gaps.items()]}
        )  # fmt: skip
        return
    if not held:
        say("No bundle was sealed or opened yet.")
        return
    table(
        "Bundles",
        {"number": "right", "way": "left", "party": "left", "agreement": "left", "date": "left", "what": "left",
         "objects": "right", "state": "left"},
        [
            (one.number, "out" if one.outgoing else "in", register.label(one.party), _agreement(register, one),
             timestamp(one.created)[:19] + "Z", one.kind.value, "" if one.kind is Kind.RECEIPT else f"{one.count:,}",
             _state(one))
            for one in held
        ],
    )  # fmt: skip
    for (agreement, party), numbers in gaps.items():
        called = register.aliases.get(agreement, agreement)
        warn(f"MISSING of {register.label(party)} under {called}: {_numbers(numbers)}.")


def _gaps(held: Sequence[Kept]) -> dict[tuple[str, str], tuple[int, ...]]:
    streams: dict[tuple[str, str], list[Kept]] = {}
    for one in held:
        if not one.outgoing:
            streams.setdefault((one.agreement, one.party), []).append(one)
    found = {key: missing(stream) for key, stream in streams.items()}
    return {key: numbers for key, numbers in found.items() if numbers}


def _state(one: Kept) -> str:
    if one.lost:
        return "unknown here: the partner has it"
    if one.done is None:
        return "cut off"
    if one.outgoing and one.kind is Kind.OBJECTS:
        return "no receipt yet" if one.receipted is None else f"receipted {timestamp(one.receipted)[:10]}"
    return "sealed" if one.outgoing else f"opened {timestamp(one.done)[:10]}"


def _kept_json(one: Kept) -> dict[str, Any]:
    def instant(at: int | None) -> str | None:
        return None if at is None else timestamp(at)

    return {
        "id": one.id, "way": "out" if one.outgoing else "in", "agreement": one.agreement, "party": one.party,
        "number": one.number, "kind": one.kind.value, "created": timestamp(one.created), "count": one.count,
        "cover": one.cover.hex(), "done": instant(one.done), "receipted": instant(one.receipted),
        "counts": one.counts, "unknown_here": one.lost,
    }  # fmt: skip


def _agreement(register: Reading, one: Kept) -> str:
    known = register.directory.agreements.get(one.agreement)
    return register.aliases.get(one.agreement) or (known.name if known else one.agreement)


def _numbers(some: Sequence[int]) -> str:
    shown = ", ".join(f"number {one}" for one in some[:10])
    return shown + (f" and {len(some) - 10:,} more" if len(some) > 10 else "")


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _named(output: Path, party: Party) -> Path:
    """The file of one of several parties: ``out.japan.titian`` for ``out.titian``. No alias leads to another folder."""
    called = _UNFIT.sub("-", party.alias or "").strip("-") or party.id.partition("--")[2]
    return output.with_name(f"{output.stem}.{called}{output.suffix}")


def _free(path: Path) -> Path:
    _require_new(path)
    return path


def _require_new(path: Path) -> None:
    if os.path.lexists(path):
        raise AlreadyExists(f"{path} is there already, and no bundle is ever replaced.",
                            advice="Name another file, or bring that one to the partner first.")  # fmt: skip
    if not path.absolute().parent.is_dir():
        raise InvalidInput(f"There is no folder {path.absolute().parent}.", advice="Make it first, or name another.")


@contextmanager
def _readable(file: Path) -> Iterator[BinaryIO]:
    try:
        source = file.open("rb")
    except OSError as error:
        raise InvalidInput(reason(error), advice="Check the path.") from error
    with source:
        yield source


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Give a new file, readable by its owner only, that is at ``path`` once all is written; else nothing is.

    Raises :class:`Unavailable` when it cannot be written.
    """
    _require_new(path)
    try:
        with tempfile.NamedTemporaryFile(dir=path.absolute().parent, prefix=".titian-", delete=False) as file:
            try:
                yield cast(BinaryIO, file)
                file.flush()
                os.fsync(file.fileno())
                _require_new(path)
                # Not a link: file systems of sticks have none.
                os.rename(file.name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(file.name)
                raise
        _sync_folder(path.absolute().parent)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {reason(OSError(error.errno, error.strerror))}",
                          advice="Choose another place, or free some space there.") from error  # fmt: skip


def _sync_folder(folder: Path) -> None:
    """Have the name of a file on the disk too, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
