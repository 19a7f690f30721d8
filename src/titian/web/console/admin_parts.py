"""What the pages of Administration share: their tabs, and how a form that was not taken is shown again."""

from __future__ import annotations

from typing import Any, Final

from litestar.response.base import ASGIResponse

from titian.core.errors import NotFound, TitianError
from titian.core.people import Permission
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.render import page
from titian.web.console.words import N_

SECTIONS: Final[tuple[tuple[str, str, Permission], ...]] = (
    ("/admin", N_("Overview"), Permission.READ),
    ("/admin/people", N_("People"), Permission.READ),
    ("/admin/keys", N_("Keys"), Permission.READ),
    ("/admin/collections", N_("Collections"), Permission.READ),
    ("/admin/subscriptions", N_("Subscriptions"), Permission.READ),
    ("/admin/peers", N_("Peers"), Permission.READ),
    ("/admin/signing", N_("Signing keys"), Permission.READ),
    ("/admin/settings", N_("Settings"), Permission.READ),
    ("/admin/health", N_("Health"), Permission.READ),
    ("/admin/backups", N_("Backups"), Permission.BACK_UP),
    ("/admin/acts", N_("Acts"), Permission.AUDIT),
)
"""Path, name, and what one must be allowed to do."""

LONGEST_WHY: Final = 1000


def admin_page(request: AnyRequest, analyst: Analyst, here: str, template: str, **values: Any) -> ASGIResponse:
    """A page of Administration. What :func:`again` gives is shown above it."""
    shown: dict[str, Any] = {
        "here": here,
        "sections": [(path, analyst.gettext(name)) for path, name, wanted in SECTIONS if analyst.may(wanted)],
        "wrong": "",
        "done": "",
        "given": lambda name: "",
    }
    return page(request, analyst, f"administration/{template}", **{**shown, **values})


def again(error: TitianError, form: Form) -> dict[str, Any]:
    """The values of a page whose form was not taken: what was wrong, and what was given."""
    return {"status": 422, "wrong": str(error), "given": lambda name: form.text(name)}


def said(analyst: Analyst, request: AnyRequest, sentences: dict[str, str]) -> str:
    """What was done, where the address says so."""
    found = sentences.get(request.query_params.get("done", ""))
    return "" if found is None else analyst.gettext(found)


def page_number(request: AnyRequest, name: str) -> int | None:
    """A whole number in the address, if there is one. Raises :class:`NotFound` for anything else."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such page.")
    return int(text)
