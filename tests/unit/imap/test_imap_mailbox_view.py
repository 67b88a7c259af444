"""What the view keeps, and when it says that a look is due."""

import pytest

from idlebell.imap.mailbox_view import MailboxView
from idlebell.imap.responses import (
    Condition,
    ExistsData,
    ExpungeData,
    FetchData,
    FlagsData,
    MailboxIdCode,
    NumberCode,
    PlainCode,
    RecentData,
    ResponseCode,
    StatusData,
    StatusResponse,
    VanishedData,
)
from idlebell.imap.sequence_set import STAR, SequenceSet


def ok(code: ResponseCode | None) -> StatusResponse:
    return StatusResponse(Condition.OK, code, "")


def opened(exists: int = 10) -> MailboxView:
    view = MailboxView("INBOX")
    for response in (
        ExistsData(exists),
        FlagsData(("\\Seen",)),
        ok(NumberCode("UIDVALIDITY", 7)),
        ok(NumberCode("UIDNEXT", 11)),
        ok(NumberCode("HIGHESTMODSEQ", 99)),
        ok(MailboxIdCode("F1")),
    ):
        assert view.apply(response) is False
    assert view.note(PlainCode("READ-ONLY")) is False
    return view


def test_opening_a_mailbox_is_no_news() -> None:
    view = opened()
    assert (view.exists, view.uid_validity, view.uid_next, view.highest_mod_seq) == (10, 7, 11, 99)
    assert (view.mailbox_id, view.read_only) == ("F1", True)


def test_read_write_is_remembered() -> None:
    view = opened()
    view.note(PlainCode("READ-WRITE"))
    assert view.read_only is False


def test_exists_that_grew_is_news() -> None:
    view = opened()
    assert view.apply(ExistsData(11)) is True
    assert view.exists == 11


def test_exists_said_again_is_no_news() -> None:
    assert opened().apply(ExistsData(10)) is False


def test_exists_that_shrank_without_expunge_is_a_contradiction() -> None:
    assert opened().apply(ExistsData(9)) is True


def test_expunge_counts_down_in_silence() -> None:
    view = opened()
    assert view.apply(ExpungeData(3)) is False
    assert view.exists == 9
    assert view.apply(ExistsData(9)) is False


def test_expunge_and_delivery_between_two_looks_are_news() -> None:
    """The count is the same as before, the messages are not."""
    view = opened()
    view.apply(ExpungeData(3))
    assert view.apply(ExistsData(10)) is True


def test_expunge_of_what_does_not_exist_is_a_contradiction() -> None:
    assert opened().apply(ExpungeData(11)) is True


def test_expunge_before_exists_says_nothing() -> None:
    assert MailboxView("INBOX").apply(ExpungeData(1)) is False


def test_vanished_counts_down_by_its_uids() -> None:
    view = opened()
    assert view.apply(VanishedData(SequenceSet(((1, 3), (9, 9))), earlier=False)) is False
    assert view.exists == 6


def test_vanished_earlier_was_never_counted() -> None:
    """RFC 7162 section 3.2.10.1."""
    view = opened()
    assert view.apply(VanishedData(SequenceSet(((1, 300),)), earlier=True)) is False
    assert view.exists == 10


@pytest.mark.parametrize("ranges", [((1, 4_000_000_000),), ((5, STAR),)])
def test_vanished_of_more_than_there_is_is_a_contradiction(ranges: tuple[tuple[int, int], ...]) -> None:
    view = opened()
    assert view.apply(VanishedData(SequenceSet(ranges), earlier=False)) is True
    assert view.exists == 0


@pytest.mark.parametrize("name", ["UIDVALIDITY", "UIDNEXT"])
def test_a_number_that_changed_is_news(name: str) -> None:
    assert opened().apply(ok(NumberCode(name, 12))) is True


def test_a_growing_highestmodseq_is_no_news() -> None:
    """Flags change it too."""
    view = opened()
    assert view.apply(ok(NumberCode("HIGHESTMODSEQ", 100))) is False
    assert view.highest_mod_seq == 100


def test_an_unseen_code_is_no_news() -> None:
    assert opened().apply(ok(NumberCode("UNSEEN", 3))) is False


def test_nomodseq_forgets_the_mod_sequence() -> None:
    view = opened()
    assert view.note(PlainCode("NOMODSEQ")) is False
    assert view.highest_mod_seq is None


def test_courier_gives_no_uidnext() -> None:
    view = MailboxView("INBOX")
    view.apply(ExistsData(1))
    assert view.uid_next is None


def test_closed_is_the_boundary_to_the_mailbox_before() -> None:
    view = opened()
    assert view.apply(ok(PlainCode("CLOSED"))) is False
    assert (view.name, view.exists, view.uid_validity, view.uid_next, view.read_only) == (
        "INBOX",
        None,
        None,
        None,
        None,
    )
    assert view.apply(ExistsData(3)) is False


def test_dropped_events_are_news() -> None:
    assert opened().apply(ok(PlainCode("NOTIFICATIONOVERFLOW"))) is True


@pytest.mark.parametrize(
    "response", [ok(None), RecentData(1), FetchData(3, uid=3, flags=("\\Seen",)), ok(PlainCode("ALERT"))]
)
def test_a_keepalive_and_a_flag_are_no_news(response: StatusResponse | RecentData | FetchData) -> None:
    assert opened().apply(response) is False


def test_status_of_the_open_mailbox_with_a_new_uidnext_is_news() -> None:
    view = opened()
    assert view.apply(StatusData("inbox", messages=11, uid_next=12)) is True
    assert view.uid_next == 12
    assert view.apply(StatusData("INBOX", messages=11, uid_next=12)) is False


def test_status_without_uidnext_is_compared_by_its_count() -> None:
    view = opened()
    assert view.apply(StatusData("INBOX", messages=11, uid_validity=7)) is True
    assert view.apply(StatusData("INBOX", uid_validity=7)) is False


def test_status_of_another_mailbox_is_not_about_this_one() -> None:
    view = opened()
    assert view.apply(StatusData("Work", uid_next=500)) is False
    assert view.uid_next == 11


def test_names_other_than_inbox_differ_by_case() -> None:
    view = MailboxView("Work")
    view.apply(StatusData("WORK", uid_next=5))
    assert view.uid_next is None


def test_its_repr_names_the_mailbox() -> None:
    assert repr(opened()) == "<MailboxView 'INBOX' exists=10 uid_validity=7 uid_next=11 highest_mod_seq=99>"


def test_a_view_goes_on_from_what_another_had_learnt() -> None:
    view = MailboxView.known("INBOX", 7, 3, 99)

    assert (view.name, view.uid_validity, view.exists, view.highest_mod_seq) == ("INBOX", 7, 3, 99)
    assert view.apply(ExistsData(4))
