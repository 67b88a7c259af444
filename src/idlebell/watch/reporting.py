"""A report of a mail server, from its arrival to the commit of what it rings."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from enum import Enum
from typing import Final
from weakref import WeakValueDictionary

from idlebell.model.account import Account
from idlebell.model.arrival import Arrival, Mark
from idlebell.model.ids import AccountId
from idlebell.model.source import Form, Report, Source
from idlebell.model.subscription import Phase, Subscription
from idlebell.rules.match import Matched, listening, match
from idlebell.rules.needs import needs_of
from idlebell.rules.telling import untold
from idlebell.store.contract import ConflictError
from idlebell.telemetry.facts import MailDetected
from idlebell.watch.detect import NOT_NEW
from idlebell.watch.kept import Look
from idlebell.watch.look import Means
from idlebell.watch.reported import after

CONFLICTS: Final = 5
"""Lost compare-and-sets in a row before a report is refused, for its server to send again. Reports of one mailbox wait for each
other, so each is a session's that looks at it at the same time."""


class Heard(Enum):
    """What became of a report."""

    TOLD = "committed, with whatever it rings"
    KNOWN = "decided on before"
    LEFT = "left to the session that watches this mailbox"
    NOBODY = "nobody here wants to hear of this mailbox"


class Reporting:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._turns: WeakValueDictionary[tuple[AccountId, str], asyncio.Lock] = WeakValueDictionary()
        """Of a mailbox, while somebody has it or waits for it."""

    async def hear(self, source: Source, report: Report) -> Heard:
        """Returns when it is durable. StoreError: it is not; ConflictError: too many of one mailbox at once."""
        account = await self._means.store.account_by_key(source.target, report.user)
        if account is None:
            return Heard.NOBODY
        key = (account.id, report.mailbox)
        if (turn := self._turns.get(key)) is None:
            turn = self._turns[key] = asyncio.Lock()
        async with turn:
            for _ in range(CONFLICTS - 1):
                try:
                    return await self._hear(account, source, report)
                except ConflictError:
                    continue
            return await self._hear(account, source, report)

    async def _hear(self, account: Account, source: Source, report: Report) -> Heard:
        means, mailbox = self._means, report.mailbox
        started = means.clock.monotonic()
        status = means.status.of(account.id)
        if status is not None and mailbox in status.watching():
            return Heard.LEFT  # it sees flags, dates and the whole header, and tells all subscriptions of the account
        subscriptions = await means.store.of_account(account.id)
        if not any(mailbox in one.mailboxes and one.phase is Phase.ACTIVE for one in subscriptions):
            return Heard.NOBODY
        now = means.clock.now()
        cursor = await means.store.cursor(account.id, mailbox)
        awaited = any(one.wanted and mailbox in one.mailboxes for one in subscriptions)
        moved = after(cursor, report.uid_validity, report.uid, now, awaited=awaited)
        if moved is None:
            return Heard.KNOWN
        message = report.message
        marks = frozenset({Mark.SEEN}) if message.has_flag("\\Seen") else frozenset()
        arrival = Arrival(message, marks)
        told = tuple(_decided(one, source.form) for one in listening(subscriptions, mailbox))
        took_ms = (means.clock.monotonic() - started) * 1000.0
        look = Look(mailbox, report.uid_validity, report.uid, now, took_ms, means.store.fingerprint)
        if any(message.has_flag(flag) for flag in NOT_NEW):
            matched, verdicts = Matched(()), look.dismissed((message,), moved, told)
        else:
            matched = match(told, mailbox, report.uid_validity, (arrival,), report.unseen, now, means.keep)
            verdicts = look.kept(matched.verdicts, (arrival,))
        committed = await means.store.commit(account.id, mailbox, cursor, moved, matched.drafts, verdicts=verdicts)
        means.committed()
        means.emit(MailDetected(account.id, 1 - len(marks), len(committed), took_ms))
        return Heard.TOLD


def _decided(one: Subscription, form: Form) -> Subscription:
    """As far as a report of this ``form`` can decide for it. Those that named the source were held to what it tells; whose
    session is lost may have asked for more, and a ring too many is better than one too few."""
    if one.source is not None or not untold(form, needs_of(one)):
        return one
    return replace(one, preferences=replace(one.preferences, filter=None, vip=None, hushed=()))
