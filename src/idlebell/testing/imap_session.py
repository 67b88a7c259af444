"""One session of the scripted IMAP server: its connection, TLS, and the faults that are planned. :mod:`.answerer` answers.

Everything happens in callbacks, so that a session that waits is one small object and no coroutine.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from idlebell.imap import commands as c
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.events import CommandReceived, ServerEvent
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.server import Server
from idlebell.imap.state import Phase, State
from idlebell.testing import faults as f
from idlebell.testing.answerer import Answerer
from idlebell.testing.mail_store import Mailbox, User
from idlebell.testing.tls_layer import TlsLayer

if TYPE_CHECKING:
    from idlebell.testing.imap_server import ImapServer

_COMMANDS_KEPT = 200
"""Names of commands that a session remembers, the latest ones."""


class ImapSession(asyncio.Protocol):
    """What a test may look at: :attr:`user`, :attr:`mailbox`, :attr:`idling`, :attr:`tls`, :attr:`state`, :attr:`commands`."""

    __slots__ = (
        "_answerer", "_busy", "_host", "_inbox", "_mute", "_server", "_tls", "_transport", "commands",
    )  # fmt: skip

    def __init__(self, host: ImapServer) -> None:
        self._host = host
        self._server = self._half(tls=False)
        self._answerer = Answerer(host, self._server, self._unasked)
        self._transport: asyncio.Transport | None = None
        self._tls: TlsLayer | None = None
        self._inbox = b""
        self._busy = False  # a fault holds a command
        self._mute = False  # nothing is read or answered any more
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
        return self._answerer.mailbox

    @property
    def user(self) -> User | None:
        return self._answerer.user

    @property
    def identity(self) -> dict[str, str] | None:
        """What ID told after the login; None: it was not sent."""
        return self._answerer.identity

    @property
    def enabled(self) -> frozenset[str]:
        """What ENABLE switched on."""
        return self._answerer.enabled

    @property
    def notified(self) -> bool:
        """NOTIFY SET is in force."""
        notify = self._answerer.news.notify if self._answerer.news is not None else None
        return notify is not None and notify.groups is not None

    def say(self, raw: bytes) -> None:
        """Bytes to the client, as they are."""
        self._write(raw)

    def tell_changes(self) -> None:
        """What is new in the open mailbox, now, also while a fault holds a command."""
        self._answerer.tell_changes()
        self._flush()

    def bye(self, text: str = "going down", *, code: str | None = None, linger: bool = False, repeat: int = 1) -> None:
        """``* BYE`` and the end."""
        self._strike(f.Bye(text, code, linger, repeat))

    def overflow(self) -> None:
        """NOTIFY becomes too much: ``* OK [NOTIFICATIONOVERFLOW]``, and nothing more is told (RFC 5465 section 5.8)."""
        notify = self._answerer.news.notify if self._answerer.news is not None else None
        if notify is not None:
            notify.overflow()
            self._unasked()

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
            self._server = self._half(tls=True)
            self._answerer = Answerer(self._host, self._server, self._unasked)
        else:
            self._greet()

    def _half(self, *, tls: bool) -> Server:
        longest = self._host.habits.line_bytes
        limits = DEFAULT_LIMITS if longest is None else Limits(line_bytes=longest)
        return Server(limits, tls=tls, capabilities=self._host.capabilities)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._answerer.leave()
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
        at_most = self._host.habits.greets_at_most
        if at_most is not None and len(self._host.sessions) > at_most:
            self._mute = True
            return
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
        data = self._server.data_to_send()
        for respell in self._host.habits.respell:
            data = respell(data)
        self._write(data)

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
                self._unasked()
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
            case f.Bye(text, code, linger, repeat):
                # Not through the server half: a real one may say it in any state, also before its greeting.
                bracket = f"[{code}] " if code else ""
                self._write(f"* BYE {bracket}{text}\r\n".encode() * repeat)
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
        self._answerer.answer(event)
        self._host.changed()

    def _unasked(self) -> None:
        """There is something to say that nobody asked for at this moment."""
        if self._mute or self._busy or self._server.phase not in (Phase.READY, Phase.IDLING):
            return
        self._answerer.speak()
        self._flush()
        self._host.changed()
