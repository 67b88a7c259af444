"""What many clients of one server have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idlebell.imap.limits import Limits
from idlebell.imap.state import State


@dataclass(frozen=True, slots=True)
class Terms:
    """What a client has agreed with its server, told apart from where it stands: equal for all clients of one server, so that
    many which wait can hold one."""

    limits: Limits
    tls: bool
    permitted: frozenset[type]
    allow_plaintext_login: bool
    share: Callable[[frozenset[str]], frozenset[str]] | None
    state: State
    capabilities: frozenset[str]
    enabled: frozenset[str]
