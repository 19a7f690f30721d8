"""Recalls as objects and values: what is written is read again, nothing else is a recall, and where one stands."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput
from titian.core.extensions import NEW_TYPES
from titian.core.recall import (
    ANSWERED,
    Recipient,
    Said,
    Standing,
    Taken,
    handed,
    standing,
)
from titian.core.recall_objects import (
    AnswerMessage,
    Reason,
    RecallMessage,
    Response,
    later,
    message_id,
    read_answer,
    read_reason,
    read_recall,
    write_answer,
    write_recall,
)
from titian.core.stix import examine
from titian.core.tlp import TLP_IDS, Tlp

OWN = "identity--00000000-0000-4000-8000-000000000001"
PARTY = "identity--00000000-0000-4000-8000-000000000002"
BAD = "malware--00000000-0000-4000-8000-000000000003"
AT = 1_790_000_000_000_000
RECALL = RecallMessage(
    id="recall--00000000-0000-4000-8000-000000000004", by=OWN, created=AT, version=AT, objects=(BAD,),
    agreement="agreement--00000000-0000-4000-8000-000000000005", reason=Reason.LEGAL, deadline=AT + 1000,
)  # fmt: skip
ANSWER = AnswerMessage(
    id="recall-answer--00000000-0000-4000-8000-000000000006", by=PARTY, created=AT, version=AT, recall=RECALL.id,
    response=Response.APPLIED,
)  # fmt: skip

uuids = st.uuids(version=4).map(str)
millis = st.integers(0, 4_000_000_000_000).map(lambda n: n * 1000)
objects = st.lists(uuids.map(lambda one: f"malware--{one}"), min_size=1, max_size=5, unique=True).map(tuple)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@st.composite
def recalls(draw: st.DrawFn) -> RecallMessage:
    created = draw(millis)
    return RecallMessage(
        id=f"recall--{draw(uuids)}", by=f"identity--{draw(uuids)}", created=created,
        version=created + draw(st.integers(0, 1000)) * 1000, objects=draw(objects),
        agreement=f"agreement--{draw(uuids)}", reason=draw(st.sampled_from(Reason)), deadline=draw(millis),
        why=draw(texts), replaced_by=draw(st.one_of(st.just(()), objects)), withdrawn=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def answers(draw: st.DrawFn) -> AnswerMessage:
    created = draw(millis)
    response = draw(st.sampled_from(Response))
    why = draw(texts)
    return AnswerMessage(
        id=f"recall-answer--{draw(uuids)}", by=f"identity--{draw(uuids)}", created=created, version=created,
        recall=f"recall--{draw(uuids)}", response=response, passed_on=draw(st.integers(0, 1000)),
        why=why if why.strip() or response is not Response.REFUSED else "no", objects=draw(objects),
    )  # fmt: skip


@given(recalls())
def test_a_recall_is_valid_stix_and_read_as_it_was_written(message: RecallMessage) -> None:
    raw = write_recall(message)
    assert examine(raw).violations == ()
    assert read_recall(raw) == message
    assert json.loads(raw)["object_marking_refs"] == [TLP_IDS[Tlp.AMBER_STRICT]]


@given(answers())
def test_an_answer_is_valid_stix_and_read_as_it_was_written(message: AnswerMessage) -> None:
    raw = write_answer(message)
    assert examine(raw).violations == ()
    assert read_answer(raw) == message


RECALL_CHANGES: dict[str, dict[str, Any]] = {
    "an unknown property": {"x_more": 1},
    "a property of others": {"labels": ["a"]},
    "no objects": {"object_refs": []},
    "what is no object": {"object_refs": ["nothing"]},
    "an unknown reason": {"reason": "mood"},
    "no deadline": {"deadline": None},
    "another agreement": {"agreement_ref": BAD},
    "another creator": {"created_by_ref": BAD},
    "no creator": {"created_by_ref": None},
    "another type": {"type": "recall-answer"},
    "another identifier": {"id": BAD},
    "an undeclared type": {"extensions": {}},
    "another extension": {"extensions": {NEW_TYPES["recall-answer"]: {"extension_type": "new-sdo"}}},
    "an earlier version": {"modified": "2020-01-01T00:00:00.000Z"},
    "another STIX": {"spec_version": "2.0"},
}
ANSWER_CHANGES: dict[str, dict[str, Any]] = {
    "an unknown property": {"x_more": 1},
    "an unknown response": {"response": "ignored"},
    "a refusal without a reason": {"response": "refused", "description": " "},
    "passed on to fewer than nobody": {"passed_on": -1},
    "passed on to too many": {"passed_on": 10**9},
    "nothing passed on said": {"passed_on": None},
    "about no recall": {"recall_ref": BAD},
    "revoked": {"revoked": True},
}


def changed(raw: bytes, changes: dict[str, Any]) -> bytes:
    value = json.loads(raw) | changes
    return json.dumps({name: each for name, each in value.items() if each is not None}).encode()


@pytest.mark.parametrize("change", RECALL_CHANGES.values(), ids=RECALL_CHANGES)
def test_what_is_no_recall_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        read_recall(changed(write_recall(RECALL), change))


@pytest.mark.parametrize("change", ANSWER_CHANGES.values(), ids=ANSWER_CHANGES)
def test_what_is_no_answer_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        read_answer(changed(write_answer(ANSWER), change))


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(raw: bytes) -> None:
    for read in (read_recall, read_answer):
        with pytest.raises(InvalidInput):
            read(raw)


def test_a_reason_is_one_of_the_vocabulary() -> None:
    assert [read_reason(one) for one in Reason] == list(Reason)
    with pytest.raises(InvalidInput, match="false-positive"):
        read_reason("mood")


@given(st.integers(0, 10**16), st.integers(0, 10**16))
def test_a_version_follows_the_last_whatever_the_clock_says(version: int, at: int) -> None:
    found = later(version, at)
    assert found > version
    assert found % 1000 == 0


def test_identifiers_of_messages_depend_on_the_key_the_recall_and_the_party() -> None:
    ids = {message_id(key, kind, about, party) for key in (b"1", b"2") for kind in ("recall", "recall-answer")
           for about in ("a", "b") for party in (OWN, PARTY)}  # fmt: skip
    assert len(ids) == 16


# ── where a recipient stands ──────────────────────────────────────────────────────────────────────────────────

RECIPIENT = Recipient(party=PARTY, collection="c", message=RECALL.id, taken=(Taken(BAD, BAD, None, (1, 5)),))


@pytest.mark.parametrize(
    ("read", "told", "speaks", "over", "expected"),
    [
        (False, False, True, False, Standing.NEVER_READ),
        (False, False, True, True, Standing.NEVER_READ),
        (True, False, True, False, Standing.WAITING),
        (True, False, False, False, Standing.WAITING),
        (True, True, True, False, Standing.SILENT),
        (True, True, False, False, Standing.UNCONFIRMED),
        (True, True, False, True, Standing.UNCONFIRMED),
        (True, False, False, True, Standing.OVERDUE),
        (True, True, True, True, Standing.OVERDUE),
    ],
)
def test_where_one_who_has_not_answered_stands(
    read: bool, told: bool, speaks: bool, over: bool, expected: Standing
) -> None:
    found = standing(RECIPIENT, AT, AT if over else AT - 1, read=read, told=told, speaks=speaks)
    assert found is expected


@given(st.lists(st.sampled_from(Response), min_size=1), st.booleans(), st.booleans(), st.booleans())
def test_the_last_answer_counts_whatever_else_is_known(
    said: list[Response], read: bool, told: bool, speaks: bool
) -> None:
    answers = tuple(Said(AT, AT + n, one) for n, one in enumerate(said))
    one = msgspec.structs.replace(RECIPIENT, answers=answers)
    found = standing(one, 0, AT, read=read, told=told, speaks=speaks)
    assert found in ANSWERED
    assert found.value == said[-1].value


def test_an_object_was_handed_over_when_any_version_of_it_was() -> None:
    assert handed(RECIPIENT, {5}) == list(RECIPIENT.taken)
    assert handed(RECIPIENT, {1, 9}) == list(RECIPIENT.taken)
    assert handed(RECIPIENT, {2}) == []
