from __future__ import annotations

import pytest

from idlebell.cost.break_even import break_even
from idlebell.cost.ways import Habits, Way, by_name


def way(name: str, a_day: float, a_mail: float) -> Way:
    return Way(name, name, a_day, a_mail, 0, 0, 0, 0)


def test_two_ways_cost_the_same_where_they_break_even():
    push, idle = way("push", 100, 10), way("idle", 200, 5)
    found = break_even(idle, push)
    assert (found.few, found.many) == (push, idle)
    assert found.mails_a_day == 20
    assert push.bytes_for(20) == idle.bytes_for(20)
    assert found.seconds_between_mails == 4_320


def test_what_costs_less_a_day_and_less_a_mail_is_cheaper_always():
    found = break_even(way("dear", 200, 10), way("cheap", 100, 5))
    assert found.few.name == "cheap"
    assert found.mails_a_day is None
    assert found.seconds_between_mails is None


def test_of_two_that_begin_alike_the_one_that_costs_less_a_mail_is_cheaper_always():
    assert break_even(way("dear", 0, 10), way("cheap", 0, 5)).few.name == "cheap"
    assert break_even(way("dear", 0, 10), way("cheap", 0, 5)).mails_a_day is None


@pytest.mark.parametrize("server", ["dovecot", "cyrus", "courier"])
def test_push_and_idle_break_even_within_hours_on_every_server(server):
    """Two days have been published."""
    found = by_name(Habits(server, keepalive_seconds=1_740, server_keepalive_seconds=0))
    between = break_even(found["push and fetch"], found["idle"]).seconds_between_mails
    assert between is not None
    assert between < 86_400
