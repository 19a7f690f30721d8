"""Texts that tell what is withheld are found, however they are written; what is not withheld may be named."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.stix import identity, indicator, malware, moment, new_uuid, sdo
from titian.core import mentions as m
from titian.core.agreement import Agreement
from titian.core.marking import Attribution, Handling, handling_definition
from titian.core.mentions import Mention, find_mentions
from titian.core.party import Directory, Party, PartyKind
from titian.core.projection import Projection, project
from titian.core.release import terms_for
from titian.core.survey import Held, Survey
from titian.core.tlp import TLP_IDS, Tlp

OWN, JP, RU = (f"identity--{new_uuid()}" for _ in range(3))
PARTIES = {
    OWN: Party(id=OWN, name="Own Agency", kind=PartyKind.AGENCY, country="ID"),
    JP: Party(id=JP, name="Partner One", kind=PartyKind.AGENCY, country="JP"),
    RU: Party(id=RU, name="Partner Two", kind=PartyKind.AGENCY, country="RU"),
}
CLEAR, GREEN, AMBER, RED = ([TLP_IDS[level]] for level in (Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.RED))
Object = dict[str, Any]


class Selection(list[Held]):
    """A selection in memory."""

    def read(self, identifiers: Collection[str]) -> Iterable[Held]:
        return [held for held in self if held.id in identifiers]

    def __iter__(self) -> Iterator[Held]:
        return super().__iter__()


def selection(*objects: Object, ascii_only: bool = False) -> Selection:
    return Selection(Held(one["id"], json.dumps(one, ensure_ascii=ascii_only).encode()) for one in objects)


def projected(graph: Selection, recipient: str = JP, ceiling: Tlp = Tlp.GREEN) -> Projection:
    agreement = Agreement(
        id="agreement--1", name="Dialogue One", parties=frozenset(PARTIES), purposes=frozenset({"cybercrime"}),
        ceiling=ceiling, starts=0,
    )  # fmt: skip
    terms = terms_for(Directory(own=OWN, parties=PARTIES), agreement, recipient, at=10**15)
    return project(Survey(graph), graph, terms, key=b"key")


def mentions(*objects: Object, ascii_only: bool = False) -> tuple[Mention, ...]:
    graph = selection(*objects, ascii_only=ascii_only)
    return find_mentions(graph, [projected(graph)])[0]


def domain(value: str, marks: list[str] = RED) -> Object:
    return {
        "type": "domain-name", "spec_version": "2.1", "id": f"domain-name--{new_uuid()}", "value": value,
        "object_marking_refs": marks,
    }  # fmt: skip


def sco(kind: str, **properties: Any) -> Object:
    head = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{new_uuid()}", "object_marking_refs": RED}
    return head | properties


def place(description: str, **properties: Any) -> Object:
    return malware(name="Something else", description=description, object_marking_refs=GREEN, **properties)


def named(value: str, secret: Object, where: Object, path: str = "description") -> tuple[Mention, ...]:
    return (Mention(where["id"], path, value, secret["id"]),)


def wide(text: str) -> str:
    """The same letters as wide as Japanese ones."""
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


# ── one value, in one text ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "evil.example",
        "It called evil.example twice.",
        "(evil.example)",
        "evil.example:8080",
        "https://evil.example/path",
        "www.evil.example",
        "a@evil.example",
        "evil[.]example",
        "evil(.)example",
        "evil[dot]example",
        "evil[DOT]example",
        "hxxps://evil[.]example/path",
        "EVIL.EXAMPLE",
        "Evil.Example",
        wide("evil.example"),
        wide("EVIL.") + "example",
        "これはevil.exampleです",
        "ที่evil.exampleนี้",
        "通信先" + wide(":evil.example") + "。",
        "notevil.example and evil.example",
        'He said "evil.example".',
        "line\nevil.example\nline",
        "back\\evil.example",
        "tab\tevil.example\u00a0end",
        "<evil.example>",
        "_evil.example_",
    ],
)
@pytest.mark.parametrize("ascii_only", [False, True], ids=["utf-8", "escaped"])
def test_a_withheld_value_is_found_however_it_is_written(text: str, ascii_only: bool) -> None:
    secret, where = domain("evil.example"), place(text)
    assert mentions(secret, where, ascii_only=ascii_only) == named("evil.example", secret, where)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("hxxps[://]evil[.]example/path", id="scheme in brackets, as CyberChef writes it"),
        pytest.param("hxxps[:]//evil[.]example/path", id="colon in brackets"),
        pytest.param("https://evil(dot)example/path", id="dot in round brackets"),
        pytest.param("https://evil{.}example/path", id="dot in braces"),
    ],
)
def test_law_1_the_usual_ways_of_writing_a_link_safely_are_read(text: str) -> None:
    secret, where = sco("url", value="https://evil.example/path"), place(text)
    assert mentions(secret, where) == named("https://evil.example/path", secret, where)


@pytest.mark.parametrize("text", ["a[at]evil[.]example", "a[@]evil.example", "a(at)evil(dot)example"])
def test_an_address_that_was_written_safely_is_read(text: str) -> None:
    secret, where = sco("email-addr", value="a@evil.example"), place(text)
    assert mentions(secret, where) == named("a@evil.example", secret, where)


@pytest.mark.parametrize(
    "text",
    [
        "notevil.example",
        "evil.examples",
        "evil.example1",
        "7evil.example",
        "evil example",
        "evil",
        "ёevil.example",
        "",
    ],
)
def test_a_value_inside_another_word_is_another_value(text: str) -> None:
    assert mentions(domain("evil.example"), place(text)) == ()


@pytest.mark.parametrize(
    ("value", "text", "found"),
    [
        pytest.param("黒い財布", "この黒い財布から送金された。", True, id="Japanese"),
        pytest.param("財布", "この黒い財布から", True, id="two characters of Japanese"),
        pytest.param("財", "この黒い財布から", False, id="one character is no name"),
        pytest.param("กระเป๋าดำ", "โอนเงินจากกระเป๋าดำเมื่อวาน", True, id="Thai"),
        pytest.param("ကြေးမုံ", "ထိုကြေးမုံသို့", True, id="Burmese"),
        pytest.param("ｶﾀｶﾅ財布", "このカタカナ財布です", True, id="half-width katakana"),
        pytest.param("검은지갑", "검은지갑에서", True, id="Korean with a particle"),
        pytest.param("Dompet", "dompetnya", False, id="Indonesian with a suffix is another word"),
        pytest.param("Кошелёк", "в КОШЕЛЁК пришло", True, id="Russian in capitals"),
        pytest.param("Straße Eins", "in der STRASSE EINS", True, id="German in capitals"),
        pytest.param("Café Noir", "the Cafe\u0301 Noir group", True, id="a letter made of two"),
    ],
)
@pytest.mark.parametrize("ascii_only", [False, True], ids=["utf-8", "escaped"])
def test_in_the_languages_of_the_parties(value: str, text: str, found: bool, ascii_only: bool) -> None:
    secret, where = malware(name=value, object_marking_refs=RED), place(text)
    result = mentions(secret, where, ascii_only=ascii_only)
    assert [(one.id, one.path, one.of) for one in result] == (
        [(where["id"], "description", secret["id"])] if found else []
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [("abc", False), ("abcd", True), ("a" * 200, True), (" abc ", False), ("財布", True), ("a財", True)],
)
def test_a_value_that_is_too_short_is_not_told_by_being_named(value: str, found: bool) -> None:
    assert bool(mentions(malware(name=value, object_marking_refs=RED), place(f"the {value} one"))) is found


def test_law_1_a_long_link_is_found_as_well() -> None:
    long = "https://evil.example/" + "a" * 200
    secret, where = sco("url", value=long), place(f"It fetched {long} first.")
    assert mentions(secret, where) == named(long, secret, where)


@pytest.mark.parametrize("spelled", [str.lower, str.upper], ids=["lower case", "upper case"])
def test_law_5_the_identifier_of_what_is_withheld_is_found_without_its_type(spelled: Any) -> None:
    """It is made of the value: who guesses the value can check it."""
    secret = domain("evil.example")
    where = place(f"OpenCTI entry {spelled(secret['id'].partition('--')[2])}")
    assert mentions(secret, where)


# ── whose values ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        pytest.param(malware(name="Night Train", object_marking_refs=RED), "the Night Train family", id="name"),
        pytest.param(malware(name="x", aliases=["Night Train"], object_marking_refs=RED), "Night Train", id="alias"),
        pytest.param(sco("file", name="night.exe"), "run night.exe", id="file name"),
        pytest.param(sco("file", hashes={"MD5": "d41d8cd98f00b204e9800998ecf8427e"}),
                     "MD5 D41D8CD98F00B204E9800998ECF8427E", id="hash"),
        pytest.param(sco("directory", path="C:\\night\\train"), "in C:\\Night\\Train", id="path, escaped"),
        pytest.param(sco("email-message", is_multipart=False, subject="The plan"), "re: the plan", id="subject"),
        pytest.param(sco("user-account", account_login="nighttrain"), "@nighttrain wrote", id="login"),
        pytest.param(sco("windows-registry-key", key="HKLM\\Night"), "sets HKLM\\Night", id="key"),
        pytest.param(sco("x509-certificate", serial_number="36:f7:d4"), "serial 36:F7:D4", id="serial number"),
        pytest.param(identity(name="Person One", contact_information="+62 21 555 0100", object_marking_refs=RED),
                     "call +62 21 555 0100", id="contact"),
        pytest.param(indicator(pattern="[domain-name:value = 'evil.example']", object_marking_refs=RED),
                     "block evil[.]example", id="pattern"),
        pytest.param(indicator(pattern="[a:b = 'evil.example' AND c:d = 'night.exe']", object_marking_refs=RED),
                     "block night.exe", id="second literal of a pattern"),
        pytest.param(malware(name="x", x_code_name="Night Train", object_marking_refs=RED), "Night Train", id="own"),
        pytest.param(sdo("wallet", address="bc1qexample", object_marking_refs=RED), "sent to BC1QEXAMPLE", id="wallet"),
    ],
)  # fmt: skip
def test_what_an_object_is_known_by(secret: Object, text: str) -> None:
    where = place(text)
    found = mentions(secret, where)
    assert [(one.id, one.path, one.of) for one in found] == [(where["id"], "description", secret["id"])]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param(r"[file:name = 'it\'s-night.exe']", "run it's-night.exe", id="a quote"),
        pytest.param(r"[directory:path = 'C:\\night\\train']", r"in C:\night\train", id="a backslash"),
    ],
)
def test_law_1_a_literal_of_a_pattern_is_what_it_means(pattern: str, text: str) -> None:
    """STIX 2.1 section 9.2: in a string literal, a quote and a backslash are written after a backslash."""
    secret, where = indicator(pattern=pattern, object_marking_refs=RED), place(text)
    assert [one.of for one in mentions(secret, where)] == [secret["id"]]


def test_what_says_how_and_not_what_is_no_secret() -> None:
    secret = malware(
        name="xyz", description="A long story.", malware_types=["ransomware"], object_marking_refs=RED,
        external_references=[{"source_name": "Public report", "url": "https://public.example"}],
        x_ref=f"malware--{new_uuid()}", extensions={f"extension-definition--{new_uuid()}": {"name": "Public name"}},
        granular_markings=[{"lang": "en-GB", "selectors": ["x_ref"]}],
    )  # fmt: skip
    where = place(
        "A long story. Public report, Public name at https://public.example, ransomware, malware, en-GB x_ref"
    )
    assert mentions(secret, where) == ()


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("where", "path"),
    [
        pytest.param(malware(name="evil.example", object_marking_refs=GREEN), "name", id="name"),
        pytest.param(indicator(pattern="[domain-name:value = 'evil.example']", object_marking_refs=GREEN), "pattern",
                     id="pattern"),
        pytest.param(sco("file", name="evil.example.txt", object_marking_refs=GREEN), "name", id="file name"),
        pytest.param(malware(aliases=["other", "evil.example"], object_marking_refs=GREEN), "aliases.[1]", id="alias"),
        pytest.param(malware(labels=["evil.example"], object_marking_refs=GREEN), "labels.[0]", id="label"),
        pytest.param(
            malware(external_references=[{"source_name": "a", "url": "https://evil.example/"}],
                    object_marking_refs=GREEN),
            "external_references.[0].url", id="reference"),
        pytest.param(malware(x_deep={"a": [{"b": "evil.example"}]}, object_marking_refs=GREEN), "x_deep.a.[0].b",
                     id="deep"),
    ],
)  # fmt: skip
def test_every_place_is_searched(where: Object, path: str) -> None:
    secret = domain("evil.example")
    assert mentions(where, secret) == named("evil.example", secret, where, path)


def test_a_translation_is_searched() -> None:
    secret, where = domain("evil.example"), place("nothing")
    translation = sdo(
        "language-content", object_ref=where["id"], object_marking_refs=GREEN,
        contents={"ja": {"description": "これはevil.exampleです"}, "th": {"name": "ไม่มี"}},
    )  # fmt: skip
    assert mentions(secret, where, translation) == named("evil.example", secret, translation, "contents.ja.description")


def test_a_withheld_translation_tells_its_own_values() -> None:
    where = malware(name="Night Train", description="also called 夜汽車", object_marking_refs=GREEN)
    translation = sdo(
        "language-content", object_ref=where["id"], object_marking_refs=RED, contents={"ja": {"name": "夜汽車"}}
    )
    assert mentions(where, translation) == named("夜汽車", translation, where)


@pytest.mark.parametrize("text", ["evil.example.night and evil.example", "evil.example.night"])
def test_values_that_overlap_are_all_found(text: str) -> None:
    longer, shorter, inner = domain("evil.example.night"), domain("evil.example"), domain("example.night")
    where = place(text)
    found = mentions(longer, shorter, inner, where)
    assert {one.of for one in found} == {longer["id"], shorter["id"], inner["id"]}
    assert len(found) == 3


def test_values_that_two_withheld_objects_share_name_both() -> None:
    one, other, where = domain("evil.example"), domain("Evil.Example"), place("evil.example evil.example")
    assert {found.of for found in mentions(one, other, where)} == {one["id"], other["id"]}
    assert len(mentions(one, other, where)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "evil.examples and evil.example",
        "evil.examples, notevil.example, evil.example",
        "evil.example, evil.examples",
        "xevil.example evil.example evil.examplex",
    ],
)
def test_a_word_that_holds_a_value_does_not_hide_the_value_beside_it(text: str) -> None:
    secret, where = domain("evil.example"), place(text)
    assert mentions(secret, where) == named("evil.example", secret, where)


def test_values_in_one_text_are_each_found_where_others_are_only_in_words() -> None:
    secret, other, where = domain("evil.example"), domain("a.example"), place("xa.example evil.example")
    where["labels"] = ["a.example"]
    assert {(found.path, found.value) for found in mentions(secret, other, where)} == {
        ("description", "evil.example"), ("labels.[0]", "a.example"),
    }  # fmt: skip


def test_one_audience_that_does_not_get_a_place_does_not_hide_it_from_another() -> None:
    secret, where = domain("evil.example"), place("evil.example") | {"object_marking_refs": AMBER}
    graph = selection(secret, where)
    low, high = projected(graph, JP, Tlp.GREEN), projected(graph, RU, Tlp.AMBER)
    for order in ((low, high), (high, low)):
        found = dict(zip(map(id, order), find_mentions(graph, order), strict=True))
        assert found[id(low)] == ()
        assert found[id(high)] == named("evil.example", secret, where)


def test_every_name_of_an_object_counts_and_short_ones_do_not_end_the_list() -> None:
    secret = malware(name="abc", aliases=["x", "Night Train", "ab"], object_marking_refs=RED)
    pattern = indicator(pattern="[a:b = 'abc' OR a:b = 'evil.example']", object_marking_refs=RED)
    where = place("abc: Night Train, evil.example, ab")
    assert {found.value for found in mentions(secret, pattern, where)} == {"night train", "evil.example"}


def test_two_places_of_one_object_are_two_mentions() -> None:
    secret = domain("evil.example")
    where = malware(name="evil.example", description="evil.example", object_marking_refs=GREEN)
    assert {found.path for found in mentions(secret, where)} == {"name", "description"}


# ── parts and sources ─────────────────────────────────────────────────────────────────────────────────────────


def part(*selectors: str) -> list[Object]:
    return [{"selectors": list(selectors), "marking_ref": RED[0]}]


def test_a_part_that_may_not_go_is_looked_for_in_what_goes() -> None:
    where = place("The Night Train.", aliases=["Night Train"], granular_markings=part("aliases"))
    graph = selection(where)
    projection = projected(graph)
    shown = projection.released[where["id"]]
    assert shown != where["id"]
    assert find_mentions(graph, [projection])[0] == (Mention(shown, "description", "night train", where["id"]),)


def test_what_stays_behind_with_its_part_is_no_mention() -> None:
    where = place("Night Train", granular_markings=part("description"))
    secret = malware(name="Night Train", object_marking_refs=RED)
    assert mentions(secret, where) == ()


def test_only_what_the_selector_means_is_secret() -> None:
    where = place("First Alias, Second Alias", aliases=["First Alias", "Second Alias"],
                  granular_markings=part("aliases.[1]"))  # fmt: skip
    assert {found.value for found in mentions(where)} == {"second alias"}


@pytest.mark.parametrize("name", ["object", "source", "x_secret"])
def test_law_1_a_part_is_secret_whatever_its_property_is_called(name: str) -> None:
    where = place("The Night Train.", granular_markings=part(name), **{name: "Night Train"})
    assert [found.path for found in mentions(where)] == ["description"]


def test_law_1_a_source_that_may_not_be_named_is_looked_for() -> None:
    identifier, raw = handling_definition(Handling(attribution=Attribution.MUST_NOT))
    source = identity(name="Quiet Company", object_marking_refs=CLEAR)
    quoted = place("As Quiet Company reports", created_by_ref=source["id"])
    quoted["object_marking_refs"] = [*CLEAR, identifier]
    spoken = place("Quiet Company says so itself", created_by_ref=source["id"])
    spoken["object_marking_refs"] = CLEAR
    graph = selection(source, quoted, spoken)
    graph.append(Held(identifier, raw))
    projection = projected(graph)
    found = find_mentions(graph, [projection])[0]
    assert found == (Mention(projection.released[quoted["id"]], "description", "quiet company", source["id"]),)


# ── what is not found ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_goes_as_well_may_be_named() -> None:
    assert mentions(domain("evil.example", GREEN), place("evil.example")) == ()


def test_what_does_not_go_itself_tells_nothing() -> None:
    where = malware(description="evil.example", object_marking_refs=RED)
    assert mentions(domain("evil.example"), where) == ()


def test_what_only_lost_something_it_needs_is_no_secret() -> None:
    secret = domain("evil.example")
    about = sdo(
        "report", name="Night report", object_refs=[secret["id"]], object_marking_refs=GREEN, published=moment()
    )
    graph = selection(secret, about, place("see the Night report"))
    projection = projected(graph)
    assert projection.withheld[about["id"]].rule == "reference"
    assert find_mentions(graph, [projection])[0] == ()


def test_each_audience_by_itself() -> None:
    """What is withheld from one and released to another is found for the first only."""
    green, amber = domain("evil.example", GREEN), domain("night.example", AMBER)
    red, where = domain("train.example", RED), place("evil.example night.example train.example")
    graph = selection(green, amber, red, where)
    low, high = projected(graph, JP, Tlp.GREEN), projected(graph, RU, Tlp.AMBER)
    first, second = find_mentions(graph, [low, high])
    assert {found.value for found in first} == {"night.example", "train.example"}
    assert {found.value for found in second} == {"train.example"}
    assert find_mentions(graph, [high]) == [second]
    assert find_mentions(graph, []) == []


def test_an_empty_selection_has_no_mentions() -> None:
    assert mentions() == ()


letters = st.text("abcdef日ก.", min_size=4, max_size=8).filter(lambda text: text.strip(".") == text)


@given(letters, st.text('xyz .\n"\\日', max_size=12), st.text('xyz .\n"\\日', max_size=12), st.booleans())
@settings(max_examples=60)
def test_law_1_a_value_between_spaces_is_always_found(value: str, before: str, after: str, ascii_only: bool) -> None:
    secret, where = domain(value), place(f"{before} {value} {after}")
    assert named(m.plain(value), secret, where)[0] in mentions(secret, where, ascii_only=ascii_only)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hxxp://a", "http://a"), ("HXXPS://A", "https://a"), ("a[.]b", "a.b"), ("a(.)b", "a.b"), ("a[:]b", "a:b"),
        ("a[@]b", "a@b"), ("a[dot]b", "a.b"), ("a[AT]b", "a@b"), ("[a]", "[a]"), ("(a)", "(a)"),
    ],
)  # fmt: skip
def test_what_was_written_safely_compares_as_what_was_meant(written: str, meant: str) -> None:
    assert m.plain(written) == m.plain(meant) == meant


@given(st.text(max_size=30))
def test_a_text_compares_as_itself_however_often_it_is_made_plain(text: str) -> None:
    assert m.plain(text.upper()) == m.plain(m.plain(text.upper()))
