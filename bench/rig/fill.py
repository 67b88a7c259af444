"""Subscriptions without REST: what a registration leaves in the store and in the keyring is put there, and the fleet is nudged.
The gateway then opens the session by itself, as it does after an outage with retention ``memory``. It takes a quarter of the
time that REST takes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from idlebell.login.keyring import Keyring
from idlebell.model import ids
from idlebell.model.account import ImapTarget, PasswordCredentials, Retention, Tls
from idlebell.model.endpoint import Endpoints, PushUrl, SimplePushEndpoint
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.secret import Secret
from idlebell.model.selection import Personal
from idlebell.model.subscription import LEASE_SECONDS_DEFAULT, Floor, Payload, Phase, Subscription
from idlebell.store.contract import Store
from idlebell.watch.fleet import Fleet

AT_ONCE: Final = 64
"""Sessions under way, as from apps that register one after another."""
LOOK_SECONDS: Final = 0.005


async def fill(
    store: Store,
    keyring: Keyring,
    fleet: Fleet,
    numbers: Sequence[int],
    port: int,
    push: str,
    *,
    personal: bool = False,
) -> list[SubscriptionId]:
    """For each number an account ``user<number>`` at 127.0.0.1, with one SimplePush endpoint at ``push``/number.
    ``personal``: it watches all that LIST gives, which here is INBOX; such a session is never parked."""
    made: list[SubscriptionId] = []
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        pairs = await asyncio.gather(
            *(_one(store, keyring, port, number, f"{push}/{number}", personal) for number in some)
        )
        for subscription, account in pairs:
            made.append(subscription)
            fleet.nudge(account)
        while fleet.sessions() < numbers[0] + start:
            await asyncio.sleep(LOOK_SECONDS)
    return made


async def _one(
    store: Store, keyring: Keyring, port: int, number: int, url: str, personal: bool
) -> tuple[SubscriptionId, AccountId]:
    account = await store.account(ImapTarget("127.0.0.1", port, Tls.IMPLICIT), f"user{number}")
    now = datetime.now(UTC)
    subscription = Subscription(
        id=ids.subscription_id(os.urandom(ids.ID_ENTROPY_BYTES)),
        account_id=account.id,
        key_digest=os.urandom(32),
        owner=None,
        mailboxes=("INBOX",),
        endpoints=Endpoints(new_mail=SimplePushEndpoint(PushUrl(url))),
        payload=Payload.ALERT,
        retention=Retention.MEMORY,
        lease_seconds=LEASE_SECONDS_DEFAULT,
        created_at=now,
        expires_at=now + timedelta(seconds=LEASE_SECONDS_DEFAULT),
        phase=Phase.ACTIVE,
        floors=(Floor("INBOX", 1, 1),),
        selection=Personal() if personal else None,
    )
    keyring.keep(subscription.id, account.id, PasswordCredentials(Secret("apass")))
    await store.put(subscription)
    return subscription.id, account.id
