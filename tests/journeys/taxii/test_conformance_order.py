"""When things were added: TAXII 2.1 sections 2 (timestamp), 3.2 (headers), 3.3 (sorting), 3.4 (added_after).

Taught by: one time for a whole POST, so that `added_after` loses the rest (OpenCTI#4537); an inclusive
`added_after` that makes clients loop (OpenCTI connectors#7604); dates that are not RFC 3339 in headers
(attack-workbench-taxii-server#32); a truncated `added_after` answered with other objects (OpenCTI#10090).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from support.nodes import Collection
from support.stix import identity, indicator, ipv4, moment, revision, statement
from support.taxii import FIRST, LAST, Taxii, ids, instant, ok, refused

MICROSECOND = timedelta(microseconds=1)


def _taxii(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_dates_have_microseconds_and_a_z(writer: Taxii, collection: Collection) -> None:
    """Section 2: YYYY-MM-DDTHH:MM:SS.ssssssZ, in manifest and headers; and they are now, not a date of
    the content.
    """
    before = datetime.now(UTC)
    writer.add(collection, *(indicator() for _ in range(5)))
    after = datetime.now(UTC)
    answer = writer.manifest(collection)
    dates = [instant(record["date_added"]) for record in ok(answer)["objects"]]
    assert all(before - timedelta(seconds=2) <= date <= after + timedelta(seconds=2) for date in dates)
    assert (answer.headers[FIRST], answer.headers[LAST]) == (_taxii(dates[0]), _taxii(dates[-1]))


def test_date_added_increases_strictly_inside_one_post(writer: Taxii, collection: Collection) -> None:
    """OpenCTI#4537: medallion stamps one time for the batch, so that a client paging by time loses the
    rest.
    """
    sent = [indicator() for _ in range(500)]
    writer.add(collection, *sent)
    records = writer.records(collection)
    assert [record["id"] for record in records] == [each["id"] for each in sent], "in the order given"
    dates = [instant(record["date_added"]) for record in records]
    assert all(later - earlier >= MICROSECOND for earlier, later in pairwise(dates))


def test_date_added_increases_over_posts(writer: Taxii, collection: Collection) -> None:
    """Section 3.3, whichever worker took which POST."""
    for _ in range(20):
        writer.add(collection, indicator(), indicator())
    dates = [instant(record["date_added"]) for record in writer.records(collection)]
    assert len(dates) == 40
    assert all(later - earlier >= MICROSECOND for earlier, later in pairwise(dates))


def test_the_order_has_nothing_to_do_with_dates_of_the_content(writer: Taxii, collection: Collection) -> None:
    """Section 3.4: `added_after` is in no way related to dates in a STIX object (minemeld#400: an endless
    loop).
    """
    newest, oldest, middle = (indicator(modified=moment(day * 86400)) for day in (300, 1, 150))
    writer.add(collection, newest)
    cursor = writer.objects(collection).headers[LAST]
    writer.add(collection, oldest, middle)
    assert ids(ok(writer.objects(collection))) == [newest["id"], oldest["id"], middle["id"]]
    later = ok(writer.objects(collection, {"added_after": cursor}))
    assert ids(later) == [oldest["id"], middle["id"]]


def test_added_after_is_strictly_after(writer: Taxii, collection: Collection) -> None:
    """Section 3.4; connectors#7604: an inclusive server hands out its last object for ever."""
    writer.add(collection, *(indicator() for _ in range(6)))
    records = writer.records(collection)
    for place, record in enumerate(records):
        exact = instant(record["date_added"])
        for when, wanted in (
            (exact - MICROSECOND, records[place:]),
            (exact, records[place + 1 :]),
            (
                exact + MICROSECOND,
                [each for each in records if instant(each["date_added"]) > exact + MICROSECOND],
            ),
        ):
            asked = {"added_after": _taxii(when)}
            expected = [each["id"] for each in wanted]
            assert ids(ok(writer.manifest(collection, asked))) == expected
            assert ids(ok(writer.objects(collection, asked))) == expected


def test_after_the_last_there_is_nothing(writer: Taxii, collection: Collection) -> None:
    """An empty poll: an empty envelope, and `more` absent (sections 3.5 and 3.7)."""
    writer.add(collection, indicator())
    last = writer.objects(collection).headers[LAST]
    for client_asks in ({"added_after": last}, {"added_after": "2999-01-01T00:00:00.000000Z"}):
        assert ok(writer.objects(collection, client_asks)) == {}
        assert ok(writer.manifest(collection, client_asks)) == {}
    everything = ok(writer.objects(collection, {"added_after": "1970-01-01T00:00:00.000000Z"}))
    assert len(everything["objects"]) == 1


