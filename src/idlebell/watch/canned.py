"""The dialogue of a parked session, of which every line is known beforehand: IDLE, and from time to time DONE, a probe and IDLE
again. Pure.

What a server says at its turn is compared, not parsed. Whatever is not exactly what was expected, or a server's keep-alive,
wakes the session: then the protocol object reads it from where the dialogue stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from idlebell.imap import commands as c
from idlebell.imap.encode import encode_command
from idlebell.imap.state import Phase


class Turn(Enum):
    """Whose turn it is, and what for."""

    IDLING = "idling"
    DONE = "tagged response to IDLE due"
    NOOP = "tagged response to NOOP due"
    STATUS = "tagged response to STATUS due"
    IDLE = "+ of IDLE due"


STATUS_EVERY: Final = 4
"""Of so many probes one asks STATUS instead of NOOP: it finds what a server does not even say at NOOP. Under NOTIFY it asks
for all mailboxes."""
STATUS_ITEMS: Final = ("MESSAGES", "UIDNEXT", "UIDVALIDITY")

_KEPT: Final = rb"(?:\* OK (?:\[HIGHESTMODSEQ [0-9]{1,19}\] )?(?!\[)[^\x00\r\n]{0,200}\r\n|\* [0-9]{1,10} RECENT\r\n)*"
"""What servers say to keep a connection open (Dovecot and Cyrus: ``* OK Still here``), or of \\Recent, which tells nothing that
EXISTS does not. A response code, an alert above all, is news, but for HIGHESTMODSEQ (RFC 7162), which Dovecot says of a
mailbox that it takes out of hibernation (``imap_hibernate_timeout``) for a probe."""
_KEPT_ALIVE: Final = re.compile(_KEPT)
_AGREED: Final = re.compile(rb"%b\+[^\x00\r\n]{0,200}\r\n%b" % (_KEPT, _KEPT))
_COMPLETED: Final = re.compile(rb"%bA([0-9]+) OK(?: (?!\[)[^\x00\r\n]{0,200})?\r\n%b" % (_KEPT, _KEPT))
_FIGURES: Final = re.compile(
    rb"%b\* STATUS [^\x00\r\n]{1,1000} \(([A-Z0-9 ]{1,200})\)\r\n%b"
    rb"A([0-9]+) OK(?: (?:\[CLIENTBUG\] )?(?!\[)[^\x00\r\n]{0,200})?\r\n%b" % (_KEPT, _KEPT, _KEPT)
)
"""``[CLIENTBUG]`` (RFC 5530): Dovecot 2.3's name for STATUS of the open mailbox, which RFC 3501, 6.3.10, says one SHOULD NOT
ask for and answers all the same. It says nothing of the mailbox."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mailbox stands of which all is announced."""

    uid_validity: int
    uid_next: int


def is_expected(turn: Turn, said: bytes, tags: int, place: Place) -> bool | None:
    """Is ``said`` what the server was to say at this ``turn``? True: it has, so the turn is over; False: it has only kept the
    connection alive; None: it said something else, or part of a line. ``tags``: the number of the last tag. ``place``: how
    the mailbox of a STATUS is known to stand."""
    match turn:
        case Turn.IDLING:
            pass
        case Turn.IDLE:
            if _AGREED.fullmatch(said):
                return True
        case Turn.STATUS:
            if (told := _FIGURES.fullmatch(said)) is not None:
                return True if int(told[2]) == tags and _place(told[1]) == place else None
        case Turn.DONE | Turn.NOOP:
            if (completed := _COMPLETED.fullmatch(said)) is not None:
                return True if int(completed[1]) == tags else None
    return False if _KEPT_ALIVE.fullmatch(said) else None


def next_turn(turn: Turn, *, thorough: bool) -> Turn:
    """The one after ``turn``. ``thorough``: the probe is a STATUS."""
    match turn:
        case Turn.IDLING:
            return Turn.DONE
        case Turn.DONE:
            return Turn.STATUS if thorough else Turn.NOOP
        case Turn.NOOP | Turn.STATUS:
            return Turn.IDLE
        case Turn.IDLE:
            return Turn.IDLING


def command(turn: Turn, mailbox: str) -> c.Command:
    """The command that is in flight at ``turn``."""
    match turn:
        case Turn.NOOP:
            return c.Noop()
        case Turn.STATUS:
            return c.Status(mailbox, STATUS_ITEMS)
        case _:
            return c.Idle()


def phase(turn: Turn) -> Phase:
    """What the protocol object calls it."""
    match turn:
        case Turn.IDLING:
            return Phase.IDLING
        case Turn.IDLE:
            return Phase.IDLE_REQUESTED
        case _:
            return Phase.PENDING


def line(turn: Turn, mailbox: str, tags: int, *, utf8: bool) -> bytes:
    """What is sent when ``turn`` begins; ``tags`` is the number of its tag."""
    if turn is Turn.DONE:
        return b"DONE\r\n"
    # In one part: no name of a mailbox takes a literal, whichever way it travels.
    return b"".join(encode_command(f"A{tags}", command(turn, mailbox), utf8=utf8))


def _place(told: bytes) -> Place | None:
    words = told.split(b" ")
    figures = dict(zip(words[::2], words[1::2], strict=False))
    try:
        return Place(int(figures[b"UIDVALIDITY"]), int(figures[b"UIDNEXT"]))
    except (KeyError, ValueError):
        return None
