"""Subscriptions and accounts as rows. Only what is in the row: what a change means for the queue is :mod:`.queues`' part."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from typing import Any, Final

from idlebell.model.account import Account, ImapTarget, Tls
from idlebell.model.endpoint import Role
from idlebell.model.ids import AccountId, ApiKeyId, SubscriptionId
from idlebell.model.subscription import Phase, Subscription
from idlebell.model.trust import Trust, identity, restored, seen_of
from idlebell.rules.schedule import scheduled
from idlebell.store import changes, codec, falling
from idlebell.store.contract import ConflictError
from idlebell.store.routes import Route, microseconds, moment, routes
from idlebell.store.sealing import Sealer

_COLUMNS: Final = (
    "id, account, key_digest, owner, phase, revision, created_us, mailboxes, selection, endpoints, details"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM subscriptions "  # noqa: S608 (constant columns)
_ACCOUNT: Final = "SELECT id, host, port, tls, username, trust, seen FROM accounts "

BY_ID: Final = _SELECT + "WHERE id = ?"
_WITH_ROUTES: Final = f"SELECT {_COLUMNS}, routes FROM subscriptions WHERE id = ?"  # noqa: S608 (constant columns)
BY_KEY: Final = _SELECT + "WHERE key_digest = ?"
LIVING: Final = _SELECT + "WHERE account = ? AND phase NOT IN ('expired', 'ended') ORDER BY created_us, id"
PAGE: Final = _SELECT + "WHERE id > ? ORDER BY id LIMIT ?"
PAGE_OF_OWNER: Final = _SELECT + "WHERE owner = ? AND id > ? ORDER BY id LIMIT ?"
LAPSED: Final = _SELECT + "WHERE lapses_us <= ? ORDER BY lapses_us, id LIMIT ?"
REMINDED: Final = _SELECT + "WHERE reminder_us <= ? ORDER BY reminder_us, id LIMIT ?"
EXPIRING: Final = _SELECT + "WHERE expiring_us <= ? ORDER BY expiring_us, id LIMIT ?"
PROBED: Final = _SELECT + "WHERE probe_us <= ? ORDER BY probe_us, id LIMIT ?"
UNSENT: Final = _SELECT + "WHERE code_us > ? ORDER BY code_us, id LIMIT ?"
BEATING: Final = _SELECT + "WHERE beat_us <= ? ORDER BY beat_us, id LIMIT ?"

_WRITE: Final = """
INSERT INTO subscriptions (id, account, key_digest, owner, phase, paused, revision, created_us, lapses_us, ended_us,
                           reminder_us, expiring_us, beat_us, scheduled, mailboxes, selection, fresh, routes, endpoints,
                           details, probe_us, code_us, source)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    account = excluded.account, key_digest = excluded.key_digest, owner = excluded.owner, phase = excluded.phase,
    paused = excluded.paused, revision = excluded.revision, created_us = excluded.created_us,
    lapses_us = excluded.lapses_us, ended_us = excluded.ended_us, reminder_us = excluded.reminder_us,
    expiring_us = excluded.expiring_us, beat_us = excluded.beat_us, scheduled = excluded.scheduled,
    mailboxes = excluded.mailboxes, selection = excluded.selection, fresh = excluded.fresh,
    routes = excluded.routes, endpoints = excluded.endpoints, details = excluded.details,
    probe_us = excluded.probe_us, code_us = excluded.code_us, source = excluded.source
