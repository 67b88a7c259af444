"""One session and the mailbox that it has open: the questions a watcher asks, each in as few round trips as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from idlebell.imap import commands as c
from idlebell.imap.mailbox_view import MailboxView
from idlebell.imap.responses import (
    Condition,
    ESearchData,
    FetchData,
    ResponseCode,
    SearchData,
    StatusData,
    UntaggedResponse,
)
from idlebell.imap.sequence_set import STAR, SequenceSet
from idlebell.net.clock import Clock
from idlebell.net.imap_connection import ImapConnection, Reply
from idlebell.watch.detect import FLOOD_MESSAGES

COMMAND_SECONDS = 60.0
"""A command that has no answer after this long never gets one."""
IDLE_ACK_SECONDS = 30.0
SEARCH_WINDOW = 5_000
"""UIDs asked about in one SEARCH without ESEARCH: its one-line answer stays under ``Limits.line_bytes``."""
WINDOWS = 200
"""Windows of a count that are asked for; a mailbox that gained a million UIDs at once is said to have gained many."""


class MailboxRefusedError(Exception):
    """The server does not open this mailbox. The session lives on."""

    def __init__(self, mailbox: str, condition: Condition, code: ResponseCode | None, text: str) -> None:
        super().__init__(f"EXAMINE was answered {condition}")
        self.command = "EXAMINE"
        self.mailbox = mailbox
        self.code = code
        self.text = text


class LookRefusedError(Exception):
    """The server answered NO or BAD to what it must be able to do in an open mailbox. It may be able to later; the session is
    too precious to be given up for it."""

    def __init__(self, command: str, condition: Condition, text: str) -> None:
        super().__init__(f"{command} was answered {condition}")
        self.command = command
        self.text = text


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a mailbox stands. ``uid_next`` None: the server does not tell."""

    uid_validity: int
    uid_next: int | None
    exists: int | None


