"""Which FETCH items the subscriptions of an account cost together: what they need and nothing more."""

from __future__ import annotations

from collections.abc import Iterable

from idlebell.model.subscription import Payload, Subscription

DECIDING = ("UID", "FLAGS", "INTERNALDATE")
"""What :func:`idlebell.watch.detect.decide` looks at."""
DESCRIBING = ("RFC822.SIZE", "ENVELOPE")


def fetch_items(subscriptions: Iterable[Subscription], *, has_preview: bool) -> tuple[str, ...]:
    """``has_preview``: the server offers PREVIEW (RFC 8970); where it does not, nothing of the body is fetched for one."""
    if all(one.payload is Payload.ALERT for one in subscriptions):
        return DECIDING
    return (*DECIDING, *DESCRIBING, "PREVIEW") if has_preview else (*DECIDING, *DESCRIBING)
