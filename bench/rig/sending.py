"""The gateway's HTTP client alone: requests that are built already, as many at once as the dispatcher has in flight.

    python bench/rig/sending.py ORDER

ORDER is JSON: ``kind``, ``origins``, ``ca_file``, ``count``, ``at_once``. Prints ``{"sent", "cpu_seconds", "seconds"}``;
building is not in it, checking each dialled address is.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from idlebell.model.endpoint import PushUrl
from idlebell.net.clock import Clock
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.http_client import HttpClient
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.exchange import HttpRequest, HttpResponse
from rig.push_requests import built


async def send(order: dict[str, Any]) -> dict[str, float]:
    resolver = Resolver(Clock())
    egress = Egress(allow=(ip_network("127.0.0.0/8"),))
    http = HttpClient(egress, resolver, TlsPolicy(Path(order["ca_file"])))
    requests: list[HttpRequest] = []
    for number in range(order["count"]):
        method, url, headers, body = built(order["kind"], order["origins"], number)
        requests.append(HttpRequest(method, PushUrl(url), tuple(headers.items()), body))
    left = iter(requests)
    sent = 0

    async def some() -> None:
        nonlocal sent
        for request in left:
            answer = await http.send(request)
            assert isinstance(answer, HttpResponse), answer
            assert answer.status == 201
            sent += 1

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(some() for _ in range(order["at_once"])))
    told = {"sent": sent, "cpu_seconds": time.process_time() - cpu, "seconds": time.perf_counter() - began}
    await http.close()
    await resolver.close()
    return told


if __name__ == "__main__":
    print(json.dumps(uvloop.run(send(json.loads(sys.argv[1])))))
