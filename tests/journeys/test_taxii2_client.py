"""The independent client `taxii2-client` 2.3, which nobody here wrote, against each backend."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import requests
import taxii2client
from taxii2client.v21 import ApiRoot, Collection, Server, Status, as_pages

from support.nodes import Collection as Made
from support.nodes import Key, Node
from support.stix import Object, at, identity, indicator, malware, revision
from support.taxii import LAST, Taxii


@pytest.fixture
def server(node: Node, keys: dict[str, Key]) -> Iterator[Server]:
    key = keys["writer"]
    with Server(f"{node.url}/taxii2/", user=key.name, password=key.secret) as found:
        yield found


@pytest.fixture
def remote(server: Server, collection: Made) -> Collection:
    """The test's own collection, found by discovery."""
    (found,) = [each for each in server.default.collections if each.id == collection.id]
    return found


def test_it_is_the_version_we_speak_of() -> None:
    assert taxii2client.__version__.startswith("2.3")


def test_discovery_finds_the_collection(server: Server, remote: Collection, collection: Made) -> None:
    """Server → API root → collections."""
    assert server.title
    assert [root.url for root in server.api_roots] == [server.default.url]
    root: ApiRoot = server.default
    assert "application/taxii+json;version=2.1" in root.versions
    assert root.max_content_length > 0
    assert remote.title
    assert (remote.can_read, remote.can_write) == (True, True)
    assert remote.media_types == ["application/stix+json;version=2.1"]
    assert collection.id in remote.url


def test_objects_are_added_and_their_status_followed(server: Server, remote: Collection) -> None:
    """The client checks the status resource itself: required properties, and that the counts agree."""
    objects = [identity(), indicator()]
    status: Status = remote.add_objects({"objects": objects})
    assert status.status == "complete"
    assert (status.success_count, status.failure_count, status.pending_count) == (2, 0, 0)
    again = server.default.get_status(status.id)
    assert again.id == status.id
    assert [each["id"] for each in again.successes] == [each["id"] for each in status.successes]
    assert remote.get_objects()["objects"] == objects


def test_a_failure_is_told(remote: Collection) -> None:
    bad = {name: value for name, value in indicator().items() if name != "pattern"}
    status = remote.add_objects({"objects": [bad, indicator()]})
    assert (status.success_count, status.failure_count) == (1, 1)
    assert status.failures[0]["id"] == bad["id"]


@pytest.mark.parametrize("per_request", [1, 4, 9, 25, 100])
def test_pages_of_objects(remote: Collection, per_request: int) -> None:
    """`as_pages` with `next`."""
    objects = [malware() for _ in range(25)]
    remote.add_objects({"objects": objects})
    pages = list(as_pages(remote.get_objects, per_request=per_request))
    assert [each for page in pages for each in page["objects"]] == objects
    assert len(pages) == -(-25 // per_request)


@pytest.mark.parametrize("per_request", [2, 7])
def test_pages_of_the_manifest(remote: Collection, per_request: int) -> None:
    """`as_pages` needs `next` on the manifest, which the text forgot (cti-taxii2#110)."""
    objects = [malware() for _ in range(15)]
    remote.add_objects({"objects": objects})
    pages = list(as_pages(remote.get_manifest, per_request=per_request))
    assert [each["id"] for page in pages for each in page["objects"]] == [each["id"] for each in objects]


def test_a_page_larger_than_the_server_gives(server: Server, large: tuple[Made, list[Object]]) -> None:
    """The client lowers `limit` to what the first page held, and keeps the token."""
    where, objects = large
    (remote,) = [each for each in server.default.collections if each.id == where.id]
    # It writes a warning to its own log about the smaller page: expected, and no Python warning.
    logging.getLogger("taxii2client.v21").setLevel(logging.ERROR)
    pages = list(as_pages(remote.get_objects, per_request=100_000))
    assert len(pages) > 1
    assert [each["id"] for page in pages for each in page["objects"]] == [each["id"] for each in objects]


def test_filters(remote: Collection) -> None:
    one, two = identity(), indicator()
    newer = revision(one, 60)
    remote.add_objects({"objects": [one, two, newer]})
    assert remote.get_objects(type="identity")["objects"] == [newer]
    assert remote.get_objects(type="identity", version="all")["objects"] == [one, newer]
    assert remote.get_objects(id=[two["id"]])["objects"] == [two]
    assert remote.get_objects(version=["first", "last"], limit=10)["objects"] == [one, two, newer]
    assert remote.get_objects(spec_version="2.0") == {}
    date = remote.get_manifest()["objects"][0]["date_added"]
    assert remote.get_objects(added_after=date)["objects"] == [newer]


def test_one_object_its_versions_and_its_end(remote: Collection) -> None:
    """get_object, object_versions, delete_object."""
    one = identity()
    versions = [revision(one, seconds) for seconds in (0, 60, 120)]
    remote.add_objects({"objects": versions})
    assert remote.get_object(one["id"])["objects"] == [versions[2]]
    assert remote.get_object(one["id"], version="all")["objects"] == versions
    listed = remote.object_versions(one["id"])
    assert [at(each) for each in listed["versions"]] == [at(each["modified"]) for each in versions]
    remote.delete_object(one["id"], version=versions[1]["modified"])
    assert remote.get_object(one["id"], version="all")["objects"] == [versions[0], versions[2]]
    remote.delete_object(one["id"])
    with pytest.raises(requests.HTTPError) as gone:
        remote.get_object(one["id"])
    assert gone.value.response.status_code == 404


def test_wrong_credentials_are_an_error(node: Node) -> None:
    with Server(f"{node.url}/taxii2/", user="nobody", password="wrong") as server:
        with pytest.raises(requests.HTTPError) as refused:
            server.refresh()
        assert refused.value.response.status_code == 401


def test_it_sees_what_the_bare_client_sees(remote: Collection, writer: Taxii, collection: Made) -> None:
    """Both clients, one truth."""
    writer.add(collection, *(indicator() for _ in range(5)))
    bare = writer.objects(collection)
    assert remote.get_objects() == bare.json()
    assert bare.headers[LAST] == remote.get_manifest()["objects"][-1]["date_added"]
