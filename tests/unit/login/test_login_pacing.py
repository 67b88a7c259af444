from __future__ import annotations

import pytest

from idlebell.login import pacing
from idlebell.login.pacing import (
    EASED,
    EASED_AFTER_SECONDS,
    FIRST_SLOWED_RATE,
    HOST_LEAK_SECONDS,
    HOST_REFUSALS,
    REFUSAL_PAUSES_SECONDS,
    SAME_AGAIN_SECONDS,
    SLOWED_EVERY_SECONDS,
    UNBOUNDED_RATE,
    Doubts,
    HostRefusals,
    Paces,
    RefusalGuard,
)
from idlebell.model.problem import Fault

WRONG = Fault("authentication-failed", "no")


def taken(paces: Paces, host: str, now: float) -> float:
    """How long the next one waits, who takes the slot."""
    wait = paces.wait_seconds(host, now)
    paces.take(host, now + wait)
    return wait


def test_no_rate_means_no_wait() -> None:
    paces = Paces(0, 0)
    assert [taken(paces, "a", 5.0) for _ in range(100)] == [0.0] * 100


def test_sessions_to_one_server_are_spread_after_a_seconds_burst() -> None:
    paces = Paces(0, 2)
    waits = [taken(paces, "a", 100.0) for _ in range(6)]
    assert waits == [0, 0, 0, 0.5, 1.0, 1.5]
    assert paces.wait_seconds("b", 100.0) == 0, "another server is not held up"


def test_the_total_rate_holds_for_all_servers_together() -> None:
    paces = Paces(1, 0)
    waits = [taken(paces, host, 100.0) for host in "abcd"]
    assert waits == [0, 0, 1, 2]


def test_a_look_takes_no_slot() -> None:
    paces = Paces(0, 1)
    for _ in range(2):
        paces.take("a", 100.0)
    assert [paces.wait_seconds("a", 100.0) for _ in range(3)] == [1.0] * 3


def test_the_table_of_servers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "HOSTS", 3)
    paces = Paces(0, 1)
    for host in "abcde":
        paces.take(host, 1.0)
    assert list(paces._hosts) == ["c", "d", "e"]


def slowed(paces: Paces, times: int, host: str = "a", start: float = 100.0) -> float:
    """The server refuses so often; the moment after."""
    for number in range(times):
        paces.slow(host, start + number * SLOWED_EVERY_SECONDS)
    return start + times * SLOWED_EVERY_SECONDS


def test_the_rate_of_a_provider_holds_where_it_is_the_lower() -> None:
    known = {"slow": 1.0, "fast": 50.0}
    assert [Paces(0, 20, known.get).rate(host, 0.0) for host in ("slow", "fast", "else")] == [1.0, 20.0, 20.0]
    assert [Paces(0, 0, known.get).rate(host, 0.0) for host in ("slow", "fast", "else")] == [1.0, 50.0, 0.0]


def test_one_refusal_may_be_chance_and_each_further_one_halves_the_rate() -> None:
    paces = Paces(0, 20)
    rates = [paces.rate("a", slowed(paces, times, start=1_000.0 * times * 10)) for times in (1, 2, 3)]
    assert rates == [20, 10, 5]
    assert paces.rate("b", 100.0) == 20, "another server is not slowed"


def test_a_server_without_a_rate_has_one_from_its_first_refusal_until_it_lets_in_again() -> None:
    paces = Paces(0, 0)
    rates = [paces.rate("a", slowed(paces, times, start=1_000.0 * times * 10)) for times in (1, 2, 3)]
    assert rates == [FIRST_SLOWED_RATE, FIRST_SLOWED_RATE / 2, FIRST_SLOWED_RATE / 4]
    sessions = 0
    while paces.rate("a", 30_000.0):
        paces.ease("a", 30_000.0)
        sessions += 1
    assert sessions == pytest.approx(UNBOUNDED_RATE / (UNBOUNDED_RATE * EASED), abs=2)


def test_what_was_not_used_before_a_refusal_is_no_credit() -> None:
    paces = Paces(0, 0)
    paces.slow("a", 100.0)
    waits = [taken(paces, "a", 100.0) for _ in range(3)]
    assert waits == pytest.approx([0.0, 0.05, 0.1])


def test_refusals_of_the_same_moment_count_as_one() -> None:
    paces = Paces(0, 20)
    for number in range(1_000):
        paces.slow("a", 100.0 + number * SLOWED_EVERY_SECONDS / 1_000)
    assert paces.rate("a", 110.0) == 20


