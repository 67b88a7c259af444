"""Notices that time did what no timer of ours expects: the machine slept, the process stood still, the wall clock was set.

After any of these nobody knows which sessions are still there: what was to be sent meanwhile was not, and routers have
forgotten the connections. The kernel tells nobody, so its three clocks are compared every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from idlebell.net.clock import Clock

CHECK_SECONDS: Final = 5.0
"""Between two looks at the clocks; a jump is noticed this soon after it, for three system calls a time."""
STILL_SECONDS: Final = 30.0
"""A machine that slept, or a process that stood still, for less has missed nothing: no deadline of ours is shorter and every
keep-alive leaves room for it. Above it, a garbage collection or a slow disk is no explanation any more."""
WALL_SECONDS: Final = 60.0
"""How far the wall clock may move by itself. What NTP slews, and a leap second, stay far below it."""

JumpReason: TypeAlias = Literal["suspended", "stopped", "clock-set"]
"""The machine slept; it did not, but this process had no turn (SIGSTOP, a paused container or virtual machine); the wall clock
was set, which is also all that is seen where a virtual machine was moved and its other clocks stood still."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The machine's clocks at one moment, in seconds. Only ``boottime`` goes on while the machine sleeps, and only ``wall`` can
    be set (clock_gettime(2))."""

    monotonic: float
    boottime: float
    wall: float


@dataclass(frozen=True, slots=True)
class Jump:
    """``seconds``: for how long nothing ran; of the wall clock, how far it was set, negative where it was set back."""

    reason: JumpReason
    seconds: float


def jumped(before: Reading, after: Reading, waited_seconds: float) -> Jump | None:
    """What happened between two readings with a wait of ``waited_seconds`` between them. The first that fits: a machine that
    wakes up often sets its clock, too."""
    monotonic = after.monotonic - before.monotonic
    boottime = after.boottime - before.boottime
    wall = after.wall - before.wall
    if boottime - monotonic > STILL_SECONDS:
        return Jump("suspended", boottime - monotonic)
    if monotonic - waited_seconds > STILL_SECONDS:
        return Jump("stopped", monotonic - waited_seconds)
    if abs(wall - boottime) > WALL_SECONDS:
        return Jump("clock-set", wall - boottime)
    return None


def read(clock: Clock) -> Reading:
    return Reading(clock.monotonic(), clock.boottime(), clock.now().timestamp())


async def watch_clock(clock: Clock, on_jump: Callable[[JumpReason, float], None]) -> None:
    """Until cancelled: calls ``on_jump`` once for each jump, with :class:`Jump`'s members."""
    before = read(clock)
    while True:
        await clock.sleep(CHECK_SECONDS)
        after = read(clock)
        if (jump := jumped(before, after, CHECK_SECONDS)) is not None:
            on_jump(jump.reason, jump.seconds)
        before = after
