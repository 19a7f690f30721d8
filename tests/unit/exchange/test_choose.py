"""What a selection means: identifiers, files of them, saved queries, and reports with everything they refer to."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.gate import ANALYST, OWN, Bench, benches, indicator, link, made, malware, party_id, report
from support.stix import Object, ipv4, revision, sdo, statement, text
from titian.cli.selection import chosen as references_of
from titian.core.errors import InvalidInput, NotFound
from titian.core.gate import Query, Session
from titian.core.survey import Held
from titian.core.tlp import TLP_DEFINITIONS, TLP_IDS, Tlp
from titian.exchange.choose import Chosen, choose, find

ABSENT = "malware--00000000-0000-4000-8000-{:012}"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    for make in benches(tmp_path):
        yield make()


def chosen(bench: Bench, *references: str) -> Chosen:
    with bench.node.mark._gate.reading() as session:
        return choose(session, references)


def followed(bench: Bench, *references: str) -> set[str]:
    return set(chosen(bench, *references).followed)


def ids(*values: Object) -> list[str]:
    return [one["id"] for one in values]


def save(bench: Bench, name: str = "q", **conditions: Any) -> str:
    bench.node.release.save_query(ANALYST, Query(name=name, **conditions))
    return f"query:{name}"


# Identifiers


def test_an_identifier_chooses_its_object_and_nothing_that_it_refers_to(bench: Bench) -> None:
    kestrel, wallet = malware("Kestrel"), indicator("Wallet")
    tie = link(wallet, kestrel)
    note = made("note", content="See there", object_refs=ids(kestrel))
    bench.hold(kestrel, wallet, tie, note)
    for one in (tie, note, kestrel):
        found = chosen(bench, one["id"])
        assert found.ids == (one["id"],)
        assert found.followed == ()


def test_what_is_chosen_twice_is_chosen_once_and_stands_in_the_order_given(bench: Bench) -> None:
    several = [malware(f"Kestrel {number}") for number in range(5)]
    bench.hold(*several)
    order = [several[number]["id"] for number in (3, 0, 4, 3, 0)]
    assert chosen(bench, *order).ids == tuple(several[number]["id"] for number in (3, 0, 4))


@pytest.mark.parametrize("many", [1, 3, 4, 2000])
def test_what_is_not_held_is_named_and_the_rest_of_it_counted(bench: Bench, many: int) -> None:
    (there,) = bench.hold(malware("Kestrel"))
    absent = [ABSENT.format(number) for number in range(many)]
    with pytest.raises(NotFound) as caught:
        chosen(bench, there, *reversed(absent))
    assert ", ".join(absent[:3]) in caught.value.message
    assert (f"and {many - 3:,} more" in caught.value.message) is (many > 3)
    assert there not in caught.value.message
    assert caught.value.advice


@pytest.mark.parametrize("word", ["", "Kestrel", "malware--1", "report", "query", "*", "Query:q", " report--x"])
def test_what_is_no_reference_is_refused_with_what_would_be_one(bench: Bench, word: str) -> None:
    with pytest.raises(InvalidInput, match="chooses nothing") as caught:
        chosen(bench, word)
    assert "query:NAME" in (caught.value.advice or "")


def test_nothing_chosen_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="Nothing is chosen"):
        chosen(bench)


def test_what_was_released_alone_is_not_held(bench: Bench) -> None:
    """A copy that was made for a party is not chosen: only what it was made from."""
    bench.agree("jp", party_id("japan"))
    parts = [{"marking_ref": TLP_IDS[Tlp.RED], "selectors": ["description"]}]
    (one,) = bench.hold(malware("Kestrel", tlp=Tlp.GREEN, description="of a source", granular_markings=parts))
    bench.release(one, to="jp")
    (copy,) = [key for key, value in bench.served("japan").items() if value["type"] == "malware"]
    assert copy != one
    with pytest.raises(NotFound):
        chosen(bench, copy)


# Files


def test_a_file_is_the_identifiers_in_it(tmp_path: Path, bench: Bench) -> None:
    one, two = bench.hold(malware("Kestrel"), malware("Merlin"))
    file = tmp_path / "ids.txt"
    file.write_text(f'# what we know\n\n{two}  # the second\n"{one}",\n{two}\n', encoding="utf-8")
    assert references_of([str(file)]) == [two, one, two]
    assert chosen(bench, *references_of([str(file), one])).ids == (two, one)


def test_a_line_of_a_file_that_is_no_identifier_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(f"{ABSENT.format(1)}\nKestrel\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="line 2: 'Kestrel'"):
        references_of([str(file)])


def test_an_empty_file_chooses_nothing(tmp_path: Path, bench: Bench) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("# nobody\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="Nothing is chosen"):
        chosen(bench, *references_of([str(file)]))


# Reports


@pytest.mark.parametrize("kind", ["report", "grouping"])
def test_a_container_leads_to_all_that_it_refers_to_and_to_all_that_this_refers_to(bench: Bench, kind: str) -> None:
    kestrel, wallet, beside = malware("Kestrel"), indicator("Wallet"), malware("Beside")
    address = ipv4("198.51.100.7")
    seen = made(
        "observed-data", first_observed="2026-01-01T00:00:00Z", last_observed="2026-01-01T00:00:00Z",
        number_observed=1, object_refs=ids(address),
    )  # fmt: skip
    tie = link(wallet, kestrel)
    inner = report("Inner", tie, seen)
    own = {"name": "All", "published": "2026-01-01T00:00:00Z"} if kind == "report" else {"context": "unspecified"}
    outer = made(kind, object_refs=ids(inner), **own)
    bench.hold(kestrel, wallet, beside, address, seen, tie, inner, outer)
    found = chosen(bench, outer["id"])
    assert found.ids == (outer["id"],)
    assert set(found.followed) == set(ids(inner, tie, seen, wallet, kestrel, address))
    assert len(found.followed) == len(set(found.followed))


def test_what_is_chosen_beside_a_report_that_leads_to_it_counts_as_chosen(bench: Bench) -> None:
    kestrel, merlin = malware("Kestrel"), malware("Merlin")
    about = report("About", kestrel, merlin)
    bench.hold(kestrel, merlin, about)
    found = chosen(bench, about["id"], merlin["id"])
    assert found.ids == (about["id"], merlin["id"])
    assert found.followed == (kestrel["id"],)
    assert merlin["id"] not in found.support


def test_what_only_another_choice_refers_to_is_not_followed(bench: Bench) -> None:
    """A relationship chosen beside a report does not become a container."""
    kestrel, wallet, merlin = malware("Kestrel"), indicator("Wallet"), malware("Merlin")
    tie, about = link(wallet, kestrel), report("About", merlin)
    bench.hold(kestrel, wallet, merlin, tie, about)
    assert followed(bench, about["id"], tie["id"]) == {merlin["id"]}


def test_what_a_report_names_and_nobody_holds_is_left_out_without_a_word(bench: Bench) -> None:
    kestrel = malware("Kestrel")
    about = report("About", kestrel, {"id": ABSENT.format(1)})
    bench.hold(kestrel, about)
    assert followed(bench, about["id"]) == {kestrel["id"]}


def test_only_the_latest_version_of_a_report_leads_anywhere(bench: Bench) -> None:
    kestrel, merlin, orchid = malware("Kestrel"), malware("Merlin"), malware("Orchid")
    about = report("About", kestrel, merlin)
    bench.node.collections.add("Another")
    bench.hold(kestrel, merlin, orchid, about)
    bench.hold(revision(about, 60, object_refs=ids(merlin)))
    assert followed(bench, about["id"]) == {merlin["id"]}
    bench.hold(revision(about, 30, object_refs=ids(kestrel)))
    assert followed(bench, about["id"]) == {merlin["id"]}, "what is older and came later counts no more"
    bench.hold(revision(about, 90, object_refs=ids(orchid)), into="Another")
    assert followed(bench, about["id"]) == {orchid["id"]}, "wherever it is held"


def test_the_latest_version_is_what_is_surveyed_and_read(bench: Bench) -> None:
    kestrel = malware("Kestrel", tlp=Tlp.GREEN)
    newer = revision(kestrel, 60, name="Renamed", object_marking_refs=[TLP_IDS[Tlp.RED]])
    bench.hold(newer, kestrel)
    found = chosen(bench, kestrel["id"])
    assert [held.raw for held in found.graph.read([kestrel["id"]])] == [text(newer)]
    assert found.survey.facts[kestrel["id"]].marks == (TLP_IDS[Tlp.RED],)


def test_circles_of_references_end(bench: Bench) -> None:
    one, two, three = report("One", malware("x")), report("Two", malware("x")), report("Three", malware("x"))
    one["object_refs"], two["object_refs"], three["object_refs"] = ids(two, one), ids(three), ids(one, two, three)
    bench.hold(one, two, three)
    for start in (one, two, three):
        found = chosen(bench, start["id"])
        assert {*found.ids, *found.followed} == set(ids(one, two, three))
        assert start["id"] not in found.followed


def test_circles_of_creators_and_markings_end(bench: Bench) -> None:
    one, two = sdo("identity", name="One"), sdo("identity", name="Two")
    one["created_by_ref"], two["created_by_ref"] = two["id"], one["id"]
    first, second = statement("first"), statement("second")
    first["object_marking_refs"], second["object_marking_refs"] = ids(second), ids(first)
    kestrel = malware("Kestrel", by=one["id"], marks=ids(first))
    bench.hold(one, two, first, second, kestrel)
    assert chosen(bench, kestrel["id"]).support == set(ids(one, two, first, second))


# What goes along


def test_creators_and_markings_go_along_and_are_not_followed(bench: Bench) -> None:
    """Of what a report leads to as well, and of creators and markings themselves."""
    author, authority = sdo("identity", name="Author"), sdo("identity", name="Authority")
    author["created_by_ref"] = authority["id"]
    whole, part = statement("whole"), statement("part")
    parts = [{"marking_ref": part["id"], "selectors": ["name"]}]
    kestrel = malware("Kestrel", by=author["id"], marks=ids(whole), granular_markings=parts)
    about = report("About", kestrel, by=None)
    bench.hold(author, authority, whole, part, kestrel, about)
    found = chosen(bench, about["id"])
    assert found.followed == (kestrel["id"],)
    assert found.support == {kestrel["id"], *ids(author, authority, whole, part)}
    assert set(found.survey.facts) == {about["id"], *found.support} == set(found.graph.ids())


def test_a_creator_that_is_chosen_itself_does_not_merely_go_along(bench: Bench) -> None:
    author = sdo("identity", name="Author")
    kestrel = malware("Kestrel", by=author["id"])
    bench.hold(author, kestrel)
    found = chosen(bench, kestrel["id"], author["id"])
    assert found.ids == (kestrel["id"], author["id"])
    assert author["id"] not in found.support


def test_what_creators_refer_to_does_not_go_along(bench: Bench) -> None:
    """Nor does what a marking names: only who made it, and how it is marked itself."""
    beside = malware("Beside")
    author = sdo("identity", name="Author", description=f"Known for {beside['id']}")
    kestrel = malware("Kestrel", by=author["id"])
    bench.hold(beside, author, kestrel)
    assert chosen(bench, kestrel["id"]).support == {author["id"]}


# Queries


@pytest.fixture
def stocked(bench: Bench) -> tuple[Bench, dict[str, str]]:
    """A node with several of everything; identifiers by name."""
    bench.node.collections.add("Feed")
    bench.node.collections.add("From Japan", received_from=party_id("japan"))
    rows = {
        "Reports": [
            malware("clear", tlp=Tlp.CLEAR),
            malware("green", tlp=Tlp.GREEN, labels=["phishing"]),
            malware("amber", tlp=Tlp.AMBER, labels=["phishing", "drones"]),
            malware("strict", tlp=Tlp.AMBER_STRICT),
            malware("plain", labels=["drones"]),
        ],
        "Feed": [indicator("watched", tlp=Tlp.GREEN, labels=["drones"])],
        "From Japan": [malware("theirs", by=party_id("japan"), tlp=Tlp.GREEN)],
    }
    for name, values in rows.items():
        bench.hold(*values, into=name)
    found = {one["name"]: one["id"] for values in rows.values() for one in values}
    bench.mark(found["clear"], purposes=("cybercrime",))
    bench.mark(found["amber"], purposes=("trafficking", "counter-terrorism"))
    return bench, found


ALL_OF_IT = {"clear", "green", "amber", "strict", "plain", "watched", "theirs"}


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        pytest.param({}, ALL_OF_IT, id="everything that is held, without the directory"),
        pytest.param({"collections": ("Feed", "From Japan")}, {"watched", "theirs"}, id="collections"),
        pytest.param({"types": ("indicator", "tool")}, {"watched"}, id="types"),
        pytest.param({"types": ("tool",)}, set(), id="a type that nothing is of"),
        pytest.param({"tlp": "clear"}, {"clear"}, id="CLEAR"),
        pytest.param({"tlp": "green"}, {"clear", "green", "watched", "theirs"}, id="GREEN and below"),
        pytest.param({"tlp": "amber"}, ALL_OF_IT - {"strict", "plain"}, id="AMBER leaves AMBER+STRICT out"),
        pytest.param({"tlp": "red"}, ALL_OF_IT - {"plain"}, id="RED leaves out what bears nothing"),
        pytest.param({"topics": ("drones",)}, {"amber", "plain", "watched"}, id="a label"),
        pytest.param({"topics": ("phishing", "drones")}, {"green", "amber", "plain", "watched"}, id="one of labels"),
        pytest.param({"purposes": ("counter-terrorism",)}, {"amber"}, id="a purpose"),
        pytest.param({"purposes": ("cybercrime", "trafficking")}, {"clear", "amber"}, id="one of purposes"),
        pytest.param({"topics": ("drones",), "tlp": "green"}, {"watched"}, id="all conditions hold"),
        pytest.param({"collections": ("Reports",), "topics": ("drones",), "purposes": ("trafficking",)}, {"amber"},
                     id="all of them"),
    ],
)  # fmt: skip
def test_a_query_chooses_what_every_condition_of_it_holds_for(
    stocked: tuple[Bench, dict[str, str]], conditions: dict[str, Any], names: set[str]
) -> None:
    bench, held = stocked
    with bench.node.mark._gate.reading() as session:
        found = find(session, Query(name="q", **conditions))
    assert len(found) == len(set(found))
    assert {name for name, identifier in held.items() if identifier in found} == names
    assert len(found) == len(names), "and nothing else: no party, no marking definition"


def test_a_query_is_asked_anew_each_time(stocked: tuple[Bench, dict[str, str]]) -> None:
    bench, held = stocked
    query = save(bench, tlp="green", collections=("Reports",))
    assert set(chosen(bench, query).ids) == {held["clear"], held["green"]}
    bench.mark(held["green"], tlp=Tlp.AMBER)
    (new,) = bench.hold(malware("new", tlp=Tlp.GREEN))
    assert set(chosen(bench, query).ids) == {held["clear"], new}


def test_a_report_that_a_query_finds_leads_to_what_it_refers_to(bench: Bench) -> None:
    kestrel = malware("Kestrel")
    about = report("About", kestrel)
    bench.hold(kestrel, about)
    found = chosen(bench, save(bench, types=("report",)))
    assert (found.ids, found.followed) == ((about["id"],), (kestrel["id"],))


def test_a_query_that_finds_nothing_is_refused_alone_and_nothing_beside_others(bench: Bench) -> None:
    (one,) = bench.hold(malware("Kestrel"))
    query = save(bench, types=("tool",))
    with pytest.raises(InvalidInput, match="Nothing is chosen"):
        chosen(bench, query)
    assert chosen(bench, query, one).ids == (one,)


@pytest.mark.parametrize("name", ["", "unknown", "Q", "q "])
def test_a_query_that_nobody_saved_is_not_found(bench: Bench, name: str) -> None:
    save(bench, "q")
    with pytest.raises(NotFound, match=r"no saved query .*queries list"):
        chosen(bench, f"query:{name}")


# Any graph


class Shelf:
    """A graph in memory, as much of a session as choosing needs; ``held`` is what it may find."""

    def __init__(self, held: dict[str, Held], found: Iterable[str] = ()) -> None:
        self.held = held
        self.found = [one for one in held if one in set(found)]

    def find(self, identifiers: Iterable[str]) -> Shelf:
        return Shelf(self.held, identifiers)

    def extend(self, identifiers: Iterable[str]) -> None:
        wanted = {*self.found, *identifiers}
        self.found = [one for one in self.held if one in wanted]

    def ids(self) -> Collection[str]:
        return self.found

    def __iter__(self) -> Iterator[Held]:
        return (self.held[one] for one in self.found)

    def read(self, identifiers: Collection[str]) -> Iterator[Held]:
        return (self.held[one] for one in self.found if one in identifiers)


KINDS = ("report", "grouping", "note", "malware")


def name_of(number: int) -> str:
    return f"{KINDS[number % 4]}--{number:08}-0000-4000-8000-000000000000"


@given(
    st.lists(st.lists(st.integers(0, 14), max_size=4), min_size=1, max_size=12),
    st.lists(st.integers(0, 11), min_size=1, max_size=4),
)
def test_a_selection_is_the_closure_of_the_references_from_its_containers(
    edges: Sequence[Sequence[int]], start: Sequence[int]
) -> None:
    """Whatever the graph: circles, objects that are not held, and any type on the way: a malware has no object_refs,
    yet whatever it names is a reference."""
    refs = {name_of(number): [name_of(end) for end in ends] for number, ends in enumerate(edges)}
    first = [name_of(number % len(edges)) for number in start]
    held = {
        one: Held(one, text({"type": one.partition("--")[0], "id": one, "object_refs": ends}))
        for one, ends in refs.items()
    }
    reached = set(first)
    waiting = [one for one in first if one.startswith(("report--", "grouping--"))]
    while waiting:
        for end in refs[waiting.pop()]:
            if end in refs and end not in reached:
                reached.add(end)
                waiting.append(end)
    found = choose(cast(Session, Shelf(held)), first)
    assert found.ids == tuple(dict.fromkeys(first))
    assert set(found.followed) == reached - set(first)
    assert len(found.followed) == len(set(found.followed))


# Size


def test_a_report_with_100_000_references_to_what_is_not_held_is_chosen_at_once(bench: Bench) -> None:
    refs = [ABSENT.format(number) for number in range(100_000)]
    about = made("report", name="Big", published="2026-01-01T00:00:00Z", object_refs=refs)
    bench.hold(about)
    begin = time.perf_counter()
    assert chosen(bench, about["id"]).followed == ()
    assert time.perf_counter() - begin < 10


@pytest.mark.slow
def test_a_report_with_100_000_references_is_chosen_in_bounded_time(bench: Bench) -> None:
    several = [malware(f"Kestrel {number}", tlp=Tlp.GREEN) for number in range(100_000)]
    about = report("Big", *several)
    bench.hold(TLP_DEFINITIONS[Tlp.GREEN], *several, about)
    begin = time.perf_counter()
    found = chosen(bench, about["id"])
    assert time.perf_counter() - begin < 30
    assert len(found.followed) == 100_000
    assert found.support == {*found.followed, TLP_IDS[Tlp.GREEN], OWN}


def test_a_chain_of_1_500_reports_is_followed_to_its_end(bench: Bench) -> None:
    """More than Python's stack is deep."""
    chain = [report("0", malware("End"))]
    for number in range(1, 1_500):
        chain.append(report(str(number), chain[-1]))
    bench.hold(*chain)
    assert followed(bench, chain[-1]["id"]) == set(ids(*chain[:-1]))
