"""Who seals what goes into the vault and opens what comes out of it: this process, or the one that has the credentials."""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeAlias

from idlebell.login.vault import Vault
from idlebell.model.account import Account, Credentials, PasswordCredentials, RenewableCredentials
from idlebell.model.ids import SubscriptionId
from idlebell.model.secret import Secret
from idlebell.model.vaulted import Vaulted

Sealable: TypeAlias = PasswordCredentials | RenewableCredentials


class SafeAway(OSError):  # noqa: N818 - named as the fact it is
    """Whoever has the key has ended, and with it what was to be sealed."""


class Safe(Protocol):
    def seal(
        self,
        subscription: SubscriptionId,
        account: Account,
        credentials: Sealable,
        refresh_token: Secret | None = None,
    ) -> asyncio.Future[Vaulted | None]:
        """As :meth:`.vault.Vault.seal`; ``credentials`` may be wiped once this returns. None comes of it where they are not to
        be had any more."""
        ...

    async def open(self, row: Vaulted, account: Account) -> Credentials:
        """As :meth:`.vault.Vault.open`. SafeAway, too."""
        ...


class SafeHere:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal(
        self,
        subscription: SubscriptionId,
        account: Account,
        credentials: Sealable,
        refresh_token: Secret | None = None,
    ) -> asyncio.Future[Vaulted | None]:
        sealed: asyncio.Future[Vaulted | None] = asyncio.get_running_loop().create_future()
        sealed.set_result(self._vault.seal(subscription, account, credentials, refresh_token))
        return sealed

    async def open(self, row: Vaulted, account: Account) -> Credentials:
        return self._vault.open(row, account)
