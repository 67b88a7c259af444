"""One look at one mailbox, from its cursor to the commit of what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from idlebell.imap.responses import FetchData
from idlebell.imap.sequence_set import SequenceSet
from idlebell.model.account import Account
from idlebell.model.arrival import Arrival
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import takes_unseen
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.subscription import Floor, Subscription
from idlebell.net.clock import Clock
from idlebell.net.look_inbox import LookInbox
from idlebell.rules.match import listening, match, match_flood
from idlebell.rules.needs import fetch_items
from idlebell.store.contract import ConflictError, Store
from idlebell.telemetry.facts import CursorRebased, Emit, MailDetected
from idlebell.telemetry.status import Status
from idlebell.watch.answers import Extent
from idlebell.watch.cadence import Cadence
from idlebell.watch.contents import with_contents
from idlebell.watch.counting import count_new, count_unseen, last_message
from idlebell.watch.detect import (
    DATE_ITEM,
    FLOOD_MESSAGES,
    Baseline,
    Behind,
    Flood,
    NewUids,
    Position,
    Quiet,
    Rebased,
    UpToDate,
    decide,
    decide_count,
    filed_before,
    is_late,
    is_written_since,
    locate,
    looks_filed,
    may_hide_many,
    too_many,
)
from idlebell.watch.filtering import count_heard, texts_asked, with_texts
from idlebell.watch.flood import counted, hearings
from idlebell.watch.hosts import Hosts
from idlebell.watch.identity import identity_items
from idlebell.watch.kept import Look
from idlebell.watch.lapses import SURE_SECONDS, UNSAID_SECONDS, Lapses
from idlebell.watch.mailbox_session import MailboxSession
from idlebell.watch.passed import Passed, PassedMail

CONFLICTS: Final = 5
"""Lost compare-and-sets in a row before a look is left to the next cycle."""
EMPTY_PAUSES_SECONDS: Final = (0.1, 0.4, 1.5)
"""Replicas lag: EXISTS is said before FETCH finds the message. It is asked again after these, then left to the next look."""
HOLLOW_LOOKS: Final = 3
"""A replica that lags for longer than a few looks is not waited for; what it hides is found with the next message."""
LOOK_KEPT: Final = timedelta(hours=6)
"""A mailbox where nothing comes has the time of its last look written this often. Within the process it is known better; after
a restart it tells what was delivered in between from what was filed."""
DIGEST_BYTES: Final = 16


def _never(_: AccountId) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Means:
    """What every watcher works with; one for all of them."""

    store: Store
    status: Status
    clock: Clock
    emit: Emit
    entropy: Callable[[], float]
    """A number in [0, 1)."""
    cadence: Cadence
    hosts: Hosts
    keep: timedelta
    """How long a ring is of use (``retry_for_seconds``)."""
    max_mailboxes: int
    """Of one subscription."""
    sessions: Callable[[], int]
    """How many are held in all, for the budget of probes."""
    resolved: Callable[[AccountId], None]
    """Tells the fleet that a selection means other mailboxes now: a hint."""
    committed: Callable[[], None]
    """Tells the dispatcher that something is being committed, or has been, that may be due: a hint."""
    park_after_seconds: float = 0.0
    """How long a quiet session stays awake; 0: it is never parked."""
    may_park: Callable[[AccountId], bool] = _never
    """Does the one session of this account stand for all that is known of it?"""
    looks: LookInbox = field(default_factory=LookInbox)
    """What faces ask to see."""

    def cycle(self, host: str, *, near: bool, settled: bool) -> float:
        """Seconds in IDLE before the next probe of a session at ``host``; see :meth:`~idlebell.watch.cadence.Cadence.cycle`."""
        return self.cadence.cycle(
            self.hosts.idle_seconds(host), sessions=self.sessions(), own=near, settled=settled, entropy=self.entropy()
        )


@dataclass(slots=True)
class Books:
    """What the process remembers of an account, whatever becomes of its sessions."""

    lapses: Lapses = field(default_factory=Lapses)
    looked_at: dict[str, datetime] = field(default_factory=dict)
    """When each mailbox was last looked at to the end."""
    surveyed_at: datetime | None = None
    """When it was last asked which mailboxes there are."""
    appeared: dict[str, datetime | None] = field(default_factory=dict)
    """Mailboxes that a survey found new, and when the one before it was: they were made later."""
    stood: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    """Messages and unseen ones of mailboxes beside the open one, as STATUS told before the last look at what rang there."""

    @property
    def plain(self) -> bool:
        """Is there nothing to be remembered but when it was looked at?"""
        return not self.appeared and self.lapses.plain

    def forget(self, mailbox: str) -> None:
        """Nobody wants it any more."""
        self.looked_at.pop(mailbox, None)
        self.appeared.pop(mailbox, None)
        self.stood.pop(mailbox, None)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look came to: how many messages it announced, whether some had certainly been there for a while, and whether for
    long."""

    messages: int = 0
    waited: bool = False
    waited_long: bool = False


