"""aiohttp alone: requests that are built already, over one session, as many at once as a push service of the gateway may have.

    python bench/peers/push_aiohttp.py ORDER

ORDER is JSON: ``kind``, ``origins``, ``ca_file``, ``count``, ``at_once``. Prints ``{"sent", "cpu_seconds", "seconds"}``;
building is not in it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rig.push_requests import built


async def send(order: dict[str, Any]) -> dict[str, float]:
    context = ssl.create_default_context(cafile=order["ca_file"])
    requests = [built(order["kind"], order["origins"], number) for number in range(order["count"])]
    left = iter(requests)
    sent = 0
    connector = aiohttp.TCPConnector(ssl=context, limit=order["at_once"])
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def some() -> None:
            nonlocal sent
            for method, url, headers, body in left:
                async with session.request(method, url, headers=headers, data=body) as response:
                    await response.read()
                    assert response.status == 201
                sent += 1

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(some() for _ in range(order["at_once"])))
        return {"sent": sent, "cpu_seconds": time.process_time() - cpu, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(send(json.loads(sys.argv[1])))))
