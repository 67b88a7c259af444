"""The door: from an account and credentials to an authenticated session, or a classified refusal.

No password is sent twice after a refusal, and never before TLS (:mod:`idlebell.net.open_connection` sees to that).
"""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from math import ceil
from typing import Final

from idlebell.discover.providers import of_host
from idlebell.login import refusal
from idlebell.login.admission import Admission, Outcome, Ticket
from idlebell.login.asker import OPERATOR, Asker, folded
from idlebell.login.certificates import Certificates
from idlebell.login.gate import Gate
from idlebell.login.keyring import Keyring
from idlebell.login.mechanism import known_by
from idlebell.login.opener import LoginFailed, Open
from idlebell.login.pacing import Doubts, HostRefusals, Paces, RefusalGuard
from idlebell.login.renewals import Refused, Renewals
from idlebell.login.sources import Sources, SourceSpent
from idlebell.model.account import Account, Credentials, RenewableCredentials
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.problem import Fault
from idlebell.net.clock import Clock
from idlebell.net.imap_connection import ImapConnection
from idlebell.telemetry import facts

LOGIN_SECONDS: Final = 60.0
"""For one login, from its slot to the tagged OK."""
LOGIN_LEAST_SECONDS: Final = 5.0
"""Of a deadline, or half of it where it is short: what must be left for the login itself when its turn comes."""
JUST_RENEWED_SECONDS: Final = 60.0
"""An access token that is refused so soon after it came will not be better than the next."""
QUEUED: Final = 16
"""Logins of one account that wait for each other; more are refused, whoever asks."""


def _no_sessions(host: str) -> int:
    return 0


def _too_many() -> LoginFailed:
    return LoginFailed(Fault("overloaded", "Too many sessions are being opened to this mail server now."), ours=True)


def _no_bound() -> int:
    return 1_000_000_000


def _none_return() -> int:
    return 0


async def _not_told(account: AccountId, subscription: SubscriptionId, fault: Fault) -> None:
    return None


