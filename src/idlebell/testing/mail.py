"""Plausible messages, the same ones for the same arguments: no clock and no randomness."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

EPOCH = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
"""When :func:`plausible` starts to write letters."""

_LETTERS = (
    ("Boss <boss@example.org>", "Lunch?", "At noon, in the usual place?\n"),
    ("Grace Hopper <grace@example.net>", "Re: the moth", "It is taped into the log book.\n"),
    ("Zoë Müller <zoe@example.com>", "Grüße aus Köln", "Der Dom steht noch. Bis Freitag!\n"),
    ("Bank <no-reply@bank.example>", "Your statement is ready", "Sign in to read it. We never ask for your PIN.\n"),
    ("git <git@forge.example>", "[bell] Fix the clapper (#42)", "Merged into main.\n"),
    ("Ада <ada@example.ru>", "Встреча в среду", "В три часа, комната 12.\n"),
    ("売店 <shop@example.jp>", "ご注文の確認", "ありがとうございます。\n"),
    ("Club list <list@club.example>", "Minutes of the last meeting", "Attached below.\n\n1. Welcome\n2. Money\n"),
)


def make(
    *,
    sender: str = "Boss <boss@example.org>",
    to: str = "alice@example.org",
    subject: str = "Lunch?",
    text: str = "At noon, in the usual place?\n",
    date: datetime = EPOCH,
    html: str | None = None,
    attachment: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """One message in the form in which it travels (CRLF, headers encoded). Its Message-ID follows from all the rest."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(date)
    for name, value in (headers or {}).items():
        message[name] = value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    if attachment is not None:
        message.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="attachment.bin")
    if html is not None or attachment is not None:
        message.set_boundary("=_bell_" + hashlib.sha256(text.encode()).hexdigest()[:24])
    if "Message-ID" not in message:
        seed = "\0".join((sender, to, subject, date.isoformat(), text))
        message["Message-ID"] = f"<{hashlib.sha256(seed.encode()).hexdigest()[:24]}@example.org>"
    return message.as_bytes()


def plausible(number: int, to: str = "alice@example.org") -> bytes:
    """The ``number``-th letter of an endless correspondence; each has its own Message-ID and date."""
    sender, subject, text = _LETTERS[number % len(_LETTERS)]
    return make(sender=sender, to=to, subject=subject, text=text, date=EPOCH + timedelta(minutes=7 * number))
