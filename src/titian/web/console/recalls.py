"""(being built)"""

from __future__ import annotations

from litestar.types import ControllerRouterHandler


def recalls_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    return []
