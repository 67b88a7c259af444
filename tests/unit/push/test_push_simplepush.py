"""SimplePush: one line out, one status in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from idlebell.model.endpoint import PushUrl, SimplePushEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import NewMail, Notification
from idlebell.push import simplepush
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import HttpRequest, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
ENDPOINT = SimplePushEndpoint(PushUrl("https://push.example.net/a"))


def test_the_request_is_the_one_of_the_interface_to_the_byte() -> None:
    mail = NewMail("INBOX", 1, 1, None)
    sent = Notification(NotificationId("ntf_a"), SubscriptionId("sub_a"), mail, 1795310202972, NOW, NOW, 0)
    assert simplepush.build(sent, ENDPOINT, Attempt(NOW, bytes)) == HttpRequest(
        "PUT",
        ENDPOINT.url,
        (("Content-Type", "application/x-www-form-urlencoded"),),
        b"version=1795310202972",
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Accepted(200)),
        (202, Accepted(202)),
        (404, Gone(404)),
        (410, Gone(410)),
        (429, Retry("The push service answered 429.", 429, None, slow_down=True)),
        (500, Retry("The push service answered 500.", 500)),
        (302, Refused("The push service answered 302; redirects are not followed.", 302)),
        (400, Refused("The push service answered 400.", 400)),
        (413, Refused("The push service answered 413.", 413)),
    ],
)
def test_what_a_status_means(status: int, outcome: Outcome) -> None:
    assert simplepush.read(HttpResponse(status, {}), NOW) == outcome


def test_silence_is_tried_again() -> None:
    assert isinstance(simplepush.read(NoResponse("timeout"), NOW), Retry)
