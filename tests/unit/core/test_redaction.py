"""Redacted copies: what is taken out is gone, whatever pointed to it too, and nothing else changes."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.stix import new_uuid
from titian.core import redaction as r
from titian.core.redaction import Path
from titian.core.stix import is_identifier
from titian.core.stix.schema import SHAPES

TOOL, HIDDEN, ALSO_HIDDEN, KEPT, CREATOR, MARK = (
    f"{kind}--{new_uuid()}"
    for kind in ("tool", "ipv4-addr", "domain-name", "malware", "identity", "marking-definition")
)


def keeps(identifier: str) -> bool:
    return identifier not in (HIDDEN, ALSO_HIDDEN)


def cut(source: dict[str, Any], *selectors: str) -> tuple[dict[str, Any], list[str]]:
    before = copy.deepcopy(source)
    found = r.cut(source, [r.parse_selector(selector) for selector in selectors], keeps)
    assert source == before, "the source is left as it was"
    return found


# ── selectors ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("selector", "path"),
    [
        ("name", ("name",)),
        ("labels.[0]", ("labels", 0)),
        ("external_references.[12].url", ("external_references", 12, "url")),
        ("extensions.extension-definition--1.a", ("extensions", "extension-definition--1", "a")),
        ("0", ("0",)),
        ("a.[b]", ("a", "[b]")),
        ("a.[1]x", ("a", "[1]x")),
        ("", ("",)),
    ],
)
def test_selectors(selector: str, path: Path) -> None:
    assert r.parse_selector(selector) == path
    assert r.write_selector(path) == selector


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ((), True),
        (("a",), True),
        (("a", "b"), True),
        (("a", "b", 0), True),
        (("a", "b", 1), True),
        (("a", "b", 2), False),
        (("a", "b", "0"), False),
        (("a", 0), False),
        (("a", "b", 0, "x"), False),
        (("b",), False),
        (("nothing",), True),
        (("nothing", "x"), False),
    ],
)
def test_a_path_leads_somewhere_or_nowhere(path: Path, leads: bool) -> None:
    assert r.leads_somewhere({"a": {"b": ["x", "y"]}, "nothing": None}, path) is leads


# ── cutting ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "selectors", "left", "taken"),
    [
        pytest.param({"name": "a", "b": 1}, ["name"], {"b": 1}, ["name"], id="a property"),
        pytest.param({"a": ["x", "y", "z"]}, ["a.[1]"], {"a": ["x", "z"]}, ["a.[1]"], id="an item"),
        pytest.param({"a": ["x", "y", "z"]}, ["a.[0]", "a.[2]"], {"a": ["y"]}, ["a.[0]", "a.[2]"], id="two items"),
        pytest.param({"a": ["x"], "b": 1}, ["a.[0]"], {"b": 1}, ["a.[0]"], id="an empty list goes"),
        pytest.param({"a": {"x": {"y": 1}}, "b": 1}, ["a.x.y"], {"b": 1}, ["a.x.y"], id="empty objects go"),
        pytest.param({"a": [], "b": {}, "c": [{}]}, [], {"a": [], "b": {}, "c": [{}]}, [], id="what was empty stays"),
        pytest.param({"a": 0, "b": None, "c": False, "d": ""}, [], {"a": 0, "b": None, "c": False, "d": ""}, [],
                     id="false values stay"),
        pytest.param({"a": [{"u": 1, "v": 2}]}, ["a.[0].u"], {"a": [{"v": 2}]}, ["a.[0].u"], id="in an item"),
        pytest.param({"a": 1}, ["b"], {"a": 1}, [], id="a path that leads nowhere takes nothing"),
        pytest.param({"a": 1}, ["a"], {}, ["a"], id="everything"),
        pytest.param({"a_ref": HIDDEN, "b_ref": KEPT}, [], {"b_ref": KEPT}, ["a_ref"], id="a reference"),
        pytest.param({"refs": [HIDDEN, KEPT, ALSO_HIDDEN]}, [], {"refs": [KEPT]}, ["refs.[0]", "refs.[2]"], id="some"),
        pytest.param({"refs": [HIDDEN], "a": 1}, [], {"a": 1}, ["refs.[0]"], id="all references"),
        pytest.param({"d": f"see {HIDDEN}, not {KEPT}."}, [], {"d": f"see [withheld], not {KEPT}."}, ["d"], id="text"),
        pytest.param({"d": f"{HIDDEN} {ALSO_HIDDEN}"}, [], {"d": "[withheld] [withheld]"}, ["d"], id="text of two"),
        pytest.param({"d": f"日本{HIDDEN}語"}, [], {"d": "日本[withheld]語"}, ["d"], id="in Japanese"),
        pytest.param({"d": "a -- b"}, [], {"d": "a -- b"}, [], id="a dash"),
        pytest.param({"id": HIDDEN, "created_by_ref": HIDDEN}, [], {"id": HIDDEN, "created_by_ref": HIDDEN}, [],
                     id="its own name is the caller's"),
        pytest.param({"x": {"id": HIDDEN, "y": 1}}, [], {"x": {"y": 1}}, ["x.id"], id="an id deeper down is not"),
    ],
)  # fmt: skip
def test_what_is_left_and_what_was_taken(
    source: dict[str, Any], selectors: list[str], left: dict[str, Any], taken: list[str]
) -> None:
    assert cut(source, *selectors) == (left, taken)


def test_law_5_a_hidden_identifier_does_not_stay_as_a_key() -> None:
    left, taken = cut({"id": TOOL, "x_scores": {HIDDEN: 5, KEPT: 6}})
    assert HIDDEN not in json.dumps(left)
    assert left["x_scores"][KEPT] == 6
    assert taken


def granular(*selectors: str, **said: str) -> dict[str, Any]:
    return {"selectors": list(selectors), **(said or {"marking_ref": MARK})}


@pytest.mark.parametrize(
    ("source", "selectors", "left"),
    [
        pytest.param({"a": ["x", "y", "z"], "granular_markings": [granular("a.[2]", "a.[0]")]}, ["a.[1]"],
                     [granular("a.[1]", "a.[0]")], id="selectors move with their places"),
        pytest.param({"a": "x", "b": "y", "granular_markings": [granular("a"), granular("b")]}, ["a"],
                     [granular("b")], id="one that means nothing goes"),
        pytest.param({"a": "x", "b": "y", "granular_markings": [granular("a", "b", lang="id")]}, ["a"],
                     [granular("b", lang="id")], id="a language too"),
        pytest.param({"a": "x", "b": "y", "granular_markings": [granular("a")]}, ["a"], None, id="the last one"),
        pytest.param({"a": ["x"], "b": "y", "granular_markings": [granular("a")]}, ["a.[0]"], None, id="emptied"),
        pytest.param({"a": {"b": ["x", {"c": 1}]}, "granular_markings": [granular("a.b.[1].c")]}, ["a.b.[0]"],
                     [granular("a.b.[0].c")], id="deep"),
    ],
)  # fmt: skip
def test_granular_markings_follow_what_they_mean(
    source: dict[str, Any], selectors: list[str], left: list[dict[str, Any]] | None
) -> None:
    assert cut(source, *selectors)[0].get("granular_markings") == left


values = st.recursive(
    st.sampled_from([HIDDEN, KEPT, f"see {HIDDEN}", "plain", 5, None, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(objects)
def test_law_5_nothing_hidden_is_left_in_a_copy(source: dict[str, Any]) -> None:
    left, taken = cut(source)
    assert HIDDEN not in json.dumps(left)
    assert bool(taken) == (HIDDEN in json.dumps(source))
    assert all(r.leads_somewhere(source, r.parse_selector(selector)) for selector in taken)


@given(objects, st.data())
def test_what_is_cut_is_gone_and_the_rest_stands(source: dict[str, Any], data: st.DataObject) -> None:
    places = [path for path, _ in r.texts(source)]
    chosen = data.draw(st.lists(st.sampled_from(places), max_size=3, unique=True)) if places else []
    left, taken = r.cut(source, chosen, lambda _: True)
    assert taken == sorted(map(r.write_selector, chosen))
    gone = [text for path, text in r.texts(source) if path in chosen]
    rest = [text for path, text in r.texts(source) if path not in chosen]
    assert [text for _, text in r.texts(left)] == rest
    assert len(gone) == len(chosen)


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_name_follows_in_keys_and_texts_too() -> None:
    names = {HIDDEN: TOOL}
    source = {"id": HIDDEN, HIDDEN: [HIDDEN, f"see {HIDDEN} and {KEPT}", 5, None], "a": {"b": "x -- y"}}
    assert r.rename(source, names) == {
        "id": TOOL,
        TOOL: [TOOL, f"see {TOOL} and {KEPT}", 5, None],
        "a": {"b": "x -- y"},
    }
    assert r.rename(source, {}) == source


@given(st.binary(min_size=1), st.text(max_size=9), st.sampled_from([TOOL, HIDDEN, KEPT]), st.binary(max_size=9))
def test_law_4_a_copy_has_a_keyed_name_of_its_own(key: bytes, audience: str, source: str, content: bytes) -> None:
    found = r.copy_id(key, audience, source, content)
    assert found == r.copy_id(key, audience, source, content)
    assert found.partition("--")[0] == source.partition("--")[0]
    assert is_identifier(found)
    assert re.fullmatch(r"[a-z0-9-]+--[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", found)
    others = {
        r.copy_id(key + b"x", audience, source, content), r.copy_id(key, audience + "x", source, content),
        r.copy_id(key, audience, source, content + b"x"), r.copy_id(key, audience, CREATOR, content), source,
    }  # fmt: skip
    assert found not in others
    assert len(others) == 5


def test_the_name_of_a_copy_without_content_is_that_of_empty_content() -> None:
    assert r.copy_id(b"k", "a", TOOL) == r.copy_id(b"k", "a", TOOL, b"")


# ── what an object can do without ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "needed", "dispensable"),
    [
        ("ipv4-addr", {"value"}, {"resolves_to_refs"}),
        ("file", {"hashes", "name", "parent_directory_ref", "extensions"}, {"size", "mime_type"}),
        ("indicator", {"pattern", "pattern_type", "valid_from"}, {"name", "description"}),
        ("report", {"name", "published", "object_refs"}, {"description"}),
        ("relationship", {"relationship_type", "source_ref", "target_ref"}, {"description"}),
        ("user-account", {"user_id", "account_login", "account_type"}, {"display_name"}),
    ],
)
def test_what_is_required_or_makes_the_identifier_is_indispensable(
    kind: str, needed: set[str], dispensable: set[str]
) -> None:
    found = r.indispensable(kind)
    assert found is not None
    assert needed <= found
    assert found >= r.PROTECTED
    assert dispensable.isdisjoint(found)


def test_law_2_what_a_new_type_can_do_without_is_not_known() -> None:
    assert r.indispensable("x-wallet") is None
    assert all(r.indispensable(kind) is not None for kind in SHAPES)


def test_an_object_cannot_lose_what_it_is_and_how_it_is_marked() -> None:
    assert {"id", "type", "created", "modified", "revoked", "object_marking_refs", "granular_markings"} < r.PROTECTED


# ── texts and sources ─────────────────────────────────────────────────────────────────────────────────────────


def test_texts_come_with_the_way_to_them() -> None:
    value = {"a": "x", "b": ["y", {"c": "z"}, 5], "d": None}
    assert list(r.texts(value)) == [(("a",), "x"), (("b", 0), "y"), (("b", 1, "c"), "z")]
    assert list(r.texts("x")) == [((), "x")]


def test_only_public_catalogues_do_not_tell_the_source() -> None:
    cve = {"source_name": "cve", "external_id": "CVE-2024-1"}
    attack = {"source_name": "mitre-attack", "external_id": "T1566"}
    others = [{"source_name": "Agency Three"}, {"url": "https://agency.example"}, {"source_name": "CVE of ours"}]
    assert [one for one in [cve, *others, attack] if r.is_catalogued(one)] == [cve, attack]
