from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.login import token_endpoint
from idlebell.login.token_endpoint import ANSWER_BYTES, Granted, read_answer, refresh_request
from idlebell.model.account import RenewableCredentials
from idlebell.model.endpoint import PushUrl
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.push.exchange import HttpResponse, NoResponse

URL = "https://login.example.org/token"


def credentials(secret: str | None = None) -> RenewableCredentials:
    return RenewableCredentials(
        Secret("r3fresh"), PushUrl(URL), "an app", None if secret is None else Secret(secret), Secret("acc3ss")
    )


def said(status: int, body: Any, headers: dict[str, str] | None = None) -> HttpResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, headers or {}, content)


def granted(**members: Any) -> Granted | Fault:
    given = {"access_token": "next", "token_type": "Bearer", "expires_in": 3599, **members}
    return read_answer(said(200, {name: value for name, value in given.items() if value is not None}), credentials())


def test_a_client_without_a_secret_names_itself_in_the_form() -> None:
    request = refresh_request(credentials())
    assert (request.method, request.url.reveal()) == ("POST", URL)
    form = parse_qs(request.body.decode())
    assert form == {"grant_type": ["refresh_token"], "refresh_token": ["r3fresh"], "client_id": ["an app"]}
    assert not any(name == "Authorization" for name, _ in request.headers)
    assert "r3fresh" not in repr(request)


def test_a_client_with_a_secret_shows_it_by_http_basic() -> None:
    request = refresh_request(credentials("a+b/c:d ü"))
    basic = dict(request.headers)["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(basic) == b"an+app:a%2Bb%2Fc%3Ad+%C3%BC"  # RFC 6749 section 2.3.1 and appendix B
    assert "client_id" not in parse_qs(request.body.decode())
    assert basic not in repr(request)


def test_what_is_granted() -> None:
    assert granted() == Granted(Secret("next"), None, 3599.0)
    assert granted(refresh_token="r0tated", token_type="bearer") == Granted(Secret("next"), Secret("r0tated"), 3599.0)
    assert granted(refresh_token="not\na token") == granted(refresh_token=7) == granted(token_type=None) == granted()


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (None, 3600.0), ("3599", 3599.0), (1800.5, 1800.5), (0, 60.0), (-1, 60.0), (1, 60.0), (10**300, 86_400.0),
        (True, 3600.0), ("soon", 3600.0), ("9" * 30, 3600.0),
        ([1], 3600.0), ({}, 3600.0),
    ],
)  # fmt: skip
def test_a_life_is_between_a_minute_and_a_day(told: Any, seconds: float) -> None:
    found = granted(expires_in=told)
    assert isinstance(found, Granted)
    assert found.seconds == seconds


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "unauthorized_client", "interaction_required"])
def test_a_refusal_is_final_and_says_what_the_provider_said(error: str) -> None:
    found = read_answer(said(400, {"error": error, "error_description": "Token revoked.\n\u202eSo."}), credentials())
    assert isinstance(found, Fault)
    assert found.code == "token-refused"
    assert f"({error}): Token revoked. So." in found.detail


def test_a_description_is_cut_and_repeats_no_secret() -> None:
    echo = f"r3fresh {base64.b64encode(b'r3fresh').decode()} acc3ss s3cret " + "x" * 10_000
    found = read_answer(said(401, {"error": "invalid_grant", "error_description": echo}), credentials("s3cret"))
    assert isinstance(found, Fault)
    assert len(found.detail) < 300
    for secret in ("r3fresh", base64.b64encode(b"r3fresh").decode(), "acc3ss", "s3cret"):
        assert secret not in found.detail


def test_whatever_cannot_be_used_is_one_answer() -> None:
    answers = [
        NoResponse("timeout"),
        NoResponse("not-allowed", "10.0.0.1 is not public"),
        said(302, b"", {"location": "https://elsewhere.example.org/"}),
        said(404, b"<html>"),
        said(500, {"error": "invalid_grant"}),
        said(400, {"error": "slow_down"}),
        said(400, {"error": ["invalid_grant"]}),
        said(400, b"invalid_grant"),
        said(200, b""),
        said(200, b"[" * 60_000),
        said(200, b'{"access_token": "next"'),
        said(200, b'{"expires_in": ' + b"9" * 5_000 + b"}"),
        said(200, b"\xff\xfe\x00"),
        said(200, b"[]"),
        said(200, {"access_token": ""}),
        said(200, {"access_token": "a b"}),
        said(200, {"access_token": "a\r\nb"}),
        said(200, {"access_token": "é"}),
        said(200, {"access_token": "x" * 16_385}),
        said(200, {"access_token": 7}),
        said(200, {"access_token": "next", "token_type": "mac"}),
        said(200, {"access_token": "next", "token_type": 1}),
        said(200, json.dumps({"access_token": "next"}).encode() + b" " * ANSWER_BYTES),
    ]
    faults = [read_answer(one, credentials()) for one in answers]
    assert {(one.code, one.detail) for one in faults if isinstance(one, Fault)} == {
        ("token-unavailable", "The token endpoint gives no usable answer.")
    }
    assert len([one for one in faults if isinstance(one, Fault)]) == len(answers)


@pytest.mark.parametrize(
    ("status", "asked", "seconds"),
    [(429, "120", 120), (503, "0", 1), (503, "999999999", 86_400), (429, "soon", None), (500, "120", None)],
)
def test_a_pause_that_is_asked_for_is_kept_within_a_day(status: int, asked: str, seconds: int | None) -> None:
    found = read_answer(said(status, b"", {"retry-after": asked}), credentials())
    assert isinstance(found, Fault)
    assert found.retry_after_seconds == seconds


@settings(max_examples=25)
@given(st.integers(100, 599), st.one_of(st.binary(max_size=200), st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["access_token", "refresh_token", "expires_in", "token_type", "error", "error_description"]), inner,
    ), max_leaves=8,
)))  # fmt: skip
def test_no_answer_is_more_than_a_value(status: int, body: Any) -> None:
    found = read_answer(said(status, body), credentials("s3cret"))
    if isinstance(found, Granted):
        assert token_endpoint.LIFE_LEAST_SECONDS <= found.seconds <= token_endpoint.LIFE_MOST_SECONDS
    else:
        assert found.code in ("token-refused", "token-unavailable")
