"""Holds sessions on asyncio's own streams: log in, EXAMINE, IDLE, wait. For ``memory``."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys


async def hold(port: int, context: ssl.SSLContext, number: int, slots: asyncio.Semaphore) -> None:
    async with slots:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        await reader.readline()
        for command in (f"a LOGIN user{number} apass", "b EXAMINE INBOX"):
            writer.write(command.encode() + b"\r\n")
            while not (await reader.readline()).startswith(command[:2].encode()):
                pass
        writer.write(b"c IDLE\r\n")
        await reader.readline()
    await reader.readline()


async def main() -> None:
    print("loaded", flush=True)
    wish = json.loads(sys.stdin.readline())
    context = ssl.create_default_context(cafile=wish["ca_file"])
    slots = asyncio.Semaphore(50)
    await asyncio.gather(*(hold(wish["port"], context, number, slots) for number in range(wish["sessions"])))


asyncio.run(main())
