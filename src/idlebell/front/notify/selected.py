"""The mailbox that a client has open, as far as its own session tells of it (RFC 5465 sections 5.1 to 5.3 and 6.1).

In: the upstream's untagged responses on their way to the client. Out: whether each may pass, and which messages have to be
fetched for what the server does not say by itself: what the client wants to have with a new message, and the UID that belongs
to a change of flags. Numbers are message numbers; new messages are the last ones, so two counts know them all.

What passes while the client's own command runs is its answer, and never held back. An EXPUNGE is never held back at all: the
upstream has renumbered, and a client that does not know would mean another message by each number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from idlebell.front.notify.bounds import NEW_MESSAGES
from idlebell.front.notify.wanted import Event
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.sequence_set import SequenceSet
from idlebell.imap.tokens import GrammarError, parse_sequence_set

_NUMBERED: Final = re.compile(rb"\* ([0-9]{1,10}) (EXISTS|EXPUNGE|FETCH)\b", re.IGNORECASE)
_VANISHED: Final = re.compile(rb"\* VANISHED ([0-9:,]+) *", re.IGNORECASE)
_FLAGS_ONLY: Final = re.compile(
    rb"\* [0-9]{1,10} FETCH \((?: *(?:UID [0-9]{1,10}|MODSEQ \([0-9]{1,20}\)|FLAGS \([^()]*\)))+ *\)", re.IGNORECASE
)
_UID: Final = re.compile(rb"[( ]UID ([0-9]{1,10})[ )]", re.IGNORECASE)
_UID_NEXT: Final = re.compile(rb"\* OK \[UIDNEXT ([0-9]{1,10})\]", re.IGNORECASE)
_FLAGS: Final = re.compile(rb"[( ]FLAGS \(", re.IGNORECASE)


class When(Enum):
    """When the upstream says something."""

    COMMAND = "while a command of the client's runs"
    QUIET = "while the client idles, or nothing of its own runs"


@dataclass(slots=True)
class SelectedMailbox:
    """One selection, from its SELECT or EXAMINE to the next, or to its end."""

    name: str
    count: int = 0
    """What the client has been told by EXISTS and EXPUNGE."""
    known: int = 0
    """Of them, those that need no FETCH any more: they were there, the client made them itself, or they were fetched."""
    uid_next: int | None = None
    """As far as it was told; of what has come since, one each is supposed."""
    settled: bool = False
    """SELECT has been answered: from now on EXISTS tells of new messages."""
    flagged: frozenset[int] = frozenset()
    """Messages whose flags have changed, told without their UID."""
    overflowed: bool = False

    def hear(self, line: bytes, when: When, wanted: frozenset[Event]) -> bool:
        """The first text of an untagged response. ``wanted``: the events of the selected mailbox. False: it shall not pass."""
        found = _NUMBERED.match(line)
        if found is None:
            self._other(line)
            return True
        number = int(found[1])
        match found[2].upper():
            case b"EXISTS":
                if self.settled and self.uid_next is not None:
                    self.uid_next += max(0, number - self.count)
                self.count = number
                if not self.settled:
                    self.known = number
                self.known = min(self.known, number)
                return True
            case b"EXPUNGE":
                self._expunged(number)
                return True
            case _:
                return self._fetched(line, number, when, wanted)

    def settle(self) -> None:
        """The client's SELECT is over."""
        self.settled = True
        self.known = self.count

    def made_its_own(self) -> None:
        """What has come was put there by the client itself: no FETCH (section 5.2)."""
        self.known = self.count

    def to_fetch(self, *, flags_come: bool = True) -> tuple[SequenceSet | None, SequenceSet | None]:
        """Message numbers: of new messages, and of those whose flags have changed, without the new ones where ``flags_come``
        with them. They count as fetched now. Where it is more than :data:`NEW_MESSAGES` there are none, and
        :attr:`overflowed` is set."""
        first, last = self.known + 1, self.count
        new = None if first > last else SequenceSet(((first, last),))
        changed = frozenset(number for number in self.flagged if number < first or not flags_come)
        self.known, self.flagged = self.count, frozenset()
        if last - first >= NEW_MESSAGES or len(changed) > NEW_MESSAGES:
            self.overflowed = True
            return None, None
        return new, SequenceSet(tuple((number, number) for number in sorted(changed))) if changed else None

    @property
    def waits(self) -> bool:
        """Whether anything is to be fetched."""
        return self.settled and (self.known < self.count or bool(self.flagged))

    def saw_uid(self, uid: int) -> None:
        if self.uid_next is None or uid >= self.uid_next:
            self.uid_next = uid + 1

    # inside

    def _fetched(self, line: bytes, number: int, when: When, wanted: frozenset[Event]) -> bool:
        uid = _UID.search(line)
        if uid is not None:
            self.saw_uid(int(uid[1]))
        if when is When.COMMAND or _FLAGS_ONLY.fullmatch(line) is None:
            return True
        if Event.FLAG_CHANGE not in wanted:
            return False
        if uid is not None or _FLAGS.search(line) is None:
            return True
        if number <= self.count and len(self.flagged) <= NEW_MESSAGES:
            self.flagged |= {number}
        return False

    def _expunged(self, number: int) -> None:
        self.count = max(0, self.count - 1)
        if number <= self.known:
            self.known -= 1
        if self.flagged:
            self.flagged = frozenset(one - (one > number) for one in self.flagged if one != number)

    def _other(self, line: bytes) -> None:
        uid_next = _UID_NEXT.match(line)
        if uid_next is not None:
            self.uid_next = int(uid_next[1])
            return
        vanished = _VANISHED.fullmatch(line)
        if vanished is None:
            return
        try:
            gone = sum(abs(last - first) + 1 for first, last in parse_sequence_set(vanished[1], DEFAULT_LIMITS).ranges)
        except (GrammarError, RemoteProtocolError):
            return
        fresh = self.count - self.known
        self.count = max(0, self.count - gone)
        self.known = max(
            0, self.count - fresh
        )  # by number nobody can tell which; most are older than what has just come
        self.flagged = frozenset()  # QRESYNC tells the UID with each (RFC 7162 section 3.2.4)
