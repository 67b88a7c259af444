"""The part of the store's contract that leaves nothing behind."""

from __future__ import annotations

from typing import Protocol


class Scrubbing(Protocol):
    async def scrub(self) -> bool:
        """What was removed is in no file of the store any more, journals included, and neither is what was learnt of servers
        that nobody has an account at. It costs little where nothing was removed since. False: a reader stood in the way, and
        it is to be asked again."""
        ...
