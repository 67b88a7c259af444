"""What the demo prints, and the key that it waits for. Colour only on a terminal, and not where NO_COLOR is set."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from typing import TextIO

from idlebell.demo.timeline import Step

_BOLD, _DIM, _RESET = "\033[1m", "\033[2m", "\033[0m"
_READ_BYTES = 4_096


class Terminal:
    def __init__(self, output: TextIO | None = None) -> None:
        self._output = output or sys.stdout
        on_terminal = self._output.isatty()
        self._colour = on_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._bell = "\a" if on_terminal else ""
        self._mark = "🔔"
        try:
            self._mark.encode(self._output.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            self._mark = "*bell*"

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to press a key."""
        return sys.stdin.isatty()

    def line(self, text: str = "") -> None:
        print(text, file=self._output, flush=True)

    def heading(self, text: str) -> None:
        self.line(self._styled(_BOLD, text))

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        for name, value in pairs:
            self.line(f"  {self._styled(_DIM, name.ljust(13))}{value}")

    def step(self, step: Step, after_ms: float) -> None:
        self.line(f"  {after_ms:8.1f} ms  {step.name.lower():<11}{self._styled(_DIM, step.value)}")

    def ring(self, text: str, total_ms: float) -> None:
        """The bell, with its sound where there is one."""
        self.line(f"  {self._mark}{self._bell} {self._styled(_BOLD, text)}  rang {total_ms:.0f} ms after the delivery")

    async def ask(self, question: str) -> str:
        """The line that is typed, without its end; ``q`` also at the end of the input and for Ctrl-C. Whoever has read the
        question is heard: it is asked when there are ears."""
        loop = asyncio.get_running_loop()
        typed: asyncio.Future[bytes] = loop.create_future()
        descriptor = sys.stdin.fileno()

        def read() -> None:
            if not typed.done():
                typed.set_result(os.read(descriptor, _READ_BYTES))

        def interrupted() -> None:
            if not typed.done():
                self.line()  # the terminal has shown ^C
                typed.set_result(b"")

        loop.add_reader(descriptor, read)
        loop.add_signal_handler(signal.SIGINT, interrupted)
        try:
            self.line(question)
            line = await typed
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            loop.remove_reader(descriptor)
        return line.decode(errors="replace").strip() if line else "q"

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self._colour else text
