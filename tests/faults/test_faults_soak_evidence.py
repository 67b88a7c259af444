"""A soak that fails says which message, and why it is in doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from faults.soak_evidence import Evidence, Ring, Seat, Sent, doubts, log_lines, report

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ONE, TWO, THREE = (Seat("INBOX", 7, uid) for uid in (1, 2, 3))


def sent(*message_ids: str, failure: str | None = None) -> dict[str, Sent]:
    return {one: Sent(START, "INBOX", failure) for one in message_ids}


def ring(seat: Seat, message_id: str, after_seconds: float = 1.0, webhook_id: str | None = None) -> Ring:
    return Ring(
        seat, message_id, START + timedelta(seconds=after_seconds), webhook_id or f"ntf_{message_id}{after_seconds}"
    )


def said(evidence: Evidence) -> dict[str, str]:
    return {one.message_id: one.what.partition("; sent")[0] for one in doubts(evidence)}


def test_nothing_is_doubted_where_each_was_announced_once() -> None:
    evidence = Evidence(sent("a", "b"), {ONE: "a", TWO: "b"}, (ring(ONE, "a"), ring(TWO, "b")), 0)
    assert said(evidence) == {}


def test_what_more_was_announced_by_a_count_alone_is_not_doubted() -> None:
    lying = {ONE: "a", TWO: "b", THREE: "c"}
    assert said(Evidence(sent("a", "b", "c"), lying, (ring(THREE, "c"),), 2)) == {}
    lost = sent("x", failure="TimeoutError()")
    assert said(Evidence({**lost, **sent("a", "b", "c")}, lying, (ring(THREE, "c"),), 2)) == {}
    assert set(said(Evidence(sent("a", "b", "c"), lying, (ring(THREE, "c"),), 1))) == {"a", "b"}


def test_a_delivery_that_was_not_confirmed_may_have_come_to_nothing() -> None:
    assert said(Evidence(sent("a", failure="TimeoutError()"), {}, (), 0)) == {}
    assert said(Evidence(sent("a"), {}, (), 0)) == {"a": "is gone"}


def test_each_kind_of_mistake_has_its_words() -> None:
    lying = {ONE: "a", TWO: "b", THREE: "c"}
    rings = (
        ring(ONE, "a"),
        ring(ONE, "a", 30.0),
        ring(ONE, "b"),
        ring(TWO, "d", webhook_id="ntf_x"),
        ring(TWO, "d", webhook_id="ntf_x"),
    )
    assert said(Evidence(sent("a", "b", "c", "d"), lying, rings, 0)) == {
        "a": "announced 2 times",
        "b": "has another UID now",
        "c": "never announced",
        "d": "announced 2 times by one notification that came again; is gone",
    }


def test_the_report_tells_what_happened_around_a_message_in_doubt_and_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(
        "2026-01-05T08:00:02+00:00 imap(user1): killed\n"
        "2026-01-05T08:00:02+00:00 imap(user11): not hers\n"
        "2026-01-05T09:00:00+00:00 imap(user1): much later\n"
        "and no time: user1\n"
    )
    evidence = Evidence(sent("a"), {ONE: "a"}, (), 0)
    told = report(evidence, doubts(evidence), log_lines(log, r"\buser1\b", "server"))
    assert told.splitlines() == [
        "1 sent, 0 of them without a 250; 1 lie there; 0 announced, 0 of them by a count alone",
        "  a: never announced; sent 08:00:00.000 to INBOX; lies INBOX 7/1",
        "    08:00:02.000 server: imap(user1): killed",
    ]
