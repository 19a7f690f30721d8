"""A bench with people who are signed in, and the command line on it: in this process, at the clock of the bench."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from support.gate import OWN, Bench, party_id
from support.stix import Object, text
from titian.cli import main
from titian.cli.session import VARIABLE
from titian.core.people import Duty, local_operator

ISSUER: Final = "https://login.example"
PEOPLE: Final = {
    "analyst-one": Duty.ANALYST, "releaser-one": Duty.RELEASER, "releaser-two": Duty.RELEASER,
    "auditor-one": Duty.AUDITOR, "keeper-one": Duty.ADMINISTRATOR,
}  # fmt: skip
HOURS: Final = 3600 * 1_000_000


class Said(msgspec.Struct, frozen=True):
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Desk:
    """A bench with people who are signed in, and the command line."""

    def __init__(
        self, bench: Bench, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.bench = bench
        self._files = files
        self._patch = monkeypatch
        self._capsys = capsys
        self._tokens: dict[str, str] = {}
        people = bench.node.people
        for name, duty in PEOPLE.items():
            # Over OpenID Connect: no password is hashed, and the tests are quick.
            people.add(name, duty, by=local_operator("setup"), issuer=ISSUER, subject=name)
            self.sign_in(name)

    def sign_in(self, name: str) -> None:
        self._tokens[name] = self.bench.node.people.identity(ISSUER, name).token

    def run(self, name: str, *argv: str) -> Said:
        """Run a command as somebody who is signed in, whatever it answers."""
        self._patch.setenv(VARIABLE, self._tokens[name])
        self._patch.setattr(sys, "argv", ["titian", *argv, "--home", str(self.bench.node.home)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = self._capsys.readouterr()
        return Said(int(ended.value.code or 0), told.out, told.err)

    def analyst(self, *argv: str) -> Said:
        return self.run("analyst-one", *argv)

    def releaser(self, *argv: str) -> Said:
        return self.run("releaser-one", *argv)

    def does(self, name: str, *argv: str) -> Said:
        """Run a command that must succeed."""
        done = self.run(name, *argv)
        assert done.status == 0, done
        return done

    def refused(self, name: str, *argv: str, says: tuple[str, ...]) -> Said:
        """Run a command that must be refused: a sentence, what to do, and nothing on standard output or anywhere."""
        done = self.run(name, *argv)
        assert (done.status, done.out) == (1, ""), done
        assert done.err.startswith("titian: "), done
        for words in says:
            assert words in done.err
        self.nothing_went()
        return done

    def nothing_went(self) -> None:
        assert self.bench.released() == [] or not any(map(self.bench.served, self.bench.secrets))

    def file(self, name: str, content: bytes) -> str:
        path = self._files / name
        path.write_bytes(content)
        return str(path)

    def bundle(self, *objects: Object) -> str:
        value = {"type": "bundle", "id": "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "objects": list(objects)}
        return self.file("in.json", text(value))

    def agreement(self, **lines: Any) -> str:
        """An agreement file; a date is written bare."""
        given = {"name": "New", "alias": "new", "parties": [OWN, party_id("russia")], "purposes": ["cybercrime"],
                 "ceiling": "amber"} | lines  # fmt: skip
        dates = {"valid_from", "valid_until"}
        written = (f"{key} = {value if key in dates else json.dumps(value)}" for key, value in given.items())
        return self.file("new.toml", "\n".join(written).encode())

    def waiting(self, *references: str, to: str = "jp", by: str = "analyst-one") -> str:
        """Ask for a release that a second person has to approve; returns the request's id."""
        told = self.does(by, "release", *references, "--to", to, "--json").json
        assert told["state"] == "waiting", told
        return str(told["id"])
