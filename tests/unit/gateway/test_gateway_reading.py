from __future__ import annotations

from typing import Any

import pytest

from idlebell.gateway.endpoint_shapes import WebhookShape
from idlebell.gateway.legacy_shapes import RegisterRequest
from idlebell.gateway.reading import MAX_ERRORS, Faults, pointer, read
from idlebell.gateway.shapes import CredentialsRequest, SubscriptionRequest, dec_hook, schema_hook
from idlebell.model.problem import ProblemError
from idlebell.model.secret import Secret

PUSH = {"type": "simplepush", "url": "https://push.example/x"}
GOOD: dict[str, Any] = {
    "imap": {"host": "imap.example.org", "username": "alice", "auth": {"type": "password", "password": "hunter2"}},
    "endpoints": {"new_mail": PUSH, "reconnect": PUSH},
}


def errors(shape: Any, body: Any) -> dict[str, str]:
    with pytest.raises(ProblemError) as caught:
        read(shape, body)
    assert "hunter2" not in repr(caught.value.problem)
    return {one.pointer: one.detail for one in caught.value.problem.errors}


def test_a_request_shows_no_secret() -> None:
    found = read(SubscriptionRequest, GOOD)
    assert "hunter2" not in repr(found)
    assert "push.example" not in repr(found)
    assert found.wait_seconds == 10


def test_every_fault_is_found() -> None:
    body = {
        "imap": {"port": "993", "username": 7, "auth": {"type": "password", "secret": "hunter2"}},
        "endpoints": {"new_mail": {"type": "mwi"}, "reconnect": {"type": "pigeon", "url": "x"}},
        "payload": "hunter2",
        "hunger": 1,
    }
    found = errors(SubscriptionRequest, body)
    assert set(found) == {
        "/imap/port",
        "/imap/username",
        "/imap/auth/secret",
        "/imap/auth/password",
        "/endpoints/new_mail/url",
        "/endpoints/reconnect/type",
        "/payload",
        "/hunger",
    }
    assert found["/payload"] == "must be one of alert, summary, content"


@pytest.mark.parametrize("body", [None, [], "x", 7, True])
def test_a_body_that_is_no_object(body: Any) -> None:
    assert set(errors(SubscriptionRequest, body)) == {""}


def test_the_form_of_2013_keeps_its_spelling() -> None:
    assert set(errors(RegisterRequest, {"new_mail_url": "x"})) == {
        "/new_mail_url",
        "/username",
        "/password",
        "/onNewMessageURL",
        "/onReconnectURL",
        "/IMAPServer",
    }


def test_secrets_are_strings() -> None:
    assert errors(CredentialsRequest, {"auth": {"type": "password", "password": 7}}) == {
        "/auth/password": "expected a string"
    }
    assert schema_hook(Secret)["writeOnly"]
    with pytest.raises(TypeError):
        dec_hook(int, "x")
    with pytest.raises(NotImplementedError):
        schema_hook(int)


def test_of_an_unknown_member_the_nearest_is_told() -> None:
    told = errors(
        SubscriptionRequest, {"mailbox": ["INBOX"], "endpoints": {"newmail": PUSH}, "quite_hours": {}, "zzzz": 1}
    )
    assert told["/mailbox"] == "is not a known member; did you mean mailboxes?"
    assert told["/endpoints/newmail"] == "is not a known member; did you mean new_mail?"
    assert told["/quite_hours"] == "is not a known member; did you mean quiet_hours?"
    assert told["/zzzz"] == "is not a known member"


def test_pointers_are_escaped() -> None:
    assert pointer("a/b", "c~d") == "/a~1b/c~0d"
    assert "/secret/~1x" not in errors(WebhookShape, {"a/b": 1, "url": "u", "secret": "s"})


def test_a_body_of_nothing_but_faults_is_answered_shortly() -> None:
    faults = Faults()
    for index in range(1_000):
        faults.add(f"/{index}", "x")
    with pytest.raises(ProblemError) as caught:
        faults.raise_any()
    assert len(caught.value.problem.errors) == MAX_ERRORS
    assert "1000" in caught.value.problem.detail
