from __future__ import annotations

import json
from dataclasses import replace

from idlebell.cost import told
from idlebell.cost.exchange import Exchange, Spent
from idlebell.cost.holding import Held
from idlebell.cost.ways import Habits, ways

USUAL = Habits()


def test_a_terminal_gets_a_line_for_each_way_and_each_break_even():
    lines = list(told.for_terminal(USUAL, 10))
    for way in ways(USUAL):
        assert sum(line.startswith(way.title + " ") and f"{way.bytes_for(10) / 1024:,.1f}" in line for line in lines)
    assert " ".join(lines).count("moves less than") == len(told.break_evens(USUAL)) == 5
    assert max(map(len, lines)) <= 100


def test_what_is_assumed_is_told():
    assert any("every 2 min" in line for line in told.assumptions(USUAL))
    assert any(
        "says nothing by itself" in line for line in told.assumptions(replace(USUAL, server_keepalive_seconds=0))
    )
    assert any("is not counted" in line for line in told.assumptions(replace(USUAL, shared=True)))


def test_what_a_server_does_not_allow_is_not_compared():
    names = {one.few.name for one in told.break_evens(replace(USUAL, poll_seconds=3_600))}
    assert "noop" not in names


def test_programs_get_bytes_and_seconds():
    found = json.loads(json.dumps(told.for_programs(USUAL, 10)))
    idle = found["ways"][0]
    assert idle["name"] == "idle"
    assert idle["bytes_per_day"] == round(idle["bytes_per_day_without_mail"] + 10 * ways(USUAL)[0].bytes_a_mail)
    assert found["ways"][-1]["known_after_seconds"] == {"half": None, "all": None}
    for one in found["break_even"]:
        assert one["cheaper_below"] in one["between"]
        assert (
            (one["cheaper_above"] is None) == (one["mails_per_day"] is None) == (one["seconds_between_mails"] is None)
        )


def test_a_step_that_a_server_cannot_do_is_a_dash():
    table = told.steps_table({"A": {"noop": Exchange(1_000, 500, 2, 2)}, "B": {"resumed": Exchange(1, 1, 1, 1)}})
    assert "| noop | 1,500 (4) | – |\n" in table
    assert "| resumed | – | 2 (2) |\n" in table


def test_an_hour_is_told_for_server_and_gateway():
    table = told.hours_table({"A": (Held("IDLE", Spent(1.25, 0.5)),), "B": (Held("IDLE", Spent(1_000, 2)),)})
    assert table.splitlines()[-1] == "| IDLE | 1.2 | 0.5 | 1,000.0 | 2.0 |"


def test_a_way_that_is_cheaper_always_is_said_to_be():
    table = told.break_even_table([("hardly any", replace(USUAL, keepalive_seconds=60, server_keepalive_seconds=1))])
    assert "mails a day" in table
    free = replace(USUAL, server_keepalive_seconds=0, reconnects_a_day=0, keepalive_seconds=86_400)
    assert "idle is cheaper always" in told.break_even_table([("free", free)])
    assert "always moves less" in told.correction(USUAL, free)
