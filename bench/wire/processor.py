"""CPU time (user and system) of a real server and of the gateway's IMAP session, for each way to look after a mailbox.

The server's is that of every process in its process namespace, those that have ended included: what they ran to the
nanosecond (``/proc/PID/schedstat``), and what their children had run when they were waited for (``proc(5)``: cutime, cstime).
The gateway's is that of this process, which runs the gateway's own session, TLS and IMAP, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from idlebell.cost.exchange import Spent
from idlebell.imap import commands as c
from idlebell.imap.capabilities import SharedCapabilities
from idlebell.model.account import ImapTarget, Tls
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.tls_policy import TlsPolicy
from servers.mail_server import SandboxedServer, User
from servers.sandbox import Sandbox

from .imap_wire import STATUS_ITEMS

SESSIONS: Final = 20
LOGINS: Final = 100
ROUNDS: Final = 50
"""Commands of each session."""
HOLD_SECONDS: Final = 120.0


def server_seconds(sandbox: Sandbox) -> float:
    inside = sandbox.pid
    assert inside is not None
    space = os.readlink(f"/proc/{inside}/ns/pid")
    total = 0.0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if os.readlink(entry / "ns" / "pid") == space:
                total += _process_seconds(entry)
        except OSError:
            continue  # it has just ended: its parent tells of it from now on
    return total


def _process_seconds(entry: Path) -> float:
    fields = (entry / "stat").read_text().rpartition(")")[2].split()
    waited_for = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    ran = sum(int((task / "schedstat").read_text().split()[0]) for task in (entry / "task").iterdir())
    return waited_for + ran / 1e9


class Gateway:
    """Opens sessions as the gateway does."""

    def __init__(self, server: SandboxedServer) -> None:
        self._clock = Clock()
        self._connector = Connector(Egress(allow=(ip_network("127.0.0.0/8"),)), Resolver(self._clock))
        self._policy = TlsPolicy(server.ca_file)
        self._share = SharedCapabilities()
        self._target = ImapTarget("127.0.0.1", server.ports.imaps, Tls.IMPLICIT)

    async def session(self, user: User) -> ImapConnection:
        one = await open_connection(
            self._target, connector=self._connector, tls_policy=self._policy, clock=self._clock, share=self._share
        )
        reply = await one.login(user.name, user.password)
        assert reply.ok, reply
        return one


async def spent(server: SandboxedServer) -> dict[str, Spent]:
    gateway = Gateway(server)
    users = server.add_users(SESSIONS)
    await _log_in_each_time(gateway, users[0])  # so that nobody pays for what is done once
    found: dict[str, Spent] = {}

    async def measured(name: str, times: int, work: Callable[[], Awaitable[object]]) -> None:
        theirs, ours = server_seconds(server.sandbox), time.process_time()
        await work()
        await asyncio.sleep(0.3)  # what ends is waited for
        ours = time.process_time() - ours
        theirs = server_seconds(server.sandbox) - theirs
        found[name] = Spent(1000 * theirs / times, 1000 * ours / times)

    async def logins() -> None:
        for number in range(LOGINS):
            await _log_in_each_time(gateway, users[number % SESSIONS])

    await measured("login", LOGINS, logins)
    await measured("nothing", 1, lambda: asyncio.sleep(HOLD_SECONDS))
    held = [await gateway.session(user) for user in users]

    async def each(command: c.Command) -> None:
        for _ in range(ROUNDS):
            for one in held:
                assert (await one.command(command)).ok

    await measured("status", SESSIONS * ROUNDS, lambda: each(c.Status("INBOX", STATUS_ITEMS)))
    for one in held:
        assert (await one.command(c.Examine("INBOX"))).ok
    await measured("noop", SESSIONS * ROUNDS, lambda: each(c.Noop()))
    for one in held:
        assert await one.idle() is None

    async def restarts() -> None:
        for _ in range(ROUNDS):
            for one in held:
                assert (await one.done()).ok
                assert await one.idle() is None

    await measured("idle", SESSIONS * ROUNDS, restarts)

    async def listen(one: ImapConnection) -> None:
        end = time.monotonic() + HOLD_SECONDS
        while (left := end - time.monotonic()) > 0:
            await one.wait_for_change(left)

    async def hold() -> None:
        await asyncio.gather(*(listen(one) for one in held))

    await measured("hold", 1, hold)
    for one in held:
        await one.logout()
    rest, hold_ = found.pop("nothing"), found["hold"]
    hours = SESSIONS * HOLD_SECONDS / 3_600
    found["hold"] = Spent(max(0.0, hold_.server_ms - rest.server_ms) / hours, hold_.gateway_ms / hours)
    return found


async def _log_in_each_time(gateway: Gateway, user: User) -> None:
    one = await gateway.session(user)
    assert (await one.command(c.Examine("INBOX"))).ok
    await one.logout()
