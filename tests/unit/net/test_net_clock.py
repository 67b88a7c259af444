"""The machine's clocks."""

from __future__ import annotations

from datetime import UTC

from idlebell.net.clock import Clock


def test_the_wall_clock_is_aware_and_in_utc():
    assert Clock().now().tzinfo is UTC


def test_the_monotonic_clock_does_not_go_back():
    clock = Clock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


async def test_a_sleep_of_nothing_or_less_returns():
    await Clock().sleep(0)
    await Clock().sleep(-5)


def test_the_clock_since_boot_is_never_behind_the_monotonic_one_for_long():
    """They differ by how long the machine slept."""
    clock = Clock()
    before = clock.boottime() - clock.monotonic()
    assert clock.boottime() - clock.monotonic() >= before - 1.0
