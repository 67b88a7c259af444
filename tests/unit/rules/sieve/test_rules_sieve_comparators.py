from __future__ import annotations

import pytest

from idlebell.rules.sieve.comparators import COMPARATORS, casemapped, number


@pytest.mark.parametrize(
    ("less", "more"),
    [("1", "2"), ("9", "10"), ("09", "10x"), ("99", "x"), ("1", ""), ("0", "00001"), ("2²", "3")],
)
def test_numbers_order_by_their_digits_and_what_is_none_is_infinite(less: str, more: str) -> None:
    assert number(less) < number(more)


def test_equal_numbers_are_equal_however_they_are_written() -> None:
    assert number("7") == number("007") == number("7 apples")
    assert number("x") == number("") == number("-1")
    assert number("0") == number("000")


def test_number_of_any_length_is_compared() -> None:
    assert number("9" * 16_000) < number("1" + "0" * 16_000)


def test_only_ascii_has_case() -> None:
    assert casemapped("aZé[ß") == "AZé[ß"
    assert casemapped("az_") == "AZ_"


def test_numbers_are_not_searched_in() -> None:
    assert [name for name, one in COMPARATORS.items() if one.searches] == ["i;octet", "i;ascii-casemap"]
