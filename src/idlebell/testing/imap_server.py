"""A scriptable IMAP server on our own server half, for tests, the demo and the benchmarks.

::

    async with ImapServer() as server:
        alice = server.add_user("alice", "secret")
        ...
        server.deliver("alice", mail.make(subject="Lunch?"))
        refused = server.plan(commands.Login, Refuse("no", "AUTHENTICATIONFAILED"))
        await refused.hit()
        await server.until(lambda: server.idling("alice") == 1)

It runs in the caller's loop and never sleeps. As a program (``python -m idlebell.testing.imap_server``) it is a process of
its own for load tests, see :mod:`idlebell.testing.load_server`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Self, TypeAlias

from idlebell.imap.state import State
from idlebell.testing.certificate import Authority
from idlebell.testing.faults import Fault, Moment, Planned
from idlebell.testing.habits import Habits
from idlebell.testing.imap_session import ImapSession
from idlebell.testing.mail_store import Mailbox, MailStore, User

BACKLOG = 4_096
"""Connections that the kernel accepts ahead of us."""

Happening: TypeAlias = Literal["connected", "delivered", "exists", "fetched", "left"]


@dataclass(frozen=True, slots=True)
class Note:
    """What happened when; for the demo's time line."""

    what: Happening
    at: float
    """:func:`time.perf_counter`, seconds."""
    user: str | None


