from __future__ import annotations

import pytest

from idlebell.login import pacing
from idlebell.login.pacing import REFUSAL_PAUSES_SECONDS, SAME_AGAIN_SECONDS, Paces, RefusalGuard
from idlebell.model.problem import Fault

WRONG = Fault("authentication-failed", "no")


def test_no_rate_means_no_wait() -> None:
    paces = Paces(0, 0)
    assert [paces.reserve("a", 5.0, 0) for _ in range(100)] == [0.0] * 100


def test_sessions_to_one_server_are_spread_after_a_seconds_burst() -> None:
    paces = Paces(0, 2)
    waits = [paces.reserve("a", 100.0, 60) for _ in range(6)]
    assert waits == [0, 0, 0, 0.5, 1.0, 1.5]
    assert paces.reserve("b", 100.0, 60) == 0, "another server is not held up"


def test_the_total_rate_holds_for_all_servers_together() -> None:
    paces = Paces(1, 0)
    waits = [paces.reserve(host, 100.0, 60) for host in "abcd"]
    assert waits == [0, 0, 1, 2]


def test_who_cannot_wait_that_long_takes_no_slot() -> None:
    paces = Paces(0, 1)
    for _ in range(3):
        paces.reserve("a", 100.0, 60)
    assert paces.reserve("a", 100.0, 0.5) is None
    assert paces.reserve("a", 100.0, 60) == 2


def test_the_table_of_servers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "HOSTS", 3)
    paces = Paces(0, 1)
    for host in "abcde":
        paces.reserve(host, 1.0, 60)
    assert list(paces._hosts) == ["c", "d", "e"]


def test_the_same_refused_credentials_are_answered_from_memory() -> None:
    guard = RefusalGuard()
    assert guard.verdict(b"alice", b"guess", 0.0) is None
    guard.refused(b"alice", b"guess", WRONG, 0.0)
    assert guard.verdict(b"alice", b"guess", SAME_AGAIN_SECONDS - 1) is WRONG
    assert guard.verdict(b"alice", b"guess", SAME_AGAIN_SECONDS) is None
    assert guard.verdict(b"bob", b"guess", 1.0) is None


def test_ten_thousand_guesses_reach_the_server_three_times() -> None:
    """Threat O1: the gateway is no oracle for passwords."""
    guard = RefusalGuard()
    asked = 0
    for guess in range(10_000):
        now = guess * 0.005
        if guard.verdict(b"alice", b"%d" % guess, now) is None:
            asked += 1
            guard.refused(b"alice", b"%d" % guess, WRONG, now)
    assert asked == 3


def test_pauses_grow_and_are_told() -> None:
    guard = RefusalGuard()
    now = 0.0
    told = []
    for guess in range(10):
        guard.refused(b"alice", b"%d" % guess, WRONG, now)
        fault = guard.verdict(b"alice", b"next", now)
        told.append(0 if fault is None else fault.retry_after_seconds)
        now += REFUSAL_PAUSES_SECONDS[min(guess, len(REFUSAL_PAUSES_SECONDS) - 1)]
    assert told == [*REFUSAL_PAUSES_SECONDS, REFUSAL_PAUSES_SECONDS[-1], REFUSAL_PAUSES_SECONDS[-1]]


def test_a_success_forgives() -> None:
    guard = RefusalGuard()
    for guess in range(5):
        guard.refused(b"alice", b"%d" % guess, WRONG, 0.0)
    assert guard.verdict(b"alice", b"right", 1.0) is not None
    guard.accepted(b"alice")
    assert guard.verdict(b"alice", b"right", 1.0) is None


def test_old_refusals_are_forgotten_and_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "ACCOUNTS", 2)
    guard = RefusalGuard()
    for _ in range(4):
        guard.refused(b"alice", b"x", WRONG, 0.0)
    guard.refused(b"alice", b"x", WRONG, pacing.FORGOTTEN_AFTER_SECONDS + 1)
    assert guard._accounts[b"alice"].count == 1
    for name in (b"b", b"c"):
        guard.refused(name, b"x", WRONG, 0.0)
    assert set(guard._accounts) == {b"b", b"c"}
