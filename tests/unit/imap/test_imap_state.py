"""The table of states and the table of phases."""

from typing import get_args

import pytest

from idlebell.imap import commands as c
from idlebell.imap.responses import Condition
from idlebell.imap.state import (
    EXCHANGE,
    GREETINGS,
    TABLE,
    Move,
    Outcome,
    Phase,
    State,
    first_phase,
    outcome,
    spell_diagram,
    spell_exchange,
    spell_table,
)

ALL = get_args(c.Command)


@pytest.mark.parametrize("command", ALL)
def test_every_command_has_its_row_and_its_name(command: type[c.Command]) -> None:
    assert any(known is command for _, known in TABLE)
    assert c.name_of(command)


@pytest.mark.parametrize("command", ALL)
def test_nothing_can_be_sent_before_the_greeting_or_after_logout(command: type[c.Command]) -> None:
    assert outcome(State.GREETING, command) is None
    assert outcome(State.LOGOUT, command) is None


def test_only_a_login_leads_from_not_authenticated_to_authenticated() -> None:
    assert {
        command
        for (state, command), result in TABLE.items()
        if state is State.NOT_AUTHENTICATED and result.ok is State.AUTHENTICATED
    } == {c.Login, c.Authenticate}


def test_a_refused_login_changes_nothing() -> None:
    assert outcome(State.NOT_AUTHENTICATED, c.Login) == Outcome(State.AUTHENTICATED, State.NOT_AUTHENTICATED)


def test_a_refused_examine_leaves_no_mailbox_open() -> None:
    """RFC 9051 section 6.3.2: the open one is closed first."""
    assert outcome(State.SELECTED, c.Examine) == Outcome(State.SELECTED, State.AUTHENTICATED)


def test_mailbox_commands_need_a_mailbox() -> None:
    for command in (c.UidFetch, c.UidSearch, c.Unselect):
        assert outcome(State.AUTHENTICATED, command) is None
        assert outcome(State.SELECTED, command) is not None


def test_notify_is_for_the_logged_in() -> None:
    """RFC 5465 section 3.1."""
    assert [state for state, command in TABLE if command is c.Notify] == [State.AUTHENTICATED, State.SELECTED]
    assert outcome(State.SELECTED, c.Notify) == Outcome(State.SELECTED, State.SELECTED)


def test_starttls_is_for_the_not_authenticated_only() -> None:
    """RFC 9051 section 6.2.1."""
    assert [state for state, command in TABLE if command is c.StartTls] == [State.NOT_AUTHENTICATED]


def test_enable_comes_before_any_mailbox() -> None:
    """RFC 5161 section 3.1."""
    assert [state for state, command in TABLE if command is c.Enable] == [State.AUTHENTICATED]


def test_the_three_greetings() -> None:
    assert GREETINGS == {
        Condition.OK: State.NOT_AUTHENTICATED,
        Condition.PREAUTH: State.AUTHENTICATED,
        Condition.BYE: State.LOGOUT,
    }


def test_done_ends_idling_and_nothing_else() -> None:
    """RFC 2177: not before the +, not twice."""
    assert [phase for phase, move in EXCHANGE if move is Move.DONE] == [Phase.IDLING]


def test_a_tagged_response_ends_every_phase_in_flight() -> None:
    ended = {phase for phase, move in EXCHANGE if move is Move.COMPLETED}
    assert set(Phase) - ended == {Phase.READY, Phase.TLS_DUE, Phase.OVER}


def test_nothing_leads_out_of_over() -> None:
    assert not [phase for phase, _ in EXCHANGE if phase is Phase.OVER]


def test_idle_and_authenticate_begin_in_phases_of_their_own() -> None:
    assert first_phase(c.Idle) is Phase.IDLE_REQUESTED
    assert first_phase(c.Authenticate) is Phase.SASL_PENDING
    assert first_phase(c.Noop) is Phase.PENDING


def test_the_table_is_printed_with_a_line_for_each_entry() -> None:
    lines = spell_table().splitlines()
    assert lines[0] == "| state | command | OK | NO, BAD |"
    assert len(lines) == 2 + len(TABLE)
    assert "| selected | EXAMINE | selected | authenticated |" in lines


def test_the_diagram_has_every_change_of_state() -> None:
    lines = spell_diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert "  GREETING --> AUTHENTICATED: PREAUTH" in lines
    assert "  NOT_AUTHENTICATED --> AUTHENTICATED: AUTHENTICATE, LOGIN" in lines
    assert "  SELECTED --> AUTHENTICATED: EXAMINE refused, SELECT refused, UNSELECT" in lines
    assert "  SELECTED --> LOGOUT: BYE" in lines


def test_the_diagram_of_an_exchange_has_every_move() -> None:
    lines = spell_exchange().splitlines()
    assert "  IDLE_REQUESTED --> IDLING: +" in lines
    assert len(lines) == 2 + 5 + len(EXCHANGE) + 1
