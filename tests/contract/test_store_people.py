"""People, their sessions and the acts they leave, on both backends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_support import START, Clock

import titian.store.acts
from titian.core.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, Refused, TitianError
from titian.core.login import FAILURES, FIRST_LOCK, SENTENCE, SESSION, STEP, PasswordHeld, Start
from titian.core.passwords import Cost, totp_code
from titian.core.people import Actor, Duty, Permission, Session, local_operator
from titian.store.acts import Act, Acts
from titian.store.people import NOBODY, PREFIX, People
from titian.store.store import Store

CHEAP = Cost(memory=32, passes=1)
LOCAL = local_operator("somebody")
PASSWORD = "correct horse battery"
ISSUER = "https://login.example"


@pytest.fixture
def people(fresh_store: Store) -> People:
    return People(fresh_store, cost=CHEAP)


@pytest.fixture
def acts(fresh_store: Store) -> Acts:
    return Acts(fresh_store)


@pytest.fixture
def clock(fresh_store: Store) -> Clock:
    assert isinstance(fresh_store.clock, Clock)
    return fresh_store.clock


@pytest.fixture
def boss(people: People) -> Actor:
    """An administrator who is signed in; from here on, local operators may nothing."""
    people.add("boss", Duty.ADMINISTRATOR, by=LOCAL, password=PASSWORD)
    return sign_in(people, "boss").actor


def sign_in(people: People, name: str, password: str = PASSWORD) -> Session:
    reached = people.password(Start().named(name), password)
    assert isinstance(reached, Session)
    return reached


def refused(what: Callable[[], object]) -> str:
    with pytest.raises(Forbidden) as caught:
        what()
    return str(caught.value)


def last(acts: Acts) -> Act:
    return acts.list(limit=1)[0]


def test_a_person_who_is_added_signs_in(people: People, boss: Actor, acts: Acts, clock: Clock) -> None:
    ana = people.add("ana", Duty.ANALYST, by=boss, full_name="Analyst One", password=PASSWORD, why="new colleague")
    told = last(acts)
    assert (told.at, told.person, told.act, told.subject, told.why) == (START, boss.id, "add-person", ana.id,
                                                                        "new colleague")  # fmt: skip
    assert (told.details["name"], told.details["duty"]) == ("ana", "analyst")
    assert [one.name for one in people.list()] == ["boss", "ana"] or people.list()[0].created == people.list()[
        1
    ].created
    assert people.find(" ana ") == ana
    session = sign_in(people, "ana")
    assert session.token.startswith(PREFIX)
    assert session.expires == clock.now + SESSION
    assert people.actor(session.token) == Actor(ana.id, "ana", Duty.ANALYST)
    assert (last(acts).act, last(acts).person) == ("sign-in", ana.id)


def test_nothing_secret_is_in_the_database_or_the_acts(
    people: People, acts: Acts, fresh_store: Store, tmp_path: Path
) -> None:
    person = people.add("boss", Duty.ADMINISTRATOR, by=LOCAL, password=PASSWORD, totp=True)
    session = people.code(held(people, "boss"), code_of(person.totp, START))
    refused(lambda: people.password(Start().named(PASSWORD), PASSWORD))
    written = []
    with fresh_store.reading() as tx:
        for table in ("people", "sessions", "acts"):
            written += [repr(tuple(bytes(v) if isinstance(v, memoryview) else v for v in row))
                        for row in tx.all(f"SELECT * FROM {table}")]  # fmt: skip
    assert len(written) >= 5
    for secret in (PASSWORD, session.token, session.token.removeprefix(PREFIX)):
        assert not [line for line in written if secret in line]
    told = repr(acts.list())
    assert repr(person.totp)[2:-1] not in told
    assert "argon2" not in told


def code_of(totp: bytes | None, at: int) -> str:
    assert totp is not None
    return totp_code(totp, at // STEP)


def held(people: People, name: str) -> PasswordHeld:
    reached = people.password(Start().named(name), PASSWORD)
    assert isinstance(reached, PasswordHeld)
    return reached


def test_every_refusal_says_the_same(people: People, boss: Actor, acts: Acts) -> None:
    people.add("gone", Duty.ANALYST, by=boss, password=PASSWORD)
    people.disable("gone", by=boss)
    coded = people.add("coded", Duty.ANALYST, by=boss, password=PASSWORD, totp=True)
    people.add("far", Duty.ANALYST, by=boss, issuer=ISSUER, subject="1")
    waiting = held(people, "coded")
    before = len(acts.list())
    tries: list[Callable[[], object]] = [
        lambda: people.password(Start().named("boss"), "wrong wrong wrong"),
        lambda: people.password(Start().named("boss"), ""),
        lambda: people.password(Start().named("far"), ""),
        lambda: people.password(Start().named("far"), PASSWORD),
        lambda: people.password(Start().named("gone"), PASSWORD),
        lambda: people.password(Start().named("nobody there"), PASSWORD),
        lambda: people.password(Start().named("\x00\ud800"), PASSWORD),
        lambda: people.password(Start().named("boss"), "\ud800" * 12),
        lambda: people.password(Start().named("boss"), "x" * 10**6),
        lambda: people.code(waiting, "000000"),
        lambda: people.code(waiting, "\ud800"),
        lambda: people.identity(ISSUER, "2"),
        lambda: people.identity("https://other.example", "1"),
        lambda: people.identity("\x00", "\ud800"),
    ]
    said = {refused(each) for each in tries}
    assert len(said) == 1
    assert SENTENCE in said.pop()
    told = acts.list()[: len(acts.list()) - before]
    assert [one.act for one in told] == ["refuse-sign-in"] * len(tries), "and each leaves an act"
    assert {one.person for one in told} >= {NOBODY, coded.id}


def test_guessing_locks_and_the_lock_ends(people: People, boss: Actor, clock: Clock) -> None:
    people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)
    for _ in range(FAILURES):
        refused(lambda: people.password(Start().named("ana"), "wrong wrong wrong"))
    refused(lambda: people.password(Start().named("ana"), PASSWORD))
    clock.now += FIRST_LOCK
    sign_in(people, "ana")
    assert people.find("ana").failures == 0


def test_guesses_side_by_side_count_like_one_after_the_other(people: People, boss: Actor) -> None:
    people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)
    start = threading.Barrier(8)

    def guess() -> None:
        start.wait()
        refused(lambda: people.password(Start().named("ana"), "wrong wrong wrong"))

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert people.find("ana").failures == FAILURES, "what came after the lock was not judged any more"


def test_a_code_works_once(people: People, clock: Clock) -> None:
    person = people.add("boss", Duty.ADMINISTRATOR, by=LOCAL, password=PASSWORD, totp=True)
    code = code_of(person.totp, clock.now)
    people.code(held(people, "boss"), code)
    refused(lambda: people.code(held(people, "boss"), code))
    clock.now += STEP
    assert isinstance(people.code(held(people, "boss"), code_of(person.totp, clock.now)), Session)


def test_who_is_disabled_between_password_and_code_stays_outside(people: People, boss: Actor, clock: Clock) -> None:
    ana = people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD, totp=True)
    waiting = held(people, "ana")
    people.disable("ana", by=boss)
    refused(lambda: people.code(waiting, code_of(ana.totp, clock.now)))


def test_an_identity_signs_in(people: People, boss: Actor) -> None:
    ana = people.add("ana", Duty.ANALYST, by=boss, issuer=ISSUER, subject="248289761001")
    assert people.identity(ISSUER, "248289761001").actor.id == ana.id
    with pytest.raises(AlreadyExists):
        people.add("bea", Duty.ANALYST, by=boss, issuer=ISSUER, subject="248289761001")


# Sessions


def test_a_session_ends(people: People, boss: Actor, clock: Clock, acts: Acts) -> None:
    people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)
    first, second, third = (sign_in(people, "ana").token for _ in range(3))
    assert people.sign_out(first)
    assert last(acts).act == "sign-out"
    assert not people.sign_out(first)
    assert people.actor(first) is None
    assert people.actor(second) is not None
    clock.now += SESSION - 1
    assert people.actor(second) is not None
    clock.now += 1
    assert people.actor(second) is None
    fresh = sign_in(people, "ana").token
    people.disable("ana", by=sign_in(people, "boss").actor)
    assert people.actor(fresh) is None
    assert people.actor(third) is None


def test_the_row_is_read_again_for_every_act(people: People, boss: Actor, fresh_store: Store) -> None:
    """What a session may is what its person may now."""
    ana = people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)
    token = sign_in(people, "ana").token
    with fresh_store.writing() as tx:
        tx.run("UPDATE people SET role = 'auditor' WHERE id = ?", ana.id)
    assert people.actor(token) == Actor(ana.id, "ana", Duty.AUDITOR)
    with fresh_store.writing() as tx:
        tx.run("UPDATE people SET disabled = 1 WHERE id = ?", ana.id)
    assert people.actor(token) is None


@pytest.mark.parametrize("token", ["", "x", PREFIX, PREFIX + "A" * 32, PREFIX + "a" * 32, "titian_abcdefgh_" + "a" * 32,
                                   "\ud800", "\x00", PREFIX + "a" * 32 + "\n"])  # fmt: skip
def test_what_is_no_session(people: People, token: str) -> None:
    assert people.actor(token) is None
    assert not people.sign_out(token)


# Who may


def test_only_administrators_look_after_people(people: People, boss: Actor, acts: Acts) -> None:
    others = []
    for duty in (Duty.ANALYST, Duty.RELEASER, Duty.AUDITOR):
        people.add(duty.value, duty, by=boss, password=PASSWORD)
        others.append(sign_in(people, duty.value).actor)
    made_up = Actor("no such id", "boss", Duty.ADMINISTRATOR)
    before, held_before = acts.list(), people.list()
    for by in (*others, LOCAL, made_up):
        for what in changes(people, by):
            refused(what)
    assert (acts.list(), people.list()) == (before, held_before)


def changes(people: People, by: Actor) -> list[Callable[[], object]]:
    return [
        lambda: people.add("new", Duty.ANALYST, by=by, password=PASSWORD),
        lambda: people.disable("analyst", by=by),
        lambda: people.set_password("analyst", PASSWORD, by=by),
        lambda: people.set_totp("analyst", by=by),
        lambda: people.enable("analyst", by=by),
    ]


def test_an_administrator_who_was_disabled_can_do_nothing_more(people: People, boss: Actor) -> None:
    people.add("other", Duty.ADMINISTRATOR, by=boss, password=PASSWORD)
    people.disable("boss", by=sign_in(people, "other").actor)
    refused(lambda: people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD))


def test_whoever_opens_the_files_can_bring_an_administrator_back(people: People, boss: Actor, acts: Acts) -> None:
    refused(lambda: people.add("new", Duty.ADMINISTRATOR, by=LOCAL, password=PASSWORD))
    people.disable("boss", by=boss)
    assert people.local_may(Permission.MANAGE_PEOPLE)
    assert not people.local_may(Permission.PREVIEW)
    people.add("new", Duty.ADMINISTRATOR, by=LOCAL, password=PASSWORD)
    assert last(acts).person == LOCAL.id
    assert not people.local_may(Permission.MANAGE_PEOPLE)


def test_a_new_password_or_secret_ends_what_the_old_one_opened(people: People, boss: Actor, clock: Clock) -> None:
    people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)
    token = sign_in(people, "ana").token
    coded = people.set_totp("ana", by=boss)
    assert people.actor(token) is None
    waiting = held(people, "ana")
    people.set_password("ana", "another good password", by=boss)
    refused(lambda: people.code(waiting, code_of(coded.totp, clock.now)))
    refused(lambda: people.password(Start().named("ana"), PASSWORD))


def test_codes_are_kept_renewed_or_taken_away_with_a_password(people: People, boss: Actor, acts: Acts) -> None:
    first = people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD, totp=True)
    kept = people.set_password("ana", "another good password", by=boss)
    assert (kept.totp, last(acts).details["codes"]) == (first.totp, "kept")
    renewed = people.set_password("ana", PASSWORD, by=boss, totp=True)
    assert renewed.totp not in (None, first.totp)
    assert last(acts).details["codes"] == "new"
    assert people.set_password("ana", PASSWORD, by=boss, totp=False, why="lost the telephone").totp is None
    assert (last(acts).details["codes"], last(acts).why) == ("none", "lost the telephone")
    assert sign_in(people, "ana").actor.name == "ana", "no code is asked for any more"


def test_a_person_who_is_enabled_signs_in_as_before(people: People, boss: Actor, acts: Acts) -> None:
    ana = people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)
    token = sign_in(people, "ana").token
    with pytest.raises(Refused, match="not disabled"):
        people.enable("ana", by=boss)
    people.disable("ana", by=boss)
    back = people.enable(" ana ", by=boss, why="back from leave")
    assert (back.disabled, people.find("ana").disabled) == (None, None)
    assert (last(acts).act, last(acts).person, last(acts).subject, last(acts).why) == (
        "enable-person", boss.id, ana.id, "back from leave",
    )  # fmt: skip
    assert people.actor(token) is None, "what ended does not come back"
    assert sign_in(people, "ana").actor.id == ana.id
    with pytest.raises(NotFound):
        people.enable("nobody there", by=boss)


def never() -> str:
    raise AssertionError("no code is asked for")


NEW = "a bridge of two planks"


def test_a_person_changes_their_own_password(people: People, boss: Actor, acts: Acts) -> None:
    ana = people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)
    token = sign_in(people, "ana").token
    people.change_password("ana", PASSWORD, NEW, code=never, why="it was seen")
    told = last(acts)
    assert (told.act, told.person, told.subject, told.why) == ("set-password", ana.id, ana.id, "it was seen")
    assert people.actor(token) is None
    refused(lambda: people.password(Start().named("ana"), PASSWORD))
    assert sign_in(people, "ana", NEW).actor.id == ana.id


def test_ones_own_password_wants_the_old_one_and_the_code(people: People, boss: Actor, clock: Clock) -> None:
    ana = people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD, totp=True)
    people.add("far", Duty.ANALYST, by=boss, issuer=ISSUER, subject="1")
    wrong: list[Callable[[], object]] = [
        lambda: people.change_password("ana", "wrong wrong wrong", NEW, code=never),
        lambda: people.change_password("ana", "", NEW, code=never),
        lambda: people.change_password("ana", PASSWORD, NEW, code=lambda: "000000"),
        lambda: people.change_password("nobody there", PASSWORD, NEW, code=never),
        lambda: people.change_password("far", PASSWORD, NEW, code=never),
    ]
    assert len({refused(each) for each in wrong}) == 1, "as signing in refuses it"
    assert people.find("ana").failures == 2, "and it counts"
    for new in ("short", PASSWORD):
        with pytest.raises(InvalidInput):
            people.change_password("ana", PASSWORD, new, code=never)
    fresh = people.change_password("ana", PASSWORD, NEW, code=lambda: code_of(ana.totp, clock.now), totp=True)
    assert fresh.totp not in (None, ana.totp)
    refused(lambda: people.change_password("ana", NEW, PASSWORD, code=lambda: code_of(ana.totp, clock.now)))


def test_what_was_changed_meanwhile_keeps_the_old_proof_out(
    people: People, boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the old password and the new one an administrator may set another, or disable the person."""
    people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)
    proven = sign_in(people, "ana")
    people.set_password("ana", "set by the administrator", by=boss)
    monkeypatch.setattr(people, "password", lambda state, text: proven)
    refused(lambda: people.change_password("ana", PASSWORD, NEW, code=never))
    monkeypatch.undo()
    assert sign_in(people, "ana", "set by the administrator").actor.name == "ana"


