"""What the conditions of a filter ask of a message. Every question has an answer, whatever the message is."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from idlebell.rules.evidence import Evidence
from idlebell.rules.search_text import Sought, stands_in

TEXT_HEADERS: Final = ("from", "to", "cc", "bcc", "subject")
"""RFC 8621 section 4.4.1, ``text``."""


def has_word(name: str, token: str, evidence: Evidence) -> bool:
    """``token`` stands in a header field of that name."""
    return token in evidence.folded_header(name)


def has_words(name: str, tokens: tuple[Sought, ...], evidence: Evidence) -> bool:
    """As :func:`has_word`, of them all."""
    value = evidence.folded_header(name)
    return all(stands_in(token, value) for token in tokens)


def contains_in_text(tokens: tuple[Sought, ...], evidence: Evidence) -> bool:
    text = evidence.folded_text()
    return all(stands_in(token, text) for token in tokens)


def contains_anywhere(tokens: tuple[Sought, ...], evidence: Evidence) -> bool:
    """In a header field that a reader sees or in the text, which is asked for only where it must be."""
    told = [evidence.folded_header(name) for name in TEXT_HEADERS]
    rest = [token for token in tokens if not any(stands_in(token, value) for value in told)]
    return not rest or contains_in_text(tuple(rest), evidence)


def is_there(name: str, evidence: Evidence) -> bool:
    return bool(evidence.raw_header(name))


def has_keyword(keyword: str, wanted: bool, evidence: Evidence) -> bool:
    return (keyword in evidence.keywords) is wanted


def is_at_least(size: int, evidence: Evidence) -> bool:
    return evidence.size >= size


def is_under(size: int, evidence: Evidence) -> bool:
    return evidence.size < size


def came_before(date: datetime, evidence: Evidence) -> bool:
    """What has no date came neither before nor since."""
    return evidence.received_at is not None and evidence.received_at < date


def came_since(date: datetime, evidence: Evidence) -> bool:
    return evidence.received_at is not None and evidence.received_at >= date


def has_attachment(wanted: bool, evidence: Evidence) -> bool:
    return evidence.has_attachment is wanted


def is_in(mailboxes: frozenset[str], wanted: bool, evidence: Evidence) -> bool:
    return (evidence.mailbox in mailboxes) is wanted


def is_bulk(wanted: bool, evidence: Evidence) -> bool:
    return evidence.is_bulk is wanted
