"""Sequence sets (RFC 9051 section 9)."""

from __future__ import annotations

import pytest

from idlebell.imap.sequence_set import STAR, SequenceSet


def test_a_set_is_spelled_as_written() -> None:
    assert str(SequenceSet(((1, 5), (9, 9), (12, STAR), (STAR, STAR)))) == "1:5,9,12:*,*"


def test_starting_at_reaches_to_the_largest() -> None:
    assert str(SequenceSet.starting_at(7)) == "7:*"


def test_numbers_become_the_shortest_set() -> None:
    assert SequenceSet.of([5, 3, 1, 2, 3]) == SequenceSet(((1, 3), (5, 5)))


@pytest.mark.parametrize("numbers", [[], [0], [-1, 4]])
def test_no_numbers_and_numbers_under_one_make_no_set(numbers: list[int]) -> None:
    with pytest.raises(ValueError):
        SequenceSet.of(numbers)


@pytest.mark.parametrize(
    ("ranges", "number", "inside"),
    [
        (((2, 4),), 3, True),
        (((4, 2),), 3, True),
        (((2, 4),), 5, False),
        (((2, 4),), 1, False),
        (((5, STAR),), 5, True),
        (((STAR, 5),), 99, True),
        (((5, STAR),), 4, False),
        (((STAR, STAR),), 1, True),
        ((), 1, False),
    ],
)
def test_a_number_is_in_a_set_whichever_way_its_range_is_written(
    ranges: tuple[tuple[int, int], ...], number: int, inside: bool
) -> None:
    assert (number in SequenceSet(ranges)) is inside


def test_the_numbers_come_in_the_order_written() -> None:
    assert list(SequenceSet(((7, 7), (3, 1)))) == [7, 1, 2, 3]


def test_a_set_with_a_star_cannot_be_counted_out() -> None:
    with pytest.raises(ValueError, match="no last number"):
        list(SequenceSet.starting_at(3))
