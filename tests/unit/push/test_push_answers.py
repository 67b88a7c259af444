"""Retry-After, silence and redirects."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from idlebell.push.answers import refused, retry_after, silence, transient, try_later
from idlebell.push.exchange import HttpResponse, NoResponse
from idlebell.push.outcome import Refused, Retry

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 1.0),
        ("1000000000", 3600.0),
        ("9" * 64, 3600.0),
        ("Sun, 22 Nov 2026 04:01:00 GMT", 60.0),
        ("Sunday, 22-Nov-26 04:01:00 GMT", 60.0),
        ("Sun Nov 22 04:01:00 2026", 60.0),
        ("Sun, 22 Nov 2026 04:01:00 -0000", 60.0),
        ("Sun, 22 Nov 2026 03:00:00 GMT", 1.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 1.0),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("２", None),
        ("9" * 65, None),
        ("Sun, 99 Nov 2026 04:01:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_clamped(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("reason", ["refused", "dns", "not-allowed", "something-new"])
def test_what_cannot_be_reached_has_one_sentence_whatever_the_reason(reason: str) -> None:
    assert silence(NoResponse(reason, "10.0.0.1: not allowed")) == Retry("The push service cannot be reached.")


def test_trouble_on_the_way_is_told_apart() -> None:
    sentences = {silence(NoResponse(reason)).detail for reason in ("timeout", "tls", "broken", "refused")}
    assert len(sentences) == 4


@pytest.mark.parametrize(
    ("status", "slow_down"), [(408, False), (425, False), (429, True), (500, False), (503, True), (599, False)]
)
def test_statuses_that_ask_for_another_time(status: int, slow_down: bool) -> None:
    answer = HttpResponse(status, {"retry-after": "9"})
    assert transient(answer, NOW) == Retry(f"The push service answered {status}.", status, 9.0, slow_down)


@pytest.mark.parametrize("status", [200, 301, 400, 404, 499, 600])
def test_other_statuses_do_not(status: int) -> None:
    assert transient(HttpResponse(status, {}), NOW) is None


def test_trying_later_without_a_header_leaves_the_pause_to_us() -> None:
    assert try_later(HttpResponse(404, {}), NOW) == Retry("The push service answered 404.", 404)


@pytest.mark.parametrize("status", [300, 301, 304, 307, 399])
def test_a_redirect_is_refused_with_a_word_why(status: int) -> None:
    assert refused(HttpResponse(status, {"location": "http://127.0.0.1/"})) == Refused(
        f"The push service answered {status}; redirects are not followed.", status
    )


def test_a_refusal_says_the_status_and_the_reason_where_there_is_one() -> None:
    assert refused(HttpResponse(400, {})).detail == "The push service answered 400."
    assert refused(HttpResponse(400, {}), "BadTopic").detail == "The push service answered 400: BadTopic."
