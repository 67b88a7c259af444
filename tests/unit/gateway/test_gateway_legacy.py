from __future__ import annotations

import pytest

from idlebell.gateway.legacy import registration
from idlebell.gateway.legacy_shapes import RegisterRequest
from idlebell.model.problem import ProblemError
from idlebell.model.secret import Secret


def asked(server: str) -> RegisterRequest:
    return RegisterRequest(
        username="alice",
        password=Secret("x"),
        new_mail_url="https://push.example/a",
        reconnect_url="https://push.example/b",
        imap_server=server,
    )


@pytest.mark.parametrize(
    ("server", "host", "port", "tls"),
    [
        ("imap.example.org", "imap.example.org", 993, "implicit"),
        ("imap.example.org:993", "imap.example.org", 993, "implicit"),
        ("imap.example.org:143", "imap.example.org", 143, "starttls"),
        ("imap.example.org:1993", "imap.example.org", 1993, "implicit"),
        ("[2001:db8::1]:143", "2001:db8::1", 143, "starttls"),
        ("[2001:db8::1]", "2001:db8::1", 993, "implicit"),
    ],
)
def test_the_server_says_how_tls_is_made(server: str, host: str, port: int, tls: str) -> None:
    imap = registration(asked(server)).imap
    assert (imap.host, imap.port, imap.tls) == (host, port, tls)


@pytest.mark.parametrize("server", ["", ":993", "a:b", "a:999999", "[::1", "a:1:2"])
def test_what_names_no_server_is_pointed_at(server: str) -> None:
    with pytest.raises(ProblemError) as caught:
        registration(asked(server))
    assert caught.value.problem.errors[0].pointer == "/IMAPServer"
