"""The one table of what may be sent when, and where it leads (RFC 9051 section 3). Both halves walk it; so do the docs.

Two things have a state. A *connection* has a :class:`State`, which only greetings, tagged responses and BYE change. The
*exchange* on it has a :class:`Phase`: nothing in flight, a tagged response due, a literal held back, idling, a SASL
message due. There are no flags beside them: what is not in a table here is not allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from idlebell.imap import commands as c
from idlebell.imap.responses import Condition


class State(Enum):
    """RFC 9051 section 3, with the moment before the greeting."""

    __hash__ = object.__hash__  # each line that comes or goes looks into a table; Enum's own hash is written in Python

    GREETING = "greeting expected"
    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


class Phase(Enum):
    """Whose turn it is between two commands. At most one command is in flight, so one phase is enough."""

    __hash__ = object.__hash__

    READY = "ready"
    PENDING = "tagged response due"
    LITERAL = "rest of the command waits for +"
    IDLE_REQUESTED = "+ of IDLE due"
    IDLING = "idling"
    SASL_INITIAL = "initial response waits for +"
    SASL_PENDING = "server's SASL message due"
    CHALLENGED = "client's SASL message due"
    TLS_DUE = "TLS handshake due"
    OVER = "over"


class Move(Enum):
    """What takes an exchange from one phase to the next."""

    __hash__ = object.__hash__

    CONTINUED = "+"
    SENT = "last part sent"
    DONE = "DONE"
    RESPONDED = "SASL message"
    CANCELLED = "*"
    COMPLETED = "tagged response"
    TLS_AGREED = "tagged OK of STARTTLS"
    SECURED = "handshake done"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a command leads. ``refused`` is for NO and BAD alike."""

    ok: State
    refused: State


_NOT_AUTHENTICATED = (State.NOT_AUTHENTICATED,)
_AUTHENTICATED = (State.AUTHENTICATED,)
_SELECTED = (State.SELECTED,)
_LOGGED_IN = (State.AUTHENTICATED, State.SELECTED)
_ANY = (State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED)

# Command, states it is valid in, state after OK, state after NO or BAD. None: the state it was sent in.
_ROWS: tuple[tuple[type[c.Command], tuple[State, ...], State | None, State | None], ...] = (
    (c.Capability, _ANY, None, None),  # RFC 9051 section 6.1
    (c.Noop, _ANY, None, None),
    (c.Logout, _ANY, State.LOGOUT, None),
    (c.Id, _ANY, None, None),  # RFC 2971 section 3.1: any state
    (c.UnknownCommand, _ANY, None, None),  # the server half answers BAD
    (c.StartTls, _NOT_AUTHENTICATED, None, None),  # RFC 9051 section 6.2.1
    (c.Authenticate, _NOT_AUTHENTICATED, State.AUTHENTICATED, None),
    (c.Login, _NOT_AUTHENTICATED, State.AUTHENTICATED, None),
    (c.Enable, _AUTHENTICATED, None, None),  # RFC 5161 section 3.1: before any mailbox is selected
    (c.Namespace, _LOGGED_IN, None, None),
    (c.List, _LOGGED_IN, None, None),
    (c.Lsub, _LOGGED_IN, None, None),
    (c.Status, _LOGGED_IN, None, None),
    (c.Idle, _LOGGED_IN, None, None),  # RFC 9051 section 6.3.13
    (c.Notify, _LOGGED_IN, None, None),  # RFC 5465 section 3.1
    # RFC 9051 section 6.3.2: the open mailbox is closed before the new one is tried, so a refusal leaves none open.
    (c.Examine, _LOGGED_IN, State.SELECTED, State.AUTHENTICATED),
    (c.Select, _LOGGED_IN, State.SELECTED, State.AUTHENTICATED),
    (c.Unselect, _SELECTED, State.AUTHENTICATED, None),  # RFC 3691
    (c.UidFetch, _SELECTED, None, None),
    (c.UidSearch, _SELECTED, None, None),
)

TABLE: Mapping[tuple[State, type[c.Command]], Outcome] = MappingProxyType(
    {
        (state, command): Outcome(ok or state, refused or state)
        for command, states, ok, refused in _ROWS
        for state in states
    }
)
"""Which command is valid in which state, and where its outcomes lead."""

GREETINGS: Mapping[Condition, State] = MappingProxyType(
    {
        Condition.OK: State.NOT_AUTHENTICATED,
        Condition.PREAUTH: State.AUTHENTICATED,
        Condition.BYE: State.LOGOUT,
    }
)
"""RFC 9051 section 7.1: the three greetings. BYE leads to :attr:`State.LOGOUT` from everywhere else too."""

