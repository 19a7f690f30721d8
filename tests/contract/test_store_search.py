"""What is held is found, in every language, by every filter, page by page, whatever is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from search_support import DAY, NOWHERE, OTHER, PARTY, Holding, collection, holding, ids, search
from store_support import remove

from support.stix import ipv4, malware, sdo
from titian.core.collection import Collection, Kind
from titian.core.errors import InvalidInput
from titian.core.search import ORGANISATION, Count, Dated, Query, Tier, Viewer
from titian.core.tlp import TLP_1_IDS, TLP_IDS, Tlp
from titian.store.admin import Collections
from titian.store.search import MOST_LOOKED_AT, Find
from titian.store.store import Store


@pytest.fixture
def find(fresh_store: Store) -> Find:
    return Find(fresh_store)


@pytest.fixture
def reports(fresh_store: Store) -> Collection:
    return Collections(fresh_store).add("Reports")


@pytest.fixture
def hold(fresh_store: Store, reports: Collection) -> Holding:
    return holding(fresh_store, reports)


# ── languages ─────────────────────────────────────────────────────────────────────────────────────────────────

SENTENCES = {
    "en": "The group wires ransom through a chain of exchanges before it reaches the courier.",
    "id": "Kelompok itu menyamarkan pembayaran tebusan melalui rekening penampungan di beberapa kota.",
    "ja": "攻撃者は偽の警察署を名乗り、高齢者に送金を求める電話をかけている。",
    "ru": "Злоумышленники рассылают поддельные повестки и похищают деньги со счетов граждан.",  # noqa: RUF001
    "th": "กลุ่มผู้ก่อเหตุหลอกให้เหยื่อโอนเงินผ่านบัญชีม้าหลายบัญชี",
    "vi": "Nhóm này giả danh công an để lừa đảo người cao tuổi chuyển tiền qua điện thoại.",
}
FOUND_BY = {
    "en": ["ransom", "RANSOM", "rans", "courier", "exchange", '"chain of exchanges"', "wires courier"],
    "id": ["pembayaran", "bayar", "tebus", "rekening penampungan", '"rekening penampungan"', "ko"],
    "ja": ["攻撃", "警察", "電話", "高齢者", "送金を求める", "偽", "署", "攻撃 電話", '"高齢者に送金"'],
    "ru": ["повестки", "ПОВЕСТКИ", "повестк", "похищают деньги", "счетов", "со"],  # noqa: RUF001
    "th": ["โอนเงิน", "เงิน", "บัญชีม้า", "ม้า", "เหยื่อ", "หลอก"],
    "vi": ["lừa đảo", "lua dao", "công an", "CONG AN", "điện thoại", "dien thoai", '"người cao tuổi"'],
}  # fmt: skip
NOT_FOUND_BY = {
    "en": ["ransomware", '"exchanges chain"', "courier helicopter", '"rans"'],
    "id": ["membayar", '"penampungan rekening"'],
    "ja": ["撃攻", "攻撃電話", "銀行"],
    "ru": ["повесткам", "банк"],
    "th": ["ธนาคาร", "ม้าบัญชี"],
    "vi": ["ngân hàng", '"cao người"'],
}  # fmt: skip


@pytest.fixture
def spoken(hold: Holding) -> dict[str, str]:
    """One object for each language, and what it is called."""
    made = hold(*(malware(name=f"sample {language}", description=text) for language, text in SENTENCES.items()))
    return dict(zip(SENTENCES, made, strict=True))


def test_what_is_said_in_a_language_is_found_in_it(find: Find, spoken: dict[str, str]) -> None:
    for language, words in [(language, words) for language, each in FOUND_BY.items() for words in each]:
        found = search(find, words)
        assert ids(found) == [spoken[language]], words
        assert (found.total, found.more, found.next, found.behind) == (Count(1), False, None, 0)
        hit = found.hits[0]
        assert hit.snippet.marks, words
        assert all(0 <= begin < end <= len(hit.snippet.text) for begin, end in hit.snippet.marks)
    for words in [words for each in NOT_FOUND_BY.values() for words in each]:
        assert ids(search(find, words)) == [], words


def test_what_is_written_differently_is_the_same(find: Find, hold: Holding) -> None:
    """Width, case, diacritics, the ways of writing an address safely, and what is not seen."""
    one, two, three = hold(
        malware(name="ＤａｒｋBridge Überfall"),  # noqa: RUF001 (full width)
        malware(name="x", description="See hxxps://evil-bank[.]example/login and 198[.]51[.]100[.]3."),
        malware(name="Nidd\u200bhogg \u202eevil"),
    )
    for words in ("darkbridge", "uberfall", "ÜBERFALL", "überfall"):
        assert ids(search(find, words)) == [one], words
    for words in ("evil-bank.example", "hxxps://evil-bank[.]example/login", "198.51.100.3", "198[.]51[.]100[.]3"):
        assert ids(search(find, words)) == [two], words
    assert ids(search(find, "niddhogg")) == [three]
    assert ids(search(find, "198.51.100.30")) == []


# ── what comes first ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_value_itself_comes_first_then_names_then_texts(find: Find, hold: Holding) -> None:
    address = ipv4("198.51.100.7")
    exact, named, said, later = hold(
        address,
        malware(name="198.51.100.7 and others"),
        malware(name="beacon", description="It calls 198.51.100.7 daily."),
        malware(name="beacon", description="It calls 198.51.100.7 weekly."),
    )
    found = search(find, "198.51.100.7")
    assert ids(found) == [exact, named, later, said], "within a tier, the newest first"
    assert [hit.tier for hit in found.hits] == [Tier.EXACT, Tier.NAME, Tier.TEXT, Tier.TEXT]


def test_an_identifier_an_alias_and_an_external_number_are_exact(find: Find, hold: Holding) -> None:
    group = sdo(
        "intrusion-set", name="Quiet Ferry", aliases=["UNC-4242"],
        external_references=[{"source_name": "catalogue", "external_id": "G9001"}],
    )  # fmt: skip
    sign = sdo(
        "indicator", name="one", pattern="[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']", pattern_type="stix",
        valid_from="2026-01-01T00:00:00Z",
    )  # fmt: skip
    one, two = hold(group, sign)
    hold(malware(name="noise", description="unc-4242 g9001 quiet ferry d41d8cd98f00b204e9800998ecf8427e"))
    for words in (one, "UNC-4242", "unc-4242", "g9001", "quiet ferry", '"Quiet Ferry"'):
        assert search(find, words).hits[0].id == one, words
        assert search(find, words).hits[0].tier is Tier.EXACT
    assert search(find, "D41D8CD98F00B204E9800998ECF8427E").hits[0].id == two
    assert search(find, "malware--00000000-0000-4000-8000-000000000000").hits == ()


# ── filters ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_filters_choose(find: Find, fresh_store: Store, hold: Holding) -> None:
    theirs = collection(fresh_store, Kind.RECEIVED, "from them", party=PARTY)
    amber, white, bare, sent, tool = hold(
        malware(name="ferry amber", object_marking_refs=[TLP_IDS[Tlp.AMBER]]),
        malware(name="ferry clear", object_marking_refs=[TLP_1_IDS[Tlp.CLEAR]], created_by_ref=PARTY),
        malware(name="ferry bare"),
    ) + hold(
        malware(name="ferry sent", object_marking_refs=[TLP_IDS[Tlp.GREEN]], created_by_ref=OTHER), into=theirs
    ) + hold(sdo("tool", name="ferry tool", object_marking_refs=[TLP_IDS[Tlp.AMBER]]))  # fmt: skip

    def of(box: str = "ferry", **more: Any) -> set[str]:
        found = search(find, box, **more)
        assert found.total == Count(len(found.hits))
        return set(ids(found))

    assert of() == {amber, white, bare, sent, tool}
    assert of("ferry type:tool") == {tool}
    assert of(types=frozenset({"tool", "indicator"})) == {tool}
    assert of("ferry tlp:amber") == {amber, tool}
    assert of("ferry tlp:white") == {white}
    assert of("ferry tlp:none") == {bare}
    assert of("ferry tlp:none tlp:green") == {bare, sent}
    assert of(markings=frozenset({TLP_IDS[Tlp.GREEN]})) == {sent}
    assert of(party=PARTY) == {white, sent}, "created by them, or sent by them"
    assert of(party=OTHER) == {sent}
    assert of(collection=theirs.id) == {sent}
    assert of(collection=NOWHERE) == set()
    assert of("type:tool") == {tool}, "a filter alone is enough"
    assert of("ferry", types=frozenset({"tool"}), tlp=frozenset({Tlp.GREEN})) == set()


def test_types_are_counted_without_the_filter_by_type(find: Find, hold: Holding) -> None:
    hold(malware(name="ferry 1"), malware(name="ferry 2"), sdo("tool", name="ferry 3"))
    found = search(find, "ferry type:tool")
    assert [(one.type, one.count.number) for one in found.types] == [("malware", 2), ("tool", 1)]
    assert found.total == Count(1)


def test_times_are_instants_not_days(find: Find, hold: Holding, fresh_store: Store) -> None:
    """Whole years, months and days are looked up; of the days at both ends, the objects are looked at."""
    stamps = ["2024-12-31T23:59:59.999Z", "2025-01-01T00:00:00.000Z", "2025-06-15T11:59:59.000Z",
              "2025-06-15T12:00:00.000Z", "2025-06-15T12:00:00.001Z", "2026-02-28T23:00:00.000Z"]  # fmt: skip
    made = hold(*(malware(name="ferry", created=one, modified=one) for one in stamps))

    def of(since: str | None, until: str | None) -> list[int]:
        box = " ".join(["ferry", *([f"since:{since}"] if since else []), *([f"until:{until}"] if until else [])])
        found = search(find, box)
        assert found.total == Count(len(found.hits))
        return sorted(made.index(one) for one in ids(found))

    assert of("2025-01-01", None) == [1, 2, 3, 4, 5]
    assert of(None, "2025-01-01") == [0]
    assert of("2025-01-01", "2026-01-01") == [1, 2, 3, 4]
    assert of("2025-06-15T12:00:00Z", None) == [3, 4, 5]
    assert of(None, "2025-06-15T12:00:00Z") == [0, 1, 2]
    assert of("2025-06-15T12:00:00.001Z", "2026-02-28T23:00:00Z") == [4]
    assert of("2026-03-01", "2025-01-01") == []
    now = fresh_store.clock()
    assert len(search(find, "ferry", since=now - DAY, dated=Dated.ADDED).hits) == len(stamps)
    assert search(find, "ferry", since=now + DAY, dated=Dated.ADDED).hits == ()


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────


def walk(find: Find, box: str, viewer: Viewer = ORGANISATION, between: Callable[[], object] = lambda: None,
         **more: Any) -> Iterator[str]:  # fmt: skip
    after = None
    while True:
        found = search(find, box, viewer, after=after, **more)
        assert (found.next is not None) == found.more
        yield from ids(found)
        after = found.next
        if after is None:
            return
        between()


@pytest.mark.parametrize("box", ["ferry", "", '"the ferry"', "since:2020-01-01T07:00:00Z ferry", "type:tool"])
def test_pages_show_everything_once(find: Find, fresh_store: Store, hold: Holding, box: str) -> None:
    theirs = collection(fresh_store, Kind.RECEIVED, "from them", party=PARTY)
    made = [
        hold(sdo("tool", name=("the ferry" if n % 3 else "boat"), description=f"the ferry {n}"),
             into=theirs if n % 2 else Collections(fresh_store).find("Reports"))[0]
        for n in range(23)
    ]  # fmt: skip
    pages = list(walk(find, box, limit=4))
    assert sorted(pages) == sorted(made)
    assert pages == list(walk(find, box, limit=200))


def test_what_changes_between_pages_disturbs_nothing_else(
    find: Find, fresh_store: Store, reports: Collection, hold: Holding
) -> None:
    made = hold(*(malware(name=f"boat {n}", description="ferry") for n in range(20)))
    gone = iter(made[::-3])

    def between() -> None:
        hold(malware(name="new", description="ferry"))
        one = next(gone, None)
        if one is not None:
            remove(fresh_store, reports, one)

    seen = list(walk(find, "ferry", limit=3, between=between))
    assert len(seen) == len(set(seen))
    assert set(seen) >= set(made) - set(made[::-3])


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "e30", "\x00", "é", "=" * 50, "A" * 5_000, "eyJ0Ijo5LCJwIjp7fX0", "eyJ0IjowLCJwIjp7IiI6WyJ4IiwxXX19"],
)
def test_a_cursor_that_is_none_is_refused(find: Find, hold: Holding, cursor: str) -> None:
    hold(malware(name="ferry"))
    with pytest.raises(InvalidInput):
        search(find, "ferry", after=cursor)


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_page_has_a_bound(find: Find, limit: int) -> None:
    with pytest.raises(InvalidInput):
        search(find, "", limit=limit)


def test_counts_have_a_bound(find: Find, hold: Holding) -> None:
    hold(*(malware(name=f"ferry {n}", description="on the river") for n in range(1_003)))
    for box, number in (("ferry", 1_000), ('"the river"', MOST_LOOKED_AT)):
        found = search(find, box, limit=1)
        assert found.total == Count(number, more=True)
        assert found.types[0].count == Count(number, more=True)


# ── hostile boxes and objects ─────────────────────────────────────────────────────────────────────────────────

HOSTILE = [
    '"', '""', '"""', "'", "\\", "%", "_", "*", "ferry*", "ferry OR", "NOT ferry", "NEAR(ferry, 3)", "name:ferry",
    "ferry AND (", "^ferry", "a" * 1_000_000, "ferry " * 200_000, "\x00", "fer\x00ry", "\ud800", "ferry\udfff", ".*",
    "(a+)+$",
    "type:", "type:' OR 1=1 --", "tlp:purple", "since:never", "in:..", "x' UNION SELECT secret FROM node --", ":", "::",
    "\u202e\u200b", "\u0e31", "\u30fc", "😀", "🏴‍☠️", "[.]", "hxxp", "-", "--", "since:99999-01-01", "since:0001-01-01",
]  # fmt: skip


