"""Push services by name, for what is counted: a host may be a user's own and names too many, a name comes from a small set."""

from __future__ import annotations

from typing import Final

OTHER: Final = "other"
_BY_HOST: Final = {
    "fcm.googleapis.com": "fcm",
    "android.googleapis.com": "fcm",  # subscriptions of browsers before 2018
    "push.services.mozilla.com": "mozilla",
    "push.apple.com": "apple",
    "notify.windows.com": "windows",
    "ntfy.sh": "ntfy",
}
"""A host, or the domain that its hosts lie in."""


def service_name(host: str) -> str:
    """Of the push service that ``host`` belongs to: one of a few, or :data:`OTHER`."""
    labels = host.lower().rstrip(".").split(".")
    for start in range(max(0, len(labels) - 4), len(labels)):
        if (name := _BY_HOST.get(".".join(labels[start:]))) is not None:
            return name
    return OTHER
