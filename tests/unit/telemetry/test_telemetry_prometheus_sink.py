from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from idlebell.model.ids import AccountId, NotificationId, SubscriptionId
from idlebell.telemetry import facts
from idlebell.telemetry.fan_out import fan_out
from idlebell.telemetry.prometheus_sink import MAX_LABEL_SETS, Gauge, PrometheusSink, fact_types, sentence

ACCOUNT = AccountId("acc_1")


def samples(sink: PrometheusSink) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(sink.exposition().decode())
        for sample in family.samples
    }


def test_every_fact_is_counted_under_its_name_and_labels():
    sink = PrometheusSink()
    sink(facts.SessionLost(ACCOUNT, "imap.example.org", "session-lost", "", ""))
    sink(facts.SessionLost(ACCOUNT, "imap.example.org", "session-lost", "", ""))
    sink(facts.StoreFailed("full"))
    found = samples(sink)
    assert found["idlebell_session_lost_total", (("code", "session_lost"),)] == 2
    assert found["idlebell_store_failed_total", ()] == 1


def test_arrivals_and_pushes_are_measured():
    sink = PrometheusSink()
    sink(facts.MailDetected(ACCOUNT, 3, 2, 40.0))
    sink(facts.SessionOpened(ACCOUNT, "h", 900.0))
    sink(
        facts.PushAttempted(
            SubscriptionId("sub_1"), NotificationId("ntf_1"), "webhook", "new_mail", "accepted", 201, 300.0
        )
    )
    found = samples(sink)
    assert found["idlebell_messages_detected_total", ()] == 3
    assert found["idlebell_notifications_committed_total", ()] == 2
    assert found["idlebell_detect_seconds_bucket", (("le", "0.05"),)] == 1
    assert found["idlebell_login_seconds_count", ()] == 1
    assert found["idlebell_push_seconds_sum", (("kind", "webhook"),)] == pytest.approx(0.3)


def test_time_from_the_word_of_new_mail_to_acceptance_is_by_kind_and_known_service():
    sink = PrometheusSink()

    def pushed(type_: str, outcome: str, since_ms: float, service: str) -> None:
        who = SubscriptionId("sub_1"), NotificationId("ntf_1")
        sink(facts.PushAttempted(*who, "webpush", type_, outcome, 201, 5.0, since_ms=since_ms, service=service))

    pushed("new_mail", "accepted", 200.0, "mozilla")
    pushed("new_mail", "accepted", 90_000.0, "mozilla")
    pushed("new_mail", "retry", 200.0, "mozilla")
    pushed("heartbeat", "accepted", 200.0, "mozilla")
    pushed("new_mail", "accepted", 200.0, "a host/with a path")
    found = samples(sink)
    mozilla = ("kind", "webpush"), ("service", "mozilla")
    assert found["idlebell_accepted_seconds_count", mozilla] == 2
    assert found["idlebell_accepted_seconds_sum", mozilla] == pytest.approx(90.2)
    assert found["idlebell_accepted_seconds_count", (("kind", "webpush"), ("service", "other"))] == 1


def test_gauges_are_asked_when_somebody_looks():
    state = {"watching": 1}
    sink = PrometheusSink([Gauge("sessions", "Open sessions.", lambda: state, "state")])
    sink.show(Gauge("pending_notifications", "Waiting.", lambda: 7))
    state["watching"] = 5
    found = samples(sink)
    assert found["idlebell_sessions", (("state", "watching"),)] == 5
    assert found["idlebell_pending_notifications", ()] == 7
    with pytest.raises(ValueError):
        sink.show(Gauge("sessions", "Again.", lambda: 1))


def test_labels_come_from_a_small_set_whatever_is_emitted():
    sink = PrometheusSink()
    sink(facts.RequestRefused("alice@example.org\n"))
    for number in range(MAX_LABEL_SETS + 50):
        sink(facts.RequestRefused(f"code-{number}"))
    codes = {labels for name, labels in samples(sink) if name == "idlebell_request_refused_total"}
    assert len(codes) <= MAX_LABEL_SETS + 1
    assert (("code", "other"),) in codes


def test_no_label_names_a_user_a_host_or_a_mailbox():
    forbidden = {"account", "host", "mailbox", "username", "subscription", "notification", "detail", "private", "error"}
    assert not [fact for fact in fact_types() if forbidden & set(fact.labels)]


def test_every_fact_has_a_sentence_and_labels_that_are_members():
    for fact in fact_types():
        assert sentence(fact).endswith(".")
        assert set(fact.labels) <= set(fact.__dataclass_fields__)


def test_a_fact_reaches_all_sinks_in_order():
    heard: list[str] = []
    fan_out(lambda fact: heard.append("first"), lambda fact: heard.append("second"))(facts.RequestRefused("not-found"))
    assert heard == ["first", "second"]
