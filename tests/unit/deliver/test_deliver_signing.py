"""Which key signs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from idlebell.deliver.signing import READ_EVERY_SECONDS
from idlebell.model.endpoint import WebPushEndpoint
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse
from idlebell.push.vapid import VapidKey
from idlebell.store.keys import StoredVapidKey
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import SIGNER_KEY, Scene, ScriptedHttp, hook, scene, web

OLD, NEW = VapidKey.generate(os.urandom), VapidKey.generate(os.urandom)


def key_of(request: HttpRequest) -> str:
    return dict(request.headers)["Authorization"].rpartition("k=")[2]


def taking(key: VapidKey) -> Callable[[HttpRequest], Answer]:
    return lambda request: HttpResponse(201 if key_of(request) == key.public_key else 403, {})


class Rotated:
    """The store has two keys."""

    def __init__(self, respond: Callable[[HttpRequest], Answer] | None = None) -> None:
        self.clock = VirtualClock()
        self.http = ScriptedHttp(respond)
        self.scene: Scene = scene(self.clock, self.http)

    async def rotate(self, *keys: VapidKey) -> Rotated:
        for key in keys:
            await self.scene.store.rotate_vapid_key(key.der(), self.clock.now())
        return self

    async def signed(self, endpoint: WebPushEndpoint) -> list[str]:
        """Which keys signed the requests of one test."""
        before = len(self.http.requests)
        subscription = await self.scene.subscribe(endpoint)
        await self.scene.dispatcher.send_test(subscription)
        return [key_of(request) for request in self.http.requests[before:]]

    async def recorded(self) -> list[str | None]:
        page = await self.scene.store.page(None, None, 10)
        return [one.application_server_key for sub in page for _, one in sub.endpoints]  # type: ignore[union-attr]


async def test_without_keys_in_the_store_the_given_one_signs() -> None:
    assert await Rotated().signed(web()) == [SIGNER_KEY.public_key]


async def test_each_endpoint_is_signed_for_by_its_own_key() -> None:
    one = await Rotated().rotate(OLD, NEW)
    for key in (OLD, NEW):
        assert await one.signed(replace(web(), application_server_key=key.public_key)) == [key.public_key]
    assert await one.signed(web()) == [OLD.public_key], "stored when there was but one"


async def test_a_key_that_is_kept_no_more_gives_way_to_the_current_one() -> None:
    one = await Rotated().rotate(NEW)
    assert await one.signed(replace(web(), application_server_key=OLD.public_key)) == [NEW.public_key]


async def test_a_key_that_is_kept_no_more_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one, reads = await Rotated().rotate(NEW), 0
    asked = one.scene.store.vapid_keys

    async def counted() -> tuple[StoredVapidKey, ...]:
        nonlocal reads
        reads += 1
        return await asked()

    monkeypatch.setattr(one.scene.store, "vapid_keys", counted)
    for key in (OLD, SIGNER_KEY, OLD, SIGNER_KEY):
        assert await one.signed(replace(web(), application_server_key=key.public_key)) == [NEW.public_key]
    assert reads == 2
    await one.clock.advance(READ_EVERY_SECONDS)
    assert await one.signed(replace(web(), application_server_key=OLD.public_key)) == [NEW.public_key]
    assert reads == 3


async def test_a_key_that_was_rotated_meanwhile_is_known_at_once_and_a_revoked_one_forgotten_soon() -> None:
    one = await Rotated().rotate(OLD)
    old = replace(web(), application_server_key=OLD.public_key)
    assert await one.signed(old) == [OLD.public_key]
    await one.rotate(NEW)
    assert await one.signed(replace(web(), application_server_key=NEW.public_key)) == [NEW.public_key]
    await one.scene.store.remove_vapid_key(OLD.der())
    assert await one.signed(old) == [OLD.public_key]
    await one.clock.advance(READ_EVERY_SECONDS)
    assert await one.signed(old) == [NEW.public_key]


async def test_the_key_that_the_push_service_takes_is_found_and_kept() -> None:
    one = await Rotated(taking(OLD)).rotate(OLD, NEW)
    endpoint = replace(web(), application_server_key=NEW.public_key)
    new, old = NEW.public_key, OLD.public_key
    assert await one.signed(endpoint) == [new, new, old]
    assert await one.recorded() == [old]
    (stored,) = await one.scene.store.page(None, None, 10)
    await one.scene.dispatcher.send_test(stored)
    assert key_of(one.http.requests[-1]) == old
    assert len(one.http.requests) == 4


async def test_where_no_key_is_taken_each_is_tried_once_and_nothing_is_kept() -> None:
    one = await Rotated(lambda request: HttpResponse(403, {})).rotate(OLD, NEW)
    new, old = NEW.public_key, OLD.public_key
    assert await one.signed(replace(web(), application_server_key=new)) == [new, new, old]
    assert await one.recorded() == [new]


@pytest.mark.parametrize("status", [429, 500])
async def test_a_service_that_stumbles_over_another_key_teaches_nothing(status: int) -> None:
    old = OLD.public_key
    one = await Rotated(lambda request: HttpResponse(status if key_of(request) == old else 401, {})).rotate(OLD, NEW)
    await one.signed(replace(web(), application_server_key=NEW.public_key))
    assert await one.recorded() == [NEW.public_key]


async def test_a_webhook_that_refuses_is_asked_once() -> None:
    one = await Rotated(lambda request: HttpResponse(403, {})).rotate(OLD, NEW)
    await one.scene.dispatcher.send_test(await one.scene.subscribe(hook()))
    assert len(one.http.requests) == 1
