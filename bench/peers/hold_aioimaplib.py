"""Holds sessions on aioimaplib: log in, EXAMINE, IDLE, wait for what the server pushes. For ``memory``."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys

from aioimaplib import IMAP4_SSL


async def hold(port: int, context: ssl.SSLContext, number: int, slots: asyncio.Semaphore) -> None:
    async with slots:
        client = IMAP4_SSL("127.0.0.1", port, ssl_context=context)
        await client.wait_hello_from_server()
        await client.login(f"user{number}", "apass")
        await client.select("INBOX")  # after EXAMINE it refuses IDLE
        await client.idle_start(timeout=3_600)
    await client.wait_server_push(timeout=3_600)


async def main() -> None:
    print("loaded", flush=True)
    wish = json.loads(sys.stdin.readline())
    context = ssl.create_default_context(cafile=wish["ca_file"])
    slots = asyncio.Semaphore(50)
    await asyncio.gather(*(hold(wish["port"], context, number, slots) for number in range(wish["sessions"])))


asyncio.run(main())
