"""What a client may ask (RFC 9051 section 6), as values named after the RFC. :mod:`.encode` spells them.

Arguments are checked where they are spelled (no NUL, CR, LF; RFC 9051 section 9), so an injected command cannot be sent.
The client half checks besides which commands and FETCH items it may send at all. Secrets are kept out of ``repr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from idlebell.imap.sequence_set import SequenceSet


@dataclass(frozen=True, slots=True)
class Capability:
    pass


@dataclass(frozen=True, slots=True)
class Noop:
    pass


@dataclass(frozen=True, slots=True)
class Logout:
    pass


@dataclass(frozen=True, slots=True)
class StartTls:
    pass


@dataclass(frozen=True, slots=True)
class Login:
    """RFC 9051 section 6.2.3. Never where LOGINDISABLED is listed; not for UTF-8 (RFC 6855 section 5)."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """RFC 9051 section 6.2.2. ``initial`` is the first SASL message; where the server lists SASL-IR (RFC 4959) it goes with
    the command (``b""`` as ``=``), else the client half gives it at the first ``+``."""

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Id:
    """RFC 2971."""

    fields: tuple[tuple[str, str], ...] | None


@dataclass(frozen=True, slots=True)
class Enable:
    """RFC 5161."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Namespace:
    """RFC 2342."""


@dataclass(frozen=True, slots=True)
class List:
    """RFC 5258 where ``selection`` or ``returning`` is not empty; items of RETURN as spelled, ``STATUS (MESSAGES)`` too."""

    reference: str
    pattern: str
    selection: tuple[str, ...] = ()
    returning: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lsub:
    """RFC 3501 section 6.3.9: where LIST cannot say which mailboxes are subscribed to (RFC 5258)."""

    reference: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Status:
    mailbox: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examine:
    """Read-only SELECT (RFC 9051 section 6.3.3)."""

    mailbox: str
    condstore: bool = False
    """Needs CONDSTORE (RFC 7162)."""
    qresync: tuple[int, int] | None = None
    """UIDVALIDITY and mod-sequence; needs QRESYNC enabled (RFC 7162 section 3.2.5)."""
    known_uids: SequenceSet | None = None
    """The UIDs that VANISHED shall be told of; the third argument of QRESYNC, so only with :attr:`qresync`. Without ``*``."""


@dataclass(frozen=True, slots=True)
class Select:
    """Known so that the server half can answer it; the client half never sends it."""

    mailbox: str
    condstore: bool = False
    qresync: tuple[int, int] | None = None
    known_uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class Unselect:
    """RFC 3691."""


@dataclass(frozen=True, slots=True)
class UidFetch:
    """``items`` as the RFC spells them: ``FLAGS``, ``BODY.PEEK[HEADER]<0.2048>``."""

    uids: SequenceSet
    items: tuple[str, ...]
    changed_since: int | None = None
    """Needs CONDSTORE."""


@dataclass(frozen=True, slots=True)
class UidSearch:
    """``criteria`` as spelled; ``returning`` needs ESEARCH."""

    criteria: str
    returning: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Idle:
    """RFC 2177. Ended by :meth:`~idlebell.imap.client.Client.done`."""


@dataclass(frozen=True, slots=True)
class EventGroup:
    """What is to be told of which mailboxes (RFC 5465 section 8, ``event-group``)."""

    filter: str
    """One of :data:`NOTIFY_FILTERS`."""
    events: tuple[str, ...]
    """As spelled: ``MessageNew``, ``MailboxName``, for selected mailboxes also ``MessageNew (UID FLAGS)``. None: nothing."""
    mailboxes: tuple[str, ...] = ()
    """Of the filters ``subtree`` and ``mailboxes``, which need one at least."""


@dataclass(frozen=True, slots=True)
class Notify:
    """RFC 5465: from now on the server tells of these events at any time, also outside IDLE. Each one replaces the last.

    No groups: NOTIFY NONE. Message events of the selected mailbox are told only where a group says ``selected`` or
    ``selected-delayed``; ``MessageNew`` and ``MessageExpunge`` go together (section 5.2).
    """

    groups: tuple[EventGroup, ...] = ()
    status: bool = False
    """Begin with the STATUS of each mailbox that matches (section 3.1)."""


NOTIFY_FILTERS: Mapping[str, bool] = MappingProxyType(
    {
        "selected": False,
        "selected-delayed": False,
        "inboxes": False,
        "personal": False,
        "subscribed": False,
        "subtree": True,
        "mailboxes": True,
    }
)
"""Filters of NOTIFY (RFC 5465 section 6), and whether they name mailboxes."""

NOTIFY_EVENTS: tuple[str, ...] = (
    "MessageNew",
    "MessageExpunge",
    "FlagChange",
    "AnnotationChange",
    "MailboxName",
    "SubscriptionChange",
    "MailboxMetadataChange",
    "ServerMetadataChange",
)
"""Events of NOTIFY (RFC 5465 section 5)."""


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """What the server half was sent and has no type for."""

    name: str
    arguments: bytes = field(repr=False)


Command: TypeAlias = (
    Capability
    | Noop
    | Logout
    | StartTls
    | Login
    | Authenticate
    | Id
    | Enable
    | Namespace
    | List
    | Lsub
    | Status
    | Examine
    | Select
    | Unselect
    | UidFetch
    | UidSearch
    | Idle
    | Notify
    | UnknownCommand
)

NAMES: Mapping[type[Command], str] = MappingProxyType(
    {
        Capability: "CAPABILITY",
        Noop: "NOOP",
        Logout: "LOGOUT",
        StartTls: "STARTTLS",
        Login: "LOGIN",
        Authenticate: "AUTHENTICATE",
        Id: "ID",
        Enable: "ENABLE",
        Namespace: "NAMESPACE",
        List: "LIST",
        Lsub: "LSUB",
        Status: "STATUS",
        Examine: "EXAMINE",
        Select: "SELECT",
        Unselect: "UNSELECT",
        UidFetch: "UID FETCH",
        UidSearch: "UID SEARCH",
        Idle: "IDLE",
        Notify: "NOTIFY",
        UnknownCommand: "(unknown)",
    }
)
"""How each is called on the wire."""


def name_of(command: type[Command]) -> str:
    """The wire name of a command type."""
    return NAMES[command]
