"""Least privilege: every command and FETCH item that the gateway may ever send. Only the client half looks here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from idlebell.imap import commands as c
from idlebell.imap.errors import LocalProtocolError

_REASONS: Mapping[type[c.Command], str] = MappingProxyType(
    {
        c.Capability: "Learns what the server can do.",
        c.Noop: "Asks for news where IDLE is missing, and shows that the session lives.",
        c.Logout: "Ends the session politely.",
        c.StartTls: "Turns a connection to port 143 into a TLS one before anything secret is said.",
        c.Login: "Logs in where the server offers no SASL mechanism that we know.",
        c.Authenticate: "Logs in with a SASL mechanism.",
        c.Id: "Tells the server who we are; some providers refuse the mailbox without it.",
        c.Enable: "Switches on QRESYNC, CONDSTORE or UTF8=ACCEPT.",
        c.Namespace: "Learns which mailboxes are the user's own.",
        c.List: "Finds the mailboxes that an app asked for.",
        c.Lsub: "Finds which mailboxes their user has subscribed to, where LIST cannot say it.",
        c.Status: "Compares a mailbox's UIDNEXT with what was announced, without opening it.",
        c.Examine: "Opens the mailbox read-only; SELECT would take \\Recent from the user's own client.",
        c.Unselect: "Closes the mailbox without changing anything.",
        c.UidFetch: (
            "Reads flags, dates, sender, subject and preview of new messages, and the header fields, structure and beginning"
            " of the text that a filter or payload content asks for, by items that never set \\Seen."
        ),
        c.UidSearch: (
            "Counts new messages where there are too many to fetch, or finds them for a filter, and counts unseen ones."
        ),
        c.Idle: "Waits to be told about new mail.",
        c.Notify: "Asks to be told about all of an account's mailboxes on one connection; its FETCH items never set \\Seen.",
    }
)

PERMITTED: Final[frozenset[type]] = frozenset(_REASONS)
"""Every command that the gateway may ever send. Nothing here changes a mailbox: no SELECT, STORE, EXPUNGE, APPEND, COPY,
MOVE, CREATE, DELETE or RENAME. A :class:`~idlebell.imap.client.Client` can be given less, never more."""

PERMITTED_NAMES: Final[tuple[tuple[str, str], ...]] = tuple(
    (c.name_of(command), reason) for command, reason in _REASONS.items()
)
"""Wire name and one sentence of reason for each of :data:`PERMITTED`."""

_NUMBERS = r"[1-9][0-9]{0,8}(?:\.[1-9][0-9]{0,8})*"
_NAMES = r"\([A-Za-z0-9!#$&'+.^_`|~-]+(?: [A-Za-z0-9!#$&'+.^_`|~-]+)*\)"
_TEXTS = rf"HEADER|TEXT|HEADER\.FIELDS(?:\.NOT)? {_NAMES}"
_PARTIAL = r"(?:<[0-9]{1,10}\.[1-9][0-9]{0,9}>)?"
_PEEK: Final = (
    r"(?:UID|FLAGS|INTERNALDATE|RFC822\.SIZE|RFC822\.HEADER|ENVELOPE|BODY|BODYSTRUCTURE|MODSEQ|EMAILID|THREADID|SAVEDATE"
    r"|PREVIEW(?: \((?:LAZY|FUZZY|LAZY=FUZZY)\))?|X-GM-MSGID|X-GM-THRID|X-GM-LABELS"
    rf"|BODY\.PEEK\[(?:{_NUMBERS}(?:\.(?:MIME|{_TEXTS}))?|{_TEXTS})?\]{_PARTIAL}"
    rf"|BINARY\.PEEK\[(?:{_NUMBERS})?\]{_PARTIAL}|BINARY\.SIZE\[(?:{_NUMBERS})?\])"
)
_PEEKS: Final = re.compile(_PEEK, re.IGNORECASE)
"""FETCH items that cannot set \\Seen (RFC 9051 section 6.4.5). BODY[...], BINARY[...], RFC822 and RFC822.TEXT would."""


_EVENT: Final = re.compile(rf"[A-Z]+(?: \({_PEEK}(?: {_PEEK})*\))?", re.IGNORECASE)
"""An event of NOTIFY with the FETCH items that come with it (RFC 5465 section 5.2)."""


def never_sets_seen(item: str) -> bool:
    """Whether ``item`` may be fetched: as the RFC spells it, in any case."""
    return _PEEKS.fullmatch(item) is not None


def event_never_sets_seen(event: str) -> bool:
    """Whether ``event`` may be asked for by NOTIFY: a name, and in parentheses FETCH items that may be fetched."""
    return _EVENT.fullmatch(event) is not None


def check_never_sets_seen(command: c.Command) -> None:
    """LocalProtocolError: ``command`` asks for something that may set \\Seen."""
    match command:
        case c.UidFetch():
            for item in command.items:
                if not never_sets_seen(item):
                    raise LocalProtocolError(f"FETCH item not on the list of those that never set \\Seen: {item!r}")
        case c.Notify():
            for event in (event for group in command.groups for event in group.events):
                if not event_never_sets_seen(event):
                    raise LocalProtocolError(f"NOTIFY event with more than what never sets \\Seen: {event!r}")
