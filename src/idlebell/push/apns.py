"""Apple's push service (APNs) over HTTP/2: an alert that wakes nobody's code, with the JSON of the other kinds beside it.

New mail is an alert with ``mutable-content``, so that it is shown even where the app does not run, and its extension may say
more. Background pushes would be throttled to a few an hour. Who signs and where it goes is known to
:mod:`idlebell.net.apns_sender`. No live service was asked: what is here follows Apple's documentation.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime
from typing import Any, Final

from idlebell.model.endpoint import ApnsEndpoint
from idlebell.model.notification import NewMail, Notification
from idlebell.push.answers import refused, silence, transient, try_later
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import Answer, ApnsPush, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, TooLarge
from idlebell.push.payload import fit
from idlebell.push.webpush import topic, urgency
from idlebell.push.wording import cut, worded

PAYLOAD_BYTES: Final = 4_096
ALERT_CHARACTERS: Final = 160
"""Of the text that is shown; more of it stands in the JSON."""
BODY_LIMITS: Final[tuple[int, ...]] = (2_800, 1_400, 0)
"""Of the JSON; with title and text in any script it stays below 4096."""
SILENT: Final = frozenset({"seen", "heartbeat"})
"""For the app alone, when the system finds the time."""
KEY_FAULTS: Final = frozenset({"ExpiredProviderToken", "InvalidProviderToken", "MissingProviderToken"})


def build(notification: Notification, endpoint: ApnsEndpoint, attempt: Attempt) -> ApnsPush:
    limit = BODY_LIMITS[0] if attempt.limit_bytes is None else attempt.limit_bytes
    silent = notification.content.type in SILENT
    headers = (
        ("apns-push-type", "background" if silent else "alert"),
        # A background push with another priority is an error.
        ("apns-priority", "5" if silent or urgency(notification) != "high" else "10"),
        ("apns-expiration", str(int(notification.expires_at.timestamp()))),
        ("apns-collapse-id", topic(notification)),
        ("apns-id", apns_id(notification)),
    )
    payload: dict[str, Any] = {"aps": _aps(notification, silent=silent)}
    payload["idlebell"] = json.loads(fit(notification, limit))
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return ApnsPush(endpoint.token, endpoint.sandbox, headers, body)


def read(answer: Answer, now: datetime) -> Outcome:
    """By status and ``reason``. A token that is none is refused and not gone: it may belong to the other environment."""
    if isinstance(answer, NoResponse):
        return silence(answer)
    if answer.status == 200:
        return Accepted(200)
    why = reason(answer)
    if answer.status == 410:  # Unregistered, ExpiredToken
        return Gone(410)
    if answer.status == 413:
        return TooLarge(413)
    if why in KEY_FAULTS:
        return try_later(answer, now, slow_down=True)  # the operator's to mend, and for all devices alike
    if why == "TooManyRequests":
        return try_later(answer, now)  # for this device
    return transient(answer, now) or refused(answer, why)


def reason(answer: HttpResponse) -> str:
    try:
        found = json.loads(answer.body).get("reason")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return found if isinstance(found, str) and found.isidentifier() and len(found) <= 60 else ""


def apns_id(notification: Notification) -> str:
    """The same for every try, and another for every notification."""
    digest = hashlib.sha256(notification.id.encode("utf-8")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _aps(notification: Notification, *, silent: bool) -> dict[str, Any]:
    if silent:
        return {"content-available": 1}
    said = worded(notification)
    aps: dict[str, Any] = {
        "alert": {"title": cut(said.title, 80), "body": cut(said.body, ALERT_CHARACTERS)},
        "mutable-content": 1,
        "sound": "default",
    }
    content = notification.content
    if isinstance(content, NewMail):
        aps["thread-id"] = topic(notification)
        if content.unseen is not None and content.mailbox == "INBOX":
            aps["badge"] = content.unseen
    return aps
