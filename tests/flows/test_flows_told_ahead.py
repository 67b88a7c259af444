"""That a lease ends is told once, whatever dies while it is told."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway_process import GatewayProcess, subscription
from idlebell.store.sealing import Sealer, default_key_path, load_or_make_key
from idlebell.store.sqlite import open_sqlite
from idlebell.testing.imap_server import ImapServer
from idlebell.testing.push_service import Manner, PushService, ScriptedAnswer


async def bring_near(folder: Path, subscription_id: str, left: timedelta) -> None:
    """The end of its lease, while no gateway runs."""
    path = folder / "idlebell.db"
    sealer = Sealer(load_or_make_key(default_key_path(path), may_make=False))
    store = await open_sqlite(path, sealer, entropy=os.urandom)
    try:
        (one,) = await store.page(None, None, 10)
        assert one.id == subscription_id
        await store.put(replace(one, expires_at=datetime.now(UTC) + left))
    finally:
        await store.close()


async def test_a_lease_that_ends_is_told_over_a_sigkill_and_once(server: ImapServer, tmp_path: Path) -> None:
    """Killed when it was committed and on its way, but nobody had answered: what comes after is the same again, and when it
    was taken no more comes."""
    (tmp_path / "ca.pem").write_bytes(server.ca_pem)
    async with PushService() as service, GatewayProcess(tmp_path, tmp_path / "ca.pem") as gateway:
        endpoints = {"new_mail": service.make_webhook("hook"), "expiring": service.make_webhook("end")}
        body = subscription(server.tls_port, "alice", "apass", endpoints, lease_seconds=600)
        status, made = await gateway.call("POST", "/v1/subscriptions", body)
        assert status == 201, made
        service.script("end", ScriptedAnswer(manner=Manner.NEVER))
        gateway.kill()
        await bring_near(tmp_path, made["id"], timedelta(seconds=290))
        await gateway.start()
        await service.wait_for(lambda one: one.type == "expiring", name="end")
        gateway.kill()
        await gateway.start()
        await service.wait_for(lambda one: one.type == "expiring" and one.status == 200, name="end")
        path = f"/v1/subscriptions/{made['id']}/deliveries"
        outcomes: list[tuple[str, str]] = []
        while ("expiring", "accepted") not in outcomes:
            _, shown = await gateway.call("GET", path, token=made["token"])
            outcomes = [(one["type"], one["outcome"]) for one in shown["items"]]
        gateway.kill()
        await gateway.start()
        # It has told of the restart when it has looked through all that is due.
        restarts = 3
        await service.wait_for(
            lambda _: [one.type for one in service.of("hook")].count("reconnect") == restarts, name="hook"
        )
    told = [one for one in service.of("end") if one.type == "expiring"]
    assert len(told) == 2
    assert len({(one.headers["webhook-id"], one.version, one.body) for one in told}) == 1
