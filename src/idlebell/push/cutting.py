"""Which messages, and how much of each, fit a body: the newest first, and their texts fairly.

Sizes are those of the JSON that is sent, which ``size`` tells, so that no character and no escape is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from idlebell.model.message import MessageSummary

Size: TypeAlias = Callable[[MessageSummary], int]
"""Bytes of a message as it stands in a body."""

TEXTS_SHARE: Final = 3
"""One byte in so many is kept for texts, if there are any: senders and subjects of many do not crowd out what was asked for."""
COMMA: Final = 1


def fitting(messages: Sequence[MessageSummary], room: int, size: Size) -> tuple[MessageSummary, ...]:
    """In at most ``room`` bytes, commas between them included. Newest last, as they are given."""
    bare = [replace(one, text="", preview=None, truncated=True) if one.text else one for one in messages]
    reserved = room // TEXTS_SHARE if any(one.text for one in messages) else 0
    first = len(messages)
    while first and (taken := size(bare[first - 1])) <= room - reserved:
        first -= 1
        room -= taken + COMMA
    if first == len(messages):
        return _cut(replace(messages[-1], text=None), room, size) if messages else ()
    room, kept = _with_texts(messages[first:], bare[first:], room, size)
    # What the texts have left is for those that are older.
    while first and (taken := size(older := _without_text(messages[first - 1]))) <= room:
        first -= 1
        room -= taken + COMMA
        kept.insert(0, older)
    return (*(_cut(_without_text(messages[first - 1]), room, size) if first else ()), *kept)


def _without_text(message: MessageSummary) -> MessageSummary:
    return replace(message, text=None, truncated=True) if message.text else message


def _with_texts(
    messages: Sequence[MessageSummary], bare: Sequence[MessageSummary], room: int, size: Size
) -> tuple[int, list[MessageSummary]]:
    """``bare`` with as much of their texts as ``room`` takes, and what is left of it: those that want least are served first,
    each gets at most an even share of what is left."""
    kept = list(bare)
    # Each character takes a byte at least, so that more of it is of no use.
    wanted = [replace(one, preview=None, text=one.text[: room + 1] if one.text else one.text) for one in messages]
    wants = {at: size(wanted[at]) - size(bare[at]) for at, one in enumerate(messages) if one.text}
    for served, at in enumerate(sorted(wants, key=lambda one: (wants[one], -one))):
        share = room // (len(wants) - served)
        if wants[at] <= share and wanted[at].text == messages[at].text:
            kept[at] = wanted[at]
        else:
            kept[at] = _with_beginning(bare[at], messages[at].text or "", size(bare[at]) + share, size)
        room -= size(kept[at]) - size(bare[at])
    return room, kept


def _with_beginning(bare: MessageSummary, text: str, room: int, size: Size) -> MessageSummary:
    length = _longest(min(len(text), max(room, 0)), lambda count: size(replace(bare, text=text[:count])) <= room)
    return replace(bare, text=text[:length] or None)


def _cut(message: MessageSummary, room: int, size: Size) -> tuple[MessageSummary, ...]:
    """The message with as much of its preview as fits, or else as much of its subject; none where neither helps."""
    preview, subject = message.preview or "", message.subject or ""
    bare = replace(message, preview=None, truncated=True)
    if size(bare) <= room:
        length = _longest(len(preview), lambda count: size(replace(bare, preview=preview[:count])) <= room)
        return (replace(bare, preview=preview[:length] or None),)
    length = _longest(len(subject), lambda count: size(replace(bare, subject=subject[:count])) <= room)
    return (replace(bare, subject=subject[:length]),) if length else ()


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """The greatest number up to ``most`` for which ``fits`` holds, taking it to hold for 0 and for all below one for which
    it does."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
