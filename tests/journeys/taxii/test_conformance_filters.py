"""Matching: TAXII 2.1 section 3.4 and 3.4.1, against an oracle written from the text alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.nodes import Collection
from support.oracle import Query, Record, answers
from support.stix import (
    Object,
    at,
    custom_sdo,
    identity,
    indicator,
    ipv4,
    malware,
    moment,
    new_uuid,
    relationship,
    revision,
    statement,
    version_of,
)
from support.taxii import Taxii, ids, ok, refused

NewCollection = Callable[..., Collection]


@dataclass(frozen=True)
class Library:
    """A collection of many kinds of objects, and the records that the manifest must show for them."""

    collection: Collection
    records: tuple[Record, ...]
    contents: dict[tuple[str, str], Object]

    def of(self, *types: str) -> list[Record]:
        return [record for record in self.records if record.type in types]


def _objects() -> list[Object]:
    """In the order of adding: versions in order, versions out of order, objects without versions, a
    custom type.
    """
    party, late, actor = identity(), identity(), malware()
    signs = [indicator() for _ in range(4)]
    links = [relationship(sign, actor) for sign in signs[:2]]
    return [
        party,
        actor,
        *signs,
        *links,
        ipv4("198.51.100.3"),
        revision(party, 60),
        statement("for the record"),
        custom_sdo(),
        revision(signs[0], 60),
        revision(late, 180),
        revision(party, 120),
        ipv4("203.0.113.9"),
        revision(late, 60),
        late,
        revision(actor, 60, revoked=True),
        revision(signs[1], 60),
        revision(signs[1], 60.001),
    ]


@pytest.fixture(scope="module")
def library(writer: Taxii, new_collection: NewCollection) -> Library:
    made = new_collection()
    objects = _objects()
    for start in range(0, len(objects), 5):
        writer.add(made, *objects[start : start + 5])
    shown = writer.records(made)
    assert [record["id"] for record in shown] == [each["id"] for each in objects]
    for record, each in zip(shown, objects, strict=True):
        assert at(record["version"]) == at(version_of(each) or record["version"])
    records = tuple(
        Record(record["id"], each["type"], record["version"], each["spec_version"], record["date_added"])
        for record, each in zip(shown, objects, strict=True)
    )
    contents = {(record.id, record.version): each for record, each in zip(records, objects, strict=True)}
    return Library(made, records, contents)


def check(reader: Taxii, library: Library, query: Query, limit: str | None = None) -> None:
    """Objects, manifest and the oracle must agree."""
    params = query.params() | ({"limit": limit} if limit else {})
    shown: list[tuple[str, str, str]] = []
    for page in reader.pages(reader.path(library.collection, "manifest"), params):
        shown += [(each["id"], each["version"], each["date_added"]) for each in page.json().get("objects", [])]
    allowed = [
        [(each.id, each.version, each.date_added) for each in answer] for answer in answers(library.records, query)
    ]
    assert shown in allowed, params
    contents: list[Object] = []
    for page in reader.pages(reader.objects_path(library.collection), params):
        contents += page.json().get("objects", [])
    assert contents == [library.contents[identifier, version] for identifier, version, _ in shown], params


def test_by_default_the_last_version_of_each_object(reader: Taxii, library: Library) -> None:
    """Section 3.4.1: the latest by `modified`, even when an older one was added later."""
    check(reader, library, Query())
    assert len(ids(ok(reader.objects(library.collection)))) == len({record.id for record in library.records})


VERSIONS = [
    "last",
    "first",
    "all",
    "first,last",
    "last,first",
    moment(60),
    moment(),
    f"{moment(60)},{moment(180)}",
]
VERSIONS += [f"first,{moment(60)}", f"first,{moment(60)},last", moment(999), "2024-01-01T00:01:00.001Z"]


@pytest.mark.parametrize("versions", VERSIONS)
def test_versions(reader: Taxii, library: Library, versions: str) -> None:
    """Section 3.4.1: keywords and timestamps, joined by OR."""
    check(reader, library, Query(versions=tuple(versions.split(","))))


@pytest.mark.parametrize("types", ["indicator", "indicator,malware", "relationship", "ipv4-addr", "x-footbridge"])
def test_types(reader: Taxii, library: Library, types: str) -> None:
    check(reader, library, Query(types=tuple(types.split(","))))
    check(reader, library, Query(types=tuple(types.split(",")), versions=("all",)))


def test_ids(reader: Taxii, library: Library) -> None:
    """Any object by its identifier: versioned, observable, marking, custom."""
    for kind in ("identity", "indicator", "ipv4-addr", "marking-definition", "x-footbridge", "relationship"):
        one = library.of(kind)[0]
        check(reader, library, Query(ids=(one.id,)))
        check(reader, library, Query(ids=(one.id,), versions=("all",)))
        check(reader, library, Query(ids=(one.id, f"identity--{new_uuid()}", library.records[0].id)))


def test_fields_are_joined_by_and(reader: Taxii, library: Library) -> None:
    one = library.of("indicator")[0]
    check(reader, library, Query(ids=(one.id,), types=("malware",)))
    check(reader, library, Query(ids=(one.id,), types=("malware", "indicator")))
    check(reader, library, Query(types=("identity",), versions=(moment(60),), spec_versions=("2.1",)))


@pytest.mark.parametrize("spec_versions", ["2.1", "2.0", "2.0,2.1", "2.1,2.0"])
def test_spec_versions(reader: Taxii, library: Library, spec_versions: str) -> None:
    """Section 3.4.1: nothing of another specification version. Peers compare it with the object's type."""
    check(reader, library, Query(spec_versions=tuple(spec_versions.split(","))))


