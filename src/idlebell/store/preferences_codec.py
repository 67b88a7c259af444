"""Preferences to JSON and back. Only what is not the default is written. Pure; see :mod:`idlebell.store.codec`."""

from __future__ import annotations

from datetime import time
from typing import Any

from idlebell.model.preferences import NO_PREFERENCES, Hushed, HushedBy, Preferences, QuietHours, Then
from idlebell.store.routes import microseconds, moment

_PLAIN = (
    "filter",
    "vip",
    "digest_minutes",
    "coalesce_seconds",
    "flood_per_minute",
    "fall_through_seconds",
    "withdraw",
    "remind_after_seconds",
    "content_limit_bytes",
)


def encode_preferences(preferences: Preferences) -> dict[str, Any]:
    found = {name: value for name in _PLAIN if (value := getattr(preferences, name)) != getattr(NO_PREFERENCES, name)}
    if preferences.muted_until is not None:
        found["muted_until"] = microseconds(preferences.muted_until)
    if (quiet := preferences.quiet_hours) is not None:
        days = sorted(quiet.days)
        found["quiet_hours"] = [quiet.tz, days, quiet.begin.isoformat(), quiet.end.isoformat(), quiet.then.value]
    if preferences.hushed:
        found["hushed"] = [[one.by.value, one.value] for one in preferences.hushed]
    return found


def decode_preferences(value: dict[str, Any]) -> Preferences:
    found = {name: value[name] for name in _PLAIN if name in value}
    if "muted_until" in value:
        found["muted_until"] = moment(value["muted_until"])
    if "quiet_hours" in value:
        tz, days, begin, end, then = value["quiet_hours"]
        found["quiet_hours"] = QuietHours(
            tz, frozenset(days), time.fromisoformat(begin), time.fromisoformat(end), Then(then)
        )
    if "hushed" in value:
        found["hushed"] = tuple(Hushed(HushedBy(by), what) for by, what in value["hushed"])
    return Preferences(**found)