class MailboxSession:
    """Owns the connection while a watcher runs. Every method raises what :class:`ImapConnection` raises, and then the session
    is over."""

    __slots__ = ("_clock", "_connection", "_interrupted", "_news", "_pausing", "_view")

    def __init__(self, connection: ImapConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._pausing: asyncio.Future[None] | None = None
        self._interrupted = False
        self._view: MailboxView | None = None
        self._news = False

    @property
    def connection(self) -> ImapConnection:
        return self._connection

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
    def idles(self) -> bool:
        return self._connection.has("IDLE")

    @property
    def news(self) -> bool:
        """Has the server said anything since the last look that may mean new mail?"""
        return self._news

    def looked(self) -> None:
        self._news = False

    async def examine(self, mailbox: str) -> Extent:
        """EXAMINE, never SELECT: \\Recent stays with the user's own client and nothing can be changed."""
        self._view = MailboxView(mailbox)
        reply = await self._run(c.Examine(mailbox))
        if not reply.completed.ok:
            self._view = None
            raise MailboxRefusedError(mailbox, reply.completed.condition, reply.completed.code, reply.completed.text)
        self._news = False
        view = self._view
        if view.uid_validity is None:
            # RFC 9051 section 6.3.2 requires it. Without one no UID can be trusted from one session to the next, so the
            # epoch is one that never changes: the most that such a server allows.
            view.uid_validity = 1
        return Extent(view.uid_validity, view.uid_next, view.exists)

    async def uid_next(self) -> int:
        """Where the open mailbox ends, on a server that does not say so: one above the last message's UID."""
        fetched = await self.fetch(SequenceSet(((STAR, STAR),)), ("UID",)) if self.exists else ()
        return max((message.uid + 1 for message in fetched if message.uid is not None), default=1)

    async def fetch(self, uids: SequenceSet, items: tuple[str, ...]) -> tuple[FetchData, ...]:
        reply = await self._run(c.UidFetch(uids, items))
        self._expect(reply, "UID FETCH")
        return tuple(one for one in reply.untagged if isinstance(one, FetchData))

    async def count_new(self, first: int, last: int) -> int:
        """How many messages with a UID from ``first`` to ``last`` would be announced, without fetching them. Never ``*``:
        what comes meanwhile would be counted now and found again later."""
        criteria = "UNSEEN UNDELETED UNDRAFT"
        if last < first:
            return 0
        if self._connection.has("ESEARCH"):
            return await self._search_count(f"UID {first}:{last} {criteria}", esearch=True)
        count = 0
        for window in range(WINDOWS):
            start = first + window * SEARCH_WINDOW
            if start > last:
                break
            count += await self._search_count(
                f"UID {start}:{min(start + SEARCH_WINDOW - 1, last)} {criteria}", esearch=False
            )
        return count

    async def count_unseen(self) -> int | None:
        """Unseen messages of the open mailbox; None where only a long answer would tell, or the server refuses one."""
        if self._connection.has("ESEARCH"):
            try:
                return await self._search_count("UNSEEN", esearch=True)
            except LookRefusedError:
                return None  # a number that is nice to have holds up no notification
        status = await self.status(self.open_mailbox or "INBOX", ("UNSEEN",))
        return status.unseen if status else None

    async def status(self, mailbox: str, items: tuple[str, ...]) -> StatusData | None:
        """STATUS of any mailbox; None where the server refuses it. Of the open one some servers answer with [CLIENTBUG]
        beside the figures: it is asked only where nothing else tells."""
        reply = await self._run(c.Status(mailbox, items))
        if not reply.completed.ok:
            return None
        return next((one for one in reply.untagged if isinstance(one, StatusData)), None)

    async def noop(self) -> None:
        self._expect(await self._run(c.Noop()), "NOOP")

    async def idle(self, seconds: float) -> None:
        """Enters IDLE and leaves it when the server says something that may mean new mail, when :meth:`interrupt` is called,
        or after ``seconds``. Keep-alives of the server do not end it."""
        refusal = await self._connection.idle(timeout=IDLE_ACK_SECONDS)
        if refusal is not None:
            raise LookRefusedError("IDLE", refusal.condition, refusal.text)
        deadline = self._clock.monotonic() + seconds
        while not self._news and not self._interrupted and (left := deadline - self._clock.monotonic()) > 0:
            said = await self._connection.wait_for_change(left)
            if not said:
                break
            self._apply(said)
        self._interrupted = False
        reply = await self._connection.done(timeout=IDLE_ACK_SECONDS)
        self._apply(reply.untagged)

    async def pause(self, seconds: float) -> None:
        """Waits without IDLE: ``seconds``, or until :meth:`interrupt` is called."""
        if not self._interrupted:
            loop = asyncio.get_running_loop()
            self._pausing = future = loop.create_future()
            timer = loop.call_later(seconds, _end, future)
            try:
                await future
            finally:
                timer.cancel()
                self._pausing = None
        self._interrupted = False

    def interrupt(self) -> None:
        """Ends the wait that is on, or the next one."""
        self._interrupted = True
        if self._pausing is not None:
            _end(self._pausing)
        self._connection.interrupt()

    async def log_out(self) -> None:
        await self._connection.logout()

    def close(self) -> None:
        self._connection.close()

    async def _run(self, command: c.Command) -> Reply:
        reply = await self._connection.command(command, timeout=COMMAND_SECONDS)
        self._apply(reply.untagged)
        if self._view is not None and reply.completed.code is not None:
            self._view.note(reply.completed.code)
        return reply

    def _apply(self, said: Iterable[UntaggedResponse]) -> None:
        if self._view is None:
            return
        for response in said:
            if self._view.apply(response):
                self._news = True

    async def _search_count(self, criteria: str, *, esearch: bool) -> int:
        reply = await self._run(c.UidSearch(criteria, ("COUNT",) if esearch else ()))
        self._expect(reply, "UID SEARCH")
        for response in reply.untagged:
            if isinstance(response, ESearchData) and response.count is not None:
                return response.count
            if isinstance(response, SearchData):
                return len(response.numbers)
        return 0

    def _expect(self, reply: Reply, name: str) -> None:
        if not reply.completed.ok:
            raise LookRefusedError(name, reply.completed.condition, reply.completed.text)


def too_many(span: int | None, exists_before: int | None, exists_now: int | None) -> bool:
    """May a FETCH of all that is new bring more than is worth fetching? UIDs have gaps, so a large span of them alone does
    not say so where the number of messages is known."""
    if exists_before is not None and exists_now is not None:
        # What was expunged meanwhile hides arrivals; the span is the upper bound then.
        grown = exists_now - exists_before
        return grown > FLOOD_MESSAGES and (span is None or span > FLOOD_MESSAGES)
    return span is not None and span > FLOOD_MESSAGES


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
