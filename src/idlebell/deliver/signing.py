"""Which of our keys signs a Web Push: the one that its app subscribed with (RFC 8292 section 4).

The operator may rotate the key while the gateway runs, so what is known of the keys is read again now and then, and at once
where an endpoint names one that is not known.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol

from idlebell.deliver.proving import store_changed
from idlebell.model.endpoint import Endpoint, WebPushEndpoint, same_endpoint
from idlebell.model.ids import SubscriptionId
from idlebell.model.subscription import Subscription
from idlebell.net.clock import Clock
from idlebell.push.vapid import VapidKey, VapidSigner
from idlebell.store.contract import StoreError, Subscriptions
from idlebell.store.keys import Keys

READ_EVERY_SECONDS: Final = 60.0
"""A key that was revoked signs nothing after as long."""


class SigningStore(Subscriptions, Keys, Protocol):
    """Where keys are, and which one an endpoint has."""


class Signing:
    """``first`` signs until the store has keys, and gives the subject of them all."""

    def __init__(self, store: SigningStore, first: VapidSigner, clock: Clock) -> None:
        self._store = store
        self._first = first
        self._clock = clock
        self._signers: dict[str, VapidSigner] = {}  # the current one, and after it the one retired last, and so on
        self._revoked: set[str] = set()  # named by endpoints, and not kept any more when the keys were read
        self._read_at = float("-inf")

    async def of(self, endpoint: Endpoint) -> VapidSigner:
        """StoreError where the keys cannot be read."""
        named = endpoint.application_server_key if isinstance(endpoint, WebPushEndpoint) else None
        stale = self._clock.monotonic() - self._read_at >= READ_EVERY_SECONDS
        if stale:
            self._revoked.clear()
        if stale or not (named is None or named in self._signers or named in self._revoked):
            await self._read()
            if named is not None and named not in self._signers:
                self._revoked.add(named)
        if not self._signers:
            return self._first
        if named is None:
            return list(self._signers.values())[-1]
        return self._signers.get(named) or next(iter(self._signers.values()))

    async def others(self, signer: VapidSigner) -> tuple[VapidSigner, ...]:
        """Those that may have been meant where the push service refuses ``signer``'s key, the newest first."""
        await self._read()
        return tuple(one for one in self._signers.values() if one is not signer)

    async def found(self, subscription: SubscriptionId, endpoint: Endpoint, signer: VapidSigner) -> None:
        """The push service takes this one's key for the endpoint: it is used from now on."""

        def signed(own: Endpoint) -> Endpoint:
            if isinstance(own, WebPushEndpoint) and same_endpoint(own, endpoint):
                return replace(own, application_server_key=signer.key.public_key)
            return own

        def changed(stored: Subscription) -> Subscription:
            return replace(stored, endpoints=stored.endpoints.mapped(signed))

        with suppress(StoreError):  # it was accepted, whatever is written down of it: the next push finds out again
            await store_changed(self._store, subscription, changed)

    async def _read(self) -> None:
        keys = [VapidKey.load(one.der) for one in await self._store.vapid_keys()]
        before = self._signers | {self._first.key.public_key: self._first}  # with what they have signed already
        self._signers = {
            key.public_key: before.get(key.public_key) or VapidSigner(key, self._first.subject) for key in keys
        }
        self._read_at = self._clock.monotonic()
