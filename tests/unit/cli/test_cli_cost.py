"""``idlebell cost``: what it takes and what it prints."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

from idlebell.cli import main


def run(*words):
    return CliRunner().invoke(main, ["cost", *words], prog_name="idlebell")


def of(*words):
    found = run("--json", *words)
    assert found.exit_code == 0
    return {way["name"]: way for way in json.loads(found.output)["ways"]}


def test_it_prints_a_table_and_where_ways_break_even():
    found = run("--mails-per-day", "10", "--keepalive", "15m")
    assert found.exit_code == 0
    assert found.output.startswith("10 mails a day\n")
    assert "IDLE, begun anew every 15 min" in found.output
    assert "moves less than" in found.output


def test_more_mails_cost_more_and_a_longer_keepalive_less():
    assert of("--mails-per-day", "20")["push"]["bytes_per_day"] > of()["push"]["bytes_per_day"]
    assert of("--keepalive", "29m")["idle"]["wake_ups_per_day"] < of()["idle"]["wake_ups_per_day"]


def test_dovecot_speaks_every_two_minutes_unless_told_otherwise_and_others_do_not():
    dovecot = of("--mails-per-day", "0")["idle"]["wake_ups_per_day"]
    assert dovecot == 720 + 96 + 4
    assert of("--mails-per-day", "0", "--server-keepalive", "0s")["idle"]["wake_ups_per_day"] == 100
    assert of("--mails-per-day", "0", "--server", "cyrus")["idle"]["wake_ups_per_day"] == 100


@pytest.mark.parametrize("picture", ["bytes", "wake-ups"])
def test_it_draws(picture):
    assert ET.fromstring(run("--picture", picture, "--mails-per-day", "2.5").output).tag.endswith("svg")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--keepalive", "quarter"), "such are 90s, 15m and 1h"),
        (("--keepalive", "30m"), "is not from 60 to 1740 seconds"),
        (("--poll", "1s"), "is not from 60 to 86400 seconds"),
        (("--mails-per-day", "-1"), "range"),
        (("--server", "exchange"), "dovecot"),
    ],
)
def test_what_cannot_be_is_refused_in_words(words, told):
    found = run(*words)
    assert found.exit_code == 2
    assert told in found.output
