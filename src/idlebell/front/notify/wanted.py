"""What a client's NOTIFY asks for, and whether it may (RFC 5465 sections 3.1, 5, 6 and 8): the rules beside its grammar.

In: :class:`~idlebell.imap.commands.Notify`. Out: :class:`Wanted`, or :class:`Refused` with the tagged response.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from idlebell.front.notify import fetch_items
from idlebell.imap.commands import EventGroup, Notify
from idlebell.imap.responses import BadEventCode, Condition, PlainCode, ResponseCode


class Event(StrEnum):
    """What we supply. The rest of RFC 5465 section 5 needs ANNOTATE or METADATA, which tell of no changes without it."""

    MESSAGE_NEW = "MessageNew"
    MESSAGE_EXPUNGE = "MessageExpunge"
    FLAG_CHANGE = "FlagChange"
    MAILBOX_NAME = "MailboxName"
    SUBSCRIPTION_CHANGE = "SubscriptionChange"


MESSAGE_EVENTS: Final = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE, Event.FLAG_CHANGE})
NAME_EVENTS: Final = frozenset({Event.MAILBOX_NAME, Event.SUBSCRIPTION_CHANGE})

SUPPLIED: Final = tuple(str(event) for event in Event)
"""The argument of BADEVENT: the events that *are* supported (section 3.1)."""

_MESSAGE_NAMES: Final = frozenset({*map(str, MESSAGE_EVENTS), "AnnotationChange"})
_PAIR: Final = frozenset({"MessageNew", "MessageExpunge"})
_FOR_SELECTED: Final = frozenset({"selected", "selected-delayed"})
_KNOWN: Final[Mapping[str, Event]] = MappingProxyType({str(event): event for event in Event})


@dataclass(frozen=True, slots=True)
class Selected:
    """Of the mailbox that is selected, whichever it is (section 6.1). No events: ``selected NONE``."""

    delayed: bool
    events: frozenset[Event] = frozenset()
    items: tuple[str, ...] = ()
    """What comes with a new message, in the client's spelling."""


@dataclass(frozen=True, slots=True)
class Group:
    """Of other mailboxes."""

    filter: str
    mailboxes: tuple[str, ...]
    events: frozenset[Event]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A NOTIFY SET that we can serve. ``selected`` is None where the client did not say: nothing is told then either, but
    unlike NOTIFY NONE the other mailboxes are."""

    groups: tuple[Group, ...] = ()
    selected: Selected | None = None
    status: bool = False

    @property
    def of_selected(self) -> frozenset[Event]:
        return self.selected.events if self.selected is not None else frozenset()

    @property
    def of_others(self) -> frozenset[Event]:
        return frozenset().union(*(group.events for group in self.groups))


@dataclass(frozen=True, slots=True)
class Refused:
    condition: Condition
    code: ResponseCode | None
    text: str


def check(command: Notify, *, condstore: bool = True) -> Wanted | Refused:
    """``command`` is a SET: it has groups. ``condstore``: the server has CONDSTORE (RFC 7162). Whether it is too
    much is told later, by how many mailboxes it means."""
    seen: set[str] = set()
    groups: list[Group] = []
    selected: Selected | None = None
    for group in command.groups:
        kind = "selected" if group.filter in _FOR_SELECTED else group.filter
        if kind in seen and not group.mailboxes:
            return _bad(f"{group.filter} stands beside another of its kind")
        seen.add(kind)
        read = _events(group)
        if isinstance(read, Refused):
            return read
        events, items = read
        if "MODSEQ" in items and not condstore:
            return _cannot("with a new message comes no MODSEQ: the mail server has no CONDSTORE")
        if kind == "selected":
            selected = Selected(group.filter == "selected-delayed", events, items)
        else:
            groups.append(Group(group.filter, group.mailboxes, events))
    return Wanted(tuple(groups), selected, command.status)


def _events(group: EventGroup) -> tuple[frozenset[Event], tuple[str, ...]] | Refused:
    """The events of one group, and what comes with a new message. What is wrong is BAD before what is unknown is NO: section 5
    demands either, and a client that breaks the grammar has a bug whichever events we had."""
    names: list[str] = []
    items: tuple[str, ...] = ()
    for event in group.events:
        name, _, listed = event.partition(" (")
        names.append(name)
        if not listed:
            continue
        if name != Event.MESSAGE_NEW or group.filter not in _FOR_SELECTED:
            return _bad("FETCH items go with MessageNew of the selected mailbox only")
        items = fetch_items.split(listed[:-1])
    asked = frozenset(names)
    if asked & _MESSAGE_NAMES and not asked >= _PAIR:
        return _bad("MessageNew and MessageExpunge go together, and with FlagChange and AnnotationChange")
    if group.filter in _FOR_SELECTED and asked & {"MailboxName", "SubscriptionChange"}:
        return _bad("only message events are of the selected mailbox")
    if not asked <= _KNOWN.keys():
        return Refused(Condition.NO, BadEventCode(SUPPLIED), "these events are supplied here, and no other")
    strange = [item for item in items if fetch_items.upstream(item) is None]
    if strange:
        return _cannot(f"with a new message come {', '.join(fetch_items.NAMED)}, and nothing else")
    return frozenset(_KNOWN[name] for name in asked), items


def _bad(text: str) -> Refused:
    return Refused(Condition.BAD, None, text)


def _cannot(text: str) -> Refused:
    return Refused(Condition.NO, PlainCode("CANNOT"), text)
