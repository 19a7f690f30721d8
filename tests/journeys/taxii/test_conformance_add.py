"""Adding objects and following their status: TAXII 2.1 sections 5.5, 4.3 and 4.3.1.

Taught by: one bad object that turns a whole request or page into a 500 (OpenCTI#10517); objects dropped for
an unknown extension (OpenCTI#4817); relationships that arrive before their ends (OpenCTI#4547).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.nodes import Collection, Key
from support.stix import (
    Object,
    at,
    custom_sdo,
    envelope,
    identity,
    indicator,
    ipv4,
    malware,
    moment,
    new_uuid,
    relationship,
    revision,
    sdo,
    statement,
    text,
    version_of,
)
from support.taxii import Taxii, accepted, ids, instant, ok, refused

As = Callable[[Key | None], Taxii]
NewKey = Callable[..., Key]
NewCollection = Callable[..., Collection]


def check_status(status: dict[str, Any]) -> None:
    """Section 4.3.1: what is required, of which type, and that the numbers agree."""
    assert uuid.UUID(status["id"]).version == 4
    assert status["status"] in ("complete", "pending")
    if "request_timestamp" in status:
        instant(status["request_timestamp"])
    for name, count in (("successes", "success"), ("failures", "failure"), ("pendings", "pending")):
        number = status[f"{count}_count"]
        assert type(number) is int
        details = status.get(name, [])
        assert len(details) in (0, number), f"{name} must agree with {count}_count"
        for detail in details:
            assert isinstance(detail["id"], str)
            assert isinstance(detail["version"], str)
            assert isinstance(detail.get("message", ""), str)
    parts = status["success_count"] + status["failure_count"] + status["pending_count"]
    assert status["total_count"] == parts
    assert (status["pending_count"] == 0) == (status["status"] == "complete")


def test_a_post_is_a_202_with_a_status(writer: Taxii, collection: Collection) -> None:
    """Section 5.5: 202, and a status resource that names each object and version."""
    one, sign, mark = identity(), ipv4("198.51.100.77"), statement("as agreed")
    status = accepted(writer.post(collection, envelope(one, sign, mark)))
    check_status(status)
    assert status["status"] == "complete"
    assert (status["total_count"], status["success_count"], status["failure_count"]) == (3, 3, 0)
    shown = {detail["id"]: at(detail["version"]) for detail in status["successes"]}
    assert set(shown) == {one["id"], sign["id"], mark["id"]}
    assert shown[one["id"]] == at(one["modified"])
    assert shown[mark["id"]] == at(mark["created"]), "section 4.3.1: not versioned, so `created`"
    assert "failures" not in status
    assert "pendings" not in status


def test_the_status_can_be_asked_again(writer: Taxii, collection: Collection) -> None:
    """Section 4.3: for 24 hours; whichever worker answers, it is the same."""
    bad = indicator(pattern="[")
    status = accepted(writer.post(collection, envelope(indicator(), bad)))
    for _ in range(6):
        assert ok(writer.status(status["id"])) == status
    check_status(status)


def test_an_unknown_status_is_a_404(writer: Taxii) -> None:
    """Section 4.3: a status that is not available MUST be a 404."""
    for name in (new_uuid(), "nothing", "0", "x" * 300, "%00"):
        refused(writer.status(name), 404)


def test_a_status_is_for_who_may_see_its_collection(
    writer: Taxii, acting_as: As, new_key: NewKey, collection: Collection, new_collection: NewCollection
) -> None:
    """Section 4.3: 404 without access. A status names objects, so it is as secret as they are."""
    status = accepted(writer.post(collection, envelope(indicator())))
    outsider = acting_as(new_key("writer", new_collection()))
    refused(outsider.status(status["id"]), 404)


def test_who_may_only_write_can_follow_the_request(
    acting_as: As, keys: dict[str, Key], new_collection: NewCollection
) -> None:
    """An inbox: can_write without can_read still needs to learn what was refused (section 4.3)."""
    inbox = new_collection("--inbox")
    client = acting_as(keys["writer"])
    one = indicator()
    status = accepted(client.post(inbox, envelope(one, {"type": "nothing"})))
    assert ok(client.status(status["id"])) == status
    assert (status["success_count"], status["failure_count"]) == (1, 1)
    refused(client.objects(inbox), 403, 404)
    assert one["id"] in client.node.titian("export", "--collection", inbox.name, "--format", "stix")


def test_what_was_accepted_is_there_at_once(writer: Taxii, reader: Taxii, collection: Collection) -> None:
    """`complete` means added: a reader sees it in the next request, from any worker."""
    for _ in range(10):
        one = indicator()
        writer.add(collection, one)
        assert ok(reader.object(collection, one["id"]))["objects"] == [one]


def test_the_order_of_the_envelope_is_kept(writer: Taxii, collection: Collection) -> None:
    """OpenCTI#4547: consumers that read in order want a relationship's ends before it, as the producer
    sent them.
    """
    sign, actor = indicator(), malware()
    sent = [actor, sign, relationship(sign, actor), ipv4("203.0.113.1"), identity()]
    writer.add(collection, *sent)
    assert ids(ok(writer.objects(collection))) == [each["id"] for each in sent]


# Duplicates and conflicts


def test_an_exact_duplicate_is_a_success(writer: Taxii, collection: Collection) -> None:
    """Section 5.5: the server MUST NOT return an error for it; and it is held once."""
    objects = [identity(), ipv4("198.51.100.9"), statement("twice"), custom_sdo()]
    for _ in range(3):
        status = writer.add(collection, *objects)
        assert status["success_count"] == 4
    assert writer.held(collection) == objects


def test_a_duplicate_inside_one_envelope_is_a_success(writer: Taxii, collection: Collection) -> None:
    """The envelope has three objects and all are well; one is held."""
    one = indicator()
    status = writer.add(collection, one, one, one)
    assert (status["total_count"], status["success_count"]) == (3, 3)
    assert writer.held(collection) == [one]


def test_the_same_content_in_another_spelling_is_a_duplicate(writer: Taxii, collection: Collection) -> None:
    """STIX 2.1 section 3.6: one version, one content. Spaces, order of keys and escapes are not content."""
    one = indicator(name="Ankara é")
    first = text(one)
    reordered = text(dict(reversed(one.items())))
    spaced = first.replace(b'":', b'" :\n\t')
    escaped = first.replace("é".encode(), b"\\u00e9")
    assert len({first, reordered, spaced, escaped}) == 4
    writer.add(collection, first)
    for spelling in (reordered, spaced, escaped):
        writer.add(collection, spelling)
    assert writer.objects(collection).content.count(first) == 1, "served as it was first received"
    assert len(writer.records(collection)) == 1


CHANGES: dict[str, Callable[[Object], Object]] = {
    "another value": lambda one: one | {"name": "another name"},
    "a property more": lambda one: one | {"description": "more"},
    "a property less": lambda one: {name: value for name, value in one.items() if name != "name"},
    "another marking": lambda one: (
        one | {"object_marking_refs": ["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"]}
    ),
    "the same version revoked": lambda one: one | {"revoked": True},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_content_under_the_same_version_fails_alone(
    writer: Taxii, collection: Collection, change: Callable[[Object], Object]
) -> None:
    """DESIGN law 4, STIX 2.1 section 3.6: a conflict is shown, never written over what is held; the rest
    succeeds.
    """
    held, before, after = indicator(), indicator(), malware()
    writer.add(collection, held)
    records = writer.records(collection)
    status = accepted(writer.post(collection, envelope(before, change(held), after)))
    check_status(status)
    assert (status["success_count"], status["failure_count"]) == (2, 1)
    (failure,) = status["failures"]
    assert (failure["id"], at(failure["version"])) == (held["id"], at(held["modified"]))
    assert failure["message"]
    assert {detail["id"] for detail in status["successes"]} == {before["id"], after["id"]}
    assert ok(writer.object(collection, held["id"], {"match[version]": "all"}))["objects"] == [held]
    assert writer.records(collection)[:1] == records
    assert writer.held(collection) == [held, before, after]


def test_of_two_contents_in_one_envelope_the_first_is_held(writer: Taxii, collection: Collection) -> None:
    """The same rule inside one request."""
    one = indicator()
    status = accepted(writer.post(collection, envelope(one, one | {"name": "other"})))
    assert (status["success_count"], status["failure_count"]) == (1, 1)
    assert writer.held(collection) == [one]


def test_a_conflict_is_decided_in_the_collection_it_is_sent_to(
    writer: Taxii, collection: Collection, new_collection: NewCollection
) -> None:
    """Whatever the node decides about a content known otherwise elsewhere, neither collection shows the
    other's.
    """
    other, one = new_collection(), indicator()
    changed = one | {"name": "told differently"}
    writer.add(collection, one)
    status = accepted(writer.post(other, envelope(changed)))
    check_status(status)
    assert writer.held(collection) == [one]
    assert writer.held(other) == ([changed] if status["success_count"] else [])


def test_an_observable_with_another_content_is_a_conflict(writer: Taxii, collection: Collection) -> None:
    """An observable has no version: what is held under its id stays."""
    first = ipv4("198.51.100.200")
    writer.add(collection, first)
    status = accepted(writer.post(collection, envelope(first | {"defanged": True})))
    assert status["failure_count"] == 1
    assert writer.held(collection) == [first]


def test_newer_and_older_versions_are_added_beside(writer: Taxii, collection: Collection) -> None:
    """A version is (id, modified); all are kept, in the order of adding."""
    one = identity()
    versions = [revision(one, 60), revision(one, 120), one, revision(one, 60.5, revoked=True)]
    for each in versions:
        writer.add(collection, each)
    assert writer.held(collection) == versions
    assert ok(writer.objects(collection))["objects"] == [versions[1]]
    listed = ok(writer.versions(collection, one["id"]))["versions"]
    assert [at(each) for each in listed] == [at(each["modified"]) for each in versions]


def test_one_object_posted_by_many_at_once_is_held_once(writer: Taxii, collection: Collection) -> None:
    """The same feed through eight doors: all succeed, one is held."""
    objects = [indicator() for _ in range(5)]
    body = envelope(*objects)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: writer.post(collection, body), range(8)))
    for answer in answers:
        status = accepted(answer)
        assert (status["success_count"], status["failure_count"]) == (5, 0), status
    assert writer.held(collection) == objects


def test_of_two_contents_posted_at_once_one_wins(writer: Taxii, collection: Collection) -> None:
    """A race for one version: exactly one content succeeds, and that one is held."""
    one = indicator()
    contents = [one | {"name": f"told by {number}"} for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: accepted(writer.post(collection, envelope(each))), contents))
    winners = [content for content, status in zip(contents, answers, strict=True) if status["success_count"]]
    assert len(winners) == 1
    assert writer.held(collection) == winners


# Objects that are not valid STIX


def _without(one: Object, *names: str) -> Object:
    return {name: value for name, value in one.items() if name not in names}


INVALID: dict[str, tuple[Object, str]] = {
    # What: (the object, a word that the message must contain)
    "no type": (_without(indicator(), "type"), "type"),
    "no id": (_without(indicator(), "id"), "id"),
    "no created": (_without(indicator(), "created"), "created"),
    "no modified": (_without(indicator(), "modified"), "modified"),
    "no pattern": (_without(indicator(), "pattern"), "pattern"),
    "a pattern that does not parse": (indicator(pattern="[ipv4-addr:value = "), "pattern"),
    "an id of another type": (indicator(id=f"malware--{new_uuid()}"), "id"),
    "an id that is no UUID": (indicator(id="indicator--1"), "id"),
    "an id with a path": (indicator(id=f"indicator--{new_uuid()}/../x"), "id"),
    "an upper-case id": (indicator(id=f"INDICATOR--{new_uuid()}"), "id"),
    "an id that is a number": (indicator(id=7), "id"),
    "a type that is a list": (indicator(type=["indicator"]), "type"),
    "modified before created": (indicator(created=moment(5), modified=moment(4)), "modified"),
    "a date without zone": (indicator(modified="2024-01-01T00:00:00.000"), "modified"),
    "a date that is none": (indicator(modified="2024-02-30T00:00:00.000Z"), "modified"),
    "a date as a number": (indicator(modified=1704067200), "modified"),
    "a relationship without target": (
        _without(relationship(malware(), malware()), "target_ref"),
        "target_ref",
    ),
    "a reference that is none": (relationship(malware(), {"id": "nothing"}), "target_ref"),
    "a boolean as text": (malware(is_family="false"), "is_family"),
    "an observable without value": (_without(ipv4("198.51.100.4"), "value"), "value"),
    "an empty list": (indicator(labels=[]), "labels"),
}


@pytest.mark.parametrize(("bad", "word"), INVALID.values(), ids=INVALID)
def test_an_invalid_object_fails_alone_and_says_why(
    writer: Taxii, collection: Collection, bad: Object, word: str
) -> None:
    """Section 4.3.1: failed, with a message; the neighbours succeed, and pages stay whole (OpenCTI#10517)."""
    before, after = indicator(), malware()
    status = accepted(writer.post(collection, envelope(before, bad, after)))
    check_status(status)
    assert (status["success_count"], status["failure_count"]) == (2, 1), status
    (failure,) = status["failures"]
    if isinstance(bad.get("id"), str):
        assert failure["id"] == bad["id"]
    assert word in failure["message"], f"a message must name the property: {failure['message']!r}"
    assert writer.held(collection) == [before, after]
    assert ok(writer.status(status["id"])) == status


def test_a_failure_names_the_version_of_its_object(writer: Taxii, collection: Collection) -> None:
    """Section 4.3.1: the version that failed to be created MUST be `modified`, or the client cannot tell which."""
    one = indicator(pattern="[")
    bad = [revision(one, 60), revision(one, 120)]
    status = accepted(writer.post(collection, envelope(*bad)))
    shown = [(each["id"], at(each["version"])) for each in status["failures"]]
    assert shown == [(each["id"], at(each["modified"])) for each in bad]


@pytest.mark.parametrize("bad", [b"null", b"1", b'"text"', b"[]", b"true", b"{}", b"[{}]"])
def test_what_is_no_object_is_refused(writer: Taxii, collection: Collection, bad: bytes) -> None:
    """Section 3.7: objects are STIX Objects. It fails alone, or the whole envelope is refused; nothing in
    between.
    """
    one = indicator()
    answer = writer.post(collection, envelope(one, bad))
    if answer.status_code == 202:
        status = accepted(answer)
        check_status(status)
        assert (status["success_count"], status["failure_count"]) == (1, 1)
        assert writer.held(collection) == [one]
    else:
        refused(answer, 400, 422)
        assert writer.held(collection) == []


def test_a_leap_second_breaks_nothing(writer: Taxii, collection: Collection) -> None:
    """RFC 3339 section 5.7 allows :60; few date types do. Held as it is, or failed alone."""
    one, other = indicator(modified="2016-12-31T23:59:60.000Z", created="2016-12-31T23:59:59.000Z"), indicator()
    status = accepted(writer.post(collection, envelope(one, other)))
    check_status(status)
    held = writer.held(collection)
    assert held == ([one, other] if status["failure_count"] == 0 else [other])


def test_a_bundle_is_no_stix_object(writer: Taxii, collection: Collection) -> None:
    """Section 3.7 lists what may be in an envelope; a bundle is not among it (section 1.7.1)."""
    one = indicator()
    bundle = {"type": "bundle", "id": f"bundle--{new_uuid()}", "objects": [indicator()]}
    status = accepted(writer.post(collection, envelope(bundle, one)))
    assert (status["success_count"], status["failure_count"]) == (1, 1)
    assert writer.held(collection) == [one]


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(custom_sdo(), id="a type by extension definition"),
        pytest.param(
            indicator(extensions={f"extension-definition--{new_uuid()}": {"extension_type": "property-extension"}}),
            id="an extension nobody here knows",
        ),
        pytest.param(indicator(x_footbridge_score=7, x_other={"a": [1, None, True]}), id="properties of one's own"),
        pytest.param(sdo("x-old-style", name="deprecated, and still legal"), id="a custom object of STIX 2.0's kind"),
        pytest.param(relationship(malware(), malware(), "x-met-with"), id="a relationship of one's own"),
        pytest.param(relationship(identity(), identity(), "related-to"), id="ends that nobody holds"),
        pytest.param(identity(lang="id", name="Badan Siber dan Sandi Negara"), id="another language"),
        pytest.param(identity(name="\U0001f6f8 例え \U0001d4b3 \u202e"), id="text beyond the basic plane"),
        pytest.param(indicator(confidence=0, labels=["x" * 5000]), id="a long label"),
        pytest.param(indicator(modified="9999-12-31T23:59:59.999Z"), id="the last millisecond there is"),
        pytest.param(identity(created="0001-01-01T00:00:00.000Z", modified="0001-01-01T00:00:00.001Z"), id="year one"),
        pytest.param(sdo("x-" + "long" * 60, name="the longest type"), id="a type of 242 letters"),
    ],
)
def test_valid_objects_of_all_kinds_are_held(writer: Taxii, collection: Collection, one: Object) -> None:
    """OpenCTI#4817: what is unknown is kept, not dropped."""
    writer.add(collection, one)
    assert ok(writer.objects(collection))["objects"] == [one]
    assert ok(writer.object(collection, one["id"]))["objects"] == [one]
    (record,) = ok(writer.manifest(collection))["objects"]
    assert (record["id"], at(record["version"])) == (one["id"], at(version_of(one) or ""))
    assert record.get("media_type", "application/stix+json;version=2.1") == "application/stix+json;version=2.1"


