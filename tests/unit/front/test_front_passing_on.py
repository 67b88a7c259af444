"""Whose session a login opens: what is registered over it is that user's."""

from __future__ import annotations

import pytest

from idlebell.front.passing_on import NotUnderstood, by_login, by_mechanism, unopened
from idlebell.model.account import ImapTarget, Tls
from idlebell.net.errors import TimedOut


@pytest.mark.parametrize(
    ("mechanism", "message", "username", "acted_by"),
    [
        ("PLAIN", b"\0alice\0pa55word", "alice", ""),
        ("PLAIN", b"alice\0alice\0pa55word", "alice", ""),
        ("PLAIN", b"bob\0alice\0pa55word", "bob", "alice"),
        ("XOAUTH2", b"user=alice\x01auth=Bearer t0ken\x01\x01", "alice", ""),
        ("OAUTHBEARER", b"n,a=al=2Cice,\x01host=x\x01auth=Bearer t0ken\x01\x01", "al,ice", ""),
        ("SCRAM-SHA-256", b"n,,n=alice,r=nonce", "alice", ""),
        ("SCRAM-SHA-256", b"y,a=alice,n=alice,r=nonce", "alice", ""),
        ("SCRAM-SHA-256", b"n,a=b=3Dob,n=alice,r=nonce", "b=ob", "alice"),
    ],
)
def test_it_is_whom_the_client_acts_for(mechanism: str, message: bytes, username: str, acted_by: str) -> None:
    brought = by_mechanism(mechanism, message)
    assert (brought.username, brought.acted_by) == (username, acted_by)
    assert "pa55word" not in repr(brought)
    assert "t0ken" not in repr(brought)


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ("PLAIN", b"alice\0pa55word"),
        ("PLAIN", b"\0\0pa55word"),
        ("PLAIN", b"\0\xff\0pa55word"),
        ("XOAUTH2", b"user=alice\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer t0ken\x01\x01"),
        ("SCRAM-SHA-256", b"p=tls-unique,,n=alice,r=nonce"),
    ],
)
def test_what_names_nobody_is_not_understood(mechanism: str, message: bytes) -> None:
    with pytest.raises(NotUnderstood):
        by_mechanism(mechanism, message)


def test_the_login_command_names_one() -> None:
    assert by_login("alice", "secret").username == "alice"


def test_an_upstream_that_says_nothing_in_clear_may_want_tls_at_once() -> None:
    faults = {
        tls: unopened(TimedOut("greeting"), ImapTarget("imap.example.org", 10993, tls))
        for tls in (Tls.STARTTLS, Tls.IMPLICIT)
    }
    assert {fault.detail for fault in faults.values()} == {"The mail server cannot be reached."}
    assert faults[Tls.IMPLICIT].private == "timed out: greeting"
    assert faults[Tls.STARTTLS].private == (
        'timed out: greeting; if its port wants TLS at once, say [front] upstream_tls = "implicit"'
    )
