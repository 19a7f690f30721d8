"""Settings: each with its help, the environment before the file, and a wrong one named."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from titian.core.errors import InvalidInput
from titian.settings import FILE, Settings, read_settings, rows, write_settings

FIELDS = [field.name for field in msgspec.structs.fields(Settings)]


def test_every_setting_has_a_default_and_a_help_that_is_a_sentence() -> None:
    table = rows()
    assert [row.name for row in table] == FIELDS
    for row in table:
        assert row.help.endswith("."), row.name
        assert len(row.help) > 20, row.name
        assert row.default, row.name
    assert Settings() is not None


def test_without_a_file_all_is_default(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {}) == Settings()


def test_the_file_wins_over_the_default(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        'contact = "x@example.org"\nallowed_hosts = ["a.example", "b.example"]\npage_limit = 7\n'
    )
    assert read_settings(tmp_path, {}) == Settings(
        contact="x@example.org", allowed_hosts=("a.example", "b.example"), page_limit=7
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('page_limit = 7\ncontact = "x"\n')
    environment = {
        "TITIAN_PAGE_LIMIT": "9",
        "TITIAN_ALLOWED_HOSTS": "a.example,b.example",
        "TITIAN_HOME": "elsewhere",
        "TITIAN_UNKNOWN": "1",
        "PAGE_LIMIT": "5",
    }
    assert read_settings(tmp_path, environment) == Settings(
        page_limit=9, contact="x", allowed_hosts=("a.example", "b.example")
    )


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        pytest.param("", (), id="empty"),
        pytest.param(" , ,", (), id="only commas"),
        pytest.param("a.example, b.example", ("a.example", "b.example"), id="with a space"),
        pytest.param("\ta.example \n,b.example ", ("a.example", "b.example"), id="with white space around"),
        pytest.param("a.example,", ("a.example",), id="with a comma at the end"),
        pytest.param(",a.example,,b.example", ("a.example", "b.example"), id="with commas too many"),
    ],
)
def test_hosts_in_the_environment(tmp_path: Path, text: str, hosts: tuple[str, ...]) -> None:
    """As people write them in a file of variables. An empty name must not become one that we answer to."""
    assert read_settings(tmp_path, {"TITIAN_ALLOWED_HOSTS": text}).allowed_hosts == hosts


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("page_limits = 7", "page_limits"),
        ("page_limit = 0", "page_limit"),
        ("page_limit = 10_001", "page_limit"),
        ('page_limit = "7"', "page_limit"),
        ("max_content_length = 1023", "max_content_length"),
        ('log_level = "loud"', "log_level"),
        ("requests_burst = 0", "requests_burst"),
        ("objects_per_request = 0", "objects_per_request"),
        ("body_seconds = 0", "body_seconds"),
        ("body_seconds = 1.5", "body_seconds"),
        ("allowed_hosts = 1", "allowed_hosts"),
        ("page_limit =", FILE),
        ("\\x00", FILE),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, line: str, named: str) -> None:
    """Also an unknown one: a misspelled safety limit would silently not hold."""
    (tmp_path / FILE).write_text(line + "\n")
    with pytest.raises(InvalidInput, match=named):
        read_settings(tmp_path, {})


@pytest.mark.parametrize("text", ["x", "", "-1", "1.5", "²", "1_0", "99999999999999999999"], ids=ascii)
def test_a_number_in_the_environment_that_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match="page_limit"):
        read_settings(tmp_path, {"TITIAN_PAGE_LIMIT": text})


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'contact = "\xff"\n')
    with pytest.raises(InvalidInput, match="TOML"):
        read_settings(tmp_path, {})


@pytest.mark.parametrize("value", ["postgresql://u:p@h/n", 'a "quoted" \\ one', "naïve 例え", "a\nb\t"], ids=ascii)
def test_what_is_written_is_read(tmp_path: Path, value: str) -> None:
    """Readable by its owner only: an address can hold a password."""
    write_settings(tmp_path, {"database": value, "contact": ""})
    assert read_settings(tmp_path, {}) == Settings(database=value)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().page_limit = 5  # type: ignore[misc]


def test_a_request_is_bounded_by_default() -> None:
    """In bytes, in objects, and in time."""
    settings = Settings()
    assert (settings.max_content_length, settings.objects_per_request, settings.body_seconds) == (
        64 << 20,
        100_000,
        120,
    )


def test_the_bounds_of_a_request_can_be_set(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("objects_per_request = 5\nbody_seconds = 7\n")
    assert read_settings(tmp_path, {"TITIAN_BODY_SECONDS": "8"}) == Settings(objects_per_request=5, body_seconds=8)


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.5/24", "300.0.0.1", "10.0.0.0/33"])
def test_a_proxy_that_is_no_address_is_named(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(InvalidInput, match="trusted_proxies"):
        read_settings(tmp_path, {"TITIAN_TRUSTED_PROXIES": f"10.0.0.5,{wrong}"})
    assert read_settings(tmp_path, {"TITIAN_TRUSTED_PROXIES": "10.0.0.5, fd00::/8"}).trusted_proxies == (
        "10.0.0.5", "fd00::/8",
    )  # fmt: skip
