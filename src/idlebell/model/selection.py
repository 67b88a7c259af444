"""Mailboxes that a subscription names by what they are instead of by name (RFC 5465 section 6): which they are is found by
LIST, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Personal:
    """Every selectable mailbox of the personal namespace, but those where mail is not read: junk, bin, drafts, sent, all."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Those that the user has subscribed to (LSUB)."""


@dataclass(frozen=True, slots=True)
class Subtree:
    """``root`` and all below it. The name stays as the app gave it, also when the mailbox has another one by now."""

    root: str


Selection: TypeAlias = Personal | Subscribed | Subtree
