"""A connection that was parked, as one again."""

from __future__ import annotations

import socket

from idlebell.imap.client import Client
from idlebell.imap.commands import Command
from idlebell.imap.state import Phase
from idlebell.model.account import ImapTarget
from idlebell.net.clock import Clock
from idlebell.net.detached import Detached
from idlebell.net.errors import ConnectionLost
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.record_channel import RecordChannel
from idlebell.net.wheel import Wheel
from idlebell.net.wire import Wire


def resume_connection(
    target: ImapTarget,
    detached: Detached,
    command: Command,
    phase: Phase,
    said: bytes,
    fault: ConnectionLost | None = None,
    *,
    clock: Clock,
    wheel: Wheel | None = None,
) -> ImapConnection:
    """Goes on where the dialogue stands: ``command`` is in flight, in ``phase``, ``said`` is what came and was not understood,
    and ``fault`` what has ended the connection."""
    terms = detached.terms
    wire = Wire(socket.socket(fileno=detached.descriptor), wheel)
    wire.moved_bytes = detached.moved_bytes
    return ImapConnection(
        target,
        RecordChannel(wire, detached.tls, said),
        Client.resumed(terms.client, detached.tags, command, phase),
        clock=clock,
        deadlines=terms.deadlines,
        wire_log=terms.wire_log,
        heard_at=detached.heard_at,
        debt_bytes=detached.debt_bytes,
        fault=fault,
    )
