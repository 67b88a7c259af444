"""What ``build`` is given besides the notification and its endpoint: the time, randomness, the signer and a bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from idlebell.push.vapid import VapidSigner

Entropy: TypeAlias = Callable[[int], bytes]
"""Gives that many unpredictable bytes (``os.urandom`` at the rim, a counted stream in tests)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one notification. ``now``: aware, UTC."""

    now: datetime
    entropy: Entropy = field(repr=False)
    signer: VapidSigner | None = None
    """None: Web Push goes out without VAPID, which only services of one's own take."""
    limit_bytes: int | None = None
    """The JSON body is cut to this; None: to the most that the kind sends."""
