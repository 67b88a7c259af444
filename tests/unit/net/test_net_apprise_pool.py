"""Real Apprise in its process, to servers of ours; each pool that is started costs a second, so tests share theirs."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from apprise_peers import ApprisePeer
from idlebell.model.endpoint import PushUrl
from idlebell.net.apprise_pool import ApprisePool
from idlebell.net.egress import Egress
from idlebell.push.exchange import AppriseAnswered, AppriseCall, NoResponse
from idlebell.testing.certificate import Authority

LOCAL = Egress(allow=(ip_network("127.0.0.0/8"), ip_network("::1/128")), allow_plaintext=True)
SECONDS = 20.0


@asynccontextmanager
async def pool_of(egress: Egress = LOCAL, **more: object) -> AsyncIterator[ApprisePool]:
    pool = ApprisePool(egress, processes=1, **more)  # type: ignore[arg-type]
    try:
        yield pool
    finally:
        await pool.close()


async def send(pool: ApprisePool, url: str, seconds: float = SECONDS) -> AppriseAnswered | NoResponse:
    return await pool.carry(AppriseCall(PushUrl(url), "Title", "Body <b> & 100 % \\n ü"), timeout_seconds=seconds)


def pid_of(pool: ApprisePool) -> int:
    return pool._idle[0].process.pid


@asynccontextmanager
async def garbage() -> AsyncIterator[int]:
    """The port of a server that does not speak HTTP."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example.org ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_real_plugins_reach_their_services_and_nothing_else() -> None:
    async with ApprisePeer() as peer, pool_of() as pool:
        assert await send(pool, peer.ntfy) == AppriseAnswered(True, 200)
        (note,) = peer.notes
        assert (note["title"], note["message"]) == ("Title", "Body <b> & 100 % \\n ü")
        assert await send(pool, peer.sms) == AppriseAnswered(True, 200)
        assert [one["message"].endswith("Body <b> & 100 % \\n ü") for one in peer.messages] == [True]
        worker = pid_of(pool)

        # What a URL asks for beyond its service is not done.
        for url, detail in (
            ("ntfys://10.0.0.1/alice", "10.0.0.1 is not public"),
            ("ntfys://169.254.169.254/alice", "169.254.169.254"),
            ("ntfy://93.184.216.34:443/alice", "no TLS"),
            ("ntfys://93.184.216.34:22/alice", "port 22"),
            ("smpp://u:p@10.0.0.1:2775/15551234567/15551234567", "unknown"),
            ("rsyslog://10.0.0.1", "datagrams are not sent"),
            ("nonsense://x", "unknown"),
            ("dbus://", "unknown"),
            (peer.ntfy + "/second", "several"),
        ):
            found = await send(pool, url)
            assert isinstance(found, NoResponse), url
            assert found.reason == "not-allowed"
            assert detail in found.detail, url
        looked = {
            url: await pool.look(PushUrl(url)) for url in (peer.ntfy, peer.ntfy + "/b", "nonsense://x", "tgram://x")
        }
        assert list(looked.values()) == [
            None,
            "must have one target; register another endpoint for another one",
            "must be a URL that Apprise understands",
            "must be a URL that Apprise understands",
        ]

        # What a service answers comes back as it is.
        for status, headers, answered in (
            (429, {"Retry-After": "30"}, AppriseAnswered(False, 429, "30")),
            (503, {}, AppriseAnswered(False, 503)),
            (401, {}, AppriseAnswered(False, 401)),
            (410, {}, AppriseAnswered(False, 410)),
            (307, {"Location": f"http://localhost:{peer.port}/elsewhere"}, AppriseAnswered(False, 307)),
        ):
            peer.answer, before = (status, headers), peer.requests
            assert await send(pool, peer.ntfy + "?redirect=yes&retry=3") == answered
            assert peer.requests == before + 1
        peer.answer, peer.body = (200, {}), b"x" * 5_000_000
        assert await send(pool, peer.ntfy) == AppriseAnswered(True, 200)
        peer.body = b"{not json"
        assert await send(pool, peer.sms) == AppriseAnswered(False, 200)
        peer.body = None
        assert await send(pool, "ntfy://127.0.0.1:1/alice") == AppriseAnswered(False, silence="unreachable")
        async with garbage() as port:
            assert await send(pool, f"ntfy://127.0.0.1:{port}/alice") == AppriseAnswered(False, silence="broken")
        assert pid_of(pool) == worker
        assert peer.faults == []

        # A service that hangs takes its process with it, and nothing else.
        peer.hangs = True
        assert await send(pool, peer.ntfy, 0.3) == NoResponse("timeout", "no end within 0.3 s; its process was ended")
        peer.hangs = False
        assert await send(pool, peer.ntfy) == AppriseAnswered(True, 200)
        assert pid_of(pool) != worker
        os.kill(pid_of(pool), signal.SIGKILL)
        found = await send(pool, peer.ntfy)
        assert found in (AppriseAnswered(True, 200), NoResponse("broken", "the process of Apprise has ended"))
        assert await send(pool, peer.ntfy) == AppriseAnswered(True, 200)


async def test_certificates_are_checked_whatever_the_url_says(tmp_path: Path) -> None:
    authority, stranger = Authority(), Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    async with (
        ApprisePeer(authority.server_context()) as known,
        ApprisePeer(stranger.server_context()) as unknown,
        pool_of(Egress(allow=LOCAL.allow), ca_file=tmp_path / "ca.pem") as pool,
    ):
        assert await send(pool, known.ntfy) == AppriseAnswered(True, 200)
        assert await send(pool, unknown.ntfy + "?verify=no") == AppriseAnswered(False, silence="tls")
        assert await send(pool, known.ntfy.replace("ntfys", "ntfy")) == NoResponse(
            "not-allowed", "no TLS, and network.allow_plaintext is off"
        )
        assert unknown.requests == 0


async def test_through_a_proxy_goes_everything_and_its_names_are_judged() -> None:
    lines: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with pool_of(Egress(), proxy=f"http://127.0.0.1:{port}") as pool:
        assert await send(pool, "ntfys://93.184.216.34/alice") == AppriseAnswered(False, silence="unreachable")
        assert [line.split()[:2] for line in lines] == [[b"CONNECT", b"93.184.216.34:443"]]
        found = await send(pool, "ntfys://10.0.0.1/alice")
        assert found == NoResponse("not-allowed", "10.0.0.1 may not be reached")
        assert len(lines) == 1
    server.close()


async def test_an_idle_process_is_ended_and_a_busy_pool_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ApprisePeer() as peer, pool_of(idle_seconds=0.05) as pool:
        assert await send(pool, peer.ntfy) == AppriseAnswered(True, 200)
        async with asyncio.timeout(20):
            while pool._idle or pool._reaping:
                await asyncio.sleep(0.01)
        monkeypatch.setattr("idlebell.net.apprise_pool.START_SECONDS", 0.05)
        await pool._turns.acquire()
        assert await send(pool, peer.ntfy, 0.05) == NoResponse("timeout", "all processes of Apprise were busy")
        pool._turns.release()
        found = await send(pool, peer.ntfy)
        assert found == NoResponse("broken", "the process of Apprise did not start: TimeoutError")
