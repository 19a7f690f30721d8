"""A referral between two nodes, over their applications: asked, answered, appealed, decided; a third sees nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from support.bridge import AGREEMENT, ANALYST, RELEASER, A, Bridge, C, Peer
from support.gate import DAY, SECOND
from support.stix import envelope
from titian.core.errors import NotFound
from titian.core.referral import Designation, State, answer, write_referral_answer
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.give_back import Back
from titian.exchange.refer import Asked, Done, responses
from titian.exchange.referred import Case, Step

PLATFORM: Final = "example-telecom"
"""A company that is a member of the community as it is shipped."""
URL: Final = "https://video.example/watch/7"
PDQ: Final = "a1" * 32
WORDS: Final = ("referral", "video.example", PDQ, "National list", "calls for money")
"""What only the two sides may read."""


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    """A state agency, a company that runs a platform, and a third party; both have subscribed to the first."""
    with Bridge(tmp_path, A, PLATFORM, C) as made:
        made.a.release("what opens the channel", to=(PLATFORM, C))
        for reader in (made.peers[PLATFORM], made.c):
            made.pull(reader, made.subscribe(reader, made.a))
        yield made


def platform(bridge: Bridge) -> Peer:
    return bridge.peers[PLATFORM]


def settled(peer: Peer, done: Done) -> Case:
    """Have a second person approve what waits."""
    if done.returned.state is Back.WAITS:
        peer.node.release.approve(RELEASER, done.returned.request or "")
    else:
        assert done.returned.state is Back.WENT, done.returned
    return peer.node.refer.find(done.case.id)


def refers(bridge: Bridge, **more: Any) -> Case:
    """The agency asks the company."""
    asked = Asked(
        contents=("hxxps://video[.]example/watch/7", f"pdq:{PDQ}"), to=PLATFORM, agreement=AGREEMENT,
        designations=(Designation(source="list", name="National list", reference="N-17", country="ID"),),
        legal_basis=("Act 5 of 2018, section 43",), what="Remove the film", why="It calls for money.",
        deadline=bridge.a.clock() + 7 * DAY,
    )  # fmt: skip
    return settled(bridge.a, bridge.a.node.refer.make(ANALYST, msgspec.structs.replace(asked, **more)))


def answers(bridge: Bridge, case: Case, state: State, reason: str = "") -> Case:
    """The company answers, and its node hands that over when it next exchanges."""
    there = platform(bridge)
    done = settled(there, there.node.refer.answer(ANALYST, case.id, state, reason))
    bridge.pull(there)
    return done


def history(case: Case) -> list[tuple[str, str | None, str]]:
    return [(step.state.value, step.by, step.reason) for step in case.standing.now.history]


def third_party_sees(bridge: Bridge) -> str:
    """Everything that the third node holds, and that it is served."""
    c = bridge.c
    bridge.pull(c)
    held = [raw for one in c.node.collections.list() for raw in c.node.exchange.objects(one.collection)]
    key = c.node.subscribe._book.secret(c.node.subscribe.list()[0].id)
    base = "/taxii2/api/collections/"
    pages = [bridge.a.ask(base, key)]
    pages += [bridge.a.ask(f"{base}{one['id']}/objects/", key) for one in pages[0].json()["collections"]]
    return "\n".join([*(raw.decode() for raw in held), *(page.text for page in pages)])


def test_a_referral_is_asked_answered_appealed_and_decided(bridge: Bridge) -> None:
    there = platform(bridge)
    sent = refers(bridge)
    assert (sent.state, sent.way.step) == (State.SENT, Step.WENT)
    bridge.pull(there)
    assert bridge.a.node.refer.find(sent.id).way.step is Step.READ
    (case,) = there.node.refer.list()
    assert (case.id, case.ours, case.waits, [one.title for one in case.contents]) == (sent.id, False, True, [URL, PDQ])
    assert responses(case) == [State.REMOVED, State.KEPT]

    kept = answers(bridge, case, State.KEPT, "It is reporting on the attack.")
    back = bridge.a.node.refer.find(sent.id)
    assert back.standing.now == kept.standing.now
    assert history(back) == [("sent", bridge.a.id, ""), ("kept", there.id, "It is reporting on the attack.")]
    (way,) = there.node.refer.find(sent.id).ways.values()
    assert way.step is Step.READ

    bridge.later()
    appealed = settled(bridge.a, bridge.a.node.refer.appeal(ANALYST, sent.id, "It was listed since."))
    bridge.pull(there)
    assert there.node.refer.find(sent.id).standing.now == appealed.standing.now
    removed = answers(bridge, appealed, State.REMOVED)
    back = bridge.a.node.refer.find(sent.id)
    assert back.standing.now == removed.standing.now
    assert [state for state, _, _ in history(back)] == ["sent", "kept", "appealed", "removed"]
    assert (back.standing.aside, back.standing.unheard, removed.standing.unheard) == ((), (), ())


def test_the_user_of_what_was_removed_can_appeal_and_both_sides_know_the_outcome(bridge: Bridge) -> None:
    sent = refers(bridge)
    bridge.pull(platform(bridge))
    for state, reason in ((State.REMOVED, ""), (State.APPEALED, "A satire"), (State.REINSTATED, "It is a satire.")):
        answers(bridge, sent, state, reason)
    ours, theirs = bridge.a.node.refer.find(sent.id), platform(bridge).node.refer.find(sent.id)
    assert (ours.state, ours.standing.now) == (State.REINSTATED, theirs.standing.now)


def test_withdrawn_it_asks_for_nothing_there_either(bridge: Bridge) -> None:
    sent = refers(bridge)
    bridge.pull(platform(bridge))
    settled(bridge.a, bridge.a.node.refer.withdraw(ANALYST, sent.id, "The wrong film"))
    bridge.pull(platform(bridge))
    case = platform(bridge).node.refer.find(sent.id)
    assert (case.standing.now.withdrawn, case.waits, responses(case)) == (True, False, [])


def test_it_is_overdue_on_both_sides(bridge: Bridge) -> None:
    sent = refers(bridge, deadline=bridge.a.clock() + 10 * SECOND)
    bridge.pull(platform(bridge))
    bridge.later(60)
    assert [bridge.a.node.refer.find(sent.id).overdue, platform(bridge).node.refer.find(sent.id).overdue] == [True] * 2


def test_a_third_party_sees_nothing_of_it(bridge: Bridge) -> None:
    """Law 1: what it holds and what it is served is the same, to the byte, as if there were no referral."""
    before = third_party_sees(bridge)
    sent = refers(bridge)
    bridge.pull(platform(bridge))
    answers(bridge, sent, State.KEPT, "It calls for money, and is news.")
    after = third_party_sees(bridge)
    assert after == before
    for word in WORDS:
        assert word not in after
    with pytest.raises(NotFound):
        bridge.c.node.refer.find(sent.id)


def test_what_a_third_party_says_of_it_changes_nothing(bridge: Bridge) -> None:
    """It has guessed the identifier, and speaks for itself and in the name of the platform."""
    sent = refers(bridge)
    key = bridge.a.key_for(bridge.c)
    collections = bridge.a.ask("/taxii2/api/collections/", key).json()["collections"]
    inbox = next(one["id"] for one in collections if one["can_write"])
    for by in (bridge.c.id, platform(bridge).id):
        said = answer(sent.id, State.REMOVED, by=by, at=bridge.a.clock(), marks=[TLP_IDS[Tlp.GREEN]])
        done = bridge.a.ask(f"/taxii2/api/collections/{inbox}/objects/", key, "POST", content=envelope(
            write_referral_answer(said)), headers={"Content-Type": "application/taxii+json;version=2.1",
                                                   "Accept": "application/taxii+json;version=2.1"})  # fmt: skip
        assert done.status_code == 202, done.text
    case = bridge.a.node.refer.find(sent.id)
    assert (case.state, case.waits, len(case.standing.aside)) == (State.SENT, True, 2)
    assert [one.sender for one in case.standing.aside] == [bridge.c.id] * 2
    assert "not from the party" in case.standing.aside[0].why + case.standing.aside[1].why
