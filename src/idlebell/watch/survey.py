"""Finds the mailboxes of selections over a session, and writes what was found: new ones, renamed ones, those that are gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from idlebell.imap.responses import NamespaceData, StatusData
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor
from idlebell.model.ids import SubscriptionId
from idlebell.model.selection import Selection
from idlebell.model.subscription import Floor, Subscription
from idlebell.watch.canned import STATUS_ITEMS
from idlebell.watch.census import Listed, listed, renamed, selected
from idlebell.watch.look import Books, Means
from idlebell.watch.mailbox_session import MailboxSession

EVERY_SECONDS: Final = 110.0
"""Where the server does not tell of new mailboxes: the first mail in one of them waits no longer than two minutes."""
EVERY_SECONDS_A_MAILBOX: Final = 0.5
"""A list of thousands is not asked for that often."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """``names``: what the selections mean now. ``statuses``: how those of them stand, as far as that was told. ``changed``: the
    store had something else."""

    names: frozenset[str]
    statuses: dict[str, StatusData]
    changed: bool
    listed: int

    @property
    def next_seconds(self) -> float:
        return max(EVERY_SECONDS, self.listed * EVERY_SECONDS_A_MAILBOX)


class Survey:
    """Of one session."""

    __slots__ = ("_account", "_books", "_means", "_namespaces", "_session")

    def __init__(self, account: Account, session: MailboxSession, books: Books, means: Means) -> None:
        self._account = account
        self._session = session
        self._books = books
        self._means = means
        self._namespaces: NamespaceData | None = None

    async def take(self, selections: Sequence[tuple[SubscriptionId, Selection]]) -> Surveyed:
        """Raises what the session raises, LookRefusedError, StoreError."""
        store, account = self._means.store, self._account.id
        before, self._books.surveyed_at = self._books.surveyed_at, self._means.clock.now()
        if self._namespaces is None:
            self._namespaces = await self._session.namespace()
        listing = await self._session.list_all(STATUS_ITEMS)
        mailboxes = listed(
            listing.mailboxes,
            listing.statuses,
            self._namespaces,
            subscribed=listing.subscribed,
        )
        statuses = {one.name: one.status for one in mailboxes if one.status is not None}
        stored = {one.id: one for one in await store.of_account(account)}
        wishes = [
            (stored[one], selected(selection, mailboxes, self._means.max_mailboxes) or ("INBOX",))
            for one, selection in selections
            if one in stored and stored[one].selection == selection  # else it has changed while the server was asked
        ]
        await self._follow_names(wishes, mailboxes, statuses)
        changed = False
        for subscription, names in wishes:
            if subscription.resolved and names == subscription.mailboxes:
                continue
            fresh = [name for name in names if subscription.resolved and name not in subscription.mailboxes]
            floors = []
            if fresh and before is None:
                before = await self._last_look(subscription.mailboxes)
            for name in fresh:
                status = await self._status(name, statuses)
                if status is not None and status.uid_validity is not None:
                    # It was made while its account was watched: all that is delivered there is new.
                    floors.append(Floor(name, status.uid_validity, 1))
                    self._books.appeared[name] = before
            await store.resolve(subscription.id, names, floors, found_for=subscription.selection)
            changed = True
        covered = frozenset(name for _, names in wishes for name in names)
        standing = {name: status for name, status in statuses.items() if name in covered}
        return Surveyed(covered, standing, changed, len(mailboxes))

    async def _follow_names(
        self,
        wishes: Sequence[tuple[Subscription, tuple[str, ...]]],
        mailboxes: Sequence[Listed],
        statuses: dict[str, StatusData],
    ) -> None:
        """A mailbox that has another name goes on where it was."""
        there = {one.name for one in mailboxes}
        known = {name for subscription, _ in wishes if subscription.resolved for name in subscription.mailboxes}
        appeared = {name for _, names in wishes for name in names} - known
        gone: dict[str, Cursor] = {}
        for name in sorted(known - there):
            cursor = await self._means.store.cursor(self._account.id, name)
            if cursor is not None:
                gone[name] = cursor
        if not gone or not appeared:
            return
        found = [(name, status) for name in sorted(appeared) if (status := await self._status(name, statuses))]
        for old, new in renamed(gone, found):
            if await self._means.store.cursor(self._account.id, new) is None:
                await self._means.store.renamed(self._account.id, old, new)
                if old in self._books.looked_at:
                    self._books.looked_at[new] = self._books.looked_at.pop(old)

    async def _last_look(self, mailboxes: Sequence[str]) -> datetime | None:
        """The first survey of a process: the one before it was made by another one, and at its last look at the latest."""
        cursors = [await self._means.store.cursor(self._account.id, name) for name in mailboxes]
        return max((one.looked_at for one in cursors if one is not None and one.looked_at is not None), default=None)

    async def _status(self, name: str, statuses: dict[str, StatusData]) -> StatusData | None:
        if name not in statuses:
            status = await self._session.status(name, STATUS_ITEMS)
            if status is None:
                return None
            statuses[name] = status
        return statuses[name]
