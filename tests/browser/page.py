"""A page in a browser, whichever: what the tests may do with it."""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from typing import Any, Final

from browser.remote import RemoteError

WAIT_SECONDS = 45.0
"""For what must come: a hundred times what it takes, so that a busy machine fails no test."""
PRESSES = 5
PRESS_SECONDS = 3.0
"""Until a press has reached what it was for, or something else."""
_PAUSE_SECONDS = 0.03


_SHOWN: Final = """\
document.URL + '\\n' + [...document.querySelectorAll('input:not([type=password]), select')]
  .map(one => `${one.id || one.name}=${one.value}${one.checkValidity() ? '' : ' (' + one.validationMessage + ')'}`).join(', ')
  + '\\n' + document.body.innerText.slice(0, 3000)"""
"""What is said where a test waits in vain."""


class Page(ABC):
    """``faults``: what the page's console has been told as an error, violations of its content security policy too."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    @abstractmethod
    async def open(self, url: str) -> None:
        """Returns when it is loaded."""

    @abstractmethod
    async def run(self, expression: str) -> str:
        """A string that the page's code gives, or promises. RemoteError: it threw."""

    @abstractmethod
    async def click_at(self, x: float, y: float) -> None:
        """A press of the pointer, as a hand makes it."""

    async def evaluate(self, expression: str) -> Any:
        """What it gives or promises, through JSON."""
        return json.loads(await self.run(f"(async () => JSON.stringify((await ({expression})) ?? null))()"))

    async def until(self, expression: str, timeout: float = WAIT_SECONDS) -> Any:
        """Asks until the answer is true in JavaScript's sense; the answer. A page that is being replaced is asked again."""
        end = time.monotonic() + timeout
        last: object = None
        while True:
            try:
                if last := await self.evaluate(expression):
                    return last
            except RemoteError as error:
                last = error
            if time.monotonic() > end:
                raise AssertionError(f"not within {timeout} s: {expression}; at last {last!r}\n{await self._look()}")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def has(self, selector: str) -> None:
        """Waits until there is one."""
        await self.until(f"document.querySelectorAll({json.dumps(selector)}).length")

    async def click(self, selector: str) -> None:
        """Waits until it can be seen, is enabled and stays in its place: a view may still be scrolling or unfolding. Where that
        moved it all the same between the look and the press, it is pressed again. The window tells of the press, not the
        element: a view that is drawn anew in between has another one of the name."""
        name = json.dumps(selector)
        for _ in range(PRESSES):
            x, y = await self.until(
                f"""(async () => {{
                  const one = document.querySelector({name});
                  if (!one || one.disabled || !one.checkVisibility()) return null;
                  one.scrollIntoView({{block: "center", behavior: "instant"}});
                  const before = one.getBoundingClientRect().y;
                  for (let frames = 0; frames < 3; frames += 1) await new Promise(requestAnimationFrame);
                  const box = one.getBoundingClientRect();
                  if (!box.width || box.y !== before) return null;
                  self.pressed = false;
                  if (!self.awaited) addEventListener("click", press => {{
                    self.pressed ||= press.target.closest(self.awaited) !== null;
                  }}, {{capture: true}});
                  self.awaited = {name};
                  return [box.x + box.width / 2, box.y + box.height / 2];
                }})()"""
            )
            await self.click_at(x, y)
            if await self._was_pressed():
                return
        raise AssertionError(f"{selector} moved away from each press\n{await self._look()}")

    async def _was_pressed(self) -> bool:
        """A page that it led to another one knows nothing of it any more."""
        end = time.monotonic() + PRESS_SECONDS
        while time.monotonic() < end:
            try:
                if await self.evaluate("self.pressed !== false"):
                    return True
            except RemoteError:
                return True
            await asyncio.sleep(_PAUSE_SECONDS)
        return False

    async def fill(self, selector: str, text: str) -> None:
        """As a password manager fills a field."""
        name = json.dumps(selector)
        await self.until(f"document.querySelector({name})?.checkVisibility()")
        await self.evaluate(
            f"""(() => {{
              const field = document.querySelector({name});
              field.focus({{preventScroll: true}});
              field.value = {json.dumps(text)};
              field.dispatchEvent(new Event("input", {{bubbles: true}}));
              field.dispatchEvent(new Event("change", {{bubbles: true}}));
            }})()"""
        )

    async def _look(self) -> str:
        try:
            return str(await self.run(_SHOWN))
        except RemoteError as error:
            return str(error)
