"""Pages: TAXII 2.1 sections 3.4 (limit, next), 3.5, 3.7.

Taught by: offset paging over a changing set (cti-taxii2#23); cursors kept in one process's memory and
destroyed on use (medallion's memory backend); `more` without `next` on manifest and versions
(cti-taxii2#110); `next` with a moved `added_after` (OpenCTI#5681).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from support.nodes import Collection, Key, Node
from support.stix import Object, at, identity, indicator, malware, moment, new_uuid, revision
from support.taxii import LAST, Taxii, client_for, ids, ok, refused

As = Callable[[Key | None], Taxii]
NewKey = Callable[..., Key]
NewCollection = Callable[..., Collection]
NewNode = Callable[..., Node]

COUNT = 23


@pytest.fixture(scope="module")
def filled(writer: Taxii, new_collection: NewCollection) -> tuple[Collection, list[Object]]:
    """A collection of 23 objects, added in four POSTs, that no test changes."""
    made = new_collection(alias=f"filled-{new_uuid()[:8]}")
    objects = [malware() if number % 3 else indicator() for number in range(COUNT)]
    for start in range(0, COUNT, 6):
        writer.add(made, *objects[start : start + 6])
    return made, objects


Filled = tuple[Collection, list[Object]]
ENDPOINTS = ("objects", "manifest")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("limit", [1, 2, 3, 7, COUNT - 1, COUNT, COUNT + 1, 10**6])
def test_pages_are_an_exact_partition(reader: Taxii, filled: Filled, endpoint: str, limit: int) -> None:
    """Section 3.4: not more than asked; full pages until the end; `more` exactly when there is more."""
    where, objects = filled
    pages = list(reader.pages(reader.path(where, endpoint), {"limit": str(limit)}))
    sizes = [len(page.json()["objects"]) for page in pages]
    assert [each for page in pages for each in ids(page.json())] == [each["id"] for each in objects]
    assert sizes[:-1] == [min(limit, COUNT)] * (len(pages) - 1)
    assert len(pages) == -(-COUNT // limit)
    assert "next" not in pages[-1].json()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("limit", [1, 4, COUNT])
def test_pages_by_added_after_are_the_same_partition(reader: Taxii, filled: Filled, endpoint: str, limit: int) -> None:
    """Section 3.5: without `next`, the client goes on from X-TAXII-Date-Added-Last (OpenCTI#4537 lost
    objects).
    """
    where, objects = filled
    found: list[str] = []
    asked = {"limit": str(limit)}
    for _ in range(COUNT + 1):
        page = reader.get(reader.path(where, endpoint), asked)
        found += ids(ok(page))
        if not page.json().get("more"):
            break
        asked["added_after"] = page.headers[LAST]
    assert found == [each["id"] for each in objects]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
def test_versions_are_paged_with_next_too(writer: Taxii, collection: Collection, limit: int) -> None:
    """Section 5.8.1 has `more` but forgot `next` (cti-taxii2#110); without it, `more` is a dead end."""
    one = identity()
    made = [revision(one, number) for number in range(5)]
    writer.add(collection, identity(), *made, identity())
    path = writer.path(collection, "objects", one["id"], "versions")
    pages = [page.json() for page in writer.pages(path, {"limit": str(limit)})]
    listed = [at(each) for page in pages for each in page["versions"]]
    assert listed == [at(each["modified"]) for each in made]
    assert all(len(page["versions"]) <= limit for page in pages)


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_the_versions_of_one_object_are_paged(writer: Taxii, collection: Collection, limit: int) -> None:
    """Section 5.6: the object endpoint takes limit and next."""
    one = identity()
    made = [revision(one, number) for number in range(4)]
    writer.add(collection, *made)
    path = writer.path(collection, "objects", one["id"])
    pages = list(writer.pages(path, {"limit": str(limit), "match[version]": "all"}))
    assert [each for page in pages for each in page.json()["objects"]] == made


@pytest.mark.parametrize(
    "limit",
    [
        "0",
        "-1",
        "-0",
        "abc",
        "",
        " ",
        "1.5",
        "1e3",
        "0x10",
        "1_000",
        "٣",
        "\uff11",
        "+5",
        "5;",
        "NaN",
        "1,2",
        "null",
    ],
)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_limit_that_is_no_positive_integer_is_a_400(reader: Taxii, filled: Filled, endpoint: str, limit: str) -> None:
    """Section 3.4: a positive integer greater than zero, or 400. Python's `int()` takes `1_000` and `٣`."""
    refused(reader.get(reader.path(filled[0], endpoint), {"limit": limit}), 400)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("limit", [10**4, 2**31, 2**32 + 1, 2**53 - 1])
def test_a_huge_limit_is_capped_not_refused(reader: Taxii, filled: Filled, endpoint: str, limit: int) -> None:
    """Section 3.4: the server MAY give fewer; the integer type goes up to 2^53 - 1 (section 2)."""
    assert len(ok(reader.get(reader.path(filled[0], endpoint), {"limit": str(limit)}))["objects"]) == COUNT


BEYOND = {
    "2^63": str(2**63),
    "2^64 + 1": str(2**64 + 1),
    "31 digits": "1" + "0" * 30,
    "5,000 digits": "9" * 5000,
}


@pytest.mark.parametrize("digits", BEYOND.values(), ids=BEYOND)
def test_a_limit_beyond_integers_breaks_nothing(reader: Taxii, filled: Filled, digits: str) -> None:
    """Beyond the integer type: capped or refused, but never a 500. A database's integers end at 2^63, and
    Python refuses to read more than 4,300 digits.
    """
    answer = reader.objects(filled[0], {"limit": digits})
    if answer.status_code == 200:
        assert len(ok(answer)["objects"]) == COUNT
    else:
        refused(answer, 400, 414)


def test_the_server_has_a_bound_of_its_own(reader: Taxii, large: tuple[Collection, list[Object]]) -> None:
    """STANDARDS section 1: a hard upper bound, so that one request cannot ask for everything."""
    where, objects = large
    page = ok(reader.objects(where, {"limit": "999999"}))
    unasked = ok(reader.objects(where))
    assert len(unasked["objects"]) <= len(page["objects"]) < len(objects)
    assert page["more"] is True
    assert unasked["more"] is True
    found = [each for served in reader.pages(reader.objects_path(where)) for each in ids(served.json())]
    assert found == [each["id"] for each in objects]


@pytest.mark.parametrize("name", ["limit", "next", "added_after", "match[type]", "match[id]", "match[version]"])
def test_a_repeated_parameter_is_a_400(reader: Taxii, filled: Filled, name: str) -> None:
    """Section 3.4: each at most once. Which of two values counts must not be a guess."""
    where, objects = filled
    token = ok(reader.objects(where, {"limit": "2"}))["next"]
    values = {
        "limit": ("5", "6"),
        "next": (token, token),
        "added_after": ("2024-01-01T00:00:00.000000Z", "2024-01-02T00:00:00.000000Z"),
        "match[type]": ("indicator", "malware"),
        "match[id]": (objects[0]["id"], objects[1]["id"]),
        "match[version]": ("first", "last"),
    }[name]
    for endpoint in ENDPOINTS:
        refused(reader.get(reader.path(where, endpoint), [(name, value) for value in values]), 400)


# The token


def test_a_token_can_be_used_again(reader: Taxii, filled: Filled) -> None:
    """A client whose connection broke asks again; medallion had forgotten the cursor, and so had its
    second process.
    """
    where, _ = filled
    token = ok(reader.objects(where, {"limit": "5"}))["next"]
    answers = {reader.objects(where, {"limit": "5", "next": token}).content for _ in range(8)}
    assert len(answers) == 1
    assert len(ids(httpx.Response(200, content=answers.pop()).json())) == 5


def test_a_token_goes_with_another_limit(reader: Taxii, filled: Filled) -> None:
    """taxii2-client's `as_pages` changes `limit` to what the first page held, and keeps the token."""
    where, objects = filled
    first = ok(reader.objects(where, {"limit": "5"}))
    second = ok(reader.objects(where, {"limit": "3", "next": first["next"]}))
    rest = ok(reader.objects(where, {"next": second["next"]}))
    assert ids(first) + ids(second) + ids(rest) == [each["id"] for each in objects]
    assert [len(ids(first)), len(ids(second))] == [5, 3]


def test_a_token_goes_with_the_alias(reader: Taxii, filled: Filled) -> None:
    """Id and alias are one collection (section 5.2.1)."""
    where, objects = filled
    first = ok(reader.objects(where, {"limit": "20"}))
    rest = ok(reader.get(reader.path(where.alias or "", "objects"), {"limit": "20", "next": first["next"]}))
    assert ids(first) + ids(rest) == [each["id"] for each in objects]


FILTERS: dict[str, dict[str, str]] = {
    "a type is added": {"match[type]": "malware"},
    "an id is added": {"match[id]": f"malware--{new_uuid()}"},
    "versions are added": {"match[version]": "all"},
    "a spec_version is added": {"match[spec_version]": "2.1"},
    "added_after is added": {"added_after": "2024-01-01T00:00:00.000000Z"},
}


@pytest.mark.parametrize("changed", FILTERS.values(), ids=FILTERS)
def test_a_token_with_other_filters_is_a_400(reader: Taxii, filled: Filled, changed: dict[str, str]) -> None:
    """Section 3.4: `next` goes along with the original parameters; OpenCTI#5681 sent a moved
    `added_after`.
    """
    where, _ = filled
    token = ok(reader.objects(where, {"limit": "5"}))["next"]
    refused(reader.objects(where, {"limit": "5", "next": token} | changed), 400)
    started = ok(reader.objects(where, {"limit": "1"} | changed))
    if "next" in started:
        refused(reader.objects(where, {"limit": "1", "next": started["next"]}), 400)


def test_the_same_filters_in_another_spelling_are_the_same(reader: Taxii, filled: Filled) -> None:
    """Filters are compared as sets: the order of parameters, and of values joined by OR, means nothing."""
    where, objects = filled
    first = ok(reader.objects(where, [("match[type]", "malware,indicator"), ("limit", "5")]))
    rest = ok(reader.objects(where, [("next", first["next"]), ("match[type]", "malware,indicator")]))
    assert ids(first) + ids(rest) == [each["id"] for each in objects]


def test_a_token_of_another_collection_is_a_400(
    reader: Taxii, writer: Taxii, filled: Filled, collection: Collection
) -> None:
    """Bound to where it came from (DESIGN law 7)."""
    writer.add(collection, *(indicator() for _ in range(4)))
    token = ok(reader.objects(collection, {"limit": "2"}))["next"]
    refused(reader.objects(filled[0], {"limit": "2", "next": token}), 400)


def test_a_token_of_another_reader_is_a_400(acting_as: As, new_key: NewKey, filled: Filled) -> None:
    """Bound to the reader (DESIGN law 7): what one may see is no way into what another may."""
    where, _ = filled
    one, other = acting_as(new_key("reader")), acting_as(new_key("reader"))
    token = ok(one.objects(where, {"limit": "2"}))["next"]
    ok(one.objects(where, {"limit": "2", "next": token}))
    refused(other.objects(where, {"limit": "2", "next": token}), 400)


def _corruptions(token: str) -> Iterator[str]:
    for place in range(0, len(token) - 1, max(1, len(token) // 24)):
        yield token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    yield from (token[:-4], token[4:], token + token, "x" + token, token.swapcase(), token[::-1])
    yield from ("", " ", "0", "1", "10", "null", "é", "\0", "%", "../../etc", "x" * 3000, "=", "A" * 43)


def test_a_corrupted_token_is_a_400(reader: Taxii, filled: Filled) -> None:
    """A token that we did not sign says nothing; above all it is not a number of rows to skip."""
    where, _ = filled
    token = ok(reader.objects(where, {"limit": "2"}))["next"]
    for corrupted in _corruptions(token):
        answer = reader.objects(where, {"limit": "2", "next": corrupted})
        assert answer.status_code == 400, f"next={corrupted!r} of {token!r} -> {answer.status_code}"
        refused(answer, 400)


def test_a_token_of_objects_is_no_worse_on_the_manifest(reader: Taxii, filled: Filled) -> None:
    """Section 5.3: filtering is identical, so the token may work there, but then it must continue rightly."""
    where, objects = filled
    token = ok(reader.objects(where, {"limit": "5"}))["next"]
    answer = reader.manifest(where, {"limit": "5", "next": token})
    if answer.status_code == 200:
        assert ids(ok(answer)) == [each["id"] for each in objects[5:10]]
    else:
        refused(answer, 400)


# A collection that changes meanwhile


def test_what_is_added_meanwhile_comes_last_and_once(writer: Taxii, collection: Collection) -> None:
    """cti-taxii2#23: with offsets, an addition shifts the pages."""
    objects = [indicator() for _ in range(6)]
    writer.add(collection, *objects)
    found: list[str] = []
    for number, page in enumerate(writer.pages(writer.objects_path(collection), {"limit": "2"}, bound=20)):
        found += ids(page.json())
        if number < 4:
            objects.append(indicator())
            writer.add(collection, objects[-1])
    assert found == [each["id"] for each in objects]


@pytest.mark.parametrize("victim", range(6))
def test_what_is_deleted_meanwhile_hides_nothing_else(writer: Taxii, collection: Collection, victim: int) -> None:
    """cti-taxii2#23: with offsets, a deletion skips an object; with a cursor that is a row, it loses its
    place.
    """
    objects = [indicator() for _ in range(6)]
    writer.add(collection, *objects)
    found: list[str] = []
    for number, page in enumerate(writer.pages(writer.objects_path(collection), {"limit": "2"})):
        found += ids(page.json())
        if number == 0:
            assert writer.delete(collection, objects[victim]["id"]).status_code == 200
    gone = victim >= 2  # what was already handed out stays in the client's hands
    assert found == [each["id"] for place, each in enumerate(objects) if not (gone and place == victim)]


def test_a_following_page_may_be_empty(writer: Taxii, collection: Collection) -> None:
    """Section 3.5: `more`, and then nothing, when the rest was deleted between the requests."""
    objects = [indicator() for _ in range(4)]
    writer.add(collection, *objects)
    asked = {"limit": "2"}
    tokens = {endpoint: ok(writer.get(writer.path(collection, endpoint), asked))["next"] for endpoint in ENDPOINTS}
    for each in objects[2:]:
        writer.delete(collection, each["id"])
    for endpoint, token in tokens.items():
        assert ok(writer.get(writer.path(collection, endpoint), asked | {"next": token})) == {}
    # The token still marks its place: what comes later comes there.
    late = indicator()
    writer.add(collection, late)
    assert ids(ok(writer.objects(collection, asked | {"next": tokens["objects"]}))) == [late["id"]]


def test_a_new_version_meanwhile_moves_its_object_to_the_end(writer: Taxii, collection: Collection) -> None:
    """By default only the last version is shown: an object revised before its page comes is shown once,
    revised.
    """
    objects = [indicator() for _ in range(6)]
    writer.add(collection, *objects)
    found: list[Object] = []
    newer = revision(objects[4], 60, name="revised")
    for number, page in enumerate(writer.pages(writer.objects_path(collection), {"limit": "2"})):
        found += page.json()["objects"]
        if number == 0:
            writer.add(collection, newer)
    assert found == [*objects[:4], objects[5], newer]


def test_polling_sees_each_version_once(writer: Taxii, collection: Collection) -> None:
    """The loop of every consumer: poll with `added_after`, remember X-TAXII-Date-Added-Last (section 3.5)."""
    one = identity()
    expected: list[Object] = []
    found: list[Object] = []
    cursor = "1970-01-01T00:00:00.000000Z"
    for turn in range(8):
        batch = [indicator() for _ in range(turn % 3)]
        if turn % 2:
            batch.append(revision(one, turn))
        if batch:
            writer.add(collection, *batch)
        expected += batch
        answer = writer.objects(collection, {"added_after": cursor})
        found += ok(answer).get("objects", [])
        cursor = answer.headers.get(LAST, cursor)
    assert found == expected


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_pages_go_on_after_a_restart(
    request: pytest.FixtureRequest, new_node: NewNode, http: httpx.Client, database: str
) -> None:
    """DESIGN law 7: the token is stateless and its key is kept; added_after and order survive too."""
    url = request.getfixturevalue("new_database")(empty=True) if database == "postgresql" else None
    own = new_node(database=url)
    made, key = own.add_collection("kept"), own.add_key("reader", "writer")
    client = client_for(own.serve(), key, http)
    objects = [indicator() for _ in range(9)]
    client.add(made, *objects[:7])
    before = client.records(made)
    first = ok(client.objects(made, {"limit": "3"}))
    told = client.add(made, objects[0])
    own.restart()
    assert client.records(made) == before
    assert ok(client.status(told["id"])) == told, "a status is kept for 24 hours (section 4.3)"
    client.add(made, *objects[7:])
    rest: list[dict[str, Any]] = []
    token = first["next"]
    for _ in range(4):
        page = ok(client.objects(made, {"limit": "3", "next": token}))
        rest += page["objects"]
        if not page.get("more"):
            break
        token = page["next"]
    assert ids(first) + [each["id"] for each in rest] == [each["id"] for each in objects]
    dates = [record["date_added"] for record in client.records(made)]
    assert dates == sorted(set(dates))


def test_moment_and_uuid_sources_are_fresh() -> None:
    """The suite's own ground: identifiers do not repeat, or tests would see each other's objects."""
    drawn = [new_uuid() for _ in range(1000)]
    assert len(set(drawn)) == 1000
    assert moment(1) < moment(2)
