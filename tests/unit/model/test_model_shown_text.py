"""What strangers write is shown without harm."""

from __future__ import annotations

from idlebell.model.shown_text import SHOWN_CHARACTERS, cut, quoting, shown


def test_nothing_that_moves_a_cursor_or_turns_the_writing_is_shown() -> None:
    assert shown("a\r\n\x1b[31mb\x00\u202ec\td ") == "a [31mb c d"


def test_what_is_shown_has_an_end() -> None:
    assert shown("x" * 5_000) == "x" * (SHOWN_CHARACTERS - 1) + "…"
    assert shown(" " * 5_000) == ""


def test_a_cut_leaves_no_space_before_its_mark() -> None:
    assert cut("one two", 7) == "one two"
    assert cut("one two three", 5) == "one…"


def test_a_sentence_quotes_what_there_is() -> None:
    assert quoting("The mail server ended the session", "going\r\ndown") == (
        "The mail server ended the session: going down"
    )
    assert quoting("The mail server ended the session", "\r\n") == "The mail server ended the session."
