"""Web Push and UnifiedPush: RFC 8030, encrypted by RFC 8291, signed by RFC 8292.

A retry has the same Topic and the same plaintext. Salt and ephemeral key are fresh, so the ciphertext differs: RFC 8291
wants a new key pair for every message sent.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import datetime

from idlebell.model.endpoint import WebPushEndpoint
from idlebell.model.form import Dialect
from idlebell.model.notification import NewMail, Notification, Reminder, Seen, Verification
from idlebell.push import coi, untagged
from idlebell.push.answers import refused, silence, transient, try_later
from idlebell.push.attempt import Attempt
from idlebell.push.declarative import beside
from idlebell.push.encryption import MAX_PLAINTEXT_BYTES, encrypt
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, TooLarge
from idlebell.push.payload import fit
from idlebell.push.services import GONE, THROTTLED, TTL_SECONDS_MAX, plaintext_limits, service_of

BODY_LIMITS: tuple[int, ...] = plaintext_limits()
TOPIC_CHARACTERS = 32
"""RFC 8030 section 5.4."""

_URGENCY = {
    "new_mail": "high",  # a sleeping phone (Doze) wakes for nothing less
    "reminder": "high",
    "reconnect": "high",  # until it is answered no mail is announced
    "verification": "high",  # to be answered within minutes
    "test": "high",  # takes the way that mail will take
    "expiring": "normal",
    "seen": "normal",
    "heartbeat": "low",
}
_REASON = re.compile(r"[^A-Za-z0-9 _./:-]+")
_REASON_CHARACTERS = 120


def build(notification: Notification, endpoint: WebPushEndpoint, attempt: Attempt) -> HttpRequest:
    limit = MAX_PLAINTEXT_BYTES if attempt.limit_bytes is None else attempt.limit_bytes
    headers = [
        ("TTL", str(_ttl_seconds(notification, attempt.now))),
        ("Urgency", _URGENCY[notification.content.type]),
        ("Topic", topic(notification)),
        ("Content-Encoding", "aes128gcm"),
        ("Content-Type", "application/octet-stream"),
    ]
    headers += service_of(endpoint.url.host).headers
    if attempt.signer is not None:
        headers.append(("Authorization", attempt.signer.authorization(endpoint.url.origin, attempt.now)))
    if (
        endpoint.form is not None
        and endpoint.form.dialect is Dialect.COI
        and isinstance(notification.content, Verification)
    ):
        headers += coi.VALIDATION_HEADERS
    body = encrypt(
        _plaintext(notification, endpoint, limit),
        p256dh=endpoint.p256dh,
        auth=endpoint.auth.reveal(),
        entropy=attempt.entropy,
    )
    return HttpRequest("POST", endpoint.url, tuple(headers), body)


def _plaintext(notification: Notification, endpoint: WebPushEndpoint, limit: int) -> bytes:
    form, wish = endpoint.form, endpoint.declarative
    if form is None:
        return fit(notification, limit, None if wish is None else beside(notification, wish, tag(notification)))
    if form.dialect is Dialect.COI:
        return coi.fit(notification, limit)
    return untagged.fit(notification, limit, form.name)


def read(answer: Answer, now: datetime) -> Outcome:
    if isinstance(answer, NoResponse):
        return silence(answer)
    status = answer.status
    if 200 <= status <= 299:
        return Accepted(status)
    if status in GONE:
        return Gone(status)
    if status == 413:
        return TooLarge(status)
    if status in THROTTLED:
        return try_later(answer, now, slow_down=True)
    return transient(answer, now) or refused(answer, _reason(answer))


def urgency(notification: Notification) -> str:
    return _URGENCY[notification.content.type]


def topic(notification: Notification) -> str:
    """A newer message with the same topic replaces one that still waits for the device (RFC 8030 section 5.4), so two share one
    only where the newer says all that is lost with the older. A digest: the push service sees it and shall learn no name."""
    return _digest(notification, notification.content.type, _replaced(notification))


def tag(notification: Notification) -> str:
    """A newer card with the same tag takes the place of an older: that messages were read takes the place of the card that told
    of mail in their mailbox."""
    content = notification.content
    if isinstance(content, Seen):
        return _digest(notification, NewMail.type, _replaced_by_alert(content.mailbox))
    return topic(notification)


def _digest(notification: Notification, *replaced: str) -> str:
    named = "\x00".join((notification.subscription_id, *replaced))
    digest = hashlib.sha256(named.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")[:TOPIC_CHARACTERS]


def _replaced(notification: Notification) -> str:
    """What a newer one of the same type has to share with it."""
    match notification.content:
        case NewMail(mailbox=mailbox, messages=(), vip=vip):
            # That there is mail: a phone that was off all night is told once of each mailbox, and of VIPs' apart.
            return _replaced_by_alert(mailbox, vip=vip)
        case NewMail() | Reminder() | Seen():
            return notification.id  # each tells of other messages: only a repeat replaces it
        case _:
            return ""


def _replaced_by_alert(mailbox: str | None, *, vip: bool = False) -> str:
    return f"{'vip' if vip else ''}\0{mailbox or ''}"


def _ttl_seconds(notification: Notification, now: datetime) -> int:
    """Never 0: WNS refuses that, and elsewhere it means "now or never"."""
    left = int((notification.expires_at - now).total_seconds())
    return min(max(left, 1), TTL_SECONDS_MAX)


def _reason(response: HttpResponse) -> str:
    """Why, as far as the service says: autopush's ``errno`` and ``message``, Apple's ``reason``, a header of WNS. Only plain
    characters, and few: it is shown to users."""
    described = response.headers.get("x-wns-error-description", "")
    if not described:
        try:
            answered = json.loads(response.body)
        except (ValueError, RecursionError):
            return ""
        if not isinstance(answered, dict):
            return ""
        members = (answered.get(name) for name in ("errno", "reason", "message"))
        described = " ".join(str(member) for member in members if isinstance(member, int | str))
    return _REASON.sub(" ", described)[:_REASON_CHARACTERS].strip(" .")
