"""More mail at once than is worth describing: what is counted, and how the server is asked to count it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from idlebell.model.arrival import Arrival, Mark
from idlebell.model.subscription import Subscription
from idlebell.rules.evidence import Evidence
from idlebell.rules.match import Hearing

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def hearings(subscriptions: Sequence[Subscription]) -> frozenset[Hearing]:
    """All that is to be counted."""
    return frozenset(map(Hearing.of, subscriptions)) or frozenset({Hearing()})


def counted(mailbox: str, arrivals: Sequence[Arrival], subscriptions: Sequence[Subscription]) -> dict[Hearing, int]:
    """Of what has been fetched."""
    read = [(arrival, Evidence(arrival.message, mailbox)) for arrival in arrivals]
    return {
        hearing: sum(arrival.marks <= hearing.also and hearing.hears(evidence) for arrival, evidence in read)
        for hearing in hearings(subscriptions)
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
