"""More mail at once than is worth describing: what is counted, and how the server is asked to count it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from idlebell.model.arrival import Arrival, Mark
from idlebell.model.subscription import Subscription

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def counted(arrivals: Sequence[Arrival], subscriptions: Sequence[Subscription]) -> dict[frozenset[str], int]:
    """By what is heard of besides new mail."""
    return {
        also: sum(arrival.marks <= also for arrival in arrivals)
        for also in {one.also for one in subscriptions} or {frozenset[str]()}
    }


def criteria(marks: frozenset[str], since: datetime | None) -> str:
    """SEARCH keys for what :func:`~idlebell.watch.detect.decide` would find. SINCE knows only days, by the server's own
    calendar (RFC 9051 section 6.4.4): a day earlier is surely before. What was written since is delivered whatever the
    server's clock says."""
    keys = ["UNDELETED", "UNDRAFT"]
    if Mark.SEEN not in marks:
        keys.append("UNSEEN")
    if Mark.APPENDED not in marks and since is not None:
        day = since.astimezone(UTC).date() - timedelta(days=1)
        spelled = f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"
        keys.append(f"OR SINCE {spelled} SENTSINCE {spelled}")
    return " ".join(keys)
