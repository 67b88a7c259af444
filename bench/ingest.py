"""What a delivery costs the gateway when the mail server reports it, beside a session that is told of it: in the same run.

    python bench/ingest.py [--mailboxes 500] [--rate 50] [--seconds 20] [--short]

One gateway (``idlebell serve``, SQLite, every commit on disk before it rings), as many mailboxes watched at a simulated server
(TLS 1.3, IDLE, parked where it parks them) as are told of by a source of form ``ox`` and by one of form ``signed``; all ring a
receiver of SimplePush. First the server announces mails to the sessions, evenly in time and by chance; then as many reports
come over one kept connection in the form of Dovecot's driver, then as many signed ones. CPU is that of the gateway's process,
all threads, over the mails; delays are from the server's EXISTS, or from the beginning of the request, to the receipt. Nothing
may be left without a ring.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
from click.testing import CliRunner
from standardwebhooks.webhooks import Webhook

from bell import HEAD, LAST_SECONDS, Rung, ring
from idlebell.cli import main as idlebell
from rig.gateway import MeasuredGateway, cpu_by_thread, cpu_seconds, gateway, simulated_server
from rig.receiver import Receiver, receiver

KEY: Final = "0123456789abcdef0123456789abcdef"
SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SOURCES: Final = """
[[ingest]]
name = "main"
key_file = "{folder}/main.key"
reports_per_minute = 0
[[ingest]]
name = "other"
form = "signed"
key_file = "{folder}/other.key"
reports_per_minute = 0
"""
WARM_REPORTS: Final = 100
Said = tuple[str, str, bytes, dict[str, str]]


def by_driver(number: int, uid: int) -> Said:
    body = {
        "user": f"user{number}", "event": "messageNew", "folder": "INBOX", "imap-uidvalidity": 7, "imap-uid": uid,
        "from": "Boss <boss@example.org>", "subject": "Lunch?", "snippet": "Shall we meet at noon?", "unseen": 3,
    }  # fmt: skip
    basic = "Basic " + base64.b64encode(f"main:{KEY}".encode()).decode()
    return "PUT", "/v1/ingest/dovecot", json.dumps(body).encode(), {"Authorization": basic}


def by_signature(number: int, uid: int) -> Said:
    body = json.dumps(
        {
            "source": "signed:other", "user": f"user{number}", "uid_validity": 7, "uid": uid, "flags": [], "size": 1234,
            "headers": {"from": "Boss <boss@example.org>", "subject": "Lunch?"}, "preview": "Shall we meet at noon?",
        }
    )  # fmt: skip
    now = datetime.now(UTC)
    signature = Webhook(SECRET).sign(f"msg_{number}_{uid}", now, body)
    head = {
        "webhook-id": f"msg_{number}_{uid}", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature,
    }  # fmt: skip
    return "POST", "/v1/ingest", body.encode(), head


class Reporter:
    """``first``: of the mailboxes, which no session watches. They ring at their numbers."""

    def __init__(
        self, found: MeasuredGateway, ears: Receiver, http: aiohttp.ClientSession, first: int, count: int
    ) -> None:
        self._found, self._ears, self._http = found, ears, http
        self._numbers = range(first, first + count)
        self._uids = dict.fromkeys(self._numbers, 0)

    async def subscribe(self, source: str, key: str) -> None:
        for number in self._numbers:
            push = {"type": "simplepush", "url": f"{self._ears.url}/new/{number}"}
            body = {"source": source, "user": f"user{number}", "endpoints": {"new_mail": push, "reconnect": push}}
            status, answer = await self._found.call("POST", "/v1/subscriptions", body, token=key)
            if status != 201:
                raise RuntimeError(f"{status}: {answer}")

    async def report(self, form: Callable[[int, int], Said], mails: int, rate: float) -> Rung:
        self._ears.heard.clear()
        await self._found.hook("ticker on")
        await self._found.hook("stalls")
        order = [random.choice(self._numbers) for _ in range(mails)]
        cpu, threads = cpu_seconds(self._found.pid), cpu_by_thread(self._found.pid)
        begun, said = time.monotonic(), []
        for place, number in enumerate(order):
            await asyncio.sleep(max(0.0, begun + place / rate - time.monotonic()))
            self._uids[number] += 1
            method, path, body, head = form(number, self._uids[number])
            head["Content-Type"] = "application/json"
            said.append((number, time.monotonic()))
            async with self._http.request(method, self._found.url + path, data=body, headers=head) as response:
                if response.status != 204:
                    raise RuntimeError(f"{response.status}: {await response.text()}")
        last = dict(said)
        deadline = time.monotonic() + LAST_SECONDS
        while (owed := self._owed(last)) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        spent = cpu_seconds(self._found.pid) - cpu
        by_thread = {name: now - threads.get(name, 0.0) for name, now in cpu_by_thread(self._found.pid).items()}
        stalls = await self._found.hook("stalls")
        await self._found.hook("ticker off")
        heard = self._ears.heard
        delays = [
            min(one for one in heard[number] if one >= at) - at for number, at in said if max(heard[number]) >= at
        ]
        twice = sum(max(0, len(heard[number]) - order.count(number)) for number in self._numbers)
        return Rung(mails, delays, owed, twice, spent, by_thread, stalls)

    def _owed(self, last: dict[int, float]) -> int:
        return sum(max(self._ears.heard[number], default=0.0) < at for number, at in last.items())


async def measure(options: argparse.Namespace) -> None:
    size, mails = options.mailboxes, int(options.rate * options.seconds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (("main.key", KEY), ("other.key", SECRET)):
            (folder / file).touch(0o600)
            (folder / file).write_text(text)
        more: dict[str, Any] = {"more": SOURCES.format(folder=folder)}
        async with (
            simulated_server() as server,
            receiver() as ears,
            gateway(server, folder, **more) as found,
            aiohttp.ClientSession() as http,
        ):
            scopes = ["--scope", "subscriptions", "--scope", "sources"]
            command = ["keys", "make", "bench", *scopes, "--config", str(found.config)]
            key = (await asyncio.to_thread(CliRunner().invoke, idlebell, command)).stdout.strip()
            reporters = [Reporter(found, ears, http, first, size) for first in (1_000_000, 2_000_000)]
            for reporter, source in zip(reporters, ("dovecot:main", "signed:other"), strict=True):
                await reporter.subscribe(source, key)
            await found.fill(server, 0, size, f"{ears.url}/new")
            parked = await found.settle(server, size)
            await ring(server, found, ears, options.rate, 3.0)
            for reporter, form in zip(reporters, (by_driver, by_signature), strict=True):
                await reporter.report(form, WARM_REPORTS, options.rate)
            parked = await found.settle(server, size)
            print(HEAD.replace("| mailboxes", "| | mailboxes", 1).replace("|---", "|---|---", 1))
            print("| sessions " + (await ring(server, found, ears, options.rate, options.seconds)).row(size, parked))
            print("| driver ox " + (await reporters[0].report(by_driver, mails, options.rate)).row(size, 0))
            print("| signed " + (await reporters[1].report(by_signature, mails, options.rate)).row(size, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", type=int, default=500, help="of each kind")
    parser.add_argument("--rate", type=float, default=50.0, help="mails a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--short", action="store_true", help="100 mailboxes, 5 s")
    options = parser.parse_args()
    if options.short:
        options.mailboxes, options.seconds = 100, 5.0
    began = time.monotonic()
    asyncio.run(measure(options))
    print(f"({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
