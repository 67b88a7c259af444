"""Arithmetic of series."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any, Final

PROFILE_LINES: Final = 30


def slope(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float, float]:
    """By least squares: the slope, the value at 0, and how far the furthest point lies from the line."""
    line = statistics.linear_regression(xs, ys)
    furthest = max(abs(y - line.intercept - line.slope * x) for x, y in zip(xs, ys, strict=True))
    return line.slope, line.intercept, furthest


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def profile_tables(told: dict[str, Any]) -> str:
    """What :mod:`rig.hook` has sampled: functions by their own time, and with what they call."""
    lines = [f"Profile of the loop's thread, {told['samples']} samples:"]
    for title, key in (("itself", "own"), ("with what it calls", "within")):
        lines += ["", f"| {title} | % |", "|---|---|"]
        lines += [f"| {name} | {100 * count / told['samples']:.1f} |" for name, count in told[key][:PROFILE_LINES]]
    return "\n".join(lines)
