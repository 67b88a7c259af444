"""Bytes over a socket, in clear or under TLS, behind one interface.

TLS runs on an ``SSLObject`` over two memory BIOs that we fill and empty ourselves. After the handshake OpenSSL is never given
more than the TLS record that is wanted, and that in pieces. Two things follow from it. It is known at any time which records
OpenSSL has consumed, and between two of them a session can be parked (:meth:`TlsChannel.park`). And nothing grows: a BIO's
memory never shrinks again (``BUF_MEM_grow``), so it is never made to hold more than a piece; OpenSSL itself gives its record
buffer back once it is empty (``SSL_MODE_RELEASE_BUFFERS``, which CPython sets).
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from idlebell.net.certificate import accepted_certificate, shown_certificate
from idlebell.net.errors import CertificateFacts, ConnectionLost
from idlebell.net.foreign_errors import handshake_failed
from idlebell.net.record_channel import RecordChannel
from idlebell.net.tls_parked import ContentType, ParkedTls
from idlebell.net.traffic_secrets import TrafficSecrets, client_random_of
from idlebell.net.wire import Wire

PIECE_BYTES: Final = 512
"""Handed to OpenSSL, or taken from it, at once."""

LONG_BYTES: Final = 4_096
"""A record, or what is to be sent, is long from here on: somebody reads or writes a message, and no dialogue. Pieces are of
this size then; a session that is parked afterwards gives the BIO's memory back."""

AHEAD_BYTES: Final = 16_384
"""Of ciphertext in one system call while records are long: received ahead of OpenSSL, or collected from it. One call for each
piece would be most of what a large message costs."""

RECORD_BYTES: Final = 16_384
"""Of one record, as plaintext (RFC 8446 section 5.1): OpenSSL never gives more at once."""

FLIGHT_BYTES: Final = 8_192
"""Read at once in a handshake: a server's whole flight, with a chain of four certificates."""

LAST_BYTES: Final = 1_024
"""Of the last record, kept while a session is awake to prove by it that it can be parked. Lines are shorter, fetched messages
are followed by one."""

_HEADER_BYTES: Final = 5
"""Of a TLS record: type, version, length (RFC 8446 section 5.1)."""


class Channel(Protocol):
    """What :class:`~.plain_channel.PlainChannel`, :class:`TlsChannel` and :class:`~.record_channel.RecordChannel` have in
    common. One task reads, one writes.

    All but ``close`` raise ConnectionLost. A ``read`` that is cancelled or out of time has lost nothing; after such a
    ``write`` the channel can only be closed.
    """

    @property
    def description(self) -> str:
        """TLS version and cipher suite for the operator; empty in clear."""

    @property
    def peer(self) -> str:
        """The address at the other end; empty where it is gone."""

    @property
    def moved_bytes(self) -> int:
        """Over the socket, both ways, of the whole connection."""

    async def read(self, max_bytes: int) -> bytes:
        """1 to ``max_bytes`` bytes, waiting for them; ``b""`` once the peer has closed in an orderly way."""

    def ready(self, timeout_seconds: float) -> Awaitable[bool]:
        """Waits until there is something to read: True; False after the time, or when :meth:`interrupt` is called."""

    def stirring(self, timeout_seconds: float) -> Awaitable[bool]:
        """As :meth:`ready` between two turns of a dialogue that goes on: what the next one needs is kept."""

    def rest(self, wake: Callable[[], None]) -> None:
        """As :meth:`ready` without anybody who waits: ``wake`` is called once, from the event loop."""

    def interrupt(self) -> None:
        """Ends a wait in :meth:`ready`."""

    def limit(self, seconds: float | None) -> None:
        """From now on ``read`` and ``write`` raise TimeoutError ``seconds`` from now, however often they are called; None: they
        take as long as it takes."""

    async def write(self, data: bytes) -> None:
        """Returns when the kernel has taken all of ``data``, so no more than one call's data ever waits."""

    def shut_down(self) -> None:
        """Says goodbye (close_notify under TLS) without waiting for an answer, and closes."""

    def close(self) -> None:
        """Closes at once. May be called again."""


