"""The vault, as the settings say, and what of the last process it gives back."""

from __future__ import annotations

import asyncio
import os

from idlebell.config import Settings
from idlebell.config.vault_key import read_vault_keys
from idlebell.login.keyring import Keyring
from idlebell.login.vault import Vault, VaultKey
from idlebell.login.vault_room import Shelves, VaultRoom
from idlebell.model.account import Retention
from idlebell.net.clock import Clock
from idlebell.telemetry.facts import Complained, Emit, Noted


async def vault_room_of(settings: Settings, store: Shelves, clock: Clock, emit: Emit) -> VaultRoom | None:
    """None: the operator has none. What an earlier one held is forgotten then: nobody is to use it. A key that is not to be had
    keeps no gateway from starting."""
    rows = await store.vaulted()
    if Retention.VAULT not in settings.credentials.retention:
        if rows:
            await store.forget_vaulted([one.subscription for one in rows])
            emit(Noted(f"The vault is switched off: {_sets(len(rows))} removed from it."))
        return None
    try:
        keys = await asyncio.to_thread(read_vault_keys, settings.credentials, may_make=not rows)
    except ValueError as error:
        emit(Complained(f"The vault is closed: {error}. Until it is mended nobody can register with retention vault."))
        return VaultRoom(store, None, clock, emit)
    first, *older = map(VaultKey, keys)
    return VaultRoom(store, Vault(first, *older, entropy=os.urandom), clock, emit)


async def keyring_of(room: VaultRoom | None, emit: Emit) -> Keyring:
    """With what lies in the vault. StoreError."""
    keyring = Keyring(room)
    unopened = await keyring.load()
    if unopened.other_key:
        emit(
            Complained(
                f"{_sets(unopened.other_key)} not to be opened, for the vault's key is not the one that sealed them. "
                "Their apps are asked to reconnect, where nobody else's credentials serve; nothing else is lost. Put the "
                "right key back and start again, or give up what it sealed by: idlebell keys rotate-vault --lost"
            )
        )
    if unopened.changed:
        emit(
            Complained(
                f"{_sets(unopened.changed)} not to be opened, though the vault's key is the right one: somebody has changed "
                "the database, or moved them to another account. Their apps are asked to reconnect."
            )
        )
    return keyring


def _sets(count: int) -> str:
    return f"{count} set{'' if count == 1 else 's'} of credentials {'is' if count == 1 else 'are'}"
