"""The operator's canary, the whole way: SMTP, IMAP server, watch, commit, delivery, and what /readyz makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import aiohttp

from idlebell import compose
from idlebell.config import Settings
from idlebell.config import settings as sections
from idlebell.config.values import Address, imap_url, smtp_url_or_none
from idlebell.telemetry.facts import CanaryFailed, CanaryHeard, Fact
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.imap_server import Habits, ImapServer
from smtp_receiver import Received, SmtpReceiver

ADDRESS = "canary@example.org"
PASSWORD = "hunter2-canary"


@dataclass
class Yard:
    imap: ImapServer
    smtp: SmtpReceiver
    http: aiohttp.ClientSession
    url: str = ""
    lost: bool = False
    """The mail server takes mail and never delivers it."""
    facts: list[Fact] = field(default_factory=list)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def emit(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._moved.set()

    def deliver(self, received: Received) -> None:
        if not self.lost:
            self.imap.deliver(received.recipient, received.content)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._moved.clear()
                await self._moved.wait()

    async def next_heard(self) -> None:
        before = self.heard()
        await self.until(lambda: self.heard() > before)

    async def next_failure(self, stage: str) -> None:
        before = len(self.facts)
        await self.until(
            lambda: any(isinstance(fact, CanaryFailed) and fact.stage == stage for fact in self.facts[before:])
        )

    def heard(self) -> int:
        return sum(isinstance(fact, CanaryHeard) for fact in self.facts)

    async def ready(self) -> tuple[int, str]:
        async with self.http.get(f"{self.url}/readyz") as answer:
            body = await answer.json(content_type=None)
            return answer.status, body.get("detail", body["status"])

    async def metrics(self) -> str:
        async with self.http.get(f"{self.url}/metrics") as answer:
            return await answer.text()


@asynccontextmanager
async def kept(folder: Path, *, late_seconds: float = 60) -> AsyncIterator[Yard]:
    """A mail every half second: the numbers are not those that a configuration may hold."""
    authority = Authority()
    (folder / "ca.pem").write_bytes(authority.ca_pem)
    (folder / "password").write_text(PASSWORD + "\n")
    tls = authority.server_context()
    async with (
        ImapServer(habits=Habits(tls_context=tls)) as imap,
        aiohttp.ClientSession() as http,
        SmtpReceiver(tls=tls, username=ADDRESS, password=PASSWORD) as smtp,
    ):
        imap.add_user(ADDRESS, PASSWORD)
        yard = Yard(imap, smtp, http)
        smtp.on_received = yard.deliver
        settings = Settings(
            server=sections.Server(listen=Address("127.0.0.1", 0)),
            store=sections.Store(url=f"sqlite:{folder}/idlebell.db"),
            imap=sections.Imap(ca_file=folder / "ca.pem"),
            network=sections.NetworkAccess(allow=(ip_network("127.0.0.0/8"),)),
            canary=sections.Canary(
                account=imap_url(f"imaps://{ADDRESS}@127.0.0.1:{imap.tls_port}"),
                password_file=folder / "password",
                smtp=smtp_url_or_none(f"smtp://127.0.0.1:{smtp.port}"),
                every_seconds=0.5,
                late_seconds=late_seconds,
            ),
        )
        async with compose.running(settings, emit_also=yard.emit) as running:
            yard.url = running.url
            yield yard


async def test_readiness_follows_the_submission_server(tmp_path: Path) -> None:
    async with kept(tmp_path) as yard:
        await yard.next_heard()
        assert await yard.ready() == (200, "ready")
        assert "idlebell_canary_ok 1.0" in await yard.metrics()

        await yard.smtp.stop()
        await yard.next_failure("smtp")
        assert await yard.ready() == (503, "The canary's mail was not taken by its SMTP server.")
        metrics = await yard.metrics()
        assert "idlebell_canary_ok 0.0" in metrics
        assert 'idlebell_canary_failed_total{stage="smtp"}' in metrics

        await yard.smtp.start()
        await yard.next_heard()
        assert await yard.ready() == (200, "ready")
    assert {one.username for one in yard.smtp.received} == {ADDRESS}
    assert all(one.encrypted for one in yard.smtp.received)


async def test_a_mail_that_is_taken_and_lost_is_late(tmp_path: Path) -> None:
    async with kept(tmp_path, late_seconds=1) as yard:
        await yard.next_heard()
        yard.lost = True
        await yard.next_failure("late")
        assert await yard.ready() == (503, "The canary's mail was not heard of within 1 s.")
        yard.lost = False
        while await yard.ready() != (200, "ready"):
            await yard.next_heard()


async def test_an_account_that_cannot_be_watched_is_told(tmp_path: Path) -> None:
    async with kept(tmp_path, late_seconds=1) as yard:
        await yard.next_heard()
        await yard.imap.stop()
        await yard.next_failure("watch")
        assert await yard.ready() == (503, "The canary's account is not being watched.")
        await yard.imap.start()
        while await yard.ready() != (200, "ready"):
            await yard.next_heard()


async def test_other_mail_of_the_account_and_other_subscriptions_do_not_disturb_it(tmp_path: Path) -> None:
    async with kept(tmp_path) as yard:
        await yard.next_heard()
        for number in range(3):
            yard.imap.deliver(ADDRESS, mail.plausible(number))
        await yard.next_heard()
        await yard.next_heard()
        assert await yard.ready() == (200, "ready")
        assert not any(isinstance(fact, CanaryFailed) for fact in yard.facts)
