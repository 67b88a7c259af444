"""One fact, many sinks."""

from __future__ import annotations

from idlebell.telemetry.facts import Emit, Fact


def fan_out(*sinks: Emit) -> Emit:
    """An ``emit`` that hands each fact to all sinks, in order. Sinks do not block and do not raise."""

    def emit(fact: Fact) -> None:
        for sink in sinks:
            sink(fact)

    return emit
