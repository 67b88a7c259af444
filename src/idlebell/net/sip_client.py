"""Carries one SIP request to a phone and brings its answer: over UDP, TCP or TLS, under the rules of egress.

What is sent, when again, and what an answer means is said by :mod:`idlebell.push.sip`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from idlebell.model.authority import host_port
from idlebell.net.connector import Connector
from idlebell.net.egress import Purpose
from idlebell.net.errors import TlsFailed, Unreachable
from idlebell.net.foreign_errors import handshake_failed
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.exchange import NoResponse, SipRequest, SipResponse
from idlebell.push.sip.digest import authorization
from idlebell.push.sip.message import MESSAGE_BYTES_MAX, Hop, SipGarbageError, StreamReader, encode, parse_response
from idlebell.push.sip.transaction import Step, Transaction
from idlebell.push.sip.uri import SipUri, Transport

BRANCH_BYTES: Final = 12
_READ_BYTES: Final = 16_384


class Wire(Protocol):
    stream: bool

    async def send(self, data: bytes) -> None: ...

    async def receive(self) -> bytes:
        """One message, or what should be one. OSError, EOFError, SipGarbageError: there will be no more."""
        ...


class Datagrams:
    stream = False

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._sock, data)

    async def receive(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._sock, MESSAGE_BYTES_MAX)


class Stream:
    stream = True

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._messages = StreamReader()
        self._whole: deque[bytes] = deque()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        while not self._whole:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise EOFError
            self._whole += self._messages.receive(data)
        return self._whole.popleft()

    def close(self) -> None:
        self._writer.transport.abort()  # nothing more is said, so nothing is waited for


class SipClient:
    """One for the process."""

    def __init__(self, connector: Connector, tls_policy: TlsPolicy, entropy: Callable[[int], bytes]) -> None:
        self._connector = connector
        self._tls_policy = tls_policy
        self._entropy = entropy

    async def carry(self, exchange: SipRequest, /, *, timeout_seconds: float) -> SipResponse | NoResponse:
        """Takes at most ``timeout_seconds``, a challenge and its answer included."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._carry(exchange, timeout_seconds)
        except TimeoutError:
            return NoResponse("timeout", f"no answer within {timeout_seconds:g} s")
        except Unreachable as error:
            return NoResponse("not-allowed" if error.reason == "not-allowed" else "refused", str(error))
        except TlsFailed as error:
            return NoResponse("tls", str(error))
        except (SipGarbageError, EOFError) as error:
            return NoResponse("broken", str(error) or "the connection was closed")
        except OSError as error:
            return NoResponse("refused", str(error))

    async def _carry(self, request: SipRequest, timeout_seconds: float) -> SipResponse | NoResponse:
        phone = request.uri
        if phone.transport is Transport.UDP:
            sock = await self._connector.connect_datagrams(
                phone.host, phone.port, Purpose.SIP, timeout_seconds=timeout_seconds
            )
            with sock:
                return await self._converse(Datagrams(sock), request, _sent_by(sock), timeout_seconds)
        purpose = Purpose.SIP_TLS if phone.transport is Transport.TLS else Purpose.SIP
        sock = await self._connector.connect(phone.host, phone.port, purpose, timeout_seconds=timeout_seconds)
        sent_by = _sent_by(sock)
        wire = await self._stream(sock, phone)
        try:
            return await self._converse(wire, request, sent_by, timeout_seconds)
        finally:
            wire.close()

    async def _stream(self, sock: socket.socket, phone: SipUri) -> Stream:
        context = self._tls_policy.client_context if phone.transport is Transport.TLS else None
        name = phone.host if context is not None else None
        try:
            return Stream(*await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name))
        except ssl.SSLError as error:
            sock.close()
            raise handshake_failed(error) from error
        except BaseException:
            sock.close()
            raise

    async def _converse(
        self, wire: Wire, request: SipRequest, sent_by: str, timeout_seconds: float
    ) -> SipResponse | NoResponse:
        hop = Hop(sent_by, request.uri.transport, self._entropy(BRANCH_BYTES).hex(), request.cseq)
        answer = await self._ask(wire, request, hop, timeout_seconds)
        if not isinstance(answer, SipResponse):
            return answer
        shown = authorization(request, answer, self._entropy(BRANCH_BYTES).hex())
        if shown is None:
            return answer
        # Section 22.2: the same request once more, as the next of its Call-ID.
        hop = Hop(sent_by, hop.transport, self._entropy(BRANCH_BYTES).hex(), hop.cseq + 1, shown)
        return await self._ask(wire, request, hop, timeout_seconds)

    async def _ask(self, wire: Wire, request: SipRequest, hop: Hop, timeout_seconds: float) -> SipResponse | NoResponse:
        clock = asyncio.get_running_loop().time
        data = encode(request, hop)
        await wire.send(data)
        state = Transaction.begun(hop.key, request.method, clock(), timeout_seconds, stream=wire.stream)
        while True:
            step, state = state.step(clock())
            match step:
                case Step.ANSWERED:
                    assert state.answer is not None
                    return state.answer
                case Step.GIVE_UP:
                    said = "nothing but what was no answer to it" if state.strays else "nothing"
                    return NoResponse("timeout", f"{said} came")
                case Step.SEND:
                    await wire.send(data)
                case Step.WAIT:
                    with suppress(TimeoutError):
                        async with asyncio.timeout_at(state.next_at):
                            state = state.received(_response(await wire.receive()))


def _response(data: bytes) -> SipResponse | None:
    try:
        return parse_response(data)
    except SipGarbageError:
        return None


def _sent_by(sock: socket.socket) -> str:
    host, port, *_ = sock.getsockname()
    return host_port(host, port)
