"""What a client is told that can be done, and what of its upstream's list never reaches it."""

from __future__ import annotations

import pytest

from idlebell.front.capabilities import before_login, passes, rewritten, shown

FORGED = (
    "STARTTLS", "COMPRESS=DEFLATE", "compress=other", "LOGIN-REFERRALS", "MAILBOX-REFERRALS", "UNAUTHENTICATE", "AUTH=PLAIN",
    "AUTH=SCRAM-SHA-256-PLUS", "LOGINDISABLED", "WEBPUSH", "XIDLEBELL",
)  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_what_cannot_pass_or_is_ours_to_say_is_not_told(name: str) -> None:
    assert not passes(name)
    line = f"* CAPABILITY IMAP4rev1 {name} IDLE\r\n".encode()
    assert rewritten(line, frozenset()) == b"* CAPABILITY IMAP4rev1 IDLE\r\n"


def test_the_upstreams_order_and_case_are_kept_and_ours_come_behind() -> None:
    assert shown(["IMAP4rev1", "X-b", "IDLE"], {"WEBPUSH", "IDLE", "A"}) == ["IMAP4rev1", "X-b", "IDLE", "A", "WEBPUSH"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"t OK [CAPABILITY IMAP4rev1 STARTTLS] hi [x]\r\n", b"t OK [CAPABILITY IMAP4rev1 WEBPUSH] hi [x]\r\n"),
        (b"* ok [capability A COMPRESS=X] hi\r\n", b"* ok [capability A WEBPUSH] hi\r\n"),
        (b"* capability\r\n", b"* CAPABILITY WEBPUSH\r\n"),
        (b"* NO [CAPABILITY] no\r\n", b"* NO [CAPABILITY WEBPUSH] no\r\n"),
        (b"*  1 CAPABILITY A STARTTLS\r\n", b"* CAPABILITY A WEBPUSH\r\n"),
        (b"t  OK  [ capability STARTTLS] hi\r\n", b"t  OK  [ capability WEBPUSH] hi\r\n"),
        (b"t OK [CAPABILITY A STARTTLS\r\n", b"t OK [X-CAPABILITY A STARTTLS\r\n"),
        (b"* OK [CAPABILITY " + b"A" * 9_000, b"* OK [X-CAPABILITY " + b"A" * 9_000),
        (b"* OK [ALERT] [CAPABILITY A]\r\n", b"* OK [ALERT] [CAPABILITY A]\r\n"),
        (b"* 1 FETCH (BODY {5}\r\n", b"* 1 FETCH (BODY {5}\r\n"),
    ],
)
def test_a_list_is_told_anew_wherever_it_stands(line: bytes, told: bytes) -> None:
    assert rewritten(line, frozenset({"WEBPUSH"})) == told


def test_before_login_only_what_can_be_passed_on_is_offered() -> None:
    learnt = frozenset({"IMAP4REV1", "IDLE", "COMPRESS=DEFLATE", "STARTTLS", "AUTH=SCRAM-SHA-256", "AUTH=GSSAPI"})
    told = before_login(learnt, starttls=False, secure=True)
    assert told == ("IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "IDLE", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256")
    disabled = before_login(learnt | {"LOGINDISABLED"}, starttls=False, secure=True)
    assert "AUTH=PLAIN" not in disabled


def test_in_clear_no_password_is_asked_for() -> None:
    told = before_login(None, starttls=True, secure=False)
    assert told == ("IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "STARTTLS", "LOGINDISABLED")
    assert before_login(None, starttls=False, secure=True)[-1] == "AUTH=PLAIN"
