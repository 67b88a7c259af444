"""Push services that are slow, busy, failing and away, and a gateway that is killed: nothing is lost and nothing is told twice.
``bench/chaos.py`` is the same, large."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from faults.chaos_crew import SERVICES, crew, faults, integrity, outbox, repeats

SUBSCRIPTIONS = 20
MAILS = 100
MAILS_A_SECOND = 40.0
KILLS = 2
AWAY_SECONDS = 2.0
SETTLES_SECONDS = 60.0


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_five_push_services_and_two_kills(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    """Per subscription versions only grow, a repeat is the same to the letter, each message is in one notification."""
    seed = int(os.environ.get("IDLEBELL_CHAOS_SEED", "0")) or random.randrange(1, 10**9)
    print(f"IDLEBELL_CHAOS_SEED={seed} plays this again")
    async with crew(seed, tmp_path, SUBSCRIPTIONS) as at_work:
        await at_work.subscribe(at_work.accounts)
        at_work.misbehave()
        await at_work.break_all(MAILS, MAILS_A_SECOND, KILLS, AWAY_SECONDS)
        at_work.behave()
        await at_work.settled(SETTLES_SECONDS)
        at_work.gateway.stop()
        wrong = {account.user: found for account in at_work.accounts if (found := faults(account, at_work.of(account)))}
        again = sum(repeats(at_work.of(account)) for account in at_work.accounts)
    assert not wrong
    assert {account.service for account in at_work.accounts if account.sent} == set(SERVICES)
    assert (integrity(tmp_path), outbox(tmp_path)) == ("ok", 0)
    record_property("repeated pushes", again)
