"""``idlebell keys rotate-vault`` on a real database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import store_samples as samples
from idlebell.cli import main
from idlebell.cli import vault as command
from idlebell.login.vault import NotOpened, Vault, VaultKey
from idlebell.login.vault_source import key_of_file, next_path
from idlebell.model.account import PasswordCredentials, Retention
from idlebell.model.secret import Secret
from idlebell.net.hardening import overwrite
from idlebell.store.contract import Store
from idlebell.store.sealing import Sealer, default_key_path, load_or_make_key
from idlebell.store.sqlite import open_sqlite
from idlebell.store.sqlite.opening import ServeLock

SETS = 3


class Installation:
    def __init__(self, folder: Path) -> None:
        self.database, self.key_file = folder / "idlebell.db", folder / "vault.key"
        self.config = folder / "idlebell.toml"
        self.config.write_text(
            f'[store]\nurl = "sqlite:{self.database}"\n'
            f'[credentials]\nretention = ["vault"]\nvault_key_file = "{self.key_file}"\n'
        )
        self.key_file.write_bytes(os.urandom(32))
        self.key_file.chmod(0o600)

    def stored(self, work: Callable[[Store], Awaitable[Any]]) -> Any:
        async def opened() -> Any:
            sealer = Sealer(load_or_make_key(default_key_path(self.database), may_make=not self.database.exists()))
            store = await open_sqlite(self.database, sealer, entropy=os.urandom)
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(opened())

    def fill(self) -> None:
        vault = Vault(VaultKey(key_of_file(self.key_file)), entropy=os.urandom, overwrite=overwrite)

        async def work(store: Store) -> None:
            for number in range(SETS):
                account = await store.account(samples.TARGET, f"user{number}")
                one = await store.put(samples.subscription(account.id, number, retention=Retention.VAULT))
                await store.keep_vaulted(vault.seal(one.id, account, PasswordCredentials(Secret(f"canary {number}"))))

        self.stored(work)

    def opened_by(self, path: Path) -> int:
        """How many sets the key in ``path`` opens."""
        vault = Vault(VaultKey(key_of_file(path)), entropy=os.urandom, overwrite=overwrite)

        async def work(store: Store) -> int:
            count = 0
            for row in await store.vaulted():
                account = await store.account_by_id(row.account)
                assert account is not None
                try:
                    vault.open(row, account)
                except NotOpened:
                    continue
                count += 1
            return count

        return int(self.stored(work))

    def rotate(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["keys", "rotate-vault", "--config", str(self.config), *words])


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path)
    made.fill()
    return made


def test_another_key_takes_the_place_of_the_old_one(installation: Installation) -> None:
    old = installation.key_file.read_bytes()
    sealed = [row.key for row in installation.stored(lambda store: store.vaulted())]
    found = installation.rotate()
    assert (found.exit_code, f"{SETS} sets" in found.stderr) == (0, True), found.output
    assert installation.key_file.read_bytes() != old
    assert installation.key_file.stat().st_mode & 0o777 == 0o600
    assert not next_path(installation.key_file).exists()
    assert installation.opened_by(installation.key_file) == SETS
    content = installation.database.read_bytes()
    assert not any(key in content for key in sealed), "nothing that the old key opens is left in the file"


def test_a_rotation_that_is_broken_off_anywhere_loses_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = next_path(installation.key_file)
    with monkeypatch.context() as broken:
        broken.setattr(command, "_resealed", _dies)  # the new key is on disk, nothing is sealed by it
        assert installation.rotate().exit_code == 1
    assert (new.exists(), installation.opened_by(installation.key_file)) == (True, SETS)
    with monkeypatch.context() as broken:
        broken.setattr(command, "_take_place", _dies)  # all is sealed by it, and the old one is still in its place
        assert installation.rotate().exit_code == 1
    assert (installation.opened_by(installation.key_file), installation.opened_by(new)) == (0, SETS)
    assert installation.rotate().exit_code == 0
    assert installation.opened_by(installation.key_file) == SETS


def test_while_a_gateway_serves_it_says_that_it_must_be_stopped(installation: Installation) -> None:
    lock = ServeLock(installation.database)
    found = installation.rotate()
    lock.release()
    assert (found.exit_code, "stop it first" in found.stderr) == (1, True)
    assert installation.opened_by(installation.key_file) == SETS


def test_a_lost_key_is_given_up_on_demand_only(installation: Installation) -> None:
    installation.key_file.write_bytes(os.urandom(32))
    found = installation.rotate()
    assert (found.exit_code, "nothing was changed; --lost removes" in found.stderr) == (1, True)
    installation.key_file.unlink()
    found = installation.rotate()
    assert (found.exit_code, "--lost removes what it sealed" in found.stderr) == (1, True)
    found = installation.rotate("--lost")
    assert (found.exit_code, f"{SETS} that the old key had sealed are removed" in found.stderr) == (0, True)
    assert installation.stored(lambda store: store.vaulted()) == ()


def test_a_key_that_lies_elsewhere_is_left_to_the_operator(installation: Installation, tmp_path: Path) -> None:
    config = installation.config.read_text()
    installation.config.write_text(config.replace("vault_key_file", "vault_key_command").replace('= "/', '= "cat /'))
    found = installation.rotate()
    assert (found.exit_code, "give --new-key-file" in found.stderr) == (1, True)
    other = tmp_path / "other"
    found = installation.rotate("--new-key-file", str(other))
    assert (found.exit_code, f"{other} holds the new key" in found.stderr) == (0, True), found.output
    assert installation.opened_by(other) == SETS


def test_without_a_vault_there_is_nothing_to_rotate(tmp_path: Path) -> None:
    (tmp_path / "idlebell.toml").write_text("")
    found = CliRunner().invoke(main, ["keys", "rotate-vault", "--config", str(tmp_path / "idlebell.toml")])
    assert (found.exit_code, "there is no vault" in found.stderr) == (1, True)


def _dies(*anything: object) -> None:
    raise OSError(5, "broken off")
