"""Bundles at the terminal: what is written, what is said, and that no file is ever replaced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer.main

from support.bundles import JAPAN, RUSSIA, Post, Two, public
from support.desk import Said
from support.gate import malware
from titian.cli import bundle as verb
from titian.cli.failure import tell
from titian.core.bundling import Correspondent
from titian.core.people import Duty, local_operator
from titian.core.tlp import Tlp

Run = Callable[..., Said]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    yield made
    made.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the verb on a node, as a process would; the node gets its bundles from the test."""

    def call(post: Post, *argv: str) -> Said:
        @contextmanager
        def opened(home: Path) -> Iterator[Any]:
            node = post.bench.node
            yield SimpleNamespace(bundles=post.bundles, agreements=node.agreements, people=node.people, acts=node.acts)

        monkeypatch.setattr(verb, "node", opened)
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        status = 0
        try:
            typer.main.get_command(verb.app).main(list(argv), prog_name="titian bundle", standalone_mode=False)
        except Exception as error:
            status = tell(error)
        told = capsys.readouterr()
        return Said(status, told.out, told.err)

    return call


def ok(said: Said) -> Said:
    assert said.status == 0, said
    return said


def test_there_and_back(two: Two, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "to-japan.titian"
    two.release("Kestrel")
    told = ok(run(two.ours, "seal", "--to", "pact", "-o", str(file)))
    assert f"{file}: number 1 for Japan" in told.out
    assert file.stat().st_mode & 0o777 == 0o600
    opened = ok(run(two.theirs, "open", str(file)))
    assert "number 1 of Agency under pact" in opened.out
    assert f"{len(two.served())} accepted, 0 known already, 0 quarantined" in opened.out
    receipt = Path(f"{file}.receipt")
    assert f"{receipt}: the receipt" in opened.out
    listed = ok(run(two.ours, "list"))
    assert "no receipt yet" in listed.out
    back = ok(run(two.ours, "open", str(receipt)))
    assert "The receipt is number 1 of Japan" in back.out
    assert back.err == ""
    listed = ok(run(two.ours, "list"))
    assert "receipted 20" in listed.out
    assert not receipt.with_name(receipt.name + ".receipt").exists(), "no receipt for a receipt"


def test_json(two: Two, run: Run, tmp_path: Path) -> None:
    files = []
    for name in ("Kestrel", "Heron", "Ibis"):
        two.release(name)
        files.append(tmp_path / f"{name}.titian")
        (told,) = ok(run(two.ours, "seal", "--to", "pact", "-o", str(files[-1]), "--json")).json
        assert (told["party"], told["file"], told["number"]) == (JAPAN, str(files[-1]), len(files))
    (nothing,) = ok(run(two.ours, "seal", "--to", "pact", "-o", str(tmp_path / "x"), "--json")).json
    assert (nothing["file"], nothing["number"], nothing["count"]) == (None, None, 0)
    assert not (tmp_path / "x").exists()
    ok(run(two.theirs, "open", str(files[0]), "--json"))
    gap = ok(run(two.theirs, "open", str(files[2]), "--json")).json
    assert (gap["number"], gap["missing"], gap["receipt"]) == (3, [2], f"{files[2]}.receipt")
    assert gap["counts"]["quarantined"] == 0
    listed = ok(run(two.theirs, "list", "--json")).json
    assert listed["missing"] == [{"agreement": two.pact, "party": two.ours.own, "numbers": [2]}]
    assert [(one["way"], one["number"], one["kind"]) for one in listed["bundles"]] == [
        ("in", 1, "objects"), ("in", 3, "objects"), ("out", 1, "receipt"), ("out", 2, "receipt")
    ]  # fmt: skip


def test_a_gap_is_loud(two: Two, run: Run, tmp_path: Path) -> None:
    for name in ("Kestrel", "Heron"):
        two.release(name)
        ok(run(two.ours, "seal", "--to", "pact", "-o", str(tmp_path / name)))
    told = ok(run(two.theirs, "open", str(tmp_path / "Heron")))
    assert "MISSING of agency: number 1" in told.err or "MISSING of Agency: number 1" in told.err
    assert "number 1" in ok(run(two.theirs, "list")).err


def test_the_same_again_is_harmless(two: Two, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "one.titian"
    file.write_bytes(two.sealed("Kestrel"))
    ok(run(two.theirs, "open", str(file)))
    told = ok(run(two.theirs, "open", str(file)))
    assert "was opened already on" in told.out
    assert told.err == ""
    another = tmp_path / "again.receipt"
    told = ok(run(two.theirs, "open", str(file), "--receipt", str(another)))
    assert another.exists()


def test_several_parties_have_a_file_each(two: Two, run: Run, tmp_path: Path) -> None:
    bench = two.ours.bench
    bench.agree("wide", JAPAN, RUSSIA)
    two.ours.cards[RUSSIA] = Correspondent(RUSSIA, (public(bytes([3]) * 32),), (), two.ours.sealing.recipient)
    bench.release(*bench.hold(malware("Kestrel", tlp=Tlp.GREEN)), to="wide")
    ok(run(two.ours, "seal", "--to", "wide", "-o", str(tmp_path / "out.titian")))
    assert sorted(one.name for one in tmp_path.glob("*.titian")) == ["out.japan.titian", "out.russia.titian"]
    bench.clock.now += 1_000_000
    bench.release(*bench.hold(malware("Heron", tlp=Tlp.GREEN)), to="wide")
    ok(run(two.ours, "seal", "--to", "wide", "--party", "russia", "-o", str(tmp_path / "two.titian")))
    assert (tmp_path / "two.titian").exists()


def test_no_file_is_replaced(two: Two, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "one.titian"
    file.write_bytes(b"a bundle that nobody has taken yet")
    two.release("Kestrel")
    told = run(two.ours, "seal", "--to", "pact", "-o", str(file))
    assert (told.status, "is there already" in told.err) == (1, True)
    assert file.read_bytes() == b"a bundle that nobody has taken yet"
    assert two.ours.bundles.list() == [], "no number is lost"
    told = run(two.theirs, "open", str(file), "--receipt", str(file))
    assert "is there already" in told.err
    told = run(two.ours, "seal", "--to", "pact", "-o", str(tmp_path / "nowhere" / "x"))
    assert "There is no folder" in told.err


def test_what_fails_leaves_no_file(two: Two, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two.release("Kestrel")

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(two.ours.sealing, "seal", full)
    before = sorted(tmp_path.iterdir())
    told = run(two.ours, "seal", "--to", "pact", "-o", str(tmp_path / "one.titian"))
    assert (told.status, "no space left" in told.err.lower()) == (1, True)
    assert sorted(tmp_path.iterdir()) == before
    assert "cut off" in ok(run(two.ours, "list")).out


@pytest.mark.parametrize("content", [b"", b"x", b'{"type":"bundle"}'])
def test_another_file_is_refused_in_a_sentence(two: Two, run: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)
    told = run(two.theirs, "open", str(file))
    assert (told.status, told.out) == (1, "")
    assert "This is not a sealed bundle" in told.err
    told = run(two.theirs, "open", str(tmp_path / "missing"))
    assert (told.status, "no such file" in told.err) == (1, True)


@pytest.mark.parametrize("argv", [["seal", "--to", "pact", "-o", "x"], ["open", "FILE"]])
def test_who_may_not_is_told_so(
    two: Two, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    people = two.ours.bench.node.people
    people.add("auditor-one", Duty.AUDITOR, by=local_operator("setup"), issuer="https://login.example", subject="a")
    monkeypatch.setenv("TITIAN_SESSION", people.identity("https://login.example", "a").token)
    file = tmp_path / "file"
    file.write_bytes(b"")
    told = run(two.ours, *(str(file) if one == "FILE" else one for one in argv))
    assert (told.status, "may not" in told.err) == (1, True)


@pytest.mark.parametrize("alias", ["../../etc", "a/b", "..", "ja pan", "日本"])
def test_no_alias_leads_out_of_the_folder(alias: str, tmp_path: Path) -> None:
    party = SimpleNamespace(alias=alias, id=JAPAN)
    named = verb._named(tmp_path / "out.titian", party)  # type: ignore[arg-type]
    assert named.parent == tmp_path
    assert named.name.startswith("out.")
    assert named.name.endswith(".titian")


def test_nothing_is_listed_in_a_sentence(two: Two, run: Run) -> None:
    assert "No bundle" in ok(run(two.ours, "list")).out
    assert json.loads(ok(run(two.ours, "list", "--json")).out) == {"bundles": [], "missing": []}
