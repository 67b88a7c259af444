"""The gateway's delivery alone: an outbox in SQLite, the dispatcher, the HTTP client, as ``compose`` puts them together.

    python bench/rig/delivering.py ORDER

ORDER is JSON: ``kind``, ``origins``, ``ca_file``, ``count``, ``rounds`` and ``profile``. Each of ``count`` subscriptions gets
a notification a round (of several that wait for a SimplePush endpoint only the newest would be sent). Filling the outbox is not
measured; leasing, building, sending, settling on disk, metrics and log lines are. Prints ``{"sent", "cpu_seconds",
"seconds"}``, with ``profile`` also ``own`` and ``within`` as :mod:`rig.hook` tells them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from idlebell.deliver.carriers import Carriers
from idlebell.deliver.dispatcher import Dispatcher
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.endpoint import Endpoint, Endpoints, PushUrl, SimplePushEndpoint, WebhookEndpoint, WebPushEndpoint
from idlebell.model.notification import Draft, NewMail
from idlebell.model.proof import PROVEN
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.http_client import HttpClient
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.encryption import point, private_key
from idlebell.push.exchange import HttpRequest
from idlebell.push.vapid import VapidKey, VapidSigner
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import open_sqlite
from idlebell.telemetry import log_sink
from idlebell.telemetry.facts import Fact, PushAttempted
from idlebell.telemetry.fan_out import fan_out
from idlebell.telemetry.log_sink import LogSink
from idlebell.telemetry.prometheus_sink import PrometheusSink
from rig.hook import SAMPLE_SECONDS, Hook
from rig.stored import stored

POINT: Final = point(private_key(os.urandom))
AT_ONCE: Final = 64
LOOK_SECONDS: Final = 0.02


def endpoint(kind: str, url: str) -> Endpoint:
    match kind:
        case "simplepush":
            return SimplePushEndpoint(PushUrl(url))
        case "webpush":
            return WebPushEndpoint(PushUrl(url), POINT, Secret(os.urandom(16)))
        case _:
            return WebhookEndpoint(PushUrl(url), Secret(os.urandom(32)), proof=PROVEN)


@contextmanager
def sampled(wanted: bool) -> Iterator[Hook]:
    hook = Hook()
    if wanted:
        signal.signal(signal.SIGPROF, hook.on_sample)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
    try:
        yield hook
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


async def deliver(order: dict[str, Any], folder: Path) -> dict[str, Any]:
    log_sink.configure("text", "info", (folder / "log").open("w"))
    store = await open_sqlite(folder / "idlebell.db", Sealer(os.urandom(32)), entropy=os.urandom)
    clock = Clock()
    resolver = Resolver(clock)
    egress = Egress(allow=(ip_network("127.0.0.0/8"),))
    http = HttpClient(egress, resolver, TlsPolicy(Path(order["ca_file"])))
    accepted = 0

    def count(fact: Fact) -> None:
        nonlocal accepted
        accepted += isinstance(fact, PushAttempted) and fact.outcome == "accepted"

    dispatcher = Dispatcher(
        store,
        Carriers().add(HttpRequest, http.push),
        fan_out(LogSink(), PrometheusSink(), count),
        clock,
        os.urandom,
        VapidSigner(VapidKey.generate(os.urandom), "mailto:ops@example.org"),
    )
    account = await store.account(ImapTarget("imap.example.org", 993, Tls.IMPLICIT), "user@example.org")
    origins = order["origins"]
    urls = [f"{origins[number % len(origins)]}/push/{number}-{'u' * 64}" for number in range(order["count"])]
    subscriptions = [
        stored(account, number, Endpoints(endpoint(order["kind"], url))) for number, url in enumerate(urls)
    ]
    for start in range(0, len(subscriptions), AT_ONCE):
        await asyncio.gather(*(store.put(one) for one in subscriptions[start : start + AT_ONCE]))
    dispatcher.start()
    cpu = seconds = 0.0
    with sampled(order["profile"]) as hook:
        for round_ in range(order["rounds"]):
            moment = datetime.now(UTC)
            drafts = [
                Draft(one.id, NewMail("INBOX", 1, 1, None), moment, moment, moment + timedelta(days=1))
                for one in subscriptions
            ]
            await store.enqueue(drafts)
            began, used = time.perf_counter(), time.process_time()
            dispatcher.nudge()
            while accepted < len(subscriptions) * (round_ + 1) or dispatcher.in_flight():
                await asyncio.sleep(LOOK_SECONDS)
            cpu += time.process_time() - used
            seconds += time.perf_counter() - began
    left = (await store.counts())["pending_notifications"]
    await dispatcher.stop()
    await http.close()
    await resolver.close()
    await store.close()
    if left or accepted != len(subscriptions) * order["rounds"]:
        raise RuntimeError(f"{left} are left in the outbox, {accepted} were sent")
    told: dict[str, Any] = {"sent": accepted, "cpu_seconds": cpu, "seconds": seconds}
    if order["profile"]:
        told |= {
            "samples": hook.samples,
            "own": hook.own.most_common(40),
            "within": hook.within.most_common(60),
        }
    return told


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(uvloop.run(deliver(json.loads(sys.argv[1]), Path(name)))))
