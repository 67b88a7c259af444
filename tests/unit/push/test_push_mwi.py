"""How many messages are unread, as a lamp is told it, and what a phone's answer means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from idlebell.model.endpoint import MwiEndpoint, PushUrl
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import Content, Expiring, NewMail, Notification, Seen, Test
from idlebell.push import mwi
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import NoResponse, SipResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PHONE = MwiEndpoint(PushUrl("sip:1001:s3cret@192.0.2.7:5070"))


def notification(content: Content, attempts: int = 0) -> Notification:
    return Notification(NotificationId("ntf_1"), SubscriptionId("sub_1"), content, 7, NOW, NOW + timedelta(1), attempts)


@pytest.mark.parametrize(
    ("content", "waiting", "count"),
    [
        (NewMail("INBOX", 1, 2, 5), "yes", 5),
        (NewMail("INBOX", 1, 2, None), "yes", 2),
        (NewMail("INBOX", 1, 2, 1_000_000), "yes", 9_999),
        (Seen("INBOX", 1, (7,), 3), "yes", 3),
        (Seen("INBOX", 1, (7,), 0), "no", 0),
        (Seen("INBOX", 1, (7,), None), "no", 0),
        (Test(), "yes", 1),
        (Expiring(NOW), "no", 0),
    ],
)
def test_the_lamp_shows_what_is_unread(content: Content, waiting: str, count: int) -> None:
    found = mwi.build(notification(content), PHONE, Attempt(NOW, bytes))
    assert found.body.decode().split("\r\n") == [
        f"Messages-Waiting: {waiting}",
        "Message-Account: sip:1001@192.0.2.7",
        f"Voice-Message: {count}/0 (0/0)",
        "",
    ]
    assert "s3cret" not in f"{found!r}{PHONE!r}"


def test_a_retry_is_the_same_call_with_a_greater_number() -> None:
    first, second = (mwi.build(notification(Test(), tried), PHONE, Attempt(NOW, bytes)) for tried in (0, 1))
    assert first.call_id == second.call_id
    assert (first.cseq, second.cseq) == (1, 3)


def test_each_phone_is_a_lane_and_its_url_is_shown_nowhere() -> None:
    other = PushUrl("sip:1001@192.0.2.8:5070;transport=tcp")
    assert (PHONE.url.lane, other.lane) == ("sip:192.0.2.7:5070", "sip:192.0.2.8:5070")
    assert repr(PHONE.url) == "PushUrl(sip:/…)"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Accepted(200)), (202, Accepted(202)), (410, Gone(410)), (604, Gone(604)),
        (404, Retry("The phone answered 404.", 404)), (480, Retry("The phone answered 480.", 480)),
        (503, Retry("The phone answered 503.", 503)),
    ],
)  # fmt: skip
def test_what_an_answer_means(status: int, outcome: Outcome) -> None:
    assert mwi.read(SipResponse(status, "b", "NOTIFY", {}), NOW) == outcome


@pytest.mark.parametrize("status", [302, 401, 403, 405, 481, 489, 501, 603])
def test_what_a_phone_will_never_take_is_refused_with_a_reason(status: int) -> None:
    found = mwi.read(SipResponse(status, "b", "NOTIFY", {}), NOW)
    assert isinstance(found, Refused)
    assert str(status) in found.detail


def test_a_wait_that_is_asked_for_is_kept_within_bounds() -> None:
    for value, seconds in (("30;duration=9", 30.0), ("1000000000", 3_600.0), ("soon", None)):
        found = mwi.read(SipResponse(503, "b", "NOTIFY", {"retry-after": (value,)}), NOW)
        assert isinstance(found, Retry)
        assert found.after_seconds == seconds
    assert isinstance(mwi.read(NoResponse("timeout"), NOW), Retry)
