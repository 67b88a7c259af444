"""How long to wait before a lost session is opened again."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.login.admission import WINDOW_FIRST, WINDOW_LEAST, Admission, Outcome, Ticket
from idlebell.login.pacing import FIRST_SLOWED_RATE, UNBOUNDED_RATE, Paces
from idlebell.login.refusal import doubted
from idlebell.model.problem import PROBLEMS, Fault
from idlebell.watch.recovery import (
    ASKED_SPREAD,
    BROKEN,
    DOUBTED,
    LIMITED,
    REFUSED,
    SOON,
    Backoff,
    backoff,
    pause,
)

LOST = Fault("session-lost", "")


def test_the_first_attempt_comes_within_a_second_but_not_at_once() -> None:
    assert pause(LOST, 1, 0.0) == SOON.least_seconds > 0
    assert pause(LOST, 1, 0.999) < 1.0


def test_the_ceiling_doubles_up_to_a_bound() -> None:
    highest = 0.9999999
    assert [round(pause(LOST, attempt, highest)) for attempt in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 16]
    assert round(pause(LOST, 10_000, highest)) == SOON.longest_seconds


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("session-lost", SOON),
        ("unreachable", SOON),
        ("server-error", SOON),
        ("internal", SOON),
        ("overloaded", SOON),
        ("gateway-full", LIMITED),
        ("too-many-connections", LIMITED),
        ("throttled", LIMITED),
        ("server-unavailable", LIMITED),
        ("authentication-failed", REFUSED),
        ("app-password-needed", REFUSED),
        ("imap-not-enabled", REFUSED),
        ("plan-without-imap", REFUSED),
        ("login-unexplained", DOUBTED),
        ("tls-failed", BROKEN),
        ("not-imap", BROKEN),
        ("protocol-error", BROKEN),
    ],
)
def test_each_fault_has_the_waiting_that_fits_it(code: str, kind: Backoff) -> None:
    assert backoff(Fault(code, "")) is kind


def test_credentials_and_limits_are_never_met_within_seconds() -> None:
    assert REFUSED.least_seconds >= 900
    assert pause(doubted(Fault("authentication-failed", "")), 1, 0.0) >= 900
    assert 60 <= LIMITED.least_seconds < LIMITED.longest_seconds == 3_600


def test_what_the_server_asked_for_is_a_lower_bound_with_a_spread() -> None:
    asked = Fault("server-error", "", retry_after_seconds=300)
    assert pause(asked, 1, 0.0) == 300.0
    assert pause(asked, 1, 0.5) == 300 * (1 + ASKED_SPREAD / 2)
    assert pause(asked, 30, 0.9) > 400, "it does not keep the pauses from growing"


@given(
    st.sampled_from(sorted(PROBLEMS)),
    st.integers(1, 10_000),
    st.floats(0, 1, exclude_max=True),
    st.one_of(st.none(), st.integers(1, 86_400)),
)
def test_every_pause_is_positive_and_bounded(code: str, attempt: int, entropy: float, asked: int | None) -> None:
    fault = Fault(code, "", retry_after_seconds=asked)
    kind = backoff(fault)
    assert kind.least_seconds <= pause(fault, attempt, entropy)
    assert pause(fault, attempt, entropy) <= max(kind.longest_seconds, (asked or 0) * (1 + ASKED_SPREAD))


@given(st.sampled_from(sorted(PROBLEMS)), st.integers(1, 30), st.floats(0, 0.5))
def test_every_pause_is_spread_over_its_whole_length(code: str, attempt: int, entropy: float) -> None:
    """Two that were lost at the same moment are a good part of the pause apart where their entropy is."""
    kind = backoff(Fault(code, ""))
    ceiling = min(kind.longest_seconds, kind.first_seconds * 2 ** min(attempt - 1, 20))
    apart = pause(Fault(code, ""), attempt, entropy + 0.499) - pause(Fault(code, ""), attempt, entropy)
    assert apart >= 0.4 * (ceiling - kind.least_seconds)


ACCOUNTS, OUTAGE_SECONDS, LOGIN_SECONDS = 20_000, 600.0, 0.1


def test_an_outage_of_a_provider_does_not_end_in_a_storm() -> None:
    """All accounts of one server are lost at once; it is away for ten minutes, then every login succeeds, and each account
    that waits is told of the first (as the fleet does)."""
    random, admission, host = Random(20), Admission(Paces(0.0, 0.0)), "mail.example.org"
    ripe = [(pause(LOST, 1, random.random()), account, 1) for account in range(ACCOUNTS)]
    heapq.heapify(ripe)
    ends: list[tuple[float, int, Ticket]] = []
    attempts: dict[Ticket, tuple[int, int]] = {}
    met: Counter[int] = Counter()
    opened: list[float] = []
    again_at = math.inf
    numbers = itertools.count()
    while ripe or ends or admission.waiting:
        now = min(again_at, ripe[0][0] if ripe else math.inf, ends[0][0] if ends else math.inf)
        while ripe and ripe[0][0] <= now:
            _, account, attempt = heapq.heappop(ripe)
            attempts[admission.join(host, now, urgent=False)] = (account, attempt)
        while ends and ends[0][0] <= now:
            _, _, ticket = heapq.heappop(ends)
            account, attempt = attempts.pop(ticket)
            if now >= OUTAGE_SECONDS:
                admission.leave(ticket, Outcome.OPENED, now)
                if not opened:
                    ripe = [(now, account, attempt) for _, account, attempt in ripe]
                opened.append(now)
            else:
                admission.leave(ticket, Outcome.REFUSED, now)
                seconds = pause(Fault("unreachable", ""), attempt + 1, random.random())
                heapq.heappush(ripe, (now + seconds, account, attempt + 1))
        again: float | None = 0.0
        while again == 0.0:
            admitted, again = admission.admit(now)
            for ticket in admitted:
                met[int(now)] += 1
                took = LOGIN_SECONDS if now >= OUTAGE_SECONDS else 0.001
                heapq.heappush(ends, (now + took, next(numbers), ticket))
        again_at = math.inf if again is None else now + again

    assert met[0] + met[1] <= WINDOW_FIRST + 2 * FIRST_SLOWED_RATE + WINDOW_LEAST
    away = sum(count for second, count in met.items() if 60 <= second < OUTAGE_SECONDS)
    assert away <= 1.5 * (OUTAGE_SECONDS - 60), "a server that is away is asked about once a second"
    assert opened[0] < OUTAGE_SECONDS + 3, "and that it is back is noticed soon"
    assert len(opened) == ACCOUNTS
    assert met[int(OUTAGE_SECONDS)] <= UNBOUNDED_RATE, "it is not run over"
    assert max(opened) < OUTAGE_SECONDS + 30, "and everybody is back soon"
