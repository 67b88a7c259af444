"""When a subscription's mail may ring, as JSON says it: read and shown. Pure."""

from __future__ import annotations

import difflib
import functools
import re
import zoneinfo
from datetime import UTC, datetime, time
from typing import Any, Final

from idlebell.gateway.reading import Faults, unknown_member
from idlebell.gateway.shapes import QuietHoursView
from idlebell.model.preferences import QuietHours, Then

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DIGEST_MINUTES_MAX: Final = 1_440
"""A day: what is to ring more seldom than that is not a bell."""
COALESCE_SECONDS_MAX: Final = 3_600
"""As in the configuration. What is to ring more seldom than every hour has a digest."""
FLOOD_PER_MINUTE_MAX: Final = 100_000
FALL_THROUGH_SECONDS: Final = (5, 86_400)
"""An attempt may take 15 seconds, and most answers come within one."""
_QUIET_HOURS: Final = frozenset({"tz", "days", "from", "to", "then"})
_OF_A_MACHINE: Final = frozenset({"localtime", "Factory"})
"""Files beside the zones: what the gateway's machine shows, which is nothing of the user's, and that nobody has set it."""
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def read_muted_until(faults: Faults, value: Any, at: str) -> datetime | None:
    """RFC 3339. One that is past mutes nothing."""
    try:
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    faults.add(at, "must be a date and time with its offset (RFC 3339), such as 2030-01-31T07:00:00Z")
    return None


def read_digest_minutes(faults: Faults, value: Any, at: str) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= DIGEST_MINUTES_MAX:
        return value
    faults.add(at, f"must be a whole number from 1 to {DIGEST_MINUTES_MAX}")
    return None


def read_coalesce_seconds(faults: Faults, value: Any, at: str) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= COALESCE_SECONDS_MAX:
        return float(value)
    faults.add(at, f"must be a number from 0 to {COALESCE_SECONDS_MAX}")
    return None


def read_flood_per_minute(faults: Faults, value: Any, at: str) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= FLOOD_PER_MINUTE_MAX:
        return value
    faults.add(at, f"must be a whole number from 0 to {FLOOD_PER_MINUTE_MAX}")
    return None


def read_fall_through_seconds(faults: Faults, value: Any, at: str) -> int | None:
    least, most = FALL_THROUGH_SECONDS
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    faults.add(at, f"must be a whole number from {least} to {most}")
    return None


def read_quiet_hours(faults: Faults, value: Any, at: str) -> QuietHours | None:
    if not isinstance(value, dict):
        faults.add(at, "must be an object")
        return None
    before = faults.count
    for name in value:
        if name not in _QUIET_HOURS:
            unknown_member(faults, at, name, [one for one in _QUIET_HOURS if one not in value])
    given = {name: one for name, one in value.items() if one is not None}
    zone = _zone(faults, given.get("tz"), f"{at}/tz")
    days = _days(faults, given.get("days", list(DAYS)), f"{at}/days")
    begin = _time(faults, given.get("from"), f"{at}/from")
    end = _time(faults, given.get("to"), f"{at}/to")
    then = given.get("then", Then.COUNT)
    if then not in tuple(Then):
        faults.add(f"{at}/then", "must be one of count, drop")
    if faults.count == before and begin == end and len(days) == len(DAYS):
        faults.add(f"{at}/to", "must not be the same as from on every day: nothing would ever ring")
    return None if faults.count > before else QuietHours(zone, days, begin, end, Then(then))


def quiet_hours_view(quiet: QuietHours) -> QuietHoursView:
    return QuietHoursView(
        tz=quiet.tz,
        days=tuple(DAYS[day] for day in sorted(quiet.days)),
        begin=quiet.begin.strftime("%H:%M"),
        end=quiet.end.strftime("%H:%M"),
        then=quiet.then.value,
    )


def quiet_hours_json(quiet: QuietHours) -> dict[str, Any]:
    """What a patch of it is merged into."""
    view = quiet_hours_view(quiet)
    return {"tz": view.tz, "days": list(view.days), "from": view.begin, "to": view.end, "then": view.then}


def _zone(faults: Faults, value: Any, at: str) -> str:
    if isinstance(value, str) and value in _zones():
        return value
    detail = "must name a time zone of the IANA database, such as Europe/Berlin"
    if isinstance(value, str):
        near = difflib.get_close_matches(value[:100], _zones(), n=1)
        detail += f"; the nearest is {near[0]}" if near else ""
    faults.add(at, detail if value is not None else "is missing")
    return ""


@functools.cache
def _zones() -> frozenset[str]:
    """A walk over hundreds of files: once."""
    return frozenset(zoneinfo.available_timezones()) - _OF_A_MACHINE


def _days(faults: Faults, value: Any, at: str) -> frozenset[int]:
    if not isinstance(value, list) or not value or any(day not in DAYS for day in value):
        faults.add(at, "must be a list of at least one of " + ", ".join(DAYS))
        return frozenset()
    return frozenset(DAYS.index(day) for day in value)


def _time(faults: Faults, value: Any, at: str) -> time:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        faults.add(at, "is missing" if value is None else "must be a time of the clock, from 00:00 to 23:59")
        return time()
    return time(int(found[1]), int(found[2]))
