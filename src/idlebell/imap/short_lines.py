"""Commands whose lines stay short: RFC 2683 section 3.2.1.5 asks clients for 1000 octets, and Yahoo insists on it.

In: a command. Out: the commands that ask the same together, each of them within the bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from idlebell.imap import commands as c
from idlebell.imap.capabilities import has
from idlebell.imap.encode import encode_command
from idlebell.imap.errors import LocalProtocolError
from idlebell.imap.sequence_set import SequenceSet

LINE_BYTES: Final = 1_000
"""RFC 2683 section 3.2.1.5."""
LINE_BYTES_CONDSTORE: Final = 8_192
"""RFC 7162 section 4: of a server with CONDSTORE, for their sets of UIDs are long."""

_TAG: Final = "A999999999"
"""As long as any tag of a session."""
_FETCH_BYTES: Final = len(f"{_TAG} UID FETCH 4294967295:4294967295 () (CHANGEDSINCE 9223372036854775807)\r\n")


def line_bytes(capabilities: frozenset[str]) -> int:
    """How long a command line may be for a server that lists these (upper-cased). Quirk short-command-lines: Yahoo lists
    CONDSTORE and keeps to the shorter bound all the same."""
    if "XYMHIGHESTMODSEQ" in capabilities or not has(capabilities, "CONDSTORE"):
        return LINE_BYTES
    return LINE_BYTES_CONDSTORE


def shortened(command: c.Command, most_bytes: int, *, utf8: bool = False) -> tuple[c.Command, ...]:
    """``command``, or several of its kind that give the same together, each spelled with at most ``most_bytes``.

    UID FETCH is cut between its UIDs. The known UIDs of EXAMINE, which may name more than there are (RFC 7162 section
    3.2.5.1), become one range. LocalProtocolError: it is too long and cannot be cut, as NOTIFY, of which each replaces the
    one before: then ask by a filter that names no mailboxes.
    """
    if _is_surely_short(command, most_bytes) or _length(command, utf8) <= most_bytes:
        return (command,)
    match command:
        case c.UidFetch():
            room = most_bytes - (_length(command, utf8) - len(str(command.uids)))
            return tuple(replace(command, uids=uids) for uids in _pieces(command.uids, room))
        case c.Examine(known_uids=SequenceSet() as known):
            low = min(first for pair in known.ranges for first in pair)
            high = max(last for pair in known.ranges for last in pair)
            wider = replace(command, known_uids=SequenceSet(((low, high),)))
            if _length(wider, utf8) <= most_bytes:
                return (wider,)
    raise LocalProtocolError(f"{c.name_of(type(command))} is longer than the server takes and cannot be cut")


def _is_surely_short(command: c.Command, most_bytes: int) -> bool:
    """The FETCH of what is new, which follows every mail, is not spelled twice."""
    if not isinstance(command, c.UidFetch) or len(command.uids.ranges) > 1:
        return False
    return _FETCH_BYTES + sum(map(len, command.items)) + len(command.items) <= most_bytes


def _length(command: c.Command, utf8: bool) -> int:
    """Octets with literals and CRLF."""
    return sum(map(len, encode_command(_TAG, command, utf8=utf8)))


def _pieces(uids: SequenceSet, room: int) -> Iterator[SequenceSet]:
    """The ranges in their order, as many at a time as ``room`` bytes hold."""
    taken: list[tuple[int, int]] = []
    used = 0
    for pair in uids.ranges:
        size = len(str(SequenceSet((pair,))))
        if size > room:
            raise LocalProtocolError("UID FETCH has no room for a UID")
        if taken and used + 1 + size > room:
            yield SequenceSet(tuple(taken))
            taken, used = [], 0
        used += size + (1 if taken else 0)
        taken.append(pair)
    yield SequenceSet(tuple(taken))
