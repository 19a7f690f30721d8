"""Our node, set up and started through its command line as a user would."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.client import Answer, Session, Target, UnexpectedAnswer, fetch
from benchmarks.processes import CannotStart, Server, free_port

MEDIA_TYPE = "application/taxii+json;version=2.1"
_NEXT = re.compile(rb'"next":\s*"([^"]+)"')
_STATUS_PATIENCE = 60.0
_ENVIRONMENT = {"TITIAN_REQUESTS_PER_SECOND": "0"}
"""All settings are the defaults, but for the bound on a key's requests, which is there to stop such loads."""
_COMMAND = (sys.executable, "-c", "from titian.cli import main; main()")


class Node:
    """A node in a home of its own, with one collection, a key that reads it and a key that writes it."""

    def __init__(self, home: Path, *, database: str | None = None) -> None:
        self.home = home
        self._run("init", "--name", "Benchmark", "--country", "ID", *(("--database", database) if database else ()))
        self._collections: dict[str, str] = {}
        self.add_collection("main")
        self._keys = {role: self._key(role) for role in ("reader", "writer")}
        self._server: Server | None = None
        self._pages: dict[tuple[str, int], list[str]] = {}
        self._root = ""

    def add_collection(self, name: str) -> None:
        """Make a collection."""
        self._collections[name] = str(self._run("collections", "add", name)["id"])

    def _key(self, role: str) -> str:
        return str(self._run("keys", "add", f"bench-{role}", "--role", role)["key"])

    def _run(self, *words: str) -> Mapping[str, Any]:
        command = [*_COMMAND, *words, "--home", str(self.home)]
        if words[0] != "init":
            command.append("--json")
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise CannotStart(f"titian {words[0]}: {(done.stderr or done.stdout).strip()[-400:]}")
        found = json.loads(done.stdout) if words[0] != "init" else {}
        return found if isinstance(found, dict) else {}

    def start(self) -> float:
        """Start serving; the seconds from the command to its first answer."""
        port = free_port()
        command = [*_COMMAND, "serve", "--home", str(self.home), "--port", str(port)]
        log = self.home / "benchmark-serve.log"
        self._server = Server(
            command,
            log,
            ready="/taxii2/",
            port=port,
            authorization=f"Bearer {self._keys['reader']}",
            environment=_ENVIRONMENT,
        )
        root = json.loads(self.get("/taxii2/").body)["api_roots"][0]
        self._root = urlsplit(root).path
        return self._server.seconds_to_first_answer

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def restart(self) -> float:
        """Stop and start: nothing the process remembered is left."""
        self.stop()
        return self.start()

    @property
    def server(self) -> Server:
        """The running server."""
        if self._server is None:
            raise CannotStart("The node is not running.")
        return self._server

    def target(self, role: str = "reader") -> Target:
        """Where the node answers, with the key of ``role``."""
        return Target(self.server.target.url, f"Bearer {self._keys[role]}")

    def objects_path(self, collection: str = "main") -> str:
        """The path of the collection's objects endpoint."""
        return f"{self._root}collections/{self._collections[collection]}/objects/"

    def get(self, path: str) -> Answer:
        """One answer in full; anything but 200 is an error."""
        target = self.target()
        answer = fetch(target, target.request(path))
        if answer.status != 200:
            raise UnexpectedAnswer(f"GET {path}: {answer.status} {answer.body[:300]!r}")
        return answer

    def pages(self, collection: str = "main", *, limit: int = 1000) -> list[str]:
        """The paths of a collection's pages in order, found once by reading it as a client does."""
        known = self._pages.get((collection, limit))
        if known is None:
            known = self._pages[collection, limit] = self._walk(self.objects_path(collection), limit)
        return known

    def _walk(self, path: str, limit: int) -> list[str]:
        target = self.target()
        session = Session.open(target)
        found: list[str] = []
        query = f"?limit={limit}"
        while query:
            answer = session.send(target.request(path + query))
            if answer.status != 200:
                raise UnexpectedAnswer(f"GET {path}{query}: {answer.status} {answer.body[:300]!r}")
            found.append(path + query)
            token = _NEXT.search(answer.body[:600]) or _NEXT.search(answer.body[-600:])
            query = f"?limit={limit}&next={quote(token[1].decode(), safe='')}" if token else ""
        session.close()
        return found

    def last_added(self, collection: str = "main") -> str:
        """The ``date_added`` of the newest object, from the last page's header."""
        return self.get(self.pages(collection)[-1]).header("X-TAXII-Date-Added-Last")

    def match_request(self, object_id: str) -> bytes:
        """The request for one object by ``match[id]``."""
        return self.target().request(f"{self.objects_path()}?match%5Bid%5D={object_id}")

    def post(self, batches: Iterable[bytes], *, collection: str = "main") -> list[float]:
        """Post ``batches`` in turn; the seconds for each until its status says that all is held."""
        target = self.target("writer")
        session = Session.open(target)
        path = self.objects_path(collection)
        seconds = []
        for body in batches:
            request = target.request(path, method="POST", body=body, media_type=MEDIA_TYPE)
            began = perf_counter()
            answer = session.send(request)
            if answer.status != 202:
                raise UnexpectedAnswer(f"POST: {answer.status} {answer.body[:600]!r}")
            self._await_complete(session, target, json.loads(answer.body))
            seconds.append(perf_counter() - began)
        session.close()
        return seconds

    def _await_complete(self, session: Session, target: Target, status: Mapping[str, Any]) -> None:
        until = perf_counter() + _STATUS_PATIENCE
        while status["status"] != "complete" and perf_counter() < until:
            answer = session.send(target.request(f"{self._root}status/{status['id']}/"))
            status = json.loads(answer.body)
        if status["status"] != "complete" or status["success_count"] != status["total_count"]:
            raise UnexpectedAnswer(f"A posted batch failed: {json.dumps(status)[:600]}")
