"""From filters to mailboxes (RFC 5465 section 6): which events of a mailbox a client wants to hear of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from idlebell.front.notify.wanted import MESSAGE_EVENTS, Event, Group
from idlebell.imap.responses import ListData, NamespaceData
from idlebell.watch.census import canonical, foreign

_NOT_SELECTABLE: Final = ("\\Noselect", "\\NonExistent", "\\NoAccess")
SUBSCRIBED: Final = "\\Subscribed"


@dataclass(frozen=True, slots=True)
class Listing:
    """What the server has: LIST by name, each with \\Subscribed where it is. ``namespaces``: None where the server has no
    NAMESPACE (RFC 2342), and all is personal then."""

    mailboxes: Mapping[str, ListData] = field(default_factory=lambda: MappingProxyType({}))
    namespaces: NamespaceData | None = None


def listing_of(
    found: Iterable[ListData], namespaces: NamespaceData | None, *, subscribed: Iterable[str] | None = None
) -> Listing:
    """``subscribed``: the names that LSUB gave, where LIST could not tell (RFC 5258)."""
    own = None if subscribed is None else {canonical(name) for name in subscribed}
    mailboxes: dict[str, ListData] = {}
    for one in found:
        name = canonical(one.mailbox)
        attributes = one.attributes
        if own is not None and name in own:
            attributes |= {SUBSCRIBED}
        mailboxes[name] = ListData(attributes, one.delimiter, name)
    return Listing(mailboxes, namespaces)


def selectable(mailbox: ListData) -> bool:
    return not any(mailbox.has(mark) for mark in _NOT_SELECTABLE)


def events_of(groups: Iterable[Group], mailbox: ListData, namespaces: NamespaceData | None) -> frozenset[Event]:
    """Several groups may mean one mailbox: what any of them asks for is told (section 6). One with NONE adds nothing and takes
    nothing away. A name that cannot be opened has no message events."""
    events: frozenset[Event] = frozenset().union(
        *(group.events for group in groups if means(group, mailbox, namespaces))
    )
    return events if selectable(mailbox) else events - MESSAGE_EVENTS


def means(group: Group, mailbox: ListData, namespaces: NamespaceData | None) -> bool:
    """Whether ``group`` is about ``mailbox``."""
    match group.filter:
        case "inboxes" | "personal":
            # Where messages may be delivered to is Sieve's to know, so section 6.3 has inboxes mean personal.
            return not foreign(mailbox.mailbox, namespaces)
        case "subscribed":
            return mailbox.has(SUBSCRIBED)
        case "subtree":
            return any(_below(mailbox, canonical(root)) for root in group.mailboxes)
        case _:
            return any(mailbox.mailbox == canonical(name) for name in group.mailboxes)


def _below(mailbox: ListData, root: str) -> bool:
    """``subtree ""`` is everything; a delimiter at the end of a root means nothing."""
    delimiter = mailbox.delimiter
    if delimiter and root.endswith(delimiter):
        root = root[: -len(delimiter)]
    return not root or mailbox.mailbox == root or (bool(delimiter) and mailbox.mailbox.startswith(f"{root}{delimiter}"))
