"""`titian signing`: what is printed of the keys, who may change them, and what is told to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

import titian.cli
from support.desk import Desk
from support.gate import DAY, SECOND
from titian.cli.signing import _seconds
from titian.core.errors import InvalidInput
from titian.core.notes import SignerKey
from titian.store.acts import Acts

KEEPER = "keeper-one"


@pytest.fixture
def keeper(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setitem(titian.cli.VERBS, "signing", ("titian.cli.signing", "Signing keys."))
    return desk


def test_a_new_node_has_a_key_for_each_role(keeper: Desk) -> None:
    rows = keeper.does(KEEPER, "signing", "list", "--json").json
    assert [(row["num"], row["role"], row["signs"], row["until"]) for row in rows] == [
        (1, "log", True, None),
        (2, "witness", True, None),
    ]
    shown = keeper.does("auditor-one", "signing", "list").out
    assert "file:keys/log-1.key" in shown


def test_a_rotation_overlaps_for_a_week_and_says_what_comes_next(keeper: Desk) -> None:
    done = keeper.does(KEEPER, "signing", "rotate", "log", "--why", "every year")
    assert "Signing key 3 signs now as the log key" in done.out
    assert "for 7d" in done.out
    assert "titian peers card" in done.err
    rows = {row["num"]: row for row in keeper.does(KEEPER, "signing", "list", "--json").json}
    assert [rows[1]["signs"], rows[3]["signs"]] == [True, True]
    keeper.bench.clock.now += 7 * DAY
    keeper.sign_in(KEEPER)
    rows = {row["num"]: row for row in keeper.does(KEEPER, "signing", "list", "--json").json}
    assert [rows[1]["signs"], rows[3]["signs"]] == [False, True]
    assert Acts(keeper.bench.node.store).list("signing-key 1")[0].why == "every year"


def test_a_rotation_for_programs(keeper: Desk) -> None:
    told = keeper.does(KEEPER, "signing", "rotate", "witness", "--overlap", "0s", "--json").json
    assert (told["num"], told["role"], told["overlap"]) == (3, "witness", 0)
    assert set(told) == {"num", "role", "public", "place", "created", "from", "until", "compromised", "overlap"}


def test_a_key_that_lies_there_already_can_be_brought(keeper: Desk, tmp_path: Path) -> None:
    path = tmp_path / "brought.key"
    path.write_text(SignerKey("titian-a", 1, b"e" * 32).encode())  # type: ignore[arg-type]
    path.chmod(0o644)
    refused = keeper.run(KEEPER, "signing", "rotate", "log", "--place", f"file:{path}")
    assert refused.status == 1
    assert "chmod 600" in refused.err
    path.chmod(0o600)
    assert keeper.does(KEEPER, "signing", "rotate", "log", "--place", f"file:{path}", "--json").json["num"] == 3


def test_a_compromise_is_said_with_a_reason_and_replaced(keeper: Desk) -> None:
    assert keeper.run(KEEPER, "signing", "compromised", "1").status == 2, "a reason is asked for"
    keeper.bench.clock.now += SECOND
    done = keeper.does(KEEPER, "signing", "compromised", "1", "--why", "a stolen disk")
    assert "Signing key 1 never signs again." in done.out
    assert "Signing key 3 signs in its place" in done.out
    assert "--replace --checked" in done.err
    rows = {row["num"]: row for row in keeper.does(KEEPER, "signing", "list", "--json").json}
    assert rows[1]["compromised"] == rows[1]["until"] == rows[3]["from"]
    assert "compromised" in keeper.does(KEEPER, "signing", "list").out
    assert keeper.run(KEEPER, "signing", "compromised", "1", "--why", "again").status == 1
    told = keeper.does(KEEPER, "signing", "compromised", "3", "--why", "that too", "--json").json
    assert (told["compromised"], told["new"]["num"]) == (3, 4)


@pytest.mark.parametrize("who", ["analyst-one", "releaser-one", "auditor-one"])
@pytest.mark.parametrize(
    "verb", [("rotate", "log"), ("compromised", "1", "--why", "a stolen disk")], ids=lambda v: v[0]
)
def test_only_an_administrator_changes_keys(keeper: Desk, who: str, verb: tuple[str, ...]) -> None:
    refused = keeper.run(who, "signing", *verb)
    assert refused.status == 1
    assert "manage keys" in refused.err
    assert len(keeper.bench.node.signing.list()) == 2


@pytest.mark.parametrize(
    ("written", "seconds"), [("0d", 0), ("7d", 604_800), ("12h", 43_200), ("30m", 1800), ("2w", 1_209_600), ("9s", 9)]
)
def test_a_length_of_time(written: str, seconds: int) -> None:
    assert _seconds(written) == seconds


@pytest.mark.parametrize("written", ["", "7", "d", "-1d", "1.5d", "07d", "7 d", "7D", "9999999d", "\u0667d"])
def test_what_is_no_length_of_time(written: str) -> None:
    with pytest.raises(InvalidInput, match="length of time"):
        _seconds(written)
