"""What the sessions behind a subscription have cost, beside what polling in their place would have, and what was done on each
day: logins, commands, pushes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from idlebell.cost.exchange import Exchange
from idlebell.cost.measured import IMAP
from idlebell.gateway.shape import Shape
from idlebell.model.problem import Problem, ProblemError
from idlebell.store.daybook import DAYS_KEPT, Counts
from idlebell.telemetry.daybook import COMMAND, LOGINS, PUSH, REFUSED
from idlebell.telemetry.ledger import Spent

POLLED_SECONDS: Final = 120
HEADERS_BYTES: Final = 52
"""Of a packet as it was measured: IPv4 and TCP with timestamps. What sessions have moved is counted without."""
COMMANDS_A_POLL: Final = 3
"""LOGIN, STATUS, LOGOUT."""


class PollingView(Shape, frozen=True, kw_only=True):
    """A login every ``every_seconds``, as sparing as that goes: TLS resumed, one question. What is new is fetched either
    way and is not counted here."""

    every_seconds: int
    sessions: int
    commands: int
    moved_bytes: int


class DayView(Shape, frozen=True, kw_only=True):
    """A day of UTC on which something was done. ``logins``: sessions that were opened; ``refused``: logins that failed.
    ``commands``: what was sent to the mail server, by name; of an account all subscriptions share them. ``pushes``: attempts
    at this subscription's endpoints, by outcome."""

    day: date
    logins: int
    refused: int
    commands: dict[str, int]
    pushes: dict[str, int]


class LedgerView(Shape, frozen=True, kw_only=True):
    """``since``: from when on it was counted; a gateway that is started anew begins anew. ``sessions``: that were opened.
    ``moved_bytes``: over TCP, both ways, TLS included. All subscriptions of an account share its sessions. ``days``: the newest
    first, up to 30; ``next``: the cursor of the page of older ones."""

    since: datetime
    sessions: int
    commands: int
    moved_bytes: int
    polling: PollingView
    days: tuple[DayView, ...] = ()
    next: str | None = None


Days = tuple[tuple[int, Counts], ...]
_EPOCH: Final = date(1970, 1, 1)


def day_views(of_account: Days, of_subscription: Days, created_at: datetime, now: datetime) -> tuple[DayView, ...]:
    """The newest first; none from before it came, and none of those that were to be forgotten."""
    account, own = dict(of_account), dict(of_subscription)
    oldest = max(created_at.astimezone(UTC).date(), now.astimezone(UTC).date() - timedelta(days=DAYS_KEPT - 1))
    return tuple(
        DayView(
            day=day,
            logins=counts.get(LOGINS, 0),
            refused=counts.get(REFUSED, 0),
            commands=_begun(counts, COMMAND),
            pushes=_begun(own.get(number, {}), PUSH),
        )
        for number in sorted({*account, *own}, reverse=True)
        if (day := _EPOCH + timedelta(days=number)) >= oldest and (counts := account.get(number, {})) is not None
    )


def page_of(days: Iterable[DayView], cursor: str | None, limit: int) -> tuple[tuple[DayView, ...], str | None]:
    """Those before ``cursor``, and the next one. ProblemError ``invalid-request``: it is no day."""
    try:
        before = None if cursor is None else date.fromisoformat(cursor[:10])
    except ValueError:
        raise ProblemError(Problem("invalid-request", "cursor must be the next of the page before.")) from None
    found = [one for one in days if before is None or one.day < before]
    return tuple(found[:limit]), found[limit - 1].day.isoformat() if len(found) > limit else None


def _begun(counts: Counts, head: str) -> dict[str, int]:
    """Of names that begin so, the rest of them."""
    return {name.removeprefix(head): count for name, count in sorted(counts.items()) if name.startswith(head)}


def ledger_view(
    spent: Spent,
    since: datetime,
    now: datetime,
    days: tuple[DayView, ...] = (),
    next_page: str | None = None,
) -> LedgerView:
    steps = IMAP["dovecot"]
    polls = int(max(0.0, (now - since).total_seconds()) // POLLED_SECONDS)
    return LedgerView(
        since=since,
        sessions=spent.sessions,
        commands=spent.commands,
        moved_bytes=spent.moved_bytes,
        polling=PollingView(
            every_seconds=POLLED_SECONDS,
            sessions=polls,
            commands=COMMANDS_A_POLL * polls,
            moved_bytes=polls * (_payload(steps["resumed"]) + _payload(steps["logout"])),
        ),
        days=days,
        next=next_page,
    )


def _payload(one: Exchange) -> int:
    return one.total_bytes - HEADERS_BYTES * one.packets
