from __future__ import annotations

from collections import Counter

import pytest

from idlebell.login import admission as module
from idlebell.login.admission import (
    AT_ONCE,
    LAG_COUNTS_EVERY_SECONDS,
    LAG_SECONDS,
    QUIET_SECONDS,
    TOTAL_FIRST,
    TOTAL_LEAST,
    TOTAL_MOST,
    WINDOW_FIRST,
    WINDOW_LEAST,
    Admission,
    Outcome,
    Ticket,
)
from idlebell.login.pacing import Paces


def line(admission: Admission, host: str, count: int, now: float = 0.0, *, urgent: bool = False) -> list[Ticket]:
    return [admission.join(host, now, urgent=urgent) for _ in range(count)]


def admitted(admission: Admission, now: float = 0.0) -> list[Ticket]:
    """All who may go at this moment."""
    found: list[Ticket] = []
    while True:
        some, again = admission.admit(now)
        found += some
        if again != 0.0:
            return found


def test_a_server_of_which_nothing_is_known_is_begun_with_few() -> None:
    admission = Admission(Paces(0, 0))
    line(admission, "a", 1_000)
    assert len(admitted(admission)) == WINDOW_FIRST
    assert admission.admit(0.0) == ([], None), "nobody may go before somebody leaves"


def test_only_a_few_are_admitted_in_one_turn_of_the_loop() -> None:
    admission = Admission(Paces(0, 0))
    line(admission, "a", 1_000)
    some, again = admission.admit(0.0)
    assert (len(some), again) == (AT_ONCE, 0.0)


def test_while_a_server_grants_everything_the_window_doubles_each_round() -> None:
    admission = Admission(Paces(0, 0))
    line(admission, "a", 10_000)
    windows = []
    for number in range(3):
        for ticket in admitted(admission, float(number)):
            admission.leave(ticket, Outcome.OPENED, number + 0.5)
        windows.append(admission.window("a"))
    assert windows[0] == 2 * WINDOW_FIRST
    assert windows == sorted(windows)


def test_refusals_of_one_round_halve_the_window_once() -> None:
    admission = Admission(Paces(0, 0))
    line(admission, "a", 1_000)
    first = admitted(admission)
    for ticket in first:
        admission.leave(ticket, Outcome.REFUSED, 1.0)
    assert admission.window("a") == WINDOW_FIRST // 2
    second = admitted(admission, 5.0)
    admission.leave(second[0], Outcome.REFUSED, 6.0)
    assert admission.window("a") == WINDOW_FIRST // 4


def test_a_window_never_closes() -> None:
    admission = Admission(Paces(0, 0))
    line(admission, "a", 1_000)
    now = 0.0
    for _ in range(50):
        now += 20.0
        for ticket in admitted(admission, now):
            admission.leave(ticket, Outcome.REFUSED, now)
    assert admission.window("a") == WINDOW_LEAST
    assert admitted(admission, now + 20.0)


def test_after_a_refusal_among_sessions_that_were_granted_the_window_opens_by_one_a_round() -> None:
    admission = Admission(Paces(0, 0))
    line(admission, "a", 10_000)
    some = admitted(admission)
    for ticket in some[1:]:
        admission.leave(ticket, Outcome.OPENED, 1.0)
    admission.leave(some[0], Outcome.REFUSED, 1.0)
    for _ in range(3):
        before = admission.window("a")
        for ticket in admitted(admission, 100.0):
            admission.leave(ticket, Outcome.OPENED, 100.0)
        assert admission.window("a") - before in (0, 1, 2)


def test_a_server_that_was_away_is_entered_by_slow_start_when_it_is_back() -> None:
    admission = Admission(Paces(0, 0))
    line(admission, "a", 10_000)
    now = 0.0
    for _ in range(10):
        now += 20.0
        for ticket in admitted(admission, now):
            admission.leave(ticket, Outcome.REFUSED, now)
    assert admission.window("a") == WINDOW_LEAST
    for _ in range(3):
        now += 20.0
        for ticket in admitted(admission, now):
            admission.leave(ticket, Outcome.OPENED, now)
    assert admission.window("a") >= WINDOW_LEAST * 4, "linearly it were 7"


def test_a_server_that_refuses_slows_alone() -> None:
    paces = Paces(0, 0)
    admission = Admission(paces)
    line(admission, "bad", 100)
    for ticket in admitted(admission):
        admission.leave(ticket, Outcome.REFUSED, 1.0)
    line(admission, "good", 100, 1.0)
    assert Counter(ticket.host for ticket in admitted(admission, 1.0))["good"] == WINDOW_FIRST
    assert paces.rate("bad", 1.0) > 0
    assert paces.rate("good", 1.0) == 0


def test_what_is_nobodys_fault_changes_no_window() -> None:
    admission = Admission(Paces(0, 0))
    line(admission, "a", 100)
    for ticket in admitted(admission):
        admission.leave(ticket, Outcome.NOTHING, 1.0)
    assert admission.window("a") == WINDOW_FIRST


