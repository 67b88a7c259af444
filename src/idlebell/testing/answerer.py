"""Answers the commands of one session as a well-behaved server would, but for the host's habits.

Commands in, responses into the server half out. The connection is :mod:`.imap_session`'s, and so are planned faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from idlebell.imap import capabilities as capability_lists
from idlebell.imap import commands as c
from idlebell.imap import responses as r
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import BadCommandReceived, CommandReceived, DoneReceived, SaslReceived, ServerEvent
from idlebell.imap.responses import Condition
from idlebell.imap.server import Server
from idlebell.imap.state import Phase, State
from idlebell.testing.fetch_items import NEEDS, UnknownItemError
from idlebell.testing.imap_login import Challenge, Exchange, Verdict, check_password
from idlebell.testing.listing import UnknownOptionError, listing, namespace, subscriptions
from idlebell.testing.mail_store import Mailbox, User
from idlebell.testing.news import News
from idlebell.testing.notifications import NotifyRefusedError
from idlebell.testing.open_mailbox import OpenMailbox
from idlebell.testing.search import UnknownKeyError
from idlebell.testing.status import status_of

if TYPE_CHECKING:
    from idlebell.testing.imap_server import ImapServer

_NONEXISTENT = r.PlainCode("NONEXISTENT")
_OFFERED_AS = {
    c.Idle: "IDLE", c.Enable: "ENABLE", c.Namespace: "NAMESPACE", c.Id: "ID", c.Unselect: "UNSELECT", c.Notify: "NOTIFY",
}  # fmt: skip
"""Commands that are unknown where their capability is not listed."""


class Answerer:
    """``unasked``: called when there is something to say outside a command; then :meth:`speak`, if the session may."""

    __slots__ = ("_exchange", "_host", "_reopened", "_server", "_unasked", "enabled", "identity", "news", "user")

    def __init__(self, host: ImapServer, server: Server, unasked: Callable[[], None]) -> None:
        self._host = host
        self._server = server
        self._unasked = unasked
        self._exchange: Exchange | None = None
        self._reopened: dict[str, OpenMailbox] = {}  # habit reopening_tells
        self.user: User | None = None
        self.news: News | None = None
        """Since the login."""
        self.identity: dict[str, str] | None = None
        """What ID told after the login; None: it was not sent."""
        self.enabled: frozenset[str] = frozenset()

    @property
    def mailbox(self) -> Mailbox | None:
        return self.news.open.mailbox if self.news is not None and self.news.open is not None else None

    def leave(self) -> None:
        """The connection is gone."""
        if self.news is not None:
            self.news.stop()

    def speak(self) -> None:
        """What may be said now, outside a command or in IDLE."""
        if self.news is not None:
            self._send(self.news.unasked(idling=self._server.phase is Phase.IDLING))

    def answer(self, event: ServerEvent) -> None:
        server = self._server
        match event:
            case BadCommandReceived("*", reason):
                server.send(r.StatusResponse(Condition.BAD, None, reason))
            case BadCommandReceived(_, reason):
                server.answer(Condition.BAD, reason)
            case DoneReceived():
                if self._host.habits.speaks_in_idle:
                    self.tell_changes()
                server.answer(Condition.OK, "IDLE ended")
            case SaslReceived(None):
                server.answer(Condition.BAD, "cancelled")
            case SaslReceived(bytes() as data):
                self._sasl(data)
            case CommandReceived(_, command):
                self._command(command)

    def _command(self, command: c.Command) -> None:
        server, habits = self._server, self._host.habits
        offered_as = _OFFERED_AS.get(type(command))
        if offered_as is not None and not self._offers(offered_as):
            server.answer(Condition.BAD, "unknown command")
            return
        match command:
            case c.Capability():
                self._answer([r.CapabilityData(server.capabilities)])
            case c.Noop():
                if habits.noop_tells:
                    self.tell_changes()
                self._answer()
            case c.Logout():
                self._answer([r.StatusResponse(Condition.BYE, None, "until next time")])
            case c.StartTls() if habits.tls_context is None:
                server.answer(Condition.BAD, "no TLS here")
            case c.Login(username, password):
                self._decide(check_password(self._host.store, username, password, self._host.logins))
            case c.Authenticate():
                self._authenticate(command)
            case c.Id(fields):
                self._identify(dict(fields or ()))
            case c.Enable(wanted):
                self._enable(frozenset(name for name in wanted if self._offers(name)))
            case c.Namespace():
                self._answer([namespace(habits)])
            case c.List():
                self._list(command)
            case c.Lsub():
                assert self.user is not None
                self._answer(subscriptions(self.user, command, habits))
            case c.Status(name, items):
                self._status(name, items)
            case c.Examine() | c.Select():
                self._examine(command)
            case c.Unselect():
                self._close_mailbox()
                self._answer()
            case c.UidFetch() | c.UidSearch():
                self._read(command)
            case c.Idle():
                server.continue_()
                if habits.speaks_in_idle:
                    self.tell_changes()
            case c.Notify():
                self._notify(command)
            case c.UnknownCommand():
                server.answer(Condition.BAD, "unknown command")
            case _:
                self._answer()

    def _answer(self, data: Iterable[r.UntaggedResponse] = ()) -> None:
        self._send(data)
        self._server.answer(Condition.OK, "done")

    def _send(self, data: Iterable[r.UntaggedResponse]) -> None:
        for response in data:
            self._server.send(response)
            if isinstance(response, r.ExistsData):
                self._host.note("exists", self.user)

    def _offers(self, capability: str) -> bool:
        return capability_lists.has(self._server.capabilities, capability)

    # --- login ---

    def _authenticate(self, command: c.Authenticate) -> None:
        if not self._offers(f"AUTH={command.mechanism}"):
            self._server.answer(Condition.NO, "unknown mechanism")
            return
        self._exchange = Exchange(
            self._host.store,
            command.mechanism,
            self._host.logins,
            names_count=self._host.habits.looks_at_token_names,
        )
        if command.initial is None:
            self._server.continue_()
        else:
            self._sasl(command.initial)

    def _sasl(self, message: bytes) -> None:
        assert self._exchange is not None
        try:
            result = self._exchange.step(message)
        except RemoteProtocolError as error:
            self._server.answer(Condition.BAD, error.detail)
            return
        if isinstance(result, Challenge):
            self._server.continue_(result.data)
        else:
            self._decide(result)

    def _decide(self, verdict: Verdict) -> None:
        self._exchange = None
        habits = self._host.habits
        if verdict.user is None:
            code = r.PlainCode(habits.refusal_code) if habits.refusal_code else None  # RFC 5530
            self._server.answer(Condition.NO, "wrong user name or password", code)
            return
        limit = habits.sessions_per_user
        if limit is not None and len(self._host.of(verdict.user.name)) >= limit:
            self._server.answer(Condition.NO, "Maximum number of connections exceeded", r.PlainCode("LIMIT"))
            return
        self.user = verdict.user
        self.news = News(lambda: self._host.habits, verdict.user, self._unasked)
        listed = frozenset(name.upper() for name in self._host.capabilities(State.AUTHENTICATED, self._server.tls))
        self._server.answer(Condition.OK, "logged in", r.CapabilityCode(listed))

    def _identify(self, told: dict[str, str]) -> None:
        self._host.identities.append(told)
        if self.user is not None:
            self.identity = told
        self._answer([r.IdData(self._host.habits.identity)])

    def _enable(self, found: frozenset[str]) -> None:
        assert self.news is not None
        self.enabled |= found
        if found & {"CONDSTORE", "QRESYNC"}:
            self.news.mod_seq = True
        self._answer([r.EnabledData(found)] if self._host.habits.says_enabled else ())

    # --- mailboxes ---

    def _find(self, name: str) -> Mailbox | None:
        assert self.user is not None
        mailbox = self.user.mailboxes.get(name)
        return mailbox if mailbox is not None and mailbox.selectable else None

    def _list(self, command: c.List) -> None:
        assert self.user is not None
        try:
            found = [*listing(self.user, command, self._host.habits, self._server.capabilities)]
        except UnknownOptionError:
            self._server.answer(Condition.BAD, "unknown option")
            return
        self._answer(found)

    def _status(self, name: str, items: tuple[str, ...]) -> None:
        mailbox, habits, news = self._find(name), self._host.habits, self.news
        assert news is not None
        if mailbox is None:
            self._server.answer(Condition.NO, "no such mailbox", _NONEXISTENT)
            return
        if "HIGHESTMODSEQ" in items:
            news.mod_seq = True
        status = status_of(mailbox, items, uid_next=habits.uid_next)
        if news.open is not None and mailbox is news.open.mailbox:
            if habits.status_tells:
                self.tell_changes()
            else:
                status = news.open.stale_status(status)
        self._answer([status])

    def _examine(self, command: c.Examine | c.Select) -> None:
        habits, news = self._host.habits, self.news
        assert news is not None
        closed = self._close_mailbox()
        if habits.needs_id and self.identity is None:
            self._server.answer(Condition.NO, "SELECT Unsafe Login. Please contact kefu@188.com for help")
            return
        if command.qresync is not None and "QRESYNC" not in self.enabled:
            self._server.answer(Condition.BAD, "QRESYNC is not enabled")  # RFC 7162 section 3.2.5
            return
        mailbox = self._find(command.mailbox)
        if mailbox is None:
            self._server.answer(Condition.NO, "no such mailbox", _NONEXISTENT)
            return
        opened = OpenMailbox(mailbox, vanishes="QRESYNC" in self.enabled)
        if not habits.reopening_tells:
            opened = self._reopened.setdefault(command.mailbox, opened)
        news.open = opened
        news.mod_seq |= command.condstore or command.qresync is not None
        if closed and "QRESYNC" in self.enabled:
            self._server.send(r.StatusResponse(Condition.OK, r.PlainCode("CLOSED"), "the one before"))
        mod_seq = not NEEDS["MODSEQ"].isdisjoint(self._server.capabilities)
        self._send(opened.greeting(uid_next=habits.uid_next, mod_seq=mod_seq, object_id=self._offers("OBJECTID")))
        self._send(opened.resume(command))
        code = r.PlainCode("READ-ONLY" if isinstance(command, c.Examine) else "READ-WRITE")
        self._server.answer(Condition.OK, "opened", code)

    def _close_mailbox(self) -> bool:
        """Whether one was open."""
        if self.news is None or self.news.open is None:
            return False
        self.news.open = None
        return True

    def _notify(self, command: c.Notify) -> None:
        assert self.news is not None
        try:
            self._answer([*self.news.set(command)])
        except NotifyRefusedError as error:
            self._server.answer(error.condition, error.text, error.code)
        except UnknownItemError:
            self._server.answer(Condition.BAD, "unknown item")

    def tell_changes(self) -> None:
        """What is new in the open mailbox."""
        if self.news is not None:
            self._send(self.news.changes())

    def _read(self, command: c.UidFetch | c.UidSearch) -> None:
        news, habits = self.news, self._host.habits
        assert news is not None
        assert news.open is not None
        try:
            if isinstance(command, c.UidFetch):
                self._check_items(command)
                news.mod_seq |= command.changed_since is not None or "MODSEQ" in command.items
                tell = habits.noop_tells and not news.mutes_selected
                self._answer(news.open.fetch(command, news=tell, mod_seq=news.mod_seq))
                self._host.note("fetched", self.user)
            else:
                self._answer([news.open.search(self._server.tag, command)])
        except (UnknownItemError, UnknownKeyError):
            self._server.answer(Condition.BAD, "unknown item or search key")
        except LocalProtocolError:
            self._server.answer(Condition.NO, "too large to be sent whole")

    def _check_items(self, command: c.UidFetch) -> None:
        for item in command.items:
            if item in NEEDS and NEEDS[item].isdisjoint(self._server.capabilities):
                raise UnknownItemError(item)
