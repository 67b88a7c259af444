"""What a core file holds of the sessions that are parked: of those at rest nothing."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from idlebell.testing.certificate import Authority

CLIENT = """
import asyncio, gc, socket, sys
from pathlib import Path
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_engine import start_tls
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wire import Wire

async def park(policy, port):
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    channel = await start_tls(Wire(sock), policy.session_context, "localhost", policy.secrets)
    for _ in range(2):
        await channel.write(b"awake")
        assert await channel.read(100) == b"awake"
    parked = channel.park()
    await parked.write(b"asleep")
    assert await parked.read(100) == b"asleep"
    return parked

async def main(ca, port, count):
    policy = TlsPolicy(Path(ca), SecretArena())
    parked = await asyncio.gather(*(park(policy, port) for _ in range(count // 2)))
    parked += [await park(policy, port) for _ in range(count // 2)]
    gc.collect()
    print("parked", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    for one in parked:
        await one.write(b"alive")
        assert await one.read(100) == b"alive"
    print("alive", flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""

SESSIONS = 20
LINE = re.compile(r"^(\S+) [0-9a-f]{64} ([0-9a-f]+)$", re.M)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(100):
            writer.write(data)
    finally:
        writer.close()


@pytest.mark.needs("root", "gcore")
async def test_a_core_holds_no_secret_of_a_session_that_is_parked(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    context = authority.server_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.keylog_filename = str(tmp_path / "keys.log")  # the server's: what the client must not be found to hold
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, str(tmp_path / "ca.pem"), str(port), str(SESSIONS),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        assert await client.stdout.readline() == b"parked\n"
        gcore = await asyncio.create_subprocess_exec(
            "gcore", "-o", str(tmp_path / "core"), str(client.pid), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert await gcore.wait() == 0
        client.stdin.write(b"\n")
        assert await client.stdout.readline() == b"alive\n"
    finally:
        if client.returncode is None:
            client.kill()
        await client.wait()
        server.close()
    [core] = tmp_path.glob("core.*")
    memory = core.read_bytes()
    assert b"TlsPolicy" in memory
    logged = LINE.findall((tmp_path / "keys.log").read_text())
    assert len(logged) == 5 * SESSIONS
    found = [
        (label, number // 5, spelling)
        for number, (label, secret) in enumerate(logged)
        for spelling, spelt in (("raw", bytes.fromhex(secret)), ("hexadecimal", secret.encode()))
        for _ in range(memory.count(spelt))
    ]
    assert found == []
