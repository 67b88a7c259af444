"""Where the notifications of a subscription go, in digests: nothing here shows a URL.

In: a subscription's endpoints and a keyed digest. Out: a :class:`Route` for each role that has somewhere to go. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from idlebell.model.endpoint import Endpoint, Endpoints, Role

DIGEST_BYTES = 16
"""Half a digest: 128 bits are enough that two URLs never meet, and a million subscriptions carry several each."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
VERSIONS_KEPT_MS: Final = 90 * 86_400_000
"""An endpoint's last version is forgotten when it is older than this: from then on the clock alone is ahead of it."""

VERSION_FLOOR: Final = b""
"""In the place of an endpoint's URL: no version is given that is not above this one's. A restored database has it."""

Fingerprint = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Route:
    """``endpoint`` (kind and URL) is what order is kept by, ``url`` what versions are counted by, ``lane`` (origin) what
    one push service has in common. ``collapses``: the kind only knows versions, so a newer one stands for the older."""

    endpoint: bytes
    url: bytes
    lane: bytes
    collapses: bool
    patience_seconds: int = 0
    """How long something waits for it before the next endpoint is tried; 0: there is none."""


def route(endpoint: Endpoint, fingerprint: Fingerprint) -> Route:
    url = endpoint.url.reveal().encode("utf-8", "surrogatepass")
    lane = endpoint.url.lane.encode("utf-8", "surrogatepass")
    return Route(
        endpoint=fingerprint(b"endpoint\0" + endpoint.kind.encode("ascii") + b"\0" + url)[:DIGEST_BYTES],
        url=fingerprint(b"url\0" + url)[:DIGEST_BYTES],
        lane=fingerprint(b"lane\0" + lane)[:DIGEST_BYTES],
        collapses=not endpoint.carries_body,
    )


def routes(endpoints: Endpoints, fingerprint: Fingerprint, patience_seconds: int = 0) -> dict[Role, Route]:
    """By role, stand-ins included (:meth:`~idlebell.model.endpoint.Endpoints.serving`). ``patience_seconds``: with new mail,
    and with reminders that ring where it does."""
    serving = {role: endpoints.serving(role) for role in Role}
    found = {role: route(endpoint, fingerprint) for role, endpoint in serving.items() if endpoint is not None}
    bell = found.get(Role.NEW_MAIL)
    if patience_seconds and bell is not None:
        for role in (Role.NEW_MAIL, Role.REMINDER):
            if found[role].endpoint == bell.endpoint:
                found[role] = replace(found[role], patience_seconds=patience_seconds)
    return found


def microseconds(at: datetime) -> int:
    """Since the epoch: what times are stored as, exact."""
    return (at - EPOCH) // _MICROSECOND


def moment(since_epoch_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=since_epoch_us)


def version_after(last: int | None, at: datetime) -> int:
    """max(the URL's last one + 1, milliseconds since the epoch): it grows also when the clock steps back."""
    milliseconds = microseconds(at) // 1000
    return milliseconds if last is None else max(last + 1, milliseconds)
