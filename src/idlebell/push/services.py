"""Push services of the Web Push kind as they are: what each does beyond RFC 8030, as a table.

What is sent and how answers are read follows from it, the page of endpoints shows it, and its names are those of what is
counted: a host may be a user's own and names too many, a name comes from a small set.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from idlebell.push.encryption import MAX_PLAINTEXT_BYTES

OTHER: Final = "other"
HOSTS_KEPT: Final = 1_024
"""Whose service is known; each is that of many endpoints."""
TTL_SECONDS_MAX: Final = 2_419_200
"""28 days, the most that FCM keeps a message; Mozilla's bridges to phones go over it."""


@dataclass(frozen=True, slots=True)
class PushService:
    """``name``: in metrics. ``hosts``: a host, or the domain that its hosts lie in. What a row leaves out, that of
    :data:`ANY` holds."""

    name: str
    hosts: tuple[str, ...]
    facts: str
    source: str
    accepted: tuple[int, ...] = ()
    """What it says when it takes a push; that any 2xx counts does not hang on it."""
    gone: tuple[int, ...] = ()
    """The endpoint will never work again."""
    throttled: tuple[int, ...] = ()
    """All of the service asks us to slow down."""
    doubtful: tuple[int, ...] = ()
    """It refuses the key: a fault of ours, or the endpoint is gone. Which, time tells (:mod:`idlebell.deliver.retry`)."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent besides those of RFC 8030."""
    plaintext_bytes: int | None = None
    """What it takes, before encryption, at the least."""


ANY: Final = PushService(
    OTHER,
    (),
    "Any of 2xx is taken. TTL is never 0, which asks for now or never, and at most 28 days.",
    "RFC 8030 sections 5.2, 7.2 and 7.3; 410, 401 and 403 by custom",
    accepted=(200, 201, 202),
    gone=(404, 410),
    throttled=(429, 503),
    doubtful=(401, 403),
    plaintext_bytes=MAX_PLAINTEXT_BYTES,
)
SERVICES: Final = (
    PushService(
        "fcm",
        ("fcm.googleapis.com", "android.googleapis.com"),  # the latter of browsers before 2018
        "Chrome. It keeps a push for 28 days at most, wants VAPID, and says 403 for ever of some endpoints that are gone. "
        "A phone in Doze wakes for `Urgency: high` alone.",
        "reports of those who send",
    ),
    PushService(
        "mozilla",
        ("push.services.mozilla.com",),
        "Firefox. It says 201 of everything it takes. Phones are reached over bridges that take 2,744 bytes, encrypted. The "
        "reason of a refusal is `errno` and `message` of its JSON.",
        "source of autopush-rs",
        accepted=(201,),
        plaintext_bytes=2_641,
    ),
    PushService(
        "apple",
        ("push.apple.com",),
        "Safari. A `sub` of VAPID's with a space or angle brackets in it is a 403; the reason is `reason` of its JSON. A push "
        "that shows nothing counts against the app, which loses its subscription after some.",
        "reports of those who send, which quote Apple's documentation",
    ),
    PushService(
        "windows",
        ("notify.windows.com",),
        "Edge. A push for a device that is offline is kept where a header says so, which takes a TTL over 0. 406 is its 429. "
        "The reason is in `X-WNS-Error-Description`.",
        "reports of those who send",
        throttled=(406,),
        headers=(("X-WNS-Cache-Policy", "cache"),),
    ),
    PushService(
        "ntfy",
        ("ntfy.sh",),
        "UnifiedPush and others. It says 429 where much comes from one address. A server of one's own is among `other`.",
        "reports of those who send",
    ),
)
_BY_HOST: Final = {host: service for service in SERVICES for host in service.hosts}
_LABELS_MAX: Final = max(host.count(".") + 1 for host in _BY_HOST)

# An answer says nothing of who gave it, and no service uses a status of another's list for something else.
GONE: Final = frozenset(status for one in (ANY, *SERVICES) for status in one.gone)
THROTTLED: Final = frozenset(status for one in (ANY, *SERVICES) for status in one.throttled)
DOUBTFUL: Final = frozenset(status for one in (ANY, *SERVICES) for status in one.doubtful)


@lru_cache(HOSTS_KEPT)
def service_of(host: str) -> PushService:
    """That ``host`` belongs to: one of a few, or :data:`ANY`."""
    labels = host.lower().rstrip(".").split(".")
    for start in range(max(0, len(labels) - _LABELS_MAX), len(labels)):
        if (found := _BY_HOST.get(".".join(labels[start:]))) is not None:
            return found
    return ANY


def service_name(host: str) -> str:
    """Of the push service that ``host`` belongs to: one of a few, or :data:`OTHER`."""
    return service_of(host).name


def plaintext_limits() -> tuple[int, ...]:
    """What to try, one after the other, where a service says that a push is too large; the last is no message at all."""
    return (*sorted({one.plaintext_bytes for one in (ANY, *SERVICES) if one.plaintext_bytes}, reverse=True), 0)
