"""Access tokens are got anew before they end, and whoever needs one has a good one.

Nothing waits for a renewal that is not due: an account whose session is lost finds its next access token there. A refresh token
is used by one request at a time, however many ask; and a request that is under way is not given up with whoever asked for it,
for its answer may hold the only refresh token that still works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias

from idlebell.login.keyring import Keyring
from idlebell.login.token_endpoint import ANSWER_BYTES, Granted, read_answer, refresh_request
from idlebell.model.account import RenewableCredentials
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.problem import Blame, Fault
from idlebell.net.clock import Clock
from idlebell.net.hardening import overwrite
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse
from idlebell.telemetry.facts import Emit, SupervisorCaught, TokenNotRenewed, TokenRenewed, where_raised

ANSWER_SECONDS: Final = 10.0
"""For one request to a token endpoint."""
AHEAD_SECONDS: Final = 300.0
"""Before its end an access token is got anew; one of a short life when half of it is over."""
SPREAD: Final = 0.1
"""Of that time, at random: accounts that came together are not renewed together for ever."""
ROUND_SECONDS: Final = 15.0
"""Between two looks at what is due."""
AT_ONCE: Final = 16
"""Renewals that nobody waits for."""
PAUSES_SECONDS: Final = (30.0, 60.0, 120.0, 300.0, 600.0)
"""After a token endpoint gave no answer; the last one stays."""


class Send(Protocol):
    def __call__(self, request: HttpRequest, /, *, timeout_seconds: float, body_bytes: int) -> Awaitable[Answer]: ...


Refresh: TypeAlias = Callable[[RenewableCredentials], Awaitable[Granted | Fault]]
"""Asks their token endpoint once."""
Refused = Callable[[AccountId, SubscriptionId, Fault], Awaitable[None]]


async def _not_told(account: AccountId, subscription: SubscriptionId, fault: Fault) -> None:
    return None


def refresh_by(send: Send) -> Refresh:
    """``send``: :meth:`idlebell.net.http_client.HttpClient.send`, with the rules of egress in it, which follows no redirect."""

    async def refresh(credentials: RenewableCredentials) -> Granted | Fault:
        request = refresh_request(credentials)
        answer = await send(request, timeout_seconds=ANSWER_SECONDS, body_bytes=ANSWER_BYTES + 1)
        overwrite(request.body)
        found = read_answer(answer, credentials)
        if isinstance(answer, HttpResponse):
            overwrite(answer.body)
        return found

    return refresh


class Renewals:
    """One for a process. ``refresh``: :func:`refresh_by`, here or elsewhere. ``entropy`` is in [0, 1)."""

    def __init__(
        self, refresh: Refresh, keyring: Keyring, clock: Clock, entropy: Callable[[], float], emit: Emit
    ) -> None:
        self._refresh = refresh
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self._emit = emit
        self._under_way: dict[RenewableCredentials, asyncio.Task[Fault | None]] = {}
        self._failures: dict[RenewableCredentials, tuple[int, float]] = {}
        self._on_refused: Refused = _not_told
        self._round: asyncio.Task[None] | None = None

    def report_refusals_to(self, on_refused: Refused) -> None:
        """Who is told when a refresh token that was kept is refused; it is wiped by then."""
        self._on_refused = on_refused

    def start(self) -> None:
        self._round = asyncio.create_task(self._run(), name="renewals")

    async def stop(self) -> None:
        tasks = [*self._under_way.values()] if self._round is None else [self._round, *self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def ready(self, credentials: RenewableCredentials) -> Fault | None:
        """Has them hold an access token that is good now. The Fault where they cannot have one."""
        now = self._clock.boottime()
        if now < credentials.renew_at:
            return None
        fault = await self.renew(credentials)
        if fault is not None and fault.blame is not Blame.CREDENTIALS and now < credentials.ends_at:
            return None  # the one that is there is good for a while
        return fault

    async def renew(self, credentials: RenewableCredentials) -> Fault | None:
        """Gets another access token, whatever is left of the one that is there; with others who ask for it at the same time."""
        task = self._under_way.get(credentials)
        if task is None:
            task = self._under_way[credentials] = asyncio.create_task(self._renew(credentials), name="renewal")
            task.add_done_callback(lambda _: self._under_way.pop(credentials, None))
        return await asyncio.shield(task)

    async def _renew(self, credentials: RenewableCredentials) -> Fault | None:
        host = credentials.source
        if not credentials.refresh_token:
            return _replaced()
        found = await self._refresh(credentials)
        if isinstance(found, Fault):
            if credentials.wiped:
                return _replaced()
            self._emit(TokenNotRenewed(host, found.code, found.detail, found.private))
            return found
        now = self._clock.boottime()  # when it came: writing down the refresh token makes it no younger
        async with self._keyring.renewing(credentials, found.refresh_token):
            if credentials.wiped:
                return _replaced()
            wait = max(found.seconds - AHEAD_SECONDS, found.seconds / 2) * (1.0 - SPREAD * self._entropy())
            credentials.take(
                found.access_token, found.refresh_token, now=now, renew_at=now + wait, ends_at=now + found.seconds
            )
        self._emit(TokenRenewed(host, round(found.seconds)))
        return None

    # ahead of time

    async def _run(self) -> None:
        """A supervisor: without its rounds tokens would end unseen."""
        while True:
            await self._clock.sleep(ROUND_SECONDS)
            try:
                await self._go_round()
            except Exception as error:
                self._emit(SupervisorCaught("renewals", where_raised(error)))

    async def _go_round(self) -> None:
        now = self._clock.boottime()
        kept = [
            (account, subscription, own)
            for subscription, account, own in self._keyring.all()
            if isinstance(own, RenewableCredentials)
        ]
        failures = {own: self._failures[own] for _, _, own in kept if own in self._failures}
        self._failures = failures
        due = [one for one in kept if now >= max(one[2].renew_at, failures.get(one[2], (0, 0.0))[1])]
        for start in range(0, len(due), AT_ONCE):
            await asyncio.gather(*(self._ahead(*one) for one in due[start : start + AT_ONCE]))

    async def _ahead(self, account: AccountId, subscription: SubscriptionId, credentials: RenewableCredentials) -> None:
        fault = await self.renew(credentials)
        if not self._keyring.keeps(subscription, credentials):
            return  # replaced or wiped meanwhile: that says nothing of what is held
        if fault is None:
            self._failures.pop(credentials, None)
        elif fault.blame is Blame.CREDENTIALS:
            self._keyring.drop(subscription)
            await self._on_refused(account, subscription, fault)
        else:
            count, _ = self._failures.get(credentials, (0, 0.0))
            pause = max(PAUSES_SECONDS[min(count, len(PAUSES_SECONDS) - 1)], float(fault.retry_after_seconds or 0))
            self._failures[credentials] = (count + 1, self._clock.boottime() + pause)


def _replaced() -> Fault:
    return Fault("server-error", "The credentials were replaced.")
