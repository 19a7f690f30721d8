"""Passkeys in the browser: what it is asked, and what its answer proves (W3C Web Authentication Level 3).

The messages are those of ``py_webauthn``. A challenge is in no table: the browser carries it back sealed, bound to
whoever it was made for, and :mod:`titian.core.login` takes each once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json, parse_client_data_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from titian.core.errors import Forbidden, InvalidInput, Refused
from titian.core.login import HELD
from titian.core.passkey import MOST, Passkey, Shown
from titian.core.people import Session
from titian.node import Node
from titian.web.console.form import Form
from titian.web.console.guard import Analyst, AnyRequest, Guard, Someone, local
from titian.web.console.place import Place, place_of
from titian.web.console.render import headers, redirect
from titian.web.console.sealed import Sealer
from titian.web.console.sign_in import asking, begin, not_accepted

LONGEST: Final = 100_000
"""Characters of an answer at most: an attestation can bring its certificates."""
_SECONDS: Final = HELD // 1_000_000
_ADDING: Final = "passkey add"
_SIGNING_IN: Final = "passkey sign-in"


class Challenge(msgspec.Struct, frozen=True):
    """A challenge on its way: made at an instant in microseconds, for a host, and for whoever ``bound`` belongs to."""

    value: bytes
    at: int
    host: str
    bound: bytes


def _required(request: AnyRequest) -> Place:
    found = place_of(request)
    if found is None:
        raise Refused("Passkeys need a node with a name, not a numeric address.", advice="Open it by its host name.")
    return found


def _json(options: Any, state: str) -> ASGIResponse:
    body = b'{"options":%s,"state":%s}' % (options_to_json(options).encode(), msgspec.json.encode(state))
    return ASGIResponse(body=body, headers=headers() | {"content-type": "application/json"})


def _challenge(node: Node, purpose: str, place: Place, bound: bytes) -> tuple[bytes, str]:
    value = os.urandom(32)
    made = Challenge(value, node.store.clock(), place.host, bound)
    return value, Sealer(node.record.secret, purpose).seal(made, seconds=_SECONDS)


def _opened(node: Node, purpose: str, form: Form, place: Place, bound: bytes) -> Challenge | None:
    held = Sealer(node.record.secret, purpose).open(form.text("state", most=8000), Challenge)
    return held if held is not None and held.host == place.host and held.bound == bound else None


# ── signing in ────────────────────────────────────────────────────────────────────────────────────────────


@post("/sign-in/passkey/options", status_code=200, sync_to_thread=True)
def ask_passkey(
    request: AnyRequest, visitor: NamedDependency[Someone], node: NamedDependency[Node], guard: NamedDependency[Guard]
) -> ASGIResponse:
    """What the browser is to ask an authenticator for: any passkey of this host. It names nobody."""
    guard.sign_in(request)
    place = _required(request)
    value, state = _challenge(node, _SIGNING_IN, place, visitor.bound)
    options = generate_authentication_options(
        rp_id=place.host,
        challenge=value,
        timeout=_SECONDS * 1000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _json(options, state)


@post("/sign-in/passkey", status_code=200, sync_to_thread=True)
def take_passkey(
    request: AnyRequest, visitor: NamedDependency[Someone], node: NamedDependency[Node],
    guard: NamedDependency[Guard], form: NamedDependency[Form],
) -> ASGIResponse:  # fmt: skip
    """Take an authenticator's answer, and begin the session."""
    guard.sign_in(request)
    place, back = _required(request), local(form.text("next", most=2000))
    challenge = _opened(node, _SIGNING_IN, form, place, visitor.bound)
    try:
        session = _signed_in(node, challenge, place, form.text("answer", most=LONGEST))
    except Forbidden:
        return asking(request, visitor, node, back=back, error=not_accepted(visitor), status=422)
    return begin(node, visitor, session, back)


def _signed_in(node: Node, challenge: Challenge | None, place: Place, answer: str) -> Session:
    identifier, verify = read_answer(answer, challenge, place)
    return node.people.passkey(identifier, verify)