def test_the_same_instant_in_another_spelling_is_the_same_version(reader: Taxii, library: Library) -> None:
    """STIX 2.1 section 3.2 and 3.6: `modified` is an instant; python-stix2#24 compared text."""
    exact = moment(60)
    assert exact.endswith(".000Z")
    wanted = ids(ok(reader.objects(library.collection, {"match[version]": exact})))
    assert len(wanted) >= 4
    for spelling in (exact.replace(".000Z", "Z"), exact.replace(".000Z", ".0Z"), exact.replace("Z", "000Z")):
        assert ids(ok(reader.objects(library.collection, {"match[version]": spelling}))) == wanted


def test_a_version_shown_can_be_asked_for(reader: Taxii, library: Library) -> None:
    """Section 3.4.1: `created` where there is no `modified`; else a value consistent to the server."""
    for kind in ("ipv4-addr", "marking-definition", "indicator"):
        for record in library.of(kind):
            params = {"match[id]": record.id, "match[version]": record.version}
            assert ids(ok(reader.objects(library.collection, params))) == [record.id]
            assert record.version in ok(reader.versions(library.collection, record.id))["versions"]


@st.composite
def queries(draw: st.DrawFn, records: tuple[Record, ...]) -> Query:
    def some(values: list[str]) -> tuple[str, ...]:
        return tuple(draw(st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True)))

    maybe = st.booleans()
    absent = f"indicator--{'0' * 8}-0000-4000-8000-{'0' * 12}"
    every_id = [*sorted({record.id for record in records}), absent]
    every_type = [*sorted({record.type for record in records}), "campaign", "x-unheard-of"]
    every_version = ["first", "last", *sorted({record.version for record in records}), moment(999)]
    versions = draw(st.sampled_from([None, ("all",), some(every_version)]))
    return Query(
        ids=some(every_id) if draw(maybe) else None,
        types=some(every_type) if draw(maybe) else None,
        spec_versions=draw(st.sampled_from([None, None, ("2.1",), ("2.0", "2.1"), ("2.0",)])),
        versions=versions,
        added_after=draw(st.sampled_from([None, *(record.date_added for record in records)])),
    )


