"""When a message may ring."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.model.preferences import NO_PREFERENCES, Preferences, QuietHours, Then
from idlebell.rules.pace import Lately, Pace
from idlebell.rules.schedule import (
    RINGS,
    Held,
    Silenced,
    Why,
    Window,
    place,
    quiet_until,
    reschedules,
    scheduled,
    window_at,
)

BERLIN = ZoneInfo("Europe/Berlin")
EVERY_DAY = frozenset(range(7))
NIGHT = QuietHours("Europe/Berlin", EVERY_DAY, time(22), time(7), Then.COUNT)
NOON = datetime(2026, 11, 26, 11, tzinfo=UTC)  # a Thursday
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


def test_without_a_wish_everything_rings_at_once() -> None:
    assert place(NO_PREFERENCES, NOON, NOON) == RINGS
    assert not scheduled(NO_PREFERENCES)


# quiet hours


def test_what_comes_at_night_is_held_until_the_morning() -> None:
    came = berlin("2026-11-26 23:30")
    assert place(Preferences(quiet_hours=NIGHT), came, came) == Held(berlin("2026-11-27 07:00"), Why.QUIET_HOURS)


def test_what_comes_after_midnight_belongs_to_the_window_that_began_before_it() -> None:
    thursday = replace(NIGHT, days=frozenset({3}))
    assert quiet_until(thursday, berlin("2026-11-27 03:00")) == berlin("2026-11-27 07:00")
    assert quiet_until(thursday, berlin("2026-11-26 03:00")) is None
    assert quiet_until(thursday, berlin("2026-11-27 23:00")) is None


def test_a_window_holds_its_first_moment_and_not_its_last() -> None:
    microsecond = timedelta(microseconds=1)
    begin, end = berlin("2026-11-26 22:00"), berlin("2026-11-27 07:00")
    assert window_at(NIGHT, begin - microsecond) is None
    assert window_at(NIGHT, begin) == window_at(NIGHT, end - microsecond) == Window(begin, end)
    assert window_at(NIGHT, end) is None


def test_a_window_within_a_day_ends_on_it() -> None:
    lunch = replace(NIGHT, begin=time(12), end=time(13))
    assert quiet_until(lunch, berlin("2026-11-26 12:30")) == berlin("2026-11-26 13:00")
    assert quiet_until(lunch, berlin("2026-11-26 13:00")) is None


def test_whole_days_that_follow_each_other_are_one_quiet() -> None:
    weekend = replace(NIGHT, days=frozenset({5, 6}), begin=time(0), end=time(0))
    assert quiet_until(weekend, berlin("2026-11-28 10:00")) == berlin("2026-11-30 00:00")


def test_the_night_on_which_the_clocks_go_forward_is_an_hour_shorter() -> None:
    window = window_at(NIGHT, berlin("2027-03-28 01:00"))
    assert window is not None
    assert window.end - window.begin == timedelta(hours=8)


def test_the_night_on_which_the_clocks_go_back_is_an_hour_longer() -> None:
    window = window_at(NIGHT, berlin("2026-10-25 01:00"))
    assert window is not None
    assert window.end - window.begin == timedelta(hours=10)


def test_a_time_that_the_clock_jumps_over_is_read_with_the_offset_from_before() -> None:
    """RFC 5545 section 3.3.5: 02:30 on that night is what the clock shows as 03:30."""
    early = replace(NIGHT, end=time(2, 30))
    assert quiet_until(early, berlin("2027-03-28 01:00")) == berlin("2027-03-28 03:30")


def test_a_window_that_the_clock_jumps_over_is_none() -> None:
    gap = replace(NIGHT, begin=time(2, 30), end=time(3, 15))
    moments = [berlin("2027-03-28 01:00") + minutes * MINUTE for minutes in range(240)]
    assert [one for one in moments if window_at(gap, one)] == []


def test_a_time_that_comes_twice_is_the_first_of_both() -> None:
    early = replace(NIGHT, end=time(2, 30))
    first, second = berlin("2026-10-25 02:30", 0), berlin("2026-10-25 02:30", 1)
    assert second - first == timedelta(hours=1)
    assert quiet_until(early, first - MINUTE) == first
    assert quiet_until(early, first + MINUTE) is None


def test_a_day_that_a_zone_skips_has_no_window_of_its_own() -> None:
    """Samoa had no 30 December 2011, a Friday."""
    friday = QuietHours("Pacific/Apia", frozenset({4}), time(9), time(10), Then.COUNT)
    at = datetime(2011, 12, 30, tzinfo=UTC)
    found = {window_at(friday, at + minutes * MINUTE) for minutes in range(-2_000, 4_000)}
    assert len(found - {None}) <= 1


def test_a_zone_that_is_not_known_any_more_keeps_nothing_quiet() -> None:
    assert place(Preferences(quiet_hours=replace(NIGHT, tz="Mars/Olympus")), NOON, NOON) == RINGS
    assert window_at(replace(NIGHT, tz="../etc/passwd"), NOON) is None


def test_the_ends_of_the_calendar_have_no_windows() -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    greenwich = replace(NIGHT, tz="UTC", end=time(21))
    assert window_at(greenwich, first + timedelta(hours=1)) is None
    assert window_at(greenwich, last) is None


def test_quiet_hours_that_drop_silence_what_comes_in_them() -> None:
    wish = Preferences(quiet_hours=replace(NIGHT, then=Then.DROP))
    came = berlin("2026-11-26 23:00")
    assert place(wish, came, came) == Silenced(Why.QUIET_HOURS)
    assert place(wish, came, came + timedelta(days=1)) == Silenced(Why.QUIET_HOURS)


def test_what_came_before_quiet_hours_that_drop_is_held_to_their_end() -> None:
    wish = Preferences(quiet_hours=replace(NIGHT, then=Then.DROP))
    came = berlin("2026-11-26 21:59")
    assert place(wish, came, came + 2 * MINUTE) == Held(berlin("2026-11-27 07:00"), Why.QUIET_HOURS)


# mute


def test_a_mute_silences_until_its_end() -> None:
    wish = Preferences(muted_until=NOON)
    assert place(wish, NOON - MINUTE, NOON - MINUTE) == Silenced(Why.MUTED)
    assert place(wish, NOON, NOON) == RINGS


def test_a_mute_goes_before_quiet_hours() -> None:
    night = berlin("2026-11-26 23:00")
    wish = Preferences(muted_until=night + MINUTE, quiet_hours=NIGHT)
    assert place(wish, night, night) == Silenced(Why.MUTED)


# digest


def test_a_digest_holds_what_comes_soon_after_a_ring() -> None:
    wish = Preferences(digest_minutes=30)
    assert place(wish, NOON, NOON) == RINGS
    assert place(wish, NOON, NOON, lately=Lately(rung_at=NOON - 10 * MINUTE)) == Held(NOON + 20 * MINUTE, Why.DIGEST)
    assert place(wish, NOON, NOON, lately=Lately(rung_at=NOON - 30 * MINUTE)) == RINGS


def test_a_clock_that_was_set_back_makes_a_digest_no_longer_than_it_is() -> None:
    wish = Preferences(digest_minutes=30)
    assert place(wish, NOON, NOON, lately=Lately(rung_at=NOON + timedelta(days=9))) == Held(
        NOON + 30 * MINUTE, Why.DIGEST
    )


def test_a_digest_that_would_ring_in_quiet_hours_rings_at_their_end() -> None:
    came = berlin("2026-11-26 21:50")
    wish = Preferences(digest_minutes=30, quiet_hours=NIGHT)
    assert place(wish, came, came, lately=Lately(rung_at=came - MINUTE)) == Held(
        berlin("2026-11-27 07:00"), Why.QUIET_HOURS
    )


# coalescing and floods


def test_coalescing_holds_until_its_window_closes() -> None:
    pace = Pace(coalesce_seconds=30)
    lately = Lately(rung_at=NOON - 10 * SECOND)
    assert place(NO_PREFERENCES, NOON, NOON, pace=pace) == RINGS
    assert place(NO_PREFERENCES, NOON, NOON, lately=lately, pace=pace) == Held(NOON + 20 * SECOND, Why.COALESCED)
    assert place(Preferences(coalesce_seconds=0), NOON, NOON, lately=lately, pace=pace) == RINGS
    longer = place(Preferences(coalesce_seconds=90.5), NOON, NOON, lately=lately, pace=pace)
    assert longer == Held(NOON + 80.5 * SECOND, Why.COALESCED)
    digest = place(Preferences(digest_minutes=1), NOON, NOON, lately=lately, pace=pace)
    assert digest == Held(NOON + 50 * SECOND, Why.DIGEST)


def test_a_flood_rings_at_the_end_of_its_minute() -> None:
    pace, begun = Pace(flood_per_minute=3), NOON - 20 * SECOND
    assert place(NO_PREFERENCES, NOON, NOON, lately=Lately(None, begun, 2), pace=pace) == RINGS
    full = Lately(None, begun, 3)
    assert place(NO_PREFERENCES, NOON, NOON, lately=full, pace=pace) == Held(NOON + 40 * SECOND, Why.FLOOD)
    assert place(NO_PREFERENCES, NOON, NOON, lately=full, pace=pace, vip=True) == RINGS
    assert place(Preferences(flood_per_minute=9), NOON, NOON, lately=full, pace=pace) == RINGS
    assert place(Preferences(flood_per_minute=0), NOON, NOON, lately=full, pace=pace) == RINGS
    assert place(NO_PREFERENCES, NOON, begun + MINUTE, lately=full, pace=pace) == RINGS
    back = NOON - timedelta(days=1)
    assert place(NO_PREFERENCES, back, back, lately=full, pace=pace) == RINGS, "the clock was set back"


# vip


def test_a_vip_rings_through_everything() -> None:
    night = berlin("2026-11-26 23:00")
    drop = replace(NIGHT, then=Then.DROP)
    wish = Preferences(muted_until=night + MINUTE, quiet_hours=drop, digest_minutes=30)
    assert place(wish, night, night, vip=True, lately=Lately(rung_at=night)) == RINGS


@pytest.mark.parametrize(
    ("changed", "does"),
    [
        ({"muted_until": NOON}, True),
        ({"quiet_hours": NIGHT}, True),
        ({"digest_minutes": 1}, True),
        ({"coalesce_seconds": 0.0}, True),
        ({"flood_per_minute": 0}, True),
        ({"vip": "{}"}, False),
    ],
)
def test_only_when_messages_ring_is_a_schedule(changed: dict[str, object], does: bool) -> None:
    wish = replace(NO_PREFERENCES, **changed)  # type: ignore[arg-type]
    assert scheduled(wish) is does
    assert reschedules(NO_PREFERENCES, wish) is does


zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kolkata"]
)
moments = st.integers(0, 24 * 366 * 1_440).map(lambda minutes: datetime(2009, 1, 1, tzinfo=UTC) + minutes * MINUTE)
clocks = st.builds(time, st.integers(0, 23), st.integers(0, 59))
quiets = st.builds(
    QuietHours, zones, st.frozensets(st.integers(0, 6), min_size=1), clocks, clocks, st.sampled_from(Then)
).filter(lambda one: one.begin != one.end or len(one.days) < 7)


@given(quiets, moments)
def test_the_end_of_quiet_is_not_quiet(quiet: QuietHours, moment: datetime) -> None:
    end = quiet_until(quiet, moment)
    if end is None:
        assert window_at(quiet, moment) is None
    else:
        assert moment < end <= moment + timedelta(days=7)
        assert window_at(quiet, end) is None


paces = st.builds(Pace, st.floats(0, 3_600), st.integers(0, 3))
latelies = st.builds(Lately, st.none() | moments, st.none() | moments, st.integers(0, 9))


@given(quiets, moments, st.none() | st.integers(1, 1_440), latelies, st.none() | moments, paces)
def test_what_is_held_rings_when_it_is_due(
    quiet: QuietHours, now: datetime, digest: int | None, lately: Lately, muted: datetime | None, pace: Pace
) -> None:
    """It is placed again then, and held no longer: nothing waits for ever."""
    wish = Preferences(quiet_hours=quiet, digest_minutes=digest, muted_until=muted)
    if lately.rung_at is not None:
        lately = replace(lately, rung_at=min(lately.rung_at, now))
    placed = place(wish, now, now, lately=lately, pace=pace)
    if isinstance(placed, Held):
        assert placed.until > now
        assert not isinstance(place(wish, now, placed.until, lately=lately, pace=pace), Held)
