"""The people of a node and their sessions. Every call that changes something records the act in its own transaction."""

from __future__ import annotations

import base64
import os
import re
import threading
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from titian.core.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, Refused
from titian.core.login import IDLE, SENTENCE, SESSION, STEP, WINDOW, Named, PasswordHeld, SignedIn, Start
from titian.core.login import Refused as Denied
from titian.core.passkey import Passkey, Shown
from titian.core.passwords import (
    SALT_BYTES,
    TOTP_BYTES,
    USUAL,
    Cost,
    hash_password,
    new_password,
    verify_password,
    verify_totp,
)
from titian.core.people import Actor, Duty, Permission, Person, Session, acting_as, local_may
from titian.store.acts import record
from titian.store.admin import plain
from titian.store.database import Row, Transaction
from titian.store.passkeys import Passkeys, find_passkey, forget_passkeys, note_use
from titian.store.preferences import Preferences
from titian.store.sessions import Sessions, token_digest
from titian.store.store import Store

PREFIX: Final = "titian_session_"
"""Every session token starts so: no key does, and secret scanners can find a leaked one."""
NOBODY: Final = "nobody"
"""Who tried to sign in under a name that there is none of. The name is not kept: it may be a password, misplaced."""
_LATER: Final = "Wait a while, or ask an administrator of the node."
_TOKEN: Final = re.compile(PREFIX + r"[a-z2-7]{32}\Z")
_LONGEST_IDENTITY: Final = 1000
_AT_ONCE: Final = 2
"""Passwords that one process verifies at a time: each takes 64 MiB while it lasts."""


