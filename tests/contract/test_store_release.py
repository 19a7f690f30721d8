"""Release on both backends: what is served is what was previewed, two persons stand behind it, or nothing goes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from support.gate import (
    ADMINISTRATOR,
    ANALYST,
    AUDITOR,
    BY,
    DAY,
    NOW,
    OWN,
    RELEASER,
    RELEASER_TWO,
    Bench,
    indicator,
    link,
    made,
    malware,
    party_id,
    promised,
    report,
    text_of,
)
from support.nodes import environment
from support.stix import Object, ipv4, revision
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused, TitianError
from titian.core.gate import Query, Request, State
from titian.core.people import Actor, local_operator
from titian.core.stix import examine
from titian.core.tlp import TLP_IDS, Tlp
from titian.store.gate import StoreSession

JAPAN, RUSSIA, BRUNEI = (party_id(alias) for alias in ("japan", "russia", "brunei"))


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    """A node with an agreement ``jp`` with Japan, and ``all`` with three parties; AMBER is their ceiling."""
    made = new_bench()
    made.agree("jp", JAPAN)
    made.agree("all", JAPAN, RUSSIA, BRUNEI)
    return made


def asked(bench: Bench, *references: str, to: str = "jp", by: Actor = ANALYST, **more: Any) -> Request:
    """A request that waits."""
    request = bench.node.release.request(by, references, to, **more).request
    assert request.state is State.WAITING
    return request


def state_of(bench: Bench, request: Request) -> State:
    return {one.id: one.state for one in bench.node.release.requests(waiting_only=False)}[request.id]


def first_released(bench: Bench, *parties: str, to: str = "jp") -> None:
    """Something GREEN has gone to every party: a next release needs no second person for that."""
    (identifier,) = bench.hold(malware("First", tlp=Tlp.GREEN))
    bench.release(identifier, to=to)


# What is previewed


def a_graph(bench: Bench) -> list[str]:
    """A report with a graph of which each party sees another part."""
    kestrel = malware("Kestrel", tlp=Tlp.AMBER)
    source = made("threat-actor", name="Source Orchid", tlp=Tlp.RED)
    wallet = indicator("Wallet", tlp=Tlp.GREEN, description="Seen in two banks.")
    wallet["granular_markings"] = [{"marking_ref": TLP_IDS[Tlp.RED], "selectors": ["description"]}]
    address = ipv4("198.51.100.7", object_marking_refs=[TLP_IDS[Tlp.AMBER]])
    theirs = malware("Goshawk", tlp=Tlp.GREEN)
    secret = malware("Merlin", tlp=Tlp.GREEN)
    links = [link(wallet, kestrel, tlp=Tlp.GREEN), link(source, kestrel, tlp=Tlp.GREEN)]
    everything = [kestrel, source, wallet, address, theirs, secret, *links]
    about = report("Financing", *everything, tlp=Tlp.AMBER)
    ids = bench.hold(*everything, about)
    bench.mark(theirs["id"], releasable_to=("JP", "russia"))
    bench.mark(secret["id"], attribution="must-not", expires="2030-01-01T00:00:00.000Z")
    return [about["id"], *ids]


def test_what_is_served_is_what_was_previewed_byte_for_byte(bench: Bench) -> None:
    root, *ids = a_graph(bench)
    preview = bench.preview(root, to="all")
    wanted = {one.name: promised(bench, one, ids) for one in preview.seen}
    assert len({len(each) for each in wanted.values()}) > 1, "the parties see different things"
    bench.release(root, to="all")
    for alias in ("japan", "russia", "brunei"):
        (served,) = bench.raw_served(alias).values()
        assert sorted(served) == sorted(wanted[alias.title()].values())
        for raw in served:
            assert examine(raw).violations == ()
            for hidden in ("Orchid", "Seen in two banks"):
                assert hidden.encode() not in raw
    brunei = text_of(bench.served("brunei"))
    assert "Goshawk" not in brunei
    assert JAPAN not in brunei, "who else may have it is nobody's business"
    assert RUSSIA not in text_of(bench.served("japan"))


def test_previewing_writes_nothing(bench: Bench) -> None:
    root, *_ = a_graph(bench)
    before = bench.node.collections.list(), bench.node.acts.list(), bench.node.release.requests(waiting_only=False)
    one, two = bench.preview(root, to="all"), bench.preview(root, to="all")
    assert [each.fingerprint for each in one.seen] == [each.fingerprint for each in two.seen], "the same each time"
    after = bench.node.collections.list(), bench.node.acts.list(), bench.node.release.requests(waiting_only=False)
    assert before == after


def test_what_is_withheld_says_why(bench: Bench) -> None:
    _, *ids = a_graph(bench)
    (seen,) = bench.preview(*ids, to="jp", parties=["japan"]).seen
    assert {why.rule for why in seen.projection.withheld.values()} >= {"tlp-ceiling", "reference"}
    assert all(why.reason.endswith((".", "…")) for why in seen.projection.withheld.values())


def test_a_party_outside_the_agreement_would_see_nothing(bench: Bench) -> None:
    root, *_ = a_graph(bench)
    (seen,) = bench.preview(root, to="jp", parties=["russia"]).seen
    assert not seen.projection.released
    with pytest.raises(Refused, match="Nothing of this would go"):
        bench.node.release.request(ANALYST, [root], "jp", parties=["russia"])


@pytest.mark.parametrize(
    ("references", "to", "more", "error"),
    [
        pytest.param(["nothing"], "jp", {}, InvalidInput, id="no identifier"),
        pytest.param([], "jp", {}, InvalidInput, id="nothing chosen"),
        pytest.param(["malware--" + "0" * 8 + "-0000-4000-8000-" + "0" * 12], "jp", {}, NotFound, id="not held"),
        pytest.param(["query:none"], "jp", {}, NotFound, id="no such query"),
        pytest.param([OWN], "nobody", {}, NotFound, id="no such agreement"),
        pytest.param([OWN], "jp", {"parties": ["atlantis"]}, NotFound, id="no such party"),
        pytest.param([OWN], "jp", {"purposes": ["trafficking"]}, InvalidInput, id="a purpose not agreed"),
        pytest.param([OWN], "jp", {"purposes": ["fun"]}, InvalidInput, id="no purpose at all"),
    ],
)
def test_what_cannot_be_previewed_cannot_be_released_either(
    bench: Bench, references: list[str], to: str, more: dict[str, Any], error: type[TitianError]
) -> None:
    for verb in (
        lambda: bench.node.release.preview(references, to, **more),
        lambda: bench.node.release.request(ANALYST, references, to, **more),
    ):
        with pytest.raises(error) as caught:
            verb()
        assert caught.value.message.endswith((".", "!")), caught.value.message
    assert bench.node.release.requests(waiting_only=False) == []


# Who may


@pytest.mark.parametrize("actor", [AUDITOR, ADMINISTRATOR], ids=lambda actor: actor.name)
def test_who_may_not_request(bench: Bench, actor: Actor) -> None:
    (one,) = bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    with pytest.raises(Forbidden, match=actor.name):
        bench.node.release.request(actor, [one], "jp")
    with pytest.raises(Forbidden):
        bench.node.release.request_standing(actor, "x", "jp", until=bench.clock.now + DAY)
    with pytest.raises(Forbidden):
        bench.mark(one, tlp=Tlp.CLEAR, by=actor)
    assert bench.node.release.requests(waiting_only=False) == []


@pytest.mark.parametrize(
    "actor", [ANALYST, AUDITOR, ADMINISTRATOR, local_operator("operator")], ids=lambda actor: actor.name
)
def test_who_may_not_decide(bench: Bench, actor: Actor) -> None:
    request = asked(bench, *bench.hold(malware("Kestrel", tlp=Tlp.GREEN)), by=RELEASER)
    for decide in (
        lambda: bench.node.release.approve(actor, request.id),
        lambda: bench.node.release.refuse(actor, request.id, "no"),
    ):
        with pytest.raises(Forbidden, match=actor.name):
            decide()
    assert state_of(bench, request) is State.WAITING
    assert bench.names("japan") == set()


def test_who_asked_does_not_decide(bench: Bench) -> None:
    request = asked(bench, *bench.hold(malware("Kestrel", tlp=Tlp.GREEN)), by=RELEASER)
    with pytest.raises(Forbidden, match="asked"):
        bench.node.release.approve(RELEASER, request.id)
    with pytest.raises(Forbidden, match="asked"):
        bench.node.release.approve(RELEASER, request.id[:8])
    assert bench.names("japan") == set()
    bench.node.release.approve(RELEASER_TWO, request.id)
    assert bench.names("japan") == {"Kestrel"}


# Why a second person has to


def test_a_first_release_to_a_party_needs_two(bench: Bench) -> None:
    one, two, three = bench.hold(*(malware(name, tlp=Tlp.GREEN) for name in ("One", "Two", "Three")))
    request = asked(bench, one)
    assert any("Japan" in need for need in request.needs)
    bench.node.release.approve(RELEASER, request.id)
    assert bench.node.release.request(ANALYST, [two], "jp").request.state is State.DONE
    assert bench.names("japan") == {"One", "Two"}
    # Of another agreement it is the first again, and for a party that came later too.
    assert asked(bench, three, to="all").needs


def test_a_party_that_came_later_is_a_first_one(bench: Bench) -> None:
    first_released(bench)
    bench.node.agreements.add_member("jp", "russia", BY)
    (two,) = bench.hold(malware("Two", tlp=Tlp.GREEN))
    request = asked(bench, two)
    assert any("Russia" in need for need in request.needs)
    assert not any("Japan" in need for need in request.needs)
    assert bench.names("japan") == {"First"}, "nobody gets it before"


@pytest.mark.parametrize(
    ("level", "waits"), [(Tlp.CLEAR, False), (Tlp.GREEN, False), (Tlp.AMBER, True), (Tlp.AMBER_STRICT, True)]
)
def test_amber_and_stricter_needs_two(new_bench: Callable[[], Bench], level: Tlp, waits: bool) -> None:
    bench = new_bench()
    bench.agree("jp", JAPAN, ceiling="amber+strict")
    first_released(bench)
    outcome = bench.node.release.request(ANALYST, bench.hold(malware("Kestrel", tlp=level)), "jp")
    assert (outcome.request.state is State.WAITING) is waits
    assert ("Kestrel" in bench.names("japan")) is not waits


def test_red_by_name_needs_two(new_bench: Callable[[], Bench]) -> None:
    bench = new_bench()
    bench.agree("jp", JAPAN, ceiling="red")
    first_released(bench)
    (one,) = bench.hold(malware("Kestrel", tlp=Tlp.GREEN))
    bench.mark(one, tlp=Tlp.RED, releasable_to=("japan",))
    request = asked(bench, one)
    assert any("TLP:RED" in need for need in request.needs)
    bench.node.release.approve(RELEASER, request.id)
    assert "Kestrel" in bench.names("japan")


def test_amber_in_a_part_needs_two(bench: Bench) -> None:
    first_released(bench)
    one = malware("Kestrel", tlp=Tlp.GREEN, description="x")
    one["granular_markings"] = [{"marking_ref": TLP_IDS[Tlp.AMBER], "selectors": ["description"]}]
    assert any("TLP:AMBER" in need for need in asked(bench, *bench.hold(one)).needs)


def test_amber_that_stays_here_needs_nobody(bench: Bench) -> None:
    first_released(bench)
    red, green = bench.hold(malware("Red", tlp=Tlp.RED), malware("Green", tlp=Tlp.GREEN))
    assert bench.node.release.request(ANALYST, [red, green], "jp").request.state is State.DONE
    assert bench.names("japan") == {"First", "Green"}


def test_an_agreement_can_ask_for_two(bench: Bench) -> None:
    bench.agree("careful", JAPAN, four_eyes=True)
    first_released(bench, to="careful")
    assert asked(bench, *bench.hold(malware("Kestrel", tlp=Tlp.CLEAR)), to="careful").needs


TELLING = "According to Source Orchid, who saw it."


def telling(bench: Bench) -> tuple[Object, Object]:
    source = made("threat-actor", name="Source Orchid", tlp=Tlp.RED)
    about = report("Told", source, malware("Kestrel"), tlp=Tlp.GREEN, description=TELLING)
    about["object_refs"] = [source["id"], bench.hold(malware("Kestrel", tlp=Tlp.GREEN))[0]]
    return source, about


def test_a_text_that_tells_what_is_withheld_blocks(bench: Bench) -> None:
    first_released(bench)
    source, about = telling(bench)
    bench.hold(source, about)
    preview = bench.preview(about["id"], to="jp")
    assert preview.blocked
    assert [(one.path, one.value) for one in preview.seen[0].mentions] == [("description", "source orchid")]
    for override in (None, ""):
        with pytest.raises(Refused, match="names what is withheld"):
            bench.node.release.request(ANALYST, [about["id"]], "jp", override=override)
    assert bench.node.release.requests() == []
    request = asked(bench, about["id"], override="It is in the press.")
    assert request.override == "It is in the press."
    assert "Told" not in bench.names("japan")
    bench.node.release.approve(RELEASER, request.id)
    assert "Told" in bench.names("japan")


def test_a_text_that_came_to_tell_what_is_withheld_blocks_the_approval(bench: Bench) -> None:
    """What the text names was not held when it was asked for: nobody has overridden anything."""
    first_released(bench)
    source, about = telling(bench)
    about["object_marking_refs"] = [TLP_IDS[Tlp.AMBER]]
    bench.hold(about)
    request = asked(bench, about["id"])
    assert request.override is None
    bench.hold(source)
    assert bench.preview(about["id"], to="jp").blocked
    with pytest.raises(Refused):
        bench.node.release.approve(RELEASER, request.id)
    assert "Told" not in bench.names("japan")
    assert state_of(bench, request) is State.FAILED


def test_an_override_holds_for_what_was_seen_with_it_only(bench: Bench) -> None:
    first_released(bench)
    source, about = telling(bench)
    about["description"] += " So did Source Lily."
    other = made("threat-actor", name="Source Lily", tlp=Tlp.RED)
    about["object_refs"].append(other["id"])
    bench.hold(source, about)
    request = asked(bench, about["id"], override="Source Orchid is in the press.")
    bench.hold(other)
    with pytest.raises(Refused):
        bench.node.release.approve(RELEASER, request.id)
    assert "Told" not in bench.names("japan")


# What changed in between


def _stricter(bench: Bench, ids: list[str]) -> None:
    bench.mark(ids[0], tlp=Tlp.RED)


def _looser(bench: Bench, ids: list[str]) -> None:
    bench.mark(ids[0], tlp=Tlp.GREEN)


def _new_version(bench: Bench, ids: list[str]) -> None:
    bench.hold(revision(bench.latest(ids[0]), 90, name="Kestrel 2"))


def _unmarked_version(bench: Bench, ids: list[str]) -> None:
    bench.hold(revision(bench.latest(ids[0]), 90, object_marking_refs=[TLP_IDS[Tlp.RED]]))


def _a_member_more(bench: Bench, ids: list[str]) -> None:
    bench.node.agreements.add_member("jp", "russia", BY)


def _a_lower_ceiling(bench: Bench, ids: list[str]) -> None:
    bench.node.agreements.narrow("jp", BY, ceiling=Tlp.GREEN)


def _more_in_the_report(bench: Bench, ids: list[str]) -> None:
    (more,) = bench.hold(malware("Merlin", tlp=Tlp.GREEN))
    known = bench.latest(ids[1])
    bench.hold(revision(known, 90, object_refs=[*known["object_refs"], more]))


CHANGES = {
    "a stricter marking": _stricter,
    "a looser marking": _looser,
    "a new version": _new_version,
    "a new version that is RED": _unmarked_version,
    "a member more": _a_member_more,
    "a lower ceiling": _a_lower_ceiling,
    "more in the report": _more_in_the_report,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_has_changed_since_is_not_released_and_is_told(
    bench: Bench, change: Callable[[Bench, list[str]], None]
) -> None:
    kestrel, goshawk = malware("Kestrel", tlp=Tlp.AMBER), malware("Goshawk", tlp=Tlp.GREEN)
    about = report("About", kestrel, goshawk, tlp=Tlp.AMBER)
    ids = [kestrel["id"], about["id"]]
    bench.hold(kestrel, goshawk, about)
    request = asked(bench, about["id"])
    change(bench, ids)
    with pytest.raises(Refused, match="has changed") as caught:
        bench.node.release.approve(RELEASER, request.id)
    assert any(one in caught.value.message for one in (*ids, goshawk["id"])), "it names what"
    assert bench.released() == [], "nothing is written"
    assert state_of(bench, request) is State.FAILED
    assert "release-failed" in {one.act for one in bench.node.acts.list()}
    with pytest.raises(Refused, match="failed already"):
        bench.node.release.approve(RELEASER, request.id)
    assert all(bench.names(alias) == set() for alias in ("japan", "russia"))


def test_what_is_over_since_is_not_released(bench: Bench) -> None:
    one, two = bench.hold(malware("Kestrel", tlp=Tlp.AMBER), malware("Goshawk", tlp=Tlp.AMBER))
    bench.mark(two, expires="2026-09-22T00:00:00.000Z")
    ended, expired = asked(bench, one), asked(bench, two, to="all")
    bench.node.agreements.end("jp", BY)
    with pytest.raises(Refused):
        bench.node.release.approve(RELEASER, ended.id)
    bench.clock.now += 3 * DAY
    with pytest.raises(Refused, match="no longer goes"):
        bench.node.release.approve(RELEASER, expired.id)
    assert bench.released() == []


def test_what_is_gone_since_is_not_released(bench: Bench) -> None:
    request = asked(bench, *bench.hold(made("identity", name="Somebody", identity_class="organization", tlp=Tlp.AMBER)))
    with bench.node.release._gate.writing() as session:
        session.erase([request.chosen[0]])
    with pytest.raises(TitianError, match=request.chosen[0]):
        bench.node.release.approve(RELEASER, request.id)
    assert bench.released() == []


def test_what_has_nothing_to_do_with_it_may_change(bench: Bench) -> None:
    one, two = bench.hold(malware("Kestrel", tlp=Tlp.AMBER), malware("Goshawk", tlp=Tlp.AMBER))
    request = asked(bench, one)
    bench.mark(two, tlp=Tlp.RED)
    bench.hold(malware("Merlin", tlp=Tlp.GREEN))
    bench.clock.now += DAY
    assert bench.node.release.approve(RELEASER, request.id).added == {JAPAN: 2}


@pytest.mark.parametrize("over", ["refused", "stopped", "done"])
def test_what_is_decided_is_decided(bench: Bench, over: str) -> None:
    request = asked(bench, *bench.hold(malware("Kestrel", tlp=Tlp.GREEN)))
    release = bench.node.release
    if over == "refused":
        assert release.refuse(RELEASER, request.id, "Not now.").why == "Not now."
    elif over == "stopped":
        release.stop(ANALYST, request.id, "A mistake.")
    else:
        release.approve(RELEASER, request.id)
    served = bench.raw_served("japan")
    for decide in (
        lambda: release.approve(RELEASER_TWO, request.id),
        lambda: release.refuse(RELEASER_TWO, request.id, "no"),
        lambda: release.stop(ANALYST, request.id, "no"),
    ):
        with pytest.raises((Refused, NotFound)):
            decide()
    assert bench.raw_served("japan") == served
    assert state_of(bench, request).value == over
    assert release.requests() == []


@pytest.mark.parametrize("wrong", ["", "%", "_", "0", "00000000-0000-4000-8000-000000000000", "'; --"])
def test_a_request_is_found_by_what_means_it_alone(bench: Bench, wrong: str) -> None:
    made = iter(("aa00-1", "aa00-2", "bb"))
    bench.node.release._identify = lambda: next(made)
    requests = [asked(bench, *bench.hold(malware(name, tlp=Tlp.GREEN))) for name in ("One", "Two", "Three")]
    for name in (wrong, "aa00", "aa00-", "a"):
        with pytest.raises(NotFound):
            bench.node.release.approve(RELEASER, name)
    bench.node.release.approve(RELEASER, "aa00-2")
    bench.node.release.approve(RELEASER, "b")
    assert [state_of(bench, one) for one in requests] == [State.WAITING, State.DONE, State.DONE]


# All of it, or nothing


def test_what_fails_in_the_middle_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    request = asked(bench, *a_graph(bench), to="all")
    real, calls = StoreSession.put, iter(range(10))

    def put(session: StoreSession, *rest: Any) -> int:
        if next(calls) == 1:
            raise RuntimeError("in the middle")
        return real(session, *rest)

    monkeypatch.setattr(StoreSession, "put", put)
    acts = bench.node.acts.list()
    with pytest.raises(RuntimeError, match="in the middle"):
        bench.node.release.approve(RELEASER, request.id)
    monkeypatch.undo()
    assert bench.released() == []
    assert bench.node.acts.list() == acts
    assert state_of(bench, request) is State.WAITING
    assert len(bench.node.release.approve(RELEASER, request.id).added) == 3


KILLED = """
import os, signal, sys
from titian.core.people import Actor, Duty
from titian.node import open_node
from titian.store.gate import StoreSession

