from __future__ import annotations

import json
from datetime import UTC, datetime, time

from hypothesis import given
from hypothesis import strategies as st

from idlebell.model.preferences import NO_PREFERENCES, Hushed, HushedBy, Preferences, QuietHours, Then
from idlebell.store.preferences_codec import decode_preferences, encode_preferences

TEXTS = st.text(max_size=20)
CLOCK = st.builds(time, st.integers(0, 23), st.integers(0, 59))
QUIET = st.builds(QuietHours, TEXTS, st.frozensets(st.integers(0, 6)), CLOCK, CLOCK, st.sampled_from(Then))
PREFERENCES = st.builds(
    Preferences,
    filter=st.none() | TEXTS,
    vip=st.none() | TEXTS,
    muted_until=st.none() | st.integers(0, 4_000_000_000).map(lambda at: datetime.fromtimestamp(at, UTC)),
    quiet_hours=st.none() | QUIET,
    digest_minutes=st.none() | st.integers(1, 1_440),
    coalesce_seconds=st.none() | st.floats(0, 3_600),
    flood_per_minute=st.none() | st.integers(0, 100_000),
    fall_through_seconds=st.none() | st.integers(5, 86_400),
    hushed=st.lists(st.builds(Hushed, st.sampled_from(HushedBy), TEXTS), max_size=3).map(tuple),
    withdraw=st.booleans(),
    remind_after_seconds=st.none() | st.integers(1, 1_000_000),
    content_limit_bytes=st.none() | st.integers(0, 1_000_000),
)


@given(PREFERENCES)
def test_what_is_written_is_read(preferences: Preferences) -> None:
    assert decode_preferences(json.loads(json.dumps(encode_preferences(preferences)))) == preferences


def test_what_nobody_asked_for_costs_nothing() -> None:
    assert encode_preferences(NO_PREFERENCES) == {}