@settings(max_examples=80)
@given(data=st.data())
def test_any_combination_agrees_with_the_oracle(reader: Taxii, library: Library, data: st.DataObject) -> None:
    """Sections 3.3 to 3.5: every filter with every other, in pages of any size, on objects and manifest
    alike.
    """
    query = data.draw(queries(library.records))
    limit = data.draw(st.sampled_from([None, "1", "2", "3", "5", "50"]))
    check(reader, library, query, limit)


# What is malformed, and what is only unknown


@pytest.mark.parametrize(
    "versions",
    [
        "",
        ",",
        "last,",
        ",last",
        "last,,first",
        " last",
        "last first",
        "LAST",
        "latest",
        "last,last",
        "all,all",
        "all,last",
        "first,all",
        f"all,{moment()}",
        f"{moment()},{moment()}",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00+00:00",
        "2024-01-01t00:00:00z",
        "2024-02-30T00:00:00Z",
        "1704067200",
        "*",
    ],
)
def test_malformed_versions_are_a_400(reader: Taxii, library: Library, versions: str) -> None:
    """Section 3.4.1: no duplicates, `all` alone, otherwise a STIX timestamp; section 3.4: else 400."""
    asked = {"match[version]": versions}
    refused(reader.objects(library.collection, asked), 400)
    refused(reader.manifest(library.collection, asked), 400)
    refused(reader.object(library.collection, library.records[0].id, asked), 400)


@pytest.mark.parametrize("field", ["id", "type", "spec_version"])
@pytest.mark.parametrize("value", ["", ",", " ", "\0", "%", "'; DROP TABLE objects; --", "a" * 2000])
def test_a_strange_value_never_widens_the_answer(reader: Taxii, library: Library, field: str, value: str) -> None:
    """A filter that cannot match gives nothing or a 400; ignored, it would give everything."""
    answer = reader.objects(library.collection, {f"match[{field}]": value})
    if answer.status_code == 200:
        assert ok(answer) == {}
    else:
        refused(answer, 400, 414)


SDOS = [
    "attack-pattern",
    "campaign",
    "course-of-action",
    "grouping",
    "identity",
    "incident",
    "indicator",
    "infrastructure",
    "intrusion-set",
    "location",
    "malware",
    "malware-analysis",
    "note",
    "observed-data",
    "opinion",
    "report",
    "threat-actor",
    "tool",
    "vulnerability",
]
OTHERS = [
    "relationship",
    "sighting",
    "artifact",
    "autonomous-system",
    "directory",
    "domain-name",
    "email-addr",
    "email-message",
    "file",
    "ipv4-addr",
    "ipv6-addr",
    "mac-addr",
    "mutex",
    "network-traffic",
    "process",
    "software",
    "url",
    "user-account",
    "windows-registry-key",
    "x509-certificate",
    "marking-definition",
    "language-content",
    "extension-definition",
    "bundle",
]


@pytest.mark.parametrize("kind", [SDOS, OTHERS], ids=["domain objects", "all others"])
def test_every_stix_type_may_be_asked_for(reader: Taxii, library: Library, kind: list[str]) -> None:
    """Section 3.4.1: types defined in STIX 2.1 MUST NOT result in an error."""
    for name in kind:
        found = ok(reader.objects(library.collection, {"match[type]": name}))
        assert {each["type"] for each in found.get("objects", [])} <= {name}
    check(reader, library, Query(types=tuple(kind)))


@pytest.mark.parametrize(
    "name",
    ["match[bogus]", "match[]", "match", "match[type", "match[TYPE]", "foo", "Limit", "version", "type"],
)
def test_an_unknown_parameter_is_a_400_or_changes_nothing(reader: Taxii, library: Library, name: str) -> None:
    """Section 3.4: a request MAY use fields of its own, and a server MAY ignore them."""
    plain = reader.objects(library.collection, {"limit": "5"})
    answer = reader.objects(library.collection, {"limit": "5", name: "indicator"})
    if answer.status_code == 200:
        assert ids(ok(answer)) == ids(ok(plain))
    else:
        refused(answer, 400)


