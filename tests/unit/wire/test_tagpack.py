"""TagPacks of GraphSense: what a tag becomes, and that a bad one costs itself and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import UnreadableFile
from titian.core.stix import Timestamp, examine
from titian.screen.values import of_object
from titian.wire import tagpack_yaml
from titian.wire.formats import detect, read
from titian.wire.tagpack import read_tagpack
from titian.wire.tagpack_yaml import Fields, read_header, read_tags

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
AT = Timestamp.parse("2026-03-01T00:00:00.000Z")
HEADER = "title: Made up\ncreator: Analyst One\nlabel: Example\nsource: https://example.org/list\ncurrency: ETH\n"
PACK = HEADER + "lastmod: 2025-05-04\ntags:\n"


def address(number: int) -> str:
    """An Ethereum address; there is nothing behind it."""
    return f"0x{number:040x}"


def tag(number: int, *lines: str) -> str:
    return "".join(
        f"{'  ' if at else '- '}{line}\n" for at, line in enumerate((f"address: '{address(number)}'", *lines))
    )


class Taken:
    """What a file gave."""

    def __init__(self, path: Path, text: str | bytes) -> None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.reading = read(path, "tagpack", at=AT)
        self.raws = list(self.reading)
        self.objects = [msgspec.json.decode(raw) for raw in self.raws]
        for raw in self.raws:
            assert examine(raw).violations == ()

    @property
    def problems(self) -> list[str]:
        return [f"{one.where}: {one.reason}" for one in self.reading.problems]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.objects if one["type"] == kind]

    @property
    def addresses(self) -> list[str]:
        return [one["address"] for one in self.of("wallet")]


@pytest.fixture
def take(tmp_path: Path) -> Any:
    return lambda text: Taken(tmp_path / "pack.yaml", text)


# ── what a tag becomes ────────────────────────────────────────────────────────────────────────────────────────


def test_a_tag_becomes_a_wallet_an_indicator_and_what_joins_them(take: Any) -> None:
    text = HEADER + (
        "description: Made for a test\ncategory: exchange\nconfidence: authority_data\ntags:\n"
        + tag(1, "label: Example Exchange", "abuse: scam", "actor: example", "lastmod: 2025-06-07", "currency: BTC",
              "network: ETH", "concepts: [exchange, custody]", "is_cluster_definer: true", 'context: \'{"count": 1}\'')
    )  # fmt: skip
    taken = take(text)
    assert taken.problems == []
    wallet, indicator, relationship = taken.objects
    assert (wallet["address"], wallet["network"]) == (address(1), "ethereum")
    assert indicator | {"id": ""} == {
        "type": "indicator", "spec_version": "2.1", "id": "", "created": "1970-01-01T00:00:00.000Z",
        "modified": "2025-06-07T00:00:00.000Z", "name": "Example Exchange",
        "description": 'Made for a test\n\nContext: {"count": 1}', "indicator_types": ["malicious-activity"],
        "pattern": f"[wallet:address = '{address(1)}']", "pattern_type": "stix",
        "valid_from": "2025-06-07T00:00:00.000Z",
        "labels": ["category:exchange", "abuse:scam", "actor:example", "concept:exchange", "concept:custody",
                   "cluster-definer"],
        "confidence": 60,
        "external_references": [
            {"source_name": "Analyst One", "url": "https://example.org/list", "description": "Made up"}
        ],
    }  # fmt: skip
    assert (relationship["source_ref"], relationship["target_ref"]) == (indicator["id"], wallet["id"])
    assert relationship["relationship_type"] == "based-on"


def test_both_can_be_screened_for(take: Any) -> None:
    wallet, indicator, _ = take(PACK + tag(0xABC)).objects
    for one in (wallet, indicator):
        assert [value.canonical for value in of_object(one)] == [address(0xABC)]


def test_a_field_of_a_tag_counts_before_that_of_the_header_wherever_the_header_stands(take: Any) -> None:
    before = take(PACK + tag(1) + tag(2, "label: Other")).raws
    after = take("tags:\n" + tag(1) + tag(2, "label: Other") + PACK.removesuffix("tags:\n")).raws
    inner = "".join(f"  {line}\n" for line in PACK.removesuffix("tags:\n").splitlines())
    within = take("header:\n" + inner + "tags:\n" + tag(1) + tag(2, "label: Other")).raws
    row = '{"title": "Made up", "creator": "Analyst One", "label": "Example", "source": "https://example.org/list", ' \
          f'"currency": "ETH", "lastmod": "2025-05-04", "tags": [{{"address": "{address(1)}"}}, ' \
          f'{{"address": "{address(2)}", "label": "Other"}}]}}'  # fmt: skip
    assert before == after == within == take(row).raws
    assert [msgspec.json.decode(raw).get("name") for raw in before] == [None, "Example", None, None, "Other", None]


def test_what_is_read_again_is_the_same_and_what_is_dated_later_is_a_newer_version(take: Any) -> None:
    first, again = take(PACK + tag(1)), take(PACK + tag(1))
    assert first.raws == again.raws
    later = take(PACK.replace("2025-05-04", "2025-05-05") + tag(1, "category: exchange"))
    assert [one["id"] for one in first.objects] == [one["id"] for one in later.objects]
    (old,), (new,) = first.of("indicator"), later.of("indicator")
    assert old["created"] == new["created"] < old["modified"] < new["modified"]
    assert first.of("relationship") == later.of("relationship")


def test_what_is_another_tag_has_another_id(take: Any) -> None:
    other = ["label: Other", "source: a book", "network: BSC"]
    found = take(PACK + tag(1) + "".join(tag(1, line) for line in other) + tag(2)).of("indicator")
    elsewhere = take(PACK.replace("Analyst One", "Analyst Two") + tag(1)).of("indicator")
    assert len({one["id"] for one in found + elsewhere}) == 6
    assert found[2]["external_references"] == [{"source_name": "Analyst One", "description": "a book"}]


def test_without_a_date_the_files_own_counts(take: Any) -> None:
    taken = take(HEADER + "tags:\n" + tag(1) + tag(2, "lastmod: 99999999999999999999") + tag(3, "lastmod: 1066-10-14"))
    assert {one["modified"] for one in taken.of("indicator")} == {AT.text}
    assert [one[:7] for one in taken.problems] == ["line 8:", "line 10"]


@pytest.mark.parametrize(
    ("currency", "number", "network"),
    [
        ("BTC", "1MadeUpByATestAndOwnedByNobody111", "bitcoin"),
        ("xbt", "1MadeUpByATestAndOwnedByNobody111", "bitcoin"),
        ("BCH", "1MadeUpByATestAndOwnedByNobody111", "bitcoin-cash"),
        ("TRX", "TMadeUpByATestAndOwnedByNobody1111", "tron"),
        ("XMR", "4MadeUp", "monero"),
        ("ZEC", "t1MadeUp", "zcash"),
        ("Example Chain", "made-up.example", "example-chain"),
        ("USDT", "TMadeUpByATestAndOwnedByNobody1111", None),
    ],
)
def test_a_currency_is_a_network_unless_it_is_a_token(
    take: Any, currency: str, number: str, network: str | None
) -> None:
    taken = take(PACK + f"- address: {number}\n  currency: {currency}\n")
    (wallet,), (indicator,) = taken.of("wallet"), taken.of("indicator")
    assert (wallet.get("network"), taken.problems) == (network, [])
    assert indicator.get("labels", []) == ([] if network else ["currency:USDT"])


# ── what is bad ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("- label: nobody\n", "line 9: the tag has no address"),
        ("- tx_hash: abcd\n", "line 9: the tag is about a transaction"),
        ("- address:\n", "line 9: the tag has no address"),
        ("- address: [a, b]\n", "line 9: address is a list"),
        ("- address: {a: b}\n", "line 9: address is a table"),
        ("- address: 0x12 34\n", "line 9: '0x12 34' is not an address: U+0020"),
        ("- address: 1\u0410bcdef\n", "line 9: '1\u0410bcdef' is not an address: U+0410"),
        ("- address: 1bc\u200bdef\n", "U+200B"),
        ("- address: \u202e1bcdef\n", "U+202E"),
        ('- address: "1bc\\0def"\n', "line 9: address has characters that cannot be read"),
        ("- address: 1bc\x01def\n", "line 9: address has characters that cannot be read"),
        (b"- address: 1bc\xffdef\n", "line 9: address has characters that cannot be read"),
        ("- address: " + "9" * 5000 + "\n", "it has 4 to 256 characters"),
        ("- address: " + "9" * 20_000 + "\n", "address has more than 10,000 characters"),
        ("- address: abcd\n  address: efgh\n", "line 9: address is given twice"),
        ("- address: abcd\n  label: [\n", "line 11: this cannot be read"),
        ("- address: abcd\n  label: 'never closed\n", "this cannot be read"),
        ("- address: abcd\n  label: {x: y}\n", "line 9: label is a table"),
        ("- address: abcd\n  label: !!python/object/apply:os.system [x]\n", "line 9: label bears"),
        ("- address: !include /etc/passwd\n", "line 9: address bears !include"),
        ("- address: abcd\n  currency: 'B/T\"C'\n", "is neither a currency nor a network"),
        ("- address: abcd\n  currency: \u0412\u0422\u0421\n", "is neither a currency nor a network"),
        ("- address: *other\n", "line 9: address is *other: aliases are not followed"),
        ("- <<: *other\n  address: abcd\n", "line 9: it takes fields from elsewhere"),
        ("- abcd\n", "line 9: this is not a tag"),
        ("- [abcd]\n", "line 9: this is not a tag"),
        ("-\n", "line 9: this is not a tag"),
        ("-   \n   ? [a, b]\n   : c\n", "the tag has no address"),
        ("- address: abcd\n" + "".join(f"  f{at}: x\n" for at in range(200)), "more than 100 fields"),
    ],
)  # fmt: skip
def test_a_bad_tag_is_told_and_the_rest_is_taken(take: Any, bad: str | bytes, why: str) -> None:
    data = bad.encode() if isinstance(bad, str) else bad
    taken = take((PACK + tag(1)).encode() + data.replace(b"\x00", b"") + (tag(2) + tag(3)).encode())
    assert taken.reading.failure is None
    assert taken.addresses == [address(number) for number in (1, 2, 3)]
    assert any(why in one for one in taken.problems), taken.problems


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("confidence: made_up", "line 8: confidence 'made_up' is not known, and was left out."),
        ("lastmod: yesterday", "line 8: lastmod 'yesterday' is not a date"),
        ("category: [a, b]", "line 8: category is a list where one text is wanted. It was left out."),
        ("actor: *other", "line 8: actor is *other"),
        ("currency: BTC", "is no address of bitcoin; its network was left out."),
        ("colour: red", "line 8: 'colour' is no field of a TagPack"),
    ],
)
def test_a_bad_field_costs_that_field(take: Any, bad: str, why: str) -> None:
    taken = take(PACK + tag(1, bad) + tag(2))
    assert taken.addresses == [address(1), address(2)]
    (said,) = taken.problems
    assert why in said


def test_what_is_wrong_in_the_header_is_told_once(take: Any) -> None:
    head = "owner: x\ncategory: *nobody\nconfidence: made_up\nlastmod: x\nlabel: Twice\ncolour: red\n"
    taken = take(HEADER.replace("creator: Analyst One\n", "") + head + "tags:\n" + "".join(map(tag, range(1, 99))))
    assert len(taken.addresses) == 98
    told = ["label is given twice", "header has no creator", "'colour'", "category is *nobody", "confidence", "lastmod"]
    assert len(taken.problems) == len(told)
    for words in told:
        assert any(words in one for one in taken.problems)


def test_billions_of_laughs_are_nothing(take: Any) -> None:
    layers = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 30))
    taken = take("l0: &l0 lol\n" + layers + PACK + tag(1) + "- address: *l29\n" + tag(2, "label: *l29"))
    assert taken.addresses == [address(1)]


@pytest.mark.parametrize(
    "bad",
    ["  deep: " + "[" * 3000 + "\n", "  long: " + "x" * 3_000_000 + "\n", "# " + "- x" * 1_000_000 + "\n",
     "  f: {a: " * 50 + "\n"],
    ids=["deep", "long", "comment", "tables"],
)  # fmt: skip
def test_what_is_too_deep_or_too_long_costs_its_tag(take: Any, bad: str) -> None:
    taken = take(PACK + tag(1) + "- address: abcd\n" + bad + tag(2))
    assert taken.addresses in ([address(1), address(2)], [address(1), "abcd", address(2)])
    assert taken.reading.failure is None
    assert len(taken.problems) == 1
    with pytest.raises(UnreadableFile):
        raise take(bad.lstrip(" #") + PACK + tag(1)).reading.failure


def test_what_breaks_time_and_again_is_given_up(take: Any) -> None:
    broken = "- address: 'x\n" * 2
    taken = take(PACK + tag(1) + (broken + tag(2)) * 200)
    assert isinstance(taken.reading.failure, UnreadableFile)
    assert taken.addresses[0] == address(1)


@pytest.mark.parametrize(
    "text",
    ["", "just text\n", "- a\n- list\n", "title: x\ncreator: y\n", "title: 'x\ntags: []\n", "a: b: c\n", "--- !!map\n",
     "title: x\n--- \ntags:\n- address: abcd\n", "\x00\x01", "title: &a *a\n", "%YAML 9.9\n---\ntags: [\n"],
)  # fmt: skip
def test_what_is_no_tagpack_is_said(take: Any, text: str) -> None:
    taken = take(text)
    assert isinstance(taken.reading.failure, UnreadableFile)
    assert taken.objects == []


@pytest.mark.parametrize("tags", ["tags:", "tags: []", "tags: x", "tags: {a: b}"])
def test_tags_may_be_none(take: Any, tags: str) -> None:
    taken = take(HEADER + tags + "\n")
    assert (taken.objects, taken.reading.failure) == ([], None)


SHARDS = ("- ", "address: ", "abcd", "\n", "  ", "'", '"', "[", "]", "{", "}", "&a", "*a", ":", "!", "|", ">", "\t",
          "tags:", "#", "\x07", "\u2028", "<<", "?", "---", "...", "%", "\\")  # fmt: skip


@given(st.lists(st.sampled_from(SHARDS), max_size=40).map("".join))
def test_no_text_is_too_odd(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "odd.yaml"
    path.write_text(PACK + tag(1) + text, encoding="utf-8")
    problems: list[Any] = []
    try:
        for raw in read_tagpack(path, at=AT, problem=problems.append):
            assert examine(raw).violations == ()
    except UnreadableFile:
        pass
    for one in problems:
        assert re.fullmatch(r"line \d+", one.where)


def test_the_parser_in_python_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pack.yaml"
    path.write_text(PACK + tag(1) + "- address: 'x\n" + tag(2, "label: \u0416\U0001f600"), encoding="utf-8")
    ours = list(read_tagpack(path, at=AT))
    monkeypatch.setattr(tagpack_yaml, "_LOADER", yaml.SafeLoader)
    assert list(read_tagpack(path, at=AT)) == ours


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "pack.yaml"
    path.write_bytes(
        b"\xef\xbb\xbf# a note\r\ntags:\r\n\r\n- address: abcd\r\n  label: 'x\r\n- address: efgh\r\n- a: b\r\n"
    )
    told: list[Any] = []
    tags: list[Fields] = list(read_tags(path, told.append, lambda _: None))
    assert [one.line for one in tags] == [6, 7]
    assert read_header(path, told.append).names == frozenset()


# ── one among other formats ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "text"),
    [("pack.yaml", "anything"), ("pack.YML", "anything"), ("pack", PACK + tag(1)), ("pack.txt", "---\n" + PACK)],
)
def test_it_is_told_by_content_or_ending(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert detect(path) == "tagpack"


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real data is not here")
@pytest.mark.parametrize(
    ("name", "tags", "wallets", "networks"),
    [
        ("ofac.yaml", 572, 572, {"bitcoin": 385, "ethereum": 147, None: 9}),
        ("tornado_cash.yaml", 39, 38, {"ethereum": 39}),
        ("aft-alqaeda-forfeit_vc.yaml", 155, 155, {"bitcoin": 155}),
    ],
)
def test_real_packs_are_read_to_the_last_tag(name: str, tags: int, wallets: int, networks: dict[str, int]) -> None:
    reading = read(DATA / name)
    assert reading.format == "tagpack"
    raws = list(reading)
    assert reading.problems == []
    assert (reading.position, reading.unmarked) == (reading.size, 3 * tags)
    found = [msgspec.json.decode(raw) for raw in raws if examine(raw).violations == ()]
    assert Counter(one["type"] for one in found) == {"wallet": tags, "indicator": tags, "relationship": tags}
    assert len({one["id"] for one in found if one["type"] == "wallet"}) == wallets
    counted = Counter(one.get("network") for one in found if one["type"] == "wallet")
    assert {network: counted[network] for network in networks} == networks
