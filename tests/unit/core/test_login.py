"""The login state machine: what it takes to sign in, whatever is tried in whatever order."""

from __future__ import annotations

import itertools
import unicodedata
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core.errors import InvalidInput
from titian.core.login import (
    FAILURES,
    FIRST_LOCK,
    HELD,
    LONGEST_LOCK,
    STEP,
    Named,
    PasswordHeld,
    Reason,
    Refused,
    SignedIn,
    Start,
    locked_until,
)
from titian.core.passkey import Passkey, Shown
from titian.core.passwords import (
    LONGEST,
    USUAL,
    Cost,
    hash_password,
    new_password,
    provisioning_uri,
    totp_code,
    verify_password,
    verify_totp,
)
from titian.core.people import Duty, Person

NOW = 1_800_000_000_000_000
TOTP = b"12345678901234567890"
CHEAP = Cost(memory=32, passes=1)
ISSUER = "https://login.example"

PERSON = Person(id="1", name="ana", full_name="Analyst One", duty=Duty.ANALYST, created=1, password="#right")


def fits(phc: str | None, text: str) -> bool:
    return phc == f"#{text}"


def code_fits(secret: bytes, code: str, step: int) -> bool:
    return code == str(step)


def changed(**more: Any) -> Person:
    return msgspec.structs.replace(PERSON, **more)


def password(person: Person | None, text: str, at: int = NOW) -> PasswordHeld | SignedIn | Refused:
    return Start().named("ana").password(person, text, at, fits)


def held(person: Person) -> PasswordHeld:
    reached = password(person, "right")
    assert isinstance(reached, PasswordHeld)
    return reached


def code(state: PasswordHeld, person: Person | None, text: str, at: int = NOW) -> SignedIn | Refused:
    return state.code(person, text, at, code_fits)


def test_a_right_password_signs_in() -> None:
    assert password(PERSON, "right") == SignedIn("1", 0)


@pytest.mark.parametrize(
    ("person", "text", "reason"),
    [
        (PERSON, "wrong", Reason.PASSWORD),
        (PERSON, "", Reason.EMPTY),
        (changed(password=None), "", Reason.EMPTY),
        (changed(password="#"), "", Reason.EMPTY),
        (changed(password=None), "right", Reason.PASSWORD),
        (changed(disabled=NOW), "right", Reason.DISABLED),
        (changed(locked_until=NOW + 1), "right", Reason.LOCKED),
        (changed(name="other"), "right", Reason.UNKNOWN),
        (None, "right", Reason.UNKNOWN),
        (None, "", Reason.EMPTY),
    ],
)
def test_what_a_password_does_not_open(person: Person | None, text: str, reason: Reason) -> None:
    refused = password(person, text)
    assert isinstance(refused, Refused)
    assert refused.reason is reason


def test_an_empty_password_is_not_even_asked() -> None:
    """There are directories that take an empty password for anybody: none of them is given the chance."""
    for person in (PERSON, None, changed(password=None)):
        assert isinstance(Named("ana").password(person, "", NOW, lambda phc, text: True), Refused)


@pytest.mark.parametrize("person", [PERSON, None, changed(disabled=1), changed(locked_until=NOW + 1)])
def test_every_name_costs_one_hash(person: Person | None) -> None:
    asked: list[str | None] = []

    def counting(phc: str | None, text: str) -> bool:
        asked.append(phc)
        return False

    Named("ana").password(person, "guess", NOW, counting)
    assert len(asked) == 1


def test_a_lock_ends_and_then_comes_back_for_longer() -> None:
    person, at = PERSON, NOW
    lengths = []
    for _ in range(FAILURES + 12):
        refused = password(person, "wrong", at)
        assert isinstance(refused, Refused)
        assert refused.failure is not None
        person = changed(failures=refused.failure.failures, locked_until=refused.failure.locked_until)
        if person.locked_until is not None:
            lengths.append(person.locked_until - at)
            during = password(person, "right", person.locked_until - 1)
            assert during == Refused(Reason.LOCKED, "1"), "no guess counts during a lock, and none lengthens it"
            at = person.locked_until
            assert isinstance(password(person, "right", at), SignedIn)
    assert len(lengths) == 13
    assert lengths[:3] == [FIRST_LOCK, 2 * FIRST_LOCK, 4 * FIRST_LOCK]
    assert lengths == sorted(lengths)
    assert lengths[-1] == LONGEST_LOCK


