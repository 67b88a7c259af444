"""What the verbs work with; one for all of them, and the few steps that they share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn

import msgspec

from idlebell.deliver.allowance import is_limited
from idlebell.deliver.dispatcher import Dispatcher
from idlebell.gateway.application_server import keyed
from idlebell.gateway.callers import Caller
from idlebell.gateway.discovery import DISCOVERY_SECONDS, Discover, Found, choose
from idlebell.gateway.keys import key_material
from idlebell.gateway.policy import Policy
from idlebell.gateway.reach import Reach
from idlebell.gateway.registration import CONFLICTS, Registrar, present_floors
from idlebell.gateway.shapes import AllowanceView, ProblemView, SubscriptionView
from idlebell.gateway.standing import verdict, view
from idlebell.gateway.trusting import certificate_view, trust_view
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.sign_ins import SignIns
from idlebell.model.account import ImapTarget
from idlebell.model.endpoint import Endpoint, Endpoints
from idlebell.model.ids import AccountId, ApiKeyId, SubscriptionId
from idlebell.model.problem import Fault, Problem, ProblemError
from idlebell.model.subscription import Floor, Subscription, has_shown_right
from idlebell.net.clock import Clock
from idlebell.net.session_inbox import SessionInbox
from idlebell.store.contract import ConflictError, Store
from idlebell.telemetry.facts import Emit, SubscriptionChanged
from idlebell.telemetry.status import AccountStatus, Status, Watch

UNREACHABLE_FLOOR_SECONDS: Final = 2.0
"""A refused connection, a name that does not exist and an address that is not allowed are answered at the same time."""


@dataclass(frozen=True, slots=True)
class Means:
    store: Store
    door: Door
    keyring: Keyring
    sessions: SessionInbox
    status: Status
    nudge: Callable[[AccountId], None]
    dispatcher: Dispatcher
    policy: Policy
    clock: Clock
    entropy: Callable[[int], bytes]
    emit: Emit
    reach: Reach
    registrar: Registrar
    discover: Discover
    sign_ins: SignIns

    def key(self, owner: ApiKeyId | None, target: ImapTarget, username: str, new_mail: Endpoint) -> bytes:
        return self.store.fingerprint(key_material(owner, target, username, new_mail))

    async def view(self, subscription: Subscription) -> SubscriptionView:
        activity = await self.store.activity(subscription.id)
        shown = view(subscription, self.status.of(subscription.account_id), activity, self.policy.demands)
        shown = await (
            self._with_trust(shown, subscription)
            if subscription.source is None
            else self._reported(shown, subscription)
        )
        endpoint = next((one for one in subscription.endpoints.bells if is_limited(one)), None)
        if endpoint is None:
            return shown
        spent = await self.dispatcher.spent(endpoint)
        allowance = AllowanceView(max_per_day=self.policy.max_per_day, today=spent)
        return msgspec.structs.replace(shown, allowance=allowance)

    async def _with_trust(self, shown: SubscriptionView, subscription: Subscription) -> SubscriptionView:
        account = await self.store.account_by_id(subscription.account_id)
        if account is None or not has_shown_right(subscription):
            return shown
        trust = account.target.trust
        certificate = certificate_view(trust, self.door.certificates.of(account.target), self.clock.now())
        return msgspec.structs.replace(shown, tls_pin_sha256=trust_view(trust), certificate=certificate)

    async def _reported(self, shown: SubscriptionView, subscription: Subscription) -> SubscriptionView:
        """With what its mail server's reports have come to."""
        found = [(one, await self.store.cursor(subscription.account_id, one.name)) for one in shown.mailboxes]
        mailboxes = tuple(
            one
            if cursor is None
            else msgspec.structs.replace(one, uid_validity=cursor.uid_validity, uid_next=cursor.uid_next)
            for one, cursor in found
        )
        shown = msgspec.structs.replace(shown, mailboxes=mailboxes)
        if subscription.source in self.policy.sources or shown.state != "watching":
            return shown
        unknown = Problem("source-unknown", "The mail server that it names does not report here any more.")
        problem = ProblemView(type=unknown.type, detail=unknown.detail, since=self.clock.now())
        return msgspec.structs.replace(shown, state="reconnecting", mode=None, problem=problem)

    async def visible(self, subscription: str, caller: Caller) -> Subscription:
        """ProblemError: ``unauthorized`` without a token; the same ``not-found`` for what is not there and what is not the
        caller's, after the same comparisons."""
        if caller.api_key is None and caller.token_hash is None:
            raise ProblemError(Problem("unauthorized", "This needs the subscription's token or an API key."))
        found = await self.store.get(SubscriptionId(subscription))
        if not caller.sees(found):
            raise ProblemError(Problem("not-found", "There is no such subscription for this token."))
        assert found is not None
        return found

    async def update(
        self, subscription: SubscriptionId, change: Callable[[Subscription], Awaitable[Subscription]]
    ) -> Subscription:
        """Stores what ``change`` makes of it, reading again where somebody else was faster. ProblemError ``conflict`` where
        another subscription has the key that it would get."""
        async with self.registrar.turns.of(subscription):
            for _ in range(CONFLICTS):
                stored = await self.store.get(subscription)
                if stored is None:
                    raise ProblemError(Problem("not-found", "The subscription was ended meanwhile."))
                wanted = await change(stored)
                try:
                    return await self.store.put(wanted)
                except ConflictError:
                    other = await self.store.by_key(wanted.key_digest)
                    if other is not None and other.id != subscription:
                        raise ProblemError(
                            Problem("conflict", "Another subscription has this account and new_mail endpoint.")
                        ) from None
            raise ProblemError(Problem("overloaded", "The subscription is being changed by too many at once."))

    def covers(self, before: Subscription, wanted: Subscription) -> bool:
        """Can the mailboxes that ``wanted`` adds be watched without new credentials? Over any session of the account they
        can: what has none of its own is polled by STATUS."""
        added = bool(set(wanted.mailboxes) - set(before.mailboxes))
        found = wanted.selection is not None and wanted.selection != before.selection
        if before.source is not None or (not added and not found):
            return True
        account = before.account_id
        # Whatever is said of a mailbox is said by a session, or by who is opening one.
        on_its_way = self.sessions.expects(account) or self.sessions.offers(account)
        return self.status.of(account) is not None or on_its_way or self.keyring.holds(account)

    async def floors(self, subscription: Subscription) -> tuple[Floor, ...]:
        return await present_floors(self.store, self.status, subscription)

    async def keyed(self, endpoints: Endpoints, known: Endpoints | None) -> Endpoints:
        """See :func:`idlebell.gateway.application_server.keyed`."""
        return await keyed(endpoints, known, self.store, self.entropy)

    async def verified(self, subscription: SubscriptionId, endpoints: Endpoints, caller: Caller) -> Endpoints:
        """ProblemError ``endpoint-unverified``: a webhook has not answered its challenge."""
        found = await self.registrar.verified(subscription, endpoints, caller.source)
        if isinstance(found, Fault):
            raise ProblemError(found.problem())
        return found

    async def first_verdict(self, subscription: Subscription, seconds: float) -> Fault | bool:
        """What came of watching its mailboxes, waited for up to ``seconds``; False: still open. Which they are may be found
        meanwhile."""
        ends = self.clock.monotonic() + seconds
        while True:
            subscription = await self.store.get(subscription.id) or subscription
            seen = _watches(self.status.of(subscription.account_id))
            found = verdict(subscription, self.status.of(subscription.account_id))
            left = ends - self.clock.monotonic()
            if found is not False or left <= 0:
                return found
            account = subscription.account_id
            await self.status.wait_for(account, partial(_differs, seen), left)

    async def forget(self, subscription: Subscription) -> None:
        """Ends it for good: nothing of it is kept. StoreError: it goes on, with its credentials."""
        self.registrar.cancel(subscription.id)
        await self.store.remove(subscription.id)
        self.keyring.drop(subscription.id)
        self.nudge(subscription.account_id)

    async def refuse(self, fault: Fault, began: float, wait_seconds: float) -> NoReturn:
        """The answer 422. ``unreachable`` comes after a floor, or when the caller's patience ends; so does what tells of the
        token endpoint that an app has named."""
        if fault.code in ("unreachable", "token-unavailable"):
            await self.floor(began, wait_seconds)
        raise ProblemError(fault.problem())

    async def discovered(self, address: str, began: float, wait_seconds: float) -> ImapTarget:
        """Where the credentials of ``address`` may go. ProblemError ``host-unconfirmed``, after the same floor: how a search
        failed is nobody's business."""
        found = await self.search(address)
        try:
            return choose(found)
        except ProblemError:
            await self.floor(began, wait_seconds)
            raise

    async def search(self, address: str) -> Sequence[Found]:
        """The servers of ``address``, the best first; none where none was found in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCOVERY_SECONDS):
                return await self.discover(address)
        return ()

    async def floor(self, began: float, wait_seconds: float) -> None:
        passed = self.clock.monotonic() - began
        await self.clock.sleep(min(UNREACHABLE_FLOOR_SECONDS, wait_seconds) - passed)

    def tell(self, subscription: Subscription, change: str) -> None:
        self.emit(SubscriptionChanged(subscription.id, subscription.account_id, change))


def _differs(seen: dict[str, Watch], status: AccountStatus | None) -> bool:
    return _watches(status) != seen


def _watches(status: AccountStatus | None) -> dict[str, Watch]:
    return {} if status is None else {one.mailbox: one.watch for one in status}
