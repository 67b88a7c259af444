"""What is told along with the answer to a UID FETCH."""

from __future__ import annotations

import pytest

from idlebell.imap.responses import ExistsData, ExpungeData, FetchData, UntaggedResponse, VanishedData
from idlebell.imap.sequence_set import SequenceSet
from idlebell.watch.unasked import tells_of_changes

NAMED = SequenceSet.of((7, 9))
NEW = SequenceSet.starting_at(9)
UNSEEN = FetchData(3, 7, ())


@pytest.mark.parametrize(
    ("uids", "said", "changed"),
    [
        (NAMED, [UNSEEN, FetchData(5, 9, ("\\Seen",)), ExistsData(6)], False),
        (NAMED, [UNSEEN, FetchData(3, 7, ("\\Seen",))], True),  # after it was answered
        (NAMED, [UNSEEN, UNSEEN, FetchData(3, 7, size=9)], False),  # said twice
        (NAMED, [UNSEEN, FetchData(5, flags=("\\Seen",))], True),
        (NAMED, [UNSEEN, FetchData(4, 8, ("\\Seen",))], True),
        (NAMED, [UNSEEN, ExpungeData(1)], True),
        (NAMED, [VanishedData(NAMED, earlier=False)], True),
        (NAMED, [VanishedData(NAMED, earlier=True)], False),
        (NEW, [UNSEEN], False),  # nothing is new: the last one
        (NEW, [UNSEEN, FetchData(4, 8, ())], True),
        (NEW, [UNSEEN, FetchData(5, 9, ()), FetchData(6, 10, ())], True),
        (NEW, [], False),
    ],
)
def test_what_was_asked_for_is_no_change(uids: SequenceSet, said: list[UntaggedResponse], changed: bool) -> None:
    assert tells_of_changes(said, uids) is changed
