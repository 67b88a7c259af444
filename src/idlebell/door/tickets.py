"""What the door keeps, by ticket, for as long as somebody needs it, and what each may be used for."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

from idlebell.model.secret import Secret
from idlebell.net.hardening import overwrite

PREFIX: Final = "held:"
"""Of every ticket."""
KEY_BYTES: Final = 32
USES: Final = 4_096
"""Of one secret: users of a provider whose first password is the same for all."""

Use: TypeAlias = tuple[str, ...]
"""What a secret is used for: its kind, then where and for whom."""


class ElsewhereError(KeyError):
    """It was given for something else."""


@dataclass(slots=True)
class _Kept:
    secret: Secret
    needed: int
    requests: int = 0
    """Those that brought it and may not have used it yet."""
    uses: set[Use] = field(default_factory=set)


class Tickets:
    """``entropy`` gives that many random bytes. A ticket is a keyed digest, so equal secrets are known as equal by who sees
    tickets alone, and nobody finds out by trying what one stands for.

    A secret is bound to what it was first used for with success: whoever has nothing but a ticket cannot have it used
    elsewhere. A request that brings it may name something else: two accounts may have one password."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._key = entropy(KEY_BYTES)
        self._kept: dict[str, _Kept] = {}

    def keep(self, value: str | bytes, *, like: str = "", uses: Sequence[Use] = ()) -> str:
        """The ticket of ``value``, needed once more from now on. ``like``: it may be used for what that ticket's may, and the
        other way round."""
        secret = Secret(value)
        digest = hmac.digest(self._key, secret.reveal(), "sha256")
        ticket = PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")
        found = self._kept.get(ticket)
        if found is None:
            found = self._kept[ticket] = _Kept(secret, 1)
        else:
            secret.wipe()
            found.needed += 1
        if (other := self._kept.get(like)) is not None:
            other.uses |= found.uses
            found.uses = other.uses
        found.uses.update(uses)
        return ticket

    def bring(self, value: str | bytes, with_others: Sequence[str] = ()) -> str:
        """As :meth:`keep`, for a request that is under way from now on, and has brought those others."""
        ticket = self.keep(value, like=with_others[0] if with_others else "")
        self._kept[ticket].requests += 1
        return ticket

    def answered(self, ticket: str) -> Callable[[], None]:
        """A request that brought it is over. What comes back is to be called when a login of it, which may go on, is over."""
        found = self._kept.get(ticket)
        self.release(ticket)

        def used_up() -> None:
            if found is not None:
                found.requests -= 1

        return used_up

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
    def used(self, use: Use, *tickets: str) -> Iterator[list[Secret]]:
        """Copies of their secrets for that, wiped at the end; they are bound to it where nothing is raised. KeyError: one is
        not kept. ElsewhereError: one is bound to something else."""
        kept = [self._kept[ticket] for ticket in tickets]
        if not all(_may_be_used(one, use) for one in kept):
            raise ElsewhereError
        found = [one.secret.again() for one in kept]
        try:
            yield found
            for one in kept:
                one.uses.add(use)
        finally:
            for secret in found:
                secret.wipe()

    def give(self) -> bytes:
        """All of it, for :meth:`take` of another door, to be overwritten by whoever has sent it. Nothing is kept here any
        more."""
        kept = [
            _GivenOne(ticket, one.secret.reveal(), one.needed, one.requests, list(one.uses))
            for ticket, one in self._kept.items()
        ]
        given = _encode(_Given(self._key, kept))
        for other in kept:
            overwrite(other.value)
        for one in self._kept.values():
            one.secret.wipe()
        self._kept.clear()
        return given

    def take(self, given: bytes | memoryview) -> Callable[[], None]:
        """What another door gave, once, before anything is kept here. What a request has brought that may be under way there,
        and hears of its end there, is needed once more until what comes back is called. ValueError: that is not whole."""
        found = _decode(given)
        self._key = found.key
        for one in found.kept:
            extra = int(one.requests > 0)
            self._kept[one.ticket] = _Kept(Secret(one.value), one.needed + extra, extra, set(one.uses))
            overwrite(one.value)
        brought = [one.ticket for one in found.kept if one.requests]

        def over() -> None:
            for ticket in brought:
                self.answered(ticket)()

        return over

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"Tickets({len(self)} kept)"


class _GivenOne(msgspec.Struct, array_like=True):
    ticket: str
    value: bytes
    needed: int
    requests: int
    uses: list[Use]

    def __repr__(self) -> str:
        return "_GivenOne(…)"


class _Given(msgspec.Struct, array_like=True):
    key: bytes
    kept: list[_GivenOne]

    def __repr__(self) -> str:
        return f"_Given({len(self.kept)} kept)"


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Given).decode


def _may_be_used(kept: _Kept, use: Use) -> bool:
    if use in kept.uses or not any(one[0] == use[0] for one in kept.uses):
        return True
    return kept.requests > 0 and len(kept.uses) < USES
