"""Mailboxes in memory, as an IMAP server keeps them: UIDs only grow, and whoever watches a mailbox is told of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from idlebell.imap.sasl_server import ScramVerifier

_SALT = b"idlebell testing"
"""The same for all users: this server guards nothing, and a verifier made once serves every login."""


@dataclass(slots=True)
class Message:
    uid: int
    content: bytes = field(repr=False)
    internal_date: datetime
    flags: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Mailbox:
    """One mailbox. Change it by its methods only, so that :attr:`listeners` hear of it."""

    name: str
    uid_validity: int = 1
    attributes: frozenset[str] = frozenset()
    selectable: bool = True
    uid_next: int = 1
    messages: dict[int, Message] = field(default_factory=dict)
    """By UID, in their order."""
    listeners: set[Callable[[], None]] = field(default_factory=set)

    def add(self, content: bytes, *, flags: frozenset[str] = frozenset(), internal_date: datetime | None = None) -> int:
        """A message arrives; its UID. Without ``internal_date`` it arrives now."""
        uid = self.uid_next
        self.uid_next += 1
        moment = internal_date or datetime.now(UTC).replace(microsecond=0)
        self.messages[uid] = Message(uid, content, moment, flags)
        self._tell()
        return uid

    def expunge(self, uid: int) -> None:
        del self.messages[uid]
        self._tell()

    def set_flags(self, uid: int, flags: frozenset[str]) -> None:
        """Told to nobody: what a session was not asked for it need not say."""
        self.messages[uid].flags = flags

    def skip_uids(self, count: int) -> None:
        """As if ``count`` messages had come and gone."""
        self.uid_next += count

    def rebuild(self, uid_validity: int) -> None:
        """The server lost its index: all UIDs are given anew. Sessions that have it open see it when they open it again."""
        kept = [*self.messages.values()]
        self.uid_validity = uid_validity
        self.messages = {}
        self.uid_next = 1
        for message in kept:
            message.uid = self.uid_next
            self.messages[message.uid] = message
            self.uid_next += 1

    def _tell(self) -> None:
        for listener in [*self.listeners]:
            listener()


@dataclass(slots=True)
class User:
    name: str
    password: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    """What OAUTHBEARER and XOAUTH2 must bring."""
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    _verifier: ScramVerifier | None = field(default=None, repr=False)

    @property
    def inbox(self) -> Mailbox:
        return self.mailboxes["INBOX"]

    def add_mailbox(self, name: str, *, attributes: frozenset[str] = frozenset(), selectable: bool = True) -> Mailbox:
        mailbox = Mailbox(name, attributes=attributes, selectable=selectable)
        self.mailboxes[name] = mailbox
        return mailbox

    def verifier(self) -> ScramVerifier:
        """What SCRAM-SHA-256 needs, computed once (4,096 rounds)."""
        if self._verifier is None:
            self._verifier = ScramVerifier.of(self.password, _SALT)
        return self._verifier

    def set_password(self, password: str) -> None:
        self.password = password
        self._verifier = None


class MailStore:
    """The users. ``any_user``: a name that nobody has is made at its first login, with ``password``."""

    __slots__ = ("_any_user", "_password", "users")

    def __init__(self, *, any_user: bool = False, password: str = "") -> None:
        self.users: dict[str, User] = {}
        self._any_user = any_user
        self._password = password

    def __iter__(self) -> Iterator[User]:
        return iter(self.users.values())

    def add_user(self, name: str, password: str, *, token: str | None = None) -> User:
        user = User(name, password, token)
        user.add_mailbox("INBOX")
        self.users[name] = user
        return user

    def find(self, name: str) -> User | None:
        user = self.users.get(name)
        if user is None and self._any_user:
            user = self.add_user(name, self._password)
        return user
