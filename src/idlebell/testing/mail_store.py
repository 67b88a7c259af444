"""The users of the scripted server and their mailboxes, changed from the test's side as another client would."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from idlebell.imap.sasl_server import ScramVerifier
from idlebell.testing.mailbox import Mailbox, Message, MessagesChanged

__all__ = ["Change", "MailStore", "Mailbox", "MailboxChanged", "Message", "MessagesChanged", "User"]

_SALT = b"idlebell testing"
"""The same for all users: this server guards nothing, and a verifier made once serves every login."""


@dataclass(frozen=True, slots=True)
class MailboxChanged:
    """The list of mailboxes is another one. ``old_name``: where it was renamed."""

    mailbox: Mailbox
    what: Literal["created", "deleted", "renamed", "subscribed", "unsubscribed"]
    old_name: str | None = None


Change: TypeAlias = MessagesChanged | MailboxChanged


@dataclass(slots=True)
class User:
    name: str
    password: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    """What OAUTHBEARER and XOAUTH2 must bring."""
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    subscribed: set[str] = field(default_factory=set)
    """Names; one may be of a mailbox that is gone (RFC 9051 section 6.3.7)."""
    listeners: set[Callable[[Change], None]] = field(default_factory=set)
    """Told of every change of the user's mail."""
    _made: int = 0
    _gone: dict[str, int] = field(default_factory=dict)  # UIDVALIDITY of deleted mailboxes, by name
    _verifier: ScramVerifier | None = field(default=None, repr=False)

    @property
    def inbox(self) -> Mailbox:
        return self.mailboxes["INBOX"]

    def add_mailbox(
        self,
        name: str,
        *,
        attributes: frozenset[str] = frozenset(),
        selectable: bool = True,
        personal: bool = True,
        subscribed: bool = False,
    ) -> Mailbox:
        """CREATE. A name that was in use before gets a larger UIDVALIDITY (RFC 9051 section 6.3.4)."""
        self._made += 1
        mailbox = Mailbox(
            name,
            self._gone.get(name, 0) + 1,
            attributes,
            selectable,
            mailbox_id=f"F{hashlib.sha256(f'{self.name} {self._made}'.encode()).hexdigest()[:16]}",
            personal=personal,
        )
        mailbox.listeners.add(self._tell)
        self.mailboxes[name] = mailbox
        self._tell(MailboxChanged(mailbox, "created"))
        if subscribed:
            self.subscribe(name)
        return mailbox

    def rename(self, old: str, new: str, *, delimiter: str = "/") -> None:
        """RENAME, with what is below. INBOX is not renamed but emptied (RFC 9051 section 6.3.6), which this does not do."""
        if old == "INBOX" or new in self.mailboxes:
            raise ValueError(f"{old} cannot become {new}")
        for name in [name for name in self.mailboxes if name == old or name.startswith(old + delimiter)]:
            mailbox = self.mailboxes.pop(name)
            mailbox.name = new + name[len(old) :]
            self.mailboxes[mailbox.name] = mailbox
            self._gone[name] = max(mailbox.uid_validity, self._gone.get(name, 0))
            self._tell(MailboxChanged(mailbox, "renamed", name))

    def delete(self, name: str) -> None:
        """DELETE. Sessions that have it open keep what they saw."""
        mailbox = self.mailboxes.pop(name)
        self._gone[name] = mailbox.uid_validity
        self._tell(MailboxChanged(mailbox, "deleted"))

    def subscribe(self, name: str) -> None:
        self.subscribed.add(name)
        if name in self.mailboxes:
            self._tell(MailboxChanged(self.mailboxes[name], "subscribed"))

    def unsubscribe(self, name: str) -> None:
        self.subscribed.discard(name)
        if name in self.mailboxes:
            self._tell(MailboxChanged(self.mailboxes[name], "unsubscribed"))

    def copy(self, uid: int, source: str, target: str) -> int:
        """COPY: date, flags and EMAILID stay (RFC 9051 section 6.4.7, RFC 8474 section 5.1). The new UID."""
        message = self.mailboxes[source].messages[uid]
        return self.mailboxes[target].add(
            message.content, flags=message.flags, internal_date=message.internal_date, email_id=message.email_id
        )

    def move(self, uid: int, source: str, target: str) -> int:
        """MOVE (RFC 6851). The new UID."""
        moved = self.copy(uid, source, target)
        self.mailboxes[source].expunge(uid)
        return moved

    def verifier(self) -> ScramVerifier:
        """What SCRAM-SHA-256 needs, computed once (4,096 rounds)."""
        if self._verifier is None:
            self._verifier = ScramVerifier.of(self.password, _SALT)
        return self._verifier

    def set_password(self, password: str) -> None:
        self.password = password
        self._verifier = None

    def _tell(self, change: Change) -> None:
        for listener in [*self.listeners]:
            listener(change)


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
        user.add_mailbox("INBOX", subscribed=True)
        self.users[name] = user
        return user

    def of_token(self, token: str) -> User | None:
        return next((user for user in self.users.values() if user.token == token), None)

    def find(self, name: str) -> User | None:
        user = self.users.get(name)
        if user is None and self._any_user:
            user = self.add_user(name, self._password)
        return user
