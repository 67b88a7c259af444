"""The vault's key, which the door alone has: it seals what its tickets stand for, and gives tickets for what it opens. Where
the rows lie is the gateway's matter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from idlebell.door import frames, sorts
from idlebell.door.tickets import Tickets
from idlebell.login.vault import NotOpened, Vault, VaultKey
from idlebell.login.vault_source import VaultSource, read_vault_keys
from idlebell.model.account import PasswordCredentials, RenewableCredentials
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.vaulted import Vaulted
from idlebell.net.hardening import overwrite


class Strongbox:
    """``say`` puts a frame on the link."""

    def __init__(self, tickets: Tickets, say: Callable[[frames.Frame], None]) -> None:
        self._tickets = tickets
        self._say = say
        self._vault: Vault | None = None

    async def read_key(self, frame: frames.ReadVaultKey) -> None:
        source = VaultSource(Path(frame.file) if frame.file else None, frame.command)
        try:
            first, *older = map(VaultKey, await asyncio.to_thread(read_vault_keys, source, may_make=frame.may_make))
        except ValueError as error:
            self._say(frames.VaultKeyRead(frame.number, str(error)))
            return
        self._vault = Vault(first, *older, entropy=os.urandom, overwrite=overwrite)
        self._say(frames.VaultKeyRead(frame.number, ""))

    def seal(self, frame: frames.Seal) -> None:
        account = sorts.account_of(frame.whose)
        try:
            with self._tickets.used(sorts.login_at(frame.whose), *sorts.tickets_of(frame.by)) as secrets:
                assert self._vault is not None  # none is sealed before it was read
                row = self._vault.seal(SubscriptionId(frame.subscription), account, sorts.sealed_of(frame.by, secrets))
        except KeyError:
            self._say(frames.Sealed(frame.number, b"", b""))
        else:
            self._say(frames.Sealed(frame.number, row.key, row.content))

    def unseal(self, frame: frames.Unseal) -> None:
        account = sorts.account_of(frame.whose)
        row = Vaulted(SubscriptionId(frame.subscription), AccountId(frame.whose.account), frame.key, frame.content)
        try:
            if self._vault is None:
                raise NotOpened(other_key=True)
            found = self._vault.open(row, account)
        except NotOpened as error:
            self._say(frames.NotUnsealed(frame.number, error.other_key))
            return
        assert isinstance(found, PasswordCredentials | RenewableCredentials)
        self._say(frames.Unsealed(frame.number, self._kept(found, frame.whose)))
        found.wipe()

    def _kept(self, found: PasswordCredentials | RenewableCredentials, whose: frames.Whose) -> frames.Sealable:
        """Bound to where it was sealed for."""
        keep, login = self._tickets.keep, sorts.login_at(whose)
        if isinstance(found, PasswordCredentials):
            return frames.Password(keep(found.password.reveal(), uses=[login]))
        uses = [login, sorts.refresh_at(found.token_url.reveal())]
        refresh_token = keep(found.refresh_token.reveal(), uses=uses)
        secret = found.client_secret
        client_secret = None if secret is None else keep(secret.reveal(), uses=uses)
        return frames.Renewable(refresh_token, found.token_url.reveal(), found.client_id, client_secret)
