"""Who may do what: one table, and what it must never come to say."""

from __future__ import annotations

import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.people import (
    LOCAL_PERMISSIONS,
    PERMISSIONS,
    Actor,
    Duty,
    Permission,
    Person,
    Session,
    acting_as,
    local_may,
    local_operator,
    permitting,
)

NOW = 1_800_000_000_000_000
SECRETS = ("$argon2id$v=19$secret", "otp-secret", "titian_session_" + "a" * 32)


def person(duty: Duty = Duty.ANALYST, **more: object) -> Person:
    given = {"id": str(uuid.uuid4()), "name": "analyst-one", "full_name": "Analyst One", "duty": duty, "created": NOW}
    return msgspec.convert(given | more, Person)


def test_every_duty_has_a_row_and_every_permission_somebody() -> None:
    assert set(PERMISSIONS) == set(Duty)
    assert frozenset().union(*PERMISSIONS.values()) == set(Permission)
    assert all(Permission.READ in granted for granted in PERMISSIONS.values())


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        PERMISSIONS[Duty.ANALYST] = frozenset(Permission)  # type: ignore[index]


CHANGING = set(Permission) - {Permission.READ, Permission.AUDIT}


def test_duties_are_separate() -> None:
    """Who makes accounts is not the second pair of eyes; who decides makes no accounts; who audits changes nothing."""
    assert permitting(Permission.DECIDE_RELEASE) == [Duty.RELEASER]
    assert permitting(Permission.MANAGE_PEOPLE) == [Duty.ADMINISTRATOR]
    assert not PERMISSIONS[Duty.AUDITOR] & CHANGING
    assert Permission.DECIDE_RELEASE not in PERMISSIONS[Duty.ANALYST]


@given(st.sampled_from(Duty), st.sampled_from(Permission))
def test_a_person_may_what_the_table_says_and_a_disabled_one_nothing(duty: Duty, permission: Permission) -> None:
    assert person(duty).may(permission) == (permission in PERMISSIONS[duty])
    assert not person(duty, disabled=NOW).may(permission)
    assert acting_as(person(duty)).may(permission) == person(duty).may(permission)


def test_nothing_that_is_printed_holds_a_secret() -> None:
    secret = msgspec.structs.replace(person(), password=SECRETS[0], totp=SECRETS[1].encode())
    printed = [secret, [secret], Session(SECRETS[2], acting_as(secret), NOW)]
    for form in (repr, str):
        assert not [each for each in SECRETS for value in printed if each in form(value)]


@given(st.text(max_size=50), st.uuids(version=4))
def test_a_local_operator_is_no_person(user: str, ident: uuid.UUID) -> None:
    assert local_operator(user).id != str(ident)
    assert local_operator(user).duty is None


@given(st.lists(st.tuples(st.sampled_from(Duty), st.booleans()), max_size=5), st.sampled_from(Permission))
def test_a_local_operator_gives_way_to_people(held: list[tuple[Duty, bool]], permission: Permission) -> None:
    people = [person(duty, disabled=NOW if disabled else None) for duty, disabled in held]
    may = local_may(people, permission)
    if not people:
        assert may == (permission in LOCAL_PERMISSIONS)
    else:
        administered = (Duty.ADMINISTRATOR, False) in held
        keeps = permission in {Permission.READ, Permission.WRITE, Permission.BACK_UP}
        assert may == (keeps or (permission is Permission.MANAGE_PEOPLE and not administered))


def test_a_local_operator_never_decides() -> None:
    assert not local_operator("root").may(Permission.DECIDE_RELEASE)
    assert Actor("x", "x", Duty.RELEASER).may(Permission.DECIDE_RELEASE)
