"""What of a body is let through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idlebell.door.masking import MASKED_BYTES, TICKETS, Masked, mask
from idlebell.gateway.credentials import PASSWORD_BYTES

JSON = "application/json; charset=utf-8"
FORM = "application/x-www-form-urlencoded"


def masked(body: Any, kind: str = JSON) -> Masked:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return mask(bytearray(raw), kind, lambda secret: f"held:{len(secret)}")


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"auth": {"type": "password", "password": "hunter2"}}, {"auth": {"type": "password", "password": "held:7"}}),
        (
            {"imap": {"auth": {"access_token": "abc", "refresh_token": "de", "client_secret": "f", "client_id": "g"}}},
            {
                "imap": {
                    "auth": {
                        "access_token": "held:3",
                        "refresh_token": "held:2",
                        "client_secret": "held:1",
                        "client_id": "g",
                    }
                }
            },
        ),
        (
            {"password": "misplaced", "deep": [[{"password": "x"}]]},
            {"password": "held:9", "deep": [[{"password": "held:1"}]]},
        ),
        # With the same fault, and without a secret.
        ({"password": ""}, {"password": ""}),
        ({"password": "two\nlines"}, {"password": "\0"}),
        ({"password": "x" * (PASSWORD_BYTES + 1)}, {"password": "x" * (PASSWORD_BYTES + 1)}),
        ({"password": "ü" * PASSWORD_BYTES}, {"password": "x" * 2 * PASSWORD_BYTES}),
        ({"access_token": "with space"}, {"access_token": "\0"}),
        ({"refresh_token": ""}, {"refresh_token": "\0"}),
        ({"password": 12345678, "big": 2**70}, {"password": 0, "big": 2**70}),
        ({"password": ["hunter2"], "more": {"password": {"a": "hunter2"}}}, {"password": [], "more": {"password": {}}}),
        ({"password": None, "x": {"password": True}}, {"password": None, "x": {"password": True}}),
        ({"imap": {"auth": "hunter2"}}, {"imap": {"auth": ""}}),
        ({"keys": {"auth": "of a browser", "p256dh": "y"}}, {"keys": {"auth": "of a browser", "p256dh": "y"}}),
        ({"link": "ibl_x", "secret": "whsec_y", "code": "1"}, {"link": "ibl_x", "secret": "whsec_y", "code": "1"}),
    ],
)
def test_tickets_stand_where_secrets_stood(given: dict[str, Any], seen: dict[str, Any]) -> None:
    found = masked(given)
    assert found.unreadable is None
    assert json.loads(found.body) == seen
    assert len(found.tickets) == json.dumps(seen).count("held:")


def test_a_member_is_known_however_it_is_spelled() -> None:
    assert json.loads(masked(b'{"p\\u0061ssword": "hunter2"}').body) == {"password": "held:7"}


def test_a_body_without_a_secret_is_let_through_as_it_is() -> None:
    raw = b'{ "a" : 1e5 , "b": "\\u00fc" }'
    assert masked(raw).body == raw
    assert masked(b"a=b&c=%20", FORM).body == b"a=b&c=%20"


def test_of_a_form_too() -> None:
    found = masked(b"username=alice&password=hunter+2&onNewMessageURL=https%3A%2F%2Fx", FORM)
    assert found.body == b"username=alice&password=held%3A8&onNewMessageURL=https%3A%2F%2Fx"
    assert found.tickets == ["held:8"]


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b'{"password": "hunter2"', JSON, "malformed-json"),
        (b'{"password": "hunter2", "password": "3"}', JSON, "malformed-json"),
        (b'["hunter2"]', JSON, "malformed-json"),
        (b"password=\xff", FORM, "invalid-request"),
        (b"password=a&password=b", FORM, "invalid-request"),
    ],
)
def test_of_what_cannot_be_read_nothing_is_let_through(body: bytes, kind: str, code: str) -> None:
    found = masked(body, kind)
    assert found.body == b""
    assert found.tickets == []
    assert found.unreadable is not None
    assert found.unreadable.code == code


def test_of_another_kind_of_body_nothing_is_let_through() -> None:
    assert masked(b"password=hunter2", "text/plain") == Masked(b"")
    assert masked(b"", JSON) == Masked(b"")


def test_a_body_has_so_many_tickets_and_no_more() -> None:
    found = masked({"all": [{"password": "x"} for _ in range(TICKETS + 5)]})
    assert len(found.tickets) == TICKETS
    assert found.body.count(b'"password":""') == 5


def test_what_is_spelled_at_greater_length_by_us_is_bounded() -> None:
    found = masked(b'{"password": "x", "n": [' + b",".join([b"1e15"] * (MASKED_BYTES // 6)) + b"]}")
    assert found.unreadable is not None
    assert found.unreadable.code == "body-too-large"