def read_answer(
    answer: str, challenge: Challenge | None, place: Place
) -> tuple[bytes, Callable[[Passkey], Shown | None]]:
    """Which passkey an answer is of, and what it proves of a passkey that is kept. What cannot be read is of none."""
    try:
        read = parse_authentication_credential_json(answer)
    except Exception:  # the library raises whatever its parsers do for what strangers send
        return b"", lambda held: None

    def verify(held: Passkey) -> Shown | None:
        if challenge is None or held.host != place.host:
            return None
        try:
            said = verify_authentication_response(
                credential=read,
                expected_challenge=challenge.value,
                expected_rp_id=place.host,
                expected_origin=list(place.origins),
                credential_public_key=held.public,
                # The counter is judged with everything else, in the core.
                credential_current_sign_count=0,
                require_user_verification=True,
            )
            if parse_client_data_json(read.response.client_data_json).cross_origin:
                return None
            handle = read.response.user_handle
            return Shown(None if not handle else handle.decode(), said.new_sign_count, challenge.at)
        except Exception:  # as above: whatever it is, nothing is proven
            return None

    return bytes(read.raw_id), verify


# ── one's own passkeys ────────────────────────────────────────────────────────────────────────────────────


def require_fresh(analyst: Analyst, node: Node) -> None:
    """Raise :class:`Refused` where somebody has signed in too long ago to change how they sign in."""
    if node.store.clock() >= analyst.fresh_until:
        raise Refused(
            "You signed in a while ago: sign in again before you change how you sign in.",
            advice="Sign out, sign in, and open your account again.",
        )


@post("/account/passkeys/options", status_code=200, sync_to_thread=True)
def ask_new_passkey(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node]
) -> ASGIResponse:
    """What the browser is to make a passkey of."""
    require_fresh(analyst, node)
    place = _required(request)
    held = node.people.passkeys.list(analyst.actor.id)
    if len(held) >= MOST:
        raise Refused(f"Nobody has more than {MOST} passkeys.", advice="Remove one first.")
    value, state = _challenge(node, _ADDING, place, analyst.bound)
    options = generate_registration_options(
        rp_id=place.host,
        rp_name=node.record.name,
        user_name=analyst.actor.name,
        user_id=analyst.actor.id.encode(),
        challenge=value,
        timeout=_SECONDS * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.id) for one in held],
    )
    return _json(options, state)


@post("/account/passkeys", status_code=200, sync_to_thread=True)
def add_passkey(
    request: AnyRequest, analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Keep a passkey whose authenticator has proven that it has the key."""
    require_fresh(analyst, node)
    place = _required(request)
    challenge = _opened(node, _ADDING, form, place, analyst.bound)
    if challenge is None:
        raise InvalidInput("This passkey was made too long ago.", advice="Begin again.")
    name = form.text("name", most=200) or analyst.gettext("Passkey")
    made = _made(form.text("answer", most=LONGEST), challenge, place)
    passkey = msgspec.structs.replace(made, person=analyst.actor.id, name=name, created=node.store.clock())
    node.people.passkeys.add(passkey, by=analyst.actor)
    return redirect("/account?done=passkey-added#passkeys")


def _made(answer: str, challenge: Challenge, place: Place) -> Passkey:
    """The passkey that an answer makes, without whose it is."""
    try:
        read = msgspec.json.decode(answer, type=dict[str, Any])
        said = verify_registration_response(
            credential=read,
            expected_challenge=challenge.value,
            expected_rp_id=place.host,
            expected_origin=list(place.origins),
            require_user_verification=True,
        )
    except Exception as error:  # the library raises whatever its parsers do for what strangers send
        raise InvalidInput("This passkey cannot be used.", advice="Begin again, with another authenticator.") from error
    known = {one.value for one in AuthenticatorTransport}
    told = read.get("response", {}).get("transports", [])
    transports = tuple(sorted({one for one in told if isinstance(one, str)} & known)) if isinstance(told, list) else ()
    return Passkey(
        id=said.credential_id, person="", name="", host=place.host, public=said.credential_public_key,
        count=said.sign_count, challenged=challenge.at, created=0, transports=transports,
    )  # fmt: skip


@post("/account/passkeys/remove", status_code=200, sync_to_thread=True)
def remove_passkey(
    analyst: NamedDependency[Analyst], node: NamedDependency[Node], form: NamedDependency[Form]
) -> ASGIResponse:
    """Remove one of one's own."""
    require_fresh(analyst, node)
    node.people.passkeys.remove(form.text("passkey", most=40), by=analyst.actor)
    return redirect("/account?done=passkey-removed#passkeys")


def passkey_routes() -> list[ControllerRouterHandler]:
    """The pages of this module."""
    handlers: list[Any] = [ask_passkey, take_passkey, ask_new_passkey, add_passkey, remove_passkey]
    return handlers
