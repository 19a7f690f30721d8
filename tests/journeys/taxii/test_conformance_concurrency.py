"""Writers and pollers at the same time, on several processes over one database (DESIGN law 7).

On PostgreSQL, numbers drawn from a sequence or a clock before the commit become visible out of order: a
poller that remembers the largest it saw then misses the one that commits late. Nobody may miss or see twice.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from support.nodes import Collection
from support.stix import Object, envelope, indicator, malware
from support.taxii import LAST, Taxii, accepted, ids, instant, ok

WRITERS = 8
BATCHES = 15
SIZE = 3


def _write(client: Taxii, collection: Collection, batches: list[list[Object]]) -> None:
    for batch in batches:
        status = accepted(client.post(collection, envelope(*batch)))
        assert status["success_count"] == len(batch), status


def _write_large(client: Taxii, collection: Collection, objects: list[Object]) -> None:
    """One body so large that the node may answer `pending`."""
    assert client.settled(client.post(collection, envelope(*objects)))["success_count"] == len(objects)


def _poll_by_time(client: Taxii, path: str, done: threading.Event) -> list[str]:
    """Remember X-TAXII-Date-Added-Last, ask for what is after it (section 3.5)."""
    found: list[str] = []
    cursor = "1970-01-01T00:00:00.000000Z"
    while True:
        last_round = done.is_set()
        asked = {"added_after": cursor, "limit": "70"}
        while True:
            page = client.get(path, asked)
            body = ok(page)
            found += ids(body)
            if "objects" in body:
                assert page.headers[LAST] > cursor
                cursor = page.headers[LAST]
            if not body.get("more"):
                break
            asked["added_after"] = cursor
        if last_round:
            return found


def _poll_by_token(client: Taxii, path: str, done: threading.Event) -> list[str]:
    """Follow `next` while there is more; then go on from the last date."""
    found: list[str] = []
    cursor = "1970-01-01T00:00:00.000000Z"
    while True:
        last_round = done.is_set()
        for page in client.pages(path, {"added_after": cursor, "limit": "50"}):
            found += ids(page.json())
            cursor = page.headers.get(LAST, cursor)
        if last_round:
            return found


def test_pollers_miss_nothing_and_see_nothing_twice(writer: Taxii, reader: Taxii, collection: Collection) -> None:
    """Eight writers, one of 12 MB; four pollers: by time and by token, on objects and manifest."""
    batches = [[[indicator() for _ in range(SIZE)] for _ in range(BATCHES)] for _ in range(WRITERS)]
    large = [malware(description="x" * 20_000) for _ in range(600)]
    done = threading.Event()
    paths = [reader.objects_path(collection), reader.path(collection, "manifest")]
    with ThreadPoolExecutor(WRITERS + 1 + 4) as pool:
        pollers = [pool.submit(poll, reader, path, done) for poll in (_poll_by_time, _poll_by_token) for path in paths]
        writers = [pool.submit(_write, writer, collection, own) for own in batches]
        writers.append(pool.submit(_write_large, writer, collection, large))
        try:
            for future in writers:
                future.result(timeout=60)
        finally:
            done.set()
        seen = [future.result(timeout=60) for future in pollers]
    records = reader.records(collection)
    order = [record["id"] for record in records]
    sent = [each["id"] for own in batches for batch in own for each in batch] + [each["id"] for each in large]
    assert sorted(order) == sorted(sent)
    for found in seen:
        assert found == order
    dates = [instant(record["date_added"]) for record in records]
    assert all(earlier < later for earlier, later in pairwise(dates))
    place = {identifier: number for number, identifier in enumerate(order)}
    for own in batches:
        own_places = [place[each["id"]] for batch in own for each in batch]
        assert own_places == sorted(own_places), "one writer's objects stay in the order it sent them"


def test_collections_do_not_wait_for_each_other_in_vain(
    writer: Taxii, collection: Collection, new_collection: object
) -> None:
    """The same objects into several collections at once, in different orders: no deadlock, nothing lost."""
    assert callable(new_collection)
    places: list[Collection] = [collection, new_collection(), new_collection()]
    objects = [malware() for _ in range(30)]

    def fill(number: int) -> None:
        where = places[number % 3]
        order = objects if number % 2 else objects[::-1]
        for start in range(0, len(order), 10):
            status = accepted(writer.post(where, envelope(*order[start : start + 10])))
            assert status["failure_count"] == 0, status

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(fill, range(6)))
    for where in places:
        found = ids(ok(writer.manifest(where)))
        assert sorted(found) == sorted(each["id"] for each in objects)


def test_readers_meet_whole_batches_or_none(writer: Taxii, reader: Taxii, collection: Collection) -> None:
    """A batch is one transaction: what its status calls complete was never half visible."""
    batches = [[malware(labels=[f"batch-{number}"]) for _ in range(20)] for number in range(12)]
    done = threading.Event()
    torn: list[str] = []

    def watch() -> None:
        while not done.is_set():
            body = ok(reader.objects(collection, {"limit": "1000"}))
            labels = [each["labels"][0] for each in body.get("objects", [])]
            torn.extend(label for label in set(labels) if labels.count(label) != 20)

    with ThreadPoolExecutor(3) as pool:
        watching = pool.submit(watch)
        try:
            for half in (batches[:6], batches[6:]):
                list(pool.map(lambda batch: writer.add(collection, *batch), half))
        finally:
            done.set()
        watching.result(timeout=30)
    assert torn == []


def test_deletes_and_adds_at_once_leave_a_consistent_whole(writer: Taxii, collection: Collection) -> None:
    """Objects, manifest and versions tell the same story afterwards."""
    objects = [indicator() for _ in range(40)]
    writer.add(collection, *objects[:20])

    def delete(one: Object) -> int:
        return writer.delete(collection, one["id"]).status_code

    def add(one: Object) -> int:
        writer.add(collection, one)
        return 200

    with ThreadPoolExecutor(8) as pool:
        deleting = [pool.submit(delete, one) for one in objects[:20:2]]
        adding = [pool.submit(add, one) for one in objects[20:]]
        assert {future.result(timeout=30) for future in deleting + adding} == {200}
    expected = {each["id"] for each in objects[1:20:2] + objects[20:]}
    assert {each["id"] for each in writer.held(collection)} == expected
    assert {record["id"] for record in writer.records(collection)} == expected
    assert len(writer.records(collection)) == len(expected)


def test_one_object_deleted_by_many_is_deleted_once(writer: Taxii, collection: Collection) -> None:
    """One 200; the others came too late and are told so."""
    one = indicator()
    writer.add(collection, one)
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda _: writer.delete(collection, one["id"]).status_code, range(8)))
    assert statuses == [200] + [404] * 7
