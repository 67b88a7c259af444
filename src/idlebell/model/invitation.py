"""Rights that travel in a link: an invitation to register, and a link that lets a second device onto an account.

Both are bearer tokens of 256 bits, of which only the hash is kept, in the fragment of a URL, which no server is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NewType

from idlebell.model.ids import SubscriptionId

InvitationId = NewType("InvitationId", str)

USES_MAX = 1_000
INVITATION_DAYS_DEFAULT = 7
"""A link in a mail is found by others sooner or later."""
INVITATION_DAYS_MAX = 365
INVITATIONS_KEPT_AFTER_END = timedelta(days=30)
"""For the operator's list. What it brought goes on."""
LINK_LIVES = timedelta(minutes=10)
"""Long enough to fetch the other device, too short to be found in a screenshot."""
LINKS_OPEN_MAX = 3
"""Of one subscription at a time."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Lets ``uses`` subscriptions be registered where registering needs a key."""

    id: InvitationId
    name: str
    token_hash: bytes
    uses: int
    used: int
    created_at: datetime
    expires_at: datetime

    @property
    def used_up(self) -> bool:
        return self.used >= self.uses


@dataclass(frozen=True, slots=True)
class DeviceLink:
    """Lets one subscription more be made on the account of ``subscription``, without its password."""

    token_hash: bytes
    subscription: SubscriptionId
    expires_at: datetime
