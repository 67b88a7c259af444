"""Where mails were seen, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from idlebell.model.ids import AccountId
from idlebell.model.sighting import SIGHTINGS_KEPT, Sighting
from idlebell.store.contract import ConflictError


class Sightings:
    def __init__(self) -> None:
        self._found: dict[AccountId, dict[bytes, Sighting]] = {}
        """Of each account oldest first."""

    def record(self, account: AccountId, sighted: Sequence[Sighting], known: Mapping[bytes, Sighting]) -> None:
        """ConflictError (and nothing recorded) where what is stored is not what is ``known``."""
        stored = self._found.get(account, {})
        if any(stored.get(one.digest) != known.get(one.digest) for one in sighted):
            raise ConflictError("One of these mails was seen elsewhere meanwhile.")
        for one in sighted:
            stored.pop(one.digest, None)
            stored[one.digest] = one
        for digest in list(stored)[:-SIGHTINGS_KEPT]:
            del stored[digest]
        if sighted:
            self._found[account] = stored

    def find(self, account: AccountId, digests: Sequence[bytes]) -> dict[bytes, Sighting]:
        stored = self._found.get(account, {})
        return {digest: stored[digest] for digest in digests if digest in stored}

    def renamed(self, account: AccountId, old: str, new: str) -> None:
        stored = self._found.get(account, {})
        for digest, one in stored.items():
            if one.mailbox == old:
                stored[digest] = replace(one, mailbox=new)

    def forget(self, account: AccountId) -> None:
        self._found.pop(account, None)
