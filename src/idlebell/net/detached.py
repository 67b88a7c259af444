"""What is left of a connection that is stripped: for parking, or to be handed over to another process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from idlebell.imap.terms import Terms
from idlebell.net.deadlines import Deadlines
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_parked import ParkedTls
from idlebell.net.wire_log import WireLog

if TYPE_CHECKING:
    from idlebell.net.tls_engine import Channel


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


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A connection that may be given a command, taken apart. The rest is as in :class:`Detached`."""

    channel: Channel
    terms: Terms
    tags: int
    heard_at: float
    debt_bytes: float