def test_a_locked_account_changes_nothing(people: People, boss: Actor) -> None:
    people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)
    for _ in range(FAILURES):
        refused(lambda: people.change_password("ana", "wrong wrong wrong", NEW, code=never))
    refused(lambda: people.change_password("ana", PASSWORD, NEW, code=never))
    people.set_password("ana", PASSWORD, by=boss)
    assert sign_in(people, "ana").actor.name == "ana", "an administrator ends the lock"


BAD: list[tuple[dict[str, Any], type[TitianError]]] = [
    ({"name": ""}, InvalidInput),
    ({"name": "local:root"}, InvalidInput),
    ({"name": "a\nb"}, InvalidInput),
    ({"name": "x" * 201}, InvalidInput),
    ({"name": "BOSS"}, AlreadyExists),
    ({"name": " \uff42oss"}, AlreadyExists),
    ({"password": "short"}, InvalidInput),
    ({"password": ""}, InvalidInput),
    ({"password": None}, InvalidInput),
    ({"password": None, "totp": True, "issuer": ISSUER, "subject": "1"}, InvalidInput),
    ({"issuer": ISSUER}, InvalidInput),
    ({"subject": "1"}, InvalidInput),
    ({"issuer": ISSUER, "subject": ""}, InvalidInput),
    ({"issuer": ISSUER, "subject": "a\x00"}, InvalidInput),
    ({"full_name": "\u202e"}, InvalidInput),
]


