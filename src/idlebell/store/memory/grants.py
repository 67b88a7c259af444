"""Invitations and links for a second device, in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from idlebell.model.ids import SubscriptionId
from idlebell.model.invitation import (
    INVITATIONS_KEPT_AFTER_END,
    LINKS_OPEN_MAX,
    DeviceLink,
    Invitation,
    InvitationId,
)


class MemoryGrants:
    """Keeps :class:`~idlebell.store.grants.Grants`. :meth:`_forget_links` goes with a subscription."""

    def __init__(self) -> None:
        super().__init__()
        self._invitations: dict[bytes, Invitation] = {}
        self._links: dict[bytes, DeviceLink] = {}

    async def put_invitation(self, invitation: Invitation) -> None:
        over = invitation.created_at - INVITATIONS_KEPT_AFTER_END
        self._invitations = {
            digest: one
            for digest, one in self._invitations.items()
            if one.expires_at > over and one.id != invitation.id
        }
        self._invitations[invitation.token_hash] = invitation

    async def invitation(self, token_hash: bytes, now: datetime) -> Invitation | None:
        found = self._invitations.get(token_hash)
        return found if found is not None and found.expires_at > now else None

    async def invitations(self) -> tuple[Invitation, ...]:
        return tuple(sorted(self._invitations.values(), key=lambda one: (one.created_at, one.id)))

    async def use_invitation(self, token_hash: bytes, now: datetime) -> bool:
        found = await self.invitation(token_hash, now)
        if found is None or found.used_up:
            return False
        self._invitations[token_hash] = replace(found, used=found.used + 1)
        return True

    async def remove_invitation(self, invitation: InvitationId) -> bool:
        for digest, one in self._invitations.items():
            if one.id == invitation:
                del self._invitations[digest]
                return True
        return False

    async def put_link(self, link: DeviceLink, now: datetime) -> bool:
        self._links = {digest: one for digest, one in self._links.items() if one.expires_at > now}
        open_ones = sum(one.subscription == link.subscription for one in self._links.values())
        if open_ones >= LINKS_OPEN_MAX or not self._has(link.subscription):
            return False
        self._links[link.token_hash] = link
        return True

    async def link(self, token_hash: bytes, now: datetime) -> DeviceLink | None:
        found = self._links.get(token_hash)
        return found if found is not None and found.expires_at > now else None

    async def take_link(self, token_hash: bytes, now: datetime) -> DeviceLink | None:
        found = await self.link(token_hash, now)
        if found is not None:
            del self._links[token_hash]
        return found

    def _forget_links(self, subscription: SubscriptionId) -> None:
        self._links = {digest: one for digest, one in self._links.items() if one.subscription != subscription}

    def _has(self, subscription: SubscriptionId) -> bool:
        raise NotImplementedError
