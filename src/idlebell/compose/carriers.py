"""What a process can send by, as the settings say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from idlebell.canary.rounds import Canary
from idlebell.config import Settings
from idlebell.deliver.carriers import Carriers, to_canary, to_terminal
from idlebell.net import child_process
from idlebell.net.apns_sender import ApnsSender
from idlebell.net.apprise_pool import ApprisePool, is_installed
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.egress import Egress
from idlebell.net.fcm_sender import FcmSender
from idlebell.net.http_client import HttpClient
from idlebell.net.sip_client import SipClient
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.apns_key import ProviderToken
from idlebell.push.exchange import ApnsPush, AppriseCall, CommandRun, FcmMessage, HttpRequest, Lines, SipRequest, Tokens
from idlebell.push.google_account import ServiceAccount
from idlebell.store.key_file import read_key_file

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AppCarriers:
    """None: the operator has no key for it."""

    google: FcmSender | None
    apple: ApnsSender | None
    close: Callable[[], Awaitable[None]]


def carriers_of(
    http: HttpClient,
    sip: SipClient,
    pool: ApprisePool | None,
    apps: AppCarriers,
    on_line: Callable[[str], None] | None,
    bird: Canary | None,
) -> Carriers:
    """What this process can send by. ``on_line`` writes to the terminal, where there is one; ``bird`` hears the tokens of
    the canary's mails, where one is kept."""
    carriers = Carriers().add(HttpRequest, http.push).add(CommandRun, child_process.run).add(SipRequest, sip.carry)
    if pool is not None:
        carriers.add(AppriseCall, pool.carry)
    if apps.google is not None:
        carriers.add(FcmMessage, apps.google.carry)
    if apps.apple is not None:
        carriers.add(ApnsPush, apps.apple.carry)
    if on_line is not None:
        carriers.add(Lines, to_terminal(on_line))
    if bird is not None:
        carriers.add(Tokens, to_canary(bird.hear))
    return carriers


def apprise_pool_of(settings: Settings, egress: Egress) -> ApprisePool | None:
    """None: it is not installed, or no service is offered."""
    if not settings.push.apprise_services or not is_installed():
        return None
    return ApprisePool(
        egress,
        proxy=settings.network.proxy,
        ca_file=settings.imap.ca_file,
        processes=settings.push.apprise_processes,
    )


def app_carriers_of(
    settings: Settings, http: HttpClient, connector: Connector, tls_policy: TlsPolicy, clock: Clock
) -> AppCarriers:
    """For makers of apps. ValueError: a key cannot be used."""
    google = apple = None
    close: Callable[[], Awaitable[None]] = _nothing_to_close
    if (path := settings.fcm.service_account_file) is not None:
        content = read_key_file(path, "[fcm] service_account_file")
        account = _usable(path, "[fcm] service_account_file", lambda: ServiceAccount.load(content))
        google = FcmSender(http.send, clock, account, settings.fcm.url)
    if (path := settings.apns.key_file) is not None:
        from idlebell.net.http2_client import Http2Client

        given = settings.apns
        pem = read_key_file(path, "[apns] key_file")
        token = _usable(path, "[apns] key_file", lambda: ProviderToken.load(pem, given.key_id, given.team_id))
        client = Http2Client(connector, tls_policy)
        apple = ApnsSender(client.send, clock, token, topic=given.topic, url=given.url, sandbox_url=given.sandbox_url)
        close = client.close
    return AppCarriers(google, apple, close)


async def _nothing_to_close() -> None:
    return None


def _usable(path: Path, key: str, load: Callable[[], T]) -> T:
    try:
        return load()
    except ValueError as error:
        raise ValueError(f"{key}: {path} {error}") from None