class People:
    """Accounts, signing in, and who is signed in. ``cost`` is what one guess at a password costs.

    ``passkeys``, ``sessions`` and ``preferences`` are what each person has of them, and changes.
    """

    def __init__(self, store: Store, random: Callable[[int], bytes] = os.urandom, cost: Cost = USUAL) -> None:
        self._store = store
        self._random = random
        self._cost = cost
        self._hashing = threading.BoundedSemaphore(_AT_ONCE)
        self.passkeys = Passkeys(store)
        self.sessions = Sessions(store)
        self.preferences = Preferences(store)

    # Accounts

    def list(self) -> list[Person]:
        """Every person, oldest first, disabled ones too."""
        with self._store.reading() as tx:
            return _people(tx)

    def find(self, name: str) -> Person:
        """Find a person by name. Raises :class:`NotFound`."""
        with self._store.reading() as tx:
            return _named(tx, name)

    def get(self, identifier: str) -> Person:
        """Find a person by id. Raises :class:`NotFound`."""
        with self._store.reading() as tx:
            person = _find(tx, "id", identifier)
        if person is None:
            raise NotFound("There is no such person.")
        return person

    def local_may(self, permission: Permission) -> bool:
        """Whether whoever can open this node's files may do something without signing in."""
        with self._store.reading() as tx:
            return local_may(_people(tx), permission)

    def add(
        self,
        name: str,
        duty: Duty,
        *,
        by: Actor,
        full_name: str | None = None,
        password: str | None = None,
        totp: bool = False,
        issuer: str | None = None,
        subject: str | None = None,
        why: str = "",
    ) -> Person:
        """Add a person, who signs in with a password (and a code with ``totp``), over OpenID Connect, or either way.

        The secret for the codes is made here: show ``person.totp`` once, see
        :func:`titian.core.passwords.provisioning_uri`. Raises :class:`InvalidInput` for what cannot be used,
        :class:`AlreadyExists` for a taken name or identity, :class:`Forbidden` when ``by`` may not do this.
        """
        name = _name(name)
        _check_identity(issuer, subject)
        if password is None and subject is None:
            raise InvalidInput(f"Nothing was given by which {name!r} could sign in.",
                               advice="Give a password, or the issuer and subject of OpenID Connect.")  # fmt: skip
        if totp and password is None:
            raise InvalidInput("Codes come after a password, and there is none.",
                               advice="Give a password; over OpenID Connect the provider asks for codes.")  # fmt: skip
        person = Person(
            id=str(uuid.UUID(bytes=self._random(16), version=4)),
            name=name,
            full_name=plain("full name", full_name or name),
            duty=duty,
            created=self._store.clock(),
            password=None if password is None else self._hash(password),
            totp=self._random(TOTP_BYTES) if totp else None,
            issuer=issuer,
            subject=subject,
        )
        with self._store.writing() as tx:
            _require(tx, by)
            _insert(tx, person)
            ways = {"password": password is not None, "totp": totp, "issuer": issuer, "subject": subject}
            self._act(tx, by.id, "add-person", person.id, why, {"name": name, "duty": duty.value, **ways})
        return person

    def disable(self, name: str, *, by: Actor, why: str = "") -> Person:
        """Disable a person: their sessions end, none is opened again, their passkeys are gone, the name stays taken.

        Raises :class:`NotFound`, :class:`Refused` when it was done before, :class:`Forbidden`.
        """
        with self._store.writing() as tx:
            _require(tx, by)
            person = _named(tx, name)
            if person.disabled is not None:
                raise Refused(f"{person.name!r} is disabled already.")
            at = self._store.clock()
            tx.run("UPDATE people SET disabled = ? WHERE id = ?", at, person.id)
            ended = tx.run("DELETE FROM sessions WHERE person = ?", person.id)
            forgotten = forget_passkeys(tx, person.id)
            tx.run("DELETE FROM preferences WHERE person = ?", person.id)
            details = {"name": person.name, "sessions_ended": ended, "passkeys_removed": forgotten}
            self._act(tx, by.id, "disable-person", person.id, why, details)
        return msgspec.structs.replace(person, disabled=at)

    def enable(self, name: str, *, by: Actor, why: str = "") -> Person:
        """Let a disabled person sign in again, as before but without passkeys; a lock ends too.

        Raises :class:`NotFound`, :class:`Refused` when they are not disabled, :class:`Forbidden`.
        """
        with self._store.writing() as tx:
            _require(tx, by)
            person = _named(tx, name)
            if person.disabled is None:
                raise Refused(f"{person.name!r} is not disabled.")
            tx.run("UPDATE people SET disabled = NULL, failures = 0, locked_until = NULL WHERE id = ?", person.id)
            self._act(tx, by.id, "enable-person", person.id, why, {"name": person.name})
        return msgspec.structs.replace(person, disabled=None, failures=0, locked_until=None)

    def set_password(self, name: str, password: str, *, by: Actor, totp: bool | None = None, why: str = "") -> Person:
        """Give a person another password; a lock and all sessions of the old one end, and their passkeys are gone:
        whoever had the account may have added one.

        ``totp`` also gives another secret for codes, to be shown once, or with ``False`` wants none any more.
        Raises :class:`NotFound`, :class:`InvalidInput` for what is no password, :class:`Forbidden`.
        """
        values = {"password": self._hash(password), **self._codes(totp)}
        with self._store.writing() as tx:
            _require(tx, by)
            return self._renew(tx, _named(tx, name), "set-password", by.id, why, values, forget=True)

    def change_password(
        self, name: str, old: str, new: str, *, code: Callable[[], str], totp: bool = False, forget: bool = False,
        why: str = "",
    ) -> Person:  # fmt: skip
        """Give oneself another password, after the old one and the ``code`` of the authenticator, asked where one is
        wanted; ``totp`` gives another secret for codes too, to be shown once; with ``forget`` the passkeys are gone.
        All sessions end.

        The old ones are taken as signing in takes them: wrong ones count, and lock the account. Raises
        :class:`Forbidden` for them, :class:`InvalidInput` for a new one that is none, or is the old one.
        """
        if new_password(new) == unicodedata.normalize("NFC", old):
            raise InvalidInput("The new password is the old one.", advice="Choose another.")
        values = {"password": self._hash(new), **self._codes(totp or None)}
        reached = self.password(Start().named(name), old)
        proven = self.code(reached, code()) if isinstance(reached, PasswordHeld) else reached
        with self._store.writing() as tx:
            # Whatever was changed meanwhile has ended the session, too.
            holder = self._holder(tx, proven.token)
            if holder is None:
                raise Forbidden(SENTENCE, advice=_LATER)
            return self._renew(tx, holder[0], "set-password", holder[0].id, why, values, forget=forget)

    def set_totp(self, name: str, *, by: Actor, why: str = "") -> Person:
        """Give a person another secret for codes, to be shown once; all sessions end."""
        with self._store.writing() as tx:
            _require(tx, by)
            person = _named(tx, name)
            if person.password is None:
                raise Refused(f"{person.name!r} has no password that a code could come after.")
            return self._renew(tx, person, "set-totp", by.id, why, self._codes(True))

    def new_secret(self) -> bytes:
        """A secret for codes that nobody has yet: show it once, and :meth:`enrol` with it."""
        return self._random(TOTP_BYTES)

    def enrol(self, token: str, secret: bytes, code: str) -> Person:
        """Take up an authenticator of one's own, whose ``secret`` was shown once: it counts from the first right
        ``code`` on. Other sessions end, that of ``token`` stays.

        Raises :class:`Forbidden` when the session has ended, :class:`Refused` without a password that a code could
        come after, :class:`InvalidInput` for a wrong code.
        """
        digits, now = "".join(code.split()), self._store.clock() // STEP
        whole = len(secret) == TOTP_BYTES
        fitting = [now + by for by in WINDOW if whole and verify_totp(secret, digits, now + by)]
        if not fitting:
            raise InvalidInput("This is not the code that the authenticator shows now.",
                               advice="Is the clock of both devices right?")  # fmt: skip
        with self._store.writing() as tx:
            holder = self._holder(tx, token)
            if holder is None:
                raise Forbidden("This session has ended.", advice="Sign in again.")
            person = msgspec.structs.replace(holder[0], totp=secret, totp_step=fitting[0])
            if person.password is None:
                raise Refused(f"{person.name!r} has no password that a code could come after.")
            tx.run("UPDATE people SET totp = ?, totp_step = ? WHERE id = ?", secret, person.totp_step, person.id)
            ended = tx.run("DELETE FROM sessions WHERE person = ? AND digest <> ?", person.id, token_digest(token))
            self._act(tx, person.id, "set-totp", person.id, "",
                      {"name": person.name, "codes": "new", "sessions_ended": ended})  # fmt: skip
        return person

    def remove_passkeys(self, name: str, *, by: Actor, why: str = "") -> int:
        """Remove every passkey of a person, who may have lost them, and end their sessions; how many there were."""
        with self._store.writing() as tx:
            _require(tx, by)
            person = _named(tx, name)
            removed = forget_passkeys(tx, person.id)
            ended = tx.run("DELETE FROM sessions WHERE person = ?", person.id)
            self._act(tx, by.id, "remove-passkey", person.id, why,
                      {"name": person.name, "passkeys_removed": removed, "sessions_ended": ended})  # fmt: skip
        return removed

    def _codes(self, totp: bool | None) -> dict[str, Any]:
        """What changes in a row when codes are wanted anew, no more, or as before."""
        return {} if totp is None else {"totp": self._random(TOTP_BYTES) if totp else None, "totp_step": 0}

    def _renew(
        self, tx: Transaction, person: Person, act: str, by: str, why: str, values: Mapping[str, Any], *,
        forget: bool = False,
    ) -> Person:  # fmt: skip
        fresh = msgspec.structs.replace(person, failures=0, locked_until=None, **values)
        tx.run(
            "UPDATE people SET password = ?, totp = ?, totp_step = ?, failures = 0, locked_until = NULL WHERE id = ?",
            fresh.password, fresh.totp, fresh.totp_step, fresh.id,
        )  # fmt: skip
        ended = tx.run("DELETE FROM sessions WHERE person = ?", person.id)
        codes = "kept" if "totp" not in values else "none" if fresh.totp is None else "new"
        gone = {"passkeys_removed": forget_passkeys(tx, person.id)} if forget else {}
        self._act(tx, by, act, person.id, why, {"name": person.name, "codes": codes, "sessions_ended": ended, **gone})
        return fresh

    def _hash(self, password: str) -> str:
        return hash_password(new_password(password), self._random(SALT_BYTES), self._cost)

    def _act(self, tx: Transaction, by: str, act: str, subject: str, why: str, details: Mapping[str, Any]) -> None:
        record(tx, at=self._store.clock(), person=by, act=act, subject=subject, why=why, details=details)

    # Signing in: each step reads the row again, and decides inside the transaction that writes its outcome.

    def password(self, state: Named, text: str) -> PasswordHeld | Session:
        """Take the password of :meth:`titian.core.login.Start.named`; a code is wanted, or here is the session.

        Raises :class:`Forbidden` with one and the same sentence whatever was wrong.
        """
        state = Named(_form(state.name))
        with self._store.reading() as tx:
            read = _find(tx, "name", state.name)
        held = None if read is None else read.password
        # A hash takes a tenth of a second: the database is not kept waiting for it.
        with self._hashing:
            right = bool(text) and verify_password(held, text, self._cost)
        with self._store.writing() as tx:
            person = _find(tx, "name", state.name)
            outcome = state.password(person, text, self._store.clock(), lambda phc, _: right and phc == held)
            ended = outcome if isinstance(outcome, PasswordHeld) else self._end(tx, outcome, "password")
        return _session(ended)

    def code(self, state: PasswordHeld, code: str) -> Session:
        """Take the code of an authenticator after the password. Raises :class:`Forbidden`."""
        with self._store.writing() as tx:
            person = _find(tx, "id", state.person)
            ended = self._end(tx, state.code(person, code, self._store.clock(), verify_totp), "password and code")
        session = _session(ended)
        assert isinstance(session, Session), "a code is the last step"
        return session

    def identity(self, issuer: str, subject: str) -> Session:
        """Take who an OpenID provider says it is. Raises :class:`Forbidden`."""
        with self._store.writing() as tx:
            person = _identified(tx, issuer, subject)
            ended = self._end(tx, Start().identity(person, issuer, subject), "openid")
        session = _session(ended)
        assert isinstance(session, Session), "an identity is the only step"
        return session

    def passkey(self, identifier: bytes, verify: Callable[[Passkey], Shown | None]) -> Session:
        """Take what the passkey of a credential id has shown, as ``verify`` reads it. Raises :class:`Forbidden`."""
        with self._store.reading() as tx:
            read = find_passkey(tx, identifier)
        # As with passwords: the database is not kept waiting for a signature.
        shown = None if read is None else verify(read)
        with self._store.writing() as tx:
            held = find_passkey(tx, identifier)
            person = None if held is None else _find(tx, "id", held.person)
            if held is not None and read is not None and held.public != read.public:
                shown = None
            outcome = Start().passkey(person, held, shown, self._store.clock())
            if isinstance(outcome, SignedIn) and outcome.shown is not None:
                note_use(tx, identifier, outcome.shown, self._store.clock())
            ended = self._end(tx, outcome, "passkey")
        session = _session(ended)
        assert isinstance(session, Session), "a passkey is the only step"
        return session

    def _end(self, tx: Transaction, outcome: SignedIn | Denied, how: str) -> Session | Denied:
        """Write how a sign-in ended. What is refused is written too, so it is returned and raised afterwards."""
        at = self._store.clock()
        if isinstance(outcome, Denied):
            if outcome.failure is not None:
                tx.run("UPDATE people SET failures = ?, locked_until = ? WHERE id = ?",
                       outcome.failure.failures, outcome.failure.locked_until, outcome.person)  # fmt: skip
            # Also for a name that there is none of: the answer takes as long as for any other.
            who = outcome.person or NOBODY
            record(tx, at=at, person=who, act="refuse-sign-in", subject=who, why=outcome.reason.value,
                   details={"how": how})  # fmt: skip
            return outcome
        tx.run("UPDATE people SET failures = 0, locked_until = NULL, totp_step = ? WHERE id = ?",
               outcome.totp_step, outcome.person)  # fmt: skip
        person = _find(tx, "id", outcome.person)
        assert person is not None, "read in this transaction"
        session = Session(f"{PREFIX}{_base32(self._random(20))}", acting_as(person), at + SESSION)
        tx.run("DELETE FROM sessions WHERE expires <= ? OR seen <= ?", at, at - IDLE)
        tx.run("INSERT INTO sessions (digest, person, created, expires) VALUES (?, ?, ?, ?)",
               token_digest(session.token), person.id, at, session.expires)  # fmt: skip
        record(tx, at=at, person=person.id, act="sign-in", subject=person.id, details={"how": how})
        return session

    # Sessions

    def actor(self, token: str) -> Actor | None:
        """Who holds a session: the person as they are now. ``None`` when it has ended, or they are disabled."""
        session = self.session(token)
        return None if session is None else session.actor

    def session(self, token: str) -> Session | None:
        """The session that a token opens, if it still does."""
        if not _TOKEN.match(token):
            return None
        with self._store.reading() as tx:
            holder = self._holder(tx, token)
        return None if holder is None else Session(token, acting_as(holder[0]), holder[1])

    def _holder(self, tx: Transaction, token: str) -> tuple[Person, int] | None:
        """Whose session a token opens, and until when, if it still does."""
        row = tx.one("SELECT person, expires, seen FROM sessions WHERE digest = ?", token_digest(token))
        person, at = None if row is None else _find(tx, "id", row[0]), self._store.clock()
        if row is None or person is None or person.disabled is not None or row[1] <= at:
            return None
        if row[2] is not None and row[2] <= at - IDLE:
            return None
        return person, row[1]

    def sign_out(self, token: str) -> bool:
        """End a session; whether there was one."""
        with self._store.writing() as tx:
            row = tx.one("SELECT person FROM sessions WHERE digest = ?", token_digest(token))
            if row is None:
                return False
            tx.run("DELETE FROM sessions WHERE digest = ?", token_digest(token))
            record(tx, at=self._store.clock(), person=row[0], act="sign-out", subject=row[0])
        return True


