"""The members of a subscription that say which mail rings, when, and how much is said: read and shown. Pure.

One table, :data:`READERS`, serves POST, which keeps what is absent, and PATCH; null stands for the default in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

from idlebell.gateway.hushed import hushed_view, read_hushed
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import SubscriptionRequest
from idlebell.gateway.when import (
    quiet_hours_view,
    read_coalesce_seconds,
    read_digest_minutes,
    read_fall_through_seconds,
    read_flood_per_minute,
    read_muted_until,
    read_quiet_hours,
)
from idlebell.model.preferences import NO_PREFERENCES, Preferences
from idlebell.rules.compiled import canonical
from idlebell.rules.content import CONTENT_LIMIT_BYTES
from idlebell.rules.filter import FilterError

REMIND_AFTER_SECONDS: Final = range(60, 7 * 86_400 + 1)
"""Sooner it would ring while the first ring is being looked at; what was not read in a week will not be."""


@dataclass(frozen=True, slots=True)
class Reader:
    """``field`` of Preferences, and what makes its value of JSON (never of null): faults are added at the pointer."""

    field: str
    read: Callable[[Faults, Any, str], Any]


def _remind_after(faults: Faults, given: Any, at: str) -> int | None:
    if isinstance(given, int) and not isinstance(given, bool) and given in REMIND_AFTER_SECONDS:
        return given
    least, most = REMIND_AFTER_SECONDS.start, REMIND_AFTER_SECONDS.stop - 1
    faults.add(at, f"must be a whole number of seconds from {least} to {most}, or null")
    return None


def read_filter(faults: Faults, value: Any, at: str) -> str | None:
    """The text to keep. A filter that is given replaces the whole of the one before."""
    try:
        return canonical(value)
    except FilterError as error:
        faults.add(at + error.pointer, error.detail)
        return None


def _content_limit(faults: Faults, given: Any, at: str) -> int | None:
    if isinstance(given, int) and not isinstance(given, bool) and given in CONTENT_LIMIT_BYTES:
        return given
    faults.add(at, f"must be a whole number from {CONTENT_LIMIT_BYTES.start} to {CONTENT_LIMIT_BYTES.stop - 1}")
    return None


def read_withdraw(faults: Faults, value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        faults.add(at, "must be true or false")
    return value is True


READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "filter": Reader("filter", read_filter),
        "vip": Reader("vip", read_filter),
        "muted_until": Reader("muted_until", read_muted_until),
        "quiet_hours": Reader("quiet_hours", read_quiet_hours),
        "digest_minutes": Reader("digest_minutes", read_digest_minutes),
        "coalesce_seconds": Reader("coalesce_seconds", read_coalesce_seconds),
        "flood_per_minute": Reader("flood_per_minute", read_flood_per_minute),
        "fall_through_seconds": Reader("fall_through_seconds", read_fall_through_seconds),
        "hushed": Reader("hushed", read_hushed),
        "withdraw": Reader("withdraw", read_withdraw),
        "remind_after": Reader("remind_after_seconds", _remind_after),
        "content_limit_bytes": Reader("content_limit_bytes", _content_limit),
    }
)
"""By member."""


def members(request: SubscriptionRequest) -> Mapping[str, Any]:
    """Those that are present."""
    return {name: value for name in READERS if (value := getattr(request, name)) is not msgspec.UNSET}


def read_preferences(faults: Faults, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that ``given`` sets; members of other rooms are left alone."""
    found = {}
    for name, reader in READERS.items():
        if name not in given:
            continue
        before = faults.count
        value = given[name]
        read = getattr(NO_PREFERENCES, reader.field) if value is None else reader.read(faults, value, f"/{name}")
        if faults.count == before:
            found[reader.field] = read
    return found


def shown(preferences: Preferences) -> dict[str, Any]:
    """Members of :class:`~idlebell.gateway.shapes.SubscriptionView`."""
    return {
        "filter": _json(preferences.filter),
        "vip": _json(preferences.vip),
        "muted_until": preferences.muted_until,
        "quiet_hours": None if preferences.quiet_hours is None else quiet_hours_view(preferences.quiet_hours),
        "digest_minutes": preferences.digest_minutes,
        "coalesce_seconds": preferences.coalesce_seconds,
        "flood_per_minute": preferences.flood_per_minute,
        "fall_through_seconds": preferences.fall_through_seconds,
        "hushed": tuple(hushed_view(one) for one in preferences.hushed),
        "withdraw": preferences.withdraw,
        "remind_after": preferences.remind_after_seconds,
        "content_limit_bytes": preferences.content_limit_bytes,
    }


def _json(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
