"""Is an endpoint that of whoever registered it? It is sent a code, which is read back over the API, as a PushVerification of
JMAP is (RFC 8620 section 7.2.2). Until then it is sent nothing else.

A code is stored before it is sent and noted once it is, so that one which a kill came between is sent at the next start.
Whoever registers a stranger's endpoint so gets that stranger a few codes a day, however many subscriptions do it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from idlebell.deliver.allowance import AllowanceStore, day_of
from idlebell.deliver.proving import TRIES, store_changed, verification
from idlebell.deliver.retry import pause_seconds, refusal_problem
from idlebell.deliver.sender import Sender
from idlebell.deliver.settings import DeliverySettings
from idlebell.model.endpoint import Endpoint, Provable, asked_of, code_lives, demand_of, same_endpoint, unproven
from idlebell.model.ids import SubscriptionId
from idlebell.model.proof import Asked, Audience, Demand
from idlebell.model.secret import Secret
from idlebell.model.subscription import StandingProblem, Subscription
from idlebell.net.clock import Clock
from idlebell.push.attempt import Entropy
from idlebell.push.outcome import Accepted, Outcome, Retry
from idlebell.store.contract import ConflictError, StoreError, Subscriptions
from idlebell.telemetry.facts import Emit, StoreFailed, SupervisorCaught, where_raised

CODE_BYTES: Final = 24
"""For an app, which copies it."""
CODE_DIGITS: Final = 8
"""For a person, who types it, perhaps after a call."""
CODES_A_DAY: Final = {Audience.APP: 100, Audience.PERSON: 5}
"""To one URL, in UTC. A browser has one for all the accounts that it is told of."""
ASKED_ANEW: Final = timedelta(hours=1)
"""After a code that nobody read back, when mail waits for an app; a person is asked anew only where somebody wants it."""
SENT_AT_ONCE: Final = 256
"""Codes on their way. One more is not sent; it can be asked for again."""


class CodeStore(AllowanceStore, Subscriptions, Protocol):
    """What of a store is needed."""


class Codes:
    def __init__(
        self,
        store: CodeStore,
        sender: Sender,
        clock: Clock,
        entropy: Entropy,
        emit: Emit,
        settings: DeliverySettings,
    ) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock
        self._entropy = entropy
        self._emit = emit
        self._settings = settings
        self._sending: set[asyncio.Task[None]] = set()

    async def ask(self, subscription: Subscription) -> Subscription:
        """Sends a code to each of its endpoints that needs one and has none that stands, where it may. The code is stored
        first; returned is what is stored then. Sending goes on by itself."""
        counted: list[Provable] = []
        for _ in range(TRIES):
            asked = [
                (one, self._code(one))
                for one in self._askable(subscription)
                if any(same_endpoint(one, known) for known in counted) or await self._count(one)
            ]
            counted += [one for one, _ in asked]
            if not asked:
                return subscription
            now = self._clock.now()
            detail = "A code was sent to the endpoint; until it is read back nothing else is."
            problem = subscription.problem
            if problem is None or problem.code.startswith("endpoint-"):
                problem = StandingProblem("endpoint-unverified", detail, now)
            endpoints = subscription.endpoints.mapped(partial(_asked_of, asked))
            try:
                stored = await self._store.put(replace(subscription, endpoints=endpoints, problem=problem))
            except ConflictError:
                found = await self._store.get(subscription.id)
                if found is None:
                    return subscription
                subscription = found
                continue
            for one, proof in asked:
                self._begin(stored.id, one, proof)
            return stored
        return subscription

    async def resume(self) -> None:
        """At start: codes that may have died with whoever was to send them are sent, as they are."""
        now = self._clock.now()
        for subscription in await self._store.with_unsent_codes(now, SENT_AT_ONCE):
            begun: list[Provable] = []
            for _, endpoint in subscription.endpoints:
                waits, asked = unproven(endpoint, self._settings.demands), asked_of(endpoint)
                if waits is None or asked is None or asked.sent or not asked.stands(now):
                    continue
                if any(same_endpoint(waits, one) for one in begun) or len(self._sending) >= SENT_AT_ONCE:
                    continue
                if await self._count(waits):
                    begun.append(waits)
                    self._begin(subscription.id, waits, asked)

    async def wait_seconds(self, subscription: SubscriptionId, endpoint: Provable) -> float:
        """Something waits for an endpoint that has not been proven: how long until it is worth asking again. An app whose
        code nobody read back is sent the next one."""
        now, proof = self._clock.now(), endpoint.proof
        if isinstance(proof, Asked):
            if proof.stands(now):
                return (proof.until - now).total_seconds()
            anew = proof.until - code_lives(endpoint) + ASKED_ANEW
            if anew > now:
                return (anew - now).total_seconds()
        if endpoint.audience is Audience.APP:
            stored = await self._store.get(subscription)
            if stored is not None:
                await self.ask(stored)
                return code_lives(endpoint).total_seconds()
        return ASKED_ANEW.total_seconds()

    async def stop(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    # which

    def _askable(self, subscription: Subscription) -> Sequence[Provable]:
        found: list[Provable] = []
        now = self._clock.now()
        for _, endpoint in subscription.endpoints:
            waits = unproven(endpoint, self._settings.demands)
            if waits is None or demand_of(waits, self._settings.demands) is not Demand.CODE:
                continue
            if isinstance(waits.proof, Asked) and now < waits.proof.until:
                continue  # one with too many wrong codes has to wait for its end too
            if not any(same_endpoint(waits, one) for one in found):
                found.append(waits)
        return found[: max(0, SENT_AT_ONCE - len(self._sending))]

    async def _count(self, endpoint: Provable) -> bool:
        """One more of this day, if it may have one: in the store, so that a restart opens nothing."""
        url = endpoint.url.reveal().encode("utf-8", "surrogatepass")
        name = self._store.fingerprint(b"codes to endpoint\0" + url)
        return await self._store.spend({name: CODES_A_DAY.get(endpoint.audience, 1)}, day_of(self._clock.now()))

    def _code(self, endpoint: Provable) -> Asked:
        until = self._clock.now() + code_lives(endpoint)
        if endpoint.audience is Audience.PERSON:
            # 64 bits, of which the remainder is as good as even.
            number = int.from_bytes(self._entropy(8), "big") % 10**CODE_DIGITS
            return Asked(Secret(f"{number:0{CODE_DIGITS}}"), until)
        return Asked(Secret(base64.urlsafe_b64encode(self._entropy(CODE_BYTES))), until)

    # sending

    def _begin(self, subscription: SubscriptionId, endpoint: Provable, proof: Asked) -> None:
        task = asyncio.create_task(self._run(subscription, endpoint, proof), name=f"code {subscription}")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _run(self, subscription: SubscriptionId, endpoint: Provable, proof: Asked) -> None:
        """A supervisor: a code that is not sent can be asked for again."""
        try:
            outcome = await self._send(subscription, endpoint, proof)
            if isinstance(outcome, Accepted):
                await self._note(subscription, proof)
            else:
                await self._tell(subscription, endpoint, outcome)
        except StoreError as error:
            self._emit(StoreFailed(str(error)))
        except Exception as error:
            self._emit(SupervisorCaught("codes", where_raised(error)))

    async def _send(self, subscription: SubscriptionId, endpoint: Provable, proof: Asked) -> Outcome:
        """Again and again while the code stands."""
        first = verification(subscription, proof.code.text(), self._clock.now(), proof.until, self._entropy)
        attempts = 0
        while True:
            code = replace(first, attempts=attempts)
            sent = await self._sender.send(code, endpoint, timeout_seconds=self._settings.timeout_seconds)
            if not isinstance(sent.outcome, Retry):
                return sent.outcome
            pause = pause_seconds(attempts, self._entropy, sent.outcome.after_seconds)
            if self._clock.now() + timedelta(seconds=pause) >= proof.until:
                return sent.outcome
            await self._clock.sleep(pause)
            attempts += 1

    async def _note(self, subscription: SubscriptionId, proof: Asked) -> None:
        """It is there: whoever starts next does not send it again."""

        def sent(own: Endpoint) -> Endpoint:
            asked = asked_of(own)
            if not isinstance(own, Provable) or asked is None or asked.code != proof.code:
                return own
            return replace(own, proof=replace(asked, sent=True))

        await store_changed(
            self._store, subscription, lambda stored: replace(stored, endpoints=stored.endpoints.mapped(sent))
        )

    async def _tell(self, subscription: SubscriptionId, endpoint: Provable, outcome: Outcome) -> None:
        """The subscription shows that its code could not be sent, where nothing else is wrong with it."""
        problem = refusal_problem(outcome, self._clock.now())

        def troubled(stored: Subscription) -> Subscription:
            concerns = any(same_endpoint(own, endpoint) for _, own in stored.endpoints)
            untold = stored.problem is None or stored.problem.code == "endpoint-unverified"
            return replace(stored, problem=problem) if concerns and untold else stored

        await store_changed(self._store, subscription, troubled)


def _asked_of(asked: Sequence[tuple[Provable, Asked]], own: Endpoint) -> Endpoint:
    for one, proof in asked:
        if isinstance(own, Provable) and same_endpoint(own, one):
            return replace(own, proof=proof)
    return own
