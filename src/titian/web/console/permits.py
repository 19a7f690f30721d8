"""What each duty permits, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from titian.core.people import PERMISSIONS, Duty, Permission
from titian.web.console.words import N_

PERMITS: Final = {
    Permission.READ: N_("Read everything that this node holds."),
    Permission.WRITE: N_("Add objects, subscribe to partners, answer recalls."),
    Permission.MARK: N_("Change what marks an object, and so who may see it."),
    Permission.PREVIEW: N_("See beforehand what each party would get, and why not more."),
    Permission.REQUEST_RELEASE: N_("Ask for a release."),
    Permission.DECIDE_RELEASE: N_("Approve or refuse a release that somebody else has asked for."),
    Permission.AUDIT: N_("Read the record of acts: who did what, when and why."),
    Permission.MANAGE_PEOPLE: N_("Add people, disable them, and give them new passwords."),
    Permission.MANAGE_KEYS: N_("Make and revoke keys, hold partners' cards, rotate signing keys."),
    Permission.MANAGE_AGREEMENTS: N_("Look after parties, dialogues and agreements."),
    Permission.BACK_UP: N_("Back up the node."),
}
"""Each permission as a sentence."""


def permitted(duty: Duty | None, gettext: Callable[[str], str]) -> list[str]:
    """What a duty permits, in the order of the table of permissions."""
    granted = PERMISSIONS[duty] if duty is not None else frozenset[Permission]()
    return [gettext(text) for permission, text in PERMITS.items() if permission in granted]