real, calls = StoreSession.put, []

def put(session, *rest):
    done = real(session, *rest)
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

StoreSession.put = put
now = int(sys.argv[3])
with open_node(sys.argv[1], clock=lambda: now, environment={}) as node:
    node.release.approve(Actor("person-2", "Releaser One", Duty.RELEASER), sys.argv[2])
"""


def test_what_is_killed_in_the_middle_leaves_nothing(bench: Bench) -> None:
    request = asked(bench, *a_graph(bench), to="all")
    where = [str(bench.node.home), request.id, str(bench.clock.now)]
    done = subprocess.run([sys.executable, "-c", KILLED, *where], env=environment(), timeout=60, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert bench.released() == []
    assert state_of(bench, request) is State.WAITING
    bench.node.release.approve(RELEASER, request.id)
    assert all("Kestrel" in bench.names(alias) for alias in ("japan", "russia", "brunei"))


def test_who_asked_and_who_decided_is_recorded(bench: Bench) -> None:
    one, two = bench.hold(malware("Kestrel", tlp=Tlp.AMBER), malware("Goshawk", tlp=Tlp.AMBER))
    request = asked(bench, one)
    bench.node.release.approve(RELEASER, request.id)
    bench.clock.now += DAY
    other = asked(bench, two)
    bench.node.release.refuse(RELEASER_TWO, other.id, "It names a source.")
    told = [(act.act, act.person, act.subject, act.why) for act in reversed(bench.node.acts.list(limit=4))]
    assert told == [
        ("request-release", ANALYST.id, request.id, ""),
        ("release", RELEASER.id, request.id, ""),
        ("request-release", ANALYST.id, other.id, ""),
        ("refuse-release", RELEASER_TWO.id, other.id, "It names a source."),
    ]
    (done, _) = bench.node.release.requests(waiting_only=False)
    assert (done.requester_name, done.decider_name, done.decided) == ("Analyst One", "Releaser One", NOW)


# Standing rules


def standing(bench: Bench, to: str = "jp", days: int = 7, **query: Any) -> Request:
    """A rule that was approved."""
    bench.node.release.save_query(ANALYST, Query(name=f"to {to}", **query))
    request = bench.node.release.request_standing(ANALYST, f"to {to}", to, until=bench.clock.now + days * DAY)
    assert bench.node.release.run_standing() == [] or to != "jp", "it does not stand yet"
    return bench.node.release.approve(RELEASER, request.id).request


def test_a_standing_rule_is_approved_once_and_ends(bench: Bench) -> None:
    rule = standing(bench, tlp="green")
    bench.hold(malware("Green", tlp=Tlp.GREEN), malware("Amber", tlp=Tlp.AMBER), malware("Bare"))
    (outcome,) = bench.node.release.run_standing()
    assert outcome.request.id == rule.id
    assert bench.names("japan") == {"Green"}
    bench.hold(malware("Later", tlp=Tlp.CLEAR))
    bench.node.release.run_standing()
    assert bench.names("japan") == {"Green", "Later"}
    assert [one.state for one in bench.node.release.requests()] == [State.STANDING]
    bench.clock.now += 7 * DAY
    bench.hold(malware("Too late", tlp=Tlp.GREEN))
    assert bench.node.release.run_standing() == []
    assert bench.names("japan") == {"Green", "Later"}
    assert state_of(bench, rule) is State.STOPPED


def test_a_standing_rule_can_be_stopped(bench: Bench) -> None:
    rule = standing(bench, tlp="green")
    stopped = bench.node.release.stop(ANALYST, rule.id, "Enough.")
    bench.hold(malware("Green", tlp=Tlp.GREEN))
    assert bench.node.release.run_standing() == []
    assert bench.names("japan") == set()
    assert (stopped.state, stopped.why) == (State.STOPPED, "Enough.")
    with pytest.raises(Refused, match="stopped already"):
        bench.node.release.approve(RELEASER_TWO, rule.id)


def test_a_standing_rule_that_waits_or_was_refused_releases_nothing(bench: Bench) -> None:
    bench.node.release.save_query(ANALYST, Query(name="all"))
    bench.hold(malware("Green", tlp=Tlp.GREEN))
    request = bench.node.release.request_standing(RELEASER, "all", "jp", until=bench.clock.now + DAY)
    assert bench.node.release.run_standing() == []
    with pytest.raises(Forbidden):
        bench.node.release.approve(RELEASER, request.id)
    bench.node.release.refuse(RELEASER_TWO, request.id, "Too much.")
    assert bench.node.release.run_standing() == []
    assert bench.released() == []


def test_a_standing_rule_leaves_out_what_a_text_blocks(bench: Bench) -> None:
    standing(bench, types=("malware", "threat-actor", "report"))
    source, about = telling(bench)
    bench.hold(source, about, malware("Harrier", tlp=Tlp.GREEN))
    bench.node.release.run_standing()
    assert bench.names("japan") == {"Kestrel", "Harrier"}


def test_what_a_standing_rule_was_approved_with_does_not_change(bench: Bench) -> None:
    standing(bench, tlp="green")
    with pytest.raises(Refused, match="approved with the query"):
        bench.node.release.save_query(ANALYST, Query(name="to jp", tlp="amber"))
    bench.node.release.save_query(ANALYST, Query(name="to jp", tlp="green"))


def test_one_standing_rule_that_cannot_run_is_not_in_the_way_of_others(bench: Bench) -> None:
    standing(bench, tlp="green")
    standing(bench, "all", tlp="green")
    bench.hold(malware("Green", tlp=Tlp.GREEN))
    bench.node.agreements.end("jp", BY)
    bench.node.release.run_standing()
    assert bench.names("russia") == {"Green"}


@pytest.mark.parametrize(
    ("query", "until", "error"), [("none", DAY, NotFound), ("all", 0, InvalidInput), ("all", -DAY, InvalidInput)]
)
def test_what_cannot_stand(bench: Bench, query: str, until: int, error: type[TitianError]) -> None:
    bench.node.release.save_query(ANALYST, Query(name="all"))
    with pytest.raises(error):
        bench.node.release.request_standing(ANALYST, query, "jp", until=bench.clock.now + until)
    assert bench.node.release.requests() == []
