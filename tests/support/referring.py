"""A bench that refers content to its partners, and is asked by them."""

from __future__ import annotations

import json
from typing import Any, Final

from support.gate import ANALYST, DAY, OWN, RELEASER, Bench, party_id
from support.sighting import Sighting
from support.stix import Object
from titian.core.extension_objects import make_observable
from titian.core.party import PartyKind
from titian.core.people import Actor
from titian.core.referral import Designation, Referral, State, answer, refer, write_referral, write_referral_answer
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.give_back import Back
from titian.exchange.refer import Asked, Done
from titian.exchange.referred import Case

URL: Final = "https://video.example/watch/7"
LISTED: Final = Designation(source="list", name="National list of designated entities", reference="N-17", country="ID")
BASIS: Final = "Act 5 of 2018, section 43"
VIDEO: Final = "video"
"""The company that runs the platform, by its alias."""


class Referring(Sighting):
    """A bench with a company, an agreement with it, and one with the company and Japan."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        bench.add_party(VIDEO, PartyKind.COMPANY, country="JP")
        bench.agree("platforms", party_id(VIDEO), ceiling="amber")
        bench.agree("wide", party_id(VIDEO), party_id("japan"), ceiling="amber")
        self.refer = bench.node.refer

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    def asked(self, *contents: str, **more: Any) -> Asked:
        given: dict[str, Any] = {
            "to": VIDEO, "agreement": "platforms", "designations": (LISTED,), "legal_basis": (BASIS,),
            "what": "Remove the film", "why": "It calls for money.", "deadline": self.bench.clock.now + DAY,
        }  # fmt: skip
        return Asked(contents=contents or (URL,), **(given | more))

    def asks(self, *contents: str, by: Actor = ANALYST, **more: Any) -> Done:
        """Refer content; it may wait for a second person."""
        return self.refer.make(by, self.asked(*contents, **more))

    def sent(self, *contents: str, **more: Any) -> Case:
        """Refer content, and have a second person approve it."""
        return self.approved(self.asks(*contents, **more))

    def approved(self, done: Done) -> Case:
        if done.returned.state is Back.WAITS:
            self.bench.node.release.approve(RELEASER, done.returned.request or "")
        else:
            assert done.returned.state is Back.WENT, done.returned
        return self.refer.find(done.case.id)

    def says(self, case: Case, state: State, reason: str = "So.", *, by: str = VIDEO, **more: Any) -> Object:
        """What a party sends back about a referral, as it came to its inbox."""
        made = answer(case.id, state, by=party_id(by), at=self.bench.clock.now, reason=reason,
                      marks=case.standing.referral.marks)  # fmt: skip
        return json.loads(write_referral_answer(made)) | more  # type: ignore[no-any-return]

    def answered(self, case: Case, state: State, reason: str = "So.", *, under: str = "platforms", **more: Any) -> Case:
        """Have the platform answer, a second later."""
        self.bench.clock.now += 1_000_000
        self.posts(VIDEO, self.says(case, state, reason, **more), under=under)
        return self.refer.find(case.id)

    def referral_served(self, alias: str = VIDEO) -> Object | None:
        """The referral that a party is served, in its latest version; None if it is served none."""
        found = [one for one in self.bench.served(alias).values() if one["type"] == "referral"]
        assert len(found) < 2
        return found[0] if found else None

    # ── being asked ───────────────────────────────────────────────────────────────────────────────────────

    def theirs(self, *, by: str = "japan", to: str = OWN, tlp: Tlp = Tlp.GREEN, **more: Any) -> tuple[Referral, Object]:
        """A referral of another party, and the content that it is about."""
        seen = make_observable("media-hash", {"algorithm": "pdq", "value": "b2" * 32}, marks=[TLP_IDS[tlp]])
        given: dict[str, Any] = {
            "by": party_id(by), "addressed": to, "designations": [LISTED], "legal_basis": [BASIS],
            "at": self.bench.clock.now, "deadline": self.bench.clock.now + DAY, "name": "Remove the picture",
            "why": "It recruits.", "marks": [TLP_IDS[tlp]],
        }  # fmt: skip
        return refer([seen["id"]], **(given | more)), seen

    def receives(self, *, under: str = "jp", sender: str = "japan", **more: Any) -> Case:
        """Have a referral of another party arrive."""
        one, seen = self.theirs(**more)
        self.arrives(sender, seen, json.loads(write_referral(one)), under=under)
        return self.refer.find(one.id)
