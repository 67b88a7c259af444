"""What is wanted, folded from rows: one walk, and what many accounts have in common is held once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

from idlebell.model.account import Account, ImapTarget, Tls
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.selection import Selection
from idlebell.model.trust import restored
from idlebell.store import codec
from idlebell.store.contract import WantedAccount

_FROM: Final = """
SELECT accounts.id, host, port, tls, username, trust, seen, subscriptions.id, mailboxes, selection, fresh
FROM subscriptions JOIN accounts ON accounts.id = subscriptions.account
WHERE phase = 'active' AND source IS NULL
"""
WANTED: Final = _FROM + "AND subscriptions.account > ? ORDER BY subscriptions.account, created_us, subscriptions.id"
TARGETS: Final = 1_024
"""Servers whose target is held once. Beyond that each account has its own: there are that many servers then."""
WANTED_OF: Final = _FROM + "AND subscriptions.account = ? ORDER BY subscriptions.account, created_us, subscriptions.id"


Target: TypeAlias = Callable[[str, int, str, str, bytes | None], ImapTarget]


def shared_targets() -> Target:
    """Gives the same object for all accounts of a server, so that a parked mailbox holds a hundred bytes less."""
    return lru_cache(TARGETS)(
        lambda host, port, tls, trust, seen: ImapTarget(host, port, Tls(tls), restored(trust, seen))
    )


class _Shared:
    """Each set of mailboxes once, however many accounts have it."""

    def __init__(self) -> None:
        self._mailboxes: dict[str, tuple[str, ...]] = {}
        self._sets: dict[tuple[str, ...], tuple[str, ...]] = {}

    def mailboxes(self, encoded: str) -> tuple[str, ...]:
        mailboxes = self._mailboxes.get(encoded)
        if mailboxes is None:
            mailboxes = self._mailboxes[encoded] = codec.decode_strings(encoded)
        return mailboxes

    def once(self, mailboxes: tuple[str, ...]) -> tuple[str, ...]:
        return self._sets.setdefault(mailboxes, mailboxes)


def wanted_accounts(found: sqlite3.Cursor, target: Target, limit: int | None = None) -> tuple[WantedAccount, ...]:
    """``found``: rows of :data:`WANTED`, those of one account together. Up to ``limit`` accounts of them."""
    shared = _Shared()
    accounts: list[WantedAccount] = []
    group: list[tuple[Any, ...]] = []
    for row in found:
        if group and group[0][0] != row[0]:
            accounts.append(_wanted_account(group, shared, target))
            group = []
            if len(accounts) == limit:
                break
        group.append(row)
    if group:
        accounts.append(_wanted_account(group, shared, target))
    return tuple(accounts)


def _wanted_account(group: list[tuple[Any, ...]], shared: _Shared, target: Target) -> WantedAccount:
    one, host, port, tls, username, trust, seen = group[0][:7]
    account = Account(AccountId(one), target(host, port, tls, trust, seen), username.decode("utf-8", "surrogatepass"))
    mailboxes: tuple[str, ...] = ()
    fresh: tuple[tuple[SubscriptionId, str], ...] = ()
    selections: tuple[tuple[SubscriptionId, Selection], ...] = ()
    for *_, subscription, encoded, selection, ungrounded in group:
        asked = shared.mailboxes(encoded)
        if asked != mailboxes:
            mailboxes = tuple(dict.fromkeys((*mailboxes, *asked)))
        if ungrounded is not None:
            fresh += tuple((SubscriptionId(subscription), mailbox) for mailbox in shared.mailboxes(ungrounded))
        if selection is not None:
            selections += ((SubscriptionId(subscription), codec.decode_selection(selection)),)
    return WantedAccount(account, shared.once(mailboxes), fresh, selections)
