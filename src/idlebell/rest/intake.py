"""What stands before the web framework: bounds, host names, origins, peers. An ASGI application around another.

A request comes through with its whole body in ``scope["state"]["body"]``, wiped when it is answered, and a
:class:`~idlebell.rest.peer.Peer` in ``scope["state"]["peer"]``, or it is answered here with a problem.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from idlebell.gateway.limits import KEY_POLICY, WINDOW_SECONDS, Quota, RateLimit
from idlebell.model.problem import Problem, ProblemError
from idlebell.net.hardening import overwrite
from idlebell.rest import limits, problems
from idlebell.rest.options import RestOptions
from idlebell.rest.peer import Headers, Peer, peer_of
from idlebell.rest.problems import refuse
from idlebell.telemetry.facts import RequestRefused

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
CORS_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
CORS_HEADERS = "authorization, content-type, last-event-id"
CORS_EXPOSED = "location, retry-after, www-authenticate, ratelimit, ratelimit-policy"
API_KEY_PREFIX = "ibk_"
CORS_MAX_AGE_SECONDS = 600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Intake:
    def __init__(self, app: ASGIApp, options: RestOptions) -> None:
        self._app = app
        self._options = options
        self._tls = options.tls_certificate is not None
        self._hosts = _served_hosts(options)
        self._requests = RateLimit(options.requests_per_minute, "requests")
        self._guesses = RateLimit(limits.GUESSES_PER_MINUTE)
        self._unread = RateLimit(options.requests_per_minute)
        """Requests that show a key where nobody asks for one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind != "http":
            await self._app(scope, receive, send)
        else:
            await self._request(cast("HTTPScope", scope), receive, send)

    async def _request(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        # HEAD is GET without a body (RFC 9110 section 9.3.2): the framework sees a GET.
        head = scope["method"] == "HEAD"
        headers = _headers(scope)
        counted: list[Quota] = []
        state: dict[str, Any] = {**scope.get("state", {}), "head": head, "counted": counted, "keyed": False}
        inner: HTTPScope = {**scope, "method": "GET" if head else scope["method"], "state": state}
        try:
            _check_size(scope)
            peer = self._peer(scope, headers)
            state["peer"] = peer
            self._count(peer, headers, counted)
            origin = self._check_names(scope, headers)
        except ProblemError as error:
            # What is not looked at further is not listened to further either: its body may be of any size.
            await self._refuse(error.problem, _Answer(send, head=head, secure=self._tls, counted=counted), close=True)
            return
        answer = _Answer(
            send,
            head=head,
            secure=peer.secure and not peer.local,
            origin=origin,
            cors=bool(self._options.cors),
            counted=counted,
            answered=partial(self._count_shown, peer, state) if _shows_key(headers) else None,
        )
        if origin and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _preflight(answer)
            return
        try:
            body = await _read_body(scope, receive, headers)
        except ProblemError as error:
            await self._refuse(error.problem, answer, close=True)
            return
        if body is None:
            return
        # Not by way of the framework, which would keep a copy: there may be a password in it.
        state["body"] = body
        try:
            await self._app(inner, _Replay(receive), answer)
        finally:
            body[:] = bytes(len(body))

    def _peer(self, scope: HTTPScope, headers: Headers) -> Peer:
        client = scope.get("client")
        address = client[0] if client else "unknown"
        return peer_of(address, tls=self._tls, headers=headers, trusted=self._options.trusted_proxies)

    def _count(self, peer: Peer, headers: Headers, counted: list[Quota]) -> None:
        """ProblemError ``too-many-requests``. Who shows an API key is counted by that key, where it is one; until that is known
        it must not have shown many that are none."""
        now = asyncio.get_running_loop().time()
        if _shows_key(headers):
            quotas = [one.look(peer.address, now) for one in (self._guesses, self._unread)]
            quota = next((one for one in quotas if one is not None and one.spent), None)
        else:
            quota = self._requests.take(peer.address, now)
            counted += [quota] if quota is not None else []
        if quota is not None and quota.spent:
            problem = Problem(
                "too-many-requests",
                "Too many requests from this address.",
                retry_after_seconds=quota.more_in_seconds,
            )
            raise ProblemError(problem)

    def _count_shown(self, peer: Peer, state: Mapping[str, Any], status: int) -> None:
        """What was shown as a key and was none, or was not looked at. One that asks too often is counted as itself: it takes
        nothing from others of its address."""
        if not (state.get("keyed") or any(one.policy == KEY_POLICY for one in state["counted"])):
            limit = self._guesses if status == 401 else self._unread
            limit.take(peer.address, asyncio.get_running_loop().time())

    def _check_names(self, scope: HTTPScope, headers: Headers) -> str | None:
        """Refuses a host name that is not ours (a page whose name was bound anew to this machine) and a foreign origin.
        Returns the origin where it may read the answer."""
        host = next(iter(headers.get("host", ())), "")
        if self._hosts is not None and not _is_served(host, self._hosts):
            raise refuse("host-not-served", "The Host header names something else than this gateway.")
        origin = next(iter(headers.get("origin", ())), None)
        if origin is None or origin.partition("://")[2] == host:
            return None
        if origin in self._options.cors:
            return origin
        if scope["method"] not in SAFE_METHODS:
            raise refuse("origin-not-allowed", "The request comes from a page of another origin.")
        return None

    async def _refuse(self, problem: Problem, answer: _Answer, *, close: bool = False) -> None:
        self._options.emit(RequestRefused(problem.code))
        body = problems.encoded(problem)
        found = (
            problems.headers(problem) | {"content-length": str(len(body))} | ({"connection": "close"} if close else {})
        )
        await answer(
            {
                "type": "http.response.start",
                "status": problem.entry.http_status,
                "headers": [(name.encode(), value.encode()) for name, value in found.items()],
            }
        )
        await answer({"type": "http.response.body", "body": body, "more_body": False})


class _Answer:
    """``send`` with the headers that every answer has. An answer's own come first."""

    def __init__(
        self,
        send: Send,
        *,
        head: bool,
        secure: bool,
        counted: Sequence[Quota],
        origin: str | None = None,
        cors: bool = False,
        answered: Callable[[int], None] | None = None,
    ) -> None:
        """``counted``: read when the answer begins. ``answered``: told its status."""
        self._send = send
        self._head = head
        self._counted = counted
        self._answered = answered
        self._always = {
            b"x-content-type-options": b"nosniff",
            b"referrer-policy": b"no-referrer",
            b"cache-control": b"no-store",
            b"content-security-policy": API_POLICY.encode(),
            b"cross-origin-opener-policy": b"same-origin",
            b"cross-origin-resource-policy": b"cross-origin" if origin else b"same-origin",
        }
        if secure:
            self._always[b"strict-transport-security"] = b"max-age=31536000"
        if cors:
            self._always[b"vary"] = b"origin"
        if origin:
            self._always[b"access-control-allow-origin"] = origin.encode("latin-1")
            self._always[b"access-control-expose-headers"] = CORS_EXPOSED.encode()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            own = list(message["headers"])
            named = {name.lower() for name, _ in own}
            always = [item for item in self._always.items() if item[0] not in named]
            message["headers"] = own + always + (_rate_limits(self._counted) if self._counted else [])
            if self._answered is not None:
                self._answered(message["status"])
        elif message["type"] == "http.response.body" and self._head:
            message["body"] = b""
        await self._send(message)


def _rate_limits(counted: Sequence[Quota]) -> list[tuple[bytes, bytes]]:
    """The fields of draft-ietf-httpapi-ratelimit-headers-10, lists of RFC 9651: "q" a "w" of seconds, "r" are left, and in "t"
    seconds there is one more, which with none left is what Retry-After says."""
    policies = ", ".join(f'"{one.policy}";q={one.per_minute};w={WINDOW_SECONDS}' for one in counted)
    left = ", ".join(f'"{one.policy}";r={one.left};t={one.more_in_seconds}' for one in counted)
    return [(b"ratelimit-policy", policies.encode()), (b"ratelimit", left.encode())]


def _shows_key(headers: Headers) -> bool:
    """Does it claim to have an API key? HTTP Basic hides it; whatever it shows counts as one, as does a signature, by which a
    mail server is counted for itself."""
    if "webhook-signature" in headers:
        return True
    shown = next(iter(headers.get("authorization", ())), "")
    scheme, _, value = shown.strip().partition(" ")
    return scheme.lower() == "basic" or (scheme.lower() == "bearer" and value.strip().startswith(API_KEY_PREFIX))


class _Replay:
    """``receive`` that gives an empty body, then what the server says (that the client is gone)."""

    def __init__(self, receive: Receive) -> None:
        self._given = False
        self._receive = receive

    async def __call__(self) -> Any:
        if self._given:
            return await self._receive()
        self._given = True
        return {"type": "http.request", "body": b"", "more_body": False}


async def _preflight(answer: _Answer) -> None:
    headers = {
        "access-control-allow-methods": CORS_METHODS,
        "access-control-allow-headers": CORS_HEADERS,
        "access-control-max-age": str(CORS_MAX_AGE_SECONDS),
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await answer({"type": "http.response.start", "status": 204, "headers": pairs})
    await answer({"type": "http.response.body", "body": b"", "more_body": False})


async def _read_body(scope: HTTPScope, receive: Receive, headers: Headers) -> bytearray | None:
    """The body, for the caller to wipe; None where the client has gone. ProblemError where it is too large, too slow or
    compressed."""
    if any(coding.lower() != "identity" for coding in headers.get("content-encoding", ())):
        raise refuse("unsupported-media-type", "The body must not be compressed.")
    announced = next(iter(headers.get("content-length", ())), "0")
    too_large = int(announced) > limits.MAX_BODY_BYTES if announced.isdecimal() else False
    drains = not too_large or (int(announced) <= limits.MAX_DRAINED_BYTES and "expect" not in headers)
    body = bytearray()
    size = 0
    try:
        async with asyncio.timeout(limits.BODY_SECONDS):
            while drains:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                size += len(message["body"])
                too_large = too_large or size > limits.MAX_BODY_BYTES
                if not too_large:
                    body += message["body"]
                overwrite(message["body"])
                if not message["more_body"] or size > limits.MAX_DRAINED_BYTES:
                    break
    except TimeoutError:
        raise refuse("request-timeout", f"The body was not there after {limits.BODY_SECONDS:g} seconds.") from None
    if too_large:
        raise refuse("body-too-large", f"The body has more than {limits.MAX_BODY_BYTES} bytes.")
    return body


def _headers(scope: HTTPScope) -> Headers:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _check_size(scope: HTTPScope) -> None:
    headers = list(scope["headers"])
    size = sum(len(name) + len(value) for name, value in headers)
    path = len(scope["raw_path"]) + len(scope["query_string"])
    if len(headers) > limits.MAX_HEADERS or size + path > limits.MAX_HEADER_BYTES:
        raise refuse("headers-too-large", "The request's head is too large.")


def _served_hosts(options: RestOptions) -> frozenset[str] | None:
    """Names that this gateway answers to, besides addresses; None: any. On loopback that is closed from the start, for any
    page in a browser of this machine can reach it under a name of its own (DNS rebinding)."""
    named: Sequence[str] = [name for name in (options.public_url, *options.cors) if name]
    hosts = {urlsplit(name).hostname or "" for name in named} | {"localhost", options.host}
    return frozenset(hosts) if named or _is_loopback(options.host) else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_served(host: str, hosts: frozenset[str]) -> bool:
    match = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::\d{1,5})?|([^:\[\]]+)(?::\d{1,5})?", host)
    if match is None:
        return False
    name = (match[1] or match[2]).lower().rstrip(".")
    if name in hosts:
        return True
    try:
        # No name stands in an address, so none can be bound anew.
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
