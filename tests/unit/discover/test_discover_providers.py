"""The table of providers is whole, and finds who it is asked for."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

import pytest

from idlebell.discover.provider import Login
from idlebell.discover.providers import (
    DEFAULT_SESSIONS,
    PROVIDERS,
    Provider,
    of_address,
    of_domain,
    of_host,
    sessions_taken,
)
from idlebell.model.account import Tls
from idlebell.net.host_name import parse_host

EACH = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)


@pytest.mark.parametrize(
    ("host", "name", "sessions"),
    [
        ("imap.gmail.com", "Gmail, Google Workspace", 4),
        ("IMAP.GMAIL.COM.", "Gmail, Google Workspace", 4),
        ("outlook.office365.com", "Outlook.com, Exchange Online", 4),
        ("imap.zoho.eu", "Zoho Mail, Europe", 1),
        ("p42-imap.mail.me.com", "iCloud", 2),
        ("imap.vip.163.com", "NetEase, vip.163.com", DEFAULT_SESSIONS),
    ],
)
def test_a_server_belongs_to_its_provider(host: str, name: str, sessions: int) -> None:
    found = of_host(host)
    assert found is not None
    assert found.name == name
    assert sessions_taken(host) == found.sessions_taken == sessions


@pytest.mark.parametrize(
    "host", ["", "example.org", "imap.gmail.com.example.org", "notoutlook.com", "com", "192.0.2.1"]
)
def test_a_server_that_is_nobodys_has_the_default(host: str) -> None:
    assert of_host(host) is None
    assert sessions_taken(host) == DEFAULT_SESSIONS


def test_an_address_leads_to_its_provider() -> None:
    found = of_address("Alice@GMX.de")
    assert found is not None
    assert found.name == "GMX"
    assert of_address("alice@example.org") is None
    assert of_domain("sub.gmx.de") is None, "a domain is its owner's, not its parent's"


def test_no_domain_and_no_server_has_two_owners() -> None:
    for names in ("domains", "server_names"):
        counts = Counter(name for one in PROVIDERS for name in set(getattr(one, names)))
        assert [name for name, count in counts.items() if count > 1] == []


@EACH
def test_every_name_is_one(provider: Provider) -> None:
    for name in (*provider.domains, *provider.server_names):
        assert parse_host(name) == name
    assert provider.domains


@EACH
def test_every_server_is_reached_under_tls_at_the_port_of_it(provider: Provider) -> None:
    assert all(one.tls is not Tls.NONE and one.port == one.tls.default_port for one in provider.servers)
    assert bool(provider.servers) == (provider.login not in (Login.BRIDGE, Login.NONE))


@EACH
def test_every_page_is_one_to_be_opened(provider: Provider) -> None:
    for page in (provider.page, provider.switch_page):
        assert page == "" or (urlsplit(page).scheme == "https" and urlsplit(page).hostname)
    assert provider.page
    assert bool(provider.switch_page) == bool(provider.switch_on)


@EACH
def test_the_users_own_programs_keep_at_least_half(provider: Provider) -> None:
    assert provider.sessions_taken >= 1
    if provider.sessions is not None:
        assert provider.sessions_taken * 2 <= provider.sessions.value
    assert provider.connect_rate is None or 0 < provider.connect_rate <= 20
    assert provider.idle_seconds is None or 120 <= provider.idle_seconds.value <= 1_740
