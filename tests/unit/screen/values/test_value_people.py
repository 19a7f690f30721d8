"""E-mail addresses, telephone numbers, bank accounts, names: public examples, and how they are written in practice."""

from __future__ import annotations

import pytest

from titian.core.screening import ValueKind
from titian.screen.values import read_value


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        pytest.param("Some.One@Evil[.]Example", "some.one@evil.example", id="defanged"),
        pytest.param("someone [at] evil [dot] example", "someone@evil.example", id="words"),
        pytest.param("mailto:someone@example.com?subject=x", "someone@example.com", id="mailto"),
        pytest.param("<someone@example.com>", "someone@example.com", id="brackets"),
        pytest.param(
            "user+mailbox/department=shipping@example.com",
            "user+mailbox/department=shipping@example.com",
            id="rfc-3696",
        ),
        pytest.param("someone@B\u00dcCHER.example", "someone@xn--bcher-kva.example", id="idn"),
        pytest.param("\uff55ser@example.com", "user@example.com", id="full-width"),
        pytest.param("someone@abc.onion", "someone@abc.onion", id="special-domain"),
    ],
)
@pytest.mark.parametrize("kind", [ValueKind.EMAIL, None], ids=["asked", "recognised"])
def test_a_mail_address_has_one_form(given: str, canonical: str, kind: ValueKind | None) -> None:
    read = read_value(given, kind)
    assert (read.values[0].kind, read.values[0].canonical, read.problem) == (ValueKind.EMAIL, canonical, None)


@pytest.mark.parametrize("given", ["a..b@example.com", "@example.com", "someone@", "some one@example.com", "a@b"])
def test_what_is_no_mail_address_is_reported(given: str) -> None:
    read = read_value(given, ValueKind.EMAIL)
    assert (read.problem, read.values[0].kind) == ("This is no e-mail address.", ValueKind.TEXT)


@pytest.mark.parametrize(
    ("given", "canonical", "facts"),
    [
        pytest.param("+62 812-3456-7890", "+6281234567890", {"country": "ID", "validity": "valid"}, id="indonesia"),
        pytest.param("0062 812 3456 7890", "+6281234567890", {"country": "ID", "validity": "valid"}, id="00"),
        pytest.param("tel:+81-3-1234-5678", "+81312345678", {"country": "JP", "validity": "valid"}, id="rfc-3966"),
        pytest.param("+44 20 7946 0018", "+442079460018", {"country": "GB", "validity": "valid"}, id="ofcom-drama"),
        pytest.param(
            "\uff0b\uff18\uff11\uff13\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
            "+81312345678",
            {"country": "JP", "validity": "valid"},
            id="full-width",
        ),
        pytest.param(
            "+39 02 1234 5678", "+390212345678", {"country": "IT", "validity": "valid"}, id="leading-zero-stays"
        ),
        pytest.param("+1 555 555 0123", "+15555550123", {"validity": "possible"}, id="possible-only"),
    ],
)
@pytest.mark.parametrize("kind", [ValueKind.PHONE, None], ids=["asked", "recognised"])
def test_a_telephone_number_has_one_form(
    given: str, canonical: str, facts: dict[str, str], kind: ValueKind | None
) -> None:
    read = read_value(given, kind)
    assert (read.values[0].kind, read.values[0].canonical, read.problem) == (ValueKind.PHONE, canonical, None)
    assert dict(read.values[0].facts) == facts


def test_a_national_number_needs_its_country() -> None:
    assert read_value("0812-3456-7890", ValueKind.PHONE, region="ID").values[0].canonical == "+6281234567890"
    assert read_value("0812-3456-7890", region="ID").values[0].canonical == "+6281234567890"
    assert "country" in (read_value("0812-3456-7890", ValueKind.PHONE).problem or "")


@pytest.mark.parametrize("given", ["+62", "+999 12345678", "hello", "+1 23"])
def test_what_is_no_telephone_number_is_reported(given: str) -> None:
    read = read_value(given, ValueKind.PHONE)
    assert read.problem is not None
    assert read.values[0].kind is ValueKind.TEXT


