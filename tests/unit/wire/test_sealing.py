"""Sealing: only the addressee opens it, nothing of a changed file counts, and memory does not grow with the file."""

from __future__ import annotations

import hashlib
import io
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput, Refused, TitianError, TooLarge, UnreadableFile
from titian.wire import sealing
from titian.wire.sealing import Sealing, load_or_make_identity


@pytest.fixture
def ours(tmp_path: Path) -> Sealing:
    return Sealing(tmp_path / "ours" / "bundle.key", tmp_path)


@pytest.fixture
def theirs(tmp_path: Path) -> Sealing:
    return Sealing(tmp_path / "theirs" / "bundle.key", tmp_path)


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()


def seal(by: Sealing, payload: bytes, recipient: str, head: bytes = b"head") -> bytes:
    out = io.BytesIO()
    by.seal(head, io.BytesIO(payload), out, recipient)
    return out.getvalue()


def unseal(by: Sealing, sealed: bytes) -> bytes:
    out = io.BytesIO()
    by.unseal(io.BytesIO(sealed), out)
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
def test_what_is_sealed_comes_out_to_the_byte(ours: Sealing, theirs: Sealing, size: int) -> None:
    payload = os.urandom(size)
    sealed = seal(ours, payload, theirs.recipient)
    assert unseal(theirs, sealed) == b"head" + payload
    assert payload[:100] not in sealed or size < 100


def test_any_age_opens_it_with_the_key_file(ours: Sealing, theirs: Sealing, tmp_path: Path) -> None:
    # The format is public: partners are not bound to this program.
    sealed = seal(ours, b"payload", theirs.recipient)
    assert sealed.startswith(b"age-encryption.org/v1\n-> X25519 ")
    text = (tmp_path / "theirs" / "bundle.key").read_text()
    secret = next(line for line in text.splitlines() if not line.startswith("#"))
    assert pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(secret)]) == b"headpayload"


def test_nobody_else_opens_it(ours: Sealing, theirs: Sealing) -> None:
    with pytest.raises(Refused, match="not for this node"):
        unseal(ours, seal(ours, b"payload", theirs.recipient))


@pytest.fixture(scope="module")
def module_sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sealing, bytes]:
    folder = tmp_path_factory.mktemp("keys")
    node = Sealing(folder / "bundle.key", folder)
    return node, seal(node, os.urandom(150_000), node.recipient)