"""
READ_KEPT: Final = 256
"""Subscriptions that were read last. A mail reads the same rows three times within milliseconds, and to open their seals and
build them takes longer than to find them."""
_BEFORE: Final = "SELECT routes, beaten_us FROM subscriptions WHERE id = ?"


def text(value: str) -> bytes:
    """What a server or an app chose: it may hold what is no UTF-8."""
    return value.encode("utf-8", "surrogatepass")


class Rows:
    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        # By all that the row holds, so that nothing stale is ever found; it is called in several threads.
        self._kept = lru_cache(READ_KEPT)(self._read)

    def select(self, connection: sqlite3.Connection, query: str, *values: Any) -> list[Subscription]:
        return [self._kept(row) for row in connection.execute(query, values)]

    def one(self, connection: sqlite3.Connection, query: str, *values: Any) -> Subscription | None:
        return next(iter(self.select(connection, query, *values)), None)

    def with_route(
        self, connection: sqlite3.Connection, subscription: SubscriptionId, role: Role
    ) -> tuple[Subscription, Route | None] | None:
        row = connection.execute(_WITH_ROUTES, (subscription,)).fetchone()
        return None if row is None else (self._kept(row[:-1]), codec.decode_route(row[-1], role))

    def route(self, connection: sqlite3.Connection, subscription: SubscriptionId, role: Role) -> Route | None:
        row = connection.execute("SELECT routes FROM subscriptions WHERE id = ?", (subscription,)).fetchone()
        return None if row is None else codec.decode_route(row[0], role)

    def write(self, connection: sqlite3.Connection, subscription: Subscription) -> bool:
        """True where its notifications go elsewhere than before."""
        before = connection.execute(_BEFORE, (subscription.id,)).fetchone()
        beaten_us = None if before is None else before[1]
        beat_at = changes.next_heartbeat(subscription, None if beaten_us is None else moment(beaten_us))
        patience = falling.patience(subscription.preferences, subscription.endpoints)
        after = codec.encode_routes(routes(subscription.endpoints, self._sealer.fingerprint, patience))
        probe_at, code_until = falling.probe_at(subscription), subscription.unsent_code_until
        expiring_at = subscription.expiring_at
        over = subscription.phase.over
        loss = subscription.loss
        fresh = changes.fresh_mailboxes(subscription)
        connection.execute(
            _WRITE,
            (
                subscription.id,
                subscription.account_id,
                subscription.key_digest,
                subscription.owner,
                subscription.phase.value,
                subscription.paused,
                subscription.revision,
                microseconds(subscription.created_at),
                None if over or subscription.declared else microseconds(subscription.expires_at),
                microseconds(subscription.over_since) if over and subscription.over_since is not None else None,
                microseconds(loss.next_at) if loss is not None and loss.next_at is not None and not over else None,
                None if expiring_at is None else microseconds(expiring_at),
                None if beat_at is None else microseconds(beat_at),
                scheduled(subscription.preferences),
                codec.encode_strings(subscription.mailboxes),
                None if subscription.selection is None else codec.encode_selection(subscription.selection),
                codec.encode_strings(fresh) if fresh else None,
                after,
                self._sealer.seal(codec.encode_endpoints(subscription.endpoints), _context(subscription.id)),
                codec.encode_details(subscription),
                None if probe_at is None else microseconds(probe_at),
                None if code_until is None else microseconds(code_until),
                subscription.source,
            ),
        )
        return before is not None and before[0] != after

    def _read(self, row: tuple[Any, ...]) -> Subscription:
        one, account, key_digest, owner, phase, revision, created_us, mailboxes, selection, endpoints, details = row
        return Subscription(
            id=SubscriptionId(one),
            account_id=AccountId(account),
            key_digest=key_digest,
            owner=None if owner is None else ApiKeyId(owner),
            mailboxes=codec.decode_strings(mailboxes),
            selection=None if selection is None else codec.decode_selection(selection),
            endpoints=codec.decode_endpoints(self._sealer.open(endpoints, _context(one))),
            created_at=moment(created_us),
            phase=Phase(phase),
            revision=revision,
            **codec.decode_details(details),
        )


def _context(subscription: str) -> bytes:
    return b"subscriptions\0endpoints\0" + subscription.encode("ascii")


def account_by_id(connection: sqlite3.Connection, account: AccountId) -> Account | None:
    row = connection.execute(_ACCOUNT + "WHERE id = ?", (account,)).fetchone()
    return None if row is None else read_account(row)


def account_by_key(connection: sqlite3.Connection, target: ImapTarget, username: str) -> Account | None:
    key = (target.host, target.port, text(username), identity(target.trust))
    found = connection.execute(_ACCOUNT + "WHERE host = ? AND port = ? AND username = ? AND trust = ?", key)
    row = found.fetchone()
    return None if row is None else read_account(row)


def read_account(row: tuple[Any, ...]) -> Account:
    one, host, port, tls, username, trust, seen = row
    target = ImapTarget(host, port, Tls(tls), restored(trust, seen))
    return Account(AccountId(one), target, username.decode("utf-8", "surrogatepass"))


def write_account(connection: sqlite3.Connection, account: Account) -> None:
    target = account.target
    place = (target.host, target.port, target.tls.value, text(account.username))
    row = (account.id, *place, identity(target.trust), seen_of(target.trust))
    connection.execute(
        "INSERT INTO accounts (id, host, port, tls, username, trust, seen) VALUES (?, ?, ?, ?, ?, ?, ?)", row
    )


def retrust(connection: sqlite3.Connection, account: AccountId, before: Trust, after: Trust) -> None:
    """ConflictError: see the contract."""
    query = "UPDATE OR IGNORE accounts SET trust = ?, seen = ? WHERE id = ? AND trust = ? AND seen IS ?"
    values = (identity(after), seen_of(after), account, identity(before), seen_of(before))
    if not connection.execute(query, values).rowcount:
        raise ConflictError("The account is gone, or trusts another key by now.")
