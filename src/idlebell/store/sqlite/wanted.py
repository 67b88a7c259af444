"""What is wanted, folded from rows: one walk, and what many accounts have in common is held once."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from idlebell.model.account import Account, ImapTarget, Tls
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.selection import Selection
from idlebell.store import codec
from idlebell.store.contract import WantedAccount

_FROM: Final = """
SELECT accounts.id, host, port, tls, username, subscriptions.id, mailboxes, selection, fresh
FROM subscriptions JOIN accounts ON accounts.id = subscriptions.account
WHERE phase = 'active'
"""
WANTED: Final = _FROM + "AND subscriptions.account > ? ORDER BY subscriptions.account, created_us, subscriptions.id"
WANTED_OF: Final = _FROM + "AND subscriptions.account = ? ORDER BY subscriptions.account, created_us, subscriptions.id"


class _Shared:
    """Each target and each set of mailboxes once, however many accounts have it."""

    def __init__(self) -> None:
        self._targets: dict[tuple[str, int, str], ImapTarget] = {}
        self._mailboxes: dict[str, tuple[str, ...]] = {}
        self._sets: dict[tuple[str, ...], tuple[str, ...]] = {}

    def target(self, host: str, port: int, tls: str) -> ImapTarget:
        target = self._targets.get((host, port, tls))
        if target is None:
            target = self._targets[host, port, tls] = ImapTarget(host, port, Tls(tls))
        return target

    def mailboxes(self, encoded: str) -> tuple[str, ...]:
        mailboxes = self._mailboxes.get(encoded)
        if mailboxes is None:
            mailboxes = self._mailboxes[encoded] = codec.decode_strings(encoded)
        return mailboxes

    def once(self, mailboxes: tuple[str, ...]) -> tuple[str, ...]:
        return self._sets.setdefault(mailboxes, mailboxes)


def wanted_accounts(found: sqlite3.Cursor, limit: int | None = None) -> tuple[WantedAccount, ...]:
    """``found``: rows of :data:`WANTED`, those of one account together. Up to ``limit`` accounts of them."""
    shared = _Shared()
    accounts: list[WantedAccount] = []
    group: list[tuple[Any, ...]] = []
    for row in found:
        if group and group[0][0] != row[0]:
            accounts.append(_wanted_account(group, shared))
            group = []
            if len(accounts) == limit:
                break
        group.append(row)
    if group:
        accounts.append(_wanted_account(group, shared))
    return tuple(accounts)


def _wanted_account(group: list[tuple[Any, ...]], shared: _Shared) -> WantedAccount:
    one, host, port, tls, username = group[0][:5]
    account = Account(AccountId(one), shared.target(host, port, tls), username.decode("utf-8", "surrogatepass"))
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
