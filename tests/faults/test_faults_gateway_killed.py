"""The gateway is killed in the middle of its work, over and over: nothing is lost, and nothing is announced twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService, Received
from servers.dovecot_server import DovecotServer

MAILS = 200
KILLS = 20


@pytest.mark.serial
@pytest.mark.timeout(400)
async def test_killed_twenty_times_during_200_mails(
    dovecot: DovecotServer, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    """Each message is announced by exactly one notification. One that was accepted, but not settled before the kill, may come
    again: with the same id, version and body."""
    user = dovecot.add_user()
    dice = random.Random(20)
    async with PushService() as service, GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        hook = service.make_webhook()
        request = subscription(dovecot.ports.imaps, user.name, user.password, {"new_mail": hook}, payload="summary")
        status, made = await gateway.call("POST", "/v1/subscriptions", request)
        assert status == 201, made
        credentials = {"auth": request["imap"]["auth"]}
        path = f"/v1/subscriptions/{made['id']}/credentials"

        delivered = 0

        async def deliver() -> None:
            """Some arrive while the session is up, some while the gateway is being killed, some while it is down."""
            nonlocal delivered
            for _ in range(MAILS // KILLS):
                await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject=f"mail {delivered}"))
                delivered += 1
                await asyncio.sleep(dice.uniform(0.0, 0.15))

        for kill in range(KILLS):
            delivering = asyncio.create_task(deliver())
            # At a moment that has nothing to do with what the gateway is doing. Dovecot tells of mail after half a second.
            await asyncio.sleep(dice.uniform(0.0, 1.5))
            gateway.kill()
            await gateway.start()
            await service.wait_for(
                lambda one, kill=kill: one.type == "reconnect" and restarts(service) > kill, 30, name="hook"
            )
            status, answer = await gateway.call("PUT", path, credentials, token=made["token"])
            assert status in (200, 202), answer
            await delivering
        await service.wait_for(lambda _: len(announced(service)) == MAILS, 60, name="hook")
        status, shown = await gateway.call("GET", f"/v1/subscriptions/{made['id']}", token=made["token"])

    by_uid: dict[int, set[str]] = defaultdict(set)
    for one in new_mail(service):
        assert one.payload is not None
        assert one.payload["count"] == len(one.payload["messages"])
        for message in one.payload["messages"]:
            by_uid[message["uid"]].add(one.headers["webhook-id"])
    assert sorted(by_uid) == list(range(1, MAILS + 1))
    assert all(len(ids) == 1 for ids in by_uid.values()), {uid: ids for uid, ids in by_uid.items() if len(ids) > 1}
    repeats = Counter((one.headers["webhook-id"], one.version, one.body) for one in new_mail(service))
    assert len({identity for identity, *_ in repeats}) == len(repeats)  # a repeat is the same to the letter
    record_property("repeated pushes", sum(repeats.values()) - len(repeats))
    print(f"{sum(repeats.values()) - len(repeats)} of {len(repeats)} notifications repeated after {KILLS} kills")
    counts = shown["counts"]
    assert counts["detected"] == MAILS
    assert counts["detected"] == sum(counts[name] for name in counts if name != "detected")


def new_mail(service: PushService) -> list[Received]:
    return [one for one in service.of("hook") if one.type == "new_mail"]


def announced(service: PushService) -> set[int]:
    return {message["uid"] for one in new_mail(service) if one.payload for message in one.payload["messages"]}


def restarts(service: PushService) -> int:
    return len({one.headers["webhook-id"] for one in service.of("hook") if one.type == "reconnect"})
