"""How each account's mailboxes are doing right now. Written by the watchers, read by the faces; lost with the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from idlebell.model.ids import AccountId
from idlebell.model.problem import Fault
from idlebell.telemetry.ledger import Ledger


class Watch(StrEnum):
    """What is being done about a mailbox."""

    CONNECTING = "connecting"
    WATCHING = "watching"
    RECONNECTING = "reconnecting"
    """Lost; the gateway holds credentials, or another session, and is trying."""
    FAILED = "failed"
    """It cannot be watched over a session that works: there is no such mailbox."""


class Mode(StrEnum):
    IDLE = "idle"
    NOTIFY = "notify"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    mailbox: str
    watch: Watch
    mode: Mode | None = None
    mode_reason: str | None = None
    uid_validity: int | None = None
    uid_next: int | None = None
    last_seen_alive_at: datetime | None = None
    next_check_at: datetime | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """What the server wants its user to read (RFC 9051 section 7.1)."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Unlisted:
    """The server does not say which mailboxes there are, so a selection stands for those that were known."""

    fault: Fault
    since: datetime


@dataclass(slots=True)
class AccountStatus:
    mailboxes: dict[str, MailboxStatus] = field(default_factory=dict)
    alert: Alert | None = None
    unlisted: Unlisted | None = None

    def __iter__(self) -> Iterator[MailboxStatus]:
        return iter(self.mailboxes.values())

    def watching(self) -> frozenset[str]:
        return frozenset(status.mailbox for status in self if status.watch is Watch.WATCHING)


class Status:
    """One entry an account. Waiters are few (requests that wait for a first verdict) and are woken by every change of their
    account."""

    __slots__ = ("_accounts", "_parked", "_parked_of", "_waiters", "ledger")

    def __init__(self) -> None:
        self._accounts: dict[AccountId, AccountStatus] = {}
        self._parked_of: Callable[[AccountId], AccountStatus | None] = _nobody
        self._parked: Callable[[], int] = int
        self._waiters: dict[AccountId, set[asyncio.Event]] = {}
        self.ledger = Ledger()
        """What the sessions have taken."""

    def lend(self, of: Callable[[AccountId], AccountStatus | None], count: Callable[[], int]) -> None:
        """Somebody else knows the status of accounts that were laid aside: one mailbox each, which is watched."""
        self._parked_of, self._parked = of, count

    def lay_aside(self, account: AccountId) -> None:
        """Who was lent to tells of it from now on, until it is reported again. Nothing has changed for who waits."""
        self._accounts.pop(account, None)

    def is_plain(self, account: AccountId) -> bool:
        """One mailbox that is watched, and nothing else to be said: can it be laid aside?"""
        entry = self._accounts.get(account)
        if entry is None or entry.alert is not None or entry.unlisted is not None or len(entry.mailboxes) != 1:
            return False
        return all(one.watch is Watch.WATCHING and one.fault is None for one in entry)

    def of(self, account: AccountId) -> AccountStatus | None:
        return self._accounts.get(account) or self._parked_of(account)

    def report(self, account: AccountId, mailbox: MailboxStatus) -> None:
        self._accounts.setdefault(account, AccountStatus()).mailboxes[mailbox.mailbox] = mailbox
        self._wake(account)

    def alert(self, account: AccountId, text: str, at: datetime) -> None:
        """The latest one stands until the account is forgotten."""
        self._accounts.setdefault(account, AccountStatus()).alert = Alert(text, at)

    def unlisted(self, account: AccountId, fault: Fault | None, at: datetime) -> None:
        """``fault`` None: it has told which mailboxes there are."""
        entry = self._accounts.get(account)
        if fault is None and (entry is None or entry.unlisted is None):
            return
        entry = self._accounts.setdefault(account, AccountStatus())
        since = entry.unlisted.since if entry.unlisted is not None else at
        entry.unlisted = None if fault is None else Unlisted(fault, since)
        self._wake(account)

    def forget(self, account: AccountId, mailbox: str | None = None) -> None:
        """Nothing is being done any more: about one mailbox, or about the account."""
        entry = self._accounts.get(account)
        if entry is not None and mailbox is not None:
            entry.mailboxes.pop(mailbox, None)
        if entry is not None and (mailbox is None or not entry.mailboxes):
            del self._accounts[account]
        self._wake(account)

    async def wait_for(
        self, account: AccountId, predicate: Callable[[AccountStatus | None], bool], timeout: float
    ) -> AccountStatus | None:
        """Returns when ``predicate`` holds, or after ``timeout`` seconds, with what stands then."""
        event = asyncio.Event()
        self.attend(account, event)
        try:
            async with asyncio.timeout(timeout):
                while not predicate(self.of(account)):
                    event.clear()
                    await event.wait()
        except TimeoutError:
            pass
        finally:
            self.leave(account, event)
        return self.of(account)

    def attend(self, account: AccountId, event: asyncio.Event) -> None:
        """``event`` is set by every change of the account, until :meth:`leave`."""
        self._waiters.setdefault(account, set()).add(event)

    def leave(self, account: AccountId, event: asyncio.Event) -> None:
        waiters = self._waiters.get(account, set())
        waiters.discard(event)
        if not waiters:
            self._waiters.pop(account, None)

    def totals(self) -> dict[str, int]:
        """Mailboxes by what is being done about them."""
        counts = dict.fromkeys((watch.value for watch in Watch), 0)
        for entry in self._accounts.values():
            for status in entry:
                counts[status.watch.value] += 1
        counts[Watch.WATCHING.value] += self._parked()
        return counts

    def _wake(self, account: AccountId) -> None:
        for event in self._waiters.get(account, ()):
            event.set()


def _nobody(_: AccountId) -> None:
    return None
