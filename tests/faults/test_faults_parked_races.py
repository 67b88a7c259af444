"""Mail at any moment of a parked session: in each turn of a probe, beside changes of its subscription, as the gateway dies."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer
from servers.mail_server import User

ACCOUNTS: Final = 6
ROUNDS: Final = 3
STEPS: Final = 20
SETTLES_SECONDS: Final = 90
QUICKER: Final = """
from idlebell.watch import cadence
cadence.PROBE_OWN_SECONDS = 0.05
cadence.PROBE_SECONDS = 0.0001
"""
"""A probe follows another in tens of milliseconds, so that mail comes in each of its turns."""
PACE: Final = "park_after_seconds = 0.02\nper_host_connect_rate = 0"


class Owner:
    """Of one subscription: an app, and whoever writes to its user."""

    def __init__(
        self, gateway: GatewayProcess, service: PushService, server: DovecotServer, user: User, dice: random.Random
    ) -> None:
        self.user = user
        self.delivered = 0
        self._gateway = gateway
        self._service = service
        self._server = server
        self._dice = dice
        hook = service.make_webhook(user.name)
        endpoints = {"new_mail": hook, "reconnect": hook}
        self._wish = subscription(server.ports.imaps, user.name, user.password, endpoints, payload="summary")
        self._path = ""
        self._token = ""

    async def subscribe(self) -> None:
        status, made = await self._gateway.call("POST", "/v1/subscriptions", self._wish)
        assert status in (200, 201, 202), made
        self._path, self._token = f"/v1/subscriptions/{made['id']}", made["token"]

    async def act(self) -> None:
        for _ in range(STEPS):
            await self._step()
            await asyncio.sleep(self._dice.uniform(0.0, 0.3))

    async def _step(self) -> None:
        match self._dice.randrange(6):
            case 0 | 1 | 2:
                await self.deliver()
            case 3:
                await self._patch({"also": self._dice.choice([["seen"], []])})
            case 4:
                await self._patch({"mailboxes": self._dice.choice([["INBOX"], ["INBOX", "Drafts"]])})
            case 5:
                await self.subscribe()

    async def deliver(self) -> None:
        message = mail.make(subject=f"{self.user.name} {self.delivered}")
        await asyncio.to_thread(self._server.deliver, self.user.name, message)
        self.delivered += 1

    async def watch_one(self) -> None:
        """So that its session parks."""
        async with asyncio.timeout(SETTLES_SECONDS):
            while not await self._patch({"mailboxes": ["INBOX"]}):
                await asyncio.sleep(0.1)

    async def _patch(self, patch: dict[str, Any]) -> bool:
        """False: not now, for no open session covers Drafts, or it is being changed already."""
        status, answer = await self._gateway.call("PATCH", self._path, patch, token=self._token)
        assert status in (200, 409), answer
        return status == 200

    async def resupply(self) -> None:
        body = {"auth": self._wish["imap"]["auth"]}
        status, answer = await self._gateway.call("PUT", f"{self._path}/credentials", body, token=self._token)
        assert status in (200, 202), answer

    def announced(self) -> dict[int, set[str]]:
        """UIDs in INBOX, and the notifications that told of each."""
        found: dict[int, set[str]] = defaultdict(set)
        for one in self._service.of(self.user.name):
            if one.type == "new_mail" and one.payload:
                for message in one.payload["messages"]:
                    found[message["uid"]].add(one.headers["webhook-id"])
        return found


@pytest.mark.long
@pytest.mark.needs("dovecot", "root")
@pytest.mark.timeout(300)
async def test_mail_at_any_moment_of_a_parked_session_rings_once(tmp_path: Path) -> None:
    dice = random.Random(4)
    with DovecotServer(own_uids=True) as server:
        async with (
            PushService() as service,
            GatewayProcess(tmp_path, server.ca_file, imap=PACE, before=QUICKER) as gateway,
        ):
            users = await asyncio.to_thread(server.add_users, ACCOUNTS)
            owners = [Owner(gateway, service, server, user, random.Random(dice.random())) for user in users]
            for owner in owners:
                await owner.subscribe()
            for turn in range(ROUNDS):
                if turn:
                    gateway.kill()
                    await gateway.start()
                    for owner in owners:
                        await owner.resupply()
                await asyncio.gather(*(owner.act() for owner in owners))
            for owner in owners:
                await owner.watch_one()
            async with asyncio.timeout(SETTLES_SECONDS):
                while await gateway.parked() < ACCOUNTS:  # between two probes
                    await asyncio.sleep(0.01)
            for owner in owners:
                await owner.deliver()
            async with asyncio.timeout(SETTLES_SECONDS):
                while any(len(owner.announced()) < owner.delivered for owner in owners):
                    await asyncio.sleep(0.1)

    for owner in owners:
        announced = owner.announced()
        assert sorted(announced) == list(range(1, owner.delivered + 1))
        assert all(len(ids) == 1 for ids in announced.values()), (owner.user.name, announced)
    print(f"{sum(owner.delivered for owner in owners)} mails, each once, over {ROUNDS - 1} kills")
