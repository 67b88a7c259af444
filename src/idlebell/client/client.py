"""The client that waits for each answer. It stands on the standard library's http.client alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from idlebell.client import calls
from idlebell.client.calls import ANSWER_BYTES, TIMEOUT_SECONDS, Answer, Call
from idlebell.client.events import Event, EventReader
from idlebell.client.logins import (
    Challenged,
    ScramClient,
    ScramRelay,
    ServerFinal,
    SignIn,
    SignIns,
    check_server,
)
from idlebell.client.problems import GatewayUnreachableError
from idlebell.client.shapes import Auth, Endpoint, Handle, MailServer, Subscription, TestResult

ANY_SERVER: Final = MailServer()
CHUNK_BYTES: Final = 65_536


class Client:
    """``url`` of the gateway. ``key``: an API key or an invitation, where it wants one. May be used from several threads: each
    call has a connection of its own, for an app makes few."""

    def __init__(self, url: str, *, key: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the gateway's address is a URL with http or https")
        self._https = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._key = key
        self._timeout_seconds = timeout_seconds

    def subscribe(
        self,
        username: str,
        auth: Auth | None,
        endpoints: Mapping[str, Endpoint | Sequence[Endpoint]],
        *,
        server: MailServer = ANY_SERVER,
        handle: Handle | None = None,
        **wishes: Any,
    ) -> tuple[Handle, Subscription]:
        """``endpoints``: ``new_mail`` (one, or several in the order in which they are tried), and ``reconnect`` where that
        carries no body. ``wishes``: ``payload``, ``mailboxes``,
        ``filter``, ``lease_seconds`` and what else the API has. The same account and endpoint again is the same subscription;
        with its ``handle`` no credentials are needed."""
        token = handle.token if handle is not None else self._key
        call = calls.subscribe(username, auth, server, endpoints, wishes, token)
        return calls.registered(call, self._send(call), token)

    def get(self, handle: Handle) -> Subscription:
        return self._subscription(calls.get(handle))

    def patch(self, handle: Handle, **members: Any) -> Subscription:
        """None stands for a member's default."""
        return self._subscription(calls.patch(handle, members))

    def renew(self, handle: Handle, lease_seconds: int | None = None) -> Subscription:
        """None: 30 days."""
        return self._subscription(calls.patch(handle, {"lease_seconds": lease_seconds}))

    def resupply(self, handle: Handle, auth: Auth, *, wait_seconds: float = 10) -> Subscription:
        return self._subscription(calls.resupply(handle, auth, wait_seconds))

    def subscribe_by_scram(
        self,
        username: str,
        scram: ScramClient,
        endpoints: Mapping[str, Endpoint | Sequence[Endpoint]],
        *,
        server: MailServer = ANY_SERVER,
        handle: Handle | None = None,
        wait_seconds: float = 10,
        **wishes: Any,
    ) -> tuple[Handle, Subscription]:
        """As :meth:`subscribe`, where the app itself logs in through the gateway, which sees neither password nor keys.
        NotGenuineError, or what ``scram`` raises: the mail server has not shown that it knows the password, and the
        subscription is ended."""
        token = handle.token if handle is not None else self._key
        asked = {"wait_seconds": wait_seconds, **wishes}
        call = calls.subscribe(username, ScramRelay(scram), server, endpoints, asked, token)
        challenged = calls.read(call, self._send(call), Challenged)
        call = calls.answer_login(challenged.login, scram, wait_seconds)
        answer = self._send(call)
        found = calls.registered(call, answer, token)
        try:
            check_server(scram, calls.read(call, answer, ServerFinal))
        finally:
            if not scram.satisfied:
                self.end(found[0])
        return found

    def resupply_by_scram(self, handle: Handle, scram: ScramClient, *, wait_seconds: float = 10) -> Subscription:
        """As :meth:`resupply`, by a login that the app answers. Errors as of :meth:`subscribe_by_scram`."""
        call = calls.resupply(handle, ScramRelay(scram), wait_seconds)
        challenged = calls.read(call, self._send(call), Challenged)
        call = calls.answer_login(challenged.login, scram, wait_seconds)
        answer = self._send(call)
        shown = calls.read(call, answer, Subscription)
        try:
            check_server(scram, calls.read(call, answer, ServerFinal))
        finally:
            if not scram.satisfied:
                self.end(handle)
        return shown

    def sign_ins(self) -> SignIns:
        """At which providers users can sign in, and what the gateway keeps credentials as."""
        call = calls.sign_ins()
        return calls.read(call, self._send(call), SignIns)

    def begin_sign_in(
        self, host: str, username: str, *, retention: str = "session", handle: Handle | None = None
    ) -> SignIn:
        """``host``: the IMAP server. What the browser came back with (:meth:`SignIn.returned`) is the ``auth`` of
        :meth:`subscribe`, with this server, user name and retention, or of :meth:`resupply`, with this ``handle``."""
        token = handle.token if handle is not None else self._key
        call = calls.begin_sign_in(host, username, retention, token)
        return calls.read(call, self._send(call), SignIn)

    def test(self, handle: Handle) -> TestResult:
        call = calls.test(handle)
        return calls.tested(call, self._send(call))

    def verify(self, handle: Handle, code: str | None) -> None:
        """Reads back the code of a ``verification``, where an endpoint has to show whose it is; None: asks for a new one."""
        call = calls.verify(handle, code)
        calls.check(call, self._send(call))

    def end(self, handle: Handle) -> None:
        call = calls.end(handle)
        calls.check(call, self._send(call))

    def vapid_key(self) -> str:
        """What a push service wants to know of the gateway before it gives an endpoint."""
        call = calls.vapid()
        return calls.vapid_key(call, self._send(call))

    def events(self, handle: Handle, *, after: str | None = None) -> Iterator[Event]:
        """As they come, for as long as the gateway keeps the connection; ``after``: the id of the last one that was seen."""
        call = calls.events(handle)
        connection = self._connection()
        try:
            response = self._ask(connection, call, "text/event-stream", {"Last-Event-ID": after} if after else {})
            if response.status != 200:
                calls.check(call, _answer(response))
            reader = EventReader()
            while data := _read(response):
                yield from reader.receive(data)
        finally:
            connection.close()

    def _subscription(self, call: Call) -> Subscription:
        return calls.read(call, self._send(call), Subscription)

    def _send(self, call: Call) -> Answer:
        connection = self._connection()
        try:
            return _answer(self._ask(connection, call, "application/json", {}))
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        kind = HTTPSConnection if self._https else HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout_seconds)

    def _ask(self, connection: HTTPConnection, call: Call, accept: str, more: Mapping[str, str]) -> HTTPResponse:
        try:
            connection.request(call.method, self._prefix + call.path, call.body, {**call.headers(accept), **more})
            return connection.getresponse()
        except (OSError, HTTPException) as error:
            raise GatewayUnreachableError(f"The gateway cannot be reached: {error}") from error


def _answer(response: HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = b""
    while len(body) <= ANSWER_BYTES and (data := _read(response)):
        body += data
    if len(body) > ANSWER_BYTES:
        raise GatewayUnreachableError("The answer is longer than any of Idlebell's.")
    return Answer(response.status, headers, body)


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK_BYTES)
    except (OSError, HTTPException) as error:
        raise GatewayUnreachableError(f"The gateway's answer broke off: {error}") from error
