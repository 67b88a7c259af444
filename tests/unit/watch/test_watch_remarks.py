"""What a server says beside its answers, and what follows from it."""

from __future__ import annotations

import pytest

from idlebell.imap.responses import Condition, PlainCode, StatusResponse
from idlebell.watch.remarks import REOPENED_EVERY_SECONDS, Remarks

COMPLAINT = StatusResponse(Condition.NO, None, "Internal error occurred.")


@pytest.mark.parametrize(
    ("said", "doubted"),
    [
        (COMPLAINT, True),
        (StatusResponse(Condition.BAD, None, "internal server failure"), True),  # RFC 9051 section 7.1.3
        (StatusResponse(Condition.NO, PlainCode("SERVERBUG"), "oops"), True),
        (StatusResponse(Condition.NO, PlainCode("ALERT"), "the disk is nearly full"), False),
        (StatusResponse(Condition.NO, None, "NOTIFY error, some events may have got lost"), False),
        (StatusResponse(Condition.OK, None, "Still here"), False),
    ],
)
def test_a_complaint_casts_doubt_on_what_is_open(said: StatusResponse, doubted: bool) -> None:
    remarks = Remarks()
    remarks.heed(said)
    assert remarks.doubted is doubted
    assert remarks.doubtful(0.0) is doubted


def test_opening_anew_ends_the_doubt_and_a_next_one_waits() -> None:
    remarks = Remarks()
    remarks.heed(COMPLAINT)
    remarks.opened(100.0)
    assert not remarks.doubtful(1_000.0)

    remarks.heed(COMPLAINT)
    assert not remarks.doubtful(100.0 + REOPENED_EVERY_SECONDS - 0.1)
    assert remarks.doubted  # so it is not laid aside meanwhile
    assert remarks.doubtful(100.0 + REOPENED_EVERY_SECONDS)


def test_an_alert_is_given_once() -> None:
    remarks = Remarks()
    remarks.heed(StatusResponse(Condition.NO, PlainCode("ALERT"), "the disk is nearly full"))
    assert remarks.alert
    assert remarks.take_alert() == "the disk is nearly full"
    assert not remarks.alert
    assert remarks.take_alert() is None
