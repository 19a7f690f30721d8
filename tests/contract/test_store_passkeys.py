"""Passkeys, sessions, preferences and authenticators of one's own: on both backends, with their acts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from store_support import START, Clock

from titian.core.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, Refused
from titian.core.login import HELD, IDLE, SEEN_EVERY, SENTENCE, STEP, PasswordHeld, Start
from titian.core.passkey import MOST, Passkey, Shown, handle_of
from titian.core.passwords import Cost, totp_code
from titian.core.people import Actor, Duty, Person, Session, acting_as, local_operator
from titian.store.acts import Act, Acts
from titian.store.people import People
from titian.store.preferences import Preference
from titian.store.store import Store

LOCAL = local_operator("setup")
PASSWORD = "correct horse battery"


@pytest.fixture
def clock(fresh_store: Store) -> Clock:
    assert isinstance(fresh_store.clock, Clock)
    return fresh_store.clock


@pytest.fixture
def people(fresh_store: Store, clock: Clock) -> People:
    return People(fresh_store, cost=Cost(memory=32, passes=1))


@pytest.fixture
def boss(people: People) -> Actor:
    return acting_as(people.add("boss", Duty.ADMINISTRATOR, by=LOCAL, password=PASSWORD))


@pytest.fixture
def ana(people: People, boss: Actor) -> Person:
    return people.add("ana", Duty.ANALYST, by=boss, password=PASSWORD)


@pytest.fixture
def last(fresh_store: Store) -> Callable[[], Act]:
    return lambda: Acts(fresh_store).list(limit=1)[0]


def passkey(person: Person, number: int = 1, **more: Any) -> Passkey:
    said: dict[str, Any] = {"id": bytes([number]) * 20, "person": person.id, "name": "Phone", "host": "one.example",
                            "public": b"public", "count": 3, "challenged": START, "created": START,
                            "transports": ("internal", "usb")}  # fmt: skip
    return Passkey(**{**said, **more})


def sign_in(people: People, name: str) -> Session:
    reached = people.password(Start().named(name), PASSWORD)
    assert isinstance(reached, Session)
    return reached


def refused(people: People, identifier: bytes, shown: Shown | None) -> None:
    with pytest.raises(Forbidden) as caught:
        people.passkey(identifier, lambda held: shown)
    assert caught.value.message == SENTENCE


def test_a_passkey_is_kept_as_it_was_made(people: People, ana: Person, last: Callable[[], Act]) -> None:
    made = people.passkeys.add(passkey(ana), by=acting_as(ana))
    assert people.passkeys.list(ana.id) == [made]
    assert people.passkeys.people() == {ana.id: 1}
    assert (last().act, last().person) == ("add-passkey", ana.id)
    assert last().details == {"name": "Phone", "passkey": handle_of(made.id)}


def test_what_it_has_shown_is_used_up(people: People, ana: Person, clock: Clock, last: Callable[[], Act]) -> None:
    made = people.passkeys.add(passkey(ana), by=acting_as(ana))
    clock.now = START + 50
    session = people.passkey(made.id, lambda held: Shown(ana.id, 9, START + 40) if held == made else None)
    assert people.actor(session.token) == acting_as(ana)
    assert (last().act, last().details) == ("sign-in", {"how": "passkey"})
    held = people.passkeys.list(ana.id)[0]
    assert (held.count, held.challenged, held.used) == (9, START + 40, START + 50)
    refused(people, made.id, Shown(ana.id, 10, START + 40))
    assert (last().act, last().why, last().person) == ("refuse-sign-in", "challenge answered before", ana.id)
    refused(people, made.id, Shown(ana.id, 9, START + 41))
    refused(people, made.id, Shown(ana.id, 10, clock.now - HELD))
    assert people.passkeys.list(ana.id)[0] == held, "what is refused changes nothing"


def test_a_passkey_that_is_not_kept_signs_nobody_in(people: People, ana: Person, last: Callable[[], Act]) -> None:
    refused(people, b"unknown", Shown(ana.id, 9, START + 1))
    refused(people, b"", Shown(ana.id, 9, START + 1))
    assert (last().act, last().person, last().why) == ("refuse-sign-in", "nobody", "unknown account")


def test_one_that_changed_while_its_signature_was_checked_signs_nobody_in(people: People, ana: Person) -> None:
    made = people.passkeys.add(passkey(ana), by=acting_as(ana))

    def verify(held: Passkey) -> Shown:
        people.passkeys.remove(handle_of(held.id), by=acting_as(ana))
        people.passkeys.add(msgspec.structs.replace(made, public=b"another"), by=acting_as(ana))
        return Shown(ana.id, 9, START + 1)

    with pytest.raises(Forbidden):
        people.passkey(made.id, verify)


def test_everybody_looks_after_their_own(people: People, ana: Person, boss: Actor) -> None:
    made = people.passkeys.add(passkey(ana), by=acting_as(ana))
    with pytest.raises(Forbidden):
        people.passkeys.add(passkey(ana, 2), by=boss)
    with pytest.raises(NotFound):
        people.passkeys.remove(handle_of(made.id), by=boss)
    with pytest.raises(AlreadyExists):
        people.passkeys.add(msgspec.structs.replace(made, person=boss.id), by=boss)
    assert people.passkeys.list(ana.id) == [made]


@pytest.mark.parametrize("more", [{"name": "\x00"}, {"name": " "}, {"id": b""}, {"id": b"x" * 1024}, {"public": b""}])
def test_what_cannot_be_kept_is_refused(people: People, ana: Person, more: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        people.passkeys.add(passkey(ana, **more), by=acting_as(ana))


def test_there_is_an_end_to_them(people: People, ana: Person) -> None:
    for number in range(MOST):
        people.passkeys.add(passkey(ana, number + 1), by=acting_as(ana))
    with pytest.raises(Refused):
        people.passkeys.add(passkey(ana, MOST + 1), by=acting_as(ana))


def test_they_go_with_whoever_is_disabled(people: People, ana: Person, boss: Actor, last: Callable[[], Act]) -> None:
    made = people.passkeys.add(passkey(ana), by=acting_as(ana))
    people.preferences.choose(ana.id, language="id")
    people.disable("ana", by=boss)
    assert last().details["passkeys_removed"] == 1
    assert people.passkeys.list(ana.id) == []
    assert people.preferences.of(ana.id) == Preference()
    with pytest.raises(Forbidden):
        people.passkeys.add(passkey(ana), by=acting_as(ana))
    people.enable("ana", by=boss, why="back")
    refused(people, made.id, Shown(ana.id, 9, START + 1))


def test_an_administrator_takes_lost_ones_away(people: People, ana: Person, boss: Actor) -> None:
    people.passkeys.add(passkey(ana), by=acting_as(ana))
    session = sign_in(people, "ana")
    with pytest.raises(Forbidden):
        people.remove_passkeys("ana", by=acting_as(ana))
    assert people.remove_passkeys("ana", by=boss, why="lost") == 1
    assert people.session(session.token) is None


def test_preferences_are_kept_part_by_part(people: People, ana: Person) -> None:
    assert people.preferences.of(ana.id) == Preference()
    people.preferences.choose(ana.id, language="ja")
    assert people.preferences.choose(ana.id, zone="Asia/Tokyo") == Preference("ja", "Asia/Tokyo")
    people.preferences.choose(ana.id, language="id")
    assert people.preferences.of(ana.id) == Preference("id", "Asia/Tokyo")


def test_sessions_are_listed_without_what_opens_them(people: People, ana: Person, boss: Actor, clock: Clock) -> None:
    first = sign_in(people, "ana")
    clock.now += 1000
    second = sign_in(people, "ana")
    sign_in(people, "boss")
    listed = people.sessions.list(ana.id, second.token)
    assert [one.here for one in listed] == [True, False]
    assert [one.created for one in listed] == [START + 1000, START]
    assert not any(one.handle in first.token + second.token for one in listed)
    with pytest.raises(NotFound):
        people.sessions.end(boss, listed[1].handle)
    people.sessions.end(acting_as(ana), listed[1].handle)
    assert people.session(first.token) is None
    assert people.session(second.token) is not None
    clock.now = listed[0].expires
    assert people.sessions.list(ana.id) == []


def test_every_other_session_ends(people: People, ana: Person, last: Callable[[], Act]) -> None:
    tokens = [sign_in(people, "ana").token for _ in range(3)]
    other = sign_in(people, "boss").token
    assert people.sessions.end_others(acting_as(ana), tokens[1]) == 2
    assert [people.session(one) is not None for one in (*tokens, other)] == [False, True, False, True]
    assert (last().act, last().details) == ("end-session", {"sessions_ended": 2})
    assert people.sessions.end_others(acting_as(ana), tokens[1]) == 0


def test_an_authenticator_counts_from_its_first_code(people: People, ana: Person, clock: Clock) -> None:
    here, elsewhere = sign_in(people, "ana"), sign_in(people, "ana")
    secret, step = people.new_secret(), START // STEP
    with pytest.raises(InvalidInput):
        people.enrol(here.token, secret, "000000" if totp_code(secret, step) != "000000" else "111111")
    assert isinstance(people.password(Start().named("ana"), PASSWORD), Session), "what was not confirmed does not count"
    assert people.enrol(here.token, secret, totp_code(secret, step)).totp == secret
    assert people.session(here.token) is not None
    assert people.session(elsewhere.token) is None
    held = people.password(Start().named("ana"), PASSWORD)
    assert isinstance(held, PasswordHeld)
    with pytest.raises(Forbidden):
        people.code(held, totp_code(secret, step))
    clock.now += STEP
    assert people.code(held, totp_code(secret, step + 1)).actor == acting_as(ana)


def test_nobody_enrols_without_a_session_or_a_password(people: People, boss: Actor) -> None:
    secret = people.new_secret()
    code = totp_code(secret, START // STEP)
    with pytest.raises(Forbidden):
        people.enrol("titian_session_" + "a" * 32, secret, code)
    people.add("far", Duty.ANALYST, by=boss, issuer="https://login.example", subject="1")
    session = people.identity("https://login.example", "1")
    with pytest.raises(Refused):
        people.enrol(session.token, secret, code)
    with pytest.raises(InvalidInput):
        people.enrol(session.token, b"", code)


def test_a_password_of_an_administrators_takes_the_passkeys_away(
    people: People, boss: Actor, ana: Person, last: Callable[[], Act]
) -> None:
    for number in (1, 2):
        people.passkeys.add(passkey(ana, number), by=acting_as(ana))
    people.set_password("ana", "another battery of horses", by=boss)
    assert people.passkeys.list(ana.id) == []
    assert (last().act, last().details["passkeys_removed"]) == ("set-password", 2)


@pytest.mark.parametrize("forget", [True, False])
def test_ones_own_password_takes_them_away_where_that_is_wished(
    people: People, ana: Person, last: Callable[[], Act], forget: bool
) -> None:
    people.passkeys.add(passkey(ana), by=acting_as(ana))
    people.change_password("ana", PASSWORD, "another battery of horses", code=str, forget=forget)
    assert len(people.passkeys.list(ana.id)) == (0 if forget else 1)
    assert last().details.get("passkeys_removed") == (1 if forget else None)


def test_only_a_session_in_a_browser_ends_by_itself(people: People, ana: Person, clock: Clock) -> None:
    console, terminal = sign_in(people, "ana"), sign_in(people, "ana")
    people.sessions.watch(console.token)
    clock.now += IDLE - 1
    people.sessions.see(terminal.token)
    assert people.session(console.token) is not None
    people.sessions.see(console.token)
    clock.now += IDLE - 1
    assert people.session(console.token) is not None
    clock.now += 1
    people.sessions.see(console.token)
    assert people.session(console.token) is None, "what is over is over"
    assert people.session(terminal.token) is not None
    assert len(people.sessions.list(ana.id)) == 1
    sign_in(people, "ana")
    people.sessions.watch(console.token)
    assert people.session(console.token) is None, "its row is gone"


def test_it_is_written_once_a_minute_that_somebody_was_seen(people: People, ana: Person, clock: Clock) -> None:
    session = sign_in(people, "ana")
    people.sessions.watch(session.token)
    clock.now += SEEN_EVERY - 1
    people.sessions.see(session.token)
    clock.now += IDLE - SEEN_EVERY + 1
    assert people.session(session.token) is None
