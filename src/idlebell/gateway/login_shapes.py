"""What goes in and out of a login that an app answers itself; as :mod:`.shapes`."""

from __future__ import annotations

from datetime import datetime

from idlebell.gateway.shape import Shape
from idlebell.gateway.shapes import WAIT_SECONDS_DEFAULT
from idlebell.model.secret import Secret


class LoginAnswerRequest(Shape, frozen=True, kw_only=True):
    """POST /v1/logins. ``login``: the token of the login that waits. ``client_final``: as in RFC 5802 section 7."""

    login: Secret
    client_final: str
    wait_seconds: float = WAIT_SECONDS_DEFAULT


class ChallengeView(Shape, frozen=True, kw_only=True):
    """What the mail server said first (RFC 5802 section 7). ``token``: goes with the answer to POST /v1/logins, good once and
    until ``expires_at``."""

    token: str
    server_first: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"ChallengeView(until {self.expires_at})"


class LoginChallenge(Shape, frozen=True, kw_only=True):
    """The answer to credentials of type ``scram-relay``: 202, and nothing of the subscription."""

    login: ChallengeView