def test_logins_that_hang_leave_room_for_every_other_server() -> None:
    admission = Admission(Paces(0, 0))
    for host in "abcdefghij":
        line(admission, host, 1_000)
        for _ in range(10):  # it grew first, and hangs now
            for ticket in admitted(admission):
                admission.leave(ticket, Outcome.OPENED, 0.0)
        admitted(admission)
    line(admission, "last", 1)
    assert [ticket.host for ticket in admitted(admission)] == ["last"]


def test_those_in_line_go_in_the_order_in_which_they_came() -> None:
    admission = Admission(Paces(0, 1))
    tickets = line(admission, "a", 5)
    gone: list[Ticket] = []
    for now in range(10):
        for ticket in admitted(admission, float(now)):
            gone.append(ticket)
            admission.leave(ticket, Outcome.OPENED, float(now))
    assert gone == tickets


def test_who_waits_for_an_answer_goes_in_turn_with_those_who_do_not() -> None:
    admission = Admission(Paces(0, 0))
    line(admission, "a", 100)
    line(admission, "a", 100, urgent=True)
    went = [ticket.urgent for ticket in admitted(admission)]
    assert Counter(went) == {True: WINDOW_FIRST / 2, False: WINDOW_FIRST / 2}
    assert went[0]


def test_one_login_at_each_server_in_turn() -> None:
    admission = Admission(Paces(0, 0))
    for host in "abcd":
        line(admission, host, 10)
    some, _ = admission.admit(0.0)
    assert [ticket.host for ticket in some] == list("abcdabcd")


def test_a_pace_tells_when_to_ask_again() -> None:
    admission = Admission(Paces(0, 2))
    line(admission, "a", 10, 100.0)
    assert len(admitted(admission, 100.0)) == 3
    assert admission.admit(100.0) == ([], 0.5)
    assert len(admitted(admission, 100.5)) == 1
    assert admission.wait_seconds("a", 100.5) == 0.5
    line(admission, "a", 4, 100.5, urgent=True)
    assert admission.wait_seconds("a", 100.5) == 2.5


def test_the_pace_of_all_together_holds() -> None:
    admission = Admission(Paces(1, 0))
    for host in "abcd":
        line(admission, host, 1, 100.0)
    assert [len(admitted(admission, 100.0 + second)) for second in range(3)] == [2, 1, 1]


def test_who_leaves_the_line_holds_up_nobody() -> None:
    admission = Admission(Paces(0, 0))
    tickets = line(admission, "a", 3)
    admission.leave(tickets[0], Outcome.NOTHING, 0.0)
    assert admission.waiting == 2
    assert admitted(admission) == tickets[1:]
    (alone,) = line(admission, "b", 1)
    admission.leave(alone, Outcome.NOTHING, 0.0)
    assert admission.admit(0.0) == ([], None)


def test_a_loop_that_lags_admits_fewer_in_all_and_one_that_keeps_up_more() -> None:
    admission = Admission(Paces(0, 0))
    for host in range(100):
        line(admission, str(host), 1)
    first = admitted(admission)
    assert len(first) == TOTAL_FIRST
    for ticket in first:
        admission.leave(ticket, Outcome.OPENED, 0.0)
    for number in range(1, 100):
        admission.lagged(LAG_SECONDS * 2, number * LAG_COUNTS_EVERY_SECONDS)
    assert admission._total == TOTAL_LEAST
    now = 100.0
    for _ in range(100):
        now += 1.0
        for host in range(600):
            line(admission, str(host), 1, now)
        for ticket in admitted(admission, now):
            admission.leave(ticket, Outcome.OPENED, now)
    assert admission._total == TOTAL_MOST


def test_a_lag_counts_once_in_a_while() -> None:
    admission = Admission(Paces(0, 0))
    for _ in range(100):
        admission.lagged(1.0, 5.0)
    assert admission._total == TOTAL_FIRST / 2


def test_one_long_turn_among_short_ones_is_no_lag() -> None:
    """The collector's, say."""
    admission = Admission(Paces(0, 0))
    for number in range(100):
        admission.lagged(1.0 if number % 10 == 0 else LAG_SECONDS / 4, float(number))
    assert admission._total == TOTAL_FIRST


def test_a_server_that_was_quiet_for_long_is_begun_with_anew() -> None:
    admission = Admission(Paces(0, 0))
    line(admission, "a", 20)
    for ticket in admitted(admission):
        admission.leave(ticket, Outcome.OPENED, 1.0)
    line(admission, "a", 1, 1.0 + QUIET_SECONDS / 2)
    assert admission.window("a") == 2 * WINDOW_FIRST
    admission.leave(admitted(admission, 40.0)[0], Outcome.NOTHING, 40.0)
    line(admission, "a", 1, 40.0 + QUIET_SECONDS)
    assert admission.window("a") == WINDOW_FIRST


def test_servers_are_forgotten_but_not_while_somebody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HOSTS", 2)
    admission = Admission(Paces(0, 0))
    (waits,) = line(admission, "busy", 1)
    for host in "abcdef":
        (ticket,) = line(admission, host, 1)
        admission.leave(ticket, Outcome.NOTHING, 0.0)
    assert admitted(admission) == [waits]
    assert len(admission._hosts) <= 3
