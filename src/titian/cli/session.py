"""Who is acting at this terminal: the person who signed in, or the local operator of a node that has no people."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from titian.core.errors import Forbidden
from titian.core.people import Actor, Permission, Session, local_operator, permitting
from titian.node import Node

VARIABLE: Final = "TITIAN_SESSION"
"""Holds a session token in the environment; it wins over the file."""
FILE: Final = "session"
_SIGN_IN: Final = "`titian login NAME` signs in; an administrator adds who is missing."
_LONGEST: Final = 200


def acting(opened: Node, home: Path, permission: Permission, environment: Mapping[str, str] = os.environ) -> Actor:
    """Who is acting, if they may do this: the person who is signed in, or the local operator while there are no people.

    Raises :class:`Forbidden` saying who may, and how to become them.
    """
    token = held_token(home, environment)
    if token is None:
        return _operator(opened, permission)
    actor = opened.people.actor(token)
    if actor is None:
        raise Forbidden("This session has ended.",
                        advice="`titian login NAME` begins another, `titian login --out` forgets it.")  # fmt: skip
    if not actor.may(permission):
        raise Forbidden(f"{actor.name} is signed in as {actor.duty}, and may not {_words(permission)}.",
                        advice=f"Ask {_somebody(permission)}.")  # fmt: skip
    return actor


@contextmanager
def noting(opened: Node, actor: Actor, act: str, subject: str) -> Iterator[dict[str, Any]]:
    """Record an act when the block ends, however it ends; what the block puts into the dictionary goes with it."""
    details: dict[str, Any] = {}
    try:
        yield details
    except BaseException as error:
        details["failed"] = type(error).__name__
        raise
    finally:
        opened.acts.add(actor.id, act, subject, details=details)


def _operator(opened: Node, permission: Permission) -> Actor:
    operator = local_operator(os_user())
    if opened.people.local_may(permission):
        return operator
    if operator.may(permission):
        raise Forbidden(
            f"Nobody is signed in, and this node has people: they alone may {_words(permission)}.", advice=_SIGN_IN
        )
    raise Forbidden(f"Nobody is signed in, and only {_somebody(permission)} may {_words(permission)}.",
                    advice="`titian people add` adds one, `titian login NAME` signs them in.")  # fmt: skip


def _somebody(permission: Permission) -> str:
    return " or ".join(f"an {duty}" if duty[0] in "aeiou" else f"a {duty}" for duty in permitting(permission))


def _words(permission: Permission) -> str:
    return permission.replace("-", " ")


def os_user() -> str:
    """The user this process runs as, by the operating system's word and not by a variable that anyone can set."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def held_token(home: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """The session token in the environment, else in the file of the node's home, ``None`` when neither holds one."""
    if given := environment.get(VARIABLE, "").strip():
        return given
    try:
        with (home.expanduser() / FILE).open(encoding="ascii", errors="replace") as file:
            return file.read(_LONGEST).strip() or None
    except (FileNotFoundError, PermissionError):
        # Another user's file is another's session.
        return None


def keep(home: Path, session: Session) -> Path:
    """Write a session's token into the node's home, in a file for this user only; returns which."""
    path = home.expanduser() / FILE
    # A new file in place of the old one: that could be open to others, or lead elsewhere.
    descriptor, name = tempfile.mkstemp(prefix=".session-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{session.token}\n")
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    return path


def forget(home: Path) -> None:
    """Remove the file with the session's token, if there is one."""
    (home.expanduser() / FILE).unlink(missing_ok=True)
