from __future__ import annotations

import pytest

from idlebell.gateway import limits
from idlebell.gateway.limits import Quota, RateLimit
from idlebell.net.addresses import network_of


def test_as_many_a_minute_and_then_evenly() -> None:
    limit = RateLimit(3)
    assert [limit.wait_seconds("192.0.2.1", 0.0) for _ in range(4)] == [0, 0, 0, 20]
    assert limit.wait_seconds("192.0.2.1", 19.0) == 1
    assert limit.wait_seconds("192.0.2.1", 21.0) == 0
    assert limit.wait_seconds("192.0.2.2", 20.0) == 0


def test_what_is_left_is_told_with_when_there_is_more() -> None:
    limit = RateLimit(3, "requests")
    assert limit.look("192.0.2.1", 0.0) == Quota("requests", 3, 3, 20)
    assert limit.take("192.0.2.1", 0.0) == Quota("requests", 3, 2, 20)
    assert limit.take("192.0.2.1", 5.0) == Quota("requests", 3, 1, 15)
    assert limit.take("192.0.2.1", 5.0) == Quota("requests", 3, 0, 15)
    assert limit.look("192.0.2.1", 5.0) == Quota("requests", 3, 0, 15, spent=True)
    assert limit.take("192.0.2.1", 5.0) == Quota("requests", 3, 0, 15, spent=True)
    assert limit.take("192.0.2.1", 20.0) == Quota("requests", 3, 0, 20)


def test_zero_is_no_limit() -> None:
    limit = RateLimit(0)
    assert {limit.wait_seconds("192.0.2.1", 0.0) for _ in range(1_000)} == {0}


def test_one_ipv6_network_counts_as_one_address() -> None:
    limit = RateLimit(1)
    assert limit.wait_seconds("2001:db8:1:2::1", 0.0) == 0
    assert limit.wait_seconds("2001:db8:1:2:ffff::9", 0.0) == 60
    assert limit.wait_seconds("2001:db8:1:3::1", 0.0) == 0
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("unix") == "unix"


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ADDRESSES", 2)
    limit = RateLimit(1)
    for last in range(5):
        limit.wait_seconds(f"192.0.2.{last}", 0.0)
    assert list(limit._buckets) == ["192.0.2.3", "192.0.2.4"]
