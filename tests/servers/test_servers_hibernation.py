"""Sessions that sleep on both sides: parked in the gateway, and at Dovecot in the one process that ``imap_hibernate_timeout``
hands them to.

``IDLEBELL_HIBERNATED_SESSIONS`` makes it more of them.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.connections import connections_to
from servers.dovecot_server import DovecotServer
from servers.mail_server import User

SESSIONS = int(os.environ.get("IDLEBELL_HIBERNATED_SESSIONS", "100"))
AT_ONCE = 16
"""Apps that subscribe at the same time; each has Dovecot make a process."""
SENDERS = 4
SETTLES_SECONDS = 60.0 + SESSIONS * 0.1
"""Until all sleep. Half a minute after a mail the gateway looks once more, and has the session woken at Dovecot for it."""
QUIET = "park_after_seconds = 0.5\nprobe_seconds = 86400\nper_host_connect_rate = 0"
"""A probe wakes a session at Dovecot, as a client's NOOP does."""


@pytest.fixture
def own_dovecot() -> Iterator[DovecotServer]:
    with DovecotServer(own_uids=True, hibernates_after_seconds=1) as server:
        yield server


@pytest.mark.long
@pytest.mark.needs("dovecot", "root")
@pytest.mark.timeout(120 + SESSIONS * 0.3 + SETTLES_SECONDS * 3)
async def test_mail_is_announced_once_to_sessions_that_sleep_on_both_sides(
    own_dovecot: DovecotServer, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    users = await asyncio.to_thread(own_dovecot.add_users, SESSIONS)
    port = own_dovecot.ports.imaps
    async with (
        PushService() as service,
        GatewayProcess(tmp_path, own_dovecot.ca_file, imap=QUIET, level="info") as gateway,
    ):
        before_kib = resident_kib(gateway)
        await subscribe_all(gateway, service, users, port)
        await asleep(own_dovecot, gateway)
        opened = connections_to(port, gateway.pid)
        assert len(opened) == SESSIONS
        kib = (resident_kib(gateway) - before_kib) / SESSIONS

        began = time.monotonic()
        await deliver_to_all(own_dovecot, users)
        took_seconds = time.monotonic() - began
        await until(lambda: len(service.received) >= SESSIONS)
        await asleep(own_dovecot, gateway, all_but=SESSIONS // 8)
        assert connections_to(port, gateway.pid) == opened, "a session was opened anew"

    rang = Counter((one.path, one.type, one.payload["count"] if one.payload else 0) for one in service.received)
    assert rang == Counter({(f"/{user.name}", "new_mail", 1): 1 for user in users})
    record_property("resident_kib_a_session", round(kib, 1))
    print(
        f"{SESSIONS} sessions slept on both sides, and again after a mail each, which came within {took_seconds:.0f} s"
    )
    print(f"the gateway's resident memory grew by {kib:.1f} KiB for each, registration and all")


async def subscribe_all(gateway: GatewayProcess, service: PushService, users: list[User], port: int) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def subscribe(user: User) -> None:
        hook = service.make_webhook(user.name)
        wish = subscription(
            port, user.name, user.password, {"new_mail": hook, "reconnect": hook}, retention="session", wait_seconds=30
        )
        async with turn:
            status, made = await gateway.call("POST", "/v1/subscriptions", wish)
        assert (status, made.get("state")) == (201, "watching"), made

    await asyncio.gather(*(subscribe(user) for user in users))
    service.received.clear()  # what a webhook is asked when it is named


async def deliver_to_all(server: DovecotServer, users: list[User]) -> None:
    """In any order, and several at once."""
    left = random.sample(users, len(users))

    def deliver() -> None:
        while left:
            user = left.pop()
            server.deliver(user.name, mail.make(subject=f"for {user.name}"))

    await asyncio.gather(*(asyncio.to_thread(deliver) for _ in range(SENDERS)))


async def asleep(server: DovecotServer, gateway: GatewayProcess, all_but: int = 0) -> None:
    """All are parked in the gateway, all ``all_but`` some are hibernated at Dovecot, which has no process for any of these. It
    hands a session over once after each command: where that fails in a throng, the session stays until the next."""
    end = time.monotonic() + SETTLES_SECONDS
    while True:
        seen = {
            "parked": await gateway.parked(),
            "hibernated": server.hibernated(),
            "awake": len(server.processes("imap")),
        }
        if seen["parked"] == sum((seen["hibernated"], seen["awake"])) == SESSIONS and seen["awake"] <= all_but:
            return
        assert time.monotonic() < end, f"of {SESSIONS}: {seen}\n{server.complaints()}"
        await asyncio.sleep(0.1)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SETTLES_SECONDS):
        while not holds():
            await asyncio.sleep(0.05)


def resident_kib(gateway: GatewayProcess) -> int:
    status = Path(f"/proc/{gateway.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
