"""Sends the canary's mail, listens for it, and says what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from idlebell.canary import chain
from idlebell.canary.chain import LATE, Failed, Heard, Late, Mail, NeverSent, Rhythm, Stage, State
from idlebell.canary.post import Post
from idlebell.gateway.declared import DeclaredAccount
from idlebell.gateway.shapes import SubscriptionView
from idlebell.net.clock import Clock
from idlebell.push.canary import TOKEN_BYTES
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import (
    CanaryFailed,
    CanaryHeard,
    CanarySent,
    Emit,
    StoreFailed,
    SupervisorCaught,
    where_raised,
)

Standing: TypeAlias = Callable[[float], Awaitable[SubscriptionView | None]]
"""How the canary's subscription stands, waited for up to so many seconds until it is being watched; None: there is none."""


class Canary:
    """One for a process. :meth:`hear` is where the chain ends."""

    def __init__(self, post: Post, rhythm: Rhythm, clock: Clock, entropy: Callable[[int], bytes], emit: Emit) -> None:
        self._post = post
        self._rhythm = rhythm
        self._clock = clock
        self._entropy = entropy
        self._emit = emit
        self._state: State = NeverSent(clock.monotonic())
        self._heard_at = clock.monotonic()
        self._last_seconds: float | None = None
        self._failures = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def account(self) -> DeclaredAccount:
        return self._post.account

    def start(self, standing: Standing) -> None:
        self._task = asyncio.create_task(self._run(standing), name="canary")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._post.forget()

    # what is asked of it

    def hear(self, tokens: tuple[str, ...]) -> None:
        """Tokens that a notification brought back."""
        now = self._clock.monotonic()
        state = chain.heard(self._state, tokens, now)
        if state is not self._state and isinstance(state, Heard):
            self._state, self._heard_at, self._last_seconds = state, now, state.seconds
            self._failures = 0
            self._emit(CanaryHeard(state.seconds))
            self._changed.set()

    def trouble(self) -> str | None:
        """What is wrong with the chain, for whoever asks; None: nothing."""
        return chain.trouble(self._state, self._clock.monotonic(), self._rhythm)

    def last_seconds(self) -> float:
        """Of the last chain that was whole; NaN before the first."""
        return float("nan") if self._last_seconds is None else self._last_seconds

    def age_seconds(self) -> float:
        """Since a canary was last heard, or since the start."""
        return self._clock.monotonic() - self._heard_at

    # what it does

    async def _run(self, standing: Standing) -> None:
        while True:
            began = self._clock.monotonic()
            try:
                await self._round(standing)
            except StoreError as error:
                self._failures += 1
                self._emit(StoreFailed(str(error)))
            except Exception as error:
                self._failures += 1
                self._emit(SupervisorCaught("canary", where_raised(error)))
            await self._rest(began)

    async def _rest(self, began: float) -> None:
        """Until the next round is due; a mail that is heard meanwhile may bring it forward."""
        while True:
            self._changed.clear()
            due = began + chain.pause_seconds(self._state, self._rhythm, self._failures)
            left = due - self._clock.monotonic()
            if left <= 0:
                return
            await self._changed_within(left)

    async def _round(self, standing: Standing) -> None:
        before = await standing(self._rhythm.late_seconds)
        if not _watched(before):
            self._failed(Stage.WATCH, _why(before))
            return
        token = self._entropy(TOKEN_BYTES)
        mail = Mail(token.hex(), self._clock.monotonic())
        self._state = waiting = chain.sent(self._state, mail, self._rhythm)
        fault = await self._post.hand_in(token)
        if fault is not None:
            self._failed(Stage.SMTP, fault)
            return
        self._failures = 0
        self._emit(CanarySent())
        while self._state is waiting:
            self._changed.clear()
            left = mail.sent_at + self._rhythm.late_seconds - self._clock.monotonic()
            if left <= 0:
                self._missed(before, await standing(0.0))
                return
            await self._changed_within(left)

    def _failed(self, stage: Stage, detail: str) -> None:
        self._state = chain.failed(self._state, stage, self._clock.monotonic())
        if isinstance(self._state, Failed):
            self._failures += 1
            self._emit(CanaryFailed(stage.value, detail))

    def _missed(self, before: SubscriptionView | None, now: SubscriptionView | None) -> None:
        found = _undelivered(now) > _undelivered(before)
        self._state = chain.missed(self._state, self._clock.monotonic(), watched=_watched(now), found=found)
        match self._state:
            case Failed(stage=Stage.DELIVERY):
                self._emit(CanaryFailed(Stage.DELIVERY.value, "the notification waits in the outbox, or was given up"))
            case Failed(stage=stage):
                self._emit(CanaryFailed(stage.value, _why(now)))
            case Late():
                seconds = self._rhythm.late_seconds
                self._emit(
                    CanaryFailed(LATE, f"the SMTP server took the mail and it has not come within {seconds:g} s")
                )
            case _:
                pass  # heard while we asked

    async def _changed_within(self, seconds: float) -> None:
        waits = [asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(self._clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _watched(view: SubscriptionView | None) -> bool:
    return view is not None and view.state == "watching"


def _why(view: SubscriptionView | None) -> str:
    if view is None:
        return "there is no subscription for it; the log says why from the start"
    return view.state if view.problem is None else f"{view.state}: {view.problem.detail}"


def _undelivered(view: SubscriptionView | None) -> int:
    return 0 if view is None else view.counts.detected - view.counts.accepted
