"""Runs `titian` commands, each in a fork of an interpreter that has already imported it.

A suite that makes a collection for each test would otherwise spend its time importing. Every command still is
a process of its own: its own argument vector, output, exit status and open files, and nothing remembered from
the command before it. The protocol is one JSON array of arguments per line in, one JSON array
`[status, stdout, stderr]` per line out.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pkgutil
import sys
import tempfile
import traceback
from contextlib import redirect_stderr, redirect_stdout
from typing import IO, NoReturn

import sqlalchemy

# Run as a script, this folder comes first, and its stix.py would stand before the package of that name.
sys.path[:] = [place for place in sys.path if place != os.path.dirname(os.path.abspath(__file__))]

import titian.cli  # noqa: E402


def _child(argv: list[str], out: IO[bytes], err: IO[bytes]) -> NoReturn:
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.argv = ["titian", *argv]
    status = 0
    try:
        titian.cli.main()
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _warm_up() -> None:
    """Import what commands import late, and rehearse one that fails early, for what the parser imports late."""
    for module in pkgutil.iter_modules(titian.cli.__path__, "titian.cli."):
        importlib.import_module(module.name)
    sqlalchemy.create_engine("postgresql+psycopg://")  # loads the driver, connects to nothing
    sys.argv = ["titian", "collections", "list", "--home", os.devnull]
    silence = io.StringIO()
    with contextlib.suppress(SystemExit), redirect_stdout(silence), redirect_stderr(silence):
        titian.cli.main()


def main() -> None:
    _warm_up()
    for line in sys.stdin:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            pid = os.fork()
            if pid == 0:
                _child(json.loads(line), out, err)
            _, status = os.waitpid(pid, 0)
            out.seek(0)
            err.seek(0)
            answer = [os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode()]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