NOTHING: Final = Found()


class Looks:
    """Of one session. Raises what the session raises, StoreError and ConflictError."""

    __slots__ = ("_account", "_books", "_exists", "_means", "_passed", "_session", "fresh", "hidden", "settled")

    def __init__(self, account: Account, session: MailboxSession, books: Books, means: Means) -> None:
        self._account = account
        self._session = session
        self._books = books
        self._means = means
        self._passed = PassedMail(account.id, session, means.store)
        self._exists: int | None = None  # of the open mailbox, when it was last looked at to the end
        self.fresh: tuple[tuple[SubscriptionId, str], ...] = ()
        """Who is new to which mailbox, and is told there of what comes from now on."""
        self.settled = True
        """False: the next look comes early."""
        self.hidden = 0
        """Looks in a row that found nothing of what EXISTS has told of."""

    async def until_settled(self, mailbox: str, extent: Extent | None) -> Found:
        """Looks, and again where somebody else was faster. ``extent``: what EXAMINE has just said; None: the mailbox has been
        open."""
        started = self._means.clock.monotonic()
        for _ in range(CONFLICTS - 1):
            try:
                return await self._look(mailbox, extent, started)
            except ConflictError:
                continue
        return await self._look(mailbox, extent, started)

    def resumed(self, exists: int | None, *, settled: bool) -> None:
        """Goes on after a look to the end at a mailbox of ``exists`` messages."""
        self._exists = exists
        self.settled = settled

    def saw_nothing(self, mailbox: str) -> None:
        """The server was asked and said that nothing came."""
        self._books.looked_at[mailbox] = self._means.clock.now()

    def new_to(self, mailbox: str) -> bool:
        return any(wished == mailbox for _, wished in self.fresh)

    # inside

    async def _look(self, mailbox: str, extent: Extent | None, started: float) -> Found:
        means, session = self._means, self._session
        now = means.clock.now()
        cursor = await means.store.cursor(self._account.id, mailbox)
        position: Position
        if extent is None and cursor is not None and session.uid_validity == cursor.uid_validity:
            # Within a session only the UIDs tell; `n:*` asks for what is new and costs one line when nothing is.
            position = Behind(cursor.first_open, None)
        else:
            if extent is None:
                extent = await session.examine(mailbox)
            extent = await self._completed(mailbox, extent, cursor)
            await self._ground(mailbox, extent)
            rebased = cursor is None or cursor.uid_validity != extent.uid_validity
            floor = await self._lowest_floor(mailbox, extent) if rebased else None
            position = locate(
                cursor, extent.uid_validity, extent.uid_next, extent.exists, floor=floor, mod_seq=extent.mod_seq
            )
        self.settled = True
        hidden, self.hidden = self.hidden, 0
        found = NOTHING
        match position:
            case Baseline(new) | Rebased(new):
                span = extent.uid_next - new.uid_next if extent is not None and extent.uid_next is not None else 0
                new = replace(new, looked_at=self._books.appeared.pop(mailbox, None) if span else now)
                await means.store.commit(self._account.id, mailbox, cursor, new, ())
                if isinstance(position, Rebased):
                    means.emit(CursorRebased(self._account.id, "uid-validity"))
                if span:
                    found = await self._fetch_and_commit(mailbox, new, Behind(new.uid_next, span), extent, started)
            case Behind():
                assert cursor is not None
                found = await self._fetch_and_commit(mailbox, cursor, position, extent, started)
            case UpToDate():
                assert cursor is not None
                await self._keep_look(mailbox, cursor, now)
        if self.hidden:
            self.hidden += hidden
        if not 0 < self.hidden < HOLLOW_LOOKS:  # a server that goes on to promise what is not there is believed no more
            self._exists = session.exists
        self._books.looked_at[mailbox] = now
        return found

    async def _completed(self, mailbox: str, extent: Extent, cursor: Cursor | None) -> Extent:
        """With UIDNEXT where it is needed and the server gives none, and with the date of the last message learnt where
        nothing is known of the server's clock."""
        hosts, host = self._means.hosts, self._account.target.host
        unknown = cursor is None or cursor.uid_validity != extent.uid_validity or self.new_to(mailbox)
        lagless = cursor is None and hosts.clock_lag_seconds(host) is None
        if not (unknown and (extent.uid_next is None or lagless)):
            return extent
        last = await last_message(self._session)
        if last is not None and last.internal_date is not None:
            hosts.saw_date(host, last.internal_date)
        if extent.uid_next is not None:
            return extent
        return replace(extent, uid_next=1 if last is None or last.uid is None else last.uid + 1)

    async def _fetch_and_commit(
        self, mailbox: str, cursor: Cursor, behind: Behind, extent: Extent | None, started: float
    ) -> Found:
        means, session = self._means, self._session
        first = behind.first_uid
        looked_at = max(filter(None, (cursor.looked_at, self._books.looked_at.get(mailbox))), default=None)
        now = means.clock.now()
        subscriptions = await self._listening(mailbox)
        items = self._items(subscriptions)
        if looked_at is not None and looked_at > now:
            looked_at = None  # our clock was set back: nobody knows how long ago that was
        since = filed_before(looked_at, means.hosts.clock_lag_seconds(self._account.target.host))
        decision: Quiet | NewUids | Flood
        passed = Passed()
        fetched: tuple[FetchData, ...] = ()
        if await self._is_flood(cursor, behind):
            uid_next = extent.uid_next if extent is not None else None
            if uid_next is None:
                last = await last_message(session)
                uid_next = 1 if last is None or last.uid is None else last.uid + 1
            first = max(first, cursor.uid_next)  # in gaps below there are few: they are not counted with so many
            counts = await count_heard(session, mailbox, first, uid_next - 1, since, subscriptions)
            decision = decide_count(cursor, counts, uid_next, session.exists)
        else:
            fetched = await self._fetched(cursor, first, items, extent)
            delivered = await self._written_since(fetched, first, since, now)
            passed = await self._passed.look_up(mailbox, cursor, fetched, subscriptions)
            decision = decide(
                cursor,
                fetched,
                session.exists,
                delivered_since=since,
                delivered=delivered,
                known=passed.whom,
                mod_seq=session.mod_seq,
            )
            if isinstance(decision, NewUids):
                arrivals = await with_texts(session, mailbox, decision.arrivals, subscriptions)
                arrivals = await with_contents(session, mailbox, arrivals, subscriptions)
                decision = replace(decision, arrivals=arrivals)
            if isinstance(decision, NewUids) and len(decision.arrivals) > FLOOD_MESSAGES:
                # More came while it was asked for. It is fetched by now, but nobody wants a list of them either.
                decision = Flood(counted(mailbox, decision.arrivals, subscriptions), decision.cursor)
        decision = replace(decision, cursor=replace(decision.cursor, looked_at=now))
        if isinstance(decision, Quiet):
            if (decision.cursor.uid_next, decision.cursor.gaps) != (cursor.uid_next, cursor.gaps):
                await means.store.commit(
                    self._account.id,
                    mailbox,
                    cursor,
                    decision.cursor,
                    (),
                    sighted=passed.sighted,
                    known=passed.known,
                    verdicts=self._kept(mailbox, cursor, now, started).dismissed(
                        fetched, decision.cursor, subscriptions
                    ),
                )
            else:
                await self._keep_look(mailbox, cursor, now)
            return NOTHING
        # Only who is told of it pays for the count of unseen messages.
        tells = any(any(map(takes_unseen, one.endpoints.bells)) for one in subscriptions)
        unseen = await count_unseen(session) if tells else None
        # Who joined while the server was asked is told, too: the cursor is about to pass what came since.
        joined = await self._listening(mailbox)
        if joined != subscriptions and (
            not set(self._items(joined)) <= set(items)
            or hearings(joined) - hearings(subscriptions)
            or texts_asked(joined) - texts_asked(subscriptions)
        ):
            raise ConflictError("Somebody who joined meanwhile wants to know more than was fetched.")
        kept = self._kept(mailbox, cursor, now, started)
        if isinstance(decision, Flood):
            upto = decision.cursor.uid_next
            matched = match_flood(joined, mailbox, cursor.uid_validity, decision.counts, upto, unseen, now, means.keep)
            verdicts = kept.counted(matched.drafts, decision.cursor, joined)
        else:
            matched = match(joined, mailbox, cursor.uid_validity, decision.arrivals, unseen, now, means.keep)
            verdicts = kept.kept(matched.verdicts, decision.arrivals)
            verdicts += kept.dismissed(fetched, decision.cursor, joined)
        committed = await means.store.commit(
            self._account.id,
            mailbox,
            cursor,
            decision.cursor,
            matched.drafts,
            sighted=passed.sighted,
            known=passed.known,
            verdicts=verdicts,
        )
        self.settled = False
        took_ms = (means.clock.monotonic() - started) * 1000.0
        if isinstance(decision, Flood):
            count = max(decision.counts.values())
            means.emit(MailDetected(self._account.id, count, len(committed), took_ms))
            return Found(count)
        plain = [arrival for arrival in decision.arrivals if not arrival.marks]
        means.emit(MailDetected(self._account.id, len(plain), len(committed), took_ms))
        return self._judged(plain, looked_at, now)

    def _kept(self, mailbox: str, cursor: Cursor, now: datetime, started: float) -> Look:
        took_ms = (self._means.clock.monotonic() - started) * 1000.0
        return Look(mailbox, cursor.uid_validity, cursor.uid_next, now, took_ms, self._means.store.fingerprint)

    async def _is_flood(self, cursor: Cursor, behind: Behind) -> bool:
        """Is so much new that it is counted instead of fetched? A FETCH of thousands is more than a session may say at once."""
        exists = self._session.exists
        if too_many(behind.span, cursor.count, exists):
            return True
        if behind.span is None or not may_hide_many(behind.span, exists):
            return False
        last = behind.first_uid + behind.span - 1
        return await count_new(self._session, behind.first_uid, last, "ALL") > FLOOD_MESSAGES

    def _judged(self, arrivals: Sequence[Arrival], looked_at: datetime | None, now: datetime) -> Found:
        lag = self._means.hosts.clock_lag_seconds(self._account.target.host)
        if looked_at is None or lag is None:
            return Found(len(arrivals))

        def waited(seconds: float) -> bool:
            return any(is_late(one.message, looked_at, now, lag, seconds) for one in arrivals)

        return Found(len(arrivals), waited(UNSAID_SECONDS), waited(SURE_SECONDS))

    async def _fetched(
        self, cursor: Cursor, first: int, items: tuple[str, ...], extent: Extent | None
    ) -> tuple[FetchData, ...]:
        """All from ``first`` on. Asked again where the server has said that there is more than it gives."""
        session, hosts, host = self._session, self._means.hosts, self._account.target.host
        before = self._exists if extent is None else cursor.count
        fetched: tuple[FetchData, ...] = ()
        for pause in (*EMPTY_PAUSES_SECONDS, None):
            fetched = await session.fetch(SequenceSet.starting_at(first), items)
            for date in sorted(
                one.internal_date for one in fetched if one.uid is not None and one.uid >= first and one.internal_date
            )[-1:]:
                hosts.saw_date(host, date)
            came = any(one.uid is not None and one.uid >= first for one in fetched)
            promised = before is not None and session.exists is not None and session.exists > before
            if came or not promised:
                break
            if pause is None:
                self.settled = False
                self.hidden, self._exists = 1, before
                break
            await self._means.clock.sleep(pause)
        return fetched

    async def _written_since(
        self, fetched: Sequence[FetchData], first: int, since: datetime | None, now: datetime
    ) -> frozenset[int]:
        """UIDs of what looks filed by the server's clock and cannot be: it was written since the last look. That clock was
        set back then, and what is known of it is forgotten."""
        doubted = sorted(
            {one.uid for one in fetched if one.uid is not None and one.uid >= first and looks_filed(one, since)}
        )
        if since is None or not doubted:
            return frozenset()
        dated = await self._session.fetch(SequenceSet(tuple((uid, uid) for uid in doubted)), ("UID", DATE_ITEM))
        sure = frozenset(doubted) & frozenset(
            one.uid for one in dated if one.uid is not None and is_written_since(one, since, now)
        )
        if sure:
            hosts, host = self._means.hosts, self._account.target.host
            hosts.forget_clock(host)
            hosts.saw_date(host, max(one.internal_date for one in fetched if one.uid in sure and one.internal_date))
        return sure

    def _items(self, subscriptions: Sequence[Subscription]) -> tuple[str, ...]:
        items = fetch_items(subscriptions, has_preview=self._session.has("PREVIEW"))
        more = identity_items(self._session.has)
        return tuple(dict.fromkeys((*items, *more)))

    # --- who is told ---

    async def _listening(self, mailbox: str) -> tuple[Subscription, ...]:
        return listening(await self._means.store.of_account(self._account.id), mailbox)

    async def _ground(self, mailbox: str, extent: Extent) -> None:
        """Who is new to the mailbox is told of what comes from now on."""
        for subscription, wished in self.fresh:
            if wished == mailbox and extent.uid_next is not None:
                await self._means.store.ground(subscription, Floor(mailbox, extent.uid_validity, extent.uid_next))
        self.fresh = tuple(one for one in self.fresh if one[1] != mailbox)

    async def _lowest_floor(self, mailbox: str, extent: Extent) -> int | None:
        """A mailbox that was made while its account was watched has a floor before anybody has looked at it."""
        floors = [one.floor(mailbox) for one in await self._listening(mailbox)]
        fitting = [one.uid_next for one in floors if one is not None and one.uid_validity == extent.uid_validity]
        return min(fitting, default=None)

    async def _keep_look(self, mailbox: str, cursor: Cursor, now: datetime) -> None:
        if cursor.looked_at is None or now - cursor.looked_at >= LOOK_KEPT:
            await self._means.store.commit(self._account.id, mailbox, cursor, replace(cursor, looked_at=now), ())