class ImapServer:
    """``async with`` starts it on 127.0.0.1; the ports are chosen by the system where they are 0.

    :attr:`port` speaks in clear, with STARTTLS where there is a certificate; :attr:`tls_port` is under TLS from the start.
    ``tls`` False: neither. :attr:`ca_pem` is what a client must trust.
    """

    def __init__(
        self,
        *,
        store: MailStore | None = None,
        habits: Habits | None = None,
        tls: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        observe: Callable[[Note], None] | None = None,
    ) -> None:
        self.store = store or MailStore()
        self.habits = habits or Habits()
        self.host = host
        self.port = port
        self.tls_port = tls_port
        self.ca_pem = b""
        self.sessions: set[ImapSession] = set()
        self.connections = 0
        """How many were ever accepted."""
        self.logins: list[str] = []
        """User names that tried, in order."""
        self.identities: list[dict[str, str]] = []
        """What ID told, in order."""
        self._tls = tls
        self._observe = observe
        self._plans: list[Planned] = []
        self._listeners: list[asyncio.Server] = []
        self._changed = asyncio.Event()
        if tls and self.habits.tls_context is None:
            authority = Authority()
            self.ca_pem = authority.ca_pem
            self.habits = replace(self.habits, tls_context=authority.server_context())

    # --- its life ---

    async def start(self) -> None:
        """Listens, on the ports it had before where it was stopped. What was delivered is still there."""
        loop = asyncio.get_running_loop()
        for name in ("port", "tls_port") if self._tls else ("port",):
            listener = await loop.create_server(
                lambda: ImapSession(self), self.host, getattr(self, name), backlog=BACKLOG, start_serving=False
            )
            setattr(self, name, listener.sockets[0].getsockname()[1])
            self._listeners.append(listener)
        for listener in self._listeners:
            await listener.start_serving()

    async def stop(self, *, reset: bool = False) -> None:
        """Stops listening and ends every connection, without a word, as a machine that goes down."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for session in [*self.sessions]:
            session.drop(reset=reset)
        await self.until(lambda: not self.sessions)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # --- what a test does ---

    def add_user(self, name: str, password: str, *, token: str | None = None) -> User:
        return self.store.add_user(name, password, token=token)

    def deliver(
        self,
        user: str,
        message: bytes,
        mailbox: str = "INBOX",
        *,
        flags: frozenset[str] = frozenset(),
        internal_date: datetime | None = None,
        external: bool = False,
    ) -> int:
        """A message arrives; whoever idles on the mailbox hears of it before this returns. The new UID.

        ``flags``: set by a filter, such as \\Seen. ``external``: put there behind the server's back. With a given
        ``internal_date`` it is what APPEND does with an old one.
        """
        self._note(Note("delivered", time.perf_counter(), user))
        now = datetime.now(UTC).replace(microsecond=0)
        return self.mailbox(user, mailbox).add(
            message,
            flags=flags,
            internal_date=internal_date or now + self.habits.clock_offset,
            hidden_fetches=self.habits.fetches_lag,
            external=external,
        )

    def create(self, user: str, name: str, *, subscribed: bool = False) -> Mailbox:
        return self.user(user).add_mailbox(name, subscribed=subscribed)

    def rename(self, user: str, old: str, new: str) -> None:
        """With what is below it."""
        self.user(user).rename(old, new, delimiter=self.habits.delimiter)

    def delete(self, user: str, name: str) -> None:
        self.user(user).delete(name)

    def copy(self, user: str, uid: int, target: str, source: str = "INBOX") -> int:
        """Another client copies a message; date, flags and EMAILID stay. The new UID."""
        return self.user(user).copy(uid, source, target)

    def move(self, user: str, uid: int, target: str, source: str = "INBOX") -> int:
        return self.user(user).move(uid, source, target)

    def user(self, name: str) -> User:
        found = self.store.find(name)
        if found is None:
            raise KeyError(name)
        return found

    def mailbox(self, user: str, name: str = "INBOX") -> Mailbox:
        return self.user(user).mailboxes[name]

    def plan(self, moment: Moment, fault: Fault, *, times: int | None = 1, user: str | None = None) -> Planned:
        """From now on ``fault`` strikes at ``moment``, ``times`` times (None: always). Plans are tried in their order."""
        planned = Planned(moment, fault, times, user)
        self._plans.append(planned)
        return planned

    def behave(self, **changes: object) -> None:
        """Changes :class:`Habits`, for all sessions from the next command on."""
        self.habits = replace(self.habits, **changes)  # type: ignore[arg-type]

    def offer(self, *capabilities: str) -> None:
        """Lists these after the login too, and can do them: CONDSTORE, QRESYNC, NOTIFY, OBJECTID, X-GM-EXT-1 ..."""
        self.behave(after_login=(*self.habits.after_login, *capabilities))

    def withhold(self, *capabilities: str) -> None:
        """Lists them no more, and does not know their commands."""
        self.behave(
            always=tuple(name for name in self.habits.always if name not in capabilities),
            before_login=tuple(name for name in self.habits.before_login if name not in capabilities),
            after_login=tuple(name for name in self.habits.after_login if name not in capabilities),
        )

    def say(self, raw: bytes, user: str | None = None) -> None:
        """These bytes to all sessions, or to a user's, as they are: a keep-alive, an alert."""
        for session in self.sessions if user is None else self.of(user):
            session.say(raw)

    def of(self, user: str) -> list[ImapSession]:
        """The open sessions of a user."""
        return [session for session in self.sessions if session.user is not None and session.user.name == user]

    def idling(self, user: str | None = None) -> int:
        """How many sessions sit in IDLE."""
        sessions = self.sessions if user is None else self.of(user)
        return sum(session.idling for session in sessions)

    def notified(self, user: str | None = None) -> int:
        """How many sessions have a NOTIFY SET in force."""
        sessions = self.sessions if user is None else self.of(user)
        return sum(session.notified for session in sessions)

    async def until(self, condition: Callable[[], bool], timeout: float = 10) -> None:
        """Returns when ``condition`` holds; it is looked at whenever a session did something. TimeoutError after
        ``timeout`` seconds."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    # --- for the sessions ---

    def capabilities(self, state: State, tls: bool) -> tuple[str, ...]:
        habits = self.habits
        if state in (State.AUTHENTICATED, State.SELECTED):
            return habits.always + habits.after_login
        extra: tuple[str, ...] = ()
        if habits.tls_context is not None and not tls:
            extra += ("STARTTLS",)
        if habits.login_disabled_in_clear and not tls:
            return (*habits.always, *extra, "LOGINDISABLED")
        return habits.always + habits.before_login + extra

    def fault(self, moment: Moment, user: str | None) -> Fault | None:
        for planned in self._plans:
            if (fault := planned.strike(moment, user)) is not None:
                self.changed()
                return fault
        return None

    def joined(self, session: ImapSession) -> None:
        self.sessions.add(session)
        self.connections += 1
        self.note("connected", session.user)
        self.changed()

    def left(self, session: ImapSession) -> None:
        self.sessions.discard(session)
        self.note("left", session.user)
        self.changed()

    def note(self, what: Happening, user: User | None) -> None:
        if self._observe is not None:
            self._note(Note(what, time.perf_counter(), user.name if user else None))

    def changed(self) -> None:
        self._changed.set()

    def _note(self, note: Note) -> None:
        if self._observe is not None:
            self._observe(note)


if __name__ == "__main__":
    from idlebell.testing.load_server import main

    sys.exit(main())
