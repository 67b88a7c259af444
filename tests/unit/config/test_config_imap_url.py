from __future__ import annotations

import pytest

from idlebell.config import parse_imap_url
from idlebell.model.account import Tls


@pytest.mark.parametrize(
    ("text", "host", "port", "tls", "username", "mailbox"),
    [
        ("imaps://alice@imap.example.org", "imap.example.org", 993, Tls.IMPLICIT, "alice", None),
        (
            "imaps://alice@example.org@imap.example.org/INBOX",
            "imap.example.org",
            993,
            Tls.IMPLICIT,
            "alice@example.org",
            "INBOX",
        ),
        ("imap://a@h:1143/L%C3%A4ufe%2F1", "h", 1143, Tls.STARTTLS, "a", "Läufe/1"),
        ("imap+plain://a@[::1]:143/", "::1", 143, Tls.NONE, "a", None),
        ("imaps://a@Bücher.example", "xn--bcher-kva.example", 993, Tls.IMPLICIT, "a", None),
    ],
)
def test_an_account_is_read(text, host, port, tls, username, mailbox):
    url = parse_imap_url(text)
    assert (url.target.host, url.target.port, url.target.tls) == (host, port, tls)
    assert (url.username, url.mailbox) == (username, mailbox)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "imaps://",
        "imaps://@",
        "https://a@h",
        "imaps://h",
        "imaps://a:hunter2@h",
        "imaps://a@h:0",
        "imaps://a@h:99999",
        "imaps://a@h/x?y",
        "imaps://a@h/x#y",
        "imaps://a%00@h",
        "imaps://a@h/%0d%0a",
        "imaps://%ff@h",
        "imaps://a@[::1",
        "imaps://a@127.1",
        "imaps://a@-x",
    ],
)
def test_what_is_no_account_is_refused_without_being_repeated(text):
    with pytest.raises(ValueError) as caught:
        parse_imap_url(text)
    assert "hunter2" not in str(caught.value)


def test_a_server_may_be_named_without_a_user():
    assert parse_imap_url("imaps://h", needs_user=False).username == ""
