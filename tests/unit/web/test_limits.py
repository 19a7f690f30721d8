"""Token buckets, under a clock that the test turns."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.web.limits import Buckets, Proxies


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_then_the_rate(clock: Clock) -> None:
    buckets = Buckets(2.0, 3.0, clock)
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.take("a") == pytest.approx(0.5)
    clock.now += 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == pytest.approx(0.5)


def test_asking_in_vain_costs_nothing(clock: Clock) -> None:
    """Else a client that retries at once would wait for ever."""
    buckets = Buckets(1.0, 1.0, clock)
    assert buckets.take("a") == 0.0
    for _ in range(100):
        assert buckets.take("a") > 0
    clock.now += 1.0
    assert buckets.take("a") == 0.0


def test_a_bucket_does_not_overflow(clock: Clock) -> None:
    buckets = Buckets(10.0, 3.0, clock)
    buckets.take("a")
    clock.now += 3600
    assert [buckets.take("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_everybody_has_a_bucket_of_their_own(clock: Clock) -> None:
    buckets = Buckets(1.0, 1.0, clock)
    assert buckets.take("a") == buckets.take("b") == 0.0
    assert buckets.take("a") > 0


def test_no_rate_is_no_limit(clock: Clock) -> None:
    buckets = Buckets(0, 1, clock)
    assert [buckets.take("a") for _ in range(1000)] == [0.0] * 1000


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many addresses cannot fill it up; who comes often is not the one forgotten."""
    monkeypatch.setattr("titian.web.limits._MOST", 100)
    buckets = Buckets(0.001, 2.0, clock)
    buckets.take("often")
    buckets.take("often")
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets._buckets) <= 100


@given(st.lists(st.floats(0, 3), max_size=60), st.floats(0.1, 5), st.floats(1, 10))
def test_never_more_than_burst_and_rate_allow(gaps: list[float], rate: float, burst: float) -> None:
    clock = Clock()
    buckets = Buckets(rate, burst, clock)
    begun, taken = clock.now, 0
    for gap in gaps:
        clock.now += gap
        seconds = buckets.take("a")
        assert seconds >= 0
        taken += seconds == 0
        assert taken <= burst + rate * (clock.now - begun) + 1e-6
        if seconds:
            clock.now += seconds + 1e-6
            assert buckets.take("a") == 0, "who waits as long as told is served"
            taken += 1


# ── whose address it is ───────────────────────────────────────────────────────────────────────────────────


def client(came: str, *forwarded: str, trusted: tuple[str, ...] = ("192.0.2.0/24", "2001:db8::5")) -> str:
    headers = [(b"x-forwarded-for", one.encode("latin-1")) for one in forwarded]
    return Proxies(trusted).client({"client": (came, 5000), "headers": headers})


@pytest.mark.parametrize(
    ("came", "forwarded", "found"),
    [
        pytest.param("192.0.2.7", ["198.51.100.1"], "198.51.100.1", id="one"),
        pytest.param("2001:db8::5", ["2001:db8::9"], "2001:db8::9", id="six"),
        pytest.param("::ffff:192.0.2.7", ["198.51.100.1"], "198.51.100.1", id="four-as-six"),
        pytest.param("192.0.2.7", ["1.1.1.1, 198.51.100.1,192.0.2.8"], "198.51.100.1", id="last-that-is-none"),
        pytest.param("192.0.2.7", ["1.1.1.1", "198.51.100.1"], "198.51.100.1", id="two-headers"),
        pytest.param("192.0.2.7", ["<b>, 198.51.100.1"], "198.51.100.1", id="what-stands-before-is-not-read"),
        pytest.param("192.0.2.7", ["198.51.100.1, unknown"], "192.0.2.7", id="malformed"),
        pytest.param("192.0.2.7", ["198.51.100.1,"], "192.0.2.7", id="empty-at-the-end"),
        pytest.param("192.0.2.7", ["\xff"], "192.0.2.7", id="no-text"),
        pytest.param("192.0.2.7", ["192.0.2.9"], "192.0.2.7", id="proxies-only"),
        pytest.param("192.0.2.7", [], "192.0.2.7", id="none"),
        pytest.param("198.51.100.9", ["198.51.100.1"], "198.51.100.9", id="a-stranger-is-not-believed"),
    ],
)
def test_a_proxy_is_believed_as_far_as_it_is_trusted(came: str, forwarded: list[str], found: str) -> None:
    assert client(came, *forwarded) == found


def test_nobody_is_believed_where_nobody_is_trusted() -> None:
    assert client("192.0.2.7", "198.51.100.1", trusted=()) == "192.0.2.7"
    assert Proxies(("192.0.2.7",)).client({"client": None, "headers": []}) == ""


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_header_gives_an_address(header: str) -> None:
    assert ipaddress.ip_address(client("192.0.2.7", header))