@given(st.integers(0, 10**9), st.integers(0, 2**60))
def test_a_lock_is_bounded(failures: int, at: int) -> None:
    until = locked_until(failures, at)
    assert (until is None) == (failures < FAILURES)
    assert until is None or at < until <= at + LONGEST_LOCK


# Codes

WITH_CODE = changed(totp=TOTP)
NOW_STEP = NOW // STEP


def test_a_person_with_codes_is_not_signed_in_by_the_password() -> None:
    assert isinstance(password(WITH_CODE, "right"), PasswordHeld)
    assert code(held(WITH_CODE), WITH_CODE, str(NOW_STEP)) == SignedIn("1", NOW_STEP)


@pytest.mark.parametrize(("by", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_the_window_of_codes(by: int, taken: bool) -> None:
    outcome = code(held(WITH_CODE), WITH_CODE, str(NOW_STEP + by))
    assert isinstance(outcome, SignedIn) == taken


def test_a_code_works_once_and_none_before_it() -> None:
    for used in (NOW_STEP, NOW_STEP + 1):
        person = changed(totp=TOTP, totp_step=used)
        outcome = code(held(person), person, str(NOW_STEP))
        assert isinstance(outcome, Refused)
        assert (outcome.reason, outcome.failure is not None) == (Reason.CODE, True)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (changed(totp=TOTP, disabled=NOW), Reason.DISABLED),
        (changed(totp=TOTP, locked_until=NOW + 1), Reason.LOCKED),
        (changed(totp=TOTP, password="#other"), Reason.CHANGED),
        (changed(totp=TOTP, password=None), Reason.CHANGED),
        (changed(totp=None), Reason.CHANGED),
        (changed(totp=TOTP, id="2"), Reason.UNKNOWN),
        (None, Reason.UNKNOWN),
    ],
)
def test_the_row_is_read_again_before_the_code(now: Person | None, reason: Reason) -> None:
    """Whoever is disabled between password and code does not come in through the code."""
    outcome = code(held(WITH_CODE), now, str(NOW_STEP))
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason


