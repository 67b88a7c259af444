"""The canary as an operator keeps it: a configuration file, a real IMAP server, a submission server with STARTTLS and login."""

from __future__ import annotations

import asyncio
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gateway_process import GatewayProcess
from servers.dovecot_server import DovecotServer
from smtp_receiver import Received, SmtpReceiver

PASSWORD = "hunter2-canary"


async def until(gateway: GatewayProcess, holds: Callable[[str], bool]) -> None:
    try:
        async with asyncio.timeout(30):
            while not holds(gateway.log.read_text()):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(gateway.log.read_text()[-4_000:]) from None


@asynccontextmanager
async def kept(dovecot: DovecotServer, folder: Path) -> AsyncIterator[tuple[GatewayProcess, SmtpReceiver]]:
    """Not started yet; the canary is in its configuration."""
    user = dovecot.add_user(password=PASSWORD)
    (folder / "password").write_text(f"{PASSWORD}\n")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(dovecot.certificate, dovecot.key)
    deliveries: set[asyncio.Future[None]] = set()

    def deliver(received: Received) -> None:
        assert received.recipient == "bird@example.org"
        work = asyncio.get_running_loop().run_in_executor(None, dovecot.deliver, user.name, received.content)
        deliveries.add(work)

    async with SmtpReceiver(tls=tls, username=user.name, password=PASSWORD) as smtp:
        smtp.on_received = deliver
        gateway = GatewayProcess(folder, dovecot.ca_file)
        gateway.add_to_config(
            f'[canary]\naccount = "imaps://{user.name}@localhost:{dovecot.ports.imaps}"\n'
            f'password_file = "{folder}/password"\nsmtp = "smtp://localhost:{smtp.port}"\n'
            'recipient = "bird@example.org"\nsender = "keeper@example.org"\n'
        )
        yield gateway, smtp
        await asyncio.gather(*deliveries)


async def test_the_canary_sings_on_a_real_server_and_keeps_its_password_to_itself(
    dovecot: DovecotServer, tmp_path: Path
) -> None:
    async with kept(dovecot, tmp_path) as (gateway, smtp), gateway:
        await until(gateway, lambda log: "canary_heard" in log)
        assert await gateway.call("GET", "/readyz") == (200, {"status": "ready"})
        _, metrics = await gateway.call("GET", "/metrics")
        assert "idlebell_canary_heard_total 1.0" in metrics["text"]
        # Accounts are read again; the canary is none of [[watch]], and stays.
        gateway.signal(signal.SIGHUP)
        gateway.signal(signal.SIGHUP)
        assert (await gateway.call("GET", "/healthz"))[0] == 200
        (received,) = smtp.received
        assert (received.sender, received.encrypted) == ("keeper@example.org", True)
    assert PASSWORD not in gateway.log.read_text()
    assert "removed" not in gateway.log.read_text()


async def test_a_canary_whose_mail_is_refused_says_where_and_why(dovecot: DovecotServer, tmp_path: Path) -> None:
    async with kept(dovecot, tmp_path) as (gateway, smtp):
        smtp.refuse["RCPT"] = "550 5.1.1 no such bird"
        async with gateway:
            await until(gateway, lambda log: "canary_failed" in log)
            status, told = await gateway.call("GET", "/readyz")
            assert (status, told["detail"]) == (503, "The canary's mail was not taken by its SMTP server.")
        assert 'stage=smtp detail="recipient: 550 5.1.1 no such bird"' in gateway.log.read_text()


async def test_check_tries_the_canary_where_it_is_asked_to(dovecot: DovecotServer, tmp_path: Path) -> None:
    async def check(*options: str) -> tuple[int, str]:
        command = [sys.executable, "-c", "from idlebell.cli import main; main()", "check", "--config"]
        done = await asyncio.to_thread(
            subprocess.run, [*command, str(gateway.config), *options], capture_output=True, text=True, timeout=60
        )
        assert PASSWORD not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    async with kept(dovecot, tmp_path) as (gateway, smtp):
        assert (await check())[0] == 0
        assert smtp.received == []
        status, said = await check("--canary")
        assert status == 0, said
        assert f"localhost:{smtp.port}: took a mail to bird@example.org" in said
        assert "Would be watched by: " in said
        assert len(smtp.received) == 1
        smtp.refuse["RCPT"] = "550 5.1.1 no such bird"
        status, said = await check("--canary")
        assert status == 1
        assert "no such bird" in said
