"""Deleting: TAXII 2.1 section 5.7. Taught by: a DELETE that was not persisted (OpenTAXII 0.10)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.nodes import Collection, Key, Node
from support.stix import (
    Object,
    at,
    envelope,
    identity,
    indicator,
    ipv4,
    malware,
    moment,
    new_uuid,
    revision,
    statement,
)
from support.taxii import MEDIA_TYPE, Taxii, accepted, explain, ids, ok, refused

As = Callable[[Key | None], Taxii]
NewKey = Callable[..., Key]
NewCollection = Callable[..., Collection]


def deleted(client: Taxii, collection: Collection, identifier: str, **match: str) -> None:
    """A DELETE that succeeds: 200, in the TAXII type, without a body (section 5.7)."""
    answer = client.delete(collection, identifier, {f"match[{name}]": value for name, value in match.items()})
    assert answer.status_code == 200, explain(answer)
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    assert answer.content == b""


def test_a_deleted_object_is_gone_from_every_endpoint(writer: Taxii, collection: Collection) -> None:
    """Section 5.7: a fetch MUST be a 404, and neither manifest nor contents may have it."""
    kept, gone = [indicator(), malware()], identity()
    writer.add(collection, kept[0], gone, kept[1])
    writer.add(collection, revision(gone, 60))
    before = writer.records(collection)
    deleted(writer, collection, gone["id"])
    for _ in range(4):  # whichever worker answers
        refused(writer.object(collection, gone["id"]), 404)
        refused(writer.object(collection, gone["id"], {"match[version]": "all"}), 404)
        refused(writer.versions(collection, gone["id"]), 404)
        for asked in ({}, {"match[version]": "all"}, {"match[version]": "first"}):
            assert gone["id"] not in ids(ok(writer.manifest(collection, asked)))
            assert gone["id"] not in ids(ok(writer.objects(collection, asked)))
        assert ok(writer.objects(collection, {"match[id]": gone["id"]})) == {}
    assert writer.held(collection) == kept, "the neighbours stay"
    assert writer.records(collection) == [each for each in before if each["id"] != gone["id"]]


def test_a_second_delete_is_a_404(writer: Taxii, collection: Collection) -> None:
    one = indicator()
    writer.add(collection, one)
    deleted(writer, collection, one["id"])
    refused(writer.delete(collection, one["id"]), 404)


def test_an_unknown_object_is_a_404(writer: Taxii, collection: Collection) -> None:
    """Section 5.7; an object of another collection is as unknown."""
    refused(writer.delete(collection, f"indicator--{new_uuid()}"), 404)
    refused(writer.delete(collection, "nothing"), 400, 404)


def test_other_collections_keep_the_object(
    writer: Taxii, collection: Collection, new_collection: NewCollection
) -> None:
    """Section 5.7 allows either; ours is one collection at a time."""
    other, one = new_collection(), indicator()
    writer.add(collection, one)
    writer.add(other, one)
    deleted(writer, collection, one["id"])
    assert writer.held(other) == [one]
    assert ok(writer.object(other, one["id"]))["objects"] == [one]


SELECTIONS: dict[str, list[int]] = {
    # match[version]: the places that are deleted, of four versions added in the order 60, 0, 180, 120
    "last": [2],
    "first": [1],
    "first,last": [1, 2],
    "all": [0, 1, 2, 3],
    moment(60): [0],
    f"{moment(60)},{moment(120)}": [0, 3],
    f"first,{moment(120)}": [1, 3],
    f"last,{moment(999)}": [2],
}


def _four() -> list[Object]:
    one = identity()
    return [revision(one, seconds) for seconds in (60, 0, 180, 120)]


@pytest.mark.parametrize(("versions", "places"), SELECTIONS.items())
def test_versions_are_deleted_as_asked(writer: Taxii, collection: Collection, versions: str, places: list[int]) -> None:
    """Section 5.7: match[version] chooses; the other versions stay, and `last` follows."""
    four, neighbour = _four(), indicator()
    writer.add(collection, *four, neighbour)
    deleted(writer, collection, four[0]["id"], version=versions)
    left = [each for place, each in enumerate(four) if place not in places]
    assert writer.held(collection) == [*left, neighbour]
    listed = [record["version"] for record in writer.records(collection) if record["id"] == four[0]["id"]]
    assert [at(each) for each in listed] == [at(each["modified"]) for each in left]
    if left:
        assert ok(writer.versions(collection, four[0]["id"]))["versions"] == listed
        assert ok(writer.object(collection, four[0]["id"]))["objects"] == [max(left, key=lambda v: v["modified"])]
        for place in places:
            answer = writer.object(collection, four[0]["id"], {"match[version]": four[place]["modified"]})
            assert answer.status_code == 404 or ok(answer) == {}
    else:
        refused(writer.object(collection, four[0]["id"]), 404)


@pytest.mark.parametrize("match", [{"match[version]": moment(999)}, {"match[spec_version]": "2.0"}])
def test_a_version_that_is_not_held_is_a_404(writer: Taxii, collection: Collection, match: dict[str, str]) -> None:
    """Nothing matched, so nothing was deleted, and the answer must not say otherwise."""
    four = _four()
    writer.add(collection, *four)
    refused(writer.delete(collection, four[0]["id"], match), 404)
    assert writer.held(collection) == four


def test_a_spec_version_is_deleted_as_asked(writer: Taxii, collection: Collection) -> None:
    """Section 5.7 lists spec_version among the filters."""
    four = _four()
    writer.add(collection, *four)
    deleted(writer, collection, four[0]["id"], spec_version="2.1")
    refused(writer.object(collection, four[0]["id"]), 404)


@pytest.mark.parametrize(
    "params",
    [
        pytest.param([("match[version]", "")], id="empty"),
        pytest.param([("match[version]", "latest")], id="no keyword"),
        pytest.param([("match[version]", "all,last")], id="all is alone"),
        pytest.param([("match[version]", "last,last")], id="twice in a list"),
        pytest.param([("match[version]", "first"), ("match[version]", "last")], id="twice"),
        pytest.param([("match[version]", "2024-01-01")], id="no timestamp"),
        pytest.param([("match[spec_version]", "")], id="empty spec_version"),
    ],
)
def test_a_malformed_filter_deletes_nothing(
    writer: Taxii, collection: Collection, params: list[tuple[str, str]]
) -> None:
    """Section 3.4: 400."""
    four = _four()
    writer.add(collection, *four)
    refused(writer.delete(collection, four[0]["id"], params), 400)
    assert writer.held(collection) == four


@pytest.mark.parametrize("name", ["match[type]", "match[id]", "match[verison]", "version", "added_after", "limit"])
def test_a_filter_that_delete_does_not_know_deletes_nothing(writer: Taxii, collection: Collection, name: str) -> None:
    """Section 5.7: the only valid match parameters are version and spec_version. Ignored, as section 3.4
    would allow for a read, a misspelt `match[version]` would delete every version: fail closed."""
    four = _four()
    writer.add(collection, *four)
    refused(writer.delete(collection, four[0]["id"], {name: moment(60)}), 400)
    assert writer.held(collection) == four


@pytest.mark.parametrize("one", [ipv4("198.51.100.66"), statement("gone")], ids=["observable", "marking"])
def test_objects_without_modified_can_be_deleted(writer: Taxii, collection: Collection, one: Object) -> None:
    """By id, and by the version that the manifest shows."""
    writer.add(collection, one)
    deleted(writer, collection, one["id"])
    refused(writer.object(collection, one["id"]), 404)
    writer.add(collection, one)
    (record,) = writer.records(collection)
    deleted(writer, collection, one["id"], version=record["version"])
    assert ok(writer.objects(collection)) == {}


def test_a_deleted_object_may_be_added_again(writer: Taxii, collection: Collection) -> None:
    """It is new then: it comes last, with a date of its own, so that pollers see it."""
    one, two = indicator(), indicator()
    writer.add(collection, one, two)
    before = writer.records(collection)
    deleted(writer, collection, one["id"])
    writer.add(collection, one)
    after = writer.records(collection)
    assert [record["id"] for record in after] == [two["id"], one["id"]]
    assert after[0] == before[1]
    assert after[1]["date_added"] > before[1]["date_added"]
    assert ok(writer.objects(collection, {"added_after": before[1]["date_added"]}))["objects"] == [one]


def test_dates_never_go_back_after_the_last_object_was_deleted(writer: Taxii, collection: Collection) -> None:
    """The cursor of a poller is the last date it saw, whether or not that object is still there."""
    dates = []
    for _ in range(5):
        one = indicator()
        writer.add(collection, one)
        dates.append(writer.records(collection)[-1]["date_added"])
        deleted(writer, collection, one["id"])
    assert dates == sorted(set(dates))


def test_a_conflict_is_forgotten_with_what_it_was_a_conflict_with(writer: Taxii, collection: Collection) -> None:
    """Whatever the node decides, it says so, and holds at most one content."""
    one = indicator()
    other = one | {"name": "told differently"}
    writer.add(collection, one)
    deleted(writer, collection, one["id"])
    status = accepted(writer.post(collection, envelope(other)))
    assert writer.held(collection) == ([other] if status["success_count"] else [])


MATRIX = {
    # (role, kind of collection): the answer that the table of section 5.7 makes mandatory
    ("writer", ""): 200,
    ("admin", ""): 200,
    ("reader", ""): 403,
    ("writer", "--read-only"): 403,
    ("reader", "--read-only"): 403,
    ("writer", "--inbox"): 403,
    ("reader", "--inbox"): 404,
}


@pytest.mark.parametrize(("role", "kind"), MATRIX)
def test_delete_needs_both_rights(
    node: Node, acting_as: As, keys: dict[str, Key], new_collection: NewCollection, role: str, kind: str
) -> None:
    """Section 5.7: (f,f) is a 404, one right alone a 403, both a 200."""
    made, one = new_collection(*([kind] if kind else [])), indicator()
    node.import_objects(made, one)
    client, wanted = acting_as(keys[role]), MATRIX[role, kind]
    if wanted == 200:
        deleted(client, made, one["id"])
        return
    answer = client.delete(made, one["id"])
    assert answer.status_code == wanted, explain(answer)
    refused(answer, 403, 404)
    absent = client.delete(made, f"indicator--{new_uuid()}")
    assert absent.status_code == wanted or (role == "reader" and absent.status_code == 404)
    assert one["id"] in node.titian("export", "--collection", made.name, "--format", "stix")


def test_who_may_not_read_learns_nothing_by_deleting(
    node: Node, acting_as: As, keys: dict[str, Key], new_collection: NewCollection
) -> None:
    """An inbox: held or not, the answer to its writer is the same."""
    inbox, one = new_collection("--inbox"), indicator()
    node.import_objects(inbox, one)
    client = acting_as(keys["writer"])
    held = refused(client.delete(inbox, one["id"]), 403)
    absent_id = f"indicator--{new_uuid()}"
    absent = refused(client.delete(inbox, absent_id), 403)
    held.pop("error_id", None)
    absent.pop("error_id", None)
    assert str(held).replace(one["id"], "?") == str(absent).replace(absent_id, "?")


def test_a_scoped_key_cannot_delete_elsewhere(
    writer: Taxii, acting_as: As, new_key: NewKey, collection: Collection, new_collection: NewCollection
) -> None:
    """The collection that a key does not see is a 404 (CVE-2026-56424: checked one object, changed
    another).
    """
    one = indicator()
    writer.add(collection, one)
    elsewhere = new_collection()
    client = acting_as(new_key("writer", elsewhere))
    refused(client.delete(collection, one["id"]), 404)
    refused(client.delete(elsewhere, one["id"]), 404)
    assert writer.held(collection) == [one]
