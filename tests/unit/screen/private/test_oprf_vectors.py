"""RFC 9497 appendix A.1: the vectors of ristretto255-SHA512, read from the shared folder where it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from titian.screen.private import oprf, sodium

FOLDER = Path(os.environ.get("TITIAN_SHARED", Path(__file__).resolve().parents[5] / "shared"))
VECTORS = FOLDER / "data" / "vectors" / "oprf.json"
pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not here")

SUITE = "ristretto255-SHA512"


def suites() -> list[tuple[str, dict[str, Any]]]:
    if not VECTORS.exists():
        return []
    found = [one for one in json.loads(VECTORS.read_text()) if one["identifier"] == SUITE and one["mode"] in (0, 1)]
    return [(oprf.Variant(one["mode"]).name, one) for one in found]


CASES = [
    pytest.param(suite, vector, id=f"{name}-{number}")
    for name, suite in suites()
    for number, vector in enumerate(suite["vectors"])
]


def parts(text: str) -> list[bytes]:
    return [bytes.fromhex(one) for one in text.split(",")]


def test_both_modes_have_vectors() -> None:
    assert [name for name, _ in suites()] == ["OPRF", "VOPRF"]


@pytest.mark.parametrize("suite", [pytest.param(suite, id=name) for name, suite in suites()])
def test_the_key_is_derived_as_the_standard_has_it(suite: dict[str, Any]) -> None:
    key = oprf.derive_key(
        bytes.fromhex(suite["seed"]), bytes.fromhex(suite["keyInfo"]), oprf.Variant(suite["mode"])
    )  # fmt: skip
    assert key.secret.hex() == suite["skSm"]
    assert key.public.hex() == suite.get("pkSm", key.public.hex())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("suite", "vector"), CASES)
def test_every_step_gives_the_bytes_of_the_standard(
    suite: dict[str, Any], vector: dict[str, Any], threads: int
) -> None:
    variant, key = oprf.Variant(suite["mode"]), oprf.read_key(bytes.fromhex(suite["skSm"]))
    values, blinded, evaluated = (parts(vector[name]) for name in ("Input", "BlindedElement", "EvaluationElement"))
    blinds = [int.from_bytes(one, "little") for one in parts(vector["Blind"])]
    assert oprf.blind_each(values, blinds, variant, threads=threads) == blinded
    assert oprf.evaluate_each(key, blinded, threads=threads) == evaluated
    assert oprf.finalise_each(values, blinds, evaluated, threads=threads) == parts(vector["Output"])
    assert oprf.outputs(key, values, variant, threads=threads) == parts(vector["Output"])
    if "Proof" in vector:
        proof = bytes.fromhex(vector["Proof"]["proof"])
        nonce = sodium.read_scalar(bytes.fromhex(vector["Proof"]["r"]))
        assert oprf.prove(key, blinded, evaluated, nonce, threads=threads) == proof
        oprf.verify(key.public, blinded, evaluated, proof, threads=threads)