@pytest.mark.parametrize(("given", "error"), BAD, ids=lambda value: ascii(value)[:40])
def test_what_cannot_be_added_leaves_nothing(
    people: People, boss: Actor, acts: Acts, given: dict[str, Any], error: type[TitianError]
) -> None:
    arguments = {"name": "ana", "password": PASSWORD} | given
    before = acts.list()
    with pytest.raises(error):
        people.add(arguments.pop("name"), Duty.ANALYST, by=boss, **arguments)
    assert (acts.list(), len(people.list())) == (before, 1)


def test_what_cannot_be_disabled(people: People, boss: Actor) -> None:
    with pytest.raises(NotFound):
        people.disable("nobody there", by=boss)
    people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)
    people.disable("ana", by=boss)
    with pytest.raises(Refused):
        people.disable("ana", by=boss)


# Acts


def test_acts_are_listed_newest_first_by_subject_and_page(acts: Acts, fresh_store: Store) -> None:
    with fresh_store.writing() as tx:
        for number in range(5):
            titian.store.acts.record(tx, at=number, person="p", act="mark", subject=f"s{number % 2}", why="because",
                                     details={"n": number})  # fmt: skip
    assert [one.details["n"] for one in acts.list()] == [4, 3, 2, 1, 0]
    assert [one.details["n"] for one in acts.list("s0", limit=2)] == [4, 2]
    assert [one.details["n"] for one in acts.list("s0", before=acts.list("s0", limit=2)[-1].num)] == [0]
    assert acts.list("'; DROP TABLE acts; --") == []
    assert acts.list(limit=0) == []


