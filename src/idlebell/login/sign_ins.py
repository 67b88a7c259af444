"""Sign-ins at a provider that are under way: begun for one browser, one server and one user name, redeemed once.

A sign-in is held in memory alone, for ten minutes, under a token that only the browser which began it has; what its provider
sends back is of no use without that token, and the token none without it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from idlebell.login.authorization import (
    Endpoints,
    OAuthClient,
    Proofs,
    authorization_url,
    code_request,
    id_token_fault,
    issuer_fault,
)
from idlebell.login.renewals import ANSWER_SECONDS, Send
from idlebell.login.server_metadata import METADATA_BYTES, metadata_requests, read_metadata
from idlebell.login.token_endpoint import ANSWER_BYTES, Granted, read_grant, unavailable
from idlebell.model.ids import TOKEN_ENTROPY_BYTES, sign_in_token, token_hash
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.net.hardening import overwrite
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse
from idlebell.telemetry.facts import Emit, NotSignedIn, SignedIn

PENDING_SECONDS: Final = 600.0
"""For a password, a second factor and a page of consent."""
PENDING_MOST: Final = 4_096
"""Sign-ins under way, of some 2 KB each. One more ends the oldest."""
PENDING_OF_ONE: Final = 20
"""Of one network address. One more ends its own oldest: nobody's but its own."""
KNOWN_SECONDS: Final = 3_600.0
"""What a provider tells of itself is asked anew after that."""
FAILED_SECONDS: Final = 10.0
"""Where it tells nothing, it is not asked again sooner."""

NOT_VALID: Final = "This sign-in is not under way here: it was used, is over, or was begun elsewhere."