def test_no_box_makes_a_search_fail(find: Find, hold: Holding) -> None:
    hold(malware(name="ferry"))
    for box in HOSTILE:
        assert search(find, box).total.number <= 1, box[:40]
        assert find(ORGANISATION, Query(text=box)).total.number <= 1, box[:40]


def test_no_object_makes_it_fail(find: Find, hold: Holding) -> None:
    """1 MB of text, words without end, deep nests, names that are no names."""
    one, two, three, four = hold(
        malware(name="long", description="harbour " + "x" * 1_000_000),
        malware(name="wide", description=" ".join(f"w{n}" for n in range(120_000)) + " jetty"),
        malware(name="unspaced", description="港" + "".join(chr(0x4E00 + n % 20_000) for n in range(300_000))),
        malware(name="odd", description="'; DROP TABLE search_terms; -- \u202e<script>", x_deep=_deep(14)),
    )  # fmt: skip
    assert ids(search(find, "harbour")) == [one]
    assert ids(search(find, "wide")) == [two]
    assert ids(search(find, "unspaced")) == [three]
    assert ids(search(find, '"drop table"')) == [four]
    assert ids(search(find, "bottom")) == [four]
    assert all(len(hit.snippet.text) <= 250 and len(hit.title) <= 200 for hit in search(find, "").hits)


def _deep(levels: int) -> Any:
    found: Any = "bottom"
    for _ in range(levels):
        found = {"k": [found]}
    return found


def test_a_word_like_too_many_says_so(find: Find, hold: Holding) -> None:
    hold(*(malware(name=f"prow{n:04x}stern") for n in range(0, 65_536, 64)))
    found = search(find, "prow")
    assert found.partial
    assert 0 < found.total.number < 1_024
    assert not search(find, "prow0040stern").partial
