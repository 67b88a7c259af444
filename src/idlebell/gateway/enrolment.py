"""POST: a registration, its repetition, and what both come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from idlebell.gateway.applying import USED_UP, Apply, check_account_limit, check_together, heartbeat_seconds_of, merged
from idlebell.gateway.callers import Caller
from idlebell.gateway.credentials import copied, to_be_kept
from idlebell.gateway.endpoints import with_proofs
from idlebell.gateway.joining import Joining
from idlebell.gateway.limits import RateLimit
from idlebell.gateway.login_shapes import LoginChallenge
from idlebell.gateway.means import Means
from idlebell.gateway.quotas import NO_CLAIM, Quotas
from idlebell.gateway.registration import CONFLICTS, Accepted, Attempt, Order
from idlebell.gateway.relaying import Outcome, Relaying
from idlebell.gateway.shapes import Registration, SubscriptionRequest
from idlebell.gateway.signing_in import redeemed_request
from idlebell.gateway.standing import unproven_view
from idlebell.gateway.wish import DEFAULT_MAILBOXES, TO_DISCOVER, Wish, read_wish, with_mailboxes
from idlebell.model.account import Account, Credentials, RelayedCredentials, Retention
from idlebell.model.ids import (
    ID_ENTROPY_BYTES,
    TOKEN_ENTROPY_BYTES,
    ApiKeyId,
    SubscriptionId,
    subscription_id,
    subscription_token,
    token_hash,
)
from idlebell.model.invitation import Invitation
from idlebell.model.preferences import NO_PREFERENCES
from idlebell.model.problem import Fault, FieldError, Problem, ProblemError
from idlebell.model.subscription import LEASE_SECONDS_DEFAULT, MAX_TOKENS, Payload, Phase, Subscription, has_shown_right
from idlebell.model.trust import identity
from idlebell.store.contract import ConflictError


class Enrolment:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._limit = RateLimit(means.policy.registrations_per_minute, "registrations")
        self.joining: Final = Joining(means, self)
        self.relaying: Final = Relaying(means)
        self.quotas = Quotas(means.store, means.policy, means.registrar)

    async def subscribe(self, request: SubscriptionRequest, caller: Caller) -> Registration | LoginChallenge:
        means = self._means
        caller.needs_secrecy()
        if request.link is not None:
            self.count(caller)
            return await self.joining.join(request, caller)
        if caller.token_hash is None and caller.invitation is None:
            self.admit(caller)
        else:
            self.count(caller)
        wish = read_wish(await redeemed_request(means, request), means.policy)
        try:
            return await self._subscribe(wish, caller)
        finally:
            # An attempt has a copy of its own.
            if wish.credentials is not None:
                wish.credentials.wipe()

    async def _subscribe(self, wish: Wish, caller: Caller) -> Registration | LoginChallenge:
        means = self._means
        began = means.clock.monotonic()
        await means.reach.check(wish.endpoints, vapid_subject=means.policy.vapid_subject)
        if wish.target == TO_DISCOVER:
            wish = replace(wish, target=await means.discovered(wish.username, began, wish.wait_seconds))
        owner, existing = await self._find(wish, caller)
        endpoints = await means.keyed(wish.endpoints, None if existing is None else existing.endpoints)
        wish = replace(wish, endpoints=endpoints)
        held = caller.holds_token_of(existing)
        if existing is not None and held and has_shown_right(existing) and self._token_is_enough(existing, wish):
            async with self.quotas.claimed(existing, endpoints):
                return await self._renew(existing, wish, caller)
        if not (held or self._may_register(caller, existing)):
            raise _key_needed(caller)
        if wish.credentials is None:
            missing = FieldError("/imap/auth", "is missing")
            raise ProblemError(Problem("invalid-request", "One member is not valid.", errors=(missing,)))
        if isinstance(wish.credentials, RelayedCredentials):
            self.relaying.admit(caller)
        return await self._prove(wish, wish.credentials, caller, owner, began)

    async def find(self, wish: Wish, caller: Caller) -> Subscription | None:
        return (await self._find(wish, caller))[1]

    async def _find(self, wish: Wish, caller: Caller) -> tuple[ApiKeyId | None, Subscription | None]:
        """Whose key the registration has, and the subscription that has it. One's own token finds the subscription also
        where an API key made it."""
        means = self._means
        assert wish.endpoints.new_mail is not None
        owner = caller.api_key.id if caller.api_key is not None else None
        existing = await means.store.by_key(means.key(owner, wish.target, wish.username, wish.endpoints.new_mail))
        if existing is not None or caller.token_hash is None:
            return owner, existing
        account = await means.store.account_by_key(wish.target, wish.username)
        for one in await means.store.of_account(account.id) if account is not None else ():
            key = means.key(one.owner, wish.target, wish.username, wish.endpoints.new_mail)
            if caller.holds_token_of(one) and one.key_digest == key:
                return one.owner, one
        return owner, None

    # proven by a token

    def _token_is_enough(self, existing: Subscription, wish: Wish) -> bool:
        """A login is saved where nothing would come of it: everything is watched, and no credentials are to be kept."""
        if wish.credentials is None:
            return existing.source is None  # else it asks for a session, which takes a login
        status = self._means.status.of(existing.account_id)
        watched = status.watching() if status is not None else frozenset()
        keeps = (wish.retention or existing.retention) is not Retention.SESSION
        return (
            not keeps and existing.loss is None and set(with_mailboxes(existing, wish.mailboxes).mailboxes) <= watched
        )

    async def _renew(self, existing: Subscription, wish: Wish, caller: Caller) -> Registration:
        means = self._means
        check_together(existing, wish, means.policy.allow_plaintext)
        if not means.covers(existing, with_mailboxes(existing, wish.mailboxes)):
            raise ProblemError(Problem("credentials-needed", "No open session covers a mailbox that was added."))
        if existing.phase.over:
            await self.check_account_limit(existing)
        endpoints = await means.verified(existing.id, with_proofs(wish.endpoints, existing.endpoints), caller)

        async def renewed(stored: Subscription) -> Subscription:
            found = merged(stored, wish, endpoints, means.clock.now())
            return replace(found, floors=await means.floors(found))

        stored = await means.dispatcher.ask_codes(await means.update(existing.id, renewed))
        if stored.retention is Retention.SESSION:
            means.keyring.drop(stored.id)
        elif stored.retention is not existing.retention:
            vaulted = stored.retention is Retention.VAULT
            means.keyring.retain(stored.id, await means.store.account_by_id(stored.account_id) if vaulted else None)
            await means.keyring.settled(stored.id)
        means.nudge(stored.account_id)
        means.tell(stored, "renewed")
        return Registration(status=200, view=await means.view(stored), token=None)

    # proven by a login

    async def _prove(
        self, wish: Wish, credentials: Credentials, caller: Caller, owner: ApiKeyId | None, began: float
    ) -> Registration | LoginChallenge:
        means = self._means
        assert wish.endpoints.new_mail is not None
        key = means.key(owner, wish.target, wish.username, wish.endpoints.new_mail)
        token = subscription_token(means.entropy(TOKEN_ENTROPY_BYTES))
        async with means.registrar.turns.of(key):
            known = await means.store.by_key(key)
            check_together(known, wish, means.policy.allow_plaintext)
            attempt = means.registrar.find(key, wish, credentials) if known is not None else None
            ours = known is None or attempt is not None
            if attempt is not None and known is not None:
                attempt.order.token_hashes.insert(0, token_hash(token))
                if known.phase is Phase.PENDING:
                    known = await self._with_token(known, token)
            else:
                attempt, known = await self._begin(wish, credentials, known, caller, owner, key, token)
        credentials.wipe()
        begun, shown = known, ours or caller.sees(known)

        async def answer(outcome: Outcome | None, began: float, wait_seconds: float) -> Registration:
            waited = replace(wish, wait_seconds=wait_seconds)
            if outcome is not None:
                return await self._answer(outcome, waited, began, token)
            known = await means.store.get(begun.id) or begun
            asked = with_mailboxes(replace(known, mailboxes=DEFAULT_MAILBOXES), wish.mailboxes).mailboxes
            view = await means.view(known) if shown else unproven_view(known, asked, means.clock.now())
            return Registration(status=202, view=view, token=token)

        return await self.relaying.outcome(attempt, credentials, caller, began, wish.wait_seconds, answer)

    async def _begin(
        self,
        wish: Wish,
        credentials: Credentials,
        known: Subscription | None,
        caller: Caller,
        owner: ApiKeyId | None,
        key: bytes,
        token: str,
    ) -> tuple[Attempt, Subscription]:
        means = self._means
        created = known is None
        if known is None:
            async with self.quotas.room(owner, wish.endpoints):
                account, known = await self._stored(wish, owner, key, token)
            claim = NO_CLAIM
            means.tell(known, "created")
        else:
            account = await self._account_of(known, wish)
            claim = await self.quotas.claim(known, wish.endpoints)
        retention = wish.retention or known.retention
        try:
            order = Order(
                known.id,
                key,
                # Host and port are those of the account; how TLS is made is the caller's to say.
                Account(account.id, replace(wish.target, trust=account.target.trust), wish.username),
                to_be_kept(copied(credentials), retention),
                retention,
                with_mailboxes(known, wish.mailboxes).mailboxes,
                with_proofs(wish.endpoints, known.endpoints),
                Apply(means, wish, known, self._spends(caller)),
                caller.asker(known),
                wish=wish,
                token_hashes=[token_hash(token)],
            )
            attempt = means.registrar.start(order, created=created)
            attempt.task.add_done_callback(lambda _: claim.end())
            return attempt, known
        except BaseException:
            claim.end()
            if created:
                await means.store.remove(known.id)
            raise

    async def _account_of(self, known: Subscription, wish: Wish) -> Account:
        """Its own, or the one under another trust that is wished for."""
        found = await self._means.store.account_by_id(known.account_id)
        same = found is not None and identity(found.target.trust) == identity(wish.target.trust)
        return found if found and same else await self._means.store.account(wish.target, wish.username)

    async def _stored(self, wish: Wish, owner: ApiKeyId | None, key: bytes, token: str) -> tuple[Account, Subscription]:
        means = self._means
        for _ in range(CONFLICTS):
            account = await means.store.account(wish.target, wish.username)
            try:
                return account, await means.store.put(self.pending(account, wish, owner, key, token_hash(token)))
            except ConflictError:
                continue  # its account went with the last of its other subscriptions
        raise ProblemError(Problem("conflict", "The subscription is being changed by too many at once."))

    async def _answer(
        self, outcome: Accepted | Fault | ProblemError, wish: Wish, began: float, token: str
    ) -> Registration:
        means = self._means
        if isinstance(outcome, ProblemError):
            raise outcome
        if isinstance(outcome, Fault):
            await means.refuse(outcome, began, wish.wait_seconds)
        stored = await self._with_token(outcome.subscription, token)
        left = wish.wait_seconds - (means.clock.monotonic() - began)
        found = await means.first_verdict(stored, left)
        if isinstance(found, Fault):
            await self._undo(stored, outcome.previous)
            await means.refuse(found, began, wish.wait_seconds)
        new = outcome.previous is None
        means.tell(stored, "renewed" if not new else "changed")
        stored = await means.store.get(stored.id) or stored
        status = 200 if not new else 201 if found is True else 202
        return Registration(status=status, view=await means.view(stored), token=token)

    async def _undo(self, stored: Subscription, previous: Subscription | None) -> None:
        """A mailbox cannot be watched: of a new subscription nothing is kept, another one is again what it was."""
        means = self._means
        if previous is None:
            await means.forget(stored)
            return
        kept = previous

        async def restored(now: Subscription) -> Subscription:
            return replace(
                now,
                mailboxes=kept.mailboxes,
                selection=kept.selection,
                resolved=kept.resolved,
                also=kept.also,
                heartbeat_seconds=kept.heartbeat_seconds,
                preferences=kept.preferences,
                endpoints=kept.endpoints,
                payload=kept.payload,
                lease_seconds=kept.lease_seconds,
                expires_at=kept.expires_at,
                expiring_sent=kept.expiring_sent,
                floors=kept.floors,
            )

        await means.update(stored.id, restored)
        means.nudge(stored.account_id)

    # values

    def pending(self, account: Account, wish: Wish, owner: ApiKeyId | None, key: bytes, *tokens: bytes) -> Subscription:
        now = self._means.clock.now()
        lease = wish.lease_seconds or LEASE_SECONDS_DEFAULT
        made = Subscription(
            id=subscription_id(self._means.entropy(ID_ENTROPY_BYTES)),
            account_id=account.id,
            key_digest=key,
            owner=owner,
            mailboxes=DEFAULT_MAILBOXES,
            endpoints=wish.endpoints,
            payload=wish.payload or Payload.ALERT,
            retention=wish.retention or Retention.SESSION,
            lease_seconds=lease,
            created_at=now,
            expires_at=now + timedelta(seconds=lease),
            phase=Phase.PENDING,
            token_hashes=tokens,
            also=wish.also or frozenset(),
            heartbeat_seconds=heartbeat_seconds_of(None, wish),
            preferences=replace(NO_PREFERENCES, **wish.preferences),
        )
        return with_mailboxes(made, wish.mailboxes)

    async def _with_token(self, subscription: Subscription, token: str) -> Subscription:
        """Its newest token, unless it has it already."""
        digest = token_hash(token)

        async def known(stored: Subscription) -> Subscription:
            return replace(stored, token_hashes=(digest, *stored.token_hashes)[:MAX_TOKENS])

        if digest in subscription.token_hashes:
            return subscription
        return await self._means.update(subscription.id, known)

    def count(self, caller: Caller) -> None:
        quota = self._limit.take(caller.address, self._means.clock.monotonic())
        if quota is None:
            return
        caller.counted.append(quota)
        if quota.spent:
            detail = "Too many registrations from this address."
            raise ProblemError(Problem("too-many-requests", detail, retry_after_seconds=quota.more_in_seconds))

    def admit(self, caller: Caller) -> None:
        """ProblemError: whoever this is may not register, or not so often."""
        if not self._may_register(caller, None):
            raise _key_needed(caller)
        if caller.api_key is None:
            self.count(caller)

    def _may_register(self, caller: Caller, existing: Subscription | None) -> bool:
        """What an invitation brought may be repeated under it, used up or not."""
        if caller.api_key is not None or self._means.policy.registration_open:
            return True
        invitation = caller.invitation
        if invitation is None:
            return False
        return not invitation.used_up or (existing is not None and existing.invitation == invitation.id)

    def _spends(self, caller: Caller) -> Invitation | None:
        """What a new subscription of this caller takes a use of."""
        return None if self._means.policy.registration_open else caller.invitation

    def joined(self, base: Subscription, wish: Wish) -> Subscription:
        """``base`` with what is wished, proven. ProblemError where both together cannot be."""
        means = self._means
        check_together(base, wish, means.policy.allow_plaintext)
        return merged(base, wish, wish.endpoints, means.clock.now())

    async def check_account_limit(self, base: Subscription, instead_of: SubscriptionId | None = None) -> None:
        await check_account_limit(self._means, base, instead_of)


def _key_needed(caller: Caller) -> ProblemError:
    detail = "Registering here needs an API key or an invitation." if caller.invitation is None else USED_UP
    return ProblemError(Problem("unauthorized", detail))
