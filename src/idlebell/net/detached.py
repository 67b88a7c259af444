"""What is left of a connection that idles when it is stripped for parking."""

from __future__ import annotations

from dataclasses import dataclass

from idlebell.imap.terms import Terms
from idlebell.net.deadlines import Deadlines
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_parked import ParkedTls
from idlebell.net.wire_log import WireLog


@dataclass(frozen=True, slots=True)
class ConnectionTerms:
    """What a connection has in common with others of its server."""

    client: Terms
    deadlines: Deadlines
    wire_log: WireLog | None
    arena: SecretArena
    """Where the traffic secrets are kept."""


@dataclass(frozen=True, slots=True)
class Detached:
    """A connection that idles, or has asked to, stripped to its socket and to what cannot be asked for again. ``tags``:
    commands sent; ``debt_bytes``: in the leaky bucket of what the server may say;
    ``moved_bytes``: over the socket so far."""

    descriptor: int
    tls: ParkedTls
    terms: ConnectionTerms
    tags: int
    heard_at: float
    debt_bytes: float
    moved_bytes: int = 0
