"""How the command line asks for what nobody else may read: never an argument, which every process could see."""

from __future__ import annotations

import getpass
import sys
from typing import Final

from titian.core.errors import InvalidInput
from titian.core.passwords import LONGEST, new_password

_CHARACTERS: Final = 16 * LONGEST


def read_password(from_stdin: bool, *, asking: str, twice: bool = False) -> str:
    """A password from a terminal without showing it, ``twice`` where it is new, or the first line of standard input.

    Raises :class:`InvalidInput` when there is neither, or when the two differ.
    """
    if from_stdin:
        try:
            # The line's end is the shell's, not the password's.
            return sys.stdin.readline(_CHARACTERS).rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InvalidInput("This password is not text.", advice="Send it in UTF-8.") from error
    if not sys.stdin.isatty():
        raise InvalidInput("A password is asked for in a terminal, and this is none.",
                           advice="Send it on standard input, with --password-stdin.")  # fmt: skip
    password = getpass.getpass(f"{asking}: ")
    if twice:
        new_password(password)
        if getpass.getpass("Again: ") != password:
            raise InvalidInput("The two differ.", advice="Begin again.")
    return password


def read_code() -> str:
    """The code that an authenticator shows. Raises :class:`InvalidInput` when nobody can be asked."""
    if not sys.stdin.isatty():
        raise InvalidInput("The password is right, and a code of the authenticator is wanted.",
                           advice="Give it with --code.")  # fmt: skip
    return getpass.getpass("Code: ")
