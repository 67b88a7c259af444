"""How often we log in: to all servers, to one, and to one account whose credentials were refused. Pure; ``now`` is a
monotonic clock's seconds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from idlebell.model.problem import Fault

HOSTS: Final = 10_000
"""Servers whose pace is remembered. The one not asked for longest is forgotten: its next slot is long past."""
ACCOUNTS: Final = 100_000
"""Accounts whose refusals are remembered."""
BURST_SECONDS: Final = 1.0
"""What was not used within this much time may be used at once."""

REFUSAL_PAUSES_SECONDS: Final = (0, 0, 60, 300, 1_800, 7_200, 28_800, 86_400)
"""After the first refusal of an account, the second, ... no credentials are sent for it. Somebody who mistyped may try
again; three guesses a minute, then three a day are no use to anyone who guesses, and lock no account at its server."""
SAME_AGAIN_SECONDS: Final = 60.0
"""For so long the very credentials that were refused get the same answer again without asking the server."""
FORGOTTEN_AFTER_SECONDS: Final = 2 * 86_400.0


class Paces:
    """Slots in time for new sessions, in total and by server (``rate``s a second; 0: none is asked for)."""

    __slots__ = ("_hosts", "_per_host", "_rate", "_total")

    def __init__(self, rate: float, per_host_rate: float) -> None:
        self._rate = rate
        self._per_host = per_host_rate
        self._total = 0.0
        self._hosts: OrderedDict[str, float] = OrderedDict()

    def reserve(self, host: str, now: float, patience_seconds: float) -> float | None:
        """How long to wait before connecting to ``host``, the slot being taken; None, and none is taken, where that is
        longer than ``patience_seconds``."""
        total = _slot(self._total, self._rate, now)
        own = _slot(self._hosts.get(host, 0.0), self._per_host, now)
        wait = max(total, own, now) - now
        if wait > patience_seconds:
            return None
        if self._rate:
            self._total = total + 1 / self._rate
        if self._per_host:
            self._hosts[host] = own + 1 / self._per_host
            self._hosts.move_to_end(host)
            if len(self._hosts) > HOSTS:
                self._hosts.popitem(last=False)
        return wait


def _slot(next_free: float, rate: float, now: float) -> float:
    """The generic cell rate algorithm: slots are 1/rate apart, and those of the last second that went unused are kept."""
    return max(next_free, now - BURST_SECONDS) if rate else now


@dataclass(slots=True)
class _Refusals:
    count: int = 0
    last_at: float = 0.0
    recent: dict[bytes, tuple[float, Fault]] = field(default_factory=dict)
    """Digest of credentials -> when and why they were refused. Not more than the pauses let in."""


class RefusalGuard:
    """Keeps an account from being locked at its server, and its password from being guessed through us.

    Keys and digests are bytes that the caller makes; nothing here can be turned back into a credential.
    """

    __slots__ = ("_accounts",)

    def __init__(self) -> None:
        self._accounts: OrderedDict[bytes, _Refusals] = OrderedDict()

    def verdict(self, account: bytes, credentials: bytes, now: float) -> Fault | None:
        """What to answer without asking the server; None: ask it."""
        known = self._accounts.get(account)
        if known is None:
            return None
        at, fault = known.recent.get(credentials, (0.0, None))
        if fault is not None and now - at < SAME_AGAIN_SECONDS:
            return fault
        pause = REFUSAL_PAUSES_SECONDS[min(known.count, len(REFUSAL_PAUSES_SECONDS)) - 1]
        left = known.last_at + pause - now
        if left <= 0:
            return None
        return Fault(
            "throttled",
            "Credentials for this account were refused too often; nothing is sent to the mail server for a while.",
            retry_after_seconds=max(1, -(-int(left * 1000) // 1000)),
        )

    def refused(self, account: bytes, credentials: bytes, fault: Fault, now: float) -> None:
        known = self._accounts.get(account)
        if known is None or now - known.last_at > FORGOTTEN_AFTER_SECONDS:
            known = self._accounts[account] = _Refusals()
        known.count += 1
        known.last_at = now
        known.recent = {one: told for one, told in known.recent.items() if now - told[0] < SAME_AGAIN_SECONDS}
        known.recent[credentials] = (now, fault)
        self._accounts.move_to_end(account)
        if len(self._accounts) > ACCOUNTS:
            self._accounts.popitem(last=False)

    def accepted(self, account: bytes) -> None:
        self._accounts.pop(account, None)
