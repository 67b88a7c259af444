"""What COI's "IMAP WebPush Extension" 1.0 sends: one JSON object about one message.

It has no word for what is not a message: the test, the reconnect and the others go as the interface's JSON, of which a client
of COI's knows no member. Of several messages it tells of the newest. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail, Notification, Verification
from idlebell.push.payload import fit as fit_own
from idlebell.push.payload import instant

VALIDATION_HEADERS: Final = (("WebPush-Validation", ""),)
"""An empty field, on the push that holds the code."""
FOLDER_BYTES: Final = 200
"""A longer name is left out."""
STRING_BYTES: Final = (400, 200, 100)
"""What is tried of each string, one after the other, where all of it is too long. A string keeps 100 at least."""
ELLIPSIS: Final = "…"
_MAILBOX: Final = re.compile(r"(?:(?P<name>.*) )?<(?P<email>[^<>]*)>|(?P<bare>\S+@\S+)")


def fit(notification: Notification, limit_bytes: int) -> bytes:
    """In at most ``limit_bytes``, if that is anything: the text goes first, then strings become shorter."""
    content = notification.content
    if isinstance(content, Verification):
        return _encode({"validation": content.code})
    if not isinstance(content, NewMail):
        return fit_own(notification, limit_bytes)
    members = _mailbox(content)
    if not content.messages:
        return _encode(members)
    message = content.messages[-1]
    if message.text:
        whole = _encode(_members(message, _as_it_is) | {"content": message.text} | members)
        if len(whole) <= limit_bytes and not message.truncated:
            return whole
    told = _encode(_members(message, _as_it_is) | members)
    for length in STRING_BYTES:
        if len(told) <= limit_bytes:
            break
        told = _encode(_members(message, lambda text, length=length: cut(text, length)) | members)  # type: ignore[misc]
    return told


def cut(text: str, length: int) -> str:
    """At most so many bytes of UTF-8, whole characters, and an ellipsis behind them where something is left out."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= length:
        return text
    return encoded[:length].decode("utf-8", "ignore").rstrip() + ELLIPSIS


def _as_it_is(text: str) -> str:
    return text


def _mailbox(content: NewMail) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if content.uid_validity is not None:
        found["uidvalidity"] = content.uid_validity
    if content.mailbox is not None and len(content.mailbox.encode("utf-8", "replace")) <= FOLDER_BYTES:
        found["folder"] = content.mailbox
    return found


def _members(message: MessageSummary, cut: Callable[[str], str]) -> dict[str, Any]:
    name, email = sender(message.sender or "")
    found = {
        "from-email": cut(email.lower()),
        "from-name": cut(name),
        "subject": cut(message.subject or ""),
        "date": None if message.received_at is None else instant(message.received_at, "seconds"),
        "msg-id": message.message_id and cut(message.message_id),
        "uid": message.uid,
    }
    return {member: value for member, value in found.items() if value}


def sender(text: str) -> tuple[str, str]:
    """Name and address of what stands as sender in a summary; either may be empty."""
    found = _MAILBOX.fullmatch(text)
    if found is None:
        return text, ""
    return found["name"] or "", found["email"] or found["bare"] or ""


def _encode(members: dict[str, Any]) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
