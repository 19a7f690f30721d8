"""The one way to sign in: a state machine, pure.

::

    Start ── name ──────▶ Named ── password ──▶ PasswordHeld ── code ──▶ SignedIn
      │                     └───── password, where no code is wanted ──▶ SignedIn
      ├── identity (OpenID Connect) ───────────────────────────────────▶ SignedIn
      └── passkey ─────────────────────────────────────────────────────▶ SignedIn
    every step can end in Refused

Each step is given the person's row as it is now, read again, and judges all of it: whether the account exists, is
disabled, is locked, still has the password that was proven. A state has only the step that follows it, so none can be
left out. Outsiders are told :data:`SENTENCE` and nothing else; ``reason`` is for the record of acts.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from titian.core.passkey import Passkey, Shown
from titian.core.people import Person

SENTENCE: Final = "This sign-in is not accepted: what was given does not fit an open account, or came too often."
"""The one answer to every refusal: it says neither which part was wrong nor whether there is such an account."""

FAILURES: Final = 5
"""Wrong passwords or codes in a row until an account is locked."""
FIRST_LOCK: Final = 60_000_000
"""Microseconds of the first lock; each further failure doubles it."""
LONGEST_LOCK: Final = 3_600_000_000
"""Microseconds of a lock at most: long enough against guessing, short enough not to be a way to shut somebody out."""
SESSION: Final = 8 * 3600 * 1_000_000
"""Microseconds that a session lasts."""
IDLE: Final = 3_600_000_000
"""Microseconds after which a session in a browser is over that nobody was seen in."""
SEEN_EVERY: Final = 60_000_000
"""Microseconds between two times that it is written when somebody was seen: so much earlier a session can be over."""
HELD: Final = 300_000_000
"""Microseconds that a proven password waits for its code, and a challenge for its answer."""
WINDOW: Final = (0, -1, 1)
"""Time steps around now whose code is taken: clocks differ, and typing takes time."""
STEP: Final = 30_000_000
"""Microseconds of a time step (RFC 6238)."""

VerifyPassword = Callable[[str | None, str], bool]
"""(hash in PHC form, password) → whether they fit. Without a hash: no, after the same work."""
VerifyTotp = Callable[[bytes, str, int], bool]
"""(secret, code, time step) → whether it is that step's code."""


class Reason(StrEnum):
    """Why a sign-in was refused, for the record of acts and never for who tried."""

    UNKNOWN = "unknown account"
    DISABLED = "account disabled"
    LOCKED = "account locked"
    EMPTY = "no password given"
    PASSWORD = "wrong password"  # noqa: S105 - a reason
    CODE = "wrong code"
    CHANGED = "account changed meanwhile"
    LATE = "code came too late"
    PASSKEY = "wrong passkey"
    REPLAYED = "challenge answered before"
    COUNTER = "passkey counts backwards"


class Failure(msgspec.Struct, frozen=True):
    """What a wrong guess leaves in the row: how many in a row, and until when the account is locked."""

    failures: int
    locked_until: int | None


class Refused(msgspec.Struct, frozen=True):
    """The end without a session. ``person`` is whose account it was, if any; ``failure`` is to be written."""

    reason: Reason
    person: str | None = None
    failure: Failure | None = None


class SignedIn(msgspec.Struct, frozen=True):
    """The end with a session for ``person``. ``totp_step`` is to be written, so that its code is used up; ``shown`` is,
    where a passkey signed in, so that its challenge is."""

    person: str
    totp_step: int
    shown: Shown | None = None


class PasswordHeld(msgspec.Struct, frozen=True):
    """The password was right, a code is wanted until ``until``. ``proven`` is the hash that the password had."""

    person: str
    proven: str
    until: int

    def code(self, person: Person | None, code: str, at: int, verify: VerifyTotp) -> SignedIn | Refused:
        """Judge a code of the authenticator at an instant in microseconds. Each code works once."""
        if person is None or person.id != self.person:
            return Refused(Reason.UNKNOWN)
        if shut := _shut(person, at):
            return shut
        if person.totp is None or person.password != self.proven:
            return Refused(Reason.CHANGED, person.id)
        if at >= self.until:
            return Refused(Reason.LATE, person.id)
        digits = "".join(code.split())
        now = at // STEP
        fitting = [now + by for by in WINDOW if verify(person.totp, digits, now + by)]
        unused = [step for step in fitting if step > person.totp_step]
        return SignedIn(person.id, unused[0]) if unused else _failed(person, Reason.CODE, at)

    def __repr__(self) -> str:
        return f"PasswordHeld({self.person!r}, until={self.until})"


