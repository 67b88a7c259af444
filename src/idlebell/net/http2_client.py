"""HTTP/2 (RFC 9113) for the services that want it: one connection an origin, many requests at once on it.

The protocol is h2's, without I/O; here are the sockets. Dialled under the rules of ``egress`` as everything is. What the other
side does is a value, as with :mod:`idlebell.net.http_client`.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import hpack.hpack
import hpack.table

from idlebell import __version__
from idlebell.net.connector import Connector
from idlebell.net.egress import Purpose
from idlebell.net.errors import Unreachable
from idlebell.net.foreign_errors import handshake_failed, unreachable
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse

CONNECT_SECONDS: Final = 5.0
"""TCP and TLS."""
STREAMS: Final = 100
"""At once on one connection, where the service allows as many."""
BODY_BYTES: Final = 4_096
HEADERS: Final = 100
READ_BYTES: Final = 65_536


class Http2Client:
    """One for the process."""

    def __init__(self, connector: Connector, tls_policy: TlsPolicy) -> None:
        for module in (hpack.hpack, hpack.table):
            module.log.disabled = True  # it tells every header, and ours name devices and carry tokens
        self._connector = connector
        self._context = tls_policy.http2_context()
        self._connections: dict[tuple[str, int], _Connection] = {}
        self._dialling: dict[tuple[str, int], asyncio.Lock] = {}

    async def send(self, request: HttpRequest, /, *, timeout_seconds: float) -> Answer:
        """The answer, whatever its status, or why there is none. Raises nothing but CancelledError."""
        url = urlsplit(request.url.reveal())
        where = (url.hostname or "", url.port or 443)
        headers = [
            (":method", request.method),
            (":scheme", "https"),
            (":authority", url.netloc),
            (":path", url.path + (f"?{url.query}" if url.query else "")),
            ("user-agent", f"Idlebell/{__version__}"),
            *((name.lower(), value) for name, value in request.headers),
        ]
        try:
            async with asyncio.timeout(timeout_seconds):
                connection = await self._connection(where)
                return await connection.request(headers, request.body)
        except TimeoutError:
            # A connection on which nothing comes may be dead: the next request has another one, what is on it may end.
            if (found := self._connections.pop(where, None)) is not None:
                found.retire()
            return NoResponse("timeout", f"no answer within {timeout_seconds:g} s")
        except Unreachable as error:
            return NoResponse("not-allowed" if error.reason in ("not-allowed", "bad-host") else "refused", error.detail)
        except ssl.SSLError as error:
            return NoResponse("tls", str(handshake_failed(error)))
        except OSError as error:
            return NoResponse("broken", unreachable(error).detail)

    async def close(self) -> None:
        while self._connections:
            self._connections.popitem()[1].close()

    async def _connection(self, where: tuple[str, int]) -> _Connection:
        async with self._dialling.setdefault(where, asyncio.Lock()):
            found = self._connections.get(where)
            if found is None or not found.takes_requests:
                found = self._connections[where] = await self._dial(*where)
            return found

    async def _dial(self, host: str, port: int) -> _Connection:
        sock = await self._connector.connect(host, port, Purpose.HTTPS, timeout_seconds=CONNECT_SECONDS)
        try:
            reader, writer = await asyncio.open_connection(
                sock=sock, ssl=self._context, server_hostname=host, ssl_handshake_timeout=CONNECT_SECONDS
            )
        except BaseException:
            sock.close()
            raise
        spoken = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        if spoken != "h2":
            writer.transport.abort()
            raise ConnectionError("the service does not speak HTTP/2")
        return _Connection(reader, writer)


@dataclass(slots=True)
class _Stream:
    answer: asyncio.Future[Answer]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._streams: dict[int, _Stream] = {}
        self._moved = asyncio.Event()
        self.takes_requests = True
        self._flush()
        self._reading = asyncio.create_task(self._read(), name="http2")

    async def request(self, headers: list[tuple[str, str]], body: bytes) -> Answer:
        if not await self._turn():
            return NoResponse("broken", "the connection has ended")
        try:
            number = self._h2.get_next_available_stream_id()
            self._h2.send_headers(number, headers)
        except h2.exceptions.ProtocolError as error:
            self._end(type(error).__name__)
            return NoResponse("broken", type(error).__name__)
        stream = self._streams[number] = _Stream(asyncio.get_running_loop().create_future())
        try:
            await self._send_body(number, stream, body)
            return await stream.answer
        finally:
            del self._streams[number]
            if not stream.answer.done():
                with suppress(h2.exceptions.ProtocolError):
                    self._h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
                self._flush()
            self._moved.set()
            if not (self._streams or self.takes_requests):
                self.close()

    def retire(self) -> None:
        """Takes nothing new, and ends with its last request."""
        self.takes_requests = False
        self._moved.set()
        if not self._streams:
            self.close()

    def close(self) -> None:
        self._end("closed")
        self._reading.cancel()

    async def _turn(self) -> bool:
        """Waits until the service allows another stream (RFC 9113 section 5.1.2). False: it takes none any more."""
        while self.takes_requests:
            if self._h2.open_outbound_streams < min(self._h2.remote_settings.max_concurrent_streams, STREAMS):
                return True
            await self._next_move()
        return False

    async def _next_move(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    async def _send_body(self, number: int, stream: _Stream, body: bytes) -> None:
        """As the windows allow (RFC 9113 section 5.2). An answer that comes before its end is the answer."""
        at = 0
        while not stream.answer.done():
            try:
                room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
                part = body[at : at + room]
                at += len(part)
                if part or not body:
                    self._h2.send_data(number, part, end_stream=at == len(body))
            except h2.exceptions.ProtocolError:
                return  # reset meanwhile: the reader has said so
            self._flush()
            if at == len(body):
                return
            if not part:
                await self._next_move()

    async def _read(self) -> None:
        why = "the service has ended the connection"
        try:
            while data := await self._reader.read(READ_BYTES):
                for event in self._h2.receive_data(data):
                    self._take(event)
                self._flush()
                self._moved.set()
        except (OSError, h2.exceptions.ProtocolError) as error:
            self._flush()  # says why to the other side
            why = type(error).__name__
        finally:
            self._end(why)

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived(stream_id=int(number), headers=list(headers)):
                if (stream := self._streams.get(number)) is not None:
                    for name, value in headers[:HEADERS]:
                        stream.headers.setdefault(_text(name), _text(value))
                    status = stream.headers.pop(":status", "")
                    stream.status = int(status) if status.isascii() and status.isdigit() and len(status) == 3 else 0
            case h2.events.DataReceived(stream_id=int(number), data=bytes(data)):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, number)
                if (stream := self._streams.get(number)) is not None:
                    stream.body += data[: BODY_BYTES - len(stream.body)]
            case h2.events.StreamEnded(stream_id=int(number)):
                if (stream := self._streams.get(number)) is not None:
                    found = HttpResponse(stream.status, stream.headers, bytes(stream.body))
                    self._answer(stream, found if stream.status else NoResponse("broken", "no status"))
            case h2.events.StreamReset(stream_id=int(number), error_code=code):
                if (stream := self._streams.get(number)) is not None:
                    self._answer(stream, NoResponse("broken", f"the service reset the request: {int(code or 0)}"))
            case h2.events.ConnectionTerminated(last_stream_id=last):
                # RFC 9113 section 6.8: what is above was not looked at, what is below is answered still.
                self.takes_requests = False
                for number, stream in self._streams.items():
                    if last is not None and number > last:
                        self._answer(stream, NoResponse("broken", "the service takes no more on this connection"))
            case _:
                pass

    def _answer(self, stream: _Stream, answer: Answer) -> None:
        if not stream.answer.done():
            stream.answer.set_result(answer)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self._writer.is_closing():
            self._writer.write(data)

    def _end(self, why: str) -> None:
        self.takes_requests = False
        for stream in self._streams.values():
            self._answer(stream, NoResponse("broken", why))
        self._moved.set()
        if not self._writer.is_closing():
            self._writer.transport.abort()


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