@given(st.data())
def test_no_file_that_was_changed_is_opened(module_sealed: tuple[Sealing, bytes], data: st.DataObject) -> None:
    node, sealed = module_sealed
    place = data.draw(st.integers(0, len(sealed) - 1))
    how = data.draw(st.sampled_from(["cut", "flip", "added"]))
    changed = bytearray(sealed)
    if how == "cut":
        del changed[place:]
    elif how == "flip":
        changed[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        changed += b"x"
    with pytest.raises((Refused, UnreadableFile)):
        unseal(node, bytes(changed))


@pytest.mark.parametrize(
    "other", [b"", b"x", b'{"type":"bundle"}' * 1000, b"age-encryption.org/v1\n", b"\x28\xb5\x2f\xfd"]
)
def test_what_is_no_age_file_says_so(ours: Sealing, other: bytes) -> None:
    with pytest.raises(UnreadableFile, match="not a sealed bundle"):
        unseal(ours, other)


def test_a_file_that_is_too_large_is_not_read_on(ours: Sealing, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(ours, bytes(300_000), ours.recipient)
    monkeypatch.setattr(sealing, "LARGEST_FILE", 100_000)
    with pytest.raises(TooLarge):
        unseal(ours, sealed)


class Endless:
    """A file of zeros, as long as is asked."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


class Sink:
    """Counts what is written, and keeps nothing."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        pass


def test_memory_does_not_grow_with_the_file(ours: Sealing, tmp_path: Path) -> None:
    size = 30 << 20
    with (tmp_path / "sealed").open("w+b") as file:
        tracemalloc.start()
        ours.seal(b"head", cast(BinaryIO, Endless(size)), file, ours.recipient)
        file.seek(0)
        sink = Sink()
        ours.unseal(file, cast(BinaryIO, sink))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert sink.size == size + 4
    assert peak < 4 << 20, peak


class Broken:
    """A disk that fails."""

    def read(self, size: int = -1) -> bytes:
        raise OSError(5, "Input/output error")

    def write(self, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        pass


DISKS: dict[str, tuple[int, Callable[[Sealing], None]]] = {
    "sealing from": (5, lambda s: s.seal(b"", cast(BinaryIO, Broken()), io.BytesIO(), s.recipient)),
    "sealing to": (28, lambda s: s.seal(b"x" * 200_000, io.BytesIO(), cast(BinaryIO, Broken()), s.recipient)),
    "opening from": (5, lambda s: s.unseal(cast(BinaryIO, Broken()), io.BytesIO())),
    "opening to": (28, lambda s: s.unseal(io.BytesIO(seal(s, b"x", s.recipient)), cast(BinaryIO, Broken()))),
}


@pytest.mark.parametrize("where", DISKS)
def test_a_disk_that_fails_is_not_taken_for_a_wrong_file(ours: Sealing, where: str) -> None:
    number, do = DISKS[where]
    with pytest.raises(OSError, match=r"device|Input") as told:
        do(ours)
    assert told.value.errno == number


@pytest.mark.parametrize("text", ["", "age1", "age1" + "q" * 58, "AGE-SECRET-KEY-1", "ssh-ed25519 AAAA"])
def test_what_is_no_recipient_is_refused(ours: Sealing, text: str) -> None:
    with pytest.raises(InvalidInput):
        ours.check_recipient(text)
    ours.check_recipient(ours.recipient)


# ── packing ───────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_what_is_packed_comes_out(module_sealed: tuple[Sealing, bytes], chunks: list[bytes]) -> None:
    node, file, whole = module_sealed[0], io.BytesIO(), b"".join(chunks)
    told = node.pack(chunks, file)
    assert (told.size, told.packed) == (len(whole), len(file.getvalue()))
    assert told.digest == hashlib.sha256(file.getvalue()).digest()
    file.seek(0)
    assert b"".join(node.unpack(file, len(whole))) == whole


def test_what_unpacks_without_end_is_stopped(ours: Sealing) -> None:
    bomb = io.BytesIO()
    ours.pack((bytes(1 << 20) for _ in range(64)), bomb)
    assert len(bomb.getvalue()) < 100_000, "64 MB of nothing in a few kB"
    bomb.seek(0)
    read = 0
    with pytest.raises(TooLarge):  # noqa: PT012 - how much was read before counts too
        for piece in ours.unpack(bomb, 1 << 20):
            read += len(piece)
    assert read <= 1 << 20


@pytest.mark.parametrize("packed", [b"nothing of the kind", b"\x28\xb5\x2f\xfd\x00\x88" + bytes(50)])
def test_what_is_not_packed_is_refused(ours: Sealing, packed: bytes) -> None:
    with pytest.raises(UnreadableFile):
        list(ours.unpack(io.BytesIO(packed), 1000))


# ── the key ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "bundle.key"
    made = load_or_make_identity(path)
    assert str(load_or_make_identity(path)) == str(made)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["bundle.key"], "nothing lies beside it"


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "bundle.key"
    load_or_make_identity(path)
    path.chmod(0o640)
    with pytest.raises(Refused, match="Others may read"):
        load_or_make_identity(path)


@pytest.mark.parametrize("text", ["", "AGE-SECRET-KEY-1QQ", "x", "# only a remark\n"])
def test_a_file_without_a_key_is_never_replaced(tmp_path: Path, text: str) -> None:
    # What was sealed for the old one could be opened by nobody any more.
    path = tmp_path / "bundle.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(TitianError, match="does not hold"):
        load_or_make_identity(path)
    assert path.read_text() == text


def test_a_scratch_file_has_no_name(ours: Sealing, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with ours.scratch() as file:
        file.write(b"plain text")
        assert sorted(tmp_path.iterdir()) == before
