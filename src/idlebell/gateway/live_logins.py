"""Subscriptions of a client that has just logged in to its mail server through a face, with a session of its own.

That session is the proof of right: no credentials come to these verbs, none are kept, and nobody logs in a second time. What
is registered so is what a registration without an API key is, and both see the same subscriptions; its retention is
``session``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from idlebell.gateway.application_server import current
from idlebell.gateway.callers import Caller
from idlebell.gateway.endpoints import with_proofs
from idlebell.gateway.forms import formed, provisional, rotated
from idlebell.gateway.means import Means
from idlebell.gateway.reading import Faults
from idlebell.gateway.registration import CONFLICTS
from idlebell.gateway.shapes import ImapShape, Registration, SubscriptionRequest, SubscriptionView, VerifyRequest
from idlebell.gateway.store_told import store_told
from idlebell.gateway.verifying import Verifying
from idlebell.gateway.wish import Wish, check_lease, read_wish
from idlebell.model.account import Account, ImapTarget, Retention
from idlebell.model.endpoint import Endpoints
from idlebell.model.form import Form
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.problem import FieldError, Problem, ProblemError
from idlebell.model.secret import Secret
from idlebell.model.subscription import LABEL_BYTES, Floor, Phase, Subscription, has_shown_right
from idlebell.net.imap_connection import ImapConnection
from idlebell.store.contract import ConflictError
from idlebell.watch.borrowed import Lender

if TYPE_CHECKING:
    from idlebell.gateway.enrolment import Enrolment


Borrow: TypeAlias = Callable[[Account, str, Lender], Awaitable[None]]
"""Looks at a mailbox of an account once (:func:`idlebell.watch.borrowed.look`)."""


async def not_borrowed(account: Account, mailbox: str, lender: Lender) -> None:
    """Where there is no face that could lend anything."""


@dataclass(eq=False, slots=True)
class LiveLogin:
    """One session of one client, from its login to its end. ``target`` and ``username``: where the server has let it in, as
    whom. ``address``: the client's, for limits. ``secure``: nobody can read it on its way to us (TLS, or loopback)."""

    target: ImapTarget
    username: str
    address: str
    secure: bool
    stands_for_all: bool = False
    """While it lasts, no session of ours is held beside it where it could not be opened again."""
    goes: bool = field(default=False, init=False)
    """Its client has gone, or takes leave."""
    account: AccountId | None = field(default=None, init=False)
    """Where it is registered; known once somebody is."""

    def __repr__(self) -> str:
        return f"LiveLogin({self.target})"


