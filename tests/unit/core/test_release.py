"""The rules of release, each by itself and as the gate: what goes to whom, what stays, and what is said about it."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core import release as r
from titian.core.agreement import Agreement, Onward
from titian.core.errors import InvalidInput
from titian.core.marking import Attribution, Marking
from titian.core.party import Directory, Membership, Party, PartyKind, Reach
from titian.core.release import RELEASED, THE_GATE, AllOf, Case, Decision, Released, Rule, Terms, Withheld, terms_for
from titian.core.tlp import Circle, Pap, Tlp

OWN, PARTNER, THIRD, STRANGER, CLIENT, CLUB, LEAGUE = (
    "identity--own", "identity--partner", "identity--third", "identity--stranger", "identity--client",
    "identity--club", "identity--league",
)  # fmt: skip
AT = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""
PURPOSES = frozenset({"counter-terrorism", "cybercrime"})
MIDNIGHT = "2026-01-01T00:00:00.000000Z"
AGREEMENT = Agreement(
    id="agreement--1", name="Dialogue One", parties=frozenset({OWN, PARTNER, THIRD}), purposes=PURPOSES,
    ceiling=Tlp.RED, starts=0,
)  # fmt: skip
RECIPIENT = Party(id=PARTNER, name="Partner Agency", kind=PartyKind.AGENCY, country="JP")
EMPTY: frozenset[str] = frozenset()


def terms(
    *, circle: Circle = Circle.ORGANISATION, ceiling: Tlp = Tlp.RED, companions: frozenset[str] = EMPTY,
    purposes: frozenset[str] = PURPOSES, agreement: Agreement = AGREEMENT, at: int = AT,
) -> Terms:  # fmt: skip
    return Terms(
        own=OWN, agreement=agreement, recipient=RECIPIENT, reach=Reach(circle, ceiling),
        names=frozenset({PARTNER, "JP", CLUB}), ours=frozenset({OWN, "ID"}),
        companions=companions, purposes=purposes, at=at,
    )  # fmt: skip


NOBODY = msgspec.structs.replace(terms(), reach=None)
"""Terms for who is outside the audience."""


def lists(*each: set[str]) -> frozenset[frozenset[str]]:
    return frozenset(map(frozenset, each))


def decide(rule: Rule, marking: Marking, under: Terms | None = None) -> Decision:
    return rule.decide(Case(marking=marking), under or terms())


def says(decision: Decision, rule: str, start: str, *words: str, end: str = ".") -> None:
    """The rule withholds, and its sentence begins, goes on and ends as it must for an analyst to act on it."""
    assert isinstance(decision, Withheld)
    assert decision.rule == rule
    assert decision.reason.startswith(start)
    assert decision.reason.endswith(end)
    for word in words:
        assert word in decision.reason


# ── one rule at a time ────────────────────────────────────────────────────────────────────────────────────────


def test_who_is_in_the_audience_of_an_agreement_in_force_is_released_to() -> None:
    assert decide(r.InAudience(), Marking()) == RELEASED == Released()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"starts": AT + 1}, id="begins a microsecond later"),
        pytest.param({"stops": AT}, id="ends at this instant"),
        pytest.param({"revoked": True}, id="revoked"),
        pytest.param({"parties": EMPTY}, id="without parties"),
        pytest.param({"purposes": EMPTY}, id="without purposes"),
    ],
)
def test_an_agreement_that_is_not_in_force_releases_nothing(changes: dict[str, object]) -> None:
    under = terms(agreement=msgspec.structs.replace(AGREEMENT, **changes))
    says(decide(r.InAudience(), Marking(), under), "agreement", "The agreement Dialogue One", end="is not in force.")


@pytest.mark.parametrize("changes", [{"starts": AT}, {"stops": AT + 1}], ids=["begins now", "ends next"])
def test_the_first_and_last_instant_of_an_agreement_count(changes: dict[str, int]) -> None:
    under = terms(agreement=msgspec.structs.replace(AGREEMENT, **changes))
    assert decide(r.InAudience(), Marking(), under) == RELEASED


def test_outside_the_audience_nothing_is_released() -> None:
    decision = decide(r.InAudience(), Marking(), NOBODY)
    says(
        decision, "audience", "Partner Agency is not in the audience of Dialogue One, or this node's own party ",
        end=" own party is not in the agreement.",
    )  # fmt: skip


def test_a_marking_that_is_understood_and_has_a_level_passes() -> None:
    assert decide(r.Marked(), Marking(tlp=Tlp.RED)) == RELEASED


@pytest.mark.parametrize("tlp", [None, Tlp.CLEAR])
def test_an_unknown_marking_reaches_nobody_and_is_named(tlp: Tlp | None) -> None:
    marking = Marking(tlp=tlp, unknown=frozenset({"marking-definition--b", "marking-definition--a"}))
    says(
        decide(r.Marked(), marking), "unknown-marking",
        "Its marking marking-definition--a, marking-definition--b is not understood here, and so reaches nobody. Ask ",
        end="Ask who marked it for the definition, and import that.",
    )  # fmt: skip


def test_without_a_marking_it_stays_in_this_organisation() -> None:
    says(
        decide(r.Marked(), Marking(pap=Pap.CLEAR)), "unmarked", "It bears no TLP, ", "stays in this organisation",
        end="Mark it: titian mark ID --tlp …",
    )  # fmt: skip


@pytest.mark.parametrize(("tlp", "under"), [(None, terms()), (Tlp.CLEAR, NOBODY), (None, NOBODY)])
def test_without_a_level_or_a_ceiling_nothing_is_under_it(tlp: Tlp | None, under: Terms) -> None:
    says(decide(r.UnderCeiling(), Marking(tlp=tlp), under), "tlp-ceiling", "Without a TLP and a ceiling, nothing ")
    says(decide(r.InCircle(), Marking(tlp=tlp), under), "tlp-audience", "Without a TLP and an audience, it reaches ")


CARRIED = {
    Tlp.CLEAR: {Tlp.CLEAR},
    Tlp.GREEN: {Tlp.CLEAR, Tlp.GREEN},
    Tlp.AMBER: {Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER},
    Tlp.AMBER_STRICT: {Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT},
    Tlp.RED: set(Tlp),
}
"""What each ceiling carries: itself and what is less strict."""


@pytest.mark.parametrize(("ceiling", "level"), list(itertools.product(Tlp, Tlp)))
def test_a_ceiling_carries_its_own_level_and_what_is_less_strict(ceiling: Tlp, level: Tlp) -> None:
    decision = decide(r.UnderCeiling(), Marking(tlp=level), terms(ceiling=ceiling))
    if level in CARRIED[ceiling]:
        assert decision == RELEASED
    else:
        says(
            decision, "tlp-ceiling", f"{level.label} is stricter than {ceiling.label}, ",
            end="the most that Dialogue One carries to Partner Agency.",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("level", "circle", "called"),
    [
        pytest.param(Tlp.AMBER_STRICT, Circle.CLIENTS, "client", id="amber+strict excludes clients"),
        pytest.param(Tlp.AMBER_STRICT, Circle.COMMUNITY, "community", id="amber+strict excludes the community"),
        pytest.param(Tlp.AMBER, Circle.COMMUNITY, "community", id="amber excludes the community"),
        pytest.param(Tlp.AMBER, Circle.PUBLIC, "public", id="amber excludes the public"),
        pytest.param(Tlp.GREEN, Circle.PUBLIC, "public", id="green excludes the public"),
    ],
)
def test_a_level_stops_at_its_circles(level: Tlp, circle: Circle, called: str) -> None:
    says(
        decide(r.InCircle(), Marking(tlp=level), terms(circle=circle)), "tlp-audience",
        f"{level.label} stays inside the organisations it is given to; ",
        end=f"Partner Agency is reached as a {called}.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("level", "circle"),
    [
        (Tlp.AMBER_STRICT, Circle.ORGANISATION),
        (Tlp.AMBER, Circle.ORGANISATION),
        (Tlp.AMBER, Circle.CLIENTS),
        (Tlp.GREEN, Circle.CLIENTS),
        (Tlp.GREEN, Circle.COMMUNITY),
        (Tlp.CLEAR, Circle.PUBLIC),
    ],
)
def test_a_level_reaches_its_circles(level: Tlp, circle: Circle) -> None:
    assert decide(r.InCircle(), Marking(tlp=level), terms(circle=circle)) == RELEASED


@pytest.mark.parametrize(
    ("named", "goes"),
    [
        pytest.param(lists(), False, id="nobody is named"),
        pytest.param(lists(set()), False, id="an empty list"),
        pytest.param(lists({THIRD}), False, id="another is named"),
        pytest.param(lists({"JP"}), False, id="a country is not a name"),
        pytest.param(lists({CLUB}), False, id="a community is not a name"),
        pytest.param(lists({PARTNER}), True, id="it is named"),
        pytest.param(lists({PARTNER, THIRD, "JP"}), True, id="it is named among others"),
        pytest.param(lists({PARTNER}, {"JP"}), False, id="by one list only"),
        pytest.param(lists({PARTNER}, {PARTNER, THIRD}), True, id="by both lists"),
    ],
)
@pytest.mark.parametrize("circle", [Circle.ORGANISATION, Circle.CLIENTS])
def test_red_is_for_recipients_who_are_named_one_by_one(
    named: frozenset[frozenset[str]], goes: bool, circle: Circle
) -> None:
    decision = decide(r.InCircle(), Marking(tlp=Tlp.RED, releasable_to=named), terms(circle=circle))
    if goes:
        assert decision == RELEASED
    else:
        says(
            decision, "tlp-audience", "TLP:RED is for named recipients only. ",
            end="Name Partner Agency itself in --releasable-to.",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("named", "goes"),
    [
        pytest.param(lists(), True, id="no list"),
        pytest.param(lists(set()), False, id="an empty list names nobody"),
        pytest.param(lists({PARTNER}), True, id="the party"),
        pytest.param(lists({"JP"}), True, id="its country"),
        pytest.param(lists({CLUB}), True, id="its community"),
        pytest.param(lists({THIRD, "ID", LEAGUE}), False, id="others"),
        pytest.param(lists({"jp"}), False, id="a country is written in capitals"),
        pytest.param(lists({"JP", "ID"}), True, id="one of several"),
        pytest.param(lists({"JP"}, {CLUB, THIRD}), True, id="every list, each in its way"),
        pytest.param(lists({"JP"}, {"ID"}), False, id="one list does not"),
    ],
)
def test_every_releasable_to_list_must_name_the_recipient(named: frozenset[frozenset[str]], goes: bool) -> None:
    decision = decide(r.ReleasableTo(), Marking(tlp=Tlp.CLEAR, releasable_to=named))
    if goes:
        assert decision == RELEASED
    else:
        says(decision, "releasable-to", "It is not marked as releasable to ", end="releasable to Partner Agency.")


@pytest.mark.parametrize(
    ("marked", "asked", "reason"),
    [
        pytest.param(None, {"cybercrime"}, None, id="no purpose is named"),
        pytest.param({"cybercrime"}, {"cybercrime"}, None, id="the same"),
        pytest.param({"cybercrime", "trafficking"}, PURPOSES, None, id="one of several"),
        pytest.param({"trafficking", "cyber-defence"}, PURPOSES,
                     "It may be used for cyber-defence, trafficking, the release is for counter-terrorism, cybercrime.",
                     id="another"),
        pytest.param(set(), {"cybercrime"}, "It may be used for nothing, the release is for cybercrime.",
                     id="none is left"),
        pytest.param({"cybercrime"}, set(), "It may be used for cybercrime, the release is for nothing.",
                     id="a release for nothing"),
        pytest.param(None, set(), "It may be used for nothing, the release is for nothing.",
                     id="neither: fail closed"),
    ],
)  # fmt: skip
def test_what_it_may_be_used_for_is_among_what_the_release_is_for(
    marked: set[str] | None, asked: set[str], reason: str | None
) -> None:
    purposes = None if marked is None else frozenset(marked)
    decision = decide(r.ForPurpose(), Marking(purposes=purposes), terms(purposes=frozenset(asked)))
    assert decision == (RELEASED if reason is None else Withheld("purpose", reason))


@pytest.mark.parametrize(
    ("starts", "expires", "expected"),
    [
        pytest.param(None, None, RELEASED, id="no dates"),
        pytest.param(AT, None, RELEASED, id="begins at this instant"),
        pytest.param(AT + 1, None, Withheld("not-yet", "Its policy begins on 2026-01-01T00:00:00.000001Z."),
                     id="begins a microsecond later"),
        pytest.param(None, AT + 1, RELEASED, id="expires a microsecond later"),
        pytest.param(None, AT, Withheld("expired", f"It expired on {MIDNIGHT}."), id="expires at this instant"),
        pytest.param(None, AT - 1, Withheld("expired", "It expired on 2025-12-31T23:59:59.999999Z."), id="expired"),
        pytest.param(AT, AT + 1, RELEASED, id="between the two"),
        pytest.param(AT, AT, Withheld("expired", f"It expired on {MIDNIGHT}."), id="ends as it begins"),
        pytest.param(0, None, RELEASED, id="began at the epoch"),
        pytest.param(None, 0, Withheld("expired", "It expired on 1970-01-01T00:00:00.000000Z."), id="the epoch"),
    ],
)  # fmt: skip
def test_markings_begin_and_end_by_the_clock(starts: int | None, expires: int | None, expected: Decision) -> None:
    assert decide(r.InTime(), Marking(starts=starts, expires=expires)) == expected


@pytest.mark.parametrize(
    ("said", "goes"),
    [
        (set(), True),
        ({Attribution.MAY}, True),
        ({Attribution.MUST}, True),
        ({Attribution.MUST_NOT}, True),
        ({Attribution.MAY, Attribution.MUST}, True),
        ({Attribution.MAY, Attribution.MUST_NOT}, True),
        ({Attribution.MUST, Attribution.MUST_NOT}, False),
        (set(Attribution), False),
    ],
)
def test_must_name_the_source_beside_must_not_cannot_be_honoured(said: set[Attribution], goes: bool) -> None:
    decision = decide(r.Attributable(), Marking(attribution=frozenset(said)))
    if goes:
        assert decision == RELEASED
    else:
        says(
            decision, "attribution", "One of its markings says that the source must be named, ",
            end="another that it must not.",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("personal", "purposes", "expires", "goes"),
    [
        pytest.param(False, None, None, True, id="nobody is described"),
        pytest.param(True, {"cybercrime"}, AT, True, id="purpose and end"),
        pytest.param(True, {"cybercrime"}, 0, True, id="any end"),
        pytest.param(True, {"cybercrime"}, None, False, id="no end"),
        pytest.param(True, None, AT, False, id="no purpose"),
        pytest.param(True, set(), AT, False, id="no purpose is left"),
        pytest.param(True, None, None, False, id="neither"),
    ],
)
def test_what_describes_a_natural_person_has_a_purpose_and_an_end(
    personal: bool, purposes: set[str] | None, expires: int | None, goes: bool
) -> None:
    marking = Marking(purposes=None if purposes is None else frozenset(purposes), expires=expires)
    decision = r.Personal().decide(Case(marking=marking, personal=personal), terms())
    if goes:
        assert decision == RELEASED
    else:
        says(
            decision, "personal-data", "It describes a natural person, ", "a purpose and a date when it ends",
            end="titian mark ID --purpose … --expires …",
        )  # fmt: skip


def test_green_stays_in_the_community_of_its_originator() -> None:
    case = Case(marking=Marking(tlp=Tlp.GREEN), originator=STRANGER)
    says(
        r.Originated().decide(case, terms(companions=frozenset({THIRD}))), "originator-community",
        f"TLP:GREEN stays in the community of {STRANGER}, which is not known to include Partner Agency. ",
        end="Record the community, or the originator's consent.",
    )  # fmt: skip
    assert r.Originated().decide(case, terms(companions=frozenset({THIRD, STRANGER}))) == RELEASED
    consented = msgspec.structs.replace(case, consented=True)
    assert r.Originated().decide(consented, terms()) == RELEASED


@pytest.mark.parametrize("level", [Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED, None])
def test_amber_and_stricter_go_on_with_the_originators_consent_only(level: Tlp | None) -> None:
    case = Case(marking=Marking(tlp=level), originator=STRANGER)
    under = terms(companions=frozenset({STRANGER}))
    says(
        r.Originated().decide(case, under), "originator-consent",
        f"It was received from {STRANGER} as {level.label if level else 'unmarked'}. It goes on ",
        end="only with the originator's consent: titian agreements consent …",
    )  # fmt: skip
    assert r.Originated().decide(msgspec.structs.replace(case, consented=True), under) == RELEASED
    assert r.Originated().decide(msgspec.structs.replace(case, originator=PARTNER), under) == RELEASED
    assert r.Originated().decide(msgspec.structs.replace(case, originator=None), under) == RELEASED


# ── composition ───────────────────────────────────────────────────────────────────────────────────────────────


class Fixed(msgspec.Struct, frozen=True):
    """A rule that always answers the same."""

    answer: Decision

    def decide(self, case: Case, terms: Terms) -> Decision:
        return self.answer


answers = st.lists(st.none() | st.sampled_from("abc"), max_size=5)


def all_of(each: list[str | None]) -> AllOf:
    return AllOf(tuple(Fixed(RELEASED if one is None else Withheld(one, "No.")) for one in each))


def test_law_2_without_rules_nothing_is_released() -> None:
    assert AllOf().decide(Case(marking=Marking(tlp=Tlp.CLEAR)), terms()) == Withheld("no-rule", "No rule allows it.")


@given(answers, answers)
def test_all_of_them_must_release_and_the_first_that_does_not_gives_the_reason(
    first: list[str | None], more: list[str | None]
) -> None:
    case = Case(marking=Marking())
    decision = all_of(first).decide(case, terms())
    refusals = [one for one in first if one is not None]
    if first:
        assert decision == (Withheld(refusals[0], "No.") if refusals else RELEASED)
        nested = AllOf((all_of(first), all_of(more))).decide(case, terms())
        assert (nested == RELEASED) == (bool(more) and not any([*first, *more]))
    if isinstance(decision, Withheld) and first:
        assert all_of(first + more).decide(case, terms()) == decision


# ── the gate, as a table ──────────────────────────────────────────────────────────────────────────────────────

LEVELS = {
    "clear": Marking(tlp=Tlp.CLEAR),
    "green": Marking(tlp=Tlp.GREEN),
    "amber": Marking(tlp=Tlp.AMBER),
    "amber+strict": Marking(tlp=Tlp.AMBER_STRICT),
    "red": Marking(tlp=Tlp.RED),
    "red-named": Marking(tlp=Tlp.RED, releasable_to=lists({PARTNER})),
}
OURS = """
              organisation under a ceiling of            client under a ceiling of
              clear  green  amber  strict red            clear  green  amber  strict red
