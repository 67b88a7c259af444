"""The shape of an operation: what a route takes, gives and may refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain"
EVENTS = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Operation:
    """``answers``: status to description and name of a schema. ``body``: name of a schema."""

    method: str
    path: str
    name: str
    tag: str
    summary: str
    answers: Mapping[int, tuple[str, str | None]]
    description: str = ""
    body: str | None = None
    body_types: tuple[str, ...] = (JSON,)
    problems: tuple[str, ...] = ()
    security: tuple[str, ...] = ()
    """Any one of these is enough. ``-``: none is needed where registration is open."""
    answer_type: str = JSON
    parameters: tuple[str, ...] = field(default=())


TOKEN, KEY, OPEN, BASIC, INVITATION = "token", "api_key", "-", "basic", "invitation"
SOURCE, SIGNATURE = "source", "signature"