@dataclass(frozen=True, slots=True)
class Begun:
    """``token``: for the browser that began it, and for no other."""

    token: str
    client: OAuthClient
    authorization_url: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser brought back. ``issuer``: ``iss`` of the answer (RFC 9207)."""

    token: Secret
    state: str
    code: Secret
    issuer: str | None


@dataclass(frozen=True, slots=True)
class SignedInTokens:
    """``refresh_token`` None: none was asked for, or none came."""

    client: OAuthClient
    endpoints: Endpoints
    access_token: Secret
    refresh_token: Secret | None


@dataclass(frozen=True, slots=True)
class _Pending:
    client: OAuthClient
    endpoints: Endpoints
    proofs: Proofs
    redirect_uri: str
    host: str
    username: str
    source: str
    ends_at: float


def redirect_uri(public_url: str, name: str) -> str:
    return f"{public_url}/signed-in/{name}"


Redeem: TypeAlias = Callable[[HttpRequest, Sequence[Secret | None]], Awaitable[Granted | Fault]]
"""Sends what an authorization code is redeemed by. None of the secrets is in a Fault."""


def redeem_by(send: Send) -> Redeem:
    async def redeem(request: HttpRequest, secrets: Sequence[Secret | None]) -> Granted | Fault:
        answer = await send(request, timeout_seconds=ANSWER_SECONDS, body_bytes=ANSWER_BYTES + 1)
        overwrite(request.body)
        found = read_grant(answer, "authorization code", secrets)
        if isinstance(answer, HttpResponse):
            overwrite(answer.body)
        return found

    return redeem


class SignIns:
    """``public_url``: how browsers reach this gateway; each provider sends them back to a path of its own below it, so that the
    answer of one is never taken for another's (RFC 9700 section 4.4.2). Empty: nothing is offered."""

    def __init__(
        self,
        clients: Sequence[OAuthClient],
        public_url: str,
        send: Send,
        clock: Clock,
        entropy: Callable[[int], bytes],
        emit: Emit,
        *,
        allow_plaintext: bool = False,
        redeem: Redeem | None = None,
    ) -> None:
        """``redeem``: :func:`redeem_by`, here (None) or elsewhere."""
        self._registered = {one.name: one for one in clients}
        self.clients = tuple(clients) if public_url else ()
        self._public_url = public_url
        self._send = send
        self._redeem = redeem or redeem_by(send)
        self._clock = clock
        self._entropy = entropy
        self._emit = emit
        self._allow_plaintext = allow_plaintext
        self._pending: OrderedDict[bytes, _Pending] = OrderedDict()
        self._known: dict[str, tuple[Endpoints | str, float]] = {}
        self._asking = {one.name: asyncio.Lock() for one in clients}

    def __len__(self) -> int:
        return len(self._pending)

    def client_of(self, host: str) -> OAuthClient | None:
        """Who signs in users of this IMAP server; ``host`` in lower case, as an A-label."""
        return next((one for one in self.clients if one.serves(host)), None)

    def redirect_uri(self, client: OAuthClient) -> str:
        """As it is registered at the provider, to the letter (RFC 9700 section 2.1)."""
        return redirect_uri(self._public_url, client.name)

    def registered(self, name: str) -> OAuthClient | None:
        """Whether or not browsers can come back here."""
        return self._registered.get(name)

    async def endpoints_of(self, name: str) -> Endpoints | str:
        """Of a client by its name; or why they are not known, for the operator."""
        client = self._registered.get(name)
        if client is None:
            return f"there is no [oauth.{name}] with a client_id"
        return client.endpoints or await self._told(client)

    async def begin(
        self, client: OAuthClient, host: str, username: str, *, offline: bool, source: str
    ) -> Begun | Fault:
        """``offline``: a refresh token is asked for, too; else nothing that outlives the session. ``source``: whose it is, for
        the bound of one."""
        endpoints = client.endpoints or await self._told(client)
        if isinstance(endpoints, str):
            self._emit(NotSignedIn(client.name, "token-unavailable", "Its endpoints are not known.", endpoints))
            return unavailable(endpoints)
        proofs, redirect_uri = Proofs.of(self._entropy(64)), self.redirect_uri(client)
        token = sign_in_token(self._entropy(TOKEN_ENTROPY_BYTES))
        self._make_room(source)
        ends_at = self._clock.boottime() + PENDING_SECONDS
        self._pending[token_hash(token)] = _Pending(
            client, endpoints, proofs, redirect_uri, host, username, source, ends_at
        )
        url = authorization_url(client, endpoints, proofs, redirect_uri, username, offline=offline)
        return Begun(token, client, url)

    async def redeem(self, returned: Returned, host: str, username: str) -> SignedInTokens | Fault:
        """Whatever comes of it, that sign-in is over. The tokens are good for ``host`` and ``username`` alone, for which it was
        begun: anything else about it that does not fit is one and the same Fault."""
        pending = self._pending.pop(token_hash(returned.token.text()), None)
        if pending is None or pending.ends_at <= self._clock.boottime():
            return _not_valid()
        if not hmac.compare_digest(returned.state.encode("utf-8", "replace"), pending.proofs.state.encode()):
            return self._failed(pending.client, _not_valid(), "another state")
        if (host, username) != (pending.host, pending.username):
            return self._failed(pending.client, _not_valid(), "another account")
        if (fault := issuer_fault(pending.endpoints, returned.issuer)) is not None:
            return self._failed(pending.client, _not_valid(), fault)
        return await self._redeemed(pending, returned.code)

    async def _redeemed(self, pending: _Pending, code: Secret) -> SignedInTokens | Fault:
        client, endpoints = pending.client, pending.endpoints
        request = code_request(client, endpoints, pending.proofs, pending.redirect_uri, code)
        found = await self._redeem(request, (code, pending.proofs.verifier, client.secret))
        pending.proofs.verifier.wipe()
        if isinstance(found, Fault):
            if found.code == "token-refused":
                found = Fault("sign-in-refused", found.detail)
            return self._failed(client, found, found.private)
        if (fault := id_token_fault(client, endpoints, pending.proofs, found.id_token)) is not None:
            return self._failed(client, _not_valid(), fault)
        self._emit(SignedIn(client.name))
        return _tokens(client, endpoints, found)

    def _failed(self, client: OAuthClient, fault: Fault, private: str) -> Fault:
        self._emit(NotSignedIn(client.name, fault.code, fault.detail, private))
        return fault

    def _make_room(self, source: str) -> None:
        now = self._clock.boottime()
        while self._pending and next(iter(self._pending.values())).ends_at <= now:
            self._pending.popitem(last=False)
        own = [key for key, one in self._pending.items() if one.source == source]
        for key in own[: len(own) - PENDING_OF_ONE + 1] if len(own) >= PENDING_OF_ONE else ():
            del self._pending[key]
        if len(self._pending) >= PENDING_MOST:
            self._pending.popitem(last=False)

    async def _told(self, client: OAuthClient) -> Endpoints | str:
        """What its issuer tells of itself; or why it tells nothing, for the operator."""
        async with self._asking[client.name]:
            found, until = self._known.get(client.name, ("", 0.0))
            if self._clock.boottime() < until:
                return found
            for request in metadata_requests(client.issuer):
                answer = await self._send(request, timeout_seconds=ANSWER_SECONDS, body_bytes=METADATA_BYTES + 1)
                found = read_metadata(answer, client.issuer, allow_plaintext=self._allow_plaintext)
                if isinstance(found, Endpoints):
                    break
            seconds = KNOWN_SECONDS if isinstance(found, Endpoints) else FAILED_SECONDS
            self._known[client.name] = found, self._clock.boottime() + seconds
            return found


def no_sign_ins(clock: Clock, entropy: Callable[[int], bytes], emit: Emit) -> SignIns:
    """Of a gateway that is nobody's client."""
    return SignIns((), "", _unsent, clock, entropy, emit)


async def _unsent(request: HttpRequest, /, *, timeout_seconds: float, body_bytes: int) -> Answer:
    return NoResponse("not-allowed", "nobody's client asks nobody")


def _tokens(client: OAuthClient, endpoints: Endpoints, granted: Granted) -> SignedInTokens:
    return SignedInTokens(client, endpoints, granted.access_token, granted.refresh_token)


def _not_valid() -> Fault:
    return Fault("sign-in-not-valid", NOT_VALID)
