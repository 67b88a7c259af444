"""One client's NOTIFY in force: what it is told without having asked, from its SET to the next one, and how that is found out.

Three sources. What the upstream says on the client's own session passes, as far as the client wants it. The mailbox that is
open is followed on that session alone, for only it has the client's message numbers. All others are looked at on a further
session, where there is one; else on the client's own, whenever that is safe.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from idlebell.front.notify import fetch_items
from idlebell.front.notify.bounds import FURTHER_EVERY_SECONDS, Allowance
from idlebell.front.notify.further import Further, FurtherSession
from idlebell.front.notify.known import Known
from idlebell.front.notify.look import Ask, Looker, TooMuch
from idlebell.front.notify.pace import Pace
from idlebell.front.notify.selected import SelectedMailbox, When
from idlebell.front.notify.wanted import MESSAGE_EVENTS, Event, Wanted
from idlebell.front.own import Answer, Asked, Departed, Here, Unreadable
from idlebell.imap.commands import Command, Noop, Status, UidFetch, UnknownCommand
from idlebell.imap.encode_response import encode_response
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.responses import Condition, FetchData, ListData, PlainCode, StatusData, UntaggedResponse
from idlebell.imap.sequence_set import STAR, SequenceSet
from idlebell.net.clock import Clock
from idlebell.net.errors import TransportError

OVERFLOW: Final = PlainCode("NOTIFICATIONOVERFLOW")
_OVERFLOWED: Final = b"* OK [NOTIFICATIONOVERFLOW] Too much to tell; NOTIFY is off until it is set again\r\n"
_TRY_AGAIN_SECONDS: Final = 0.2
"""A client that is being written to cannot be told something at that moment."""

_EXPUNGE: Final = re.compile(rb"\* ([0-9]{1,10}) EXPUNGE\b", re.IGNORECASE)
_NOBODY: Final = UnknownCommand("SEARCH", b"UID 4294967295")
"""Finds nothing. While it runs a server may tell of new messages and of flags, and must not of expunged ones (RFC 9051 section
7.5.1), so it is what is asked where an EXPUNGE would be wrong."""
_OPENS: Final = frozenset({"SELECT", "EXAMINE"})
_CLOSES: Final = frozenset({"CLOSE", "UNSELECT"})


class Phase(Enum):
    """RFC 5465 section 3.1."""

    UNSET = auto()
    """NOTIFY was not used: events of the mailbox that is open, while a command runs and in IDLE."""
    SET = auto()
    NONE = auto()
    """No events; also after an overflow."""


class Attendant:
    """``mod_seq``: has the client enabled CONDSTORE?"""

    def __init__(
        self, here: Here, pace: Pace, clock: Clock, further: Further | None, mod_seq: Callable[[], bool]
    ) -> None:
        self.phase = Phase.UNSET
        self._here = here
        self._pace = pace
        self._clock = clock
        self._further = further
        self._mod_seq = mod_seq
        self._wanted = Wanted()
        self._known: Known | None = None
        self._looker = Looker(self._collect)
        self._found: list[ListData | StatusData] = []
        self._allowance = Allowance()
        self._box: SelectedMailbox | None = None
        self._opening: SelectedMailbox | None = None  # SELECT is under way
        self._appending = 0  # messages when the client began to append one
        self._shown: int | None = None  # messages that the client knows of; None: all
        self._stirred = asyncio.Event()  # something of the open mailbox is to be fetched
        self._task: asyncio.Task[None] | None = None
        self._session: FurtherSession | None = None
        self._may_open_at = -math.inf  # the next further session

    # --- what the client asks ---

    async def set(self, wanted: Wanted) -> Answer:
        """NOTIFY SET. Departed."""
        here = self._here
        await self.stop()
        known = Known(wanted, here.capabilities, self._known)
        try:
            await self._looker.look(
                here.ask,
                known,
                names=True,
                mod_seq=self._mod_seq(),
                selected=lambda: here.selected,
                outset=wanted.status,
                before=self._known,
            )
        except (TooMuch, Unreadable) as error:
            if self.phase is Phase.SET:
                self._start()
            text = f"more than {known.plan.means.mailboxes} mailboxes cannot be watched here"
            if isinstance(error, Unreadable):
                text = "what the mail server tells of these mailboxes cannot be read"
            return Answer(Condition.NO, text, OVERFLOW, self._take_found())
        told = self._take_found()
        self._show()
        self.phase, self._wanted, self._known = Phase.SET, wanted, known
        self._allowance = Allowance(_at=self._clock.monotonic())
        if here.selected is not None:
            await self._see(here.selected)
        self._start()
        return Answer(Condition.OK, "NOTIFY completed", untagged=told)

    async def none(self) -> Answer:
        """NOTIFY NONE. Departed."""
        await self.stop()
        self._forget()
        if self._here.selected is not None and self._box is None:
            await self._see(self._here.selected)
        return Answer(Condition.OK, "NOTIFY completed")

    @property
    def mutes_idle(self) -> bool:
        """Whether IDLE tells nothing of the open mailbox (section 4): then it is none of the upstream's."""
        return self.phase is Phase.NONE or (self.phase is Phase.SET and not self._wanted.of_selected)

    def keep_alive(self) -> Command:
        """While the client is in an IDLE of which the upstream knows nothing."""
        return Noop() if self._here.selected is None or not self.mutes_idle else _NOBODY

    # --- what passes ---

    def began(self, name: str) -> None:
        """A command of the client's goes to the upstream."""
        self._show()
        if name in _OPENS:
            self._opening = SelectedMailbox("")
        elif name == "APPEND" and self._box is not None:
            self._appending = self._box.count

    def ended(self, name: str, *, ok: bool) -> None:
        """... and has its tagged response."""
        if name in _OPENS and not ok and self._here.selected is not None:
            self._opening = None  # BAD: the mailbox stays open
        elif name in _OPENS or (name in _CLOSES and ok):
            self._leave()
            opened, self._opening = self._opening, None
            if name in _OPENS and ok and opened is not None and self._here.selected is not None:
                opened.name = self._here.selected
                opened.settle()
                self._box = opened
        elif name == "APPEND" and ok and self._box is not None and self._box.count == self._appending + 1:
            self._box.made_its_own()
        if self._session is not None and (name in _OPENS or name in _CLOSES or name == "IDLE"):
            self._session.interrupt()  # perhaps another mailbox is of interest now

    def heard(self, line: bytes) -> bool:
        """An untagged response on its way to the client; False: it is not to see it."""
        if self.phase is Phase.UNSET:
            return True
        if self._opening is not None:
            return self._opening.hear(line, When.COMMAND, MESSAGE_EVENTS)
        box = self._box
        if box is None:
            return True
        when = When.COMMAND if self._here.busy else When.QUIET
        wanted = self._wanted.of_selected
        before = box.count
        passes = box.hear(line, when, wanted)
        if wanted:
            if box.waits:
                self._stirred.set()
            return passes
        box.made_its_own()
        return passes if when is When.COMMAND or box.count == before else self._mutes(line, before, box.count)

    def _mutes(self, line: bytes, before: int, now: int) -> bool:
        """The open mailbox has other messages, and the client does not want to know: new ones are shown with its next command,
        before anything can be said of them. What it knows of and is gone it has to be told at once."""
        shown = before if self._shown is None else self._shown
        if now > before:
            self._shown = shown
            return False
        expunged = _EXPUNGE.match(line)
        if expunged is not None and int(expunged[1]) > shown:
            return False  # it came and went
        if self._shown is not None:
            self._shown = max(0, shown - (before - now))
        return True

    def _show(self) -> None:
        """What :meth:`_mutes` kept back."""
        box, shown = self._box, self._shown
        hidden = shown is not None and box is not None and box.count > shown
        if hidden and box is not None and not self._here.tell(b"* %d EXISTS\r\n" % box.count):
            return  # with the command after this one
        self._shown = None

    # --- its life ---

    async def stop(self) -> None:
        """Nothing runs for it any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def _forget(self) -> None:
        self.phase, self._wanted, self._known = Phase.NONE, Wanted(), None

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                if self._wanted.of_selected:
                    tasks.create_task(self._attend_selected())
                if self._wanted.of_others or (self._wanted.of_selected and self._further is not None):
                    tasks.create_task(self._attend_others())
        except* (TooMuch, Departed, LocalProtocolError):
            # Also where the upstream says what cannot be read, or calls a mailbox what cannot be said: a client that waits for
            # ever would be worse. One that has gone is told nothing, and this is ended with it.
            self._forget()
            await self._insist(_OVERFLOWED)

    # --- the open mailbox ---

    async def _see(self, mailbox: str) -> None:
        """How many messages the open mailbox has, after what has gathered was told: NOTIFY SET is a NOOP too (section 3.1)."""
        here = self._here
        box = self._opening = SelectedMailbox(mailbox)
        await here.ask(Noop())
        asked = await here.ask(UidFetch(SequenceSet(((STAR, STAR),)), ("UID",)))
        for one in asked.untagged:
            if isinstance(one, FetchData) and one.uid is not None:
                box.count = max(box.count, one.number)
                box.saw_uid(one.uid)
        box.settle()
        self._opening, self._box = None, box

    def _leave(self) -> None:
        box, self._box = self._box, None
        if box is not None and self._known is not None:
            self._known.left(box.name, box.count, box.uid_next)

    async def _attend_selected(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._pace.poll):
                    await self._stirred.wait()
            except TimeoutError:
                await self._ask_for_news()
                continue
            self._stirred.clear()
            await self._clock.sleep(self._pace.gather)
            while self._box is not None and self._box.waits:
                await self._fetch(self._box)

    async def _ask_for_news(self) -> None:
        """Of the open mailbox, on the session that has the client's numbers; an IDLE of the client's brings them by itself."""
        if self._box is not None and not self._here.idling:
            await self._ask_anytime(self._poll)

    def _poll(self) -> Command:
        delayed = self._wanted.selected is not None and self._wanted.selected.delayed
        return _NOBODY if delayed else Noop()

    async def _fetch(self, box: SelectedMailbox) -> None:
        """What the upstream has not said of new messages and of changed flags. Message numbers are good once nothing of the
        client's runs, and FETCH moves none of them."""
        selected = self._wanted.selected
        assert selected is not None
        sets: list[SequenceSet | None] = []

        def command() -> Command:
            sets[:] = box.to_fetch(flags_come="FLAGS" in selected.items) if box is self._box else (None, None)
            new, changed = sets
            if new is not None and selected.items:
                asked = dict.fromkeys(["UID", *(fetch_items.upstream(item) or "UID" for item in selected.items)])
                if changed is not None:
                    box.flagged = frozenset(changed)  # the next time
                    sets[1] = None
                return _fetch(new, " ".join(asked))
            if changed is not None:
                return _fetch(changed, "UID FLAGS MODSEQ" if self._mod_seq() else "UID FLAGS")
            return _NOBODY

        asked = await self._ask_anytime(command)
        if box.overflowed:
            raise TooMuch
        new, changed = sets
        for one in asked.untagged:
            if not isinstance(one, FetchData):
                continue
            if one.uid is not None:
                box.saw_uid(one.uid)
            if new is not None and one.number in new:
                await self._tell(fetch_items.as_asked(one, selected.items))
            elif changed is not None and one.number in changed:
                await self._tell(one)
            elif one.flags is not None and Event.FLAG_CHANGE in selected.events:
                box.flagged |= {one.number}  # it has changed while we asked for others

    async def _ask_anytime(self, command: Command | Callable[[], Command]) -> Asked:
        """The client has said that it bears what may come, or nothing comes that it does not."""
        return await self._here.ask(command, anytime=True)

    # --- the others ---

    async def _attend_others(self) -> None:
        if self._further is None:
            await self._look_from(self._ask_own, None)
            return
        # A login for each NOTIFY of a client that sends nothing else would be a way to wear out the server behind.
        await self._look_from(self._ask_own, None, until=self._may_open_at)
        self._may_open_at = self._clock.monotonic() + FURTHER_EVERY_SECONDS
        connection = await self._further.open(self._here)
        if connection is not None:
            self._session = FurtherSession(connection)
            try:
                await self._look_from(self._session.ask, self._session)
            except (TransportError, RemoteProtocolError):
                pass  # on the client's own from now on, until its next NOTIFY
            finally:
                self._further.close(self._here)
                self._session = None
        await self._look_from(self._ask_own, None)

    async def _ask_own(self, command: Command) -> Asked:
        selected = self._wanted.selected
        bears = selected is not None and bool(selected.events) and not selected.delayed
        return await self._here.ask(command, anytime=bears)

    async def _look_from(self, ask: Ask, session: FurtherSession | None, until: float = math.inf) -> None:
        known, here, clock = self._known, self._here, self._clock
        assert known is not None
        listed_at = clock.monotonic()
        due = clock.monotonic() + self._pace.pause(self._looker.statuses)
        while clock.monotonic() < until:
            left = min(due, until) - clock.monotonic()
            if left > 0:
                at = self._of_interest(known)
                if session is None:
                    await clock.sleep(left)
                elif await session.wait(left, at=at):
                    await clock.sleep(self._pace.gather)
                    assert at is not None
                    if at == here.selected:
                        await self._ask_for_news()
                    else:
                        await self._look_at(ask, known, at)
                continue
            now = clock.monotonic()
            names = known.plan.lists and now - listed_at >= self._pace.list
            if names:
                listed_at = now
            await self._looker.look(ask, known, names=names, mod_seq=self._mod_seq(), selected=lambda: here.selected)
            await self._tell_found()
            due = clock.monotonic() + self._pace.pause(self._looker.statuses)

    def _of_interest(self, known: Known) -> str | None:
        """Where a further session idles: at the mailbox that the client has open and does not idle at itself, else at INBOX."""
        selected = self._here.selected
        if selected and self._wanted.of_selected and not self._here.idling:
            return selected
        return "INBOX" if known.of("INBOX") & MESSAGE_EVENTS and selected != "INBOX" else None

    async def _look_at(self, ask: Ask, known: Known, mailbox: str) -> None:
        items = known.plan.asked(mod_seq=self._mod_seq())
        if not items:
            return
        asked = await ask(Status(mailbox, items))
        statuses = [one for one in asked.untagged if isinstance(one, StatusData)]
        self._found += known.stand(statuses, mod_seq=self._mod_seq(), selected=self._here.selected)
        await self._tell_found()

    # --- telling ---

    def _collect(self, response: ListData | StatusData) -> None:
        self._found.append(response)

    def _take_found(self) -> tuple[bytes, ...]:
        found, self._found = self._found, []
        return tuple(self._encoded(one) for one in found)

    async def _tell_found(self) -> None:
        found, self._found = self._found, []
        for one in found:
            await self._tell(one)

    async def _tell(self, response: UntaggedResponse) -> None:
        """TooMuch: the client cannot be told as much as it asked for."""
        if not self._allowance.spend(1, self._clock.monotonic()):
            raise TooMuch
        line = self._encoded(response)
        deadline = self._clock.monotonic() + self._pace.unread
        while not self._here.tell(line):
            if self._clock.monotonic() >= deadline:
                raise TooMuch
            await self._clock.sleep(_TRY_AGAIN_SECONDS)

    async def _insist(self, line: bytes) -> None:
        """The client has to know; where it reads nothing the relay ends it in time."""
        while not self._here.tell(line):
            await self._clock.sleep(_TRY_AGAIN_SECONDS)

    def _encoded(self, response: UntaggedResponse) -> bytes:
        return encode_response(response, utf8=self._here.utf8)


def _fetch(numbers: SequenceSet, items: str) -> UnknownCommand:
    return UnknownCommand("FETCH", f"{numbers} ({items})".encode())
