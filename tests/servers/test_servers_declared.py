"""Accounts of the configuration and of the command line, on a real server: no REST call, and nothing missed over a restart."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gateway_process import GatewayProcess
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer
from servers.mail_server import User


async def until(condition: Callable[[], bool], what: Callable[[], str], seconds: float = 20) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(what()) from None


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def declared(server: DovecotServer, user: User, folder: Path, more: str) -> str:
    password = folder / f"{user.name}.password"
    password.write_text(user.password + "\n")
    return (
        f'\n[[watch]]\nurl = "imaps://{user.name}@localhost:{server.ports.imaps}"\n'
        f'password_file = "{password}"\n{more}\n'
    )


async def test_declared_accounts_run_commands_ring_and_follow_sighup(dovecot: DovecotServer, tmp_path: Path) -> None:
    one, two = dovecot.add_user(), dovecot.add_user()
    out = tmp_path / "out"
    async with PushService() as service:
        hook = service.make_webhook()
        notify = f'notify = ["{hook["url"]}#{hook["secret"]}"]'
        first = declared(dovecot, one, tmp_path, f"exec = 'echo \"one: $IDLEBELL_SUBJECT\" >> {out}'")
        gateway = GatewayProcess(tmp_path, dovecot.ca_file)
        gateway.add_to_config(first)
        async with gateway:
            await until(lambda: "watch_started" in read(gateway.log), lambda: read(gateway.log))
            await asyncio.to_thread(dovecot.deliver, one.name, mail.make(subject="$(touch /tmp/never); `id`"))
            await until(lambda: read(out) == "one: $(touch /tmp/never); `id`\n", lambda: read(out) + read(gateway.log))

            gateway.add_to_config(declared(dovecot, two, tmp_path, notify))
            gateway.signal(signal.SIGHUP)
            await until(lambda: read(gateway.log).count("watch_started") == 2, lambda: read(gateway.log))
            await asyncio.to_thread(dovecot.deliver, two.name, mail.make(subject="for the hook"))
            await asyncio.to_thread(dovecot.deliver, one.name, mail.make(subject="for nobody"))
            await service.wait_for(lambda received: received.type == "new_mail", name="hook")

            # A file that is not valid changes nothing.
            gateway.add_to_config("\n[front]\nlisen = 3\n")
            gateway.signal(signal.SIGHUP)
            await until(lambda: "was not taken: [front] lisen" in read(gateway.log), lambda: read(gateway.log))
            await asyncio.to_thread(dovecot.deliver, two.name, mail.make(subject="again"))
            await service.wait_for(
                lambda _: sum(bell.type == "new_mail" for bell in service.of("hook")) == 2, name="hook"
            )
    assert read(out) == "one: $(touch /tmp/never); `id`\n"
    assert not Path("/tmp/never").exists()


async def test_watch_prints_a_line_a_message_and_misses_nothing_over_a_restart(
    dovecot: DovecotServer, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    (tmp_path / "password").write_text(user.password)
    (tmp_path / "idlebell.toml").write_text(
        f'[imap]\nca_file = "{dovecot.ca_file}"\n[network]\nallow = ["127.0.0.0/8", "::1/128"]\n[log]\nlevel = "info"\n'
    )
    out, log = tmp_path / "out", tmp_path / "log"

    def start() -> subprocess.Popen[bytes]:
        arguments = [
            *("watch", f"imaps://{user.name}@localhost:{dovecot.ports.imaps}"),
            *("--state", str(tmp_path / "state.db"), "--password-file", str(tmp_path / "password")),
            *("--config", str(tmp_path / "idlebell.toml")),
        ]
        with out.open("ab") as stdout, log.open("ab") as stderr:
            return subprocess.Popen(
                [sys.executable, "-c", "from idlebell.cli import main; main()", *arguments],
                stdout=stdout,
                stderr=stderr,
            )

    first = start()
    try:
        await until(lambda: "watch_started" in read(log), lambda: read(log))
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="while it runs"))
        await until(lambda: "while it runs" in read(out), lambda: read(out) + read(log))
    finally:
        first.terminate()
        assert first.wait(20) == 0, read(log)
    await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="while it is down"))
    second = start()
    try:
        await until(lambda: "while it is down" in read(out), lambda: read(out) + read(log))
    finally:
        second.terminate()
        second.wait(20)

    lines = read(out).splitlines()
    assert [line.rsplit(": ", 1)[1] for line in lines] == ["while it runs", "while it is down"]
