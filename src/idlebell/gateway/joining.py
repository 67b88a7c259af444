"""A second device without the password: a link of one use, made by a subscription, lets another one onto its account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from idlebell.gateway.callers import Caller
from idlebell.gateway.endpoints import payload_fault, with_proofs
from idlebell.gateway.means import Means
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import ImapShape, LinkView, Registration, SubscriptionRequest
from idlebell.gateway.wish import Wish, read_wish
from idlebell.model.account import Account, Retention
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import (
    ID_ENTROPY_BYTES,
    TOKEN_ENTROPY_BYTES,
    link_token,
    subscription_id,
    subscription_token,
    token_hash,
)
from idlebell.model.invitation import LINK_LIVES, LINKS_OPEN_MAX, DeviceLink
from idlebell.model.problem import Fault, Problem, ProblemError
from idlebell.model.subscription import LEASE_SECONDS_DEFAULT, MAX_TOKENS, Payload, Phase, Subscription, has_shown_right
from idlebell.store.contract import ConflictError

if TYPE_CHECKING:
    from idlebell.gateway.enrolment import Enrolment

_LEAST: Final = 16
"""Characters; what is shorter is no link of ours and is not looked up."""


class Joining:
    def __init__(self, means: Means, enrolment: Enrolment) -> None:
        self._means = means
        self._enrolment = enrolment

    async def make_link(self, subscription: str, caller: Caller) -> LinkView:
        """ProblemError: ``conflict`` for one that is over or has not shown its right, ``credentials-needed`` where its account
        is not being watched, ``too-many-requests`` where as many links are open as may be."""
        means = self._means
        caller.needs_secrecy()
        found = await means.visible(subscription, caller)
        _check_source(found)
        token = link_token(means.entropy(TOKEN_ENTROPY_BYTES))
        now = means.clock.now()
        link = DeviceLink(token_hash(token), found.id, now + LINK_LIVES)
        if not await means.store.put_link(link, now):
            detail = f"{LINKS_OPEN_MAX} links of this subscription are open, as many as may be."
            seconds = int(LINK_LIVES.total_seconds())
            raise ProblemError(Problem("too-many-requests", detail, retry_after_seconds=seconds))
        return LinkView(link_token=token, expires_at=link.expires_at)

    async def join(self, request: SubscriptionRequest, caller: Caller) -> Registration:
        """The link is taken when nothing but the store can fail any more: a mistake in the request costs no link."""
        means = self._means
        began = means.clock.monotonic()
        digest = _digest(request)
        source = await self._source(digest)
        account = await means.store.account_by_id(source.account_id)
        if account is None:
            raise _not_valid()
        wish = _wish(request, account, means)
        assert wish.endpoints.new_mail is not None
        await means.reach.check(wish.endpoints, vapid_subject=means.policy.vapid_subject)
        key = means.key(source.owner, account.target, account.username, wish.endpoints.new_mail)
        token = subscription_token(means.entropy(TOKEN_ENTROPY_BYTES))
        async with means.registrar.turns.of(key):
            known = await means.store.by_key(key)
            keyed = await means.keyed(wish.endpoints, None if known is None else known.endpoints)
            wish = replace(wish, endpoints=keyed)
            base = self._copied(source, key, wish.endpoints) if known is None else known
            wanted = self._enrolment.joined(base, wish)
            if not means.covers(source, wanted):
                raise ProblemError(Problem("credentials-needed", "No open session covers a mailbox that was added."))
            if known is None or not has_shown_right(known) or known.phase.over:
                await self._enrolment.check_account_limit(base)
            endpoints = await means.verified(base.id, with_proofs(wish.endpoints, base.endpoints), caller)
            if known is None:
                async with self._enrolment.quotas.room(source.owner, endpoints):
                    await self._source(digest, take=True)
                    stored = await self._stored(wanted, endpoints, known, token_hash(token))
            else:
                async with self._enrolment.quotas.claimed(known, endpoints):
                    await self._source(digest, take=True)
                    stored = await self._stored(wanted, endpoints, known, token_hash(token))
        stored = await means.dispatcher.ask_codes(stored)
        means.nudge(stored.account_id)
        means.tell(stored, "created" if known is None else "renewed")
        return await self._answer(stored, known, token, wish.wait_seconds - (means.clock.monotonic() - began))

    async def _source(self, digest: bytes, *, take: bool = False) -> Subscription:
        """Whose link it is. The same ProblemError for one that never was, was used, is over, or whose subscription is gone."""
        means = self._means
        now = means.clock.now()
        link = await (means.store.take_link(digest, now) if take else means.store.link(digest, now))
        found = None if link is None else await means.store.get(link.subscription)
        if found is None or found.phase.over:
            raise _not_valid()
        _check_source(found)
        return found

    async def _stored(
        self, wanted: Subscription, endpoints: Endpoints, known: Subscription | None, digest: bytes
    ) -> Subscription:
        # Tokens of one that never showed its right may be anybody's who knew the key: they end here.
        older = wanted.token_hashes if known is not None and has_shown_right(known) else ()
        # Credentials that one which was there before has kept go on to serve; none come with the link.
        held = known is not None and self._means.keyring.holds_of(known.id)
        joined = replace(
            wanted,
            endpoints=endpoints,
            retention=wanted.retention if held else Retention.SESSION,
            loss=None,
            problem=None,
            token_hashes=(digest, *older)[:MAX_TOKENS],
        )
        try:
            return await self._means.store.put(replace(joined, floors=await self._means.floors(joined)))
        except ConflictError:
            raise ProblemError(Problem("conflict", "The account or the subscription was changed meanwhile.")) from None

    async def _answer(
        self, stored: Subscription, known: Subscription | None, token: str, seconds: float
    ) -> Registration:
        means = self._means
        found = await means.first_verdict(stored, seconds)
        if isinstance(found, Fault) and known is None:
            await means.forget(stored)
            raise ProblemError(found.problem())
        stored = await means.store.get(stored.id) or stored
        status = 200 if known is not None else 201 if found is True else 202
        return Registration(status=status, view=await means.view(stored), token=token)

    def _copied(self, source: Subscription, key: bytes, endpoints: Endpoints) -> Subscription:
        """As the first one is, without what belongs to that one alone: credentials, tokens, endpoints, heartbeats, a pause."""
        means = self._means
        now = means.clock.now()
        payload = source.payload
        if payload_fault(payload, endpoints, allow_plaintext=means.policy.allow_plaintext) is not None:
            payload = Payload.ALERT
        return Subscription(
            id=subscription_id(means.entropy(ID_ENTROPY_BYTES)),
            account_id=source.account_id,
            key_digest=key,
            owner=source.owner,
            mailboxes=source.mailboxes,
            endpoints=endpoints,
            payload=payload,
            retention=Retention.SESSION,
            lease_seconds=LEASE_SECONDS_DEFAULT,
            created_at=now,
            expires_at=now + timedelta(seconds=LEASE_SECONDS_DEFAULT),
            phase=Phase.PENDING,
            selection=source.selection,
            resolved=source.resolved,
            also=source.also,
            preferences=source.preferences,
        )


def _digest(request: SubscriptionRequest) -> bytes:
    assert request.link is not None
    text = request.link.text()
    if len(text) < _LEAST or not text.isascii():
        raise _not_valid()
    return token_hash(text)


def _wish(request: SubscriptionRequest, account: Account, means: Means) -> Wish:
    """As if the account had been named; it has been, by the link."""
    faults = Faults()
    if request.imap is not None:
        faults.add("/imap", "must be left out where link is given: the link stands for the account and its credentials")
    if request.retention not in (None, "session"):
        faults.add("/retention", "must be session with a link, which brings no credentials")
    if request.tls_pin_sha256 is not msgspec.UNSET:
        faults.add(
            "/tls_pin_sha256", "must be left out where link is given: the link stands for the account and its keys"
        )
    faults.raise_any()
    target = account.target
    imap = ImapShape(host=target.host, port=target.port, tls=target.tls.value, username=account.username)
    return read_wish(msgspec.structs.replace(request, imap=imap, link=None), means.policy)


def _check_source(subscription: Subscription) -> None:
    if subscription.source is not None:
        raise ProblemError(
            Problem("conflict", "A mail server reports its mail: name the source again in place of a link.")
        )
    if subscription.phase.over or not has_shown_right(subscription):
        detail = "The subscription is over, or has not shown its right to the account yet."
        raise ProblemError(Problem("conflict", detail))
    if subscription.phase is not Phase.ACTIVE or subscription.loss is not None:
        detail = "The account is not being watched: its credentials are needed first."
        raise ProblemError(Problem("credentials-needed", detail))


def _not_valid() -> ProblemError:
    return ProblemError(Problem("link-not-valid", "The link was used, is over, or never was one."))