class TlsChannel:
    """Under TLS. Made by :func:`start_tls`."""

    __slots__ = (
        "_ahead",
        "_client_random",
        "_header",
        "_incoming",
        "_last",
        "_left",
        "_outgoing",
        "_received",
        "_secrets",
        "_sent",
        "_slot",
        "_tls",
        "_unsent",
        "_wire",
        "certificate",
        "description",
    )

    def __init__(
        self,
        wire: Wire,
        context: ssl.SSLContext,
        server_name: str | None,
        secrets: TrafficSecrets | None = None,
        said: bytes = b"",
    ) -> None:
        """``server_name`` None: we are the server (:mod:`.tls_server`). ``secrets``: listens to ``context``. ``said``: what has
        come over ``wire`` already."""
        self._wire = wire
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._client_random = b""  # while the handshake lasts, where the secrets are listened for
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_name is None, server_hostname=server_name
        )
        self._header = b""  # of the record that is being read, while it is incomplete
        self._left = 0  # bytes of that record still to come
        self._ahead = said  # came with the end of the handshake and was not given to OpenSSL yet
        self._unsent = b""  # ciphertext that the kernel has not taken; kept over a cancellation
        self._secrets = secrets
        self._slot: int | None = None  # with the traffic secrets, where the session can be parked
        self._received = 0  # protected records that OpenSSL was given since the handshake ended
        self._sent = 0  # and that it has made
        self._last = b""  # of those that it was given the last one, where it is short
        self.description = ""
        self.certificate: CertificateFacts | None = None  # of the server, shared with all its sessions

    @property
    def peer(self) -> str:
        return self._wire.peer

    @property
    def moved_bytes(self) -> int:
        return self._wire.moved_bytes

    async def handshake(self) -> None:
        """TlsFailed or ConnectionLost; the caller sets the deadline and closes."""
        while True:
            try:
                self._step()
            except ssl.SSLWantReadError:
                self._note_random()
                await self._flush()
                await (self._feed() if self._secrets is None else self._feed_what_comes())
            except ssl.SSLError as error:
                if isinstance(error, ssl.SSLZeroReturnError) or _is_eof(error):
                    raise ConnectionLost("eof", "closed during the TLS handshake") from error
                self._send_alert()
                raise handshake_failed(error, shown_certificate(self._tls)) from error
            except ValueError as error:
                raise handshake_failed(ssl.SSLError(1, str(error)), None) from error
            else:
                break
        self.certificate = accepted_certificate(self._tls)
        if self._secrets is not None:
            self._slot = self._collect(self._secrets)
        self._client_random = b""
        # Interned: all sessions with the same suite share the one string.
        self.description = sys.intern(f"{self._tls.version()} {self._suite()}")
        try:
            await self._flush()
        except BaseException:
            self._forget_secrets()
            raise
        # Sequence numbers begin at zero under the keys that come after the two Finished (RFC 8446 section 5.3). The server's
        # was the last record that OpenSSL was given, ours the last that it has made.
        self._received = self._sent = 0
        self._ahead = self._incoming.read() + self._ahead

    def _step(self) -> None:
        """What a step leaves in the key log is wiped, unless it was the last one: then it is collected."""
        try:
            self._tls.do_handshake()
        except BaseException:
            if self._secrets is not None:
                self._secrets.discard()
            raise

    def _note_random(self) -> None:
        """Of our ClientHello, before it is sent."""
        if not self._client_random:
            self._unsent = self._outgoing.read()
            self._client_random = client_random_of(self._unsent)

    def _suite(self) -> str:
        cipher = self._tls.cipher()
        return cipher[0] if cipher else ""

    def _collect(self, secrets: TrafficSecrets) -> int | None:
        return secrets.collect(self._client_random, self._suite())

    async def read(self, max_bytes: int) -> bytes:
        while True:
            try:
                data = self._tls.read(min(max_bytes, RECORD_BYTES))  # CPython allocates as many before it reads
            except ssl.SSLWantReadError:
                await self._flush()  # an answer to KeyUpdate, perhaps
                await self._feed()
                continue
            except ssl.SSLZeroReturnError:  # CPython gives b"" for it, unless we have closed before
                data = b""
            except ssl.SSLError as error:
                self._forget_secrets()
                if _is_eof(error):
                    raise ConnectionLost("truncated", "closed without close_notify") from error
                self._send_alert()
                raise ConnectionLost("tls", error.reason or type(error).__name__) from error
            if not data:
                self._forget_secrets()
            return data

    def ready(self, timeout_seconds: float) -> Awaitable[bool]:
        # OpenSSL never holds a whole record that was not read: it is given one at a time, and `read` takes all of it.
        if self._ahead:
            return _true()
        return self._wire.ready(timeout_seconds)

    stirring = ready

    def rest(self, wake: Callable[[], None]) -> None:
        if self._ahead:
            asyncio.get_running_loop().call_soon(wake)
        else:
            self._wire.rest(wake)

    def interrupt(self) -> None:
        self._wire.interrupt()

    def limit(self, seconds: float | None) -> None:
        self._wire.limit(seconds)

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        piece = PIECE_BYTES if len(view) < LONG_BYTES else LONG_BYTES
        while view:
            records = self._unsent
            while view and len(records) < AHEAD_BYTES:
                try:
                    # Neither want can come: renegotiation is off, and a write under TLS 1.3 waits for nothing.
                    written = self._tls.write(view[:piece])
                except ssl.SSLError as error:
                    raise ConnectionLost("tls", error.reason or type(error).__name__) from error
                view = view[written:]
                records += self._take_outgoing()
            self._unsent = records
            await self._flush()

    def park(self) -> RecordChannel | None:
        """The same session without OpenSSL: its record layer is ours from here on, and everything of this channel is freed
        or handed over, so that it cannot be used any more. Nobody may be reading or writing.

        None, and nothing has changed, where the session must stay awake: for good under TLS 1.2 or a suite that is not
        parked, and where the keys have been changed; for now while a part of a record is on its way, and where the last record
        was a long one or no data.
        """
        under_way = (
            self._left
            or self._header
            or self._ahead
            or self._unsent
            or self._outgoing.pending
            or self._incoming.pending
        )
        if self._slot is None or self._secrets is None or self._wire.closed or under_way or self._tls.pending():
            return None
        if self._received and not self._last:
            return None
        tls = ParkedTls.take_over(
            self._secrets.arena, self._slot, received=self._received, sent=self._sent, last=self._last
        )
        if tls is None:
            return None
        channel = RecordChannel(self._wire, tls)
        self._slot = None
        held = [self._tls, self._incoming, self._outgoing]
        del self._tls, self._incoming, self._outgoing, self._wire
        self._secrets.free_wiped(held)
        return channel

    def shut_down(self) -> None:
        self._send_alert(close_notify=True)
        self.close()

    def close(self) -> None:
        self._forget_secrets()
        self._wire.close()

    def _forget_secrets(self) -> None:
        if self._slot is not None and self._secrets is not None:
            self._secrets.arena.free(self._slot)
            self._slot = None

    async def _feed(self) -> None:
        """Gives OpenSSL the next piece of the current record, or the header of the next one. No byte is held back, so a
        cancellation loses none."""
        long = self._left >= LONG_BYTES
        wanted = min(self._left, LONG_BYTES if long else PIECE_BYTES) or _HEADER_BYTES - len(self._header)
        if not self._ahead:
            self._ahead = await self._wire.receive(AHEAD_BYTES if long else wanted)
        data, self._ahead = self._ahead[:wanted], self._ahead[wanted:]
        if not data:
            self._incoming.write_eof()
            return
        self._incoming.write(data)
        if self._left:
            self._left -= len(data)
            if self._last:
                self._last += data
            return
        self._header += data
        if len(self._header) == _HEADER_BYTES:
            # OpenSSL judges type, version and length before it asks for the rest.
            self._left = int.from_bytes(self._header[3:], "big")
            self._received += self._header[0] == ContentType.APPLICATION_DATA
            self._last = self._header if self._slot is not None and self._left <= LAST_BYTES else b""
            self._header = b""

    async def _feed_what_comes(self) -> None:
        """In a handshake after which OpenSSL's memory is freed all the same: a server's flight at once, for each step costs an
        exception. OpenSSL takes no more than it needs (it does not read ahead), so that what follows the server's Finished
        is left in the BIO."""
        data = await self._wire.receive(FLIGHT_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        while self._unsent or self._outgoing.pending:
            if not self._unsent:
                self._unsent = self._take_outgoing()
            self._unsent = self._unsent[self._wire.send_now(self._unsent) :]
            if self._unsent:
                await self._wire.writable()

    def _take_outgoing(self) -> bytes:
        """All that OpenSSL has to send: whole records, which are counted."""
        data = self._outgoing.read()
        at = 0
        while at < len(data):
            self._sent += data[at] == ContentType.APPLICATION_DATA
            at += _HEADER_BYTES + int.from_bytes(data[at + 3 : at + _HEADER_BYTES], "big")
        return data

    def _send_alert(self, *, close_notify: bool = False) -> None:
        """What OpenSSL has to say at the end, as far as the kernel takes it at once."""
        try:
            if close_notify:
                self._tls.unwrap()
        except (ssl.SSLError, ValueError):
            pass  # WantRead: it waits for the peer's close_notify, which we do not (RFC 8446 section 6.1)
        try:
            while self._unsent or self._outgoing.pending:
                self._unsent = self._unsent or self._outgoing.read()
                sent = self._wire.send_now(self._unsent)
                if not sent:
                    return
                self._unsent = self._unsent[sent:]
        except ConnectionLost:
            pass


async def _true() -> bool:
    return True


def _is_eof(error: ssl.SSLError) -> bool:
    """The stream ended without a close_notify. In Python 3.11.2, Debian 12's, OpenSSL 3's word for it is a plain SSLError."""
    return isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING"


async def start_tls(
    wire: Wire, context: ssl.SSLContext, server_name: str, secrets: TrafficSecrets | None = None
) -> TlsChannel:
    """A handshake over ``wire`` as a client. ``server_name``: the name or address literal that the certificate must hold.
    ``secrets``: listens to ``context``, where the session may be parked.

    TlsFailed, ConnectionLost. Has no deadline of its own; the caller closes the wire where it raises.
    """
    channel = TlsChannel(wire, context, server_name, secrets)
    await channel.handshake()
    return channel
