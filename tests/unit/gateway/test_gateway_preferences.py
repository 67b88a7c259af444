"""The members that say what rings and how much is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from idlebell.gateway.preferences import read_preferences, shown
from idlebell.gateway.reading import Faults
from idlebell.model.preferences import Preferences
from idlebell.model.problem import ProblemError


@pytest.mark.parametrize("limit", [1_024, 32_768, 1_048_576])
def test_content_limit_is_taken_and_shown(limit: int) -> None:
    faults = Faults()
    assert read_preferences(faults, {"content_limit_bytes": limit}) == {"content_limit_bytes": limit}
    assert faults.count == 0
    assert shown(Preferences(content_limit_bytes=limit))["content_limit_bytes"] == limit


def test_null_is_the_default_content_limit() -> None:
    assert read_preferences(Faults(), {"content_limit_bytes": None}) == {"content_limit_bytes": None}


@pytest.mark.parametrize("limit", [1_023, 1_048_577, -1, True, 2_000.0, "2000", [2_000]])
def test_another_content_limit_is_refused(limit: Any) -> None:
    faults = Faults()
    assert read_preferences(faults, {"content_limit_bytes": limit}) == {}
    assert faults.count == 1


@pytest.mark.parametrize("seconds", [60, 604_800, None])
def test_a_time_to_ring_again_is_taken_and_shown(seconds: int | None) -> None:
    faults = Faults()
    assert read_preferences(faults, {"remind_after": seconds}) == {"remind_after_seconds": seconds}
    assert faults.count == 0
    assert shown(Preferences(remind_after_seconds=seconds))["remind_after"] == seconds


@pytest.mark.parametrize("seconds", [59, 604_801, 0, -60, True, 60.0, "1h"])
def test_another_time_to_ring_again_is_refused(seconds: Any) -> None:
    faults = Faults()
    assert read_preferences(faults, {"remind_after": seconds}) == {}
    assert faults.count == 1


@pytest.mark.parametrize("name", ["filter", "vip"])
def test_what_is_no_object_is_told_both_forms_of_a_filter(name: str) -> None:
    faults = Faults()
    assert read_preferences(faults, {name: "require [];"}) == {}
    with pytest.raises(ProblemError) as refused:
        faults.raise_any()
    assert '{"sieve": "…"}' in str(refused.value.problem.errors)
