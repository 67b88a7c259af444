from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.login.authorization import Endpoints
from idlebell.login.server_metadata import METADATA_BYTES, is_endpoint, metadata_requests, read_metadata
from idlebell.model.endpoint import PushUrl
from idlebell.push.exchange import HttpResponse, NoResponse

ISSUER = "https://login.example.org/realms/mail"
GOOD = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://login.example.org/auth?tenant=a",
    "token_endpoint": "https://tokens.example.org/token",
}


def said(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def read(body: Any, status: int = 200) -> Endpoints | str:
    return read_metadata(said(body, status), ISSUER, allow_plaintext=False)


def test_both_places_are_asked() -> None:
    assert [one.url.reveal() for one in metadata_requests(ISSUER + "/")] == [
        "https://login.example.org/realms/mail/.well-known/openid-configuration",
        "https://login.example.org/.well-known/oauth-authorization-server/realms/mail",
    ]


def test_what_a_provider_tells_of_itself() -> None:
    expected = Endpoints(GOOD["authorization_endpoint"], PushUrl(GOOD["token_endpoint"]), ISSUER)
    found = read(GOOD)
    assert isinstance(found, Endpoints)
    assert (found.authorization_url, found.token_url.reveal(), found.issuer, found.tells_issuer) == (
        expected.authorization_url, GOOD["token_endpoint"], ISSUER, False,
    )  # fmt: skip
    told = read(
        GOOD | {"authorization_response_iss_parameter_supported": True, "code_challenge_methods_supported": ["S256"]}
    )
    assert isinstance(told, Endpoints)
    assert told.tells_issuer


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (GOOD | {"issuer": "https://evil.example.net"}, "another issuer"),
        (GOOD | {"issuer": None}, "another issuer"),
        (GOOD | {"token_endpoint": "http://tokens.example.org/"}, "no https"),
        (GOOD | {"authorization_endpoint": "javascript:alert(1)"}, "no https"),
        (GOOD | {"authorization_endpoint": "https://a@b/"}, "no https"),
        (GOOD | {"authorization_endpoint": 7}, "names no"),
        (GOOD | {"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        (b"<html>", "another issuer"),
        (b"[" * 60_000, "another issuer"),
        (json.dumps(GOOD).encode() + b" " * METADATA_BYTES, "another issuer"),
    ],
)
def test_what_is_not_usable_is_not_used(body: Any, words: str) -> None:
    found = read(body)
    assert isinstance(found, str)
    assert words in found


def test_no_answer_and_another_status_are_told_to_the_operator() -> None:
    assert read(GOOD, 302) == "HTTP status 302"
    assert read_metadata(NoResponse("refused", "x"), ISSUER, allow_plaintext=False) == "refused: x"


@settings(max_examples=50)
@given(st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=5))
def test_whatever_comes_is_read(body: Any) -> None:
    assert isinstance(read(body), str)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://a.example/x?y=z", True), ("http://127.0.0.1:3/t", False), ("https:///x", False), ("https://a/#b", False),
        ("https://a:99999/", False), ("https://[/", False), ("https://a/\n", False), ("data:text/html,x", False), ("", False),
    ],
)  # fmt: skip
def test_an_endpoint_is_an_https_url(url: str, good: bool) -> None:
    assert is_endpoint(url, allow_plaintext=False) is good
    assert is_endpoint("http://127.0.0.1:3/t", allow_plaintext=True)
