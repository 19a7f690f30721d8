"""Recalls, recipients and flags are kept as they were written, on both backends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import msgspec
import pytest

from support.gate import Bench, link, made, malware, party_id, report
from support.recalling import Recalling
from support.stix import revision
from titian.core.recall import (
    Recall,
    Received,
    ReceivedState,
    Recipient,
    Said,
    Standing,
    State,
    Taken,
)
from titian.core.recall_objects import Reason, RecallMessage, Response
from titian.core.tlp import Tlp
from titian.store.recalls import RecallRows
from titian.store.store import Store

ONE, TWO, THREE = (f"malware--0000000{n}-0000-4000-8000-000000000000" for n in (1, 2, 3))
JAPAN, RUSSIA = party_id("japan"), party_id("russia")


@pytest.fixture
def rows(fresh_store: Store) -> Iterator[RecallRows]:
    with fresh_store.writing() as tx:
        yield RecallRows(tx)


def recall(ident: str, created: int, **more: object) -> Recall:
    return msgspec.structs.replace(
        Recall(
            id=ident, agreement="a", reason=Reason.LEGAL, created=created, state=State.SENT, person="p", why="为什么"
        ),
        **more,
    )


def recipient(party: str, **more: object) -> Recipient:
    return msgspec.structs.replace(
        Recipient(party=party, collection="c", message=f"recall--{party[-36:]}",
                  taken=(Taken(ONE, TWO, None, (1, 2)), Taken(TWO, TWO, 5, (), False))),
        **more,
    )  # fmt: skip


def test_what_was_written_is_read_and_the_last_word_counts(rows: RecallRows) -> None:
    first, second = recall("b", 1), recall("a", 2, state=State.PROPOSED, deadline=9, replaced_by=(THREE,))
    rows.keep(second)
    rows.keep(first)
    assert rows.sent() == [first, second]
    assert rows.sent({State.PROPOSED}) == [second]
    assert rows.sent(set()) == []
    sent = msgspec.structs.replace(second, state=State.SENT)
    rows.keep(sent)
    assert rows.sent({State.SENT, State.WITHDRAWN}) == [first, sent]
    assert rows.received() == []


def test_recipients_belong_to_their_recall_and_are_found_by_party(rows: RecallRows) -> None:
    answered = recipient(JAPAN, standing=Standing.REFUSED, answers=(Said(1, 2, Response.REFUSED, "no", 3, (ONE,)),))
    rows.keep_recipient("b", recipient(JAPAN))
    rows.keep_recipient("b", recipient(RUSSIA))
    rows.keep_recipient("a", answered)
    rows.keep_recipient("b", recipient(RUSSIA, told=(ONE,), places=(7,)))
    assert rows.recipients("b") == sorted(
        [recipient(JAPAN), recipient(RUSSIA, told=(ONE,), places=(7,))], key=lambda one: one.party
    )
    assert rows.told(JAPAN) == [("a", answered), ("b", recipient(JAPAN))]


def test_only_what_was_sent_under_the_agreement_and_not_withdrawn_stands(rows: RecallRows) -> None:
    for number, (state, agreement) in enumerate([(State.SENT, "a"), (State.PROPOSED, "a"), (State.WITHDRAWN, "a"),
                                                 (State.DISMISSED, "a"), (State.SENT, "b")]):  # fmt: skip
        rows.keep(recall(str(number), number, state=state, agreement=agreement))
        rows.keep_recipient(str(number), recipient(JAPAN, collection=str(number)))
    assert [one.collection for one in rows.standing("a", JAPAN)] == ["0"]
    assert rows.standing("a", RUSSIA) == []


def test_recalls_of_others_are_kept_apart(rows: RecallRows) -> None:
    message = RecallMessage(id=f"recall--{JAPAN[-36:]}", by=JAPAN, created=1, version=1, objects=(ONE,), agreement="a",
                            reason=Reason.OUTDATED, deadline=5)  # fmt: skip
    one = Received(message=message, via="a", arrived=3)
    rows.keep_received(one)
    assert rows.received() == [one]
    assert rows.sent() == []
    assert rows.received({ReceivedState.APPLIED}) == []
    done = msgspec.structs.replace(one, state=ReceivedState.APPLIED, removed=(ONE,), answered=4)
    rows.keep_received(done)
    assert rows.received({ReceivedState.APPLIED}) == [done]


def test_a_flag_stays_with_the_recall_that_set_it(rows: RecallRows) -> None:
    rows.flag([ONE, TWO], "r1", 1)
    rows.flag([TWO, THREE], "r2", 2)
    assert rows.flags() == {ONE: "r1", TWO: "r1", THREE: "r2"}
    rows.unflag([ONE, TWO])
    rows.unflag([])
    rows.flag([], "r3", 3)
    assert rows.flags() == {THREE: "r2"}


@pytest.fixture
def on(new_bench: Callable[[], Bench]) -> Recalling:
    bench = new_bench()
    bench.agree("jp", JAPAN)
    bench.agree("two", JAPAN, RUSSIA)
    return Recalling(bench)


def test_every_version_that_names_something_is_found_and_where_it_lies(on: Recalling) -> None:
    bad, good = malware("Kestrel", tlp=Tlp.GREEN), malware("Goshawk", tlp=Tlp.GREEN)
    former = report("Former", bad, good, tlp=Tlp.GREEN)
    on.bench.hold(bad, good, former, link(bad, good, tlp=Tlp.GREEN))
    on.bench.release(former["id"], bad["id"], good["id"], to="jp")
    on.bench.hold(revision(former, 1000, object_refs=[good["id"]]))
    on.bench.release(former["id"], to="jp")
    agreement = on.agreement("jp")
    with on.gate.reading() as session:
        collection = session.released(agreement, JAPAN)
        assert collection is not None
        found = [json.loads(raw)["id"] for raw in session.naming(collection, [bad["id"]])]
        assert sorted(found) == sorted([bad["id"], former["id"]])
        assert list(session.naming(collection, [])) == []
        places = session.places(collection, [bad["id"], former["id"], ONE])
        assert {identifier: len(added) for identifier, added in places.items()} == {bad["id"]: 1, former["id"]: 2}
        assert all(list(added) == sorted(added) for added in places.values())


def test_an_identifier_with_an_escaped_hyphen_is_found(on: Recalling) -> None:
    bad = malware("Kestrel", tlp=Tlp.GREEN)
    note = made("note", content="x", object_refs=[bad["id"]], tlp=Tlp.GREEN)
    hidden = json.dumps(note).replace(bad["id"], bad["id"].replace("--", "\\u002d\\u002d")).encode()
    on.bench.hold(bad)
    on.bench.hold(hidden)
    on.bench.release(bad["id"], note["id"], to="jp")
    on.reads("japan")
    on.recall(bad["id"])
    assert set(on.message("japan").objects) == {bad["id"], note["id"]}


def test_who_holds_what_and_since_when(on: Recalling) -> None:
    value = malware("Kestrel", by=JAPAN, tlp=Tlp.GREEN)
    (bad,) = on.holds_from("japan", value)
    on.bench.hold(value)
    on.holds_from("japan", revision(value, 1000))
    on.bench.release(bad, to="jp")
    with on.gate.reading() as session:
        found = session.holders([bad, ONE])
    assert found.keys() == {bad}
    assert sorted(one.collection.name for one in found[bad]) == ["From japan", "Reports"]
    since = {one.collection.name: one.added for one in found[bad]}
    assert since["From japan"] > since["Reports"]
