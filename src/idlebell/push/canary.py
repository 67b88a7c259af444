"""The operator's canary: a mail with a token in its subject, sent by ourselves, has come all the way round.

Its delivery ends in this process, and takes every step before that as any other: outbox, lane, lease, settlement.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from idlebell.model.endpoint import CanaryEndpoint
from idlebell.model.notification import NewMail, Notification
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import NoResponse, Tokens, TokensHeard
from idlebell.push.outcome import Accepted, Outcome, Refused

BODY_LIMITS = (0,)
TOKEN_BYTES: Final = 16
"""Nobody else's mail is taken for the canary's."""

_WORDS: Final = "Idlebell canary"
# Searched, not matched: mail systems put words of their own before a subject.
_SUBJECT: Final = re.compile(rf"{_WORDS} ([0-9a-f]{{{2 * TOKEN_BYTES}}})\b")


def subject(token: bytes) -> str:
    return f"{_WORDS} {token.hex()}"


def token_of(line: str) -> str | None:
    """The token, in hexadecimal, of a subject that :func:`subject` made; None: it made none of it."""
    found = _SUBJECT.search(line)
    return None if found is None else found[1]


def build(notification: Notification, endpoint: CanaryEndpoint, attempt: Attempt) -> Tokens:
    """Other mail that comes to the account has no token, and is nobody's business here."""
    content = notification.content
    messages = content.messages if isinstance(content, NewMail) else ()
    found = (token_of(message.subject or "") for message in messages)
    return Tokens(tuple(token for token in found if token is not None))


def read(answer: TokensHeard | NoResponse, now: datetime) -> Outcome:
    return Accepted(0) if isinstance(answer, TokensHeard) else Refused(answer.reason)
