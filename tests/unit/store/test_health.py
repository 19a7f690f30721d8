"""`titian check`: each check can fail, says so in a sentence, and does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.stix import malware, text
from titian.core.access import Role
from titian.core.health import Finding
from titian.node import Node, open_node
from titian.setup import init_node

NOW = 1_800_000_000_000_000


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    init_node(tmp_path / "home", name="BSSN", country="ID", clock=lambda: NOW)
    with open_node(tmp_path / "home", clock=lambda: NOW) as opened:
        collection = opened.collections.add("One")
        opened.exchange.hold([text(malware())], collection, source="test")
        opened.keys.add("one", Role.READER)
        yield opened


def findings(node: Node) -> dict[str, Finding]:
    found = node.health.check()
    assert all(one.detail for one in found)
    return {one.check: one for one in found}


def spoil(node: Node, statement: str) -> None:
    with node.store.writing() as tx:
        assert tx.run(statement) != 0


CHECKS = {"database", "migrations", "disk", "clock", "keys", "collection One", "ledgers", "subscriptions"}


def test_a_new_node_is_healthy(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2 << 30, total=4 << 30))
    found = findings(node)
    assert set(found) == CHECKS
    assert all(one.ok for one in found.values()), found


@pytest.mark.parametrize(
    ("check", "statement"),
    [
        ("migrations", "UPDATE alembic_version SET version_num = '9999'"),
        ("collection One", "UPDATE segments SET count = count + 1"),
        ("collection One", "DELETE FROM entries"),
        ("clock", f"UPDATE collections SET last_added = {NOW + 3_600_000_000}"),
    ],
)
def test_each_check_can_fail(node: Node, check: str, statement: str) -> None:
    spoil(node, statement)
    found = findings(node)
    assert not found[check].ok
    assert all(one.ok for name, one in found.items() if name not in {check, "disk"})


def test_a_full_disk(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 20, total=4 << 30))
    assert not findings(node)["disk"].ok


def test_a_clock_that_was_never_set(tmp_path: Path) -> None:
    init_node(tmp_path / "home", name="BSSN", country="ID")
    with open_node(tmp_path / "home", clock=lambda: 5) as node:
        assert not findings(node)["clock"].ok


def test_a_check_that_breaks_does_not_stop_the_others(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks what is wrong with a node must not get a traceback for an answer."""

    def broken(_: object) -> None:
        raise OSError("the folder is gone")

    monkeypatch.setattr("shutil.disk_usage", broken)
    found = findings(node)
    assert set(found) == CHECKS
    assert not found["disk"].ok
    assert "the folder is gone" in found["disk"].detail


def test_a_missing_table_is_a_finding(node: Node) -> None:
    spoil(node, "DROP TABLE keys")
    found = findings(node)
    assert not found["keys"].ok
    assert found["database"].ok


def test_keys_are_counted_and_old_ones_named(node: Node) -> None:
    node.keys.add("two", Role.READER)
    node.keys.revoke("two")
    assert findings(node)["keys"].detail == "1 in use, 1 revoked"
    spoil(node, f"UPDATE keys SET created = {NOW - 400 * 86_400_000_000}")
    assert findings(node)["keys"].detail.endswith("over a year old: one")
