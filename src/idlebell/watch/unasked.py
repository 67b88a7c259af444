"""What a server tells along with the answer to a question. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from idlebell.imap.responses import ExpungeData, FetchData, UntaggedResponse, VanishedData
from idlebell.imap.sequence_set import STAR, SequenceSet


def tells_of_changes(said: Iterable[UntaggedResponse], uids: SequenceSet) -> bool:
    """Does the answer to a UID FETCH of ``uids`` also tell of messages that changed or went? Any command but FETCH, STORE and
    SEARCH of sequence numbers may be told of EXPUNGE (RFC 9051 section 7.5.1), and of flags at any time: in a FETCH of another
    message, of none by UID, or of one that has just been answered."""
    fetched: list[FetchData] = []
    for response in said:
        match response:
            case FetchData():
                fetched.append(response)
            case ExpungeData() | VanishedData(earlier=False):
                return True
    # With `*` the last message is given, whichever UID it has (RFC 9051 section 6.4.9).
    last = max((one.uid or 0 for one in fetched), default=0) if any(STAR in pair for pair in uids.ranges) else 0
    flags: dict[int, tuple[str, ...] | None] = {}
    for one in fetched:
        if one.uid is None or not (one.uid in uids or one.uid == last):
            return True
        if flags.setdefault(one.uid, one.flags) != one.flags and one.flags is not None:
            return True
    return False
