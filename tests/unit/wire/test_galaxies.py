"""The demo's real data: every object valid, every reference met, nothing of the source lost or sharpened."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import stix2

from titian.core.errors import UnreadableFile
from titian.core.marking import read_definition, read_markings
from titian.core.stix import examine
from titian.core.tlp import TLP_DEFINITIONS, Circle, Tlp
from titian.wire import galaxies
from titian.wire.galaxies import demo_counts, demo_objects, demo_size
from titian.wire.galaxies_fixed import EPOCH, FACTS, MITRE, MITRE_TERMS, logical_time
from titian.wire.galaxies_objects import GALAXIES, Cluster, Galaxy, Related, domain_object, identifier

ACTORS = next(galaxy for galaxy in GALAXIES if galaxy.name == "threat-actor")
DRONES = next(galaxy for galaxy in GALAXIES if galaxy.name == "uavs")
TECHNIQUES = next(galaxy for galaxy in GALAXIES if galaxy.name == "mitre-attack-pattern")
V4 = "9ee446fd-b0cd-4662-9cd1-a60b429192db"


@pytest.fixture(scope="module")
def raws() -> list[bytes]:
    return list(demo_objects())


@pytest.fixture(scope="module")
def objects(raws: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(raw) for raw in raws]


def made(galaxy: Galaxy, cluster: Cluster) -> dict[str, Any]:
    return domain_object(galaxy, 1, cluster, identifier(galaxy, cluster))


def by_name(objects: list[dict[str, Any]], stix_type: str, name: str) -> dict[str, Any]:
    return next(found for found in objects if found["type"] == stix_type and found.get("name") == name)


@pytest.mark.slow
def test_every_object_passes_our_own_rules(raws: list[bytes]) -> None:
    wrong = [(raw[:120], found) for raw in raws if (found := examine(raw).violations)]
    assert wrong == []


@pytest.mark.slow
def test_the_oasis_library_reads_a_sample_of_every_type(raws: list[bytes], objects: list[dict[str, Any]]) -> None:
    """An independent reader; `allow_custom` only because it refuses what it does not know, new types too."""
    sampled: Counter[str] = Counter()
    for raw, parsed in zip(raws, objects, strict=True):
        kind = parsed.get("relationship_type", "") + parsed["type"]
        sampled[kind] += 1
        if sampled[kind] <= 25:
            assert stix2.parse(raw.decode(), allow_custom=True)["id"] == parsed["id"]
    assert len(sampled) > 15


def test_the_set_is_the_same_each_time_and_counted_without_being_made(raws: list[bytes]) -> None:
    assert raws == list(demo_objects())
    assert demo_size() == len(raws) == sum(demo_counts().values())
    assert demo_counts() == Counter(json.loads(raw)["type"] for raw in raws)


def test_what_the_issue_names_is_there(objects: list[dict[str, Any]]) -> None:
    counts = Counter(parsed["type"] for parsed in objects)
    for kind, least in {
        "attack-pattern": 1000,
        "intrusion-set": 150,
        "malware": 700,
        "threat-actor": 800,
        "uav": 600,
        "taxonomy-term": 90,
        "relationship": 20_000,
    }.items():
        assert counts[kind] >= least, kind


def test_no_object_refers_forward_or_to_what_is_not_there(objects: list[dict[str, Any]]) -> None:
    """A reader that stores relationships before their ends loses them (seen in other platforms)."""
    seen: set[str] = set()
    for parsed in objects:
        for name, value in parsed.items():
            targets = [value] if name.endswith("_ref") else value if name.endswith("_refs") else []
            assert seen.issuperset(targets), (parsed["id"], name)
        assert parsed["id"] not in seen
        seen.add(parsed["id"])
    assert {name for parsed in objects for name in parsed.get("extensions", ())} - seen == {
        "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"  # FIRST's own, for TLP 2.0
    }


def test_everything_may_reach_everybody_and_mitres_text_carries_mitres_terms(
    raws: list[bytes], objects: list[dict[str, Any]]
) -> None:
    definitions = {
        parsed["id"]: read_definition(raw)
        for raw, parsed in zip(raws, objects, strict=True)
        if parsed["type"] == "marking-definition"
    }
    terms = definitions[MITRE_TERMS].statements
    assert terms
    for raw, parsed in zip(raws, objects, strict=True):
        if parsed["type"] != "marking-definition":
            marking = read_markings(raw, definitions).effective
            assert Circle.PUBLIC in marking.reach
            assert marking.statements == (terms if parsed.get("created_by_ref") == MITRE else frozenset())


def test_the_marking_object_is_the_one_that_all_nodes_share(raws: list[bytes]) -> None:
    assert raws[0] == TLP_DEFINITIONS[Tlp.CLEAR]


def test_no_bare_custom_type_or_property(objects: list[dict[str, Any]]) -> None:
    for parsed in objects:
        assert not [name for name in (parsed["type"], *parsed) if name.startswith("x_") or name[:2] == "x-"]


def test_a_technique_keeps_its_id_number_and_phases(objects: list[dict[str, Any]]) -> None:
    known = "attack-pattern--a62a8db3-f23a-4d8f-afd6-9dbc77e7813b"  # phishing, as MITRE publishes it
    phishing = next(parsed for parsed in objects if parsed["id"] == known)
    assert phishing["name"] == "Phishing"
    assert phishing["external_references"][0] == {
        "source_name": "mitre-attack",
        "external_id": "T1566",
        "url": "https://attack.mitre.org/techniques/T1566",
    }
    assert {"kill_chain_name": "mitre-attack", "phase_name": "initial-access"} in phishing["kill_chain_phases"]


def test_suspicion_stays_suspicion(objects: list[dict[str, Any]]) -> None:
    """The sponsor a source suspects stays in its words; STIX's vocabulary would state it as ours."""
    actor = by_name(objects, "threat-actor", "APT1")
    assert "threat_actor_types" not in actor
    assert actor["extensions"][FACTS]["facts"]["cfr_suspected_state_sponsor"] == ["China"]
    origin = next(
        parsed
        for parsed in objects
        if parsed.get("source_ref") == actor["id"] and parsed["relationship_type"] == "located-at"
    )
    assert (origin["description"], origin["confidence"]) == ("Suspected origin", 50)


