"""How many descriptors the process may have, and what they are kept for: one session is one descriptor, and a process without a
free one can neither accept a request, nor push, nor look up a name."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Final

WANTED: Final = 1_048_576
"""Asked for; the hard limit decides."""
OWN: Final = 40
"""Database and its journals, event loop, log, listening sockets, the name servers' sockets, files of certificates."""
RESERVE_LEAST: Final = 72
RESERVE_MOST: Final = 4_096
RESERVED: Final = 0.25
"""Part of the limit that is not for sessions, between those two."""
CLIENTS_MOST: Final = 2_000
"""Requests to us; nothing is gained by more at once."""
PUSHES_MOST: Final = 512


@dataclass(frozen=True, slots=True)
class Descriptors:
    """``limit``: what the process may have. The rest is how they are shared out."""

    limit: int

    @property
    def reserve(self) -> int:
        return min(self.limit, RESERVE_MOST, max(RESERVE_LEAST, int(self.limit * RESERVED)))

    @property
    def sessions(self) -> int:
        """IMAP sessions that can be held. Logins that only prove something have what is left of the reserve."""
        return self.limit - self.reserve

    @property
    def clients(self) -> int:
        """Connections to our own port."""
        return max(1, min(CLIENTS_MOST, (self.reserve - OWN) // 2))

    @property
    def pushes(self) -> int:
        """Connections to push services."""
        return max(1, min(PUSHES_MOST, (self.reserve - OWN) // 4))

    def __str__(self) -> str:
        return f"descriptors: {self.limit}, so up to {self.sessions} IMAP sessions can be held"


def descriptors() -> Descriptors:
    """As the limit of the process stands now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Descriptors(WANTED if soft == resource.RLIM_INFINITY else soft)


def raise_limit() -> str:
    """As many as we may have; what became of it. Raises nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:
            return f"descriptors stay at {soft}: {error}"
    return str(descriptors())
