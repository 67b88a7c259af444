"""Runs inside a gateway that is measured, and nowhere else: tells of stalls of its loop, of its collector, of its objects.

``install(folder)`` is called before the gateway's own program. A thread listens on the Unix socket ``hook`` in the folder; a
line in, a line of JSON out:

* ``stalls``: the longest time that the loop was late and the longest pause of the collector, in seconds, since the last ask
* ``ticker on`` / ``ticker off``: whether the loop is watched (it costs 0.2 % of a core)
* ``census``: objects the collector knows, by type: number and bytes of their own (``sys.getsizeof``)
* ``trace``: what is allocated, by line of the source (with ``PYTHONTRACEMALLOC=1`` in the environment)
* ``fill FIRST COUNT PORT PUSH [personal]``: subscriptions without REST (:mod:`rig.fill`); answers when all but a few have
  a session
* ``forget``: their credentials are wiped: from now on their sessions live as with retention ``session``
* ``trim``: collects, and gives back to the system what malloc holds and nobody uses
* ``profile on`` / ``profile off``: samples the main thread every 2 ms of CPU time; the answer is the samples by function
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import signal
import socket
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from types import FrameType
from typing import Any, Final

from idlebell.login.keyring import Keyring
from idlebell.model.ids import SubscriptionId
from idlebell.watch.fleet import Fleet
from rig.fill import fill

PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
TICK_SECONDS: Final = 0.005
SAMPLE_SECONDS: Final = 0.002
KEPT: Final = 400
"""Functions and types that are told of."""


class Hook:
    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.longest_stall = 0.0
        self.longest_gc = 0.0
        self.gc_seconds = 0.0
        self.collections: Counter[str] = Counter()
        self.ticking = False
        self.samples = 0
        self.own: Counter[str] = Counter()
        self.within: Counter[str] = Counter()
        self.keyring: Keyring | None = None
        self.fleet: Fleet | None = None
        self.filled: list[SubscriptionId] = []
        self._gc_from = 0.0

    def on_gc(self, phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            self._gc_from = time.perf_counter()
            return
        seconds = time.perf_counter() - self._gc_from
        self.longest_gc = max(self.longest_gc, seconds)
        self.gc_seconds += seconds
        self.collections[str(about["generation"])] += 1

    def tick(self, due: float) -> None:
        assert self.loop is not None
        now = self.loop.time()
        self.longest_stall = max(self.longest_stall, time.monotonic() - due)
        if self.ticking:
            # uvloop counts from the beginning of the loop's turn, in whole milliseconds.
            self.loop.call_later(TICK_SECONDS, self.tick, max(now, time.monotonic()) + TICK_SECONDS)

    def ticker(self, word: str) -> dict[str, Any]:
        on = word == "on"
        if on and not self.ticking:
            assert self.loop is not None
            self.loop.call_soon_threadsafe(self.tick, time.monotonic())
        self.ticking = on
        return {}

    def stalls(self) -> dict[str, Any]:
        told = {
            "longest_stall": self.longest_stall,
            "longest_gc": self.longest_gc,
            "gc_seconds": self.gc_seconds,
            "collections": dict(self.collections),
        }
        self.longest_stall = self.longest_gc = self.gc_seconds = 0.0
        self.collections.clear()
        return told

    def census(self) -> dict[str, Any]:
        frozen = gc.get_freeze_count()
        gc.unfreeze()  # get_objects does not tell of what is frozen
        numbers: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        inner: set[int] = set()
        for one in gc.get_objects():
            name = f"{type(one).__module__}.{type(one).__qualname__}"
            if isinstance(one, tuple | list | set | frozenset | dict):
                name += _filled(one)
            numbers[name] += 1
            sizes[name] += sys.getsizeof(one)
            for value in gc.get_referents(one):
                if not gc.is_tracked(value) and id(value) not in inner and not isinstance(value, type):
                    inner.add(id(value))
                    name = f"{type(value).__module__}.{type(value).__qualname__} (untracked)"
                    numbers[name] += 1
                    sizes[name] += sys.getsizeof(value)
        rows = [(name, numbers[name], size) for name, size in sizes.most_common(KEPT)]
        return {"rows": rows, "frozen": frozen}

    def trace(self) -> dict[str, Any]:
        if not tracemalloc.is_tracing():
            return {"error": "start the gateway with PYTHONTRACEMALLOC=1"}
        found = tracemalloc.take_snapshot().statistics("lineno")[:KEPT]
        return {
            "rows": [(f"{one.traceback[0].filename}:{one.traceback[0].lineno}", one.count, one.size) for one in found]
        }

    def on_sample(self, _: int, frame: FrameType | None) -> None:
        self.samples += 1
        seen = set()
        leaf = True
        while frame is not None:
            code = frame.f_code
            name = f"{code.co_filename.rpartition('/')[2]}:{code.co_qualname}"
            if leaf:
                self.own[name] += 1
                leaf = False
            if name not in seen:
                seen.add(name)
                self.within[name] += 1
            frame = frame.f_back

    def profile(self, word: str) -> dict[str, Any]:
        if word == "on":
            self.samples = 0
            self.own.clear()
            self.within.clear()
            signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
            return {}
        signal.setitimer(signal.ITIMER_PROF, 0)
        return {"samples": self.samples, "own": self.own.most_common(KEPT), "within": self.within.most_common(KEPT)}

    def answer(self, line: str) -> dict[str, Any]:
        match line.split():
            case ["stalls"]:
                return self.stalls()
            case ["ticker", word]:
                return self.ticker(word)
            case ["census"]:
                return self.census()
            case ["fill", first, count, port, push, *wish]:
                return self.in_loop(self.fill(int(first), int(count), int(port), push, personal=wish == ["personal"]))
            case ["forget"]:
                return self.in_loop(self.forget())
            case ["trim"]:
                gc.collect()
                ctypes.CDLL(None).malloc_trim(0)
                return {}
            case ["trace"]:
                return self.trace()
            case ["profile", word]:
                return self.profile(word)
            case _:
                return {"error": line}

    async def fill(self, first: int, count: int, port: int, push: str, *, personal: bool) -> None:
        assert self.keyring is not None
        assert self.fleet is not None
        numbers = range(first, first + count)
        self.filled += await fill(
            self.fleet._means.store, self.keyring, self.fleet, numbers, port, push, personal=personal
        )

    async def forget(self) -> None:
        assert self.keyring is not None
        for subscription in self.filled:
            self.keyring.drop(subscription)
        self.filled.clear()

    def in_loop(self, work: Coroutine[Any, Any, None]) -> dict[str, Any]:
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(work, self.loop).result()
        return {}

    def listen(self, path: str) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            while True:
                asking, _ = listener.accept()
                with asking, asking.makefile("rw") as stream:
                    for line in stream:
                        stream.write(json.dumps(self.answer(line)) + "\n")
                        stream.flush()


def _filled(one: Any) -> str:
    """Containers differ by what they hold: the type of one member, and how many there are."""
    if not one:
        return "[0]"
    member = next(iter(one.items())) if isinstance(one, dict) else next(iter(one))
    kinds = ":".join(type(part).__name__ for part in (member if isinstance(one, dict) else (member,)))
    return f"[{len(one) if len(one) < 9 else 'many'} {kinds}]"


def install(folder: str) -> None:
    import uvloop

    hook = Hook()
    make = uvloop.new_event_loop

    def new_event_loop() -> asyncio.AbstractEventLoop:
        hook.loop = make()
        return hook.loop

    setattr(uvloop, "new_event_loop", new_event_loop)  # noqa: B010
    begin_keyring, begin_fleet = Keyring.__init__, Fleet.__init__

    def keyring(self: Keyring, *given: Any) -> None:
        begin_keyring(self, *given)
        hook.keyring = self

    def fleet(self: Fleet, *arguments: Any, **named: Any) -> None:
        begin_fleet(self, *arguments, **named)
        hook.fleet = self

    setattr(Keyring, "__init__", keyring)  # noqa: B010
    setattr(Fleet, "__init__", fleet)  # noqa: B010
    # It ends with the program that measures, however that ends.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    gc.callbacks.append(hook.on_gc)
    signal.signal(signal.SIGPROF, hook.on_sample)
    path = str(Path(folder) / "hook")
    threading.Thread(target=hook.listen, args=(path,), daemon=True, name="hook").start()
