"""What counts as equal in a search."""

from __future__ import annotations

import pytest

from idlebell.rules.fold import FOLDED_CHARACTERS, fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HELLO", "hello"),
        ("Résumé", "RESUME"),
        ("Re\u0301sume\u0301", "Résumé"),
        ("Straße", "STRASSE"),
        ("İstanbul", "istanbul"),
        ("Ångström", "angstrom"),
        ("Ελληνικός", "ΕΛΛΗΝΙΚΌΣ"),
        ("ﬁne", "FINE"),
        ("ｆｕｌｌ", "full"),
        ("ПРИВЕТ", "привет"),
        ("한국", "한국"),
    ],
)
def test_two_spellings_are_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("о", "o"), ("日本", "日木")])
def test_two_words_stay_two(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize("text", ["a" * 99_999, "\ufdfa" * 9_999, "é" * 99_999, "\u0316\u0301" * 50_000])
def test_result_is_bounded(text: str) -> None:
    assert len(fold(text)) <= FOLDED_CHARACTERS