@pytest.mark.parametrize(("rate", "slowest"), [(20, 1.0), (0, 1.0), (0.5, 0.5)])
def test_a_server_is_never_slowed_to_a_stop(rate: float, slowest: float) -> None:
    paces = Paces(0, rate)
    now = slowed(paces, 50)
    assert paces.rate("a", now) == slowest
    assert taken(paces, "a", now) == 0
    assert taken(paces, "a", now + 10) == 0


def test_each_session_that_opens_gives_a_part_of_the_rate_back() -> None:
    paces = Paces(0, 20)
    now = slowed(paces, 3)
    rates = []
    for _ in range(16):
        paces.ease("a", now)
        rates.append(paces.rate("a", now))
    assert rates[:3] == [6, 7, 8]
    assert rates[-2:] == [20, 20]
    paces.slow("a", now + 100)
    assert paces.rate("a", now + 100) == 20, "what is forgotten is chance again"


def test_what_was_slowed_long_ago_is_forgotten() -> None:
    paces = Paces(0, 20)
    now = slowed(paces, 5)
    assert paces.rate("a", now + EASED_AFTER_SECONDS) == 20


def test_easing_a_server_that_is_not_slowed_changes_nothing() -> None:
    paces = Paces(0, 20)
    paces.ease("a", 1.0)
    assert list(paces._hosts) == []


def test_only_credentials_that_worked_are_doubted_and_once() -> None:
    doubts = Doubts()
    assert not doubts.doubt(b"never worked", 10.0)
    doubts.worked(b"worked")
    assert doubts.left_seconds(b"worked", 10.0, 900) == 0
    assert doubts.doubt(b"worked", 10.0)
    assert doubts.left_seconds(b"worked", 11.0, 900) == 899
    assert doubts.left_seconds(b"newer", 11.0, 900) == 0
    assert doubts.left_seconds(b"worked", 2_000.0, 900) == 0
    assert not doubts.doubt(b"worked", 2_000.0)
    assert not doubts.doubt(b"worked", 2_001.0)


def test_a_login_that_works_settles_a_doubt() -> None:
    doubts = Doubts()
    for now in (10.0, 2_000.0):
        doubts.worked(b"worked")
        assert doubts.doubt(b"worked", now)


def test_what_worked_is_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "ACCOUNTS", 2)
    doubts = Doubts()
    for name in (b"one", b"two", b"three"):
        doubts.worked(name)
    assert not doubts.doubt(b"one", 1.0), "the oldest one is forgotten"
    assert doubts.doubt(b"three", 1.0)


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


def test_wrong_passwords_from_everywhere_fill_the_bucket_of_one_server() -> None:
    refusals = HostRefusals()
    for _ in range(HOST_REFUSALS):
        assert refusals.wait_seconds("imap.example.org", 0.0, known=False) == 0
        refusals.refused("imap.example.org", 0.0, known=False)
    assert refusals.wait_seconds("imap.example.org", 0.0, known=False) == HOST_LEAK_SECONDS
    assert refusals.wait_seconds("imap.example.org", 0.0, known=True) == 0, "who has a key is not held up by strangers"
    assert refusals.wait_seconds("imap.example.net", 0.0, known=False) == 0
    assert refusals.wait_seconds("imap.example.org", HOST_LEAK_SECONDS, known=False) == 0


def test_servers_with_refusals_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "HOSTS", 2)
    refusals = HostRefusals()
    for name in "abc":
        refusals.refused(name, 0.0, known=False)
    assert set(refusals._hosts) == {("b", False), ("c", False)}


def test_guesses_that_are_answered_neither_yes_nor_no_count_as_guesses() -> None:
    """A server may hang up on a wrong password. The same one again, as a registration tries it, is no other guess."""
    guard, trouble = RefusalGuard(), Fault("server-error", "closed")
    for _ in range(5):
        guard.unanswered(b"alice", b"one", trouble, 0.0)
    assert guard.verdict(b"alice", b"one", 0.0) is None
    asked = 0
    for guess in range(100):
        if guard.verdict(b"alice", b"%d" % guess, 0.0) is None:
            asked += 1
            guard.unanswered(b"alice", b"%d" % guess, trouble, 0.0)
    assert asked == 3


def test_a_pause_that_the_server_asks_for_is_kept_for_whatever_is_brought() -> None:
    guard = RefusalGuard()
    guard.unanswered(b"alice", b"one", Fault("throttled", "wait", retry_after_seconds=900), 0.0)
    fault = guard.verdict(b"alice", b"other", 1.0)
    assert fault is not None
    assert (fault.code, fault.detail, fault.retry_after_seconds) == ("throttled", "wait", 899)
    assert guard.verdict(b"bob", b"other", 1.0) is None
    assert guard.verdict(b"alice", b"other", 900.0) is None
