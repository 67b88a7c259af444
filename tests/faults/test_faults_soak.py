"""A soak on a real server: mail at random to 50 accounts while everything between it and the gateway is broken at random.
Announced = delivered, exactly, for every account.

``IDLEBELL_SOAK_SECONDS`` makes it longer; from ten minutes on the gateway runs with its own intervals. ``IDLEBELL_SOAK_SEED``
plays a run again.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from faults.soak_crew import KINDS, Account, Crew
from faults.unruly_proxy import UnrulyProxy
from gateway_process import GatewayProcess
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer

ACCOUNTS = 50
SECONDS = float(os.environ.get("IDLEBELL_SOAK_SECONDS", "40"))
LIFELIKE = SECONDS >= 600.0
SETTLES_SECONDS = 240.0 if LIFELIKE else 120.0
"""Until the last half-open connection is found, and its account caught up with."""
PACE = """\
per_host_connect_rate = 0
park_after_seconds = 0.1
"""
"""Sessions are parked and woken all the time."""
QUICKER = """\
from idlebell.watch import cadence, mailbox_session, parked
parked.IDLE_ACK_SECONDS = parked.COMMAND_SECONDS = 5.0
cadence.PROBE_OWN_SECONDS = 3.0
mailbox_session.COMMAND_SECONDS = mailbox_session.IDLE_ACK_SECONDS = 5.0
"""
"""A short run cannot wait a minute for each half-open connection to be found."""

TIMES_TO_COMPARE = {"log_timestamp": '"%Y-%m-%dT%H:%M:%S "'}


@pytest.fixture
def own_dovecot() -> Iterator[DovecotServer]:
    """It is ended and started in the run. Each account has a session and some that the server believes to be open."""
    with DovecotServer(TIMES_TO_COMPARE, own_uids=os.geteuid() == 0) as server:
        yield server


@pytest.mark.long
@pytest.mark.timeout(SECONDS + SETTLES_SECONDS * 2 + 120)
async def test_announced_is_delivered_whatever_breaks(
    own_dovecot: DovecotServer, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    seed = int(os.environ.get("IDLEBELL_SOAK_SEED", "0")) or random.randrange(1, 10**9)
    record_property("seed", seed)
    print(f"IDLEBELL_SOAK_SEED={seed} plays this again")
    users = own_dovecot.add_users(ACCOUNTS)
    accounts = [Account(user, KINDS[number % len(KINDS)]) for number, user in enumerate(users)]
    quicker = "" if LIFELIKE else QUICKER
    async with (
        PushService() as service,
        UnrulyProxy(own_dovecot.ports.imaps) as proxy,
        GatewayProcess(tmp_path, own_dovecot.ca_file, imap=PACE, before=quicker) as gateway,
    ):
        crew = Crew(seed, own_dovecot, proxy, service, gateway, accounts)
        await crew.subscribe()
        await crew.work(SECONDS)
        apps = asyncio.create_task(crew.answer_calls())
        await agree(crew)
        # What was announced is announced: one more mail each, and nothing else comes with it.
        dice = random.Random(seed)
        await asyncio.gather(*(crew.send_to(account, dice) for account in accounts))
        total = await agree(crew)
        if wrong := await crew.doubts():
            await fail(crew, [*wrong])
        apps.cancel()

    for account in accounts:
        for mailbox, seen in crew.uids(account).items():
            assert seen == sorted(set(seen)), f"{account.name} {mailbox}: not each once, in order"
    took = crew.took_seconds()
    figures = {"p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100], "longest": took[-1]}
    record_property("took_seconds", {name: round(value, 1) for name, value in figures.items()})
    print(f"{total} mails to {ACCOUNTS} accounts in {SECONDS:g} s, each announced once")
    print("from delivery to ring: " + ", ".join(f"{name} {value:.1f} s" for name, value in figures.items()))
    for what, times in crew.happened.most_common():
        print(f"{times:6} times {what}")


async def agree(crew: Crew) -> int:
    """Waits until as much is announced to everybody as lies in their mailboxes. How much that is, together."""
    end = time.monotonic() + SETTLES_SECONDS
    while (delivered := await crew.delivered()) != (announced := crew.announced()):
        if time.monotonic() > end:
            wrong = [name for name in delivered if announced[name] != delivered[name]]
            print({name: f"{announced[name]} announced, {delivered[name]} by STATUS" for name in wrong})
            await fail(crew, wrong)
        await asyncio.sleep(2.0)  # each look is a login an account
    return sum(delivered.values())


async def fail(crew: Crew, wrong: list[str]) -> NoReturn:
    """With all that is known of the accounts that are ``wrong``. Both logs stay beside the gateway's database."""
    proofs = [await crew.proof(name) for name in wrong]
    shutil.copy(crew.dovecot.sandbox.folder / "dovecot.log", crew.gateway.folder)
    (crew.gateway.folder / "timeline.log").write_text(
        "".join(f"{at.isoformat()} {what}\n" for at, what in crew.timeline)
    )
    told = "\n".join(proofs)
    raise AssertionError(f"announced and delivered differ (seed {crew.seed}; logs in {crew.gateway.folder}):\n{told}")
