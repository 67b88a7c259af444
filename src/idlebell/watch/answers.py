"""What a session answers to a watcher: refusals, how a mailbox stands, how a wait ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from idlebell.imap.responses import Condition, ListData, ResponseCode, StatusData


class MailboxRefusedError(Exception):
    """The server does not open this mailbox. The session lives on."""

    def __init__(self, mailbox: str, condition: Condition, code: ResponseCode | None, text: str) -> None:
        super().__init__(f"EXAMINE was answered {condition}")
        self.command = "EXAMINE"
        self.mailbox = mailbox
        self.code = code
        self.text = text


class LookRefusedError(Exception):
    """The server answered NO or BAD to what it must be able to do in an open mailbox. It may be able to later; the session is
    too precious to be given up for it."""

    def __init__(self, command: str, condition: Condition, code: ResponseCode | None, text: str) -> None:
        super().__init__(f"{command} was answered {condition}")
        self.command = command
        self.code = code
        self.text = text


class Waited(Enum):
    """How a wait in IDLE ended."""

    QUIET = "the time is over, and nothing was said"
    STIRRED = "something was said, or there is something else to do"
    TOUCHED = "messages changed or went, and IDLE goes on"
    RESTING = "nothing has been said for a while, and IDLE goes on"


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a mailbox stands. ``uid_next`` None: the server does not tell. ``mod_seq``: HIGHESTMODSEQ, where it keeps one."""

    uid_validity: int
    uid_next: int | None
    exists: int | None
    mod_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What LIST said, with the STATUS that came along."""

    mailboxes: tuple[ListData, ...]
    statuses: tuple[StatusData, ...]
    subscribed: tuple[str, ...]
