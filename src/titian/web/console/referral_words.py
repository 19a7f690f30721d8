"""Words of referrals that pages show in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from titian.core.referral import State
from titian.exchange.give_back import Back
from titian.exchange.referred import Step
from titian.web.console.words import N_

STATES: Final = {
    State.SENT: N_("Waits for an answer"), State.REMOVED: N_("Content removed"), State.KEPT: N_("Content kept"),
    State.APPEALED: N_("Appealed: to be decided again"), State.REINSTATED: N_("Content reinstated"),
}  # fmt: skip
"""What a referral has come to."""

ASKED: Final = {
    State.SENT: N_("Asked"), State.REMOVED: N_("Removed"), State.KEPT: N_("Kept"), State.APPEALED: N_("Appealed"),
    State.REINSTATED: N_("Reinstated"),
}  # fmt: skip
"""A step of its history."""

ANSWERS: Final = {
    State.REMOVED: N_("Removed: nobody sees it on the platform any more."),
    State.KEPT: N_("Kept: it stays on the platform. A reason is owed."),
    State.APPEALED: N_("Appealed: its user asks to decide again. A reason is owed."),
    State.REINSTATED: N_("Reinstated: it is on the platform again. A reason is owed."),
}  # fmt: skip
"""What the party asked can answer."""

WAYS: Final = {
    Step.HERE: N_("Released to nobody"), Step.EARLIER: N_("Only an earlier version is released"),
    Step.WAITS: N_("Waits for another person"),
    Step.WENT: N_("Released, not fetched yet"), Step.READ: N_("Handed over"),
}  # fmt: skip
"""How far a referral or an answer went."""

BACK: Final = {
    Back.WENT: N_("It goes with the next exchange."), Back.WAITS: N_("It waits for another person to approve it."),
    Back.STAYS: N_("It stays here."),
}  # fmt: skip
"""What becomes of an act."""

SOURCES: Final = {
    "list": N_("A list"), "law": N_("A law"), "court": N_("A court"), "agency": N_("An agency"),
}  # fmt: skip
"""What designates content as unlawful."""

BADGES: Final = {
    State.SENT: "warn", State.REMOVED: "good", State.KEPT: "info", State.APPEALED: "warn", State.REINSTATED: "info",
}  # fmt: skip


def words(gettext: Callable[[str], str]) -> dict[str, dict[str, str]]:
    """Every table in a language, by its name."""
    tables: dict[str, dict[str, str]] = {}
    for name, table in (("states", STATES), ("asked", ASKED), ("answers", ANSWERS), ("ways", WAYS), ("back", BACK),
                        ("sources", SOURCES)):  # fmt: skip
        tables[name] = {str(key): gettext(text) for key, text in dict(table).items()}
    return tables