@pytest.mark.parametrize(
    "modified", ["2024-01-01T00:00:01.000Z", "2024-01-01T00:00:01.500Z", "2024-01-01T00:00:01.123456Z"]
)
def test_a_version_is_the_modified_property_itself(writer: Taxii, collection: Collection, modified: str) -> None:
    """Sections 4.3.1, 5.3.1 and 5.8: the version MUST be the `modified` property. A client compares it with the
    object that it holds, as text; the specification's examples have three digits, not six.
    """
    one = identity(modified=modified)
    status = writer.add(collection, one)
    (record,) = ok(writer.manifest(collection))["objects"]
    (version,) = ok(writer.versions(collection, one["id"]))["versions"]
    assert [status["successes"][0]["version"], record["version"], version] == [modified] * 3


def test_the_version_of_an_observable_is_the_same_everywhere(writer: Taxii, collection: Collection) -> None:
    """Sections 3.4.1 and 4.3.1: a value consistent to the server."""
    one = ipv4("203.0.113.250")
    status = writer.add(collection, one)
    (record,) = ok(writer.manifest(collection))["objects"]
    (version,) = ok(writer.versions(collection, one["id"]))["versions"]
    assert status["successes"][0]["version"] == record["version"] == version


def test_a_thousand_objects_in_one_envelope(writer: Taxii, collection: Collection) -> None:
    """A usual batch: each is in the status, all are held. Large ones may be `pending` first (section 5.5)."""
    objects = [malware() for _ in range(1000)]
    first = accepted(writer.post(collection, envelope(*objects)))
    check_status(first)
    assert first["total_count"] in (0, 1000)
    status = writer.add(collection, *objects)
    check_status(status)
    assert ok(writer.status(first["id"]))["status"] == "complete"
    assert status["total_count"] == 1000
    assert {detail["id"] for detail in status["successes"]} == {each["id"] for each in objects}
    assert [record["id"] for record in writer.records(collection)] == [each["id"] for each in objects]


def test_a_batch_of_good_and_bad(writer: Taxii, collection: Collection) -> None:
    """Each object has its own fate; the counts tell it."""
    good = [indicator() for _ in range(40)]
    bad = [_without(indicator(), "pattern") for _ in range(20)]
    mixed = [each for pair in zip(good[:20], bad, strict=True) for each in pair] + good[20:]
    status = accepted(writer.post(collection, envelope(*mixed)))
    check_status(status)
    assert (status["total_count"], status["success_count"], status["failure_count"]) == (60, 40, 20)
    assert {detail["id"] for detail in status["failures"]} == {each["id"] for each in bad}
    assert writer.held(collection) == [each for each in mixed if each in good]