def test_a_proven_password_does_not_wait_for_ever() -> None:
    late = NOW + HELD
    assert code(held(WITH_CODE), WITH_CODE, str(late // STEP), late) == Refused(Reason.LATE, "1")


def test_wrong_codes_lock_as_wrong_passwords_do() -> None:
    person = changed(totp=TOTP, failures=FAILURES - 1)
    outcome = code(held(person), person, "000000")
    assert isinstance(outcome, Refused)
    assert outcome.failure is not None
    assert outcome.failure.locked_until == NOW + FIRST_LOCK


# OpenID Connect

KNOWN = changed(issuer=ISSUER, subject="248289761001", password=None)


@pytest.mark.parametrize(
    ("person", "issuer", "subject", "opens"),
    [
        (KNOWN, ISSUER, "248289761001", True),
        (KNOWN, ISSUER, "248289761002", False),
        (KNOWN, "https://other.example", "248289761001", False),
        (None, ISSUER, "248289761001", False),
        (PERSON, "", "", False),
        (changed(issuer="", subject=""), "", "", False),
        (msgspec.structs.replace(KNOWN, disabled=1), ISSUER, "248289761001", False),
        (msgspec.structs.replace(KNOWN, locked_until=NOW * 2, failures=99), ISSUER, "248289761001", True),
    ],
)
def test_an_identity_is_issuer_and_subject(person: Person | None, issuer: str, subject: str, opens: bool) -> None:
    assert isinstance(Start().identity(person, issuer, subject), SignedIn) == opens


# Whatever is tried

Try = tuple[str, str, int]
TRIES = st.lists(
    st.tuples(
        st.sampled_from(["password", "code", "disable", "enable", "renew"]),
        st.sampled_from(["right", "fresh", "wrong", "", "used"]),
        st.sampled_from([0, 1, STEP, FIRST_LOCK, HELD]),
    ),
    max_size=40,
)


@settings(max_examples=300)
@given(TRIES, st.booleans())
def test_nobody_comes_in_otherwise(tries: list[Try], codes: bool) -> None:
    """Signed in: enabled, not locked, the password of now, and where codes are wanted one never used before."""
    person, at = changed(totp=TOTP if codes else None), NOW
    state: PasswordHeld | None = None
    held_of: str | None = None
    spent: set[int] = set()
    wrong = 0
    for what, text, later in tries:
        at += later
        outcome: PasswordHeld | SignedIn | Refused | None = None
        if what == "password":
            outcome = password(person, text, at)
            proven = person.password == f"#{text}"
        elif what == "code" and state is not None:
            step = at // STEP if text == "right" else person.totp_step if text == "used" else -1
            outcome = code(state, person, str(step), at)
            proven = step not in spent and step >= 0 and person.password == held_of
        elif what in ("disable", "enable"):
            person = msgspec.structs.replace(person, disabled=at if what == "disable" else None)
        elif what == "renew":
            # What was proven of the old password is not proven of the new one.
            person = msgspec.structs.replace(person, password="#fresh")
        if isinstance(outcome, PasswordHeld):
            assert codes
            assert proven
            state, held_of = outcome, person.password
        if isinstance(outcome, SignedIn):
            assert proven
            assert (what == "code") == codes
            assert person.disabled is None
            assert not person.is_locked(at)
            spent.add(outcome.totp_step)
            person = msgspec.structs.replace(person, failures=0, locked_until=None, totp_step=outcome.totp_step)
            state, wrong = None, 0
        if isinstance(outcome, Refused) and outcome.failure is not None:
            wrong += 1
            assert outcome.failure.failures == wrong
            person = msgspec.structs.replace(
                person, failures=outcome.failure.failures, locked_until=outcome.failure.locked_until
            )
            assert wrong < FAILURES or person.is_locked(at)


# Passwords and codes themselves


def test_a_password_is_verified_by_its_hash_alone() -> None:
    phc = hash_password("correct horse battery", b"s" * 16, CHEAP)
    assert phc.startswith("$argon2id$v=19$m=32,t=1,p=1$")
    assert verify_password(phc, "correct horse battery")
    assert not verify_password(phc, "correct horse batterz")
    assert not verify_password(None, "correct horse battery", CHEAP)
    assert phc != hash_password("correct horse battery", b"t" * 16, CHEAP)


def test_the_cost_is_as_documented() -> None:
    assert hash_password("x" * 12, bytes(16)).startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert (USUAL.memory, USUAL.passes) == (65536, 3)


def test_passwords_are_verified_side_by_side() -> None:
    """With more than one lane, OpenSSL fails or hangs here."""
    phc = hash_password("correct horse battery", b"s" * 16, CHEAP)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: verify_password(phc, "correct horse battery"), range(200)))


def test_every_keyboard_writes_the_same_password() -> None:
    composed = unicodedata.normalize("NFC", "Ação número três")
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    phc = hash_password(new_password(apart), b"s" * 16, CHEAP)
    assert verify_password(phc, composed)
    assert verify_password(phc, apart)


@given(st.text(min_size=12, max_size=LONGEST))
@settings(max_examples=60)
def test_what_may_be_set_can_be_given(text: str) -> None:
    try:
        kept = new_password(text)
    except InvalidInput:
        return
    phc = hash_password(kept, b"s" * 16, CHEAP)
    assert verify_password(phc, text)


