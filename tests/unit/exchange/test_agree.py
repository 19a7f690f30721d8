"""The verbs on the directory, over a book in memory: what is written, what is refused, and what a sentence says."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from titian.core.agreement import Agreement, Onward
from titian.core.directory_objects import (
    Change,
    Commitment,
    Dialogue,
    Meeting,
    Reading,
    Statement,
    creator,
    read_directory,
)
from titian.core.directory_writing import Stamp, revise, write_agreement, write_consent, write_membership, write_party
from titian.core.directory_writing import new_membership as membership
from titian.core.errors import AlreadyExists, InvalidInput, NotFound, Refused, TitianError, TooLarge
from titian.core.extensions import EXTENSION_DEFINITIONS
from titian.core.party import Party, PartyKind
from titian.core.stix import examine
from titian.core.tlp import Tlp
from titian.exchange.agree import Added, Agree, By, Term, Tie, Work
from titian.exchange.agreed import show_agreement, show_party
from titian.exchange.agreement_file import LONGEST
from titian.exchange.public_agreements import public_agreements

START = 1_700_000_000_000_000
DAY = 86_400 * 1_000_000
ME = By(person="local:analyst-one", why="as agreed")


def ident(kind: str, number: int) -> str:
    return f"{kind}--{uuid.UUID(int=number, version=4)}"


class MemoryBook:
    """A directory in memory, which holds each object that it is given to STIX 2.1."""

    def __init__(self, own: Party) -> None:
        self.own = own
        self.clock = START
        self.objects: list[bytes] = []
        self.acts: list[tuple[str, str, Change]] = []

    def now(self) -> int:
        return self.clock

    def read(self) -> Reading:
        return read_directory(self.own, self.objects)

    def change(self, person: str, why: str, work: Work) -> tuple[Change, Reading]:
        self.clock += 1000
        change = work(self.read(), self.clock)
        for raw in change.objects:
            assert examine(raw).violations == (), raw
        json.dumps(change.details)
        self.objects += change.objects
        if change.objects:
            self.acts.append((person, why, change))
        assert self.read().skipped == ()
        return change, self.read()


OWN = Party(id=ident("identity", 1), name="Own", kind=PartyKind.AGENCY, country="ID")


@pytest.fixture
def book() -> MemoryBook:
    return MemoryBook(OWN)


@pytest.fixture
def agree(book: MemoryBook) -> Agree:
    return Agree(book)


def party(name: str, kind: PartyKind = PartyKind.AGENCY, **more: Any) -> Party:
    return Party(id="", name=name, kind=kind, alias=name.lower(), **more)


TOML = """
name = "Agreed"
alias = "agreed"
parties = ["Own", "partner", "club"]
purposes = ["cybercrime", "cyber-defence"]
ceiling = "amber"
valid_from = 2023-01-01
"""


def setting(agree: Agree, extra: str = "") -> Agreement:
    """A partner, a club with a member, and an agreement with both."""
    agree.add_party(party("Partner"), ME)
    agree.add_party(party("Club", PartyKind.COMMUNITY), ME)
    agree.add_party(party("Member"), ME, ties=[Tie(of="club")])
    agree.add_party(party("Newcomer"), ME)
    return agree.add((TOML + extra).encode(), ME).agreements[0]


def audience(agree: Agree, at: int | None = None) -> set[str]:
    held = agree.read()
    reached = held.directory.audience(held.agreement("agreed"), agree.now() if at is None else at)
    return {held.label(one) for one in reached}


# Parties


def test_a_party_is_added_once_with_what_it_is_in(book: MemoryBook, agree: Agree) -> None:
    setting(agree)
    held = agree.read()
    shown = show_party(held, held.party("member"), agree.now())
    assert [(tie.party.alias, tie.hidden, tie.holds) for tie in shown.member_of] == [("club", False, True)]
    assert [(one.agreement.alias, one.receives) for one in shown.agreements] == [("agreed", True)]
    for twice in (
        party("Partner"),
        Party(id="", name="Else", kind=PartyKind.NGO, alias="partner"),
        Party(id="", name="partner", kind=PartyKind.NGO),
        Party(id=OWN.id, name="X", kind=PartyKind.NGO),
    ):
        with pytest.raises(AlreadyExists):
            agree.add_party(twice, ME)
    assert all(creator(raw) == OWN.id for raw in book.objects)


def test_who_did_what_and_why_is_one_act_for_each_change(book: MemoryBook, agree: Agree) -> None:
    setting(agree)
    assert {(person, why) for person, why, _ in book.acts} == {(ME.person, ME.why)}
    assert [change.act for _, _, change in book.acts] == ["add party"] * 4 + ["add agreement"]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda agree: agree.add_party(party("X"), ME, ties=[Tie(of="partner")]), InvalidInput),
        (lambda agree: agree.add_party(party("X"), ME, ties=[Tie(of="nobody")]), NotFound),
        (lambda agree: agree.add_party(party("X", country="Japan"), ME), InvalidInput),
        (lambda agree: agree.add_party(Party(id="", name="a\nb", kind=PartyKind.NGO), ME), InvalidInput),
        (lambda agree: agree.add_party(party("X", ceiling=Tlp.GREEN), ME), InvalidInput),
        (lambda agree: agree.join("club", Tie(of="club"), ME), InvalidInput),
        (lambda agree: agree.join("member", Tie(of="club"), ME), AlreadyExists),
        (lambda agree: agree.join("partner", Tie(of="club", term=Term(5, 5)), ME), InvalidInput),
        (lambda agree: agree.leave("partner", "club", ME), NotFound),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    book: MemoryBook, agree: Agree, wrong: Callable[[Agree], object], error: type[TitianError]
) -> None:
    setting(agree)
    before = list(book.objects)
    with pytest.raises(error):
        wrong(agree)
    assert book.objects == before


def test_a_membership_is_hidden_ends_and_begins_again(agree: Agree) -> None:
    setting(agree)
    hidden = agree.join(
        "newcomer", Tie(of="club", hidden=True, term=Term(agree.now() + DAY, agree.now() + 9 * DAY)), ME
    )
    assert hidden.hidden
    assert audience(agree) == {"partner", "member"}
    assert audience(agree, agree.now() + 2 * DAY) == {"partner", "member", "newcomer"}
    agree.leave("newcomer", "club", ME)
    assert audience(agree, agree.now() + 2 * DAY) == {"partner", "member"}, "what never began is revoked"
    agree.leave("member", "club", ME, until=agree.now() + DAY)
    assert audience(agree) == {"partner", "member"}
    assert audience(agree, agree.now() + 2 * DAY) == {"partner"}
    agree.join("member", Tie(of="club", term=Term(agree.now() + 3 * DAY)), ME)
    assert audience(agree, agree.now() + 4 * DAY) == {"partner", "member"}


# Agreements


def test_an_agreement_ends_before_the_next_answer(book: MemoryBook, agree: Agree) -> None:
    setting(agree)
    over = agree.end("agreed", ME)
    assert not over.in_force(book.clock)
    assert audience(agree) == set()
    assert show_agreement(agree.read(), over, agree.now()).state == "ended"
    with pytest.raises(Refused):
        agree.end("agreed", ME)


def test_an_agreement_that_has_not_begun_never_does(agree: Agree) -> None:
    setting(agree)
    later = TOML.replace('"agreed"', '"later"').replace('"Agreed"', '"Later"').replace("2023", "2099")
    (made,) = agree.add(later.encode(), ME).agreements
    assert show_agreement(agree.read(), made, agree.now()).state == "not yet"
    assert not agree.end("later", ME).in_force(made.starts + 1)


def test_narrowing_takes_away(agree: Agree) -> None:
    setting(agree)
    made = agree.narrow("agreed", ME, ceiling=Tlp.GREEN, purposes=["cybercrime"], without=["club"])
    assert (made.ceiling, made.purposes) == (Tlp.GREEN, {"cybercrime"})
    assert audience(agree) == {"partner"}


@pytest.mark.parametrize(
    ("wider", "error"),
    [
        ({"ceiling": Tlp.RED}, Refused),
        ({"purposes": ["trafficking"]}, Refused),
        ({"purposes": []}, Refused),
        ({"purposes": ["profit"]}, InvalidInput),
        ({"onward": Onward.CLIENTS}, Refused),
        ({"without": ["member"]}, NotFound),
        ({"without": ["Own", "partner", "club"]}, Refused),
        ({}, InvalidInput),
    ],
    ids=str,
)
def test_narrowing_never_widens(agree: Agree, wider: dict[str, Any], error: type[TitianError]) -> None:
    before = setting(agree)
    with pytest.raises(error):
        agree.narrow("agreed", ME, **wider)
    assert agree.read().agreement("agreed") == before


def test_members_come_and_go(agree: Agree) -> None:
    setting(agree)
    agree.add_member("agreed", "newcomer", ME)
    assert audience(agree) == {"partner", "member", "newcomer"}
    with pytest.raises(AlreadyExists):
        agree.add_member("agreed", "newcomer", ME)
    agree.remove_member("agreed", "newcomer", ME)
    assert audience(agree) == {"partner", "member"}
    with pytest.raises(NotFound, match="not in"):
        agree.remove_member("agreed", "member", ME)


def test_members_for_a_time(agree: Agree) -> None:
    setting(agree)
    now = agree.now()
    agree.add_member("agreed", "newcomer", ME, term=Term(now + DAY, now + 3 * DAY))
    agree.remove_member("agreed", "partner", ME, until=now + 2 * DAY)
    expected = [{"partner", "member"}, {"partner", "member", "newcomer"}, {"member", "newcomer"}, {"member"}]
    assert [audience(agree, now + day * DAY + DAY // 2) for day in range(4)] == expected
    with pytest.raises(AlreadyExists):
        agree.add_member("agreed", "newcomer", ME, term=Term(now + 2 * DAY))
    agree.remove_member("agreed", "newcomer", ME)
    assert audience(agree, now + DAY + 1) == {"partner", "member"}


def test_a_new_version_keeps_what_it_does_not_change(book: MemoryBook, agree: Agree) -> None:
    setting(agree, 'topics = ["wallets"]\nlanguages = ["id"]\nfour_eyes = true\n')
    before = agree.read().agreement("agreed")
    after = agree.add_member("agreed", "newcomer", ME)
    assert after.parties > before.parties
    assert (after.topics, after.languages, after.four_eyes, after.starts) == (
        ("wallets",),
        ("id",),
        True,
        before.starts,
    )


# Consents and dialogues


def test_a_consent_is_recorded(agree: Agree) -> None:
    made = setting(agree)
    report = ident("report", 5)
    consent = agree.consent("agreed", "partner", [report], ME, until=agree.now() + DAY)
    assert consent.covers(report, agree.read().party("partner").id, made.id, agree.now())
    assert agree.read().directory.consents == (consent,)
    for originator, objects in (("Own", [report]), ("partner", []), ("partner", ["everything"])):
        with pytest.raises(InvalidInput):
            agree.consent("agreed", originator, objects, ME)


def test_a_dialogue_gathers_meetings_and_statements(agree: Agree) -> None:
    setting(agree)
    agree.add_dialogue(Dialogue(id="", name="Talks", alias="talks"), ["Own", "partner"], ME)
    meeting = Meeting(date="2026-03-01", place="Jakarta", title="First")
    agree.note_meeting("talks", ME, meetings=[meeting])
    found = agree.note_meeting("talks", ME, statements=[Statement(source="Ministry", title="Joint statement")])
    assert (found.meetings, len(found.statements), len(found.parties)) == ((meeting,), 1, 2)
    with pytest.raises(InvalidInput):
        agree.add_dialogue(Dialogue(id="", name="Alone"), ["Own"], ME)


def test_what_was_promised_in_a_dialogue_is_open_until_it_was_kept(agree: Agree) -> None:
    setting(agree)
    agree.add_dialogue(Dialogue(id="", name="Talks", alias="talks"), ["Own", "partner"], ME)
    promised = Commitment(by="partner", title="Two trainers for Jakarta", due="2026-12-01")
    other = Commitment(by="Own", title="A room for them", due="2026-11-01")
    found = agree.note_meeting("talks", ME, commitments=[promised, other])
    partner = agree.read().party("partner").id
    assert found.commitments[0] == msgspec.structs.replace(promised, by=partner)
    kept = agree.note_kept("talks", "Two trainers", ME, day="2026-11-20")
    assert [(one.title, one.kept) for one in kept.commitments] == [
        ("Two trainers for Jakarta", "2026-11-20"), ("A room for them", None),
    ]  # fmt: skip
    assert agree.read().dialogue("talks") == kept
    for title in ("Two trainers", "", "nothing of the kind"):
        with pytest.raises(NotFound):
            agree.note_kept("talks", title, ME, day="2026-11-20")
    with pytest.raises(InvalidInput):
        agree.note_kept("talks", "A room", ME, day="yesterday")
    with pytest.raises(InvalidInput, match="not in"):
        agree.note_meeting("talks", ME, commitments=[Commitment(by="club", title="Nothing", due="2026-12-01")])


def test_a_file_says_what_was_promised(agree: Agree) -> None:
    dialogue = (
        '\n[dialogue]\nname = "Talks"\n\n[[dialogue.commitments]]\nparty = "partner"\ndue = 2026-12-01\n'
        'title = "Two trainers"\n'
    )
    setting(agree, extra=dialogue)
    (promised,) = agree.read().dialogue("Talks").commitments
    assert (promised.by, promised.due, promised.kept) == (agree.read().party("partner").id, "2026-12-01", None)


# Files

BAD_FILES = [
    ("parties = []\n" + TOML.replace('parties = ["Own", "partner", "club"]\n', ""), "`parties`"),
    (TOML.replace('"cybercrime", "cyber-defence"', '"profit"'), "`purposes`.*'profit' is no purpose"),
    (TOML.replace("purposes", "purpose"), "'purpose'.*means nothing here.*purposes"),
    (TOML.replace('"amber"', '"beige"'), "`ceiling`.*'beige'"),
    (TOML.replace('ceiling = "amber"', ""), "`ceiling` is missing"),
    (TOML + "valid_until = 2022-01-01\n", "ends before it begins"),
    (TOML + "valid_until = 2030-01-01T00:00:00\n", "`valid_until`.*time zone"),
    (TOML + 'valid_until = "soon"\n', "`valid_until`"),
    (TOML + "four_eyes = 1\n", "`four_eyes` is neither true nor false"),
    (TOML + 'onward = "all"\n', "`onward`"),
    (TOML + 'languages = ["english!"]\n', "`languages`"),
    (TOML + 'topics = "x"\n', "`topics` is no list"),
    (TOML + 'id = "agreement--1"\n', "`id`"),
    (TOML.replace('"club"]', '"club", "club"]'), "`parties` names something twice"),
    (TOML.replace('"club"]', '"nobody"]'), "no party 'nobody'"),
    (TOML + 'dialogue = "none"\n', "no dialogue 'none'"),
    (TOML + '[dialogue]\nname = "x"\n[[dialogue.meetings]]\ndate = 5\nplace = "p"\ntitle = "t"\n', "`date` is no day"),
    (TOML + '[[party]]\nname = "New"\nkind = "warlord"\n', "'New'.*`kind`.*'warlord'"),
    (TOML + '[[party]]\nname = "New"\nkind = "ngo"\nmembers = ["Own"]\n', "`members`, and is no community"),
    (TOML + '[[party]]\nname = "New"\nkind = "ngo"\ncountry = "Japan"\n', "`country`"),
    (TOML + '[[party]]\nname = "N"\nkind = "ngo"\n[[party]]\nname = "N"\nkind = "ngo"\n', "two parties called 'N'"),
    (TOML + f'[[party]]\nname = "N"\nalias = "partner"\nid = "{ident("identity", 9)}"\nkind = "ngo"\n', "'partner'"),
    ("name = ", "not TOML"),
    ("\x00", "not TOML"),
    ("{", "not a STIX bundle"),
    ('{"type":"report"}', "not a bundle"),
    ('{"type":"bundle","objects":[]}', "no agreement"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "says"), BAD_FILES, ids=[says for _, says in BAD_FILES])
def test_a_file_that_is_wrong_is_refused_with_its_key(book: MemoryBook, agree: Agree, text: str, says: str) -> None:
    for name in ("Partner", "Club"):
        agree.add_party(party(name), ME)
    before = list(book.objects)
    with pytest.raises(TitianError, match=rf"(?s){says}"):
        agree.add(text.encode(), ME)
    assert book.objects == before


def test_a_file_has_an_end(agree: Agree) -> None:
    with pytest.raises(TooLarge):
        agree.add(b" " * (LONGEST + 1), ME)
    with pytest.raises(InvalidInput):
        agree.add(b"[" * 100_000, ME)


def test_the_same_file_again_changes_nothing_and_another_of_its_name_is_refused(book: MemoryBook, agree: Agree) -> None:
    text = TOML + f'id = "{ident("agreement", 7)}"\n'
    setting(agree, f'id = "{ident("agreement", 7)}"\n')
    before = list(book.objects)
    assert agree.add(text.encode(), ME).agreements[0].id == ident("agreement", 7)
    assert book.objects == before
    for other in (TOML, text.replace("amber", "green"), text.replace("2023", "2024")):
        with pytest.raises(AlreadyExists):
            agree.add(other.encode(), ME)


def test_a_file_gives_no_community_that_is_known_another_member(agree: Agree) -> None:
    """That would widen every other agreement which the community is in."""
    setting(agree)
    other = TOML.replace('"agreed"', '"other"').replace('"Agreed"', '"Other"')
    added = agree.add(
        (other + '[[party]]\nname = "Club"\nalias = "club"\nkind = "community"\nmembers = ["newcomer"]\n').encode(), ME
    )
    assert audience(agree) == {"partner", "member"}
    assert any("club" in note for note in added.notes)


def test_an_agreement_that_this_node_is_not_in_is_taken_and_said(agree: Agree) -> None:
    agree.add_party(party("Partner"), ME)
    text = TOML.replace('"Own", "partner", "club"', '"partner"')
    assert "Nothing can be released" in agree.add(text.encode(), ME).notes[0]


# What is shipped


def test_the_five_public_agreements_hold_together(agree: Agree, book: MemoryBook) -> None:
    book.own = Party(
        id="identity--b8dd3b8e-f12c-4c90-99b9-4058afc837b8", name="BNPT", kind=PartyKind.AGENCY, country="ID"
    )
    added = {alias: agree.add(text.encode(), ME) for alias, text in public_agreements().items()}
    assert list(added) == [
        "asean-japan-cybersecurity", "asean-japan-transnational-crime", "indonesia-japan-terrorism",
        "indonesia-russia-consultation", "indonesia-russia-cyber-defence",
    ]  # fmt: skip
    held = agree.read()
    assert held.aliases == {one.agreements[0].id: alias for alias, one in added.items()}
    reached = {
        alias: {held.label(one) for one in held.directory.audience(held.agreement(alias), agree.now())}
        for alias in added
    }
    asean = {"brunei", "cambodia", "laos", "malaysia", "myanmar", "philippines", "singapore", "thailand", "vietnam"}
    mine, japan = {"polhukam", "bssn"}, {"mofa-japan", "npa-japan"}
    assert reached == {
        "indonesia-japan-terrorism": {"mofa-japan"},
        "indonesia-russia-consultation": {"mfa-russia"} | mine,
        "indonesia-russia-cyber-defence": set(),  # BNPT is not in it
        "asean-japan-transnational-crime": asean | mine | japan,
        "asean-japan-cybersecurity": (asean - {"laos", "myanmar"}) | mine | japan | {"example-telecom", "example-ngo"},
    }
    assert held.directory.parties[book.own.id].alias == "bnpt", "the own party takes what the file knows of it"
    assert held.directory.parties[book.own.id].name == "BNPT"
    assert [one.notes for one in added.values()][:4] == [()] * 4
    assert all(held.agreement(alias).dialogue in held.dialogues for alias in added)


def test_the_public_agreements_say_the_same_in_any_order_on_any_node() -> None:
    found = []
    for texts in (list(public_agreements().values()), list(public_agreements().values())[::-1]):
        book = MemoryBook(OWN)
        for text in texts:
            Agree(book).add(text.encode(), ME)
        held = book.read().directory
        ties = {(one.member, one.of) for one in held.memberships}
        found.append((set(held.parties.values()), held.agreements.keys(), ties))
    assert found[0] == found[1]


# A partner's bundle

ISSUER = Party(id=ident("identity", 50), name="Issuer", kind=PartyKind.AGENCY, alias="issuer")
LEAGUE = Party(id=ident("identity", 51), name="League", kind=PartyKind.COMMUNITY)
THEIRS = Stamp(by=ISSUER.id, at=START)
PACT = Agreement(
    id=ident("agreement", 60), name="Pact", parties=frozenset({OWN.id, ISSUER.id, LEAGUE.id}),
    purposes=frozenset({"cybercrime"}), ceiling=Tlp.GREEN, starts=START,
)  # fmt: skip


def bundle(*objects: bytes) -> bytes:
    return b'{"type":"bundle","id":"' + ident("bundle", 1).encode() + b'","objects":[' + b",".join(objects) + b"]}"


PARTNERS = [
    write_party(ISSUER, THEIRS),
    write_party(LEAGUE, THEIRS),
    write_membership(membership(ISSUER.id, LEAGUE.id), THEIRS),
    write_agreement(PACT, "pact", THEIRS),
]


def test_a_partners_bundle_is_taken_byte_for_byte(book: MemoryBook, agree: Agree) -> None:
    added = agree.add(bundle(*PARTNERS, *EXTENSION_DEFINITIONS.values()), ME)
    assert added == Added(agreements=(PACT,), notes=())
    assert book.objects == [PARTNERS[0], PARTNERS[1], PARTNERS[2], PARTNERS[3]]
    agree.add(bundle(*PARTNERS), ME)
    assert len(book.objects) == len(PARTNERS), "the same again changes nothing"
    newer = revise(PARTNERS[3], START, {"ceiling": "clear"})
    assert agree.add(bundle(newer), ME).agreements[0].ceiling is Tlp.CLEAR
    agree.add(bundle(PARTNERS[3]), ME)
    assert agree.read().agreement("pact").ceiling is Tlp.CLEAR, "an older version does not come back"


def test_what_a_partner_wrote_only_the_partner_changes_and_this_node_can_leave(agree: Agree) -> None:
    agree.add(bundle(*PARTNERS), ME)
    agree.add_party(party("Newcomer"), ME)
    for change in (
        lambda: agree.narrow("pact", ME, ceiling=Tlp.CLEAR),
        lambda: agree.add_member("pact", "newcomer", ME),
        lambda: agree.add_member("pact", "newcomer", ME, term=Term(5)),
        lambda: agree.remove_member("pact", "issuer", ME),
        lambda: agree.leave("issuer", "League", ME),
    ):
        with pytest.raises(Refused, match="who alone can change it"):
            change()
    assert not agree.end("pact", ME).in_force(agree.now())
    agree.add(bundle(revise(PARTNERS[3], agree.now() + DAY, {"ceiling": "clear"})), ME)
    assert not agree.read().agreement("pact").in_force(agree.now() + DAY), "a new version of theirs does not undo that"


def wrong_pact(**changes: object) -> bytes:
    return revise(PARTNERS[3], START, changes)


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        pytest.param([write_agreement(PACT, None, Stamp(by=OWN.id, at=START))], Refused, "claims", id="in-our-name"),
        pytest.param([write_agreement(PACT, None, THEIRS)], InvalidInput, "nobody has described", id="unknown-party"),
        pytest.param([PARTNERS[0]], InvalidInput, "no agreement", id="no-agreement"),
        pytest.param([*PARTNERS, b'{"type":"agreement","id":"x"}'], InvalidInput, "x, ", id="invalid"),
        pytest.param([*PARTNERS[:3], wrong_pact(ceiling="beige")], InvalidInput, "beige", id="colour"),
        pytest.param([*PARTNERS[:3], wrong_pact(purposes=[])], InvalidInput, "purpose", id="purpose"),
    ],
)
def test_a_bundle_that_is_wrong_is_refused(
    book: MemoryBook, agree: Agree, bad: list[bytes], error: type[TitianError], says: str
) -> None:
    with pytest.raises(error, match=says):
        agree.add(bundle(*bad), ME)
    assert book.objects == []


def test_a_bundle_changes_nothing_that_is_known(book: MemoryBook, agree: Agree) -> None:
    """Not a party, not who is in a community, not an agreement of this node; and it brings no consent."""
    agreed = setting(agree)
    held = agree.read()
    club, partner = held.party("club"), held.party("partner")
    forged = Party(id=partner.id, name="Forged", kind=PartyKind.NGO)
    consent = agree.consent("agreed", "partner", [ident("report", 1)], ME)
    more = [
        write_party(forged, THEIRS),
        write_membership(membership(ISSUER.id, club.id), THEIRS),
        write_membership(membership(ISSUER.id, partner.id, client=True), THEIRS),
        write_consent(type(consent)(**{**{f: getattr(consent, f) for f in consent.__struct_fields__},
                                       "id": ident("consent", 2)}), THEIRS),
    ]  # fmt: skip
    added = agree.add(bundle(*PARTNERS, *more), ME)
    after = agree.read()
    assert len(added.notes) == len(more)
    assert (after.party("partner"), after.agreement("agreed")) == (partner, agreed)
    assert audience(agree) == {"partner", "member"}
    assert after.directory.consents == (consent,)
    stolen = revise(write_agreement(agreed, "agreed", THEIRS), agree.now() + DAY, {})
    with pytest.raises(Refused, match="nobody else may change it"):
        agree.add(bundle(*PARTNERS, stolen), ME)


@pytest.mark.parametrize("name", ["agreed", "Agreed"])
def test_a_bundle_cannot_pass_for_another_agreement(agree: Agree, name: str) -> None:
    setting(agree)
    like = write_agreement(
        Agreement(**{f: getattr(PACT, f) for f in PACT.__struct_fields__} | {"name": name}), None, THEIRS
    )
    with pytest.raises(AlreadyExists):
        agree.add(bundle(*PARTNERS[:3], like), ME)
