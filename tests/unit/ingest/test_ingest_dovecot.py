"""What Dovecot's drivers send, as 2.3.19 sent it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from idlebell.ingest.dovecot import report_of
from idlebell.model.problem import ProblemError
from idlebell.model.source import Form
from idlebell.rules.describe import describe

NOW = datetime(2026, 11, 26, tzinfo=UTC)
OX = (
    b'{"user":"alice","event":"messageNew","folder":"INBOX","imap-uidvalidity":1795718672,"imap-uid":1,'
    b'"from":"=?utf-8?q?B=C3=B6ss?= <boss@example.org>","subject":"=?utf-8?q?L=C3=BCnch?=\\n\\tfolded",'
    b'"snippet":"Hello snippet world","unseen":1}'
)
BARE = (
    b'{"user":"alice","event":"messageNew","folder":"INBOX","imap-uidvalidity":1795718672,"imap-uid":3,"snippet":"",'
    b'"unseen":3}'
)
LUA = (
    b'{"event":"messageNew","imap-uidvalidity":1795718625,"imap-uid":1,"flags":["\\\\Seen"],"keywords":["$later"],'
    b'"user":"alice","folder":"Work","from":"a@b.example","to":"c@d.example","subject":"work","message-id":"<m@x>",'
    b'"snippet":"Body"}'
)


def read(body: bytes, form: Form, **more: Any) -> Any:
    return report_of(msgspec.json.decode(body) | more, form, NOW)


def test_ox_tells_of_a_message_without_its_flags() -> None:
    report = read(OX, Form.OX)
    assert (report.user, report.mailbox, report.uid_validity, report.uid) == ("alice", "INBOX", 1795718672, 1)
    assert report.unseen == 1
    assert report.message.flags is None
    shown = describe(report.message)
    assert (shown.sender, shown.subject) == ("B\u00f6ss <boss@example.org>", "L\u00fcnch folded")
    assert (shown.preview, shown.size, shown.received_at) == ("Hello snippet world", None, NOW)


def test_a_message_without_any_header_is_one_too() -> None:
    shown = describe(read(BARE, Form.OX).message)
    assert (shown.sender, shown.subject, shown.preview) == (None, None, None)


def test_lua_tells_flags_keywords_and_more_of_the_header() -> None:
    report = read(LUA, Form.LUA)
    assert report.mailbox == "Work"
    assert report.message.flags == ("\\Seen", "$later")
    assert describe(report.message).message_id == "<m@x>"


def test_flags_of_a_source_that_tells_none_are_not_believed() -> None:
    assert read(LUA, Form.OX).message.flags is None


def test_inbox_is_inbox_however_it_is_spelled() -> None:
    assert read(OX, Form.OX, folder="inbox").mailbox == "INBOX"


def test_what_is_no_delivery_is_passed_over_and_so_are_members_that_nobody_knows() -> None:
    assert read(OX, Form.OX, event="messageRead") is None
    assert read(OX, Form.OX, **{"a-member-of-2030": {"deep": [1]}}) is not None


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"imap-uid": 0}, "/imap-uid"),
        ({"imap-uid": 2**32}, "/imap-uid"),
        ({"imap-uid": "7"}, "/imap-uid"),
        ({"imap-uid": True}, "/imap-uid"),
        ({"imap-uidvalidity": -1}, "/imap-uidvalidity"),
        ({"user": ""}, "/user"),
        ({"user": "a" * 1_001}, "/user"),
        ({"folder": None}, "/folder"),
        ({"flags": ["x"] * 101}, "/flags"),
        ({"flags": ["x" * 251]}, "/flags/0"),
        ({"from": ["a"]}, "/from"),
        ({"unseen": -1}, "/unseen"),
    ],
)
def test_what_is_wrong_is_pointed_at(more: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read(OX, Form.LUA, **more)
    assert [error.pointer for error in caught.value.problem.errors] == [pointer]
