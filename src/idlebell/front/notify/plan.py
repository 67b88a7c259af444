"""Which commands tell how all the mailboxes of a NOTIFY stand, and no more of them than that needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from idlebell.front.notify import standing
from idlebell.front.notify.bounds import LISTED_AT_ONCE, MAILBOXES, MAILBOXES_BY_STATUS
from idlebell.front.notify.wanted import MESSAGE_EVENTS, NAME_EVENTS, Event, Wanted
from idlebell.imap import capabilities
from idlebell.imap.commands import List, Lsub

HIGHEST_MOD_SEQ: Final = "HIGHESTMODSEQ"
_WILDCARDS: Final = ("*", "%")
_DELIMITERS: Final = "/."
"""Those that servers have. Another one at the end of a root leaves the root itself out."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the server can do that makes a round cheaper, by its capabilities."""

    list_status: bool
    list_extended: bool
    condstore: bool
    namespace: bool

    @classmethod
    def of(cls, offered: frozenset[str]) -> Means:
        return cls(
            capabilities.has(offered, "LIST-STATUS"),
            capabilities.has(offered, "LIST-EXTENDED"),
            capabilities.has(offered, "CONDSTORE"),
            capabilities.has(offered, "NAMESPACE"),
        )

    @property
    def mailboxes(self) -> int:
        """How many one client may have watched."""
        return MAILBOXES if self.list_status else MAILBOXES_BY_STATUS


@dataclass(frozen=True, slots=True)
class Plan:
    """How often what is asked is for the caller; LIST no more often than ``LIST_EVERY_SECONDS``."""

    means: Means
    pattern: str
    """Of LIST: all that any filter could mean."""
    lists: bool
    """Whether names have to be looked at again; else LIST is never sent."""
    subscribed: bool
    """Whether what is subscribed to has to be known."""
    items: tuple[str, ...]
    """Of STATUS, see :meth:`asked`; empty: only names are wanted."""

    def asked(self, *, mod_seq: bool) -> tuple[str, ...]:
        """The items, with HIGHESTMODSEQ only where the client knows of it: to ask for it switches CONDSTORE on, and every FETCH
        of that session has a MODSEQ from then on (RFC 7162 section 3.1)."""
        return tuple(item for item in self.items if mod_seq or item != HIGHEST_MOD_SEQ)

    def list_command(self, status: tuple[str, ...] = ()) -> List:
        """``status``: its items, see :meth:`at_once`; empty: none is asked for."""
        returning: list[str] = []
        if self.means.list_extended:
            returning += ["SUBSCRIBED", "CHILDREN"]
        if status:
            returning.append(f"STATUS ({' '.join(status)})")
        return List("", self.pattern, returning=tuple(returning))

    @property
    def lsub_command(self) -> Lsub | None:
        """After LIST, where it could not say what is subscribed to."""
        return Lsub("", "*") if self.subscribed and not self.means.list_extended else None

    def at_once(self, listed: int, wanted: int) -> bool:
        """Whether one LIST is to tell the STATUS of all (RFC 5819). ``listed``: how many it would tell of, of which so many are
        ``wanted``."""
        if not self.items or not self.means.list_status or not wanted:
            return False
        return listed <= LISTED_AT_ONCE


def plan(wanted: Wanted, offered: frozenset[str]) -> Plan:
    """``offered``: the server's capabilities."""
    means = Means.of(offered)
    events = wanted.of_others
    filters = {group.filter for group in wanted.groups}
    lists = bool(events & NAME_EVENTS) or bool(filters - {"mailboxes"})
    items: tuple[str, ...] = ()
    if events & MESSAGE_EVENTS or wanted.status:
        items = standing.items(events, mod_seq=means.condstore)
    elif Event.MAILBOX_NAME in events and means.list_status:
        items = ("UIDNEXT", "UIDVALIDITY")  # by which a mailbox is known that has another name
    subscribed = "subscribed" in filters or bool(events & NAME_EVENTS)
    return Plan(means, _pattern(wanted), lists, subscribed, items)


def _pattern(wanted: Wanted) -> str:
    """Of one subtree alone LIST asks for little more than it; a name with a wildcard cannot be asked for (section 6.6). What
    may be a delimiter at the end of a root means nothing (:mod:`.matching`), and the root itself has none."""
    roots: Sequence[str] = [root for group in wanted.groups for root in group.mailboxes]
    alone = all(group.filter == "subtree" for group in wanted.groups)
    if len(roots) != 1 or not alone or any(wildcard in roots[0] for wildcard in _WILDCARDS):
        return "*"
    return f"{roots[0].rstrip(_DELIMITERS)}*"
