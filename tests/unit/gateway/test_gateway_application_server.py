"""With which key an endpoint is stored."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from idlebell.gateway.application_server import current, keyed
from idlebell.model.endpoint import Endpoints, WebPushEndpoint
from idlebell.model.problem import ProblemError
from idlebell.push.vapid import VapidKey
from idlebell.store.memory import MemoryStore
from store_samples import NOW, simplepush, webhook, webpush

OLD, NEW = VapidKey.generate(os.urandom), VapidKey.generate(os.urandom)


def signed(key: VapidKey | None, url: str = "https://web.example.net/w") -> WebPushEndpoint:
    return replace(webpush(url), application_server_key=None if key is None else key.public_key)


async def rotated() -> MemoryStore:
    store = MemoryStore(os.urandom)
    for key in (OLD, NEW):
        await store.rotate_vapid_key(key.der(), NOW)
    return store


async def test_the_current_key_is_made_where_there_is_none() -> None:
    store = MemoryStore(os.urandom)
    made = await current(store, os.urandom)
    assert await current(store, os.urandom) == made
    assert await current(await rotated(), os.urandom) == NEW.public_key


async def test_without_web_push_no_key_is_made() -> None:
    store = MemoryStore(os.urandom)
    endpoints = Endpoints(simplepush(), webhook())
    assert await keyed(endpoints, None, store, os.urandom) == endpoints
    assert await store.vapid_key() is None


async def test_each_endpoint_gets_the_key_that_it_names_or_had_or_the_current_one() -> None:
    other = "https://web.example.net/other"
    for given, known, expected in (
        (signed(None), None, NEW),
        (signed(OLD), None, OLD),
        (signed(NEW), signed(OLD), NEW),
        (signed(None), signed(OLD), OLD),
        (signed(None), signed(None), None),  # stored when there was but one: it stays the oldest
        (signed(None), signed(OLD, other), NEW),
    ):
        before = None if known is None else Endpoints(webhook(), known)
        found = await keyed(Endpoints(given, webhook()), before, await rotated(), os.urandom)
        assert found == Endpoints(signed(expected), webhook())


async def test_a_key_that_is_not_kept_is_refused_with_its_place() -> None:
    stranger = VapidKey.generate(os.urandom)
    endpoints = Endpoints(webhook(), fallbacks=(signed(stranger),))
    with pytest.raises(ProblemError) as refused:
        await keyed(endpoints, None, await rotated(), os.urandom)
    (error,) = refused.value.problem.errors
    assert error.pointer == "/endpoints/new_mail/1/application_server_key"
    assert "GET /v1/vapid" in error.detail
