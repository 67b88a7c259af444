"""A mail server that reports deliveries by itself, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from idlebell.imap.responses import FetchData
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.secret import Secret

SOURCE_CHARACTERS: Final = 100
"""``dovecot:`` and a name."""


class Form(StrEnum):
    """How a source speaks, and with it what it can tell of a message."""

    OX = "ox"
    """Dovecot's push_notification driver ``ox``: From, Subject and the beginning of the text, of INBOX only."""
    LUA = "lua"
    """The script that we ship for Dovecot's driver ``lua``: flags, keywords, more of the header, any mailbox."""
    SIGNED = "signed"
    """``POST /v1/ingest``: whatever its maker puts in."""

    @property
    def family(self) -> str:
        """What stands in front of a source's name where a subscription names it."""
        return "signed" if self is Form.SIGNED else "dovecot"


@dataclass(frozen=True, slots=True)
class Source:
    """``users``: whom it may speak of, names or ``@domain``; empty: all. ``imap``: the server whose mailboxes it tells of, as
    apps name it; None: nobody watches them by IMAP here."""

    name: str
    form: Form
    key: Secret = field(repr=False)
    users: frozenset[str] = frozenset()
    imap: ImapTarget | None = None
    reports_per_minute: int = 0

    @property
    def id(self) -> str:
        """As a subscription names it."""
        return f"{self.form.family}:{self.name}"

    @property
    def target(self) -> ImapTarget:
        """Of the accounts that it tells of. Without ``imap`` no server at all: no host has a colon and a letter behind the
        first one, and nothing listens on port 0."""
        return self.imap or ImapTarget(self.id, 0, Tls.NONE)

    def speaks_of(self, user: str) -> bool:
        if not self.users or user in self.users:
            return True
        _, at, domain = user.rpartition("@")
        return bool(at) and f"@{domain.lower()}" in self.users


@dataclass(frozen=True, slots=True)
class Report:
    """One message was delivered. ``message`` has its UID and no more of the rest than the source told."""

    user: str
    mailbox: str
    uid_validity: int
    uid: int
    message: FetchData
    unseen: int | None = None
