"""Adding, revising, deleting and reading in any order, against a list in memory.

What a page cache, an index or a second worker forgot to follow shows here: every read comes after some write, and
every page was probably read before.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from support.nodes import Collection
from support.stix import Object, at, custom_sdo, identity, indicator, ipv4, revision, version_of
from support.taxii import LAST, Taxii, ids, ok, refused

NewCollection = Callable[..., Collection]

MAKERS = (indicator, identity, custom_sdo)


def _key(one: Object) -> tuple[str, str]:
    return one["id"], version_of(one) or ""


class Exchange(RuleBasedStateMachine):
    """One collection and its model: the objects held, in the order of adding."""

    writer: Taxii
    reader: Taxii
    new_collection: NewCollection

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Object] = []
        self.numbers = iter(range(1, 1_000_000))
        self.etags: dict[str, tuple[str, bytes]] = {}
        self.cursor = "1970-01-01T00:00:00.000000Z"
        self.polled: list[Object] = []
        self.added: list[Object] = []

    @initialize()
    def begin(self) -> None:
        self.collection = self.new_collection()

    def _add(self, *objects: Object) -> None:
        status = self.writer.add(self.collection, *objects)
        assert status["success_count"] == len(objects)
        known = {_key(each) for each in self.held}
        for each in objects:
            if _key(each) not in known:
                known.add(_key(each))
                self.held.append(each)
                self.added.append(each)

    @rule(makers=st.lists(st.sampled_from(MAKERS), min_size=1, max_size=4))
    def add_new(self, makers: list[Callable[[], Object]]) -> None:
        self._add(*(make() for make in makers))

    @rule(byte=st.integers(0, 255))
    def add_observable(self, byte: int) -> None:
        self._add(ipv4(f"192.0.2.{byte}"))

    @rule(data=st.data(), seconds=st.integers(1, 500))
    def add_version(self, data: st.DataObject, seconds: int) -> None:
        versioned = [each for each in self.held if "modified" in each]
        if versioned:
            of = data.draw(st.sampled_from(versioned))
            newer = revision(of, seconds, x_turn=next(self.numbers))
            if _key(newer) not in {_key(each) for each in self.held}:
                self._add(newer)

    @rule(data=st.data())
    def add_again(self, data: st.DataObject) -> None:
        if self.held:
            self._add(*data.draw(st.lists(st.sampled_from(self.held), min_size=1, max_size=3)))

    @rule(data=st.data())
    def delete_object(self, data: st.DataObject) -> None:
        if self.held:
            gone = data.draw(st.sampled_from(self.held))["id"]
            assert self.writer.delete(self.collection, gone).status_code == 200
            self.held = [each for each in self.held if each["id"] != gone]
            refused(self.reader.object(self.collection, gone), 404)

    @rule(data=st.data())
    def delete_version(self, data: st.DataObject) -> None:
        versioned = [each for each in self.held if "modified" in each]
        if versioned:
            gone = data.draw(st.sampled_from(versioned))
            match = {"match[version]": gone["modified"]}
            assert self.writer.delete(self.collection, gone["id"], match).status_code == 200
            self.held.remove(gone)

    def _last(self) -> list[Object]:
        last: dict[str, Object] = {}
        for each in self.held:
            if each["id"] not in last or at(version_of(each) or "") > at(version_of(last[each["id"]]) or ""):
                last[each["id"]] = each
        return [each for each in self.held if last[each["id"]] is each]

    @rule(limit=st.integers(1, 9))
    def read_in_pages(self, limit: int) -> None:
        found: list[Object] = []
        for page in self.reader.pages(self.reader.objects_path(self.collection), {"limit": str(limit)}):
            found += page.json().get("objects", [])
        assert found == self._last()

    @rule(kind=st.sampled_from(["indicator", "identity", "ipv4-addr", "x-footbridge"]))
    def read_by_type(self, kind: str) -> None:
        found = ok(self.reader.objects(self.collection, {"match[type]": kind, "match[version]": "all"}))
        assert found.get("objects", []) == [each for each in self.held if each["type"] == kind]

    @rule(data=st.data())
    def read_one(self, data: st.DataObject) -> None:
        if self.held:
            one = data.draw(st.sampled_from(self.held))["id"]
            mine = [each for each in self.held if each["id"] == one]
            assert ok(self.reader.object(self.collection, one, {"match[version]": "all"}))["objects"] == mine
            listed = ok(self.reader.versions(self.collection, one))["versions"]
            assert len(listed) == len(mine)

    @rule()
    def poll(self) -> None:
        """A consumer that polls sees each object that is still there when it comes."""
        answer = self.reader.objects(self.collection, {"added_after": self.cursor, "match[version]": "all"})
        news = ok(answer).get("objects", [])
        waiting = [each for each in self.added if any(each is held for held in self.held)]
        assert news == waiting
        self.added = []
        self.cursor = answer.headers.get(LAST, self.cursor)

    @rule(path=st.sampled_from(["objects", "manifest"]))
    def read_conditionally(self, path: str) -> None:
        """A 304 is right only where the whole answer would be what the client has."""
        where = self.reader.path(self.collection, path)
        tag, body = self.etags.get(path, ("", b""))
        plain = self.reader.get(where)
        answer = self.reader.get(where, If_None_Match=tag) if tag else plain
        if answer.status_code == 304:
            assert body == plain.content
        else:
            assert answer.content == plain.content
        self.etags[path] = (plain.headers.get("ETag", ""), plain.content)

    @invariant()
    def manifest_is_what_is_held(self) -> None:
        if hasattr(self, "collection"):
            found = ok(self.reader.manifest(self.collection, {"match[version]": "all"}))
            assert ids(found) == [each["id"] for each in self.held]
            dates = [record["date_added"] for record in found.get("objects", [])]
            assert dates == sorted(set(dates))


def test_any_sequence_of_writes_and_reads(writer: Taxii, reader: Taxii, new_collection: NewCollection) -> None:
    """Sections 3.3 to 5.8 together."""

    class Here(Exchange):
        pass

    Here.writer, Here.reader = writer, reader
    Here.new_collection = staticmethod(new_collection)  # type: ignore[assignment]
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=25, stateful_step_count=25, suppress_health_check=list(HealthCheck), print_blob=False
        ),
    )
