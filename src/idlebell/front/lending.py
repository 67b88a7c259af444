"""A client's own session, lent for a look at the mailbox that it idles in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from idlebell.front.own import Asked, Departed, Here
from idlebell.imap.commands import Command
from idlebell.net.errors import ConnectionLost

_TURNING: Final = frozenset({"SELECT", "EXAMINE", "CLOSE", "UNSELECT", "LOGOUT"})
"""After any of them another mailbox may be open, or none."""


@dataclass(slots=True)
class Selection:
    """How often the client has turned to another mailbox. Each such command is seen before the upstream gets it, so where the
    number is the same before and after a command of ours, that ran in the mailbox that was open before."""

    turns: int = 0

    def saw(self, name: str) -> None:
        if name in _TURNING:
            self.turns += 1


@dataclass(frozen=True, slots=True)
class Loan:
    """:class:`~idlebell.watch.borrowed.Lender` for one look at ``mailbox``, as the client has it open now."""

    here: Here
    mailbox: str
    selection: Selection
    turns: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", self.selection.turns)

    @property
    def capabilities(self) -> frozenset[str]:
        return self.here.capabilities

    async def ask(self, command: Command) -> Asked:
        self._check()
        try:
            asked = await self.here.ask(command)
        except Departed:
            raise ConnectionLost("closed") from None
        self._check()  # it may have waited long for its turn, and have been asked of another mailbox
        return asked

    def _check(self) -> None:
        # A SELECT that was under way when the loan began has shown in neither number, but in the mailbox.
        if self.selection.turns != self.turns or open_mailbox(self.here) != self.mailbox:
            raise ConnectionLost("closed")


def open_mailbox(here: Here) -> str | None:
    """INBOX is the same in any case (RFC 9051 section 5.1)."""
    selected = here.selected
    return "INBOX" if selected is not None and selected.upper() == "INBOX" else selected
