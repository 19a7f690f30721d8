"""The people of a node: their duties, what each duty permits, and who is acting.

:data:`PERMISSIONS` is the one table. Nothing else in Titian says what a duty may do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

LOCAL: Final = "local:"
"""What the id of a local operator begins with. The id of a person is a UUID, so the two never meet."""


class Duty(StrEnum):
    """What a person is there for. (``Role`` is what a key is for, see :mod:`titian.core.access`.)"""

    ANALYST = "analyst"
    RELEASER = "releaser"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """One thing that somebody may do. The text stands in sentences: *may not decide-release*."""

    READ = "read"
    WRITE = "write"
    MARK = "mark"
    PREVIEW = "preview"
    REQUEST_RELEASE = "request-release"
    DECIDE_RELEASE = "decide-release"
    AUDIT = "audit"
    MANAGE_PEOPLE = "manage-people"
    MANAGE_KEYS = "manage-keys"
    MANAGE_AGREEMENTS = "manage-agreements"
    BACK_UP = "back-up"


PERMISSIONS: Final[Mapping[Duty, frozenset[Permission]]] = MappingProxyType(
    {
        Duty.ANALYST: frozenset(
            {Permission.READ, Permission.WRITE, Permission.MARK, Permission.PREVIEW, Permission.REQUEST_RELEASE}
        ),
        Duty.RELEASER: frozenset(
            {Permission.READ, Permission.PREVIEW, Permission.REQUEST_RELEASE, Permission.DECIDE_RELEASE}
        ),
        Duty.AUDITOR: frozenset({Permission.READ, Permission.AUDIT}),
        Duty.ADMINISTRATOR: frozenset(
            {
                Permission.READ,
                Permission.MANAGE_PEOPLE,
                Permission.MANAGE_KEYS,
                Permission.MANAGE_AGREEMENTS,
                Permission.BACK_UP,
            }
        ),
    }
)
"""Duty to permissions. An administrator does not decide on releases: who makes the accounts must not also be the
second pair of eyes. An auditor changes nothing."""

LOCAL_PERMISSIONS: Final = frozenset(Permission) - {Permission.DECIDE_RELEASE}
"""What a local operator may while there are no people: all but to decide, because four eyes need two persons."""


LOCAL_ALWAYS: Final = frozenset({Permission.READ, Permission.WRITE, Permission.BACK_UP})
"""What a local operator may besides people: look, take objects in and out of the node's own files, and back it up, as
timers do. They could do as much without this command."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the node keeps it. Instants are microseconds since the Unix epoch.

    ``password`` is an argon2id hash in PHC form, ``totp`` the secret of RFC 6238 and ``totp_step`` the last time
    step whose code was used. ``issuer`` and ``subject`` are who they are over OpenID Connect, never an address.
    """

    id: str
    name: str
    full_name: str
    duty: Duty
    created: int
    password: str | None = None
    totp: bytes | None = None
    totp_step: int = 0
    issuer: str | None = None
    subject: str | None = None
    disabled: int | None = None
    failures: int = 0
    locked_until: int | None = None

    def may(self, permission: Permission) -> bool:
        """Whether this person may do something; one who is disabled may nothing."""
        return self.disabled is None and permission in PERMISSIONS[self.duty]

    def is_locked(self, at: int) -> bool:
        """Whether too many wrong passwords or codes keep this account shut at an instant."""
        return self.locked_until is not None and at < self.locked_until

    def __repr__(self) -> str:
        return f"Person({self.id!r}, {self.name!r}, {self.duty.value!r}{', disabled' * (self.disabled is not None)})"


class Actor(msgspec.Struct, frozen=True):
    """Who does something: a person who is signed in, or a local operator, who has no ``duty``."""

    id: str
    name: str
    duty: Duty | None

    def may(self, permission: Permission) -> bool:
        """Whether the actor's duty permits something.

        >>> Actor("1", "ana", Duty.ADMINISTRATOR).may(Permission.DECIDE_RELEASE)
        False
        """
        return permission in (LOCAL_PERMISSIONS if self.duty is None else PERMISSIONS[self.duty])


class Session(msgspec.Struct, frozen=True):
    """A session that has just been opened: ``token`` is shown to its person alone, and never stored."""

    token: str
    actor: Actor
    expires: int

    def __repr__(self) -> str:
        return f"Session({self.actor!r}, expires={self.expires})"


def acting_as(person: Person) -> Actor:
    """The actor that a person is."""
    return Actor(person.id, person.name, person.duty)


def local_operator(user: str) -> Actor:
    """Who acts while nobody is signed in: the user of the operating system who can open the node's files.

    That is as far as anyone can be told apart there, so it holds only as far as :func:`local_may` says. The id differs
    from that of every person, so that a person can decide on what a local operator asked for.

    >>> local_operator("analyst-one").id
    'local:analyst-one'
    """
    return Actor(f"{LOCAL}{user}", user, None)


PROGRAM: Final = Actor(f"{LOCAL}program", "program", None)
"""Who acts when a program uses the node as a library and does not say for whom."""


def local_may(people: Iterable[Person], permission: Permission) -> bool:
    """Whether a local operator may do something on a node with these people.

    With no people yet: whatever :data:`LOCAL_PERMISSIONS` holds. Afterwards: :data:`LOCAL_ALWAYS`, and to look after
    the people while no administrator can. So a node whose last administrator is gone can still be entered, by whoever
    can open its files and could change them anyway, and that leaves an act behind.

    >>> local_may([], Permission.MARK), local_may([], Permission.DECIDE_RELEASE)
    (True, False)
    """
    known = list(people)
    if not known:
        return permission in LOCAL_PERMISSIONS
    if permission is Permission.MANAGE_PEOPLE:
        return not any(one.may(Permission.MANAGE_PEOPLE) for one in known)
    return permission in LOCAL_ALWAYS


def permitting(permission: Permission) -> list[Duty]:
    """The duties that permit something, for advice.

    >>> [duty.value for duty in permitting(Permission.DECIDE_RELEASE)]
    ['releaser']
    """
    return [duty for duty, granted in PERMISSIONS.items() if permission in granted]
