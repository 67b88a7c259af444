"""The form for any other mail server. Pure."""

from __future__ import annotations

from datetime import datetime

from idlebell.gateway.report_shapes import DeliveryReport
from idlebell.ingest.message import message_of
from idlebell.model.source import Report


def report_of(told: DeliveryReport, now: datetime) -> Report:
    message = message_of(told.uid, now, headers=told.headers, flags=told.flags, size=told.size, preview=told.preview)
    mailbox = "INBOX" if told.mailbox.upper() == "INBOX" else told.mailbox
    return Report(told.user, mailbox, told.uid_validity, told.uid, message, told.unseen)