def test_brackets_and_commas_may_be_encoded_or_not(reader: Taxii, library: Library) -> None:
    """The specification's examples write `match[type]=a,b`; most clients send %5B, %5D and %2C."""
    base = reader.objects_path(library.collection)
    spellings = [
        "match[type]=indicator,malware",
        "match%5Btype%5D=indicator,malware",
        "match%5btype%5d=indicator%2Cmalware",
        "match[type]=indic%61tor,malware",
    ]
    found = [ids(ok(reader.get(f"{base}?{spelling}"))) for spelling in spellings]
    assert all(each == found[0] for each in found)
    assert len(found[0]) == 5


def test_a_long_list_of_ids_works(reader: Taxii, library: Library) -> None:
    """A client asks for what a report refers to: a hundred identifiers, 5 kB of address."""
    wanted = [f"indicator--{new_uuid()}" for _ in range(99)] + [library.records[0].id]
    found = ok(reader.objects(library.collection, {"match[id]": ",".join(wanted)}))
    assert ids(found) == [library.records[0].id]


# One object


def test_one_object_and_its_versions(reader: Taxii, library: Library) -> None:
    """Sections 5.6 and 5.8: the object endpoint is match[id]; version is its filter too."""
    for one in {record.id: record for record in library.records}.values():
        mine = [record for record in library.records if record.id == one.id]
        for versions in (None, ("all",), ("first",), ("last", "first"), (mine[0].version,)):
            params = {"match[version]": ",".join(versions)} if versions else {}
            shown = ok(reader.object(library.collection, one.id, params))["objects"]
            (allowed,) = answers(library.records, Query(ids=(one.id,), versions=versions))
            assert shown == [library.contents[each.id, each.version] for each in allowed]
        listed = ok(reader.versions(library.collection, one.id))["versions"]
        assert listed == [record.version for record in mine]


def test_one_object_by_spec_version(reader: Taxii, library: Library) -> None:
    """Sections 5.6 and 5.8: spec_version filters there too; a version that is not held is nothing."""
    one = library.of("indicator")[0]
    for endpoint in (reader.object, reader.versions):
        assert ok(endpoint(library.collection, one.id, {"match[spec_version]": "2.1"})) == ok(
            endpoint(library.collection, one.id)
        )
        answer = endpoint(library.collection, one.id, {"match[spec_version]": "2.0"})
        if answer.status_code == 200:
            assert ok(answer) == {}
        else:
            refused(answer, 404)


def test_an_unknown_object_is_a_404(reader: Taxii, library: Library) -> None:
    """Sections 5.6 and 5.8: the Object ID is not found."""
    for name in (f"indicator--{new_uuid()}", "indicator--", "nothing", "x" * 300, "indicator--%00", "é"):
        refused(reader.object(library.collection, name), 400, 404)
        refused(reader.versions(library.collection, name), 400, 404)
    refused(reader.object(library.collection, f"indicator--{new_uuid()}"), 404)


def test_an_object_of_another_collection_is_a_404(reader: Taxii, library: Library, collection: Collection) -> None:
    """An identifier says nothing about a collection that does not hold it."""
    known = library.records[0].id
    refused(reader.object(collection, known), 404)
    refused(reader.versions(collection, known), 404)
    assert ok(reader.objects(collection, {"match[id]": known})) == {}


def test_a_version_that_is_not_held_is_a_404_or_nothing(reader: Taxii, library: Library) -> None:
    """Section 5.6 wants an empty envelope, section 5.7 a 404: either, but never another version."""
    answer = reader.object(library.collection, library.records[0].id, {"match[version]": moment(999)})
    if answer.status_code == 200:
        assert ok(answer) == {}
    else:
        refused(answer, 404)
