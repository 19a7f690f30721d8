"""What a process has in hand is free when it ends, however it ends, and not before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from titian.core.errors import Unavailable
from titian.store.database import Database
from titian.store.hands import Hands, hands_beside

_HOLDER = """
import sys, time
from pathlib import Path
from titian.store.hands import Hands
grip = Hands(Path(sys.argv[1])).take("one")
print(grip is not None, flush=True)
time.sleep(60)
"""


@pytest.fixture
def hands(tmp_path: Path) -> Hands:
    return Hands(tmp_path / "hands")


def test_what_nobody_has_is_free(hands: Hands) -> None:
    assert hands.is_free("one")
    grip = hands.take("one")
    assert grip is not None
    grip.let_go()
    grip.let_go()
    assert hands.is_free("one")


def test_one_holds_it_at_a_time_also_within_a_process(hands: Hands, tmp_path: Path) -> None:
    grip = hands.take("one")
    assert grip is not None
    assert hands.take("one") is None
    assert Hands(tmp_path / "hands").take("one") is None
    assert not hands.is_free("one")
    other = hands.take("two")
    assert other is not None, "another thing is another lock"
    grip.let_go()
    other.let_go()
    again = hands.take("one")
    assert again is not None
    again.let_go()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_it_is_free_when_its_holder_has_ended(hands: Hands, tmp_path: Path, how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "hands")], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not hands.is_free("one")
        assert hands.take("one") is None
        holder.send_signal(how)
        holder.wait(10)
    assert hands.is_free("one")
    grip = hands.take("one")
    assert grip is not None
    grip.let_go()


def test_what_is_taken_anew_is_the_takers_whatever_the_old_holder_does(hands: Hands) -> None:
    slow = hands.take("one")
    quick = hands.take("one", anew=True)
    assert slow is not None
    assert quick is not None
    slow.let_go()
    assert not hands.is_free("one")
    assert hands.take("one") is None
    quick.let_go()
    assert hands.is_free("one")


def test_a_forgotten_grip_holds_nothing(hands: Hands) -> None:
    assert hands.take("one") is not None
    assert hands.is_free("one")


def test_the_files_are_the_users_own_and_are_forgotten(hands: Hands, tmp_path: Path) -> None:
    assert hands.take("one") is not None
    folder = tmp_path / "hands"
    assert [folder.stat().st_mode & 0o777, (folder / "one").stat().st_mode & 0o777] == [0o700, 0o600]
    hands.forget("one")
    hands.forget("one")
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "hands").write_text("a file")
    with pytest.raises(Unavailable, match="cannot be used"):
        Hands(tmp_path / "hands").take("one")
    with pytest.raises(Unavailable, match="cannot be used"):
        Hands(tmp_path / "hands").is_free("one")


def test_a_lock_is_no_way_out_of_its_folder(hands: Hands, tmp_path: Path) -> None:
    (tmp_path / "hands").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "hands" / "one")
    with pytest.raises(Unavailable):
        hands.take("one")
    assert not (tmp_path / "elsewhere").exists()


class _Server:
    kind = "postgresql"
    url = "postgresql://db.example/name"


def test_on_a_database_server_a_lock_of_one_machine_says_nothing() -> None:
    server: Database = _Server()  # type: ignore[assignment]
    assert hands_beside(server, "pulls") is None
