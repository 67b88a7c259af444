"""How often we log in: to all servers, to one, and to one account whose credentials were refused. Pure; ``now`` is a
monotonic clock's seconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil
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
HOST_REFUSALS: Final = 200
"""Refused logins that strangers bring to one server at once. Of a thousand people who register some twenty mistype."""
HOST_LEAK_SECONDS: Final = 18.0
"""Two hundred an hour from then on: what a large provider sees of one office is more, what a guesser needs is a thousand times
that."""

UNBOUNDED_RATE: Final = 100.0
"""Sessions a second from which a server that has no rate of its own, and was slowed, is bounded no more."""
FIRST_SLOWED_RATE: Final = 20.0
"""What such a server is slowed to at first."""
SLOWEST_RATE: Final = 1.0
"""Not slower than this: what comes back is noticed within a second."""
SLOWED: Final = 0.5
"""What is left of a server's rate after it refused (multiplicative decrease)."""
SLOWED_EVERY_SECONDS: Final = 10.0
"""Refusals within so much time count as one. The first one changes no rate that a server has: it may be chance, or a
restart."""
EASED: Final = 0.05
"""Part of its full rate that a server gets back for each session that it opens (additive increase)."""
EASED_AFTER_SECONDS: Final = 3_600.0
"""A server that was not slowed for so long has its full rate again."""


def _no_rate(host: str) -> float | None:
    return None


@dataclass(slots=True)
class _Host:
    next_free: float = 0.0
    rate: float | None = None
    """Where it was slowed."""
    slowed_at: float | None = None
    """When it refused, as far as that counts."""


class Paces:
    """Slots in time for new sessions, in total and by server (``rate``s a second; 0: none is asked for).

    ``rate_of``: what a server's provider is known to bear, where that is less than ``per_host_rate``. A server that refuses
    is slowed alone, also one without a rate, and gets its rate back session by session: many accounts that come back after an
    outage are no storm.
    """

    __slots__ = ("_hosts", "_per_host", "_rate", "_rate_of", "_total")

    def __init__(self, rate: float, per_host_rate: float, rate_of: Callable[[str], float | None] = _no_rate) -> None:
        self._rate = rate
        self._per_host = per_host_rate
        self._rate_of = rate_of
        self._total = 0.0
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    def wait_seconds(self, host: str, now: float) -> float:
        """How long until ``host`` may be connected to; 0: now."""
        held = self._hosts.get(host)
        own = _slot(held.next_free if held is not None else 0.0, self.rate(host, now), now)
        return max(_slot(self._total, self._rate, now), own, now) - now

    def take(self, host: str, now: float) -> None:
        """A connection to ``host`` begins."""
        if self._rate:
            self._total = _slot(self._total, self._rate, now) + 1 / self._rate
        rate = self.rate(host, now)
        if rate:
            held = self._held(host)
            held.next_free = _slot(held.next_free, rate, now) + 1 / rate

    def slow(self, host: str, now: float) -> None:
        """It said that there is too much, or did not answer."""
        held = self._held(host)
        first = held.slowed_at is None or now - held.slowed_at >= EASED_AFTER_SECONDS
        if held.slowed_at is not None and not first and now - held.slowed_at < SLOWED_EVERY_SECONDS:
            return
        full = self._full(host)
        if not first:
            held.rate = max(min(SLOWEST_RATE, full or SLOWEST_RATE), self.rate(host, now) * SLOWED)
        else:
            held.rate = None if full else FIRST_SLOWED_RATE
        # Time that went unused before it refused is no credit.
        held.next_free = max(held.next_free, now)
        held.slowed_at = now

    def ease(self, host: str, now: float) -> None:
        """It opened a session."""
        held = self._hosts.get(host)
        if held is None or held.rate is None:
            return
        full = self._full(host) or UNBOUNDED_RATE
        rate = min(full, (self.rate(host, now) or full) + full * EASED)
        if rate < full:
            held.rate = rate
        else:
            held.rate = held.slowed_at = None
        # Slots that were given out at the slow pace are not waited for.
        held.next_free = min(held.next_free, now + 1 / rate)

    def rate(self, host: str, now: float) -> float:
        """Sessions a second to ``host`` now; 0: as many as one likes."""
        held = self._hosts.get(host)
        if held is None or held.rate is None or held.slowed_at is None or now - held.slowed_at >= EASED_AFTER_SECONDS:
            return self._full(host)
        return held.rate

    def _full(self, host: str) -> float:
        known = self._rate_of(host)
        if known is None:
            return self._per_host
        return min(known, self._per_host or known)

    def _held(self, host: str) -> _Host:
        held = self._hosts.setdefault(host, _Host())
        self._hosts.move_to_end(host)
        if len(self._hosts) > HOSTS:
            self._hosts.popitem(last=False)
        return held


def _slot(next_free: float, rate: float, now: float) -> float:
    """The generic cell rate algorithm: slots are 1/rate apart, and those of the last second that went unused are kept."""
    return max(next_free, now - BURST_SECONDS) if rate else now


