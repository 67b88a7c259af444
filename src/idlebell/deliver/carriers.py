"""Who carries out what a push kind asks for: one carrier for each type of exchange.

A kind that is no HTTP request brings an exchange (a value in :mod:`idlebell.push.exchange`) with its answer, ``build`` and
``read`` in a module of its own, and a carrier: a coroutine function that does what the value says. ``compose`` puts the
carriers of a process together; the :class:`~idlebell.deliver.sender.Sender` knows none of them by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from idlebell.push.exchange import AnyAnswer, Exchange, Lines, LinesWritten, NoResponse, Tokens, TokensHeard

X = TypeVar("X", bound=Exchange)
X_contra = TypeVar("X_contra", bound=Exchange, contravariant=True)


class Carrier(Protocol[X_contra]):
    """Does what ``exchange`` says within ``timeout_seconds`` and gives the answer, :class:`NoResponse` where there is none.
    Raises nothing for what the other side does."""

    async def __call__(self, exchange: X_contra, /, *, timeout_seconds: float) -> AnyAnswer: ...


class Carriers:
    """Of this process. What it has no carrier for is answered with NoResponse ``not-allowed``."""

    def __init__(self) -> None:
        self._carriers: dict[type[Any], Carrier[Any]] = {}

    def add(self, kind: type[X], carrier: Carrier[X]) -> Carriers:
        """``carrier`` takes every exchange of this type from now on."""
        self._carriers[kind] = carrier
        return self

    async def carry(self, exchange: Exchange, *, timeout_seconds: float) -> AnyAnswer:
        carrier = self._carriers.get(type(exchange))
        if carrier is None:
            return NoResponse("not-allowed", f"nothing in this process carries {type(exchange).__name__}")
        return await carrier(exchange, timeout_seconds=timeout_seconds)


def to_terminal(write: Callable[[str], None]) -> Carrier[Lines]:
    async def carry(exchange: Lines, /, *, timeout_seconds: float) -> LinesWritten:
        for line in exchange.lines:
            write(line)
        return LinesWritten()

    return carry


def to_canary(hear: Callable[[tuple[str, ...]], None]) -> Carrier[Tokens]:
    async def carry(exchange: Tokens, /, *, timeout_seconds: float) -> TokensHeard:
        hear(exchange.tokens)
        return TokensHeard()

    return carry