class Named(msgspec.Struct, frozen=True):
    """A name was given; whether there is such an account shows at no step."""

    name: str

    def password(
        self, person: Person | None, text: str, at: int, verify: VerifyPassword
    ) -> PasswordHeld | SignedIn | Refused:
        """Judge a password at an instant in microseconds. ``person`` is the row of this name, ``None`` if none is."""
        if not text:
            # Not even asked: some directories take an empty password for "anybody" (RFC 4513 section 5.1.2).
            return Refused(Reason.EMPTY, None if person is None else person.id)
        known = person if person is not None and person.name == self.name else None
        right = verify(known.password if known is not None else None, text)
        if known is None:
            return Refused(Reason.UNKNOWN)
        if shut := _shut(known, at):
            return shut
        if known.password is None or not right:
            return _failed(known, Reason.PASSWORD, at)
        if known.totp is not None:
            return PasswordHeld(known.id, known.password, at + HELD)
        return SignedIn(known.id, known.totp_step)


class Start(msgspec.Struct, frozen=True):
    """Nothing was given yet."""

    def named(self, name: str) -> Named:
        """Take a name."""
        return Named(name)

    def identity(self, person: Person | None, issuer: str, subject: str) -> SignedIn | Refused:
        """Take who an OpenID provider says it is. ``person`` is the row of exactly this issuer and subject.

        The provider asked for the password and the code; its word is no guess, so a lock against guessing does not
        hold here: nobody can be shut out by a stranger's wrong passwords.
        """
        if person is None or not issuer or not subject or (person.issuer, person.subject) != (issuer, subject):
            return Refused(Reason.UNKNOWN)
        if person.disabled is not None:
            return Refused(Reason.DISABLED, person.id)
        return SignedIn(person.id, person.totp_step)

    def passkey(self, person: Person | None, held: Passkey | None, shown: Shown | None, at: int) -> SignedIn | Refused:
        """Take what a passkey has shown, ``None`` when it does not fit. ``held`` is its row and ``person`` the row of
        whose it is, both as they are now; ``at`` in microseconds.

        A signature is no guess: what holds of :meth:`identity` and locks holds here. The authenticator has asked for a
        finger or a number, so no code comes after it. Each challenge is answered once, in the order in which they were
        made: so it needs no list of those that were (Web Authentication section 7.2, steps 12 and 22).
        """
        if person is None or held is None or held.person != person.id:
            return Refused(Reason.UNKNOWN)
        if person.disabled is not None:
            return Refused(Reason.DISABLED, person.id)
        if shown is None or shown.handle not in {None, person.id}:
            return Refused(Reason.PASSKEY, person.id)
        if shown.challenged <= held.challenged:
            return Refused(Reason.REPLAYED, person.id)
        if at >= shown.challenged + HELD:
            return Refused(Reason.LATE, person.id)
        # A counter that stands still or goes back is that of a copy; 0 and 0 is one that does not count.
        if (shown.count or held.count) and shown.count <= held.count:
            return Refused(Reason.COUNTER, person.id)
        return SignedIn(person.id, person.totp_step, shown)


def _shut(person: Person, at: int) -> Refused | None:
    if person.disabled is not None:
        return Refused(Reason.DISABLED, person.id)
    # What comes during a lock neither counts nor lengthens it: else a stranger could keep it up for ever.
    return Refused(Reason.LOCKED, person.id) if person.is_locked(at) else None


def _failed(person: Person, reason: Reason, at: int) -> Refused:
    failures = person.failures + 1
    return Refused(reason, person.id, Failure(failures, locked_until(failures, at)))


def locked_until(failures: int, at: int) -> int | None:
    """Until when so many failures in a row lock an account, ``None`` for few.

    >>> [locked_until(count, 0) for count in (4, 5, 6, 500)]
    [None, 60000000, 120000000, 3600000000]
    """
    if failures < FAILURES:
        return None
    return at + min(LONGEST_LOCK, FIRST_LOCK << min(failures - FAILURES, 20))
