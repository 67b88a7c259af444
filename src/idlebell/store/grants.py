"""The part of the store's contract that holds rights which travel in a link."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from idlebell.model.invitation import DeviceLink, Invitation, InvitationId


class Grants(Protocol):
    """Rights that travel in a link. One that is over is as if it had never been."""

    async def put_invitation(self, invitation: Invitation) -> None:
        """Those that have been over for :data:`~idlebell.model.invitation.INVITATIONS_KEPT_AFTER_END` by its ``created_at``
        are removed."""
        ...

    async def invitation(self, token_hash: bytes, now: datetime) -> Invitation | None:
        """Used up or not."""
        ...

    async def invitations(self) -> tuple[Invitation, ...]:
        """All that are kept, the oldest first."""
        ...

    async def use_invitation(self, token_hash: bytes, now: datetime) -> bool:
        """Counts one use. False: there is none left, or it is over; of any number at once no more than ``uses`` succeed."""
        ...

    async def remove_invitation(self, invitation: InvitationId) -> bool: ...

    async def put_link(self, link: DeviceLink, now: datetime) -> bool:
        """False: its subscription has :data:`~idlebell.model.invitation.LINKS_OPEN_MAX` that are not over, or is gone. Those
        that are over go, of all subscriptions."""
        ...

    async def link(self, token_hash: bytes, now: datetime) -> DeviceLink | None: ...

    async def take_link(self, token_hash: bytes, now: datetime) -> DeviceLink | None:
        """As :meth:`link`, and it is gone: of any number at once one gets it."""
        ...
