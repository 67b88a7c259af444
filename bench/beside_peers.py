"""Idlebell beside two small watchers, on aioimaplib and on imapflow: who rings, and how late.

    python bench/beside_peers.py [--bound 120] [--outage 100] [--only aioimaplib,idlebell]

All three watch the INBOXes of one real Dovecot, one after another, through a proxy that sees whether they idle, and
POST to one receiver:

* second: a mail 4 s after another, from its delivery to its ring, three times
* stopped: the server's process of a session is stopped (SIGSTOP), as on a machine that hangs, and a mail is delivered
  meanwhile; how long until it rings, within ``--bound`` seconds
* outage: the server is gone for 5 s; a mail for each account waits when it is back; from then to the ring

imapflow comes from npm into ``.cache``; where there is no npm it is left out and that is said.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from gateway_process import GatewayProcess, subscription
from idlebell.net.hardening import harden_process
from idlebell.testing import mail
from rig.peers import NPM_FOLDER, why_not
from servers import packages
from servers.dovecot_server import DovecotServer, why_not_dovecot
from servers.filtering_proxy import FilteringProxy
from servers.mail_server import User

HERE: Final = Path(__file__).resolve().parent
WATCHERS: Final = ("aioimaplib", "imapflow", "idlebell")
READY_SECONDS: Final = 150
ROUNDS: Final = 3
GAP_SECONDS: Final = 4.0
OUTAGE_SECONDS: Final = 5.0
BACK_SECONDS: Final = 120
"""How long is waited for what comes after an outage."""
MANY: Final = """
service imap {
  # One process, one inotify instance: Linux allows 128 of them to one user id, and Dovecot polls beyond.
  client_limit = 10
  process_limit = 200
}
service imap-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 2000
}
"""


class Ear(FilteringProxy):
    """Before the server, for one account. It knows whether the client idles."""

    def __init__(self, port: int) -> None:
        super().__init__(port, ("STARTTLS",))

    @property
    def idles(self) -> bool:
        return len(self) > 0 and bool(self.commands) and self.commands[-1].upper() == b"IDLE"


@dataclass
class Account:
    name: str
    user: User
    ear: Ear


class Receiver:
    """Answers webhooks' challenges; notes when a path was rung."""

    def __init__(self) -> None:
        self.rung: defaultdict[str, list[float]] = defaultdict(list)
        self.url = ""
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/{name}", self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1_024).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        at = time.monotonic()
        body = json.loads(await request.read())
        if body.get("type") == "verification":
            return web.json_response({"code": body["code"]})
        if body.get("type", "new_mail") == "new_mail":
            async with self._changed:
                self.rung[request.match_info["name"]] += [at] * body.get("count", 1)
                self._changed.notify_all()
        return web.Response()

    async def wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            return False
        return True


# --- the watchers ---


@asynccontextmanager
async def watching(
    watcher: str, server: DovecotServer, receiver: Receiver, users: list[User], folder: Path
) -> AsyncIterator[list[Account]]:
    """An account of each user; all of them idle."""
    async with AsyncExitStack() as stack:
        accounts = []
        for user in users:
            ear = await stack.enter_async_context(Ear(server.ports.imap))
            accounts.append(Account(f"{watcher}-{user.name}", user, ear))
        if watcher == "idlebell":
            await stack.enter_async_context(_idlebell(accounts, server, receiver, folder))
        else:
            await stack.enter_async_context(_peer(watcher, accounts, receiver, folder))
        await _until(lambda: all(account.ear.idles for account in accounts), f"{watcher} does not idle")
        yield accounts


