"""Clients at providers, as the settings say, completed by the presets."""

from __future__ import annotations

import os
from collections.abc import Iterator

from idlebell.config import Settings
from idlebell.config.settings import OAuthClient as Section
from idlebell.discover.sign_in_presets import PRESETS, SignInPreset
from idlebell.login.authorization import OFFLINE, OPENID, Endpoints, OAuthClient
from idlebell.login.renewals import Send
from idlebell.login.sign_ins import Redeem, SignIns, redirect_uri
from idlebell.model.endpoint import PushUrl
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.store.key_file import read_key_file
from idlebell.telemetry.facts import Emit

_NO_PRESET = SignInPreset("", "", "", "", (OPENID,), (), (OFFLINE,))


def sign_ins_of(settings: Settings, send: Send, clock: Clock, emit: Emit, redeem: Redeem | None = None) -> SignIns:
    """ValueError: a secret cannot be read."""
    clients = [_client(name, one) for name, one in settings.oauth.items() if one.client_id]
    return SignIns(
        clients,
        public_url_of(settings),
        send,
        clock,
        os.urandom,
        emit,
        allow_plaintext=settings.network.allow_plaintext,
        redeem=redeem,
    )


def public_url_of(settings: Settings) -> str:
    """Where browsers come back to. A gateway of this machine alone needs no setting for it (RFC 8252 section 7.3)."""
    server = settings.server
    if server.public_url or not server.listen.loopback:
        return server.public_url
    return f"{'https' if server.tls else 'http'}://{server.listen}"


def redirect_uris(settings: Settings) -> Iterator[tuple[str, str]]:
    """What has to be registered at each provider: NAME and redirect URI."""
    for name, one in settings.oauth.items():
        if one.client_id:
            yield name, redirect_uri(public_url_of(settings), name)


def _client(name: str, given: Section) -> OAuthClient:
    preset = PRESETS.get(name, _NO_PRESET)
    own = bool(given.issuer or given.authorization_url)
    issuer = given.issuer if own else preset.issuer
    authorization_url = given.authorization_url if own else preset.authorization_url
    token_url = given.token_url if own else preset.token_url
    endpoints = Endpoints(authorization_url, PushUrl(token_url), issuer) if authorization_url else None
    return OAuthClient(
        name,
        given.title or preset.title or name.capitalize(),
        given.client_id,
        given.hosts or preset.hosts,
        issuer,
        endpoints,
        None if given.secret_file is None else Secret(read_key_file(given.secret_file, f"oauth.{name}").strip()),
        given.scopes or preset.scopes,
        given.offline_scopes or preset.offline_scopes,
        preset.offline_parameters,
    )