IBANS = [
    # The examples of the register that SWIFT keeps for ISO 13616.
    "AD1200012030200359100100",
    "AE070331234567890123456",
    "AT611904300234573201",
    "BE68539007547034",
    "CH9300762011623852957",
    "DE89370400440532013000",
    "FR1420041010050500013M02606",
    "GB29NWBK60161331926819",
    "JO94CBJO0010000000000131000302",
    "MT84MALT011000012345MTLCAST001S",
    "NO9386011117947",
    "PK36SCBL0000001123456702",
    "QA58DOHB00001234567890ABCDEFG",
    "SA0380000000608010167519",
    "TL380080012345678910157",
    "TR330006100519786457841326",
]


@pytest.mark.parametrize("given", IBANS, ids=[one[:2] for one in IBANS])
def test_an_iban_has_one_form(given: str) -> None:
    spaced = " ".join(given[at : at + 4] for at in range(0, len(given), 4))
    for text in (given, spaced, given.lower(), f"IBAN: {spaced}"):
        for kind in (ValueKind.IBAN, None):
            read = read_value(text, kind)
            assert (read.values[0].kind, read.values[0].canonical, read.problem) == (ValueKind.IBAN, given, None)
    assert ("country", given[:2]) in read.values[0].facts


@pytest.mark.parametrize("given", IBANS, ids=[one[:2] for one in IBANS])
def test_two_digits_that_changed_places_are_found(given: str) -> None:
    at = next(at for at in range(4, len(given) - 1) if given[at] != given[at + 1])
    wrong = given[:at] + given[at + 1] + given[at] + given[at + 2 :]
    for kind in (ValueKind.IBAN, None):
        read = read_value(wrong, kind)
        assert read.values[0].kind is ValueKind.TEXT
        assert "check digits" in (read.problem or "")


def test_an_iban_that_is_too_short_for_its_country_is_reported() -> None:
    # The check digits are right.
    body = "DE3704004405320130"
    number = int("".join(str(int(char, 36)) for char in body[2:] + body[:2] + "00")) % 97
    read = read_value(f"DE{98 - number:02}{body[2:]}", ValueKind.IBAN)
    assert "does not fit its country" in (read.problem or "")


@pytest.mark.parametrize(
    ("given", "first"),
    [
        pytest.param("Analyst One", ValueKind.PERSON, id="two-words"),
        pytest.param("Analyst bin Example", ValueKind.PERSON, id="particle"),
        pytest.param("\u5c71\u7530 \u592a\u90ce", ValueKind.PERSON, id="japanese"),
        pytest.param("\u0e2a\u0e21\u0e0a\u0e32\u0e22 \u0e43\u0e08\u0e14\u0e35", ValueKind.PERSON, id="thai"),
        pytest.param("PT Titian Nusantara", ValueKind.ORGANISATION, id="indonesian-company"),
        pytest.param("Titian Holdings Ltd.", ValueKind.ORGANISATION, id="limited"),
        pytest.param("\u682a\u5f0f\u4f1a\u793e\u6a4b", ValueKind.TEXT, id="one-word-is-a-text-first"),
        pytest.param("what is this about", ValueKind.TEXT, id="lower-case"),
        pytest.param("Room 101", ValueKind.TEXT, id="digits"),
    ],
)
def test_names_are_recognised_by_their_form(given: str, first: ValueKind) -> None:
    read = read_value(given)
    assert read.values[0].kind is first
    assert ValueKind.TEXT in {one.kind for one in read.values}


def test_a_name_is_tidied_and_keeps_its_case() -> None:
    read = read_value(" Analyst\u3000 \tOne\u200b ", ValueKind.PERSON)
    assert read.values[0].canonical == "Analyst One"
    assert "U+200B" in (read.problem or "")


def test_a_joiner_in_a_persian_name_is_no_problem() -> None:
    assert read_value("\u0645\u06cc\u200c\u062e\u0648\u0627\u0646\u062f", ValueKind.PERSON).problem is None
