"""One session of the scripted IMAP server: commands in, the answers of a well-behaved server out, unless a fault is planned.

Everything happens in callbacks, so that a session that waits is one small object and no coroutine.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from idlebell.imap import commands as c
from idlebell.imap import responses as r
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import BadCommandReceived, CommandReceived, DoneReceived, SaslReceived, ServerEvent
from idlebell.imap.responses import Condition
from idlebell.imap.server import Server
from idlebell.imap.state import Phase, State
from idlebell.testing import faults as f
from idlebell.testing.fetch_items import UnknownItemError
from idlebell.testing.imap_login import Challenge, Exchange, Verdict, check_password
from idlebell.testing.mail_store import Mailbox, User
from idlebell.testing.open_mailbox import OpenMailbox, listing, status_of
from idlebell.testing.search import UnknownKeyError
from idlebell.testing.tls_layer import TlsLayer

if TYPE_CHECKING:
    from idlebell.testing.imap_server import ImapServer

_REFUSED = r.PlainCode("AUTHENTICATIONFAILED")  # RFC 5530
_NONEXISTENT = r.PlainCode("NONEXISTENT")
_COMMANDS_KEPT = 200
"""Names of commands that a session remembers, the latest ones."""


class ImapSession(asyncio.Protocol):
    """What a test may look at: :attr:`user`, :attr:`mailbox`, :attr:`idling`, :attr:`tls`, :attr:`state`, :attr:`commands`."""

    __slots__ = (
        "_busy", "_exchange", "_host", "_inbox", "_mute", "_open", "_server", "_tls", "_transport", "commands", "user",
    )  # fmt: skip

    def __init__(self, host: ImapServer) -> None:
        self._host = host
        self._server = Server(tls=False, capabilities=host.capabilities)
        self._transport: asyncio.Transport | None = None
        self._tls: TlsLayer | None = None
        self._inbox = b""
        self._busy = False  # a fault holds a command
        self._mute = False  # nothing is read or answered any more
        self._exchange: Exchange | None = None
        self._open: OpenMailbox | None = None
        self.user: User | None = None
        self.commands: list[str] = []

    # --- what a test may ask ---

    @property
    def idling(self) -> bool:
        return self._server.phase is Phase.IDLING

    @property
    def state(self) -> State:
        return self._server.state

    @property
    def tls(self) -> bool:
        return self._tls is not None

    @property
    def mailbox(self) -> Mailbox | None:
        """The one that is open."""
        return self._open.mailbox if self._open is not None else None

    def say(self, raw: bytes) -> None:
        """Bytes to the client, as they are."""
        self._write(raw)

    def bye(self, text: str = "going down", *, linger: bool = False) -> None:
        """``* BYE`` and the end."""
        self._strike(f.Bye(text, linger=linger))

    def drop(self, *, reset: bool = False) -> None:
        """The end, without a word."""
        self._strike(f.Drop(reset))

    # --- the connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._host.joined(self)
        context = self._host.habits.tls_context
        if context is not None and transport.get_extra_info("sockname")[1] == self._host.tls_port:
            self._tls = TlsLayer(context)
            self._server = Server(tls=True, capabilities=self._host.capabilities)
        else:
            self._greet()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._close_mailbox()
        self._host.left(self)

    def data_received(self, data: bytes) -> None:
        if self._tls is not None:
            fresh = not self._tls.ready
            try:
                data = self._tls.receive(data)
            except ssl.SSLError:
                self._flush()  # the alert
                self._end()
                return
            self._flush()
            if fresh and self._tls.ready:
                self._secured()
        if not data or self._mute:
            return
        self._inbox += data
        if not self._busy:
            self._run()
        elif self._transport is not None:
            self._transport.pause_reading()  # what comes while a command is held waits in the kernel

    def _secured(self) -> None:
        if self._server.phase is Phase.TLS_DUE:
            self._server.tls_started()
        else:
            self._greet()

    def _greet(self) -> None:
        fault = self._host.fault("connect", None)
        if fault is None or self._strike(fault, self._say_greeting):
            self._say_greeting()

    def _say_greeting(self) -> None:
        self._busy = False
        self._server.greet(self._host.habits.greeting)
        self._flush()

    def _end(self, *, reset: bool = False) -> None:
        transport = self._transport
        self._mute = True
        if transport is None:
            return
        if reset:
            # Linger of zero seconds: close() sends RST (socket(7)).
            sock: socket.socket = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
            return
        if self._tls is not None:
            self._tls.close()
            self._flush()
        transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._tls is not None:
            if data and self._tls.ready:
                self._tls.send(data)
            data = self._tls.outgoing()
        if data:
            self._transport.write(data)

    def _flush(self) -> None:
        self._write(self._server.data_to_send())

    # --- commands ---

    def _run(self) -> None:
        """Answer what has come, until it is used up or a fault says to wait."""
        data, self._inbox = self._inbox, b""
        try:
            while self._listening():
                events = self._server.receive_data(data)
                if not events:
                    break
                for event in events:
                    self._dispatch(event)
                self._flush()
                data = b""
        except RemoteProtocolError:
            self._flush()  # the BYE
            self._end()
            return
        self._flush()
        self._turn()

    def _listening(self) -> bool:
        return not (self._busy or self._mute or self._server.phase in (Phase.OVER, Phase.TLS_DUE))

    def _turn(self) -> None:
        """Where the last answer ended the connection or began TLS."""
        if self._server.phase is Phase.OVER:
            self._end()
        elif self._server.phase is Phase.TLS_DUE and not self.tls:
            context = self._host.habits.tls_context
            assert context is not None
            self._tls = TlsLayer(context)

    def _dispatch(self, event: ServerEvent) -> None:
        if isinstance(event, CommandReceived):
            command = event.command
            self.commands.append(c.name_of(type(command)))
            del self.commands[:-_COMMANDS_KEPT]
            name = command.username if isinstance(command, c.Login) else self.user.name if self.user else None
            fault = self._host.fault(type(command), name)
            if fault is not None and not self._strike(fault, lambda: self._resume(event)):
                self._host.changed()
                return
        self._handle(event)

    def _resume(self, event: ServerEvent) -> None:
        """A fault that held the command was released."""
        if self._transport is None:
            return
        self._busy = False
        self._transport.resume_reading()
        self._handle(event)
        self._run()

    def _strike(self, fault: f.Fault, resume: Callable[[], None] | None = None) -> bool:
        """Do what is planned. True: then go on as if nothing were planned."""
        match fault:
            case f.Refuse(text, _, condition):
                self._server.answer(condition, text, fault.response_code())
                return False
            case f.Bye(text, code, linger):
                # Not through the server half: a real one may say it in any state, also before its greeting.
                bracket = f"[{code}] " if code else ""
                self._write(f"* BYE {bracket}{text}\r\n".encode())
                self._mute = True
                if not linger:
                    self._end()
                return False
            case f.Drop(reset):
                self._end(reset=reset)
                return False
            case f.Say(raw, instead):
                self._write(raw)
                return not instead
            case f.Silence():
                self._mute = True
                return False
            case f.Hold():
                assert resume is not None
                self._busy = fault.then(resume)
                return not self._busy

    def _handle(self, event: ServerEvent) -> None:
        server = self._server
        match event:
            case BadCommandReceived("*", reason):
                server.send(r.StatusResponse(Condition.BAD, None, reason))
            case BadCommandReceived(_, reason):
                server.answer(Condition.BAD, reason)
            case DoneReceived():
                self._tell_changes()
                server.answer(Condition.OK, "IDLE ended")
            case SaslReceived(None):
                server.answer(Condition.BAD, "cancelled")
            case SaslReceived(bytes() as data):
                self._sasl(data)
            case CommandReceived(_, command):
                self._command(command)
        self._host.changed()

    def _command(self, command: c.Command) -> None:
        server = self._server
        match command:
            case c.Capability():
                self._answer([r.CapabilityData(server.capabilities)])
            case c.Noop():
                self._tell_changes()
                self._answer()
            case c.Logout():
                self._answer([r.StatusResponse(Condition.BYE, None, "until next time")])
            case c.StartTls() if self._host.habits.tls_context is None:
                server.answer(Condition.BAD, "no TLS here")
            case c.Login(username, password):
                self._decide(check_password(self._host.store, username, password, self._host.logins))
            case c.Authenticate():
                self._authenticate(command)
            case c.Id():
                self._answer([r.IdData((("name", "idlebell-testing"),))])
            case c.Enable(wanted):
                self._answer([r.EnabledData(frozenset(wanted) & server.capabilities)])
            case c.Namespace():
                self._answer([r.NamespaceData((r.NamespaceEntry("", "/"),), None, None)])
            case c.List():
                assert self.user is not None
                self._answer(listing(self.user.mailboxes.values(), command, uid_next=self._host.habits.uid_next))
            case c.Status(name, items):
                self._status(name, items)
            case c.Examine(name) | c.Select(name):
                self._examine(name, "READ-ONLY" if isinstance(command, c.Examine) else "READ-WRITE")
            case c.Unselect():
                self._close_mailbox()
                self._answer()
            case c.UidFetch() | c.UidSearch():
                self._read(command)
            case c.Idle():
                server.continue_()
                self._tell_changes()
            case c.UnknownCommand():
                server.answer(Condition.BAD, "unknown command")
            case _:
                self._answer()

    def _answer(self, data: Iterable[r.UntaggedResponse] = ()) -> None:
        for response in data:
            self._server.send(response)
        self._server.answer(Condition.OK, "done")

    # --- login ---

    def _authenticate(self, command: c.Authenticate) -> None:
        if f"AUTH={command.mechanism}" not in self._server.capabilities:
            self._server.answer(Condition.NO, "unknown mechanism")
            return
        self._exchange = Exchange(self._host.store, command.mechanism, self._host.logins)
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
        if verdict.user is None:
            self._server.answer(Condition.NO, "wrong user name or password", _REFUSED)
            return
        self.user = verdict.user
        listed = frozenset(name.upper() for name in self._host.capabilities(State.AUTHENTICATED, self.tls))
        self._server.answer(Condition.OK, "logged in", r.CapabilityCode(listed))

    # --- mailboxes ---

    def _find(self, name: str) -> Mailbox | None:
        assert self.user is not None
        mailbox = self.user.mailboxes.get(name)
        return mailbox if mailbox is not None and mailbox.selectable else None

    def _status(self, name: str, items: tuple[str, ...]) -> None:
        mailbox = self._find(name)
        if mailbox is None:
            self._server.answer(Condition.NO, "no such mailbox", _NONEXISTENT)
            return
        if mailbox is self.mailbox:
            self._tell_changes()
        self._answer([status_of(mailbox, items, uid_next=self._host.habits.uid_next)])

    def _examine(self, name: str, code: str) -> None:
        self._close_mailbox()
        mailbox = self._find(name)
        if mailbox is None:
            self._server.answer(Condition.NO, "no such mailbox", _NONEXISTENT)
            return
        self._open = OpenMailbox(mailbox)
        mailbox.listeners.add(self._mailbox_changed)
        for response in self._open.greeting(uid_next=self._host.habits.uid_next):
            self._server.send(response)
        self._server.answer(Condition.OK, "opened", r.PlainCode(code))

    def _close_mailbox(self) -> None:
        if self._open is not None:
            self._open.mailbox.listeners.discard(self._mailbox_changed)
        self._open = None

    def _mailbox_changed(self) -> None:
        """Somebody changed the open mailbox. Only in IDLE may we speak of it unasked."""
        if self.idling and self._host.habits.speaks_in_idle and not self._mute and not self._busy:
            self._tell_changes()
            self._flush()
            self._host.changed()

    def _tell_changes(self) -> None:
        if self._open is None:
            return
        for response in self._open.changes():
            self._server.send(response)
            if isinstance(response, r.ExistsData):
                self._host.note("exists", self)

    def _read(self, command: c.UidFetch | c.UidSearch) -> None:
        assert self._open is not None
        try:
            if isinstance(command, c.UidFetch):
                self._answer(self._open.fetch(command))
                self._host.note("fetched", self)
            else:
                self._answer([self._open.search(self._server.tag, command)])
        except (UnknownItemError, UnknownKeyError):
            self._server.answer(Condition.BAD, "unknown item or search key")
        except LocalProtocolError:
            self._server.answer(Condition.NO, "too large to be sent whole")
