"""When the next endpoint of ``new_mail`` is tried, and when an earlier one again. Pure: every store makes the same of it.

A notification waits for an endpoint that has others behind it for as long as its subscription says. What was not accepted by
then passes that endpoint over, with all that waits for it; after a pause that grows it is tried again with the next that comes,
and is passed over at once if that fails. What is accepted ends the trouble. One that has had what it may have in a day is
passed over until the next. None as an answer means: nothing changes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from idlebell.model.endpoint import Endpoints, Failing, Role
from idlebell.model.preferences import Preferences
from idlebell.model.subscription import Subscription
from idlebell.store.routes import Fingerprint, route

FALL_THROUGH_SECONDS_DEFAULT: Final = 300
"""Longer than most restarts of a push service, shorter than a mail that matters can wait."""
PROBE_SECONDS_FIRST: Final = 60
PROBE_SECONDS_MAX: Final = 3_600
"""The pause doubles from the first to the last."""
FALLEN_AT_ONCE: Final = 200
"""Subscriptions that fall through, and that try an earlier endpoint again, in one step."""


def patience(wish: Preferences, endpoints: Endpoints) -> int:
    """Seconds that a notification waits for the endpoint that takes new mail now; 0: there is no other behind it."""
    if endpoints.place + 1 >= len(endpoints.bells):
        return 0
    return wish.fall_through_seconds or FALL_THROUGH_SECONDS_DEFAULT


def goes_on(role: Role) -> bool:
    """Does what has this role go to the next endpoint, where it was to ring as new mail does?"""
    return role in (Role.NEW_MAIL, Role.REMINDER)


def place_of(endpoints: Endpoints, fingerprint: Fingerprint, endpoint: bytes) -> int | None:
    """``endpoint``: digest of one of the bells."""
    places = (place for place, own in enumerate(endpoints.bells) if route(own, fingerprint).endpoint == endpoint)
    return next(places, None)


def fallen(subscription: Subscription, place: int | None, now: datetime) -> Subscription | None:
    """The endpoint at ``place``, which new mail goes to, has not taken what it was to take."""
    if place is None or not _has_next(subscription, place):
        return None
    known = _failing(subscription.endpoints, place)
    probes = 0 if known is None else known.probes + 1
    seconds = min(PROBE_SECONDS_FIRST * 2.0 ** min(probes, 16), PROBE_SECONDS_MAX)
    since = now if known is None else known.since
    return _with(subscription, place, Failing(place, since, now + timedelta(seconds=seconds), probes))


def spent(subscription: Subscription, place: int | None, now: datetime, until: datetime) -> Subscription | None:
    """The endpoint at ``place``, which new mail goes to, may have no more before ``until``."""
    if place is None or not _has_next(subscription, place):
        return None
    return _with(subscription, place, Failing(place, now, until, spent=True))


def probed(subscription: Subscription, now: datetime) -> Subscription | None:
    """Endpoints whose pause is over are tried again."""
    endpoints = subscription.endpoints
    over = [one for one in endpoints.failing if one.probe_at is not None and one.probe_at <= now]
    for one in over:
        subscription = _with(subscription, one.place, None if one.spent else replace(one, probe_at=None))
    return subscription if over else None


def probing(subscription: Subscription, place: int | None) -> bool:
    """Is it being tried again, so that one failure is enough?"""
    found = None if place is None else _failing(subscription.endpoints, place)
    return found is not None and found.probe_at is None


def works(subscription: Subscription, place: int | None) -> Subscription | None:
    """It has taken something."""
    if place is None or _failing(subscription.endpoints, place) is None:
        return None
    return _with(subscription, place, None)


def probe_at(subscription: Subscription) -> datetime | None:
    """When one is next tried again."""
    if subscription.phase.over:
        return None
    return min((one.probe_at for one in subscription.endpoints.failing if one.probe_at is not None), default=None)


def _has_next(subscription: Subscription, place: int) -> bool:
    endpoints = subscription.endpoints
    return not subscription.phase.over and place == endpoints.place and place + 1 < len(endpoints.bells)


def _failing(endpoints: Endpoints, place: int) -> Failing | None:
    return next((one for one in endpoints.failing if one.place == place), None)


def _with(subscription: Subscription, place: int, failing: Failing | None) -> Subscription:
    others = [one for one in subscription.endpoints.failing if one.place != place]
    found = sorted([*others, *([] if failing is None else [failing])], key=lambda one: one.place)
    return replace(subscription, endpoints=replace(subscription.endpoints, failing=tuple(found)))