@asynccontextmanager
async def _peer(watcher: str, accounts: list[Account], receiver: Receiver, folder: Path) -> AsyncIterator[None]:
    command = [sys.executable, str(HERE / "peers" / "aioimaplib_watcher.py")]
    if watcher == "imapflow":
        script = NPM_FOLDER / "watcher.mjs"
        script.write_text((HERE / "peers" / "imapflow_watcher.mjs").read_text())
        command = ["node", str(script)]
    with (folder / f"{watcher}.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
    try:
        assert process.stdin is not None
        wishes = [
            {"user": one.user.name, "password": one.user.password, "port": one.ear.port, "url": f"{receiver.url}/{one.name}"}
            for one in accounts
        ]  # fmt: skip
        process.stdin.write(json.dumps(wishes).encode() + b"\n")
        process.stdin.flush()
        yield
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def _idlebell(
    accounts: list[Account], server: DovecotServer, receiver: Receiver, folder: Path
) -> AsyncIterator[None]:
    place = Path(tempfile.mkdtemp(dir=folder))
    async with GatewayProcess(place, server.ca_file, level="info", imap="per_host_connect_rate = 0") as gateway:
        slots = asyncio.Semaphore(16)

        async def subscribe(account: Account) -> None:
            endpoint = {"type": "webhook", "url": f"{receiver.url}/{account.name}", "secret": "whsec_" + "QUJD" * 11}
            body = subscription(
                account.ear.port, account.user.name, account.user.password, {"new_mail": endpoint}, retention="memory"
            )
            body["imap"]["tls"] = "none"
            async with slots:
                status, answer = await gateway.call("POST", "/v1/subscriptions", body)
            assert status in (201, 202), answer

        await asyncio.gather(*(subscribe(account) for account in accounts))
        yield


# --- what is tried ---


async def second(watcher: str, server: DovecotServer, receiver: Receiver, folder: Path, users: list[User]) -> str:
    async with watching(watcher, server, receiver, users, folder) as (account,):
        delays = []
        for number in range(ROUNDS):
            for subject in ("first", "second"):
                await asyncio.to_thread(server.deliver, account.user.name, mail.make(subject=f"{subject} {number}"))
                at = time.monotonic()
                if subject == "first":
                    await asyncio.sleep(GAP_SECONDS)
            if not await receiver.wait(lambda number=number: len(receiver.rung[account.name]) == 2 * number + 2, 60):  # type: ignore[misc]
                return "lost"
            delays.append(receiver.rung[account.name][-1] - at)
            await _until(lambda: account.ear.idles, "it does not idle again")
    return f"{statistics.median(delays):.1f} s, longest {max(delays):.1f} s"


async def _until(holds: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(otherwise)
        await asyncio.sleep(0.05)


async def stopped(
    watcher: str, server: DovecotServer, receiver: Receiver, folder: Path, users: list[User], bound: float
) -> str:
    async with watching(watcher, server, receiver, users, folder) as (account,):
        process = _process_of(account.user)
        os.kill(process, signal.SIGSTOP)
        try:
            await asyncio.to_thread(server.deliver, account.user.name, mail.make(subject="meanwhile"))
            at = time.monotonic()
            if not await receiver.wait(lambda: bool(receiver.rung[account.name]), bound):
                return f"nothing in {bound:.0f} s"
            return f"{receiver.rung[account.name][0] - at:.0f} s"
        finally:
            with contextlib.suppress(ProcessLookupError):  # Dovecot itself may have ended it
                os.kill(process, signal.SIGCONT)


def _process_of(user: User) -> int:
    """Dovecot's imap process of the user's session, by the title that ``verbose_proctitle`` gives it."""
    for entry in Path("/proc").iterdir():
        try:
            title = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"dovecot/imap ") and f"[{user.name} ".encode() in title:
            return int(entry.name)
    raise LookupError(f"no imap process of {user.name}")


async def outage(watcher: str, server: DovecotServer, receiver: Receiver, folder: Path, users: list[User]) -> str:
    async with watching(watcher, server, receiver, users, folder) as accounts:
        await asyncio.to_thread(server.stop)
        _drop(server, accounts)
        await asyncio.sleep(OUTAGE_SECONDS)
        await asyncio.to_thread(server.start)
        back = time.monotonic()
        await receiver.wait(lambda: all(receiver.rung[account.name] for account in accounts), BACK_SECONDS)
        return _told(
            [receiver.rung[one.name][0] - back for one in accounts if receiver.rung[one.name]], accounts, receiver
        )


def _drop(server: DovecotServer, accounts: list[Account]) -> None:
    """A mail for each, put into its Maildir: that takes no server, and is quicker than any."""
    for account in accounts:
        server.drop_into_maildir(account.user.name, mail.make(subject="for each"))


def _told(delays: list[float], accounts: list[Account], receiver: Receiver) -> str:
    if not delays:
        return f"none in {BACK_SECONDS} s"
    lost = sum(not receiver.rung[account.name] for account in accounts)
    twice = sum(len(receiver.rung[account.name]) > 1 for account in accounts)
    more = "".join(f", {number} {word}" for number, word in ((lost, "lost"), (twice, "rang twice")) if number)
    return f"{statistics.median(delays):.2f} s, last {max(delays):.2f} s{more}"


async def measure(options: argparse.Namespace) -> None:
    receiver = Receiver()
    await receiver.start()
    rows: dict[str, dict[str, str]] = defaultdict(dict)
    chosen = []
    for watcher in options.only.split(","):
        if (reason := await asyncio.to_thread(why_not, watcher)) is not None:
            print(f"{watcher} is left out: {reason}")
        else:
            chosen.append(watcher)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with DovecotServer({"verbose_proctitle": "yes"}) as server:
            users = await asyncio.to_thread(server.add_users, len(chosen))
            seen = await asyncio.gather(
                *(
                    stopped(watcher, server, receiver, folder, [user], options.bound)
                    for watcher, user in zip(chosen, users, strict=True)
                )
            )
            rows["stopped"] = dict(zip(chosen, seen, strict=True))
            print(f"  stopped: {rows['stopped']}", file=sys.stderr)
            for watcher in chosen:
                receiver.rung.clear()
                rows["second"][watcher] = await second(watcher, server, receiver, folder, await _users(server, 1))
                print(f"  second {watcher}: {rows['second'][watcher]}", file=sys.stderr)
        with _many() as server:
            for watcher in chosen:
                receiver.rung.clear()
                users = await _users(server, options.outage)
                rows["outage"][watcher] = await outage(watcher, server, receiver, folder, users)
                print(f"  outage {watcher}: {rows['outage'][watcher]}", file=sys.stderr)
    await receiver.stop()
    titles = {
        "second": f"a mail {GAP_SECONDS:.0f} s after another: delivery to ring",
        "stopped": "the session's process stopped, a mail meanwhile",
        "outage": f"the server gone for {OUTAGE_SECONDS:.0f} s, {options.outage} accounts: back to ring",
    }
    print(f"| | {' | '.join(chosen)} |")
    print("|---" * (1 + len(chosen)) + "|")
    for key, title in titles.items():
        print(f"| {title} | {' | '.join(rows[key].get(watcher, '') for watcher in chosen)} |")


async def _users(server: DovecotServer, count: int) -> list[User]:
    return await asyncio.to_thread(server.add_users, count)


def _many() -> DovecotServer:
    server = DovecotServer()
    with (server.sandbox.folder / "dovecot.conf").open("a") as file:
        file.write(MANY)
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--bound", type=float, default=120.0, help="seconds that are waited for a stopped session's mail"
    )
    parser.add_argument("--outage", type=int, default=100, help="accounts")
    parser.add_argument("--only", default=",".join(WATCHERS))
    options = parser.parse_args()
    if (reason := why_not_dovecot()) is not None or packages.find("dovecot") is None:
        sys.exit(f"this needs Dovecot: {reason or 'run ./run test once, it fetches it'}")
    harden_process()
    asyncio.run(measure(options))


if __name__ == "__main__":
    main()
