"""When an old key goes."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

from idlebell.deliver.old_keys import KEPT_AT_LEAST, drop_needless, needed
from idlebell.model.subscription import Phase
from idlebell.push.vapid import VapidKey
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import Scene, scene, simple, web

FIRST, SECOND, THIRD = (VapidKey.generate(os.urandom) for _ in range(3))


async def rotated(clock: VirtualClock) -> Scene:
    one = scene(clock)
    for key in (FIRST, SECOND, THIRD):
        await one.store.rotate_vapid_key(key.der(), clock.now())
    return one


async def kept(one: Scene) -> list[bytes]:
    return [key.der for key in await one.store.vapid_keys()]


async def test_a_key_is_kept_while_somebody_needs_it_and_some_days_besides() -> None:
    clock = VirtualClock()
    one = await rotated(clock)
    subscription = await one.subscribe(replace(web(), application_server_key=SECOND.public_key))
    await one.subscribe(simple(), reconnect=web("https://push.example.net/w2"))  # of before there were several
    later = clock.now() + KEPT_AT_LEAST
    assert await needed(one.store, await one.store.vapid_keys()) == {SECOND.public_key: 1, FIRST.public_key: 1}
    assert await drop_needless(one.store, later) == ()
    await one.store.put(replace(subscription, phase=Phase.ENDED, over_since=clock.now()))
    assert await drop_needless(one.store, later - timedelta(seconds=1)) == ()
    assert await drop_needless(one.store, later) == (SECOND.public_key,)
    assert await kept(one) == [THIRD.der(), FIRST.der()]


async def test_a_subscription_that_needs_one_key_twice_counts_once() -> None:
    one = await rotated(VirtualClock())
    named = [replace(web(f"https://push.example.net/{name}"), application_server_key=FIRST.public_key) for name in "ab"]
    await one.subscribe(*named)
    assert await needed(one.store, await one.store.vapid_keys()) == {FIRST.public_key: 1}


async def test_the_current_key_is_never_dropped() -> None:
    clock = VirtualClock()
    one = await rotated(clock)
    assert set(await drop_needless(one.store, clock.now() + 2 * KEPT_AT_LEAST)) == {FIRST.public_key, SECOND.public_key}
    assert await kept(one) == [THIRD.der()]
    assert await drop_needless(one.store, clock.now() + 2 * KEPT_AT_LEAST) == ()