clear         goes   goes   goes   goes   goes           goes   goes   goes   goes   goes
green         high   goes   goes   goes   goes           high   goes   goes   goes   goes
amber         high   high   goes   goes   goes           high   high   goes   goes   goes
amber+strict  high   high   high   goes   goes           high   high   high   circle circle
red           high   high   high   high   circle         high   high   high   high   circle
red-named     high   high   high   high   goes           high   high   high   high   goes
"""
"""Our own objects: FIRST TLP 2.0, and the ceiling."""
THEIRS = """
              without consent of an originator who is    with the consent of one who is
              stranger   companion  recipient            stranger   companion  recipient
clear         goes       goes       goes                 goes       goes       goes
green         community  goes       goes                 goes       goes       goes
amber         consent    consent    goes                 goes       goes       goes
amber+strict  consent    consent    goes                 goes       goes       goes
red           consent    consent    goes                 goes       goes       goes
red-named     consent    consent    goes                 goes       goes       goes
"""
"""What we received goes on where ours would, and only as its originator allows (law 3)."""
RULES = {
    "high": "tlp-ceiling", "circle": "tlp-audience", "community": "originator-community",
    "consent": "originator-consent",
}  # fmt: skip


def table(text: str) -> dict[str, list[str]]:
    return {row.split()[0]: row.split()[1:] for row in text.splitlines()[3:]}


def rows() -> list[object]:
    ours, theirs = table(OURS), table(THEIRS)
    columns = list(itertools.product((Circle.ORGANISATION, Circle.CLIENTS), Tlp))
    origins = list(itertools.product((False, True), (STRANGER, THIRD, PARTNER)))
    found: list[object] = []
    for level, (column, (circle, ceiling)) in itertools.product(LEVELS, enumerate(columns)):
        mine = ours[level][column]
        called = f"{level}-to-{circle}-under-{ceiling}"
        found.append(pytest.param(level, circle, ceiling, None, False, mine, id=f"own-{called}-{mine}"))
        for origin, (consented, originator) in enumerate(origins):
            expected = mine if mine != "goes" else theirs[level][origin]
            consent = "consent" if consented else "no-consent"
            name = f"from-{originator.removeprefix('identity--')}-{consent}-{called}-{expected}"
            found.append(pytest.param(level, circle, ceiling, originator, consented, expected, id=name))
    return found


@pytest.mark.parametrize(("level", "circle", "ceiling", "originator", "consented", "expected"), rows())
def test_the_gate(
    level: str, circle: Circle, ceiling: Tlp, originator: str | None, consented: bool, expected: str
) -> None:
    case = Case(marking=LEVELS[level], originator=originator, consented=consented)
    decision = THE_GATE.decide(case, terms(circle=circle, ceiling=ceiling, companions=frozenset({THIRD})))
    if expected == "goes":
        assert decision == RELEASED
    else:
        assert isinstance(decision, Withheld)
        assert decision.rule == RULES[expected]


@pytest.mark.parametrize(
    ("case", "under", "rule"),
    [
        pytest.param(Case(marking=Marking(tlp=Tlp.CLEAR)), NOBODY, "audience", id="outside the audience"),
        pytest.param(
            Case(marking=Marking(tlp=Tlp.CLEAR)),
            terms(agreement=msgspec.structs.replace(AGREEMENT, revoked=True)), "agreement", id="revoked agreement"),
        pytest.param(Case(marking=Marking()), terms(), "unmarked", id="unmarked"),
        pytest.param(Case(marking=Marking(tlp=Tlp.CLEAR, unknown=frozenset({"x"}))), terms(), "unknown-marking",
                     id="unknown marking"),
        pytest.param(Case(marking=Marking(tlp=Tlp.CLEAR, starts=AT + 1)), terms(), "not-yet", id="not yet"),
        pytest.param(Case(marking=Marking(tlp=Tlp.CLEAR, expires=AT)), terms(), "expired", id="expired"),
        pytest.param(Case(marking=Marking(tlp=Tlp.CLEAR, releasable_to=lists({THIRD}))), terms(), "releasable-to",
                     id="for another"),
        pytest.param(Case(marking=Marking(tlp=Tlp.CLEAR, purposes=frozenset({"trafficking"}))), terms(), "purpose",
                     id="another purpose"),
        pytest.param(Case(marking=Marking(tlp=Tlp.CLEAR, attribution=frozenset(Attribution))), terms(), "attribution",
                     id="must and must-not"),
        pytest.param(Case(marking=Marking(tlp=Tlp.GREEN), originator=STRANGER), terms(), "originator-community",
                     id="another community"),
        pytest.param(Case(marking=Marking(tlp=Tlp.CLEAR), personal=True), terms(), "personal-data", id="a person"),
    ],
)  # fmt: skip
def test_the_gate_asks_every_rule(case: Case, under: Terms, rule: str) -> None:
    decision = THE_GATE.decide(case, under)
    assert isinstance(decision, Withheld)
    assert decision.rule == rule


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────────────────

instants = st.none() | st.integers(AT - 2, AT + 2)
words = st.frozensets(st.sampled_from(["counter-terrorism", "cybercrime", "trafficking"]), max_size=2)
markings = st.builds(
    Marking,
    tlp=st.none() | st.sampled_from(Tlp),
    pap=st.none() | st.sampled_from(Pap),
    statements=st.frozensets(st.sampled_from("ab"), max_size=1),
    releasable_to=st.frozensets(st.frozensets(st.sampled_from([PARTNER, "JP", THIRD]), max_size=2), max_size=2),
    purposes=st.none() | words,
    starts=instants,
    expires=instants,
    attribution=st.frozensets(st.sampled_from(Attribution), max_size=2),
    unknown=st.just(EMPTY) | st.frozensets(st.just("x"), max_size=1),
)
some_terms = st.builds(
    terms,
    circle=st.sampled_from([Circle.ORGANISATION, Circle.CLIENTS]),
    ceiling=st.sampled_from(Tlp),
    companions=st.frozensets(st.sampled_from([THIRD, STRANGER])),
    purposes=words,
)
origins = st.sampled_from([None, PARTNER, THIRD, STRANGER])
cases = st.builds(Case, marking=markings, originator=origins, consented=st.booleans(), personal=st.booleans())


def goes(case: Case, under: Terms) -> bool:
    return isinstance(THE_GATE.decide(case, under), Released)


@given(cases, some_terms)
def test_law_2_fail_closed(case: Case, under: Terms) -> None:
    """No agreement, no audience, no purpose, no marking, or one that is unknown or expired: nobody."""
    closed = msgspec.structs.replace
    assert not goes(case, closed(under, reach=None))
    assert not goes(case, closed(under, purposes=EMPTY))
    for changes in ({"revoked": True}, {"stops": under.at}, {"parties": EMPTY}, {"purposes": EMPTY}):
        assert not goes(case, closed(under, agreement=closed(under.agreement, **changes)))
    for stops in ({"tlp": None}, {"unknown": frozenset({"y"})}, {"expires": under.at}, {"starts": under.at + 1},
                  {"purposes": EMPTY}, {"releasable_to": frozenset({EMPTY})}):  # fmt: skip
        assert not goes(closed(case, marking=closed(case.marking, **stops)), under)


@given(cases, some_terms)
def test_law_3_own_and_received_differ(case: Case, under: Terms) -> None:
    """What was received never goes further than ours would, and AMBER and stricter only with consent."""
    ours = msgspec.structs.replace(case, originator=None, consented=False)
    level = case.marking.tlp
    if goes(case, under):
        assert goes(ours, under)
        if case.originator not in (None, PARTNER) and not case.consented:
            assert level is Tlp.CLEAR or (level is Tlp.GREEN and case.originator in under.companions)
    if goes(ours, under) and (case.consented or case.originator in (None, PARTNER) or level is Tlp.CLEAR):
        assert goes(case, under)
    if goes(ours, under):
        assert goes(msgspec.structs.replace(ours, consented=True), under)


@given(cases, markings, some_terms)
@settings(max_examples=200)
def test_a_stricter_marking_is_never_released_where_the_looser_was_withheld(
    case: Case, more: Marking, under: Terms
) -> None:
    """But for two questions that ask for a marking: to whom RED goes, and until when a person is described."""
    looser = msgspec.structs.replace(case, personal=False)
    asks = case.marking.tlp is None or (case.marking.tlp is Tlp.RED and not case.marking.releasable_to)
    if not asks and not goes(looser, under):
        stricter = msgspec.structs.replace(looser, marking=case.marking.join(more))
        assert stricter.marking.at_least_as_strict_as(looser.marking)
        assert not goes(stricter, under)


@given(cases, some_terms)
def test_to_a_client_goes_no_more_than_to_its_organisation(case: Case, under: Terms) -> None:
    assert under.reach is not None
    client = msgspec.structs.replace(under, reach=Reach(Circle.CLIENTS, under.reach.ceiling))
    organisation = msgspec.structs.replace(under, reach=Reach(Circle.ORGANISATION, under.reach.ceiling))
    assert goes(case, organisation) or not goes(case, client)


# ── terms ─────────────────────────────────────────────────────────────────────────────────────────────────────


def party(identifier: str, kind: PartyKind = PartyKind.AGENCY, country: str | None = None) -> Party:
    return Party(id=identifier, name=identifier.removeprefix("identity--").title(), kind=kind, country=country)


def member(who: str, of: str, *, client: bool = False, starts: int | None = None) -> Membership:
    return Membership(id=f"{who}-{of}", member=who, of=of, client=client, starts=starts)


def directory(*memberships: Membership) -> Directory:
    parties = [party(OWN, country="ID"), party(PARTNER, country="JP"), party(THIRD), party(STRANGER), party(CLIENT),
               party(CLUB, PartyKind.COMMUNITY), party(LEAGUE, PartyKind.COMMUNITY)]  # fmt: skip
    return Directory(own=OWN, parties={one.id: one for one in parties}, memberships=memberships)


PAIR = msgspec.structs.replace(AGREEMENT, parties=frozenset({OWN, PARTNER}), ceiling=Tlp.AMBER)


def test_terms_hold_who_receives_under_what_for_what_and_when() -> None:
    held = directory(member(PARTNER, CLUB))
    found = terms_for(held, PAIR, PARTNER, at=AT)
    assert found == Terms(
        own=OWN, agreement=PAIR, recipient=held.parties[PARTNER], reach=Reach(Circle.ORGANISATION, Tlp.AMBER),
        names=frozenset({PARTNER, "JP", CLUB}), ours=frozenset({OWN, "ID"}),
        companions=frozenset({PARTNER}), purposes=PURPOSES, at=AT,
    )  # fmt: skip


def test_words_that_mean_us_are_our_name_and_country_where_it_is_known() -> None:
    held = directory()
    held.parties[OWN] = party(OWN)
    assert terms_for(held, PAIR, PARTNER, at=AT).ours == {OWN}
    del held.parties[OWN]
    assert terms_for(held, PAIR, PARTNER, at=AT).ours == {OWN}


@pytest.mark.parametrize(
    ("asked", "found"),
    [(None, PURPOSES), (frozenset({"cybercrime"}), {"cybercrime"}), (EMPTY, EMPTY), (PURPOSES, PURPOSES)],
    ids=["all without", "one", "none", "all"],
)
def test_a_release_is_for_the_purposes_that_it_names(asked: frozenset[str] | None, found: frozenset[str]) -> None:
    assert terms_for(directory(), PAIR, PARTNER, purposes=asked, at=AT).purposes == found


def test_a_purpose_that_the_agreement_does_not_name_is_refused() -> None:
    asked = frozenset({"trafficking", "cyber-defence", "cybercrime"})
    with pytest.raises(InvalidInput) as refused:
        terms_for(directory(), PAIR, PARTNER, purposes=asked, at=AT)
    assert refused.value.message == "Dialogue One is not for cyber-defence, trafficking."
    assert refused.value.advice == "It is for counter-terrorism, cybercrime."


def test_a_recipient_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        terms_for(directory(), PAIR, "identity--other", at=AT)
    assert refused.value.message == "identity--other is no party that is known here."
    assert refused.value.advice == "`titian parties list` shows them."


@pytest.mark.parametrize("recipient", [STRANGER, OWN, CLUB])
def test_who_is_outside_the_audience_has_no_reach_and_no_companions(recipient: str) -> None:
    found = terms_for(directory(member(PARTNER, CLUB)), PAIR, recipient, at=AT)
    assert (found.reach, found.companions) == (None, frozenset())


def test_a_client_of_a_party_is_reached_as_such() -> None:
    clients = msgspec.structs.replace(PAIR, onward=Onward.CLIENTS)
    found = terms_for(directory(member(CLIENT, PARTNER, client=True)), clients, CLIENT, at=AT)
    assert found.reach == Reach(Circle.CLIENTS, Tlp.AMBER)
    assert found.companions == {CLIENT, PARTNER}


@pytest.mark.parametrize(
    ("memberships", "companions"),
    [
        pytest.param([], {PARTNER}, id="no community"),
        pytest.param([member(OWN, CLUB), member(PARTNER, CLUB), member(STRANGER, CLUB)], {OWN, PARTNER, STRANGER},
                     id="one that all three are in"),
        pytest.param([member(PARTNER, CLUB), member(STRANGER, CLUB)], {PARTNER}, id="one that we are not in"),
        pytest.param([member(OWN, CLUB), member(STRANGER, CLUB)], {PARTNER}, id="one that the recipient is not in"),
        pytest.param([member(OWN, CLUB), member(PARTNER, CLUB)], {OWN, PARTNER}, id="the originator is not in it"),
        pytest.param([member(OWN, CLUB), member(PARTNER, LEAGUE), member(STRANGER, CLUB), member(STRANGER, LEAGUE)],
                     {PARTNER}, id="two that are not the same"),
        pytest.param([member(OWN, CLUB), member(PARTNER, CLUB), member(CLUB, LEAGUE), member(STRANGER, LEAGUE)],
                     {OWN, PARTNER, STRANGER, CLUB}, id="a community of communities"),
        pytest.param([member(OWN, CLUB), member(PARTNER, CLUB), member(STRANGER, CLUB, starts=AT + 1)],
                     {OWN, PARTNER}, id="not a member yet"),
        pytest.param([member(OWN, CLUB), member(PARTNER, CLUB, starts=AT + 1), member(STRANGER, CLUB)],
                     {PARTNER}, id="the recipient is not a member yet"),
        pytest.param([member(OWN, CLUB, starts=AT + 1), member(PARTNER, CLUB), member(STRANGER, CLUB)],
                     {PARTNER}, id="we are not a member yet"),
        pytest.param([member(OWN, CLUB), member(PARTNER, CLUB), member(STRANGER, CLUB, client=True)],
                     {OWN, PARTNER}, id="a client is no member"),
    ],
)  # fmt: skip
def test_green_circulates_in_a_community_that_we_and_the_recipient_share(
    memberships: list[Membership], companions: set[str]
) -> None:
    assert terms_for(directory(*memberships), PAIR, PARTNER, at=AT).companions == companions


def test_the_parties_of_one_agreement_are_companions_of_each_other() -> None:
    found = terms_for(directory(), AGREEMENT, PARTNER, at=AT)
    assert found.companions == {PARTNER, THIRD}
    ended = msgspec.structs.replace(AGREEMENT, stops=AT)
    assert terms_for(directory(), ended, PARTNER, at=AT).companions == frozenset()
    assert terms_for(directory(), ended, PARTNER, at=AT - 1).companions == {PARTNER, THIRD}
