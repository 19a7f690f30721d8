"""Screening over the JSON API: batches, a stream, and what a partner is answered is remembered (law 8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.gate import Bench, benches, made, party_id
from support.partner import serving
from titian.core.ledger import Kind
from titian.core.tlp import Tlp

API = "/api/v1"
VALID = {"pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"}


def seen(value: str, **more: Any) -> dict[str, Any]:
    return made(
        "indicator", name=value, pattern=f"[domain-name:value = '{value}']", **VALID, **({"tlp": Tlp.GREEN} | more)
    )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    for make in benches(tmp_path):
        bench = make()
        bench.agree("jp", party_id("japan"))
        bench.release(*bench.hold(seen("shared.example")), to="jp")
        bench.hold(seen("secret.example", tlp=Tlp.RED))
        yield bench


def deliveries(bench: Bench) -> list[dict[str, Any]]:
    held = next(one for one in bench.node.ledger_desk.list() if one.agreement is not None)
    found = bench.node.ledger_desk.entries(held.origin, limit=1000)
    return [dict(one.entry.details) for one in found if one.entry.kind is Kind.DELIVERY]


def test_a_partner_is_answered_from_its_own_and_each_hit_is_remembered(bench: Bench) -> None:
    key = bench.secrets["japan"]
    with serving(bench) as face:
        asked = {"values": ["secret.example", {"value": "SHARED.example", "kind": "domain"}, "nothing.example"]}
        answer = face.ask(f"{API}/screen", key, "POST", json=asked).json()
        assert answer["known"] == 1
        assert [len(row["hits"]) for row in answer["rows"]] == [0, 1, 0]
        (first,) = deliveries(bench)
        assert (first["view"], first["count"], first["whole"]) == ("screen", 1, False)
        answer = face.ask(f"{API}/screen", key, params={"value": "secret.example"}).json()
        assert answer["hits"] == []
        assert len(deliveries(bench)) == 1, "what hands nothing over is not remembered"
        lines = face.ask(
            f"{API}/screen/stream", key, "POST", json={"values": ["a.example", "shared.example"]}
        ).text.splitlines()
        assert [len(json.loads(line)["hits"]) for line in lines] == [0, 1]
        assert len(deliveries(bench)) == 2


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"values": []}, "does not fit"),
        ({"values": ["x"], "kind": "walet"}, "does not fit"),
        ({"values": ["x"], "purpose": "curiosity"}, "does not fit"),
        ({"values": ["x"], "threshold": 7}, "does not fit"),
        ({"values": ["x"], "other": 1}, "does not fit"),
        ({"values": [{"value": "x", "births": ["soon"]}]}, "does not fit"),
        ([], "does not fit"),
    ],
)
def test_what_cannot_be_read_is_told(bench: Bench, asked: Any, says: str) -> None:
    with serving(bench) as face:
        answer = face.ask(f"{API}/screen", bench.secrets["japan"], "POST", json=asked)
        assert answer.status_code == 400
        assert says in answer.json()["detail"]


def test_a_batch_of_many_is_answered_in_order(bench: Bench) -> None:
    with serving(bench) as face:
        values = [f"n{number}.example" for number in range(2_000)]
        values[1_234] = "shared.example"
        rows = face.ask(
            f"{API}/screen", bench.secrets["japan"], "POST", json={"values": values, "kind": "domain"}
        ).json()["rows"]
        assert [row["value"] for row in rows] == values
        assert [at for at, row in enumerate(rows) if row["hits"]] == [1_234]
