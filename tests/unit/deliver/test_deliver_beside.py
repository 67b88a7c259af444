"""In virtual time, so that no machine's load counts: what services that misbehave cost one that does not."""

from __future__ import annotations

import asyncio
import itertools

from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import ScriptedHttp, scene, simple

ANSWERS_SECONDS = 0.02
MAILS = 160
EVERY_SECONDS = 0.1
ENDPOINTS = 10
BAD = ("slow", "busy", "failing", "away")


async def test_beside_services_that_misbehave_a_good_one_is_sent_its_own_at_once() -> None:
    clock = VirtualClock()
    half = itertools.cycle((200, 503))
    came: list[float] = []

    async def respond(request: HttpRequest) -> Answer:
        match request.url.host.split(".")[0]:
            case "slow":
                await clock.sleep(1)
                return HttpResponse(200, {})
            case "busy":
                return HttpResponse(429, {"retry-after": "1"})
            case "failing":
                await clock.sleep(ANSWERS_SECONDS)
                return HttpResponse(next(half), {})
            case "away":
                await clock.sleep(15)
                return NoResponse("timeout")
            case _:
                came.append(clock.monotonic())
                await clock.sleep(ANSWERS_SECONDS)
                return HttpResponse(200, {})

    played = scene(clock, ScriptedHttp(respond))
    good = [await played.subscribe(simple(f"https://good.example.net/{number}")) for number in range(ENDPOINTS)]
    bad = [
        await played.subscribe(simple(f"https://{name}.example.net/{number}"))
        for number in range(ENDPOINTS)
        for name in BAD
    ]
    played.dispatcher.start()
    late = []
    for number in range(MAILS):
        for one in range(len(BAD)):
            await played.ring(bad[(number * len(BAD) + one) % len(bad)])
        begun, before = clock.monotonic(), len(came)
        await played.ring(good[number % ENDPOINTS])
        await clock.advance(EVERY_SECONDS)
        late += [at - begun for at in came[before:]]
    assert len(late) == MAILS
    assert max(late) == 0
    stopping = asyncio.create_task(played.dispatcher.stop())
    await clock.advance(30)
    await stopping
