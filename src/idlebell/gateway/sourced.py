"""Subscriptions that name a mail server which reports deliveries, in place of an IMAP login."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from idlebell.gateway.callers import Caller
from idlebell.gateway.credentials import check_text
from idlebell.gateway.endpoints import with_proofs
from idlebell.gateway.enrolment import Enrolment
from idlebell.gateway.means import Means
from idlebell.gateway.policy import Policy
from idlebell.gateway.reading import Faults
from idlebell.gateway.registration import CONFLICTS
from idlebell.gateway.shapes import ImapShape, Registration, SubscriptionRequest
from idlebell.gateway.telling import check_told
from idlebell.gateway.wish import USERNAME_BYTES, Wish, read_wish
from idlebell.model.account import Account, ImapTarget, Tls
from idlebell.model.ids import TOKEN_ENTROPY_BYTES, AccountId, ApiKeyId, subscription_token, token_hash
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.source import SOURCE_CHARACTERS, Report, Source
from idlebell.model.subscription import MAX_TOKENS, Floor, Subscription
from idlebell.store.contract import ConflictError
from idlebell.watch.reporting import Reporting

_NOWHERE: Final = "source.invalid"
"""Stands for the host while a wish is read: a source needs none."""


_UNMADE: Final = Account(AccountId(""), ImapTarget("", 0, Tls.NONE), "")
"""Stands for an account that nobody has yet, until all is known to be right."""


class Sourced:
    def __init__(self, means: Means, enrolment: Enrolment) -> None:
        self._means = means
        self._enrolment = enrolment

    async def subscribe(self, request: SubscriptionRequest, caller: Caller) -> Registration:
        """Only with an API key that has the scope ``sources``: nobody joins another's mailbox by knowing its name, and here
        no login shows whose it is."""
        means = self._means
        caller.needs_secrecy()
        owner = _owner(caller)
        source, wish = _read(request, means.policy)
        assert wish.endpoints.new_mail is not None
        await means.reach.check(wish.endpoints, vapid_subject=means.policy.vapid_subject)
        key = means.key(owner, source.target, wish.username, wish.endpoints.new_mail)
        token = subscription_token(means.entropy(TOKEN_ENTROPY_BYTES))
        async with means.registrar.turns.of(key):
            known = await means.store.by_key(key)
            if known is not None and known.source is None:
                detail = "This endpoint has this account by an IMAP login already; end that subscription first."
                raise ProblemError(Problem("conflict", detail))
            endpoints = await means.keyed(wish.endpoints, None if known is None else known.endpoints)
            wish = replace(wish, endpoints=endpoints)
            stored = await self._stored(wish, caller, source, known, owner, key, token)
        stored = await means.dispatcher.ask_codes(stored)
        means.tell(stored, "created" if known is None else "renewed")
        return Registration(status=201 if known is None else 200, view=await means.view(stored), token=token)

    async def _stored(
        self,
        wish: Wish,
        caller: Caller,
        source: Source,
        known: Subscription | None,
        owner: ApiKeyId,
        key: bytes,
        token: str,
    ) -> Subscription:
        means, enrolment = self._means, self._enrolment
        account = await means.store.account_by_key(source.target, wish.username)
        base = known or enrolment.pending(account or _UNMADE, wish, owner, key)
        if known is None or known.phase.over:
            await enrolment.check_account_limit(base)
        wanted = replace(enrolment.joined(base, wish), source=source.id, loss=None, problem=None)
        check_told(wanted, source)
        tokens = tuple(dict.fromkeys((token_hash(token), *wanted.token_hashes)))[:MAX_TOKENS]
        endpoints = await means.verified(base.id, with_proofs(wish.endpoints, base.endpoints), caller)
        wanted = replace(wanted, endpoints=endpoints, token_hashes=tokens)
        room = enrolment.quotas.room(owner, endpoints) if known is None else enrolment.quotas.claimed(known, endpoints)
        async with room:
            return await self._put(wanted, source, wish.username, new=known is None)

    async def _put(self, wanted: Subscription, source: Source, user: str, *, new: bool) -> Subscription:
        """The account is made last: nothing is left of what was refused."""
        store = self._means.store
        for _ in range(CONFLICTS):
            if new:
                account = await store.account(source.target, user)
                wanted = replace(wanted, account_id=account.id)
                wanted = replace(wanted, floors=await self._floors(wanted))
            try:
                return await store.put(wanted)
            except ConflictError:
                if not new:
                    break
        raise ProblemError(Problem("conflict", "The account or the subscription was changed meanwhile."))

    async def _floors(self, wanted: Subscription) -> tuple[Floor, ...]:
        """What others were told of is not told to a newcomer."""
        store = self._means.store
        found = [(name, await store.cursor(wanted.account_id, name)) for name in wanted.mailboxes]
        return tuple(Floor(name, one.uid_validity, one.uid_next) for name, one in found if one is not None)


def _owner(caller: Caller) -> ApiKeyId:
    if caller.api_key is None:
        raise ProblemError(Problem("unauthorized", "To name a source needs an API key with the scope sources."))
    if "sources" not in caller.api_key.scopes:
        raise ProblemError(Problem("forbidden", "The API key lacks the scope sources."))
    return caller.api_key.id


def _read(request: SubscriptionRequest, policy: Policy) -> tuple[Source, Wish]:
    faults = Faults()
    user = request.user or ""
    check_text(faults, "/user", user, USERNAME_BYTES)
    source = policy.sources.get((request.source or "")[:SOURCE_CHARACTERS])
    if source is None:
        faults.add("/source", "is none of this gateway")
    elif user and not source.speaks_of(user):
        faults.add("/user", "is none that this source may speak of")
    for name, given in (
        ("imap", request.imap is not None),
        ("link", request.link is not None),
        ("tls_pin_sha256", request.tls_pin_sha256 is not msgspec.UNSET),
    ):
        if given:
            faults.add(f"/{name}", "must be left out where source is given: no session is opened")
    if request.retention not in (None, "session"):
        faults.add("/retention", "must be session with a source, which needs no credentials")
    faults.raise_any()
    assert source is not None
    imap = ImapShape(host=_NOWHERE, username=user)
    wish = read_wish(msgspec.structs.replace(request, imap=imap, source=None, user=None), policy)
    return source, replace(wish, target=source.target)


async def hear(reporting: Reporting | None, source: Source, report: Report) -> None:
    """ProblemError ``forbidden``: the source may not speak of this user. Of users whom nobody has named it may: nobody is told
    who is known here."""
    if not source.speaks_of(report.user):
        raise ProblemError(Problem("forbidden", "This source may not speak of this user."))
    if reporting is None:
        return
    try:
        await reporting.hear(source, report)
    except ConflictError:
        detail = "Too many report to this mailbox at once."
        raise ProblemError(Problem("overloaded", detail, retry_after_seconds=1)) from None
