"""When a session is looked at next, and what its end teaches."""

from __future__ import annotations

import pytest

from idlebell.watch.cadence import (
    PROBE_FOREIGN_SECONDS,
    PROBE_OWN_SECONDS,
    SETTLE_SECONDS,
    SHORTEST_SECONDS,
    STARTING_SECONDS,
    Cadence,
    same_timeout,
)

CADENCE = Cadence()


def cycle(
    cadence: Cadence = CADENCE,
    learnt: float | None = None,
    *,
    sessions: int = 1,
    own: bool = False,
    settled: bool = True,
    entropy: float = 0.0,
) -> float:
    return cadence.cycle(learnt, sessions=sessions, own=own, settled=settled, entropy=entropy)


def test_nobodys_provider_is_probed_more_often_than_every_two_minutes() -> None:
    assert cycle() == PROBE_FOREIGN_SECONDS
    assert cycle(Cadence(probe=5)) == PROBE_FOREIGN_SECONDS


def test_a_server_of_ones_own_is_probed_every_half_minute_or_as_one_likes() -> None:
    assert cycle(own=True) == PROBE_OWN_SECONDS
    assert cycle(Cadence(probe=5), own=True) == 5


def test_all_probes_together_take_no_more_than_their_share_of_a_core() -> None:
    assert cycle(Cadence(), sessions=5_000, learnt=1_000) == pytest.approx(300)


def test_no_probe_is_later_than_what_was_learnt_or_the_operator_allows() -> None:
    assert cycle(sessions=1_000_000) == STARTING_SECONDS
    assert cycle(sessions=1_000_000, learnt=150) == 150
    assert cycle(Cadence(idle=200), sessions=1_000_000) == 200


def test_jitter_only_shortens() -> None:
    assert cycle(entropy=0.999) == pytest.approx(PROBE_FOREIGN_SECONDS * 0.9, rel=0.01)


def test_after_an_arrival_one_look_comes_early() -> None:
    assert cycle(settled=False) == SETTLE_SECONDS


def test_a_quiet_session_that_was_hung_up_on_shortens_the_cycle_within_bounds() -> None:
    assert CADENCE.shortened(540, 300, silently=False) == 240
    assert CADENCE.shortened(540, 540, silently=True) == 270
    assert CADENCE.shortened(130, 10, silently=True) == SHORTEST_SECONDS


def test_a_day_without_a_loss_lengthens_it_within_bounds() -> None:
    assert CADENCE.lengthened(400) == 500
    assert CADENCE.lengthened(1_600) == CADENCE.idle


def test_two_ends_at_one_age_are_a_timeout_unless_they_are_one_event() -> None:
    assert same_timeout(300, 310, 600)
    assert not same_timeout(300, 310, 5)
    assert not same_timeout(300, 400, 600)
    assert not same_timeout(300, None, 600)


def test_a_server_bears_what_is_known_up_to_what_the_operator_allows() -> None:
    assert CADENCE.bears(None) == STARTING_SECONDS
    assert CADENCE.bears(5_000) == CADENCE.idle
    assert CADENCE.bears(200) == 200


def test_polls_are_apart_by_what_the_operator_says_less_jitter() -> None:
    assert Cadence(poll=100).polling(0.0) == 100
    assert Cadence(poll=100).polling(0.5) == 95
