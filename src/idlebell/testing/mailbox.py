"""A mailbox in memory, as an IMAP server keeps it: UIDs and mod-sequences only grow, and who listens is told of changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias

What: TypeAlias = Literal["arrived", "expunged", "flagged", "renumbered"]


@dataclass(slots=True)
class Message:
    uid: int
    content: bytes = field(repr=False)
    internal_date: datetime
    flags: frozenset[str] = frozenset()
    email_id: str = ""
    """The same in every mailbox that it was copied to (RFC 8474)."""
    mod_seq: int = 1
    hidden_fetches: int = 0
    """So many times a FETCH does not find it yet: a replica that lags behind."""

    @property
    def thread_id(self) -> str:
        return f"T{self.email_id[1:]}"

    @property
    def gmail_id(self) -> int:
        """X-GM-MSGID: 64 bits, the same in every mailbox that it is in."""
        return int(self.email_id[1:], 16)


@dataclass(frozen=True, slots=True)
class MessagesChanged:
    """``uids``: of the messages that the change is about; none where all were renumbered."""

    mailbox: Mailbox
    what: What
    uids: tuple[int, ...] = ()
    external: bool = False
    """Done behind the server's back, as by an MDA that writes into the Maildir itself."""


@dataclass(slots=True, eq=False)
class Mailbox:
    """One mailbox. Change it by its methods only, so that :attr:`listeners` hear of it."""

    name: str
    uid_validity: int = 1
    attributes: frozenset[str] = frozenset()
    selectable: bool = True
    uid_next: int = 1
    mailbox_id: str = "F0"
    """Stays when it is renamed (RFC 8474)."""
    personal: bool = True
    """Within the user's own namespace."""
    highest_mod_seq: int = 1
    messages: dict[int, Message] = field(default_factory=dict)
    """By UID, in their order."""
    vanished: dict[int, int] = field(default_factory=dict)
    """The mod-sequence of the expunge, by UID."""
    listeners: set[Callable[[MessagesChanged], None]] = field(default_factory=set)

    def add(
        self,
        content: bytes,
        *,
        flags: frozenset[str] = frozenset(),
        internal_date: datetime | None = None,
        email_id: str | None = None,
        hidden_fetches: int = 0,
        external: bool = False,
    ) -> int:
        """A message arrives; its UID. Without ``internal_date`` it arrives now, without ``email_id`` it is a new one."""
        uid = self.uid_next
        self.uid_next += 1
        self.messages[uid] = Message(
            uid,
            content,
            internal_date or datetime.now(UTC).replace(microsecond=0),
            flags,
            email_id or self._new_email_id(uid),
            self._next_mod_seq(),
            hidden_fetches,
        )
        self._tell(MessagesChanged(self, "arrived", (uid,), external))
        return uid

    def expunge(self, uid: int) -> None:
        del self.messages[uid]
        self.vanished[uid] = self._next_mod_seq()
        self._tell(MessagesChanged(self, "expunged", (uid,)))

    def set_flags(self, uid: int, flags: frozenset[str]) -> None:
        """By another client. With NOTIFY it is told only to who asked for it."""
        message = self.messages[uid]
        message.flags = flags
        message.mod_seq = self._next_mod_seq()
        self._tell(MessagesChanged(self, "flagged", (uid,)))

    def skip_uids(self, count: int) -> None:
        """As if ``count`` messages had come and gone."""
        self.uid_next += count

    def rebuild(self, uid_validity: int) -> None:
        """The server lost its index: all UIDs are given anew. Sessions that have it open see it when they open it again."""
        kept = [*self.messages.values()]
        self.uid_validity = uid_validity
        self.messages = {}
        self.vanished = {}
        self.uid_next = 1
        for message in kept:
            message.uid = self.uid_next
            message.mod_seq = self._next_mod_seq()
            self.messages[message.uid] = message
            self.uid_next += 1
        self._tell(MessagesChanged(self, "renumbered"))

    def _next_mod_seq(self) -> int:
        self.highest_mod_seq += 1
        return self.highest_mod_seq

    def _new_email_id(self, uid: int) -> str:
        seed = f"{self.mailbox_id} {self.uid_validity} {uid}"
        return f"M{hashlib.sha256(seed.encode()).hexdigest()[:16]}"

    def _tell(self, change: MessagesChanged) -> None:
        for listener in [*self.listeners]:
            listener(change)
