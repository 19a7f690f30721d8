"""Discovery, API root, collections: TAXII 2.1 sections 4.1, 4.2, 5.1 and 5.2."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import httpx
import pytest

from support.nodes import Collection, Key, Node
from support.stix import envelope, indicator, new_uuid
from support.taxii import MEDIA_TYPE, STIX_MEDIA_TYPE, Taxii, accepted, client_for, ids, ok, refused

As = Callable[[Key | None], Taxii]
NewKey = Callable[..., Key]
NewCollection = Callable[..., Collection]
NewNode = Callable[..., Node]


def test_discovery_is_at_the_root_of_the_server(reader: Taxii) -> None:
    """Section 8.2.1: exactly /taxii2/; the old /taxii/ is not ours."""
    assert ok(reader.get("/taxii2/"))["title"]
    for path in ("/taxii/", "/taxii2/taxii2/", "/TAXII2/"):
        refused(reader.get(path), 404)


def test_api_roots_are_addresses_a_client_may_follow(reader: Taxii) -> None:
    """Section 4.1.1: HTTPS, or relative with one `/`; no query; the default is one of the list."""
    found = ok(reader.get("/taxii2/"))
    assert found["api_roots"]
    for root in found["api_roots"]:
        assert root.startswith("https://") or (root.startswith("/") and not root.startswith("//"))
        assert "?" not in root
        assert "../" not in root
        assert root.endswith("/"), "section 3.1: every path ends in a slash"
    assert found.get("default", found["api_roots"][0]) in found["api_roots"]


def test_discovery_does_not_repeat_the_host_it_was_told(reader: Taxii) -> None:
    """An answer made of the request's own headers can be planted in a cache."""
    answer = reader.get("/taxii2/", X_Forwarded_Host="evil.example", X_Forwarded_Proto="https")
    assert "evil.example" not in answer.text
    assert "evil.example" not in str(answer.headers)


def test_the_api_root_says_what_it_speaks(reader: Taxii) -> None:
    """Section 4.2.1: title, versions and max_content_length are required."""
    found = ok(reader.get(reader.root))
    assert found["title"]
    assert MEDIA_TYPE in found["versions"]
    assert all(version.startswith("application/taxii+json;version=") for version in found["versions"])
    assert type(found["max_content_length"]) is int
    assert 0 < found["max_content_length"] < 2**53


def test_an_unknown_api_root_is_a_404(reader: Taxii) -> None:
    """Sections 4.2, 5.1, 4.3: the API root is not found."""
    for path in ("/nobody/", "/nobody/collections/", f"/nobody/status/{new_uuid()}/"):
        refused(reader.get(path), 404)


def test_a_collection_resource(writer: Taxii, node: Node) -> None:
    """Section 5.2.1: id (a version 4 UUID), title, can_read and can_write as booleans, media_types."""
    made = node.add_collection(f"shape-{new_uuid()[:8]}", "--description", "Shapes & “quotes”")
    found = ok(writer.get(writer.path(made)))
    assert found["id"] == made.id
    assert uuid.UUID(made.id).version == 4
    assert str(uuid.UUID(made.id)) == made.id
    assert found["title"]
    assert found["description"] == "Shapes & “quotes”"
    assert found["can_read"] is True, "OpenTAXII 0.10 said null here"
    assert found["can_write"] is True
    assert found["media_types"] == [STIX_MEDIA_TYPE]


def test_collections_lists_the_same_resources_in_one_order(writer: Taxii, collection: Collection) -> None:
    """Sections 3.3 and 5.1: a consistent order, whichever worker answers; each as its own endpoint shows
    it.
    """
    lists = [ok(writer.get(f"{writer.root}collections/"))["collections"] for _ in range(6)]
    first = [each["id"] for each in lists[0]]
    for later in lists:  # other tests' collections may be made meanwhile
        assert [each["id"] for each in later if each["id"] in first] == first
    mine = [each for each in lists[0] if each["id"] == collection.id]
    assert mine == [ok(writer.get(writer.path(collection)))]


