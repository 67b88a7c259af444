"""Whose turn it is between a client and its relay. Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class Turn(Enum):
    """Whose turn it is on the client's side."""

    OPENING = auto()
    """A command is awaited."""
    PASSING = auto()
    """One that is passed on is under way."""
    AWAITING = auto()
    """It has announced a literal and waits for the upstream's ``+``."""
    CLAIMED = auto()
    """One of ours was opened, and others before it are not answered yet."""
    COLLECTING = auto()
    """One of ours is under way."""
    ANSWERING = auto()
    """It is being answered."""
    CONVERSING = auto()
    """... and a line of the client is awaited for that."""
    LEFT = auto()
    """It took leave: what else it has sent is nobody's."""


WAITS: Final = frozenset({Turn.AWAITING, Turn.CLAIMED, Turn.ANSWERING, Turn.LEFT})
"""What the client sends meanwhile is left where it is."""
