"""Where a URL leads, and a request as bytes."""

from __future__ import annotations

import pytest

from idlebell import __version__
from idlebell.model.endpoint import PushUrl
from idlebell.net.errors import Unreachable
from idlebell.net.http_request import Origin, Target, read_target, spell, spell_connect
from idlebell.push.exchange import HttpRequest


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://push.test", Target(Origin(True, "push.test", 443), "push.test", "/")),
        ("https://push.test:443/a", Target(Origin(True, "push.test", 443), "push.test", "/a")),
        ("https://PUSH.Test:8443/A?b=/?#c#d", Target(Origin(True, "push.test", 8443), "push.test:8443", "/A?b=/?")),
        ("http://push.test?x", Target(Origin(False, "push.test", 80), "push.test", "/?x")),
        ("http://[::1]:80/", Target(Origin(False, "::1", 80), "[::1]", "/")),
        ("https://[2001:db8::1]:80/", Target(Origin(True, "2001:db8::1", 80), "[2001:db8::1]:80", "/")),
        ("https://push.test:00443/..//.", Target(Origin(True, "push.test", 443), "push.test", "/..//.")),
    ],
)
def test_a_url_leads_to_one_origin_and_its_path_stays_as_it_is(url, target):
    assert read_target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "https://push.test:65536/",
        "https://push.test:/",
        "https://a@push.test/",
        "https://push.test/ä",
        "HTTPS://push.test/",
    ],
)
def test_what_may_be_read_otherwise_is_no_url(url):
    with pytest.raises(Unreachable) as refused:
        read_target(url)
    assert refused.value.reason == "bad-host"


def request(method="POST", headers=(("TTL", "60"),), body=b"body", url="https://push.test/x?y"):
    return HttpRequest(method, PushUrl(url), headers, body)


OWN = f"User-Agent: Idlebell/{__version__}\r\nAccept: */*\r\n"


def spelled(one: HttpRequest, **how) -> str:
    return spell(one, read_target(one.url.reveal()), **how).decode()


def test_a_request_says_who_asks_and_how_long_it_is():
    assert (
        spelled(request()) == f"POST /x?y HTTP/1.1\r\nHost: push.test\r\n{OWN}TTL: 60\r\nContent-Length: 4\r\n\r\nbody"
    )
    assert spelled(request(body=b"", headers=())).endswith(f"{OWN}Content-Length: 0\r\n\r\n")
    assert spelled(request("GET", (), b"")).endswith(f"{OWN}\r\n")


def test_a_proxy_is_told_all_of_the_url_and_who_we_are():
    plain = request(url="http://push.test:81/x#y")
    assert spelled(plain, proxied=True, credentials="Basic YQ==").startswith(
        f"POST http://push.test:81/x HTTP/1.1\r\nHost: push.test:81\r\n{OWN}Proxy-Authorization: Basic YQ==\r\n"
    )
    assert spell_connect(Origin(True, "::1", 443), "") == b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"
    assert b"\r\nProxy-Authorization: Basic YQ==\r\n" in spell_connect(Origin(True, "a.test", 443), "Basic YQ==")


@pytest.mark.parametrize(
    "field",
    [
        ("X", "a\r\nY: b"),
        ("X", "a\nb"),
        ("X", "a\0"),
        ("X", "a\x7f"),
        ("X:", "a"),
        ("", "a"),
        ("X Y", "a"),
        ("X\r\n", "a"),
    ],
)
def test_a_field_that_is_none_is_not_sent(field):
    with pytest.raises(ValueError, match="not a header field"):
        spelled(request(headers=(field,)))


@pytest.mark.parametrize("method", ["", "PO ST", "POST / HTTP/1.1\r\nX:", "P\n"])
def test_a_method_that_is_none_is_not_sent(method):
    with pytest.raises(ValueError, match="not a method"):
        spelled(request(method))
