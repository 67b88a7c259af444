"""What the sessions behind a subscription have cost, beside what polling in their place would have. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from idlebell.cost.exchange import Exchange
from idlebell.cost.measured import IMAP
from idlebell.gateway.shape import Shape
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


class LedgerView(Shape, frozen=True, kw_only=True):
    """``since``: from when on it was counted; a gateway that is started anew begins anew. ``sessions``: that were opened.
    ``moved_bytes``: over TCP, both ways, TLS included. All subscriptions of an account share its sessions."""

    since: datetime
    sessions: int
    commands: int
    moved_bytes: int
    polling: PollingView


def ledger_view(spent: Spent, since: datetime, now: datetime) -> LedgerView:
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
    )


def _payload(one: Exchange) -> int:
    return one.total_bytes - HEADERS_BYTES * one.packets