class LiveLogins:
    """Every verb raises ProblemError and nothing else. A ``login`` that is :meth:`over` is not to be used any more."""

    def __init__(self, means: Means, enrolment: Enrolment, verifying: Verifying, borrow: Borrow) -> None:
        self._means = means
        self._borrow = borrow
        self._enrolment = enrolment
        self._verifying = verifying
        self._open: dict[tuple[ImapTarget, str], tuple[LiveLogin, ...]] = {}  # most users have one or two

    @property
    def means(self) -> Means:
        return self._means

    @store_told
    async def opened(self, login: LiveLogin) -> None:
        """Its server has let it in. While it lasts no app of the account is asked for credentials: the session may be kept."""
        user = login.target, login.username
        self._open[user] = (*self._open.get(user, ()), login)
        found = await self._means.store.account_by_key(login.target, login.username)
        if found is not None and await self._means.store.of_account(found.id):
            self._attend(login, found.id)
            if login.stands_for_all:
                self._means.nudge(found.id)

    def over(self, login: LiveLogin) -> None:
        """Its session has ended, or was kept."""
        user = login.target, login.username
        others = tuple(one for one in self._open.pop(user, ()) if one is not login)
        if others:
            self._open[user] = others
        if login.account is not None:
            self._means.sessions.leave(login.account, login)
            self._means.nudge(login.account)
            login.account = None

    def wants(self, login: LiveLogin) -> bool:
        """Its client goes: is its session to be kept? Not where the account is watched already, or would go on to be: then
        one more would be one too many, however often a client comes back."""
        login.goes = True
        if login.account is not None:
            # It holds back nothing any more: what another one leaves meanwhile is to be taken.
            self._means.sessions.attend(login.account, login)
        if not self.unserved(login) or not self._means.door.has_room():
            return False
        # Of those that stand for all the last one's is kept. One that is still on its way out stays for nobody.
        others = self._open.get((login.target, login.username), ())
        return not (login.stands_for_all and any(not one.goes for one in others))

    def unserved(self, login: LiveLogin) -> bool:
        """Is the account wanted, and does nobody watch it now?"""
        account = login.account
        status = None if account is None else self._means.status.of(account)
        return account is not None and not (self._means.sessions.offers(account) or (status and status.watching()))

    @store_told
    async def look(self, login: LiveLogin, mailbox: str, lender: Lender) -> None:
        """Its server has told its session of something in ``mailbox``, which nobody else watches: what is new rings."""
        account = None if login.account is None else await self._means.store.account_by_id(login.account)
        if account is not None and self.unserved(login):
            await self._borrow(account, mailbox, lender)

    def keep(self, login: LiveLogin, session: ImapConnection) -> None:
        """Gives its ``session`` to who watches the account, for good: logged in, with nothing in flight. Where nobody wants it
        any more it is logged out. The login is :meth:`over`."""
        if login.account is None:
            self._means.sessions.log_out(session)
        else:
            self._means.sessions.adopt(login.account, session)
        self.over(login)

    @store_told
    async def subscribe(
        self,
        login: LiveLogin,
        request: SubscriptionRequest,
        *,
        floors: Sequence[Floor] = (),
        label: str = "",
        form: Form | None = None,
    ) -> Registration:
        """As a registration by REST, less ``imap`` and ``link``. A repeat (the same ``new_mail`` endpoint) renews, and so does
        another endpoint under the same ``label``, which it takes from the subscription before. ``floors``: how its mailboxes
        stand now, by what its session was told: from there on it hears of what comes, whenever the watch begins. ``form``: of
        what its Web Push is sent."""
        means = self._means
        caller = _caller(login)
        caller.needs_secrecy()
        self._enrolment.count(caller)
        wish = self._wish(login, request, label)
        wish = replace(wish, endpoints=formed(wish.endpoints, form))
        assert wish.endpoints.new_mail is not None
        await means.reach.check(wish.endpoints, vapid_subject=means.policy.vapid_subject)
        key = means.key(None, login.target, login.username, wish.endpoints.new_mail)
        async with means.registrar.turns.of((login.target, login.username, label)), means.registrar.turns.of(key):
            known = await means.store.by_key(key)
            before = await self._labelled(login, label, known)
            keyed = await means.keyed(wish.endpoints, None if known is None else known.endpoints)
            wish = replace(wish, endpoints=keyed)
            current_key = await current(means.store, means.entropy) if form is not None else ""
            account = await means.store.account(login.target, login.username)
            base = self._enrolment.pending(account, wish, None, key) if known is None else known
            # What cannot be together, or is too much, is told before anybody is asked to prove anything.
            self._enrolment.joined(base, wish)
            instead_of = None if before is None else before.id
            await self._check_limit(base, instead_of)
            endpoints = await means.verified(base.id, with_proofs(wish.endpoints, base.endpoints), caller)
            endpoints = rotated(endpoints, base.endpoints, current_key)
            async with means.registrar.turns.of((login.target, login.username)):
                await self._check_limit(base, instead_of)  # others of the account may have proven theirs meanwhile
                stored = await self._stored(login, wish, base, endpoints, floors, label)
            if before is not None:
                await means.forget(before)
                means.tell(before, "removed")
        stored = await means.dispatcher.ask_codes(stored)
        new = known is None or not has_shown_right(known)
        means.nudge(stored.account_id)
        means.tell(stored, "created" if new else "renewed")
        return Registration(status=201 if new else 200, view=await means.view(stored), token=None)

    @store_told
    async def show_all(self, login: LiveLogin) -> tuple[tuple[Subscription, SubscriptionView], ...]:
        """All of the account that have shown their right and are not over, oldest first; the operator's own are not among
        them."""
        return tuple([(one, await self._means.view(one)) for one in await self._of(login)])

    @store_told
    async def renew(
        self, login: LiveLogin, subscription: SubscriptionId, lease_seconds: int | None = None
    ) -> SubscriptionView:
        """Its lease begins anew. ``lease_seconds`` None: as long as before."""
        means = self._means
        found = await self._own(login, subscription)
        if lease_seconds is not None:
            faults = Faults()
            check_lease(faults, lease_seconds)
            faults.raise_any()

        async def renewed(stored: Subscription) -> Subscription:
            lease = lease_seconds or stored.lease_seconds
            ends = means.clock.now() + timedelta(seconds=lease)
            return provisional(
                replace(stored, lease_seconds=lease, expires_at=ends, expiring_sent=False), means.clock.now()
            )

        stored = await means.update(found.id, renewed)
        means.tell(stored, "renewed")
        return await means.view(stored)

    @store_told
    async def verify(
        self, login: LiveLogin, subscription: SubscriptionId, code: Secret | None = None
    ) -> SubscriptionView:
        """``code``: as it was sent to the endpoint; None: send a new one."""
        return await self._verifying.of(await self._own(login, subscription), VerifyRequest(code=code))

    @store_told
    async def end(self, login: LiveLogin, subscription: SubscriptionId) -> None:
        found = await self._own(login, subscription)
        await self._means.forget(found)
        self._means.tell(found, "removed")

    # inside

    async def _check_limit(self, base: Subscription, instead_of: SubscriptionId | None) -> None:
        """ProblemError: it would be one too many of its account, and takes nobody's place."""
        if not has_shown_right(base) or base.phase.over:
            await self._enrolment.check_account_limit(base, instead_of)

    def _attend(self, login: LiveLogin, account: AccountId) -> None:
        """With all other sessions of the same user at the same server: whichever goes last may be kept."""
        for one in {login, *self._open.get((login.target, login.username), ())}:
            if one.account not in (None, account):
                # The account went with its last subscription, and there is another one by now.
                self._means.sessions.leave(one.account, one)
            one.account = account
            self._means.sessions.attend(account, one, instead=one.stands_for_all and not one.goes)

    async def _of(self, login: LiveLogin) -> list[Subscription]:
        account = await self._means.store.account_by_key(login.target, login.username)
        found: Iterable[Subscription] = () if account is None else await self._means.store.of_account(account.id)
        return [one for one in found if has_shown_right(one) and not one.declared]

    async def _own(self, login: LiveLogin, subscription: SubscriptionId) -> Subscription:
        found = next((one for one in await self._of(login) if one.id == subscription), None)
        if found is None:
            raise ProblemError(Problem("not-found", "This account has no such subscription."))
        return found

    async def _labelled(self, login: LiveLogin, label: str, known: Subscription | None) -> Subscription | None:
        """Another one that has the label."""
        own = await self._of(login) if label else ()
        return next((one for one in own if one.label == label and (known is None or one.id != known.id)), None)

    def _wish(self, login: LiveLogin, request: SubscriptionRequest, label: str) -> Wish:
        faults = Faults()
        for name, present in (
            ("imap", request.imap is not None),
            ("link", request.link is not None),
            ("tls_pin_sha256", request.tls_pin_sha256 is not msgspec.UNSET),
        ):
            if present:
                faults.add(f"/{name}", "must be left out: the session stands for the account and its server")
        if request.retention not in (None, "session"):
            faults.add("/retention", "must be session: no credentials come with a session")
        faults.raise_any()
        if len(label.encode("utf-8", "surrogatepass")) > LABEL_BYTES:
            # Of the face's own making, so it has no place in the request.
            errors = (FieldError("", f"its name must be at most {LABEL_BYTES} bytes"),)
            raise ProblemError(Problem("invalid-request", "The name is too long.", errors=errors))
        # The server is the operator's word, in clear too; only the rest is to be checked.
        imap = ImapShape(host=login.target.host, port=login.target.port, username=login.username)
        wish = read_wish(msgspec.structs.replace(request, imap=imap, wait_seconds=0), self._means.policy)
        return replace(wish, target=login.target)

    async def _stored(
        self,
        login: LiveLogin,
        wish: Wish,
        base: Subscription,
        endpoints: Endpoints,
        floors: Sequence[Floor],
        label: str,
    ) -> Subscription:
        means = self._means
        for _ in range(CONFLICTS):
            found = await means.store.get(base.id)
            account = await means.store.account(login.target, login.username)
            joined = self._joined(found or base, wish, endpoints, account, label or base.label)
            given = [one for one in floors if one.mailbox in joined.mailboxes and joined.floor(one.mailbox) is None]
            watched = await means.floors(joined)
            grounded = {one.mailbox: one for one in (*given, *watched)}
            self._attend(login, account.id)
            try:
                return await means.store.put(replace(joined, floors=tuple(grounded.values())))
            except ConflictError:
                continue
        raise ProblemError(Problem("overloaded", "The subscription is being changed by too many at once."))

    def _joined(
        self, stored: Subscription, wish: Wish, endpoints: Endpoints, account: Account, label: str
    ) -> Subscription:
        shown = has_shown_right(stored)
        # Credentials that one which was there before has kept go on to serve; none come with the session.
        held = self._means.keyring.holds_of(stored.id)
        joined = replace(
            self._enrolment.joined(stored, wish),
            account_id=account.id,
            endpoints=endpoints,
            phase=Phase.ACTIVE,
            retention=stored.retention if held else Retention.SESSION,
            loss=None,
            problem=None,
            # Tokens of one that never showed its right may be anybody's who knew the key: they end here.
            token_hashes=stored.token_hashes if shown else (),
            label=label,
        )
        return provisional(joined, self._means.clock.now())


def _caller(login: LiveLogin) -> Caller:
    return Caller(None, None, login.address, login.secure)
