"""Reports of a mail server in any order, side by side, again and again, over restarts: each delivery rings once."""

from __future__ import annotations

import asyncio
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import store_samples as samples
from idlebell.ingest.message import message_of
from idlebell.model.ids import SubscriptionId
from idlebell.model.secret import Secret
from idlebell.model.source import Form, Report, Source
from idlebell.store.contract import Store
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import open_sqlite
from idlebell.telemetry.status import Status
from idlebell.testing.virtual_clock import VirtualClock
from idlebell.watch.cadence import Cadence
from idlebell.watch.hosts import Hosts
from idlebell.watch.look import Means
from idlebell.watch.reporting import Reporting

SOURCE = Source("main", Form.LUA, Secret("k"))
WAVES = st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=12), min_size=1, max_size=5)


def reporting(store: Store) -> Reporting:
    means = Means(
        store,
        Status(),
        VirtualClock(),
        lambda _: None,
        lambda: 0.0,
        Cadence(),
        cast(Hosts, None),
        timedelta(hours=1),
        100,
        sessions=lambda: 0,
        resolved=lambda _: None,
        committed=lambda: None,
    )
    return Reporting(means)


async def detected(folder: Path, waves: list[list[int]]) -> int:
    """Those of a wave come at once; between two the gateway is started anew."""
    made: SubscriptionId | None = None
    for wave in waves:
        store = await open_sqlite(folder / "idlebell.db", Sealer(bytes(32)), entropy=os.urandom)
        try:
            if made is None:
                account = await store.account(SOURCE.target, "alice")
                made = (await store.put(samples.subscription(account.id, source=SOURCE.id))).id
            hears = reporting(store)
            now = VirtualClock().now()
            told = (Report("alice", "INBOX", 7, uid, message_of(uid, now, headers={}, flags=())) for uid in wave)
            await asyncio.gather(*(hears.hear(SOURCE, one) for one in told))
            found = (await store.activity(made)).counts.detected
        finally:
            await store.close()
    return found


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(WAVES)
def test_in_any_order_side_by_side_and_over_restarts_each_rings_once(waves: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(detected(Path(folder), waves)) == len({uid for wave in waves for uid in wave})
