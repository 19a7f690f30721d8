"""People: who they are, what each duty permits, and how they sign in."""

from __future__ import annotations

import secrets
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler

from titian.core.errors import InvalidInput, TitianError
from titian.core.passwords import provisioning_uri
from titian.core.people import Duty, Permission, Person
from titian.node import Node
from titian.web.console.account import grouped, picture
from titian.web.console.admin_parts import LONGEST_WHY, admin_page, again, said
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest
from titian.web.console.permits import permitted
from titian.web.console.render import redirect
from titian.web.console.words import DUTIES, N_

HERE: Final = "/admin/people"
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that nobody takes for another when they are read out."""
_DONE: Final = {
    "disabled": N_("This person is signed out and cannot sign in any more. Their passkeys are gone."),
    "enabled": N_("This person can sign in again, with their password; passkeys they add anew."),
    "no-codes": N_("No code is asked for any more. This person is signed out everywhere."),
    "passkeys": N_("The passkeys are removed. This person is signed out everywhere."),
}


def new_password() -> str:
    """A password of about 99 bits that can be read out: it is given once, and changed by who gets it."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


@get(HERE, sync_to_thread=True)
def people(request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]) -> ASGIResponse:
    """Every person, disabled ones too."""
    analyst.require(Permission.READ)
    return _people(request, analyst, node)


def _people(request: AnyRequest, analyst: Analyst, node: Node, **values: Any) -> ASGIResponse:
    return admin_page(
        request, analyst, HERE, "people.html", people=node.people.list(), passkeys=node.people.passkeys.people(),
        duties=[(one.value, analyst.gettext(DUTIES[one]), permitted(one, analyst.gettext)) for one in Duty], **values,
    )  # fmt: skip


@post(HERE, status_code=200, sync_to_thread=True)
def add_person(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Add a person, and show their first password once."""
    analyst.require(Permission.MANAGE_PEOPLE)
    subject = form.text("subject", most=1000) or None
    password = None if form.given("no_password") else new_password()
    try:
        duty = form.text("duty", most=40)
        if duty not in set(Duty):
            raise InvalidInput(analyst.gettext("Choose a duty."))
        made = node.people.add(
            form.text("name", most=200), Duty(duty), by=analyst.actor,
            full_name=form.text("full_name", most=200) or None, password=password, totp=form.given("codes"),
            issuer=node.settings.oidc_issuer or None if subject else None, subject=subject,
            why=form.text("why", most=LONGEST_WHY),
        )  # fmt: skip
    except TitianError as error:
        return _people(request, analyst, node, **again(error, form))
    return _once(request, analyst, node, made, password, made.totp)


def _once(
    request: AnyRequest, analyst: Analyst, node: Node, person: Person, password: str | None, totp: bytes | None
) -> ASGIResponse:
    """Show what a person signs in with, this once."""
    uri = None if totp is None else provisioning_uri(totp, account=person.name, node=node.record.name)
    return admin_page(
        request, analyst, HERE, "person_once.html", person=person, password=password,
        secret=None if totp is None else grouped(totp), image=None if uri is None else picture(uri),
    )  # fmt: skip


@get(HERE + "/{person_id:str}", sync_to_thread=True)
def person(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], person_id: FromPath[str]
) -> ASGIResponse:
    """One person, and what an administrator may do about them."""
    analyst.require(Permission.READ)
    return _person(request, analyst, node, node.people.get(person_id), done=said(analyst, request, _DONE))


def _person(request: AnyRequest, analyst: Analyst, node: Node, found: Person, **values: Any) -> ASGIResponse:
    return admin_page(
        request, analyst, HERE, "person.html", person=found, permits=permitted(found.duty, analyst.gettext),
        passkeys=node.people.passkeys.list(found.id), locked=found.is_locked(node.store.clock()), **values,
    )  # fmt: skip


@post(HERE + "/{person_id:str}", status_code=200, sync_to_thread=True)
def change_person(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node],
    form: NamedDependency[Form], person_id: FromPath[str],
) -> ASGIResponse:  # fmt: skip
    """Disable or enable somebody, or give them another password or authenticator."""
    analyst.require(Permission.MANAGE_PEOPLE)
    found, service, by = node.people.get(person_id), node.people, analyst.actor
    act, why = form.text("act", most=40), form.text("why", most=LONGEST_WHY)
    try:
        match act:
            case "disable":
                service.disable(found.name, by=by, why=why)
                return redirect(f"{HERE}/{found.id}?done=disabled")
            case "enable":
                if not why:
                    raise InvalidInput(analyst.gettext("Say why: it stays in the record of acts."))
                service.enable(found.name, by=by, why=why)
                return redirect(f"{HERE}/{found.id}?done=enabled")
            case "passkeys":
                service.remove_passkeys(found.name, by=by, why=why)
                return redirect(f"{HERE}/{found.id}?done=passkeys")
            case "password":
                password = new_password()
                changed = service.set_password(found.name, password, by=by, why=why)
                return _once(request, analyst, node, changed, password, None)
            case "codes":
                changed = service.set_totp(found.name, by=by, why=why)
                return _once(request, analyst, node, changed, None, changed.totp)
            case "reset":
                # Without an authenticator nobody gets in with the old password: so there is a new one, too.
                password = new_password()
                changed = service.set_password(found.name, password, by=by, totp=False, why=why)
                return _once(request, analyst, node, changed, password, None)
        raise InvalidInput(analyst.gettext("Choose what to do."))
    except TitianError as error:
        return _person(request, analyst, node, service.get(person_id), **again(error, form))


def people_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [people, add_person, person, change_person]
    return handlers
