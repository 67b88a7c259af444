"""When a session is looked at next."""

from __future__ import annotations

from idlebell.watch.cadence import SETTLE_SECONDS, STARTING_SECONDS, Cadence


def test_starts_at_nine_minutes_under_the_bound() -> None:
    assert Cadence.of(1680, 0, 60) == Cadence(STARTING_SECONDS, 60)


def test_never_longer_than_the_operator_allows() -> None:
    assert Cadence.of(300, 0, 60).idle == 300
    assert Cadence.of(300, 900, 60).idle == 300


def test_wish_for_more_frequent_probes_is_followed() -> None:
    assert Cadence.of(1680, 120, 60).idle == 120


def test_quiet_session_waits_its_whole_interval_less_jitter() -> None:
    cadence = Cadence(540, 60)

    assert cadence.next_cycle(idles=True, settled=True, entropy=0.0) == 540
    assert cadence.next_cycle(idles=True, settled=True, entropy=0.999) > 540 * 0.9


def test_after_an_arrival_one_look_comes_early() -> None:
    assert Cadence(540, 60).next_cycle(idles=True, settled=False, entropy=0.0) == SETTLE_SECONDS


def test_without_idle_the_rhythm_is_the_polls() -> None:
    assert Cadence(540, 60).next_cycle(idles=False, settled=False, entropy=0.0) == 60
