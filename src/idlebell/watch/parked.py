"""Sessions that wait in IDLE and need no coroutine: one small record each, found by its descriptor when the server speaks.

All share one epoll instance, which is one reader of the event loop, and one wheel of deadlines. A record does its probes by
itself (:mod:`idlebell.watch.canned`). Whatever else happens wakes it: it is taken out of here and given to the fleet, which
makes a watcher of it that goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import select
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from idlebell.imap.capabilities import speaks_utf8
from idlebell.imap.commands import EventGroup
from idlebell.model.account import Account
from idlebell.model.ids import AccountId
from idlebell.net.clock import Clock
from idlebell.net.deadlines import drained
from idlebell.net.detached import ConnectionTerms
from idlebell.net.errors import ConnectionLost
from idlebell.net.foreign_errors import lost
from idlebell.net.tls_parked import ParkedTls, TlsRecordError
from idlebell.telemetry.ledger import NOTHING, Spent
from idlebell.telemetry.status import AccountStatus, MailboxStatus, Mode, Watch
from idlebell.watch.canned import STATUS_EVERY, Place, Turn, is_expected, line, next_turn
from idlebell.watch.mailbox_session import COMMAND_SECONDS, IDLE_ACK_SECONDS
from idlebell.watch.strategy import Chosen, Way

READ_BYTES: Final = 4_096
"""Taken from a socket at once; more than a keep-alive wakes the session anyway."""
READY_AT_ONCE: Final = 32
"""Sessions that are served before the event loop gets its turn again: each that wakes runs for half a millisecond in its next
turn."""
DUE_AT_ONCE: Final = 64
KEEP_ALIVES: Final = 250
"""Times that a server may say that it is still there, and nothing else, before it is our turn: one each seven seconds of the
longest wait. One that says more wakes, and then it is bounded by what it may say on average."""
TERMS: Final = 1_024
"""Different terms that are shared; there are not so many kinds of server. What is over is held once for each session."""


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """What a session has in common with others of its server. ``near``: it is on a network that the operator names as his own;
    ``notified``: what NOTIFY was asked to tell."""

    connection: ConnectionTerms
    mailbox: str
    chosen: Chosen
    notified: tuple[EventGroup, ...]
    near: bool

    @property
    def utf8(self) -> bool:
        return speaks_utf8(self.connection.client.capabilities, self.connection.client.enabled)


@dataclass(slots=True, eq=False)
class Parked:
    """A session of which all is announced. Times are of the monotonic clock, if they are no datetimes."""

    account: Account
    terms: SessionTerms
    descriptor: int
    slot: int
    """Of the arena with the traffic secrets of its connection."""
    tags: int
    """Commands sent: the number of the last tag."""
    heard_at: float
    due_at: float
    """When the next probe begins, or the answer to what was sent is overdue."""
    looked_at: datetime
    """When the mailbox was last looked at, or STATUS said that nothing is new. It is compared with the dates of messages, so it
    is of the wall clock: the monotonic one stands still while the machine sleeps."""
    idled_at: float
    """When the wait began that is on, or was."""
    uid_validity: int
    uid_next: int
    """Of the cursor: the first UID that is not announced."""
    exists: int | None
    mod_seq: int | None
    opened_at: float
    debt_bytes: float
    """In the leaky bucket of what the server may say, when it was heard last."""
    turn: Turn = Turn.IDLING
    probes: int = 0
    settled: bool = True
    bucket: int = 0
    kept_alive: int = 0
    """Times that it was told nothing since our last turn."""
    moved_bytes: int = 0
    """Over the socket, of the whole session."""
    counted: int = 0
    """Of :attr:`probes`, those that were told on (:attr:`Faces.probed`)."""

    @property
    def tls(self) -> ParkedTls:
        """The record layer over its slot, made anew for each use."""
        return ParkedTls(self.terms.connection.arena, self.slot)

    @property
    def overdue(self) -> bool:
        """Waits for an answer."""
        return self.turn is not Turn.IDLING


@dataclass(frozen=True, slots=True)
class Woken:
    """``said``: what came and is not understood yet; ``tls`` may hold a part of more. ``fault``: what has ended the
    connection."""

    tls: ParkedTls
    said: bytes = b""
    fault: ConnectionLost | None = None


def _nobody(_account: AccountId, _probes: int, _thorough: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Faces:
    """Whom the parked sessions tell. ``woken``: the session is not parked any more. ``bore``: it has lived through a wait of so
    many seconds and shown that it lives. ``cycle``: how long the next one is. ``probed``: so many probes it has done since
    it was told of last, and so many of them by STATUS."""

    woken: Callable[[Parked, Woken], None]
    bore: Callable[[Parked, float], None]
    cycle: Callable[[Parked], float]
    probed: Callable[[AccountId, int, int], None] = _nobody


class ParkedSessions:
    __slots__ = (
        "_buckets",
        "_by_account",
        "_by_descriptor",
        "_clock",
        "_epoll",
        "_faces",
        "_terms",
        "_timer",
    )

    def __init__(self, clock: Clock, faces: Faces) -> None:
        self._clock = clock
        self._faces = faces
        self._epoll: select.epoll | None = None
        self._by_descriptor: dict[int, Parked] = {}
        self._by_account: dict[AccountId, Parked] = {}
        self._buckets: dict[int, set[Parked]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._terms: dict[SessionTerms, SessionTerms] = {}

    def __len__(self) -> int:
        return len(self._by_account)

    def __iter__(self) -> Iterator[Parked]:
        return iter(tuple(self._by_account.values()))

    def of(self, account: AccountId) -> Parked | None:
        return self._by_account.get(account)

    def status(self, account: AccountId) -> AccountStatus | None:
        """What would be shown of it if it were awake."""
        parked = self._by_account.get(account)
        if parked is None:
            return None
        return AccountStatus({parked.terms.mailbox: self.shown(parked)})

    def spent(self, account: AccountId) -> Spent:
        parked = self._by_account.get(account)
        return NOTHING if parked is None else Spent(1, parked.tags, parked.moved_bytes)

    def shown(self, parked: Parked) -> MailboxStatus:
        chosen = parked.terms.chosen
        return MailboxStatus(
            parked.terms.mailbox,
            Watch.WATCHING,
            mode=Mode.NOTIFY if chosen.way is Way.NOTIFY else Mode.IDLE,
            uid_validity=parked.uid_validity,
            uid_next=parked.uid_next,
            last_seen_alive_at=_wall(parked.idled_at, self._clock),
            next_check_at=_wall(parked.due_at, self._clock),
        )

    def add(self, parked: Parked) -> None:
        """At most one of an account. OSError: the system bears no more, and nothing has changed."""
        parked.terms = self._shared(parked.terms)
        parked.counted = parked.probes
        if self._epoll is None:
            self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._ready)
        self._epoll.register(parked.descriptor, select.EPOLLIN)
        self._by_account[parked.account.id] = parked
        self._by_descriptor[parked.descriptor] = parked
        self._schedule(parked)

    def take(self, parked: Parked) -> None:
        """It is not parked any more; its socket is the caller's."""
        del self._by_account[parked.account.id]
        del self._by_descriptor[parked.descriptor]
        self._unschedule(parked)
        self._tell_probes(parked)
        if self._epoll is not None:
            self._epoll.unregister(parked.descriptor)

    def tell_probes(self, account: AccountId | None = None) -> None:
        """Those that were not told of yet, of one or of all."""
        one = None if account is None else self._by_account.get(account)
        for parked in self if account is None else () if one is None else (one,):
            self._tell_probes(parked)

    def _tell_probes(self, parked: Parked) -> None:
        if parked.probes != parked.counted:
            thorough = parked.probes // STATUS_EVERY - parked.counted // STATUS_EVERY
            self._faces.probed(parked.account.id, parked.probes - parked.counted, thorough)
            parked.counted = parked.probes

    def suspect(self, account: AccountId) -> None:
        """Has its session show that it lives, at once, where it is parked."""
        parked = self._by_account.get(account)
        if parked is not None and not parked.overdue:
            self._begin(parked)

    def log_out(self) -> None:
        """Takes leave of all servers, without waiting for an answer, and closes."""
        for parked in self:
            self.take(parked)
            tls = parked.tls
            farewell = b"DONE\r\n" if parked.turn in (Turn.IDLING, Turn.IDLE) else b""
            with contextlib.suppress(OSError, ConnectionLost):
                sealed = tls.seal(farewell + b"A%d LOGOUT\r\n" % (parked.tags + 1)) + tls.close_notify()
                os.write(parked.descriptor, sealed)
            tls.forget()
            socket.close(parked.descriptor)
        if self._epoll is not None:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    # --- what is said ---

    def _ready(self) -> None:
        assert self._epoll is not None
        for descriptor, _ in self._epoll.poll(0, READY_AT_ONCE):
            parked = self._by_descriptor.get(descriptor)
            if parked is not None:
                self._listen(parked)

    def _listen(self, parked: Parked) -> None:
        try:
            data = os.read(parked.descriptor, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._wake(parked, Woken(parked.tls, fault=lost(error)))
            return
        parked.moved_bytes += len(data)
        tls = parked.tls
        if not data:
            # Told, not left to be read: a session that has rested long enough is parked again before it reads anything.
            self._wake(parked, Woken(tls, fault=ConnectionLost("truncated", "closed without close_notify")))
            return
        tls.keep_keys()  # for the watcher, if it wakes
        try:
            received = tls.receive(data)
        except TlsRecordError as error:
            self._send(parked, error.farewell)
            self._wake(parked, Woken(tls, error.content, error))
            return
        now = self._clock.monotonic()
        parked.debt_bytes = drained(parked.debt_bytes, now - parked.heard_at)
        parked.heard_at = now
        if received.reply:
            self._send(parked, received.reply)
        said = received.content
        expected = is_expected(parked.turn, said, parked.tags, Place(parked.uid_validity, parked.uid_next))
        if received.closed or not tls.at_rest or expected is None:
            self._wake(parked, Woken(tls, said))
            return
        if not expected and parked.kept_alive == KEEP_ALIVES:
            self._wake(parked, Woken(tls, said))
            return
        tls.drop_keys()
        if expected:
            self._advance(parked)
        else:
            parked.kept_alive += 1

    def _wake(self, parked: Parked, woken: Woken) -> None:
        self.take(parked)
        self._faces.woken(parked, woken)

    # --- the dialogue ---

    def _begin(self, parked: Parked) -> None:
        self._go(parked, Turn.DONE)

    def _advance(self, parked: Parked) -> None:
        """The server has said what was due."""
        if parked.turn is Turn.DONE:
            parked.probes += 1
            self._faces.bore(parked, parked.heard_at - parked.idled_at)
        elif parked.turn is Turn.STATUS:
            parked.looked_at = self._clock.now()  # NOOP is no such word: some servers say nothing at it
        if parked.turn in (Turn.NOOP, Turn.STATUS):
            parked.settled = True
        turn = next_turn(parked.turn, thorough=parked.probes % STATUS_EVERY == 0)
        if turn is Turn.IDLING:
            parked.turn = turn
            parked.idled_at = parked.heard_at
            self._reschedule(parked, parked.heard_at + self._faces.cycle(parked))
            return
        self._go(parked, turn)

    def _go(self, parked: Parked, turn: Turn) -> None:
        """Our turn: says the next line."""
        tags = parked.tags + (turn is not Turn.DONE)
        said = line(turn, parked.terms.mailbox, tags, utf8=parked.terms.utf8)
        parked.turn, parked.tags, parked.kept_alive = turn, tags, 0
        waits = COMMAND_SECONDS if turn in (Turn.NOOP, Turn.STATUS) else IDLE_ACK_SECONDS
        self._reschedule(parked, self._clock.monotonic() + waits)
        self._send(parked, parked.tls.seal(said))

    def _send(self, parked: Parked, sealed: bytes) -> None:
        try:
            sent = os.write(parked.descriptor, sealed)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            return  # the socket is broken, and says so to who reads
        parked.moved_bytes += sent
        if sent < len(sealed):
            # A line is not taken by the kernel after minutes of quiet: nobody is there. It ends as if it had been cut.
            sock = socket.socket(fileno=parked.descriptor)
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.detach()

    # --- deadlines ---

    def _schedule(self, parked: Parked) -> None:
        parked.bucket = math.ceil(parked.due_at)
        self._buckets.setdefault(parked.bucket, set()).add(parked)
        if self._timer is None:
            self._arm()

    def _unschedule(self, parked: Parked) -> None:
        bucket = self._buckets.get(parked.bucket)
        if bucket is not None:
            bucket.discard(parked)
            if not bucket:
                del self._buckets[parked.bucket]

    def _reschedule(self, parked: Parked, due_at: float) -> None:
        self._unschedule(parked)
        parked.due_at = due_at
        self._schedule(parked)

    def _arm(self, seconds: float = 1.0) -> None:
        """There is one timer: another, of the same wheel, would arm itself again for ever."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._turn_wheel)

    def _turn_wheel(self) -> None:
        now = self._clock.monotonic()
        self._timer = None
        done = 0
        for tick in sorted(tick for tick in self._buckets if tick <= now):
            for parked in tuple(self._buckets.get(tick, ())):
                if done == DUE_AT_ONCE:
                    self._arm(0.0)
                    return
                done += 1
                if parked.overdue:
                    self._wake(parked, Woken(parked.tls))
                else:
                    self._begin(parked)
        if self._buckets and self._timer is None:
            self._arm()

    # --- inside ---

    def _shared(self, terms: SessionTerms) -> SessionTerms:
        known = self._terms.get(terms)
        if known is not None:
            return known
        if len(self._terms) < TERMS:
            connection = next((one.connection for one in self._terms if one.connection == terms.connection), None)
            terms = terms if connection is None else replace(terms, connection=connection)
            self._terms[terms] = terms
        return terms


def _wall(at: float, clock: Clock) -> datetime:
    """A time of the monotonic clock, by the wall clock."""
    return clock.now() + timedelta(seconds=at - clock.monotonic())
