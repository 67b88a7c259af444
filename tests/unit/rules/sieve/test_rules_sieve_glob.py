from __future__ import annotations

import pytest

from idlebell.rules.sieve.glob import read_glob, wildcards


def captured(pattern: str, text: str) -> list[str] | None:
    spans = read_glob(pattern).match(text, lambda work: None)
    return None if spans is None else [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("", "", []),
        ("", "a", None),
        ("abc", "abc", []),
        ("abc", "abcd", None),
        ("a?c", "abc", ["b"]),
        ("*", "", [""]),
        ("*", "abc", ["abc"]),
        ("**", "abc", ["", "abc"]),
        ("?*", "", None),
        ("a*b*c", "aXbYbZc", ["X", "YbZ"]),
        ("*b?d*", "abcabcd", ["abca", "c", ""]),
        ("*a", "banana", ["banan"]),
        ("ab*ba", "aba", None),
        ("*x*", "abc", None),
        ("*a?c?e*", "aXcYaZcVe", ["aXcY", "Z", "V", ""]),
        (r"\*\?\\", r"*?" + "\\", []),
        ("a\\", "a\\", []),
        (r"\a*", "ab", ["b"]),
        ("?" * 12, "abcdefghijkl", list("abcdefghi")),
        ("*" * 12, "ab", [""] * 9),
    ],
)
def test_wildcards_take_as_little_as_they_can_the_first_ones_least(
    pattern: str, text: str, found: list[str] | None
) -> None:
    assert captured(pattern, text) == found


def test_work_is_told_before_it_is_done() -> None:
    spent: list[int] = []

    assert read_glob("*ab?ab*").match("abxab" + "ab" * 1_000, spent.append) is not None
    cheap = sum(spent)
    spent.clear()
    assert read_glob("*ab?cb*").match("abxab" + "ab" * 1_000, spent.append) is None

    assert sum(spent) > 100 * cheap


def test_wildcards_are_counted_without_reading() -> None:
    assert wildcards(r"a*b?c\*") == 3