@pytest.mark.parametrize(
    "text", ["", "short", "x" * 11, "x" * (LONGEST + 1), "x" * 10**6, "\ud800" * 12, "e\u0301" * 11]
)
def test_what_is_no_password(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        new_password(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("text", ["", "x" * 10**7, "\ud800"])
@pytest.mark.parametrize("phc", [None, "", "$argon2id$", "plain", hash_password("x", bytes(16), CHEAP)])
def test_what_is_never_verified(phc: str | None, text: str) -> None:
    assert not verify_password(phc, text)


@pytest.mark.parametrize(("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B, mode SHA-1, the last six of its eight digits."""
    step = seconds * 1_000_000 // STEP
    assert totp_code(TOTP, step) == code
    assert verify_totp(TOTP, code, step)
    assert not verify_totp(TOTP, code, step + 1)


@pytest.mark.parametrize("code", ["", "28708", "0287082", "२८७०८२", "287082 ", "\ud800"])
def test_what_is_no_code(code: str) -> None:
    assert not verify_totp(TOTP, code, 1)


def test_an_authenticator_reads_the_address() -> None:
    found = urllib.parse.urlsplit(provisioning_uri(TOTP, account="Analyst One", node="BSSN"))
    assert (found.scheme, found.netloc, urllib.parse.unquote(found.path)) == ("otpauth", "totp", "/BSSN:Analyst One")
    fields = dict(urllib.parse.parse_qsl(found.query))
    assert fields.pop("secret") == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert fields == {"issuer": "BSSN", "algorithm": "SHA1", "digits": "6", "period": "30"}


def test_states_print_no_secret() -> None:
    assert "#right" not in repr(held(WITH_CODE))


# ── passkeys ──────────────────────────────────────────────────────────────────────────────────────────────

PASSKEY = Passkey(id=b"key", person="1", name="Phone", host="one.example", public=b"p", count=7, challenged=NOW - 10,
                  created=1)  # fmt: skip
PROVEN = Shown("1", 8, NOW)


def passkey(
    person: Person | None = PERSON, held: Passkey | None = PASSKEY, shown: Shown | None = PROVEN, at: int = NOW
) -> SignedIn | Refused:
    return Start().passkey(person, held, shown, at)


def test_a_passkey_signs_in_without_a_code() -> None:
    assert passkey(changed(totp=TOTP, totp_step=5)) == SignedIn("1", 5, PROVEN)


def test_a_passkey_that_keeps_its_handle_to_itself_signs_in() -> None:
    assert isinstance(passkey(shown=Shown(None, 8, NOW)), SignedIn)


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        pytest.param({"held": None}, Reason.UNKNOWN, id="unknown-passkey"),
        pytest.param({"person": None}, Reason.UNKNOWN, id="unknown-person"),
        pytest.param({"person": changed(id="2")}, Reason.UNKNOWN, id="other-person"),
        pytest.param({"person": changed(disabled=NOW)}, Reason.DISABLED, id="disabled"),
        pytest.param({"shown": None}, Reason.PASSKEY, id="nothing-proven"),
        pytest.param({"shown": Shown("2", 8, NOW)}, Reason.PASSKEY, id="other-handle"),
        pytest.param({"shown": Shown("1", 8, NOW - 10)}, Reason.REPLAYED, id="replayed"),
        pytest.param({"shown": Shown("1", 8, NOW - 11)}, Reason.REPLAYED, id="older"),
        pytest.param({"at": NOW + HELD}, Reason.LATE, id="late"),
        pytest.param({"shown": Shown("1", 7, NOW)}, Reason.COUNTER, id="counter-stands"),
        pytest.param({"shown": Shown("1", 6, NOW)}, Reason.COUNTER, id="counter-back"),
        pytest.param({"shown": Shown("1", 0, NOW)}, Reason.COUNTER, id="counter-gone"),
    ],
)
def test_what_a_passkey_is_refused_for(given_: dict[str, Any], reason: Reason) -> None:
    ended = passkey(**given_)
    assert isinstance(ended, Refused)
    assert ended.reason is reason
    assert ended.failure is None, "a signature is no guess: nobody is locked out by a stranger's"


def test_a_disabled_person_is_told_so_before_anything_else_is_looked_at() -> None:
    ended = passkey(changed(disabled=NOW), shown=None)
    assert ended == Refused(Reason.DISABLED, "1")


def test_a_lock_against_guessing_shuts_out_no_passkey() -> None:
    assert isinstance(passkey(changed(failures=9, locked_until=NOW + LONGEST_LOCK)), SignedIn)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_no_challenge_counts_twice_and_no_counter_goes_back(answers: list[tuple[int, int]]) -> None:
    """Whatever is shown in whatever order: what is taken is later each time, and counts on or does not count."""
    held, taken = msgspec.structs.replace(PASSKEY, count=0, challenged=NOW - 1), []
    for when, count in answers:
        ended = passkey(held=held, shown=Shown("1", count, NOW + when), at=NOW + 6)
        if isinstance(ended, SignedIn):
            taken.append((when, count))
            held = msgspec.structs.replace(held, count=count, challenged=NOW + when)
    assert [when for when, _ in taken] == sorted({when for when, _ in taken})
    counts = [count for _, count in taken]
    assert all(later > earlier or later == earlier == 0 for earlier, later in itertools.pairwise(counts))
