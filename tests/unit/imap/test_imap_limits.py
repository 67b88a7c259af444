"""The bounds that one connection has."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from idlebell.imap.limits import DEFAULT_LIMITS, Limits


def test_every_bound_is_a_positive_number() -> None:
    assert all(getattr(DEFAULT_LIMITS, field.name) > 0 for field in fields(Limits))


def test_one_response_has_room_for_a_line_and_a_literal() -> None:
    assert DEFAULT_LIMITS.response_bytes >= DEFAULT_LIMITS.line_bytes + DEFAULT_LIMITS.literal_bytes


def test_bounds_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        DEFAULT_LIMITS.depth = 99  # type: ignore[misc]