class Doubts:
    """Credentials that worked in this process, and which of them were refused since, once, without a reason. Digests as in
    :class:`RefusalGuard`, here of account and credentials together."""

    __slots__ = ("_worked",)

    def __init__(self) -> None:
        self._worked: dict[bytes, float | None] = {}  # in the order of the logins; half as large as an ordered one

    def worked(self, credentials: bytes) -> None:
        """They opened a session: whatever was doubted is settled."""
        self._worked.pop(credentials, None)
        self._worked[credentials] = None
        if len(self._worked) > ACCOUNTS:
            del self._worked[next(iter(self._worked))]

    def doubt(self, credentials: bytes, now: float) -> bool:
        """They were refused without a reason. True: they are to be tried once more; False: the refusal is to be believed."""
        if self._worked.get(credentials, now) is not None:
            self._worked.pop(credentials, None)
            return False
        self._worked[credentials] = now
        return True

    def left_seconds(self, credentials: bytes, now: float, doubt_seconds: float) -> float:
        """How long they must wait before they are sent again; 0: not at all."""
        since = self._worked.get(credentials)
        return 0.0 if since is None else max(0.0, since + doubt_seconds - now)


class HostRefusals:
    """How many wrong passwords strangers bring to one server, wherever they come from: a bucket that leaks. Full, it lets one
    in for each that leaks. A right one gives nothing back: a guesser may have an account there too. Those whom the operator has
    let in (``known``) have a bucket of their own, which nobody from outside fills."""

    __slots__ = ("_hosts",)

    def __init__(self) -> None:
        self._hosts: OrderedDict[tuple[str, bool], tuple[float, float]] = OrderedDict()

    def wait_seconds(self, host: str, now: float, *, known: bool) -> float:
        """Until a stranger may log in there; 0: now."""
        over = self._level((host, known), now) - (HOST_REFUSALS - 1)
        return max(0.0, over * HOST_LEAK_SECONDS)

    def refused(self, host: str, now: float, *, known: bool) -> None:
        self._hosts[host, known] = (self._level((host, known), now) + 1, now)
        self._hosts.move_to_end((host, known))
        if len(self._hosts) > HOSTS:
            self._hosts.popitem(last=False)

    def _level(self, bucket: tuple[str, bool], now: float) -> float:
        level, at = self._hosts.get(bucket, (0.0, now))
        return max(0.0, level - (now - at) / HOST_LEAK_SECONDS)


@dataclass(slots=True)
class _Refusals:
    count: int = 0
    last_at: float = 0.0
    recent: dict[bytes, tuple[float, Fault]] = field(default_factory=dict)
    """Digest of credentials -> when and why they were refused. Not more than the pauses let in."""
    unjudged: set[bytes] = field(default_factory=set)
    """Digests of credentials that were sent and not answered yes or no, as long as nothing else was refused."""
    asked: tuple[float, Fault] | None = None
    """Until when the server wants a pause for this account, and how it said so."""


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
        if known.asked is not None and now < known.asked[0]:
            until, said = known.asked
            return replace(said, retry_after_seconds=max(1, ceil(until - now)))
        at, fault = known.recent.get(credentials, (0.0, None))
        if fault is not None and now - at < SAME_AGAIN_SECONDS:
            return fault
        pause = REFUSAL_PAUSES_SECONDS[min(known.count, len(REFUSAL_PAUSES_SECONDS)) - 1]
        left = known.last_at + pause - now
        if not known.count or left <= 0:
            return None
        return Fault(
            "throttled",
            "Credentials for this account were refused too often; nothing is sent to the mail server for a while.",
            retry_after_seconds=max(1, -(-int(left * 1000) // 1000)),
        )

    def refused(self, account: bytes, credentials: bytes, fault: Fault, now: float) -> None:
        known = self._known(account, now)
        known.count += 1
        known.last_at = now
        known.recent = {one: told for one, told in known.recent.items() if now - told[0] < SAME_AGAIN_SECONDS}
        known.recent[credentials] = (now, fault)
        known.unjudged.clear()

    def unanswered(self, account: bytes, credentials: bytes, fault: Fault, now: float) -> None:
        """They may have been sent, and the server said neither yes nor no: it closed, asked for a pause, was in trouble. Others
        would be a guess more, for a server may answer wrong ones so; the same again is none. Its pauses are kept."""
        known = self._known(account, now)
        if fault.code == "throttled" and fault.retry_after_seconds:
            known.asked = (now + fault.retry_after_seconds, fault)
        if credentials not in known.unjudged:
            known.unjudged.add(credentials)
            if len(known.unjudged) > 1:
                known.count += 1
                known.last_at = now

    def _known(self, account: bytes, now: float) -> _Refusals:
        known = self._accounts.get(account)
        if known is None or (now - known.last_at > FORGOTTEN_AFTER_SECONDS and known.count):
            known = self._accounts[account] = _Refusals()
        self._accounts.move_to_end(account)
        if len(self._accounts) > ACCOUNTS:
            self._accounts.popitem(last=False)
        return known

    def accepted(self, account: bytes) -> None:
        self._accounts.pop(account, None)
