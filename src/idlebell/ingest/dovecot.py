"""The form of Dovecot's push_notification drivers: ``ox``, and what our script for ``lua`` makes of the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from idlebell.gateway.report_shapes import DovecotReport
from idlebell.ingest.message import message_of
from idlebell.ingest.reading import shaped
from idlebell.model.source import Form, Report

MESSAGE_NEW: Final = "messageNew"
_MEMBERS: Final = frozenset(DovecotReport.__struct_encode_fields__)


def report_of(given: Mapping[str, Any], form: Form, now: datetime) -> Report | None:
    """None: it is of no delivery. ProblemError ``invalid-request``."""
    if given.get("event", MESSAGE_NEW) != MESSAGE_NEW:
        return None
    told = shaped({name: value for name, value in given.items() if name in _MEMBERS}, DovecotReport)
    flags = None if form is Form.OX or told.flags is None else (*told.flags, *(told.keywords or ()))
    message = message_of(
        told.imap_uid,
        now,
        headers={"from": told.from_, "to": told.to, "subject": told.subject, "message-id": told.message_id},
        flags=flags,
        preview=told.snippet,
    )
    mailbox = "INBOX" if told.folder.upper() == "INBOX" else told.folder
    return Report(told.user, mailbox, told.imap_uidvalidity, told.imap_uid, message, told.unseen)
