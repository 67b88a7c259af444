"""Words of a mail, made fit to be shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.rules.tidy import MARKS, tidy_line, tidy_lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" a\t b\r\n c ", "a b c"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\u200b\u2060\u00adb\x1b[2J", "ab[2J"),
        ("\ud83d", "?"),
        ("e\u0301", "é"),
        ("long " * 10, "long long l…"),
    ],
)
def test_on_one_line(text: str, line: str) -> None:
    assert tidy_line(text, 12) == line


def test_lines_stay_lines_with_one_empty_one_between_at_most() -> None:
    text = "\r\n  One \r\rtwo\t\n\n \n\u202e\n\nthree\u2028four\n\n"
    assert tidy_lines(text, 100) == ("  One\n\ntwo\n\nthree\nfour", False)


def test_lines_are_cut_and_it_is_said() -> None:
    assert tidy_lines("one two", 4) == ("one", True)
    assert tidy_lines("one", 3) == ("one", False)


def test_marks_are_no_tower() -> None:
    tower = "a" + "\u0300\u0323" * 50_000
    assert len(unicodedata.normalize("NFD", tidy_line(tower, 200))) == 1 + MARKS
    assert tidy_line("Việt Nam", 20) == "Việt Nam"


@given(st.text(st.characters(), max_size=300), st.integers(1, 200))
def test_whatever_it_is_it_is_bounded_and_hides_nothing(text: str, characters: int) -> None:
    line = tidy_line(text, characters)
    lines, _ = tidy_lines(text, characters)
    assert max(len(line), len(lines)) <= characters
    for one in line + lines.replace("\n", ""):
        assert unicodedata.category(one) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(one) not in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    assert tidy_lines(lines, characters) == (lines, False)
