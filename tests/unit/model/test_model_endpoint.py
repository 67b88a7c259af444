"""Endpoints: origins, stand-ins, and URLs that are secrets."""

from __future__ import annotations

import pytest

from idlebell.model.endpoint import (
    Endpoints,
    PushUrl,
    Role,
    SimplePushEndpoint,
    WebhookEndpoint,
    WebPushEndpoint,
)
from idlebell.model.secret import Secret

SIMPLE = SimplePushEndpoint(PushUrl("https://push.example.net/a"))
OTHER = SimplePushEndpoint(PushUrl("https://push.example.net/b"))
HOOK = WebhookEndpoint(PushUrl("https://hook.example.net/x"), Secret(b"k" * 24))
WEB = WebPushEndpoint(PushUrl("https://web.example.net/x"), b"\x04" + bytes(64), Secret(bytes(16)))


@pytest.mark.parametrize(
    ("url", "origin", "host", "port"),
    [
        ("https://push.example.net/secret?x", "https://push.example.net", "push.example.net", 443),
        ("https://push.example.net:443/s", "https://push.example.net", "push.example.net", 443),
        ("https://push.example.net:8443/s", "https://push.example.net:8443", "push.example.net", 8443),
        ("http://127.0.0.1/s", "http://127.0.0.1", "127.0.0.1", 80),
        ("http://[::1]:8080/s", "http://[::1]:8080", "::1", 8080),
        ("HTTPS://Push.Example.Net?s", "https://push.example.net", "push.example.net", 443),
        ("http://push.example.net#s", "http://push.example.net", "push.example.net", 80),
        ("https://push.example.net:8443?s://x:1", "https://push.example.net:8443", "push.example.net", 8443),
        ("http:/s", "http://", "", 80),
    ],
)
def test_origin_leaves_default_ports_out(url: str, origin: str, host: str, port: int) -> None:
    push = PushUrl(url)

    assert (push.origin, push.host, push.port) == (origin, host, port)


def test_url_shows_its_origin_only() -> None:
    url = PushUrl("https://push.example.net/s3cret")

    assert "s3cret" not in f"{url} {url!r} {SimplePushEndpoint(url)}"
    assert url.reveal() == "https://push.example.net/s3cret"
    assert url.scheme == "https"
    assert url == PushUrl("https://push.example.net/s3cret")
    assert url != "https://push.example.net/s3cret"
    assert len({url, PushUrl(url.reveal())}) == 1


def test_roles_come_in_order_without_those_left_out() -> None:
    assert list(Endpoints(SIMPLE, heartbeat=HOOK)) == [(Role.NEW_MAIL, SIMPLE), (Role.HEARTBEAT, HOOK)]


@pytest.mark.parametrize(
    ("endpoints", "role", "serving"),
    [
        (Endpoints(SIMPLE, OTHER), Role.NEW_MAIL, SIMPLE),
        (Endpoints(None, OTHER), Role.NEW_MAIL, None),
        (Endpoints(SIMPLE, OTHER), Role.RECONNECT, OTHER),
        (Endpoints(WEB), Role.RECONNECT, WEB),
        (Endpoints(SIMPLE), Role.RECONNECT, None),
        (Endpoints(None), Role.RECONNECT, None),
        (Endpoints(SIMPLE, OTHER), Role.EXPIRING, OTHER),
        (Endpoints(HOOK), Role.EXPIRING, HOOK),
        (Endpoints(SIMPLE, expiring=HOOK), Role.EXPIRING, HOOK),
        (Endpoints(HOOK), Role.HEARTBEAT, HOOK),
        (Endpoints(WEB), Role.HEARTBEAT, None),
    ],
)
def test_who_stands_in_for_an_endpoint_that_is_left_out(endpoints: Endpoints, role: Role, serving: object) -> None:
    assert endpoints.serving(role) == serving
