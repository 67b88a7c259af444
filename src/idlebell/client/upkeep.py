"""What an app has to do so that its bell goes on ringing. Pure: an answer, a push or an error in, the next step out."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from idlebell.client.problems import ApiError, GoneError
from idlebell.client.received import Push
from idlebell.client.shapes import Subscription


class Step(StrEnum):
    NOTHING = "nothing"
    RENEW = "renew"
    """The lease: :meth:`Client.renew`."""
    RESUPPLY = "resupply"
    """Send the credentials again: :meth:`Client.resupply`."""
    ASK = "ask"
    """The mail server refused them, or a provider the refresh token: only the user knows the new ones, or signs in again.
    Sending the same again may lock the account."""
    REGISTER = "register"
    """The subscription is no more: subscribe anew."""


_BY_STATE = {
    "needs_credentials": Step.RESUPPLY,
    "rejected": Step.ASK,
    "expired": Step.REGISTER,
    "ended": Step.REGISTER,
}
_TOKEN_REFUSED = "/problems/token-refused"  # noqa: S105 - a kind of problem


def renew_at(subscription: Subscription) -> datetime:
    """Half the lease is over then: time enough for a phone that was off to come back."""
    return subscription.expires_at - timedelta(seconds=subscription.lease_seconds / 2)


def next_step(subscription: Subscription, now: datetime) -> Step:
    """After GET, at every start and whenever an app wakes."""
    step = _BY_STATE.get(subscription.state, Step.NOTHING)
    problem = subscription.problem
    if problem is not None and problem.type == _TOKEN_REFUSED and step is not Step.REGISTER:
        return Step.ASK  # perhaps while a session lives, which nothing could open again
    if step is Step.NOTHING and now >= renew_at(subscription):
        return Step.RENEW
    return step


def step_after(cause: Push | ApiError) -> Step:
    """Of a push, or of a call that failed. What is not known asks for nothing."""
    match cause:
        case GoneError():
            return Step.REGISTER
        case ApiError(code="authentication-failed" | "token-refused"):
            return Step.ASK
        case Push(type="reconnect", reason="rejected"):
            return Step.ASK
        case Push(type="reconnect"):
            return Step.RESUPPLY
        case Push(type="expiring"):
            return Step.RENEW
        case _:
            return Step.NOTHING
