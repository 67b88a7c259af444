"""The file of a service account, and the token that is got with it. That Google's side verifies it is shown with a server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app_push_servers import EMAIL, PROJECT, pem
from idlebell.push.exchange import Answer, HttpResponse, NoResponse
from idlebell.push.google_account import AccessToken, ServiceAccount

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
MEMBERS = {
    "project_id": PROJECT,
    "private_key_id": "kid-1",
    "client_email": EMAIL,
    "token_uri": "https://oauth2.googleapis.com/token",
    "private_key": pem(rsa.generate_private_key(65_537, 2_048)).decode(),
}
ACCOUNT = ServiceAccount.load(json.dumps(MEMBERS).encode())


def test_nothing_of_the_key_is_shown() -> None:
    shown = repr((ACCOUNT, ACCOUNT.token_request(NOW), AccessToken("ya29.secret", NOW)))
    assert "BEGIN" not in shown
    assert "ya29.secret" not in shown
    assert "assertion" not in shown


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "has no project_id"),
        (json.dumps(MEMBERS | {"token_uri": 7}).encode(), "has no token_uri"),
        (json.dumps(MEMBERS | {"private_key": "secret"}).encode(), "is not a private key in PEM"),
        (
            json.dumps(MEMBERS | {"private_key": pem(ec.generate_private_key(ec.SECP256R1())).decode()}).encode(),
            "holds no RSA key",
        ),
    ],
)
def test_another_file_is_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        ServiceAccount.load(content)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (
            HttpResponse(200, {}, b'{"access_token":"t","expires_in":3599}'),
            AccessToken("t", NOW + timedelta(seconds=3299)),
        ),
        (HttpResponse(200, {}, b'{"access_token":"t","expires_in":60}'), AccessToken("t", NOW + timedelta(seconds=30))),
        (
            HttpResponse(200, {}, b'{"access_token":"t","expires_in":1e99}'),
            NoResponse("broken", "the token service answered 200"),
        ),
        (
            HttpResponse(200, {}, b'{"access_token":"t\\n","expires_in":60}'),
            NoResponse("broken", "the token service answered 200"),
        ),
        (HttpResponse(200, {}, b"[]"), NoResponse("broken", "the token service answered 200")),
        (
            HttpResponse(401, {}, b'{"error":"invalid_client"}'),
            NoResponse("broken", "the token service answered 401: invalid_client"),
        ),
        (HttpResponse(400, {}, b'{"error":"<script>"}'), NoResponse("broken", "the token service answered 400")),
        (NoResponse("dns", "x"), NoResponse("dns", "x")),
    ],
)
def test_what_the_token_service_says(answer: Answer, found: AccessToken | NoResponse) -> None:
    assert ACCOUNT.read_token(answer, NOW) == found