def test_headers_of_an_empty_page_are_absent_or_timestamps(reader: Taxii, collection: Collection) -> None:
    """Section 3.2 wants them on every 2xx and leaves their value open without objects; never an empty
    string.
    """
    answer = reader.objects(collection)
    for name in (FIRST, LAST):
        if name in answer.headers:
            instant(answer.headers[name])


@pytest.mark.parametrize(
    "value",
    [
        "2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00.1Z",
        "2024-01-01T00:00:00.123Z",
        "2024-01-01T00:00:00.12345Z",
        "2024-01-01T00:00:00.0000000000000000000000000000001Z",
    ],
)
def test_timestamps_of_another_precision_are_understood_or_refused(
    writer: Taxii, collection: Collection, value: str
) -> None:
    """Section 2 asks six digits; the specification's own examples have fewer. Understood exactly, or 400."""
    writer.add(collection, indicator())
    answer = writer.objects(collection, {"added_after": value})
    if answer.status_code == 200:
        assert len(ok(answer)["objects"]) == 1
    else:
        refused(answer, 400)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "now",
        "0",
        "1700000000",
        "2024-01-01",
        "2024-01",
        "2024-01-01T00:00:00.000000",
        "2024-01-01 00:00:00.000000Z",
        "2024-01-01T00:00:00.000000+07:00",
        "2024-01-01T00:00:00.000000z",
        "2024-13-01T00:00:00.000000Z",
        "2023-02-29T00:00:00.000000Z",
        "2024-01-01T24:00:00.000000Z",
        "2024-01-01T00:60:00.000000Z",
        "0000-01-01T00:00:00.000000Z",
        "12024-01-01T00:00:00.000000Z",
        "-2024-01-01T00:00:00.000000Z",
        "2024-01-01T00:00:00.000000Z,2024-01-02T00:00:00.000000Z",
        "2024-01-01T00:00:00.000000Z\0",
        "\uff12\uff10\uff12\uff14-01-01T00:00:00.000000Z",
        "Mon Jan 01 2024 00:00:00 GMT+0000",
        "2024-01-01T00:00:00.000000Z' OR 1=1 --",
    ],
)
def test_a_malformed_added_after_is_a_400(writer: Taxii, collection: Collection, value: str) -> None:
    """Section 3.4: malformed parameters MUST give a 400; OpenCTI#10090 answered with thousands of other
    objects.
    """
    writer.add(collection, indicator())
    refused(writer.objects(collection, {"added_after": value}), 400)
    refused(writer.manifest(collection, {"added_after": value}), 400)


def test_added_after_may_be_given_once(writer: Taxii, collection: Collection) -> None:
    """Section 3.4: a request MUST NOT have more than one instance, even of the same value."""
    twice = [("added_after", "2024-01-01T00:00:00.000000Z")] * 2
    refused(writer.objects(collection, twice), 400)


def _dates(records: list[dict[str, Any]], identifier: str) -> list[str]:
    return [record["date_added"] for record in records if record["id"] == identifier]


def test_first_and_last_are_the_dates_of_the_page(writer: Taxii, collection: Collection) -> None:
    """Section 3.2: on objects, manifest, object and versions, and the same dates as the manifest's."""
    one = identity()
    writer.add(collection, indicator(), one, indicator())
    writer.add(collection, revision(one, 60), ipv4("198.51.100.1"), revision(one, 120), statement("x"))
    records = writer.records(collection)
    every = [record["date_added"] for record in records]
    mine = _dates(records, one["id"])
    assert (len(every), len(mine)) == (7, 3)
    everything = {"match[version]": "all"}
    pages = [
        (writer.objects(collection, everything), every),
        (writer.manifest(collection, everything), every),
        (writer.objects(collection, everything | {"limit": "3"}), every[:3]),
        (writer.manifest(collection, everything | {"limit": "3"}), every[:3]),
        (writer.objects(collection, everything | {"added_after": every[2]}), every[3:]),
        (writer.object(collection, one["id"], everything), mine),
        (writer.object(collection, one["id"]), mine[-1:]),
        (writer.versions(collection, one["id"]), mine),
        (writer.versions(collection, one["id"], {"limit": "2"}), mine[:2]),
    ]
    for answer, dates in pages:
        ok(answer)
        assert (answer.headers[FIRST], answer.headers[LAST]) == (dates[0], dates[-1]), answer.request.url


def test_a_repeated_object_keeps_its_date(writer: Taxii, collection: Collection) -> None:
    """Section 5.5: a duplicate is no error; nor is it news, so pollers must not receive it again."""
    one = indicator()
    writer.add(collection, one)
    before = writer.records(collection)
    writer.add(collection, one, indicator())
    after = writer.records(collection)
    assert after[:1] == before
    assert len(after) == 2
