"""Properties of what is sent to and read from push services."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary, Textless
from idlebell.model.notification import NewMail, Notification
from idlebell.push.answers import retry_after
from idlebell.push.exchange import HttpResponse
from idlebell.push.payload import body, fit
from idlebell.push.webhook import answers_challenge
from idlebell.push.webpush import read

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
any_text = st.text(st.characters(), max_size=80)  # half surrogate pairs too
messages = st.builds(
    MessageSummary,
    uid=st.integers(1, 2**32 - 1),
    message_id=st.none() | any_text,
    sender=st.none() | any_text,
    subject=st.none() | any_text,
    size=st.none() | st.integers(0, 2**63),
    preview=st.none() | any_text,
    received_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    truncated=st.booleans(),
)
messages_with_texts = st.builds(
    lambda message, text, textless: replace(message, text=text, textless=textless),
    messages,
    st.none() | st.builds(str.__mul__, any_text, st.integers(1, 40)),
    st.none() | st.sampled_from(Textless),
)


def _sent(mailbox: str, described: list[MessageSummary]) -> Notification:
    content = NewMail(mailbox, 1, len(described), None, tuple(described))
    return Notification(NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, NOW, NOW + timedelta(days=1), 0)


notifications = st.builds(_sent, any_text, st.lists(messages, max_size=6))
notifications_with_texts = st.builds(_sent, any_text, st.lists(messages_with_texts, max_size=6))
dates = st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT"))


@given(notifications | notifications_with_texts, st.integers(0, 5_000))
def test_a_fitted_body_is_json_within_its_limit_or_has_no_message(sent: Notification, limit: int) -> None:
    fitted = fit(sent, limit)
    read_back = json.loads(fitted.decode("utf-8"))
    assert len(fitted) <= limit or not read_back.get("messages")
    assert read_back["version"] == 7
    assert fit(sent, limit) == fitted
    if fitted != body(sent):
        assert read_back["truncated"] is True


@given(notifications, st.integers(0, 3_000))
def test_messages_are_kept_from_the_newest_and_only_the_first_kept_is_cut(sent: Notification, limit: int) -> None:
    whole = json.loads(body(sent)).get("messages", [])
    kept = json.loads(fit(sent, limit)).get("messages", [])
    tail = whole[len(whole) - len(kept) :]
    assert kept[1:] == tail[1:]
    for cut, full in zip(kept[:1], tail[:1], strict=True):
        assert cut["uid"] == full["uid"]
        assert cut == full or cut["truncated"] is True
        for name in ("preview", "subject"):
            assert (full[name] or "").startswith(cut[name] or "")


@given(notifications_with_texts, st.integers(0, 5_000))
def test_texts_that_are_told_are_their_beginnings_and_say_when_there_is_more(sent: Notification, limit: int) -> None:
    whole = json.loads(body(sent)).get("messages", [])
    kept = json.loads(fit(sent, limit)).get("messages", [])
    for told, full in zip(kept, whole[len(whole) - len(kept) :], strict=True):
        assert (full.get("text") or "").startswith(told.get("text") or "")
        assert told["truncated"] or (told.get("text") or "") == (full.get("text") or "")


@given(notifications, st.integers(0, 2_900), st.integers(0, 100))
def test_a_larger_limit_never_gives_less(sent: Notification, limit: int, more: int) -> None:
    counts = [len(json.loads(fit(sent, size)).get("messages", [])) for size in (limit, limit + more)]
    assert counts[0] <= counts[1]


@settings(max_examples=100)
@given(
    st.text(max_size=80)
    | st.integers().map(str)
    | dates
    | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ \S+")
)
def test_retry_after_is_nothing_or_between_a_second_and_an_hour(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or 1.0 <= seconds <= 3_600.0


@given(st.integers(100, 599), st.binary(max_size=200), st.text(max_size=70))
def test_no_answer_of_a_push_service_raises(status: int, answered: bytes, header: str) -> None:
    response = HttpResponse(status, {"retry-after": header, "x-wns-error-description": header}, answered)
    assert read(response, NOW)
    assert answers_challenge(response, "c0de") in (True, False)
