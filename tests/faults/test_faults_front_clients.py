"""Clients of the front that send too much, too slowly, too early, or do not read: refused or cut, within bounded memory, and
the others are served."""

from __future__ import annotations

import asyncio
import ssl
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from faults.front_scene import SECONDS, End, Upstream, scene
from gateway_process import GatewayProcess
from idlebell.front import listener, session, threshold
from servers.dovecot_server import DovecotServer
from servers.sandbox import free_port

STRANGERS = 120
STRANGER_KIB = 32
"""Of memory, whatever one sends before a login."""
FLOOD_BYTES = 32 * 1024 * 1024
IN_BETWEEN_BYTES = 12 * 1024 * 1024
GIGABYTE = 1_000_000_000

TOO_MUCH = {
    "a line without an end": b"a" * 300_000,
    "a line over 8 KiB": b"a LOGIN alice " + b"x" * 9_000 + b"\r\n",
    "4,000 parentheses": b"a ID " + b"(" * 4_000 + b"\r\n",
    "a literal of a gigabyte, at once": b"a LOGIN {%d+}\r\n" % GIGABYTE + b"x" * 300_000,
    "a literal of a gigabyte, announced": b"a LOGIN {%d}\r\n" % GIGABYTE,
    "a size that no number holds": b"a LOGIN {" + b"9" * 400 + b"}\r\n",
    "a hundred literals": b"a ID (" + b"{1+}\r\na" * 100 + b")\r\n",
    "65 commands": b"a NOOP\r\n" * 65,
    "an endless list": b"a ID (" + b'"a" "b" ' * 900 + b")\r\n",
    "nothing but line ends": b"\r\n" * 40_000,
    "zeros": b"\0" * 20_000,
    "an answer to no question": b"a AUTHENTICATE PLAIN\r\n" + b"=" * 9_000 + b"\r\n",
    "TLS in clear": b"\x16\x03\x01\x02\x00" + b"\0" * 9_000 + b"\r\n",
    "HTTP": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 40,
}


@pytest.mark.parametrize("kind", TOO_MUCH)
async def test_what_is_too_much_before_a_login_is_refused_or_cut(kind: str) -> None:
    """No continuation invites the rest of it, and nothing reaches an upstream."""
    async with scene(Upstream()) as stage:
        client = await stage.stranger()
        client.writer.write(TOO_MUCH[kind])
        client.writer.write(b"\r\nz LOGOUT\r\n")
        said = await client.until(b"z OK")
        assert b"+ go" not in b"".join(said)
        assert any(line.startswith((b"* BYE", b"* BAD", b"a BAD", b"a NO")) for line in said) or said[-1] == b"", said[
            :5
        ]
        assert not stage.upstream.sessions
        client.leave()
        assert (await (await stage.client()).ask(b"NOOP"))[-1].startswith(b"a OK")


async def test_an_offence_right_behind_a_login_ends_both_sides() -> None:
    async with scene(Upstream()) as stage:
        client = await stage.stranger()
        await client.say(b"a LOGIN alice secret\r\n" + b"t" * 300 + b" NOOP\r\n")
        assert (await client.rest()).endswith(b"* BYE A tag of more than 255 characters\r\n")
        await stage.until(lambda: not (stage.front.sessions or stage.upstream.sessions or stage.front.connections))


async def test_who_is_slow_before_a_login_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """One who says nothing, and one who says a byte now and then."""
    monkeypatch.setattr(threshold, "COMMAND_SECONDS", 0.2)
    monkeypatch.setattr(listener, "BEFORE_LOGIN_SECONDS", 0.6)
    async with scene(Upstream()) as stage:
        silent, dripping = await stage.stranger(), await stage.stranger()

        async def drip() -> None:
            while True:
                await dripping.say(b"a")
                await asyncio.sleep(0.05)

        dripper = asyncio.create_task(drip())
        for client in (silent, dripping):
            await client.rest()
        dripper.cancel()
        await asyncio.gather(dripper, return_exceptions=True)
        await stage.until(lambda: not stage.front.connections)


async def test_a_client_that_does_not_read_holds_its_upstream_back_and_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "STALLED_SECONDS", 0.5)
    given = 0
    held = asyncio.Event()

    async def flood(end: End) -> None:
        nonlocal given
        await end.line()
        while given < FLOOD_BYTES and not held.is_set():
            end.writer.write(b"* 1 FETCH (BODY[] {65536}\r\n" + b"a" * 65_536 + b")\r\n")
            given += 65_536
            try:
                async with asyncio.timeout(0.2):
                    await end.writer.drain()
            except TimeoutError:
                held.set()

    async with scene(Upstream(flood)) as stage:
        client, other = await stage.client(), await stage.client()
        client.writer.transport.pause_reading()
        await client.say(b"b FETCH 1:* BODY[]\r\n")
        async with asyncio.timeout(SECONDS):
            await held.wait()
        assert given < IN_BETWEEN_BYTES
        await stage.until(lambda: stage.front.sessions == 1)
        assert (await other.ask(b"LOGOUT"))[-1].startswith(b"a OK")


