"""Debian's haproxy as what stands between clients and a server: TCP alone, or IMAP's TLS ended and begun anew."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from servers import packages
from servers.sandbox import free_port

START_SECONDS: Final = 10
_CONFIGURATION: Final = """\
global
  maxconn {connections}
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen imap
  bind 127.0.0.1:{port} backlog 4096{bind}
  server one 127.0.0.1:{upstream}{server}
"""


class Haproxy(NamedTuple):
    port: int
    pid: int


@asynccontextmanager
async def haproxy(folder: Path, upstream: int, connections: int, *, tls: Path | None = None) -> AsyncIterator[Haproxy]:
    """``tls``: key and certificate of the server, for both sides. Else the bytes pass as they are."""
    root = packages.fetch("haproxy")
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(
        _CONFIGURATION.format(
            connections=connections,
            port=port,
            upstream=upstream,
            bind=f" ssl crt {tls}" if tls else "",
            server=" ssl verify none" if tls else "",
        )
    )
    process = await asyncio.create_subprocess_exec(
        root / "usr/sbin/haproxy", "-db", "-f", config, env=packages.libraries("haproxy")
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _listens(port):
                await asyncio.sleep(0.05)
        yield Haproxy(port, process.pid)
    finally:
        process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
