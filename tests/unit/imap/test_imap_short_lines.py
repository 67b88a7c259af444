"""No command line is longer than a server takes."""

import pytest

from idlebell.imap import commands as c
from idlebell.imap.encode import encode_command
from idlebell.imap.errors import LocalProtocolError
from idlebell.imap.sequence_set import SequenceSet
from idlebell.imap.short_lines import LINE_BYTES, LINE_BYTES_CONDSTORE, line_bytes, shortened

ODD = SequenceSet.of(range(1, 4_001, 2))


def test_a_short_command_stays_as_it_is() -> None:
    command = c.UidFetch(SequenceSet.starting_at(3), ("UID",))
    assert shortened(command, LINE_BYTES) == (command,)


@pytest.mark.parametrize("most", [60, 100, LINE_BYTES, LINE_BYTES_CONDSTORE])
def test_a_fetch_is_cut_between_its_uids(most: int) -> None:
    command = c.UidFetch(ODD, ("UID", "FLAGS"), 7)
    pieces = shortened(command, most)
    assert len(pieces) > 1
    assert [uid for piece in pieces if isinstance(piece, c.UidFetch) for uid in piece.uids] == [*ODD]
    assert all(len(b"".join(encode_command("A123456789", piece))) <= most for piece in pieces)
    assert all(isinstance(piece, c.UidFetch) and piece.changed_since == 7 for piece in pieces)


def test_known_uids_become_one_range() -> None:
    command = c.Examine("INBOX", qresync=(1, 2), known_uids=ODD)
    assert shortened(command, LINE_BYTES) == (
        c.Examine("INBOX", qresync=(1, 2), known_uids=SequenceSet(((1, 3_999),))),
    )


@pytest.mark.parametrize(
    "command",
    [
        c.Notify((c.EventGroup("mailboxes", ("MessageNew", "MessageExpunge"), tuple(f"box {n}" for n in range(200))),)),
        c.Examine("x" * 1_000, qresync=(1, 2), known_uids=ODD),
        c.Status("x" * 1_000, ("UIDNEXT",)),
        c.UidFetch(ODD, ("BODY.PEEK[HEADER.FIELDS (" + "x" * 1_000 + ")]",)),
    ],
)
def test_what_cannot_be_cut_is_not_sent(command: c.Command) -> None:
    with pytest.raises(LocalProtocolError):
        shortened(command, LINE_BYTES)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"IMAP4REV1"}, LINE_BYTES),
        ({"QRESYNC"}, LINE_BYTES_CONDSTORE),
        ({"CONDSTORE", "XYMHIGHESTMODSEQ"}, LINE_BYTES),
    ],
)
def test_a_line_may_be_longer_where_condstore_is(capabilities: set[str], expected: int) -> None:
    assert line_bytes(frozenset(capabilities)) == expected
