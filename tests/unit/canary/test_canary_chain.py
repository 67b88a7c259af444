"""What follows on what, and what an operator is told."""

from __future__ import annotations

import pytest

from idlebell.canary import chain
from idlebell.canary.chain import Failed, Heard, Late, Mail, NeverSent, Rhythm, Stage, State, Waiting

RHYTHM = Rhythm(every_seconds=300, late_seconds=120)
OLD, MAIL, NEXT = Mail("old", 900.0), Mail("one", 1_000.0), Mail("two", 1_300.0)
FRESH = NeverSent(990.0)
WAITING = Waiting(1_000.0, MAIL)
HEARD = Heard(1_003.0, 3.0)
SLOW = Heard(1_200.0, 200.0)
LATE = Late(1_120.0, MAIL)
REFUSED = Failed(1_001.0, Stage.SMTP, MAIL)
BLIND = Failed(1_001.0, Stage.WATCH)


@pytest.mark.parametrize("state", [FRESH, HEARD])
def test_a_mail_that_is_sent_is_waited_for(state: State) -> None:
    assert chain.sent(state, MAIL, RHYTHM) == WAITING


@pytest.mark.parametrize("state", [WAITING, Waiting(1_000.0, MAIL, Stage.SMTP.sentence)])
def test_a_mail_that_was_given_up_without_a_verdict_was_not_heard(state: Waiting) -> None:
    told = chain.trouble(chain.sent(state, NEXT, RHYTHM), 1_301.0, RHYTHM)
    assert told == (state.trouble or chain.trouble(LATE, 1_301.0, RHYTHM))


@pytest.mark.parametrize("state", [SLOW, LATE, REFUSED, BLIND])
def test_a_trouble_lasts_until_a_mail_is_heard_in_time(state: State) -> None:
    told = chain.trouble(state, 1_250.0, RHYTHM)
    waiting = chain.sent(state, NEXT, RHYTHM)
    assert told is not None
    assert chain.trouble(waiting, 1_310.0, RHYTHM) == told
    assert chain.trouble(chain.heard(waiting, ("two",), 1_310.0), 1_311.0, RHYTHM) is None


@pytest.mark.parametrize("state", [WAITING, LATE, REFUSED])
def test_a_token_is_heard_also_of_a_mail_that_was_given_up(state: State) -> None:
    assert chain.heard(state, ("another", "one"), 1_007.5) == Heard(1_007.5, 7.5)


@pytest.mark.parametrize("state", [FRESH, WAITING, HEARD, LATE, REFUSED, BLIND])
def test_other_tokens_change_nothing(state: State) -> None:
    assert chain.heard(state, ("old",), 1_007.5) is state
    assert chain.heard(state, (), 1_007.5) is state


def test_only_the_newest_mail_counts() -> None:
    state = chain.sent(Late(1_020.0, OLD), MAIL, RHYTHM)
    assert chain.heard(state, ("old",), 1_007.5) is state


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (FRESH, Failed(1_010.0, Stage.WATCH)),
        (WAITING, Failed(1_010.0, Stage.WATCH, MAIL)),
        (HEARD, Failed(1_010.0, Stage.WATCH)),
        (LATE, Failed(1_010.0, Stage.WATCH, MAIL)),
        (REFUSED, Failed(1_010.0, Stage.WATCH, MAIL)),
    ],
)
def test_a_stage_that_fails_keeps_a_mail_that_may_still_come(state: State, after: State) -> None:
    assert chain.failed(state, Stage.WATCH, 1_010.0) == after


def test_what_was_heard_was_taken_whatever_the_server_says_of_it() -> None:
    assert chain.failed(HEARD, Stage.SMTP, 1_010.0) is HEARD


@pytest.mark.parametrize(
    ("watched", "found", "after"),
    [
        (True, False, Late(1_120.0, MAIL)),
        (False, False, Failed(1_120.0, Stage.WATCH, MAIL)),
        (True, True, Failed(1_120.0, Stage.DELIVERY, MAIL)),
        (False, True, Failed(1_120.0, Stage.DELIVERY, MAIL)),
    ],
)
def test_a_mail_that_does_not_come_is_looked_for_along_the_chain(watched: bool, found: bool, after: State) -> None:
    assert chain.missed(WAITING, 1_120.0, watched=watched, found=found) == after


def test_a_mail_that_came_in_the_last_moment_is_not_missed() -> None:
    assert chain.missed(HEARD, 1_120.0, watched=True, found=False) is HEARD


@pytest.mark.parametrize("state", [FRESH, WAITING, HEARD])
def test_all_is_well_until_something_fails(state: State) -> None:
    assert chain.trouble(state, 1_100.0, RHYTHM) is None


@pytest.mark.parametrize("stage", Stage)
def test_a_failure_says_where_the_chain_broke(stage: Stage) -> None:
    assert chain.trouble(Failed(1_000.0, stage), 1_001.0, RHYTHM) == stage.sentence


def test_a_late_mail_is_told_in_seconds() -> None:
    assert chain.trouble(LATE, 1_130.0, RHYTHM) == "The canary's mail was not heard of within 120 s."
    assert chain.trouble(SLOW, 1_201.0, RHYTHM) == "The canary's last mail took 200 s; more than 120 s is late."


@pytest.mark.parametrize("state", [FRESH, WAITING, HEARD])
def test_a_canary_that_stopped_is_a_trouble_of_its_own(state: State) -> None:
    """Whatever ended it: nobody is told that all is well by somebody who is not there."""
    assert chain.trouble(state, 1_000.0 + RHYTHM.longest_silence - 20, RHYTHM) is None
    told = chain.trouble(state, 1_010.0 + RHYTHM.longest_silence, RHYTHM)
    assert told is not None
    assert told.startswith("The canary has done nothing for ")


@pytest.mark.parametrize(
    ("state", "failures", "pause"),
    [
        (HEARD, 0, 300),
        (LATE, 0, 300),
        (SLOW, 0, 60),
        (REFUSED, 1, 60),
        (REFUSED, 2, 120),
        (BLIND, 3, 240),
        (BLIND, 4, 300),
        (BLIND, 10_000, 300),
    ],
)
def test_failures_are_tried_again_soon_and_then_less_often(state: State, failures: int, pause: float) -> None:
    assert chain.pause_seconds(state, RHYTHM, failures) == pause


def test_a_rhythm_that_is_quicker_than_the_spacing_is_kept() -> None:
    assert chain.pause_seconds(SLOW, Rhythm(1, 1), 0) == 1
