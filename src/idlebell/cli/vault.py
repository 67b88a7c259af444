"""``idlebell keys rotate-vault``: from one key of the vault to the next."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from idlebell.cli.failure import Failure
from idlebell.cli.stored import with_store

if TYPE_CHECKING:
    from idlebell.config import Settings
    from idlebell.login.vault import VaultKey
    from idlebell.model.vaulted import Vaulted
    from idlebell.store.contract import Store


def rotated(settings: Settings, new_key_file: Path | None, *, lost: bool) -> list[str]:
    """What was done, a sentence each. In this order: the new key is on disk; all rows are sealed by it, in one step; it takes
    the place of the old one. A gateway that is started in between opens by both."""
    from idlebell.login.vault_source import next_path
    from idlebell.model.account import Retention

    kept = settings.credentials
    if Retention.VAULT not in kept.retention:
        raise Failure('[credentials] retention: "vault" is not in it, so there is no vault; nothing was changed')
    in_place = new_key_file is None
    if in_place and kept.vault_key_file is None:
        raise Failure(
            "give --new-key-file FILE: the new key is put there, and from there it goes to where the gateway gets its key"
        )
    path = new_key_file if new_key_file is not None else next_path(_file_of(settings))
    old = () if lost else _old_keys(settings, path)

    async def work(store: Store) -> tuple[int, int]:
        new = _new_key(path)
        sets, foreign = _resealed(await store.vaulted(), old, new)
        if foreign and not lost:
            raise Failure(
                f"{len(foreign)} of {len(sets) + len(foreign)} sets of credentials do not open by the vault's key, so nothing "
                "was changed; --lost removes what does not open"
            )
        await store.reseal_vaulted(sets, [one.subscription for one in foreign])
        return len(sets), len(foreign)

    resealed, removed = with_store(settings, work, may_make=False, alone=True)
    said = [f"{resealed} sets of credentials are sealed by the new key"]
    if removed:
        said.append(f"{removed} that the old key had sealed are removed; their apps are asked to reconnect")
    if in_place:
        _take_place(path, _file_of(settings))
        said.append(f"{_file_of(settings)} holds the new key; the old one is gone")
    else:
        said.append(f"{path} holds the new key: let the gateway get that one before it starts")
    return said


def _file_of(settings: Settings) -> Path:
    assert settings.credentials.vault_key_file is not None
    return settings.credentials.vault_key_file


def _old_keys(settings: Settings, new: Path) -> tuple[VaultKey, ...]:
    from idlebell.login.vault import VaultKey
    from idlebell.login.vault_source import read_vault_keys

    try:
        return tuple(VaultKey(key) for key in read_vault_keys(settings.credentials.vault_source, may_make=False))
    except ValueError as error:
        raise Failure(f"{error}; where it is lost, --lost removes what it sealed and makes a new one") from None


def _new_key(path: Path) -> VaultKey:
    """That of an earlier run which was broken off, or a new one."""
    from idlebell.login.vault import VaultKey
    from idlebell.login.vault_source import key_of_file, made_key

    try:
        return VaultKey(key_of_file(path) if path.exists() else made_key(path))
    except ValueError as error:
        raise Failure(str(error)) from None


def _resealed(
    rows: tuple[Vaulted, ...], old: tuple[VaultKey, ...], new: VaultKey
) -> tuple[list[Vaulted], list[Vaulted]]:
    """Those that open, sealed by ``new``; those that do not."""
    from idlebell.login.vault import NotOpened

    sets: list[Vaulted] = []
    foreign: list[Vaulted] = []
    for row in rows:
        key = next((one for one in (new, *old) if one.opens(row)), None)
        try:
            if key is None:
                raise NotOpened(other_key=True)
            sets.append(key.resealed(row, new, os.urandom))
        except NotOpened:
            foreign.append(row)
    return sets, foreign


def _take_place(new: Path, of: Path) -> None:
    from idlebell.store.durable import sync_folder

    try:
        new.replace(of)
        sync_folder(of.parent)
    except OSError as error:
        raise Failure(
            f"{of} cannot be replaced by {new}: {error.strerror}; all is sealed by the latter already"
        ) from None