def test_an_alias_opens_every_endpoint_of_its_collection(writer: Taxii, new_collection: NewCollection) -> None:
    """Section 5.2.1: an alias stands for the id in the path."""
    alias = f"critical-{new_uuid()[:8]}"
    made = new_collection(alias=alias)
    one = indicator()
    writer.add(made, one)
    assert ok(writer.get(writer.path(alias))) == ok(writer.get(writer.path(made)))
    assert ok(writer.get(writer.path(alias)))["alias"] == alias
    for parts in (("objects",), ("manifest",), ("objects", one["id"]), ("objects", one["id"], "versions")):
        by_alias, by_id = writer.get(writer.path(alias, *parts)), writer.get(writer.path(made, *parts))
        assert ok(by_alias) == ok(by_id)
    posted = writer.request(
        "POST",
        writer.path(alias, "objects"),
        headers={"Content-Type": MEDIA_TYPE},
        content=envelope(indicator()),
    )
    accepted(posted)
    assert len(ok(writer.objects(made))["objects"]) == 2


def test_a_collection_without_alias_shows_none(reader: Taxii, collection: Collection) -> None:
    """Optional properties are left out, not null (section 2: a string is a string)."""
    assert "alias" not in ok(reader.get(reader.path(collection)))
    assert None not in ok(reader.get(reader.path(collection))).values()


def test_an_alias_is_unique_and_cannot_pose_as_an_id(node: Node, new_collection: NewCollection) -> None:
    """Section 5.2.1: unique in the API root; and the path must have one meaning."""
    alias = f"taken-{new_uuid()[:8]}"
    first = new_collection(alias=alias)
    for bad in (alias, first.id, "a/b", "../objects", "", "a?b", "a b"):
        answer = node.run("collections", "add", f"again-{new_uuid()[:8]}", "--alias", bad)
        assert answer.status != 0, f"alias {bad!r} was taken"


RIGHTS = {
    # (role, kind of collection): (can_read, can_write)
    ("reader", ""): (True, False),
    ("reader", "--read-only"): (True, False),
    ("reader", "--inbox"): (False, False),
    ("writer", ""): (True, True),
    ("writer", "--read-only"): (True, False),
    ("writer", "--inbox"): (False, True),
    ("admin", ""): (True, True),
    # An administrator's key is the node's own: it may do everything, or an inbox could only be read by command.
    ("admin", "--read-only"): (True, True),
    ("admin", "--inbox"): (True, True),
}


@pytest.mark.parametrize(("role", "kind"), RIGHTS)
def test_rights_are_shown_as_they_are(
    acting_as: As, keys: dict[str, Key], new_collection: NewCollection, role: str, kind: str
) -> None:
    """Section 5.2.1: can_read and can_write tell what the requester, as authenticated, may do."""
    made = new_collection(*([kind] if kind else []))
    client = acting_as(keys[role])
    can_read, can_write = RIGHTS[role, kind]
    answer = client.get(client.path(made))
    if not (can_read or can_write) and answer.status_code == 404:
        # Neither right: it may be shown as closed, or not at all (section 5.2: 404 without access).
        refused(answer, 404)
        return
    shown = ok(answer)
    assert (shown["can_read"], shown["can_write"]) == (can_read, can_write)


@pytest.mark.parametrize(("role", "kind"), RIGHTS)
def test_rights_are_what_the_endpoints_enforce(
    node: Node, acting_as: As, keys: dict[str, Key], new_collection: NewCollection, role: str, kind: str
) -> None:
    """Sections 5.3 to 5.8: 403 or 404 where a right is missing, on every endpoint."""
    made = new_collection(*([kind] if kind else []))
    node.import_objects(made, one := indicator())
    client = acting_as(keys[role])
    can_read, can_write = RIGHTS[role, kind]
    for parts in (("objects",), ("manifest",), ("objects", one["id"]), ("objects", one["id"], "versions")):
        answer = client.get(client.path(made, *parts))
        if can_read:
            ok(answer)
        else:
            refused(answer, 403, 404)
            assert one["id"] not in answer.text.replace(str(answer.request.url.path), "")
    posted = client.post(made, envelope(indicator()))
    if can_write:
        accepted(posted)
    else:
        refused(posted, 403, 404)


