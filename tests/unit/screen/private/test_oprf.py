"""OPRF and its group: laws, and what is refused."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import rbcl  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core.errors import InvalidInput, PeerUntrusted
from titian.screen.private import oprf, sodium
from titian.screen.private.oprf import Variant

KEY = oprf.derive_key(bytes(range(32)), b"a test", Variant.VOPRF)
OTHER = oprf.derive_key(bytes(range(32)), b"another test", Variant.VOPRF)
VALUES = [b"one", b"two", b"", b"x" * 65535]

NOT_POINTS = {
    "identity": bytes(32),
    "short": KEY.public[:31],
    "long": KEY.public + b"\x00",
    "empty": b"",
    # RFC 9496 appendix A.3: encodings that must be refused.
    "not reduced": bytes.fromhex("00" + "ff" * 31),
    "negative": bytes.fromhex("01" + "00" * 31),
    "not square": bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),
    "the prime": (2**255 - 19).to_bytes(32, "little"),
    "y zero": (2**255 - 20).to_bytes(32, "little"),
}
NOT_SCALARS = {
    "zero": bytes(32),
    "order": sodium.ORDER.to_bytes(32, "little"),
    "above": b"\xff" * 32,
    "short": b"\x01" * 31,
    "empty": b"",
}


def source(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


@pytest.mark.parametrize("point", NOT_POINTS.values(), ids=NOT_POINTS.keys())
def test_what_is_no_point_is_refused_everywhere(point: bytes) -> None:
    for refuse in (
        lambda: sodium.check_point(point),
        lambda: oprf.evaluate_each(KEY, [KEY.public, point]),
        lambda: oprf.unblind_each([5], [point]),
        lambda: oprf.evaluate_each(KEY, [KEY.public] * 3 + [point], threads=2),
    ):
        with pytest.raises(InvalidInput):
            refuse()


@pytest.mark.parametrize("scalar", NOT_SCALARS.values(), ids=NOT_SCALARS.keys())
def test_what_is_no_scalar_is_no_key(scalar: bytes) -> None:
    with pytest.raises(InvalidInput):
        oprf.read_key(scalar)


def test_a_zero_scalar_multiplies_nothing() -> None:
    with pytest.raises(InvalidInput, match="zero"):
        sodium.multiply(bytes(32), KEY.public)
    with pytest.raises(InvalidInput, match="zero"):
        sodium.multiply_base(bytes(32))


@given(st.lists(st.integers(1, sodium.ORDER - 1), max_size=8))
def test_inverses_are_inverses(scalars: list[int]) -> None:
    assert all(a * b % sodium.ORDER == 1 for a, b in zip(scalars, sodium.inverses(scalars), strict=True))


@settings(deadline=None, max_examples=30)
@given(values=st.lists(st.binary(max_size=80), min_size=1, max_size=6), seed=st.integers(0, 2**32),
       variant=st.sampled_from(Variant), threads=st.sampled_from([1, 2]))  # fmt: skip
def test_who_asks_gets_what_the_holder_of_the_key_computes(
    values: list[bytes], seed: int, variant: Variant, threads: int
) -> None:
    blinds = sodium.random_scalars(source(seed), len(values))
    blinded = oprf.blind_each(values, blinds, variant, threads=threads)
    evaluated = oprf.evaluate_each(KEY, blinded, threads=threads)
    assert oprf.finalise_each(values, blinds, evaluated, threads=threads) == oprf.outputs(KEY, values, variant)
    proof = oprf.prove(KEY, blinded, evaluated, blinds[0], threads=threads)
    oprf.verify(KEY.public, blinded, evaluated, proof, threads=threads)


def proved() -> tuple[list[bytes], list[bytes], bytes]:
    blinds = sodium.random_scalars(source(1), len(VALUES))
    blinded = oprf.blind_each(VALUES, blinds, Variant.VOPRF)
    evaluated = oprf.evaluate_each(KEY, blinded)
    return blinded, evaluated, oprf.prove(KEY, blinded, evaluated, 77)


def test_a_proof_does_not_hold_for_anything_else() -> None:
    blinded, evaluated, proof = proved()
    swapped = [evaluated[1], evaluated[0], *evaluated[2:]]
    one_with_another_key = [oprf.evaluate_each(OTHER, blinded[:1])[0], *evaluated[1:]]
    with_another_key = oprf.evaluate_each(OTHER, blinded)
    for public, asked, answered in (
        (OTHER.public, blinded, evaluated),
        (KEY.public, blinded, swapped),
        (KEY.public, blinded, one_with_another_key),
        (KEY.public, blinded, with_another_key),
        (KEY.public, blinded[:3], evaluated[:3]),
    ):
        with pytest.raises(PeerUntrusted, match="proof does not hold"):
            oprf.verify(public, asked, answered, proof)


@pytest.mark.parametrize("at", [0, 31, 32, 63])
def test_a_changed_proof_does_not_hold(at: int) -> None:
    blinded, evaluated, proof = proved()
    changed = bytearray(proof)
    changed[at] ^= 1
    with pytest.raises((PeerUntrusted, InvalidInput)):
        oprf.verify(KEY.public, blinded, evaluated, bytes(changed))


@pytest.mark.parametrize("proof", [b"", bytes(64), b"\xff" * 64, bytes(63)])
def test_what_is_no_proof_is_refused(proof: bytes) -> None:
    blinded, evaluated, _ = proved()
    with pytest.raises(InvalidInput):
        oprf.verify(KEY.public, blinded, evaluated, proof)


def test_a_proof_is_over_pairs() -> None:
    blinded, evaluated, proof = proved()
    for asked, answered in (([], []), (blinded, evaluated[:-1]), (blinded * 20_000, evaluated * 20_000)):
        with pytest.raises(InvalidInput, match="pairs"):
            oprf.verify(KEY.public, asked, answered, proof)


def test_the_modes_give_different_outputs() -> None:
    assert oprf.outputs(KEY, [b"one"], Variant.OPRF) != oprf.outputs(KEY, [b"one"], Variant.VOPRF)


def test_a_value_may_not_be_too_long() -> None:
    with pytest.raises(InvalidInput, match="65,535"):
        oprf.outputs(KEY, [b"x" * 65536], Variant.OPRF)


def test_a_key_does_not_show_its_secret() -> None:
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)


def test_a_random_source_that_gives_nothing_is_noticed() -> None:
    for broken in (bytes, lambda count: b""):
        with pytest.raises(ValueError, match="random source"):
            sodium.random_scalars(broken, 2)


def test_the_library_leaves_no_file_behind() -> None:
    """rbcl unpacks libsodium into the temporary folder at each start of a process, and leaves it there."""
    assert not Path(rbcl._sodium._name).exists()


def test_a_temporary_folder_without_programs_is_told(tmp_path: Path) -> None:
    """A folder that is mounted with noexec gives this error of the loader."""
    script = tmp_path / "script.py"
    script.write_text(
        "import ctypes\n"
        "def refuse(path):\n"
        "    raise OSError(f'{path}: failed to map segment from shared object')\n"
        "ctypes.cdll.LoadLibrary = refuse\n"
        "from titian.core.errors import Unavailable\n"
        "try:\n"
        "    import titian.screen.private.sodium\n"
        "except Unavailable as error:\n"
        "    print(error.message, error.advice)\n",
        "utf-8",
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True,
                          env={**os.environ, "TMPDIR": str(tmp_path)})  # fmt: skip
    assert "libsodium cannot be loaded" in done.stdout
    assert "TMPDIR" in done.stdout
