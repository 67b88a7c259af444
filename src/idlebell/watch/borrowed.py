"""A look at a mailbox over a session that somebody else uses: a client's own, while it idles there.

The session is lent for single commands. None of them opens a mailbox, so what EXAMINE would tell is asked by STATUS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from idlebell.imap import capabilities as capability_lists
from idlebell.imap import commands as c
from idlebell.imap.events import Completed
from idlebell.imap.mailbox_view import MailboxView
from idlebell.imap.responses import Condition, TaggedResponse, UntaggedResponse
from idlebell.model.account import Account
from idlebell.model.shown_text import shown
from idlebell.net.errors import ConnectionLost
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.reply import Reply
from idlebell.rules.match import listening
from idlebell.store.contract import ConflictError, StoreError
from idlebell.telemetry.facts import LookFailed, StoreFailed
from idlebell.watch.answers import Extent, LookRefusedError
from idlebell.watch.look import Books, Looks, Means
from idlebell.watch.mailbox_session import MailboxSession


class Told(Protocol):
    """What the server answered."""

    @property
    def completed(self) -> TaggedResponse: ...
    @property
    def untagged(self) -> Sequence[UntaggedResponse]: ...


class Lender(Protocol):
    """Lends the session that has the mailbox open."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Upper-cased."""

    async def ask(self, command: c.Command) -> Told:
        """None of the commands changes which mailbox is open. ConnectionLost: it is lent no more, for the mailbox is not open
        there any more, or its owner has gone."""


class _Lent:
    """What a :class:`MailboxSession` needs of a connection for questions."""

    __slots__ = ("_lender",)

    def __init__(self, lender: Lender) -> None:
        self._lender = lender

    @property
    def capabilities(self) -> frozenset[str]:
        return self._lender.capabilities

    def has(self, capability: str) -> bool:
        return capability_lists.has(self._lender.capabilities, capability)

    async def command(self, command: c.Command, *, timeout: float | None = None) -> Reply:
        told = await self._lender.ask(command)
        tagged = told.completed
        completed = Completed(tagged.tag, command, tagged.condition, tagged.code, tagged.text)
        return Reply(completed, list(told.untagged))


class BorrowedSession(MailboxSession):
    """Asks and never waits: there is no IDLE of its own."""

    __slots__ = ()

    def __init__(self, lender: Lender, means: Means) -> None:
        super().__init__(cast(ImapConnection, _Lent(lender)), means.clock)

    async def examine(self, mailbox: str) -> Extent:
        view = self._view = MailboxView(mailbox)
        status = await self.status(mailbox, ("MESSAGES", "UIDNEXT", "UIDVALIDITY"))
        if status is None or status.uid_validity is None or status.messages is None:
            raise LookRefusedError("STATUS", Condition.NO, None, "it does not tell how the mailbox stands")
        view.uid_validity, view.exists, view.uid_next = status.uid_validity, status.messages, status.uid_next
        return Extent(status.uid_validity, status.uid_next, status.messages, None)


async def look(means: Means, account: Account, mailbox: str, lender: Lender) -> None:
    """Looks at ``mailbox`` once, and what is new rings. Nothing happens where nobody listens to it. What goes wrong is left to
    the session that comes after."""
    try:
        heard = listening(await means.store.of_account(account.id), mailbox)
        if not heard:
            return
        session = BorrowedSession(lender, means)
        looks = Looks(account, session, Books(), means)
        looks.fresh = tuple((one.id, mailbox) for one in heard if one.floor(mailbox) is None)
        await looks.until_settled(mailbox, await session.examine(mailbox))
    except LookRefusedError as refusal:
        means.emit(LookFailed(account.id, refusal.command, shown(refusal.text)))
    except StoreError as error:
        means.emit(StoreFailed(str(error)))
    except (ConflictError, ConnectionLost):
        pass  # who was faster has looked; or the client has turned to something else
