"""Sign-ins at a provider (authorization code, PKCE): which are offered, how one begins, and what its answer is good for.

What a browser brings back stands where credentials stand in a request. It is redeemed in that same request, so that nothing
of a provider's is kept here between a sign-in and its use, and nothing of it is shown to the browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from idlebell.gateway.callers import Caller
from idlebell.gateway.credentials import check_text
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import (
    BegunView,
    ImapShape,
    OAuth2Auth,
    SignInAuth,
    SignInRequest,
    SignInsView,
    SignInView,
    SubscriptionRequest,
)
from idlebell.gateway.wish import read_wish
from idlebell.login.authorization import CODE_CHARACTERS, ISSUER_CHARACTERS, STATE_CHARACTERS
from idlebell.login.sign_ins import PENDING_SECONDS, Begun, Returned, SignIns
from idlebell.login.token_endpoint import is_token
from idlebell.model.account import Retention
from idlebell.model.problem import Fault, Problem, ProblemError
from idlebell.model.secret import Secret
from idlebell.net.addresses import network_of
from idlebell.net.host_name import BadHost, parse_host

if TYPE_CHECKING:
    from idlebell.gateway.enrolment import Enrolment
    from idlebell.gateway.means import Means

USERNAME_BYTES: Final = 1_000
"""As in a registration."""
BY_SIGN_IN: Final = frozenset({Retention.SESSION, Retention.MEMORY, Retention.VAULT})
"""Of a token there are no keys to keep."""
TOKEN_CHARACTERS: Final = 200
NOBODYS_URL: Final = "https://provider.example/token"
"""Asked by nobody: it stands where a provider's will."""


@dataclass(frozen=True, slots=True)
class _For:
    """What a sign-in is good for."""

    host: str
    username: str
    retention: Retention


def offered(sign_ins: SignIns, retentions: frozenset[Retention]) -> SignInsView:
    return SignInsView(
        items=tuple(
            SignInView(name=one.name, title=one.title, hosts=one.hosts, redirect_uri=sign_ins.redirect_uri(one))
            for one in sign_ins.clients
        ),
        retentions=tuple(one.value for one in Retention if one in retentions),
    )


async def begin(means: Means, enrolment: Enrolment, request: SignInRequest, caller: Caller) -> BegunView:
    """For whoever may register, or has a subscription whose credentials are to be sent again; counted as a registration is."""
    caller.needs_secrecy()
    if caller.token_hash is None and caller.invitation is None:
        enrolment.admit(caller)
    else:
        enrolment.count(caller)
    faults = Faults()
    host = _host(faults, request.host, "/host")
    check_text(faults, "/username", request.username, USERNAME_BYTES)
    retention = Retention(request.retention)
    if retention not in means.policy.retentions:
        faults.add("/retention", "is not among those that the operator allows (credentials.retention)")
    faults.raise_any()
    client = means.sign_ins.client_of(host)
    if client is None:
        raise ProblemError(Problem("sign-in-not-offered", "No sign-in is set up for this server."))
    offline = retention is not Retention.SESSION
    source = network_of(caller.address)
    begun = await means.sign_ins.begin(client, host, request.username, offline=offline, source=source)
    if isinstance(begun, Fault):
        raise ProblemError(begun.problem())
    return _view(means, begun)


def _view(means: Means, begun: Begun) -> BegunView:
    return BegunView(
        sign_in=begun.token,
        name=begun.client.name,
        authorization_url=begun.authorization_url,
        redirect_uri=means.sign_ins.redirect_uri(begun.client),
        expires_at=means.clock.now() + timedelta(seconds=PENDING_SECONDS),
    )


async def redeemed_request(means: Means, request: SubscriptionRequest) -> SubscriptionRequest:
    """``request`` with tokens in place of what a browser brought back; as it is where it brought none."""
    imap = request.imap
    if imap is None or not isinstance(imap.auth, SignInAuth):
        return request
    faults = Faults()
    host = ""
    if imap.host is None:
        faults.add("/imap/host", "is missing: a sign-in is good for one server")
    else:
        host = _host(faults, imap.host, "/imap/host")
    retention = Retention(request.retention or Retention.SESSION)
    wanted = _For(host, imap.username, retention)
    if retention in BY_SIGN_IN:
        # It is good once: not used up by a request that something else is wrong with.
        read_wish(_with(request, imap, _stand_in(retention)), means.policy)
    return _with(request, imap, await redeemed(means, imap.auth, wanted, "/imap/auth", faults))


def _with(request: SubscriptionRequest, imap: ImapShape, auth: OAuth2Auth) -> SubscriptionRequest:
    return msgspec.structs.replace(request, imap=msgspec.structs.replace(imap, auth=auth))


def _stand_in(retention: Retention) -> OAuth2Auth:
    """For what :func:`redeemed` gives."""
    if retention is Retention.SESSION:
        return OAuth2Auth(access_token=Secret("-"))
    return OAuth2Auth(refresh_token=Secret("-"), token_url=NOBODYS_URL, client_id="-")


async def redeemed_auth(means: Means, auth: SignInAuth, host: str, username: str, retention: Retention) -> OAuth2Auth:
    """As :func:`redeemed_request`, for an account that is there."""
    return await redeemed(means, auth, _For(host, username, retention), "/auth", Faults())


async def redeemed(means: Means, auth: SignInAuth, wanted: _For, at: str, faults: Faults) -> OAuth2Auth:
    """ProblemError: what came back is not good, and the sign-in is over in any case but ``invalid-request``."""
    if wanted.retention not in BY_SIGN_IN:
        detail = "needs retention session, memory or vault: of a token there are no keys to keep"
        faults.add(at, detail)
    for name, text, most in (
        ("sign_in", auth.sign_in.text(), TOKEN_CHARACTERS),
        ("state", auth.state, STATE_CHARACTERS),
        ("code", auth.code.text(), CODE_CHARACTERS),
        ("iss", auth.iss or "-", ISSUER_CHARACTERS),
    ):
        if len(text) > most or not is_token(text):
            faults.add(f"{at}/{name}", f"must be 1 to {most} visible ASCII characters")
    faults.raise_any()
    returned = Returned(auth.sign_in, auth.state, auth.code, auth.iss)
    found = await means.sign_ins.redeem(returned, wanted.host, wanted.username)
    auth.code.wipe()
    if isinstance(found, Fault):
        raise ProblemError(found.problem())
    if wanted.retention is Retention.SESSION:
        if found.refresh_token is not None:
            found.refresh_token.wipe()
        return OAuth2Auth(access_token=found.access_token)
    found.access_token.wipe()  # another one is got by the refresh token at once, which shows that it can be
    if found.refresh_token is None:
        detail = "The provider gave no refresh token, so that the gateway could not sign in again."
        raise ProblemError(Problem("sign-in-refused", detail))
    secret = found.client.secret
    return OAuth2Auth(
        refresh_token=found.refresh_token,
        token_url=found.endpoints.token_url.reveal(),
        client_id=found.client.client_id,
        client_secret=None if secret is None else Secret(secret.reveal()),
    )


def _host(faults: Faults, text: str, at: str) -> str:
    try:
        return parse_host(text)
    except BadHost as error:
        faults.add(at, str(error))
        return ""
