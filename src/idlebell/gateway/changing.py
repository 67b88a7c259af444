"""What is done to a subscription that is there: PATCH, and new credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from idlebell.gateway.callers import Caller
from idlebell.gateway.credentials import read_auth, retention_fault, to_be_kept
from idlebell.gateway.login_shapes import LoginChallenge
from idlebell.gateway.means import Means
from idlebell.gateway.patching import patched, read_patch_auth
from idlebell.gateway.quotas import Quotas
from idlebell.gateway.reading import Faults
from idlebell.gateway.registration import Accepted, Order
from idlebell.gateway.relaying import Outcome, Relaying
from idlebell.gateway.shapes import (
    WAIT_SECONDS_MAX,
    Auth,
    CredentialsRequest,
    Registration,
    SignInAuth,
    SubscriptionView,
)
from idlebell.gateway.signing_in import redeemed_auth
from idlebell.gateway.trusting import MEMBER, exchange
from idlebell.gateway.wish import check_wait
from idlebell.model.account import Credentials, RelayedCredentials
from idlebell.model.endpoint import Endpoints
from idlebell.model.problem import Fault, Problem, ProblemError
from idlebell.model.subscription import Phase, Subscription, has_shown_right


class Changes:
    def __init__(self, means: Means, relaying: Relaying, quotas: Quotas) -> None:
        self._means = means
        self._relaying = relaying
        self._quotas = quotas

    async def change(self, subscription: str, patch: Mapping[str, Any], caller: Caller) -> SubscriptionView:
        means = self._means
        if patch.get("auth") is not None:
            caller.needs_secrecy()
        before = await means.visible(subscription, caller)
        _check_living(before)
        credentials = read_patch_auth(patch, means.policy)
        try:
            wanted = patched(before, patch, means.policy, means.clock.now())
            _check_retention(before, credentials, "/auth")
            async with self._quotas.claimed(before, wanted.endpoints):  # before anybody is asked whether they are his
                endpoints = await self._checked_endpoints(before, wanted, caller)
            if credentials is None and before.phase is Phase.ACTIVE and not means.covers(before, wanted):
                raise ProblemError(Problem("credentials-needed", "No open session covers a mailbox that was added."))
            if MEMBER in patch:
                await exchange(means.store, means.keyring, before, patch, means.policy)
            if credentials is not None:
                return await self._change_with(before, patch, endpoints, credentials, caller)
        except BaseException:
            if credentials is not None:
                credentials.wipe()
            raise
        async with self._quotas.claimed(before, endpoints):
            stored = await means.update(before.id, lambda now: self._patched(now, patch, endpoints))
        if stored.phase is Phase.ACTIVE:
            stored = await means.dispatcher.ask_codes(stored)
        means.nudge(stored.account_id)
        means.dispatcher.nudge()
        means.tell(stored, "changed")
        return await means.view(stored)

    async def resupply(
        self, subscription: str, request: CredentialsRequest, caller: Caller
    ) -> Registration | LoginChallenge:
        means = self._means
        caller.needs_secrecy()
        before = await means.visible(subscription, caller)
        _check_living(before)
        if before.source is not None:
            detail = "A mail server reports its mail: it takes no credentials. Register with imap to have it watched."
            raise ProblemError(Problem("conflict", detail))
        faults = Faults()
        check_wait(faults, request.wait_seconds)
        faults.raise_any()  # before a sign-in is redeemed, which can be done once
        auth = await self._redeemed(before, request.auth)
        account = await means.store.account_by_id(before.account_id)
        username = "" if account is None else account.username
        credentials = read_auth(faults, auth, "/auth", means.policy, username=username)
        faults.raise_any()
        if isinstance(credentials, RelayedCredentials):
            self._relaying.admit(caller)
        _check_retention(before, credentials, "/auth")

        async def resupplied(stored: Subscription | None, endpoints: Endpoints, order: Order) -> Subscription:
            return _proven(_there(stored), caller)

        return await self._proof(before, before, credentials, resupplied, caller, request.wait_seconds)

    async def _redeemed(self, before: Subscription, auth: Auth) -> Auth:
        if not isinstance(auth, SignInAuth):
            return auth
        account = await self._means.store.account_by_id(before.account_id)
        if account is None:
            raise ProblemError(Problem("not-found", "The subscription was ended meanwhile."))
        return await redeemed_auth(self._means, auth, account.target.host, account.username, before.retention)

    async def _change_with(
        self,
        before: Subscription,
        patch: Mapping[str, Any],
        endpoints: Endpoints,
        credentials: Credentials,
        caller: Caller,
    ) -> SubscriptionView:
        rest = {name: value for name, value in patch.items() if name != "auth"}

        async def changed(stored: Subscription | None, _: Endpoints, order: Order) -> Subscription:
            return _proven(await self._patched(_there(stored), rest, endpoints), caller)

        wanted = patched(before, rest, self._means.policy, self._means.clock.now())
        found = await self._proof(
            before, replace(wanted, endpoints=endpoints), credentials, changed, caller, float(WAIT_SECONDS_MAX)
        )
        assert isinstance(found, Registration)  # read_patch_auth lets no challenge in
        return found.view

    async def _proof(
        self,
        before: Subscription,
        wanted: Subscription,
        credentials: Credentials,
        apply: Any,
        caller: Caller,
        wait_seconds: float,
    ) -> Registration | LoginChallenge:
        means = self._means
        began = means.clock.monotonic()
        account = await means.store.account_by_id(before.account_id)
        if account is None:
            credentials.wipe()
            raise ProblemError(Problem("not-found", "The subscription was ended meanwhile."))
        order = Order(
            before.id,
            before.key_digest,
            account,
            to_be_kept(credentials, before.retention),
            before.retention,
            wanted.mailboxes,
            wanted.endpoints,
            apply,
            caller.asker(before),
        )
        try:
            claim = await self._quotas.claim(before, wanted.endpoints)
        except BaseException:
            credentials.wipe()
            raise
        try:
            attempt = means.registrar.start(order)
        except BaseException:
            claim.end()
            raise
        attempt.task.add_done_callback(lambda _: claim.end())

        async def answer(outcome: Outcome | None, began: float, wait_seconds: float) -> Registration:
            if outcome is None:
                view = await means.view(await means.store.get(before.id) or before)
                return Registration(status=202, view=view, token=None)
            if isinstance(outcome, ProblemError):
                raise outcome
            if isinstance(outcome, Fault):
                await means.refuse(outcome, began, wait_seconds)
            status, view = await self._watched(outcome, wait_seconds - (means.clock.monotonic() - began))
            return Registration(status=status, view=view, token=None)

        return await self._relaying.outcome(attempt, credentials, caller, began, wait_seconds, answer)

    async def _watched(self, outcome: Accepted, seconds: float) -> tuple[int, SubscriptionView]:
        """The credentials are good, whatever becomes of a mailbox: that is shown as ``problem``."""
        means = self._means
        means.tell(outcome.subscription, "resupplied")
        found = await means.first_verdict(outcome.subscription, seconds)
        stored = await means.store.get(outcome.subscription.id) or outcome.subscription
        return 202 if found is False else 200, await means.view(stored)

    async def _checked_endpoints(self, before: Subscription, wanted: Subscription, caller: Caller) -> Endpoints:
        means = self._means
        endpoints = await means.keyed(wanted.endpoints, before.endpoints)
        if endpoints == before.endpoints:
            return endpoints
        await means.reach.check(endpoints, vapid_subject=means.policy.vapid_subject)
        return await means.verified(before.id, endpoints, caller)

    async def _patched(self, stored: Subscription, patch: Mapping[str, Any], endpoints: Endpoints) -> Subscription:
        """``stored`` with the patch, and what follows from it: its key, and where its mailboxes begin."""
        means = self._means
        _check_living(stored)
        found = patched(stored, patch, means.policy, means.clock.now())
        if ("endpoints" in patch or MEMBER in patch) and endpoints.new_mail is not None:
            account = await means.store.account_by_id(stored.account_id)
            if account is None:
                raise ProblemError(Problem("not-found", "The subscription was ended meanwhile."))
            key = means.key(stored.owner, account.target, account.username, endpoints.new_mail)
            found = replace(found, endpoints=endpoints, key_digest=key)
        if stored.phase is not Phase.ACTIVE:
            return found
        if stored.paused and not found.paused:
            # What came during the pause is not announced after it.
            fresh = {floor.mailbox: floor for floor in await means.floors(replace(found, floors=()))}
            known = {floor.mailbox: floor for floor in found.floors}
            found = replace(found, floors=tuple((known | fresh).values()))
        return replace(found, floors=await means.floors(found))


def _check_living(subscription: Subscription) -> None:
    if subscription.phase.over:
        raise ProblemError(Problem("conflict", "The subscription is over; registering again revives it."))


def _check_retention(subscription: Subscription, credentials: Credentials | None, at: str) -> None:
    fault = retention_fault(credentials, subscription.retention)
    if fault is not None:
        faults = Faults()
        faults.add(at, f"does not fit this subscription, whose retention {fault}")
        faults.raise_any()


def _there(stored: Subscription | None) -> Subscription:
    if stored is None:
        raise ProblemError(Problem("not-found", "The subscription was ended meanwhile."))
    return stored


def _proven(subscription: Subscription, caller: Caller) -> Subscription:
    """A login has shown the right. Where it is the first one, only the token that came with it goes on: others may be
    anybody's who knew the key."""
    tokens = subscription.token_hashes
    if not has_shown_right(subscription) and caller.api_key is None:
        tokens = tuple(one for one in tokens if one == caller.token_hash)
    return replace(subscription, phase=Phase.ACTIVE, loss=None, problem=None, token_hashes=tokens)
