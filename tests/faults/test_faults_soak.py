"""A short soak on a real server: mails at random while sessions are cut at random. Announced = delivered, for every account."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from faults.unruly_proxy import UnrulyProxy, Welcome
from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService, Received
from servers.dovecot_server import DovecotServer

ACCOUNTS = 12
SECONDS = float(os.environ.get("IDLEBELL_SOAK_SECONDS", "20"))


@pytest.mark.serial
@pytest.mark.timeout(SECONDS + 240)
async def test_mail_that_arrives_while_sessions_are_cut_is_announced_once(
    dovecot: DovecotServer, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    seed = int(os.environ.get("IDLEBELL_SOAK_SEED", "0")) or random.randrange(1, 10**9)
    record_property("seed", seed)
    print(f"IDLEBELL_SOAK_SEED={seed} plays this again")
    dice = random.Random(seed)
    users = [dovecot.add_user() for _ in range(ACCOUNTS)]
    delivered = dict.fromkeys((user.name for user in users), 0)
    async with (
        PushService() as service,
        UnrulyProxy(dovecot.ports.imaps) as proxy,
        GatewayProcess(tmp_path, dovecot.ca_file, imap="per_host_connect_rate = 0") as gateway,
    ):
        for user in users:
            body = subscription(
                proxy.port,
                user.name,
                user.password,
                {"new_mail": service.make_webhook(user.name)},
                payload="summary",
                retention="memory",
            )
            status, answer = await gateway.call("POST", "/v1/subscriptions", body)
            assert status == 201, answer

        end = asyncio.get_running_loop().time() + SECONDS

        def going_on() -> bool:
            return asyncio.get_running_loop().time() < end

        async def deliver() -> None:
            while going_on():
                user = dice.choice(users)
                await asyncio.to_thread(
                    dovecot.deliver, user.name, mail.make(subject=f"{user.name} {delivered[user.name]}")
                )
                delivered[user.name] += 1
                await asyncio.sleep(dice.uniform(0.0, 0.12))

        async def cut() -> None:
            while going_on():
                await asyncio.sleep(dice.uniform(0.05, 0.7))
                if proxy.connections:
                    dice.choice(proxy.connections).cut()
                if dice.random() < 0.03:
                    proxy.welcome = Welcome.RESET
                    await asyncio.sleep(dice.uniform(0.2, 2.0))
                    proxy.welcome = Welcome.RELAY

        await asyncio.gather(deliver(), cut())
        proxy.welcome = Welcome.RELAY
        await service.wait_for(lambda _: announced(service, delivered) == delivered, 150)
        # What was announced is announced: one more mail each, and nothing else comes with it.
        for user in users:
            await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="last"))
            delivered[user.name] += 1
        await service.wait_for(lambda _: announced(service, delivered) == delivered, 60)

    for name, count in delivered.items():
        seen = uids(service, name)
        assert seen == sorted(set(seen)), f"{name}: not each once, in order"
        assert seen[-1] == count
    print(f"{sum(delivered.values())} mails to {ACCOUNTS} accounts, each announced once")


def announced(service: PushService, names: Iterable[str]) -> dict[str, int]:
    """Messages, by the counts: one notification describes no more than the newest of many."""
    return {name: sum(bell.payload["count"] for bell in bells(service, name) if bell.payload) for name in names}


def bells(service: PushService, name: str) -> list[Received]:
    return [bell for bell in service.of(name) if bell.type == "new_mail"]


def uids(service: PushService, name: str) -> list[int]:
    """In the order in which they rang."""
    return [message["uid"] for bell in bells(service, name) if bell.payload for message in bell.payload["messages"]]