def _session(ended: PasswordHeld | Session | Denied) -> PasswordHeld | Session:
    if isinstance(ended, Denied):
        raise Forbidden(SENTENCE, advice=_LATER)
    return ended


def _require(tx: Transaction, by: Actor) -> None:
    """Whoever looks after people may still do so now, in this transaction."""
    if by.duty is None:
        allowed = local_may(_people(tx), Permission.MANAGE_PEOPLE)
    else:
        person = _find(tx, "id", by.id)
        allowed = person is not None and person.may(Permission.MANAGE_PEOPLE)
    if not allowed:
        raise Forbidden(f"{by.name!r} may not look after the people of this node.",
                        advice="An administrator can: `titian login NAME`.")  # fmt: skip


def _form(name: str) -> str:
    """The form in which names are kept and looked for."""
    return unicodedata.normalize("NFKC", name).strip()


def _name(name: str) -> str:
    name = plain("name", _form(name))
    if ":" in name:
        raise InvalidInput("A person's name cannot hold a colon.", advice="Use letters, digits, spaces, - and _.")
    return name


def _check_identity(issuer: str | None, subject: str | None) -> None:
    if (issuer is None) != (subject is None):
        raise InvalidInput("An identity of OpenID Connect is an issuer and a subject.", advice="Give both.")
    for value in (issuer, subject):
        if value is not None and (not 0 < len(value) <= _LONGEST_IDENTITY or not value.isprintable()):
            raise InvalidInput("This issuer or subject cannot be used.", advice="Give what the ID token says.")


