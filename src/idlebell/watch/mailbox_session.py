"""One session and the mailbox that it has open: the questions a watcher asks, each in as few round trips as it takes, and what
the server says unasked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from idlebell.imap import commands as c
from idlebell.imap.events import Completed
from idlebell.imap.mailbox_view import MailboxView
from idlebell.imap.responses import (
    ESearchData,
    ExpungeData,
    FetchData,
    ListData,
    NamespaceData,
    SearchData,
    StatusData,
    StatusResponse,
    UntaggedResponse,
    VanishedData,
)
from idlebell.imap.sequence_set import SequenceSet
from idlebell.imap.short_lines import line_bytes, shortened
from idlebell.net.clock import Clock
from idlebell.net.detached import Detached
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.reply import Reply
from idlebell.watch.answers import Extent, Listing, LookRefusedError, MailboxRefusedError, Waited
from idlebell.watch.census import passed_over
from idlebell.watch.lapses import events_lost
from idlebell.watch.pause import Pause
from idlebell.watch.remarks import Remarks
from idlebell.watch.strategy import NO_MAILBOXES
from idlebell.watch.unasked import tells_of_changes

COMMAND_SECONDS = 60.0
"""A command that has no answer after this long never gets one."""
IDLE_ACK_SECONDS = 30.0
IDLE_LEAST_SECONDS = 1.0
"""A server that ends IDLE by itself sooner than this, with nothing to say, does not do what IDLE is for."""

SELECTED_ONLY: Final = (c.EventGroup("selected", ("MessageNew", "MessageExpunge")),)


class MailboxSession:
    """Owns the connection while a watcher runs. Every method raises what :class:`ImapConnection` raises, and then the session
    is over."""

    __slots__ = (
        "_attended", "_clock", "_connection", "_interrupted", "_names_changed", "_news", "_notified",
        "_overflowed", "_passed_over", "_pause", "_silenced", "_statuses", "_touched", "_view", "quiet_since", "reached",
        "remarks",
    )  # fmt: skip

    def __init__(self, connection: ImapConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._pause = Pause()
        self._interrupted = False
        self._view: MailboxView | None = None
        self._news = False
        self._touched = False
        self._attended: frozenset[str] = NO_MAILBOXES
        self._statuses: dict[str, StatusData] | None = None
        self._names_changed = False
        self._passed_over: frozenset[str] | None = None  # listed, and not attended to; None: not known
        self._overflowed = False
        self._notified: tuple[c.EventGroup, ...] = ()
        self._silenced = False  # NONE is in force
        self.remarks = Remarks()
        self.quiet_since: float | None = None
        """Since when nothing was to be said by either side, by the monotonic clock; None while something is."""
        self.reached: int | None = None
        """The highest UID that the open mailbox has had, as far as it shows here; None: that is not known."""

    # --- what is known ---

    @property
    def connection(self) -> ImapConnection:
        return self._connection

    def has(self, capability: str) -> bool:
        return self._connection.has(capability)

    @property
    def open_mailbox(self) -> str | None:
        return self._view.name if self._view else None

    @property
    def exists(self) -> int | None:
        return self._view.exists if self._view else None

    @property
    def uid_validity(self) -> int | None:
        """Of the open mailbox, as the server said last."""
        return self._view.uid_validity if self._view else None

    @property
    def mod_seq(self) -> int | None:
        """HIGHESTMODSEQ of the open mailbox, as of its EXAMINE."""
        return self._view.highest_mod_seq if self._view else None

    @property
    def news(self) -> bool:
        """Has the server said anything since the last look that may mean new mail in the open mailbox?"""
        return self._news

    @property
    def stirred(self) -> bool:
        """Has it said anything at all that asks for something to be done?"""
        told = self._news or self._statuses or self._names_changed or self._overflowed or self.remarks.alert
        return bool(told or self.doubtful)

    @property
    def doubtful(self) -> bool:
        """Has it complained in a way that makes it worth opening the mailbox anew?"""
        return self.remarks.doubted and self.remarks.doubtful(self._clock.monotonic())

    def looked(self) -> None:
        self._news = False

    def stir(self) -> None:
        """What was said is worth a look after all."""
        self._news = True

    def take_touched(self) -> bool:
        """Has it told unasked of messages that changed or went? Given once."""
        touched, self._touched = self._touched, False
        return touched

    def attend(self, mailboxes: Iterable[str]) -> None:
        """Beside the open mailbox, what is said of these is kept for :meth:`take_statuses`."""
        self._attended = frozenset(mailboxes) or NO_MAILBOXES
        self._passed_over = passed_over(self._passed_over, self._attended)

    def take_statuses(self) -> dict[str, StatusData]:
        """The latest that was said of each mailbox that is attended to, given once."""
        statuses, self._statuses = self._statuses, None
        return statuses or {}

    def take_names_changed(self) -> bool:
        """Were mailboxes made, renamed or subscribed to, as far as NOTIFY tells? Given once."""
        changed, self._names_changed = self._names_changed, False
        return changed

    def take_overflow(self) -> bool:
        """Has the server said that it dropped events (RFC 5465 section 5.8), so that NOTIFY is off? Given once."""
        overflowed, self._overflowed = self._overflowed, False
        if overflowed:
            # RFC 5465: NONE is in force now. After Dovecot's own words it is not, so the next SET goes over a NONE anyway.
            self._notified = SELECTED_ONLY
            self._silenced = True
        return overflowed

    # --- opening ---

    async def examine(self, mailbox: str) -> Extent:
        """EXAMINE, never SELECT: \\Recent stays with the user's own client and nothing can be changed."""
        self._view = MailboxView(mailbox)
        condstore = self.has("CONDSTORE")  # HIGHESTMODSEQ comes along, at no cost (RFC 7162 section 3.1.8)
        reply = await self._run(c.Examine(mailbox, condstore=condstore))
        if not reply.completed.ok:
            self._view = None
            raise MailboxRefusedError(mailbox, reply.completed.condition, reply.completed.code, reply.completed.text)
        self._news = False
        self.remarks.opened(self._clock.monotonic())
        view = self._view
        self.reached = None if view.uid_next is None else view.uid_next - 1
        if view.uid_validity is None:
            # RFC 9051 section 6.3.2 requires it. Without one no UID can be trusted from one session to the next, so the
            # epoch is one that never changes: the most that such a server allows.
            view.uid_validity = 1
        return Extent(view.uid_validity, view.uid_next, view.exists, view.highest_mod_seq)

    # --- questions about the open mailbox ---

    async def fetch(self, uids: SequenceSet, items: tuple[str, ...]) -> tuple[FetchData, ...]:
        fetched: list[FetchData] = []
        for command in shortened(c.UidFetch(uids, items), line_bytes(self._connection.capabilities)):
            touched = self._touched
            reply = await self._run(command)
            self._touched = touched or tells_of_changes(reply.untagged, uids)  # what was asked for is no news of flags
            self._expect(reply, "UID FETCH")
            fetched += (one for one in reply.untagged if isinstance(one, FetchData))
        if self.reached is not None:
            self.reached = max((self.reached, *(one.uid or 0 for one in fetched)))
        return tuple(fetched)

    # --- questions about others ---

    async def status(self, mailbox: str, items: tuple[str, ...]) -> StatusData | None:
        """STATUS of any mailbox; None where the server refuses it. Of the open one some servers answer with [CLIENTBUG]
        beside the figures: it is asked only where nothing else tells."""
        return self._status_of(mailbox, await self._run(c.Status(mailbox, items)))

    def _status_of(self, mailbox: str, reply: Reply) -> StatusData | None:
        if self._statuses:
            self._statuses.pop(mailbox, None)  # it was asked for
        if not reply.completed.ok:
            if mailbox in self._attended and self._passed_over is not None:
                self._names_changed = bool(self._notified)  # it may have another name now
            return None
        told = [one for one in reply.untagged if isinstance(one, StatusData)]
        # NOTIFY may tell of another mailbox in between (RFC 5465 section 5); who spells names in its own way gives one alone.
        return next((one for one in reversed(told) if one.mailbox == mailbox), told[0] if len(told) == 1 else None)

    async def namespace(self) -> NamespaceData | None:
        """RFC 2342; None where the server has none, or does not say."""
        if not self.has("NAMESPACE"):
            return None
        reply = await self._run(c.Namespace())
        return next((one for one in reply.untagged if isinstance(one, NamespaceData)), None)

    async def list_all(self, status_items: tuple[str, ...]) -> Listing:
        """Every mailbox, with its special use and subscription, and its STATUS where the server tells it along
        (RFC 5819)."""
        returning: list[str] = []
        if self.has("LIST-EXTENDED"):
            returning += ["SUBSCRIBED", "CHILDREN"]
        if self.has("SPECIAL-USE"):
            returning.append("SPECIAL-USE")
        if self.has("LIST-STATUS"):
            returning.append(f"STATUS ({' '.join(status_items)})")
        unasked = self.take_statuses()
        reply = await self._run(c.List("", "*", returning=tuple(returning)))
        self._statuses = {name: (self._statuses or {}).get(name, status) for name, status in unasked.items()}
        self._expect(reply, "LIST")
        names = tuple(one for one in reply.untagged if isinstance(one, ListData))
        statuses = tuple(one for one in reply.untagged if isinstance(one, StatusData))
        subscribed: tuple[str, ...] = ()
        if not self.has("LIST-EXTENDED"):
            own = await self._run(c.Lsub("", "*"))
            subscribed = tuple(one.mailbox for one in own.untagged if isinstance(one, ListData) and one.lsub)
        self._names_changed = False
        self._passed_over = frozenset(one.mailbox for one in names)
        return Listing(names, statuses, subscribed)

    async def status_of_all(self, items: tuple[str, ...]) -> dict[str, StatusData]:
        """STATUS of every mailbox in one round trip (RFC 5819). Only where ``LIST-STATUS`` is offered."""
        unasked, changed = self.take_statuses(), self._names_changed
        reply = await self._run(c.List("", "*", returning=(f"STATUS ({' '.join(items)})",)))
        self._statuses, self._names_changed = unasked or None, changed
        self._expect(reply, "LIST")
        return {one.mailbox: one for one in reply.untagged if isinstance(one, StatusData)}

    # --- NOTIFY (RFC 5465) ---

    async def notify(self, groups: tuple[c.EventGroup, ...]) -> None:
        """Has the server tell of ``groups`` from now on, and how their mailboxes stand. LookRefusedError: it does not."""
        if self._notified == groups:
            return
        if self._notified:
            # Dovecot 2.4 loses the events of unselected mailboxes when a SET follows a SET.
            self._expect(await self._run(c.Notify(())), "NOTIFY")
            self._notified = ()
            self._silenced = True
        before, self._notified = self._notified, groups  # what comes along is said of these already
        reply = await self._run(c.Notify(groups, status=True))
        if reply.completed.ok:
            self._silenced = False
            return
        self._notified = before
        await self._tell_of_selected()
        self._expect(reply, "NOTIFY")

    async def notify_no_more(self) -> None:
        """Back to plain IDLE. After NONE alone Dovecot stays silent about the selected mailbox for the rest of the session, so
        that one goes on to be told of."""
        if self._notified and self._notified != SELECTED_ONLY:
            await self._run(c.Notify(()))
            self._notified = ()
            self._silenced = True
        await self._tell_of_selected()

    async def _tell_of_selected(self) -> None:
        if self._silenced and (await self._run(c.Notify(SELECTED_ONLY))).completed.ok:
            self._notified = SELECTED_ONLY
        self._silenced = False

    # --- waiting ---

    async def noop(self) -> None:
        self._expect(await self._run(c.Noop()), "NOOP")

    async def ask_to_idle(self) -> float:
        """Then comes :meth:`idle_agreed`, or :meth:`detach`. In how many seconds the answer is due."""
        await self._connection.ask_to_idle()
        return IDLE_ACK_SECONDS

    async def idle_on(self, seconds: float, *, rest_seconds: float = math.inf) -> Waited:
        """In IDLE, until the server says something that asks for something to be done, :meth:`interrupt` is called, or
        ``seconds`` are over; then IDLE is left. Keep-alives of the server do not end it. After ``rest_seconds`` in which
        nothing was said it returns early, and still idles. LookRefusedError: the server ended it by itself at once."""
        started = self._clock.monotonic()
        since = self.quiet_since or started
        deadline = started + seconds
        ended = ended_by_server = False
        while not self.stirred and not self._interrupted and (left := deadline - self._clock.monotonic()) > 0:
            if self._touched:
                return Waited.TOUCHED
            resting_in = (self.quiet_since or started) + rest_seconds - self._clock.monotonic()
            if resting_in <= 0:
                return Waited.RESTING
            said = await self._connection.wait_for_change(min(left, resting_in))
            if not said:
                ended_by_server = not self._connection.idling
                ended = ended_by_server or self._interrupted
                if ended:
                    break
                continue
            self.quiet_since = self._clock.monotonic()
            self._apply(said)
        quiet = not (self.stirred or self._interrupted or ended)
        self._interrupted = False
        seconds_idled = self._clock.monotonic() - since
        reply = await self._connection.done(timeout=IDLE_ACK_SECONDS)
        self.quiet_since = None
        self._apply(reply.untagged)
        if ended_by_server and seconds_idled < IDLE_LEAST_SECONDS and not self.stirred:
            raise LookRefusedError("IDLE", reply.completed.condition, reply.completed.code, "it was ended at once")
        return Waited.QUIET if quiet and not self.stirred else Waited.STIRRED

    def _idling(self, refusal: Completed | None) -> None:
        if refusal is not None:
            raise LookRefusedError("IDLE", refusal.condition, refusal.code, refusal.text)
        self.quiet_since = self._clock.monotonic()

    # --- parked ---

    @property
    def interrupted(self) -> bool:
        """Was :meth:`interrupt` called since the last wait?"""
        return self._interrupted

    def shed(self) -> None:
        """Lets go of what a session that rests can do without."""
        self._connection.shed()

    def detach(self) -> Detached | None:
        """Strips a session that rests in IDLE: whoever holds what it gives can go on by :meth:`resumed`, and this one can do
        nothing any more. None: the session knows more than that."""
        if self.stirred or self._touched or self._interrupted or self._silenced or self.remarks.doubted:
            return None
        return self._connection.detach()

    @property
    def notified(self) -> tuple[c.EventGroup, ...]:
        """What NOTIFY was asked to tell."""
        return self._notified

    @classmethod
    def resumed(
        cls, connection: ImapConnection, clock: Clock, view: MailboxView, notified: tuple[c.EventGroup, ...]
    ) -> MailboxSession:
        session = cls(connection, clock)
        session._view = view
        session._notified = notified
        session.quiet_since = connection.last_heard_at
        return session

    # The answers to what was sent while the session was parked, which are due in ``seconds``.

    async def idle_agreed(self, seconds: float) -> None:
        """LookRefusedError: the server refuses to let us idle."""
        self._idling(await self._connection.idle_agreed(timeout=seconds, in_all=IDLE_ACK_SECONDS))

    async def idle_ended(self, seconds: float) -> None:
        self._heed(await self._connection.completed("DONE", timeout=seconds, in_all=IDLE_ACK_SECONDS))
        self.quiet_since = None

    async def noop_completed(self, seconds: float) -> None:
        """LookRefusedError: it is refused."""
        self._expect(await self._completed("NOOP", seconds), "NOOP")

    async def status_completed(self, mailbox: str, seconds: float) -> StatusData | None:
        """As :meth:`status`."""
        return self._status_of(mailbox, await self._completed("STATUS", seconds))

    async def _completed(self, name: str, seconds: float) -> Reply:
        reply = await self._connection.completed(name, timeout=seconds, in_all=COMMAND_SECONDS)
        self._heed(reply)
        return reply

    async def pause(self, seconds: float) -> None:
        """Waits without IDLE: ``seconds``, or until :meth:`interrupt` is called."""
        if not self._interrupted:
            await self._pause.wait(seconds)
        self._interrupted = False

    def interrupt(self) -> None:
        """Ends the wait that is on, or the next one."""
        self._interrupted = True
        self._pause.end()
        self._connection.interrupt()

    async def log_out(self) -> None:
        await self._connection.logout()

    def close(self) -> None:
        self._connection.close()

    # --- inside ---

    async def _run(self, command: c.Command) -> Reply:
        reply = await self._connection.command(command, timeout=COMMAND_SECONDS)
        self._heed(reply)
        return reply

    def _heed(self, reply: Reply) -> None:
        self._apply(reply.untagged)
        if self._view is not None and reply.completed.code is not None:
            self._view.note(reply.completed.code)
        self.remarks.read(reply.completed.code, reply.completed.text)

    def _apply(self, said: Iterable[UntaggedResponse]) -> None:
        view = self._view
        for response in said:
            match response:
                case StatusData() if response.mailbox == self.open_mailbox:
                    pass  # what is said of it otherwise tells more
                case StatusData() if response.mailbox in self._attended:
                    self._statuses = self._statuses or {}
                    self._statuses[response.mailbox] = response
                case StatusData() if self._passed_over is not None and response.mailbox not in self._passed_over:
                    # Mail in a mailbox that LIST did not give. Outside NOTIFY nobody says so unasked.
                    self._names_changed = bool(self._notified)
                case FetchData() | ExpungeData() | VanishedData():
                    self._touched = True
                case ListData():
                    self._names_changed = bool(self._notified)
                case StatusResponse():
                    self.remarks.heed(response)
                    if self._notified and events_lost(response):
                        self._overflowed = True
            if view is not None and view.apply(response):
                self._news = True

    async def search(self, criteria: str, *returning: str) -> ESearchData | SearchData | None:
        """What fits ``criteria`` in the open mailbox; ``returning`` needs ESEARCH."""
        reply = await self._run(c.UidSearch(criteria, returning))
        self._expect(reply, "UID SEARCH")
        return next((one for one in reply.untagged if isinstance(one, ESearchData | SearchData)), None)

    def _expect(self, reply: Reply, name: str) -> None:
        if not reply.completed.ok:
            raise LookRefusedError(name, reply.completed.condition, reply.completed.code, reply.completed.text)
