"""Wallets that are made up, for tests of private matching."""

from __future__ import annotations

from typing import Any

from titian.core.extension_objects import make_observable
from titian.core.tlp import TLP_IDS, Tlp


def address(number: int) -> str:
    """An Ethereum address; there is nothing behind it."""
    return f"0x{number:040x}"


def wallets(*numbers: int, tlp: Tlp = Tlp.GREEN) -> list[dict[str, Any]]:
    return [make_observable("wallet", {"address": address(one)}, marks=[TLP_IDS[tlp]]) for one in numbers]