_PERSON: Final = (
    "SELECT id, name, full_name, role, password, totp, totp_step, issuer, subject, created, disabled, failures, "
    "locked_until FROM people"
)


def _person(row: Row) -> Person:
    return Person(
        id=row[0],
        name=row[1],
        full_name=row[2],
        duty=Duty(row[3]),
        password=row[4],
        totp=None if row[5] is None else bytes(row[5]),
        totp_step=row[6],
        issuer=row[7],
        subject=row[8],
        created=row[9],
        disabled=row[10],
        failures=row[11],
        locked_until=row[12],
    )


def _people(tx: Transaction) -> list[Person]:
    return [_person(row) for row in tx.all(f"{_PERSON} ORDER BY created, id")]


def _find(tx: Transaction, column: str, value: str) -> Person | None:
    # PostgreSQL keeps no NUL in a text, and no driver sends half of a surrogate pair: nobody is called that.
    if "\x00" in value or not value.isprintable():
        return None
    row = tx.one(f"{_PERSON} WHERE {column} = ?", value)
    return None if row is None else _person(row)


def _identified(tx: Transaction, issuer: str, subject: str) -> Person | None:
    if not (issuer + subject).isprintable():
        return None
    row = tx.one(f"{_PERSON} WHERE issuer = ? AND subject = ?", issuer, subject)
    return None if row is None else _person(row)


def _named(tx: Transaction, name: str) -> Person:
    person = _find(tx, "name", _form(name))
    if person is None:
        raise NotFound(f"There is nobody called {name!r}.", advice="`titian people list` shows them.")
    return person


def _insert(tx: Transaction, person: Person) -> None:
    for held in _people(tx):
        if held.name.casefold() == person.name.casefold():
            raise AlreadyExists(f"There is already somebody called {held.name!r}.",
                                advice="Choose another name; a disabled person keeps theirs.")  # fmt: skip
        if person.subject is not None and (held.issuer, held.subject) == (person.issuer, person.subject):
            raise AlreadyExists(f"This identity is that of {held.name!r}.")
    tx.run(
        "INSERT INTO people (id, name, full_name, role, password, totp, totp_step, issuer, subject, created, "
        "failures) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        person.id, person.name, person.full_name, person.duty.value, person.password, person.totp, person.totp_step,
        person.issuer, person.subject, person.created,
    )  # fmt: skip


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()