FIRST_PHASE: Mapping[type[c.Command], Phase] = MappingProxyType(
    {c.Idle: Phase.IDLE_REQUESTED, c.Authenticate: Phase.SASL_PENDING}
)
"""The phase after a command is sent whole; :attr:`Phase.PENDING` for all that are not named."""

_IN_FLIGHT = (
    Phase.PENDING,
    Phase.LITERAL,  # a server may refuse before it has seen the literal
    Phase.IDLE_REQUESTED,
    Phase.IDLING,  # some servers end IDLE by themselves
    Phase.SASL_INITIAL,
    Phase.SASL_PENDING,
    Phase.CHALLENGED,
)

EXCHANGE: Mapping[tuple[Phase, Move], Phase] = MappingProxyType(
    {
        (Phase.LITERAL, Move.CONTINUED): Phase.LITERAL,
        (Phase.LITERAL, Move.SENT): Phase.PENDING,
        (Phase.IDLE_REQUESTED, Move.CONTINUED): Phase.IDLING,
        (Phase.IDLING, Move.DONE): Phase.PENDING,
        (Phase.SASL_INITIAL, Move.CONTINUED): Phase.SASL_PENDING,
        (Phase.SASL_PENDING, Move.CONTINUED): Phase.CHALLENGED,
        (Phase.CHALLENGED, Move.RESPONDED): Phase.SASL_PENDING,
        (Phase.CHALLENGED, Move.CANCELLED): Phase.PENDING,
        (Phase.PENDING, Move.TLS_AGREED): Phase.TLS_DUE,
        (Phase.TLS_DUE, Move.SECURED): Phase.READY,
        **{(phase, Move.COMPLETED): Phase.READY for phase in _IN_FLIGHT},
    }
)
"""What may happen in which phase. A missing entry is an error of whoever made the move."""


def outcome(state: State, command: type[c.Command]) -> Outcome | None:
    """Where ``command`` leads from ``state``; None where it is not valid there."""
    return TABLE.get((state, command))


def first_phase(command: type[c.Command]) -> Phase:
    """The phase once ``command`` is on the wire as a whole."""
    return FIRST_PHASE.get(command, Phase.PENDING)


def spell_table() -> str:
    """The table for the manual: one line a state and command."""
    rows = [("state", "command", "OK", "NO, BAD")]
    rows += [
        (state.value, _spell(command), result.ok.value, result.refused.value)
        for (state, command), result in sorted(TABLE.items(), key=lambda item: _order(item[0]))
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], ("---",) * 4, *rows[1:]])


def spell_diagram() -> str:
    """The same as a Mermaid state diagram; commands that change nothing are left out."""
    edges: dict[tuple[State, State], list[str]] = {}
    for (state, command), result in TABLE.items():
        if result.ok is not state:
            edges.setdefault((state, result.ok), []).append(_spell(command))
        if result.refused is not state:
            edges.setdefault((state, result.refused), []).append(f"{_spell(command)} refused")
    lines = ["stateDiagram-v2", f"  [*] --> {State.GREETING.name}"]
    lines += [f"  {State.GREETING.name} --> {to.name}: {condition}" for condition, to in GREETINGS.items()]
    lines += [f"  {one.name} --> {two.name}: {', '.join(labels)}" for (one, two), labels in edges.items()]
    lines += [f"  {state.name} --> {State.LOGOUT.name}: BYE" for state in _ANY]
    return "\n".join([*lines, f"  {State.LOGOUT.name} --> [*]"])


def spell_exchange() -> str:
    """The phases of one exchange as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"  [*] --> {Phase.READY.name}"]
    lines += [
        f"  {Phase.READY.name} --> {phase.name}: {label}"
        for phase, label in (
            (Phase.PENDING, "a command"),
            (Phase.LITERAL, "a command with a literal"),
            (Phase.IDLE_REQUESTED, "IDLE"),
            (Phase.SASL_PENDING, "AUTHENTICATE"),
            (Phase.SASL_INITIAL, "AUTHENTICATE without SASL-IR"),
        )
    ]
    lines += [f"  {one.name} --> {two.name}: {move.value}" for (one, move), two in EXCHANGE.items()]
    return "\n".join([*lines, f"  {Phase.OVER.name} --> [*]"])


def _order(key: tuple[State, type[c.Command]]) -> tuple[int, str]:
    state, command = key
    return list(State).index(state), command.__name__


def _spell(command: type[c.Command]) -> str:
    return c.name_of(command)
