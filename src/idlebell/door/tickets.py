"""What the door keeps, by ticket, for as long as somebody needs it."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from idlebell.model.secret import Secret

PREFIX: Final = "held:"
"""Of every ticket."""
KEY_BYTES: Final = 32


@dataclass(slots=True)
class _Kept:
    secret: Secret
    needed: int


class Tickets:
    """``entropy`` gives that many random bytes. A ticket is a keyed digest, so equal secrets are known as equal by who sees
    tickets alone, and nobody finds out by trying what one stands for."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._key = entropy(KEY_BYTES)
        self._kept: dict[str, _Kept] = {}

    def keep(self, value: str | bytes) -> str:
        """The ticket of ``value``, needed once more from now on."""
        secret = Secret(value)
        digest = hmac.digest(self._key, secret.reveal(), "sha256")
        ticket = PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")
        found = self._kept.get(ticket)
        if found is None:
            self._kept[ticket] = _Kept(secret, 1)
        else:
            secret.wipe()
            found.needed += 1
        return ticket

    def hold(self, ticket: str) -> None:
        """It is needed once more. One that is not kept: nothing happens."""
        if (found := self._kept.get(ticket)) is not None:
            found.needed += 1

    def release(self, ticket: str) -> None:
        """It is needed once less: with the last time it is wiped."""
        found = self._kept.get(ticket)
        if found is None:
            return
        found.needed -= 1
        if not found.needed:
            del self._kept[ticket]
            found.secret.wipe()

    @contextmanager
    def copies(self, *tickets: str) -> Iterator[list[Secret]]:
        """Of their secrets, wiped at the end. KeyError: one is not kept."""
        found = [self._kept[ticket].secret.again() for ticket in tickets]
        try:
            yield found
        finally:
            for secret in found:
                secret.wipe()

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"Tickets({len(self)} kept)"