async def test_a_client_whose_upstream_does_not_read_is_held_back() -> None:
    taken = asyncio.Event()

    async def deaf(end: End) -> None:
        end.writer.transport.pause_reading()
        await taken.wait()

    async with scene(Upstream(deaf)) as stage:
        client = await stage.client()
        given = 0
        while given < FLOOD_BYTES:
            client.writer.write(b"b APPEND INBOX {%d+}\r\n" % GIGABYTE + b"a" * 65_536)
            given += 65_536
            try:
                async with asyncio.timeout(0.5):
                    await client.writer.drain()
            except TimeoutError:
                break
        assert given < IN_BETWEEN_BYTES
        assert (await (await stage.stranger()).line()).startswith(b"* OK")
        client.leave()
        taken.set()


async def test_more_connections_than_there_are_places_for_are_not_held() -> None:
    most = 0
    async with scene(Upstream(), connections=20) as stage:
        strangers = [await stage.stranger() for _ in range(100)]
        for one in strangers:
            one.writer.write(b"a LOGIN alice {20}\r\n")
            most = max(most, stage.front.connections)
            await asyncio.sleep(0)
        assert 0 < most <= 20
        for one in strangers:
            one.leave()
        await stage.until(lambda: not stage.front.connections)
        assert (await (await stage.client()).ask(b"NOOP"))[-1].startswith(b"a OK")


# --- commands slipped in before STARTTLS (the command-injection-tester of the EAST attacks does the same) ---


async def runs_what_was_slipped_in(port: int, ca_file: Path) -> bool:
    """Sends STARTTLS and a command behind it in one segment, in clear: is that one answered under TLS?"""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"a STARTTLS\r\nb NOOP\r\n")
    try:
        async with asyncio.timeout(10):
            await reader.readuntil(b"a OK")
            await reader.readline()
            await writer.start_tls(ssl.create_default_context(cafile=str(ca_file)), server_hostname="localhost")
            writer.write(b"c CAPABILITY\r\n")
            said = b""
            while not said.startswith(b"c "):
                said = await reader.readline()
                if said.startswith(b"b ") or not said:
                    return bool(said)
            return False
    except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
        return False
    finally:
        writer.transport.abort()


async def careless(context: ssl.SSLContext) -> asyncio.Server:
    """A server as several were in 2021: what came in clear is still in its buffer when TLS has begun."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK hello\r\n")
        while line := await reader.readline():
            tag, _, command = line.strip().partition(b" ")
            writer.write(tag + b" OK done\r\n")
            if command == b"STARTTLS":
                await writer.start_tls(context)

    return await asyncio.start_server(serve, "127.0.0.1", 0)


async def test_a_command_slipped_in_before_starttls_is_never_run(dovecot: DovecotServer) -> None:
    """Two controls: a careless server runs it, Dovecot does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(dovecot.both)
    async with await careless(context) as server:
        assert await runs_what_was_slipped_in(server.sockets[0].getsockname()[1], dovecot.ca_file)
    assert not await runs_what_was_slipped_in(dovecot.ports.imap, dovecot.ca_file)
    async with scene(Upstream(), tls_certificate=dovecot.certificate, tls_key=dovecot.key, starttls=True) as stage:
        assert not await runs_what_was_slipped_in(stage.front.port, dovecot.ca_file)
        assert not stage.upstream.sessions


# --- memory ---


def resident_kib(pid: int) -> int:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1])


async def test_a_stranger_takes_no_more_than_his_32_kib(tmp_path: Path) -> None:
    """Of the whole process, in clear, with a line and a literal both almost full."""
    port = free_port()
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    front = (
        f'[front]\nlisten = "127.0.0.1:{port}"\nupstream = "127.0.0.1:{free_port()}"\n'
        "connections = 2000\nconnections_per_address = 0\n"
    )
    async with GatewayProcess(tmp_path, tmp_path / "ca.pem", more=front) as gateway:

        async def come(number: int) -> list[End]:
            found = []
            for _ in range(number):
                end = End(*await asyncio.open_connection("127.0.0.1", port))
                await end.say(b"a LOGIN {8000+}\r\n" + b"x" * 8_000 + b" {8000+}\r\n" + b"x" * 7_900)
                assert (await end.line()).startswith(b"* OK")
                found.append(end)
            return found

        ends = await come(STRANGERS // 10)
        before = resident_kib(gateway.pid)
        ends += await come(STRANGERS)
        assert (resident_kib(gateway.pid) - before) / STRANGERS <= STRANGER_KIB
        for end in ends:
            end.leave()


@pytest.mark.parametrize("sent", [b"", b"PROXY TCP4 192.0.2.1 ", b"\r\n\r\n\x00"])
async def test_a_proxy_that_closes_within_its_header_is_let_go(sent: bytes) -> None:
    """As the health check of a balancer does, which sends nothing."""
    async with scene(Upstream(), trusted=(ip_network("127.0.0.0/8"),)) as stage:
        proxy = await stage.stranger()
        await proxy.say(sent)
        proxy.writer.write_eof()
        assert await proxy.rest() == b""
        await stage.until(lambda: not stage.front.connections)
