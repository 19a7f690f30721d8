"""How a command that failed says so: one sentence, what to do next, and an exit status."""

from __future__ import annotations

import errno
import os
import traceback
from typing import Any, Final

from titian.cli.terminal import complain, warn
from titian.core.errors import TitianError

DEBUG: Final = "TITIAN_DEBUG"
"""Set to anything in the environment, it has the traceback of a failure printed."""

_ADVICE: Final = {
    errno.EACCES: "Run it as the user who owns this, or change who may use it.",
    errno.EPERM: "Run it as the user who owns this, or change who may use it.",
    errno.EROFS: "Choose a place that can be written to.",
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "Check the path: a part of it is a file.",
    errno.EISDIR: "Name a file in that folder.",
    errno.ENOSPC: "Free some space, then repeat the command.",
    errno.EDQUOT: "Free some space, then repeat the command.",
    errno.EMFILE: "Allow more open files (`ulimit -n`), then repeat the command.",
}
_LONGEST: Final = 300


def tell(error: Exception) -> int:
    """Print an error for a person, and return the exit status: 2 for a misspelled command, else 1."""
    # By what it can do, not by its class: typer brings its own copy of click, and older versions did not.
    if hasattr(error, "format_message"):
        return _tell_usage(error)
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if isinstance(error, TitianError):
        message, advice = error.message, error.advice
    elif isinstance(error, OSError):
        message, advice = reason(error), _ADVICE.get(error.errno or 0)
    else:
        first = next(iter(str(error).splitlines()), "")[:_LONGEST]
        message = f"This should not have happened: {type(error).__name__}{first and ': '}{first}"
        advice = f"{DEBUG}=1 in the environment shows where; please report it."
    complain(message)
    for line in (*getattr(error, "__notes__", ()), *([f"→ {advice}"] if advice else ())):
        warn(f"  {line}")
    return 1


def reason(error: OSError) -> str:
    """Say in a sentence what the operating system refused.

    >>> reason(OSError(errno.ENOENT, "No such file or directory", "missing.json"))
    'missing.json: no such file or directory.'
    """
    said = error.strerror or str(error) or type(error).__name__
    where = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    return f"{' → '.join(where)}{': ' * bool(where)}{said[:1].lower() if where else said[:1]}{said[1:]}."


def _tell_usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    # The help that stands for a command without arguments has been printed already.
    if message := error.format_message():
        complain(message, advice=f"{context.command_path} --help" if context else None)
    return int(error.exit_code)
