"""Two nodes and one agreement: a bench that serves, and a partner's node that subscribes to it, in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from support.gate import BY, OWN, Bench, malware, party_id
from support.partner import Face, serving
from titian.core.party import Party, PartyKind
from titian.core.subscription import Terms
from titian.core.tlp import Tlp
from titian.node import open_node
from titian.setup import init_node
from titian.wire.outbound_limits import Limits
from titian.wire.peer_link import PeerLink
from titian.wire.taxii_client import TaxiiClient

URL = "http://127.0.0.1/"
JAPAN = party_id("japan")
_LEFT_OUT = {"host", "content-length", "content-encoding", "transfer-encoding"}


class Over(httpx.BaseTransport):
    """Carries requests to a node that is served in this process; ``down`` lets it answer nobody."""

    def __init__(self) -> None:
        self.face: Face | None = None
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.face is None:
            raise httpx.ConnectError("nobody answers", request=request)
        self.asked.append(f"{request.method} {request.url.raw_path.decode()}")
        headers = {name: value for name, value in request.headers.items() if name not in _LEFT_OUT}
        answer = self.face._client.request(
            request.method, request.url.raw_path.decode(), headers=headers, content=request.read()
        )
        kept = [(name, value) for name, value in answer.headers.multi_items() if name not in _LEFT_OUT]
        return httpx.Response(answer.status_code, headers=kept, content=answer.content, request=request)


class Pair:
    """``ours`` releases to Japan and serves; ``theirs`` is Japan's node, under an agreement of the same parties."""

    def __init__(self, ours: Bench, theirs: Bench, over: Over) -> None:
        self.ours = ours
        self.theirs = theirs
        self.over = over

    @property
    def collection(self) -> str:
        """The identifier of what Japan is served."""
        (found,) = (one for one in self.ours.released() if one.party == JAPAN)
        return found.id

    def release(self, *names: str, tlp: Tlp = Tlp.GREEN) -> list[str]:
        """Release malware to Japan."""
        identifiers = self.ours.hold(*(malware(name, tlp=tlp) for name in names))
        self.ours.release(*identifiers, to="jp")
        return identifiers

    def argv(self, *more: str) -> tuple[str, ...]:
        """What the partner types to subscribe."""
        return ("subscribe", URL, "--collection", self.collection, "--agreement", "pact", "--key",
                self.ours.secrets["japan"], *more)  # fmt: skip

    def forward(self, seconds: float) -> None:
        """Let time pass, for both."""
        self.ours.clock.now += round(seconds * 1_000_000)


@contextmanager
def pair(ours: Bench, home: Path) -> Iterator[Pair]:
    """Make the partner's node in ``home``, and serve ours."""
    ours.agree("jp", JAPAN)
    over = Over()

    @contextmanager
    def connect(terms: Terms, key: str) -> Iterator[PeerLink]:
        with TaxiiClient(
            terms.url, key=key, name=terms.user, allow_private={"127.0.0.1"}, transport=over,
            limits=Limits(attempts=1), sleep=lambda _: None,
        ) as client:  # fmt: skip
            yield PeerLink(client, terms.remote)

    with ExitStack() as stack:
        stack.enter_context(patch("titian.node.connect", connect))
        init_node(home, name="Japan", country="JP", identity=JAPAN, clock=ours.clock)
        theirs = Bench(open_node(home, clock=ours.clock, environment={}), ours.clock)
        stack.callback(theirs.close)
        theirs.node.agreements.add_party(Party(id=OWN, name="Agency", alias="agency", kind=PartyKind.AGENCY), BY)
        lines: dict[str, Any] = {
            "name": "Pact", "alias": "pact", "parties": [OWN, JAPAN], "purposes": ["cybercrime", "counter-terrorism"],
            "ceiling": "amber",
        }  # fmt: skip
        theirs.node.agreements.add("\n".join(f"{k} = {json.dumps(v)}" for k, v in lines.items()).encode(), BY)
        over.face = stack.enter_context(serving(ours, console=False))
        yield Pair(ours, theirs, over)
