"""The face before the verbs: who may speak, how often, and of what."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.gateway.verbs import Gateway
from idlebell.ingest.face import Ingest
from idlebell.model.problem import ProblemError
from idlebell.model.secret import Secret
from idlebell.model.source import Form, Report, Source
from idlebell.net.clock import Clock
from idlebell.push.webhook import sign

KEY = "0123456789abcdef0123456789abcdef"
OX = Source("main", Form.OX, Secret(KEY))
SLOW = Source("slow", Form.LUA, Secret(KEY), reports_per_minute=2)
SIGNED = Source("other", Form.SIGNED, Secret(b"secret-of-thirty-two-bytes-or-so"))
TOLD = {"user": "alice", "event": "messageNew", "folder": "INBOX", "imap-uidvalidity": 7, "imap-uid": 3}
GENERIC = {
    "source": "signed:other",
    "user": "alice",
    "uid_validity": 7,
    "uid": 3,
    "headers": {"subject": "Hi"},
    "size": 9,
}


class Noting:
    def __init__(self) -> None:
        self.told: list[tuple[Source, Report]] = []

    async def report(self, source: Source, report: Report) -> None:
        self.told.append((source, report))


class Face:
    def __init__(self) -> None:
        self.gateway = Noting()
        sources = {one.id: one for one in (OX, SLOW, SIGNED)}
        self.face = Ingest(cast(Gateway, self.gateway), sources, Clock())

    async def dovecot(self, body: bytes, name: str = "main", *, key: str = KEY, secure: bool = True) -> str:
        shown = "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()
        return await _code(self.face.take_dovecot({"authorization": shown}, body, secure))

    async def signed(self, told: Any, *, secret: bytes = SIGNED.key.reveal()) -> str:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        now = int(Clock().now().timestamp())
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(now),
            "webhook-signature": sign("msg_1", now, body, (secret,)),
        }
        return await _code(self.face.take_signed(headers, body, False))


async def _code(taking: Any) -> str:
    try:
        await taking
    except ProblemError as error:
        return error.problem.code
    return "taken"


async def test_a_report_comes_to_the_verb_with_its_source() -> None:
    face = Face()
    assert await face.dovecot(json.dumps(TOLD).encode()) == "taken"
    assert await face.signed(GENERIC) == "taken"
    assert [(source.id, one.user, one.mailbox, one.uid) for source, one in face.gateway.told] == [
        ("dovecot:main", "alice", "INBOX", 3),
        ("signed:other", "alice", "INBOX", 3),
    ]
    assert face.gateway.told[1][1].message.size == 9


async def test_a_key_in_clear_is_refused_and_a_signature_need_not_be_hidden() -> None:
    face = Face()
    assert await face.dovecot(json.dumps(TOLD).encode(), secure=False) == "needs-tls"
    assert await face.signed(GENERIC) == "taken"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"{", b"[" * 60_000, b'{"a":' * 10_000, b"\xff\xfe", b'{"user": "\\ud800"']
)
async def test_a_body_that_is_no_object_is_told_apart_once_the_key_is_right(body: bytes) -> None:
    face = Face()
    assert await face.dovecot(body) == "malformed-json"
    assert await face.dovecot(body, key="wrong") == "unauthorized"
    assert await face.signed(body) == "unauthorized"  # who it is of stands in it


async def test_bytes_that_are_no_utf8_are_read_as_far_as_they_can_be() -> None:
    face = Face()
    body = json.dumps(TOLD | {"subject": "SUBJECT"}).encode().replace(b"SUBJECT", b"raw \xff\xe4")
    assert await face.dovecot(body) == "taken"


async def test_a_source_that_tells_more_than_it_may_has_to_wait() -> None:
    face = Face()
    body = json.dumps(TOLD).encode()
    assert [await face.dovecot(body, "slow") for _ in range(3)] == ["taken", "taken", "too-many-requests"]
    assert await face.dovecot(body) == "taken"


@pytest.mark.parametrize(
    "more",
    [{"uid": 0}, {"uid_validity": None}, {"unknown": 1}, {"headers": {str(n): "x" for n in range(51)}}, {"size": -1}],
)
async def test_a_signed_report_is_held_to_its_shape(more: dict[str, Any]) -> None:
    assert await Face().signed(GENERIC | more) == "invalid-request"


async def test_a_source_that_is_not_there_and_a_wrong_key_are_answered_alike() -> None:
    face = Face()
    assert await face.signed(GENERIC | {"source": "signed:nobody"}) == "unauthorized"
    assert await face.signed(GENERIC, secret=b"x" * 32) == "unauthorized"
    assert face.gateway.told == []


_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just(10**400), st.just(2**63),
    st.lists(st.text(max_size=5), max_size=3), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)  # fmt: skip


@settings(max_examples=60)
@given(st.binary(max_size=60), st.sampled_from([*TOLD, "flags", "keywords", "from", "unseen", "snippet"]), _ODD)
def test_whatever_is_sent_is_a_report_or_a_problem(raw: bytes, member: str, value: Any) -> None:
    async def send() -> None:
        face = Face()
        await face.dovecot(raw)
        await face.dovecot(json.dumps(TOLD | {member: value}).encode())
        await face.dovecot(json.dumps(TOLD).encode().replace(b"alice", raw))
        await face.signed(raw)
        await face.signed(GENERIC | {member.replace("imap-", ""): value})

    asyncio.run(send())
