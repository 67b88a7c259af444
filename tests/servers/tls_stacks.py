"""TLS servers of several makes, each in a process of its own: what a parked session meets in the world.

Each takes one connection after the other, says what :meth:`TlsStack.say` is given, and shows what it heard.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from servers import gnutls_peer

TRIES: Final = 1_800  # a minute and a half: Java compiles first, on a machine that may be busy
READ_BYTES: Final = 65_536


class TlsStack:
    """A running server. ``heard``: what it printed and nobody has waited for yet."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port
        self.heard = bytearray()
        self._reading = asyncio.ensure_future(self._read())
        self._news = asyncio.Condition()

    async def say(self, data: bytes) -> None:
        """To the client; for a server that takes commands, a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        await self.process.stdin.drain()

    async def hears(self, data: bytes) -> None:
        """Waits until it prints ``data``, and lets go of that and what came before."""
        async with self._news:
            while data not in self.heard:
                if self._reading.done():
                    raise AssertionError(f"it ended after {bytes(self.heard)!r}")
                await self._news.wait()
            del self.heard[: self.heard.index(data) + len(data)]

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while data := await self.process.stdout.read(READ_BYTES):
            self.heard += data
            async with self._news:
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reading
        if self.process.stdin is not None:
            self.process.stdin.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@asynccontextmanager
async def openssl_server(certificate: Path, *options: str) -> AsyncIterator[TlsStack]:
    """``openssl s_server``. ``certificate``: PEM with its chain and key. A line that is ``k`` or ``K`` sends a KeyUpdate, the
    second one with a request. With ``-rev`` it sends each line back, reversed, and at ``CLOSE`` says close_notify."""
    port = free_port()
    pem = ("-cert", str(certificate), "-key", str(certificate))
    # stdbuf: it tells of a KeyUpdate by printf.
    async with _running(
        port, "stdbuf", "-oL", "openssl", "s_server", "-accept", f"127.0.0.1:{port}", *pem, *options
    ) as stack:
        yield stack


GNUTLS_CIPHERS: Final = {
    "TLS_AES_128_GCM_SHA256": "AES-128-GCM",
    "TLS_AES_256_GCM_SHA384": "AES-256-GCM",
    "TLS_CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
}


def why_not_gnutls() -> str | None:
    return None if gnutls_peer.load() is not None else "libgnutls.so.30 is missing (Debian package libgnutls30)"


@asynccontextmanager
async def gnutls_server(certificate: Path, suite: str) -> AsyncIterator[TlsStack]:
    """:mod:`.gnutls_peer`, which takes commands."""
    port = free_port()
    script = [sys.executable, gnutls_peer.__file__, str(port), str(certificate), GNUTLS_CIPHERS[suite]]
    async with _running(port, *script) as stack:
        yield stack


def why_not_java() -> str | None:
    return (
        None
        if shutil.which("java") and shutil.which("javac")
        else "java is missing (Debian package default-jdk-headless)"
    )


@asynccontextmanager
async def java_server(certificate: Path, suite: str) -> AsyncIterator[TlsStack]:
    """``JsseServer.java``, which takes commands. ``certificate``: the leaf first, its key, both PEM."""
    pem = certificate.read_bytes()
    leaf = x509.load_pem_x509_certificates(pem)[0]
    key = serialization.load_pem_private_key(pem, None)
    store = certificate.with_suffix(".p12")
    sealing = serialization.BestAvailableEncryption(b"test")
    store.write_bytes(pkcs12.serialize_key_and_certificates(b"server", key, leaf, None, sealing))
    port = free_port()
    program = Path(__file__).with_name("JsseServer.java")
    async with _running(port, "java", "-XX:TieredStopAtLevel=1", str(program), str(port), str(store), suite) as stack:
        yield stack


@asynccontextmanager
async def _running(port: int, *command: str) -> AsyncIterator[TlsStack]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    stack = TlsStack(process, port)
    try:
        for _ in range(TRIES):
            if process.returncode is not None:
                raise AssertionError(f"{command[0]} ended: {bytes(stack.heard)!r}")
            if _listening(port):
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError(f"{command[0]} does not listen: {bytes(stack.heard)!r}")
        yield stack
    finally:
        await stack.end()


def _listening(port: int) -> bool:
    """By the kernel's table: a connection made to find out would be taken for a client. Java listens in IPv6's."""
    wanted = f":{port:04X} 0"
    tables = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    return any(wanted in line and " 0A " in line for line in tables.splitlines())
