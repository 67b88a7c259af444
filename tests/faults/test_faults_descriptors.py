"""A gateway that runs out of descriptors or ports refuses what is new and keeps what it has. As its users run it: a process
of its own, under a small limit."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import resource
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.model.problem import PROBLEMS
from idlebell.net.descriptors import Descriptors
from idlebell.testing import mail
from idlebell.testing.imap_server import ImapServer
from idlebell.testing.push_service import PushService

LONG_SECONDS = 60.0
LIMIT = 100
ROOM = Descriptors(LIMIT).sessions
FEW = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT}))"


class House:
    def __init__(self, server: ImapServer, service: PushService, gateway: GatewayProcess) -> None:
        self.server = server
        self.service = service
        self.gateway = gateway

    async def subscribe(
        self, name: str, *, server: ImapServer | None = None, host: str = "localhost", retention: str = "session"
    ) -> tuple[int, dict[str, object]]:
        server = server or self.server
        if server.store.find(name) is None:
            server.add_user(name, "right")
        endpoints = {
            "new_mail": self.service.make_simplepush(name),
            "reconnect": self.service.make_simplepush(f"{name}-lost"),
        }
        body = subscription(server.tls_port, name, "right", endpoints, host=host, retention=retention, wait_seconds=30)
        return await self.gateway.call("POST", "/v1/subscriptions", body)

    async def rings(self, name: str) -> None:
        before = len(self.service.of(name))
        self.server.deliver(name, mail.make())
        await self.service.wait_for(lambda _: len(self.service.of(name)) > before, LONG_SECONDS, name=name)

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.gateway.pid}/fd"))

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.gateway.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def gauge(self, metrics: str, name: str) -> float:
        """In all its forms together."""
        lines = [line.split() for line in metrics.splitlines() if re.match(rf"idlebell_{name}[ {{]", line)]
        return sum(float(number) for _, number in lines)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONG_SECONDS):
            while not holds():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def house(folder: Path, *, before: str = FEW, imap: str = "", trusted: bytes = b"") -> AsyncIterator[House]:
    async with ImapServer() as server, PushService() as service:
        (folder / "ca.pem").write_bytes(server.ca_pem + trusted)
        async with GatewayProcess(folder, folder / "ca.pem", before=before, imap=imap) as gateway:
            yield House(server, service, gateway)


async def test_a_full_gateway_says_so_and_keeps_everything_that_it_has(tmp_path: Path) -> None:
    async with house(tmp_path) as small:
        log = small.gateway.log.read_text()
        assert f"descriptors: {LIMIT}, so up to {ROOM} IMAP sessions can be held" in log
        for number in range(ROOM):
            status, told = await small.subscribe(f"user{number}")
            assert status == 201, told
        status, told = await small.subscribe("late")
        assert (status, told["type"]) == (503, "/problems/gateway-full")
        assert told["mend"] == PROBLEMS["gateway-full"].mend
        assert "late" not in small.server.logins, "no password is sent for nothing"
        assert small.descriptors() < LIMIT

        _, answer = await small.gateway.call("GET", "/metrics")
        assert small.gauge(answer["text"], "sessions") == ROOM
        assert small.gauge(answer["text"], "sessions_possible") == ROOM
        for number in (0, ROOM - 1):
            await small.rings(f"user{number}")
        await small.server.until(lambda: small.server.idling() == ROOM)

        # Whoever is watched is still served: a lease is renewed by credentials.
        status, told = await small.subscribe("user0")
        assert status == 200, told
        # A place that is free is given away again.
        small.server.of("user1")[0].drop()
        await small.service.wait_for(1, LONG_SECONDS, name="user1-lost")
        status, told = await small.subscribe("late")
        assert status == 201, told


async def test_places_that_an_outage_left_are_kept_for_those_who_had_them(tmp_path: Path) -> None:
    async with ImapServer() as away, house(tmp_path, trusted=away.ca_pem) as small:
        for number in range(ROOM):
            status, told = await small.subscribe(f"user{number}", server=away, retention="memory")
            assert status == 201, told
        await away.stop()
        await small.until(lambda: small.gateway.log.read_text().count("login_failed") >= 1)
        status, told = await small.subscribe("late")
        assert (status, told["type"]) == (503, "/problems/gateway-full")
        await away.start()
        await away.until(lambda: away.idling() == ROOM, LONG_SECONDS)


async def test_clients_that_only_connect_cost_nobody_a_session_or_a_push(tmp_path: Path) -> None:
    """More than there are descriptors, all at once, and silent."""
    async with house(tmp_path) as small:
        assert (await small.subscribe("alice"))[0] == 201
        await small.rings("alice")
        usual = small.descriptors()
        with ExitStack() as stack:
            for _ in range(2 * LIMIT):
                silent = stack.enter_context(socket.socket())
                silent.setblocking(False)
                silent.connect_ex(("127.0.0.1", small.gateway.port))
            await small.rings("alice")
            assert small.descriptors() < LIMIT
        await small.until(lambda: small.descriptors() <= usual)
        assert (await small.subscribe("bob"))[0] == 201
        assert len(small.server.of("alice")) == 1
        assert small.server.logins.count("alice") == 1


async def test_without_any_descriptor_old_sessions_live_and_nothing_spins(tmp_path: Path) -> None:
    """The limit is taken away from below: accept, connect and resolve all fail."""
    async with house(tmp_path, before="") as bare:
        assert (await bare.subscribe("alice"))[0] == 201
        await bare.rings("alice")  # so that there is a connection to the push service, which is kept
        _, hard = resource.prlimit(bare.gateway.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(bare.gateway.pid, resource.RLIMIT_NOFILE, (bare.descriptors(), hard))
        status, told = await bare.subscribe("bob")  # over the connection that is there
        assert (status, told["type"]) == (503, "/problems/gateway-full"), told
        with ExitStack() as stack:
            waiting = [stack.enter_context(socket.socket()) for _ in range(20)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", bare.gateway.port))
            spent = bare.cpu_seconds()
            for _ in range(5):
                await bare.rings("alice")
                await asyncio.sleep(0.2)
            assert bare.cpu_seconds() - spent < 0.8, "a busy loop would have taken all of it"
        resource.prlimit(bare.gateway.pid, resource.RLIMIT_NOFILE, (hard, hard))
        status, told = await bare.subscribe("bob")
        assert status == 201, told
        assert bare.server.logins.count("alice") == 1


# --- ports ---


def peers(server_port: int, pid: int) -> list[str]:
    """Local addresses of a process's connections to a port of this machine."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes and int(fields[2].rsplit(":", 1)[1], 16) == server_port and fields[3] == "01":
            found.append(socket.inet_ntoa(bytes.fromhex(fields[1].split(":")[0])[::-1]))
    return found


