"""What is different about a subscription whose client registered by a dialect of IMAP: its endpoint is proven by a code within
five minutes, or the subscription ends. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from idlebell.model.endpoint import Endpoint, Endpoints, WebPushEndpoint, form_of, same_endpoint
from idlebell.model.form import VALIDATED_WITHIN, Dialect, Form
from idlebell.model.proof import PROVEN, UNPROVEN
from idlebell.model.subscription import Subscription


def formed(endpoints: Endpoints, form: Form | None) -> Endpoints:
    """Each Web Push in that form."""
    if form is None:
        return endpoints
    return endpoints.mapped(lambda own: replace(own, form=form) if isinstance(own, WebPushEndpoint) else own)


def rotated(endpoints: Endpoints, known: Endpoints | None, current: str) -> Endpoints:
    """``current``: our public key. In the draft a registration is signed by it whatever it was before, and has to be confirmed
    again where it was another (-02 section 5.2)."""

    def signed(own: Endpoint) -> Endpoint:
        form = form_of(own)
        if not isinstance(own, WebPushEndpoint) or form is None or form.dialect is not Dialect.DRAFT:
            return own
        before = next((one for _, one in known or () if same_endpoint(one, own)), None)
        same = isinstance(before, WebPushEndpoint) and before.application_server_key == current
        return replace(own, application_server_key=current, proof=own.proof if same else UNPROVEN)

    return endpoints.mapped(signed)


def provisional(subscription: Subscription, now: datetime) -> Subscription:
    """As long as its endpoint is not proven it has the time for that and no more."""
    if not _waits(subscription):
        return subscription
    # Nothing is told of a lease that has not begun.
    return replace(subscription, expires_at=now + VALIDATED_WITHIN, expiring_sent=True)


def confirmed(before: Subscription, after: Subscription, now: datetime) -> Subscription:
    """``after``: with what has been proven. Its lease begins with that."""
    if not _waits(before) or _waits(after):
        return after
    return replace(after, expires_at=now + timedelta(seconds=after.lease_seconds), expiring_sent=False)


def _waits(subscription: Subscription) -> bool:
    bell = subscription.endpoints.new_mail
    return isinstance(bell, WebPushEndpoint) and bell.form is not None and bell.proof != PROVEN