def test_a_scoped_key_sees_its_collection_only(acting_as: As, new_key: NewKey, new_collection: NewCollection) -> None:
    """`keys add --collection`: others are 404 like those that never were, with the same words (section
    1.6.9).
    """
    mine, other = new_collection(), new_collection(alias=f"other-{new_uuid()[:8]}")
    client = acting_as(new_key("writer", mine))
    listed = ok(client.get(f"{client.root}collections/"))["collections"]
    assert [each["id"] for each in listed] == [mine.id]
    absent = new_uuid()
    for parts in ((), ("objects",), ("manifest",), ("objects", f"indicator--{new_uuid()}")):
        hidden = refused(client.get(client.path(other, *parts)), 404)
        by_alias = refused(client.get(client.path(other.alias or "", *parts)), 404)
        nothing = refused(client.get(client.path(absent, *parts)), 404)
        shapes = [
            {key: str(value).replace(name, "?") for key, value in message.items() if key != "error_id"}
            for message, name in ((hidden, other.id), (by_alias, other.alias or ""), (nothing, absent))
        ]
        assert shapes[0] == shapes[1] == shapes[2]
    refused(client.post(other, envelope(indicator())), 404)
    refused(client.delete(other, f"indicator--{new_uuid()}"), 404)
    accepted(client.post(mine, envelope(indicator())))


def test_no_collections_is_an_empty_object(new_node: NewNode, http: httpx.Client) -> None:
    """Section 5.1.1: the key MUST be omitted, and the response is an empty object."""
    empty = new_node()
    admin = empty.add_key("root", "admin")
    client = client_for(empty.serve(), admin, http)
    assert ok(client.get(f"{client.root}collections/")) == {}
    # And a collection made while it serves is there without a restart.
    made = empty.add_collection("late")
    assert [each["id"] for each in ok(client.get(f"{client.root}collections/"))["collections"]] == [made.id]


def test_an_empty_collection_has_empty_resources(reader: Taxii, collection: Collection) -> None:
    """Sections 3.7 and 5.3.1: no `objects` key, no `more`; the envelope is there."""
    for answer in (reader.objects(collection), reader.manifest(collection)):
        assert ok(answer) == {}
        assert answer.content == b"{}"


@pytest.mark.parametrize("name", ["not-a-uuid", "*", "%", "null", "0", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_collection_is_a_404(reader: Taxii, name: str) -> None:
    """Section 5.2."""
    for parts in ((), ("objects",), ("manifest",)):
        path = reader.path(name.replace("%", "%25"), *parts)
        refused(reader.get(path), 404)


def test_a_path_without_its_last_slash_is_a_404(reader: Taxii, collection: Collection) -> None:
    """Section 3.1: the path MUST end in a slash. No redirect: it would carry credentials to where it
    points.
    """
    paths = [
        "/taxii2/",
        reader.root,
        f"{reader.root}collections/",
        reader.path(collection),
        reader.objects_path(collection),
        reader.path(collection, "manifest"),
    ]
    for path in paths:
        refused(reader.get(path[:-1]), 404)


def test_the_same_object_in_two_collections_is_two_entries(
    writer: Taxii, collection: Collection, new_collection: NewCollection
) -> None:
    """A collection is a logical repository of its own (section 1.6.4)."""
    other, one = new_collection(), indicator()
    writer.add(collection, one)
    assert ok(writer.objects(other)) == {}
    writer.add(other, one)
    assert ids(ok(writer.objects(other))) == ids(ok(writer.objects(collection))) == [one["id"]]
