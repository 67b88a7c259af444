from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP

from idlebell.canary.letter import compose
from idlebell.push.canary import token_of

TOKEN = bytes(range(16))


def test_the_mail_carries_its_token_and_asks_nobody_for_an_answer() -> None:
    content = compose(TOKEN, "ringer@example.org", "canary@example.net", datetime(2026, 11, 22, 4, tzinfo=UTC))
    message = message_from_bytes(content, policy=SMTP)
    assert token_of(str(message["Subject"])) == TOKEN.hex()
    assert (message["From"], message["To"]) == ("Idlebell <ringer@example.org>", "canary@example.net")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == f"<canary.{TOKEN.hex()}@example.org>"
    assert message["Date"] == "Sun, 22 Nov 2026 04:00:00 +0000"
    assert all(len(line) <= 78 for line in content.split(b"\r\n"))
    assert content.isascii()