def test_ids_outlive_a_new_version_and_modified_moves_with_it() -> None:
    cluster = Cluster(value="Danti", uuid=V4)
    old, new = (domain_object(ACTORS, version, cluster, identifier(ACTORS, cluster)) for version in (336, 337))
    assert old["id"] == new["id"] == f"threat-actor--{V4}"
    assert (old["created"], old["modified"], new["modified"]) == (
        "2015-01-01T00:00:00.000Z",
        "2015-01-01T00:05:36.001Z",
        "2015-01-01T00:05:37.001Z",
    )


def test_the_logical_clock_stays_before_attacks_first_date() -> None:
    """MITRE's own bundle has the same ids and must win; its first `modified` is of 2017."""
    assert EPOCH.year == 2015
    assert max(logical_time(galaxies._read(galaxy.name).version) for galaxy in GALAXIES) < "2017"


@pytest.mark.parametrize(
    "uuid",
    [
        pytest.param("84668357-5a8c-4bdd-0f0f-6b50b2465241", id="variant"),
        pytest.param("84668357-5a8c-9bdd-8f0f-6b50b2465241", id="version"),
        pytest.param("84668357-5A8C-4BDD-8F0F-6B50B2465241", id="upper case"),
        pytest.param("../../etc/passwd", id="not one at all"),
    ],
)
def test_an_uuid_that_rfc_4122_does_not_know_is_replaced_by_a_stable_one(uuid: str) -> None:
    first, again, other = (identifier(DRONES, Cluster(name, uuid)) for name in ("A", "A", "B"))
    assert first == again != other
    assert uuid not in first
    assert first[len("uav--") + 14] == "5"


def test_links_that_are_no_urls_are_kept_as_text() -> None:
    cluster = Cluster("Danti", V4, meta={"refs": [" https://a.example/x ", "DNM Bible Glossary", "http://a b"]})
    assert made(ACTORS, cluster)["external_references"][1:] == [
        {"source_name": "a.example", "url": "https://a.example/x"},
        {"source_name": "misp-galaxy", "description": "DNM Bible Glossary"},
        {"source_name": "misp-galaxy", "description": "http://a b"},
    ]


def test_empty_lists_and_texts_are_left_out() -> None:
    drone = made(DRONES, Cluster("Shahin-1", V4, meta={"operator": [], "wingspan_m": " ", "country": ""}))
    assert set(drone) == {
        "type",
        "spec_version",
        "id",
        "created_by_ref",
        "created",
        "modified",
        "name",
        "external_references",
        "object_marking_refs",
        "extensions",
    }


def test_a_revoked_cluster_is_a_revoked_object() -> None:
    assert made(TECHNIQUES, Cluster("Old - T1001", V4, revoked=True))["revoked"] is True


OWN, OTHER = f"intrusion-set--{V4}", "threat-actor--1cb7e1cc-d695-42b1-92f4-fd0112a3c9be"
TECHNIQUE, COUNTER = f"attack-pattern--{V4}", "course-of-action--0aa00b22-361f-5e5b-ac46-901cf6d2dfcc"


@pytest.mark.parametrize(
    ("word", "ends", "edge"),
    [
        ("similar", (OWN, OTHER), ("related-to", OWN, OTHER, "MISP galaxy: similar")),
        ("related-to", (OWN, OTHER), ("related-to", OWN, OTHER, "")),
        ("part-of ", (OWN, OTHER), ("related-to", OWN, OTHER, "MISP galaxy: part-of")),
        ("uses", (OWN, TECHNIQUE), ("uses", OWN, TECHNIQUE, "")),
        ("uses", (OWN, OTHER), ("related-to", OWN, OTHER, "MISP galaxy: uses")),
        ("blocks", (COUNTER, TECHNIQUE), ("mitigates", COUNTER, TECHNIQUE, "")),
        ("blocked-by", (TECHNIQUE, COUNTER), ("mitigates", COUNTER, TECHNIQUE, "")),
    ],
    ids=["similar", "already STIX", "trimmed", "uses a technique", "uses an actor", "blocks", "turned round"],
)
def test_a_galaxys_word_in_stix_words(word: str, ends: tuple[str, str], edge: tuple[str, ...]) -> None:
    assert galaxies._in_stix_words(Related("", word), *ends)[:4] == edge


def test_likelihood_becomes_confidence() -> None:
    tag = 'estimative-language:likelihood-probability="very-likely"'
    assert galaxies._in_stix_words(Related("", "similar", (tag,)), OWN, OTHER).confidence == 85


def test_a_pair_that_calls_itself_similar_twice_is_one_relationship(objects: list[dict[str, Any]]) -> None:
    related = [parsed for parsed in objects if parsed.get("relationship_type") == "related-to"]
    assert len(related) == len({frozenset((one["source_ref"], one["target_ref"])) for one in related})


def test_a_package_without_the_galaxy_is_said_plainly() -> None:
    with pytest.raises(UnreadableFile, match="pymispgalaxies"):
        galaxies._read("no-such-galaxy")
