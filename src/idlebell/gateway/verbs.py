"""The verbs themselves: permission, then one call into the part that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableSequence
from typing import Any, Final

from idlebell.deliver.dispatcher import Dispatcher
from idlebell.gateway import legacy, signing_in, trails
from idlebell.gateway.application_server import current
from idlebell.gateway.bookkeeping import Bookkeeping
from idlebell.gateway.callers import Caller, Scope
from idlebell.gateway.changing import Changes
from idlebell.gateway.discovery import Discover, no_discovery
from idlebell.gateway.enrolment import Enrolment
from idlebell.gateway.events import Events, Reading
from idlebell.gateway.feeds import Feeds
from idlebell.gateway.filter_tests import FilterTests
from idlebell.gateway.hushing import Hush
from idlebell.gateway.ledger import LedgerView, day_views, ledger_view, page_of
from idlebell.gateway.legacy_shapes import RegisterRequest, UnregisterRequest
from idlebell.gateway.limits import KEY_POLICY, Quota, RateLimit
from idlebell.gateway.live_logins import Borrow, LiveLogins, not_borrowed
from idlebell.gateway.login_shapes import LoginAnswerRequest, LoginChallenge
from idlebell.gateway.looking import Looking
from idlebell.gateway.lookup import look_up
from idlebell.gateway.means import Means
from idlebell.gateway.policy import Policy
from idlebell.gateway.reach import Reach
from idlebell.gateway.refused import refused
from idlebell.gateway.registration import Registrar
from idlebell.gateway.shapes import (
    BegunView,
    CredentialsRequest,
    DiscoverRequest,
    DiscoveryView,
    FilterTestRequest,
    FilterTestView,
    HushRequest,
    LinkView,
    Page,
    Registration,
    SignInRequest,
    SignInsView,
    SubscriptionRequest,
    SubscriptionView,
    TestView,
    VerifyRequest,
)
from idlebell.gateway.sourced import Sourced, hear
from idlebell.gateway.store_told import store_told
from idlebell.gateway.trail_shapes import Deliveries, WhyView
from idlebell.gateway.verifying import Verifying
from idlebell.gateway.wish import Wish, read_wish
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import LoginFailed
from idlebell.login.sign_ins import SignIns, no_sign_ins
from idlebell.model.account import Account
from idlebell.model.ids import AccountId, ApiKeyId, SubscriptionId, token_hash
from idlebell.model.problem import Fault, Problem, ProblemError
from idlebell.model.source import Report, Source
from idlebell.model.subscription import ApiKey, Subscription, has_shown_right
from idlebell.net.clock import Clock
from idlebell.net.look_inbox import LookInbox
from idlebell.net.session_inbox import SessionInbox
from idlebell.store.contract import Store, StoreError
from idlebell.telemetry.facts import Emit, StoreFailed
from idlebell.telemetry.ledger import NOTHING
from idlebell.telemetry.status import Status
from idlebell.watch.reporting import Reporting

PAGE_LIMIT_MAX: Final = 200
TOKEN_CHARACTERS_MAX: Final = 200
_KEY_PREFIX: Final = "ibk_"
_INVITATION_PREFIX: Final = "ibi_"
_TOKEN_PREFIX: Final = "ibs_"  # noqa: S105 - what every token begins with


class Gateway:
    """One for a process. Every verb raises ProblemError and nothing else.

    ``nudge`` tells the fleet that something about an account may have changed. ``budget``: how many sessions of one account a
    host bears.
    """

    def __init__(
        self,
        store: Store,
        door: Door,
        keyring: Keyring,
        sessions: SessionInbox,
        status: Status,
        nudge: Callable[[AccountId], None],
        dispatcher: Dispatcher,
        policy: Policy,
        clock: Clock,
        entropy: Callable[[int], bytes],
        emit: Emit,
        reach: Reach,
        budget: Callable[[str], int],
        discover: Discover = no_discovery,
        looks: LookInbox | None = None,
        feeds: Feeds | None = None,
        sign_ins: SignIns | None = None,
        borrow: Borrow = not_borrowed,
        reporting: Reporting | None = None,
    ) -> None:
        registrar = Registrar(
            store,
            door,
            keyring,
            sessions,
            status,
            nudge,
            dispatcher,
            clock,
            emit,
            demands=policy.demands,
            budget=budget,
        )
        self._means = Means(
            store,
            door,
            keyring,
            sessions,
            status,
            nudge,
            dispatcher,
            policy,
            clock,
            entropy,
            emit,
            reach,
            registrar,
            discover,
            no_sign_ins(clock, entropy, emit) if sign_ins is None else sign_ins,
        )
        self.bookkeeping = Bookkeeping(store, status.ledger, clock)
        self._began_at = clock.now()
        self._requests_of_key = RateLimit(policy.requests_per_minute_of_key, KEY_POLICY)
        self._enrolment = Enrolment(self._means)
        self._sourced = Sourced(self._means, self._enrolment)
        self._reporting = reporting
        self._changes = Changes(self._means, self._enrolment.relaying, self._enrolment.quotas)
        looking = Looking(self._means, looks or LookInbox())
        self._filter_tests = FilterTests(self._means, looking)
        self._hush = Hush(self._means, looking)
        self._verifying = Verifying(self._means)
        self.live_logins = LiveLogins(self._means, self._enrolment, self._verifying, borrow)
        """The verbs of clients that come through a face with a session of their own."""
        self._events = Events(self._means, Feeds(clock) if feeds is None else feeds)
        door.report_refusals_to(self.credentials_refused)

    @property
    def means(self) -> Means:
        """For :class:`idlebell.gateway.declared.Declared`, which uses the same."""
        return self._means

    async def start(self) -> None:
        """Nothing has to be started before the first verb; there is a :meth:`stop` to go with it."""

    async def stop(self) -> None:
        """Ends registrations under way and wipes every credential."""
        await self._means.registrar.stop()
        self._means.keyring.wipe()

    # who calls

    @store_told
    async def authenticate(
        self,
        bearer: str | None,
        address: str,
        secure: bool,
        *,
        scope: Scope = "subscriptions",
        counted: MutableSequence[Quota] | None = None,
    ) -> Caller:
        """``unauthorized``: the token is none of ours. Whether one is a subscription's shows when it is used. ``forbidden``: it
        is an API key without ``scope``; ``too-many-requests``: one that asks too often. ``counted`` is told what is left."""
        counted = [] if counted is None else counted
        if bearer is None:
            return Caller(None, None, address, secure, counted=counted)
        if len(bearer) <= TOKEN_CHARACTERS_MAX and bearer.isascii():
            if bearer.startswith(_KEY_PREFIX):
                key = await self._means.store.api_key(token_hash(bearer))
                if key is not None and (key.expires_at is None or key.expires_at > self._means.clock.now()):
                    self._admit(key, scope, counted)
                    return Caller(key, None, address, secure, counted=counted)
            elif bearer.startswith(_TOKEN_PREFIX):
                return Caller(None, token_hash(bearer), address, secure, counted=counted)
            elif bearer.startswith(_INVITATION_PREFIX):
                found = await self._means.store.invitation(token_hash(bearer), self._means.clock.now())
                if found is not None:
                    return Caller(None, None, address, secure, found, counted)
        raise ProblemError(Problem("unauthorized", "The token is not valid."))

    def _admit(self, key: ApiKey, scope: Scope, counted: MutableSequence[Quota]) -> None:
        if scope not in key.scopes:
            raise ProblemError(Problem("forbidden", f"The API key lacks the scope {scope}."))
        quota = self._requests_of_key.take(key.id, self._means.clock.monotonic())
        if quota is None:
            return
        counted.append(quota)
        if quota.spent:
            detail = "Too many requests with this API key."
            raise ProblemError(Problem("too-many-requests", detail, retry_after_seconds=quota.more_in_seconds))

    # subscriptions

    @store_told
    async def subscribe(self, request: SubscriptionRequest, caller: Caller) -> Registration | LoginChallenge:
        if request.source is not None or request.user is not None:
            return await self._sourced.subscribe(request, caller)
        return await self._enrolment.subscribe(request, caller)

    @store_told
    async def report(self, source: Source, report: Report) -> None:
        """A delivery that a mail server has shown itself to tell of. Durable when this returns."""
        await hear(self._reporting, source, report)

    async def look_up(self, request: DiscoverRequest, caller: Caller) -> DiscoveryView:
        """Where the server of an address is, and what it wants for a password."""
        return await look_up(self._means, self._enrolment, request, caller)

    def offered_sign_ins(self) -> SignInsView:
        """Providers where this gateway is a client."""
        return signing_in.offered(self._means.sign_ins, self._means.policy.retentions)

    async def begin_sign_in(self, request: SignInRequest, caller: Caller) -> BegunView:
        """What its browser brings back is credentials to :meth:`subscribe` and :meth:`resupply`."""
        return await signing_in.begin(self._means, self._enrolment, request, caller)

    @store_told
    async def show(self, subscription: str, caller: Caller) -> SubscriptionView:
        return await self._means.view(await self._means.visible(subscription, caller))

    @store_told
    async def page(self, caller: Caller, cursor: str | None, limit: int) -> Page:
        """The API key's subscriptions by id; ``cursor`` is ``next`` of the page before."""
        key = self._key_of(caller)
        limit = max(1, min(limit, PAGE_LIMIT_MAX))
        after = None if cursor is None else SubscriptionId(cursor[:TOKEN_CHARACTERS_MAX])
        found = await self._means.store.page(key, after, limit + 1)
        items = [await self._means.view(one) for one in found[:limit]]
        return Page(items=tuple(items), next=items[-1].id if len(found) > limit else None)

    @store_told
    async def change(self, subscription: str, patch: Mapping[str, Any], caller: Caller) -> SubscriptionView:
        return await self._changes.change(subscription, patch, caller)

    @store_told
    async def resupply(
        self, subscription: str, request: CredentialsRequest, caller: Caller
    ) -> Registration | LoginChallenge:
        return await self._changes.resupply(subscription, request, caller)

    @store_told
    async def answer_login(self, request: LoginAnswerRequest, caller: Caller) -> tuple[Registration, str]:
        """The app's answer to a challenge; see :meth:`idlebell.gateway.relaying.Relaying.answer`."""
        return await self._enrolment.relaying.answer(request, caller)

    @store_told
    async def test(self, subscription: str, caller: Caller) -> TestView:
        found = await self._means.visible(subscription, caller)
        if not has_shown_right(found):
            detail = "The subscription has not shown its right to the account yet."
            return TestView(outcome="not-sent", status=None, took_ms=0.0, detail=detail)
        result = await self._means.dispatcher.send_test(found)
        took_ms = round(result.took_ms, 1)
        return TestView(outcome=result.outcome, status=result.status, took_ms=took_ms, detail=result.detail)

    @store_told
    async def test_filter(self, subscription: str, request: FilterTestRequest, caller: Caller) -> FilterTestView:
        return await self._filter_tests.test(subscription, request, caller)

    @store_told
    async def hush(self, subscription: str, request: HushRequest, caller: Caller) -> SubscriptionView:
        return await self._hush.hush(subscription, request, caller)

    @store_told
    async def verify(self, subscription: str, request: VerifyRequest, caller: Caller) -> SubscriptionView:
        return await self._verifying.verify(subscription, request, caller)

    @store_told
    async def make_link(self, subscription: str, caller: Caller) -> LinkView:
        return await self._enrolment.joining.make_link(subscription, caller)

    @store_told
    async def events(self, subscription: str, caller: Caller, after: int | None) -> Reading:
        """As they happen; see :meth:`idlebell.gateway.events.Events.open`."""
        return await self._events.open(subscription, caller, after)

    def close_events(self) -> None:
        """Before the faces stop: nobody shall wait for those who listen."""
        self._events.close()

    @store_told
    async def deliveries(self, subscription: str, caller: Caller) -> Deliveries:
        """The latest attempts at notifications."""
        return await trails.deliveries(
            self._means.store, self._means.clock, await self._means.visible(subscription, caller)
        )

    @store_told
    async def ledger(
        self, subscription: str, caller: Caller, cursor: str | None = None, limit: int = PAGE_LIMIT_MAX
    ) -> LedgerView:
        """What its sessions have cost, as far as it has shown a right to them, and what was done day by day. ``cursor`` is
        ``next`` of the page before."""
        found = await self._means.visible(subscription, caller)
        now, account, has_right = self._means.clock.now(), found.account_id, has_shown_right(found)
        spent = self._means.status.ledger.of(account) if has_right else NOTHING
        of_account = await self.bookkeeping.days(account, account) if has_right else ()
        own = await self.bookkeeping.days(found.id, account)
        days, after = page_of(day_views(of_account, own, found.created_at, now), cursor, limit)
        return ledger_view(spent, max(self._began_at, found.created_at), now, days, after)

    @store_told
    async def why(
        self,
        subscription: str,
        caller: Caller,
        *,
        message_id: str | None = None,
        mailbox: str | None = None,
        uid: str | None = None,
    ) -> WhyView:
        """Why a message did or did not ring."""
        found = await self._means.visible(subscription, caller)
        asked = {"message_id": message_id, "mailbox": mailbox, "uid": uid}
        return await trails.why(self._means.store, self._means.clock, found, **asked)

    @store_told
    async def end(self, subscription: str, caller: Caller) -> None:
        found = await self._means.visible(subscription, caller)
        await self._means.forget(found)
        self._means.tell(found, "removed")

    # the form of 2013

    @store_told
    async def register(self, request: RegisterRequest, caller: Caller) -> Registration:
        found = await self._enrolment.subscribe(legacy.registration(request), caller)
        assert isinstance(found, Registration)  # of a password
        return found

    @store_told
    async def unregister(self, request: UnregisterRequest, caller: Caller) -> None:
        """Proven by the subscription's token or by a login; only then does it show whether there is a subscription."""
        means = self._means
        caller.needs_secrecy()
        wish = read_wish(legacy.registration_to_end(request), means.policy)
        try:
            found = await self._enrolment.find(wish, caller)
            if found is None or not caller.holds_token_of(found):
                await self._log_in(wish, caller)
            if found is None:
                raise ProblemError(Problem("not-found", "There is no such subscription."))
        finally:
            if wish.credentials is not None:
                wish.credentials.wipe()
        await means.forget(found)
        means.tell(found, "removed")

    async def _log_in(self, wish: Wish, caller: Caller) -> None:
        means = self._means
        if wish.credentials is None:
            raise ProblemError(
                Problem("unauthorized", "This needs the subscription's token or the account's password.")
            )
        self._enrolment.count(caller)
        began = means.clock.monotonic()
        nobody = Account(AccountId("unregister"), wish.target, wish.username)
        try:
            session = await means.door.log_in(
                nobody, wish.credentials, deadline_seconds=wish.wait_seconds, asker=caller.asker(None)
            )
        except LoginFailed as failure:
            await means.refuse(failure.fault, began, wish.wait_seconds)
        means.sessions.log_out(session)

    # the gateway itself

    @store_told
    async def vapid_public_key(self) -> str:
        """The application server key for ``PushManager.subscribe``: base64url of 65 bytes. One is made where there is none."""
        return await current(self._means.store, self._means.entropy)

    @store_told
    async def stats(self, caller: Caller) -> dict[str, Any]:
        """Totals for the operator: no name, no address."""
        self._key_of(caller)
        counts = await self._means.store.counts()
        prefix = "subscriptions_"
        return {
            "accounts": counts.get("accounts", 0),
            "mailboxes": self._means.status.totals(),
            "subscriptions": {
                name.removeprefix(prefix): count for name, count in counts.items() if name.startswith(prefix)
            },
            "notifications": {"pending": counts.get("pending_notifications", 0)},
            "registrations": {"under_way": len(self._means.registrar)},
        }

    # what the engines tell

    def over(self, subscriptions: Iterable[Subscription]) -> None:
        """Leases have ended, or endpoints are gone: their credentials go, and their accounts may not be wanted any more."""
        for subscription in subscriptions:
            self._means.registrar.cancel(subscription.id)
            self._means.keyring.drop(subscription.id)
            self._means.nudge(subscription.account_id)

    async def credentials_refused(self, account: AccountId, subscription: SubscriptionId, fault: Fault) -> None:
        """Credentials that were kept are refused: its app sees why. The session may go on with another's. Where it goes on with
        nobody's, as after a renewal that was refused ahead of time, the app is asked before the session is lost."""
        try:
            await refused(self._means, account, subscription, fault)
        except StoreError as error:
            self._means.emit(StoreFailed(str(error)))

    def _key_of(self, caller: Caller) -> ApiKeyId:
        if caller.api_key is None:
            raise ProblemError(Problem("unauthorized", "This needs an API key."))
        return caller.api_key.id
