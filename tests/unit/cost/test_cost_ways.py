"""A day is reckoned from steps that were measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idlebell.cost import measured
from idlebell.cost.exchange import Exchange
from idlebell.cost.ways import SMS_OCTETS, Habits, by_name, spelled, ways

USUAL = Habits()
STEPS = measured.IMAP["dovecot"]


def test_exchanges_add_and_subtract_by_direction():
    one, other = Exchange(100, 200, 1, 2), Exchange(10, 20, 1, 1)
    assert one + other == Exchange(110, 220, 2, 3)
    assert (one + other) - other == one
    assert (one.total_bytes, one.packets) == (300, 3)


def test_idle_pays_for_restarts_for_the_servers_words_and_for_each_new_network():
    idle = by_name(USUAL)["idle"]
    restarts, words = 86_400 / 900, 86_400 / 120
    assert idle.bytes_a_day == (
        restarts * STEPS["idle"].total_bytes + words * STEPS["keep-alive"].total_bytes + 4 * STEPS["fresh"].total_bytes
    )
    assert idle.wakes_a_day == restarts + words + 4
    assert idle.bytes_a_mail == STEPS["mail in IDLE"].total_bytes
    assert idle.wakes_for(10) == idle.wakes_a_day + 10


def test_a_server_that_says_nothing_by_itself_lets_the_phone_sleep():
    quiet = by_name(replace(USUAL, server_keepalive_seconds=0))["idle"]
    assert quiet.wakes_a_day == 96 + 4
    assert quiet.bytes_a_day < by_name(USUAL)["idle"].bytes_a_day


def test_a_server_that_was_not_heard_to_speak_is_reckoned_with_dovecots_words():
    silent, speaking = (Habits("cyrus", server_keepalive_seconds=seconds) for seconds in (0, 120))
    more = by_name(speaking)["idle"].bytes_a_day - by_name(silent)["idle"].bytes_a_day
    assert more == pytest.approx(720 * STEPS["keep-alive"].total_bytes)


def test_a_poll_that_finds_a_mail_wakes_no_phone_anew_and_is_late_by_half_the_interval():
    noop = by_name(USUAL)["noop"]
    assert noop.wakes_for(50) == noop.wakes_for(0) == 96 + 4
    assert (noop.half_seconds, noop.most_seconds) == (450, 900)
    assert noop.bytes_for(2) == noop.bytes_a_day + 2 * STEPS["fetch"].total_bytes


def test_a_login_each_time_pays_for_connection_and_leave():
    found = by_name(USUAL)
    assert found["login fresh"].bytes_a_day == 96 * (STEPS["fresh"] + STEPS["logout"]).total_bytes
    assert found["login resumed"].bytes_a_day < found["login fresh"].bytes_a_day


def test_no_connection_is_held_by_polls_that_are_further_apart_than_a_server_waits():
    assert "noop" not in by_name(replace(USUAL, poll_seconds=1_800))
    assert "noop" in by_name(replace(USUAL, poll_seconds=1_799))


def test_where_no_session_was_ever_resumed_none_is_reckoned_with():
    assert "resumed" not in measured.IMAP["courier"]
    found = by_name(Habits("courier"))
    assert "login resumed" not in found
    steps = measured.IMAP["courier"]
    whole = measured.PUSH["Web Push, alert"] + steps["fresh"] + steps["fetch"] + steps["logout"]
    assert found["push and fetch"].bytes_a_mail == whole.total_bytes


def test_push_pays_for_its_connection_unless_other_apps_do():
    own, shared = (by_name(replace(USUAL, shared=shared))["push"] for shared in (False, True))
    assert own.bytes_a_day == (
        48 * measured.PUSH["push ping"].total_bytes + 4 * measured.PUSH["push connection"].total_bytes
    )
    assert (shared.bytes_a_day, shared.wakes_a_day) == (0, 0)
    assert own.bytes_a_mail == shared.bytes_a_mail == measured.PUSH["Web Push, summary"].total_bytes


def test_a_short_message_costs_nothing_where_none_comes():
    sms = by_name(USUAL)["sms"]
    assert (sms.bytes_for(0), sms.bytes_for(10)) == (0, 10 * SMS_OCTETS)


def test_a_delay_is_told_by_its_half_and_its_end_and_not_where_it_was_not_measured():
    found = by_name(USUAL)
    assert found["noop"].known_after == "7.5 min, 15 min at most"
    assert found["idle"].known_after == spelled(measured.EXISTS_SECONDS["dovecot"])
    assert found["sms"].known_after == "not measured"


def test_ways_are_told_in_one_order():
    assert [way.name for way in ways(USUAL)] == [
        "idle", "noop", "login fresh", "login resumed", "push", "push and fetch", "sms",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "0.5 s"), (45, "45 s"), (60, "1 min"), (90, "90 s"), (450, "7.5 min"), (900, "15 min"), (3_600, "1 h"),
        (2_520, "42 min"), (23_800, "6.6 h"), (86_400, "1 day"), (172_800, "2 days"),
    ],
)  # fmt: skip
def test_a_time_is_spelled_as_one_says_it(seconds, words):
    assert spelled(seconds) == words
