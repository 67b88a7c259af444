from __future__ import annotations

import pytest

from idlebell.config.settings import Canary
from idlebell.config.smtp_url import parse_smtp_url
from idlebell.config.values import imap_url
from idlebell.model.account import Tls


@pytest.mark.parametrize(
    ("text", "host", "port", "tls"),
    [
        ("smtps://mail.example.org", "mail.example.org", 465, Tls.IMPLICIT),
        ("smtp://Mail.Example.org/", "mail.example.org", 587, Tls.STARTTLS),
        ("smtp://mail.example.org:2587", "mail.example.org", 2587, Tls.STARTTLS),
        ("smtp+plain://[::1]:25", "::1", 25, Tls.NONE),
        ("smtp+plain://127.0.0.1", "127.0.0.1", 25, Tls.NONE),
    ],
)
def test_a_submission_server_is_read(text: str, host: str, port: int, tls: Tls) -> None:
    target = parse_smtp_url(text)
    assert (target.host, target.port, target.tls) == (host, port, tls)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "smtps://",
        "https://h",
        "smtps://alice@h",
        "smtps://alice:hunter2@h",
        "smtps://h:0",
        "smtps://h:99999",
        "smtps://h/path",
        "smtps://h?x",
        "smtps://h#x",
        "smtps://[::1",
        "smtps://-x",
    ],
)
def test_what_is_no_submission_server_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_smtp_url(text)
    assert "hunter2" not in str(caught.value)


def test_the_canary_is_mailed_at_its_user_name_unless_another_address_is_given() -> None:
    account = imap_url("imaps://canary%40example.org@imap.example.org")
    assert Canary(account=account).address == "canary@example.org"
    assert Canary(account=account, recipient="other@example.org").address == "other@example.org"
    assert Canary(account=imap_url("imaps://canary@imap.example.org")).address == ""
    assert Canary().address == ""
