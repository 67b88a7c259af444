"""A gateway dies, and another machine goes on from its backup, on a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner

from gateway_process import GatewayProcess, subscription
from idlebell.cli import main
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer

VAULT = '[credentials]\nretention = ["session", "vault"]\nvault_key_file = "{key}"\n'


def run(*words: object) -> None:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output


async def test_a_subscription_rings_on_from_another_machine(dovecot: DovecotServer, tmp_path: Path) -> None:
    """The backup is of a living gateway, and older than its death: what is sent since goes on to grow."""
    user, file, words = dovecot.add_user(), tmp_path / "backup", tmp_path / "words"
    words.write_text("correct horse battery\n")
    folders = [tmp_path / name for name in ("old", "new")]
    for folder in folders:
        folder.mkdir()
    more = VAULT.format(key=tmp_path / "vault.key")  # carried over by hand: it is in no backup

    async def deliver(subject: str) -> None:
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject=subject))

    async with PushService() as service:
        endpoints = {"new_mail": service.make_simplepush("bell"), "reconnect": service.make_simplepush("reconnect")}
        async with GatewayProcess(folders[0], dovecot.ca_file, more=more) as old:
            request = subscription(
                dovecot.ports.imaps, user.name, user.password, endpoints, retention="vault", wait_seconds=20
            )
            status, made = await old.call("POST", "/v1/subscriptions", request)
            assert (status, made["state"]) == (201, "watching"), made
            _, vapid = await old.call("GET", "/v1/vapid")
            await asyncio.to_thread(run, "backup", file, "--config", old.config, "--passphrase-file", words)
            await deliver("after the backup")
            await service.wait_for(lambda _: len(service.of("bell")) == 1, 30, name="bell")
            old.kill()
        (last,) = service.of("bell")

        gateway = GatewayProcess(folders[1], dovecot.ca_file, more=more)
        await asyncio.to_thread(run, "restore", file, "--config", gateway.config, "--passphrase-file", words)
        async with gateway:
            # What came between is not known here to have been announced: it is once more, as it says of itself.
            await service.wait_for(lambda _: len(service.of("bell")) == 2, 30, name="bell")
            await deliver("on the new machine")
            await service.wait_for(lambda _: len(service.of("bell")) == 3, 30, name="bell")
            assert await gateway.call("GET", "/v1/vapid") == (200, vapid)
            path = f"/v1/subscriptions/{made['id']}"
            assert (await gateway.call("GET", path, token=made["token"]))[1]["state"] == "watching"
    versions = [one.version for one in service.of("bell")]
    assert last.version == versions[0] < versions[1] < versions[2]
    assert service.of("reconnect") == []
    content = file.read_bytes()
    for secret in (user.password.encode(), (tmp_path / "vault.key").read_bytes().strip(), user.name.encode()):
        assert secret not in content
