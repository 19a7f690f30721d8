"""Words of release, recall, quarantine and sightings that pages show in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from titian.core.agreement import Purpose
from titian.core.arrival import Doubt
from titian.core.gate import State
from titian.core.recall import ReceivedState, Standing
from titian.core.recall import State as RecallState
from titian.core.recall_objects import Reason, Response
from titian.exchange.glance import Caution
from titian.exchange.sight import Back
from titian.web.console.words import N_

RULES: Final = {
    "agreement": N_("The agreement is not in force"),
    "audience": N_("Not in the agreement's audience"),
    "unknown-marking": N_("A marking that is not understood here"),
    "unmarked": N_("Without a marking"),
    "tlp-ceiling": N_("Marked more strictly than the agreement carries"),
    "tlp-audience": N_("The marking does not reach this party"),
    "releasable-to": N_("Not marked as releasable to this party"),
    "purpose": N_("Not for this purpose"),
    "not-yet": N_("Its time has not come"),
    "expired": N_("Expired"),
    "attribution": N_("Its markings contradict each other on naming the source"),
    "originator-community": N_("It stays in its originator's community"),
    "originator-consent": N_("Its originator has not consented"),
    "personal-data": N_("About a natural person, without a purpose or an end"),
    "no-rule": N_("No rule allows it"),
    "flagged": N_("Its sender has recalled it"),
    "recalled": N_("It was recalled from this party"),
    "reference": N_("It needs something that is withheld"),
    "unused": N_("Nothing that goes names it"),
    "contradiction": N_("Held with markings that contradict each other"),
    "granular-marking": N_("A part of it may not go, and it cannot stand without"),
    "redaction": N_("Too little is left of it"),
    "marking": N_("The marking names other recipients"),
}  # fmt: skip
"""Why something is withheld (:attr:`titian.core.release.Withheld.rule`)."""

STATES: Final = {
    State.WAITING: N_("Waits for approval"), State.DONE: N_("Released"), State.REFUSED: N_("Refused"),
    State.STANDING: N_("Stands"), State.STOPPED: N_("Stopped"), State.FAILED: N_("Failed"),
}  # fmt: skip
"""Where a request to release stands."""

CAUTIONS: Final = {
    Caution.TOLD: N_("A text that goes names what is withheld"),
    Caution.PERSONAL: N_("What goes describes natural persons"),
    Caution.UNMARKED: N_("Without a marking that is understood: it reaches nobody"),
    Caution.ENDED: N_("Expired, or not yet begun: it stays"),
    Caution.ENDING: N_("It ends within thirty days, and is then taken back by itself"),
    Caution.UNPURPOSED: N_("About natural persons, without a purpose or an end: it stays"),
}  # fmt: skip

ANSWERS: Final = {
    Caution.TOLD: N_("I have looked at these texts. They may go all the same."),
    Caution.PERSONAL: N_("I have looked at the names of these people. They may go."),
    Caution.UNMARKED: N_("It may stay here."),
    Caution.ENDED: N_("It may stay here."),
    Caution.ENDING: N_("It may be taken back then."),
    Caution.UNPURPOSED: N_("It may stay here."),
}  # fmt: skip
"""What somebody says who has thought of it."""

RECALLS: Final = {
    RecallState.PROPOSED: N_("Proposed"), RecallState.SENT: N_("Sent"), RecallState.DISMISSED: N_("Dismissed"),
    RecallState.WITHDRAWN: N_("Withdrawn"),
}  # fmt: skip

RECEIVED: Final = {
    ReceivedState.OPEN: N_("Waits for an answer"), ReceivedState.APPLIED: N_("Applied"),
    ReceivedState.FLAGGED: N_("Flagged: kept, and goes to nobody"), ReceivedState.REFUSED: N_("Refused"),
    ReceivedState.WITHDRAWN: N_("Withdrawn by its sender"),
}  # fmt: skip

STANDINGS: Final = {
    Standing.NEVER_READ: N_("Never had it"), Standing.WAITING: N_("Has not fetched the recall yet"),
    Standing.SILENT: N_("Silent"), Standing.UNCONFIRMED: N_("Unconfirmed: their client cannot answer"),
    Standing.OVERDUE: N_("Overdue"), Standing.APPLIED: N_("Applied"), Standing.FLAGGED: N_("Flagged"),
    Standing.REFUSED: N_("Refused"),
}  # fmt: skip
"""Where a recipient of a recall stands."""

RESPONSES: Final = {
    Response.APPLIED: N_("Applied"), Response.FLAGGED: N_("Flagged"), Response.REFUSED: N_("Refused"),
}  # fmt: skip

REASONS: Final = {
    Reason.FALSE_POSITIVE: N_("False positive"), Reason.WRONG_MARKING: N_("Wrong marking"),
    Reason.RELEASED_IN_ERROR: N_("Released in error"), Reason.SOURCE_COMPROMISED: N_("The source is compromised"),
    Reason.LEGAL: N_("Legal reasons"), Reason.OUTDATED: N_("Outdated"),
    Reason.AGREEMENT_CHANGED: N_("The agreement has changed"), Reason.EXPIRED: N_("Expired"),
}  # fmt: skip
"""Why something is recalled."""

DOUBTS: Final = {
    Doubt.INVALID: N_("It is not valid STIX 2.1"), Doubt.UNMARKED: N_("Without a marking"),
    Doubt.UNKNOWN_MARKING: N_("A marking that is not understood here"),
    Doubt.OUTSIDE: N_("The agreement does not carry it"), Doubt.EXPIRED: N_("Its time was over when it came"),
    Doubt.OURS: N_("It claims to be ours"), Doubt.OVER_QUOTA: N_("More than is taken in a day"),
    Doubt.CONFLICT: N_("Another content is held under the same version"),
}  # fmt: skip
"""Why something waits in the quarantine."""

DECISIONS: Final = {"waiting": N_("Waits"), "accepted": N_("Accepted"), "rejected": N_("Rejected")}

PURPOSES: Final = {
    Purpose.CYBER_DEFENCE: N_("Cyber defence"), Purpose.CYBERCRIME: N_("Cybercrime"),
    Purpose.COUNTER_TERRORISM: N_("Counter-terrorism"), Purpose.TERRORIST_FINANCING: N_("Terrorist financing"),
    Purpose.TRAFFICKING: N_("Trafficking"), Purpose.CAPACITY_BUILDING: N_("Capacity building"),
}  # fmt: skip

BACK: Final = {
    Back.WENT: N_("Goes back with the next exchange"), Back.WAITS: N_("Waits for another person"),
    Back.STAYS: N_("Stays here"),
}  # fmt: skip
"""What becomes of a sighting on its way back."""

_TABLES: Final[Mapping[str, Mapping[Any, str]]] = {
    "rules": RULES, "states": STATES, "cautions": CAUTIONS, "answers": ANSWERS, "recalls": RECALLS,
    "received": RECEIVED, "standings": STANDINGS, "responses": RESPONSES, "reasons": REASONS, "doubts": DOUBTS,
    "decisions": DECISIONS, "purposes": PURPOSES, "back": BACK,
}  # fmt: skip


def said(gettext: Callable[[str], str]) -> dict[str, dict[str, str]]:
    """Every table in a language, by its name."""
    return {name: {str(key): gettext(text) for key, text in table.items()} for name, table in _TABLES.items()}
