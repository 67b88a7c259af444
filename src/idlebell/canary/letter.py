"""The canary's mail. Pure."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from idlebell.push import canary

_TEXT = """\
Idlebell, the push gateway, sends this mail to itself and waits for it to ring:
so its operator knows that the chain from a mail's arrival to a bell is whole.
It may be deleted; Idlebell itself never changes a mailbox.
"""


def compose(token: bytes, sender: str, recipient: str, now: datetime) -> bytes:
    """A message as it travels. Nobody answers it: RFC 3834 section 5."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Idlebell <{sender}>"
    message["To"] = recipient
    message["Subject"] = canary.subject(token)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<canary.{token.hex()}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEXT)
    return message.as_bytes()
