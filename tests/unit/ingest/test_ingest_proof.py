"""Who reports, by what it shows."""

from __future__ import annotations

import base64

import pytest
from standardwebhooks.webhooks import Webhook

from idlebell.ingest.proof import SIGNED_WITHIN_SECONDS, by_password, by_signature
from idlebell.model.problem import ProblemError
from idlebell.model.secret import Secret
from idlebell.model.source import Form, Source
from idlebell.push.webhook import sign

KEY = "0123456789abcdef0123456789abcdef"
OX, LUA = Source("main", Form.OX, Secret(KEY)), Source("full", Form.LUA, Secret("another-key-of-many-letters"))
SIGNED = Source("other", Form.SIGNED, Secret(b"secret-of-thirty-two-bytes-or-so"))
SOURCES = {one.id: one for one in (OX, LUA, SIGNED)}
BODY = b'{"source": "signed:other"}'
NOW = 1_795_718_000


def basic(name: str, key: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()


def signed(now: int = NOW, secret: bytes = SIGNED.key.reveal(), body: bytes = BODY) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": sign("msg_1", now, body, (secret,)),
    }


def test_a_name_and_its_key_are_a_source() -> None:
    assert by_password(SOURCES.values(), basic("main", KEY)) is OX
    assert by_password(SOURCES.values(), basic("full", LUA.key.text())) is LUA


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"main").decode(),
        "Bearer " + KEY,
        basic("main", ""),
        basic("main", KEY[:-1]),
        basic("main", KEY + "0"),
        basic("full", KEY),
        basic("dovecot:main", KEY),
        basic("nobody", KEY),
        basic("", KEY),
        basic("other", SIGNED.key.text()),
        basic("m\N{LATIN SMALL LETTER A WITH DIAERESIS}in", KEY),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + "A" * 100_000,
    ],
)
def test_anything_else_is_none(shown: str) -> None:
    with pytest.raises(ProblemError) as caught:
        by_password(SOURCES.values(), shown)
    assert caught.value.problem.code == "unauthorized"


def test_no_key_opens_where_there_are_no_sources() -> None:
    with pytest.raises(ProblemError):
        by_password((), basic("main", "\0" * 32))


def test_a_signature_is_read_as_others_make_it() -> None:
    assert by_signature(SOURCES, "signed:other", signed(), BODY, NOW) is SIGNED
    from datetime import UTC, datetime

    secret = "whsec_" + base64.b64encode(SIGNED.key.reveal()).decode()
    theirs = Webhook(secret).sign("msg_1", datetime.fromtimestamp(NOW, UTC), BODY.decode())
    assert by_signature(SOURCES, "signed:other", signed() | {"webhook-signature": theirs}, BODY, NOW) is SIGNED


@pytest.mark.parametrize("off", [-SIGNED_WITHIN_SECONDS, SIGNED_WITHIN_SECONDS])
def test_clocks_may_differ_by_minutes_and_no_more(off: int) -> None:
    assert by_signature(SOURCES, "signed:other", signed(NOW + off), BODY, NOW) is SIGNED
    with pytest.raises(ProblemError, match="too old"):
        by_signature(SOURCES, "signed:other", signed(NOW + off + (1 if off > 0 else -1)), BODY, NOW)


@pytest.mark.parametrize(
    ("name", "headers", "body"),
    [
        ("signed:other", {}, BODY),
        ("signed:other", signed(), BODY + b" "),
        ("signed:other", signed(secret=b"wrong" * 6), BODY),
        ("signed:nobody", signed(secret=b"\0" * 32), BODY),
        ("", signed(secret=b"\0" * 32), BODY),
        ("dovecot:main", signed(secret=KEY.encode()), BODY),
        ("signed:other", signed() | {"webhook-timestamp": "1e9"}, BODY),
        ("signed:other", signed() | {"webhook-timestamp": "-1"}, BODY),
        ("signed:other", signed() | {"webhook-timestamp": "9" * 400}, BODY),
        ("signed:other", signed() | {"webhook-id": "msg_2"}, BODY),
        ("signed:other", signed() | {"webhook-id": "m\N{LATIN SMALL LETTER A WITH DIAERESIS}"}, BODY),
        ("signed:other", signed() | {"webhook-signature": "v1,"}, BODY),
        ("signed:other", signed() | {"webhook-signature": "v1," * 100_000}, BODY),
        ("signed:other", signed() | {"webhook-signature": "\udcff"}, BODY),
    ],
)
def test_a_signature_that_is_not_right_in_all_is_none(name: str, headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        by_signature(SOURCES, name, headers, body, NOW)
    assert caught.value.problem.code == "unauthorized"


def test_no_key_is_shown() -> None:
    assert KEY not in repr(OX)
    assert "secret" not in repr(SIGNED)