async def test_connections_are_spread_over_the_source_addresses(tmp_path: Path) -> None:
    imap = 'source_addresses = ["127.0.0.2", "127.0.0.3", "::1"]'
    async with house(tmp_path, before="", imap=imap) as two:
        for number in range(4):
            status, told = await two.subscribe(f"user{number}", host="127.0.0.1")
            assert status == 201, told
        assert sorted(peers(two.server.tls_port, two.gateway.pid)) == ["127.0.0.2"] * 2 + ["127.0.0.3"] * 2


@pytest.mark.needs("root")
def test_without_a_port_the_gateway_says_so_and_keeps_everything_that_it_has(tmp_path: Path) -> None:
    """In a network of its own with two ports for outgoing connections, so two addresses bear four sessions at a server."""
    program = (
        f"import asyncio; from faults import test_faults_descriptors as t; asyncio.run(t.two_ports({str(tmp_path)!r}))"
    )
    here = Path(__file__).parents[1]
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", program], cwd=here, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]


async def two_ports(folder: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:  # SIOCSIFFLAGS: IFF_UP, IFF_RUNNING (netdevice(7))
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))
    imap = 'source_addresses = ["127.0.0.2", "127.0.0.3"]'
    async with house(Path(folder), before="", imap=imap) as narrow:
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("61000 61001")
        for number in range(4):
            status, told = await narrow.subscribe(f"user{number}", host="127.0.0.1")
            assert status == 201, told
        status, told = await narrow.subscribe("late", host="127.0.0.1")
        assert (status, told["type"]) == (503, "/problems/gateway-full"), told
        assert told["detail"] == "The gateway has no port left for one more connection to this mail server."
        await narrow.rings("user0")
        assert narrow.server.idling() == 4


def test_an_address_that_the_machine_does_not_have_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"")
    gateway = GatewayProcess(tmp_path, tmp_path / "ca.pem", imap='source_addresses = ["127.0.0.2", "192.0.2.7"]')
    with pytest.raises(AssertionError) as caught:
        asyncio.run(gateway.start())
    assert "imap.source_addresses: 192.0.2.7 is no address of this machine" in str(caught.value)


def test_a_limit_that_leaves_no_session_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"")
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (72, 72))"
    gateway = GatewayProcess(tmp_path, tmp_path / "ca.pem", before=few)
    with pytest.raises(AssertionError) as caught:
        asyncio.run(gateway.start())
    assert "a limit of 72 descriptors leaves none for IMAP sessions" in str(caught.value)
    assert "ulimit -n" in str(caught.value)
