"""Firebase Cloud Messaging, HTTP v1: a data message to one device of an app whose makers run this gateway.

The app gets the JSON of the other kinds as the member ``idlebell`` of its data. Who signs and where it goes is known to
:mod:`idlebell.net.fcm_sender`. No live service was asked: what is here follows Google's documentation.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from idlebell.model.endpoint import FcmEndpoint
from idlebell.model.notification import Notification
from idlebell.push.answers import refused, silence, transient, try_later
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import Answer, FcmMessage, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused
from idlebell.push.payload import fit
from idlebell.push.services import TTL_SECONDS_MAX
from idlebell.push.webpush import topic, urgency

BODY_LIMITS: Final[tuple[int, ...]] = (4_000, 2_000, 0)
"""A data message has at most 4096 bytes, names included; what is smaller is tried where it was too large all the same; no
message at all."""
TOO_LARGE: Final = "INVALID_ARGUMENT"


def build(notification: Notification, endpoint: FcmEndpoint, attempt: Attempt) -> FcmMessage:
    limit = BODY_LIMITS[0] if attempt.limit_bytes is None else attempt.limit_bytes
    left = int((notification.expires_at - attempt.now).total_seconds())
    message: dict[str, Any] = {
        "token": endpoint.token,
        "data": {"idlebell": fit(notification, limit).decode("utf-8")},
        "android": {
            # An app that sleeps (Doze) is woken by high priority only.
            "priority": "high" if urgency(notification) == "high" else "normal",
            "ttl": f"{min(max(left, 1), TTL_SECONDS_MAX)}s",
            "collapse_key": topic(notification),
        },
    }
    return FcmMessage(json.dumps({"message": message}, ensure_ascii=False, separators=(",", ":")).encode("utf-8"))


def read(answer: Answer, now: datetime) -> Outcome:
    """By the error code of the body, for a status says too little: a 404 may be the device or the whole project."""
    if isinstance(answer, NoResponse):
        return silence(answer)
    if 200 <= answer.status <= 299:
        return Accepted(answer.status)
    code = error_code(answer)
    match code:
        case "UNREGISTERED":
            return Gone(answer.status)
        case "SENDER_ID_MISMATCH":
            return Refused("The device belongs to another sender's app: SENDER_ID_MISMATCH.", answer.status)
        case "QUOTA_EXCEEDED":
            return try_later(answer, now, slow_down=True)
        case "UNAVAILABLE" | "INTERNAL":
            return try_later(answer, now, slow_down=code == "UNAVAILABLE")
        case _:
            return transient(answer, now) or refused(answer, code)


def error_code(answer: HttpResponse) -> str:
    """FCM's own code, or the status word of all Google APIs; empty: neither."""
    try:
        error = json.loads(answer.body)["error"]
        details = error.get("details", ())
        found = next((one["errorCode"] for one in details if isinstance(one, dict) and "errorCode" in one), None)
        code = error.get("status", "") if found is None else found
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    return code if isinstance(code, str) and code.isidentifier() and len(code) <= 60 else ""
