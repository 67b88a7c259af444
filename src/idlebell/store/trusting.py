"""The part of the store that changes whom an account's sessions take for the server."""

from __future__ import annotations

from typing import Protocol

from idlebell.model.ids import AccountId
from idlebell.model.trust import Trust


class Trusting(Protocol):
    async def retrust(self, account: AccountId, before: Trust, after: Trust) -> None:
        """It trusts ``after`` from now on, and stays what it is besides. ConflictError: it is gone, its trust is not ``before``
        (what was seen counts), or there is another account with that trust."""
        ...
