"""Every deadline and bound of one IMAP connection, in one place. Those of the protocol are in ``imap.limits``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Deadlines:
    """All in seconds. Each is for the whole of a thing, not for one read: a server that sends a byte every ten seconds
    gains nothing by it."""

    connect_seconds: float = 10.0
    """Name resolution and TCP, all addresses together."""

    tls_seconds: float = 15.0
    """The handshake."""

    greeting_seconds: float = 30.0
    """Some servers accept and never greet (Courier above its process limit); others look up the client's name first."""

    command_seconds: float = 60.0
    """A command, from its first byte to its tagged response."""

    idle_ack_seconds: float = 30.0
    """From IDLE to ``+``, and from DONE to the tagged response. The second one tells a dead server from a quiet one."""

    logout_seconds: float = 5.0
    """LOGOUT is a courtesy."""


DEFAULT_DEADLINES: Final = Deadlines()

READ_BYTES: Final = 16_384
"""Taken from a channel at once. A TLS record holds no more (RFC 8446 section 5.1)."""

REPLY_BYTES: Final = 8_388_608
"""What a server may send before one tagged response. 5,000 header blocks of 1.5 KiB stay under it."""

AVERAGE_BYTES_PER_SECOND: Final = 65_536
BURST_BYTES: Final = 2 * REPLY_BYTES
"""What a server may say over the life of a session, a leaky bucket: a burst, and from then on so much a second. A mailbox
that gets 20 mails a second stays under half of it; a server that floods us while we idle is left."""

RESPONSE_BYTES: Final = 96
"""Added for each response: short lines cost more to read than their bytes. 100,000 messages expunged at once are a burst."""

CHALLENGES: Final = 16
"""SASL messages in one exchange. SCRAM has two."""


def drained(debt_bytes: float, seconds: float) -> float:
    """What is left of ``debt_bytes`` in the leaky bucket after ``seconds``."""
    return max(0.0, debt_bytes - seconds * AVERAGE_BYTES_PER_SECOND)