class Door:
    """One for a process.

    ``open_session``: :meth:`~idlebell.login.opener.Opener.open`, here or elsewhere. ``sessions_at`` counts the sessions at a
    host, for ``per_host_connections`` (0: no cap). ``free``: how many more sessions the process can hold; ``returning``: how
    many of them are those of accounts that lost theirs.
    ``entropy`` gives that many random bytes. ``renewals`` None: nobody brings credentials that are to be renewed.
    ``refused_users_per_hour``: of one source; 0: no bound.
    """

    def __init__(
        self,
        open_session: Open,
        keyring: Keyring,
        clock: Clock,
        entropy: Callable[[int], bytes],
        emit: facts.Emit,
        *,
        connect_rate: float = 0.0,
        per_host_connect_rate: float = 0.0,
        per_host_connections: int = 0,
        sessions_at: Callable[[str], int] = _no_sessions,
        free: Callable[[], int] = _no_bound,
        returning: Callable[[], int] = _none_return,
        renewals: Renewals | None = None,
        refused_users_per_hour: int = 0,
    ) -> None:
        self.certificates: Final = Certificates(clock, emit)
        self._open_session = open_session
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self._emit = emit
        self.paces: Final = Paces(connect_rate, per_host_connect_rate, _rate_of)
        self.admission: Final = Admission(self.paces)
        self._gate = Gate(self.admission, clock)
        self._doubts = Doubts()
        self._guard = RefusalGuard()
        self._host_refusals = HostRefusals()
        self._sources = Sources(clock, refused_users_per_hour)
        self._digest_key = entropy(32)
        self._cap = per_host_connections
        self._sessions_at = sessions_at
        self._free = free
        self._returning = returning
        self._renewals = renewals
        self._newcomers = 0
        self._under_way: Counter[str] = Counter()
        self._turns: dict[bytes, asyncio.Lock] = {}
        self._queued: Counter[bytes] = Counter()
        self._on_refused: Refused = _not_told

    def has_room(self) -> bool:
        """Can a session be held of somebody who has none yet, with all that come and come back?"""
        return self._free() > self._returning() + self._newcomers

    def report_refusals_to(self, on_refused: Refused) -> None:
        """Who is told when the server refuses credentials that were kept; they are wiped by then."""
        self._on_refused = on_refused
        if self._renewals is not None:
            self._renewals.report_refusals_to(on_refused)

    async def renewable(self, credentials: RenewableCredentials) -> Fault | None:
        """Can they be renewed? Where they never were, it is tried, so that nobody waits for what would not come."""
        assert self._renewals is not None
        return None if credentials.renewals else await self._renewals.renew(credentials)

    async def log_in(
        self,
        account: Account,
        credentials: Credentials,
        *,
        deadline_seconds: float,
        asker: Asker = OPERATOR,
        opened_by: Open | None = None,
    ) -> ImapConnection:
        """An authenticated session. LoginFailed: none was opened. ``credentials`` stay the caller's, to keep or to wipe.
        ``opened_by``: another way than usual to open it.

        What strangers try in vain holds up strangers: who owns the account has pauses of their own.
        """
        # Not of the port, nor of how the name is written: those would be as many accounts to guess at.
        lane, host = asker.lane, account.target.host
        key = self._digest(lane, host, folded(account.username))
        turn = self._digest(lane, host, str(account.target.port), folded(account.username))
        proof = self._proof(account, credentials)
        until = self._clock.monotonic() + deadline_seconds
        try:
            async with asyncio.timeout(deadline_seconds), self._sources.turn(asker, key), self._turn(turn):
                # One at a time for an account: guesses that come at once must not all pass the guard before one is refused.
                known = self._guard.verdict(key, proof, self._clock.monotonic()) or self._full(account, asker)
                if known is not None:
                    raise LoginFailed(known)
                try:
                    connection = await self._with_token(
                        account, credentials, until - self._clock.monotonic(), opened_by=opened_by
                    )
                except LoginFailed as failure:
                    self._count(failure, account, asker, key, credentials, proof)
                    raise
                self._guard.accepted(key)
                return connection
        except SourceSpent as spent:
            self._tell(account, spent.fault)
            raise LoginFailed(spent.fault, ours=True) from None
        except TimeoutError:
            fault = refusal.unreachable(f"no login within {deadline_seconds:g} s")
            self._tell(account, fault)
            raise LoginFailed(fault) from None

    async def reopen(self, account: Account) -> ImapConnection | Fault | None:
        """A session by any of the credentials that are kept, newest first. A set that the server refuses is wiped and its
        subscription's app is to be told; the next one is tried. A Fault where that failed, None where none are kept.

        These credentials have worked before, so what strangers tried on the account does not hold them up, and a refusal
        without a reason is believed the second time only, :data:`~idlebell.login.refusal.DOUBT_SECONDS` later.
        """
        fault: Fault | None = None
        doubted: Fault | None = None
        for subscription, credentials in self._keyring.sets(account.id):
            if not self._keyring.keeps(subscription, credentials):
                continue  # replaced or wiped while another set was tried
            proof = self._proof(account, credentials)
            left = self._doubts.left_seconds(proof, self._clock.monotonic(), refusal.DOUBT_SECONDS)
            if left:
                doubted = refusal.still_doubted(left)
                continue
            kept = partial(self._keyring.keeps, subscription, credentials)
            try:
                return await self._with_token(account, credentials, None, kept=kept)
            except TimeoutError:
                fault = refusal.unreachable(f"no login within {LOGIN_SECONDS:g} s")
                self._tell(account, fault)
                return fault
            except LoginFailed as failure:
                fault = failure.fault
                if fault.code == "token-unavailable":
                    doubted = fault  # that says nothing of the mail server, nor of another set
                    continue
                if not (failure.unexplained or refusal.refuses_credentials(fault)) and kept():
                    return fault
            if not self._keyring.keeps(subscription, credentials):
                # Newer ones came during this login, or they were wiped in the middle of it: it says nothing of what is held.
                return Fault("server-error", "The credentials were replaced during the login.")
            if not refusal.refuses_credentials(fault):
                doubted = fault
                continue
            self._keyring.drop(subscription)
            await self._on_refused(account.id, subscription, fault)
        return doubted or fault

    # inside

    def _full(self, account: Account, asker: Asker) -> Fault | None:
        if asker.owner or asker.apart or not asker.source:
            return None
        wait = self._host_refusals.wait_seconds(account.target.host, self._clock.monotonic(), known=asker.known)
        if wait <= 0:
            return None
        detail = "Too many logins at this mail server were refused; nothing is sent to it for a while."
        return Fault("throttled", detail, retry_after_seconds=ceil(wait))

    def _count(
        self,
        failure: LoginFailed,
        account: Account,
        asker: Asker,
        key: bytes,
        credentials: Credentials,
        proof: bytes,
    ) -> None:
        now = self._clock.monotonic()
        if refusal.judges(failure.fault):
            self._guard.refused(key, proof, failure.fault, now)
            self._sources.refused(asker, key)
            if asker.source and not (asker.owner or asker.apart):
                self._host_refusals.refused(account.target.host, now, known=asker.known)
        elif not failure.ours and refusal.may_answer_credentials(failure.fault):
            self._guard.unanswered(key, self._digest(known_by(credentials)), failure.fault, now)
            if failure.fault.code == "login-not-answered":
                self._sources.refused(asker, key)

    async def _with_token(
        self,
        account: Account,
        credentials: Credentials,
        patience_seconds: float | None,
        *,
        kept: Callable[[], bool] | None = None,
        opened_by: Open | None = None,
    ) -> ImapConnection:
        """As :meth:`_open`. An access token that has ended is got anew before, and once after a refusal: a provider may end one
        before its time."""
        if not isinstance(credentials, RenewableCredentials):
            return await self._open(account, credentials, patience_seconds, kept=kept, opened_by=opened_by)
        assert self._renewals is not None
        _raise(await self._renewals.ready(credentials))
        renewals = credentials.renewals
        try:
            return await self._open(account, credentials, patience_seconds, kept=kept, opened_by=opened_by)
        except LoginFailed as failure:
            refused = failure.unexplained or refusal.refuses_credentials(failure.fault)
            if not refused or self._clock.boottime() - credentials.renewed_at < JUST_RENEWED_SECONDS:
                raise
        if renewals == credentials.renewals:
            _raise(await self._renewals.renew(credentials))
        self._doubts.worked(self._proof(account, credentials))  # what was refused was another token
        return await self._open(account, credentials, patience_seconds, kept=kept, opened_by=opened_by)

    async def _open(
        self,
        account: Account,
        credentials: Credentials,
        patience_seconds: float | None,
        *,
        kept: Callable[[], bool] | None = None,
        opened_by: Open | None = None,
    ) -> ImapConnection:
        """``kept``: given where credentials that are held are used again; are they still? A refusal of theirs without a
        reason is not believed at once, and one of the server slows it. What strangers bring slows no server for others.
        TimeoutError: no login within :data:`LOGIN_SECONDS`."""
        host = account.target.host
        proof = self._proof(account, credentials)  # before they can be wiped in the middle of it
        try:
            with self._admitted(host), self._counted(kept is None):
                if kept is not None and self._free() <= 0:
                    raise LoginFailed(refusal.no_room(), ours=True)
                ticket = await self._turn_at(host, patience_seconds)
                outcome = Outcome.NOTHING
                began = self._clock.monotonic()
                try:
                    if kept is not None and not kept():
                        raise LoginFailed(Fault("server-error", "The credentials were replaced."), ours=True)
                    async with asyncio.timeout(LOGIN_SECONDS):
                        connection = await (opened_by or self._open_session)(account, credentials)
                    outcome = Outcome.OPENED
                except TimeoutError:
                    outcome = Outcome.NOTHING if kept is None else Outcome.REFUSED
                    raise
                except LoginFailed as failure:
                    if kept is not None and not failure.ours and refusal.asks_for_less(failure.fault):
                        outcome = Outcome.REFUSED
                    raise
                finally:
                    self._gate.leave(ticket, outcome)
        except LoginFailed as failure:
            if failure.unexplained and kept is not None and self._doubts.doubt(proof, self._clock.monotonic()):
                failure = LoginFailed(refusal.doubted(failure.fault), unexplained=True)
            self._tell(account, failure.fault)
            raise failure from None
        self._doubts.worked(proof)
        took_ms = (self._clock.monotonic() - began) * 1000
        self._emit(facts.SessionOpened(account.id, host, round(took_ms, 1)))
        self.certificates.saw(account.target, connection.certificate)
        return connection

    async def _turn_at(self, host: str, patience_seconds: float | None) -> Ticket:
        """LoginFailed ``overloaded``: it would come, or came, too late."""
        if patience_seconds is not None:
            patience_seconds = max(0.0, patience_seconds - min(LOGIN_LEAST_SECONDS, patience_seconds / 2))
            if self.admission.wait_seconds(host, self._clock.monotonic()) > patience_seconds:
                raise _too_many()
        try:
            return await self._gate.enter(host, patience_seconds=patience_seconds)
        except TimeoutError:
            raise _too_many() from None

    @contextmanager
    def _admitted(self, host: str) -> Iterator[None]:
        """Counts a login that is under way at a host."""
        if self._cap and self._sessions_at(host) + self._under_way[host] >= self._cap:
            raise LoginFailed(
                Fault(
                    "throttled",
                    "This gateway holds as many sessions at this mail server as its operator allows.",
                    retry_after_seconds=refusal.PAUSE_SECONDS,
                ),
                ours=True,
            )
        self._under_way[host] += 1
        try:
            yield
        finally:
            self._under_way[host] -= 1
            if not self._under_way[host]:
                del self._under_way[host]

    @contextmanager
    def _counted(self, newcomer: bool) -> Iterator[None]:
        self._newcomers += newcomer
        try:
            yield
        finally:
            self._newcomers -= newcomer

    @asynccontextmanager
    async def _turn(self, key: bytes) -> AsyncIterator[None]:
        if self._queued[key] >= QUEUED:
            raise LoginFailed(
                Fault("throttled", "Too many logins of this account wait already.", retry_after_seconds=60)
            )
        self._queued[key] += 1
        lock = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            self._queued[key] -= 1
            if not self._queued[key]:
                del self._queued[key], self._turns[key]

    def _proof(self, account: Account, credentials: Credentials) -> bytes:
        return self._digest(account.target.host, str(account.target.port), account.username, known_by(credentials))

    def _digest(self, *parts: str) -> bytes:
        """Keyed with this process's own randomness, so that it is of no use to anyone who reads it."""
        joined = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hmac.digest(self._digest_key, joined, "sha256")

    def _tell(self, account: Account, fault: Fault) -> None:
        self._emit(facts.LoginFailed(account.id, account.target.host, fault.code, fault.detail, fault.private))


def _raise(fault: Fault | None) -> None:
    if fault is not None:
        raise LoginFailed(fault)


def _rate_of(host: str) -> float | None:
    provider = of_host(host)
    return None if provider is None else provider.connect_rate