def test_acts_are_found_by_who_what_and_when(acts: Acts, fresh_store: Store) -> None:
    with fresh_store.writing() as tx:
        for number in range(6):
            titian.store.acts.record(tx, at=100 + number, person=f"p{number % 3}", act=f"a{number % 2}", subject="s")
    assert [one.at for one in acts.list(since=103)] == [105, 104, 103], "from that instant on"
    assert [one.at for one in acts.list(people={"p1"})] == [104, 101]
    assert [one.at for one in acts.list(people=["p0", "p1", "nobody"], acts=["a1"])] == [103, 101]
    assert [one.at for one in acts.list(people={"p1"}, since=102, limit=5)] == [104]
    assert [one.at for one in acts.list(acts={"a0"}, limit=2)] == [104, 102], "the latest of what fits"
    assert acts.list(people=[]) == acts.list(acts=()) == [], "nobody's acts are none, not all"
    assert acts.list(people=["' OR 1=1 --"]) == []


def test_an_act_is_undone_with_what_it_tells_of(acts: Acts, fresh_store: Store) -> None:
    def broken() -> None:
        with fresh_store.writing() as tx:
            titian.store.acts.record(tx, at=1, person="p", act="mark", subject="s")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert acts.list() == []


def test_no_code_changes_or_removes_an_act() -> None:
    source = Path(titian.store.acts.__file__).parents[1]
    texts = {path.name: path.read_text("utf-8").lower() for path in source.rglob("*.py")}
    assert not [name for name, text in texts.items() if "update acts" in text or "delete from acts" in text]
