"""Known answers on real lists, where the folder with them is beside the project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from titian.core.screening import ValueKind
from titian.screen.values import read_values

DATA = Path(__file__).resolve().parents[5] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real data is not here")


def _addresses(name: str) -> set[str]:
    text = (DATA / name).read_text()
    found = re.findall(r"address: *'?([^'\s]+)'?", text) if name.endswith(".yaml") else text.split()
    return {read.values[0].canonical for read in read_values(found, ValueKind.WALLET)}


@pytest.mark.parametrize(
    ("tagged", "listed", "common"),
    [
        ("ofac.yaml", "ofac_xbt.txt", 385),
        ("tornado_cash.yaml", "ofac_eth.txt", 37),
        ("aft-alqaeda-forfeit_vc.yaml", "ofac_xbt.txt", 0),
    ],
)
def test_as_many_are_common_as_is_known(tagged: str, listed: str, common: int) -> None:
    assert len(_addresses(tagged) & _addresses(listed)) == common


@pytest.mark.parametrize("name", ["ofac_xbt.txt", "ofac_eth.txt"])
def test_each_of_a_published_list_is_a_wallet(name: str) -> None:
    for read in read_values((DATA / name).read_text().split(), ValueKind.WALLET):
        assert (read.values[0].kind, read.problem) == (ValueKind.WALLET, None)
