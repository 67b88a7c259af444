"""Which messages, and how much of each, fit a body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idlebell.model.message import MessageSummary, Textless
from idlebell.push.cutting import fitting
from idlebell.push.payload import encoded_bytes

WEB_PUSH = 3_800
"""What is left of 3993 bytes beside the frame."""


def told(uid: int, text: str | None = None, **parts: Any) -> MessageSummary:
    return MessageSummary(uid, "<a@example.org>", "Boss <boss@example.org>", "Lunch?", 1234, text=text, **parts)


def taken(messages: tuple[MessageSummary, ...]) -> int:
    return sum(map(encoded_bytes, messages)) + max(0, len(messages) - 1)


def test_what_fits_is_whole() -> None:
    messages = (told(1, "At noon"), told(2, textless=Textless.ENCRYPTED))
    assert fitting(messages, WEB_PUSH, encoded_bytes) == messages


def test_a_text_is_cut_so_that_the_body_is_full_and_says_so() -> None:
    (one,) = fitting((told(1, "é\n" * 8_000),), WEB_PUSH, encoded_bytes)
    assert one.truncated
    assert one.text is not None
    assert ("é\n" * 8_000).startswith(one.text)
    assert WEB_PUSH - 4 < encoded_bytes(one) <= WEB_PUSH
    assert "\ufffd" not in json.dumps(one.text, ensure_ascii=False)


def test_several_texts_share_the_room_and_a_short_one_gives_what_it_does_not_need() -> None:
    messages = (told(1, "a" * 9_000), told(2, "At noon"), told(3, "b" * 9_000))
    first, short, last = fitting(messages, WEB_PUSH, encoded_bytes)
    assert (short.text, short.truncated) == ("At noon", False)
    assert first.text is not None
    assert last.text is not None
    assert abs(len(first.text) - len(last.text)) <= 1
    assert WEB_PUSH - 8 < taken((first, short, last)) <= WEB_PUSH


def test_the_newest_come_first_and_texts_keep_a_third_of_the_room() -> None:
    messages = tuple(told(uid, "x" * 4_000) for uid in range(1, 21))
    kept = fitting(messages, WEB_PUSH, encoded_bytes)
    texts = sum(len(one.text or "") for one in kept)
    assert [one.uid for one in kept] == list(range(21 - len(kept), 21))
    assert 5 < len(kept) < 20
    assert texts >= WEB_PUSH // 4
    assert taken(kept) <= WEB_PUSH


def test_what_texts_leave_is_for_older_messages() -> None:
    messages = (*(told(uid) for uid in range(1, 30)), told(30, "At noon"))
    kept = fitting(messages, WEB_PUSH, encoded_bytes)
    assert kept[-1] == messages[-1]
    assert WEB_PUSH - taken(kept) < encoded_bytes(messages[0])


def test_a_preview_gives_way_to_the_text_that_it_is_the_beginning_of() -> None:
    (one,) = fitting((told(1, "At noon. " * 500, preview="At noon. " * 20),), WEB_PUSH, encoded_bytes)
    assert one.preview is None
    assert one.text


@pytest.mark.parametrize("room", [-100, 0, 1, 50, 120, 200, 250])
def test_however_little_room_there_is_it_is_kept_to(room: int) -> None:
    kept = fitting((told(1, "x" * 500, preview="y" * 50), told(2, "z" * 500)), room, encoded_bytes)
    assert not kept or taken(kept) <= room
    assert all(one.truncated for one in kept)


def test_of_nothing_nothing_is_left() -> None:
    assert fitting((), WEB_PUSH, encoded_bytes) == ()
