"""Five agreements as governments described them in public, ready to be added: ``titian agreements add public:NAME``.

Parties, dialogues and agreements have fixed identifiers, so that nodes that each add them mean the same.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

SUFFIX: Final = ".toml"


def public_agreements() -> dict[str, str]:
    """Return the text of each file that is shipped, by the alias of its agreement."""
    shipped = sorted(
        (one for one in files("titian.exchange.public_agreements").iterdir() if one.name.endswith(SUFFIX)),
        key=lambda one: one.name,
    )
    return {one.name.removesuffix(SUFFIX): one.read_text(encoding="utf-8") for one in shipped}
