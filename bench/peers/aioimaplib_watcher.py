"""A small watcher on aioimaplib, as its README has one wait for a message, opened again where it ends. For ``beside_peers``.

One thing is better than in the README: it also asks to be called when the connection is lost, which is no push.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Any

import aiohttp
from aioimaplib import IMAP4

AGAIN_SECONDS = 1.0


async def watch(account: dict[str, Any], http: aiohttp.ClientSession) -> None:
    following: int | None = None
    while True:
        try:
            lost = asyncio.Event()
            client = IMAP4("127.0.0.1", account["port"], conn_lost_cb=lambda _, lost=lost: lost.set())
            await client.wait_hello_from_server()
            await client.login(account["user"], account["password"])
            opened = await client.select("INBOX")  # after EXAMINE it refuses to search
            if following is None:
                following = _uid_next(opened.lines)
            while True:
                answer = await client.uid_search(f"UID {following}:*")
                for uid in sorted(map(int, answer.lines[0].split())) if answer.result == "OK" else ():
                    if uid >= following:
                        following = uid + 1
                        async with http.post(account["url"], json={"uid": uid}):
                            pass
                idle = await client.idle_start()
                waits = {asyncio.ensure_future(client.wait_server_push()), asyncio.ensure_future(lost.wait())}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for one in waits:
                    one.cancel()
                if lost.is_set():
                    raise ConnectionError("lost")
                client.idle_done()
                await asyncio.wait_for(idle, 10)
        except Exception as error:
            print(f"{account['user']}: {type(error).__name__}: {error}", file=sys.stderr)
        await asyncio.sleep(AGAIN_SECONDS)


def _uid_next(lines: list[bytes]) -> int:
    found = re.search(rb"UIDNEXT (\d+)", b"\n".join(lines))
    if found is None:
        raise ValueError("no UIDNEXT")
    return int(found[1])


async def main() -> None:
    accounts = json.loads(sys.stdin.readline())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as http:
        await asyncio.gather(*(watch(account, http) for account in accounts))


asyncio.run(main())
