"""Law 12: the node never merges what two parties say; nor does the gate."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

import pytest

from titian.core.access import Role
from titian.core.collection import Selection
from titian.core.people import Duty, acting_as, local_operator
from titian.exchange.agree import By
from titian.node import Node, open_node
from titian.setup import init_node

CLEAR = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
ROOT = Path(__file__).parents[3]


def made(kind: str, by: str, seed: str, **properties: object) -> dict[str, object]:
    return {
        "type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid.uuid5(uuid.NAMESPACE_URL, seed)}",
        "created_by_ref": by, "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
        "object_marking_refs": [CLEAR], **properties,
    }  # fmt: skip


def identity(name: str) -> dict[str, object]:
    found = made("identity", "", name, name=name, identity_class="organization")
    del found["created_by_ref"]
    return found


def see(node: Node, objects: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    """What the one partner is served of everything that is held."""
    operator = local_operator("test")
    node.agreements.add(
        b'name = "Talks"\nparties = ["Agency", "partner"]\npurposes = ["cybercrime"]\nceiling = "green"\n'
        b'[[party]]\nname = "Partner"\nalias = "partner"\nkind = "state-agency"\ncountry = "JP"\n',
        By(person=operator.id, why="test"),
    )
    releaser = acting_as(node.people.add("releaser-one", Duty.RELEASER, by=operator, password="four wide grey doors"))
    outcome = node.release.request(operator, [str(one["id"]) for one in objects], "Talks")
    node.release.approve(releaser, outcome.request.id)
    _, key = node.keys.add("partner", Role.READER, party=node.agreements.read().party("partner").id)
    view = node.partners.view(key)
    assert view is not None
    (seen,) = (one for one in view.collections() if one.can_read)
    page = view.read(seen.collection.id, lambda snapshot: snapshot.page(Selection()))
    return {one["id"]: one for one in json.loads(page.enclosed(b"[", b"]"))}


@pytest.mark.parametrize("same_name", [True, False])
def test_law_12_what_two_parties_say_stands_side_by_side(tmp_path: Path, same_name: bool) -> None:
    """Two names of one actor, two attributions of one campaign, two verdicts: each stays as its author said it."""
    one, two = identity("Agency One"), identity("Agency Two")
    said: list[dict[str, object]] = [one, two]
    campaign = made("campaign", str(one["id"]), "campaign", name="Winter")
    said.append(campaign)
    for by in (one, two):
        author = str(by["id"])
        name = "Night Heron" if same_name else f"Heron of {by['name']}"
        actor = made("threat-actor", author, f"actor {author}", name=name, aliases=["Heron"])
        said += [
            actor,
            made("relationship", author, f"link {author}", relationship_type="attributed-to",
                 source_ref=campaign["id"], target_ref=actor["id"]),
            made("opinion", author, f"opinion {author}", opinion="agree" if by is one else "strongly-disagree",
                 object_refs=[campaign["id"]]),
        ]  # fmt: skip
    init_node(tmp_path / "home", name="Agency", country="ID")
    with open_node(tmp_path / "home", environment={}) as node:
        collection = node.collections.add("World")
        raws = [json.dumps(each).encode() for each in said]
        assert node.exchange.hold(raws, collection, source="test").added == len(said)
        assert sorted(node.exchange.objects(collection)) == sorted(raws)
        served = see(node, said)
    assert [served.get(str(each["id"])) for each in said] == said


def test_every_test_that_the_page_of_laws_names_exists() -> None:
    named = set(re.findall(r"`(test_law_\w+)`", (ROOT / "docs" / "laws.md").read_text(encoding="utf-8")))
    defined = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_law_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 15
    assert named <= defined
