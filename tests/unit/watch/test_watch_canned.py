"""What a parked session expects to hear, and what it says."""

from __future__ import annotations

import pytest

from idlebell.imap import commands as c
from idlebell.imap.permitted import PERMITTED
from idlebell.imap.state import Phase
from idlebell.watch.canned import Place, Turn, command, is_expected, line, next_turn, phase

PLACE = Place(7, 44)
STATUS = b'* STATUS "INBOX" (MESSAGES 3 UIDNEXT 44 UIDVALIDITY 7)\r\n'


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (Turn.DONE, b"A9 OK Idle completed (0.001 + 0.000 secs).\r\n"),
        (Turn.DONE, b"A9 OK\r\n"),
        (Turn.DONE, b"* OK [HIGHESTMODSEQ 1] Highest\r\nA9 OK Idle completed.\r\n"),
        (Turn.NOOP, b"A9 OK NOOP completed.\r\n"),
        (Turn.NOOP, b"* OK Still here\r\nA9 OK NOOP completed.\r\n"),
        (Turn.STATUS, STATUS + b"A9 OK Status completed.\r\n"),
        (Turn.STATUS, STATUS + b"A9 OK [CLIENTBUG] Status on selected mailbox completed (0.001 + 0.000 secs).\r\n"),
        (Turn.STATUS, b"* STATUS INBOX (UIDNEXT 44 UIDVALIDITY 7)\r\nA9 OK\r\n"),
        (Turn.IDLE, b"+ idling\r\n"),
        (Turn.IDLE, b"+\r\n"),
        (Turn.IDLE, b"+ idling\r\n* OK Still here\r\n"),
    ],
)
def test_the_line_that_is_due_ends_the_turn(turn: Turn, said: bytes) -> None:
    assert is_expected(turn, said, 9, PLACE) is True


@pytest.mark.parametrize("turn", list(Turn))
@pytest.mark.parametrize(
    "said", [b"* OK Still here\r\n", b"* 3 RECENT\r\n", b"* OK Hang in there..\r\n* 0 RECENT\r\n", b""]
)
def test_a_keep_alive_changes_nothing(turn: Turn, said: bytes) -> None:
    assert is_expected(turn, said, 9, PLACE) is False


@pytest.mark.parametrize("turn", list(Turn))
@pytest.mark.parametrize(
    "said",
    [
        b"* 4 EXISTS\r\n",
        b"* OK Still here\r\n* 4 EXISTS\r\n",
        b"* OK [ALERT] Read this.\r\n",
        b"* OK [HIGHESTMODSEQ 1] [ALERT] Read this.\r\n",
        b"* OK [HIGHESTMODSEQ] Highest\r\n",
        b"* OK [UIDVALIDITY 8] Other\r\n",
        b"* BYE Shutting down\r\n",
        b"* 3 EXPUNGE\r\n",
        b"* NO NOTIFY error, some events may have got lost\r\n",
        b"* OK Still he",
        b"* OK one\n* OK two\r\n",
        b"A9 NO not now\r\n",
        b"A9 BAD what?\r\n",
        b"A8 OK late\r\n",
        b"A9 OK [ALERT] Read this.\r\n",
        b"A9 OK done\r\nA9 OK done\r\n",
        b"* 4 EXISTS\r\nA9 OK done\r\n",
        b"A9 OK done\r\n* 4 EXISTS\r\n",
        b"+ idling\r\n* 4 EXISTS\r\n",
        b"\x00",
        b"* OK nul \x00\r\n",
    ],
)
def test_everything_else_wakes(turn: Turn, said: bytes) -> None:
    assert is_expected(turn, said, 9, PLACE) is None


@pytest.mark.parametrize(
    "text", [b"[ALERT] Read this.", b"[CLIENTBUG] [ALERT] Read this.", b"[CLIENTBUG]", b"[INUSE] x"]
)
def test_a_response_code_that_is_news_wakes_at_a_status(text: bytes) -> None:
    assert is_expected(Turn.STATUS, STATUS + b"A9 OK " + text + b"\r\n", 9, PLACE) is None


