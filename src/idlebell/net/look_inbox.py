"""Looks at messages of a mailbox, the latest or a certain one, that somebody waits for: written by a verb, answered by the
watcher whose session is open, between two commands.

Like a live session they cannot be in the store, so they lie beside it. A look is taken back by whoever asked when it has waited
long enough; what nobody answers is gone with the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from idlebell.imap.responses import FetchData
from idlebell.model.ids import AccountId
from idlebell.model.notification import Told
from idlebell.model.problem import Fault
from idlebell.rules.rule import Rule

LOOKS: Final = 4
"""Of one account that wait. More are refused: each is a search and a few fetches."""

Answer: TypeAlias = tuple[FetchData, ...] | Fault


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The latest ``messages`` of ``mailbox``, or ``only`` the one, with what ``rule`` looks at. What is not there is not in
    the answer."""

    mailbox: str
    messages: int
    rule: Rule
    only: Told | None = None
    flags_of: tuple[Told, ...] = ()
    """Of ``mailbox``: their flags, and nothing else."""
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def say(self, answer: Answer) -> None:
        """The first answer counts."""
        if not self.answer.done():
            self.answer.set_result(answer)


class LookInbox:
    __slots__ = ("_looks",)

    def __init__(self) -> None:
        self._looks: dict[AccountId, list[Look]] = {}

    def ask(self, account: AccountId, look: Look) -> bool:
        """The caller nudges the fleet, and takes the look back. False: too many wait already."""
        waiting = self._looks.setdefault(account, [])
        if len(waiting) >= LOOKS:
            return False
        waiting.append(look)
        return True

    def take_back(self, account: AccountId, look: Look) -> None:
        """Nobody waits for it any more."""
        waiting = [one for one in self._looks.pop(account, []) if one is not look]
        if waiting:
            self._looks[account] = waiting

    def wait(self, account: AccountId) -> bool:
        return account in self._looks

    def take(self, account: AccountId, mailboxes: Container[str]) -> list[Look]:
        """Those at ``mailboxes``, given once."""
        waiting = self._looks.pop(account, [])
        rest = [one for one in waiting if one.mailbox not in mailboxes]
        if rest:
            self._looks[account] = rest
        return [one for one in waiting if one.mailbox in mailboxes]

    def refuse(self, account: AccountId, fault: Fault) -> None:
        """All that wait: no session is left to answer them."""
        for look in self._looks.pop(account, []):
            look.say(fault)
