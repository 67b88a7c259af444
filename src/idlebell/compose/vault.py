"""The vault, as the settings say, and what of the last process it gives back."""

from __future__ import annotations

import asyncio
import os

from idlebell.config import Settings
from idlebell.door.neighbour import Neighbour, SafeThere
from idlebell.login.keyring import Keyring
from idlebell.login.safe import Safe, SafeHere
from idlebell.login.vault import Vault, VaultKey
from idlebell.login.vault_room import Shelves, VaultRoom
from idlebell.login.vault_source import read_vault_keys
from idlebell.model.account import Retention
from idlebell.net.clock import Clock
from idlebell.net.hardening import overwrite
from idlebell.telemetry.facts import Complained, Emit, Noted


async def vault_room_of(
    settings: Settings, store: Shelves, clock: Clock, emit: Emit, neighbour: Neighbour | None
) -> VaultRoom | None:
    """``neighbour``: who has the key, where that is not this process. None: the operator has no vault. What an earlier one held
    is forgotten then: nobody is to use it. A key that is not to be had keeps no gateway from starting."""
    rows = await store.vaulted()
    if Retention.VAULT not in settings.credentials.retention:
        if rows:
            await store.forget_vaulted([one.subscription for one in rows])
            emit(Noted(f"The vault is switched off: {_sets(len(rows))} removed from it."))
        return None
    try:
        safe = await _safe_of(settings, neighbour, may_make=not rows)
    except ValueError as error:
        emit(Complained(f"The vault is closed: {error}. Until it is mended nobody can register with retention vault."))
        return VaultRoom(store, None, clock, emit)
    return VaultRoom(store, safe, clock, emit)


async def _safe_of(settings: Settings, neighbour: Neighbour | None, *, may_make: bool) -> Safe:
    source = settings.credentials.vault_source
    if neighbour is not None:
        await neighbour.read_vault_key(source, may_make=may_make)
        return SafeThere(neighbour)
    first, *older = map(VaultKey, await asyncio.to_thread(read_vault_keys, source, may_make=may_make))
    return SafeHere(Vault(first, *older, entropy=os.urandom, overwrite=overwrite))


async def keyring_of(room: VaultRoom | None, emit: Emit) -> Keyring:
    """With what lies in the vault. StoreError, SafeAway."""
    keyring = Keyring(room)
    await _load(keyring, emit)
    return keyring


async def open_anew(settings: Settings, keyring: Keyring, neighbour: Neighbour, emit: Emit) -> None:
    """What lies in the vault, by a door that was started anew. StoreError, SafeAway."""
    if Retention.VAULT not in settings.credentials.retention:
        return
    try:
        await neighbour.read_vault_key(settings.credentials.vault_source, may_make=False)
    except ValueError as error:
        emit(Complained(f"The vault is closed: {error}. Until it is mended nobody can register with retention vault."))
    await _load(keyring, emit)


async def _load(keyring: Keyring, emit: Emit) -> None:
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


def _sets(count: int) -> str:
    return f"{count} set{'' if count == 1 else 's'} of credentials {'is' if count == 1 else 'are'}"