@pytest.mark.parametrize("turn", [Turn.DONE, Turn.NOOP])
def test_a_client_bug_where_there_is_none_wakes(turn: Turn) -> None:
    assert is_expected(turn, b"A9 OK [CLIENTBUG] Eh?\r\n", 9, PLACE) is None


@pytest.mark.parametrize("turn", [Turn.IDLING, Turn.IDLE, Turn.STATUS])
def test_a_completed_command_that_was_not_due_wakes(turn: Turn) -> None:
    assert is_expected(turn, b"A9 OK done\r\n", 9, PLACE) is None


@pytest.mark.parametrize("turn", [Turn.IDLING, Turn.DONE, Turn.NOOP, Turn.STATUS])
def test_a_continuation_that_was_not_due_wakes(turn: Turn) -> None:
    assert is_expected(turn, b"+ idling\r\n", 9, PLACE) is None


@pytest.mark.parametrize(
    "figures",
    [
        b"MESSAGES 4 UIDNEXT 45 UIDVALIDITY 7",
        b"MESSAGES 3 UIDNEXT 44 UIDVALIDITY 8",
        b"MESSAGES 3 UIDVALIDITY 7",
        b"MESSAGES 3 UIDNEXT 44",
        b"UIDNEXT UIDVALIDITY",
        b"UIDNEXT X UIDVALIDITY 7",
        b"",
    ],
)
def test_a_status_that_tells_of_something_else_than_is_known_wakes(figures: bytes) -> None:
    assert is_expected(Turn.STATUS, b"* STATUS INBOX (" + figures + b")\r\nA9 OK\r\n", 9, PLACE) is None


def test_turns_follow_each_other_round() -> None:
    def walk(*, thorough: bool) -> list[Turn]:
        turns = [Turn.IDLING]
        while len(turns) == 1 or turns[-1] is not Turn.IDLING:
            turns.append(next_turn(turns[-1], thorough=thorough))
        return turns

    assert walk(thorough=False) == [Turn.IDLING, Turn.DONE, Turn.NOOP, Turn.IDLE, Turn.IDLING]
    assert walk(thorough=True) == [Turn.IDLING, Turn.DONE, Turn.STATUS, Turn.IDLE, Turn.IDLING]


def test_each_turn_is_known_to_the_protocol_object_by_its_command_and_phase() -> None:
    assert {turn: (type(command(turn, "INBOX")), phase(turn)) for turn in Turn} == {
        Turn.IDLING: (c.Idle, Phase.IDLING),
        Turn.DONE: (c.Idle, Phase.PENDING),
        Turn.NOOP: (c.Noop, Phase.PENDING),
        Turn.STATUS: (c.Status, Phase.PENDING),
        Turn.IDLE: (c.Idle, Phase.IDLE_REQUESTED),
    }


def test_nothing_is_said_that_is_not_on_the_list_of_permitted_commands() -> None:
    assert {type(command(turn, "INBOX")) for turn in Turn} <= PERMITTED


def test_lines_are_spelled_as_the_protocol_object_spells_them() -> None:
    said = [line(turn, "Entwürfe", 12, utf8=False) for turn in (Turn.DONE, Turn.NOOP, Turn.STATUS, Turn.IDLE)]

    assert said == [
        b"DONE\r\n",
        b"A12 NOOP\r\n",
        b'A12 STATUS "Entw&APw-rfe" (MESSAGES UIDNEXT UIDVALIDITY)\r\n',
        b"A12 IDLE\r\n",
    ]


@pytest.mark.parametrize("name", ["\x7f", "a\tb", 'say "ä"', "\\", "\U0001f514"])
@pytest.mark.parametrize("utf8", [False, True])
def test_no_name_takes_a_literal(name: str, utf8: bool) -> None:
    assert line(Turn.STATUS, name, 1, utf8=utf8).count(b"\r\n") == 1
